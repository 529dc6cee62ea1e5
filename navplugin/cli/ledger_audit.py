"""`navplugin ledger audit`: the live invariants over ledger, NAV and AIQ, in both directions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from navplugin.audit import Books, Finding
from navplugin.audit import audit as audit_books
from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, emit_table, err, fail, out
from navplugin.core.errors import NavpluginError, ProtocolError, Refused
from navplugin.core.model import Claim, Snapshot
from navplugin.core.ports import JournalReader, LoyaltyProvider, Redemption
from navplugin.core.problems import has_errors
from navplugin.ledger import SqlLedger
from navplugin.ledger.figures import read_figures
from navplugin.mismatch import compare
from navplugin.site import Site, load_site
from navplugin.wiring import SystemClock, connect_aiq, open_ledger, open_reader, policies

BATCH = 50


def audit(
    config: Annotated[Path, typer.Option(help="The profile of the site.")] = Path("navplugin.ini"),
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days back.")] = 7,
    form: FormatOption = Format.TEXT,
) -> None:
    """Check that points and discounts agree: every claim against NAV and AIQ, every posted discount and every
    redemption against the ledger.

    Exit codes: 1 something does not hold, 2 NAV or AIQ cannot be reached, 3 misuse. Reads only; a worker may run.
    """
    loaded = load_site(config)
    if loaded.site is None or has_errors(loaded.problems):
        raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, Format.TEXT)))
    try:
        ledger = open_ledger(loaded.site, must_exist=True)
    except NavpluginError as wrong:
        fail(str(wrong), Exit.MISUSE)
    try:
        findings, counted, unread = _look(loaded.site, ledger, days)
    except NavpluginError as problem:
        fail(str(problem), Exit.UNREACHABLE)
    finally:
        ledger.close()
    _tell(findings, counted, unread, form)


def _look(site: Site, ledger: SqlLedger, days: int) -> tuple[list[Finding], dict[str, int], str]:
    """What does not hold, how much was compared, and why AIQ's side could not be read ('' when it was)."""
    company, now = site.profile.nav["company"], SystemClock().now()
    ledger.company = company
    since = now - timedelta(days=days)
    claims = [c for c in ledger.list_claims(since=since) if c.company == company]
    reader, loyalty = open_reader(site), connect_aiq(site, SystemClock(), batch=True)
    sales = _read_sales(reader, claims, since)
    ledger.learn_cards(card for s in sales.values() for card in _cards(s))
    claims = [c for c in ledger.list_claims(since=since) if c.company == company]
    redemptions, unread = _read_redemptions(loyalty, since)
    books = Books(
        claims=claims,
        journals=ledger.last_steps(),
        sales=sales,
        offers=reader.read_offers(),
        mapped=frozenset(d.coupon_code for d in ledger.mapped()),
        redemptions=redemptions,
        contacts={c.member_card_no: p.contact_id for c in claims if (p := ledger.person(c.member_card_no))},
        returned={c.receipt_no: ledger.returns_of(c.receipt_no) for c in claims},
        policies=policies(site.profile),
        changed_at=ledger.changed_at(),
        now=now,
    )
    findings = [*audit_books(books), *_amounts(ledger, site, claims)]
    counted = {"claims": len(claims), "sales": len(sales), "redemptions": len(redemptions or ()),
               "waiting for a person": sum(c.needs_person for c in claims)}  # fmt: skip
    return findings, counted, unread


def _read_sales(reader: JournalReader, claims: list[Claim], since: datetime) -> dict[str, Snapshot]:
    rows = {s.receipt_no: s for s in reader.read_changed_sales(0) if s.event_at is None or s.event_at >= since}
    for receipt in {c.receipt_no for c in claims} - rows.keys():
        row = reader.read_sale(receipt)
        if row is not None:
            rows[receipt] = row
    waiting = list(rows.values())
    found: dict[str, Snapshot] = {}
    with err.status(f"reading {len(waiting)} sales from NAV"):
        for start in range(0, len(waiting), BATCH):
            found |= {s.sale.receipt_no: s for s in reader.read_snapshots(waiting[start : start + BATCH])}
    return found


def _cards(snapshot: Snapshot) -> tuple[str, ...]:
    return (snapshot.sale.member_card_no, *(g.member_ref for g in snapshot.grants))


def _read_redemptions(loyalty: LoyaltyProvider, since: datetime) -> tuple[tuple[Redemption, ...] | None, str]:
    try:
        return tuple(loyalty.list_redemptions(since)), ""
    except (Refused, ProtocolError) as problem:
        return None, str(problem)


def _amounts(ledger: SqlLedger, site: Site, claims: list[Claim]) -> list[Finding]:
    """Where NAV gave another amount than was predicted, by the figures that the worker kept."""
    stores = {c.receipt_no: c.store_no for c in claims}
    found = []
    for figure in read_figures(ledger):
        store = stores.get(figure.receipt_no)
        if store is not None and store in site.profile.stores:
            precision = site.profile.store_settings(store).currency_precision
            found += [Finding("amount", figure.receipt_no, figure.coupon_code, t) for t in compare([figure], precision)]
    return found


def _tell(findings: list[Finding], counted: dict[str, int], unread: str, form: Format) -> None:
    if form is Format.JSON:
        emit_json({"findings": [asdict(f) for f in findings], "compared": counted, "aiq_unread": unread})
    else:
        rows = [(f.receipt_no, f.coupon_code, f.invariant, f.text) for f in findings]
        if rows:
            emit_table("Does not hold", ("receipt", "coupon code", "invariant", "what"), rows)
        seen = ", ".join(f"{count} {what}" for what, count in counted.items())
        out.print(f"{len(findings)} findings; compared: {seen}.", markup=False)
        if unread:
            err.print(f"AIQ's side was not compared: {unread}", markup=False)
    if findings:
        raise typer.Exit(int(Exit.PROBLEMS))
    if unread:
        raise typer.Exit(int(Exit.UNREACHABLE))
