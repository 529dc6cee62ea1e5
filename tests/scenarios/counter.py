"""A store for scenarios: tills, NAV and AIQ over real HTTP, workers on ledgers of their own, commands as typed.

Time moves only when a test says so, in the worker and in the commands; a pause moves it and waits for nothing.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from navplugin.cli import build_app
from navplugin.core.model import Claim
from navplugin.demo.stage import KEY_VARIABLE, profile_text
from navplugin.ledger import SqlLedger
from navplugin.simulator.app import Server
from navplugin.simulator.control import STAGED
from navplugin.simulator.faults import Faults
from navplugin.simulator.state import State
from navplugin.simulator.till import press
from navplugin.site import Site, load_site
from navplugin.watch import Watch
from navplugin.wiring import wire
from tests.conftest import ScriptedClock

CARD, CONTACT, CODE, COST = "M1003", "contact-1003", "AP0004", 500
_WORKER = ("personal-data", "hash-key", "owed", "accept-manual-refunds")
"""Keys of [worker] that the demo's profile does not have."""
GRANTS, RECORD = "AIQ_POSTotalDiscountOfferLines", "AIQ_Ledger"


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and all that it printed."""

    code: int
    text: str


@dataclass(slots=True)
class Counter:
    """One store. told: what was typed and said, for people."""

    server: Server
    state: State
    folder: Path
    clock: ScriptedClock
    told: list[str] = field(default_factory=list)

    # ---- profiles and workers ------------------------------------------------------------------------------------

    def profile(self, name: str = "site", **changes: str) -> Path:
        """A profile; its ledger is `{name}.db` beside it. changes: keys with _ for -."""
        values = {"matcher": "builtin", "wait-ms": "10000", "state": f"{name}.db"}
        values |= {key.replace("_", "-"): value for key, value in changes.items()}
        more = {key: values.pop(key) for key in _WORKER if key in values}
        values["refund"] = "\n".join([values.get("refund", "endpoint"), *(f"{k} = {v}" for k, v in more.items())])
        path = self.folder / f"{name}.ini"
        path.write_text(profile_text(self.server.url, values), "utf-8")
        return path

    def site(self, profile: Path) -> Site:
        """It, read."""
        loaded = load_site(profile)
        assert loaded.site is not None, loaded.problems
        return loaded.site

    def worker(self, profile: Path, pause: Callable[[float], bool] | None = None) -> AbstractContextManager[Watch]:
        """A worker on this profile's ledger."""
        return wire(self.site(profile), pause or self.pause)

    def pause(self, seconds: float) -> bool:
        """Time passes at once."""
        self.clock.advance(seconds=seconds)
        return True

    def typed(self, *words: str | Path) -> Said:
        """`navplugin ...` in a pipe."""
        done = CliRunner().invoke(build_app(), [str(word) for word in words], catch_exceptions=False)
        text = "".join(sorted({done.stdout, done.stderr}, key=len, reverse=True))
        line = " ".join(word.name if isinstance(word, Path) else word for word in words)
        self.told += [f"$ navplugin {line}   [{done.exit_code}]", *(f"  {one}" for one in text.splitlines())]
        return Said(done.exit_code, text)

    # ---- at the till ---------------------------------------------------------------------------------------------

    def press(self, name: str, till: str = "P0001", **body: Any) -> Any:
        """Press a key; the screen."""
        return press(self.state, till, name, body)

    def check_in(self, till: str = "P0001", card: str = CARD) -> str:
        """A sale of 120.00 with this member; its receipt."""
        receipt: str = self.press("check-in", till, member_card_no=card)["receipt_no"]
        for item in ("FLOWER", "VAPE"):
            self.press("add-item", till, item_no=item)
        return receipt

    def pay(self, till: str = "P0001") -> None:
        """[Total] and the tender."""
        self.press("total", till)
        assert self.press("pay", till, tender="CASH")["state"] == "POSTED"

    def sell(self, watch: Watch, till: str = "P0001", card: str = CARD) -> str:
        """A sale with its discount picked, seen by the worker after each press, paid; its receipt."""
        receipt = self.check_in(till, card)
        watch.once()
        self.press("pick", till, coupon_code=CODE)
        watch.once()
        self.pay(till)
        return receipt

    def pick_at_select(self, watch: Watch) -> None:
        """[OK] where it waits for the points, with the worker beside it."""
        cashier = threading.Thread(target=lambda: self.press("pick", coupon_code=CODE))
        cashier.start()
        assert self.state.wait_until(lambda: any(r["Status"] == "Picked" for r in self.state.rows(GRANTS)), 60)
        watch.once()
        cashier.join()

    # ---- the other side --------------------------------------------------------------------------------------------

    def fault(self, **fault: Any) -> None:
        """Order a fault."""
        self.server_faults.add(fault)

    @property
    def server_faults(self) -> Faults:
        """The list of ordered faults; it lives in the state."""
        return Faults(self.state)

    def settings(self, **values: Any) -> None:
        """AIQ's switches."""
        self.state.set_doc("aiq.settings", {**self.state.doc("aiq.settings", {}), **values})

    def points(self, contact: str = CONTACT) -> Decimal:
        """A member's points in AIQ."""
        return next(Decimal(p["points"]) for p in self.state.doc("aiq.personas") if p["contactID"] == contact)

    def set_person(self, contact: str, **values: Any) -> None:
        """Change a person in AIQ."""
        people = self.state.doc("aiq.personas")
        self.state.set_doc("aiq.personas", [p | values if p["contactID"] == contact else p for p in people])

    def set_cost(self, points: int, discount: str = "9004") -> None:
        """Change what a discount costs in AIQ."""
        found = self.state.doc("aiq.templates")
        changed = [t | {"pointsDeduction": points} if t["id"] == discount else t for t in found]
        self.state.set_doc("aiq.templates", changed)

    def calls(self, kind: str) -> int:
        """How many calls of this kind AIQ has had."""
        return sum(call["kind"] == kind for call in self.state.doc("aiq.calls", []))

    def redemptions(self, receipt: str) -> list[dict[str, Any]]:
        """AIQ's redemptions with this receipt number, also those given back."""
        return [one for one in self.state.doc("aiq.redemptions", []) if one["reference"] == receipt]

    def row(self, receipt: str) -> dict[str, Any]:
        """NAV's row of the discount."""
        found = self.state.get(GRANTS, receipt, CODE)
        assert found is not None
        return found

    def set_row(self, receipt: str, **fields: Any) -> None:
        """Change it, as a person in NAV."""
        self.state.put(GRANTS, {**self.row(receipt), **fields})

    def record(self) -> dict[str, Any]:
        """NAV's row of the ledger in charge."""
        (found,) = self.state.rows(RECORD)
        return found

    def set_record(self, **fields: Any) -> None:
        """Change it, as a person in NAV."""
        self.state.put(RECORD, {**self.record(), **fields})

    def everything(self, ledger: Path) -> list[Any]:
        """All that NAV, AIQ and a ledger hold."""
        docs = ("aiq.personas", "aiq.redemptions", "aiq.adjustments")
        with closing(sqlite3.connect(ledger)) as raw:
            kept = list(raw.iterdump())
        return [*(self.state.rows(service) for service in STAGED), *(self.state.doc(name) for name in docs), kept]


