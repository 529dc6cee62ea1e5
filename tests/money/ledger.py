"""The ledger's twin in memory, for hundreds of thousands of runs. `test_twin.py` holds it against the real one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from navplugin.claims import SAFETY, TAKING_MOVES
from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import Claim, Effect, End, Persona, Points, WalletDiscount
from navplugin.openings import agrees_with_nav, may_hold
from tests.money.io import Io

_POSITIONS = ("taken_position", "balance_position", "sent_at", "attempt", "reason")
_LASTING = attrgetter(*(f.name for f in fields(Claim) if f.name not in _POSITIONS))
"""What of a claim the future depends on."""


@dataclass
class MemoryLedger:
    """What of SqlLedger the worker needs to move money. `store` is shared by all workers of one run."""

    io: Io
    store: Store
    rules: frozenset[str] = SAFETY
    epoch: int = 0
    company: str = "C"
    hides_people: bool = False

    @property
    def ledger_id(self) -> str:
        return self.store.ledger_id

    def take_watch(self, company: str, owner: str, now: datetime) -> int:
        self.company = company
        self.epoch = self.store.epochs[company] = self.store.epochs.get(company, 0) + 1
        return self.epoch

    def is_current(self) -> bool:
        return self.epoch == self.store.epochs.get(self.company, 0)

    def step(self) -> int:
        return self.store.steps.get(self.company, (0, 0))[0]

    def take_over_no(self) -> int:
        return self.store.steps.get(self.company, (0, 0))[1]

    def put_in_charge(self, take_over_no: int, step: int) -> None:
        def write() -> None:
            self._fence()
            self.store.steps[self.company] = (step, take_over_no)

        self.io.cross("ledger", write)

    def is_same(self, one: str, other: str) -> bool:
        return one == other

    def _fence(self) -> None:
        if self.epoch != self.store.epochs[self.company] and "fence" in self.rules:
            raise LedgerUnusable("another worker has taken over")

    # ---- claims

    def claims_of(self, receipt_no: str, sale_guid: str | None = None) -> tuple[Claim, ...]:
        return tuple(
            c for c in self.store.claims.values()
            if c.company == self.company and c.receipt_no == receipt_no and sale_guid in (None, c.sale_guid)
        )  # fmt: skip

    def open_claims(self) -> tuple[Claim, ...]:
        mine = (c for c in self.store.claims.values() if c.company == self.company)
        return tuple(c for c in mine if c.end is End.OPEN or (c.end is End.SETTLED and c.doubtful))

    def list_claims(self, end: str = "") -> tuple[Claim, ...]:
        return tuple(c for c in self.store.claims.values() if end in ("", c.end))

    def member_claims(self, member_card_no: str) -> tuple[Claim, ...]:
        mine = (c for c in self.store.claims.values() if c.member_card_no == member_card_no)
        return tuple(c for c in mine if c.end is End.OPEN or c.holds_points)

    def taken_since(self, member_card_no: str, position: int) -> tuple[Claim, ...]:
        mine = (c for c in self.store.claims.values() if c.member_card_no == member_card_no)
        called = {row[0] for row in self.store.journal[position:] if row[1] in TAKING_MOVES}
        later = (c for c in mine if c.points is Points.YES and c.taken_position > position)
        return tuple(c for c in later if c.key in called)

    def other_companies(self) -> tuple[str, ...]:
        return ()

    def position(self) -> int:
        return len(self.store.journal)

    def knows_claim(self, key: str, points: str = "") -> bool:
        return key in self.store.claims and agrees_with_nav(self.store.claims[key], points)

    def given_back_since(self, member_card_no: str, position: int) -> tuple[Claim, ...]:
        noted = {row[0] for row in self.store.journal[position:] if row[2] == Points.NO}
        mine = (c for c in self.store.claims.values() if c.member_card_no == member_card_no)
        before = (c for c in mine if c.taken_position <= position)
        return tuple(
            c for c in before
            if (c.given_back and c.key in noted) or (c.refunding and c.points is Points.SENT)
        )  # fmt: skip

    def open_claim(
        self, claim: Claim, balance: Decimal | None, now: datetime, *, position: int | None = None,
        force: bool = False,
    ) -> str:  # fmt: skip
        def write() -> str:
            self._fence()
            reason = "" if force else may_hold(balance, self.store.claims.values(), claim, position)
            if not reason:
                if claim.key in self.store.claims:
                    raise LedgerUnusable("another worker has opened this claim")
                self.store.claims[claim.key] = claim
                self._note(claim, "open", claim.reason)
            return reason

        return self.io.cross("ledger", write)

    def save_claim(self, before: Claim, after: Claim, move: str, now: datetime) -> Claim:
        return self.io.cross("ledger", lambda: self._move(before, after, move, fenced=True))

    def save_answer(self, before: Claim, after: Claim, move: str, now: datetime) -> Claim:
        def write() -> Claim:
            there = self.store.claims[before.key]
            same = (there.points, there.attempt, there.resolved) == (Points.SENT, before.attempt, before.resolved)
            return self._move(there if same else before, after, move, fenced=False)

        return self.io.cross("ledger", write)

    def flag_stray(self, claim: Claim, text: str, now: datetime) -> None:
        there = self.store.claims[claim.key]
        self._move(there, replace(there, end=End.SUSPECT, resolved="", reason=text), "moved twice", fenced=False)

    def _move(self, before: Claim, after: Claim, move: str, *, fenced: bool) -> Claim:
        if fenced:
            self._fence()
        there = self.store.claims[before.key]
        same = (there.points, there.end, there.resolved, there.attempt) == (
            before.points, before.end, before.resolved, before.attempt
        )  # fmt: skip
        if not same and "fence" in self.rules:
            raise LedgerUnusable("another worker has moved this claim")
        if after.points is Points.YES and before.points is not Points.YES:
            after = replace(after, taken_position=len(self.store.journal) + 1)
        if after.attempt > before.attempt:
            step, take_over_no = self.store.steps.get(self.company, (0, 0))
            self.store.steps[self.company] = (step + 1, take_over_no)
        self.store.claims[before.key] = after
        self._note(after, move, after.resolved or after.reason)
        return after

    def is_doubtful(self, receipt_no: str, sale_guid: str) -> bool:
        return (receipt_no, sale_guid) in self.store.doubtful

    def doubt(self, sales: Iterable[tuple[str, str]], now: datetime) -> int:
        def write() -> int:
            self._fence()
            self.store.doubtful |= set(sales)
            mine = [
                c for c in self.store.claims.values()
                if c.company == self.company and c.end in (End.OPEN, End.SETTLED, End.OWED)
            ]  # fmt: skip
            for claim in mine:
                self._move(claim, replace(claim, doubtful=True), "taken over", fenced=True)
            return len(mine)

        return self.io.cross("ledger", write)

    def note_claim(self, claim: Claim, what: str, note: str, now: datetime) -> None:
        self._fence()
        self._note(claim, what, note)

    def _note(self, claim: Claim, move: str, note: str) -> None:
        self.store.journal.append((claim.key, move, str(claim.points), str(claim.end), note[:250]))

    def history(self, key: str) -> tuple[Mapping[str, Any], ...]:
        names = ("key", "move", "points", "end", "note")
        return tuple(dict(zip(names, row, strict=True)) for row in self.store.journal if row[0] == key)

    # ---- the rest

    def begin_effect(self, receipt_no: str, effect: Effect, now: datetime) -> int:
        self._fence()
        self.store.effects.append((receipt_no, effect.once_key, "begun"))
        return len(self.store.effects) - 1

    def finish_effect(self, number: int, outcome: str, now: datetime) -> None:
        self.store.effects[number] = (*self.store.effects[number][:2], outcome)

    def done_once(self, receipt_no: str) -> frozenset[str]:
        return frozenset(
            once for receipt, once, outcome in self.store.effects
            if receipt == receipt_no and once and outcome in ("done", "there-already")
        )  # fmt: skip

    def person(self, member_card_no: str) -> Persona | None:
        return self.store.people.get(member_card_no)

    def save_person(self, member_card_no: str, persona: Persona, now: datetime) -> None:
        self.store.people[member_card_no] = replace(persona, read_at=now)

    def remember_mapped(self, discounts: Iterable[WalletDiscount], now: datetime) -> None:
        self.store.mapped |= {d.coupon_code: replace(d, redemption_url="") for d in discounts}

    def mapped(self) -> tuple[WalletDiscount, ...]:
        return tuple(self.store.mapped.values())

    def add_return(self, sold_receipt_no: str, receipt_no: str, quantities: Mapping[str, Decimal]) -> None:
        self.store.returns[sold_receipt_no, receipt_no] = dict(quantities)

    def drop_return(self, receipt_no: str) -> frozenset[str]:
        mine = [key for key in self.store.returns if key[1] == receipt_no]
        self.store.returns |= {key: {} for key in mine}
        return frozenset(sold for sold, _ in mine)

    def returns_of(self, sold_receipt_no: str) -> Mapping[str, Decimal]:
        out: dict[str, Decimal] = {}
        for (sold, _), quantities in self.store.returns.items():
            for number, quantity in quantities.items() if sold == sold_receipt_no else ():
                out[number] = out.get(number, Decimal(0)) + quantity
        return out

    def add_report(self, receipt_no: str, text: str, now: datetime) -> bool:
        self.store.reports.append((receipt_no, text))
        return True

    def save_figures(self, figures: Iterable[Any], now: datetime) -> tuple[Any, ...]:
        return tuple(figures)

    def learn_cards(self, cards: Iterable[str]) -> None:
        pass

    def presence(self, *key: str) -> None:
        return None

    def pending_signups(self) -> tuple[()]:
        return ()

    def note(self, name: str, default: str = "") -> str:
        return self.store.notes.get(name, default)

    def set_note(self, name: str, value: str) -> None:
        self.store.notes[name] = value

    def save_decision(self, *_: object) -> None:
        pass


@dataclass
class Store:
    """What survives the worker."""

    epochs: dict[str, int] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    journal: list[tuple[str, ...]] = field(default_factory=list)
    effects: list[tuple[str, str, str]] = field(default_factory=list)
    people: dict[str, Persona] = field(default_factory=dict)
    mapped: dict[str, WalletDiscount] = field(default_factory=dict)
    returns: dict[tuple[str, str], dict[str, Decimal]] = field(default_factory=dict)
    reports: list[tuple[str, str]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    ledger_id: str = "first"
    steps: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By company: the step, and the number of the take-over."""
    doubtful: set[tuple[str, str]] = field(default_factory=set)

    def copy(self) -> Store:
        return Store(
            dict(self.epochs), dict(self.claims), list(self.journal), list(self.effects), dict(self.people),
            dict(self.mapped), dict(self.returns), list(self.reports), dict(self.notes), self.ledger_id,
            dict(self.steps), set(self.doubtful),
        )  # fmt: skip

    def digest(self, ranks: Mapping[int, int]) -> object:
        """What of it the future depends on. ranks: of positions, whose order alone matters."""

        def bare(claim: Claim) -> object:
            return _LASTING(claim), ranks[claim.taken_position], ranks[claim.balance_position]

        return (
            frozenset(bare(c) for c in self.claims.values()), frozenset(self.people), frozenset(self.mapped),
            frozenset((k, *q.items()) for k, q in self.returns.items()), self.ledger_id,
            tuple(self.steps.items()), frozenset(self.doubtful),
        )  # fmt: skip
