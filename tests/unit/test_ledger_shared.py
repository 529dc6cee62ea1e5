"""One file and several programs: a worker that was followed, a person beside a worker, a disk that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import End, Points
from navplugin.ledger import SqlLedger
from tests.conftest import ScriptedClock
from tests.support_claims import a_claim


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "l.db"


@pytest.fixture
def old(path: Path, clock: ScriptedClock) -> Iterator[SqlLedger]:
    one = SqlLedger(path)
    one.take_watch("C", "old", clock.now())
    yield one
    one.close()


@pytest.fixture
def new(path: Path, old: SqlLedger, clock: ScriptedClock) -> Iterator[SqlLedger]:
    """Takes over from `old`."""
    one = SqlLedger(path)
    yield one
    one.close()


def test_a_worker_that_was_followed_opens_no_claim_and_adds_no_evidence(
    old: SqlLedger, new: SqlLedger, clock: ScriptedClock
) -> None:
    claim = a_claim()
    old.open_claim(claim, Decimal(1000), clock.now())
    new.take_watch("C", "new", clock.now())
    with pytest.raises(LedgerUnusable, match="taken over"):
        old.open_claim(a_claim(receipt_no="R2"), Decimal(1000), clock.now())
    with pytest.raises(LedgerUnusable, match="taken over"):
        old.note_claim(claim, "redemption unknown", "no answer", clock.now())
    assert new.claims_of("R2") == ()
    assert [step["move"] for step in new.history(claim.key)] == ["open"]


def test_a_claim_that_a_person_has_dealt_with_is_not_overwritten_by_a_worker_that_has_not_seen_it(
    old: SqlLedger, clock: ScriptedClock
) -> None:
    """`closed` changes neither points nor end."""
    claim = a_claim(points=Points.REFUSED, end=End.OWED)
    old.open_claim(claim, None, clock.now(), force=True)
    old.resolve_claim(claim, replace(claim, resolved="manager: dealt with"), "resolved: closed", clock.now())
    with pytest.raises(LedgerUnusable, match="moved this claim"):
        old.save_claim(claim, replace(claim, end=End.RELEASED), "release", clock.now())
    assert [c.resolved for c in old.claims_of("R1")] == ["manager: dealt with"]


def test_what_was_written_is_on_the_disk_before_the_next_call_goes_out(old: SqlLedger) -> None:
    """FULL (2): else a power failure may forget that points were sent."""
    with old._write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_second_write_does_not_begin_beside_a_first_one(
    old: SqlLedger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would decide on what it has read before the first one wrote: two tills would promise the same points."""
    monkeypatch.setattr("navplugin.ledger.base.BUSY_SECONDS", 0.05)
    second, begun = SqlLedger(path), False
    with old._write(), pytest.raises(LedgerUnusable, match="locked"), second._write():
        begun = True
    assert not begun
    with second._write():
        begun = True
    assert begun
    second.close()


def test_a_ledger_that_is_damaged_only_where_nobody_looks_at_the_start_is_refused(
    old: SqlLedger, path: Path, clock: ScriptedClock
) -> None:
    """The pages of the journal of claims: all that the start reads is whole."""
    for number in range(100):
        old.open_claim(a_claim(receipt_no=f"R{number}"), None, clock.now(), force=True)
    old.close()
    raw = sqlite3.connect(path)
    (root,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'claim_journal'").fetchone()
    (size,) = raw.execute("PRAGMA page_size").fetchone()
    raw.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : (root - 1) * size + 200] = b"\xff" * 200
    path.write_bytes(data)
    with pytest.raises(LedgerUnusable, match=r"is damaged .*; restore it from a backup"):
        SqlLedger(path)
