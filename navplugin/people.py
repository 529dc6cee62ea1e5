"""What AIQ says of the members on open sales: asked once, cached, and never a reason for a sale to wait."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from navplugin.core.errors import NavpluginError, ProtocolError
from navplugin.core.model import LoyaltyStatus, Member, Persona, Wallet, WalletDiscount
from navplugin.core.ports import Clock, Contact, JournalReader, LoyaltyProvider
from navplugin.sender import Purse

log = logging.getLogger("navplugin.aiq")

MEMBER_SECONDS = 600.0
PAUSE_SECONDS = 5.0
"""After a failure of AIQ."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one member now. `asked` is False where AIQ could not tell."""

    member: Member | None
    contact: Contact | None
    persona: Persona | None
    wallet: Wallet | None
    wallet_known: bool


class Memory(Protocol):
    """What is remembered of people: the ledger, or nothing where only a look is taken."""

    def person(self, member_card_no: str) -> Persona | None:
        """What AIQ last said of this member."""
        ...

    def save_person(self, member_card_no: str, persona: Persona, now: datetime) -> None:
        """Remember AIQ's answer."""
        ...

    def remember_mapped(self, discounts: Iterable[WalletDiscount], now: datetime) -> None:
        """Coupon codes that AIQ's discounts bear."""
        ...

    def position(self) -> int:
        """How far the ledger has come."""
        ...


