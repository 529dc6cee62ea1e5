"""Rows to JSON and back, as NAV's OData V4 service writes them (nav-webservices.md 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from navplugin.nav.contract import Field, Kind
from navplugin.simulator.call import Answer, answer_json
from navplugin.simulator.fields import Row, clean
from navplugin.simulator.odata_error import bad_request
from navplugin.simulator.view import View

JSON = "application/json; odata.metadata=minimal"
_NO_GUID = "00000000-0000-0000-0000-000000000000"
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)\Z")


def show(field: Field, value: Any) -> Any:
    """A stored value as the service writes it; unset dates are 0001-01-01, never null."""
    match field.kind:
        case Kind.DATE:
            # NAV 2017 declares dates as points in time (nav-webservices.md 5).
            suffix = "T00:00:00Z" if field.alias_edm else ""
            return ("0001-01-01" if value is None else value.isoformat()) + suffix
        case Kind.DATETIME:
            return "0001-01-01T00:00:00Z" if value is None else _show_moment(value)
        case Kind.GUID:
            return value or _NO_GUID
    return value


def show_row(view: View, row: Row, etag: str, names: Iterable[str] | None = None) -> dict[str, Any]:
    """An entity: its tag first, then the selected fields (all when `names` is None)."""
    chosen = view.fields if names is None else names
    return {"@odata.etag": etag, **{name: show(view.fields[name], row[name]) for name in chosen}}


def read_fields(view: View, body: Any) -> Row:
    """The fields of a request body as stored values. ODataError for a wrong name or JSON type, FieldError for a
    value that the field does not take."""
    if not isinstance(body, Mapping):
        raise bad_request("The request body must be a JSON object.")
    fields = view.fields
    row: Row = {}
    for name, value in body.items():
        if "@odata." in name:
            continue
        if name not in fields:
            raise bad_request(f"The property '{name}' does not exist on type 'NAV.{view.page.service}'.")
        row[name] = read_value(fields[name], value)
    return row


def read_value(field: Field, value: Any) -> Any:
    """A JSON value as the field stores it. ODataError for a wrong JSON type, FieldError for a wrong value."""
    return clean(field, _read(field, value))


def reply(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of OData V4; `body` None has none."""
    headers = {"odata-version": "4.0", **(headers or {})}
    return Answer(status, b"", headers) if body is None else answer_json(status, body, headers, JSON)


def read_date(text: str) -> date | None:
    """An Edm.Date literal; None when the text is none."""
    try:
        return date.fromisoformat(text) if _DATE.match(text) else None
    except ValueError:
        return None


def read_point(text: str) -> date | None:
    """A day as NAV 2017 writes it, a point in time at midnight; None when the text is none."""
    moment = read_moment(text)
    return moment.date() if moment else None


def read_moment(text: str) -> datetime | None:
    """An Edm.DateTimeOffset literal; None when the text is none. Year 1 stays year 1 in UTC."""
    if not _MOMENT.match(text):
        return None
    if text.startswith("0001-01-01"):
        return datetime(1, 1, 1, tzinfo=UTC)
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d", r"\1", text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _read(field: Field, value: Any) -> Any:
    if not isinstance(value, str):
        if field.kind in (Kind.DATE, Kind.DATETIME) and value is not None:
            raise _wrong(field, value)
        return value
    match field.kind:
        case Kind.INTEGER | Kind.BIG_INTEGER | Kind.DECIMAL | Kind.BOOLEAN:
            raise _wrong(field, value)
        case Kind.DATE:
            found = read_point(value) if field.alias_edm else read_date(value)
        case Kind.DATETIME:
            found = read_moment(value)
        case _:
            return value
    if found is None:
        raise _wrong(field, value)
    return found


def _wrong(field: Field, value: Any) -> Exception:
    return bad_request(f"Cannot convert the literal '{value}' to the expected type '{field.edm}' ({field.name}).")


def _show_moment(value: datetime) -> str:
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    if value.microsecond:
        text += f".{value.microsecond // 1000:03d}".rstrip("0")
    return text + "Z"
