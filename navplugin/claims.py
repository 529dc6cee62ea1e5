"""The money machine (design.md 6): from a claim and what the snapshot shows, the next move. Pure.

A claim has P (points: no, sent, yes, refused) in the ledger and L (our line on the sale) as seen in the snapshot,
never remembered. `next_move` is one table; the worker carries out the move, writes its outcome in the ledger and asks
again. Nothing else in navplugin moves points or a discount.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from navplugin.core.model import Claim, End, Grant, Points, SaleState, Wallet, within_company
from navplugin.core.money import ZERO
from navplugin.core.ports import Lookup


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
    BELIEVE_NAV = "believe NAV's row"
    REDEEM = "redeem"
    REFUND = "refund"
    COLLECT = "collect"
    RELEASE = "release"
    SETTLE = "settle"
    OWE = "owe"
    TELL = "tell the cashier"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class Policy:
    """The store's and the programme's settings that decide moves (design.md 2, decisions 4 to 6).

    redeem_at: posted, total, select. lookup: blind, probe, keyed. refund: manual, adjust, endpoint.
    grace: longer than a call may be under way: from its record to its last effect. unknown_max: how long signs of what
    became of a call are looked for before a person must.
    full_return, part_return: give, leave. owed (posted, AIQ refused): absorb, adjust (take the points all the same, by
    an adjustment), person.
    """

    redeem_at: str = "posted"
    lookup: str = "blind"
    refund: str = "manual"
    grace: timedelta = timedelta(seconds=60)
    unknown_max: timedelta = timedelta(hours=1)
    suspend_max: timedelta = timedelta(hours=12)
    vanish_max: timedelta = timedelta(hours=1)
    full_return: str = "give"
    part_return: str = "leave"
    owed: str = "person"


SAFETY = frozenset({
    "hold", "fresh-balance", "orphan", "typed-line", "early-sent", "grace", "line-before-refund", "agree",
    "refused-once", "vanished", "adjust-once", "count-redemptions", "look-first", "unwind", "minimum", "line-seen",
    "second-sign", "positive-refund", "doubt", "person", "cost", "ask-again", "send-by", "record",
})  # fmt: skip
"""Safety rules that tests switch off one by one; production always runs with all of them."""


MAY_MOVE = (End.OPEN, End.SETTLED, End.OWED)
"""Ends that a void or a return of the sale may still move, and OPEN."""


@dataclass(frozen=True, slots=True)
class View:
    """What the snapshot shows of one receipt and coupon code.

    readable: the state could be read, with its journal or posted sale. line: our coupon line is on the open sale, or
    the offer's discount is on the posted one. disagrees: why a posted line is not what was promised, '' when it is.
    withheld: why the pick may not stand on an open sale, '' when it may. returned: '', part or full.
    since: when the sale was suspended, or when NAV first failed to show it.
    """

    state: SaleState
    readable: bool
    line: bool
    pick: bool
    grant: Grant | None = None
    withheld: str = ""
    disagrees: str = ""
    applied: Decimal | None = None
    returned: str = ""
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
        if not view.line or is_given_back(view.returned, policy):
            return Goal.GIVE
        return Goal.ASK if view.disagrees and "agree" in rules else Goal.TAKE
    if not view.pick or view.withheld or ("line-seen" in rules and removed_by_cashier(claim, view)):
        return Goal.GIVE
    if claim.told and "refused-once" in rules:
        return Goal.GIVE
    if policy.redeem_at == "select":
        return Goal.TAKE
    if policy.redeem_at == "total" and (view.state is SaleState.PAYMENT or claim.points is Points.YES):
        return Goal.TAKE
    return Goal.KEEP


def is_given_back(returned: str, policy: Policy) -> bool:
    """Whether a return of this extent gives the points back. returned: '', part or full."""
    return (returned, "give") in (("full", policy.full_return), ("part", policy.part_return))


def next_move(
    claim: Claim, view: View, policy: Policy, now: datetime, rules: frozenset[str] = SAFETY, *, waited: float = 0.0,
    looked: float = 0.0,
) -> Move:  # fmt: skip
    """The first row of design.md 6 that fits.

    waited, looked: seconds, by a clock of this process that never steps, since it first knew of the call that is
    `sent`, and since it first looked for signs of it.
    What has ended moves only when the sale is voided or returned: SETTLED gives its points back, OWED owes no more.
    """
    goal = goal_of(claim, view, policy, now, rules)
    if claim.end not in MAY_MOVE or (claim.end is not End.OPEN and goal is not Goal.GIVE):
        return _recheck(claim, view, goal, policy, looked) if claim.doubtful else Move.NOTHING
    if goal is Goal.GIVE and claim.points is Points.YES and "unwind" not in rules:
        return Move.NOTHING
    if goal in (Goal.KEEP, Goal.TAKE) and claim.given_back and claim.points is Points.NO:
        return Move.RELEASE  # what was given back is over: a pick that stands gets a claim, and a key, of its own
    if goal is Goal.WAIT:  # 1
        vanished = not view.readable and view.since is not None and now - view.since > policy.vanish_max
        return Move.SUSPECT if vanished and view.state is not SaleState.SUSPENDED else Move.NOTHING
    if goal is Goal.GIVE and view.is_open and view.line and "line-before-refund" in rules:  # 2
        return Move.REMOVE_LINE
    in_time = looked <= policy.unknown_max.total_seconds()
    if goal is Goal.KEEP and claim.doubtful and _can_look(claim, policy) and in_time:
        return Move.LOOK  # while the cashier can still be told
    if goal is Goal.KEEP:  # 3
        return Move.NOTHING if view.line else Move.PUT_LINE
    if goal is Goal.ASK and claim.points is not Points.SENT:  # 4
        return Move.SUSPECT
    if goal is Goal.TAKE and policy.redeem_at != "select" and view.is_open and not view.line:  # 5
        return Move.PUT_LINE
    if claim.points is Points.SENT or (claim.doubtful and "doubt" in rules):  # 6
        return _find_out(claim, view, goal, policy, rules, waited=waited, looked=looked)
    if goal is Goal.GIVE:  # 7
        return _give(claim, policy)
    return _take(claim, view, policy)


def _find_out(
    claim: Claim, view: View, goal: Goal, policy: Policy, rules: frozenset[str], *, waited: float, looked: float
) -> Move:
    sent = claim.points is Points.SENT
    if not sent:
        return _resolve_doubt(claim, view, goal, policy, looked)
    if policy.lookup == "keyed" and goal is Goal.TAKE and not claim.refunding:
        return Move.REDEEM
    if "look-first" not in rules:
        return Move.REDEEM
    if not _can_look(claim, policy) and "adjust-once" in rules:
        # The answer may still come to whoever sent the call, also to a worker that was followed.
        return Move.SUSPECT if waited >= policy.grace.total_seconds() else Move.NOTHING
    return Move.SUSPECT if looked > policy.unknown_max.total_seconds() else Move.LOOK


def _resolve_doubt(claim: Claim, view: View, goal: Goal, policy: Policy, looked: float) -> Move:
    """That points went back NAV's row knows for good. Else AIQ's listing; where it cannot tell, that they were taken is
    believed where they should be."""
    said = said_by_nav(claim, view.grant)
    if said is Points.NO:
        return Move.BELIEVE_NAV
    if _can_look(claim, policy) and looked <= policy.unknown_max.total_seconds():
        return Move.LOOK
    return Move.BELIEVE_NAV if said is Points.YES and goal is Goal.TAKE else Move.SUSPECT


def _recheck(claim: Claim, view: View, goal: Goal, policy: Policy, looked: float) -> Move:
    """A settled sale in a ledger that was put back: its points may have gone back since, and been owed again."""
    if claim.end is not End.SETTLED or goal is not Goal.TAKE:
        return Move.NOTHING
    move = _resolve_doubt(claim, view, goal, policy, looked)
    confirms = move is Move.BELIEVE_NAV and said_by_nav(claim, view.grant) is Points.YES
    return Move.NOTHING if confirms or move is Move.SUSPECT else move


def _can_look(claim: Claim, policy: Policy) -> bool:
    """AIQ lists redemptions, not adjustments: whether one of those arrived cannot be looked up. Nor what a redemption
    that is listed means to a ledger that may not know of the adjustment after it."""
    gives_by_adjustment = policy.refund == "adjust" or bool(claim.collect)
    by_adjustment = claim.collect == "sent" or (claim.refunding and gives_by_adjustment)
    if claim.doubtful:
        by_adjustment = gives_by_adjustment
    return policy.lookup != "blind" and not by_adjustment


def said_by_nav(claim: Claim, grant: Grant | None) -> Points | None:
    """What the row in NAV says of a doubtful claim's points, where it has the claim's key: yes, no, or None."""
    if grant is None or within_company(grant.redemption_id) != within_company(claim.key):
        return None
    return {"Taken": Points.YES, "Given Back": Points.NO}.get(grant.points)


def _give(claim: Claim, policy: Policy) -> Move:
    if claim.points is not Points.YES or claim.points_cost == ZERO:
        return Move.RELEASE
    return Move.SUSPECT if policy.refund == "manual" or policy.lookup == "blind" else Move.REFUND


def _take(claim: Claim, view: View, policy: Policy) -> Move:
    if claim.points is Points.NO:  # 8
        return Move.REDEEM
    if claim.points is Points.REFUSED:  # 9
        if view.state is not SaleState.POSTED:
            return Move.TELL
        may_collect = policy.owed == "adjust" and not claim.collect and claim.points_cost > ZERO
        return Move.COLLECT if may_collect else Move.OWE
    if view.state is SaleState.POSTED:  # 10
        return Move.SETTLE
    return Move.NOTHING if view.line else Move.PUT_LINE


# ---- outcomes: the ledger row after a move ---------------------------------------------------------------------


TAKING_MOVES = ("sent", "collection sent")
"""The steps in a claim's journal after which AIQ may have taken points."""


