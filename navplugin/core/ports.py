"""The seams. One line of doc for each method; adapters implement them, the worker calls nothing else.

Every method may raise the errors of `core.errors`; a method that writes says what an UnknownOutcome means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from navplugin.core.model import (
    Claim,
    Effect,
    Member,
    Offer,
    Persona,
    Row,
    Sale,
    Snapshot,
    StagedRow,
    Wallet,
    WalletDiscount,
)


@dataclass(frozen=True, slots=True)
class Contact:
    """How AIQ may find a person: ten-digit phone and lower-case e-mail, either may be empty."""

    phone: str = field(repr=False)
    e_mail: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signup:
    """What is sent when a member said Yes (aiq-api.md 4.1)."""

    contact: Contact
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    aiq_store: str
    source: str = "365canna"
    consent: frozenset[str] = frozenset({"loyalty"})


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption that AIQ lists."""

    contact_id: str
    discount_id: str
    reference: str
    points: Decimal | None
    refunded: bool = False
    redemption_id: str = ""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What AIQ's listing says of one receipt number and discount, read to its end over days, not minutes.

    live: redemptions that stand, oldest first. refunded: those that were given back. foreign: live ones charged to
    another person than the one who was asked for. shows_references: some row has a reference, so the listing could
    have shown ours; listed: how many do. That ours is not there proves nothing by itself.
    """

    live: tuple[Redemption, ...] = ()
    refunded: tuple[Redemption, ...] = ()
    foreign: tuple[Redemption, ...] = ()
    shows_references: bool = False
    listed: int = 0


@dataclass(frozen=True, slots=True)
class SignupRecord:
    """Evidence of an answered sign-up prompt, and how far the sign-up has come.

    state: yes (to be sent), sent (outcome unknown), done, refused, no.
    """

    key: str
    company: str
    store_no: str
    pos_terminal_no: str
    receipt_no: str
    sale_guid: str
    member_card_no: str
    staff_id: str
    answer: str
    answered_at: datetime
    terms: str
    terms_hash: str
    state: str
    tries: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Presence:
    """The presence check on one sale. how: asked (a PIN was sent), pin (it was right), bypass (staff_id decided).

    tries: wrong PINs since it was sent. asked_at: when it was sent.
    """

    receipt_no: str
    sale_guid: str
    member_card_no: str
    how: str
    staff_id: str
    tries: int = 0
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoyaltyStore:
    """A store as the programme knows it. mapped: whether a POS is mapped to it, None where that is not told."""

    name: str
    mapped: bool | None = None


class Clock(Protocol):
    """Time, injected so that tests script it."""

    def now(self) -> datetime:
        """Aware UTC time, for people and for validity. It may step; nothing waits or overlaps by it."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back, for waits and ages. Only differences within one process mean anything."""
        ...


MaySend = Callable[[], bool]
"""Asked when the connection stands, right before the first byte goes out. False: nothing is sent."""


def always() -> bool:
    """A `MaySend` for calls that move no points of a claim."""
    return True


class JournalReader(Protocol):
    """Reads NAV; never writes."""

    def read_changed_sales(self, after_mark: int) -> Sequence[Sale]:
        """Rows of AIQ_Sale with Change_Mark > after_mark, oldest first: one request when nothing changed."""
        ...

    def read_snapshots(self, sales: Sequence[Sale]) -> Sequence[Snapshot]:
        """Journal, lines, actions, posted sale and our own rows of these sales."""
        ...

    def read_sale(self, receipt_no: str) -> Sale | None:
        """The sale row of one receipt, None when it is gone."""
        ...

    def read_member(self, member_card_no: str) -> Member | None:
        """The member behind a card."""
        ...

    def read_offers(self) -> Sequence[Offer]:
        """All Total Discount Offers with benefits and items."""
        ...

    def read_setup(self) -> Mapping[str, Row]:
        """AIQ_Setup by store number ('' = default)."""
        ...

    def read_rows(self, page: str, where: Mapping[str, object]) -> Sequence[StagedRow]:
        """Rows of one of our pages whose fields equal these values."""
        ...


