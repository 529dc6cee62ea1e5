"""The sales of one member: whose offers are out of date, what the till must not be told yet, and whose turn it is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from navplugin.core.model import Effect, GrantStatus, Op, SaleState, Snapshot
from navplugin.open_sales import MemberTurns, OpenSales
from navplugin.reconcile import GRANTS, SALE
from tests.support_claims import a_grant, a_posted_sale, a_sale, an_open_sale

TAKEN = Effect(Op.UPDATE, GRANTS, ("R9", "AP0004"), {"Points": "Taken"})
OTHERS = [Effect(Op.UPDATE, GRANTS, ("R9", "AP0004"), {"Points": "Refused"}), Effect(Op.UPDATE, SALE, ("R9",), {})]
POSTED = a_sale(SaleState.POSTED, receipt_no="R9")


def seen(*receipts: str, card: str = "M1") -> OpenSales:
    sales = OpenSales()
    for receipt in receipts:
        sales.see(a_sale(receipt_no=receipt, member_card_no=card))
    return sales


# ---- out of date -----------------------------------------------------------------------------------------------------


def test_when_points_move_the_members_other_open_sales_are_served_again() -> None:
    sales = seen("R1", "R2", "R3")
    sales.see(a_sale(receipt_no="R4", member_card_no="M2"))
    assert sales.spent("R1", ["M1"]) == {"R2", "R3"}
    assert sales.spent("R1", iter(["M1", "M2"])) == {"R2", "R3", "R4"}
    assert sales.spent("R1", []) == set()


@pytest.mark.parametrize("gone", [{"state": SaleState.POSTED}, {"state": SaleState.SUSPENDED}, {"member_card_no": ""}])
def test_a_sale_that_offers_nothing_is_not_served_again(gone: dict[str, object]) -> None:
    sales = seen("R1", "R2")
    sales.see(replace(a_sale(receipt_no="R2"), **gone))
    assert sales.spent("R1", ["M1", ""]) == set()


def test_until_every_till_of_the_member_is_renewed_none_is_told_that_points_are_taken() -> None:
    sales = seen("R1", "R2")
    assert sales.hold_back(POSTED, [TAKEN, *OTHERS]) == [TAKEN, *OTHERS]
    sales.spent("R9", ["M1"])
    assert sales.hold_back(POSTED, [TAKEN, *OTHERS]) == OTHERS
    sales.renewed("R1")
    assert sales.hold_back(POSTED, [TAKEN]) == []
    sales.renewed("R2")
    assert sales.hold_back(POSTED, [TAKEN]) == [TAKEN]


def test_a_sale_that_is_open_or_of_another_member_is_told_at_once() -> None:
    sales = seen("R1")
    sales.spent("R9", ["M1"])
    assert sales.hold_back(a_sale(receipt_no="R9"), [TAKEN]) == [TAKEN]
    assert sales.hold_back(replace(POSTED, member_card_no="M2"), [TAKEN]) == [TAKEN]


def test_a_till_whose_sale_is_over_is_not_waited_for() -> None:
    sales = seen("R1")
    sales.spent("R9", ["M1"])
    sales.forget("R1")
    sales.forget("R1")
    assert sales.hold_back(POSTED, [TAKEN]) == [TAKEN]


# ---- turns -----------------------------------------------------------------------------------------------------------


def picked(receipt: str, card: str = "M1", status: GrantStatus = GrantStatus.PICKED) -> Snapshot:
    return an_open_sale(a_grant(status=status), receipt_no=receipt, member_card_no=card)


def returned(receipt: str) -> Snapshot:
    sale = a_posted_sale(is_return=True)
    return replace(sale, sale=replace(sale.sale, receipt_no=receipt))


def served(turns: MemberTurns, *snapshots: Snapshot) -> list[str]:
    return [s.sale.receipt_no for s in turns.next_ones(snapshots)]


def test_sales_of_one_member_are_served_one_after_the_other() -> None:
    turns, sales = MemberTurns(), (picked("R1"), picked("R2"), picked("R3", "M2"))
    assert served(turns, *sales) == ["R1", "R3"]
    assert turns.waiting == {"R2"}
    assert served(turns, picked("R2")) == [], "the first one is still being served"
    turns.done("R1")
    assert served(turns, picked("R2"), picked("R4")) == ["R2"]
    assert turns.waiting == {"R4"}


def test_who_waited_comes_before_who_comes_later() -> None:
    turns = MemberTurns()
    served(turns, picked("R1"), picked("R2"))
    turns.done("R1")
    assert served(turns, picked("R1"), picked("R2")) == ["R2"]


def test_the_next_one_is_served_in_the_same_round_once_the_first_is_done() -> None:
    turns, order = MemberTurns(), []
    for snapshot in turns.next_ones([picked("R1"), picked("R2")]):
        order.append(snapshot.sale.receipt_no)
        turns.done(snapshot.sale.receipt_no)
    assert (order, turns.waiting) == (["R1", "R2"], set())


def test_returns_come_before_all() -> None:
    assert served(MemberTurns(), picked("R1", "M2"), returned("R7")) == ["R7", "R1"]


def test_sales_without_points_wait_for_nobody() -> None:
    plain = picked("R2", status=GrantStatus.GRANTED)
    sold = a_posted_sale(given="0")
    assert served(MemberTurns(), picked("R1"), plain) == ["R1", "R2"]
    assert len(served(MemberTurns(), picked("R0"), sold)) == 2
    assert sold.posted is not None
    assert sold.posted.gross_amount == Decimal(120)
    assert served(MemberTurns(), picked("R0"), a_posted_sale()) == ["R0"], "a posted discount is paid with points"


def test_sales_without_a_member_wait_for_nobody() -> None:
    assert served(MemberTurns(), picked("R1", ""), picked("R2", "")) == ["R1", "R2"]
