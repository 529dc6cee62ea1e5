"""A short run of the kills, for every commit; `python -m tests.crash --kills 200` is the long one.

The simulated NAV and AIQ run in this process, the workers in processes of their own; the other side's own counters
judge.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.core.model import Claim, Points
from navplugin.ledger import SqlLedger
from navplugin.ledger.schema import VERSION
from tests.conftest import ScriptedClock
from tests.crash.modes import BY_NAME, SCENARIOS, Skew
from tests.crash.run import run_scenario
from tests.crash.version1 import TABLES, as_version_1
from tests.crash.workers import SkewedClock

KILLS = 4
SEED = 20261124
VERSION_1 = {name: set(columns.split()) for name, columns in TABLES.items()}


@pytest.mark.slow
@pytest.mark.parametrize("mode", BY_NAME)
def test_a_worker_killed_or_stalled_at_random_moments_doubles_and_loses_nothing(mode: str, tmp_path: Path) -> None:
    number = list(BY_NAME).index(mode)
    verdict = run_scenario(
        tmp_path / "run", BY_NAME[mode], SCENARIOS[number % len(SCENARIOS)], KILLS, SEED + number
    )
    assert verdict.ok, verdict
    assert verdict.strikes >= KILLS
    assert verdict.sales


def test_a_ledger_of_version_1_is_brought_up_with_claims_in_flight(tmp_path: Path, clock: ScriptedClock) -> None:
    claim = Claim("C", "S1", "R1", "g", "AP0004", 1, "M1", "77", "TD1", Decimal(100), Decimal(10))
    ledger = SqlLedger(tmp_path / "l.db")
    ledger.take_watch("C", "old", clock.now())
    ledger.open_claim(claim, None, clock.now())
    ledger.save_claim(claim, replace(claim, points=Points.SENT, staff_id="101"), "sent", clock.now())
    ledger.close()
    as_version_1(tmp_path / "l.db")
    assert {name: there for name, there in _tables(tmp_path / "l.db").items() if name in TABLES} == VERSION_1
    ledger = SqlLedger(tmp_path / "l.db")
    (there,) = ledger.list_claims()
    assert (there.key, there.points, there.end, there.points_cost) == (claim.key, Points.SENT, "OPEN", Decimal(100))
    assert there.staff_id == ""  # version 1 did not know who
    assert [step["move"] for step in ledger.history(claim.key)] == ["open", "sent"]
    ledger.close()
    raw = sqlite3.connect(tmp_path / "l.db")
    assert raw.execute("SELECT value FROM meta WHERE name = 'version'").fetchone() == (str(VERSION),)
    raw.close()


def test_a_column_that_was_renamed_since_version_1_has_its_old_name_again(tmp_path: Path) -> None:
    SqlLedger(tmp_path / "l.db").close()
    raw = sqlite3.connect(tmp_path / "l.db")
    raw.execute("ALTER TABLE person RENAME COLUMN read_at TO asked_at")
    raw.execute("CREATE INDEX person_asked ON person (asked_at)")
    raw.commit()
    raw.close()
    as_version_1(tmp_path / "l.db")
    assert _tables(tmp_path / "l.db")["person"] == VERSION_1["person"]
    raw = sqlite3.connect(tmp_path / "l.db")
    assert raw.execute("SELECT name FROM meta").fetchall() == [("version",)]
    raw.close()


def test_the_clock_of_a_host_is_wrong_and_may_step() -> None:
    def difference(clock: SkewedClock) -> int:
        return round((clock.now() - datetime.now(UTC)).total_seconds() / 60)

    slow = SkewedClock(Skew(-600))
    assert [difference(slow), difference(slow)] == [-10, -10]
    stepping = SkewedClock(Skew(0, 3600, after=3))
    assert [difference(stepping) for _ in range(4)] == [0, 0, 60, 60]


def _tables(path: Path) -> dict[str, set[str]]:
    raw = sqlite3.connect(path)
    try:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: {row[1] for row in raw.execute(f"PRAGMA table_info({name})")} for name in names}
    finally:
        raw.close()
