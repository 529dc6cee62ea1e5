"""A ledger that another program holds: waited for, nothing lost, and whoever only reads waits for nobody (M14)."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from navplugin.core.errors import LedgerBusy, LedgerUnusable
from navplugin.core.model import End, Points
from navplugin.watch import Watch
from tests.scenarios.counter import CODE, COST, Counter, claims, counter, held
from tests.scenarios.test_watch import rounds

__all__ = ["counter"]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database waits for a moment only."""
    monkeypatch.setattr("navplugin.ledger.base.BUSY_SECONDS", 0.02)


def picked(counter: Counter, watch: Watch) -> str:
    receipt = counter.check_in()
    watch.once()
    counter.press("pick", coupon_code=CODE)
    watch.once()
    return receipt


def is_settled(counter: Counter, receipt: str, ledger: Path) -> bool:
    (claim,) = claims(ledger, receipt)
    return (claim.end, len(counter.redemptions(receipt)), counter.points()) == (End.SETTLED, 1, 1000 - COST)


def test_the_worker_goes_on_when_the_lock_goes(counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        receipt = picked(counter, watch)
        counter.pay()
        with held(ledger) as other:
            watch.pause = rounds(lambda: None, lambda: counter.clock.advance(seconds=31), other.rollback,
                                 lambda: counter.clock.advance(seconds=31), lambda: None)  # fmt: skip
            watch.forever()
            watch.once()
    assert is_settled(counter, receipt, ledger)
    assert counter.calls("redeem") == 1


# ---- the answer of a call ------------------------------------------------------------------------------------------


@contextmanager
def when_said(text: str, act: Callable[[], object]) -> Iterator[None]:
    """Do this as soon as the worker logs that."""

    class Hearer(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text in record.getMessage():
                act()

    hearer = Hearer()
    logging.getLogger("navplugin").addHandler(hearer)
    try:
        yield
    finally:
        logging.getLogger("navplugin").removeHandler(hearer)


def after_the_call(watch: Watch, act: Callable[[], object]) -> None:
    """AIQ has taken the points, its answer is here, and before it is written this happens."""
    loyalty: Any = watch.worker.cashbox.teller.loyalty
    send = loyalty.send_redemption

    def send_redemption(*words: Any) -> str:
        number: str = send(*words)
        act()
        return number

    loyalty.send_redemption = send_redemption


@pytest.mark.parametrize("lookup", ["probe", "blind"])
def test_an_answer_is_written_when_the_lock_goes(counter: Counter, lookup: str) -> None:
    profile = counter.profile(redemption_lookup=lookup)
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch, closing(_other(ledger)) as other:
        receipt = picked(counter, watch)
        counter.pay()
        after_the_call(watch, lambda: other.execute("BEGIN IMMEDIATE"))
        with when_said("AIQ's answer waits to be written", other.rollback):
            watch.once()
        looked = counter.calls("redemptions")
    assert is_settled(counter, receipt, ledger)
    assert looked == 0, "nothing was unknown"


def test_an_answer_that_cannot_be_written_for_long_leaves_the_claim_sent(counter: Counter) -> None:
    """It is looked up after the grace, and never sent again."""
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch, closing(_other(ledger)) as other:
        receipt = picked(counter, watch)
        counter.pay()
        after_the_call(watch, lambda: other.execute("BEGIN IMMEDIATE"))
        (failure,) = watch.worker.tick().failures
        assert "another program holds" in failure
        other.rollback()
        assert claims(ledger)[0].points is Points.SENT
        counter.clock.advance(seconds=31)
        watch.once()
    assert is_settled(counter, receipt, ledger)
    assert counter.calls("redeem") == 1


@pytest.mark.parametrize("lookup", ["probe", "blind"])
@pytest.mark.parametrize("locked", [False, True], ids=["free", "locked"])
def test_the_answer_reaches_the_ledger_also_when_the_worker_was_followed(
    counter: Counter, lookup: str, locked: bool
) -> None:
    """Its successor has the claim as `sent` and waits: with `blind` it would end on the work list."""
    profile = counter.profile(redemption_lookup=lookup)
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch, closing(_other(ledger)) as other:
        receipt = picked(counter, watch)
        counter.pay()

        def followed() -> None:
            with counter.worker(profile) as second:
                second.once()
                counter.clock.advance(seconds=31)
                second.once()
            if locked:
                other.execute("BEGIN IMMEDIATE")

        after_the_call(watch, followed)
        with when_said("AIQ's answer waits to be written", other.rollback), pytest.raises(LedgerUnusable):
            watch.worker.tick()
        assert claims(ledger)[0].points is Points.YES
        with counter.worker(profile) as second:
            second.once()
            counter.clock.advance(minutes=5)
            second.once()
    assert is_settled(counter, receipt, ledger)
    assert counter.calls("redeem") == 1


def _other(ledger: Path) -> sqlite3.Connection:
    return sqlite3.connect(ledger, isolation_level=None, check_same_thread=False)


# ---- a process that was stopped inside a transaction --------------------------------------------------------------

STOPPED = """
import sqlite3, sys
raw = sqlite3.connect(sys.argv[1], isolation_level=None)
raw.execute("BEGIN IMMEDIATE")
raw.execute("UPDATE claim SET points = 'yes', end = 'SETTLED'")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_successor_waits_for_a_worker_that_stopped_inside_a_transaction(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        receipt = picked(counter, watch)
    counter.pay()
    command = [sys.executable, "-c", STOPPED, str(ledger)]
    stopped = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert stopped.stdout is not None
        assert stopped.stdout.readline().strip() == b"held"
        waits: list[float] = []

        def pause(seconds: float) -> bool:
            waits.append(seconds)
            if len(waits) == 3:
                stopped.kill()
                stopped.wait()
            return True

        with counter.worker(profile, pause) as watch:
            watch.once()
    finally:
        stopped.kill()
        stopped.communicate()
    assert len(waits) == 3
    said = [r.getMessage() for r in caplog.records if "another program holds" in r.getMessage()]
    assert len(said) == 1, "one line, however long it waits"
    assert is_settled(counter, receipt, ledger)


def test_a_start_that_is_told_not_to_wait_ends_with_one_sentence(counter: Counter) -> None:
    profile = counter.profile()
    with counter.worker(profile):
        pass
    with (
        held(profile.with_suffix(".db")),
        pytest.raises(LedgerBusy, match="another program holds"),
        counter.worker(profile, lambda _: False),
    ):
        pass


# ---- commands ------------------------------------------------------------------------------------------------------


def test_whoever_reads_waits_for_no_writer(counter: Counter) -> None:
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        receipt = counter.sell(watch)
        watch.once()
        counter.clock.advance(hours=1)
        with held(ledger):
            for words in (("ledger", "list", "--state", ledger), ("ledger", "show", receipt, "--state", ledger),
                          ("report", "uses", "--state", ledger), ("ledger", "audit", "--config", profile),
                          ("rules", "explain", receipt, "--config", profile),
                          ("ledger", "backup", counter.folder / "copy.db", "--state", ledger)):  # fmt: skip
                said = counter.typed(*words)
                assert said.code == 0, (words, said.text)
    assert [c.end for c in claims(counter.folder / "copy.db")] == [End.SETTLED]


def test_whoever_writes_is_told_that_the_ledger_is_held(counter: Counter) -> None:
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        receipt = picked(counter, watch)
        counter.pay()
        counter.fault(call="aiq.redeem", fault="400")
        watch.once()
    assert [c.end for c in claims(ledger)] == [End.OWED]
    with held(ledger):
        said = counter.typed("ledger", "resolve", receipt, CODE, "--points", "closed", "--state", ledger)
        assert (said.code, len(said.text.splitlines())) == (1, 1)
        assert "another program holds" in said.text
        said = counter.typed("ledger", "take-over", "--yes", "--config", counter.profile())
        assert said.code in (0, 1)
    assert [c.resolved for c in claims(ledger)] == [""]
