"""NAV's older face, OData V3 at `/NAV/OData/` (NAV 2013 to BC 17), to read: sets, rows, `$metadata`, V3 errors.

The JSON is that of V3: BigInteger and Decimal as text, date and time without a zone, `odata.nextLink`. Assumed from
the OData V3 JSON format; only metadata and error body are seen on real servers (nav-webservices.md 5, 8). Writes and
Atom are not simulated: the plugin uses SOAP where there is no V4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from navplugin.nav.contract import Kind
from navplugin.simulator.call import Answer, answer_json
from navplugin.simulator.fields import Row
from navplugin.simulator.metadata import metadata_v3_xml
from navplugin.simulator.odata_error import not_found, not_implemented
from navplugin.simulator.odata_json import show
from navplugin.simulator.odata_query import select
from navplugin.simulator.odata_rows import ENTITY, Rows, company_path, read_key
from navplugin.simulator.view import View, under_v3

_HEADERS = {"dataserviceversion": "3.0;"}
_JSON = "application/json;odata=minimalmetadata"
_LITERAL = re.compile(
    r"datetime'(?P<time>[^']*)'|guid'(?P<guid>[^']*)'|(?P<text>'(?:[^']|'')*')|\b(?P<number>\d+(?:\.\d+)?)[LlMm]\b"
)


def answer_v3(rows: Rows, segments: list[str], options: dict[str, str], pages: Mapping[str, View]) -> Answer:
    """The answer to a request below `/NAV/OData`. ODataError when it is refused."""
    if rows.call.method != "GET":
        raise not_implemented("The simulated OData V3 is for reading.")
    if not segments:
        return _reply({"odata.metadata": f"{rows.root}/$metadata", "value": [{"name": n, "url": n} for n in pages]})
    if segments == ["$metadata"]:
        shown = metadata_v3_xml([under_v3(view).page for view in pages.values()])
        return Answer(200, shown.encode("utf-8-sig"), {"content-type": "application/xml", **_HEADERS})
    match = ENTITY.match(unquote(segments[0])) if len(segments) == 1 else None
    if match is None or match["service"] not in pages:
        raise not_found(unquote("/".join(segments)))
    view = under_v3(pages[match["service"]])
    context = f"{rows.root}/$metadata#{company_path(rows.company)}/{view.page.service}"
    if match["key"] is not None:
        row = rows.found(view, read_key(view, as_v4(match["key"])))
        return _reply({"odata.metadata": f"{context}/@Element", **_shown(view, row, select(view, options))})
    if "$filter" in options:
        options["$filter"] = as_v4(options["$filter"])
    if options.pop("$inlinecount", "") == "allpages":
        options["$count"] = "true"
    result = rows.read(view, options)
    body: dict[str, Any] = {"odata.metadata": context}
    if result.count is not None:
        body["odata.count"] = str(result.count)
    body["value"] = [_shown(view, row, result.names) for row in result.rows]
    if result.next_query:
        body["odata.nextLink"] = f"{rows.call.base}{rows.call.path}?{result.next_query}"
    return _reply(body)


def as_v4(text: str) -> str:
    """A filter or key with its literals as V4 writes them: `datetime'2026-05-07T10:00:00'` gets a Z, `5L` is 5."""

    def literal(match: re.Match[str]) -> str:
        if match["time"] is not None:
            return match["time"] if match["time"].endswith("Z") else match["time"] + "Z"
        return match["guid"] or match["number"] or match["text"] or ""

    return _LITERAL.sub(literal, text)


def _shown(view: View, row: Row, names: tuple[str, ...] | None) -> dict[str, Any]:
    found = {}
    for name in names or view.fields:
        field = view.fields[name]
        value = show(field, row[name])
        if field.kind in (Kind.DATE, Kind.DATETIME):
            value = value.removesuffix("Z")
        elif field.kind in (Kind.DECIMAL, Kind.BIG_INTEGER):
            value = format(value.normalize(), "f") if field.kind is Kind.DECIMAL else str(value)
        found[name] = value
    return found


def _reply(body: dict[str, Any]) -> Answer:
    return answer_json(200, body, _HEADERS, _JSON)
