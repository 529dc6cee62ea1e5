"""What a look-up proves: only a positive sign proves, and "nothing is listed" needs a second one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from navplugin.claims import Signs, after_look, mark_answer, mark_end, mark_sent, mark_taken, mark_told
from navplugin.core.model import Claim, End, Points, Wallet
from navplugin.core.ports import Lookup, Redemption
from tests.support_claims import NOW, a_claim

WALLET = Wallet("c-M1", Decimal(1000), False, (), NOW, position=7)
SENT = mark_sent(a_claim(), NOW, wallet=WALLET)
"""500 points are called for, with 1000 before the call."""
REFUND = mark_sent(a_claim(points=Points.YES), NOW, refunding=True, wallet=replace(WALLET, points=Decimal(500)))
"""500 points go back, with 500 before the call."""
LATER = NOW + timedelta(minutes=2)


def listed(number: str = "r1", points: str | None = "500") -> Redemption:
    return Redemption("c-M1", "d4", "R1", None if points is None else Decimal(points), redemption_id=number)


def looked(
    claim: Claim, *live: Redemption, refunded: int = 0, foreign: bool = False, others_shown: bool = False,
    grown: bool | None = None, balance: int | None = None, spent: int = 0, **more: Any,
) -> Claim | None:  # fmt: skip
    """The claim after AIQ's listing and balance; None: nothing is proved."""
    found = Lookup(live, (listed(),) * refunded, (listed(),) if foreign else (), others_shown)
    shown = None if balance is None else Decimal(balance)
    grown = others_shown if grown is None else grown
    return after_look(claim, Signs(found, balance=shown, spent=Decimal(spent), grown=grown, **more), LATER)


def points(claim: Claim | None) -> Points | None:
    return claim.points if claim is not None else None


def test_a_listing_must_have_grown_but_for_what_a_lost_ledger_did() -> None:
    """A listing that stands still may be one that is late; a call of long ago stands in any listing."""
    assert looked(SENT, others_shown=True, grown=False) is None
    assert points(looked(SENT, grown=True)) is Points.NO
    doubtful = replace(SENT, doubtful=True)
    assert points(looked(doubtful, others_shown=True, grown=False)) is Points.NO
    assert looked(doubtful, grown=True) is None


# ---- found -----------------------------------------------------------------------------------------------------------


def test_a_redemption_that_is_listed_is_taken_with_aiqs_number_and_price() -> None:
    found = looked(SENT, listed("r7", "600"), past=False)
    assert found is not None
    assert (found.points, found.redemption_id, found.points_cost, found.taken_at) == (
        Points.YES, "r7", Decimal(600), LATER,
    )  # fmt: skip
    unpriced = looked(SENT, listed("r7", None))
    assert unpriced is not None
    assert unpriced.points_cost == Decimal(500)


def test_redemptions_of_other_claims_are_not_the_claims_own() -> None:
    mine = looked(SENT, listed("old"), listed("mine"), other_live=1)
    assert mine is not None
    assert (mine.points, mine.redemption_id) == (Points.YES, "mine")
    assert looked(SENT, listed("old"), other_live=1) is None
    assert points(looked(SENT, listed("old"), other_live=1, others_shown=True)) is Points.NO


def test_two_redemptions_for_one_discount_are_a_persons() -> None:
    both = looked(SENT, listed("a"), listed("b"))
    assert both is not None
    assert (both.end, both.points) == (End.SUSPECT, Points.SENT)
    assert both.reason == "AIQ lists 2 redemptions for one discount; give back what is too many"
    assert points(looked(SENT, listed("a"), listed("b"), other_live=1)) is Points.YES
    three = looked(REFUND, listed("a"), listed("b"), listed("c"), other_live=1)
    assert three is not None
    assert three.end is End.SUSPECT


def test_what_is_charged_to_another_person_proves_neither() -> None:
    assert looked(SENT, foreign=True, others_shown=True, balance=1000) is None
    assert looked(REFUND, foreign=True, refunded=1) is None
    assert points(looked(SENT, listed(), foreign=True)) is Points.YES


