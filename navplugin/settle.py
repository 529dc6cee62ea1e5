"""Carries out the moves of the money machine: writes the ledger, calls AIQ, writes the ledger, asks again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from navplugin.claim_view import Minimum, view_of
from navplugin.claims import (
    SAFETY,
    Move,
    Opening,
    Policy,
    View,
    after_look,
    mark_answer,
    mark_end,
    mark_sent,
    mark_told,
    next_move,
    openings,
    orphan_grants,
)
from navplugin.core.errors import AuthFailed, Busy, NavpluginError, Refused, Unreachable
from navplugin.core.model import Claim, Decision, Effect, End, Points, Situation, Snapshot, Wallet, WalletDiscount
from navplugin.core.money import ZERO
from navplugin.core.ports import Clock, Contact, LoyaltyProvider
from navplugin.ledger import SqlLedger
from navplugin.reconcile import withdraw

log = logging.getLogger("navplugin.money")

URL_LIFETIME = timedelta(minutes=5)
MOVES_A_TICK = 6
DEFINITE_NO_EFFECT = (Busy, AuthFailed, Unreachable)
"""Errors after which it is certain that AIQ took nothing (loyalty adapter's table)."""


@dataclass(slots=True)
class Purse:
    """How to reach one member's wallet: the contact, and a way to read it anew."""

    contact: Contact | None
    wallet: Wallet | None
    read_again: Callable[[], Wallet | None]


class Cashbox:
    """Moves points and lines for one store group."""

    def __init__(
        self,
        ledger: SqlLedger,
        loyalty: LoyaltyProvider,
        clock: Clock,
        policies: Mapping[str, Policy],
        rules: frozenset[str] = SAFETY,
    ) -> None:
        self.ledger, self.loyalty, self.clock, self.policies, self.rules = ledger, loyalty, clock, policies, rules

    def settle(
        self, situation: Situation, decision: Decision, purse: Purse, *, returned_in_full: bool = False
    ) -> tuple[list[Effect], bool]:
        """Open what was picked, then move every claim of the sale as far as it goes.

        returned_in_full: a posted return has taken the whole sale back.
        Returns the effects on the sale's rows, and whether something is still due without a new event.
        """
        snapshot = situation.snapshot
        effects = self._open(situation, purse)
        due = False
        for claim in self.ledger.claims_of(snapshot.sale.receipt_no, snapshot.sale.sale_guid):
            if claim.end in (End.OPEN, End.SETTLED):
                more, claim_due = self._advance(claim, situation, decision, purse, returned_in_full)
                effects += more
                due = due or claim_due
        return effects, due

    def _open(self, situation: Situation, purse: Purse) -> list[Effect]:
        snapshot, now = situation.snapshot, self.clock.now()
        claims = self.ledger.claims_of(snapshot.sale.receipt_no, snapshot.sale.sale_guid)
        discounts = purse.wallet.discounts if purse.wallet else ()
        if _has_orphans(snapshot, claims) and purse.wallet is None:
            again = purse.read_again()
            discounts = again.discounts if again else ()
        effects = []
        for opening in openings(snapshot, claims, orphan_grants(snapshot, situation.offers, discounts), self.rules):
            reason = self._try_open(opening, purse, now)
            if reason:
                code = opening.claim.coupon_code
                grant = next((g for g in snapshot.grants if g.coupon_code == code), None)
                effect = withdraw(snapshot, grant, code, reason)
                effects += [effect] if effect else []
        return effects

    def _try_open(self, opening: Opening, purse: Purse, now: datetime) -> str:
        claim = opening.claim
        discount = _discount(purse.wallet, claim.discount_id)
        if discount is not None:
            claim = replace(claim, reusable=discount.reusable)
        balance = purse.wallet.points if purse.wallet else None
        if balance is None and purse.wallet is None and not opening.orphan:
            log.warning("claim on receipt %s opened without a balance: AIQ gave no wallet", claim.receipt_no)
        if "hold" not in self.rules:
            return self.ledger.open_claim(claim, balance, now, force=True)
        return self.ledger.open_claim(claim, balance, now, force=opening.orphan)

    def _advance(
        self, claim: Claim, situation: Situation, decision: Decision, purse: Purse, returned_in_full: bool
    ) -> tuple[list[Effect], bool]:
        """Move one claim until nothing more follows from this snapshot. Bounded: MOVES_A_TICK."""
        snapshot, store = situation.snapshot, situation.store
        policy = self.policies.get(store.store_no) or Policy()
        minimum = Minimum(store.minimum_judged, store.reached, store.short)
        effects: list[Effect] = []
        for _ in range(MOVES_A_TICK):
            now = self.clock.now()
            forbidden = decision.forbidden.get(claim.coupon_code, "")
            view = view_of(
                claim,
                snapshot,
                forbidden,
                minimum,
                returned_in_full=returned_in_full,
                since=snapshot.sale.event_at,
            )
            claim = self._see_line(claim, view, now)
            move = next_move(claim, view, policy, now, self.rules)
            if move in (Move.NOTHING, Move.PUT_LINE):
                break
            if move is Move.REMOVE_LINE:
                effects += self._remove(claim, view, snapshot)
                break
            after = self._carry_out(move, claim, view, policy, purse)
            if after is None or after == claim:
                return effects, True
            claim = after
        waiting = claim.end is End.OPEN and claim.points is Points.SENT
        return effects, waiting

    def _see_line(self, claim: Claim, view: View, now: datetime) -> Claim:
        if not (view.is_open and view.line) or claim.line_seen:
            return claim
        return self._save(claim, replace(claim, line_seen=True), "line seen")

    def _remove(self, claim: Claim, view: View, snapshot: Snapshot) -> list[Effect]:
        other = claim.member_card_no != snapshot.sale.member_card_no
        picked_for = "It was picked for another member card." if other else ""
        reason = view.withheld or claim.reason or picked_for or "The discount was withdrawn."
        grant = view.grant or next((g for g in snapshot.grants if g.coupon_code == claim.coupon_code), None)
        effect = withdraw(snapshot, grant, claim.coupon_code, reason)
        return [effect] if effect else []

    def _carry_out(self, move: Move, claim: Claim, view: View, policy: Policy, purse: Purse) -> Claim | None:
        """The claim after the move; None = nothing was learnt, try again in a later tick."""
        if move is Move.REDEEM:
            return self._redeem(claim, policy, purse)
        if move is Move.LOOK:
            return self._look(claim, policy, purse)
        if move is Move.REFUND:
            return self._refund(claim, policy, purse)
        if move is Move.TELL:
            return self._save(claim, mark_told(claim), move)
        ends = {Move.RELEASE: End.RELEASED, Move.SETTLE: End.SETTLED, Move.OWE: End.OWED, Move.SUSPECT: End.SUSPECT}
        end = ends[move]
        reason = _end_reason(end, claim, view, policy)
        after = self._save(claim, mark_end(claim, end, reason, view.applied), move)
        if end in (End.OWED, End.SUSPECT):
            log.error("receipt %s, coupon code %s: %s, %s", claim.receipt_no, claim.coupon_code, end, reason)
            self.ledger.add_report(claim.receipt_no, f"{end} {claim.coupon_code}: {reason}", self.clock.now())
        return after

    def _redeem(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        discount = _discount(purse.wallet, claim.discount_id)
        stale = purse.wallet is None or self.clock.now() - purse.wallet.read_at > URL_LIFETIME
        if stale or discount is None:
            try:
                purse.wallet = purse.read_again()
            except NavpluginError as problem:
                log.warning(
                    "receipt %s: points not taken yet, AIQ's wallet cannot be read (%s)", claim.receipt_no, problem
                )
                return None
            discount = _discount(purse.wallet, claim.discount_id)
        if discount is None or not discount.redemption_url:
            return self._save(claim, mark_answer(claim, Points.REFUSED, reason="AIQ no longer offers it"), "refused")
        if discount.tier and claim.points_cost == ZERO:
            return self._save(claim, mark_answer(claim, Points.YES, reason="tier reward, no call"), "taken")
        if "early-sent" in self.rules:
            claim = self._save(claim, mark_sent(claim, policy, self.clock.now()), "sent")
        try:
            number = self.loyalty.send_redemption(discount, claim.receipt_no)
        except Refused as no:
            return self._save(claim, mark_answer(claim, Points.REFUSED, reason=no.message), "refused")
        except DEFINITE_NO_EFFECT as no:
            self._save(claim, mark_answer(claim, Points.NO, reason=no.message), "not sent")
            return None
        except NavpluginError as unknown:
            log.error("receipt %s: AIQ's answer to the redemption is unknown (%s)", claim.receipt_no, unknown)
            return claim
        purse.wallet = None
        return self._save(claim, mark_answer(claim, Points.YES, number), "taken")

    def _look(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        now = self.clock.now()
        since = (claim.not_before or now) - policy.grace - timedelta(minutes=5)
        person = self.ledger.person(claim.member_card_no)
        contact_id = person.contact_id if person else ""
        try:
            found = self.loyalty.find_redemption(contact_id, claim.discount_id, claim.receipt_no, since)
        except NavpluginError as problem:
            log.warning("receipt %s: AIQ's redemptions cannot be read (%s)", claim.receipt_no, problem)
            return None
        after = after_look(claim, found is not None, claim.redemption_id, now, self.rules)
        if after is None:
            return None
        purse.wallet = None
        return self._save(claim, after, "found" if found else "not found")

    def _refund(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        person = self.ledger.person(claim.member_card_no)
        claim = self._save(claim, mark_sent(claim, policy, self.clock.now(), refunding=True), "refund sent")
        try:
            self.loyalty.send_refund(claim, person.contact_id if person else "")
        except Refused as no:
            taken = self._save(claim, mark_answer(claim, Points.YES, claim.redemption_id), "refund refused")
            return self._save(taken, mark_end(taken, End.SUSPECT, f"AIQ refused the refund: {no.message}"), "suspect")
        except DEFINITE_NO_EFFECT:
            self._save(claim, mark_answer(claim, Points.YES, claim.redemption_id), "refund not sent")
            return None
        except NavpluginError as unknown:
            log.error("receipt %s: AIQ's answer to the refund is unknown (%s)", claim.receipt_no, unknown)
            return claim
        purse.wallet = None
        return self._save(claim, mark_answer(claim, Points.NO), "refunded")

    def _save(self, before: Claim, after: Claim, move: str) -> Claim:
        self.ledger.save_claim(before, after, str(move), self.clock.now())
        log.info("receipt %s, coupon code %s: %s", after.receipt_no, after.coupon_code, move)
        return after


def _has_orphans(snapshot: Snapshot, claims: tuple[Claim, ...]) -> bool:
    """Whether a posted sale has more offers than claims: only then is a wallet worth a call."""
    if snapshot.posted is None:
        return False
    known = {c.offer_no for c in claims} | {g.offer_no for g in snapshot.grants}
    return any(d.offer_no not in known for d in snapshot.posted.discounts)


def _discount(wallet: Wallet | None, discount_id: str) -> WalletDiscount | None:
    if wallet is None:
        return None
    return next((d for d in wallet.discounts if d.discount_id == discount_id), None)


def _end_reason(end: End, claim: Claim, view: View, policy: Policy) -> str:
    if end is End.OWED:
        return f"posted with {view.applied or ZERO:.2f} off, AIQ refused the points: {claim.reason}"
    if end is not End.SUSPECT:
        return claim.reason
    if view.disagrees:
        return view.disagrees
    if claim.points is Points.SENT:
        return "AIQ's answer never came; look in AIQ whether the points were taken"
    if claim.points is Points.YES:
        return f"{claim.points_cost} points are to be given back by hand (refund = {policy.refund})"
    return "the sale has vanished from NAV"
