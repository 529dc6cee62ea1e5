"""NAV's figures against the prediction, for `ledger audit` and the reports: compared, merged, never corrected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from navplugin.core.model import (
    Benefit,
    Grant,
    GrantStatus,
    JournalLine,
    Offer,
    PostedDiscount,
    PostedSale,
    Sale,
    SaleState,
    Situation,
    Snapshot,
    StoreSettings,
)
from navplugin.core.money import ZERO
from navplugin.mismatch import Figure, compare, figures_of, merged, return_differences
from tests.money.till import grant_of

D = Decimal
FIGURE = Figure("R", "g", "T", "AP0004", D(100))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (FIGURE, ()),
        (replace(FIGURE, at_total=D(100), posted=D(100)), ()),
        (replace(FIGURE, at_total=D("100.000")), ()),
        (replace(FIGURE, at_total=D(80)), ("AP0004: [Total] gave 80.00, 100.00 was predicted",)),
        (replace(FIGURE, posted=ZERO), ("AP0004: posted with 0.00, 100.00 was predicted",)),
        (replace(FIGURE, at_total=D(80), posted=D(90)),
         ("AP0004: [Total] gave 80.00, posted with 90.00, 100.00 was predicted",)),
        (replace(FIGURE, coupon_code="", posted=D(90)), ("T: posted with 90.00, 100.00 was predicted",)),
    ],
)  # fmt: skip
def test_what_differs_is_said_with_all_its_numbers(figure: Figure, said: tuple[str, ...]) -> None:
    assert compare([figure]) == said


def test_money_is_shown_at_the_currencys_precision() -> None:
    figure = replace(FIGURE, posted=D("99.995"))
    assert compare([figure], D("0.001")) == ("AP0004: posted with 99.995, 100.000 was predicted",)


def test_what_was_known_stays_known() -> None:
    at_total = replace(FIGURE, at_total=D(100))
    assert merged(at_total, replace(FIGURE, posted=D(100))) == replace(FIGURE, at_total=D(100), posted=D(100))
    assert merged(replace(FIGURE, posted=D(90)), at_total).posted == D(90)


def test_an_offer_that_was_changed_after_total_raises_no_alarm() -> None:
    """The posted amount is that of [Total]: the prediction of then counts, not that of the offer as it is now."""
    later = replace(FIGURE, predicted=D(80), posted=D(100))
    assert compare([merged(replace(FIGURE, at_total=D(100)), later)]) == ()
    other = replace(FIGURE, predicted=D(80), posted=D(90))
    assert merged(replace(FIGURE, at_total=D(100)), other).predicted == D(80)


def test_a_second_total_is_predicted_anew() -> None:
    again = replace(FIGURE, predicted=D(60), at_total=D(60))
    assert merged(replace(FIGURE, at_total=D(100)), again) == again


# ---- posted ---------------------------------------------------------------------------------------------------------


def offer(code: str, value: str, kind: str) -> Offer:
    return Offer(f"T-{code}", "", True, code, benefits=(Benefit(ZERO, kind, D(value)),))


def picked(code: str, minute: int) -> Grant:
    row = grant_of("R", "AP0004")
    return replace(row, coupon_code=code, offer_no=f"T-{code}", status=GrantStatus.APPLIED,
                   picked_at=NOON.replace(minute=minute))  # fmt: skip


def posted(*discounts: PostedDiscount, amount: str) -> PostedSale:
    line = JournalLine(10000, "Item", "A", quantity=D(1), price=D(100), amount=D(amount))
    return PostedSale(
        "R", "S0001", "P0001", 1, "M1", "101", False, False, "", NOON, "g", line.amount, (line,), discounts
    )  # fmt: skip


def situation(sale: PostedSale, *grants: Grant, offers: tuple[Offer, ...]) -> Situation:
    row = Sale("R", "g", "S0001", "P0001", "101", "M1", SaleState.POSTED, "", "", NOON, 1)
    return Situation(Snapshot("C", row, None, sale, grants=grants), NOON, StoreSettings("S0001"), offers=offers)


def share(code: str, amount: str) -> PostedDiscount:
    return PostedDiscount(f"T-{code}", D(amount), {10000: D(amount)})


HALF, TEN = offer("A", "50", "percent"), offer("B", "10", "amount")


@pytest.mark.parametrize(
    ("first", "amounts", "left"), [("A", ("50", "10"), "40"), ("B", ("45", "10"), "45")]
)  # fmt: skip
def test_the_order_of_the_picks_is_that_of_the_grants(first: str, amounts: tuple[str, str], left: str) -> None:
    grants = [picked("A", 1 if first == "A" else 9), picked("B", 5)]
    sale = posted(share("A", amounts[0]), share("B", amounts[1]), amount=left)
    assert compare(figures_of(situation(sale, *grants, offers=(HALF, TEN)))) == ()
    wrong = [picked("A", 9 if first == "A" else 1), picked("B", 5)]
    assert len(compare(figures_of(situation(sale, *wrong, offers=(HALF, TEN))))) == 1


def test_where_the_order_is_not_known_one_that_explains_the_amounts_will_do() -> None:
    for amounts, left in ((("50", "10"), "40"), (("45", "10"), "45")):
        sale = posted(share("A", amounts[0]), share("B", amounts[1]), amount=left)
        assert compare(figures_of(situation(sale, offers=(HALF, TEN)))) == ()
    sale = posted(share("A", "47"), share("B", "10"), amount="43")
    assert len(compare(figures_of(situation(sale, offers=(HALF, TEN))))) == 1


def test_a_pick_that_nav_left_out_is_reported() -> None:
    sale = posted(share("B", "10"), amount="90")
    texts = compare(figures_of(situation(sale, picked("A", 1), picked("B", 2), offers=(HALF, TEN))))
    assert texts == ("A: posted with 0.00, 50.00 was predicted",)


@pytest.mark.parametrize("change", [{"voided": True}, {"is_return": True}])
def test_voided_sales_and_returns_are_not_compared(change: dict[str, bool]) -> None:
    sale = replace(posted(share("B", "3"), amount="97"), **change)  # type: ignore[arg-type]
    assert figures_of(situation(sale, offers=(TEN,))) == ()


def test_offers_that_are_unknown_are_left_out() -> None:
    assert figures_of(situation(posted(share("X", "3"), amount="97"), offers=(TEN,))) == ()


# ---- returns --------------------------------------------------------------------------------------------------------


def lines(*rows: tuple[str, str, str]) -> PostedSale:
    made = tuple(
        JournalLine(n * 10000, "Item", item, quantity=D(quantity), amount=D(amount))
        for n, (item, quantity, amount) in enumerate(rows, start=1)
    )
    return replace(posted(amount="0"), lines=made)


@pytest.mark.parametrize(
    ("sold", "back", "said"),
    [
        ([("A", "3", "10.00")], [("A", "-3", "-10.00")], 0),
        ([("A", "3", "10.00")], [("A", "-1", "-3.33")], 0),
        ([("A", "3", "10.00")], [("A", "-1", "-3.34")], 1),
        ([("A", "1", "5"), ("A", "1", "5")], [("A", "-1", "-5")], 0),
        ([("A", "1", "5"), ("A", "1", "4")], [("A", "-1", "-4")], 0),
        ([("A", "1", "5"), ("A", "1", "4")], [("A", "-2", "-9")], 0),
        ([("A", "1", "5"), ("A", "1", "4")], [("A", "-2", "-10")], 1),
        ([("A", "1", "5"), ("B", "1", "7")], [("B", "-1", "-7")], 0),
        ([("A", "1", "5")], [("B", "-1", "-7")], 0),
        ([("A", "1", "5")], [("A", "-2", "-10")], 0),
    ],
)
def test_a_return_gives_back_the_frozen_amount(
    sold: list[tuple[str, str, str]], back: list[tuple[str, str, str]], said: int
) -> None:
    assert len(return_differences(lines(*sold), lines(*back))) == said
