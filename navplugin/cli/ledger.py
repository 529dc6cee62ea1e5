"""`navplugin ledger list|show`: what the worker knows of points in flight. Reads only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_table, fail, out
from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import Claim, End
from navplugin.ledger import SqlLedger

StateOption = Annotated[Path, typer.Option("--state", help="The ledger file ([worker] state of the profile).")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Claims: which points are promised, taken, given back, owed.", no_args_is_help=True)
    group.command("list")(list_claims)
    group.command("show")(show)
    app.add_typer(group, name="ledger")


def list_claims(
    state: StateOption = Path("navplugin.db"),
    end: Annotated[str, typer.Option(help="Only claims that ended so: OPEN, SETTLED, RELEASED, OWED, SUSPECT.")] = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """List claims, newest last. OWED and SUSPECT are a person's work list."""
    wanted = end.upper()
    if wanted and wanted not in set(End):
        fail(f"'{end}' is not an end of a claim; use one of {', '.join(End)}")
    with _Ledger(state) as ledger:
        claims = ledger.list_claims(wanted)
    if form is Format.JSON:
        emit_json([_as_dict(c) for c in claims])
        return
    columns = ("receipt", "coupon code", "member", "points", "taken", "end", "reason")
    rows = [
        (c.receipt_no, c.coupon_code, c.member_card_no, c.points_cost, c.points.value, c.end.value, c.reason)
        for c in claims
    ]
    emit_table("Claims", columns, rows)


def show(
    receipt_no: Annotated[str, typer.Argument(help="Receipt No. as NAV shows it.")],
    state: StateOption = Path("navplugin.db"),
    form: FormatOption = Format.TEXT,
) -> None:
    """Show the claims of one receipt, every step of each, and what was reported."""
    with _Ledger(state) as ledger:
        claims = [c for c in ledger.list_claims() if c.receipt_no == receipt_no]
        steps = {c.key: ledger.history(c.key) for c in claims}
        reports = ledger.reports(receipt_no)
    if form is Format.JSON:
        emit_json({"claims": [{**_as_dict(c), "steps": steps[c.key]} for c in claims], "reports": reports})
        return
    if not claims and not reports:
        fail(f"the ledger knows nothing of receipt {receipt_no}", Exit.PROBLEMS)
    for claim in claims:
        emit_table(
            f"{claim.coupon_code}, generation {claim.generation}: {claim.end.value}",
            ("at (UTC)", "move", "points", "end", "note"),
            [(s["at"][:19], s["move"], s["points"], s["end"], s["note"]) for s in steps[claim.key]],
        )
    for report in reports:
        out.print(f"{report['at'][:19]} {report['text']}", markup=False)


class _Ledger:
    """The ledger of a command that only reads; one sentence where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        try:
            self.ledger = SqlLedger(path, must_exist=True)
        except LedgerUnusable as wrong:
            fail(str(wrong), Exit.MISUSE)

    def __enter__(self) -> SqlLedger:
        return self.ledger

    def __exit__(self, *_: object) -> None:
        self.ledger.close()


def _as_dict(claim: Claim) -> dict[str, Any]:
    return {
        "key": claim.key,
        "store_no": claim.store_no,
        "receipt_no": claim.receipt_no,
        "coupon_code": claim.coupon_code,
        "generation": claim.generation,
        "member_card_no": claim.member_card_no,
        "offer_no": claim.offer_no,
        "points_cost": claim.points_cost,
        "points": claim.points.value,
        "end": claim.end.value,
        "promised": claim.promised,
        "applied": claim.applied,
        "reason": claim.reason,
    }
