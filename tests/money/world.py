"""One run: tills, NAV, AIQ, a ledger, and the real worker between them, which may die at any boundary."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from navplugin.claims import SAFETY, Policy
from navplugin.core.errors import LedgerUnusable, Retriable, Skippable
from navplugin.core.model import (
    Decision,
    Effect,
    Member,
    Offer,
    SaleState,
    Situation,
    Snapshot,
    StoreSettings,
    Want,
)
from navplugin.cursors import MarkCursor
from navplugin.reconcile import GRANTS
from navplugin.settle import Cashbox
from navplugin.worker import Company, Worker
from tests.conftest import ScriptedClock
from tests.money.aiq import CODES, MEMBER, Aiq
from tests.money.io import Died, Io
from tests.money.ledger import MemoryLedger, Store
from tests.money.till import ReturnSale, Till

OFFERS = tuple(Offer(c, c, True, c) for c in CODES)
RULES = SAFETY | {"fence"}
"""The safety rules of the product, and the ledger's fence, which the twin can switch off as well."""


@dataclass(frozen=True, repr=False)
class Setup:
    """Settings of one family of runs. balance: the member's points; floor: whether rules ask for a minimum."""

    redeem_at: str = "posted"
    lookup: str = "probe"
    refund: str = "endpoint"
    owed: str = "person"
    full_return: str = "give"
    part_return: str = "leave"
    short: str = "ask"
    balance: int = 1000
    hidden: bool = False
    floor: bool = True
    receipts: tuple[str, ...] = ("R1",)
    stores: int = 1
    rules: frozenset[str] = RULES

    def __repr__(self) -> str:
        usual = {f.name: f.default for f in fields(self)}
        given = [f"{n}={getattr(self, n)!r}" for n in usual if n != "rules" and getattr(self, n) != usual[n]]
        off = [f"rules=RULES - {set(RULES - self.rules)}"] if self.rules != RULES else []
        return f"Setup({', '.join(given + off)})"

    @property
    def policy(self) -> Policy:
        """As the machine takes it."""
        return Policy(
            self.redeem_at, self.lookup, self.refund, full_return=self.full_return, part_return=self.part_return,
            owed=self.owed,
        )  # fmt: skip


