"""The live invariants of reliability.md 5, checked over ledger, NAV and AIQ in both directions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from navplugin.claim_view import how_returned, is_voided, quantities_of
from navplugin.claims import Policy, is_given_back
from navplugin.core.model import (
    Claim,
    End,
    Grant,
    Offer,
    Points,
    PostedSale,
    SaleState,
    Snapshot,
    within_company,
)
from navplugin.core.money import ZERO
from navplugin.core.ports import Redemption
from navplugin.openings import applied_by_offer

PATIENCE = timedelta(minutes=10)
"""What changed less than this ago may still be on its way: polls, grace and AIQ's own delays (I8)."""

ABSORBED = "absorbed"
"""How `resolved` begins where the store pays for a discount (`owed = absorb`)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant that does not hold, in a sentence that names both sides' figures."""

    invariant: str
    receipt_no: str
    coupon_code: str
    text: str


@dataclass(frozen=True, slots=True)
class Books:
    """All that is compared. journals: each claim's steps as (move, points, end), oldest first, by claim key.

    sales: what NAV shows, returns too, by receipt number. posted_alone: posted sales whose row of AIQ_Sale is gone.
    return_lines: the ledger's quantities by sold receipt, the return's own receipt and item number. contacts: AIQ's
    ids by claim key, or by member card where a claim has none of its own. mapped: coupon codes that AIQ's discounts
    bear. redemptions: None where AIQ's listing could not be read; listed_since: it may lack what is older. now: before
    the first of all this was read. not_asked: receipt numbers of redemptions that were not looked up in NAV.
    """

    claims: Sequence[Claim]
    journals: Mapping[str, Sequence[tuple[str, str, str]]]
    sales: Mapping[str, Snapshot]
    offers: Sequence[Offer]
    mapped: frozenset[str]
    redemptions: Sequence[Redemption] | None
    contacts: Mapping[str, str]
    return_lines: Mapping[str, Mapping[str, Mapping[str, Decimal]]]
    policies: Mapping[str, Policy]
    changed_at: Mapping[str, datetime]
    now: datetime
    listed_since: datetime | None = None
    posted_alone: Mapping[str, PostedSale] = field(default_factory=dict)
    not_asked: int = 0


def audit(books: Books) -> tuple[Finding, ...]:
    """Everything that does not hold, by receipt; nothing of receipts on which something has just happened."""
    returned = returned_in(books)
    found = [finding for claim in books.claims for finding in _claim(claim, books, returned)]
    found += _taken_twice(books)
    found += _listed(books)
    found += unknown_to_ledger(books)
    young = _young(books)
    return _sorted(f for f in found if f.receipt_no not in young)


def unknown_to_ledger(books: Books) -> tuple[Finding, ...]:
    """What NAV or AIQ hold and this ledger does not, by receipt: claims and points on NAV's rows, posted discounts
    without a claim, redemptions without a claim. However young it is."""
    return _sorted([*_rows(books), *_lines_without_claim(books), *_redemptions_without_claim(books)])


def absorbed(claims: Iterable[Claim]) -> tuple[Decimal, int]:
    """What stores pay by `owed = absorb`: the sum of the discounts, and over how many receipts."""
    mine = [c for c in claims if c.end is End.OWED and c.resolved.startswith(ABSORBED)]
    return sum((c.applied or ZERO for c in mine), ZERO), len({c.receipt_no for c in mine})


def returned_in(books: Books) -> Mapping[str, Mapping[str, Decimal]]:
    """Quantity by sold receipt and item number, as NAV shows the returns now; what the ledger keeps counts only for
    returns that NAV no longer shows."""
    parts: list[tuple[str, Mapping[str, Decimal]]] = []
    shown = {r for r, s in books.sales.items() if s.posted is not None or is_voided(s)}
    for snapshot in books.sales.values():
        posted = snapshot.posted
        if snapshot.sale.state is SaleState.POSTED and posted and posted.is_return and not posted.voided:
            parts.append((posted.refund_receipt_no, quantities_of(posted)))
    for sold, returns in books.return_lines.items():
        parts += [(sold, quantities) for receipt, quantities in returns.items() if receipt not in shown]
    out: dict[str, dict[str, Decimal]] = {}
    for sold, quantities in parts:
        sums = out.setdefault(sold, {})
        for number, quantity in quantities.items():
            sums[number] = sums.get(number, ZERO) + quantity
    return out


def _sorted(found: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda f: (f.receipt_no, f.coupon_code, f.invariant, f.text)))


def _young(books: Books) -> frozenset[str]:
    """Receipts on which something happened a moment ago: the sale itself, a return of it, a claim."""
    after = books.now - PATIENCE
    sold_by = {receipt: sold for sold, returns in books.return_lines.items() for receipt in returns}
    young = {c.receipt_no for c in books.claims if books.changed_at.get(c.key, books.now) >= after}
    for receipt, snapshot in books.sales.items():
        if snapshot.sale.event_at is not None and snapshot.sale.event_at >= after:
            young |= {receipt, sold_by.get(receipt, "")}
            if snapshot.posted is not None:
                young.add(snapshot.posted.refund_receipt_no)
    return frozenset(young)


