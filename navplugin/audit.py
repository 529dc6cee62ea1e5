"""The live invariants of reliability.md 5, checked over ledger, NAV and AIQ in both directions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from navplugin.claim_view import how_returned
from navplugin.claims import Policy, is_given_back
from navplugin.core.model import Claim, End, Offer, Points, SaleState, Snapshot
from navplugin.core.money import ZERO
from navplugin.core.ports import Redemption
from navplugin.openings import applied_by_offer

PATIENCE = timedelta(minutes=10)
"""How long a claim of a closed sale may stay open: polls, grace and AIQ's own delays (I8)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant that does not hold, in a sentence that names both sides' figures."""

    invariant: str
    receipt_no: str
    coupon_code: str
    text: str


@dataclass(frozen=True, slots=True)
class Books:
    """All that is compared. journals: the last step of each claim's journal as (points, end), by claim key.

    contacts: AIQ's ids by member card. returned: quantities that returns took back, by sold receipt.
    mapped: coupon codes that AIQ's discounts bear. redemptions: None where AIQ's listing could not be read.
    """

    claims: Sequence[Claim]
    journals: Mapping[str, tuple[str, str]]
    sales: Mapping[str, Snapshot]
    offers: Sequence[Offer]
    mapped: frozenset[str]
    redemptions: Sequence[Redemption] | None
    contacts: Mapping[str, str]
    returned: Mapping[str, Mapping[str, Decimal]]
    policies: Mapping[str, Policy]
    changed_at: Mapping[str, datetime]
    now: datetime


def audit(books: Books) -> tuple[Finding, ...]:
    """Everything that does not hold, by receipt."""
    found = [finding for claim in books.claims for finding in _claim(claim, books)]
    found += _lines_without_claim(books)
    found += _redemptions(books)
    return tuple(sorted(found, key=lambda f: (f.receipt_no, f.coupon_code, f.invariant)))


def _claim(claim: Claim, books: Books) -> Iterable[Finding]:
    def finding(invariant: str, text: str) -> Finding:
        return Finding(invariant, claim.receipt_no, claim.coupon_code, text)

    last = books.journals.get(claim.key)
    if last != (claim.points.value, claim.end.value):
        step = " and ".join(last) if last else "nothing"
        yield finding("I13", f"the journal ends with {step}, the claim is {claim.points.value} and {claim.end.value}")
    snapshot = books.sales.get(claim.receipt_no)
    if snapshot is None or snapshot.sale.sale_guid != claim.sale_guid:
        return
    closed = snapshot.sale.state in (SaleState.POSTED, SaleState.VOIDED)
    if claim.end is End.OPEN and closed and books.now - books.changed_at[claim.key] > PATIENCE:
        state = snapshot.sale.state.value
        yield finding("I8", f"the sale is {state}, and the claim is open since {books.changed_at[claim.key]:%F %T}")
    if claim.end is End.SETTLED:
        yield from _settled(claim, snapshot, books, finding)


def _settled(
    claim: Claim, snapshot: Snapshot, books: Books, say: Callable[[str, str], Finding]
) -> Iterable[Finding]:
    if snapshot.sale.state is SaleState.VOIDED:
        yield say("I3", "the sale is voided, and the points are still taken")
        return
    posted = snapshot.posted
    if posted is None:
        return
    applied = applied_by_offer(snapshot).get(claim.offer_no, ZERO)
    if applied <= ZERO:
        yield say("I1", f"{claim.points_cost} points are taken, and NAV posted no discount of {claim.offer_no}")
    elif claim.applied is not None and applied != claim.applied:
        yield say("I1", f"NAV has {applied:.2f} off, the ledger {claim.applied:.2f}")
    if posted.member_card_no != claim.member_card_no:
        yield say("I4", f"posted for member {posted.member_card_no or 'none'}, taken from {claim.member_card_no}")
    back = how_returned(snapshot, books.returned.get(claim.receipt_no, {}))
    if is_given_back(back, books.policies.get(claim.store_no) or Policy()):
        yield say("I1", f"the sale is returned ({back}), and the points are still taken")


def _lines_without_claim(books: Books) -> Iterable[Finding]:
    known = {(c.receipt_no, c.sale_guid, c.offer_no) for c in books.claims if c.end is not End.RELEASED}
    for receipt, snapshot in books.sales.items():
        if snapshot.sale.state is not SaleState.POSTED or snapshot.posted is None or snapshot.is_return:
            continue
        applied = applied_by_offer(snapshot)
        back = how_returned(snapshot, books.returned.get(receipt, {}))
        if is_given_back(back, books.policies.get(snapshot.sale.store_no) or Policy()):
            continue
        for offer in books.offers:
            amount = applied.get(offer.offer_no, ZERO)
            mapped = offer.coupon_code and offer.coupon_code in books.mapped
            if amount > ZERO and mapped and (receipt, snapshot.sale.sale_guid, offer.offer_no) not in known:
                text = f"NAV posted {amount:.2f} off by {offer.offer_no}, and no claim answers for it"
                yield Finding("I5", receipt, offer.coupon_code, text)


def _redemptions(books: Books) -> Iterable[Finding]:
    """AIQ's listing against the ledger, both ways. A reference that no ledger and no sale knows is somebody else's."""
    if books.redemptions is None:
        return
    claims: dict[tuple[str, str], list[Claim]] = {}
    for claim in books.claims:
        claims.setdefault((claim.receipt_no, claim.discount_id), []).append(claim)
    live: dict[tuple[str, str], list[Redemption]] = {}
    for one in books.redemptions:
        if not one.refunded:
            live.setdefault((one.reference, one.discount_id), []).append(one)
    for key, mine in claims.items():
        yield from _compare(mine, live.get(key, []), books)
    ours = {receipt for receipt, _ in claims} | books.sales.keys()
    for (reference, discount_id), found in live.items():
        if reference in ours and (reference, discount_id) not in claims:
            text = f"AIQ has {len(found)} redemptions of discount {discount_id} for this receipt, the ledger none"
            yield Finding("I12", reference, "", text)


def _compare(claims: Sequence[Claim], live: Sequence[Redemption], books: Books) -> Iterable[Finding]:
    """One receipt and discount: how often AIQ has taken the points, and how often the ledger says so."""
    if any(c.points is Points.SENT or (c.end is End.SUSPECT and not c.resolved) for c in claims):
        return  # in flight, or on a person's table already
    first = claims[0]
    expected = sum(c.points is Points.YES and c.collect != "done" for c in claims)
    # What was given back otherwise than by AIQ's own refund stays in its listing.
    elsewhere = sum(c.given_back in ("adjust", "hand") and not c.collect for c in claims)
    if not expected <= len(live) <= expected + elsewhere:
        text = f"the ledger has the points taken {expected} times, AIQ lists {len(live)} live redemptions"
        yield Finding("I1", first.receipt_no, first.coupon_code, text)
    for one in live:
        contact = books.contacts.get(first.member_card_no, "")
        if contact and one.contact_id and one.contact_id != contact:
            text = f"AIQ took the points from another person than member {first.member_card_no}"
            yield Finding("I4", first.receipt_no, first.coupon_code, text)
        if one.points is not None and first.points_cost and one.points != first.points_cost:
            text = f"AIQ took {one.points} points, the claim says {first.points_cost}"
            yield Finding("I1", first.receipt_no, first.coupon_code, text)
