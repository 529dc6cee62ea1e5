"""Calls that move points: each is recorded before it is sent, and its answer after (design.md 6, moves 6 to 8)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from navplugin.claims import (
    SAFETY,
    Move,
    Policy,
    after_look,
    mark_answer,
    mark_end,
    mark_given_back,
    mark_sent,
    mark_taken,
)
from navplugin.core.errors import AuthFailed, Busy, NavpluginError, Refused, Unreachable
from navplugin.core.model import Claim, End, Points, Wallet, WalletDiscount
from navplugin.core.money import ZERO
from navplugin.core.ports import Clock, Contact, LoyaltyProvider
from navplugin.ledger import SqlLedger

log = logging.getLogger("navplugin.money")

URL_LIFETIME = timedelta(minutes=5)
DEFINITE_NO_EFFECT = (Busy, AuthFailed, Unreachable)
"""Errors after which it is certain that AIQ took nothing (loyalty adapter's table)."""


@dataclass(slots=True)
class Purse:
    """How to reach one member's wallet: the contact, and a way to read it anew."""

    contact: Contact | None
    wallet: Wallet | None
    read_again: Callable[[], Wallet | None]


class Teller:
    """Takes points, gives them back, finds out. Methods return the claim afterwards; None = nothing was learnt, try
    again in a later tick."""

    def __init__(
        self, ledger: SqlLedger, loyalty: LoyaltyProvider, clock: Clock, rules: frozenset[str] = SAFETY
    ) -> None:
        self.ledger, self.loyalty, self.clock, self.rules = ledger, loyalty, clock, rules

    def redeem(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        discount = find_discount(purse.wallet, claim.discount_id)
        stale = purse.wallet is None or self.clock.now() - purse.wallet.read_at > URL_LIFETIME
        if stale or discount is None:
            try:
                purse.wallet = purse.read_again()
            except NavpluginError as problem:
                log.warning(
                    "receipt %s: points not taken yet, AIQ's wallet cannot be read (%s)", claim.receipt_no, problem
                )
                return None
            discount = find_discount(purse.wallet, claim.discount_id)
        if claim.points is Points.NO and (discount is None or not (discount.redemption_url or discount.tier)):
            return self.save(claim, mark_answer(claim, Points.REFUSED, reason="AIQ no longer offers it"), "refused")
        if discount is None:
            return None
        if discount.tier and claim.points_cost == ZERO:
            return self.save(claim, mark_taken(claim, self.clock.now(), reason="tier reward, no call"), "taken")
        before = claim.points
        if "early-sent" in self.rules:
            claim = self.save(claim, mark_sent(claim, policy, self.clock.now()), "sent")

        def call() -> str:
            return self.loyalty.send_redemption(discount, claim.receipt_no, claim.key)

        return self._call(claim, call, "redemption", purse, nothing_taken=before, refused=Points.REFUSED)

    def refund(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        contact_id = self._contact_id(claim, purse)
        if contact_id is None:
            return None
        how = "adjust" if claim.collect == "done" else policy.refund
        claim = self.save(claim, mark_sent(claim, policy, self.clock.now(), refunding=True), "refund sent")

        def call() -> str:
            self.loyalty.send_refund(claim, contact_id)
            return ""

        after = self._call(claim, call, "refund", purse, nothing_taken=Points.YES, refused=Points.YES, back=how)
        if after is not None and after.points is Points.YES:
            text = f"AIQ refused the refund: {after.reason}"
            self.tell_person(after, End.SUSPECT, text)
            return self.save(after, mark_end(after, End.SUSPECT, text), Move.SUSPECT)
        return after

    def collect(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        """`owed = adjust`: the points are taken by an adjustment, once."""
        contact_id, why = self._contact_id(claim, purse), claim.reason
        if contact_id is None:
            return None
        claim = self.save(claim, mark_sent(claim, policy, self.clock.now(), collect="sent"), "collection sent")

        def call() -> str:
            self.loyalty.send_collection(claim, contact_id)
            return ""

        after = self._call(claim, call, "collection", purse, nothing_taken=Points.REFUSED, refused=Points.REFUSED)
        if after is None or after.points is not Points.REFUSED:
            return after
        # The reason of the first refusal is the one that a person needs.
        return self.save(after, replace(after, collect="refused", reason=why), "not collected")

    def _call(
        self, claim: Claim, call: Callable[[], str], what: str, purse: Purse, *, nothing_taken: Points,
        refused: Points, back: str = "",
    ) -> Claim | None:  # fmt: skip
        """One call that moves points; the claim after its answer. None: certainly without effect, try again later.

        nothing_taken, refused: P then. back: how a refund gives the points back; "" where points are taken.
        """
        collect = "" if claim.collect == "sent" else claim.collect
        try:
            number = call()
        except Refused as no:
            after = mark_answer(claim, refused, claim.redemption_id, no.message)
            return self.save(claim, replace(after, collect=collect), f"{what} refused")
        except DEFINITE_NO_EFFECT as no:
            after = mark_answer(claim, nothing_taken, claim.redemption_id, no.message)
            self.save(claim, replace(after, collect=collect), f"{what} not sent")
            return None
        except NavpluginError as unknown:
            log.error("receipt %s: AIQ's answer to the %s is unknown (%s)", claim.receipt_no, what, unknown)
            self.ledger.note_claim(claim, f"{what} unknown", str(unknown), self.clock.now())
            return claim
        purse.wallet = None
        done = mark_given_back(claim, back) if back else mark_taken(claim, self.clock.now(), number)
        return self.save(claim, done, "given back" if back else "taken")

    def look(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        now = self.clock.now()
        earlier = self._given_back_elsewhere(claim)
        begun = [claim.taken_at or (claim.not_before or now) - policy.grace, *(c.taken_at for c in earlier)]
        since = min(at for at in begun if at) - timedelta(minutes=5)
        contact_id = self._contact_id(claim, purse) or ""
        try:
            listed = self.loyalty.find_redemptions(contact_id, claim.discount_id, claim.receipt_no, since)
        except NavpluginError as problem:
            log.warning("receipt %s: AIQ's redemptions cannot be read (%s)", claim.receipt_no, problem)
            return None
        mine = listed.live[len(earlier) :] if "count-redemptions" in self.rules else listed.live
        after = after_look(claim, bool(mine), mine[-1].redemption_id if mine else "", now, self.rules)
        if after is None:
            return None
        purse.wallet = None
        return self.save(claim, after, "found" if mine else "not found")

    def _given_back_elsewhere(self, claim: Claim) -> list[Claim]:
        """Earlier generations whose points went back by other means than AIQ's refund: AIQ lists their redemptions,
        which come first, for ever."""
        return [
            c
            for c in self.ledger.claims_of(claim.receipt_no, claim.sale_guid)
            if c.coupon_code == claim.coupon_code
            and c.generation < claim.generation
            and c.given_back in ("adjust", "hand")
            and not c.collect
        ]

    def _contact_id(self, claim: Claim, purse: Purse) -> str | None:
        """AIQ's id of the member, from the ledger where it keeps ids, else from the wallet; None: not known now."""
        person = self.ledger.person(claim.member_card_no)
        if person is not None and person.contact_id:
            return person.contact_id
        if purse.wallet is None and purse.contact is not None:
            try:
                purse.wallet = purse.read_again()
            except NavpluginError as problem:
                log.warning("receipt %s: AIQ's wallet cannot be read (%s)", claim.receipt_no, problem)
                return None
        return purse.wallet.contact_id if purse.wallet else ""

    def save(self, before: Claim, after: Claim, move: str) -> Claim:
        self.ledger.save_claim(before, after, str(move), self.clock.now())
        log.info("receipt %s, coupon code %s: %s", after.receipt_no, after.coupon_code, move)
        return after

    def tell_person(self, claim: Claim, end: End, reason: str) -> None:
        log.error("receipt %s, coupon code %s: %s, %s", claim.receipt_no, claim.coupon_code, end, reason)
        self.ledger.add_report(claim.receipt_no, f"{end} {claim.coupon_code}: {reason}", self.clock.now())


def find_discount(wallet: Wallet | None, discount_id: str) -> WalletDiscount | None:
    """The discount in a wallet, by AIQ's id."""
    if wallet is None:
        return None
    return next((d for d in wallet.discounts if d.discount_id == discount_id), None)
