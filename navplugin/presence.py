"""The presence check: AIQ sends the member a PIN, the cashier types it, or bypasses it under their own name.

Three tries for each PIN, a new one after 30 s, valid for 10 min: AIQ documents none of these (aiq-api.md 9, 16 no. 17).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from navplugin.core.errors import NavpluginError, Refused, UnknownOutcome
from navplugin.core.model import Snapshot, StaffAction
from navplugin.core.ports import Clock, Contact, LoyaltyProvider, Presence
from navplugin.ledger import SqlLedger

log = logging.getLogger("navplugin.presence")

TRIES = 3
RESEND_AFTER = timedelta(seconds=30)
LIFETIME = timedelta(minutes=10)
PROVEN = ("pin", "bypass")


class PinDesk:
    """Answers PinRequest, PinEnter and PinBypass. A PIN is never kept and never logged."""

    def __init__(self, ledger: SqlLedger, loyalty: LoyaltyProvider, clock: Clock) -> None:
        self.ledger, self.loyalty, self.clock = ledger, loyalty, clock

    def is_present(self, snapshot: Snapshot) -> bool:
        """Whether the member of this sale has shown to be there, or somebody has answered for it."""
        return self._of(snapshot).how in PROVEN

    def answer(self, action: StaffAction, snapshot: Snapshot, contact: Contact | None) -> str:
        """'' when it is done, else the sentence for the cashier."""
        before = self._of(snapshot)
        if not snapshot.sale.member_card_no:
            return "There is no member card on the sale."
        if before.how in PROVEN:
            return ""
        if action.action == "PinBypass":
            return self._bypass(action, snapshot, before)
        if contact is None:
            return "The member has neither a phone number nor an e-mail of their own."
        if action.action == "PinRequest":
            return self._request(action, before, contact)
        return self._enter(action, before, contact)

    def _bypass(self, action: StaffAction, snapshot: Snapshot, before: Presence) -> str:
        if not action.staff_id:
            return "A bypass needs the name of who answers for it."
        self._save(replace(before, how="bypass", staff_id=action.staff_id))
        text = f"staff {action.staff_id} bypassed the presence check"
        self.ledger.add_report(snapshot.sale.receipt_no, text, self.clock.now())
        return ""

    def _request(self, action: StaffAction, before: Presence, contact: Contact) -> str:
        now = self.clock.now()
        if before.asked_at is not None and timedelta(0) <= now - before.asked_at < RESEND_AFTER:
            return ""  # sent a moment ago: each call sends a text
        # Recorded first: after a crash no second text goes out at once.
        self._save(replace(before, how="asked", staff_id=action.staff_id, asked_at=now, tries=0))
        try:
            self.loyalty.send_pin(contact)
        except UnknownOutcome:
            return ""
        except Refused:
            return "AIQ does not know this member."
        except NavpluginError as problem:
            log.warning("receipt %s: no PIN was sent (%s)", before.receipt_no, problem)
            self._save(before)
            return "AIQ does not answer; no PIN was sent."
        return ""

    def _enter(self, action: StaffAction, before: Presence, contact: Contact) -> str:
        if before.asked_at is None or self.clock.now() - before.asked_at > LIFETIME:
            return "Send a PIN first."
        if before.tries >= TRIES:
            return f"{TRIES} wrong PINs: send a new one."
        self._save(replace(before, tries=before.tries + 1))
        try:
            self.loyalty.send_pin_answer(contact, action.pin)
        except Refused:
            return f"The PIN is wrong, {TRIES - before.tries - 1} tries left."
        except NavpluginError as problem:
            log.warning("receipt %s: the PIN could not be checked (%s)", before.receipt_no, problem)
            self._save(before)
            return "AIQ does not answer; the PIN could not be checked."
        self._save(replace(before, how="pin", staff_id=action.staff_id))
        return ""

    def _of(self, snapshot: Snapshot) -> Presence:
        sale = snapshot.sale
        known = self.ledger.presence(sale.receipt_no, sale.sale_guid, sale.member_card_no)
        return known or Presence(sale.receipt_no, sale.sale_guid, sale.member_card_no, "", "")

    def _save(self, presence: Presence) -> None:
        self.ledger.save_presence(presence, self.clock.now())
