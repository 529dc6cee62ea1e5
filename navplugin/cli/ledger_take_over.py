"""`navplugin ledger take-over`, the explicit step of a restored or new ledger, and `ledger backup`."""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from navplugin.audit import Finding, unknown_to_ledger
from navplugin.cli.ledger_audit import read_books
from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, emit_table, err, fail, out
from navplugin.core.errors import LedgerBusy, LedgerUnusable, NavpluginError
from navplugin.core.model import StagedRow
from navplugin.core.ports import JournalReader
from navplugin.core.problems import has_errors
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger
from navplugin.ledger_record import WATCHED_SECONDS, LedgerRecord, Record
from navplugin.site import Site, load_site
from navplugin.take_over import readable, take_over
from navplugin.wiring import SystemClock, open_ledger, open_nav


def command(
    config: Annotated[Path, typer.Option(help="The profile of the site.")] = Path("navplugin.ini"),
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days back NAV and AIQ are compared.")] = 14,
    yes: Annotated[bool, typer.Option("--yes", help="Take over without asking; for scripts.")] = False,
    renamed_from: Annotated[
        str, typer.Option(help="The company's name until it was renamed in NAV; its claims follow.")
    ] = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """Put this ledger in charge of the company: after the old one was lost, or an older copy was put back.

    First says what NAV and AIQ hold that this ledger does not. Then every claim that may have moved points is in doubt:
    it is looked up before anything moves, or goes to the work list (redemption-lookup = blind). A ledger whose worker
    still runs is not taken over.

    Exit codes: 1 nothing was taken over, 2 NAV or AIQ cannot be reached, 3 misuse.
    """
    loaded = load_site(config, rules_may_wait=True)
    if loaded.site is None or has_errors(loaded.problems):
        raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, Format.TEXT)))
    if loaded.site.profile.nav["objects"] == "none":
        fail("this site is only observed (objects = none): no ledger is in charge of it")
    try:
        ledger = open_ledger(loaded.site)
    except NavpluginError as wrong:
        fail(str(wrong), Exit.MISUSE)
    ledger.company = loaded.site.profile.nav["company"]
    meant = False
    try:
        if renamed_from:
            _check_name(ledger, renamed_from)
        found = _look(loaded.site, ledger, days, renamed_from, yes=yes, form=form)
        meant = True
        if found is not None:
            _take_over(loaded.site, ledger, found, renamed_from, form)
    except (LedgerUnusable, LedgerBusy) as wrong:
        fail(f"{wrong}; nothing was taken over", Exit.PROBLEMS)
    except NavpluginError as problem:
        fail(f"{problem}; nothing was taken over", Exit.UNREACHABLE)
    finally:
        ledger.close()
        if ledger.is_new and not meant:
            _remove(ledger.path)


def _check_name(ledger: SqlLedger, renamed_from: str) -> None:
    others = ledger.other_companies()
    if renamed_from not in others:
        written = f"it was written for {', '.join(others)}" if others else f"all of it is of {ledger.company}"
        hint = "" if others else ", so leave --renamed-from out"
        fail(f"this ledger knows no company '{renamed_from}'; {written}{hint}")


def _remove(path: Path) -> None:
    """A ledger that was only begun to look: it must not be taken for the one that is missing."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is about to be taken over. row: NAV's, as it was judged."""

    record: LedgerRecord
    row: StagedRow | None
    reader: JournalReader
    missing: tuple[Finding, ...]