class People:
    """Caches NAV members and AIQ answers; logs once when AIQ is lost and once when it is back."""

    def __init__(self, reader: JournalReader, loyalty: LoyaltyProvider, ledger: Memory, clock: Clock) -> None:
        self.reader, self.loyalty, self.ledger, self.clock = reader, loyalty, ledger, clock
        self._members: dict[str, tuple[float, Member | None]] = {}
        self._wallets: dict[str, tuple[float, Wallet | None]] = {}
        """With when they were read, by the clock that never steps."""
        self._mapped: dict[str, tuple[str, Decimal]] = {}
        self._wallet_ids: dict[str, str] = {}
        """Member card -> AIQ's id on the wallets that were accepted."""
        self._lost_at: float | None = None
        self._paused_until: float | None = None

    def member(self, member_card_no: str) -> Member | None:
        """The member in NAV, read anew every ten minutes."""
        known = self._members.get(member_card_no)
        if known is None or self.clock.monotonic() - known[0] > MEMBER_SECONDS:
            known = (self.clock.monotonic(), self.reader.read_member(member_card_no))
            self._members[member_card_no] = known
        return known[1]

    def ask(self, member_card_no: str, fresh: timedelta, *, past_cache: bool, want_wallet: bool) -> Answer:
        """Status and wallet of this member.

        fresh: how old a wallet may be. past_cache: [Get Loyalty Status] or [AIQ Wallet] asks AIQ again.
        """
        member = self.member(member_card_no)
        contact = self.loyalty.contact_of(member) if member else None
        if contact is None:
            status = Persona(LoyaltyStatus.UNKNOWN, read_at=self.clock.now())
            return Answer(member, None, status, None, wallet_known=True)
        wallet, known = None, False
        if want_wallet:
            wallet, known = self._wallet(member_card_no, contact, timedelta(0) if past_cache else fresh)
        persona = self._persona(member_card_no, contact, wallet, known, past_cache)
        if wallet is not None and not self._is_expected(member_card_no, wallet, persona):
            wallet, known = self._ask_again(member_card_no, contact, wallet, persona)
        return Answer(member, contact, persona, wallet, known)

    def _is_expected(self, card: str, wallet: Wallet, persona: Persona | None) -> bool:
        """Whether the wallet belongs to whom it did before, or to whom the look-up found."""
        known = self._wallet_ids.get(card) or (persona.contact_id if persona else "")
        if known and wallet.contact_id and wallet.contact_id != known:
            return False
        if wallet.contact_id:
            self._wallet_ids[card] = wallet.contact_id
        return True

    def _ask_again(
        self, card: str, contact: Contact, wallet: Wallet, persona: Persona | None
    ) -> tuple[Wallet | None, bool]:
        self.forget_wallet(card)
        try:
            second = self._second(card, contact, wallet, persona)
        except NavpluginError as problem:
            self._lost(problem)
            return None, False
        self._keep(card, second)
        return second, True

    def _second(self, card: str, contact: Contact, first: Wallet, persona: Persona | None) -> Wallet:
        """After the wallet of somebody else: an error of AIQ's, or another person by now (a new phone, two personas
        that were merged). What AIQ says twice is believed; that look-up and wallet use the same ids is not documented.
        ProtocolError where AIQ says something else again."""
        second = self._fetch(contact)
        known = self._wallet_ids.get(card) or (persona.contact_id if persona else "")
        if second is None or second.contact_id not in (first.contact_id, known):
            raise ProtocolError("the wallets of one member belong to different people", system="AIQ", where="wallet")
        self._wallet_ids[card] = second.contact_id
        return second

    def read_wallet(self, member_card_no: str) -> Wallet | None:
        """The wallet straight from AIQ, for the money machine; raises what the adapter raises."""
        member = self.member(member_card_no)
        contact = self.loyalty.contact_of(member) if member else None
        wallet = self._fetch(contact) if contact else None
        if wallet is not None and contact is not None:
            persona = self.ledger.person(member_card_no)
            if not self._is_expected(member_card_no, wallet, persona):
                wallet = self._second(member_card_no, contact, wallet, persona)
        self._keep(member_card_no, wallet)
        return wallet

    def _fetch(self, contact: Contact) -> Wallet | None:
        """With its age and the ledger's position as of before the question, not after the answer."""
        asked, position = self.clock.monotonic(), self.ledger.position()
        wallet = self.loyalty.fetch_wallet(contact)
        return replace(wallet, asked=asked, position=position) if wallet else None

    def forget_wallet(self, member_card_no: str) -> None:
        """After a redemption the cached balance is no longer true."""
        self._wallets.pop(member_card_no, None)

    def cached_wallet(self, member_card_no: str) -> Wallet | None:
        """The last wallet that was read, however old."""
        known = self._wallets.get(member_card_no)
        return known[1] if known else None

    def _wallet(self, card: str, contact: Contact, fresh: timedelta) -> tuple[Wallet | None, bool]:
        known = self._wallets.get(card)
        if known is not None and self.clock.monotonic() - known[0] < fresh.total_seconds():
            return known[1], True
        if not self._may_ask():
            return None, False
        try:
            wallet = self._fetch(contact)
        except NavpluginError as problem:
            self._lost(problem)
            return None, False
        self._back()
        self._keep(card, wallet)
        return wallet, True

    def _keep(self, card: str, wallet: Wallet | None) -> None:
        self._wallets[card] = (self.clock.monotonic(), wallet)
        mapped = {d.coupon_code: d for d in wallet.discounts if d.coupon_code} if wallet else {}
        new = [d for code, d in mapped.items() if self._mapped.get(code) != (d.discount_id, d.points_cost)]
        if new:
            self.ledger.remember_mapped(new, self.clock.now())
            self._mapped |= {d.coupon_code: (d.discount_id, d.points_cost) for d in new}

    def _persona(
        self, card: str, contact: Contact, wallet: Wallet | None, wallet_known: bool, past_cache: bool
    ) -> Persona | None:
        """From the ledger where it suffices (Member until AIQ says otherwise, others for the day), else looked up."""
        before = self.ledger.person(card)
        now = self.clock.now()
        if before is not None and not past_cache:
            today = before.read_at is not None and now - before.read_at < timedelta(hours=24)
            still_known = wallet is not None or not wallet_known
            if (before.status is LoyaltyStatus.MEMBER and still_known) or (
                today and before.status is not LoyaltyStatus.MEMBER
            ):
                return before
        if not self._may_ask():
            return before if before is not None and before.status is LoyaltyStatus.MEMBER else None
        try:
            persona = self.loyalty.fetch_status(contact)
        except NavpluginError as problem:
            self._lost(problem)
            return before if before is not None and before.status is LoyaltyStatus.MEMBER else None
        self._back()
        if not persona.contact_id and wallet is not None:
            persona = Persona(persona.status, wallet.contact_id, persona.read_at, persona.matches)
        if persona.status is not LoyaltyStatus.CANNOT_TELL:
            self.ledger.save_person(card, persona, now)
        return persona

    # ---- the link to AIQ ---------------------------------------------------------------------------------------

    @property
    def lost(self) -> bool:
        """Whether AIQ's last answer was a failure."""
        return self._lost_at is not None

    def _may_ask(self) -> bool:
        return self._paused_until is None or self.clock.monotonic() >= self._paused_until

    def _lost(self, problem: NavpluginError) -> None:
        now = self.clock.monotonic()
        self._paused_until = now + PAUSE_SECONDS
        if self._lost_at is None:
            self._lost_at = now
            log.error("AIQ is lost: %s; sales go on without the wallet", problem)

    def _back(self) -> None:
        if self._lost_at is not None:
            log.info("AIQ is back after %d s", self.clock.monotonic() - self._lost_at)
        self._lost_at = self._paused_until = None


class Purses:
    """The purses of one sale's tick: that of its member from the answer at hand, others as far as they are known."""

    def __init__(self, people: People, member_card_no: str, answer: Answer) -> None:
        self._people = people
        wallet = answer.wallet or people.cached_wallet(member_card_no)
        self._purses = {member_card_no: self._purse(member_card_no, answer.contact, wallet)}

    def of(self, member_card_no: str) -> Purse:
        """The purse of this member card."""
        if member_card_no not in self._purses:
            member = self._people.member(member_card_no)
            contact = self._people.loyalty.contact_of(member) if member else None
            wallet = self._people.cached_wallet(member_card_no)
            self._purses[member_card_no] = self._purse(member_card_no, contact, wallet)
        return self._purses[member_card_no]

    def forget_spent(self) -> frozenset[str]:
        """After points have moved, a cached balance is no longer true; whose points moved."""
        spent = frozenset(card for card, purse in self._purses.items() if purse.spent)
        for card in spent:
            self._people.forget_wallet(card)
        return spent

    def _purse(self, card: str, contact: Contact | None, wallet: Wallet | None) -> Purse:
        return Purse(contact, wallet, lambda: self._people.read_wallet(card))
