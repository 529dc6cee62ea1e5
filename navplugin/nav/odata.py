"""The contract in OData V4: values as JSON and as literals, entity classes and query text by python-odata.

The type that the contract declares decides how a value is written, never the Python type alone
(odata-soap-clients.md 3). Amounts are Decimal in both directions. Blank options are one space in NAV and "" here; the
unset dates 0001-01-01 and 1753-01-01 are None here (nav-webservices.md 5, ls-pos.md 8 no. 22).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

import requests
from odata import ODataService
from odata.property import BaseQueryFilter, PropertyBase

from navplugin.core.errors import ProtocolError
from navplugin.nav.contract import PAGES, Field, Kind, Page

# python-odata writes whole payloads at INFO (odata-soap-clients.md 2.2).
logging.getLogger("odata").setLevel(logging.WARNING)

_UNSET_YEARS = ("0001-", "1753-01-01")
_NO_DATE, _NO_TIME = "0001-01-01", "0001-01-01T00:00:00Z"
_TEXT_KINDS = (Kind.CODE, Kind.TEXT, Kind.OPTION, Kind.TIME)
_WHOLE = (Kind.INTEGER, Kind.BIG_INTEGER)


# ---- values ------------------------------------------------------------------------------------------------------


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
            return value.isoformat() if value else _NO_DATE
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
    return value.astimezone(UTC)


def _show_moment(value: datetime) -> str:
    moment = _moment(value)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def literal(field: Field, value: Any) -> str:
    """A value in a filter or a key."""
    shown = to_json(field, value)
    if field.kind in _TEXT_KINDS:
        return "'" + str(shown).replace("'", "''") + "'"
    if isinstance(shown, bool):
        return "true" if shown else "false"
    return format(shown, "f") if isinstance(shown, Decimal) else str(shown)


# ---- addresses and queries ---------------------------------------------------------------------------------------


def entity_path(page: Page, key: tuple[Any, ...]) -> str:
    """`AIQ_POSPrompts(Receipt_No='R%2F1',Prompt_Key='K')`, any content percent-encoded."""
    shown = [quote(literal(page.field(name), value), safe="") for name, value in zip(page.key, key, strict=True)]
    if len(shown) == 1:
        return f"{page.service}({shown[0]})"
    return f"{page.service}({','.join(f'{name}={text}' for name, text in zip(page.key, shown, strict=True))})"


class ContractProperty(PropertyBase):  # type: ignore[misc]
    """A field of the contract as python-odata sees it."""

    def __init__(self, field: Field, *, primary_key: bool) -> None:
        super().__init__(field.name, primary_key=primary_key)
        self.field = field

    def serialize(self, value: Any) -> Any:
        """For a request body."""
        return to_json(self.field, value)

    def deserialize(self, value: Any) -> Any:
        """From a response body."""
        return from_json(self.field, value)

    def escape_value(self, value: Any) -> str:
        """For query text."""
        return literal(self.field, value)


class AnyOf(BaseQueryFilter):  # type: ignore[misc]
    """`a or b or c` without the nested parentheses of python-odata: servers limit the depth of a filter."""

    def __init__(self, filters: list[BaseQueryFilter]) -> None:
        super().__init__(None, "or", None)
        self.filters = filters

    def __str__(self) -> str:
        return " or ".join(str(one) for one in self.filters)


@dataclass(frozen=True, slots=True)
class Condition:
    """`name` equals one of `values`, or is greater than the only one. NAV takes `or` on one field only, and not `in`
    before Business Central's schema 2.1 (nav-webservices.md 9)."""

    name: str
    values: tuple[Any, ...]
    greater: bool = False

    def as_filter(self, entity: Any) -> BaseQueryFilter:
        """The condition in python-odata's terms."""
        prop = getattr(entity, self.name)
        return prop > self.values[0] if self.greater else AnyOf([prop == value for value in self.values])

    def holds(self, page: Page, fields: Mapping[str, Any]) -> bool:
        """Whether a row that NAV sent is one that was asked for."""
        field = page.field(self.name)
        seen = _comparable(field, fields[self.name])
        if self.greater:
            return bool(seen > self.values[0])
        return seen in [_comparable(field, value) for value in self.values]


def _comparable(field: Field, value: Any) -> Any:
    if field.kind is Kind.CODE:
        return str(value or "").strip().upper()
    return str(value or "").strip().casefold() if field.kind in (*_TEXT_KINDS, Kind.GUID) else value


class Model:
    """The entity classes of one NAV company. No request is made here: python-odata loses pages, keys and ETags
    (odata-soap-clients.md 2.1), so `NavHttp` carries its queries."""

    def __init__(self, base_url: str, session: requests.Session) -> None:
        self._service = ODataService(base_url, session=session, reflect_entities=False, quiet_progress=True)
        self._entities = {page.service: self._declare(page) for page in PAGES}

    def query(self, page: Page, conditions: tuple[Condition, ...] = (), order_by: str = "") -> dict[str, str]:
        """The query options of a read: the contract's fields, rows by all conditions, in this order."""
        entity = self._entities[page.service]
        query = self._service.query(entity).select(*(getattr(entity, name) for name in page.names))
        for condition in conditions:
            query = query.filter(condition.as_filter(entity))
        if order_by:
            query = query.order_by(getattr(entity, order_by).asc())
        return {name: str(value) for name, value in query._get_options().items()}

    def _declare(self, page: Page) -> Any:
        # Classes belong to one service: python-odata keeps the address on their base class.
        members: dict[str, Any] = {f.name: ContractProperty(f, primary_key=f.name in page.key) for f in page.fields}
        members |= {"__odata_type__": f"NAV.{page.service}", "__odata_collection__": page.service}
        return type(page.service, (self._service.Entity,), members)
