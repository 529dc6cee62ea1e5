"""One file and several programs: a worker that was followed, a person beside a worker, a disk that fails."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from navplugin.core.errors import LedgerBusy, LedgerUnusable
from navplugin.core.model import End, Points
from navplugin.ledger import SqlLedger
from navplugin.ledger.base import why_unusable
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
    with old._write(), pytest.raises(LedgerBusy, match="another program holds"), second._write():
        begun = True
    assert not begun
    with second._write() as connection:
        begun = True
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 50
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


# ---- the watch -------------------------------------------------------------------------------------------------------


def test_each_take_over_of_a_company_counts_one_more(old: SqlLedger, new: SqlLedger, clock: ScriptedClock) -> None:
    assert (old.company, old.epoch) == ("C", 1)
    assert [new.take_watch(name, "new", clock.now()) for name in ("C", "D", "C", "D")] == [2, 1, 3, 2]
    assert (new.company, new.epoch) == ("D", 2)
    with new._write() as connection:
        rows = connection.exec_driver_sql("SELECT company, epoch, owner, taken_at FROM watch ORDER BY company").all()
    assert [tuple(row) for row in rows] == [
        ("C", 3, "new", clock.now().isoformat()), ("D", 2, "new", clock.now().isoformat()),
    ]  # fmt: skip


def test_a_ledger_knows_whether_it_was_begun_now(path: Path) -> None:
    for begun in (True, False):
        ledger = SqlLedger(path)
        assert ledger.is_new is begun
        ledger.close()
    SqlLedger(path, must_exist=True).close()


def test_a_ledger_in_memory_is_whole_and_leaves_no_file(
    tmp_path: Path, clock: ScriptedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not looked through for damage: a check of an empty database finds none, so that only spares time."""
    monkeypatch.chdir(tmp_path)
    ledger = SqlLedger(Path(":memory:"))
    assert (ledger.is_new, ledger.company, ledger.epoch) == (False, "", 0)
    assert ledger.take_watch("C", "test", clock.now()) == 1
    assert ledger.open_claim(a_claim(), Decimal(1000), clock.now()) == ""
    ledger.close()
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_is_refused_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows lets nobody mend or replace a file that is open."""
    SqlLedger(path).close()
    raw = sqlite3.connect(path)
    raw.execute("UPDATE meta SET value = '99' WHERE name = 'version'")
    raw.commit()
    raw.close()
    closed, close = [], SqlLedger.close
    monkeypatch.setattr(SqlLedger, "close", lambda self: (closed.append(self.path), close(self)))
    with pytest.raises(LedgerUnusable, match="newer navplugin"):
        SqlLedger(path)
    assert closed == [path]


def test_a_new_ledger_makes_its_folder_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    ledger = SqlLedger(tmp_path / "a" / "b" / "l.db")
    ledger.close()
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["l.db"]


def test_a_ledger_is_begun_where_the_file_system_has_no_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(self: Path, target: Path) -> None:
        raise OSError("not supported")

    moved, rename = [], Path.rename
    monkeypatch.setattr(Path, "hardlink_to", no_links)
    monkeypatch.setattr(Path, "rename", lambda self, target: (moved.append(target), rename(self, target)))
    ledger = SqlLedger(path)
    ledger.close()
    assert moved == [path], "whole, as with links"
    assert [p.name for p in path.parent.iterdir()] == ["l.db"]


def test_what_a_worker_that_died_left_beside_the_ledger_is_no_hindrance(path: Path) -> None:
    """Process numbers come again."""
    path.with_name(f"l.db.{os.getpid()}.new").write_bytes(b"half a ledger")
    SqlLedger(path).close()
    assert [p.name for p in path.parent.iterdir()] == ["l.db"]


def test_any_thread_may_use_the_ledger(old: SqlLedger, clock: ScriptedClock) -> None:
    lane = threading.Thread(target=lambda: old.add_report("R1", "from a lane", clock.now()))
    lane.start()
    lane.join()
    assert [r["text"] for r in old.reports()] == ["from a lane"]


def test_a_ledger_that_another_worker_begins_at_the_same_time_is_shared(
    path: Path, clock: ScriptedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the faster one has written there is kept."""
    link, first = Path.hardlink_to, []

    def overtaken(self: Path, target: Path) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "hardlink_to", link)
            patch.setattr("navplugin.ledger.base.os.getpid", lambda: 1)
            first.append(SqlLedger(path))
            first[0].take_watch("C", "the faster one", clock.now())
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", overtaken)
    ledger = SqlLedger(path)
    assert ledger.take_watch("C", "the slower one", clock.now()) == 2
    for one in (ledger, *first):
        one.close()
    assert [p.name for p in path.parent.iterdir()] == ["l.db"]


def test_a_claim_that_is_opened_twice_stops_the_second_worker(old: SqlLedger, clock: ScriptedClock) -> None:
    assert old.open_claim(a_claim(), None, clock.now(), force=True) == ""
    with pytest.raises(LedgerUnusable, match=r"^ledger: another worker has written the same row; this worker stops$"):
        old.open_claim(a_claim(), None, clock.now(), force=True)


def test_cards_are_hidden_only_where_the_site_asks_for_it(old: SqlLedger, path: Path) -> None:
    hiding = SqlLedger(path, hide_with=b"a key")
    assert (old.hides_people, hiding.hides_people) == (False, True)
    assert old._hidden("M1") == old._shown("M1") == "M1"
    token = hiding._hidden("M1")
    assert (len(token), "M1" in token, hiding._hidden(token), hiding._shown(token)) == (32, False, token, "M1")
    assert hiding._hidden("") == hiding._shown("") == ""
    assert hiding._shown("a hash that nobody knows") == "a hash that nobody knows"
    hiding.close()


@pytest.mark.parametrize(
    ("said", "cure"),
    [("database disk image is malformed", "restore it from a backup"),
     ("unable to open database file", "check `state` in the profile"), ("file is not a database", "from a backup"),
     ("attempt to write a readonly database", "the right to write"), ("database or disk is full", "nothing is lost"),
     ("disk I/O error", "nothing that was answered is lost"), ("no such table: x", "")],
)  # fmt: skip
def test_what_the_database_says_comes_with_what_to_do(said: str, cure: str) -> None:
    for problem in (sqlite3.OperationalError(said), DatabaseError("SELECT 1", {}, sqlite3.OperationalError(said))):
        text = why_unusable(problem)
        assert text.startswith(f"{said}: " if cure else said)
        assert text.endswith(cure or said)
