"""What one OData request does to the tables: read a set or a row, insert, modify, delete (nav-webservices.md 6, 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from navplugin.nav.contract import Writer
from navplugin.simulator.call import Answer, Call
from navplugin.simulator.fields import Row
from navplugin.simulator.odata_error import ODataError, bad_request, not_allowed
from navplugin.simulator.odata_filter import parse_filter, read_literal
from navplugin.simulator.odata_json import read_fields, reply, show_row
from navplugin.simulator.odata_query import Reading, Result, read_set, select
from navplugin.simulator.state import State
from navplugin.simulator.view import View

ENTITY = re.compile(r"(?P<service>\w+)(?:\((?P<key>.*)\))?\Z", re.DOTALL)
"""A segment of an address: a page, and the key in parentheses where one row is meant."""
_KEY_PART = re.compile(r"\s*(?:(?P<name>\w+)\s*=\s*)?(?P<literal>'(?:[^']|'')*'|[^,'\s]+)\s*(?:,|\Z)")
_TAG = re.compile(r'W/"[A-Za-z0-9+/=]+"\Z')


class Rows:
    """The work of one request. root: the address of the service; a read sees `Call.past` where the call has one."""

    def __init__(self, state: State, call: Call, settings: Mapping[str, Any], root: str) -> None:
        self._state, self._settings = state, settings
        self._tables = call.past if call.past and call.method == "GET" else state
        self.call, self.root = call, root
        self.company: str = settings["company"]

    def on_set(self, view: View, options: Mapping[str, str], *, counted: bool = False) -> Answer:
        """GET or POST of a set; counted: its `/$count`."""
        if self.call.method == "POST" and not counted:
            return self._insert(view)
        if self.call.method != "GET":
            raise not_allowed(self.call, view.page.service)
        if counted:
            found = self.read(view, {**options, "$count": "true"})
            return Answer(200, str(found.count).encode(), {"content-type": "text/plain", "odata-version": "4.0"})
        result = self.read(view, options)
        body: dict[str, Any] = {"@odata.context": self._context(view)}
        if result.count is not None:
            body["@odata.count"] = result.count
        body["value"] = [show_row(view, row, self.tag(view, row), result.names) for row in result.rows]
        if result.next_query:
            body["@odata.nextLink"] = f"{self.call.base}{self.call.path}?{result.next_query}"
        return reply(200, body)

    def on_row(self, view: View, key: tuple[Any, ...], options: Mapping[str, str]) -> Answer:
        """GET, PATCH or DELETE of one row."""
        match self.call.method:
            case "GET":
                return self._entity(200, view, self.found(view, key), options)
            case "PATCH":
                return self._modify(view, key)
            case "DELETE":
                return self._remove(view, key)
        raise not_allowed(self.call, view.page.service)

    def read(self, view: View, options: Mapping[str, str]) -> Result:
        """The rows of a set that the options ask for."""
        rows = [view.outward(row) for row in self._tables.rows(view.table)]
        reading = Reading(
            page_size=int(self._settings["page_size"]), in_list=self._settings["in_list"], now=self._state.now(),
            token_seconds=int(self._settings["skip_token_seconds"]),
        )  # fmt: skip
        return read_set(view, rows, options, self.call, reading)

    def found(self, view: View, key: tuple[Any, ...]) -> Row:
        """The row in the site's names. ODataError 404 when it is not there."""
        row = self._tables.get(view.table, *key)
        if row is None:
            page = view.page
            values = ", ".join(f"{name}='{value}'" for name, value in zip(page.key, key, strict=True))
            raise ODataError(
                404, "Internal_RecordNotFound",
                f"The record of {page.caption} does not exist. Identification fields and values: {values}",
                f"{page.caption} findes ikke. Identifikationsfelter og -værdier: {values}",
            )  # fmt: skip
        return view.outward(row)

    def put(self, view: View, row: Row) -> Row:
        """Write the row as the page's AL code lets it be written; ODataError when that refuses it."""
        stored = view.outward(self._state.put(view.table, view.inward(row)))
        for rule in self._settings["validation"]:
            if rule["page"] == view.table and parse_filter(view, rule["filter"])(stored):
                raise ODataError(400, "Application_DialogException", rule["message"])
        return stored

    def tag(self, view: View, row: Row) -> str:
        """The row's entity tag."""
        key = (row[name] for name in view.page.key)
        return self._tables.etag(view.table, *key, form=self._settings["etag"])

    def check_tag(self, view: View, key: tuple[Any, ...], *, needed: bool) -> None:
        """Compare If-Match with the row as it is. ODataError 400 without a usable tag where one is needed, 409 for a
        stale one."""
        given = self.call.headers.get("if-match", "")
        if (not given and not needed) or given == "*":
            return
        if not _TAG.match(given):
            raise ODataError(
                400, "BadRequest_InvalidToken", "The If-Match header is missing or malformed.",
                "If-Match-headeren mangler eller er forkert udformet.",
            )  # fmt: skip
        if given != self.tag(view, self.found(view, key)):
            raise ODataError(
                409, "Request_EntityChanged",
                f"Another user has already changed the record in table {view.page.table}.",
                f"En anden bruger har allerede ændret recorden i tabellen {view.page.table}.",
            )  # fmt: skip

    # ---- inside --------------------------------------------------------------------------------------------------

    def _insert(self, view: View) -> Answer:
        page = view.page
        if "i" not in page.rights:
            raise not_allowed(self.call, page.service)
        row = read_fields(view, self.call.json())
        _refuse_foreign(view, [name for name in row if name not in page.key])
        fields = view.fields
        missing = [name for name in page.key if name not in row]
        if missing:
            caption = fields[missing[0]].caption
            raise ODataError(
                400, "BadRequest_RequiredParamNotProvided",
                f"'{caption}' must be filled in to insert into {page.caption}.",
                f"'{caption}' skal udfyldes for at indsætte i {page.caption}.",
            )  # fmt: skip
        key = tuple(row[name] for name in page.key)
        if self._state.get(view.table, *key) is not None:
            values = ", ".join(f"{fields[name].caption}='{row[name]}'" for name in page.key)
            raise ODataError(
                int(self._settings["duplicate_status"]), "Internal_EntityWithSameKeyExists",
                f"The record in table {page.table} already exists. Identification fields and values: {values}",
                f"Recorden i tabellen {page.table} findes allerede. Identifikationsfelter og -værdier: {values}",
            )  # fmt: skip
        return self._entity(201, view, self.put(view, row), {})

    def _modify(self, view: View, key: tuple[Any, ...]) -> Answer:
        page = view.page
        if "m" not in page.rights:
            raise not_allowed(self.call, page.service)
        self.check_tag(view, key, needed=True)
        before = self.found(view, key)
        changes = read_fields(view, self.call.json())
        # The URL names the row; renaming it by PATCH is nothing that the plugin may do.
        _refuse_foreign(view, [n for n in changes if n not in page.key or changes[n] != before[n]])
        return self._entity(200, view, self.put(view, {**before, **changes}), {})

    def _remove(self, view: View, key: tuple[Any, ...]) -> Answer:
        if "d" not in view.page.rights:
            raise not_allowed(self.call, view.page.service)
        self.check_tag(view, key, needed=False)
        self.found(view, key)
        self._state.delete(view.table, *key)
        return reply(204)

    def _entity(self, status: int, view: View, row: Row, options: Mapping[str, str]) -> Answer:
        tag = self.tag(view, row)
        body = {"@odata.context": self._context(view) + "/$entity", **show_row(view, row, tag, select(view, options))}
        headers = {"etag": tag}
        if status == 201:
            path = f"{company_path(self.company)}/{view.page.service}{_key_text(view, row)}"
            headers["location"] = f"{self.root}/{path}"
        if self.call.method != "GET" and "return-no-content" in self.call.headers.get("prefer", ""):
            return reply(204, None, headers)
        return reply(status, body, headers)

    def _context(self, view: View) -> str:
        return f"{self.root}/$metadata#{company_path(self.company)}/{view.page.service}"


def company_path(company: str) -> str:
    """A company as a segment of an address."""
    return f"Company('{quote(company.replace(chr(39), chr(39) * 2))}')"


def read_key(view: View, text: str) -> tuple[Any, ...]:
    """The literals in the parentheses of an address as key values. ODataError when they are not the page's key."""
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
            raise ODataError(
                400, "BadRequest_InvalidOperation",
                f"The property '{name}' of {page.service} is read-only and cannot be changed.",
                f"Egenskaben '{name}' for {page.service} er skrivebeskyttet og kan ikke ændres.",
            )  # fmt: skip


def _key_text(view: View, row: Row) -> str:
    page = view.page
    quoted = {n: str(row[n]).replace("'", "''") for n in page.key}
    parts = [
        f"{name}={row[name]}" if page.field(name).edm in ("Edm.Int32", "Edm.Decimal") else f"{name}='{text}'"
        for name, text in quoted.items()
    ]
    inner = parts[0].partition("=")[2] if len(parts) == 1 else ",".join(parts)
    return f"({quote(inner, safe='=,')})"