def mark_sent(
    claim: Claim, now: datetime, *, refunding: bool = False, collect: str = "", wallet: Wallet | None = None,
    points_cost: Decimal | None = None,
) -> Claim:  # fmt: skip
    """Written before the call: from here on the outcome is unknown until an answer is written.

    wallet: the member's, as last read: its balance is the measure of a later look-up, its person is pinned where none
    is yet. points_cost: what AIQ asks now. What was settled is open again while its points go back.
    """
    return replace(
        claim,
        points=Points.SENT,
        end=End.OPEN,
        sent_at=now,
        attempt=claim.attempt + 1,
        refunding=refunding,
        collect=collect or claim.collect,
        balance_before=wallet.points if wallet else None,
        balance_position=wallet.position if wallet else 0,
        contact_id=claim.contact_id or (wallet.contact_id if wallet else ""),
        points_cost=claim.points_cost if points_cost is None else points_cost,
    )


def mark_taken(claim: Claim, now: datetime, redemption_id: str = "", reason: str = "") -> Claim:
    """The points are taken: AIQ said so, or lists the redemption."""
    after = mark_answer(claim, Points.YES, redemption_id or claim.redemption_id, reason)
    collected = "done" if claim.collect == "sent" else claim.collect
    return replace(after, taken_at=claim.taken_at or now, collect=collected, given_back="")