# ---- not found -------------------------------------------------------------------------------------------------------


def test_nothing_listed_proves_nothing_while_the_call_may_be_under_way() -> None:
    assert looked(SENT, others_shown=True, balance=1000, past=False) is None
    assert points(looked(SENT, others_shown=True, balance=1000)) is Points.NO


def test_nothing_listed_proves_nothing_without_a_second_sign() -> None:
    assert looked(SENT) is None
    assert points(looked(SENT, others_shown=True)) is Points.NO


@pytest.mark.parametrize(
    ("balance", "spent", "others_shown", "wanted"),
    [
        (1000, 0, False, Points.NO),  # it has not fallen
        (1100, 0, False, Points.NO),  # points came in
        (600, 400, False, Points.NO),  # another sale of the member took what is missing
        (599, 400, False, None),  # one point is missing, and nobody knows why
        (999, 0, True, None),  # whatever the listing shows
        (501, 0, True, None),
        (500, 0, True, None),  # exactly our points are gone: whatever the listing says
        (400, 0, True, None),
        (100, 400, True, None),
    ],
)  # fmt: skip
def test_the_balance_is_a_sign_for_or_against(
    balance: int, spent: int, others_shown: bool, wanted: Points | None
) -> None:
    assert points(looked(SENT, balance=balance, spent=spent, others_shown=others_shown)) is wanted


def test_a_balance_is_no_sign_where_that_before_the_call_is_not_known() -> None:
    hidden = replace(SENT, balance_before=None)
    assert looked(hidden, balance=1000) is None
    assert points(looked(hidden, balance=1000, others_shown=True)) is Points.NO


# ---- refunds ---------------------------------------------------------------------------------------------------------


def test_a_refund_that_is_listed_is_done() -> None:
    back = looked(REFUND, refunded=1, past=False)
    assert back is not None
    assert (back.points, back.given_back, back.end) == (Points.NO, "endpoint", End.OPEN)
    assert points(looked(REFUND, refunded=2, other_refunded=1)) is Points.NO
    assert looked(REFUND, refunded=1, other_refunded=1) is None


def test_a_redemption_that_is_no_longer_listed_is_not_yet_a_refund() -> None:
    """The listing may show nothing at all."""
    assert looked(REFUND) is None
    assert looked(REFUND, others_shown=True) is None


@pytest.mark.parametrize(
    ("balance", "spent", "wanted"), [(1000, 0, Points.NO), (999, 0, None), (900, 100, Points.NO), (1200, 0, Points.NO)]
)
def test_a_refund_is_seen_in_the_balance(balance: int, spent: int, wanted: Points | None) -> None:
    assert points(looked(REFUND, balance=balance, spent=spent)) is wanted
    assert looked(replace(REFUND, balance_before=None), balance=balance, spent=spent) is None


def test_a_redemption_that_is_still_listed_was_not_refunded_once_no_call_can_be_under_way() -> None:
    assert looked(REFUND, listed(), past=False) is None
    assert points(looked(REFUND, listed())) is Points.YES
    assert points(looked(REFUND, listed(), refunded=1, balance=1000)) is Points.YES


def test_points_that_are_in_doubt_are_judged_as_after_a_refund() -> None:
    """That they were taken is known; whether they went back is not."""
    doubtful = a_claim(points=Points.YES, doubtful=True)
    assert points(looked(doubtful, listed(), past=False)) is Points.YES
    assert points(looked(doubtful, refunded=1)) is Points.NO
    assert looked(doubtful, others_shown=True) is None
    untaken = a_claim(points=Points.NO, doubtful=True)
    assert points(looked(untaken, others_shown=True)) is Points.NO
    assert points(looked(untaken, listed())) is Points.YES


def test_what_is_settled_and_went_back_is_open_again() -> None:
    back = looked(a_claim(points=Points.YES, end=End.SETTLED, doubtful=True), refunded=1)
    assert back is not None
    assert (back.end, back.points, back.doubtful) == (End.OPEN, Points.NO, False)


