"""The money machine (design.md 6): from a claim and what the snapshot shows, the next move. Pure.

A claim has P (points: no, sent, yes, refused) in the ledger and L (our line on the sale) as seen in the snapshot,
never remembered. `next_move` is one table; the worker carries out the move, writes its outcome in the ledger and asks
again. Nothing else in navplugin moves points or a discount.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from navplugin.core.model import (
    Claim,
    End,
    Grant,
    GrantStatus,
    Offer,
    Points,
    SaleState,
    Snapshot,
    WalletDiscount,
)
from navplugin.core.money import ZERO


class Goal(StrEnum):
    """What the sale calls for."""

    WAIT = "wait"
    GIVE = "give"
    KEEP = "keep"
    ASK = "ask"
    TAKE = "take"


class Move(StrEnum):
    """What is done next. Every move is safe to decide again after a restart."""

    NOTHING = "nothing"
    PUT_LINE = "put the line"
    REMOVE_LINE = "remove the line"
    LOOK = "look"
    REDEEM = "redeem"
    REFUND = "refund"
    RELEASE = "release"
    SETTLE = "settle"
    OWE = "owe"
    TELL = "tell the cashier"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class Policy:
    """The store's and the programme's settings that decide moves (design.md 2, decisions 4 to 6).

    redeem_at: posted, total, select. lookup: blind, probe. refund: manual, adjust, endpoint.
    grace: longer than the longest call can still take effect after we gave up.
    """

    redeem_at: str = "posted"
    lookup: str = "blind"
    refund: str = "manual"
    grace: timedelta = timedelta(seconds=60)
    suspend_max: timedelta = timedelta(hours=12)
    vanish_max: timedelta = timedelta(hours=1)
    full_return: str = "give"


SAFETY = frozenset({"hold", "orphan", "early-sent", "grace", "line-before-refund", "agree", "refused-once"})
"""Safety rules that tests switch off one by one; production always runs with all of them."""


@dataclass(frozen=True, slots=True)
class View:
    """What the snapshot shows of one receipt and coupon code.

    readable: the state could be read, with its journal or posted sale. line: our coupon line is on the open sale, or
    the offer's discount is on the posted one. disagrees: why a posted line is not what was promised, '' when it is.
    withheld: why the pick may not stand on an open sale, '' when it may.
    """

    state: SaleState
    readable: bool
    line: bool
    pick: bool
    grant: Grant | None = None
    withheld: str = ""
    disagrees: str = ""
    applied: Decimal | None = None
    returned_in_full: bool = False
    since: datetime | None = None

    @property
    def is_open(self) -> bool:
        """SALES or PAYMENT, and readable."""
        return self.readable and self.state.is_open


def removed_by_cashier(claim: Claim, view: View) -> bool:
    """A line that was seen and is gone while the pick stands was removed by the cashier."""
    return claim.line_seen and not view.line and view.is_open


def goal_of(claim: Claim, view: View, policy: Policy, now: datetime, rules: frozenset[str] = SAFETY) -> Goal:
    """The goal table of design.md 6."""
    if view.state is SaleState.SUSPENDED:
        expired = view.since is not None and now - view.since > policy.suspend_max
        return Goal.GIVE if expired else Goal.WAIT
    if view.state is SaleState.VOIDED:
        return Goal.GIVE
    if not view.readable:
        return Goal.WAIT
    if view.state is SaleState.POSTED:
        if not view.line or (view.returned_in_full and policy.full_return == "give"):
            return Goal.GIVE
        return Goal.ASK if view.disagrees and "agree" in rules else Goal.TAKE
    if not view.pick or view.withheld or removed_by_cashier(claim, view):
        return Goal.GIVE
    if claim.told and "refused-once" in rules:
        return Goal.GIVE
    if policy.redeem_at == "select":
        return Goal.TAKE
    if policy.redeem_at == "total" and (view.state is SaleState.PAYMENT or claim.points is Points.YES):
        return Goal.TAKE
    return Goal.KEEP


def next_move(claim: Claim, view: View, policy: Policy, now: datetime, rules: frozenset[str] = SAFETY) -> Move:
    """The first row of design.md 6 that fits. Ended claims move only when a settled sale is voided or returned."""
    goal = goal_of(claim, view, policy, now, rules)
    if claim.end is End.SETTLED and goal is not Goal.GIVE:
        return Move.NOTHING
    if claim.end not in (End.OPEN, End.SETTLED):
        return Move.NOTHING
    if goal is Goal.WAIT:  # 1
        vanished = not view.readable and view.since is not None and now - view.since > policy.vanish_max
        return Move.SUSPECT if vanished and view.state is not SaleState.SUSPENDED else Move.NOTHING
    if goal is Goal.GIVE and view.is_open and view.line and "line-before-refund" in rules:  # 2
        return Move.REMOVE_LINE
    if goal is Goal.KEEP:  # 3
        return Move.NOTHING if view.line else Move.PUT_LINE
    if goal is Goal.ASK and claim.points is not Points.SENT:  # 4
        return Move.SUSPECT
    if goal is Goal.TAKE and policy.redeem_at != "select" and view.is_open and not view.line:  # 5
        return Move.PUT_LINE
    if claim.points is Points.SENT:  # 6
        return Move.SUSPECT if policy.lookup == "blind" else Move.LOOK
    if goal is Goal.GIVE:  # 7
        return _give(claim, policy)
    return _take(claim, view)


def _give(claim: Claim, policy: Policy) -> Move:
    if claim.points is not Points.YES or claim.points_cost == ZERO:
        return Move.RELEASE
    return Move.SUSPECT if policy.refund == "manual" or policy.lookup == "blind" else Move.REFUND


def _take(claim: Claim, view: View) -> Move:
    if claim.points is Points.NO:  # 8
        return Move.REDEEM
    if claim.points is Points.REFUSED:  # 9
        return Move.OWE if view.state is SaleState.POSTED else Move.TELL
    if view.state is SaleState.POSTED:  # 10
        return Move.SETTLE
    return Move.NOTHING if view.line else Move.PUT_LINE


# ---- outcomes: the ledger row after a move ---------------------------------------------------------------------


def mark_sent(claim: Claim, policy: Policy, now: datetime, *, refunding: bool = False) -> Claim:
    """Written before the call: from here on the outcome is unknown until an answer is written."""
    return replace(claim, points=Points.SENT, not_before=now + policy.grace, refunding=refunding)


def mark_answer(claim: Claim, points: Points, redemption_id: str = "", reason: str = "") -> Claim:
    """The answer came: yes, refused, or no (a definite "nothing was taken")."""
    return replace(
        claim, points=points, not_before=None, refunding=False, redemption_id=redemption_id, reason=reason[:250]
    )


def after_look(
    claim: Claim, found: bool, redemption_id: str, now: datetime, rules: frozenset[str] = SAFETY
) -> Claim | None:
    """The row after a look-up; None = wait and look again (move 6).

    A refund that may still be under way is not sent again before `not_before` either.
    """
    past = claim.not_before is None or now >= claim.not_before or "grace" not in rules
    if found and (not claim.refunding or past):
        return mark_answer(claim, Points.YES, redemption_id)
    if not found and (past or claim.refunding):
        return mark_answer(claim, Points.NO)
    return None


def mark_end(claim: Claim, end: End, reason: str = "", applied: Decimal | None = None) -> Claim:
    """The claim is over: SETTLED, RELEASED, OWED or SUSPECT, with the reason for a person."""
    return replace(claim, end=end, reason=reason[:250], applied=applied if applied is not None else claim.applied)


def mark_told(claim: Claim) -> Claim:
    """Move 9 on an open sale: the cashier is told once, P becomes no, and the goal becomes give."""
    return replace(claim, points=Points.NO, told=True)


# ---- opening a claim -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """A claim to be opened for a pick or an orphan line; `orphan` is opened even when the balance is too small."""

    claim: Claim
    orphan: bool = False


def openings(
    snapshot: Snapshot, claims: Iterable[Claim], orphans: Iterable[Grant] = (), rules: frozenset[str] = SAFETY
) -> tuple[Opening, ...]:
    """Claims to open: one for each pick, and on posted sales one for each line of a mapped offer without a claim.

    claims: all claims of this receipt and sale GUID. orphans: what `orphan_grants` found.
    """
    last = latest_by_code(claims)
    out = []
    if snapshot.sale.state.is_open and snapshot.journal is not None:
        for grant in snapshot.picks:
            before = last.get(grant.coupon_code)
            if before is None or (before.end is End.RELEASED and not before.told):
                out.append(Opening(claim_for(snapshot, grant, before)))
    if "orphan" in rules:
        for grant in orphans:
            before = last.get(grant.coupon_code)
            if before is None or before.end is End.RELEASED:
                out.append(Opening(claim_for(snapshot, grant, before), orphan=True))
    return tuple(out)


def orphan_grants(
    snapshot: Snapshot, offers: Iterable[Offer], discounts: Iterable[WalletDiscount]
) -> tuple[Grant, ...]:
    """The grants behind posted lines of mapped offers: the row where there is one, else made from offer and wallet.

    A mapped offer is one whose coupon code an AIQ discount bears, or for which this sale has a row.
    """
    if snapshot.posted is None or snapshot.sale.state is not SaleState.POSTED or snapshot.is_return:
        return ()
    applied = applied_by_offer(snapshot)
    rows = {g.coupon_code: g for g in snapshot.grants}
    wallet = {d.coupon_code: d for d in discounts}
    out = []
    for offer in offers:
        code = offer.coupon_code
        if not code or applied.get(offer.offer_no, ZERO) <= ZERO or (code not in rows and code not in wallet):
            continue
        row = rows.get(code)
        if row is not None and row.offer_no == offer.offer_no:
            out.append(row)
        elif code in wallet:
            out.append(_made_grant(snapshot, offer, wallet[code], applied[offer.offer_no]))
    return tuple(out)


def _made_grant(snapshot: Snapshot, offer: Offer, discount: WalletDiscount, applied: Decimal) -> Grant:
    sale = snapshot.sale
    return Grant(
        receipt_no=sale.receipt_no,
        coupon_code=offer.coupon_code,
        offer_no=offer.offer_no,
        discount_ext_id=discount.discount_id,
        description=discount.name,
        value_kind="amount",
        value=applied,
        points_cost=discount.points_cost,
        min_amount=ZERO,
        min_balance=ZERO,
        blocked_text="",
        needs_pin=False,
        member_ref=sale.member_card_no,
        points="",
        redemption_id="",
        reason="",
        status=GrantStatus.APPLIED,
        picked_at=None,
        picked_by="",
        journal_line_no=0,
        applied_amount=applied,
    )


def latest_by_code(claims: Iterable[Claim]) -> dict[str, Claim]:
    """The last generation of each coupon code."""
    out: dict[str, Claim] = {}
    for claim in sorted(claims, key=lambda c: c.generation):
        out[claim.coupon_code] = claim
    return out


def claim_for(snapshot: Snapshot, grant: Grant, last: Claim | None) -> Claim:
    """A new claim from the grant that was picked. Its member is the one that the grant was made for."""
    sale = snapshot.sale
    return Claim(
        company=snapshot.company,
        store_no=sale.store_no,
        receipt_no=sale.receipt_no,
        sale_guid=sale.sale_guid,
        coupon_code=grant.coupon_code,
        generation=last.generation + 1 if last else 1,
        member_card_no=grant.member_ref,
        discount_id=grant.discount_ext_id,
        offer_no=grant.offer_no,
        points_cost=grant.points_cost,
        promised=grant.value if grant.value_kind == "amount" else ZERO,
    )


def applied_by_offer(snapshot: Snapshot) -> dict[str, Decimal]:
    """Posted discount for each offer number, positive on a sale."""
    out: dict[str, Decimal] = {}
    for discount in snapshot.posted.discounts if snapshot.posted else ():
        out[discount.offer_no] = out.get(discount.offer_no, ZERO) + discount.amount
    return out


def may_hold(cost: Decimal, balance: Decimal | None, others: Iterable[Claim], claim: Claim) -> str:
    """'' when the balance less all holds covers the cost, else the sentence for the cashier.

    others: the member's claims over all tills and stores of the ledger. With points hidden (balance None): one active
    claim for each member, and one for each single-use discount.
    """
    mine = [c for c in others if c.member_card_no == claim.member_card_no and c.key != claim.key]
    active = [c for c in mine if c.holds_points]
    if balance is None:
        if active:
            return "Another wallet discount of this member is under way."
    elif balance - sum((c.points_cost for c in active), ZERO) < cost:
        return "Not enough points: another sale holds them."
    if not claim.reusable and any(c.discount_id == claim.discount_id for c in active):
        return "This discount is in use on another sale."
    return ""