# ---- the ledger's claims ---------------------------------------------------------------------------------------


def _claim(claim: Claim, books: Books, returned: Mapping[str, Mapping[str, Decimal]]) -> Iterable[Finding]:
    def finding(invariant: str, text: str) -> Finding:
        return Finding(invariant, claim.receipt_no, claim.coupon_code, text)

    steps = books.journals.get(claim.key, ())
    if not steps or steps[-1][1:] != (claim.points.value, claim.end.value):
        step = " and ".join(steps[-1][1:]) if steps else "nothing"
        yield finding("I13", f"the journal ends with {step}, the claim is {claim.points.value} and {claim.end.value}")
    yield from _sent_twice(claim, steps, books.policies.get(claim.store_no) or Policy(), finding)
    snapshot = books.sales.get(claim.receipt_no)
    if snapshot is None or snapshot.sale.sale_guid != claim.sale_guid:
        return
    if claim.end is End.OPEN and snapshot.sale.state in (SaleState.POSTED, SaleState.VOIDED):
        state = "VOIDED" if is_voided(snapshot) else "POSTED"
        since = books.changed_at.get(claim.key, books.now)
        yield finding("I8", f"the sale is {state}, and the claim is open since {since:%F %T}")
    if claim.end is End.SETTLED:
        yield from _settled(claim, snapshot, books, returned.get(claim.receipt_no, {}), finding)


def _sent_twice(
    claim: Claim, steps: Sequence[tuple[str, str, str]], policy: Policy, say: Callable[[str, str], Finding]
) -> Iterable[Finding]:
    """Calls that no listing shows: how often they went out without a definite answer that nothing came of the last."""
    by_adjustment = bool(claim.collect) or "adjust" in (claim.given_back, policy.refund)
    nothing_came = {
        "refund": {"refund not sent", "refund refused", "resolved: taken"},
        "collection": {"collection not sent", "collection refused", "resolved: not-taken"},
    }
    if not by_adjustment:
        nothing_came["refund"] |= {"found"}  # the redemption is live, so the refund call did nothing
    for what, answers in nothing_came.items():
        times = most = 0
        for move, _, _ in steps:
            times = times + 1 if move == f"{what} sent" else 0 if move in answers else times
            most = max(most, times)
        if most > 1:
            yield say("I9", f"the {what} was sent {most} times, and AIQ never said that it had not been made")


def _settled(
    claim: Claim,
    snapshot: Snapshot,
    books: Books,
    returned: Mapping[str, Decimal],
    say: Callable[[str, str], Finding],
) -> Iterable[Finding]:
    if is_voided(snapshot):
        where = "" if snapshot.sale.state is SaleState.VOIDED else " by its posted header alone"
        yield say("I3", f"the sale is voided{where}, and the points are still taken")
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
    back = how_returned(snapshot, returned)
    if is_given_back(back, books.policies.get(claim.store_no) or Policy()):
        yield say("I1", f"the sale is returned ({back}), and the points are still taken")


def _taken_twice(books: Books) -> Iterable[Finding]:
    """Several claims that each took their points for one discount of one sale."""
    taken: dict[tuple[str, str, str], list[Claim]] = {}
    for claim in books.claims:
        if claim.points is Points.YES and not claim.needs_person:
            taken.setdefault((claim.receipt_no, claim.sale_guid, claim.offer_no), []).append(claim)
    for (receipt, _, offer_no), mine in taken.items():
        if len(mine) > 1:
            points = sum((c.points_cost for c in mine), ZERO)
            text = f"{len(mine)} claims have taken {points} points for one discount of {offer_no}"
            yield Finding("I1", receipt, mine[0].coupon_code, text)


# ---- NAV's rows and lines --------------------------------------------------------------------------------------


def _rows(books: Books) -> Iterable[Finding]:
    """What the worker once wrote on NAV's grants, against the claims that the ledger has now."""
    by_key = {within_company(c.key): c for c in books.claims}
    last = {(c.receipt_no, c.sale_guid, c.coupon_code): c for c in sorted(books.claims, key=lambda c: c.generation)}
    for receipt, snapshot in books.sales.items():
        # Nothing is written to a suspended sale: its rows are as old as the suspension.
        for grant in snapshot.grants if snapshot.sale.state is not SaleState.SUSPENDED else ():
            unnamed = last.get((receipt, snapshot.sale.sale_guid, grant.coupon_code))
            claim = by_key.get(within_company(grant.redemption_id)) if grant.redemption_id else unnamed
            if grant.redemption_id and claim is None:
                text = f"NAV's row names the claim {grant.redemption_id}, this ledger does not have it"
                yield Finding("I14", receipt, grant.coupon_code, text)
            elif wrong := _wrong_points(grant, claim):
                yield Finding("I14", receipt, grant.coupon_code, wrong)


