"""A model of the other side for the money machine: a till, AIQ's points, and a process that may die at any boundary.

Only the seams are played here (snapshot in, effects out; the LoyaltyProvider port). Claims, ledger and cashbox are the
real ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from navplugin.claims import SAFETY, Policy
from navplugin.core.model import (
    Decision,
    LoyaltyStatus,
    Offer,
    Persona,
    SaleState,
    Situation,
    StoreSettings,
    Want,
)
from navplugin.reconcile import GRANTS, reconcile_grants
from navplugin.settle import Cashbox, Purse
from tests.conftest import ScriptedClock
from tests.unit.money_aiq import CODES, CONTACT, MEMBER, Aiq, Boundaries, Died, an_empty_ledger
from tests.unit.money_till import Till


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
        if not fine or (end == "OPEN" and till.state is not SaleState.SUSPENDED):
            self.violations.append(
                f"{till.receipt_no} {code}: sale {till.state}, {'with' if sold else 'without'} the discount, "
                f"{len(live)} live redemptions, claim {end}"
            )

    @property
    def suspects(self) -> int:
        """Claims that a person must look at."""
        return sum(c.end == "SUSPECT" for c in self.ledger.list_claims())
