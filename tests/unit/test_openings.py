"""Which claims are opened, which lines nobody picked, and what a balance covers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from navplugin.core.model import End, GrantStatus, Points
from navplugin.openings import claim_for, may_hold, openings, taken_since, typed_lines
from tests.support_claims import a_claim, a_grant, an_open_sale

ENOUGH = Decimal(10_000)


# ---- openings --------------------------------------------------------------------------------------------------------


def test_a_pick_that_was_released_is_opened_again_unless_aiq_refused_it() -> None:
    """Else the cashier would be told the same no at every total."""
    sale = an_open_sale(a_grant())
    released = a_claim(end=End.RELEASED)
    assert [o.claim.generation for o in openings(sale, [released])] == [2]
    assert openings(sale, [a_claim(end=End.RELEASED, told=True)]) == ()


@pytest.mark.parametrize("end", [e for e in End if e is not End.RELEASED])
def test_a_pick_with_a_claim_that_is_not_released_opens_no_second_one(end: End) -> None:
    assert openings(an_open_sale(a_grant()), [a_claim(end=end)]) == ()


def test_a_claim_is_for_the_member_of_the_grant_not_for_who_is_on_the_sale_now() -> None:
    """The card on the sale may have changed between the grant and this round: the points are those that were shown."""
    sale = an_open_sale(a_grant(member_ref="M1"), member_card_no="M2")
    assert claim_for(sale, sale.grants[0], None).member_card_no == "M1"


# ---- lines that nobody picked ----------------------------------------------------------------------------------------


def test_a_line_whose_claim_is_under_way_was_not_typed() -> None:
    """The pick is withdrawn and the line has not left yet: that line is the machine's to remove."""
    sale = an_open_sale(a_grant(status=GrantStatus.GRANTED))
    assert typed_lines(sale, [a_claim()], mapped=["AP0004"]) == ()
    assert typed_lines(sale, [], mapped=["AP0004"]) == ("AP0004",)
    assert typed_lines(sale, [a_claim(end=End.RELEASED)], mapped=["AP0004"]) == ("AP0004",)


def test_a_coupon_that_aiq_does_not_know_is_left_alone() -> None:
    assert typed_lines(an_open_sale(coupons=["STORE10"]), [], mapped=["AP0004"]) == ()


# ---- holds -----------------------------------------------------------------------------------------------------------


def test_a_discount_for_a_single_use_is_promised_to_one_sale_at_a_time() -> None:
    other = a_claim(receipt_no="R2")
    assert may_hold(ENOUGH, [other], a_claim(reusable=False)) == "This discount is in use on another sale."
    assert may_hold(ENOUGH, [other], a_claim(reusable=True)) == ""
    assert may_hold(ENOUGH, [a_claim(receipt_no="R2", discount_id="d1")], a_claim(reusable=False)) == ""


def test_a_discount_for_a_single_use_that_was_just_taken_is_not_promised_again() -> None:
    """The balance at hand was read before it was taken: AIQ's wallet would no longer show the discount."""
    taken = a_claim(receipt_no="R2", points=Points.YES, end=End.SETTLED, taken_position=7)
    before, after = 6, 7
    assert may_hold(ENOUGH, [taken], a_claim(reusable=False), before) == "This discount is in use on another sale."
    assert may_hold(ENOUGH, [taken], a_claim(reusable=False), after) == ""


def test_points_that_were_taken_after_the_balance_was_read_are_missing_in_it() -> None:
    taken = a_claim(receipt_no="R2", points=Points.YES, end=End.SETTLED, taken_position=7)
    assert may_hold(Decimal(999), [taken], a_claim(), 6) == "Not enough points: another sale holds them."
    assert may_hold(Decimal(1000), [taken], a_claim(), 6) == ""
    assert may_hold(Decimal(500), [taken], a_claim(), 7) == ""
    assert may_hold(Decimal(500), [taken], a_claim()) == ""


def test_what_was_taken_and_went_back_is_missing_in_no_balance() -> None:
    back = a_claim(receipt_no="R2", points=Points.NO, end=End.RELEASED, taken_position=7)
    assert taken_since([back], 6) == []
    taken = a_claim(receipt_no="R2", points=Points.YES, taken_position=7)
    assert taken_since([back, taken], 6) == [taken]
    assert taken_since([taken], None) == []


def test_a_suspect_claim_whose_call_is_unknown_holds_its_points() -> None:
    suspect = a_claim(receipt_no="R2", points=Points.SENT, end=End.SUSPECT)
    assert may_hold(Decimal(999), [suspect], a_claim()) != ""
    assert may_hold(Decimal(1000), [suspect], a_claim()) == ""
    assert may_hold(Decimal(500), [replace(suspect, resolved="manager: not taken")], a_claim()) == ""


def test_other_members_and_the_claim_itself_hold_nothing_against_it() -> None:
    assert may_hold(Decimal(500), [a_claim(receipt_no="R2", member_card_no="M2"), a_claim()], a_claim()) == ""


def test_with_hidden_points_one_claim_at_a_time_is_promised() -> None:
    other = a_claim(receipt_no="R2")
    assert may_hold(None, [other], a_claim()) == "Another wallet discount of this member is under way."
    assert may_hold(None, [], a_claim()) == ""
    assert may_hold(None, [replace(other, end=End.RELEASED)], a_claim()) == ""
    taken = a_claim(receipt_no="R2", points=Points.YES, taken_position=7)
    assert may_hold(None, [taken], a_claim(), 6) == "", "its points are gone already"
