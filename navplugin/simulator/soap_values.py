"""Values of rows as text in SOAP elements, and back (nav-webservices.md 4, 13): options are identifiers, a blank text
has no element. That unset dates are written as 0001-01-01 is assumed."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from navplugin.nav.contract import Field, Kind, option_name
from navplugin.simulator.fields import FieldError, clean
from navplugin.simulator.odata_json import read_date, read_moment, show

XSD = {
    Kind.INTEGER: "int", Kind.BIG_INTEGER: "long", Kind.DECIMAL: "decimal", Kind.BOOLEAN: "boolean",
    Kind.DATE: "date", Kind.TIME: "time", Kind.DATETIME: "dateTime",
}  # fmt: skip
"""XML Schema types; all other kinds are strings."""
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[+-]?\d{1,19}\Z")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)\Z")
_LOCAL_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\Z")


def show_text(field: Field, value: Any) -> str | None:
    """A stored value as the text of its element; None where the element is left out."""
    if field.kind is Kind.OPTION:
        return option_name(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    if field.kind is Kind.DATE:
        return value.isoformat() if isinstance(value, date) else "0001-01-01"
    return str(show(field, value)) or None


def read_text(field: Field, text: str) -> Any:
    """The text of an element as a stored value. FieldError when it is none of the field's type, length or options."""
    if field.kind in (Kind.CODE, Kind.TEXT):
        return clean(field, text)
    plain = text.strip()
    if field.kind is Kind.OPTION:
        return clean(field, _option(field, plain))
    value = _typed(field.kind, plain)
    if value is None:
        raise FieldError("BadRequest", f"The value '{text}' cannot be converted to the type of {field.caption}.")
    return clean(field, value)


def _typed(kind: Kind, text: str) -> Any:
    """None when the text has no such value."""
    match kind:
        case Kind.INTEGER | Kind.BIG_INTEGER:
            return int(text) if _INTEGER.match(text) else None
        case Kind.DECIMAL:
            return Decimal(text) if _DECIMAL.match(text) else None
        case Kind.BOOLEAN:
            return _BOOLEANS.get(text)
        case Kind.DATE:
            return read_date(text)
        case Kind.DATETIME:
            return _moment(text)
    return text


def _moment(text: str) -> datetime | None:
    # NAV takes a time without an offset for one in UTC (nav-webservices.md 1, NAV 2009).
    return read_moment(text + "Z" if _LOCAL_MOMENT.match(text) else text)


def _option(field: Field, text: str) -> str:
    """The option behind an identifier; what is none stays, and is refused with the list of options."""
    for option in field.options:
        if option_name(option) == text:
            return option
    raise FieldError("Unknown", f"'{text}' is not an option. The existing options are: {','.join(field.options)}")
