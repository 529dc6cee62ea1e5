"""A teller between a real ledger and a loyalty programme of values, for tests of single calls that move points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from navplugin.claims import Policy
from navplugin.core.errors import NavpluginError, Unreachable
from navplugin.core.model import (
    Claim,
    Decision,
    Effect,
    Offer,
    Situation,
    Snapshot,
    StoreSettings,
    Wallet,
    WalletDiscount,
)
from navplugin.core.ports import Contact, Lookup, MaySend, always
from navplugin.ledger import SqlLedger
from navplugin.sender import Purse
from navplugin.settle import Cashbox
from navplugin.teller import Teller
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, PROBE, a_claim

CONTACT = Contact("5550101001", "")
DISCOUNT = WalletDiscount("d4", "AP0004", "", Decimal(500), reusable=True, redemption_url="https://aiq.test/r")


def a_wallet(points: int | None = 1000, *discounts: WalletDiscount, **more: Any) -> Wallet:
    """Member M1's, with the discount that was picked."""
    shown = discounts or (DISCOUNT,)
    return Wallet(
        more.pop("contact_id", "c-M1"), None if points is None else Decimal(points), points is None, shown, NOW, **more
    )


@dataclass
class Programme:
    """AIQ: what it answers to the next call and look-up, and what it was asked. on_connect: between the record of a
    call and the question whether it may be sent. on_send: while it is under way."""

    answer: str | NavpluginError = "r1"
    listing: Lookup | NavpluginError = field(default_factory=Lookup)
    on_connect: Callable[[], object] = lambda: None
    on_send: Callable[[], object] = lambda: None
    sent: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[tuple[str, str, str, datetime]] = field(default_factory=list)

    def send_redemption(
        self, discount: WalletDiscount, reference: str, key: str = "", may_send: MaySend = always
    ) -> str:
        return self._send(may_send, "redemption", discount.discount_id, reference, key)

    def send_refund(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        self._send(may_send, "refund", claim.key, contact_id)

    def send_collection(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        self._send(may_send, "collection", claim.key, contact_id)

    def _send(self, may_send: MaySend, *what: str) -> str:
        self.on_connect()
        if not may_send():
            raise Unreachable("it took too long; nothing was sent")
        self.sent.append(what)
        self.on_send()
        if isinstance(self.answer, NavpluginError):
            raise self.answer
        return self.answer

    def find_redemptions(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Lookup:
        self.asked.append((contact_id, discount_id, reference, since))
        if isinstance(self.listing, NavpluginError):
            raise self.listing
        return self.listing


@dataclass
class Counter:
    """NAV's count of calls. problem: why it cannot be written now."""

    problem: NavpluginError | None = None
    counted: int = 0
    on_count: Callable[[], object] = lambda: None

    def step_on(self) -> None:
        self.on_count()
        if self.problem is not None:
            raise self.problem
        self.counted += 1


@dataclass
class Desk:
    """One worker's teller. wallet: what AIQ shows when it is read again, an error, or None where it knows nobody."""

    path: Path
    clock: ScriptedClock = field(default_factory=ScriptedClock)
    key: bytes = b""

    def __post_init__(self) -> None:
        self.ledger = SqlLedger(self.path, hide_with=self.key)
        self.ledger.take_watch("C", "test", self.clock.now())
        self.aiq, self.counter = Programme(), Counter()
        self.teller = Teller(self.ledger, self.aiq, self.clock, self.counter)  # type: ignore[arg-type]
        self.wallet: Wallet | NavpluginError | None = a_wallet(asked=self.clock.monotonic())
        self.reads = 0
        self.purse = Purse(CONTACT, None, self._read)

    def _read(self) -> Wallet | None:
        self.reads += 1
        if isinstance(self.wallet, NavpluginError):
            raise self.wallet
        return self.wallet

    def opened(self, **more: Any) -> Claim:
        """A claim as the ledger keeps it."""
        claim = a_claim(**more)
        self.ledger.open_claim(claim, None, self.clock.now(), force=True)
        return self.kept(claim)

    def kept(self, claim: Claim) -> Claim:
        """What the ledger has of it now."""
        (there,) = (c for c in self.ledger.claims_of(claim.receipt_no, claim.sale_guid) if c.key == claim.key)
        return there

    def moves(self, claim: Claim) -> list[str]:
        """The steps of its journal."""
        return [step["move"] for step in self.ledger.history(claim.key)]

    def redeem(self, claim: Claim, policy: Policy = PROBE, *, posted: bool = True) -> Claim | None:
        """Take its points."""
        return self.teller.redeem(claim, policy, self.purse, posted=posted)

    def refund(self, claim: Claim, policy: Policy = PROBE) -> Claim | None:
        """Give its points back."""
        return self.teller.refund(claim, policy, self.purse)


class Box(Desk):
    """A desk whose teller belongs to a cashbox."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.policy(PROBE)

    def policy(self, policy: Policy) -> None:
        """Begin again under these settings, as after a restart."""
        self.box = Cashbox(self.ledger, self.aiq, self.clock, {"S0001": policy}, self.counter)  # type: ignore[arg-type]
        self.teller = self.box.teller

    def settle(
        self, snapshot: Snapshot, *, forbidden: str = "", returned: str = "", offers: tuple[Offer, ...] = ()
    ) -> tuple[list[Effect], bool]:
        """One round on this sale."""
        store = StoreSettings("S0001")
        situation = Situation(snapshot, self.clock.now(), store, None, None, None, offers)
        decision = Decision(forbidden={"AP0004": forbidden} if forbidden else {})
        return self.box.settle(situation, decision, lambda _: self.purse, returned=returned)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All of receipt R1."""
        return self.ledger.claims_of("R1")

    @property
    def claim(self) -> Claim:
        """The only one of receipt R1."""
        (one,) = self.claims
        return one
