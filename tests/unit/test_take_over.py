"""Taking a company over: the doubt is written before NAV is, and nobody is overtaken unseen (M2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from navplugin.core.errors import LedgerUnusable, NotInCharge, Unreachable
from navplugin.core.model import Claim, End, Points, SaleState, StagedRow
from navplugin.ledger import SqlLedger
from navplugin.ledger_record import PAGE, LedgerRecord
from navplugin.take_over import readable, take_over
from tests.conftest import ScriptedClock
from tests.unit.test_ledger_record import Nav

ROW = {"Ledger_ID": "b" * 32, "Take_Over_No": 4, "Epoch": 7, "Step": 12, "Beat": 3, "Host": "OLD", "Worker_ID": "w"}


class Sales(Nav):
    """NAV with sales, too."""

    def read_changed_sales(self, after_mark: int) -> Sequence[Any]:
        posted = {"state": SaleState.POSTED}
        return [SimpleNamespace(receipt_no=f"R{n}", sale_guid=f"g{n}", **posted) for n in (1, 2)]


@pytest.fixture
def ledger(tmp_path: Path, clock: ScriptedClock) -> SqlLedger:
    """One claim of each end."""
    opened = SqlLedger(tmp_path / "l.db")
    opened.take_watch("C", "test", clock.now())
    for number, (points, end) in enumerate(
        [(Points.NO, End.OPEN), (Points.YES, End.SETTLED), (Points.REFUSED, End.OWED), (Points.NO, End.RELEASED),
         (Points.SENT, End.SUSPECT)]
    ):  # fmt: skip
        claim = Claim("C", "S1", f"R{number}", "g", "AP0004", 1, "M1", "77", "TD1", Decimal(1), Decimal(1))
        opened.open_claim(claim, None, clock.now(), force=True)
        opened.save_claim(claim, replace(claim, points=points, end=end), "test", clock.now())
    return opened


def record_of(nav: Sales, ledger: SqlLedger, clock: ScriptedClock) -> LedgerRecord:
    def wait(seconds: float) -> bool:
        clock.advance(seconds=seconds)
        return True

    return LedgerRecord(nav, nav, ledger, clock, "NEW", wait)  # type: ignore[arg-type]


def taken(nav: Sales, ledger: SqlLedger, clock: ScriptedClock, row: StagedRow | None) -> int:
    return take_over(record_of(nav, ledger, clock), row, nav, ledger, clock)  # type: ignore[arg-type]


def test_it_counts_on_from_what_nav_knows_and_doubts_what_may_still_move(
    ledger: SqlLedger, clock: ScriptedClock
) -> None:
    nav = Sales(row=dict(ROW))
    (row,) = nav.read_rows(PAGE, {})
    assert taken(nav, ledger, clock, row) == 3
    assert nav.row is not None
    assert (nav.row["Ledger_ID"], nav.row["Take_Over_No"], nav.row["Step"]) == (ledger.ledger_id, 5, 13)
    assert (ledger.take_over_no(), ledger.step()) == (5, 13)
    assert {c.end for c in ledger.list_claims() if c.doubtful} == {End.OPEN, End.SETTLED, End.OWED}
    assert (ledger.is_doubtful("R2", "g2"), ledger.is_doubtful("R2", "another")) == (True, False)
    assert ledger.note("mark/C", "7") == "0", "every sale is read again"


def test_the_old_ledger_is_an_older_one_from_then_on(ledger: SqlLedger, clock: ScriptedClock, tmp_path: Path) -> None:
    """Also where it was the same ledger: a copy of before the take-over has the smaller number."""
    nav = Sales()
    record_of(nav, ledger, clock).begin()
    ledger.copy_to(tmp_path / "copy.db")
    (row,) = nav.read_rows(PAGE, {})
    taken(nav, ledger, clock, row)
    copy = SqlLedger(tmp_path / "copy.db")
    copy.take_watch("C", "test", clock.now())
    with pytest.raises(NotInCharge, match="older copy"):
        record_of(nav, copy, clock).begin()
    copy.close()
    record_of(nav, ledger, clock).begin()


@pytest.mark.parametrize("edit", [{"Ledger_ID": ""}, {"Step": -5}, {"Take_Over_No": None}])
def test_a_row_that_cannot_be_used_is_written_over(
    ledger: SqlLedger, clock: ScriptedClock, edit: dict[str, Any]
) -> None:
    nav = Sales(row={**ROW, **edit})
    (row,) = nav.read_rows(PAGE, {})
    assert readable(row) is None
    taken(nav, ledger, clock, row)
    assert nav.row is not None
    assert (nav.row["Ledger_ID"], nav.row["Take_Over_No"], nav.row["Step"]) == (ledger.ledger_id, 1, 1)
    record_of(nav, ledger, clock).begin()


def test_a_row_that_changed_since_it_was_judged_stays(ledger: SqlLedger, clock: ScriptedClock) -> None:
    nav = Sales(row=dict(ROW))
    (row,) = nav.read_rows(PAGE, {})
    nav.put(Beat=4)
    with pytest.raises(NotInCharge, match="at the same moment"):
        taken(nav, ledger, clock, row)
    assert nav.row == {**ROW, "Beat": 4}
    assert ledger.take_over_no() == 0


@pytest.mark.parametrize("fault", ["lost", "away"])
def test_a_death_or_a_lost_answer_leaves_a_ledger_that_looks_too_often(
    ledger: SqlLedger, clock: ScriptedClock, fault: str
) -> None:
    nav = Sales(row=dict(ROW), lose=[fault])
    (row,) = nav.read_rows(PAGE, {})
    if fault == "lost":
        taken(nav, ledger, clock, row)
        record_of(nav, ledger, clock).begin()
    else:
        with pytest.raises(Unreachable):
            taken(nav, ledger, clock, row)
        assert nav.row == ROW
    assert sum(c.doubtful for c in ledger.list_claims()) == 3


def test_nav_written_and_the_process_dead_before_its_note(
    ledger: SqlLedger, clock: ScriptedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row names this ledger with a number that it does not have: its start says so, and the next try mends it."""
    nav = Sales(row=dict(ROW))
    (row,) = nav.read_rows(PAGE, {})

    def die(take_over_no: int, step: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "put_in_charge", die)
        with pytest.raises(KeyboardInterrupt):
            taken(nav, ledger, clock, row)
    with pytest.raises(NotInCharge):
        record_of(nav, ledger, clock).begin()
    (row,) = nav.read_rows(PAGE, {})
    taken(nav, ledger, clock, row)
    record_of(nav, ledger, clock).begin()


