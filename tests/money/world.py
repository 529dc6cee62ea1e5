"""One run: tills, NAV, AIQ, a ledger, and the real worker between them, which may die at any boundary."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from navplugin.claims import SAFETY, Policy
from navplugin.core.errors import AlreadyThere, Conflict, LedgerUnusable, Missing, Retriable
from navplugin.core.model import (
    Decision,
    Effect,
    Member,
    Offer,
    Op,
    SaleState,
    Situation,
    Snapshot,
    StagedRow,
    Want,
)
from navplugin.ledger_record import PAGE, Record
from navplugin.reconcile import GRANTS
from navplugin.worker import Worker
from tests.conftest import ScriptedClock
from tests.money.aiq import CODES, MEMBER, Aiq
from tests.money.hosts import HostClock, begin, copied, happen, new_worker, restarted
from tests.money.io import Died, Io
from tests.money.ledger import MemoryLedger, Store
from tests.money.till import ReturnSale, Till

OFFERS = tuple(Offer(c, c, True, c) for c in CODES)
RULES = SAFETY | {"fence"}
"""The safety rules of the product, and the ledger's fence, which the twin can switch off as well."""


@dataclass(frozen=True, repr=False)
class Setup:
    """Settings of one family of runs. balance: the member's points; floor: whether rules ask for a minimum.

    host_skew, next_skew, aiq_skew: minutes by which the clocks of the first worker, of those that follow it, and of AIQ
    are ahead. drops_refunded: AIQ's listing no longer shows what was refunded. blank_listing: it shows nothing.
    operator: a person takes the company over where a ledger is refused.
    """

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
    host_skew: int = 0
    next_skew: int = 0
    aiq_skew: int = 0
    drops_refunded: bool = False
    blank_listing: bool = False
    operator: bool = True
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
    late: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    returns: int = 0
    deaths: int = 0
    started: int = 0
    charge: dict[str, StagedRow] = field(default_factory=dict)
    backups: list[Store] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        s = self.setup
        companies = [f"C{n + 1}" if n < s.stores else "C1" for n in range(len(s.receipts))]
        self.sales: dict[str, Till | ReturnSale] = {
            r: Till(r, s.redeem_at, self.clock, s.floor, company=c) for r, c in zip(s.receipts, companies, strict=True)
        }
        skew = timedelta(minutes=s.aiq_skew)
        self.aiq = Aiq(
            self.clock, self.io, s.refund, s.lookup == "keyed", s.hidden, skew=skew, drops_refunded=s.drops_refunded,
            blank=s.blank_listing,
        )
        self.aiq.points[MEMBER] = Decimal(s.balance)
        self._join()
        self.workers = [self.start_worker(f"C{n + 1}") for n in range(s.stores)]

    def _join(self) -> None:
        self.io.meanwhile, self.io.be_late = lambda what: happen(self, what), self._be_late
        self.last_read: dict[str, SaleState] = {}
        self.inside = False
        for sale in self.sales.values():
            if isinstance(sale, Till):
                sale.is_contested, sale.wait = self._is_contested, self._wait_at_the_till

    def copy(self, plan: Mapping[int, str]) -> World:
        """The same moment, with another future."""
        other = copy.copy(self)
        other.clock, other.io = ScriptedClock(self.clock.at, self.clock.passed), Io(plan, self.io.passed)
        other.store, other.violations, other.late = self.store.copy(), list(self.violations), []
        other.charge, other.refused, other.backups = dict(self.charge), list(self.refused), list(self.backups)
        other.sales = {r: s.copy(other.clock) for r, s in self.sales.items()}
        other.aiq = self.aiq.copy(other.clock, other.io)
        other._join()
        other.workers = [copied(other, one) for one in self.workers]
        return other

    def start_worker(self, name: str) -> Worker:
        """A worker that starts, on the host whose turn it is; a person helps where its ledger is refused."""
        skew = self.setup.host_skew if not self.started else self.setup.next_skew
        self.started += 1
        worker = new_worker(self, name, HostClock(self.clock, timedelta(minutes=skew), 1000.0 * self.started))
        worker.ledger.take_watch(name, "model", worker.clock.now())
        begin(self, worker)
        return worker

    def nav(self, name: str) -> Nav:
        """NAV as a worker of this company sees it."""
        return Nav(self, name)

    def _is_contested(self, till: Till) -> bool:
        others = (s for s in self.sales.values() if isinstance(s, Till) and s is not till and s.member == till.member)
        return any(other.uses_points for other in others)

    def _wait_at_the_till(self) -> None:
        """The till waits before the tender; where the worker is in the middle of something, it waits in vain."""
        if not self.inside:
            self.round()

    def digest(self) -> object:
        """All that the future depends on."""
        ranks = {number: rank for rank, number in enumerate(sorted(self._positions()))}
        return (
            self.clock.at, self.store.digest(ranks), self.aiq.digest(), bool(self.late),
            tuple(s.digest() for s in self.sales.values()), tuple(self._memory(one, ranks) for one in self.workers),
            tuple((name, Record.of(row)) for name, row in self.charge.items()), len(self.backups),
        )  # fmt: skip

    def _positions(self) -> set[int]:
        """Every position of the ledger that somebody remembers: only their order matters."""
        wallets = (w for one in self.workers for _, w in one.people._wallets.values() if w)
        claims = self.store.claims.values()
        return {0, *(w.position for w in wallets), *(c.taken_position for c in claims), *(
            c.balance_position for c in claims)}  # fmt: skip

    def _memory(self, worker: Worker, ranks: Mapping[int, int]) -> object:
        people, now = worker.people, worker.clock.monotonic()
        teller = worker.cashbox.teller
        return (
            frozenset(r for r, s in self.sales.items() if worker._seen.get(r) != s.row().change_mark),
            frozenset(worker._again), worker._rechecked is None,
            people._paused_until and people._paused_until - now, worker.clock.offset,
            tuple(
                (card, at - now, w.points if w else None, ranks[w.position] if w else 0, w.asked - now if w else 0)
                for card, (at, w) in sorted(people._wallets.items())
            ),
            tuple((key, now - since) for key, since in sorted(worker.cashbox._unsure_since.items())),
            tuple((key, now - since) for key, since in sorted(worker.cashbox._looked_since.items())),
            tuple(sorted(teller._first_listed.items())),
            tuple((key, at - now, pause) for key, (at, pause) in sorted(worker.cashbox._next_look.items())),
            tuple(sorted(people._wallet_ids.items())), tuple(sorted(worker._open_sales._cards.items())),
            frozenset(worker._open_sales._stale), frozenset(worker._turns.waiting),
            tuple((key, o.reason, now - o.since, o.next - now) for key, o in sorted(teller._odd._claims.items())),
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
        elif name == "void-return":
            for key, one in self.sales.items():
                if isinstance(one, ReturnSale) and one.sold == receipt_no:
                    self.sales[key] = replace(one, voided=True)
        elif name == "again":
            self.clock.advance(hours=2)
            self.sales[receipt_no] = Till(
                receipt_no, till.mode, self.clock, till.floor, till.guid + 1, till.mark + 1, till.version + 1,
                company=till.company, is_contested=till.is_contested, wait=till.wait,
            )
        elif name == "spend":
            self.aiq.points[MEMBER], self.aiq.spent = Decimal(0), True  # elsewhere, in a web shop
        elif name == "rephone":
            self.aiq.moved = True
        elif name == "dearer":
            self.aiq.costs = {code: cost * 2 for code, cost in self.aiq.costs.items()}
        elif name == "drop":
            self.aiq.offered = frozenset()
        else:
            till.press(name)

    def _be_late(self, kind: str, call: Callable[[], object]) -> None:
        self.late.append((self.clock.passed + (40 if kind == "aiq.move" else 1), call))

    def tick(self) -> None:
        """Two seconds pass, and every worker has its round."""
        self.clock.advance(seconds=2)
        if not self.io.plan:  # what is put back later is from before the plan
            self.backups.append(self.store.copy())
        self.round()

    def round(self) -> None:
        """What was late arrives, each worker has its round; where one dies, another one starts."""
        for at, call in list(self.late):
            if self.clock.passed >= at:
                self.late.remove((at, call))
                with suppress(Exception):  # what came too late may be refused: nobody hears of it
                    call()
        for index, worker in enumerate(list(self.workers)):
            self.successors: dict[str, Worker] = {}
            name = worker.company.name
            self.inside = True
            try:
                worker.tick()
            except (Died, LedgerUnusable):
                self.deaths += 1
                if name not in self.successors:
                    self.successors[name] = restarted(self, name)
            except Retriable:
                pass  # NAV or the ledger is away: the loop waits
            else:
                for sale in self.sales.values():
                    sale.seen()
            finally:
                self.inside = False
            self.workers[index] = self.successors.get(name) or self.workers[index]

    def _decide(self, situation: Situation) -> Decision:
        sale = situation.snapshot.sale
        if not sale.state.is_open or situation.wallet is None or situation.snapshot.is_return:
            return Decision()
        wants = [
            Want(
                GRANTS, (sale.receipt_no, d.coupon_code),
                {"Member_Ref": sale.member_card_no, "Points_Cost": d.points_cost}, {"Status": "Granted"},
            )
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
        if page == PAGE:
            return self.world.io.cross("nav.read", lambda: [r for r in [self.world.charge.get(self.company)] if r])
        if page == GRANTS:
            return [row for sale in self._mine().values() for row in sale.snapshot().rows]
        return []

    def _write_charge(self, effect: Effect) -> StagedRow:
        row = self.world.charge.get(self.company)
        if effect.op is Op.INSERT and row is not None:
            raise AlreadyThere("the key is there")
        if effect.op is Op.UPDATE and (row is None or row.etag != effect.etag):
            raise Conflict("changed meanwhile") if row else Missing("no such row")
        fields = {**(row.fields if row else {}), **effect.fields}
        written = StagedRow(PAGE, effect.key, fields, str(int(row.etag) + 1 if row else 1))
        self.world.charge[self.company] = written
        return written

    def write(self, effect: Effect) -> StagedRow | None:
        if effect.page == PAGE:
            return self.world.io.cross("nav.write", lambda: self._write_charge(effect))
        till = self.world.sales[effect.key[0]]
        assert isinstance(till, Till)
        if self.world.last_read.get(till.receipt_no) is SaleState.SUSPENDED:
            self.world.violations.append(f"I7: {effect.op} {effect.key} was sent to a suspended sale")
        self.world.io.cross("nav.write", lambda: till.apply(effect))
        return None


def with_rule_off(setup: Setup, rule: str) -> Setup:
    """The same, with one safety rule switched off."""
    return replace(setup, rules=setup.rules - {rule})
