"""`run --watch-only`: everything is read and decided, and logged; nothing is written to NAV or AIQ."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from navplugin.core.model import (
    Claim,
    Effect,
    LoyaltyStatus,
    Member,
    Persona,
    StagedRow,
    Wallet,
    WalletDiscount,
)
from navplugin.core.ports import Contact, Lookup, LoyaltyProvider, MaySend, Redemption, Signup, always

log = logging.getLogger("navplugin.watchonly")

LEDGER_SUFFIX = ".watch-only"
"""Behind the ledger's name. What a watch-only worker notes must never be taken for points in flight."""


class WatchOnlyWriter:
    """In the place of the NAV writer."""

    def write(self, effect: Effect) -> StagedRow | None:
        """Log what would be written, but for the member's card. Texts tell no personal data: rules cannot say any."""
        fields = {name: "***" if name == "Member_Ref" else value for name, value in effect.fields.items()}
        log.info("would %s %s %s %s", effect.op, effect.page, effect.key, fields)
        return None

    def write_together(self, effects: Sequence[Effect]) -> bool:
        """Log each."""
        for effect in effects:
            self.write(effect)
        return True


class WatchOnlyLoyalty:
    """In the place of the loyalty programme: asks the real one, and goes on as if what would be sent had worked."""

    def __init__(self, asked: LoyaltyProvider) -> None:
        self._asked = asked

    def contact_of(self, member: Member) -> Contact | None:
        """As the real one."""
        return self._asked.contact_of(member)

    def fetch_status(self, contact: Contact) -> Persona:
        """As the real one."""
        return self._asked.fetch_status(contact)

    def fetch_wallet(self, contact: Contact) -> Wallet | None:
        """As the real one."""
        return self._asked.fetch_wallet(contact)

    def find_redemptions(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Lookup:
        """As the real one."""
        return self._asked.find_redemptions(contact_id, discount_id, reference, since)

    def list_redemptions(self, since: datetime) -> Sequence[Redemption]:
        """As the real one."""
        return self._asked.list_redemptions(since)

    def send_signup(self, signup: Signup) -> Persona:
        """Log that somebody would be signed up; no name, no number."""
        log.info("would sign up a member of store %s", signup.aiq_store)
        return Persona(LoyaltyStatus.MEMBER)

    def send_pin(self, contact: Contact) -> None:
        """Log that a text would go out."""
        log.info("would send a PIN to a member")

    def send_pin_answer(self, contact: Contact, pin: str) -> Wallet | None:
        """As if the PIN were right."""
        return None

    def send_collection(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        """Log which points would be taken by an adjustment."""
        log.info("would collect %s points of %s on %s", claim.points_cost, claim.coupon_code, claim.receipt_no)

    def send_redemption(
        self, discount: WalletDiscount, reference: str, key: str = "", may_send: MaySend = always
    ) -> str:
        """Log which points would be taken."""
        log.info("would take %s points for %s, reference %s", discount.points_cost, discount.coupon_code, reference)
        return "watch-only"

    def send_refund(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        """Log which points would be given back."""
        log.info("would give back %s points of %s on %s", claim.points_cost, claim.coupon_code, claim.receipt_no)
