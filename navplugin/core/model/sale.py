"""What is read from NAV: sale, journal, posted sale, our own rows, offers, members."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

from navplugin.core.money import ZERO

Row = Mapping[str, Any]


class SaleState(StrEnum):
    """AIQ_Sale.State (ls-pos.md 7.1)."""

    SALES = "SALES"
    PAYMENT = "PAYMENT"
    SUSPENDED = "SUSPENDED"
    VOIDED = "VOIDED"
    POSTED = "POSTED"

    @property
    def is_open(self) -> bool:
        """Whether the cashier is working on it: lines may come and go."""
        return self in (SaleState.SALES, SaleState.PAYMENT)


class GrantStatus(StrEnum):
    """AIQ_POSTotalDiscountOfferLines.Status (ls-pos.md 7.4)."""

    GRANTED = "Granted"
    PICKED = "Picked"
    INSERTED = "Inserted"
    APPLIED = "Applied"
    REFUSED = "Refused"
    WITHDRAWN = "Withdrawn"
    REVERSED = "Reversed"

    @property
    def is_picked(self) -> bool:
        """Whether the cashier's pick stands."""
        return self in (GrantStatus.PICKED, GrantStatus.INSERTED, GrantStatus.APPLIED)


class LoyaltyStatus(StrEnum):
    """What AIQ says of a person (AIQ_POSStatus.Member_Status)."""

    MEMBER = "Member"
    KNOWN = "Known"
    UNKNOWN = "Unknown"
    SEVERAL = "Several"
    CANNOT_TELL = "CannotTell"
    JOINING = "Joining"


