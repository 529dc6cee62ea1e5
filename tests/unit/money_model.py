"""A model of the other side for the money machine: a till, AIQ's points, and a process that may die at any boundary.

Only the seams are played here (snapshot in, effects out; the LoyaltyProvider port). Claims, ledger and cashbox are the
real ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from navplugin.claims import SAFETY, Policy
from navplugin.core.errors import Busy, Refused, Unreachable, UnknownOutcome
from navplugin.core.model import (
    Claim,
    Decision,
    Effect,
    Grant,
    GrantStatus,
    Journal,
    JournalLine,
    LoyaltyStatus,
    Offer,
    Op,
    Persona,
    PostedDiscount,
    PostedSale,
    Sale,
    SaleState,
    Situation,
    Snapshot,
    StagedRow,
    StoreSettings,
    Wallet,
    WalletDiscount,
    Want,
)
from navplugin.core.ports import Contact, Redemption
from navplugin.ledger import SqlLedger
from navplugin.ledger.schema import METADATA
from navplugin.reconcile import GRANTS, reconcile_grants
from navplugin.settle import Cashbox, Purse
from tests.conftest import ScriptedClock

CODES = {"AP0001": (Decimal(10), Decimal(100)), "AP0004": (Decimal(100), Decimal(500))}
"""Coupon code -> value of the discount, its cost in points."""
MEMBER, OTHER = "M1", "M2"
CONTACT = Contact("5550101001", "")


class Died(BaseException):
    """The process was killed here."""


@dataclass
class Boundaries:
    """Counts the places where the process may die, and dies at the chosen one (once)."""

    die_at: int = 0
    passed: int = 0

    def cross(self) -> None:
        """One boundary."""
        self.passed += 1
        if self.passed == self.die_at:
            raise Died


class DyingLedger(SqlLedger):
    """The real ledger, with a boundary before and after each write about money."""

    boundaries: Boundaries

    def open_claim(self, claim: Claim, balance: Decimal | None, now: datetime, *, force: bool = False) -> str:
        self.boundaries.cross()
        reason = super().open_claim(claim, balance, now, force=force)
        self.boundaries.cross()
        return reason

    def save_claim(self, before: Claim, after: Claim, move: str, now: datetime) -> None:
        self.boundaries.cross()
        super().save_claim(before, after, move, now)
        self.boundaries.cross()


@functools.cache
def _shared_ledger() -> DyingLedger:
    return DyingLedger(Path(":memory:"))


def an_empty_ledger() -> DyingLedger:
    """A ledger in memory, emptied: thousands of runs share its compiled statements."""
    ledger = _shared_ledger()
    with ledger._write() as connection:
        for table in reversed(METADATA.sorted_tables):
            if table.name != "meta":
                connection.execute(table.delete())
    return ledger


@dataclass
class Aiq:
    """Members' points. `faults`: what befalls the first calls of redeem and refund, in order."""

    clock: ScriptedClock
    boundaries: Boundaries
    balance: Decimal = Decimal(1000)
    faults: list[str] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    late: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    look_fails: int = 0
    calls: int = 0

    def wallet(self) -> Wallet:
        """The wallet as AIQ shows it now."""
        discounts = [
            WalletDiscount(f"d-{code}", code, code, cost, dollar_value=value, reusable=True, redemption_url="https://x")
            for code, (value, cost) in CODES.items()
        ]
        return Wallet("c1", self.balance, False, tuple(discounts), self.clock.now())

    def live(self, receipt_no: str, code: str) -> list[dict[str, Any]]:
        """Redemptions that stand."""
        return [r for r in self.taken if (r["ref"], r["id"]) == (receipt_no, f"d-{code}") and not r["refunded"]]

    def run_late(self) -> None:
        """Calls that take effect long after their answer was given up."""
        for at, effect in list(self.late):
            if self.clock.now() >= at:
                self.late.remove((at, effect))
                effect()

    def send_redemption(self, discount: WalletDiscount, reference: str) -> str:
        """As AIQ: takes the points, or refuses."""

        def effect() -> None:
            if self.balance < discount.points_cost:
                return
            self.balance -= discount.points_cost
            self.taken.append(
                {"ref": reference, "id": discount.discount_id, "points": discount.points_cost, "refunded": False}
            )

        def check() -> None:
            if self.balance < discount.points_cost:
                raise Refused("not enough points")

        self._call(effect, check)
        return f"r{len(self.taken)}"

    def send_refund(self, claim: Claim, contact_id: str) -> None:
        """Gives one redemption back; refuses what is not there or given back before."""

        def effect() -> None:
            for one in self.live(claim.receipt_no, claim.coupon_code):
                one["refunded"] = True
                self.balance += one["points"]

        def check() -> None:
            if not self.live(claim.receipt_no, claim.coupon_code):
                raise Refused("no such redemption")

        self._call(effect, check)

    def find_redemption(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Redemption | None:
        """The listing."""
        if self.look_fails:
            self.look_fails -= 1
            raise Unreachable("the listing is away")
        code = discount_id.removeprefix("d-")
        live = self.live(reference, code)
        return Redemption("c1", discount_id, reference, live[0]["points"]) if live else None

    def _call(self, effect: Callable[[], None], check: Callable[[], None]) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        self.calls += 1
        self.boundaries.cross()
        if fault == "busy":
            raise Busy("too many calls")
        if fault == "refuse":
            raise Refused("not today")
        if fault == "away":
            raise Unreachable("no route")
        if fault == "before":
            raise UnknownOutcome("cut")
        if fault == "late":
            self.late.append((self.clock.now() + timedelta(seconds=40), effect))
            raise UnknownOutcome("timed out")
        check()
        effect()
        self.boundaries.cross()
        if fault == "after":
            raise UnknownOutcome("cut")


@dataclass
class Till:
    """One sale as the POS session and LS leave it (design.md 7.1)."""

    receipt_no: str
    mode: str
    clock: ScriptedClock
    basket: Decimal = Decimal(120)
    state: SaleState = SaleState.SALES
    member: str = MEMBER
    lines: set[str] = field(default_factory=set)
    grants: dict[str, Grant] = field(default_factory=dict)
    posted: dict[str, Decimal] | None = None
    since: datetime | None = None
    posted_before: bool = False

    def __post_init__(self) -> None:
        for code in CODES:
            self.grants[code] = grant_of(self.receipt_no, code)
        self.since = self.clock.now()

    def press(self, name: str) -> None:
        """`pick:AP0004`, `total`, `pay`, ...; what is impossible now is ignored, as the till would refuse it."""
        action, _, code = name.partition(":")
        if action in ("void", "post-void"):
            self._void()
        elif action == "retrieve" and self.state is SaleState.SUSPENDED:
            self._enter(SaleState.SALES)
        elif self.state.is_open:
            getattr(self, f"_{action}")(code) if code else getattr(self, f"_{action}")()

    def event(self) -> bool:
        """What each event of the session does first: withdrawn rows leave. Whether one left."""
        left = False
        for code, grant in self.grants.items():
            if grant.status is GrantStatus.WITHDRAWN:
                self.lines.discard(code)
                self._set(code, status=GrantStatus.REVERSED)
                left = True
            elif grant.status is GrantStatus.PICKED and self.mode == "select":
                self._wait_for_points(code, grant)
        return left

    def _wait_for_points(self, code: str, grant: Grant) -> None:
        if grant.points == "Taken":
            self._insert(code)
        elif grant.points == "Refused":
            self._set(code, status=GrantStatus.REVERSED)

    def _pick(self, code: str) -> None:
        self.event()
        grant = self.grants[code]
        if grant.status is GrantStatus.GRANTED and self.basket >= grant.min_balance and grant.member_ref == self.member:
            self._set(code, status=GrantStatus.PICKED, picked_at=self.clock.now())
            if self.mode != "select":
                self._insert(code)

    def _unpick(self, code: str) -> None:
        self.event()
        if code in self.lines:
            self.lines.discard(code)
            self._set(code, status=GrantStatus.GRANTED)

    def _erase(self, code: str) -> None:
        # The coupon line goes without the session's hook: LS voided it on its own.
        self.lines.discard(code)

    def _total(self) -> None:
        self.event()
        self._enter(SaleState.PAYMENT)
        for code in self.lines:
            amount = min(CODES[code][0], self.basket)
            self._set(code, status=GrantStatus.APPLIED, applied_amount=amount)

    def _back(self) -> None:
        self._enter(SaleState.SALES)
        self.event()
        for code in self.lines:
            self._set(code, status=GrantStatus.INSERTED)

    def _less(self) -> None:
        self.basket = Decimal(50)
        self.event()

    def _swap(self) -> None:
        self.member = OTHER
        self.event()

    def _suspend(self) -> None:
        self._enter(SaleState.SUSPENDED)

    def _pay(self) -> None:
        if self.state is not SaleState.PAYMENT:
            self._total()
        if self.event():
            self._enter(SaleState.SALES)
            return
        self.posted = {code: min(CODES[code][0], self.basket) for code in self.lines}
        self._enter(SaleState.POSTED)

    def _void(self) -> None:
        self._enter(SaleState.VOIDED)

    def _insert(self, code: str) -> None:
        self.lines.add(code)
        self._set(code, status=GrantStatus.INSERTED)

    def _enter(self, state: SaleState) -> None:
        self.state, self.since = state, self.clock.now()

    def _set(self, code: str, **fields: Any) -> None:
        self.grants[code] = replace(self.grants[code], **fields)

    def apply(self, effect: Effect) -> None:
        """A write of the plugin arrives in NAV."""
        code = effect.key[1]
        if effect.op is Op.DELETE:
            del self.grants[code]
            return
        if effect.op is Op.INSERT:
            assert code not in self.grants, "an insert met its key"
            self.grants[code] = grant_of(self.receipt_no, code)
        names = {"Status": "status", "Points": "points", "Reason": "reason", "Redemption_ID": "redemption_id"}
        fields = {names[k]: v for k, v in effect.fields.items() if k in names}
        if "status" in fields:
            fields["status"] = GrantStatus(fields["status"])
        self._set(code, **fields)

    def snapshot(self) -> Snapshot:
        """What the reader would read."""
        sale = Sale(
            self.receipt_no, f"g-{self.receipt_no}", "S0001", "P0001", "101", self.member, self.state, "", "",
            self.since, 1,
        )  # fmt: skip
        items = [JournalLine(10000, "Item", "FLOWER", quantity=Decimal(1), price=self.basket, amount=self.basket)]
        coupons = [JournalLine(20000 + i, "Coupon", c, coupon_code=c) for i, c in enumerate(sorted(self.lines))]
        journal = Journal(self.receipt_no, "S0001", "P0001", "101", self.member, False, lines=(*items, *coupons))
        rows = tuple(
            StagedRow(GRANTS, (self.receipt_no, g.coupon_code), fields_of(g), "e") for g in self.grants.values()
        )
        return Snapshot(
            "C", sale, journal if self.state.is_open else None, self._posted_sale(),
            grants=tuple(self.grants.values()), rows=rows,
        )  # fmt: skip

    def _posted_sale(self) -> PostedSale | None:
        if self.posted is None:
            return None
        given = tuple(PostedDiscount(code, amount) for code, amount in self.posted.items())
        line = JournalLine(10000, "Item", "FLOWER", quantity=Decimal(1), price=self.basket,
                           amount=self.basket - sum(self.posted.values()))  # fmt: skip
        return PostedSale(
            self.receipt_no, "S0001", "P0001", 1, self.member, "101", self.state is SaleState.VOIDED, False, "",
            self.since, f"g-{self.receipt_no}", line.amount, (line,), given,
        )  # fmt: skip


def grant_of(receipt_no: str, code: str) -> Grant:
    """A granted row as the plugin writes it."""
    value, cost = CODES[code]
    return Grant(
        receipt_no, code, code, f"d-{code}", code, "amount", value, cost, Decimal(0), value, "", False, MEMBER, "",
        "", "", GrantStatus.GRANTED, None, "", 0, Decimal(0), "e",
    )  # fmt: skip


def fields_of(grant: Grant) -> dict[str, Any]:
    """The row behind a typed grant, as far as the plugin compares it."""
    return {
        "Status": str(grant.status), "Points": grant.points, "Reason": grant.reason,
        "Redemption_ID": grant.redemption_id, "Member_Ref": grant.member_ref,
    }  # fmt: skip


@dataclass
class World:
    """Tills, AIQ, ledger and the real cashbox, for one run."""

    mode: str
    lookup: str
    refund: str = "endpoint"
    faults: tuple[str, ...] = ()
    die_at: int = 0
    rules: frozenset[str] = SAFETY
    balance: Decimal = Decimal(1000)
    receipts: tuple[str, ...] = ("R1",)

    def __post_init__(self) -> None:
        self.clock = ScriptedClock()
        self.boundaries = Boundaries(self.die_at)
        self.aiq = Aiq(self.clock, self.boundaries, self.balance, list(self.faults))
        self.tills = {r: Till(r, self.mode, self.clock) for r in self.receipts}
        self.policy = Policy(self.mode, self.lookup, self.refund)
        self.ledger = an_empty_ledger()
        self.ledger.boundaries = self.boundaries
        self.store = StoreSettings("S0001", redeem_at=self.mode)
        self.offers = tuple(Offer(c, c, True, c) for c in CODES)
        self.violations: list[str] = []
        self._start()

    def _start(self) -> None:
        self.ledger.take_watch("C", "model", self.clock.now())
        self.ledger.save_person(MEMBER, Persona(LoyaltyStatus.MEMBER, "c1", self.clock.now()), self.clock.now())
        self.cashbox = Cashbox(self.ledger, self.aiq, self.clock, {"S0001": self.policy}, self.rules)  # type: ignore[arg-type]

    def press(self, name: str, receipt_no: str = "R1") -> None:
        """A key at the till."""
        self.tills[receipt_no].press(name)

    def tick(self) -> None:
        """The worker looks at every sale; where it dies, another one starts."""
        self.aiq.run_late()
        for till in self.tills.values():
            try:
                self._settle(till)
            except Died:
                self._start()
            self._check_now(till)

    def _settle(self, till: Till) -> None:
        snapshot = till.snapshot()
        wallet = self.aiq.wallet()
        situation = Situation(snapshot, self.clock.now(), self.store, wallet=wallet, offers=self.offers)
        purse = Purse(CONTACT, wallet, self.aiq.wallet)
        effects, _ = self.cashbox.settle(situation, Decision(), purse)
        claims = self.ledger.claims_of(till.receipt_no)
        taken = {e.key for e in effects}
        more = reconcile_grants(snapshot, self._wants(till), claims, wallet_known=True)
        for effect in [*effects, *(e for e in more if e.key not in taken)]:
            self.boundaries.cross()
            till.apply(effect)
            self.boundaries.cross()

    def _wants(self, till: Till) -> list[Want]:
        if not till.state.is_open or till.member != MEMBER:
            return []
        fields = {"Member_Ref": MEMBER}
        return [Want(GRANTS, (till.receipt_no, code), fields, {"Status": "Granted"}) for code in CODES]

    def drain(self) -> None:
        """Until nothing is in flight any more."""
        for _ in range(8):
            self.clock.advance(seconds=61)
            self.tick()
            if not self.aiq.late and not self.ledger.open_claims():
                break
        self.tick()

    # ---- invariants of reliability.md 5, for each receipt and coupon code ----------------------------------------

    def _check_now(self, till: Till) -> None:
        for code in CODES:
            if len(self.aiq.live(till.receipt_no, code)) > 1:
                self.violations.append(f"{till.receipt_no} {code}: points were taken twice")
        if self.aiq.balance < 0:
            self.violations.append("more points were taken than there are")

    def check_end(self) -> None:
        """What must be true once every call has come home."""
        for till in self.tills.values():
            for code in CODES:
                self._check_code(till, code)

    def _check_code(self, till: Till, code: str) -> None:
        live = self.aiq.live(till.receipt_no, code)
        claims = [c for c in self.ledger.claims_of(till.receipt_no) if c.coupon_code == code]
        end = max(claims, key=lambda c: c.generation).end.value if claims else "none"
        sold = till.state is SaleState.POSTED and code in (till.posted or {})
        if any(c.told for c in claims) and live:
            self.violations.append(f"{till.receipt_no} {code}: points were taken after the cashier was told No")
        if len(claims) > 3:
            self.violations.append(f"{till.receipt_no} {code}: {len(claims)} claims for one pick")
        if end == "SUSPECT":
            return
        agrees = till.member == MEMBER and till.basket >= CODES[code][0]
        if end == "SETTLED" and not agrees:
            self.violations.append(f"{till.receipt_no} {code}: settled for another member or below the minimum")
        fine = {"SETTLED": len(live) == 1, "OWED": not live}.get(end, False) if sold else not live
        if till.state is SaleState.SUSPENDED:
            fine = True
        if not fine or end == "OPEN" and till.state is not SaleState.SUSPENDED:
            self.violations.append(
                f"{till.receipt_no} {code}: sale {till.state}, {'with' if sold else 'without'} the discount, "
                f"{len(live)} live redemptions, claim {end}"
            )

    @property
    def suspects(self) -> int:
        """Claims that a person must look at."""
        return sum(c.end == "SUSPECT" for c in self.ledger.list_claims())
