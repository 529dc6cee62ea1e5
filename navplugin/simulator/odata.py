"""NAV's OData face: `/NAV/ODataV4/` with the pages of the contract over the state's tables, and `/NAV/OData/` (V3).

Behaves as nav-webservices.md 5-10 and 15 say: company in path or query, entity tags, one error body for each refusal,
rights as the contract declares them. A page that the plugin only reads refuses every write (ls-pos.md 7.8). What real
servers do differently from each other is a switch (`simulator.nav_settings`).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from navplugin.nav.contract import Naming
from navplugin.simulator.call import Answer, BadJson, Call
from navplugin.simulator.fields import FieldError
from navplugin.simulator.metadata import metadata_xml, service_document
from navplugin.simulator.nav_settings import DEFAULTS, SETTINGS
from navplugin.simulator.odata_actions import run_bound, run_unbound
from navplugin.simulator.odata_batch import run_batch
from navplugin.simulator.odata_error import (
    V3_ROOT,
    ODataError,
    bad_request,
    is_v3,
    not_allowed,
    not_found,
    switched_off,
    wrong_company,
)
from navplugin.simulator.odata_json import reply
from navplugin.simulator.odata_query import query_options
from navplugin.simulator.odata_rows import ENTITY, Rows, read_key
from navplugin.simulator.odata_v3 import answer_v3
from navplugin.simulator.planted import planted
from navplugin.simulator.signin import accept
from navplugin.simulator.state import State
from navplugin.simulator.view import View, views

ROOT = "/NAV/ODataV4"
READ_ONLY = ".ReadOnly"
"""Ends the name of a read from the replica (`Data-Access-Intent`), so that a fault can be ordered for it alone."""
_COMPANY = re.compile(r"Company\((?:'(?P<name>(?:[^']|'')*)'|(?:Id=)?(?P<id>[0-9a-fA-F-]{36}))\)\Z")
_THE_COMPANY = "Company()"
"""Stands for the one segment of an address that names a company and nothing in it."""


class _Target(NamedTuple):
    """What a request is about: a page, the literals of a key when one row is meant, and what follows."""

    view: View
    key: str | None
    rest: str


class NavFace:
    """Answers requests below `/NAV/ODataV4` and `/NAV/OData`. `settings` overrides DEFAULTS; the state's record
    `nav.settings` overrides both, so that a test can change a setting while the server runs."""

    def __init__(self, state: State, settings: dict[str, Any] | None = None) -> None:
        self._state = state
        self._settings = {**DEFAULTS, **(settings or {})}

    @property
    def settings(self) -> dict[str, Any]:
        """Every switch of `nav_settings.SWITCHES` as it is now."""
        return {**self._settings, **self._state.doc(SETTINGS, {})}

    def name(self, call: Call) -> str:
        """`nav.METHOD Service`, the name by which a fault is ordered and a request counted."""
        segments = [unquote(part) for part in _segments(call) if not part.startswith(("Company(", "Company%28"))]
        name = f"nav.{call.method} {segments[0].partition('(')[0] if segments else 'ServiceRoot'}"
        return name + READ_ONLY if call.method == "GET" and _is_read_only(call) else name

    def record(self, name: str) -> None:
        """Count a received request in the record `nav.requests`."""
        with self._state.transaction():
            counts = self._state.doc("nav.requests", {})
            plain = name.removeprefix("nav.").removesuffix(READ_ONLY)
            counts[plain] = counts.get(plain, 0) + 1
            self._state.set_doc("nav.requests", counts)

    def answer(self, call: Call) -> Answer:
        """The answer to one request; refusals are answers too."""
        settings = self.settings

        def work() -> Answer:
            if not settings["odata_v3" if is_v3(call) else "odata_v4"]:
                raise switched_off()
            accept(self._state, call, settings)
            if not is_v3(call) and _segments(call) == ["$batch"]:
                return run_batch(self._state, call, settings, lambda part: self._part(part, settings))
            return self._one(call, settings)

        return _refusals_answered(call, settings, work)

    def _part(self, call: Call, settings: dict[str, Any]) -> Answer:
        """One part of a batch: all or nothing, and a refusal is its answer."""

        def work() -> Answer:
            with self._state.transaction():
                return self._one(call, settings)

        return _refusals_answered(call, settings, work)

    def _one(self, call: Call, settings: dict[str, Any]) -> Answer:
        if call.method != "GET" and _is_read_only(call):
            raise bad_request("A request with Data-Access-Intent: ReadOnly cannot write.")
        v3 = is_v3(call)
        options = query_options(call, v3=v3)
        pages = planted(views(Naming(settings["naming"])), settings["planted"])
        segments = _leave_company(_segments(call), options, settings)
        rows = Rows(self._state, call, settings, call.base + (V3_ROOT if v3 else ROOT))
        if v3:
            with self._state.transaction():
                return answer_v3(rows, segments, options, pages)
        # A codeunit may wait for what others commit, so it runs outside a transaction.
        if len(segments) == 1 and (answer := run_unbound(self._state, call, segments[0], f"{rows.root}/$metadata")):
            return answer
        with self._state.transaction():
            return self._on_pages(rows, segments, options, pages)

    def _on_pages(
        self, rows: Rows, segments: list[str], options: dict[str, str], pages: Mapping[str, View]
    ) -> Answer:
        shown = [view.page for view in pages.values()]
        if segments in ([], ["$metadata"], ["Company"], [_THE_COMPANY]) and rows.call.method != "GET":
            raise not_allowed(rows.call, "this address")
        if not segments:
            return reply(200, service_document(rows.root, shown))
        if segments == ["$metadata"]:
            return Answer(200, metadata_xml(shown).encode(), {"content-type": "application/xml"})
        if segments == ["Company"]:
            value = [_company(rows.company)]
            return reply(200, {"@odata.context": f"{rows.root}/$metadata#Company", "value": value})
        if segments == [_THE_COMPANY]:
            context = {"@odata.context": f"{rows.root}/$metadata#Company/$entity"}
            return reply(200, {**context, **_company(rows.company)})
        view, key_text, rest = _target(segments, pages)
        if key_text is None:
            return rows.on_set(view, options, counted=bool(rest))
        key = read_key(view, key_text)
        if rest:
            return run_bound(rows, view, key, rest, self.settings["bound_actions"])
        return rows.on_row(view, key, options)


def company_id(company: str) -> str:
    """The company's GUID."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, company))


