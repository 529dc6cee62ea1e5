"""A short run of the kills, for every commit; `python -m tests.crash --kills 200` is the long one.

The simulated NAV and AIQ stand in this process, the workers in processes of their own; the other side's own counters
judge.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.core.model import Claim, Points
from navplugin.ledger import SqlLedger
from tests.conftest import ScriptedClock
from tests.crash.run import MODES, SCENARIOS, Verdict, as_version_1, judge, run_scenario

KILLS = 6
SEED = 20261124


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_worker_killed_at_random_moments_doubles_and_loses_nothing(scenario: str, tmp_path: Path) -> None:
    mode = MODES[SCENARIOS.index(scenario) % len(MODES)]
    verdict = run_scenario(tmp_path / "run", scenario, KILLS, SEED, mode)
    print(verdict.line())
    assert verdict.ok, verdict
    assert verdict.kills >= KILLS
    assert verdict.sales


def test_a_ledger_of_the_version_before_is_brought_up_with_claims_in_flight(
    tmp_path: Path, clock: ScriptedClock
) -> None:
    claim = Claim("C", "S1", "R1", "g", "AP0004", 1, "M1", "77", "TD1", Decimal(100), Decimal(10))
    ledger = SqlLedger(tmp_path / "l.db")
    ledger.take_watch("C", "old", clock.now())
    ledger.open_claim(claim, None, clock.now())
    ledger.save_claim(claim, replace(claim, points=Points.SENT, not_before=clock.now()), "sent", clock.now())
    ledger.close()
    as_version_1(tmp_path / "l.db")
    ledger = SqlLedger(tmp_path / "l.db")
    (there,) = ledger.list_claims()
    assert there == replace(claim, points=Points.SENT, not_before=clock.now())
    assert [step["move"] for step in ledger.history(claim.key)] == ["open", "sent"]
    ledger.close()
    raw = sqlite3.connect(tmp_path / "l.db")
    assert raw.execute("SELECT value FROM meta WHERE name = 'version'").fetchone() == ("2",)
    raw.close()


def _sale(**more: object) -> dict[str, object]:
    usual = {"Receipt_No": "R1", "Entry_Status": " ", "Sale_Is_Return_Sale": False, "Refund_Receipt_No": "",
             "discounts": [{"Offer_No": "TDO0004"}]}  # fmt: skip
    return {**usual, **more}


@pytest.mark.parametrize(
    ("sale", "redemptions", "doubled", "missing"),
    [
        (_sale(), 1, 0, 0), (_sale(), 0, 0, 1), (_sale(), 2, 1, 0), (_sale(discounts=[]), 1, 1, 0),
        (_sale(Entry_Status="Voided"), 1, 1, 0), (_sale(Entry_Status="Voided"), 0, 0, 0),
    ],
)  # fmt: skip
def test_the_judge_of_the_crash_runs_can_say_no(
    sale: dict[str, object], redemptions: int, doubled: int, missing: int
) -> None:
    one = {"reference": "R1", "discount_id": "9004", "refunded": False}
    verdict = Verdict("", "posted")
    judge({"sales": [sale], "aiq": {"redemptions": [one] * redemptions, "calls": []}}, verdict)
    assert (len(verdict.doubled), len(verdict.missing)) == (doubled, missing)