# ---- the row before and after a call ---------------------------------------------------------------------------------


def test_a_call_is_recorded_with_its_number_its_time_and_the_balance_before_it() -> None:
    assert (SENT.points, SENT.attempt, SENT.sent_at, SENT.refunding) == (Points.SENT, 1, NOW, False)
    assert (SENT.balance_before, SENT.balance_position, SENT.contact_id) == (Decimal(1000), 7, "c-M1")
    again = mark_sent(mark_answer(SENT, Points.NO), LATER)
    assert (again.attempt, again.sent_at, again.balance_before, again.balance_position) == (2, LATER, None, 0)
    assert again.contact_id == "c-M1"


def test_a_person_who_is_pinned_stays_pinned() -> None:
    assert mark_sent(a_claim(contact_id="c-first"), NOW, wallet=WALLET).contact_id == "c-first"
    assert mark_sent(a_claim(), NOW).contact_id == ""


def test_a_call_notes_the_price_that_it_pays() -> None:
    assert mark_sent(a_claim(), NOW, points_cost=Decimal(450)).points_cost == Decimal(450)
    assert mark_sent(a_claim(), NOW, points_cost=Decimal(0)).points_cost == Decimal(0)
    assert mark_sent(a_claim(), NOW).points_cost == Decimal(500)


def test_a_refund_of_what_was_collected_remembers_the_collection() -> None:
    assert mark_sent(a_claim(collect="done"), NOW, refunding=True).collect == "done"
    assert mark_sent(a_claim(), NOW, collect="sent").collect == "sent"


def test_an_answer_ends_every_doubt() -> None:
    after = mark_answer(replace(REFUND, doubtful=True), Points.YES, "r1", "no" * 200)
    assert (after.sent_at, after.refunding, after.doubtful, after.redemption_id) == (None, False, False, "r1")
    assert after.reason == ("no" * 200)[:250]


def test_a_redemption_keeps_the_number_that_is_known() -> None:
    assert mark_taken(a_claim(redemption_id="r1"), NOW).redemption_id == "r1"
    assert mark_taken(a_claim(redemption_id="r1"), NOW, "r2", "why").redemption_id == "r2"
    assert mark_taken(a_claim(), NOW, reason="why").reason == "why"


def test_an_end_has_a_short_reason_and_keeps_the_amount_that_was_given() -> None:
    given = mark_end(a_claim(), End.SETTLED, "w" * 300, Decimal(80))
    assert (given.end, given.reason, given.applied) == (End.SETTLED, "w" * 250, Decimal(80))
    assert mark_end(given, End.SUSPECT).applied == Decimal(80)
    assert mark_end(given, End.SUSPECT, applied=Decimal(0)).applied == Decimal(0)


def test_a_refusal_that_was_shown_leaves_nothing_taken() -> None:
    told = mark_told(a_claim(points=Points.REFUSED, reason="not enough"))
    assert (told.points, told.told, told.reason) == (Points.NO, True, "not enough")


# ---- what holds points -----------------------------------------------------------------------------------------------

HOLDING = {(End.OPEN, Points.NO), (End.OPEN, Points.SENT), (End.SUSPECT, Points.SENT)}


@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("p", Points)
def test_points_that_are_promised_or_may_be_taken_are_held(end: End, p: Points) -> None:
    claim = a_claim(end=end, points=p)
    assert claim.holds_points is ((end, p) in HOLDING)
    assert not replace(claim, refunding=True).holds_points
    assert replace(claim, resolved="manager: looked").holds_points is ((end, p) in HOLDING and end is End.OPEN)


@pytest.mark.parametrize("end", End)
def test_what_is_owed_or_suspect_needs_a_person_until_one_has_dealt_with_it(end: End) -> None:
    assert a_claim(end=end).needs_person is (end in (End.OWED, End.SUSPECT))
    assert not a_claim(end=end, resolved="manager: looked").needs_person
