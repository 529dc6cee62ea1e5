"""The money machine's table (design.md 6), row by row where the enumeration alone would not notice a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from navplugin.claims import Goal, Move, Policy, mark_answer, mark_given_back, mark_taken
from navplugin.core.model import End, Points, SaleState
from tests.support_claims import NOW, PROBE, a_claim, a_view, goal, move, sent

TOTAL = replace(PROBE, redeem_at="total")
ADJUST = replace(PROBE, owed="adjust")
POSTED = a_view(SaleState.POSTED)


# ---- goals ---------------------------------------------------------------------------------------------------------


def test_at_total_points_that_are_taken_stay_taken_when_the_cashier_goes_back() -> None:
    """The moves of KEEP and TAKE are the same here (line: nothing, no line: put it): only the goal can differ."""
    taken = a_claim(points=Points.YES)
    assert goal(taken, a_view(SaleState.SALES), TOTAL) is Goal.TAKE
    assert goal(a_claim(), a_view(SaleState.SALES), TOTAL) is Goal.KEEP
    for line, wanted in ((True, Move.NOTHING), (False, Move.PUT_LINE)):
        assert move(taken, a_view(SaleState.SALES, line=line), TOTAL) is wanted


# ---- what was given back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "state"), [(PROBE, SaleState.SALES), (TOTAL, SaleState.PAYMENT)])
def test_what_was_given_back_ends_before_a_pick_that_stands_is_served(policy: Policy, state: SaleState) -> None:
    """A new claim has a key of its own; the old key in a second call would be the same call again for AIQ."""
    back = a_claim(points=Points.NO, given_back="endpoint")
    assert move(back, a_view(state), policy) is Move.RELEASE
    assert move(a_claim(), a_view(state), policy) is not Move.RELEASE


def test_points_that_were_taken_again_after_a_refund_do_not_release_the_claim() -> None:
    again = a_claim(points=Points.YES, given_back="endpoint")
    assert move(again, a_view(SaleState.PAYMENT), TOTAL) is Move.NOTHING


# ---- asking ----------------------------------------------------------------------------------------------------------


def test_a_posted_sale_that_disagrees_is_looked_up_before_a_person_is_asked() -> None:
    differs = a_view(SaleState.POSTED, disagrees="posted without the member")
    assert move(a_claim(points=Points.SENT), differs) is Move.LOOK
    assert move(a_claim(points=Points.NO), differs) is Move.SUSPECT
    assert move(a_claim(points=Points.YES), differs) is Move.SUSPECT


# ---- owed ------------------------------------------------------------------------------------------------------------


def test_points_that_aiq_refused_are_collected_once_and_then_owed() -> None:
    refused = a_claim(points=Points.REFUSED)
    assert move(refused, POSTED, ADJUST) is Move.COLLECT
    assert move(replace(refused, collect="refused"), POSTED, ADJUST) is Move.OWE
    assert move(refused, POSTED, PROBE) is Move.OWE


def test_a_discount_without_a_price_is_owed_not_collected() -> None:
    assert move(a_claim(points=Points.REFUSED, points_cost=a_claim().points_cost * 0), POSTED, ADJUST) is Move.OWE


# ---- rows after a call -----------------------------------------------------------------------------------------------


def test_points_that_were_taken_keep_the_time_at_which_they_were_taken() -> None:
    earlier = NOW - timedelta(hours=1)
    assert mark_taken(a_claim(taken_at=earlier), NOW).taken_at == earlier
    assert mark_taken(a_claim(), NOW).taken_at == NOW


def test_points_that_are_taken_again_are_no_longer_noted_as_given_back() -> None:
    assert mark_taken(a_claim(given_back="endpoint"), NOW).given_back == ""


@pytest.mark.parametrize(("before", "after"), [("sent", "done"), ("", ""), ("refused", "refused")])
def test_a_collection_that_was_under_way_is_done_when_the_points_are_taken(before: str, after: str) -> None:
    assert mark_taken(a_claim(collect=before), NOW).collect == after


@pytest.mark.parametrize("end", [End.OPEN, End.SETTLED, End.OWED])
def test_a_claim_is_open_while_a_call_of_it_is_under_way(end: End) -> None:
    """Else nobody would look for the answer after a restart: only open claims are due."""
    refund = sent(a_claim(points=Points.YES, end=end), refunding=True)
    assert (refund.end, refund.points, refund.refunding) == (End.OPEN, Points.SENT, True)


def test_after_an_answer_no_refund_is_under_way() -> None:
    refund = sent(a_claim(points=Points.YES), refunding=True)
    assert not mark_answer(refund, Points.YES, reason="no").refunding
    assert not mark_given_back(refund, "adjust").refunding
    assert not mark_taken(refund, NOW).refunding


@pytest.mark.parametrize("how", ["endpoint", "adjust", "hand"])
def test_what_went_back_says_how_and_keeps_aiqs_number(how: str) -> None:
    back = mark_given_back(sent(a_claim(points=Points.YES, redemption_id="r1"), refunding=True), how)
    assert (back.points, back.given_back, back.redemption_id) == (Points.NO, how, "r1")
