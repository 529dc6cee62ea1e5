"""Carries out the moves of the money machine: writes the ledger, calls AIQ, writes the ledger, asks again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from navplugin.claim_view import Minimum, view_of
from navplugin.claims import (
    MAY_MOVE,
    SAFETY,
    Move,
    Policy,
    View,
    after_look,
    mark_answer,
    mark_end,
    mark_given_back,
    mark_sent,
    mark_taken,
    mark_told,
    next_move,
)
from navplugin.core.errors import AuthFailed, Busy, NavpluginError, Refused, Unreachable
from navplugin.core.model import (
    Claim,
    Decision,
    Effect,
    End,
    Grant,
    Points,
    SaleState,
    Situation,
    Snapshot,
    Wallet,
    WalletDiscount,
)
from navplugin.core.money import ZERO
from navplugin.core.ports import Clock, Contact, LoyaltyProvider
from navplugin.ledger import SqlLedger
from navplugin.openings import Opening, openings, orphan_grants, typed_lines
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


PurseOf = Callable[[str], Purse]
"""The purse of a member card; the same one for the same card within a tick."""


class Cashbox:
    """Moves points and lines for one store group. rules: safety rules in force; tests switch them off one by one."""

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
        self, situation: Situation, decision: Decision, purse_of: PurseOf, *, returned: str = ""
    ) -> tuple[list[Effect], bool]:
        """Open what was picked, then move every claim of the sale as far as it goes.

        purse_of: the purse of a member card; a claim is paid from the purse of its own member. returned: '', part or
        full, as posted returns have taken the sale back.
        Returns the effects on the sale's rows, and whether something is still due without a new event.
        """
        snapshot = situation.snapshot
        effects = self._open(situation, purse_of(snapshot.sale.member_card_no))
        due = False
        for claim in self.ledger.claims_of(snapshot.sale.receipt_no):
            if claim.sale_guid != snapshot.sale.sale_guid:
                self._miss(claim)
            elif claim.end in MAY_MOVE:
                more, claim_due = self._advance(claim, situation, decision, purse_of, returned)
                effects += more
                due = due or claim_due
        return effects, due

    def settle_missing(self, receipt_no: str) -> None:
        """The sale's row is gone from NAV: wait, and after `vanish_max` let a person look."""
        for claim in self.ledger.claims_of(receipt_no):
            self._miss(claim)

    def _miss(self, claim: Claim) -> None:
        if claim.end is not End.OPEN or "vanished" not in self.rules:
            return
        now = self.clock.now()
        claim = self._see_missing(claim, now)
        view = View(SaleState.SALES, readable=False, line=False, pick=False, since=claim.missing_since)
        policy = self.policies.get(claim.store_no) or Policy()
        if next_move(claim, view, policy, now, self.rules) is Move.SUSPECT:
            self._finish(Move.SUSPECT, claim, view, policy)

    def _open(self, situation: Situation, purse: Purse) -> list[Effect]:
        snapshot, now = situation.snapshot, self.clock.now()
        claims = self.ledger.claims_of(snapshot.sale.receipt_no, snapshot.sale.sale_guid)
        known = self._discounts(situation, claims, purse)
        grants = {g.coupon_code: g for g in snapshot.grants}
        refused: dict[str, str] = {}
        for opening in openings(snapshot, claims, orphan_grants(snapshot, situation.offers, known), self.rules):
            reason = self._try_open(opening, purse, grants.get(opening.claim.coupon_code), now)
            if reason:
                refused[opening.claim.coupon_code] = reason
        if "typed-line" in self.rules:
            codes = typed_lines(snapshot, claims, (d.coupon_code for d in known))
            refused |= dict.fromkeys(codes, "Choose it in the wallet; a typed code is not taken.")
        effects = (withdraw(snapshot, grants.get(code), code, reason) for code, reason in refused.items())
        return [effect for effect in effects if effect]

    def _discounts(
        self, situation: Situation, claims: tuple[Claim, ...], purse: Purse
    ) -> tuple[WalletDiscount, ...]:
        """AIQ's discounts by coupon code, as far as lines of this sale may bear one that nobody picked."""
        snapshot = situation.snapshot
        shown = purse.wallet.discounts if purse.wallet else ()
        if not _has_strays(snapshot, claims):
            return shown
        if snapshot.posted is not None and purse.wallet is None and purse.contact is not None:
            try:
                purse.wallet = purse.read_again()
            except NavpluginError as problem:
                log.warning("receipt %s: AIQ's wallet cannot be read (%s)", snapshot.sale.receipt_no, problem)
            shown = purse.wallet.discounts if purse.wallet else ()
        codes = {d.coupon_code for d in shown}
        return (*shown, *(d for d in self.ledger.mapped() if d.coupon_code not in codes))

    def _try_open(self, opening: Opening, purse: Purse, grant: Grant | None, now: datetime) -> str:
        claim = opening.claim
        discount = _discount(purse.wallet, claim.discount_id)
        if discount is not None:
            claim = replace(claim, reusable=discount.reusable)
        if purse.wallet is None and not opening.orphan:
            log.warning("claim on receipt %s opened without a balance: AIQ gave no wallet", claim.receipt_no)
        balance, read_at = (purse.wallet.points, purse.wallet.read_at) if purse.wallet else (None, None)
        force = opening.orphan or "hold" not in self.rules
        read_at = read_at if "fresh-balance" in self.rules else None
        reason = self.ledger.open_claim(claim, balance, now, read_at=read_at, force=force)
        if not reason and claim.generation == 1 and grant is not None and grant.redemption_id:
            # NAV bears the key of a claim that this ledger never had: what became of its points, nobody here knows.
            text = f"NAV knows the claim {grant.redemption_id}, this ledger does not; was the ledger replaced?"
            self._save(claim, mark_end(claim, End.SUSPECT, text), Move.SUSPECT)
            self._tell_person(claim, End.SUSPECT, text)
        return reason

    def _advance(
        self, claim: Claim, situation: Situation, decision: Decision, purse_of: PurseOf, returned: str
    ) -> tuple[list[Effect], bool]:
        """Move one claim until nothing more follows from this snapshot. Bounded: MOVES_A_TICK."""
        snapshot, store = situation.snapshot, situation.store
        policy = self.policies.get(store.store_no) or Policy()
        minimum = Minimum(store.minimum_judged, store.reached, store.short)
        purse = purse_of(claim.member_card_no)
        effects: list[Effect] = []
        for _ in range(MOVES_A_TICK):
            now = self.clock.now()
            forbidden = decision.forbidden.get(claim.coupon_code, "")
            view = view_of(claim, snapshot, forbidden, minimum, returned=returned, rules=self.rules)
            claim = self._see(claim, view, now)
            view = replace(view, since=view.since or claim.missing_since)
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

    def _see(self, claim: Claim, view: View, now: datetime) -> Claim:
        """What the claim remembers of snapshots: that its line was seen, that the sale was missing, that it is void."""
        if claim.end is End.OPEN and not view.readable:
            return self._see_missing(claim, now)
        if view.is_open and view.line and not claim.line_seen:
            claim = self._save(claim, replace(claim, line_seen=True), "line seen")
        if claim.missing_since is not None and view.readable:
            claim = self._save(claim, replace(claim, missing_since=None), "sale seen again")
        if view.state is SaleState.VOIDED and claim.taken_at and not claim.voided:
            claim = self._save(claim, replace(claim, voided=True), "sale voided")
        return claim

    def _see_missing(self, claim: Claim, now: datetime) -> Claim:
        if claim.missing_since is not None:
            return claim
        return self._save(claim, replace(claim, missing_since=now), "sale missing")

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
        if move is Move.COLLECT:
            return self._collect(claim, policy, purse)
        if move is Move.TELL:
            return self._save(claim, mark_told(claim), move)
        return self._finish(move, claim, view, policy)

    def _finish(self, move: Move, claim: Claim, view: View, policy: Policy) -> Claim:
        ends = {Move.RELEASE: End.RELEASED, Move.SETTLE: End.SETTLED, Move.OWE: End.OWED, Move.SUSPECT: End.SUSPECT}
        end = ends[move]
        reason = _end_reason(end, claim, view, policy)
        after = mark_end(claim, end, reason, view.applied)
        if end is End.OWED and policy.owed == "absorb":
            after = replace(after, resolved="absorbed by the store (owed = absorb)")
        self._save(claim, after, move)
        if after.needs_person:
            self._tell_person(claim, end, reason)
        return after

    def _tell_person(self, claim: Claim, end: End, reason: str) -> None:
        log.error("receipt %s, coupon code %s: %s, %s", claim.receipt_no, claim.coupon_code, end, reason)
        self.ledger.add_report(claim.receipt_no, f"{end} {claim.coupon_code}: {reason}", self.clock.now())

    # ---- calls that move points: recorded before they are sent ---------------------------------------------------

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
        if claim.points is Points.NO and (discount is None or not (discount.redemption_url or discount.tier)):
            return self._save(claim, mark_answer(claim, Points.REFUSED, reason="AIQ no longer offers it"), "refused")
        if discount is None:
            return None
        if discount.tier and claim.points_cost == ZERO:
            return self._save(claim, mark_taken(claim, self.clock.now(), reason="tier reward, no call"), "taken")
        before = claim.points
        if "early-sent" in self.rules:
            claim = self._save(claim, mark_sent(claim, policy, self.clock.now()), "sent")

        def call() -> str:
            return self.loyalty.send_redemption(discount, claim.receipt_no)

        return self._call(claim, call, "redemption", purse, nothing_taken=before, refused=Points.REFUSED)

    def _refund(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        contact_id = self._contact_id(claim, purse)
        how = "adjust" if claim.collect == "done" else policy.refund
        claim = self._save(claim, mark_sent(claim, policy, self.clock.now(), refunding=True), "refund sent")

        def call() -> str:
            self.loyalty.send_refund(claim, contact_id)
            return ""

        after = self._call(claim, call, "refund", purse, nothing_taken=Points.YES, refused=Points.YES, back=how)
        if after is not None and after.points is Points.YES:
            text = f"AIQ refused the refund: {after.reason}"
            self._tell_person(after, End.SUSPECT, text)
            return self._save(after, mark_end(after, End.SUSPECT, text), Move.SUSPECT)
        return after

    def _collect(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        """`owed = adjust`: the points are taken by an adjustment, once."""
        contact_id, why = self._contact_id(claim, purse), claim.reason
        claim = self._save(claim, mark_sent(claim, policy, self.clock.now(), collect="sent"), "collection sent")

        def call() -> str:
            self.loyalty.send_collection(claim, contact_id)
            return ""

        after = self._call(claim, call, "collection", purse, nothing_taken=Points.REFUSED, refused=Points.REFUSED)
        if after is None or after.points is not Points.REFUSED:
            return after
        # The reason of the first refusal is the one that a person needs.
        return self._save(after, replace(after, collect="refused", reason=why), "not collected")

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
            return self._save(claim, replace(after, collect=collect), f"{what} refused")
        except DEFINITE_NO_EFFECT as no:
            after = mark_answer(claim, nothing_taken, claim.redemption_id, no.message)
            self._save(claim, replace(after, collect=collect), f"{what} not sent")
            return None
        except NavpluginError as unknown:
            log.error("receipt %s: AIQ's answer to the %s is unknown (%s)", claim.receipt_no, what, unknown)
            self.ledger.note_claim(claim, f"{what} unknown", str(unknown), self.clock.now())
            return claim
        purse.wallet = None
        done = mark_given_back(claim, back) if back else mark_taken(claim, self.clock.now(), number)
        return self._save(claim, done, "given back" if back else "taken")

    def _look(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        now = self.clock.now()
        earlier = self._given_back_elsewhere(claim)
        begun = [claim.taken_at or (claim.not_before or now) - policy.grace, *(c.taken_at for c in earlier)]
        since = min(at for at in begun if at) - timedelta(minutes=5)
        contact_id = self._contact_id(claim, purse)
        try:
            listed = self.loyalty.find_redemptions(contact_id, claim.discount_id, claim.receipt_no, since)
        except NavpluginError as problem:
            log.warning("receipt %s: AIQ's redemptions cannot be read (%s)", claim.receipt_no, problem)
            return None
        mine = listed[len(earlier) :] if "count-redemptions" in self.rules else listed
        after = after_look(claim, bool(mine), mine[-1].redemption_id if mine else "", now, self.rules)
        if after is None:
            return None
        purse.wallet = None
        return self._save(claim, after, "found" if mine else "not found")

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

    def _contact_id(self, claim: Claim, purse: Purse) -> str:
        person = self.ledger.person(claim.member_card_no)
        if person is not None and person.contact_id:
            return person.contact_id
        return purse.wallet.contact_id if purse.wallet else ""

    def _save(self, before: Claim, after: Claim, move: str) -> Claim:
        self.ledger.save_claim(before, after, str(move), self.clock.now())
        log.info("receipt %s, coupon code %s: %s", after.receipt_no, after.coupon_code, move)
        return after


def _has_strays(snapshot: Snapshot, claims: tuple[Claim, ...]) -> bool:
    """Whether the sale bears offers or coupons without a claim or a row: only then is more than its wallet asked."""
    if snapshot.posted is not None:
        known = {c.offer_no for c in claims} | {g.offer_no for g in snapshot.grants}
        return any(d.offer_no not in known for d in snapshot.posted.discounts)
    codes = {c.coupon_code for c in claims} | {g.coupon_code for g in snapshot.grants}
    return snapshot.journal is not None and bool(snapshot.journal.coupon_codes - codes)


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
    return "the sale has vanished from NAV" if not view.readable else claim.reason