BATCH = 100
"""Writes in one transaction: what Business Central takes (nav-webservices.md 10)."""


class NavWriter(Protocol):
    """Writes our own pages; refuses any other."""

    def write(self, effect: Effect) -> StagedRow | None:
        """Carry out one effect; the row as it stands afterwards, None after a delete.

        Conflict: the ETag is stale. AlreadyThere: insert met its key. UnknownOutcome: read the row back.
        """
        ...

    def write_together(self, effects: Sequence[Effect]) -> bool:
        """At most BATCH effects, all or none, where the server can; False: nothing was written, write them singly.

        Errors as of `write`; count all as undone then.
        """
        ...


class SiteInspector(Protocol):
    """Looks at how NAV publishes the pages of the contract; never writes. `service`: the contract's name of a page."""

    def check_page(self, service: str) -> None:
        """Misconfigured, with all that is missing and the step to take, when page or fields are not published."""
        ...

    def read_first(self, service: str) -> Row | None:
        """One row, whichever comes first; None when there is none."""
        ...


class LoyaltyProvider(Protocol):
    """The loyalty programme. Every path and field name of it lives in the adapter."""

    def contact_of(self, member: Member) -> Contact | None:
        """How to ask for this member; None when phone and e-mail are missing or placeholders."""
        ...

    def fetch_status(self, contact: Contact) -> Persona:
        """Member, Known, Unknown or Several; raises Retriable when it cannot tell."""
        ...

    def fetch_wallet(self, contact: Contact) -> Wallet | None:
        """The wallet with its discounts; None when AIQ does not know the person."""
        ...

    def send_signup(self, signup: Signup) -> Persona:
        """Make a loyalty member. Refused: definite no. UnknownOutcome: look up before another try."""
        ...

    def send_redemption(
        self, discount: WalletDiscount, reference: str, key: str = "", may_send: MaySend = always
    ) -> str:
        """Take the points now; AIQ's id of it where told. Refused, Unreachable: nothing was taken. Others: unknown.

        key: the claim's key, for a programme that takes one and answers the same key the same way.
        """
        ...

    def find_redemptions(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Lookup:
        """What is listed under our receipt number. since: when the sale was rung up, by our clock; the window is wider
        than any clock is wrong. ProtocolError when the listing does not end or may hold ours without saying so."""
        ...

    def list_redemptions(self, since: datetime) -> Sequence[Redemption]:
        """Every redemption since then, refunded ones too: for the audit."""
        ...

    def send_collection(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        """Take the claim's points by an adjustment, after AIQ refused the redemption. Other errors: unknown."""
        ...

    def send_pin(self, contact: Contact) -> None:
        """Have AIQ send a PIN to the member: each call sends a text. Refused: AIQ does not know the person."""
        ...

    def send_pin_answer(self, contact: Contact, pin: str) -> Wallet | None:
        """The wallet behind the PIN that the member told. Refused: it is wrong."""
        ...

    def send_refund(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        """Give the points back by the configured strategy. Refused when the strategy is `manual`."""
        ...


class LoyaltyInspector(LoyaltyProvider, Protocol):
    """The loyalty programme as `doctor` asks it."""

    def fetch_stores(self) -> Sequence[LoyaltyStore]:
        """The account's stores; the call needs no member, so it also tells whether uid and key are right."""
        ...


class Matcher(Protocol):
    """Orders the rules whose conditions hold. `hits` carry rule id, priority, forbids, file order."""

    name: str

    def order(self, hits: Iterable[Hit]) -> Sequence[Hit]:
        """Forbidding before inviting, then priority (low first), then file order."""
        ...


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule whose conditions hold for one subject. Integers, text and booleans only: it crosses a process border."""

    rule_id: int
    subject: str
    verb: str
    forbids: bool
    priority: int
    file_order: int