def test_a_ledger_that_was_followed_takes_nothing_over(
    ledger: SqlLedger, clock: ScriptedClock, tmp_path: Path
) -> None:
    """A worker started on the same file in the meantime."""
    later = SqlLedger(ledger.path)
    later.take_watch("C", "other", clock.now())
    nav = Sales(row=dict(ROW))
    (row,) = nav.read_rows(PAGE, {})
    with pytest.raises(Exception, match="another worker has taken over this company"):
        taken(nav, ledger, clock, row)
    assert nav.row == ROW
    later.close()


# ---- copies and names ------------------------------------------------------------------------------------------------


def test_half_a_copy_does_not_stay(ledger: SqlLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of the copy fills up while it is made."""
    connect = sqlite3.connect

    def small(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 3")
        connection.execute("CREATE TABLE here (x)")
        connection.commit()
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", small)
        with pytest.raises(LedgerUnusable, match="cannot be written"):
            ledger.copy_to(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    ledger.copy_to(tmp_path / "copy.db")


def test_a_start_that_was_refused_is_not_in_the_way_of_a_renamed_company(
    ledger: SqlLedger, clock: ScriptedClock, tmp_path: Path
) -> None:
    ledger.add_report("R1", "by the old name", clock.now())
    ledger.close()
    renamed = SqlLedger(tmp_path / "l.db")
    renamed.take_watch("C2", "test", clock.now())
    renamed.add_report("R1", "by a start that was refused", clock.now())
    before = len([c for c in renamed.list_claims() if c.company == "C"])
    assert renamed.rename_company("C") == before > 0
    assert {c.company for c in renamed.list_claims()} == {"C2"}
    assert [r["text"] for r in renamed.reports("R1")] == ["by the old name"]
    with pytest.raises(LedgerUnusable, match="this ledger has claims of C and of C2; they are two companies to it"):
        renamed.rename_company("C")
    renamed.close()