def _look(
    site: Site, ledger: SqlLedger, days: int, renamed_from: str, *, yes: bool, form: Format
) -> _Found | None:
    """Say what would be taken over, and ask; None where there is nothing to do. Ends the command where it may not be
    or is not meant."""
    company = ledger.company
    reader, writer = open_nav(site)
    record = LedgerRecord(reader, writer, ledger, SystemClock(), platform.node(), _pause)
    row = record.read()
    there = readable(row)
    if there is not None and ledger.take_over_no() and not record.why_not(there):
        out.print(f"this ledger is in charge of {company} already; there is nothing to take over", markup=False)
        return None
    if there is not None:
        with err.status(f"looking for {WATCHED_SECONDS:.0f} s whether the worker on {there.host} still runs"):
            alive = record.is_alive(there)
        if alive:
            where = there.host or "another host"
            text = f"the worker on {where} is in charge of {company} and runs; stop it first"
            fail(f"{text}. Nothing was moved.", Exit.PROBLEMS)
    books, unread = read_books(site, ledger, days)
    known = {c.receipt_no for c in ledger.list_claims() if c.company == renamed_from}
    missing = tuple(one for one in unknown_to_ledger(books) if one.receipt_no not in known)
    _tell(ledger, there, missing, unread, renamed_from, form)
    if not yes and not _is_meant(company):
        fail("nothing was taken over; run it again with --yes when that is meant", Exit.PROBLEMS)
    return _Found(record, row, reader, missing)


def _take_over(site: Site, ledger: SqlLedger, found: _Found, renamed_from: str, form: Format) -> None:
    company, clock = ledger.company, SystemClock()
    ledger.take_watch(company, site.profile.worker["name"] or platform.node(), clock.now())
    if renamed_from:
        ledger.rename_company(renamed_from)
        RuleLedger(ledger, company).follow(renamed_from)
    doubted = take_over(found.record, found.row, found.reader, ledger, clock)
    if form is Format.JSON:
        missing = [asdict(one) for one in found.missing]
        emit_json({"taken_over": company, "doubtful_claims": doubted, "missing": missing})
        return
    lookup = site.profile.worker["redemption-lookup"]
    then = "goes to the work list" if lookup == "blind" else "is looked up in AIQ before anything moves"
    said = f"Claims in doubt: {doubted}; what NAV's rows do not answer {then}."
    out.print(f"This ledger is in charge of {company} now. {said}", markup=False)
    out.print("Start the worker with `navplugin run`, then run `navplugin ledger audit`.", markup=False)


def _tell(
    ledger: SqlLedger, there: Record | None, missing: tuple[Finding, ...], unread: str, renamed_from: str, form: Format
) -> None:
    """What is about to happen, to standard error where the answer is JSON."""
    console = err if form is Format.JSON else out
    state = f"written for {renamed_from}" if renamed_from else f"at step {ledger.step()}"
    if not ledger.list_claims():
        state = "empty"
    if there is None:
        console.print(f"NAV names no ledger in charge that can be read. This one is {state}.", markup=False)
    else:
        mine = f"This one is {ledger.ledger_id[:8]}"
        if there.ledger_id == ledger.ledger_id:
            mine = "This is the same one, or a copy of it"
        text = f"In charge now: ledger {there.ledger_id[:8]} on {there.host or 'another host'}, at step {there.step}. "
        console.print(f"{text}{mine}, {state}.", markup=False)
    if missing and form is Format.TEXT:
        rows = [(one.receipt_no, one.coupon_code, one.text) for one in missing]
        emit_table("NAV and AIQ hold, and this ledger does not", ("receipt", "coupon code", "what"), rows)
    elif form is Format.TEXT:
        out.print("NAV and AIQ hold nothing that this ledger does not.", markup=False)
    if unread:
        err.print(f"AIQ's side was not compared: {unread}", markup=False)


def _is_meant(company: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm(f"Put this ledger in charge of {company}?", default=False)


def _pause(seconds: float) -> bool:
    """Between two looks at NAV's row; Ctrl+C ends the command, nothing is written yet."""
    time.sleep(seconds)
    return True


def backup(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    state: Annotated[Path, typer.Option(help="The ledger file (state in [worker])")] = Path("navplugin.db"),
) -> None:
    """Copy the ledger whole, beside a worker that runs. A plain copy of the file may miss what was written last."""
    try:
        ledger = SqlLedger(state, must_exist=True)
    except NavpluginError as wrong:
        fail(str(wrong), Exit.MISUSE)
    try:
        ledger.copy_to(target)
    except NavpluginError as wrong:
        fail(str(wrong), Exit.PROBLEMS)
    finally:
        ledger.close()
    out.print(f"the ledger was copied to {target}", markup=False)
