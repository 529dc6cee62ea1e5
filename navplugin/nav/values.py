"""Values of NAV's web services and of the model: as JSON, as XML, and as literals of a filter.

The type that the contract declares decides how a value is written, never the Python type alone
(odata-soap-clients.md 3). Amounts are Decimal in both directions. Blank options are one space in NAV and "" here; the
unset dates 0001-01-01 and 1753-01-01 are None here (nav-webservices.md 5, ls-pos.md 8 no. 22).
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from navplugin.core.errors import ProtocolError
from navplugin.nav.contract import Field, Kind

_UNSET_YEARS = ("0001-", "1753-01-01")
_NO_DATE, _NO_TIME = "0001-01-01", "0001-01-01T00:00:00Z"
TEXT_KINDS = (Kind.CODE, Kind.TEXT, Kind.OPTION, Kind.TIME)
_WHOLE = (Kind.INTEGER, Kind.BIG_INTEGER)


def from_json(field: Field, value: Any) -> Any:
    """A value of NAV's answer as the model has it; null is the field's blank. ValueError when it does not fit."""
    if value is None:
        value = _blank_json(field.kind)
    match field.kind:
        case Kind.OPTION:
            return _option(field, value)
        case Kind.CODE | Kind.TEXT | Kind.TIME:
            if isinstance(value, str):
                return value if field.kind is Kind.TEXT else value.strip()
        case Kind.INTEGER | Kind.BIG_INTEGER:
            number = _decimal(value)
            if number == number.to_integral_value():
                return int(number)
        case Kind.DECIMAL:
            return _decimal(value)
        case Kind.BOOLEAN:
            if isinstance(value, bool):
                return value
        case Kind.DATE if isinstance(value, str):
            # NAV 2017 declares dates as points in time (nav-webservices.md 1).
            return None if value.startswith(_UNSET_YEARS) else date.fromisoformat(value[:10])
        case Kind.DATETIME if isinstance(value, str):
            return None if value.startswith(_UNSET_YEARS) else _moment(datetime.fromisoformat(value))
        case Kind.GUID if isinstance(value, str):
            return plain_guid(value)
    raise ValueError(f"{type(value).__name__} where {field.edm} belongs")


def to_json(field: Field, value: Any) -> Any:
    """A value of the model as NAV takes it. ProtocolError for a value that the declared field cannot hold: it is this
    one row that cannot be written, so the store group goes on."""
    try:
        return _to_json(field, value)
    except (ValueError, ArithmeticError) as wrong:
        raise ProtocolError(f"{field.name} cannot be written: {wrong}", system="NAV") from None


def plain_guid(text: str) -> str:
    """A GUID in lower case without braces; the zero GUID is "". ValueError for other text."""
    found = uuid.UUID(text) if text else uuid.UUID(int=0)
    return str(found) if found.int else ""


def _to_json(field: Field, value: Any) -> Any:
    match field.kind:
        case Kind.CODE | Kind.TEXT | Kind.OPTION | Kind.TIME:
            return _text(field, "" if value is None else value)
        case Kind.INTEGER | Kind.BIG_INTEGER if isinstance(value, int) and not isinstance(value, bool):
            return value
        case Kind.DECIMAL if isinstance(value, Decimal | int) and not isinstance(value, bool):
            return _decimal(value)
        case Kind.BOOLEAN if isinstance(value, bool):
            return value
        case Kind.DATE if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            # NAV 2017 takes a day as a point in time.
            suffix = "T00:00:00Z" if field.edm == "Edm.DateTimeOffset" else ""
            return (value.isoformat() if value else _NO_DATE) + suffix
        case Kind.DATETIME if value is None or isinstance(value, datetime):
            return _show_moment(value) if value else _NO_TIME
        case Kind.GUID if isinstance(value, str):
            return plain_guid(value) or str(uuid.UUID(int=0))
    raise ValueError(f"{type(value).__name__} where {field.edm} belongs")


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} where text belongs")
    text = str(value)
    if field.kind is Kind.OPTION:
        text = text.strip() or " "
        if text not in field.options:
            raise ValueError(f"'{text}' is none of its options ({', '.join(field.options)})")
    if field.length and len(text) > field.length:
        raise ValueError(f"the text has {len(text)} characters, the field holds {field.length}; shorten the text")
    return text


def _option(field: Field, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(field.options):
        value = field.options[value]
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} where an option belongs")
    return value.strip()


def _blank_json(kind: Kind) -> Any:
    if kind in (*_WHOLE, Kind.DECIMAL):
        return 0
    if kind is Kind.BOOLEAN:
        return False
    return _NO_DATE if kind in (Kind.DATE, Kind.DATETIME) else ""


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool | float):
        raise ValueError(f"{type(value).__name__} where a number belongs")
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError):
        raise ValueError("no number") from None
    if not number.is_finite():
        raise ValueError("no finite number")
    return number


def _moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time without its offset")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time outside the calendar") from None


def _show_moment(value: datetime) -> str:
    moment = _moment(value)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def literal(field: Field, value: Any) -> str:
    """A value in a filter or a key."""
    shown = to_json(field, value)
    if field.kind in TEXT_KINDS:
        return "'" + str(shown).replace("'", "''") + "'"
    if isinstance(shown, bool):
        return "true" if shown else "false"
    return format(shown, "f") if isinstance(shown, Decimal) else str(shown)
