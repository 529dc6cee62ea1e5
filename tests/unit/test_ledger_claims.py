"""Claims in the ledger: compare and set, the count of calls, positions, doubt; by key, company and member."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.claims import mark_answer, mark_sent, mark_taken
from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import Claim, End, Points
from navplugin.ledger import SqlLedger
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, a_claim

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def ledger(tmp_path: Path, clock: ScriptedClock) -> Iterator[SqlLedger]:
    one = SqlLedger(tmp_path / "l.db")
    one.take_watch("C", "test", clock.now())
    yield one
    one.close()


@pytest.fixture
def second(ledger: SqlLedger, tmp_path: Path, clock: ScriptedClock) -> Iterator[SqlLedger]:
    """The same file, for company D."""
    one = SqlLedger(tmp_path / "l.db")
    one.take_watch("D", "test", clock.now())
    yield one
    one.close()


def opened(ledger: SqlLedger, **more: Any) -> Claim:
    claim = a_claim(**more)
    assert ledger.open_claim(claim, None, NOW, force=True) == ""
    return claim


def found(ledger: SqlLedger, claim: Claim) -> Claim:
    (there,) = [c for c in ledger.list_claims() if c.key == claim.key]
    return there


# ---- whole -----------------------------------------------------------------------------------------------------------


def test_every_field_of_a_claim_comes_back(ledger: SqlLedger) -> None:
    claim = a_claim(
        points=Points.REFUSED, end=End.OWED, line_seen=True, sent_at=NOW, redemption_id="r1", applied=Decimal("1.50"),
        reason="why", reusable=False, told=True, refunding=True, staff_id="101", pos_terminal_no="P1", taken_at=LATER,
        missing_since=NOW, collect="done", given_back="hand", voided=True, resolved="who", contact_id="c", attempt=3,
        balance_before=Decimal("7.25"), balance_position=5, taken_position=4, doubtful=True,
    )  # fmt: skip
    ledger.open_claim(claim, None, NOW, force=True)
    assert ledger.claims_of("R1") == (claim,)


# ---- compare and set -------------------------------------------------------------------------------------------------

MOVED: list[Callable[[Claim], Claim]] = [
    lambda c: replace(c, points=Points.NO),
    lambda c: replace(c, end=End.SUSPECT),
    lambda c: replace(c, resolved="manager: looked"),
    lambda c: replace(c, attempt=c.attempt + 1),
]


@pytest.mark.parametrize("moved", MOVED, ids=["points", "end", "resolved", "attempt"])
@pytest.mark.parametrize("write", [SqlLedger.save_claim, SqlLedger.save_answer, SqlLedger.resolve_claim])
def test_what_another_has_moved_is_not_written_over(
    ledger: SqlLedger, moved: Callable[[Claim], Claim], write: Callable[..., Claim]
) -> None:
    if write is SqlLedger.save_answer and moved is MOVED[1]:
        return  # an answer is written also where another worker has given up on it
    claim = opened(ledger, points=Points.SENT, attempt=1)
    theirs = ledger.save_claim(claim, moved(claim), "moved", NOW)
    with pytest.raises(LedgerUnusable, match="another worker has moved this claim"):
        write(ledger, claim, mark_taken(claim, NOW), "taken", NOW)
    assert found(ledger, claim) == theirs
    assert [s["move"] for s in ledger.history(claim.key)] == ["open", "moved"]


def test_a_step_moves_one_claim_only(ledger: SqlLedger, second: SqlLedger) -> None:
    claim = opened(ledger)
    others = [opened(ledger, receipt_no="R2"), opened(ledger, generation=2), opened(second, company="D")]
    ledger.save_claim(claim, replace(claim, line_seen=True), "line seen", NOW)
    assert [found(ledger, other) for other in others] == others
    assert found(ledger, claim).line_seen


@pytest.mark.parametrize("write", [SqlLedger.save_answer, SqlLedger.resolve_claim])
def test_an_answer_and_a_persons_word_are_written_beside_the_worker_in_charge(
    ledger: SqlLedger, tmp_path: Path, write: Callable[..., Claim]
) -> None:
    claim = opened(ledger, points=Points.SENT, attempt=1)
    later = SqlLedger(tmp_path / "l.db")
    later.take_watch("C", "later", NOW)
    with pytest.raises(LedgerUnusable):
        ledger.save_claim(claim, mark_taken(claim, NOW), "taken", NOW)
    write(ledger, claim, mark_taken(claim, NOW), "taken", NOW)
    assert found(later, claim).points is Points.YES
    later.close()


def test_a_stray_is_flagged_whatever_has_become_of_the_claim(ledger: SqlLedger, tmp_path: Path) -> None:
    claim = opened(ledger, points=Points.YES, end=End.SETTLED, resolved="manager: settled")
    other = opened(ledger, receipt_no="R2")
    later = SqlLedger(tmp_path / "l.db")
    later.take_watch("C", "later", NOW)
    ledger.flag_stray(claim, "twice", NOW)
    there = found(later, claim)
    assert (there.end, there.resolved, there.reason, there.points) == (End.SUSPECT, "", "twice", Points.YES)
    assert ledger.history(claim.key)[-1]["move"] == "moved twice"
    assert found(later, other) == other
    ledger.flag_stray(a_claim(receipt_no="R9"), "a claim that is not there", NOW)
    later.close()


# ---- counting calls, positions ---------------------------------------------------------------------------------------


def test_each_call_counts_one_step_of_its_company_and_nothing_else_does(ledger: SqlLedger, second: SqlLedger) -> None:
    claim = opened(ledger)
    sent = ledger.save_claim(claim, mark_sent(claim, NOW), "sent", NOW)
    assert (ledger.step(), second.step()) == (1, 0)
    taken = ledger.save_answer(sent, mark_taken(sent, NOW), "taken", NOW)
    ledger.save_claim(taken, replace(taken, end=End.SETTLED), "settle", NOW)
    assert ledger.step() == 1
    settled = found(ledger, claim)
    ledger.save_claim(settled, mark_sent(settled, NOW, refunding=True), "refund sent", NOW)
    assert (ledger.step(), second.step()) == (2, 0)


def test_a_call_that_cannot_be_recorded_counts_nothing(ledger: SqlLedger) -> None:
    claim = opened(ledger)
    ledger.save_claim(claim, replace(claim, end=End.RELEASED), "release", NOW)
    with pytest.raises(LedgerUnusable):
        ledger.save_claim(claim, mark_sent(claim, NOW), "sent", NOW)
    assert ledger.step() == 0


def test_the_position_grows_with_every_step_and_points_are_taken_at_theirs(ledger: SqlLedger) -> None:
    assert ledger.position() == 0
    claim = opened(ledger)
    assert ledger.position() == 1
    sent = ledger.save_claim(claim, mark_sent(claim, NOW), "sent", NOW)
    assert (sent.taken_position, ledger.position()) == (0, 2)
    taken = ledger.save_answer(sent, mark_taken(sent, NOW), "taken", NOW)
    assert (taken.taken_position, ledger.position()) == (3, 3)
    settled = ledger.save_claim(taken, replace(taken, end=End.SETTLED), "settle", NOW)
    assert settled.taken_position == 3, "it was taken then, not now"
    back = ledger.save_claim(settled, mark_answer(settled, Points.NO), "given back", NOW)
    assert ledger.save_claim(back, mark_taken(back, NOW), "found", NOW).taken_position == 6


@pytest.mark.parametrize(("position", "there"), [(2, ["R1"]), (3, []), (4, [])])
def test_what_a_member_spent_since_a_position(ledger: SqlLedger, position: int, there: list[str]) -> None:
    """The call is step 3 and the answer step 4: a balance of step 3 may show the points gone already."""
    claim, _ = opened(ledger), opened(ledger, receipt_no="R2", points=Points.YES, member_card_no="M2", taken_position=9)
    called = ledger.save_claim(claim, mark_sent(claim, NOW), "sent", NOW)
    ledger.save_answer(called, mark_taken(called, NOW), "taken", NOW)
    opened(ledger, receipt_no="R3", taken_position=9)
    assert [c.receipt_no for c in ledger.taken_since("M1", position)] == there


def test_a_hold_counts_what_was_taken_after_the_balance_was_read(ledger: SqlLedger) -> None:
    claim = opened(ledger)
    position = ledger.position()
    ledger.save_claim(claim, replace(mark_taken(claim, NOW), end=End.SETTLED), "taken", NOW)
    late = a_claim(receipt_no="R2")
    assert ledger.open_claim(late, Decimal(999), NOW, position=position) != ""
    assert ledger.open_claim(late, Decimal(500), NOW, position=ledger.position()) == ""
    assert found(ledger, late) == late


# ---- lists -----------------------------------------------------------------------------------------------------------


def test_claims_are_those_of_the_company_in_the_order_of_their_opening(ledger: SqlLedger, second: SqlLedger) -> None:
    ledger.open_claim(a_claim(receipt_no="R2"), None, LATER, force=True)
    first = opened(ledger)
    opened(ledger, receipt_no="R3", end=End.SETTLED)
    theirs = opened(second, company="D")
    assert [c.receipt_no for c in ledger.open_claims()] == ["R1", "R2"]
    assert ledger.claims_of("R1") == (first,)
    assert second.claims_of("R1") == (theirs,)
    assert second.open_claims() == (theirs,)
    assert [c.receipt_no for c in ledger.list_claims()] == ["R1", "R3", "R1", "R2"]
    assert [c.receipt_no for c in ledger.list_claims("SETTLED")] == ["R3"]
    assert [c.receipt_no for c in ledger.list_claims(since=LATER)] == ["R2"]
    assert ledger.list_claims(since=LATER + timedelta(seconds=1)) == ()


def test_the_claims_of_a_member_are_those_that_may_hold_points(ledger: SqlLedger) -> None:
    for number, more in enumerate([
        {}, {"points": Points.YES}, {"points": Points.SENT, "end": End.SUSPECT},
        {"points": Points.SENT, "end": End.SUSPECT, "resolved": "manager"}, {"points": Points.NO, "end": End.SUSPECT},
        {"points": Points.SENT, "end": End.RELEASED}, {"member_card_no": "M2"},
        {"points": Points.YES, "end": End.SETTLED},
    ]):  # fmt: skip
        opened(ledger, receipt_no=f"R{number}", **more)
    assert {c.receipt_no for c in ledger.member_claims("M1")} == {"R0", "R1", "R2"}


def test_a_claim_that_is_suspect_keeps_other_tills_from_its_points(ledger: SqlLedger) -> None:
    suspect = opened(ledger, points=Points.SENT, end=End.SUSPECT)
    assert "Not enough points" in ledger.open_claim(a_claim(receipt_no="R2"), Decimal(999), NOW)
    ledger.resolve_claim(suspect, replace(suspect, resolved="manager: not taken"), "resolved", NOW)
    assert ledger.open_claim(a_claim(receipt_no="R2"), Decimal(999), NOW) == ""


def test_a_key_is_known_or_not(ledger: SqlLedger) -> None:
    claim = opened(ledger)
    assert ledger.knows_claim(claim.key)
    assert not ledger.knows_claim(a_claim(generation=2).key)
    assert not ledger.knows_claim(claim.key, "Given Back")
    ledger.save_claim(claim, replace(claim, line_seen=True), "given back", NOW)  # as version 1 noted it
    assert ledger.knows_claim(claim.key, "Given Back")


def test_the_journal_is_told_by_claim_and_in_order(ledger: SqlLedger) -> None:
    claim, other = opened(ledger), opened(ledger, receipt_no="R2", reason="why")
    taken = ledger.save_claim(claim, mark_taken(claim, NOW, reason="w" * 300), "taken", LATER)
    ledger.note_claim(taken, "redemption unknown", "x" * 300, LATER)
    assert ledger.steps() == {
        claim.key: [("open", "no", "OPEN"), ("taken", "yes", "OPEN"), ("redemption unknown", "yes", "OPEN")],
        other.key: [("open", "no", "OPEN")],
    }
    first, second, third = ledger.history(claim.key)
    assert (first["at"], second["at"], len(second["note"]), len(third["note"])) == (
        NOW.isoformat(), LATER.isoformat(), 250, 250,
    )  # fmt: skip
    assert ledger.history(other.key)[0]["note"] == "why"
    assert ledger.changed_at() == {claim.key: LATER, other.key: NOW}


def test_who_resolved_a_claim_stands_in_the_journal_before_the_reason(ledger: SqlLedger) -> None:
    claim = opened(ledger, points=Points.REFUSED, end=End.OWED, reason="not enough")
    ledger.resolve_claim(claim, replace(claim, resolved="manager: absorbed"), "resolved", NOW)
    assert ledger.history(claim.key)[-1]["note"] == "manager: absorbed"


# ---- doubt -----------------------------------------------------------------------------------------------------------


def test_a_take_over_doubts_the_companys_claims_that_may_still_move(ledger: SqlLedger, second: SqlLedger) -> None:
    for end in End:
        opened(ledger, receipt_no=end)
        opened(second, receipt_no=end, company="D")
        (claim,) = ledger.claims_of(end)
        ledger.save_claim(claim, replace(claim, end=end), "test", NOW)
    assert ledger.doubt([], NOW) == 3
    assert {c.receipt_no for c in ledger.list_claims() if c.doubtful} == {"OPEN", "SETTLED", "OWED"}
    assert {c.company for c in ledger.list_claims() if c.doubtful} == {"C"}
    assert ledger.history(ledger.claims_of("OWED")[0].key)[-1]["move"] == "taken over"


def test_sales_that_were_there_at_a_take_over_are_doubtful_by_company_number_and_guid(
    ledger: SqlLedger, second: SqlLedger
) -> None:
    ledger.doubt([("R1", "g1"), ("R2", "g2")], NOW)
    ledger.doubt([("R1", "g1"), ("R3", "g3")], NOW)
    assert all(ledger.is_doubtful(f"R{n}", f"g{n}") for n in (1, 2, 3))
    assert not ledger.is_doubtful("R1", "g2")
    assert not ledger.is_doubtful("R4", "g1")
    assert not second.is_doubtful("R1", "g1")


def test_a_worker_that_was_followed_doubts_nothing(ledger: SqlLedger, tmp_path: Path) -> None:
    later = SqlLedger(tmp_path / "l.db")
    later.take_watch("C", "later", NOW)
    with pytest.raises(LedgerUnusable, match="another worker has taken over"):
        ledger.doubt([("R1", "g1")], NOW)
    assert not later.is_doubtful("R1", "g1")
    later.close()
