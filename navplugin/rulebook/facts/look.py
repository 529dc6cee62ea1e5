"""What a fact looks at: the situation, and where the moment is asked for each discount, one of them.

Amounts follow design.md 5: the transaction balance is the sale after line and periodic discounts, before wallet
discounts, less the value of what was picked earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from zoneinfo import ZoneInfo

from navplugin.core.model import ConditionTrace, Grant, JournalLine, Offer, Situation, WalletDiscount
from navplugin.core.money import ZERO, round_money
from navplugin.discounts import Given, basket_of, occasion_of, terms_of, would_give
from navplugin.rulebook.filters import FilterType

HUNDRED = Decimal(100)


class Unknown(Enum):
    """The value of a fact that cannot be told now (AIQ is away, points are hidden, no member)."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


class Known(StrEnum):
    """The moment from which a fact has a value."""

    ALWAYS = "always"
    CHECK_IN = "check-in"
    FIRST_ITEM = "first item"
    ANSWER = "AIQ's answer"
    PICK = "pick"


class Cost(StrEnum):
    """What it takes to gather a fact. The last two are paid only where a loaded rule uses the fact."""

    NONE = "none"
    MEMBER = "member in NAV, kept 10 minutes"
    AIQ = "AIQ, kept for fresh-seconds"
    LEDGER = "ledger, one look-up"
    NAV = "NAV, one request for each sale"


class About(Enum):
    """What a fact is about: the sale as a whole, or one wallet discount of it."""

    SALE = "sale"
    DISCOUNT = "discount"


@dataclass(frozen=True, slots=True)
class Subject:
    """One wallet discount on one sale: as AIQ offers it, or as it stands on a grant that the cashier picked."""

    coupon_code: str
    discount_id: str
    name: str
    value_kind: str
    value: Decimal
    points_cost: Decimal
    offer: Offer | None = None
    expires_at: datetime | None = None
    tier: bool = False
    available: bool = True
    pick: Grant | None = None

    @property
    def trigger(self) -> Decimal:
        """The least total that lets its offer give anything."""
        return self.offer.trigger if self.offer else ZERO

    @property
    def amount(self) -> Decimal:
        """What it takes off in money; zero for a percentage."""
        return self.value if self.value_kind == "amount" else ZERO


@dataclass(frozen=True, slots=True)
class Look:
    """The situation as a fact sees it. `subject` is None for moments that are asked for the sale."""

    situation: Situation
    candidates: tuple[Subject, ...]
    picks: tuple[Subject, ...]
    subject: Subject | None = None
    known: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
    judged_before: dict[tuple[str, str, bool], ConditionTrace] = field(default_factory=dict, compare=False, repr=False)

    def at(self, subject: Subject | None) -> Look:
        """The same situation, looking at one discount."""
        return replace(self, subject=subject, known={}, judged_before={})

    @property
    def local_now(self) -> datetime:
        """The present time in the store's zone."""
        return self.situation.now.astimezone(ZoneInfo(self.situation.store.time_zone))

    @property
    def today(self) -> date:
        """The date of the sale as NAV has it, else of the store's zone."""
        journal = self.situation.snapshot.journal
        return (journal.trans_date if journal else None) or self.local_now.date()

    def value_of(self, fact: Fact) -> object:
        """The value of a fact, worked out once; UNKNOWN where it cannot be told."""
        if fact.caption not in self.known:
            self.known[fact.caption] = fact.read(self)
        return self.known[fact.caption]

    def earlier_picks(self) -> tuple[Subject, ...]:
        """Picks that come off before this discount: those before it in pick order; all where it is not picked."""
        codes = [p.coupon_code for p in self.picks]
        if self.subject is not None and self.subject.coupon_code in codes:
            return self.picks[: codes.index(self.subject.coupon_code)]
        return self.picks

    def balance(self) -> Decimal | Unknown:
        """The transaction balance, for this discount where there is one."""
        left = balance_of(self.situation)
        if left is None:
            return UNKNOWN
        for pick in self.earlier_picks():
            percent = pick.value_kind == "percent"
            left -= self.rounded(left * pick.value / HUNDRED) if percent else pick.value
        return left

    def gives(self) -> Given | None:
        """What this discount's offer would give on the sale now, after what is picked; None where nobody can tell.

        The same pass as the prediction of [Total]: coupons that others put on the sale count too.
        """
        journal, subject = self.situation.snapshot.journal, self.subject
        if journal is None or subject is None or subject.offer is None:
            return None
        earlier = [p.coupon_code for p in self.earlier_picks()]
        ours = {p.coupon_code for p in self.picks} | {subject.coupon_code}
        picked = [*earlier, *(code for code in journal.coupons if code not in ours)]
        basket = basket_of(journal, self.situation.no_discount_items)
        terms, occasion = terms_of(self.situation.store), occasion_of(self.situation)
        return would_give(subject.coupon_code, basket, self.situation.offers, picked, terms, occasion)

    def judged(self) -> Decimal | Unknown:
        """The total that an offer's trigger is compared with (`minimum-judged`)."""
        before = gross_of(self.situation)
        if before is None:
            return UNKNOWN
        return before if self.situation.store.minimum_judged == "before" else self.balance()

    def rounded(self, amount: Decimal) -> Decimal:
        """The amount at the currency's precision."""
        return round_money(amount, self.situation.store.currency_precision)