def mark_given_back(claim: Claim, how: str) -> Claim:
    """The points are back with the member. how: endpoint, adjust, hand."""
    return replace(mark_answer(claim, Points.NO, claim.redemption_id), given_back=how)


def mark_answer(claim: Claim, points: Points, redemption_id: str = "", reason: str = "") -> Claim:
    """Another answer came: refused, no (a definite "nothing was taken"), or yes (a refund was not made)."""
    return replace(
        claim, points=points, sent_at=None, refunding=False, doubtful=False, redemption_id=redemption_id,
        reason=reason[:250],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known when a look-up is judged.

    seen: AIQ's listing. other_live, other_refunded: how many of the redemptions there belong to other claims of the
    ledger, because receipt number and discount are all that AIQ keeps. balance: what AIQ shows now, None where it shows
    none or its figures cannot be compared. spent: what the ledger knows the member's other claims to have taken since
    the balance before the call. grown: the listing shows receipts that it did not at the first look for this call.
    past: longer ago than a call can be under way.
    """

    seen: Lookup
    other_live: int = 0
    other_refunded: int = 0
    balance: Decimal | None = None
    spent: Decimal = ZERO
    grown: bool = False
    past: bool = True


def after_look(claim: Claim, signs: Signs, now: datetime, rules: frozenset[str] = SAFETY) -> Claim | None:
    """The row after a look-up; None = nothing is proved yet, wait and look again (move 6).

    A positive sign proves: a redemption that is listed, a refund that is listed or seen in the balance. That nothing
    is listed proves nothing by itself: a second sign must agree.
    """
    counted = "count-redemptions" in rules
    live = signs.seen.live[signs.other_live if counted else 0 :]
    if len(live) > 1 and counted:
        text = f"AIQ lists {len(live)} redemptions for one discount; give back what is too many"
        return mark_end(claim, End.SUSPECT, text)
    if not live and signs.seen.foreign and "person" in rules:
        return None  # another company's receipt with this number, or charged to the wrong person: no proof of either
    if claim.refunding or (claim.doubtful and claim.points is Points.YES):
        return _after_refund(claim, signs, bool(live), now, rules=rules)
    if live:
        found = live[-1]
        cost = claim.points_cost if found.points is None else found.points
        return mark_taken(replace(claim, points_cost=cost), now, found.redemption_id)
    return mark_answer(claim, Points.NO) if signs.past and _second_sign(claim, signs, rules) else None


def _after_refund(
    claim: Claim, signs: Signs, live: bool, now: datetime, *, rules: frozenset[str]
) -> Claim | None:
    back = len(signs.seen.refunded) > signs.other_refunded
    if claim.balance_before is not None and signs.balance is not None and not live:
        back = back or signs.balance + signs.spent >= claim.balance_before + claim.points_cost
    if (back and not live) or (not live and "positive-refund" not in rules):
        return replace(mark_given_back(claim, "endpoint"), end=End.OPEN)
    # One that may still be under way is not sent again.
    return mark_taken(claim, now) if live and (signs.past or not claim.refunding) else None


def _second_sign(claim: Claim, signs: Signs, rules: frozenset[str]) -> bool:
    """Whether anything but an empty place in the listing says that nothing was taken: the balance has not fallen, or
    the listing has grown since it was first looked at for this call, so that it would show ours by now. A balance that
    has fallen contradicts, whatever the listing shows. For what a lost ledger did, long ago, any listing will do."""
    if "second-sign" not in rules:
        return True
    if claim.balance_before is not None and signs.balance is not None:
        return signs.balance + signs.spent >= claim.balance_before
    return signs.seen.shows_references if claim.doubtful else signs.grown


def believe_nav(claim: Claim, grant: Grant | None, how: str, now: datetime) -> Claim:
    """A doubtful claim after its row in NAV, where a worker wrote what it knew. how: the refund strategy."""
    if said_by_nav(claim, grant) is Points.YES:
        return mark_taken(claim, now)
    return replace(mark_given_back(claim, how if how != "manual" else "hand"), end=End.OPEN)


def mark_end(claim: Claim, end: End, reason: str = "", applied: Decimal | None = None) -> Claim:
    """The claim is over: SETTLED, RELEASED, OWED or SUSPECT, with the reason for a person."""
    return replace(claim, end=end, reason=reason[:250], applied=applied if applied is not None else claim.applied)


def mark_told(claim: Claim) -> Claim:
    """Move 9 on an open sale: the cashier is told once, P becomes no, and the goal becomes give."""
    return replace(claim, points=Points.NO, told=True)
