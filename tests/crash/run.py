"""Kills the worker at random moments of sales under way, and lets the other side's own counters judge."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from navplugin.demo.stage import profile_text
from navplugin.ledger import SqlLedger
from navplugin.ledger.schema import NEW_IN_2
from navplugin.simulator.app import Server
from navplugin.simulator.control import dump
from navplugin.simulator.state import State
from navplugin.simulator.world import demo_world, load_world
from tests.crash.traffic import Cashier
from tests.crash.workers import kill, start

SCENARIOS = ("same name", "new name", "two workers", "new version")
MODES = ("posted", "total", "select")
FAULTS = ("after", "before", "late", "503", "half")
DRAIN_SECONDS = 90.0
OFFERS = {"TDO0001": "9001", "TDO0004": "9004"}


@dataclass
class Verdict:
    """What the other side counted at the end of one scenario."""

    scenario: str
    mode: str
    kills: int = 0
    sales: int = 0
    posted: int = 0
    voided: int = 0
    redemptions: int = 0
    calls: int = 0
    lost_answers: int = 0
    drain_seconds: float = 0.0
    doubled: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    stranded: list[str] = field(default_factory=list)
    for_a_person: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing doubled, nothing missing, nothing stranded, nobody called."""
        return not (self.doubled or self.missing or self.stranded or self.for_a_person or self.troubles)

    def line(self) -> str:
        """For people."""
        return (
            f"{self.scenario:<12} {self.mode:<7} {self.kills:>5} kills {self.sales:>5} sales {self.posted:>5} "
            f"discounts posted {self.voided:>4} voided {self.redemptions:>5} redemptions {self.calls:>5} calls "
            f"{self.lost_answers:>4} answers lost | doubled {len(self.doubled)} missing {len(self.missing)} stranded "
            f"{len(self.stranded)} for a person {len(self.for_a_person)} | drained in {self.drain_seconds:.1f} s"
        )


def run_scenario(folder: Path, scenario: str, kills: int, seed: int, mode: str = "posted") -> Verdict:
    """Traffic, kills, drain, judgement."""
    verdict = Verdict(scenario, mode)
    folder.mkdir(parents=True)
    state = State(folder / "simulator")
    load_world(state, _rich_world())
    server = Server(state)
    server.start()
    stop = threading.Event()
    cashiers = [Cashier(state, f"P000{n}", f"M100{n + 2}", seed + n, stop) for n in (1, 2)]
    threads = [threading.Thread(target=one.work, daemon=True) for one in cashiers]
    crew = _Crew(folder, server.url, scenario, mode)
    try:
        crew.begin()
        state.wait_until(lambda: bool(state.rows("AIQ_ReceiptFooter")), 60)
        for thread in threads:
            thread.start()
        _kill_and_kill(crew, state, server, verdict, kills, random.Random(seed))
        stop.set()
        for thread in threads:
            thread.join(60)
        verdict.lost_answers = verdict.lost_answers - len(server.faults.listed())
        server.faults.clear()
        _drain(crew, state, folder, verdict)
        verdict.sales = sum(one.sales for one in cashiers)
        verdict.troubles = [t for one in cashiers for t in one.troubles]
        judge(dump(state), verdict)
    finally:
        stop.set()
        crew.end()
        server.stop()
        state.close()
    return verdict


def _rich_world() -> dict[str, Any]:
    """Members with points for hundreds of sales, discounts that may be used again and again."""
    world = demo_world()
    for persona in world["personas"]:
        persona["points"] = Decimal(10_000_000)
    for discount in world["discounts"]:
        discount["reusable"] = True
    return world


def _kill_and_kill(
    crew: _Crew, state: State, server: Server, verdict: Verdict, kills: int, dice: random.Random
) -> None:
    while verdict.kills < kills:
        if dice.random() < 0.3:
            server.faults.add({"call": "aiq.redeem", "fault": dice.choice(FAULTS)})
            verdict.lost_answers += 1
        # After so many requests, not seconds: a slow machine must not kill a worker that has not even begun.
        target = _requests(state) + dice.randint(1, 90)
        state.wait_until(lambda: _requests(state) >= target, 5)  # noqa: B023 asked at once
        verdict.kills += crew.strike(dice)


def _requests(state: State) -> int:
    """How many requests the workers have sent to NAV."""
    return sum(state.doc("nav.requests", {}).values())