@dataclass(frozen=True, slots=True)
class Fact:
    """A named, typed value that a condition may test. `personal`: its value is never written to the ledger.

    `tells_points`: shows the member's points, which never appear on till or receipt (integration-guide.txt).
    `open_only`: a posted sale does not tell it, so that `rules replay` leaves its rules out.
    `source`: the part of `History` that is gathered only where a loaded rule uses the fact.
    """

    caption: str
    type: FilterType
    doc: str
    read: Callable[[Look], object]
    about: About = About.SALE
    options: tuple[str, ...] = ()
    money: bool = False
    amount: bool = False
    personal: bool = False
    tells_points: bool = False
    known: Known = Known.CHECK_IN
    cost: Cost = Cost.NONE
    source: str = ""
    open_only: bool = False


def look_at(situation: Situation) -> Look:
    """The look at a whole sale, with the wallet's discounts (one for each coupon code) and the picks in their order."""
    offered: dict[str, Subject] = {}
    for discount in situation.wallet.discounts if situation.wallet else ():
        subject = _from_wallet(situation, discount)
        before = offered.get(subject.coupon_code)
        # Two of AIQ's with one coupon code: the cheaper one is granted (ls-pos.md 7.4).
        if subject.coupon_code and (before is None or _cost_order(subject) < _cost_order(before)):
            offered[subject.coupon_code] = subject
    picks = tuple(_from_grant(situation, grant, offered.get(grant.coupon_code)) for grant in situation.snapshot.picks)
    by_code = {p.coupon_code: p.pick for p in picks}
    candidates = tuple(replace(offered[code], pick=by_code.get(code)) for code in sorted(offered))
    return Look(situation, candidates, picks)


def _cost_order(subject: Subject) -> tuple[Decimal, str]:
    return subject.points_cost, subject.discount_id


def _from_wallet(situation: Situation, discount: WalletDiscount) -> Subject:
    offer = situation.offer_for(discount.coupon_code)
    kind, value = "amount", ZERO
    if discount.dollar_value is not None:
        value = discount.dollar_value
    elif discount.percentage_value is not None:
        kind, value = "percent", discount.percentage_value
    elif offer is not None and offer.benefits:
        kind, value = offer.benefits[0].kind, offer.benefits[0].value
    return Subject(
        coupon_code=discount.coupon_code,
        discount_id=discount.discount_id,
        name=discount.name or (offer.description if offer else ""),
        value_kind=kind,
        value=value,
        points_cost=discount.points_cost,
        offer=offer,
        expires_at=discount.expires_at,
        tier=discount.tier,
        available=discount.available,
    )


def _from_grant(situation: Situation, grant: Grant, offered: Subject | None) -> Subject:
    return Subject(
        coupon_code=grant.coupon_code,
        discount_id=grant.discount_ext_id,
        name=grant.description,
        value_kind=grant.value_kind or "amount",
        value=grant.value,
        points_cost=grant.points_cost,
        offer=situation.offer_for(grant.coupon_code),
        expires_at=offered.expires_at if offered else None,
        tier=offered.tier if offered else False,
        pick=grant,
    )


def balance_of(situation: Situation) -> Decimal | None:
    """The sale after line and periodic discounts, before wallet discounts; None when NAV shows no lines."""
    snapshot = situation.snapshot
    if snapshot.posted is not None:
        given = sum((d.amount for d in snapshot.posted.discounts), ZERO)
        return sum((line.amount for line in snapshot.posted.lines), ZERO) + given
    if snapshot.journal is None:
        return None
    return sum((line.amount + line.total_disc_amount for line in snapshot.journal.items), ZERO)


def gross_of(situation: Situation) -> Decimal | None:
    """Quantity times price of all items, before any discount; None when NAV shows no lines."""
    lines = items_of(situation)
    return None if lines is None else sum((line.quantity * line.price for line in lines), ZERO)


def items_of(situation: Situation) -> tuple[JournalLine, ...] | None:
    """Item lines that are not voided, of the journal or of the posted sale; None when NAV shows no lines."""
    snapshot = situation.snapshot
    if snapshot.posted is not None:
        return snapshot.posted.lines
    return snapshot.journal.items if snapshot.journal else None


def utc(moment: datetime) -> datetime:
    """The moment in UTC at whole seconds: what NAV gives back equals what was written."""
    return moment.astimezone(UTC).replace(microsecond=0)


Captions = Mapping[str, Fact]
"""Facts by caption."""
