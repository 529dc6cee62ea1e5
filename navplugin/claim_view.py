"""What a snapshot shows of one claim: the input of the money machine's table (design.md 6). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from navplugin.claims import SAFETY, View
from navplugin.core.model import Claim, Grant, GrantStatus, PostedSale, SaleState, Snapshot
from navplugin.core.money import ZERO
from navplugin.openings import applied_by_offer


@dataclass(frozen=True, slots=True)
class Minimum:
    """How a store judges minima: minimum_judged before or after, reached at-least or above, short ask/take/release."""

    minimum_judged: str = "before"
    reached: str = "at-least"
    short: str = "ask"


def view_of(
    claim: Claim,
    snapshot: Snapshot,
    forbidden: str,
    minimum: Minimum,
    *,
    returned: str = "",
    rules: frozenset[str] = SAFETY,
) -> View:
    """What this snapshot shows of this claim. forbidden: the reason of a rule or stack, '' when none.

    returned: '', part or full, as posted returns took the sale back.
    """
    sale = snapshot.sale
    state = SaleState.VOIDED if is_voided(snapshot) else sale.state
    grant = next((g for g in snapshot.grants if g.coupon_code == claim.coupon_code), None)
    own = grant is not None and grant.member_ref == claim.member_card_no
    readable = _is_readable(snapshot) and sale.sale_guid == claim.sale_guid
    view = View(
        state=state,
        readable=readable,
        line=False,
        pick=own and grant in snapshot.picks,
        grant=grant if own else None,
        returned=returned,
        since=_since(claim, snapshot, readable),
    )
    if not readable:
        return view
    if state is SaleState.POSTED:
        applied = applied_by_offer(snapshot).get(claim.offer_no, ZERO)
        why = _disagreement(claim, snapshot, view.grant, applied)
        return replace(view, line=applied > ZERO, applied=applied, disagrees=why if applied > ZERO else "")
    line = snapshot.journal is not None and claim.coupon_code in snapshot.journal.coupon_codes
    withheld = forbidden
    if view.grant and not withheld and "minimum" in rules:
        withheld = _withheld(snapshot, view.grant, minimum)
    return replace(view, line=line, withheld=withheld)


def _since(claim: Claim, snapshot: Snapshot, readable: bool) -> datetime | None:
    return snapshot.sale.event_at if snapshot.sale.state is SaleState.SUSPENDED and readable else claim.missing_since


def _is_readable(snapshot: Snapshot) -> bool:
    state = snapshot.sale.state
    if state.is_open:
        return snapshot.journal is not None
    return snapshot.posted is not None if state is SaleState.POSTED else True


def _withheld(snapshot: Snapshot, grant: Grant, minimum: Minimum) -> str:
    """Why a pick may not stand on the open sale as it is now, '' when it may."""
    if snapshot.journal is None:
        return ""
    if grant.status is GrantStatus.APPLIED:
        if grant.applied_amount <= ZERO:
            return "The discount gives nothing on this sale."
        if minimum.short == "release" and grant.value_kind == "amount" and grant.applied_amount < grant.value:
            return f"The discount gives only {grant.applied_amount:.2f} on this sale."
    items = snapshot.journal.items
    left = sum((x.amount + x.total_disc_amount for x in items), ZERO)
    earlier = snapshot.picks[: snapshot.picks.index(grant)] if grant in snapshot.picks else ()
    balance = left - sum((g.value for g in earlier if g.value_kind == "amount"), ZERO)
    before = sum((x.quantity * x.price for x in items), ZERO)
    judged = before if minimum.minimum_judged == "before" else balance
    reached = judged > grant.min_amount if minimum.reached == "above" else judged >= grant.min_amount
    if grant.min_amount > ZERO and not reached:
        return f"Needs {grant.min_amount:.2f}, the sale is at {judged:.2f}."
    if balance < grant.min_balance:
        return f"Needs {grant.min_balance:.2f}, the sale is at {balance:.2f}."
    return ""


def _disagreement(claim: Claim, snapshot: Snapshot, grant: Grant | None, applied: Decimal) -> str:
    """Why a posted line is not what was promised: member, minimum or amount (I4, I10 of reliability.md 5)."""
    posted = snapshot.posted
    if posted is None:
        return ""
    if posted.member_card_no != claim.member_card_no:
        # No card: the sentence goes to the ledger, the reports and the log.
        who = "for another member than it was picked for" if posted.member_card_no else "without the member"
        return f"posted {who}"
    if grant is None:
        return ""
    total = sum((x.amount for x in posted.lines), ZERO) + sum((d.amount for d in posted.discounts), ZERO)
    if total < grant.min_balance:
        return f"posted at {total:.2f}, the discount needs {grant.min_balance:.2f}"
    if grant.status is GrantStatus.APPLIED and applied != grant.applied_amount:
        return f"posted {applied:.2f}, [Total] gave {grant.applied_amount:.2f}"
    return ""


def is_voided(snapshot: Snapshot) -> bool:
    """Whether the sale is void: by its own row, or by its posted header alone."""
    posted = snapshot.posted
    return snapshot.sale.state is SaleState.VOIDED or (posted is not None and posted.voided)


def how_returned(sold: Snapshot, returned: Mapping[str, Decimal]) -> str:
    """'', part or full: what posted returns have taken back of a sale. returned: quantity by item number, over all
    returns. That a return belongs to a sale is read from `Refund_Receipt_No` (assumed; verify on site)."""
    if sold.posted is None or not any(returned.values()):
        return ""
    left = quantities_of(sold.posted).items()
    return "part" if any(quantity > returned.get(number, ZERO) for number, quantity in left) else "full"


def quantities_of(posted: PostedSale) -> Mapping[str, Decimal]:
    """What a posted sale sold or a posted return took back: quantity by item number, positive."""
    out: dict[str, Decimal] = {}
    for line in posted.lines:
        out[line.number] = out.get(line.number, ZERO) + abs(line.quantity)
    return out
