"""Facts about the sale, from AIQ_Sale and the journal (ls-pos.md 7.1)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from navplugin.core.model import Journal, JournalLine, SaleState
from navplugin.core.money import ZERO
from navplugin.rulebook.facts.look import UNKNOWN, Fact, Known, Look, gross_of, items_of
from navplugin.rulebook.filters import FilterType


def _journal(read: Callable[[Journal], object]) -> Callable[[Look], object]:
    def fact(look: Look) -> object:
        journal = look.situation.snapshot.journal
        return UNKNOWN if journal is None else read(journal)

    return fact


def _items(read: Callable[[tuple[JournalLine, ...]], object]) -> Callable[[Look], object]:
    def fact(look: Look) -> object:
        items = items_of(look.situation)
        return UNKNOWN if items is None else read(items)

    return fact


def _total_before(look: Look) -> object:
    total = gross_of(look.situation)
    return UNKNOWN if total is None else total


def _quantity(items: tuple[JournalLine, ...]) -> Decimal:
    return sum((line.quantity for line in items), ZERO)


def _amount(items: tuple[JournalLine, ...]) -> Decimal:
    return sum((line.amount for line in items), ZERO)


def _answer(look: Look) -> str:
    """The answer of this member to the sign-up prompt of this sale, blank while there is none."""
    card = look.situation.snapshot.sale.member_card_no
    mine = [p.answer for p in look.situation.snapshot.prompts if p.member_ref == card and p.kind == "Confirm"]
    return next((a for a in mine if a in ("Yes", "No")), "")


FACTS = (
    Fact("Store No.", FilterType.CODE, "the store of the sale", lambda k: k.situation.snapshot.sale.store_no),
    Fact("POS Terminal No.", FilterType.CODE, "the terminal of the sale",
         lambda k: k.situation.snapshot.sale.pos_terminal_no),
    Fact("Staff ID", FilterType.CODE, "the cashier", lambda k: k.situation.snapshot.sale.staff_id),
    Fact("Receipt No.", FilterType.CODE, "the number of the receipt", lambda k: k.situation.snapshot.sale.receipt_no),
    Fact("Sale State", FilterType.OPTION, "where the sale stands",
         lambda k: k.situation.snapshot.sale.state.value, options=tuple(s.value for s in SaleState)),
    Fact("Return Sale", FilterType.BOOLEAN, "whether it is a return sale", lambda k: k.situation.snapshot.is_return),
    Fact("Sales Type", FilterType.CODE, "the Sales Type of the journal",
         _journal(lambda j: j.sales_type), open_only=True),
    Fact("Customer No.", FilterType.CODE, "the customer of the journal",
         _journal(lambda j: j.customer_no), open_only=True),
    Fact("Item Lines", FilterType.INTEGER, "item lines that are not voided", _items(len),
         known=Known.FIRST_ITEM),
    Fact("Quantity", FilterType.DECIMAL, "sum of the quantities of the item lines", _items(_quantity),
         known=Known.FIRST_ITEM),
    Fact("Total Before Discount", FilterType.DECIMAL, "quantity times price of all items", _total_before, money=True,
         known=Known.FIRST_ITEM),
    Fact("Total After Discount", FilterType.DECIMAL, "the sale after all discounts that NAV has given so far",
         _items(_amount), money=True, known=Known.FIRST_ITEM),
    Fact("Transaction Balance", FilterType.DECIMAL,
         "the sale after line and periodic discounts, before tax and wallet discounts, less the value of what is "
         "already picked", lambda k: k.balance(), money=True, amount=True, known=Known.FIRST_ITEM),
    Fact("Offers On Sale", FilterType.INTEGER, "discount lines that NAV has put on the journal",
         _journal(lambda j: len(j.offers)), open_only=True, known=Known.FIRST_ITEM),
    Fact("Coupons On Sale", FilterType.INTEGER, "coupon lines on the journal, whoever put them there",
         _journal(lambda j: len(j.coupons)), open_only=True, known=Known.FIRST_ITEM),
    Fact("Wallet Discounts Chosen", FilterType.INTEGER, "picks that stand on the sale", lambda k: len(k.picks),
         known=Known.PICK),
    Fact("Sign-up Answer", FilterType.OPTION, "the member's answer to the sign-up prompt of this sale, blank for none",
         _answer, options=("Yes", "No"), open_only=True),
)  # fmt: skip
