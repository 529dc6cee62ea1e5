"""NAV's OData V4 face: `/NAV/ODataV4/` with the pages of the contract over the state's tables.

Behaves as nav-webservices.md 5-9 and 15 say: company in path or query, entity tags, one error body for each refusal,
rights as the contract declares them. A page that the plugin only reads refuses every write (ls-pos.md 7.8).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from navplugin.nav.contract import Naming, Writer
from navplugin.simulator.call import Answer, BadJson, Call, answer_json
from navplugin.simulator.fields import FieldError, Row
from navplugin.simulator.metadata import metadata_xml, service_document
from navplugin.simulator.odata_error import ODataError, bad_request, not_implemented
from navplugin.simulator.odata_filter import read_literal
from navplugin.simulator.odata_json import read_fields, show_row
from navplugin.simulator.odata_query import query_options, read_set, select
from navplugin.simulator.planted import PLANTED, planted
from navplugin.simulator.signin import accept
from navplugin.simulator.state import State
from navplugin.simulator.view import View, views

ROOT = "/NAV/ODataV4"
SETTINGS = "nav.settings"
DEFAULTS: dict[str, Any] = {
    "user": "AIQ-WORKER", "key": "demo-key", "company": "CRONUS Cannabis", "page_size": 20000, "naming": "bc",
}  # fmt: skip
_JSON = "application/json; odata.metadata=minimal"
_HEADERS = {"odata-version": "4.0"}
_COMPANY = re.compile(r"Company\((?:'(?P<name>(?:[^']|'')*)'|(?:Id=)?(?P<id>[0-9a-fA-F-]{36}))\)\Z")
_ENTITY = re.compile(r"(?P<service>\w+)(?:\((?P<key>.*)\))?\Z", re.DOTALL)
_KEY_PART = re.compile(r"\s*(?:(?P<name>\w+)\s*=\s*)?(?P<literal>'(?:[^']|'')*'|[^,'\s]+)\s*(?:,|\Z)")
_TAG = re.compile(r'W/"[A-Za-z0-9+/=]+"\Z')


@dataclass(frozen=True, slots=True)
class _Target:
    """What a request is about: a page, and the literals of a key when one row is meant."""

    view: View
    key: str | None
    counted: bool = False


class NavFace:
    """Answers requests below `/NAV/ODataV4`. `settings` overrides DEFAULTS; the state's record `nav.settings` overrides
    both, so that a test can change a setting while the server runs."""

    def __init__(self, state: State, settings: dict[str, Any] | None = None) -> None:
        self._state = state
        self._settings = {**DEFAULTS, **(settings or {})}

    @property
    def settings(self) -> dict[str, Any]:
        """user, key, company, page_size, naming as they are now."""
        return {**self._settings, **self._state.doc(SETTINGS, {})}

    def name(self, call: Call) -> str:
        """`nav.METHOD Service`, the name by which a fault is ordered and a request counted."""
        segments = [unquote(part) for part in _segments(call) if not part.startswith(("Company(", "Company%28"))]
        return f"nav.{call.method} {segments[0].partition('(')[0] if segments else 'ServiceRoot'}"

    def record(self, name: str) -> None:
        """Count a received request in the record `nav.requests`."""
        with self._state.transaction():
            counts = self._state.doc("nav.requests", {})
            plain = name.removeprefix("nav.")
            counts[plain] = counts.get(plain, 0) + 1
            self._state.set_doc("nav.requests", counts)

    def answer(self, call: Call) -> Answer:
        """The answer to one request; refusals are answers too."""
        try:
            with self._state.transaction():
                return self._answer(call)
        except ODataError as refusal:
            return refusal.answer()
        except FieldError as wrong:
            return ODataError.of(wrong).answer()
        except BadJson as wrong:
            return bad_request(f"The request body is not valid JSON: {wrong}.").answer()

    def _answer(self, call: Call) -> Answer:
        settings = self.settings
        accept(self._state, call, settings)
        options = query_options(call)
        pages = planted(views(Naming(settings["naming"])), self._state.doc(PLANTED, {}))
        shown = [view.page for view in pages.values()]
        segments = _segments(call)
        segments = self._leave_company(segments, options, settings["company"])
        if not segments:
            return _get_only(call, lambda: _reply(200, service_document(call.base + ROOT, shown)))
        if segments == ["$metadata"]:
            document = metadata_xml(shown).encode()
            return _get_only(call, lambda: Answer(200, document, {"content-type": "application/xml"}))
        if segments == ["Company"]:
            return _get_only(call, lambda: _companies(call, settings["company"]))
        target = _target(segments, pages)
        if target.key is None:
            return self._on_set(call, target, options, settings)
        return self._on_row(call, target.view, _read_key(target.view, target.key), options, settings["company"])

    def _leave_company(self, segments: list[str], options: dict[str, str], company: str) -> list[str]:
        named = options.get("company", "")
        if segments and (match := _COMPANY.match(unquote(segments[0]))):
            segments = segments[1:]
            named = (match["name"] or "").replace("''", "'") or match["id"]
        named = named[1:-1] if len(named) > 1 and named[0] == named[-1] == "'" else named
        if named and named != company and named.casefold() != _company_id(company):
            raise ODataError(404, "Internal_CompanyNotFound", f'The company "{named}" does not exist.')
        return segments

    def _on_set(self, call: Call, target: _Target, options: dict[str, str], settings: dict[str, Any]) -> Answer:
        view = target.view
        if call.method == "POST" and not target.counted:
            return self._insert(call, view, settings["company"])
        if call.method != "GET":
            raise _not_allowed(call, view)
        rows = [view.outward(row) for row in self._state.rows(view.table)]
        result = read_set(view, rows, options, call, int(settings["page_size"]))
        if target.counted:
            return Answer(200, str(len(result.rows)).encode(), {"content-type": "text/plain", **_HEADERS})
        body: dict[str, Any] = {"@odata.context": _context(call, settings["company"], view)}
        if result.count is not None:
            body["@odata.count"] = result.count
        body["value"] = [show_row(view, row, self._tag(view, row), result.names) for row in result.rows]
        if result.next_query:
            body["@odata.nextLink"] = f"{call.base}{call.path}?{result.next_query}"
        return _reply(200, body)

    def _on_row(self, call: Call, view: View, key: tuple[Any, ...], options: dict[str, str], company: str) -> Answer:
        if call.method == "GET":
            return self._entity(200, call, view, self._found(view, key), company, options)
        if call.method == "PATCH":
            return self._modify(call, view, key, company)
        if call.method == "DELETE":
            return self._remove(call, view, key)
        raise _not_allowed(call, view)

    def _insert(self, call: Call, view: View, company: str) -> Answer:
        page = view.page
        if "i" not in page.rights:
            raise _not_allowed(call, view)
        row = read_fields(view, call.json())
        _refuse_foreign(view, [name for name in row if name not in page.key])
        fields = view.fields
        missing = [name for name in page.key if name not in row]
        if missing:
            text = f"'{fields[missing[0]].caption}' must be filled in to insert into {page.caption}."
            raise ODataError(400, "BadRequest_RequiredParamNotProvided", text)
        key = tuple(row[name] for name in page.key)
        if self._state.get(view.table, *key) is not None:
            values = ", ".join(f"{fields[name].caption}='{row[name]}'" for name in page.key)
            text = f"The record in table {page.table} already exists. Identification fields and values: {values}"
            raise ODataError(400, "Internal_EntityWithSameKeyExists", text)
        return self._entity(201, call, view, self._put(view, row), company, {})

    def _modify(self, call: Call, view: View, key: tuple[Any, ...], company: str) -> Answer:
        page = view.page
        if "m" not in page.rights:
            raise _not_allowed(call, view)
        self._check_tag(call, view, key, needed=True)
        before = self._found(view, key)
        changes = read_fields(view, call.json())
        # The URL names the row; renaming it by PATCH is nothing that the plugin may do.
        _refuse_foreign(view, [n for n in changes if n not in page.key or changes[n] != before[n]])
        return self._entity(200, call, view, self._put(view, {**before, **changes}), company, {})

    def _remove(self, call: Call, view: View, key: tuple[Any, ...]) -> Answer:
        if "d" not in view.page.rights:
            raise _not_allowed(call, view)
        self._check_tag(call, view, key, needed=False)
        self._found(view, key)
        self._state.delete(view.table, *key)
        return Answer(204, b"", _HEADERS)

    def _check_tag(self, call: Call, view: View, key: tuple[Any, ...], *, needed: bool) -> None:
        given = call.headers.get("if-match", "")
        if (not given and not needed) or given == "*":
            return
        if not _TAG.match(given):
            raise ODataError(400, "BadRequest_InvalidToken", "The If-Match header is missing or malformed.")
        if given != self._tag(view, self._found(view, key)):
            text = f"Another user has already changed the record in table {view.page.table}."
            raise ODataError(409, "Request_EntityChanged", text)

    def _found(self, view: View, key: tuple[Any, ...]) -> Row:
        row = self._state.get(view.table, *key)
        if row is None:
            page = view.page
            values = ", ".join(f"{name}='{value}'" for name, value in zip(page.key, key, strict=True))
            text = f"The record of {page.caption} does not exist. Identification fields and values: {values}"
            raise ODataError(404, "Internal_RecordNotFound", text)
        return view.outward(row)

    def _put(self, view: View, row: Row) -> Row:
        return view.outward(self._state.put(view.table, view.inward(row)))

    def _tag(self, view: View, row: Row) -> str:
        return self._state.etag(view.table, *(row[name] for name in view.page.key))

    def _entity(self, status: int, call: Call, view: View, row: Row, company: str, options: dict[str, str]) -> Answer:
        tag = self._tag(view, row)
        context = _context(call, company, view) + "/$entity"
        body = {"@odata.context": context, **show_row(view, row, tag, select(view, options))}
        headers = {"etag": tag}
        if status == 201:
            path = f"{_company_path(company)}/{view.page.service}{_key_text(view, row)}"
            headers["location"] = f"{call.base}{ROOT}/{path}"
        return _reply(status, body, headers)


def _segments(call: Call) -> list[str]:
    return [part for part in call.path.removeprefix(ROOT).split("/") if part]


def _target(segments: list[str], pages: Mapping[str, View]) -> _Target:
    counted = len(segments) == 2 and segments[1] == "$count"
    match = _ENTITY.match(unquote(segments[0])) if len(segments) == 1 or counted else None
    if segments[0] == "$batch":
        raise not_implemented("The simulated server takes no $batch.")
    view = pages.get(match["service"]) if match else None
    if match is None or view is None or (counted and match["key"] is not None):
        name = unquote("/".join(segments))
        raise ODataError(404, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{name}'.")
    return _Target(view, match["key"], counted)


def _read_key(view: View, text: str) -> tuple[Any, ...]:
    page = view.page
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _KEY_PART.match(text, at)
        if match is None or (match["name"] or "") in found:
            raise bad_request(f"Syntax error in the key '({text})'.")
        found[match["name"] or ""] = match["literal"]
        at = match.end()
    if len(page.key) == 1 and set(found) == {""}:
        found = {page.key[0]: found[""]}
    if set(found) != set(page.key):
        raise bad_request(f"The key of {page.service} is ({', '.join(page.key)}), not ({text}).")
    return tuple(read_literal(view.fields[name], found[name]) for name in page.key)


def _refuse_foreign(view: View, names: list[str]) -> None:
    page = view.page
    for name in names:
        if name in page.key or page.field(name).writer is Writer.NAV:
            text = f"The property '{name}' of {page.service} is read-only and cannot be changed."
            raise ODataError(400, "BadRequest_InvalidOperation", text)


def _not_allowed(call: Call, view: View) -> ODataError:
    return ODataError(405, "BadRequest_MethodNotAllowed", f"{call.method} is not allowed on {view.page.service}.")


def _get_only(call: Call, make: Callable[[], Answer]) -> Answer:
    if call.method != "GET":
        raise ODataError(405, "BadRequest_MethodNotAllowed", f"{call.method} is not allowed here.")
    return make()


def _reply(status: int, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return answer_json(status, body, {**_HEADERS, **(headers or {})}, _JSON)


def _companies(call: Call, company: str) -> Answer:
    value = [{"Name": company, "Id": _company_id(company)}]
    return _reply(200, {"@odata.context": f"{call.base}{ROOT}/$metadata#Company", "value": value})


def _company_id(company: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, company))


def _company_path(company: str) -> str:
    return f"Company('{quote(company.replace(chr(39), chr(39) * 2))}')"


def _context(call: Call, company: str, view: View) -> str:
    return f"{call.base}{ROOT}/$metadata#{_company_path(company)}/{view.page.service}"


def _key_text(view: View, row: Row) -> str:
    page = view.page
    quoted = {n: str(row[n]).replace("'", "''") for n in page.key}
    parts = [
        f"{name}={row[name]}" if page.field(name).edm in ("Edm.Int32", "Edm.Decimal") else f"{name}='{text}'"
        for name, text in quoted.items()
    ]
    inner = parts[0].partition("=")[2] if len(parts) == 1 else ",".join(parts)
    return f"({quote(inner, safe='=,')})"
