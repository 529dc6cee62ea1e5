"""Calls that move points: recorded, counted, sent while they may be, and their answer written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.claims import Policy, mark_given_back
from navplugin.core.errors import (
    AuthFailed,
    Busy,
    Conflict,
    LedgerBusy,
    Misconfigured,
    NavpluginError,
    NotInCharge,
    ProtocolError,
    Refused,
    UnknownOutcome,
    Unreachable,
)
from navplugin.core.model import Claim, End, Points
from navplugin.ledger import SqlLedger
from navplugin.odd_answers import SECONDS_GONE, SECONDS_ODD
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, PROBE
from tests.support_teller import DISCOUNT, Desk, a_wallet

TAKEN = {"points": Points.YES, "redemption_id": "r1"}
Call = Callable[[Desk, Claim], Claim | None]


@pytest.fixture
def desk(tmp_path: Path, clock: ScriptedClock) -> Iterator[Desk]:
    one = Desk(tmp_path / "l.db", clock)
    yield one
    one.ledger.close()


def collect(desk: Desk, claim: Claim) -> Claim | None:
    return desk.teller.collect(claim, desk.purse)


CALLS = pytest.mark.parametrize(
    ("call", "before", "what"),
    [(Desk.redeem, {}, "redemption"), (Desk.refund, TAKEN, "refund"),
     (collect, {"points": Points.REFUSED, "reason": "not enough"}, "collection")],
    ids=["redemption", "refund", "collection"],
)  # fmt: skip


# ---- taken and given back --------------------------------------------------------------------------------------------


def test_points_are_recorded_counted_called_for_and_noted_as_taken(desk: Desk) -> None:
    claim = desk.opened()
    taken = desk.redeem(claim)
    assert taken is not None
    assert (taken.points, taken.redemption_id, taken.taken_at, taken.attempt) == (Points.YES, "r1", desk.clock.now(), 1)
    assert (taken.balance_before, taken.contact_id) == (Decimal(1000), "c-M1")
    assert desk.aiq.sent == [("redemption", "d4", "R1", claim.key)]
    assert desk.moves(claim) == ["open", "sent", "taken"]
    assert (desk.ledger.step(), desk.counter.counted) == (1, 1)
    assert desk.kept(claim) == taken
    assert (desk.purse.wallet, desk.purse.spent) == (None, True)


def test_the_record_is_written_before_the_call_is_counted_and_counted_before_it_is_sent(desk: Desk) -> None:
    claim, seen = desk.opened(), []
    desk.counter.on_count = lambda: seen.append((desk.kept(claim).points, desk.counter.counted))
    desk.aiq.on_connect = lambda: seen.append((desk.kept(claim).points, desk.counter.counted))
    desk.redeem(claim)
    assert seen == [(Points.SENT, 0), (Points.SENT, 1)]


@pytest.mark.parametrize(
    ("refund", "more", "how"),
    [("endpoint", {}, "endpoint"), ("adjust", {}, "adjust"), ("endpoint", {"collect": "done"}, "adjust")],
)
def test_a_refund_says_how_the_points_went_back(desk: Desk, refund: str, more: dict[str, str], how: str) -> None:
    claim = desk.opened(**TAKEN, **more)
    back = desk.refund(claim, Policy(lookup="probe", refund=refund))
    assert back is not None
    assert (back.points, back.given_back, back.redemption_id) == (Points.NO, how, "r1")
    assert desk.aiq.sent == [("refund", claim.key, "c-M1")]
    assert desk.moves(claim) == ["open", "refund sent", "given back"]
    assert desk.purse.spent


def test_what_was_refused_is_collected_from_the_person_who_picked(desk: Desk) -> None:
    claim = desk.opened(points=Points.REFUSED, contact_id="c-first")
    done = collect(desk, claim)
    assert done is not None
    assert (done.points, done.collect, done.redemption_id) == (Points.YES, "done", "")
    assert desk.aiq.sent == [("collection", claim.key, "c-first")]
    assert desk.moves(claim) == ["open", "collection sent", "taken"]


def test_a_call_notes_the_balance_of_the_wallet_at_hand(desk: Desk) -> None:
    for call, more in ((Desk.refund, TAKEN), (collect, {"points": Points.REFUSED})):
        desk.purse.wallet = a_wallet(700, position=3)
        desk.aiq.answer = UnknownOutcome("no answer")
        sent = call(desk, desk.opened(receipt_no=call.__name__, **more))
        assert sent is not None
        assert (sent.balance_before, sent.balance_position) == (Decimal(700), 3)


# ---- what must not be sent -------------------------------------------------------------------------------------------


@CALLS
@pytest.mark.parametrize(("late", "sent"), [(10.0, 1), (10.1, 0)])
@pytest.mark.parametrize("where", ["count", "connect"])
def test_a_call_is_sent_ten_seconds_after_its_record_at_the_latest(
    desk: Desk, call: Call, before: dict[str, object], what: str, late: float, sent: int, where: str
) -> None:
    claim = desk.opened(**before)
    stall = lambda: desk.clock.advance(seconds=late)  # noqa: E731
    desk.counter.on_count, desk.aiq.on_connect = (stall, str) if where == "count" else (str, stall)
    call(desk, claim)
    assert len(desk.aiq.sent) == sent
    assert (f"{what} not sent" in desk.moves(claim)) is (sent == 0)


@CALLS
def test_a_worker_that_was_followed_sends_nothing(
    desk: Desk, call: Call, before: dict[str, object], what: str, tmp_path: Path
) -> None:
    claim, other = desk.opened(**before), SqlLedger(tmp_path / "l.db")
    desk.aiq.on_connect = lambda: other.take_watch("C", "other", desk.clock.now())
    assert call(desk, claim) is None
    assert desk.aiq.sent == []
    assert desk.kept(claim).points is claim.points
    assert f"{what} not sent" in desk.moves(claim), "its answer is written all the same"
    other.close()


@CALLS
def test_a_worker_whose_ledger_cannot_be_read_sends_nothing(
    desk: Desk, call: Call, before: dict[str, object], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held() -> bool:
        raise LedgerBusy("held")

    monkeypatch.setattr(desk.ledger, "is_current", held)
    claim = desk.opened(**before)
    call(desk, claim)
    assert desk.aiq.sent == []
    assert desk.kept(claim).points is claim.points


@CALLS
def test_a_call_that_cannot_be_counted_is_not_sent_and_may_be_tried_again(
    desk: Desk, call: Call, before: dict[str, object], what: str
) -> None:
    claim = desk.opened(**before)
    for problem in (Conflict("changed again"), Unreachable("NAV is away"), UnknownOutcome("no answer")):
        desk.counter.problem = problem
        now = desk.kept(claim)
        assert call(desk, now) is None
        assert desk.aiq.sent == []
        after = desk.kept(claim)
        assert (after.points, after.redemption_id, after.collect) == (claim.points, claim.redemption_id, "")
        assert desk.moves(claim)[-1] == f"{what} not sent"
    desk.counter.problem = None
    assert call(desk, desk.kept(claim)) is not None


@CALLS
@pytest.mark.parametrize("problem", [NotInCharge("taken over"), Misconfigured("no page"), AuthFailed("no")])
def test_a_worker_that_is_not_in_charge_sends_nothing_and_stops(
    desk: Desk, call: Call, before: dict[str, object], what: str, problem: NavpluginError
) -> None:
    claim = desk.opened(**before)
    desk.counter.problem = problem
    with pytest.raises(type(problem)):
        call(desk, claim)
    assert desk.aiq.sent == []
    after = desk.kept(claim)
    assert (after.points, after.redemption_id, after.collect) == (claim.points, claim.redemption_id, "")
    assert after.reason == claim.reason


# ---- answers ---------------------------------------------------------------------------------------------------------


@CALLS
@pytest.mark.parametrize("problem", [Busy("too many"), AuthFailed("key"), Unreachable("no route")])
def test_after_a_definite_no_nothing_has_moved_and_it_may_be_tried_again(
    desk: Desk, call: Call, before: dict[str, object], what: str, problem: NavpluginError
) -> None:
    claim = desk.opened(**before)
    desk.aiq.answer = problem
    assert call(desk, claim) is None
    after = desk.kept(claim)
    assert (after.points, after.redemption_id, after.collect) == (claim.points, claim.redemption_id, "")
    assert desk.moves(claim)[-1] == f"{what} not sent"
    assert not desk.purse.spent


@CALLS
@pytest.mark.parametrize("problem", [UnknownOutcome("no answer"), ProtocolError("a page of HTML"), Conflict("?")])
def test_any_other_error_leaves_the_call_unknown(
    desk: Desk, call: Call, before: dict[str, object], what: str, problem: NavpluginError
) -> None:
    claim = desk.opened(**before)
    desk.aiq.answer = problem
    after = call(desk, claim)
    assert after is not None
    assert after == desk.kept(claim)
    assert (after.points, after.refunding) == (Points.SENT, what == "refund")
    assert after.collect == ("sent" if what == "collection" else "")
    assert desk.moves(claim)[-1] == f"{what} unknown"


def test_a_redemption_that_aiq_refuses_keeps_its_reason(desk: Desk) -> None:
    claim = desk.opened()
    desk.aiq.answer = Refused("not enough points")
    after = desk.redeem(claim)
    assert after is not None
    assert (after.points, after.reason) == (Points.REFUSED, "not enough points")
    assert desk.moves(claim) == ["open", "sent", "redemption refused"]


def test_a_refund_that_aiq_refuses_is_a_persons(desk: Desk) -> None:
    claim = desk.opened(**TAKEN, collect="done")
    desk.aiq.answer = Refused("too late")
    after = desk.refund(claim)
    assert after is not None
    assert (after.points, after.end, after.reason) == (Points.YES, End.SUSPECT, "AIQ refused the refund: too late")
    assert (after.redemption_id, after.collect) == ("r1", "done")
    assert "SUSPECT AP0004: AIQ refused the refund: too late" in str(desk.ledger.reports())


def test_a_collection_that_aiq_refuses_is_not_tried_again_and_keeps_the_first_reason(desk: Desk) -> None:
    claim = desk.opened(points=Points.REFUSED, reason="not enough points")
    desk.aiq.answer = Refused("no adjustments")
    after = collect(desk, claim)
    assert after is not None
    assert (after.points, after.collect, after.reason) == (Points.REFUSED, "refused", "not enough points")
    assert desk.moves(claim)[-2:] == ["collection refused", "not collected"]


# ---- the wallet by which points are taken ----------------------------------------------------------------------------


def test_no_refund_goes_out_without_a_wallet_of_this_moment(desk: Desk) -> None:
    """Its balance is the sign by which a refund without an answer is known to have arrived."""
    claim = desk.opened(**TAKEN, contact_id="c-M1")
    desk.wallet = Unreachable("AIQ is away")
    assert desk.refund(claim) is None
    assert (desk.kept(claim), desk.counter.counted) == (claim, 0)
    desk.wallet, desk.purse.wallet = a_wallet(300), a_wallet(900)
    desk.clock.advance(seconds=3)
    desk.aiq.answer = UnknownOutcome("no answer")
    sent = desk.refund(claim)
    assert sent is not None
    assert sent.balance_before == Decimal(300)


@pytest.mark.parametrize(("age", "reads"), [(2.0, 0), (2.1, 1)])
def test_points_are_taken_by_a_wallet_of_this_moment(desk: Desk, age: float, reads: int) -> None:
    desk.purse.wallet = a_wallet(asked=desk.clock.monotonic())
    desk.clock.advance(seconds=age)
    assert desk.redeem(desk.opened()) is not None
    assert desk.reads == reads


def test_a_young_wallet_without_the_discount_is_read_again(desk: Desk) -> None:
    desk.purse.wallet = a_wallet(1000, replace(DISCOUNT, discount_id="d1"), asked=desk.clock.monotonic())
    taken = desk.redeem(desk.opened())
    assert taken is not None
    assert (taken.points, desk.reads) == (Points.YES, 1)


def test_nothing_is_recorded_while_the_wallet_cannot_be_read(desk: Desk) -> None:
    desk.wallet = Unreachable("AIQ is away")
    claim = desk.opened()
    assert desk.redeem(claim) is None
    assert desk.kept(claim) == claim
    assert desk.counter.counted == 0


@pytest.mark.parametrize(("now", "points"), [(400, Points.YES), (500, Points.YES), (501, Points.NO)])
def test_after_posting_a_lower_price_is_paid_and_a_higher_one_is_a_persons(
    desk: Desk, now: int, points: Points
) -> None:
    desk.wallet = a_wallet(1000, replace(DISCOUNT, points_cost=Decimal(now)))
    after = desk.redeem(desk.opened())
    assert after is not None
    assert after.points is points
    if points is Points.YES:
        assert after.points_cost == now
    else:
        assert (after.end, after.reason) == (End.SUSPECT, "AIQ asks 501 points now, the member was shown 500")
        assert desk.aiq.sent == []


@pytest.mark.parametrize("now", [400, 501])
def test_while_the_sale_is_open_another_price_is_shown_first(desk: Desk, now: int) -> None:
    desk.wallet = a_wallet(1000, replace(DISCOUNT, points_cost=Decimal(now)))
    assert desk.redeem(desk.opened(), posted=False) is None
    assert desk.aiq.sent == []


def test_while_the_sale_is_open_the_price_that_was_shown_is_paid(desk: Desk) -> None:
    taken = desk.redeem(desk.opened(), posted=False)
    assert taken is not None
    assert taken.points is Points.YES


def test_a_tier_reward_without_a_price_needs_no_call(desk: Desk) -> None:
    free = replace(DISCOUNT, points_cost=Decimal(0), tier=True, redemption_url="")
    desk.wallet = a_wallet(1000, free)
    after = desk.redeem(desk.opened(points_cost=Decimal(0)))
    assert after is not None
    assert (after.points, after.reason, desk.aiq.sent) == (Points.YES, "tier reward, no call", [])
    assert desk.moves(after) == ["open", "taken"]


@pytest.mark.parametrize(("tier", "cost"), [(True, 500), (False, 0)])
def test_a_tier_reward_with_a_price_or_another_discount_without_one_is_called_for(
    desk: Desk, tier: bool, cost: int
) -> None:
    desk.wallet = a_wallet(1000, replace(DISCOUNT, points_cost=Decimal(cost), tier=tier))
    desk.redeem(desk.opened(points_cost=Decimal(cost)))
    assert len(desk.aiq.sent) == 1


def test_a_discount_that_stays_gone_is_refused_and_aiq_is_not_asked_all_the_time(desk: Desk) -> None:
    desk.wallet = a_wallet(1000, replace(DISCOUNT, discount_id="d1"))
    claim = desk.opened()
    assert desk.redeem(claim) is None
    assert desk.redeem(claim) is None
    assert desk.reads == 1
    desk.clock.advance(seconds=SECONDS_GONE)
    after = desk.redeem(claim)
    assert after is not None
    assert (after.points, after.reason, after.end) == (Points.REFUSED, "AIQ no longer offers it", End.OPEN)
    assert (desk.moves(claim), desk.aiq.sent) == (["open", "refused"], [])


def test_another_person_behind_the_member_card_is_a_persons_and_pays_nothing(desk: Desk) -> None:
    desk.wallet = a_wallet(contact_id="c-M2")
    claim = desk.opened(contact_id="c-M1")
    assert desk.redeem(claim) is None
    desk.clock.advance(seconds=SECONDS_ODD)
    after = desk.redeem(claim)
    assert after is not None
    assert (after.points, after.end, desk.aiq.sent) == (Points.NO, End.SUSPECT, [])
    assert after.reason.startswith("AIQ shows another person for this member card")


def test_a_young_wallet_of_another_person_is_read_again(desk: Desk) -> None:
    desk.purse.wallet = a_wallet(contact_id="c-M2")
    desk.redeem(desk.opened(contact_id="c-M1"))
    assert (desk.reads, len(desk.aiq.sent)) == (1, 1)


@pytest.mark.parametrize(("shown", "pinned"), [("", "c-M1"), ("c-M2", ""), ("c-M1", "c-M1")])
def test_a_person_is_compared_only_where_both_sides_tell_one(desk: Desk, shown: str, pinned: str) -> None:
    desk.wallet = a_wallet(contact_id=shown)
    desk.redeem(desk.opened(contact_id=pinned))
    assert len(desk.aiq.sent) == 1


def test_with_keys_a_call_that_is_sent_again_bears_the_same_key(desk: Desk) -> None:
    claim = desk.opened()
    desk.aiq.answer = UnknownOutcome("no answer")
    sent = desk.redeem(claim, replace(PROBE, lookup="keyed"))
    assert sent is not None
    desk.aiq.answer = Busy("too many")
    assert desk.redeem(sent, replace(PROBE, lookup="keyed")) is None
    assert desk.kept(claim).points is Points.SENT, "the first call is still unknown"
    assert [s[-1] for s in desk.aiq.sent] == [claim.key, claim.key]


def test_a_balance_that_another_claim_has_raised_proves_nothing(desk: Desk) -> None:
    earlier = desk.opened(receipt_no="R0", **TAKEN)
    desk.wallet = desk.purse.wallet = a_wallet(position=desk.ledger.position())
    desk.aiq.answer = UnknownOutcome("no answer")
    claim = desk.redeem(desk.opened())
    assert claim is not None
    desk.ledger.save_claim(earlier, mark_given_back(earlier, "endpoint"), "given back", NOW)
    assert desk.teller.look(claim, desk.purse, NOW, past=True) is None
    desk.wallet = a_wallet(1500)
    assert desk.teller.look(claim, desk.purse, NOW, past=True) is not None
