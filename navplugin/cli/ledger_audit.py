"""`navplugin ledger audit`: the live invariants over ledger, NAV and AIQ, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from navplugin.audit import Books, Finding, absorbed
from navplugin.audit import audit as audit_books
from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, emit_table, err, fail, out
from navplugin.core.errors import NavpluginError, ProtocolError, Refused
from navplugin.core.model import Claim, Persona, PostedSale, Sale, SaleState, Snapshot
from navplugin.core.ports import JournalReader, LoyaltyProvider, Redemption
from navplugin.core.problems import has_errors
from navplugin.ledger import SqlLedger
from navplugin.ledger.figures import read_figures
from navplugin.mismatch import compare
from navplugin.site import Site, load_site
from navplugin.wiring import SystemClock, connect_aiq, open_ledger, open_reader, policies

BATCH = 50
MOST_ASKED = 1000
"""Receipt numbers that only AIQ knows: so many of the latest are looked up in NAV."""
LONGEST_RECEIPT_NO = 20
CLOCK_SKEW = timedelta(days=1)
"""AIQ lists by its own clock."""


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
        books, unread = read_books(loaded.site, ledger, days)
        findings = [*audit_books(books), *_amounts(ledger, loaded.site, books.claims)]
    except NavpluginError as problem:
        fail(str(problem), Exit.UNREACHABLE)
    finally:
        ledger.close()
    _tell(findings, books, unread, form)


def read_books(site: Site, ledger: SqlLedger, days: int) -> tuple[Books, str]:
    """All that `audit` compares, of the last so many days, and why AIQ's side could not be read ('' when it was).

    Sets the ledger's company. Reads the ledger last: what it holds is recorded before it is sent or written.
    Raises NavpluginError when NAV or AIQ cannot be reached.
    """
    now = SystemClock().now()
    since = now - timedelta(days=days)
    ledger.company = site.profile.nav["company"]
    reader, loyalty = open_reader(site), connect_aiq(site, SystemClock(), batch=True)
    redemptions, unread = _read_redemptions(loyalty, since - CLOCK_SKEW)
    references = [one.reference for one in redemptions or () if not one.refunded and one.reference]
    lines = ledger.return_lines()
    sales = _read_sales(reader, {c.receipt_no for c in _list_claims(ledger, since)}, since, lines)
    ledger.learn_cards(card for s in sales.values() for card in _cards(s))
    unknown = [r for r in dict.fromkeys(references) if r not in sales and not ledger.claims_of(r)]
    posted_alone = _read_posted(reader, unknown[-MOST_ASKED:])
    claims = _claims_with(ledger, since, [*(r for r, s in sales.items() if _has_marks(s)), *references])
    people = {card: ledger.person(card) for card in {c.member_card_no for c in claims}}
    books = Books(
        claims=claims,
        journals=ledger.steps(),
        sales=sales,
        offers=reader.read_offers(),
        mapped=frozenset(d.coupon_code for d in ledger.mapped()),
        redemptions=redemptions,
        contacts=_contacts(ledger, claims, people),
        return_lines=lines,
        policies=policies(site.profile),
        changed_at=ledger.changed_at(),
        now=now,
        listed_since=since,
        posted_alone=posted_alone,
        not_asked=max(0, len(unknown) - MOST_ASKED),
    )
    return books, unread


def _list_claims(ledger: SqlLedger, since: datetime) -> list[Claim]:
    return [c for c in ledger.list_claims(since=since) if c.company == ledger.company]


def _claims_with(ledger: SqlLedger, since: datetime, receipts: Iterable[str]) -> list[Claim]:
    """The claims of that time, and those of these receipts however old they are."""
    claims = _list_claims(ledger, since)
    for receipt in set(receipts) - {c.receipt_no for c in claims}:
        claims += ledger.claims_of(receipt)
    return claims


def _has_marks(snapshot: Snapshot) -> bool:
    """Whether NAV shows a sign that points were promised for this sale."""
    discounts = snapshot.posted.discounts if snapshot.posted else ()
    return bool(discounts) or any(g.redemption_id for g in snapshot.grants)


def _read_sales(
    reader: JournalReader,
    claimed: Iterable[str],
    since: datetime,
    lines: Mapping[str, Mapping[str, Mapping[str, Decimal]]],
) -> dict[str, Snapshot]:
    """Sales of that time and those with claims, their returns, and what the returns among them took back."""
    rows = {s.receipt_no: s for s in reader.read_changed_sales(0) if s.event_at is None or s.event_at >= since}
    wanted = {*rows, *claimed}
    wanted |= {receipt for sold, returns in lines.items() for receipt in (sold, *returns) if wanted & {sold, *returns}}
    found = _read_snapshots(reader, _add_rows(reader, rows, wanted))
    sold = {s.posted.refund_receipt_no for s in found.values() if s.posted is not None} - {""}
    more = {receipt for one in sold for receipt in (one, *lines.get(one, ()))}
    return found | _read_snapshots(reader, _add_rows(reader, {}, more - found.keys()))


def _add_rows(reader: JournalReader, rows: Mapping[str, Sale], receipts: Iterable[str]) -> list[Sale]:
    more = [reader.read_sale(receipt) for receipt in sorted(set(receipts) - rows.keys())]
    return [*rows.values(), *(row for row in more if row is not None)]


def _read_posted(reader: JournalReader, receipts: Sequence[str]) -> dict[str, PostedSale]:
    """What NAV has posted under these numbers, which no row of AIQ_Sale has any more."""
    asked = [r for r in receipts if len(r) <= LONGEST_RECEIPT_NO and r.isascii() and r.isprintable()]
    rows = [Sale(r, "", "", "", "", "", SaleState.POSTED, "", "", None, 0) for r in asked]
    found = _read_snapshots(reader, rows)
    return {receipt: s.posted for receipt, s in found.items() if s.posted is not None}


def _read_snapshots(reader: JournalReader, rows: Sequence[Sale]) -> dict[str, Snapshot]:
    found: dict[str, Snapshot] = {}
    if rows:
        with err.status(f"reading {len(rows)} sales from NAV"):
            for start in range(0, len(rows), BATCH):
                found |= {s.sale.receipt_no: s for s in reader.read_snapshots(rows[start : start + BATCH])}
    return found


def _cards(snapshot: Snapshot) -> tuple[str, ...]:
    return (snapshot.sale.member_card_no, *(g.member_ref for g in snapshot.grants))


def _read_redemptions(loyalty: LoyaltyProvider, since: datetime) -> tuple[tuple[Redemption, ...] | None, str]:
    try:
        return tuple(loyalty.list_redemptions(since)), ""
    except (Refused, ProtocolError) as problem:
        return None, str(problem)


def _amounts(ledger: SqlLedger, site: Site, claims: Sequence[Claim]) -> list[Finding]:
    """Where NAV gave another amount than was predicted, by the figures that the worker kept."""
    stores = {c.receipt_no: c.store_no for c in claims}
    found = []
    for figure in read_figures(ledger):
        store = stores.get(figure.receipt_no)
        if store is not None and store in site.profile.stores:
            precision = site.profile.store_settings(store).currency_precision
            found += [Finding("amount", figure.receipt_no, figure.coupon_code, t) for t in compare([figure], precision)]
    return found


def _contacts(
    ledger: SqlLedger, claims: Sequence[Claim], people: Mapping[str, Persona | None]
) -> Mapping[str, str]:
    """AIQ's ids by claim key where one is pinned, and by member card; none where the ledger keeps hashes of them."""
    if ledger.hides_people:
        return {}
    pinned = {c.key: c.contact_id for c in claims if c.contact_id}
    return pinned | {card: person.contact_id for card, person in people.items() if person}


