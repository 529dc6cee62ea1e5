"""What the machine does about a claim of which it does not know where its points are: `sent`, or in doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from navplugin.claims import Move, Policy, View, believe_nav, next_move, said_by_nav
from navplugin.core.model import Claim, End, Points, SaleState
from tests.support_claims import NOW, PROBE, a_claim, a_grant, a_view, sent

BLIND = replace(PROBE, lookup="blind")
KEYED = replace(PROBE, lookup="keyed")
BY_ADJUSTMENT = replace(PROBE, refund="adjust")
LONG = PROBE.unknown_max.total_seconds()
"""The last second in which signs are still looked for."""
GRACE = PROBE.grace.total_seconds()
DOUBTFUL = a_claim(doubtful=True)


def posted(says: str | None = None, key: str = DOUBTFUL.key) -> View:
    """A posted sale with its discount; says: what its row says of the points under this key, None: there is no row."""
    return a_view(SaleState.POSTED, grant=None if says is None else a_grant(points=says, redemption_id=key))


def voided(says: str | None = None) -> View:
    """The same, voided."""
    return replace(posted(says), state=SaleState.VOIDED)


def move(claim: Claim, view: View, policy: Policy = PROBE, *, waited: float = 0.0, looked: float = 0.0) -> Move:
    return next_move(claim, view, policy, NOW, waited=waited, looked=looked)


# ---- what NAV's row says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "known"), [("Taken", Points.YES), ("Given Back", Points.NO), ("Refused", None), ("", None)]
)
def test_navs_row_tells_where_the_points_are_under_the_claims_own_key_only(says: str, known: Points | None) -> None:
    assert said_by_nav(DOUBTFUL, a_grant(points=says, redemption_id=DOUBTFUL.key)) is known
    assert said_by_nav(DOUBTFUL, a_grant(points=says, redemption_id=replace(DOUBTFUL, generation=2).key)) is None
    assert said_by_nav(DOUBTFUL, None) is None
    before = replace(DOUBTFUL, company="The name of before").key
    assert said_by_nav(DOUBTFUL, a_grant(points=says, redemption_id=before)) is known


@pytest.mark.parametrize(("refund", "how"), [("endpoint", "endpoint"), ("adjust", "adjust"), ("manual", "hand")])
def test_what_nav_says_went_back_went_by_the_stores_own_way(refund: str, how: str) -> None:
    """The claim is open again: what follows depends on the sale."""
    settled = a_claim(points=Points.YES, end=End.SETTLED, doubtful=True)
    back = believe_nav(settled, a_grant(points="Given Back", redemption_id=settled.key), refund, NOW)
    assert (back.points, back.given_back, back.end, back.doubtful) == (Points.NO, how, End.OPEN, False)


def test_what_nav_says_is_taken_is_taken() -> None:
    after = believe_nav(DOUBTFUL, a_grant(points="Taken", redemption_id=DOUBTFUL.key), "endpoint", NOW)
    assert (after.points, after.taken_at, after.doubtful, after.given_back) == (Points.YES, NOW, False, "")


# ---- in doubt --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [Points.NO, Points.YES, Points.REFUSED])
@pytest.mark.parametrize("view", [posted(), posted("Taken"), voided(), voided("Taken")])
def test_in_doubt_aiq_is_asked_before_anything_moves(points: Points, view: View) -> None:
    claim = replace(DOUBTFUL, points=points)
    assert move(claim, view) is Move.LOOK
    assert move(claim, view, looked=LONG) is Move.LOOK


def test_in_doubt_that_points_went_back_is_believed_of_nav_at_any_time() -> None:
    for view, looked in ((posted("Given Back"), 0.0), (voided("Given Back"), 0.0), (posted("Given Back"), LONG + 1)):
        assert move(DOUBTFUL, view, looked=looked) is Move.BELIEVE_NAV
    assert move(DOUBTFUL, posted("Given Back"), BLIND) is Move.BELIEVE_NAV


@pytest.mark.parametrize(
    ("view", "then"),
    [(posted("Taken"), Move.BELIEVE_NAV), (posted(), Move.SUSPECT), (posted(""), Move.SUSPECT),
     (posted("Taken", key="C/S0001/R1/g/AP0004/2"), Move.SUSPECT), (voided("Taken"), Move.SUSPECT),
     (voided(), Move.SUSPECT)],
)  # fmt: skip
def test_in_doubt_that_points_are_taken_is_believed_of_nav_only_where_they_should_be(view: View, then: Move) -> None:
    """Where AIQ cannot tell: after the time for signs, without a look-up, and where points go back by adjustments."""
    assert move(DOUBTFUL, view, looked=LONG + 1) is then
    assert move(DOUBTFUL, view, BLIND) is then
    assert move(DOUBTFUL, view, BY_ADJUSTMENT) is then
    assert move(replace(DOUBTFUL, collect="done"), view) is then


def test_on_an_open_sale_a_doubt_is_looked_up_while_the_cashier_can_still_be_told() -> None:
    open_sale = a_view(SaleState.SALES)
    assert move(DOUBTFUL, open_sale, looked=LONG) is Move.LOOK
    assert move(DOUBTFUL, open_sale, looked=LONG + 1) is Move.NOTHING
    assert move(DOUBTFUL, open_sale, BLIND) is Move.NOTHING
    assert move(DOUBTFUL, open_sale, BY_ADJUSTMENT) is Move.NOTHING
    assert move(a_claim(), open_sale) is Move.NOTHING


def test_on_an_open_sale_a_line_that_is_missing_is_put_once_the_doubt_cannot_be_resolved() -> None:
    no_line = a_view(SaleState.SALES, line=False)
    assert move(DOUBTFUL, no_line) is Move.LOOK
    assert move(DOUBTFUL, no_line, BLIND) is Move.PUT_LINE


# ---- over, and in doubt again ----------------------------------------------------------------------------------------

SETTLED = a_claim(points=Points.YES, end=End.SETTLED, doubtful=True)


def test_a_settled_sale_in_doubt_is_looked_up_once_more() -> None:
    assert move(SETTLED, posted()) is Move.LOOK
    assert move(SETTLED, posted("Taken")) is Move.LOOK
    assert move(SETTLED, posted("Given Back"), BLIND) is Move.BELIEVE_NAV
    assert move(replace(SETTLED, doubtful=False), posted()) is Move.NOTHING


@pytest.mark.parametrize("says", ["Taken", None])
def test_a_settled_sale_stays_settled_where_nothing_speaks_against_it(says: str | None) -> None:
    assert move(SETTLED, posted(says), BLIND) is Move.NOTHING
    assert move(SETTLED, posted(says), looked=LONG + 1) is Move.NOTHING


@pytest.mark.parametrize("end", [End.OWED, End.RELEASED, End.SUSPECT])
def test_another_end_is_not_opened_by_a_doubt(end: End) -> None:
    assert move(replace(SETTLED, end=end), posted("Given Back")) is Move.NOTHING


def test_a_settled_sale_in_doubt_that_disagrees_is_left_alone() -> None:
    assert move(SETTLED, replace(posted(), disagrees="posted without the member")) is Move.NOTHING


def test_a_settled_sale_in_doubt_that_is_voided_is_looked_up_before_points_go_back() -> None:
    assert move(SETTLED, voided()) is Move.LOOK
    assert move(replace(SETTLED, doubtful=False), voided()) is Move.REFUND


# ---- sent ------------------------------------------------------------------------------------------------------------


def test_what_was_sent_is_looked_up_until_the_time_for_signs_is_over() -> None:
    claim = sent(a_claim())
    for view in (posted(), voided()):
        assert move(claim, view) is Move.LOOK
        assert move(claim, view, waited=LONG * 2, looked=LONG) is Move.LOOK
        assert move(claim, view, looked=LONG + 1) is Move.SUSPECT


def test_what_was_sent_is_looked_up_also_where_it_is_in_doubt() -> None:
    """NAV's row is from before that call: it cannot say what became of it."""
    claim = sent(replace(DOUBTFUL, points=Points.YES), refunding=True)
    assert move(claim, voided("Given Back")) is Move.LOOK


