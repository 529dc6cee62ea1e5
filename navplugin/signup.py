"""Signing a member up after a Yes: evidence first, look before every call, never twice (aiq-api.md 4)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from zoneinfo import ZoneInfo

from navplugin.core.errors import NO_EFFECT, NavpluginError, Refused, UnknownOutcome
from navplugin.core.model import Decision, LoyaltyStatus, Member, Persona, Prompt, Snapshot, StoreSettings
from navplugin.core.ports import Clock, LoyaltyProvider, Signup, SignupRecord
from navplugin.ledger import SqlLedger

log = logging.getLogger("navplugin.signup")

SENDS = 2
"""How often a sign-up is sent, each time after a look-up that says no member (aiq-api.md 13)."""
JOINED = (LoyaltyStatus.MEMBER,)
PROMPTS = "AIQ_POSPrompts"


class SignupDesk:
    """Turns answered prompts into loyalty members of AIQ."""

    def __init__(self, ledger: SqlLedger, loyalty: LoyaltyProvider, clock: Clock) -> None:
        self.ledger, self.loyalty, self.clock = ledger, loyalty, clock
        self._under_way: set[str] = set()

    def record_answers(self, snapshot: Snapshot) -> tuple[SignupRecord, ...]:
        """Write every answered sign-up prompt of this sale into the ledger; a No may become a Yes, not the reverse."""
        out = []
        for prompt in snapshot.prompts:
            if prompt.kind != "Confirm" or prompt.answer not in ("Yes", "No"):
                continue
            before = self.ledger.signup(signup_key(snapshot, prompt))
            record = before
            if before is None or (before.state == "no" and prompt.answer == "Yes"):
                record = _record(snapshot, prompt, self.clock)
                self.ledger.save_signup(record, self.clock.now())
            if record is not None:
                out.append(record)
        return tuple(out)

    def join(self, record: SignupRecord, member: Member, store: StoreSettings) -> Persona | None:
        """Make the person a loyalty member; None = not known yet, try again in a later tick.

        Looks up first; one call after each look-up, so that a lost answer never signs up twice. One till after the
        other: between another lane's look-up and its call, AIQ would say no member to both.
        """
        card = member.member_card_no
        if card in self._under_way:
            return None
        self._under_way.add(card)
        try:
            return self._join(record, member, store)
        finally:
            self._under_way.discard(card)

    def _join(self, record: SignupRecord, member: Member, store: StoreSettings) -> Persona | None:
        contact = self.loyalty.contact_of(member)
        refusal = _why_not(member, record, contact is not None, store)
        if refusal or contact is None:
            self._save(record, "refused", refusal)
            return Persona(LoyaltyStatus.UNKNOWN)
        sends = False
        try:
            persona = self.loyalty.fetch_status(contact)
            if persona.status not in JOINED:
                if record.tries >= SENDS:
                    raise Refused("sent twice, and AIQ still does not know the member")
                record, sends = self._save(record, "sent", ""), True
                signup = Signup(
                    contact, member.first_name, member.last_name, store.aiq_store, consent=store.consent
                )
                persona = self.loyalty.send_signup(signup)
        except Refused as no:
            self._save(record, "refused", no.message)
            self.ledger.add_report(record.receipt_no, f"AIQ refused the sign-up: {no.message}", self.clock.now())
            return Persona(LoyaltyStatus.UNKNOWN)
        except UnknownOutcome as unknown:
            log.warning("receipt %s: AIQ's answer to the sign-up is unknown (%s)", record.receipt_no, unknown)
            return None
        except NavpluginError as problem:
            log.warning("receipt %s: sign-up waits for AIQ (%s)", record.receipt_no, problem)
            if sends and isinstance(problem, NO_EFFECT):  # certainly not taken: it does not count
                self._save(replace(record, tries=record.tries - 1), "yes", "")
            return None
        self._save(record, "done", "")
        joined = replace(persona, status=LoyaltyStatus.MEMBER, read_at=self.clock.now())
        self.ledger.save_person(member.member_card_no, joined, self.clock.now())
        return joined

    def _save(self, record: SignupRecord, state: str, note: str) -> SignupRecord:
        after = replace(record, state=state, note=note[:250], tries=record.tries + (state == "sent"))
        self.ledger.save_signup(after, self.clock.now())
        return after


def signup_key(snapshot: Snapshot, prompt: Prompt) -> str:
    """One record for each sale and member."""
    sale = snapshot.sale
    return "/".join((snapshot.company, sale.store_no, sale.receipt_no, sale.sale_guid, prompt.member_ref))


def pending(records: Iterable[SignupRecord], member_card_no: str) -> SignupRecord | None:
    """The record of this member whose Yes AIQ has neither taken nor refused."""
    return next((r for r in records if r.member_card_no == member_card_no and is_pending(r)), None)


def is_pending(record: SignupRecord) -> bool:
    """Whether AIQ has neither taken nor refused this Yes."""
    return record.state in ("yes", "sent")


def why_no_prompt(snapshot: Snapshot, persona: Persona, decision: Decision) -> str:
    """What [AIQ Loyalty Signup] says where there is no prompt to show, '' where there is one."""
    card = snapshot.sale.member_card_no
    if any(p.member_ref == card and p.kind == "Confirm" for p in snapshot.prompts):
        return ""
    if any(w.page == PROMPTS and w.initial.get("Kind") == "Confirm" for w in decision.wants):
        return ""
    if not card:
        return "There is no member card on the sale."
    if persona.status in JOINED:
        return "The member is a loyalty member already."
    if persona.status is LoyaltyStatus.SEVERAL:
        return "Several people in AIQ have this phone number or e-mail."
    return "The store's rules ask for no sign-up here."


def _record(snapshot: Snapshot, prompt: Prompt, clock: Clock) -> SignupRecord:
    terms = "\n".join(t for t in prompt.texts if t)
    return SignupRecord(
        key=signup_key(snapshot, prompt),
        company=snapshot.company,
        store_no=snapshot.sale.store_no,
        pos_terminal_no=snapshot.sale.pos_terminal_no,
        receipt_no=snapshot.sale.receipt_no,
        sale_guid=snapshot.sale.sale_guid,
        member_card_no=prompt.member_ref,
        staff_id=prompt.answered_by,
        answer=prompt.answer,
        answered_at=prompt.answered_at or clock.now(),
        terms=terms,
        terms_hash=hashlib.sha256(terms.encode()).hexdigest(),
        state="yes" if prompt.answer == "Yes" else "no",
    )


def _why_not(member: Member, record: SignupRecord, reachable: bool, store: StoreSettings) -> str:
    """Safety that no rule can switch off: no minors, nobody without a phone or e-mail of their own."""
    if not reachable:
        return "the member has neither a phone number nor an e-mail of their own"
    born = member.date_of_birth
    if born is not None:
        today = record.answered_at.astimezone(ZoneInfo(store.time_zone)).date()
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        if age < store.adult_age:
            return "the member is a minor"
    return ""
