"""What should be there and what is to be done: wants, traces, effects; and the situation that is decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from navplugin.core.model.loyalty import Persona, Wallet
from navplugin.core.model.sale import Member, Offer, Row, Snapshot
from navplugin.core.money import ZERO


@dataclass(frozen=True, slots=True)
class Want:
    """A row that should be there.

    `fields` are kept equal while the want stands; `initial` are written on insert only, because the POS session moves
    them on (Status, Answer). `once_key` (where not empty): insert at most once, also after the row has gone.
    """

    page: str
    key: tuple[Any, ...]
    fields: Row
    initial: Row = field(default_factory=dict)
    once_key: str = ""
    reasons: tuple[str, ...] = ()


class Verdict(StrEnum):
    """The outcome of a condition or rule."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """One condition as it was decided: the fact, the filter as typed, the value seen, why."""

    fact: str
    filter_text: str
    negated: bool
    value: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule on one subject (a coupon code where the moment is asked for each discount)."""

    rule: str
    moment: str
    subject: str
    verdict: Verdict
    acted: bool
    conditions: tuple[ConditionTrace, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The wants of one evaluation, each with its reasons, and what the money machine must know.

    `forbidden`: coupon code of a pick -> the reason that the cashier reads. `reports`: lines for the ledger.
    """

    wants: tuple[Want, ...] = ()
    forbidden: Mapping[str, str] = field(default_factory=dict)
    reports: tuple[str, ...] = ()
    trace: tuple[RuleTrace, ...] = ()
    rules_hash: str = ""
    matcher: str = ""


class Op(StrEnum):
    """What an effect does to a row."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Effect:
    """One write to NAV. `etag` is the row's own, for update and delete; `once_key` as in Want."""

    op: Op
    page: str
    key: tuple[Any, ...]
    fields: Row = field(default_factory=dict)
    etag: str = ""
    once_key: str = ""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """A store as its profile section says; what rules, facts, offers and receipts need of it.

    price_groups: those of Store Price Group in NAV. paper_mm: 58 or 80. code_page: what the receipt printer is set to.
    """

    store_no: str
    name: str = ""
    time_zone: str = "UTC"
    language: str = "en"
    aiq_store: str = ""
    closing_time: str = ""
    signup_terms: str = ""
    wallet_url: str = ""
    signup_url: str = ""
    receipt_width: int = 40
    redeem_at: str = "posted"
    short: str = "ask"
    minimum_judged: str = "before"
    reached: str = "at-least"
    pin: bool = False
    consent: frozenset[str] = frozenset({"loyalty"})
    adult_age: int = 18
    fresh_seconds: int = 900
    currency_precision: Decimal = Decimal("0.01")
    price_groups: tuple[str, ...] = ()
    paper_mm: int = 80
    code_page: str = "cp437"
    qr_mode: str = "Bitmap"

    @property
    def all_price_groups(self) -> tuple[str, ...]:
        """Price groups that an offer may name to hold here: the store's number and what the profile adds."""
        return (self.store_no, *self.price_groups)


@dataclass(frozen=True, slots=True)
class History:
    """What happened before this sale; None where no rule asks for it, or where it cannot be told.

    visits: earlier posted sales of the member. uses_today: wallet discounts on other sales of today, over all stores.
    prompts_last_hour: sign-up questions at this terminal on other sales.
    """

    visits: int | None = None
    uses_today: int | None = None
    prompts_last_hour: int | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision may look at: the snapshot and what AIQ, the ledger and the profile add to it.

    `held`: points promised to this member's other claims. `footer_codes`: template name -> AIQ_ReceiptFooter code.
    `present`: the member has shown to be there (PIN), or the check was bypassed.
    `no_discount_items`: items that take no discount in NAV.
    """

    snapshot: Snapshot
    now: datetime
    store: StoreSettings
    member: Member | None = None
    persona: Persona | None = None
    wallet: Wallet | None = None
    offers: tuple[Offer, ...] = ()
    held: Decimal = ZERO
    footer_codes: Mapping[str, str] = field(default_factory=dict)
    history: History = History()
    present: bool = False
    no_discount_items: frozenset[str] = frozenset()

    def offer_for(self, coupon_code: str) -> Offer | None:
        """The enabled Total Discount Offer that this coupon code calls for in this store."""
        for offer in self.offers:
            if offer.coupon_code == coupon_code and offer.enabled and offer.holds_in(self.store.all_price_groups):
                return offer
        return None
