"""AIQ's points as the enumeration plays them: the port `LoyaltyProvider` over plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from navplugin.core.errors import Refused
from navplugin.core.model import Claim, LoyaltyStatus, Member, Persona, Wallet, WalletDiscount
from navplugin.core.ports import Contact, Lookup, MaySend, Redemption, always
from tests.conftest import ScriptedClock
from tests.money.io import Io

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

    def copy(self, clock: ScriptedClock, io: Io) -> Aiq:
        return replace(
            self, clock=clock, io=io, points=dict(self.points), taken=list(self.taken), adjusted=list(self.adjusted),
            keys=set(self.keys),
        )

    def digest(self) -> object:
        return (tuple(self.points.values()), tuple(self.taken), tuple(self.adjusted), self.moves, self.refunds)

    def net(self, guid: str, code: str) -> int:
        """How many times the points of this discount are gone for a sale: redemptions less refunds, adjustments too."""
        live = sum(_is_of(t.key, guid, code) and not t.refunded for t in self.taken)
        by_hand = sum(a.points / CODES[code][1] for a in self.adjusted if _is_of(a.key, guid, code))
        return live - int(by_hand)

    # ---- the port ------------------------------------------------------------------------------------------------

    def contact_of(self, member: Member) -> Contact | None:
        return CONTACTS[member.member_card_no]

    def fetch_status(self, contact: Contact) -> Persona:
        card = _card(contact)
        return self.io.cross("aiq.read", lambda: Persona(LoyaltyStatus.MEMBER, f"c-{card}", self.clock.now()))

    def fetch_wallet(self, contact: Contact) -> Wallet | None:
        return self.io.cross("aiq.read", lambda: self.wallet(_card(contact)))

    def wallet(self, card: str) -> Wallet:
        """The wallet as AIQ shows it now."""
        discounts = tuple(
            WalletDiscount(f"d-{code}", code, code, CODES[code][1], dollar_value=CODES[code][0], reusable=True,
                           redemption_url=f"https://x/{card}")
            for code in sorted(self.offered)
        )  # fmt: skip
        return Wallet(f"c-{card}", None if self.hidden else self.points[card], self.hidden, discounts, self.clock.now())

    def find_redemptions(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Lookup:
        code = discount_id.removeprefix("d-")

        def read() -> Lookup:
            return Lookup(tuple(
                Redemption(f"c-{t.member}", discount_id, t.receipt_no, t.points)
                for t in self.taken
                if (t.receipt_no, t.code, t.refunded) == (reference, code, False)
                and t.at >= since and contact_id in ("", f"c-{t.member}")
            ))  # fmt: skip

        return self.io.cross("aiq.read", read)

    def send_redemption(
        self, discount: WalletDiscount, reference: str, key: str = "", may_send: MaySend = always
    ) -> str:
        card, code = discount.redemption_url.rpartition("/")[2], discount.coupon_code

        def take() -> str:
            if self.keyed and key in self.keys:
                return f"r-{reference}-{code}"
            if self.points[card] < discount.points_cost:
                raise Refused("not enough points")
            self.points[card] -= discount.points_cost
            self.keys.add(key)
            self.taken.append(Taken(card, reference, code, discount.points_cost, self.clock.now(), key))
            return f"r-{reference}-{code}"

        self.moves += 1
        return self.io.cross("aiq.move", take)

    def send_refund(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        by_adjustment = self.refund == "adjust" or claim.collect == "done"

        def give() -> None:
            if by_adjustment:
                self._adjust(claim, claim.points_cost)
                return
            for index, one in reversed(list(enumerate(self.taken))):
                if (one.receipt_no, one.code, one.refunded) == (claim.receipt_no, claim.coupon_code, False):
                    self.taken[index] = replace(one, refunded=True)
                    self.points[one.member] += one.points
                    return
            raise Refused("no such redemption")

        self.moves += 1
        self.refunds += 1
        self.io.cross("aiq.move", give)

    def send_collection(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        self.moves += 1
        self.io.cross("aiq.move", lambda: self._adjust(claim, -claim.points_cost))

    def _adjust(self, claim: Claim, points: Decimal) -> None:
        self.points[claim.member_card_no] += points
        self.adjusted.append(Adjusted(claim.member_card_no, claim.receipt_no, points, claim.key))


def _is_of(key: str, guid: str, code: str) -> bool:
    return f"/{guid}/{code}/" in key


def _card(contact: Contact) -> str:
    return next(card for card, known in CONTACTS.items() if known == contact)
