"""What is known from AIQ and the ledger: persona, wallet, claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from navplugin.core.model.sale import LoyaltyStatus
from navplugin.core.money import ZERO


@dataclass(frozen=True, slots=True)
class WalletDiscount:
    """A discount that AIQ offers to the member now (discountTemplates[], aiq-api.md 5.1).

    `redemption_url` is a bearer secret: kept in memory only, never logged, never written to NAV or the ledger.
    """

    discount_id: str
    coupon_code: str
    name: str
    points_cost: Decimal = ZERO
    available: bool = True
    expires_at: datetime | None = None
    dollar_value: Decimal | None = None
    percentage_value: Decimal | None = None
    tier: bool = False
    reusable: bool = False
    redemption_url: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Wallet:
    """What AIQ's wallet call said. `points` is None when hidden or not told.

    read_at: when it was asked, not answered. asked: the same by the clock of this process that never steps, for its
    age. position: the ledger's position then: points that it notes as taken later may be missing in the balance.
    """

    contact_id: str
    points: Decimal | None
    points_hidden: bool
    discounts: tuple[WalletDiscount, ...]
    read_at: datetime
    asked: float = 0.0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Persona:
    """AIQ's answer to "who is this?"."""

    status: LoyaltyStatus
    contact_id: str = ""
    read_at: datetime | None = None
    matches: int = 0


class Points(StrEnum):
    """P of a claim: what the ledger knows of the member's points (design.md 6)."""

    NO = "no"
    SENT = "sent"
    YES = "yes"
    REFUSED = "refused"


class End(StrEnum):
    """How a claim ended; OPEN while it has not."""

    OPEN = "OPEN"
    SETTLED = "SETTLED"
    RELEASED = "RELEASED"
    OWED = "OWED"
    SUSPECT = "SUSPECT"


def within_company(key: str) -> str:
    """A claim's key without the name of its company, which NAV can change; rows in NAV keep the name of before."""
    return "/".join(key.rsplit("/", 5)[1:])


@dataclass(frozen=True, slots=True)
class Claim:
    """A ledger row: a pick that costs points, to be taken, taken, or given back.

    told: AIQ refused while the sale was open, and the cashier knows. refunding: what is `sent` is a refund.
    collect: how far `owed = adjust` has come: sent, done, refused. given_back: how the points went back: endpoint,
    adjust, hand. missing_since: when NAV first failed to show the sale. voided: the sale was voided after its points
    were taken. resolved: who has dealt with an OWED or SUSPECT claim, and how; '' = still on the work list.

    contact_id: AIQ's id of the person whose points these are, pinned at the pick or with the first call. attempt: how
    many calls that move points were recorded. sent_at: when the last one was, for people: nothing waits by it.
    balance_before, balance_position: the balance before that call, and the ledger's position when it was read; None
    where points are hidden. taken_position: the ledger's position when the points were noted as taken.
    doubtful: points may have moved that this ledger does not know of: it was put back, or taken over.
    """

    company: str
    store_no: str
    receipt_no: str
    sale_guid: str
    coupon_code: str
    generation: int
    member_card_no: str
    discount_id: str
    offer_no: str
    points_cost: Decimal
    promised: Decimal
    points: Points = Points.NO
    end: End = End.OPEN
    line_seen: bool = False
    sent_at: datetime | None = None
    redemption_id: str = ""
    applied: Decimal | None = None
    reason: str = ""
    reusable: bool = True
    told: bool = False
    refunding: bool = False
    staff_id: str = ""
    pos_terminal_no: str = ""
    taken_at: datetime | None = None
    missing_since: datetime | None = None
    collect: str = ""
    given_back: str = ""
    voided: bool = False
    resolved: str = ""
    contact_id: str = field(default="", repr=False)
    attempt: int = 0
    balance_before: Decimal | None = None
    balance_position: int = 0
    taken_position: int = 0
    doubtful: bool = False

    @property
    def key(self) -> str:
        """Rebuilt from content: company/store/receipt/sale GUID/coupon code/generation."""
        return "/".join(
            (self.company, self.store_no, self.receipt_no, self.sale_guid, self.coupon_code, str(self.generation))
        )

    @property
    def holds_points(self) -> bool:
        """Whether its cost is promised and not yet taken, or may be taken without an answer: a refund that is under way
        holds nothing, because its points are gone from the balance."""
        if self.refunding:
            return False
        if self.end is End.OPEN:
            return self.points in (Points.NO, Points.SENT)
        unknown = self.points is Points.SENT or (self.doubtful and self.points is Points.NO)
        return self.end is End.SUSPECT and unknown and not self.resolved

    @property
    def needs_person(self) -> bool:
        """Whether it stands on the work list."""
        return self.end in (End.OWED, End.SUSPECT) and not self.resolved