def claims(ledger: Path, receipt: str = "") -> list[Claim]:
    """The claims of a ledger file."""
    with closing(SqlLedger(ledger, must_exist=True)) as opened:
        return [claim for claim in opened.list_claims() if receipt in ("", claim.receipt_no)]


@contextmanager
def held(ledger: Path) -> Iterator[sqlite3.Connection]:
    """Another program holds the ledger's lock; `rollback` lets it go."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


@pytest.fixture
def counter(server: Server, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    """The demo's store."""
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")
    clock = ScriptedClock(datetime.now(UTC).replace(microsecond=0))
    for place in ("wiring", "cli.ledger_take_over", "cli.ledger_audit"):
        monkeypatch.setattr(f"navplugin.{place}.SystemClock", lambda: clock)
    folder = tmp_path / "site"
    folder.mkdir()
    one = Counter(server, state, folder, clock)
    monkeypatch.setattr("navplugin.cli.ledger_take_over._pause", one.pause)
    never = SimpleNamespace(wait=lambda seconds: not one.pause(seconds), set=lambda: None)
    monkeypatch.setattr("navplugin.cli.worker.Event", lambda: never)
    monkeypatch.setattr("navplugin.cli.worker._log_to_stderr", lambda: None)
    monkeypatch.setattr("navplugin.cli.worker.signal.signal", lambda *_: None)
    return one
