"""What NAV does to a value that is put into a field: types, defaults, upper-case codes, lengths, options
(nav-webservices.md 5). Used by the state for every row, whoever writes it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from navplugin.nav.contract import BY_SERVICE, Field, Kind, Page

Row = dict[str, Any]
_INT_LIMIT = {Kind.INTEGER: 2**31, Kind.BIG_INTEGER: 2**63}
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,7})?\Z")


class FieldError(ValueError):
    """A value that NAV does not take. `code` is the one of the web service (nav-webservices.md 8); `danish` the message
    of a server that speaks Danish, where it has one."""

    def __init__(self, code: str, message: str, danish: str = "") -> None:
        self.code, self.danish = code, danish
        super().__init__(message)


def page_of(service: str) -> Page:
    """The contract page of a service; KeyError with a sentence for a name that the contract does not know."""
    try:
        return BY_SERVICE[service]
    except KeyError:
        raise KeyError(f"{service} is not a page of the NAV contract") from None


@cache
def fields_of(service: str) -> dict[str, Field]:
    """Fields of a page by OData name, in declared order."""
    return {field.name: field for field in page_of(service).fields}


def default(field: Field) -> Any:
    """What NAV puts into a field that nobody filled; None stands for an unset date. An option starts at its first
    member, which is one space where the field may be blank."""
    match field.kind:
        case Kind.OPTION:
            return field.options[0]
        case Kind.INTEGER | Kind.BIG_INTEGER:
            return 0
        case Kind.DECIMAL:
            return Decimal(0)
        case Kind.BOOLEAN:
            return False
        case Kind.DATE | Kind.DATETIME:
            return None
    return ""


def clean(field: Field, value: Any) -> Any:
    """The value as NAV stores it; None gives the default. FieldError when NAV refuses it."""
    if value is None:
        return default(field)
    match field.kind:
        case Kind.CODE:
            return _fits(field, _text(field, value).strip().upper())
        case Kind.TEXT:
            return _fits(field, _text(field, value))
        case Kind.OPTION:
            return _option(field, _text(field, value))
        case Kind.INTEGER | Kind.BIG_INTEGER:
            return _integer(field, value)
        case Kind.DECIMAL:
            return _decimal(field, value)
        case Kind.BOOLEAN:
            if isinstance(value, bool):
                return value
        case Kind.DATE:
            if isinstance(value, date) and not isinstance(value, datetime):
                return None if value == date.min else value
        case Kind.DATETIME:
            return _moment(field, value)
        case Kind.TIME:
            text = _text(field, value)
            if not text or _TIME.match(text):
                return text
        case Kind.GUID:
            return _guid(field, _text(field, value))
    raise _cannot_convert(field, value)


def clean_row(service: str, row: Mapping[str, Any]) -> Row:
    """The whole row in declared order, gaps filled; FieldError for a field that the page has not."""
    fields = fields_of(service)
    for name in row:
        if name not in fields:
            raise FieldError("BadRequest", f"The property '{name}' does not exist on type 'NAV.{service}'.")
    return {name: clean(field, row.get(name)) for name, field in fields.items()}


def clean_key(service: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Key values as stored, in the page's key order."""
    names = page_of(service).key
    if len(values) != len(names):
        raise FieldError("BadRequest", f"The key of {service} is ({', '.join(names)}), not {len(values)} values.")
    fields = fields_of(service)
    return tuple(clean(fields[name], value) for name, value in zip(names, values, strict=True))


def order_key(service: str, key: tuple[Any, ...]) -> tuple[Any, ...]:
    """What rows are sorted by: options by their place in NAV's list, all else by value."""
    fields = fields_of(service)
    return tuple(order_value(fields[name], value) for name, value in zip(page_of(service).key, key, strict=True))


def order_value(field: Field, value: Any) -> Any:
    """A value that sorts as NAV sorts the field; unset dates come first."""
    if field.kind is Kind.OPTION:
        return field.options.index(value)
    if value is None:
        return datetime.min.replace(tzinfo=UTC) if field.kind is Kind.DATETIME else date.min
    return value.casefold() if field.kind is Kind.TEXT else value


def to_json(value: Any) -> Any:
    """A row value for the state's file."""
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value


def from_json(field: Field, value: Any) -> Any:
    """A row value from the state's file."""
    if value is None:
        return None
    match field.kind:
        case Kind.DECIMAL:
            return Decimal(value)
        case Kind.DATE:
            return date.fromisoformat(value)
        case Kind.DATETIME:
            return datetime.fromisoformat(value)
    return value


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _cannot_convert(field, value)
    return str(value)


def _fits(field: Field, text: str) -> str:
    if field.length and len(text) > field.length:
        raise FieldError(
            "Application_StringExceededLength",
            f"The length of the string is {len(text)}, but it must be less than or equal to {field.length} "
            f"characters. Value: {text}. Field: {field.caption}.",
            f"Strengens længde er {len(text)}, men den skal være mindre end eller lig med {field.length} tegn. "
            f"Værdi: {text}. Felt: {field.caption}.",
        )
    return text


def _option(field: Field, text: str) -> str:
    if not text.strip() and " " in field.options:
        return " "
    if text not in field.options:
        existing = ",".join(field.options)
        raise FieldError(
            "Unknown", f"'{text}' is not an option. The existing options are: {existing}",
            f"'{text}' er ikke en indstilling. De eksisterende indstillinger er: {existing}",
        )  # fmt: skip
    return text


def _integer(field: Field, value: Any) -> int:
    limit = _INT_LIMIT[field.kind]
    if isinstance(value, bool) or not isinstance(value, int) or not -limit <= value < limit:
        raise _cannot_convert(field, value)
    return value


def _decimal(field: Field, value: Any) -> Decimal:
    # A float has already lost digits; NAV's decimal has none of its noise, so the caller must say what it meant.
    if isinstance(value, (bool, float)):
        raise _cannot_convert(field, value)
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError) as wrong:
        raise _cannot_convert(field, value) from wrong
    if not number.is_finite():
        raise _cannot_convert(field, value)
    return number


def _moment(field: Field, value: Any) -> datetime | None:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _cannot_convert(field, value)
    if value.year == 1:
        return None
    moment = value.astimezone(UTC)
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def _guid(field: Field, text: str) -> str:
    try:
        parsed = uuid.UUID(text) if text else uuid.UUID(int=0)
    except ValueError as wrong:
        raise _cannot_convert(field, text) from wrong
    return str(parsed) if parsed.int else ""


def _cannot_convert(field: Field, value: Any) -> FieldError:
    message = f"Cannot convert the value '{value}' to the type {field.edm} ({field.caption})."
    return FieldError("BadRequest", message)
