"""The goal table and the moves where nothing is in doubt (design.md 6), one row after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from navplugin.claims import MAY_MOVE, Goal, Move, Policy, View, is_given_back
from navplugin.core.model import Claim, End, Points, SaleState
from tests.support_claims import NOW, PROBE, a_claim, a_view, goal, move, sent

POSTED = Policy()
TOTAL = replace(PROBE, redeem_at="total")
SELECT = replace(PROBE, redeem_at="select")
TAKEN = a_claim(points=Points.YES)
OPEN_STATES = (SaleState.SALES, SaleState.PAYMENT)


def hidden(state: SaleState = SaleState.SALES, **more: Any) -> View:
    return a_view(state, readable=False, line=False, **more)


# ---- goals -----------------------------------------------------------------------------------------------------------


def test_a_voided_sale_gives_back_also_where_nothing_of_it_can_be_read() -> None:
    assert goal(a_claim(), a_view(SaleState.VOIDED)) is Goal.GIVE
    assert goal(a_claim(), hidden(SaleState.VOIDED)) is Goal.GIVE


@pytest.mark.parametrize("state", [*OPEN_STATES, SaleState.POSTED])
def test_a_sale_that_cannot_be_read_waits(state: SaleState) -> None:
    assert goal(a_claim(), hidden(state)) is Goal.WAIT


def test_a_suspended_sale_waits_for_its_longest_time() -> None:
    since = NOW - PROBE.suspend_max
    assert goal(a_claim(), a_view(SaleState.SUSPENDED, since=since)) is Goal.WAIT
    assert goal(a_claim(), a_view(SaleState.SUSPENDED, since=since - timedelta(seconds=1))) is Goal.GIVE
    assert goal(a_claim(), a_view(SaleState.SUSPENDED)) is Goal.WAIT


def test_a_posted_sale_takes_what_it_gave() -> None:
    posted = a_view(SaleState.POSTED)
    assert goal(a_claim(), posted) is Goal.TAKE
    assert goal(a_claim(), replace(posted, pick=False)) is Goal.TAKE
    assert goal(a_claim(), replace(posted, line=False)) is Goal.GIVE
    assert goal(a_claim(), replace(posted, disagrees="posted without the member")) is Goal.ASK
    assert goal(a_claim(), replace(posted, returned="full")) is Goal.GIVE
    assert goal(a_claim(), replace(posted, returned="part")) is Goal.TAKE
    assert goal(a_claim(), replace(posted, returned="full", disagrees="posted without the member")) is Goal.GIVE


@pytest.mark.parametrize("state", OPEN_STATES)
@pytest.mark.parametrize(
    ("claim", "view"),
    [
        (a_claim(), {"pick": False}),
        (a_claim(), {"withheld": "a rule"}),
        (a_claim(line_seen=True), {"line": False}),
        (a_claim(told=True), {}),
    ],
    ids=["picked no more", "withheld", "removed by the cashier", "refused before"],
)  # fmt: skip
@pytest.mark.parametrize("policy", [PROBE, TOTAL, SELECT])
def test_on_an_open_sale_what_must_not_stand_is_given_back(
    state: SaleState, claim: Claim, view: dict[str, Any], policy: Policy
) -> None:
    assert goal(claim, a_view(state, **view), policy) is Goal.GIVE
    assert goal(a_claim(line_seen=True), a_view(state), policy) is not Goal.GIVE
    assert goal(a_claim(), a_view(state, line=False), policy) is not Goal.GIVE


@pytest.mark.parametrize(
    ("policy", "sales", "payment"),
    [(PROBE, Goal.KEEP, Goal.KEEP), (TOTAL, Goal.KEEP, Goal.TAKE), (SELECT, Goal.TAKE, Goal.TAKE)],
    ids=["posted", "total", "select"],
)  # fmt: skip
def test_points_are_taken_at_the_moment_that_the_store_says(policy: Policy, sales: Goal, payment: Goal) -> None:
    assert goal(a_claim(), a_view(SaleState.SALES), policy) is sales
    assert goal(a_claim(), a_view(SaleState.PAYMENT), policy) is payment


@pytest.mark.parametrize(("full", "part"), [("give", "leave"), ("leave", "give")])
def test_a_return_gives_back_by_its_own_setting(full: str, part: str) -> None:
    policy = Policy(full_return=full, part_return=part)
    assert is_given_back("full", policy) is (full == "give")
    assert is_given_back("part", policy) is (part == "give")
    assert not is_given_back("", policy)


def test_the_careful_settings_are_the_usual_ones() -> None:
    assert (POSTED.redeem_at, POSTED.lookup, POSTED.refund, POSTED.owed) == ("posted", "blind", "manual", "person")
    assert is_given_back("full", POSTED)
    assert not is_given_back("part", POSTED)


# ---- moves on an open sale -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", OPEN_STATES)
def test_a_line_leaves_before_points_go_back(state: SaleState) -> None:
    """Else the customer would have both, if the worker dies between the two."""
    for claim in (a_claim(), TAKEN, sent(a_claim())):
        assert move(claim, a_view(state, pick=False)) is Move.REMOVE_LINE
    assert move(TAKEN, a_view(state, pick=False, line=False)) is Move.REFUND
    assert move(a_claim(), a_view(state, pick=False, line=False)) is Move.RELEASE
    assert move(sent(a_claim()), a_view(state, pick=False, line=False)) is Move.LOOK


def test_off_the_till_no_line_can_be_removed() -> None:
    assert move(TAKEN, a_view(SaleState.VOIDED)) is Move.REFUND
    assert move(TAKEN, a_view(SaleState.POSTED, returned="full")) is Move.REFUND


def test_a_pick_gets_its_line_and_keeps_it() -> None:
    assert move(a_claim(), a_view()) is Move.NOTHING
    assert move(a_claim(), a_view(line=False)) is Move.PUT_LINE


def test_at_total_points_are_taken_for_a_line_that_is_there() -> None:
    assert move(a_claim(), a_view(SaleState.PAYMENT), TOTAL) is Move.REDEEM
    assert move(a_claim(), a_view(SaleState.PAYMENT, line=False), TOTAL) is Move.PUT_LINE


def test_at_select_points_are_taken_before_the_line_comes() -> None:
    assert move(a_claim(), a_view(line=False), SELECT) is Move.REDEEM
    assert move(TAKEN, a_view(line=False), SELECT) is Move.PUT_LINE
    assert move(TAKEN, a_view(), SELECT) is Move.NOTHING


@pytest.mark.parametrize("policy", [TOTAL, SELECT])
def test_a_refusal_is_told_while_the_cashier_can_still_act(policy: Policy) -> None:
    assert move(a_claim(points=Points.REFUSED), a_view(SaleState.PAYMENT), policy) is Move.TELL


# ---- moves on a sale that is over ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "wanted"), [(Points.NO, Move.REDEEM), (Points.YES, Move.SETTLE), (Points.REFUSED, Move.OWE)]
)
@pytest.mark.parametrize("policy", [PROBE, TOTAL, SELECT])
def test_a_posted_sale_is_settled_or_owed(points: Points, wanted: Move, policy: Policy) -> None:
    assert move(a_claim(points=points), a_view(SaleState.POSTED), policy) is wanted


@pytest.mark.parametrize("points", [Points.NO, Points.REFUSED])
def test_a_voided_sale_whose_points_are_not_taken_is_released(points: Points) -> None:
    assert move(a_claim(points=points), a_view(SaleState.VOIDED)) is Move.RELEASE


@pytest.mark.parametrize("end", End)
def test_what_is_over_moves_only_to_give_back(end: End) -> None:
    taken = replace(TAKEN, end=end)
    assert move(taken, a_view(SaleState.VOIDED)) is (Move.REFUND if end in MAY_MOVE else Move.NOTHING)
    posted = move(taken, a_view(SaleState.POSTED))
    assert posted is (Move.SETTLE if end is End.OPEN else Move.NOTHING)


def test_a_debt_ends_with_the_sale() -> None:
    owed = a_claim(points=Points.REFUSED, end=End.OWED)
    assert move(owed, a_view(SaleState.VOIDED)) is Move.RELEASE
    assert move(owed, a_view(SaleState.POSTED)) is Move.NOTHING


def test_a_sale_that_vanished_is_a_persons_a_suspended_one_is_not() -> None:
    long_ago = NOW - PROBE.vanish_max - timedelta(seconds=1)
    assert move(a_claim(), hidden(since=long_ago)) is Move.SUSPECT
    assert move(a_claim(), a_view(SaleState.SUSPENDED, readable=False, since=long_ago)) is Move.NOTHING
    assert move(a_claim(), hidden()) is Move.NOTHING


def test_a_free_discount_is_released_without_a_call() -> None:
    free = replace(TAKEN, points_cost=Decimal(0))
    assert move(free, a_view(SaleState.VOIDED)) is Move.RELEASE
    assert move(replace(TAKEN, points_cost=Decimal("0.01")), a_view(SaleState.VOIDED)) is Move.REFUND
