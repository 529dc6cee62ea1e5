"""`navplugin ledger take-over`, the explicit step of a restored or new ledger, and `ledger backup`."""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from navplugin.audit import Finding, unknown_to_ledger
from navplugin.cli.ledger_audit import read_books
from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, emit_table, err, fail, out
from navplugin.core.errors import LedgerBusy, LedgerUnusable, NavpluginError
from navplugin.core.problems import has_errors
from navplugin.ledger import SqlLedger
from navplugin.ledger_record import WATCHED_SECONDS, LedgerRecord, Record
from navplugin.nav.session import connect
from navplugin.site import Site, load_site
from navplugin.take_over import readable, take_over
from navplugin.wiring import SystemClock, nav_settings, open_ledger


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
    try:
        if renamed_from and renamed_from not in (*ledger.other_companies(), ""):
            fail(f"this ledger knows no company {renamed_from}; it knows {', '.join(ledger.other_companies())}")
        _take_over(loaded.site, ledger, days, renamed_from, yes=yes, form=form)
    except (LedgerUnusable, LedgerBusy) as wrong:
        fail(f"{wrong}; nothing was taken over", Exit.PROBLEMS)
    except NavpluginError as problem:
        fail(f"{problem}; nothing was taken over", Exit.UNREACHABLE)
    finally:
        ledger.close()


def _take_over(
    site: Site, ledger: SqlLedger, days: int, renamed_from: str, *, yes: bool, form: Format
) -> None:
    company, clock = site.profile.nav["company"], SystemClock()
    ledger.company = company
    reader, writer = connect(nav_settings(site))
    record = LedgerRecord(reader, writer, ledger, clock, platform.node(), _pause)
    row = record.read()
    there = readable(row)
    if there is not None and ledger.take_over_no() and not record.why_not(there):
        out.print(f"this ledger is in charge of {company} already; there is nothing to take over", markup=False)
        return
    if there is not None:
        with err.status(f"looking for {WATCHED_SECONDS:.0f} s whether the worker on {there.host} still runs"):
            alive = record.is_alive(there)
        if alive:
            where = there.host or "another host"
            text = f"the worker on {where} is in charge of {company} and runs; stop it first"
            fail(f"{text}. Nothing was moved.", Exit.PROBLEMS)
    books, unread = read_books(site, ledger, days)
    missing = unknown_to_ledger(books)
    _tell(ledger, there, missing, unread, form)
    if not yes and not _is_meant(company):
        fail("nothing was taken over; run it again with --yes when that is meant", Exit.PROBLEMS)
    ledger.take_watch(company, site.profile.worker["name"] or platform.node(), clock.now())
    if renamed_from:
        ledger.rename_company(renamed_from)
    doubted = take_over(record, row, reader, ledger, clock)
    if form is Format.JSON:
        emit_json({"taken_over": company, "doubtful_claims": doubted, "missing": [asdict(one) for one in missing]})
        return
    lookup = site.profile.worker["redemption-lookup"]
    then = "goes to the work list" if lookup == "blind" else "is looked up in AIQ before anything moves"
    said = f"Claims in doubt: {doubted}; what NAV's rows do not answer {then}."
    out.print(f"This ledger is in charge of {company} now. {said}", markup=False)
    out.print("Start the worker with `navplugin run`, then run `navplugin ledger audit`.", markup=False)


def _tell(
    ledger: SqlLedger, there: Record | None, missing: tuple[Finding, ...], unread: str, form: Format
) -> None:
    """What is about to happen, to standard error where the answer is JSON."""
    console = err if form is Format.JSON else out
    state = "new and empty" if ledger.is_new or not ledger.list_claims() else f"at step {ledger.step()}"
    mine = "a copy of it" if there and there.ledger_id == ledger.ledger_id else ledger.ledger_id[:8]
    if there is None:
        console.print(f"NAV names no ledger that is in charge. This ledger is {state}.", markup=False)
    else:
        console.print(
            f"In charge now: ledger {there.ledger_id[:8]} on {there.host or 'another host'}, at step {there.step}. "
            f"This ledger is {mine}, {state}.", markup=False,
        )  # fmt: skip
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
