"""The keys of a case and how their values are read (rules/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from navplugin.core.model import LoyaltyStatus, SaleState
from navplugin.core.money import parse_money
from navplugin.core.problems import did_you_mean


class BadCase(ValueError):
    """A key or value that a case cannot have."""

    def __init__(self, message: str, hint: str = "", *, is_key: bool = False) -> None:
        super().__init__(message)
        self.hint, self.is_key = hint, is_key


def _text(value: str) -> str:
    return value


def _code(value: str) -> str:
    return value.upper()


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise BadCase(f"'{value}' cannot stand here", did_you_mean(value, words))
        return value

    return read


def _yes_no(value: str) -> bool:
    if value.casefold() not in ("yes", "no"):
        raise BadCase(f"'{value}' is neither yes nor no", "write yes or no")
    return value.casefold() == "yes"


def _number(value: str) -> Decimal:
    number = parse_money(value)
    if number is None:
        raise BadCase(f"'{value}' is not a number", "digits and one point, no thousands separator")
    return number


def _points(value: str) -> Decimal | None:
    return None if value == "hidden" else _number(value)


def _loyalty(value: str) -> LoyaltyStatus | None:
    if value == "no answer":
        return None
    return LoyaltyStatus(_one_of(*(s.value for s in LoyaltyStatus), "no answer")(value))


def _state(value: str) -> SaleState:
    return SaleState(_one_of(*(s.value for s in SaleState))(value))


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise BadCase(f"'{value}' is not a time zone", "write for instance America/Denver") from unknown
    return value


def _moment(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None)
    except ValueError as wrong:
        raise BadCase(f"'{value}' is not a time", "write 2026-05-01 12:00, in the store's zone") from wrong


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as wrong:
        raise BadCase(f"'{value}' is not a day", "write 1985-06-15, or nothing") from wrong


def _count(value: str) -> int | None:
    if value == "unknown":
        return None
    if not value.isascii() or not value.isdecimal() or len(value) > 9:
        raise BadCase(f"'{value}' is not a count", "write a whole number, or unknown")
    return int(value)


def _codes(value: str) -> tuple[str, ...]:
    return tuple(part.strip().upper() for part in value.split(",") if part.strip())


KEYS: dict[str, tuple[Callable[[str], Any], str]] = {
    "store": (_code, "Store No.; S0001 without it"),
    "terminal": (_code, "POS Terminal No."),
    "staff": (_code, "Staff ID"),
    "time zone": (_zone, "of the store; UTC without it"),
    "now": (_moment, "the time in the store's zone, 2026-05-01 12:00 without it"),
    "language": (_text, "of the store; en without it"),
    "closing time": (_text, "of the store, 21:00"),
    "terms": (_text, "the AIQ Signup Terms"),
    "pin": (_yes_no, "yes or no: the profile's PIN"),
    "minimum judged": (_one_of("before", "after"), "before or after"),
    "reached": (_one_of("at-least", "above"), "at-least or above"),
    "state": (_state, "SALES without it; PAYMENT, SUSPENDED, VOIDED, POSTED"),
    "return": (_yes_no, "yes: a return sale"),
    "sales type": (_code, "Sales Type of the journal"),
    "customer": (_code, "Customer No. of the journal"),
    "status asked": (_yes_no, "yes: [Get Loyalty Status] was pressed"),
    "member": (_code, "the member card; nothing: a sale without a member"),
    "phone": (_text, "of the member"),
    "e-mail": (_text, "of the member"),
    "born": (_day, "1985-06-15, or nothing"),
    "club": (_code, "Club Code"),
    "scheme": (_code, "Scheme Code"),
    "blocked member": (_yes_no, "yes: blocked in NAV"),
    "loyalty": (_loyalty, "Member without it; Known, Unknown, Several, Joining, CannotTell, or no answer"),
    "points": (_points, "1000 without it; a number, or hidden"),
    "held": (_number, "points promised on other sales"),
    "visits": (_count, "earlier sales of the member, 5 without it; or unknown"),
    "uses today": (_count, "wallet discounts of the member on other sales of today, 0 without it; or unknown"),
    "prompts last hour": (_count, "sign-up questions at this terminal on other sales, 0 without it; or unknown"),
    "answer": (_one_of("Yes", "No"), "Yes or No: the member's answer to the question"),
    "picked": (_codes, "coupon codes in the order of the picks"),
}
"""Every plain key: its reader, and what it says."""

NAMED_DOCS = {
    "line": "an item line: `75.00`, `2 x 37.50`, `50.00 less 5.00 in VAPE` (less: discounts; in: Item Category Code)",
    "discount": "a wallet discount by its coupon code: `10.00 off for 100`, `15 % off`, `5 off tier`, `... locked`",
    "periodic": "a discount line that NAV has put on the journal, by its offer number: `5.00`",
    "coupon": "a coupon line on the journal, by its coupon code; what stands behind = is its description",
    "member field": "a field of the site's own on the member's page: `Yes`",
    "offer": "its Total Discount Offer where it is not the plain one: `trigger 50.00`, `none`, `disabled`",
}
KEY_DOCS = (*((key, doc) for key, (_, doc) in KEYS.items()), *((f"{w} NAME", doc) for w, doc in NAMED_DOCS.items()))
"""Every key that a case may have beside its expectations."""