def _company(name: str) -> dict[str, str]:
    return {"Name": name, "Id": company_id(name)}


def _refusals_answered(call: Call, settings: Mapping[str, Any], work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except ODataError as refusal:
        wrong = refusal
    except FieldError as refused:
        wrong = ODataError.of(refused)
    except BadJson as refused:
        wrong = bad_request(f"The request body is not valid JSON: {refused}.")
    return wrong.answer(call, settings["language"])


def _segments(call: Call) -> list[str]:
    return [part for part in call.path.removeprefix(V3_ROOT if is_v3(call) else ROOT).split("/") if part]


def _is_read_only(call: Call) -> bool:
    return call.headers.get("data-access-intent", "").casefold() == "readonly"


def _leave_company(segments: list[str], options: dict[str, str], settings: Mapping[str, Any]) -> list[str]:
    """The segments below the company. ODataError when it is not ours: the name's case counts."""
    company, named = settings["company"], options.get("company")
    if segments and (match := _COMPANY.match(unquote(segments[0]))):
        segments = segments[1:] or [_THE_COMPANY]
        named = match["id"] if match["name"] is None else match["name"].replace("''", "'")
    if named and len(named) > 1 and named[0] == named[-1] == "'":
        named = named[1:-1]
    about_all = segments in ([], ["$metadata"], ["Company"])
    if named is None and not about_all and not settings["default_company"]:
        raise wrong_company("")
    if named is not None and named != company and named.casefold() != company_id(company):
        raise wrong_company(named)
    return segments


def _target(segments: list[str], pages: Mapping[str, View]) -> _Target:
    rest = unquote(segments[1]) if len(segments) == 2 else ""
    match = ENTITY.match(unquote(segments[0])) if len(segments) <= 2 else None
    view = pages.get(match["service"]) if match else None
    # A set has its /$count, a row its actions.
    fits = match and (not rest or (rest == "$count" if match["key"] is None else "." in rest))
    if match is None or view is None or not fits:
        raise not_found(unquote("/".join(segments)))
    return _Target(view, match["key"], rest)
