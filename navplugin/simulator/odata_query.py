"""Reading a set: $filter, $orderby, $select, $top, $skip, $count, and the server's own paging
(nav-webservices.md 7, 9)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from navplugin.simulator.call import Call
from navplugin.simulator.fields import Row, order_value
from navplugin.simulator.odata_error import ODataError, bad_request, not_implemented
from navplugin.simulator.odata_filter import parse_filter
from navplugin.simulator.view import View

_KNOWN = {"$filter", "$select", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format", "$schemaversion"}
_KNOWN_V3 = (_KNOWN - {"$count", "$schemaversion"}) | {"$inlinecount"}
_UNKNOWN_TO_NAV = {"$search", "$apply", "$compute"}


@dataclass(frozen=True, slots=True)
class Result:
    """The rows to send; `count` before $top and paging; `next_query` is the query of the next page, if there is one."""

    rows: list[Row]
    count: int | None
    names: tuple[str, ...] | None
    next_query: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How the server reads: rows in a page, what `in` does, the life of a link to the next page, the time."""

    page_size: int
    in_list: str
    token_seconds: int
    now: datetime


def query_options(call: Call, *, v3: bool = False) -> dict[str, str]:
    """The options of a request, each once. ODataError for one that NAV's server does not know."""
    options: dict[str, str] = {}
    for name, value in call.options():
        if name in options and name.startswith("$"):
            raise bad_request(f"Query option '{name}' was specified more than once.")
        if name in _UNKNOWN_TO_NAV:
            raise not_implemented(f"The query option '{name}' is not supported.")
        if name.startswith("$") and name not in (_KNOWN_V3 if v3 else _KNOWN):
            raise bad_request(f"The query option '{name}' is not valid here.")
        options[name] = value
    return options


def read_set(view: View, rows: list[Row], options: Mapping[str, str], call: Call, reading: Reading) -> Result:
    """Apply the options to all rows of the page."""
    if "$filter" in options:
        in_list = "honoured" if options.get("$schemaversion") == "2.1" else reading.in_list
        test = parse_filter(view, options["$filter"], in_list=in_list)
        rows = [row for row in rows if test(row)]
    rows = _ordered(view, rows, options.get("$orderby", ""))
    count = len(rows) if options.get("$count") == "true" else None
    names = select(view, options)
    size = _page_size(call, reading.page_size)
    start = _natural(options, "$skip")
    if "$top" in options:
        return Result(rows[start : start + min(_natural(options, "$top"), size)], count, names, "")
    if "$skiptoken" in options:
        start = _position(options, call, reading)
    more = start + size < len(rows)
    following = _next_query(call, start + size, reading.now) if more else ""
    return Result(rows[start : start + size], count, names, following)


def select(view: View, options: Mapping[str, str]) -> tuple[str, ...] | None:
    """The fields of $select, None for all."""
    if not options.get("$select"):
        return None
    names = tuple(name.strip() for name in options["$select"].split(","))
    for name in names:
        _field(view, name)
    return names


def _ordered(view: View, rows: list[Row], orderby: str) -> list[Row]:
    page = view.page
    if not orderby:
        return rows
    wanted = []
    for part in orderby.split(","):
        name, _, direction = part.strip().partition(" ")
        _field(view, name)
        if direction not in ("", "asc", "desc"):
            raise bad_request(f"Syntax error in $orderby at '{part}'.")
        wanted.append((name, direction == "desc"))
    if page.is_query and wanted != [(name, False) for name in page.key[: len(wanted)]]:
        raise not_implemented("A query can be ordered only as it is defined.")
    for name, descending in reversed(wanted):
        field = view.fields[name]
        rows = sorted(rows, key=lambda row, f=field: order_value(f, row[f.name]), reverse=descending)  # type: ignore[misc]
    return rows


def _field(view: View, name: str) -> None:
    if name not in view.fields:
        raise bad_request(f"Could not find a property named '{name}' on type 'NAV.{view.page.service}'.")


def _natural(options: Mapping[str, str], name: str) -> int:
    text = options.get(name, "0")
    if not re.fullmatch(r"\d{1,9}", text):
        raise bad_request(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _page_size(call: Call, server: int) -> int:
    asked = re.search(r"odata\.maxpagesize\s*=\s*(\d{1,9})", call.headers.get("prefer", ""), re.IGNORECASE)
    return max(1, min(server, int(asked.group(1)))) if asked else server


def _next_query(call: Call, position: int, now: datetime) -> str:
    kept = [(name, value) for name, value in call.options() if name not in ("$skiptoken", "aid")]
    token = base64.urlsafe_b64encode(json.dumps([position, _mark(kept), now.isoformat()]).encode()).decode()
    pairs = [*kept, ("aid", "FIRST"), ("$skiptoken", token)]
    return "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in pairs)


def _position(options: Mapping[str, str], call: Call, reading: Reading) -> int:
    kept = [(name, value) for name, value in call.options() if name not in ("$skiptoken", "aid")]
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(options["$skiptoken"]))
        position, mark, made = found
        age = (reading.now - datetime.fromisoformat(made)).total_seconds()
    except (ValueError, TypeError, binascii.Error) as wrong:
        raise _spent() from wrong
    if mark != _mark(kept) or not isinstance(position, int) or position < 0 or age > reading.token_seconds:
        raise _spent()
    return position


def _mark(pairs: list[tuple[str, str]]) -> str:
    # A token belongs to one query: it must not be carried over to another one.
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:16]


def _spent() -> ODataError:
    return ODataError(400, "SkipTokenIsNoLongerValid", "The skip token is no longer valid; start the read again.")