def _wrong_points(grant: Grant, claim: Claim | None) -> str:
    """Where the row says more than the ledger. What is in flight, or a person answered for, is not on the row yet."""
    if claim is not None and (claim.points is Points.SENT or claim.resolved):
        return ""
    seen = {"Taken": claim is not None and claim.points is Points.YES,
            "Given Back": claim is not None and claim.points is not Points.YES and bool(claim.given_back)}  # fmt: skip
    if seen.get(grant.points, True):
        return ""
    in_ledger = {Points.NO: "that none are taken", Points.YES: "that they are taken", Points.REFUSED: "AIQ refused"}
    ledger = "has no claim" if claim is None else f"says {in_ledger.get(claim.points, 'nothing certain')}"
    return f"NAV's row says that the points are {grant.points.lower()}, the ledger {ledger}"


def _lines_without_claim(books: Books) -> Iterable[Finding]:
    known = {(c.receipt_no, c.sale_guid, c.offer_no) for c in books.claims if c.end is not End.RELEASED}
    returned = returned_in(books)
    for receipt, snapshot in books.sales.items():
        if snapshot.sale.state is not SaleState.POSTED or snapshot.posted is None:
            continue
        if snapshot.is_return or is_voided(snapshot):
            continue
        applied = applied_by_offer(snapshot)
        back = how_returned(snapshot, returned.get(receipt, {}))
        if is_given_back(back, books.policies.get(snapshot.sale.store_no) or Policy()):
            continue
        rows = {(g.coupon_code, g.offer_no) for g in snapshot.grants}
        for offer in books.offers:
            code, amount = offer.coupon_code, applied.get(offer.offer_no, ZERO)
            mapped = code and (code in books.mapped or (code, offer.offer_no) in rows)
            if amount > ZERO and mapped and (receipt, snapshot.sale.sale_guid, offer.offer_no) not in known:
                text = f"NAV posted {amount:.2f} off by {offer.offer_no}, and no claim answers for it"
                yield Finding("I5", receipt, code, text)


# ---- AIQ's listing ---------------------------------------------------------------------------------------------


def _live(books: Books) -> Mapping[tuple[str, str], Sequence[Redemption]]:
    """Redemptions that count, by receipt number and discount."""
    live: dict[tuple[str, str], list[Redemption]] = {}
    for one in books.redemptions or ():
        if not one.refunded:
            live.setdefault((one.reference, one.discount_id), []).append(one)
    return live


def _redemptions_without_claim(books: Books) -> Iterable[Finding]:
    """A reference that no ledger and no sale of this company knows is somebody else's."""
    claims = {(c.receipt_no, c.discount_id) for c in books.claims}
    ours = {receipt for receipt, _ in claims} | books.sales.keys() | books.posted_alone.keys()
    for (reference, discount_id), found in _live(books).items():
        if reference in ours and (reference, discount_id) not in claims:
            text = f"AIQ has {len(found)} redemptions of discount {discount_id} for this receipt, the ledger none"
            yield Finding("I12", reference, "", text)


def _listed(books: Books) -> Iterable[Finding]:
    """For each receipt and discount of the ledger: what AIQ lists of it."""
    if books.redemptions is None:
        return
    claims: dict[tuple[str, str], list[Claim]] = {}
    for claim in books.claims:
        claims.setdefault((claim.receipt_no, claim.discount_id), []).append(claim)
    live, since = _live(books), books.listed_since
    for key, mine in claims.items():
        if not any(since and c.taken_at and c.taken_at < since for c in mine):
            yield from _compare(mine, live.get(key, ()), books)


def _compare(claims: Sequence[Claim], live: Sequence[Redemption], books: Books) -> Iterable[Finding]:
    """One receipt and discount: how often AIQ has taken the points, and how often the ledger says so."""
    by_hand = any(c.end is End.SUSPECT and c.needs_person and c.points is Points.YES for c in claims)
    if by_hand or any(c.points is Points.SENT for c in claims):
        return  # in flight, or a person is about to give the points back
    first = claims[0]
    expected = sum(c.points is Points.YES and c.collect != "done" for c in claims)
    # What was given back otherwise than by AIQ's own refund stays in its listing.
    elsewhere = [c for c in claims if c.given_back in ("adjust", "hand") and not c.collect]
    if not expected <= len(live) <= expected + len(elsewhere):
        text = f"the ledger has the points taken {expected} times, AIQ lists {len(live)} live redemptions"
        yield Finding("I1", first.receipt_no, first.coupon_code, text)
    contacts = {books.contacts.get(c.key) or books.contacts.get(c.member_card_no, "") for c in claims}
    costs = {c.points_cost for c in claims} - {ZERO}
    cards = ", ".join(sorted({c.member_card_no for c in claims}))
    for one in live:
        if one.contact_id and "" not in contacts and one.contact_id not in contacts:
            text = f"AIQ took the points from another person than member {cards}"
            yield Finding("I4", first.receipt_no, first.coupon_code, text)
        if one.points is not None and costs and one.points not in costs:
            said = " or ".join(str(cost) for cost in sorted(costs))
            text = f"AIQ took {one.points} points, the claim says {said}"
            yield Finding("I1", first.receipt_no, first.coupon_code, text)