@pytest.mark.parametrize(
    ("claim", "policy"),
    [(sent(a_claim()), BLIND), (sent(a_claim(), collect="sent"), PROBE),
     (sent(a_claim(), refunding=True), BY_ADJUSTMENT), (sent(a_claim(collect="done"), refunding=True), PROBE)],
    ids=["without a look-up", "a collection", "a refund by adjustment", "a refund of a collection"],
)  # fmt: skip
def test_what_cannot_be_looked_up_waits_for_the_grace_and_is_then_a_persons(claim: Claim, policy: Policy) -> None:
    """The answer may still come to whoever sent the call."""
    assert move(claim, posted(), policy, waited=GRACE - 0.1) is Move.NOTHING
    assert move(claim, posted(), policy, waited=GRACE) is Move.SUSPECT


def test_a_redemption_can_be_looked_up_also_where_points_go_back_by_adjustments() -> None:
    assert move(sent(a_claim()), posted(), BY_ADJUSTMENT) is Move.LOOK
    assert move(sent(a_claim(), refunding=True), posted()) is Move.LOOK


def test_with_keys_the_same_call_is_sent_again_only_to_take() -> None:
    assert move(sent(a_claim()), posted(), KEYED) is Move.REDEEM
    assert move(sent(a_claim()), voided(), KEYED) is Move.LOOK
    assert move(sent(a_claim(), refunding=True), posted(), KEYED) is Move.LOOK


# ---- what follows where all is known ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("refund", "lookup", "wanted"), [
    ("endpoint", "probe", Move.REFUND), ("adjust", "probe", Move.REFUND), ("endpoint", "keyed", Move.REFUND),
    ("manual", "probe", Move.SUSPECT), ("endpoint", "blind", Move.SUSPECT),
])  # fmt: skip
def test_points_go_back_by_a_call_only_where_its_outcome_can_be_found_out(
    refund: str, lookup: str, wanted: Move
) -> None:
    taken = a_claim(points=Points.YES)
    assert move(taken, voided(), Policy(refund=refund, lookup=lookup)) is wanted
    assert move(replace(taken, points_cost=Decimal(0)), voided(), Policy(refund=refund, lookup=lookup)) is Move.RELEASE


def test_a_sale_that_nav_does_not_show_is_a_persons_after_the_longest_time_only() -> None:
    for after, wanted in ((PROBE.vanish_max, Move.NOTHING), (PROBE.vanish_max + timedelta(seconds=1), Move.SUSPECT)):
        hidden = a_view(SaleState.SALES, readable=False, since=NOW - after)
        assert move(a_claim(), hidden) is wanted
    assert move(a_claim(), a_view(SaleState.SALES, readable=False)) is Move.NOTHING


def test_a_suspended_sale_is_released_after_the_longest_time_only() -> None:
    for after, wanted in ((PROBE.suspend_max, Move.NOTHING), (PROBE.suspend_max + timedelta(seconds=1), Move.RELEASE)):
        assert move(a_claim(), a_view(SaleState.SUSPENDED, since=NOW - after)) is wanted
    assert move(a_claim(), a_view(SaleState.SUSPENDED)) is Move.NOTHING
