"""`navplugin report uses`: who uses wallet discounts, with whom, and how often. Reads only."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.ledger import StateOption, reading
from navplugin.cli.output import Format, FormatOption, emit_json, emit_table, out
from navplugin.uses import Use, report_uses

SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Reports for the administrator.", no_args_is_help=True)
    group.command("uses")(uses)
    app.add_typer(group, name="report")


def uses(
    state: StateOption = Path("navplugin.db"),
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
    form: FormatOption = Format.TEXT,
) -> None:
    """Uses of members' points: busiest members a day, members whom one cashier alone serves, uses without a presence
    check, uses on receipts that were voided later. One of them proves nothing; many of them are worth a question."""
    since = datetime.now(UTC) - timedelta(days=days)
    with reading(state) as ledger:
        found = report_uses(ledger.list_claims(), ledger.list_presences(), since)
    if form is Format.JSON:
        emit_json(asdict(found))
        return
    out.print(f"{len(found.uses)} uses of points in {days} days, {len(found.unchecked)} without a presence check.")
    emit_table("Uses a day, busiest first", ("member", "day (UTC)", "uses"), found.days[:SHOWN])
    emit_table("Members served by one cashier alone", ("member", "staff", "uses"), found.pairs[:SHOWN])
    emit_table("On receipts voided later", COLUMNS, [_row(use) for use in found.voided[:SHOWN]])
    emit_table("Without a presence check, newest first", COLUMNS, [_row(u) for u in found.unchecked[:-SHOWN - 1:-1]])


COLUMNS = ("receipt", "coupon code", "member", "staff", "terminal", "taken at (UTC)", "points")


def _row(use: Use) -> tuple[object, ...]:
    at = f"{use.taken_at:%Y-%m-%d %H:%M:%S}"
    return (use.receipt_no, use.coupon_code, use.member_card_no, use.staff_id, use.pos_terminal_no, at, use.points)
