"""AIQ's points as the enumeration plays them: the port `LoyaltyProvider` over plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from navplugin.core.errors import Refused, Unreachable
from navplugin.core.model import Claim, LoyaltyStatus, Member, Persona, Wallet, WalletDiscount
from navplugin.core.ports import Contact, Lookup, MaySend, Redemption, always
from tests.conftest import ScriptedClock
from tests.money.io import Io

T = TypeVar("T")

CODES = {"AP0001": (Decimal(10), Decimal(100)), "AP0004": (Decimal(100), Decimal(500))}
"""Coupon code -> value of the discount, its cost in points."""
MEMBER, OTHER = "M1", "M2"
CONTACTS = {MEMBER: Contact("5550101001", ""), OTHER: Contact("5550101002", "")}


@dataclass(frozen=True)
class Taken:
    """A redemption."""

    member: str
    receipt_no: str
    code: str
    points: Decimal
    at: datetime
    key: str = ""
    refunded: bool = False


@dataclass(frozen=True)
class Adjusted:
    """An adjustment: negative where points were taken."""

    member: str
    receipt_no: str
    points: Decimal
    key: str = ""


@dataclass
class Aiq:
    """Members' points, and the provider of one worker."""

    clock: ScriptedClock
    io: Io
    refund: str
    keyed: bool = False
    hidden: bool = False
    points: dict[str, Decimal] = field(default_factory=lambda: {MEMBER: Decimal(1000), OTHER: Decimal(1000)})
    taken: list[Taken] = field(default_factory=list)
    adjusted: list[Adjusted] = field(default_factory=list)
    offered: frozenset[str] = frozenset(CODES)
    keys: set[str] = field(default_factory=set)
    moves: int = 0
    refunds: int = 0
    skew: timedelta = timedelta(0)
    costs: dict[str, Decimal] = field(default_factory=lambda: {code: cost for code, (_, cost) in CODES.items()})
    drops_refunded: bool = False
    blank: bool = False
    moved: bool = False
    """The member's phone number is somebody else's by now."""
    spent: bool = False

    def now(self) -> datetime:
        """By AIQ's own clock."""
        return self.clock.now() + self.skew

    def copy(self, clock: ScriptedClock, io: Io) -> Aiq:
        return replace(
            self, clock=clock, io=io, points=dict(self.points), taken=list(self.taken), adjusted=list(self.adjusted),
            keys=set(self.keys), costs=dict(self.costs),
        )

    def digest(self) -> object:
        return (tuple(self.points.values()), tuple(self.taken), tuple(self.adjusted), self.moves, self.refunds,
                tuple(self.costs.values()), self.offered)  # fmt: skip

    def net(self, guid: str, code: str) -> int:
        """How many times the points of this discount are gone for a sale: redemptions less refunds, adjustments too."""
        live = sum(_is_of(t.key, guid, code) and not t.refunded for t in self.taken)
        by_hand = sum((a.points > 0) - (a.points < 0) for a in self.adjusted if _is_of(a.key, guid, code))
        return live - by_hand

    # ---- the port ------------------------------------------------------------------------------------------------

    def contact_of(self, member: Member) -> Contact | None:
        return CONTACTS[member.member_card_no]

    def fetch_status(self, contact: Contact) -> Persona:
        card = _card(contact)
        return self.io.cross("aiq.read", lambda: Persona(LoyaltyStatus.MEMBER, f"c-{card}", self.clock.now()))

    def fetch_wallet(self, contact: Contact) -> Wallet | None:
        return self.io.cross("aiq.wallet", lambda: self.wallet(_card(contact)))

    def wallet(self, card: str) -> Wallet | None:
        """The wallet as AIQ shows it now."""
        odd, self.io.odd = self.io.odd, ""
        if odd == "nobody":
            return None
        if (odd == "other-person") != self.moved:
            card = OTHER if card == MEMBER else MEMBER
        discounts = () if odd == "empty" else tuple(
            WalletDiscount(f"d-{code}", code, code, self.costs[code], dollar_value=CODES[code][0], reusable=True,
                           redemption_url=f"https://x/{card}")
            for code in sorted(self.offered)
        )  # fmt: skip
        return Wallet(f"c-{card}", None if self.hidden else self.points[card], self.hidden, discounts, self.clock.now())

    def find_redemptions(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Lookup:
        code = discount_id.removeprefix("d-")

        def read() -> Lookup:
            # As the adapter asks: a day wider than our clock says, on both sides.
            seen = [] if self.blank else [t for t in self.taken if t.at >= since - timedelta(days=1)]
            seen = [t for t in seen if not (t.refunded and self.drops_refunded)]
            ours = [t for t in seen if (t.receipt_no, t.code) == (reference, code)]
            mine = [t for t in ours if contact_id in ("", f"c-{t.member}")]
            return Lookup(
                tuple(_listed(t) for t in mine if not t.refunded), tuple(_listed(t) for t in mine if t.refunded),
                tuple(_listed(t) for t in ours if t not in mine and not t.refunded), bool(seen), len(seen),
            )  # fmt: skip

        return self.io.cross("aiq.read", read)

    def send_redemption(
        self, discount: WalletDiscount, reference: str, key: str = "", may_send: MaySend = always
    ) -> str:
        card, code = discount.redemption_url.rpartition("/")[2], discount.coupon_code

        def take() -> str:
            if self.keyed and key in self.keys:
                return f"r-{reference}-{code}"
            cost = self.costs[code]
            if self.points[card] < cost:
                raise Refused("not enough points")
            self.points[card] -= cost
            self.keys.add(key)
            self.taken.append(Taken(card, reference, code, cost, self.now(), key))
            return f"r-{reference}-{code}"

        return self._move(take, may_send)

    def _move(self, call: Callable[[], T], may_send: MaySend) -> T:
        """Connect, ask once more, send: a stall may lie before the question, and a fault after it."""
        self.io.cross("aiq.connect", lambda: None)
        if not may_send():
            raise Unreachable("it took too long; nothing was sent")
        self.moves += 1
        return self.io.cross("aiq.move", call)

    def send_refund(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        by_adjustment = self.refund == "adjust" or claim.collect == "done"

        def give() -> None:
            if by_adjustment:
                self._adjust(claim, claim.points_cost)
                return
            for index, one in reversed(list(enumerate(self.taken))):
                same = (one.receipt_no, one.code) == (claim.receipt_no, claim.coupon_code)
                if same and f"c-{one.member}" == contact_id and not one.refunded:
                    self.taken[index] = replace(one, refunded=True)
                    self.points[one.member] += one.points
                    return
            raise Refused("no such redemption")

        self.refunds += 1
        self._move(give, may_send)

    def send_collection(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        self._move(lambda: self._adjust(claim, -claim.points_cost), may_send)

    def _adjust(self, claim: Claim, points: Decimal) -> None:
        self.points[claim.member_card_no] += points
        self.adjusted.append(Adjusted(claim.member_card_no, claim.receipt_no, points, claim.key))


def _listed(taken: Taken) -> Redemption:
    return Redemption(f"c-{taken.member}", f"d-{taken.code}", taken.receipt_no, taken.points, taken.refunded)


def _is_of(key: str, guid: str, code: str) -> bool:
    return f"/{guid}/{code}/" in key


def _card(contact: Contact) -> str:
    return next(card for card, known in CONTACTS.items() if known == contact)
