"""Where two parts of the worker meet: lanes and rechecks, stops and takeovers, a watcher and the ledger beside it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from navplugin.core.errors import LedgerUnusable
from navplugin.demo.stage import KEY_VARIABLE, profile_text
from navplugin.lanes import Lanes, Turn
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger
from navplugin.rulebook.load import load_rulebook
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.site import Site, load_site
from navplugin.wiring import wire
from tests.conftest import ScriptedClock
from tests.scenarios.test_watch import sim, site

__all__ = ["site"]


def test_a_prompt_leaves_no_card_in_a_ledger_without_personal_data(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")
    path = tmp_path / "hashed.ini"
    hidden = f"builtin\npersonal-data = hash\nhash-key = env:{KEY_VARIABLE}"
    path.write_text(profile_text(server.url, {"matcher": hidden}), "utf-8")
    loaded = load_site(path)
    assert loaded.site is not None, loaded.problems
    sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1001"})
    with wire(loaded.site, lambda _: False) as watch:
        watch.once()
    assert sim(server, "GET", "/state")["staged"]["AIQ_POSPrompts"]
    said = b"".join(p.read_bytes() for p in tmp_path.glob(f"{loaded.site.ledger.name}*"))
    assert said
    assert b"M1001" not in said


# ---- lanes -------------------------------------------------------------------------------------------------------


def test_a_recheck_leaves_a_sale_to_the_lane_that_works_on_it(server: Server, site: Site) -> None:
    """Its row leaves NAV while AIQ is asked for the points: the claim must not be moved under the lane's hands."""
    with wire(site, lambda _: False) as watch:
        receipt = sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})["receipt_no"]
        watch.once()
        for name, body in (("add-item", {"item_no": "FLOWER"}), ("add-item", {"item_no": "VAPE"}),
                           ("pick", {"coupon_code": "AP0004"}), ("total", {}), ("pay", {})):  # fmt: skip
            sim(server, "POST", f"/till/P0001/{name}", body)
        sim(server, "POST", "/faults", {"call": "aiq.redeem", "fault": "slow", "seconds": 600})
        worker, clock = watch.worker, ScriptedClock(datetime.now(UTC))
        worker.lanes.patience, worker.clock = 0.25, clock
        assert any(worker.tick().busy for _ in range(200))
        worker.reader.read_sale = lambda receipt_no: None  # type: ignore[method-assign]
        worker.reader.read_changed_sales = lambda after_mark: ()  # type: ignore[method-assign]
        clock.advance(seconds=31)
        assert worker.tick().busy == 1
        (claim,) = worker.ledger.claims_of(receipt)
        moves = [step["move"] for step in worker.ledger.history(claim.key)]
    assert "sent" in moves
    assert "sale missing" not in moves


def test_a_yes_on_two_tills_signs_the_member_up_once(server: Server, state: State, site: Site) -> None:
    with wire(site, lambda _: False) as watch:
        for till in ("P0001", "P0002"):
            sim(server, "POST", f"/till/{till}/check-in", {"member_card_no": "M1001"})
        watch.once()
        for till in ("P0001", "P0002"):
            sim(server, "POST", f"/till/{till}/signup", {})
            sim(server, "POST", f"/till/{till}/signup-yes", {})
        watch.once()
        assert watch.worker.ledger.pending_signups() == ()
    assert [call["kind"] for call in state.doc("aiq.calls", [])].count("signup") == 1


class Interrupted:
    """A lock whose second acquiring is ended by Ctrl+C, while another lane has it."""

    def __init__(self) -> None:
        self.waits, self.releases = 0, 0

    def acquire(self) -> None:
        self.waits += 1
        if self.waits == 2:
            raise KeyboardInterrupt

    def release(self) -> None:
        self.releases += 1

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def test_ctrl_c_while_a_lane_works_does_not_take_its_turn_away() -> None:
    turn, lock = Turn(), Interrupted()
    turn._lock = lock  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt), turn.taken(), turn.given_away():
        pass
    assert lock.releases == 1, "the second release would be that of the other lane"


def test_what_has_not_begun_does_not_begin_after_the_end() -> None:
    """One lane, two sales: the second one's snapshot would be old by then, and a service manager does not wait."""
    lanes, begun, begins, go_on = Lanes(1, patience=0), [], threading.Event(), threading.Event()

    def job(receipt: str) -> str:
        begun.append(receipt)
        begins.set()
        with lanes.turn.given_away():
            go_on.wait(30)
        return receipt

    with lanes.turn.taken():
        assert not list(lanes.run({"R1": lambda: job("R1"), "R2": lambda: job("R2")}))
    assert begins.wait(30)
    lanes._busy["R2"].add_done_callback(lambda _: go_on.set())
    lanes.close()
    assert begun == ["R1"]


# ---- a watcher beside a worker -------------------------------------------------------------------------------------


def schema(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as raw:
        return [raw.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall(),
                raw.execute("SELECT * FROM meta").fetchall()]  # fmt: skip


def test_a_watcher_of_a_newer_version_leaves_the_ledger_of_the_worker_as_it_is(server: Server, site: Site) -> None:
    """Trying a version beside the one in production must not bring its ledger to where that one cannot read it."""
    with closing(SqlLedger(site.ledger)) as ledger, ledger._write() as connection:
        connection.exec_driver_sql("UPDATE meta SET value = '1' WHERE name = 'version'")
        connection.exec_driver_sql("DROP TABLE figure")
    before = schema(site.ledger)
    with wire(site, lambda _: False, watch_only=True) as watch:
        watch.once()
    assert schema(site.ledger) == before


def test_a_watcher_decides_by_the_rules_that_the_worker_has_published(server: Server, site: Site) -> None:
    with wire(site, lambda _: False):
        pass
    with closing(SqlLedger(site.ledger)) as ledger:
        rules = RuleLedger(ledger, site.profile.nav["company"])
        first = rules.in_force()
        assert first is not None
        files = [*first.files, ("more.ini", b"[More]\non = receipt\nthen = footer plain\n")]
        book, _ = load_rulebook([(f"rules/{name}", data) for name, data in files], None)
        assert book is not None
        rules.publish(replace(first, hash=book.hash, files=files))
        with wire(site, lambda _: False, watch_only=True) as watch:
            sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
            watch.once()
            (sale,) = watch.worker.reader.read_changed_sales(0)
            decision = watch.worker.ledger.decision(sale.receipt_no)
    assert decision is not None
    assert decision["rules_hash"] == book.hash


def test_a_ledger_that_is_none_is_said_to_the_watcher(server: Server, site: Site) -> None:
    site.ledger.write_bytes(b"this is no database" * 500)
    with (
        pytest.raises(LedgerUnusable, match="damaged or not a ledger"),
        wire(site, lambda _: False, watch_only=True),
    ):
        pass
