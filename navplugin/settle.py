"""Carries out the moves of the money machine: what was picked, claim after claim, until nothing more follows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from navplugin.claim_view import Minimum, view_of
from navplugin.claims import (
    MAY_MOVE,
    SAFETY,
    Goal,
    Move,
    Policy,
    View,
    goal_of,
    is_given_back,
    mark_answer,
    mark_end,
    mark_given_back,
    mark_told,
    next_move,
)
from navplugin.core.errors import NavpluginError
from navplugin.core.model import (
    Claim,
    Decision,
    Effect,
    End,
    GrantStatus,
    Points,
    SaleState,
    Situation,
    Snapshot,
    WalletDiscount,
)
from navplugin.core.money import ZERO
from navplugin.core.ports import Clock, LoyaltyProvider
from navplugin.ledger import SqlLedger
from navplugin.openings import Opening, latest_by_code, openings, orphan_grants, typed_lines
from navplugin.reconcile import withdraw
from navplugin.sender import Purse, StepCounter
from navplugin.teller import Teller, find_discount

log = logging.getLogger("navplugin.money")

MOVES_A_TICK = 6
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two look-ups of one claim."""
SOON = 5.0
"""Seconds for which a claim is looked at in every tick."""


NOTHING_TAKEN = "nothing was taken for it"
"""Why a claim that was in doubt made room for one that is not."""
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
        record: StepCounter,
        rules: frozenset[str] = SAFETY,
    ) -> None:
        self.ledger, self.clock, self.policies, self.rules = ledger, clock, policies, rules
        self.teller = Teller(ledger, loyalty, clock, record, rules)
        self._unsure_since: dict[tuple[str, int], float] = {}
        self._looked_since: dict[tuple[str, int], float] = {}
        """Claim key and attempt -> when this process first knew that the outcome is not known, and first looked."""
        self._next_look: dict[tuple[str, int], tuple[float, float]] = {}
        """When to look again, and the pause after that."""

    def settle(
        self, situation: Situation, decision: Decision, purse_of: PurseOf, *, returned: str = ""
    ) -> tuple[list[Effect], bool]:
        """Open what was picked, then move every claim of the sale as far as it goes.

        purse_of: the purse of a member card; a claim is paid from the purse of its own member. returned: '', part or
        full, as posted returns have taken the sale back.
        Returns the effects on the sale's rows, and whether something is still due without a new event.
        """
        snapshot = situation.snapshot
        effects = self._open(situation, decision, purse_of, returned)
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

    def _open(
        self, situation: Situation, decision: Decision, purse_of: PurseOf, returned: str
    ) -> list[Effect]:
        snapshot, now = situation.snapshot, self.clock.now()
        purse = purse_of(snapshot.sale.member_card_no)
        claims = self.ledger.claims_of(snapshot.sale.receipt_no, snapshot.sale.sale_guid)
        known = self._discounts(situation, claims, purse)
        grants = {g.coupon_code: g for g in snapshot.grants}
        refused: dict[str, str] = {}
        policy = self.policies.get(situation.store.store_no) or Policy()
        back = is_given_back(returned, policy)
        orphans = () if back else orphan_grants(snapshot, situation.offers, known)
        doubtful = "doubt" in self.rules and self.ledger.is_doubtful(snapshot.sale.receipt_no, snapshot.sale.sale_guid)
        may_look = policy.lookup != "blind"
        found = openings(snapshot, claims, orphans, self.rules, doubtful=doubtful, may_look=may_look)
        for opening in found:
            self._supersede(opening, claims)
            reason = "" if opening.orphan else self._view(opening.claim, situation, decision, purse).withheld
            before = latest_by_code(claims).get(opening.claim.coupon_code)
            unknown = doubtful and (before is None or before.reason != NOTHING_TAKEN)
            opening = replace(opening, claim=replace(opening.claim, doubtful=opening.foreign or unknown))
            reason = reason or self._try_open(opening, purse_of(opening.claim.member_card_no), now)
            if reason:
                refused[opening.claim.coupon_code] = reason
        if "typed-line" in self.rules:
            codes = typed_lines(snapshot, claims, (d.coupon_code for d in known))
            refused |= dict.fromkeys(codes, "Choose it in the wallet; a typed code is not taken.")
        effects = (withdraw(snapshot, grants.get(code), code, reason) for code, reason in refused.items())
        return [effect for effect in effects if effect]

    def _supersede(self, opening: Opening, claims: tuple[Claim, ...]) -> None:
        """NAV names a later claim of this discount than the ledger has: the ones before it were released, or it would
        not exist. How their points went back is not known; by the store's own way, if they were taken."""
        for claim in claims:
            same = claim.coupon_code == opening.claim.coupon_code and claim.generation < opening.claim.generation
            if opening.foreign and same and claim.end is not End.RELEASED:
                policy = self.policies.get(claim.store_no) or Policy()
                how = "adjust" if claim.collect else {"manual": "hand"}.get(policy.refund, policy.refund)
                taken = claim.points is Points.YES
                over = mark_given_back(claim, how) if taken else mark_answer(claim, Points.NO)
                self.teller.save(claim, mark_end(over, End.RELEASED, "NAV names a later claim"), Move.RELEASE)

    def _discounts(
        self, situation: Situation, claims: tuple[Claim, ...], purse: Purse
    ) -> tuple[WalletDiscount, ...]:
        """AIQ's discounts by coupon code, as far as lines of this sale may carry one without a pick."""
        snapshot = situation.snapshot
        shown = purse.wallet.discounts if purse.wallet else ()
        if not _has_strays(snapshot, claims):
            return shown
        # A wallet without any discount is asked for again: more likely a fault of AIQ than the truth.
        if snapshot.posted is not None and not shown and purse.contact is not None:
            try:
                purse.wallet = purse.read_again()
            except NavpluginError as problem:
                log.warning("receipt %s: AIQ's wallet cannot be read (%s)", snapshot.sale.receipt_no, problem)
            shown = purse.wallet.discounts if purse.wallet else ()
        codes = {d.coupon_code for d in shown}
        return (*shown, *(d for d in self.ledger.mapped() if d.coupon_code not in codes))

    def _try_open(self, opening: Opening, purse: Purse, now: datetime) -> str:
        claim = opening.claim
        discount = find_discount(purse.wallet, claim.discount_id)
        if discount is not None:
            claim = replace(claim, reusable=discount.reusable)
        if purse.wallet is not None:
            claim = replace(claim, contact_id=purse.wallet.contact_id)
        elif not opening.orphan:
            log.warning("claim on receipt %s opened without a balance: AIQ gave no wallet", claim.receipt_no)
        balance, position = (purse.wallet.points, purse.wallet.position) if purse.wallet else (None, None)
        force = opening.orphan or opening.foreign or "hold" not in self.rules
        position = position if "fresh-balance" in self.rules else None
        return self.ledger.open_claim(claim, balance, now, position=position, force=force)

    def _advance(
        self, claim: Claim, situation: Situation, decision: Decision, purse_of: PurseOf, returned: str
    ) -> tuple[list[Effect], bool]:
        """Move one claim until nothing more follows from this snapshot. Bounded: MOVES_A_TICK."""
        snapshot, store = situation.snapshot, situation.store
        policy = self.policies.get(store.store_no) or Policy()
        purse = purse_of(claim.member_card_no)
        effects: list[Effect] = []
        for _ in range(MOVES_A_TICK):
            now = self.clock.now()
            view = self._view(claim, situation, decision, purse, returned)
            known = claim.line_seen
            claim = self._see(claim, view, now)
            if claim.line_seen and not known and not view.line:
                return effects, True  # the journal may have been read before the line came: look once more
            waited = self._waited(claim)
            looked = self.clock.monotonic() - self._looked_since.get(_attempt(claim), self.clock.monotonic())
            move = next_move(claim, view, policy, now, self.rules, waited=waited, looked=looked)
            if move is not Move.LOOK:
                self._looked_since.pop(_attempt(claim), None)  # a sale that was suspended meanwhile is looked up again
            if move in (Move.NOTHING, Move.PUT_LINE):
                break
            if move is Move.REMOVE_LINE:
                effects += self._remove(claim, view, snapshot)
                break
            past = waited >= policy.grace.total_seconds()
            after = self._carry_out(move, claim, view, policy, purse, snapshot.sale.event_at, past=past)
            if after is None or after == claim:
                return effects, self._is_due_soon(claim)
            stands = view.is_open and goal_of(after, view, policy, now, self.rules) in (Goal.KEEP, Goal.TAKE)
            if claim.doubtful and stands and (after.points, after.end) == (Points.NO, End.OPEN):
                # Nothing was taken: the pick gets a claim of its own, if the balance still covers it.
                self.teller.save(after, mark_end(after, End.RELEASED, NOTHING_TAKEN), Move.RELEASE)
                return effects, True
            claim = after
            if claim.end is End.RELEASED and view.is_open and view.pick:
                effects += self._remove(claim, view, snapshot)  # the pick is over too
            if claim.end is End.RELEASED and view.line and not is_given_back(returned, policy):
                return effects, True  # its line stands: it is owed a claim of its own
        waiting = claim.end is End.OPEN and claim.points is Points.SENT
        return effects, waiting and self._is_due_soon(claim)

    def _waited(self, claim: Claim) -> float:
        """Seconds since this process first knew that it does not know what became of the claim's points. Never by a
        clock of another process: it may be wrong, and it may have stalled."""
        mine = _attempt(claim)
        if claim.points is not Points.SENT and not claim.doubtful:
            self._unsure_since.pop(mine, None)
            self._looked_since.pop(mine, None)
            self._next_look.pop(mine, None)
            return 0.0
        now = self.clock.monotonic()
        return now - self._unsure_since.setdefault(mine, now)

    def _view(
        self, claim: Claim, situation: Situation, decision: Decision, purse: Purse, returned: str = ""
    ) -> View:
        store = situation.store
        minimum = Minimum(store.minimum_judged, store.reached, store.short)
        forbidden = decision.forbidden.get(claim.coupon_code, "") or self._dearer(claim, purse)
        return view_of(claim, situation.snapshot, forbidden, minimum, returned=returned, rules=self.rules)

    def _dearer(self, claim: Claim, purse: Purse) -> str:
        """Why the pick may not stand as it was shown: AIQ asks another price by now. '' where it does not."""
        discount = find_discount(purse.wallet, claim.discount_id)
        taken = claim.points is not Points.NO or claim.doubtful
        if discount is None or taken or discount.points_cost == claim.points_cost or "cost" not in self.rules:
            return ""
        return f"It costs {discount.points_cost:g} points now, not {claim.points_cost:g}; choose it again."

    def _see(self, claim: Claim, view: View, now: datetime) -> Claim:
        """What the claim remembers of snapshots: that its line was seen, that the sale was missing, that it is void."""
        if claim.end is End.OPEN and not view.readable:
            return self._see_missing(claim, now)
        inserted = view.grant is not None and view.grant.status in (GrantStatus.INSERTED, GrantStatus.APPLIED)
        if view.is_open and (view.line or inserted) and not claim.line_seen:
            claim = self.teller.save(claim, replace(claim, line_seen=True), "line seen")
        if claim.missing_since is not None and view.readable:
            claim = self.teller.save(claim, replace(claim, missing_since=None), "sale seen again")
        if view.state is SaleState.VOIDED and claim.taken_at and not claim.voided:
            claim = self.teller.save(claim, replace(claim, voided=True), "sale voided")
        return claim

    def _see_missing(self, claim: Claim, now: datetime) -> Claim:
        if claim.missing_since is not None:
            return claim
        return self.teller.save(claim, replace(claim, missing_since=now), "sale missing")

    def _remove(self, claim: Claim, view: View, snapshot: Snapshot) -> list[Effect]:
        other = claim.member_card_no != snapshot.sale.member_card_no
        picked_for = "It was picked for another member card." if other else ""
        reason = view.withheld or claim.reason or picked_for or "The discount was withdrawn."
        grant = view.grant or next((g for g in snapshot.grants if g.coupon_code == claim.coupon_code), None)
        effect = withdraw(snapshot, grant, claim.coupon_code, reason)
        return [effect] if effect else []

    def _carry_out(
        self, move: Move, claim: Claim, view: View, policy: Policy, purse: Purse, event_at: datetime | None, *,
        past: bool,
    ) -> Claim | None:  # fmt: skip
        """The claim after the move; None = nothing was learnt, try again in a later tick."""
        if move is Move.REDEEM:
            return self.teller.redeem(claim, policy, purse, posted=view.state is SaleState.POSTED)
        if move is Move.LOOK:
            if not self._may_look(claim):
                return None
            return self.teller.look(claim, purse, event_at, past=past)
        if move is Move.BELIEVE_NAV:
            return self.teller.believe_nav(claim, view.grant, policy)
        if move is Move.REFUND:
            return self.teller.refund(claim, policy, purse)
        if move is Move.COLLECT:
            return self.teller.collect(claim, purse)
        if move is Move.TELL:
            return self.teller.save(claim, mark_told(claim), move)
        return self._finish(move, claim, view, policy)

    def _may_look(self, claim: Claim) -> bool:
        """AIQ's budget is for tills: the longer nothing is found, the seldomer it is asked."""
        mine, now = _attempt(claim), self.clock.monotonic()
        self._looked_since.setdefault(mine, now)
        at, pause = self._next_look.get(mine, (now, FIRST_PAUSE))
        if now < at:
            return False
        self._next_look[mine] = (now + pause, min(pause * 2, LONGEST_PAUSE))
        return True

    def _is_due_soon(self, claim: Claim) -> bool:
        """Whether a claim of which nothing was learnt is worth the next tick; else the worker's recheck comes to it."""
        at, _ = self._next_look.get(_attempt(claim), (0.0, 0.0))
        return at - self.clock.monotonic() <= SOON

    def _finish(self, move: Move, claim: Claim, view: View, policy: Policy) -> Claim:
        ends = {Move.RELEASE: End.RELEASED, Move.SETTLE: End.SETTLED, Move.OWE: End.OWED, Move.SUSPECT: End.SUSPECT}
        end = ends[move]
        reason = _end_reason(end, claim, view, policy)
        after = mark_end(claim, end, reason, view.applied)
        if end is End.OWED and policy.owed == "absorb":
            after = replace(after, resolved="absorbed by the store (owed = absorb)")
            self.ledger.add_report(claim.receipt_no, f"absorbed by the store: {reason}", self.clock.now())
        after = self.teller.save(claim, after, move)
        if after.needs_person:
            self.teller.sender.tell_person(claim, end, reason)
        return after