@dataclass
class World:
    """The state of one run. `violations`: what went wrong, as sentences."""

    setup: Setup
    io: Io = field(default_factory=Io)
    clock: ScriptedClock = field(default_factory=ScriptedClock)
    store: Store = field(default_factory=Store)
    ledger_of: Callable[[World], Any] = lambda w: MemoryLedger(w.io, w.store, w.setup.rules)
    violations: list[str] = field(default_factory=list)
    late: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)
    returns: int = 0
    deaths: int = 0

    def __post_init__(self) -> None:
        s = self.setup
        companies = [f"C{n + 1}" if n < s.stores else "C1" for n in range(len(s.receipts))]
        self.sales: dict[str, Till | ReturnSale] = {
            r: Till(r, s.redeem_at, self.clock, s.floor, company=c) for r, c in zip(s.receipts, companies, strict=True)
        }
        self.aiq = Aiq(self.clock, self.io, s.refund, s.lookup == "keyed", s.hidden)
        self.aiq.points[MEMBER] = Decimal(s.balance)
        self._join()
        self.workers = [self._new_worker(f"C{n + 1}") for n in range(s.stores)]

    def _join(self) -> None:
        self.io.meanwhile, self.io.be_late = self._meanwhile, self._be_late
        self.last_read: dict[str, SaleState] = {}

    def copy(self, plan: Mapping[int, str]) -> World:
        """The same moment, with another future."""
        other = copy.copy(self)
        other.clock, other.io = ScriptedClock(self.clock.at), Io(plan, self.io.passed)
        other.store, other.violations, other.late = self.store.copy(), list(self.violations), []
        other.sales = {r: s.copy(other.clock) for r, s in self.sales.items()}
        other.aiq = self.aiq.copy(other.clock, other.io)
        other._join()
        other.workers = [other._new_worker(one.company.name, one) for one in self.workers]
        return other

    def _new_worker(self, name: str, before: Worker | None = None) -> Worker:
        """A worker that starts; or one with the memory of another, for a copied world."""
        s = self.setup
        ledger = self.ledger_of(self)
        store = StoreSettings("S0001", redeem_at=s.redeem_at, short=s.short)
        company = Company(name, {"S0001": store}, {}, self._decide, lambda *_: "", setup_lifetime=timedelta(days=1))
        if before is None:
            ledger.take_watch(name, "model", self.clock.now())
        else:
            ledger.company, ledger.epoch = name, before.ledger.epoch
        cashbox = Cashbox(ledger, self.aiq, self.clock, {"S0001": s.policy}, s.rules)
        nav = Nav(self, name)
        worker = Worker(company, nav, nav, self.aiq, ledger, cashbox, self.clock)  # type: ignore[arg-type]
        if before is not None:
            for name in ("_saved_mark", "_rechecked_at", "_setup"):
                setattr(worker, name, getattr(before, name))
            cursor = before._cursor
            worker._cursor = MarkCursor(cursor.start, list(cursor._reached), cursor._looked_back_at)
            worker._seen, worker._again = dict(before._seen), set(before._again)
            for name in ("_members", "_wallets", "_mapped"):
                setattr(worker.people, name, dict(getattr(before.people, name)))
            worker.people._lost_at, worker.people._paused_until = before.people._lost_at, before.people._paused_until
        return worker

    def digest(self) -> object:
        """All that the future depends on."""
        return (
            self.clock.at, self.store.digest(), self.aiq.digest(), bool(self.late),
            tuple(s.digest() for s in self.sales.values()), tuple(self._memory(one) for one in self.workers),
        )  # fmt: skip

    def _memory(self, worker: Worker) -> object:
        people = worker.people
        return (
            frozenset(r for r, s in self.sales.items() if worker._seen.get(r) != s.row().change_mark),
            frozenset(worker._again), worker._rechecked_at is None, people._paused_until,
            tuple((card, at, w.points if w else None) for card, (at, w) in sorted(people._wallets.items())),
        )  # fmt: skip

    # ---- what happens --------------------------------------------------------------------------------------------

    def press(self, name: str, receipt_no: str = "R1") -> None:
        """A key at the till; `@R2 key` names another one. again: the number is given once more. back:N: a return."""
        if name.startswith("@"):
            receipt_no, _, name = name[1:].partition(" ")
        till = self.sales[receipt_no]
        assert isinstance(till, Till)
        if name.startswith("back:"):
            if till.state is SaleState.POSTED:
                self.returns += 1
                one = ReturnSale(receipt_no, self.returns, int(name[5:]), self.clock.now(), till.company)
                self.sales[one.row().receipt_no] = one
        elif name == "again":
            self.clock.advance(hours=2)
            self.sales[receipt_no] = Till(
                receipt_no, till.mode, self.clock, till.floor, till.guid + 1, till.mark + 1, till.version + 1,
                company=till.company,
            )
        elif name == "spend":
            self.aiq.points[MEMBER] = Decimal(0)  # elsewhere, in a web shop
        elif name == "drop":
            self.aiq.offered = frozenset()
        else:
            till.press(name)

    def _meanwhile(self, what: str) -> None:
        if what.startswith("press:"):
            self.press(what[6:])
        else:  # another receipt's turn, or a second worker that takes over: a whole round by somebody else
            plan, self.io.plan = self.io.plan, {}
            name = self.sales["R1"].company
            worker = self.workers[0]
            if what == "take-over":
                worker = self.successors[name] = self._new_worker(name)
            mine = (s for r, s in self.sales.items() if s.exists and s.company == name)
            try:
                for sale in [s for s in mine if what == "take-over" or s.row().receipt_no != "R1"]:
                    worker._process(worker.reader.read_snapshots([sale.row()])[0])
            except (Retriable, Skippable):
                pass  # it looks again in its next round
            self.io.plan = plan

    def _be_late(self, kind: str, call: Callable[[], object]) -> None:
        wait = timedelta(seconds=40 if kind == "aiq.move" else 1)
        self.late.append((self.clock.now() + wait, call))

    def tick(self) -> None:
        """Two seconds pass, the worker has its round; where it dies, another one starts."""
        self.clock.advance(seconds=2)
        for at, call in list(self.late):
            if self.clock.now() >= at:
                self.late.remove((at, call))
                with suppress(Exception):  # what came too late may be refused: nobody hears of it
                    call()
        for index, worker in enumerate(list(self.workers)):
            self.successors: dict[str, Worker] = {}
            name = worker.company.name
            try:
                worker.tick()
            except (Died, LedgerUnusable):
                self.deaths += 1
                self.workers[index] = self._new_worker(name)
            except Retriable:
                pass  # NAV is away: the loop waits
            else:
                for sale in self.sales.values():
                    sale.seen()
            self.workers[index] = self.successors.get(name) or self.workers[index]

    def _decide(self, situation: Situation) -> Decision:
        sale = situation.snapshot.sale
        if not sale.state.is_open or situation.wallet is None or situation.snapshot.is_return:
            return Decision()
        wants = [
            Want(GRANTS, (sale.receipt_no, d.coupon_code), {"Member_Ref": sale.member_card_no}, {"Status": "Granted"})
            for d in situation.wallet.discounts
        ]
        return Decision(wants=tuple(wants))


@dataclass
class Nav:
    """NAV as one company's worker reads and writes it."""

    world: World
    company: str

    def _mine(self) -> dict[str, Till | ReturnSale]:
        return {r: s for r, s in self.world.sales.items() if s.exists and s.company == self.company}

    def read_changed_sales(self, after_mark: int) -> list[Any]:
        return self.world.io.cross("nav.read", lambda: [s.row() for s in self._mine().values()])

    def read_sale(self, receipt_no: str) -> Any:
        def read() -> Any:
            sale = self._mine().get(receipt_no)
            return sale.row() if sale is not None else None

        return self.world.io.cross("nav.read", read)

    def read_snapshots(self, sales: Any) -> list[Snapshot]:
        def read() -> list[Snapshot]:
            found = [self.world.sales[s.receipt_no] for s in sales]
            self.world.last_read |= {s.row().receipt_no: s.row().state for s in found}
            return [s.snapshot() for s in found]

        return self.world.io.cross("nav.read", read)

    def read_member(self, member_card_no: str) -> Member:
        return Member(member_card_no)

    def read_offers(self) -> tuple[Offer, ...]:
        return OFFERS

    def read_setup(self) -> dict[str, Any]:
        return {}

    def read_rows(self, page: str, where: Any) -> list[Any]:
        return []

    def write(self, effect: Effect) -> None:
        till = self.world.sales[effect.key[0]]
        assert isinstance(till, Till)
        if self.world.last_read.get(till.receipt_no) is SaleState.SUSPENDED:
            self.world.violations.append(f"I7: {effect.op} {effect.key} was sent to a suspended sale")
        self.world.io.cross("nav.write", lambda: till.apply(effect))


def with_rule_off(setup: Setup, rule: str) -> Setup:
    """The same, with one safety rule switched off."""
    return replace(setup, rules=setup.rules - {rule})