def _tell(findings: list[Finding], books: Books, unread: str, form: Format) -> None:
    counted = {"claims": len(books.claims), "sales": len(books.sales), "redemptions": len(books.redemptions or ()),
               "waiting for a person": sum(c.needs_person for c in books.claims)}  # fmt: skip
    if books.not_asked:
        counted["redemptions of other receipts that NAV was not asked for"] = books.not_asked
    amount, receipts = absorbed(books.claims)
    if form is Format.JSON:
        sums = {"amount": f"{amount:.2f}", "receipts": receipts}
        told = {"findings": [asdict(f) for f in findings], "compared": counted, "absorbed": sums, "aiq_unread": unread}
        emit_json(told)
    else:
        rows = [(f.receipt_no, f.coupon_code, f.invariant, f.text) for f in findings]
        if rows:
            emit_table("Does not hold", ("receipt", "coupon code", "invariant", "what"), rows)
        seen = ", ".join(f"{count} {what}" for what, count in counted.items())
        out.print(f"{len(findings)} findings; compared: {seen}.", markup=False)
        if receipts:
            out.print(f"absorbed: {amount:.2f} over {receipts} receipts", markup=False)
        if unread:
            err.print(f"AIQ's side was not compared: {unread}", markup=False)
    if findings:
        raise typer.Exit(int(Exit.PROBLEMS))
    if unread:
        raise typer.Exit(int(Exit.UNREACHABLE))
