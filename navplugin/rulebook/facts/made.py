"""Facts that an administrator makes as a FlowField is made: sum, count, exist, min, max over a table, with `where`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from navplugin.core.model import JournalLine
from navplugin.core.money import ZERO
from navplugin.rulebook.facts.look import UNKNOWN, Cost, Fact, Look, Subject, items_of
from navplugin.rulebook.filters import Filter, FilterType

METHODS = ("sum", "count", "exist", "min", "max")

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """What a made fact may run over: its fields with their types, and how its records are found."""

    name: str
    doc: str
    fields: Mapping[str, FilterType]
    records: Callable[[Look], Iterable[Record] | None]
    open_only: bool = True


def _line(line: JournalLine) -> Record:
    return {
        "No.": line.number,
        "Description": line.description,
        "Quantity": line.quantity,
        "Price": line.price,
        "Amount": line.amount,
        "Discount Amount": line.discount_amount,
        "Item Category Code": line.item_category_code,
        "Retail Product Code": line.retail_product_code,
    }


def _lines(look: Look) -> Iterable[Record] | None:
    items = items_of(look.situation)
    return None if items is None else [_line(line) for line in items]


def _offers_on_sale(look: Look) -> Iterable[Record] | None:
    journal = look.situation.snapshot.journal
    if journal is None:
        return None
    return [{"Offer No.": x.number, "Description": x.description, "Amount": abs(x.amount)} for x in journal.offers]


def _coupons_on_sale(look: Look) -> Iterable[Record] | None:
    journal = look.situation.snapshot.journal
    if journal is None:
        return None
    lines = [x for x in journal.lines if x.entry_type == "Coupon" and not x.voided]
    return [{"Coupon Code": x.coupon_code, "Description": x.description} for x in lines]


def _wallet_discounts(look: Look) -> Iterable[Record] | None:
    if look.situation.wallet is None:
        return None
    return [_discount(s) for s in look.candidates]


def _discount(subject: Subject) -> Record:
    return {
        "Coupon Code": subject.coupon_code,
        "Discount Name": subject.name,
        "Value Kind": subject.value_kind,
        "Discount Value": subject.value,
        "Points Cost": subject.points_cost,
        "Picked": subject.pick is not None,
    }


_CODE, _TEXT, _DECIMAL = FilterType.CODE, FilterType.TEXT, FilterType.DECIMAL

TABLES = (
    Table("Line", "item lines that are not voided", {
        "No.": _CODE, "Description": _TEXT, "Quantity": _DECIMAL, "Price": _DECIMAL, "Amount": _DECIMAL,
        "Discount Amount": _DECIMAL, "Item Category Code": _CODE, "Retail Product Code": _CODE,
    }, _lines, open_only=False),
    Table("Offer on Sale", "discount lines that NAV has put on the journal", {
        "Offer No.": _CODE, "Description": _TEXT, "Amount": _DECIMAL,
    }, _offers_on_sale),
    Table("Coupon on Sale", "coupon lines on the journal, whoever put them there", {
        "Coupon Code": _CODE, "Description": _TEXT,
    }, _coupons_on_sale),
    Table("Wallet Discount", "discounts of the member's wallet", {
        "Coupon Code": _CODE, "Discount Name": _TEXT, "Value Kind": FilterType.OPTION, "Discount Value": _DECIMAL,
        "Points Cost": _DECIMAL, "Picked": FilterType.BOOLEAN,
    }, _wallet_discounts),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Where:
    """One `where` line."""

    field: str
    filter: Filter


def make_fact(name: str, method: str, table: Table, field: str, where: tuple[Where, ...]) -> Fact:
    """The fact that a [fact NAME] section describes. A sum over nothing is 0; min and max over nothing are unknown."""
    type = {"exist": FilterType.BOOLEAN, "count": FilterType.INTEGER}.get(method, FilterType.DECIMAL)

    def read(look: Look) -> object:
        records = table.records(look)
        if records is None:
            return UNKNOWN
        found = [r for r in records if all(w.filter.test(r[w.field], today=look.today).yes for w in where)]
        return _fold(method, [r[field] for r in found] if field else found)

    about = f"{method} of {table.name} {field}".rstrip()
    return Fact(name, type, f"made in the rule files: {about}", read, money=field in ("Amount", "Price"),
                open_only=table.open_only)  # fmt: skip


def member_field(name: str, field: str, type: FilterType) -> Fact:
    """A fact that reads a field of the site's own from the member's page. Kept out of texts and of the ledger.

    field: the caption or the name that the page has; blanks and signs do not count.
    """
    wanted = _letters(field)

    def read(look: Look) -> object:
        member = look.situation.member
        fields = member.fields if member else {}
        return next((value for key, value in fields.items() if _letters(key) == wanted), UNKNOWN)

    doc = f"made in the rule files: member field {field}"
    return Fact(name, type, doc, read, personal=True, cost=Cost.MEMBER)


def _letters(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def _fold(method: str, values: list[object] | list[Record]) -> object:
    if method == "exist":
        return bool(values)
    if method == "count":
        return len(values)
    numbers = [v for v in values if isinstance(v, Decimal)]
    if method == "sum":
        return sum(numbers, ZERO)
    if not numbers:
        return UNKNOWN
    return min(numbers) if method == "min" else max(numbers)
