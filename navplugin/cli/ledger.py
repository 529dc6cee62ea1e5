"""`navplugin ledger list|show|resolve|audit`: what the worker knows of points in flight, and what a person decides."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from navplugin.cli.ledger_audit import audit
from navplugin.cli.ledger_take_over import backup
from navplugin.cli.ledger_take_over import command as take_over
from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_table, fail, out
from navplugin.core.errors import LedgerBusy, LedgerUnusable, NavpluginError
from navplugin.core.model import Claim, End, Points
from navplugin.ledger import SqlLedger

StateOption = Annotated[Path, typer.Option("--state", help="The ledger file ([worker] state of the profile).")]
ReceiptArgument = Annotated[str, typer.Argument(help="Receipt No. as NAV shows it.")]


class Verdict(StrEnum):
    """What a person found out, or decided."""

    TAKEN = "taken"
    NOT_TAKEN = "not-taken"
    GIVEN_BACK = "given-back"
    CLOSED = "closed"


SAID = {
    Verdict.TAKEN: "AIQ shows the points as taken",
    Verdict.NOT_TAKEN: "AIQ shows no such redemption",
    Verdict.GIVEN_BACK: "the points were given back by hand",
    Verdict.CLOSED: "dealt with, nothing is left to do",
}


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Claims: which points are promised, taken, given back, owed.", no_args_is_help=True)
    group.command("list")(list_claims)
    group.command("show")(show)
    group.command("resolve")(resolve)
    group.command("audit")(audit)
    group.command("take-over")(take_over)
    group.command("backup")(backup)
    app.add_typer(group, name="ledger")


def list_claims(
    state: StateOption = Path("navplugin.db"),
    end: Annotated[str, typer.Option(help="Only claims that ended so: OPEN, SETTLED, RELEASED, OWED, SUSPECT.")] = "",
    work: Annotated[bool, typer.Option("--work", help="Only what waits for a person: OWED and SUSPECT.")] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """List claims, newest last. OWED and SUSPECT are a person's work list, until `ledger resolve`."""
    wanted = end.upper()
    if wanted and wanted not in set(End):
        fail(f"'{end}' is not an end of a claim; use one of {', '.join(End)}")
    with reading(state) as ledger:
        claims = [c for c in ledger.list_claims(wanted) if c.needs_person or not work]
    if form is Format.JSON:
        emit_json([_as_dict(c) for c in claims])
        return
    columns = ("receipt", "coupon code", "member", "points", "taken", "end", "reason")
    rows = [
        (c.receipt_no, c.coupon_code, c.member_card_no, c.points_cost, c.points.value, c.end.value,
         c.resolved or c.reason)
        for c in claims
    ]  # fmt: skip
    emit_table("Claims", columns, rows)


def show(
    receipt_no: ReceiptArgument, state: StateOption = Path("navplugin.db"), form: FormatOption = Format.TEXT
) -> None:
    """Show the evidence of one receipt: both sides' figures, every step and call with its time, what was reported."""
    with reading(state) as ledger:
        claims = [c for c in ledger.list_claims() if c.receipt_no == receipt_no]
        steps = {c.key: ledger.history(c.key) for c in claims}
        reports = ledger.reports(receipt_no)
    if form is Format.JSON:
        emit_json({"claims": [{**_as_dict(c), "steps": steps[c.key]} for c in claims], "reports": reports})
        return
    if not claims and not reports:
        fail(f"the ledger knows nothing of receipt {receipt_no}", Exit.PROBLEMS)
    for claim in claims:
        title = f"{claim.coupon_code}, generation {claim.generation}: {claim.end.value}"
        emit_table(title, ("what", "figure"), _evidence(claim))
        emit_table(
            "Steps", ("at (UTC)", "step", "points", "end", "note"),
            [(s["at"][:19], s["move"], s["points"], s["end"], s["note"]) for s in steps[claim.key]],
        )  # fmt: skip
        if claim.needs_person:
            out.print(_what_to_do(claim), markup=False)
    for report in reports:
        out.print(f"{report['at'][:19]} {report['text']}", markup=False)