@dataclass(frozen=True, slots=True)
class Sale:
    """A row of AIQ_Sale: one checked-in sale. The change cursor is `change_mark` (row version)."""

    receipt_no: str
    sale_guid: str
    store_no: str
    pos_terminal_no: str
    staff_id: str
    member_card_no: str
    state: SaleState
    footer_code: str
    event: str
    event_at: datetime | None
    change_mark: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A line of the POS journal, or of the posted sale with signs as at the till (ls-pos.md 1.3, 1.10)."""

    line_no: int
    entry_type: str
    number: str
    description: str = ""
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    amount: Decimal = ZERO
    discount_amount: Decimal = ZERO
    periodic_discount_amount: Decimal = ZERO
    total_disc_amount: Decimal = ZERO
    coupon_code: str = ""
    valid_in_transaction: bool = False
    item_category_code: str = ""
    retail_product_code: str = ""
    voided: bool = False


@dataclass(frozen=True, slots=True)
class Journal:
    """The open transaction as the till shows it. Amounts positive for a sale."""

    receipt_no: str
    store_no: str
    pos_terminal_no: str
    staff_id: str
    member_card_no: str
    is_return: bool
    sales_type: str = ""
    customer_no: str = ""
    trans_date: date | None = None
    lines: tuple[JournalLine, ...] = ()

    @property
    def items(self) -> tuple[JournalLine, ...]:
        """Active item lines."""
        return tuple(x for x in self.lines if x.entry_type == "Item" and not x.voided)

    @property
    def offers(self) -> tuple[JournalLine, ...]:
        """Discount lines that LS has put there, after [Total] also those of Total Discount Offers."""
        return tuple(x for x in self.lines if x.entry_type in ("PerDiscount", "TotalDiscount") and not x.voided)

    @property
    def coupon_codes(self) -> frozenset[str]:
        """Coupon codes on active coupon lines, whoever put them there."""
        return frozenset(self.coupons)

    @property
    def coupons(self) -> tuple[str, ...]:
        """The same in line order, which is pick order; a code stands as often as its coupon does."""
        return tuple(x.coupon_code for x in self.lines if x.entry_type == "Coupon" and not x.voided)


@dataclass(frozen=True, slots=True)
class PostedDiscount:
    """Sum of AIQ_TransDiscounts for one offer of a posted sale, and its frozen shares by line number; positive for a
    sale."""

    offer_no: str
    amount: Decimal
    shares: Mapping[int, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PostedSale:
    """The posted transaction (AIQ_Transactions and its lines), signs turned to those of the till."""

    receipt_no: str
    store_no: str
    pos_terminal_no: str
    transaction_no: int
    member_card_no: str
    staff_id: str
    voided: bool
    is_return: bool
    refund_receipt_no: str
    posted_at: datetime | None
    sale_guid: str
    gross_amount: Decimal
    lines: tuple[JournalLine, ...] = ()
    discounts: tuple[PostedDiscount, ...] = ()


@dataclass(frozen=True, slots=True)
class StaffAction:
    """A row of AIQ_POSActions: what only the worker can answer."""

    entry_no: int
    action: str
    receipt_no: str
    status: str
    staff_id: str = ""
    member_card_no: str = ""
    coupon_code: str = ""
    pin: str = field(default="", repr=False)
    created_at: datetime | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A row of one of our own pages as it stands in NAV. `key` in the page's key order."""

    page: str
    key: tuple[Any, ...]
    fields: Row
    etag: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A row of AIQ_POSTotalDiscountOfferLines, typed."""

    receipt_no: str
    coupon_code: str
    offer_no: str
    discount_ext_id: str
    description: str
    value_kind: str
    value: Decimal
    points_cost: Decimal
    min_amount: Decimal
    min_balance: Decimal
    blocked_text: str
    needs_pin: bool
    member_ref: str
    points: str
    redemption_id: str
    reason: str
    status: GrantStatus
    picked_at: datetime | None
    picked_by: str
    journal_line_no: int
    applied_amount: Decimal
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A row of AIQ_POSPrompts, typed."""

    receipt_no: str
    prompt_key: str
    member_ref: str
    kind: str
    code: str
    texts: tuple[str, str, str]
    shown_at: datetime | None
    answer: str
    answered_at: datetime | None
    answered_by: str
    etag: str = ""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """A row of AIQ_POSStatus, typed."""

    receipt_no: str
    member_ref: str
    member_status: str
    display_text: str
    updated_at: datetime | None
    wallet_at: datetime | None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Benefit:
    """A benefit step of an offer (Periodic Discount Benefits). kind: `amount` or `percent`."""

    step: Decimal
    kind: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class OfferLine:
    """What receives an offer's discount, with `exclude` what never does (Periodic Discount Line, ls-pos.md 1.7).

    kind: Item, Product Group, Item Category, All; Special Group, whose items NAV does not tell, matches no line.
    """

    kind: str
    number: str = ""
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class Validity:
    """When an offer holds (Validation Period): days inclusive, in store time; None = not limited.

    weekdays: Monday = 0; empty = every day. An end before the start runs past midnight, into the next day.
    """

    first: date | None = None
    last: date | None = None
    weekdays: frozenset[int] = frozenset()
    starts: time | None = None
    ends: time | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A Total Discount Offer as it is set up in NAV. Every trigger that is filled in must hold (ls-pos.md 2.3).

    `lines` empty = all items; `price_group` empty = every store; `coupons_needed`: how often the coupon must be there;
    `club`, `scheme`: member triggers; `validity_unknown`: it names a Validation Period that NAV does not show.
    """

    offer_no: str
    description: str
    enabled: bool
    coupon_code: str
    priority: int = 0
    amount_to_trigger: Decimal = ZERO
    price_group: str = ""
    block_total_discount: bool = False
    maximum_discount: Decimal | None = None
    lines: tuple[OfferLine, ...] = ()
    benefits: tuple[Benefit, ...] = ()
    coupons_needed: int = 1
    club: str = ""
    scheme: str = ""
    validity: Validity | None = None
    validity_unknown: bool = False

    @property
    def trigger(self) -> Decimal:
        """The least total that lets the offer give anything: its trigger or lowest step, whichever is more."""
        lowest = min((b.step for b in self.benefits), default=ZERO)
        return max(self.amount_to_trigger, lowest)

    @property
    def items(self) -> tuple[str, ...]:
        """Item numbers that it names; empty where it covers all items."""
        if any(x.kind == "All" and not x.exclude for x in self.lines):
            return ()
        return tuple(x.number for x in self.lines if x.kind == "Item" and not x.exclude)

    def holds_in(self, price_groups: Collection[str]) -> bool:
        """Whether a store with these price groups (its number among them) may use it; ALL is every store's."""
        return self.price_group in ("", "ALL") or self.price_group in price_groups


@dataclass(frozen=True, slots=True)
class Member:
    """A member in NAV (Member Contact, Account and Membership Card; page AIQ_Members)."""

    member_card_no: str
    account_no: str = ""
    contact_no: str = ""
    first_name: str = ""
    last_name: str = field(default="", repr=False)
    e_mail: str = field(default="", repr=False)
    mobile_phone_no: str = field(default="", repr=False)
    date_of_birth: date | None = field(default=None, repr=False)
    club_code: str = ""
    scheme_code: str = ""
    blocked: bool = False
    fields: Row = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one tick read of one sale. `journal` is None when it is not on the journal page (ls-pos.md 7.1)."""

    company: str
    sale: Sale
    journal: Journal | None
    posted: PostedSale | None
    actions: tuple[StaffAction, ...] = ()
    grants: tuple[Grant, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    status: StatusRow | None = None
    rows: tuple[StagedRow, ...] = ()

    @property
    def is_return(self) -> bool:
        """Whether this is a return sale."""
        if self.posted is not None:
            return self.posted.is_return
        return self.journal is not None and self.journal.is_return

    @property
    def picks(self) -> tuple[Grant, ...]:
        """Grants whose pick stands for the member who is on the sale now, in pick order, then coupon code."""
        mine = [g for g in self.grants if g.status.is_picked and g.member_ref == self.sale.member_card_no]
        return tuple(sorted(mine, key=lambda g: (g.picked_at is None, g.picked_at or 0, g.coupon_code)))