def _attempt(claim: Claim) -> tuple[str, int]:
    return claim.key, claim.attempt


def _has_strays(snapshot: Snapshot, claims: tuple[Claim, ...]) -> bool:
    """Whether the sale has offers or coupons without a claim or a row: only then is more than its wallet asked."""
    if snapshot.posted is not None:
        known = {c.offer_no for c in claims if c.end is not End.RELEASED} | {g.offer_no for g in snapshot.grants}
        return any(d.offer_no not in known for d in snapshot.posted.discounts)
    codes = {c.coupon_code for c in claims} | {g.coupon_code for g in snapshot.grants}
    return snapshot.journal is not None and bool(snapshot.journal.coupon_codes - codes)


def _end_reason(end: End, claim: Claim, view: View, policy: Policy) -> str:
    if end is End.OWED:
        return f"posted with {view.applied or ZERO:.2f} off, AIQ refused the points: {claim.reason}"
    if end is not End.SUSPECT:
        return claim.reason
    if view.disagrees:
        return view.disagrees
    if claim.points is Points.SENT:
        went = "came back" if claim.refunding else "were taken"
        return f"AIQ's answer never came; look in AIQ whether the points {went}"
    if claim.doubtful:
        return "this ledger was restored or took over, so it cannot tell; check in AIQ whether the points were taken"
    if claim.points is Points.YES:
        return f"{claim.points_cost} points are to be given back by hand (refund = {policy.refund})"
    return "the sale has vanished from NAV" if not view.readable else claim.reason
