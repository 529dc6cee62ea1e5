"""Kills the worker at random moments of sales under way, and lets the other side's own counters judge."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from navplugin.core.model import End
from navplugin.ledger import SqlLedger
from navplugin.simulator.app import Server
from navplugin.simulator.control import dump
from navplugin.simulator.state import State
from navplugin.simulator.world import demo_world, load_world
from tests.crash.crew import Crew
from tests.crash.heard import Heard, listening
from tests.crash.judge import Evidence, Verdict, judge
from tests.crash.modes import SCENARIOS, Mode
from tests.crash.traffic import Cashier, Shop

FAULTS = ("after", "before", "late", "503", "half")
DRAIN_SECONDS = 90.0
NEWCOMERS = 400
MOST_MISSED = 20
"""Workers one after the other that had ended before they were struck: then something else is wrong."""

OnStrike = Callable[[Verdict], None]


def run_mode(
    folder: Path, mode: Mode, kills: int, seed: int, scenarios: Iterable[str] = SCENARIOS,
    on_strike: OnStrike = lambda verdict: None,
) -> Verdict:  # fmt: skip
    """One mode: so many strikes, spread over the scenarios, each with a ledger and a simulator of its own."""
    chosen, whole = tuple(scenarios), Verdict(mode.name)
    for number, scenario in enumerate(chosen):
        part = kills * (number + 1) // len(chosen) - kills * number // len(chosen)
        if part:
            whole.add(run_scenario(folder / str(number), mode, scenario, part, seed + 1000 * number, on_strike))
    return whole


def run_scenario(
    folder: Path, mode: Mode, scenario: str, kills: int, seed: int, on_strike: OnStrike = lambda verdict: None
) -> Verdict:
    """Traffic, strikes, drain, judgement."""
    verdict, heard, stop = Verdict(mode.name, scenario), Heard(), threading.Event()
    folder.mkdir(parents=True)
    state = State(folder / "simulator")
    load_world(state, _rich_world())
    with listening(heard):
        server = Server(state)
    server.start()
    shop = Shop(state, stop, (f"M{2000 + n}" for n in range(NEWCOMERS)))
    cashiers = [Cashier(shop, f"P000{n}", f"M100{n + 2}", seed + n) for n in (1, 2)]
    threads = [threading.Thread(target=one.work, daemon=True) for one in cashiers]
    crew = Crew(folder, server.url, state, mode, scenario)
    try:
        crew.begin()
        if not state.wait_until(lambda: bool(state.rows("AIQ_ReceiptFooter")), 60):
            verdict.troubles.append(f"no worker came up: {_last_words(crew)}")
            return verdict
        for thread in threads:
            thread.start()
        _strike_and_strike(crew, server, verdict, kills, random.Random(seed), on_strike)
        stop.set()
        for thread in threads:
            thread.join(60)
        verdict.lost_answers -= len(server.faults.listed())
        server.faults.clear()
        verdict.sales = sum(one.sales for one in cashiers)

        def evidence() -> Evidence:
            crew.ensure()
            ledger = SqlLedger(crew.ledger, must_exist=True)
            claims = ledger.list_claims()
            ledger.close()
            noted = _signups(crew.ledger)
            return Evidence(dump(state), claims, heard, tuple(shop.yes), noted, frozenset(shop.proven))

        before = verdict.troubles
        _drain(evidence, mode, verdict)
        verdict.troubles += before
        verdict.troubles += [t for one in cashiers for t in one.troubles]
        verdict.troubles += [f"{t.name} did not end" for t in threads if t.is_alive()]
    finally:
        stop.set()
        crew.end()
        server.stop()
        state.close()
    return verdict


def _rich_world() -> dict[str, Any]:
    """Members with points for hundreds of sales, people who may join, discounts that may be used again and again."""
    world = demo_world()
    for persona in world["personas"]:
        persona["points"] = Decimal(10_000_000)
    for discount in world["discounts"]:
        discount["reusable"] = True
    like = world["members"][0]
    for number in range(2000, 2000 + NEWCOMERS):
        own = {"Card_No": f"M{number}", "Account_No": f"A{number}", "Contact_No": f"C{number}"}
        world["members"].append({**like, **own, "Surname": str(number), "Mobile_Phone_No": f"555010{number}"})
    return world


def _strike_and_strike(
    crew: Crew, server: Server, verdict: Verdict, kills: int, dice: random.Random, on_strike: OnStrike
) -> None:
    state = crew.state
    refund = {"endpoint": ("aiq.refund",), "adjust": ("aiq.adjust",)}.get(crew.mode.refund, ())
    calls = ("aiq.redeem", "aiq.redeem", "aiq.redeem", *refund, "aiq.signup")
    missed = 0
    while verdict.strikes < kills and missed < MOST_MISSED:
        if dice.random() < 0.3:
            server.faults.add({"call": dice.choice(calls), "fault": dice.choice(FAULTS)})
            verdict.lost_answers += 1
        # After so many requests, not seconds: a slow machine must not kill a worker that has not even begun.
        target = _requests(state) + dice.randint(1, 90)
        state.wait_until(lambda: _requests(state) >= target, 5)  # noqa: B023 asked at once
        what = crew.strike(dice)
        missed = 0 if what else missed + 1
        verdict.kills += what == "kill"
        verdict.stalls += what == "stall"
        on_strike(verdict)
    if missed == MOST_MISSED:
        verdict.troubles.append(f"the last {missed} workers had ended by themselves")


def _signups(ledger: Path) -> dict[str, str]:
    """What the ledger says of each sign-up, by card: for the person who reads a verdict."""
    raw = sqlite3.connect(ledger, timeout=10)
    try:
        rows = raw.execute("SELECT member_card_no, receipt_no, state, tries, note FROM signup ORDER BY changed_at")
        return {card: f"receipt {no}: {state}, {tries} tries, {note}" for card, no, state, tries, note in rows}
    finally:
        raw.close()


def _last_words(crew: Crew) -> str:
    log = crew.folder / "worker.log"
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


def _requests(state: State) -> int:
    """How many requests the workers have sent to NAV."""
    return sum(state.doc("nav.requests", {}).values())


def _drain(evidence: Callable[[], Evidence], mode: Mode, verdict: Verdict) -> None:
    """No more faults, no more strikes: everything must come to its end by itself."""
    begun, never = time.monotonic(), threading.Event()
    while time.monotonic() - begun < DRAIN_SECONDS:
        never.wait(0.5)
        found = evidence()
        judge(found, mode, verdict)
        left = (claim for claim in found.claims if claim.end is End.OPEN)
        verdict.stranded = [f"{claim.key}: points {claim.points}, {claim.reason}" for claim in left]
        if verdict.ok:
            break
    verdict.drain_seconds = time.monotonic() - begun
