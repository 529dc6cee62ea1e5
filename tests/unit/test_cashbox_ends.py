"""How long the money machine looks for signs, how claims end, and what a person reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from navplugin.claims import Policy
from navplugin.core.errors import Refused, UnknownOutcome, Unreachable
from navplugin.core.model import (
    Claim,
    Effect,
    End,
    GrantStatus,
    Points,
    Snapshot,
)
from navplugin.core.ports import Lookup, Redemption
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, PROBE, a_grant, a_posted_sale, an_open_sale
from tests.support_teller import Box, a_wallet

TOTAL = replace(PROBE, redeem_at="total")
SELECT = replace(PROBE, redeem_at="select")
BLIND = replace(PROBE, lookup="blind")
LIVE = Lookup((Redemption("c-M1", "d4", "R1", Decimal(500), redemption_id="r1"),))
OTHERS_SHOWN = Lookup(shows_references=True)
PICKED = a_grant(status=GrantStatus.PICKED)
WITHDRAWN = str(GrantStatus.WITHDRAWN)


@pytest.fixture
def box(tmp_path: Path, clock: ScriptedClock) -> Iterator[Box]:
    one = Box(tmp_path / "l.db", clock)
    yield one
    one.ledger.close()


def reasons(effects: list[Effect]) -> list[tuple[Any, Any]]:
    return [(e.fields.get("Status"), e.fields.get("Reason")) for e in effects]


# ---- looking -------------------------------------------------------------------------------------------------------


def unknown(box: Box, snapshot: Snapshot) -> Claim:
    """A call whose answer never came."""
    box.aiq.answer = UnknownOutcome("no answer")
    box.settle(snapshot)
    assert box.claim.points is Points.SENT
    box.aiq.asked.clear()
    return box.claim


POSTED = a_posted_sale(PICKED)


def sold(box: Box) -> None:
    """A claim whose sale is posted."""
    box.opened()
    unknown(box, POSTED)


def test_aiq_is_asked_less_and_less_often(box: Box) -> None:
    sold(box)
    asked = []
    for _ in range(400):
        before = len(box.aiq.asked)
        box.settle(POSTED)
        if len(box.aiq.asked) > before:
            asked.append(round(box.clock.passed))
        box.clock.advance(seconds=1)
        box.wallet = Unreachable("no sign")
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert (asked[0], pauses[:6]) == (1, [2, 4, 8, 16, 32, 60])
    assert set(pauses[6:]) == {60}


def test_nothing_found_counts_after_the_grace_only(box: Box) -> None:
    sold(box)
    box.wallet = a_wallet(1000)
    box.settle(POSTED)
    box.clock.advance(seconds=59.9)
    box.settle(POSTED)
    assert box.claim.points is Points.SENT
    box.policy(PROBE)
    box.wallet = a_wallet(1000)
    box.settle(POSTED)
    box.clock.advance(seconds=60)
    box.settle(POSTED)
    assert "not found" in box.moves(box.claim)


def test_a_restart_waits_for_the_whole_grace_again(box: Box) -> None:
    """The time of another process counts for nothing: it may have stalled."""
    sold(box)
    box.clock.advance(minutes=30)
    box.policy(PROBE)
    box.aiq.listing = OTHERS_SHOWN
    box.settle(POSTED)
    assert box.claim.points is Points.SENT


def test_signs_are_looked_for_an_hour_and_then_a_person_must(box: Box) -> None:
    sold(box)
    box.wallet = Unreachable("no balance")
    box.settle(POSTED)
    box.clock.advance(seconds=3600)
    box.settle(POSTED)
    assert box.claim.end is End.OPEN
    box.clock.advance(seconds=61)
    box.settle(POSTED)
    assert (box.claim.end, box.claim.points) == (End.SUSPECT, Points.SENT)
    assert box.claim.reason == "AIQ's answer never came; look in AIQ whether the points were taken"
    assert "SUSPECT AP0004: AIQ's answer never came" in str(box.ledger.reports("R1"))


def test_what_is_found_settles_the_sale_in_the_same_round(box: Box) -> None:
    sold(box)
    box.aiq.listing = LIVE
    box.clock.advance(seconds=1)
    assert box.settle(POSTED) == ([], False)
    assert (box.claim.end, box.claim.applied) == (End.SETTLED, Decimal(100))
    assert box.moves(box.claim)[-2:] == ["found", "settle"]


def test_a_refund_whose_answer_never_came_is_named_as_such(box: Box) -> None:
    box.policy(replace(PROBE, refund="adjust"))
    box.opened(points=Points.YES)
    voided = a_posted_sale(PICKED, voided=True)
    unknown(box, voided)
    box.settle(voided)
    box.clock.advance(seconds=60)
    box.settle(voided)
    assert box.claim.reason == "AIQ's answer never came; look in AIQ whether the points came back"


# ---- ends ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owed", ["person", "absorb", "adjust"])
def test_what_aiq_refuses_after_posting_is_treated_as_the_store_says(box: Box, owed: str) -> None:
    box.policy(replace(PROBE, owed=owed))
    box.opened()
    box.aiq.answer = Refused("not enough points")
    box.settle(POSTED)
    text = "posted with 100.00 off, AIQ refused the points: not enough points"
    assert (box.claim.end, box.claim.reason, box.claim.applied) == (End.OWED, text, Decimal(100))
    assert box.claim.resolved == ("absorbed by the store (owed = absorb)" if owed == "absorb" else "")
    assert box.claim.needs_person is (owed != "absorb")
    said = str(box.ledger.reports("R1"))
    assert (f"absorbed by the store: {text}" in said) is (owed == "absorb")
    assert (f"OWED AP0004: {text}" in said) is (owed != "absorb")
    assert ("collection sent" in box.moves(box.claim)) is (owed == "adjust")


@pytest.mark.parametrize(
    ("more", "snapshot", "policy", "reason"),
    [
        ({"points": Points.YES}, a_posted_sale(PICKED, voided=True), replace(PROBE, refund="manual"),
         "500 points are to be given back by hand (refund = manual)"),
        ({"doubtful": True}, POSTED, BLIND,
         "this ledger was restored or took over, so it cannot tell; check in AIQ whether the points were taken"),
        ({}, a_posted_sale(PICKED, member_card_no=""), PROBE, "posted without the member"),
    ],
)  # fmt: skip
def test_a_person_reads_what_is_to_be_done(
    box: Box, more: dict[str, Any], snapshot: Snapshot, policy: Policy, reason: str
) -> None:
    box.policy(policy)
    box.opened(**more)
    box.settle(snapshot)
    assert (box.claim.end, box.claim.reason) == (End.SUSPECT, reason)
    assert reason in str(box.ledger.reports("R1"))


def test_a_sale_that_nav_no_longer_shows_is_a_persons_after_an_hour(box: Box) -> None:
    box.opened()
    box.box.settle_missing("R1")
    assert (box.claim.missing_since, box.claim.end) == (NOW, End.OPEN)
    box.clock.advance(hours=1)
    box.box.settle_missing("R1")
    assert box.claim.end is End.OPEN
    box.clock.advance(seconds=1)
    box.box.settle_missing("R1")
    assert (box.claim.end, box.claim.reason) == (End.SUSPECT, "the sale has vanished from NAV")
    assert box.claim.missing_since == NOW


def test_a_sale_that_is_seen_again_did_not_vanish(box: Box) -> None:
    box.opened(missing_since=NOW - timedelta(hours=5))
    box.settle(an_open_sale(PICKED))
    assert (box.claim.missing_since, box.claim.end) == (None, End.OPEN)
    assert "sale seen again" in box.moves(box.claim)


def test_a_claim_of_an_earlier_sale_under_the_same_number_goes_missing(box: Box) -> None:
    earlier = box.opened(sale_guid="earlier")
    box.settle(an_open_sale(a_grant(status=GrantStatus.GRANTED), coupons=()))
    assert box.kept(earlier).missing_since == NOW
    over = box.opened(sale_guid="over", end=End.SETTLED)
    box.settle(an_open_sale(a_grant(status=GrantStatus.GRANTED), coupons=()))
    assert box.kept(over).missing_since is None


def test_a_posted_sale_that_cannot_be_read_goes_missing_and_is_a_persons_in_the_end(box: Box) -> None:
    box.opened()
    unreadable = replace(POSTED, posted=None)
    assert box.settle(unreadable) == ([], False)
    assert (box.claim.missing_since, box.moves(box.claim)) == (NOW, ["open", "sale missing"])
    box.clock.advance(seconds=3600)
    box.settle(unreadable)
    assert box.claim.end is End.OPEN
    box.clock.advance(seconds=1)
    box.settle(unreadable)
    assert (box.claim.end, box.claim.reason) == (End.SUSPECT, "the sale has vanished from NAV")


def test_what_waits_for_an_answer_is_due_without_a_new_event(box: Box) -> None:
    box.policy(BLIND)
    box.opened()
    box.aiq.answer = UnknownOutcome("no answer")
    assert box.settle(POSTED) == ([], True)
    box.clock.advance(seconds=60)
    assert box.settle(POSTED) == ([], False)
    assert (box.claim.end, box.claim.points) == (End.SUSPECT, Points.SENT)


def test_a_sale_that_is_posted_is_settled_in_one_round(box: Box) -> None:
    box.opened()
    assert box.settle(POSTED) == ([], False)
    assert box.moves(box.claim) == ["open", "sent", "taken", "settle"]
    assert not box.claim.line_seen, "that is for the till"


def test_a_void_before_points_were_taken_is_not_noted(box: Box) -> None:
    box.opened()
    box.settle(a_posted_sale(PICKED, voided=True))
    assert (box.claim.voided, box.moves(box.claim)) == (False, ["open", "release"])


def test_a_void_after_points_were_taken_is_noted(box: Box) -> None:
    box.policy(replace(PROBE, refund="manual"))
    box.opened(points=Points.YES, taken_at=NOW)
    box.settle(a_posted_sale(PICKED, voided=True))
    assert box.claim.voided
    assert box.moves(box.claim) == ["open", "sale voided", "suspect"]
