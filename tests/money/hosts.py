"""The hosts of a run: their clocks, their workers, their ledgers, and the person who takes a company over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from navplugin.core.errors import NotInCharge, Retriable, Skippable
from navplugin.core.model import StoreSettings
from navplugin.cursors import MarkCursor
from navplugin.ledger_record import LedgerRecord
from navplugin.settle import Cashbox
from navplugin.setup_reader import SetupReader
from navplugin.take_over import take_over
from navplugin.worker import Company, Worker
from tests.conftest import ScriptedClock
from tests.money.io import Died
from tests.money.ledger import Store

if TYPE_CHECKING:
    from tests.money.world import World

STALL_SECONDS = 240
"""Longer than the grace, the send-by deadline and AIQ's latest effect."""


@dataclass
class HostClock:
    """The clock of one process. offset: how far its host's wall clock is ahead. begun: its monotonic side begins
    anywhere, so that a figure of another process means nothing."""

    true: ScriptedClock
    offset: timedelta = timedelta(0)
    begun: float = 0.0

    def now(self) -> datetime:
        """What the host's clock shows."""
        return self.true.now() + self.offset

    def monotonic(self) -> float:
        """Seconds of this process."""
        return self.begun + self.true.monotonic()


def new_worker(world: World, name: str, clock: HostClock) -> Worker:
    """A worker, not begun."""
    setup = world.setup
    ledger = world.ledger_of(world)
    store = StoreSettings("S0001", redeem_at=setup.redeem_at, short=setup.short)
    company = Company(name, {"S0001": store}, {}, world._decide, lambda *_: "", setup_lifetime=timedelta(days=1))
    ledger.company = name
    nav = world.nav(name)
    record = LedgerRecord(nav, nav, ledger, clock, "host", lambda _: True)
    cashbox = Cashbox(ledger, world.aiq, clock, {"S0001": setup.policy}, record, setup.rules)
    return Worker(company, nav, nav, world.aiq, ledger, cashbox, clock, record=record)  # type: ignore[arg-type]


def copied(world: World, before: Worker) -> Worker:
    """One with the memory of another, for a copied world."""
    old = before.clock
    assert isinstance(old, HostClock)
    worker = new_worker(world, before.company.name, HostClock(world.clock, old.offset, old.begun))
    worker.ledger.epoch = before.ledger.epoch
    for name in ("_saved_mark", "_rechecked"):
        setattr(worker, name, getattr(before, name))
    cursor = before._cursor
    worker._cursor = MarkCursor(cursor.start, list(cursor._reached), cursor._looked_back_at)
    worker._seen, worker._again = dict(before._seen), set(before._again)
    worker._turns.waiting = set(before._turns.waiting)
    for name in ("_members", "_wallets", "_mapped", "_wallet_ids"):
        setattr(worker.people, name, dict(getattr(before.people, name)))
    worker.people._lost_at, worker.people._paused_until = before.people._lost_at, before.people._paused_until
    worker._setup = SetupReader(worker.reader, worker.clock, timedelta(days=1))
    worker._setup._known = before._setup._known
    worker.cashbox._unsure_since = dict(before.cashbox._unsure_since)
    worker.cashbox._looked_since = dict(before.cashbox._looked_since)
    worker.cashbox.teller._first_listed = dict(before.cashbox.teller._first_listed)
    worker.cashbox._next_look = dict(before.cashbox._next_look)
    odd = before.cashbox.teller._odd._claims
    worker.cashbox.teller._odd._claims = {key: replace(one) for key, one in odd.items()}
    mine, theirs = worker.record, before.record
    assert isinstance(mine, LedgerRecord)
    assert isinstance(theirs, LedgerRecord)
    for name in ("_worker", "_last", "_etag", "_written"):
        setattr(mine, name, getattr(theirs, name))
    mine._possible = set(theirs._possible)
    return worker


def begin(world: World, worker: Worker) -> bool:
    """As `navplugin run` begins; where its ledger is refused, a person takes over if there is one. Whether it runs."""
    plan, world.io.plan = world.io.plan, {}
    passed, kinds = world.io.passed, len(world.io.kinds)
    try:
        worker.record.begin()
    except NotInCharge as why:
        world.refused.append(str(why))
        if not world.setup.operator:
            return False
        record = worker.record
        assert isinstance(record, LedgerRecord)
        take_over(record, record.read(), worker.reader, worker.ledger, worker.clock)  # type: ignore[arg-type]
    finally:
        # The start is not enumerated: nothing is under way then.
        world.io.plan, world.io.passed = plan, passed
        del world.io.kinds[kinds:]
    return True


def restarted(world: World, name: str) -> Worker:
    """The worker that follows one that died."""
    return world.start_worker(name)


def happen(world: World, what: str) -> None:
    """What comes in between two lines of the worker."""
    kind, _, more = what.partition(":")
    if kind == "press":
        world.press(more)
        return
    plan, world.io.plan = world.io.plan, {}
    try:
        _happen(world, kind, more)
    finally:
        world.io.plan = plan


def _happen(world: World, kind: str, more: str) -> None:
    name = world.sales["R1"].company
    if kind == "clock":
        clock = world.workers[0].clock
        assert isinstance(clock, HostClock)
        clock.offset += timedelta(minutes=int(more))
    elif kind == "pause":
        world.clock.advance(seconds=STALL_SECONDS)
    elif kind == "stall":
        world.successors[name] = world.start_worker(name)
        for _ in range(STALL_SECONDS // 15):
            world.clock.advance(seconds=15)
            _whole_round(world.successors[name])
    elif kind == "take-over":
        worker = world.successors[name] = world.start_worker(name)
        _serve(world, worker, all_of_them=True)
    elif kind in ("restore", "lose"):
        # The worker is killed, its ledger put back or gone, and started again; what is under way dies with it.
        earlier = world.backups[-int(more)] if kind == "restore" and len(world.backups) >= int(more) else None
        lost = Store(ledger_id=f"new {world.started}")
        world.store = earlier.copy() if earlier is not None else lost
        world.successors[name] = world.start_worker(name)
        raise Died
    elif kind == "usurp":
        # A second host begins with a ledger of its own, and a person lets it: the first worker has not stopped.
        world.store = Store(ledger_id=f"second {world.started}")
        _whole_round(world.start_worker(name))
    else:
        _serve(world, world.workers[0], all_of_them=False)


def _whole_round(worker: Worker) -> None:
    with suppress(Retriable, Skippable):
        worker.tick()


def _serve(world: World, worker: Worker, *, all_of_them: bool) -> None:
    """Another receipt's turn, or a second worker that takes over: a whole round by somebody else."""
    mine = (s for s in world.sales.values() if s.exists and s.company == worker.company.name)
    with suppress(Retriable, Skippable):  # it looks again in its next round
        for sale in [s for s in mine if all_of_them or s.row().receipt_no != "R1"]:
            worker._process(worker.reader.read_snapshots([sale.row()])[0])
