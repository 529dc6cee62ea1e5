"""`ledger resolve`: what a person found out becomes what the machine knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from navplugin.cli import build_app
from navplugin.core.model import Claim, End, Points
from navplugin.ledger import SqlLedger
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, a_claim

SUSPECT: dict[str, Any] = {"points": Points.SENT, "end": End.SUSPECT}


def resolved(path: Path, clock: ScriptedClock, claim: Claim, verdict: str) -> Claim:
    """The claim after `ledger resolve`, typed beside a worker."""
    ledger = SqlLedger(path)
    ledger.take_watch("C", "test", clock.now())
    ledger.open_claim(claim, None, clock.now(), force=True)
    typed = ("ledger", "resolve", "R1", "ap0004", "--points", verdict, "--by", "manager", "--state", str(path))
    said = CliRunner().invoke(build_app(), typed)
    assert said.exit_code == 0, said.output
    (after,) = ledger.claims_of("R1")
    ledger.close()
    return after


def test_points_that_were_not_taken_leave_no_collection_under_way(tmp_path: Path, clock: ScriptedClock) -> None:
    """Else they could never be collected: a claim is collected once."""
    after = resolved(tmp_path / "l.db", clock, a_claim(**SUSPECT, collect="sent"), "not-taken")
    assert (after.points, after.end, after.collect) == (Points.NO, End.OPEN, "")
    assert after.reason == "manager: AIQ shows no such redemption"


def test_points_that_were_taken_are_taken_from_then_on(tmp_path: Path, clock: ScriptedClock) -> None:
    claim = a_claim(**SUSPECT, refunding=True, given_back="endpoint", missing_since=NOW, taken_at=NOW)
    after = resolved(tmp_path / "l.db", clock, claim, "taken")
    assert (after.points, after.end, after.refunding, after.given_back) == (Points.YES, End.OPEN, False, "")
    assert (after.missing_since, after.taken_at, after.resolved) == (None, NOW, "")


def test_points_that_are_owed_and_then_taken_settle_the_claim(tmp_path: Path, clock: ScriptedClock) -> None:
    after = resolved(tmp_path / "l.db", clock, a_claim(points=Points.REFUSED, end=End.OWED), "taken")
    assert (after.points, after.end) == (Points.YES, End.SETTLED)
    assert after.taken_at is not None
    assert after.resolved == "manager: AIQ shows the points as taken"


def test_points_that_were_given_back_by_hand_release_the_claim(tmp_path: Path, clock: ScriptedClock) -> None:
    after = resolved(tmp_path / "l.db", clock, a_claim(points=Points.YES, end=End.SUSPECT), "given-back")
    assert (after.points, after.end, after.given_back) == (Points.NO, End.RELEASED, "hand")
    assert after.resolved == "manager: the points were given back by hand"


@pytest.mark.parametrize(
    ("points", "end", "verdict"),
    [(Points.SENT, End.SUSPECT, "closed"), (Points.REFUSED, End.OWED, "closed"),
     (Points.REFUSED, End.OWED, "not-taken"), (Points.REFUSED, End.OWED, "given-back")],
)  # fmt: skip
def test_what_is_closed_moves_no_more(
    tmp_path: Path, clock: ScriptedClock, points: Points, end: End, verdict: str
) -> None:
    claim = a_claim(points=points, end=end, reason="why")
    after = resolved(tmp_path / "l.db", clock, claim, verdict)
    assert (after.points, after.end, after.reason) == (points, end, "why")
    assert after.resolved.startswith("manager: ")
    assert not after.needs_person
