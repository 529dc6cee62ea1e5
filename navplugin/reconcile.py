"""Wanted rows minus staged rows, by key: what is missing becomes effects. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from navplugin.core.model import Claim, Effect, End, Grant, GrantStatus, Op, Points, Row, Snapshot, StagedRow, Want
from navplugin.openings import latest_by_code

GRANTS = "AIQ_POSTotalDiscountOfferLines"
SALE = "AIQ_Sale"


def reconcile_rows(wants: Iterable[Want], rows: Iterable[StagedRow], done_once: frozenset[str]) -> tuple[Effect, ...]:
    """Insert what is absent, update what differs. A want whose once-key is in `done_once` is not inserted again."""
    there = {(r.page, r.key): r for r in rows}
    effects = []
    for want in wants:
        row = there.get((want.page, want.key))
        if row is None:
            if want.page != SALE and not (want.once_key and want.once_key in done_once):
                fields = {**want.initial, **want.fields}
                effects.append(Effect(Op.INSERT, want.page, want.key, fields, once_key=want.once_key))
            continue
        changed = differing(want.fields, row.fields)
        if changed:
            # What is written on insert only is renewed together with a change (a time stamp, for instance),
            # but never what the POS session moves on.
            effects.append(Effect(Op.UPDATE, want.page, want.key, changed, row.etag))
    return tuple(effects)


def differing(wanted: Row, there: Row) -> dict[str, Any]:
    """The wanted fields whose value is another in NAV; blank text, None and a missing field are equal."""
    return {name: value for name, value in wanted.items() if _plain(there.get(name)) != _plain(value)}


def _plain(value: Any) -> Any:
    return None if value in ("", " ") else value


def reconcile_grants(
    snapshot: Snapshot, wants: Iterable[Want], claims: Iterable[Claim], *, wallet_known: bool
) -> tuple[Effect, ...]:
    """The grants of one sale. The POS session owns a row from pick to reversal; the plugin owns it otherwise.

    wallet_known: AIQ answered; without an answer nothing is taken away from the same member.
    """
    by_code = {w.key[1]: w for w in wants if w.page == GRANTS}
    grants = {g.coupon_code: g for g in snapshot.grants}
    last = latest_by_code(claims)
    effects = []
    for code, want in by_code.items():
        grant = grants.get(code)
        if grant is None:
            effects.append(Effect(Op.INSERT, GRANTS, want.key, {**want.initial, **want.fields}))
        elif effect := _keep_up(snapshot, grant, want, last.get(code)):
            effects.append(effect)
    for code, grant in grants.items():
        if code in by_code:
            continue
        stale = grant.member_ref != snapshot.sale.member_card_no
        gone = not snapshot.sale.state.is_open or wallet_known or stale
        if grant.status is GrantStatus.GRANTED and gone and _settled(snapshot):
            effects.append(Effect(Op.DELETE, GRANTS, (grant.receipt_no, code), etag=grant.etag))
        elif effect := _keep_up(snapshot, grant, None, last.get(code)):
            effects.append(effect)
    return tuple(effects)


def _settled(snapshot: Snapshot) -> bool:
    # A suspended sale keeps its grants: it may be retrieved on any terminal (design.md 7.1 row 20).
    return snapshot.sale.state != "SUSPENDED"


def _keep_up(snapshot: Snapshot, grant: Grant, want: Want | None, claim: Claim | None) -> Effect | None:
    """The update that one row needs: amounts while it is only granted, the claim's figures once it is picked."""
    key = (grant.receipt_no, grant.coupon_code)
    row = next((r for r in snapshot.rows if r.page == GRANTS and r.key == key), None)
    if row is None:
        return None
    fields: dict[str, Any] = {}
    if want is not None and grant.status is GrantStatus.GRANTED:
        fields = differing({**want.fields, "Points": "", "Redemption_ID": "", "Reason": ""}, row.fields)
    elif want is not None and _may_be_granted_again(snapshot, grant, claim):
        fresh = {**want.initial, **want.fields, "Points": "", "Redemption_ID": "", "Reason": ""}
        fields = differing(fresh, row.fields)
    elif claim is not None and claim.doubtful:
        return None  # what NAV's row says of the points is evidence until the claim has been looked up
    elif claim is not None and grant.status is not GrantStatus.GRANTED and grant.member_ref == claim.member_card_no:
        fields = differing(claim_fields(claim), row.fields)
    return Effect(Op.UPDATE, GRANTS, key, fields, grant.etag) if fields else None


def _may_be_granted_again(snapshot: Snapshot, grant: Grant, claim: Claim | None) -> bool:
    """The line has left and the claim, if there was one, was released without AIQ having refused it."""
    if snapshot.journal is None or grant.coupon_code in snapshot.journal.coupon_codes:
        return False
    ended = claim is None or (claim.end is End.RELEASED and not claim.told)
    return ended and grant.status in (GrantStatus.REVERSED, GrantStatus.REFUSED)


def claim_fields(claim: Claim) -> Mapping[str, Any]:
    """What the POS session may see of a claim: its key, and whether the points are taken."""
    taken = {Points.YES: "Taken", Points.REFUSED: "Refused"}.get(claim.points, "")
    if claim.points is Points.NO and claim.given_back:
        taken = "Given Back"
    return {"Redemption_ID": claim.key, "Points": "Refused" if claim.told else taken}


def withdraw(snapshot: Snapshot, grant: Grant | None, coupon_code: str, reason: str) -> Effect | None:
    """Remove the line: set the row to Withdrawn with the reason, or write one where there is none."""
    key = (snapshot.sale.receipt_no, coupon_code)
    fields = {"Status": str(GrantStatus.WITHDRAWN), "Reason": reason[:100]}
    if grant is None:
        return Effect(Op.INSERT, GRANTS, key, {**fields, "Member_Ref": snapshot.sale.member_card_no})
    if grant.status in (GrantStatus.WITHDRAWN, GrantStatus.REVERSED):
        return None
    return Effect(Op.UPDATE, GRANTS, key, fields, grant.etag)