class _Crew:
    """The workers of one store, and how the next one starts."""

    def __init__(self, folder: Path, url: str, scenario: str, mode: str) -> None:
        self.folder, self.scenario, self.number = folder, scenario, 0
        self.text: Callable[[str], str] = lambda name: profile_text(
            url, {"redeem-at": mode, "name": name, "matcher": "builtin", "grace-seconds": "5"}
        )
        self.workers: list[BaseProcess] = []

    @property
    def ledger(self) -> Path:
        """The ledger file."""
        return self.folder / "navplugin.db"

    def begin(self) -> None:
        """Start a worker as the scenario says; with two, a second one beside it."""
        self._start()
        if self.scenario == "two workers":
            self._start()

    def _start(self) -> None:
        self.number += 1
        name = f"worker {self.number}" if self.scenario == "new name" else "worker"
        config = self.folder / f"site{self.number % 4}.ini"
        config.write_text(self.text(name), "utf-8")
        self.workers.append(start(config, self.folder / "worker.log"))

    def strike(self, dice: random.Random) -> int:
        """Kill one worker; how many were alive until then. Another one takes its place."""
        victim = self.workers.pop(dice.randrange(len(self.workers)))
        killed = kill(victim)
        if self.scenario == "new version" and dice.random() < 0.5:
            as_version_1(self.ledger)
        self._start()
        return int(killed)

    def ensure(self) -> None:
        """At least one that lives: of two, the one that was taken over has ended by itself."""
        self.workers = [one for one in self.workers if one.is_alive()]
        if not self.workers:
            self._start()

    def end(self) -> None:
        """Kill them all."""
        for worker in self.workers:
            kill(worker)


def as_version_1(path: Path) -> None:
    """The ledger as the version before left it: the next start must bring it up to date with claims in flight.

    What only version 2 knows is lost, as it would be.
    """
    raw = sqlite3.connect(path, timeout=10)
    try:
        raw.execute("BEGIN IMMEDIATE")
        for table in NEW_IN_2:
            raw.execute(f"DROP TABLE {table.name}")
        for column in ("staff_id", "pos_terminal_no", "taken_at", "missing_since", "collect", "given_back", "voided",
                       "resolved"):  # fmt: skip
            raw.execute(f"ALTER TABLE claim DROP COLUMN {column}")
        raw.execute("UPDATE meta SET value = '1' WHERE name = 'version'")
        raw.commit()
    finally:
        raw.close()


def _drain(crew: _Crew, state: State, folder: Path, verdict: Verdict) -> None:
    """No more faults, no more kills: everything must come to its end by itself."""
    begun, never = time.monotonic(), threading.Event()
    open_claims = ["unknown"]
    while time.monotonic() - begun < DRAIN_SECONDS:
        crew.ensure()
        never.wait(0.5)
        ledger = SqlLedger(crew.ledger, must_exist=True)
        claims = ledger.list_claims()
        ledger.close()
        open_claims = [c.key for c in claims if c.end == "OPEN"]
        verdict.for_a_person = [f"{c.key}: {c.end} {c.reason}" for c in claims if c.needs_person]
        if not open_claims and not _unequal(dump(state), verdict.mode):
            break
    verdict.drain_seconds = time.monotonic() - begun
    verdict.stranded = open_claims


def _unequal(seen: dict[str, Any], mode: str) -> bool:
    found = Verdict("", mode)
    judge(seen, found)
    return bool(found.doubled or found.missing)


def judge(seen: dict[str, Any], verdict: Verdict) -> None:
    """NAV's posted discounts against AIQ's redemptions, receipt by receipt."""
    live: dict[tuple[str, str], int] = {}
    for one in seen["aiq"]["redemptions"]:
        key = (one["reference"], one["discount_id"])
        live[key] = live.get(key, 0) + (not one["refunded"])
    verdict.redemptions = len(seen["aiq"]["redemptions"])
    verdict.calls = sum(call["kind"] == "redeem" for call in seen["aiq"]["calls"])
    returned = {s["Refund_Receipt_No"] for s in seen["sales"] if s["Refund_Receipt_No"]}
    verdict.posted = verdict.voided = 0
    verdict.doubled, verdict.missing = [], []
    for sale in seen["sales"]:
        receipt, voided = sale["Receipt_No"], sale["Entry_Status"] == "Voided"
        verdict.voided += voided
        offers = {d["Offer_No"] for d in sale["discounts"]} & OFFERS.keys()
        if sale["Sale_Is_Return_Sale"]:
            continue
        verdict.posted += len(offers) if not voided else 0
        for offer, discount_id in OFFERS.items():
            wanted = int(offer in offers and not voided and receipt not in returned)
            taken = live.get((receipt, discount_id), 0)
            if taken > wanted:
                verdict.doubled.append(f"{receipt} {offer}: {taken} taken, {wanted} wanted, {sale['Entry_Status']}")
            if taken < wanted:
                verdict.missing.append(f"{receipt} {offer}: {taken} taken, {wanted} wanted, {sale['Entry_Status']}")
