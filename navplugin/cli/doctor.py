"""`navplugin doctor`: whether NAV, AIQ and the profile are as the worker needs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, err, out
from navplugin.core.problems import has_errors
from navplugin.doctor import Finding, Grade, examine, prove_lookup
from navplugin.site import load_site
from navplugin.wire import quiet_logs
from navplugin.wiring import doctor_tools

_COLOURS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.ERROR: "red"}
_WORST_FIRST = (Grade.ERROR, Grade.WARNING, Grade.OK)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    config: Annotated[Path, typer.Option(help="The profile of the site.")] = Path("navplugin.ini"),
    read_only: Annotated[bool, typer.Option("--read-only", help="Write no test row to NAV.")] = False,
    prove: Annotated[
        bool, typer.Option("--prove-lookup", help="Only: look in AIQ for redemptions of the ledger by receipt number.")
    ] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Examine a site before the worker runs, and whenever something does not work.

    It reaches NAV and AIQ, compares their clocks with this machine's, signs in,
    looks for every page and field of the NAV contract and reads each.

    It writes a test row (receipt NAVPLUGIN-DOCTOR) to our own pages, changes it
    and removes it again; never to a page of LS Retail.

    Then it holds stores, coupon codes, amounts and coupons of NAV against the
    profile and AIQ. AIQ shows discounts in a member's wallet only: name a test
    member with doctor-contact in the profile's section aiq.

    Before redemption-lookup = probe is set, --prove-lookup must have found real
    redemptions of this site in AIQ by receipt number; it redeems nothing itself.

    Each line says what was found, what it means and what to do; warnings keep
    nothing from working today.

    Exit codes: 0 fine or warnings only, 1 errors, 2 NAV or AIQ is not reached or
    refuses the sign-in, 3 misuse.

    For instance: navplugin doctor --config navplugin.ini --read-only
    """
    loaded = load_site(config)
    if loaded.site is None or has_errors(loaded.problems):
        raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, form)))
    quiet_logs()
    with err.status("examining") as status:

        def told(step: str) -> None:
            status.update(escape(f"looking at {step}"))

        profile, tools = loaded.site.profile, doctor_tools(loaded.site)
        if prove:
            findings = [prove_lookup(profile.nav["company"], tools.open_ledger, tools.open_aiq)]
        else:
            findings = examine(profile, tools, told, may_write=not read_only)
    findings.sort(key=lambda one: _WORST_FIRST.index(one.grade))
    _show(findings, form)
    raise typer.Exit(int(_exit_code(findings)))


def _show(findings: Sequence[Finding], form: Format) -> None:
    if form is Format.JSON:
        emit_json({"findings": [one.as_dict() for one in findings], "exit_code": int(_exit_code(findings))})
        return
    if out.is_terminal:
        table = Table(title="navplugin doctor", title_justify="left")
        for column in ("", "about", "what was found", "what to do"):
            table.add_column(column, overflow="fold")
        for one in findings:
            shown = (escape(text) for text in (one.subject, one.says, one.do))
            table.add_row(f"[{_COLOURS[one.grade]}]{one.grade}[/]", *shown)
        out.print(table)
    else:
        for one in findings:
            out.print(str(one), markup=False)
    count = Counter(one.grade for one in findings)
    out.print(f"{count[Grade.ERROR]} errors, {count[Grade.WARNING]} warnings, {count[Grade.OK]} ok", markup=False)


def _exit_code(findings: Sequence[Finding]) -> Exit:
    if any(one.lost for one in findings):
        return Exit.UNREACHABLE
    return Exit.PROBLEMS if any(one.grade is Grade.ERROR for one in findings) else Exit.FINE