def resolve(
    receipt_no: ReceiptArgument,
    coupon_code: Annotated[str, typer.Argument(help="Coupon code, as `ledger list` shows it.")],
    verdict: Annotated[Verdict, typer.Option("--points", help="What AIQ shows, or what you did by hand.")],
    note: Annotated[str, typer.Option(help="Why, in your words; kept with the claim.")] = "",
    by: Annotated[str, typer.Option(help="Who decides; the account that you are signed in with if left out.")] = "",
    state: StateOption = Path("navplugin.db"),
    form: FormatOption = Format.TEXT,
) -> None:
    """Answer for an OWED or SUSPECT claim.

    taken, not-taken: look in AIQ whether the points are gone; the worker then goes on by its rules, as if AIQ had said
    so. given-back: you gave the points back in AIQ. closed: the store bears it, or it was dealt with otherwise.
    """
    with reading(state) as ledger:
        found = [c for c in ledger.list_claims() if (c.receipt_no, c.coupon_code) == (receipt_no, coupon_code.upper())]
        waiting = [c for c in found if c.needs_person]
        if not waiting:
            ends = f"it ended {found[-1].end.value}" if found else "there is no such claim"
            fail(f"receipt {receipt_no}, {coupon_code}: nothing waits for a person ({ends})", Exit.PROBLEMS)
        claim, now = waiting[-1], datetime.now(UTC)
        said = f"{by or _account()}: {SAID[verdict]}" + (f" ({note})" if note else "")
        after = _resolved(claim, verdict, said, now)
        try:
            ledger.resolve_claim(claim, after, f"resolved: {verdict}", now)
        except LedgerUnusable:
            fail(f"receipt {receipt_no}: the worker has moved this claim meanwhile; look again", Exit.PROBLEMS)
        except LedgerBusy as busy:
            fail(f"{busy}; nothing was changed, try again", Exit.PROBLEMS)
    if form is Format.JSON:
        emit_json(_as_dict(after))
    else:
        goes_on = "; the worker goes on within half a minute" if after.end is End.OPEN else ""
        out.print(f"receipt {receipt_no}, {claim.coupon_code}: {SAID[verdict]}{goes_on}", markup=False)


def _resolved(claim: Claim, verdict: Verdict, said: str, now: datetime) -> Claim:
    """The claim as the machine takes it up again: one unknown is now known."""
    known = replace(
        claim, sent_at=None, refunding=False, missing_since=None, doubtful=False, reason=said[:250]
    )
    if verdict is Verdict.TAKEN and claim.end is End.SUSPECT:
        return replace(known, points=Points.YES, end=End.OPEN, taken_at=claim.taken_at or now, given_back="")
    if verdict is Verdict.TAKEN:
        return replace(known, points=Points.YES, end=End.SETTLED, taken_at=now, resolved=said)
    if verdict is Verdict.NOT_TAKEN and claim.end is End.SUSPECT:
        return replace(known, points=Points.NO, end=End.OPEN, collect="")
    if verdict is Verdict.GIVEN_BACK and claim.end is End.SUSPECT:
        return replace(known, points=Points.NO, end=End.RELEASED, given_back="hand", resolved=said)
    return replace(claim, resolved=said)


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody"


def _what_to_do(claim: Claim) -> str:
    head = f"navplugin ledger resolve {claim.receipt_no} {claim.coupon_code} --points"
    if claim.end is End.OWED:
        return f"Take the points in AIQ and say `{head} taken`, or let the store bear it: `{head} closed`."
    if claim.doubtful or "two calls" in claim.reason:
        return f"Look in AIQ for receipt {claim.receipt_no}, then say `{head} taken` or `{head} not-taken`."
    if claim.points is Points.YES:
        return f"Give the points back in AIQ, then say `{head} given-back`."
    if claim.points is not Points.SENT:
        return f"No points are taken. When it is dealt with, say `{head} closed`."
    return f"Look in AIQ for receipt {claim.receipt_no}, then say `{head} taken` or `{head} not-taken`."


def _evidence(claim: Claim) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("member", claim.member_card_no),
        ("picked by staff, at terminal", f"{claim.staff_id or '?'}, {claim.pos_terminal_no or '?'}"),
        ("AIQ: discount, points", f"{claim.discount_id}, {claim.points_cost}"),
        ("AIQ: redemption", claim.redemption_id or "no number told"),
        ("AIQ: points taken at (UTC)", f"{claim.taken_at:%Y-%m-%d %H:%M:%S}" if claim.taken_at else "not taken"),
        ("NAV: offer, promised", f"{claim.offer_no}, {claim.promised:.2f}"),
        ("NAV: posted", "nothing yet" if claim.applied is None else f"{claim.applied:.2f}"),
    ]
    more = (("given back by", claim.given_back), ("reason", claim.reason), ("resolved", claim.resolved))
    return [*rows, *((name, value) for name, value in more if value)]


@contextmanager
def reading(path: Path) -> Iterator[SqlLedger]:
    """The ledger beside a worker that runs; one sentence where it cannot be opened."""
    try:
        ledger = SqlLedger(path, must_exist=True)
    except NavpluginError as wrong:
        fail(str(wrong), Exit.MISUSE)
    try:
        yield ledger
    finally:
        ledger.close()


def _as_dict(claim: Claim) -> dict[str, Any]:
    names = (
        "key", "store_no", "receipt_no", "coupon_code", "generation", "member_card_no", "staff_id", "pos_terminal_no",
        "offer_no", "discount_id", "points_cost", "redemption_id", "taken_at", "promised", "applied", "given_back",
        "collect", "voided", "reason", "resolved", "needs_person",
    )  # fmt: skip
    values = {name: getattr(claim, name) for name in names}
    return {**values, "points": claim.points.value, "end": claim.end.value}
