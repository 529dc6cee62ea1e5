"""Opening claims: for what the cashier picked, and for lines that nobody picked (design.md 6). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from navplugin.claims import SAFETY
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
    within_company,
)
from navplugin.core.money import ZERO


@dataclass(frozen=True, slots=True)
class Opening:
    """A claim to be opened for a pick or an orphan line; `orphan` is opened even when the balance is too small.

    foreign: NAV's row bears the key of a claim that this ledger does not have.
    """

    claim: Claim
    orphan: bool = False
    foreign: bool = False


def openings(
    snapshot: Snapshot, claims: Iterable[Claim], orphans: Iterable[Grant] = (), rules: frozenset[str] = SAFETY, *,
    doubtful: bool = False, may_look: bool = True,
) -> tuple[Opening, ...]:  # fmt: skip
    """Claims to open: one for each pick, on posted sales one for each line of a mapped offer without a claim, and one
    for each row that had a claim which this ledger does not know.

    claims: all claims of this receipt and sale GUID. orphans: what `orphan_grants` found. doubtful: this ledger took
    the company over when the sale was there already. may_look: whether AIQ can be asked what became of the points.
    """
    claims = tuple(claims)
    last, keys = latest_by_code(claims), {c.key for c in claims} | {within_company(c.key) for c in claims}

    def opening(grant: Grant, before: Claim | None, *, orphan: bool = False) -> Opening:
        foreign = "doubt" in rules and _is_foreign(grant, keys)
        claim = claim_for(snapshot, grant, before)
        return Opening(_as_in_nav(claim, grant.redemption_id) if foreign else claim, orphan, foreign)

    out = []
    if snapshot.sale.state.is_open and snapshot.journal is not None:
        for grant in snapshot.picks:
            before = last.get(grant.coupon_code)
            if before is None or (before.end is End.RELEASED and not before.told):
                out.append(opening(grant, before))
    if "orphan" in rules:
        for grant in orphans:
            before = last.get(grant.coupon_code)
            if before is None or before.end is End.RELEASED:
                out.append(opening(grant, before, orphan=True))
    opened = {one.claim.coupon_code for one in out}
    for grant in snapshot.grants if "doubt" in rules else ():
        # Its points may be taken, and nobody else would give them back. Where nobody can look, NAV must say so.
        foreign = _is_foreign(grant, keys)
        unknown = foreign or (doubtful and grant.picked_at is not None and not last.get(grant.coupon_code))
        if unknown and grant.coupon_code not in opened and (may_look or grant.points == "Taken"):
            out.append(opening(grant, last.get(grant.coupon_code), orphan=True))
    return tuple(out)


def _is_foreign(grant: Grant, keys: set[str]) -> bool:
    """Whether NAV's row names a claim that this ledger does not have. keys: as `within_company` gives them."""
    key = grant.redemption_id.strip()
    return bool(key) and key not in keys and within_company(key) not in keys


def agrees_with_nav(claim: Claim, points: str) -> bool:
    """Whether the ledger knows at least what NAV's row says: points Taken or Given Back. NAV may be behind."""
    if points == "Taken":
        return claim.points is not Points.NO or bool(claim.given_back)
    return points != "Given Back" or bool(claim.given_back)


def _as_in_nav(claim: Claim, key: str) -> Claim:
    """The claim under the generation that NAV's row names, so that both sides speak of the same one."""
    generation = key.rpartition("/")[2]
    mine = within_company(claim.key).rpartition("/")[0]
    known = generation.isdecimal() and len(generation) < 6 and within_company(key).rpartition("/")[0] == mine
    return replace(claim, generation=max(claim.generation, int(generation))) if known else claim


def typed_lines(snapshot: Snapshot, claims: Iterable[Claim], mapped: Iterable[str]) -> tuple[str, ...]:
    """Coupon codes on an open sale that AIQ's discounts bear and nobody picked: typed by hand, or picked for another
    member. Their lines are to be removed. mapped: codes of which it is known that AIQ's discounts bear them."""
    if snapshot.journal is None or not snapshot.sale.state.is_open:
        return ()
    known = {g.coupon_code for g in snapshot.grants} | set(mapped)
    picked = {g.coupon_code for g in snapshot.picks}
    under_way = {c.coupon_code for c in claims if c.end is not End.RELEASED}
    return tuple(sorted(snapshot.journal.coupon_codes & known - picked - under_way))


def orphan_grants(
    snapshot: Snapshot, offers: Iterable[Offer], discounts: Iterable[WalletDiscount]
) -> tuple[Grant, ...]:
    """The grants behind posted lines of mapped offers: the row where there is one, else made from offer and discount.

    A mapped offer is one whose coupon code an AIQ discount bears, or for which this sale has a row.
    """
    posted = snapshot.posted
    if posted is None or posted.voided or posted.is_return or snapshot.sale.state is not SaleState.POSTED:
        return ()
    applied = applied_by_offer(snapshot)
    rows = {g.coupon_code: g for g in snapshot.grants}
    known = {d.coupon_code: d for d in discounts}
    out = []
    for offer in offers:
        code = offer.coupon_code
        if not code or applied.get(offer.offer_no, ZERO) <= ZERO or (code not in rows and code not in known):
            continue
        row = rows.get(code)
        if row is not None and row.offer_no == offer.offer_no:
            out.append(row)
        elif code in known:
            out.append(_made_grant(snapshot, offer, known[code], applied[offer.offer_no]))
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
        staff_id=grant.picked_by or sale.staff_id,
        pos_terminal_no=sale.pos_terminal_no,
    )


def applied_by_offer(snapshot: Snapshot) -> dict[str, Decimal]:
    """Posted discount for each offer number, positive on a sale."""
    out: dict[str, Decimal] = {}
    for discount in snapshot.posted.discounts if snapshot.posted else ():
        out[discount.offer_no] = out.get(discount.offer_no, ZERO) + discount.amount
    return out


def may_hold(
    balance: Decimal | None, others: Iterable[Claim], claim: Claim, position: int | None = None
) -> str:
    """'' when the balance less all holds covers the claim's cost, else the sentence for the cashier.

    others: the member's claims over all tills and stores of the ledger. position: the ledger's when the balance was
    read; what was taken after that is missing in it too. With points hidden (balance None): one active claim for each
    member, and one for each single-use discount.
    """
    mine = [c for c in others if c.member_card_no == claim.member_card_no and c.key != claim.key]
    active = [c for c in mine if c.holds_points]
    later = taken_since(mine, position)
    if balance is None and active:
        return "Another wallet discount of this member is under way."
    if balance is not None and balance - sum((c.points_cost for c in (*active, *later)), ZERO) < claim.points_cost:
        return "Not enough points: another sale holds them."
    if not claim.reusable and any(c.discount_id == claim.discount_id for c in (*active, *later)):
        return "This discount is in use on another sale."
    return ""


def taken_since(claims: Iterable[Claim], position: int | None) -> list[Claim]:
    """Claims whose points the ledger noted as taken after this position."""
    return [c for c in claims if position is not None and c.points is Points.YES and c.taken_position > position]
