"""`navplugin rules try|replay`: what rules would do to sales that are open now, and to sales that are over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, emit_table, fail, out
from navplugin.cli.rules_shared import ConfigOption, OptionalFolder, good_rules, read_config, rules_folder
from navplugin.core.errors import LedgerUnusable, Misconfigured, NavpluginError
from navplugin.replay import Past, Replayed, read_past, replay_sales
from navplugin.replayfile import from_saved, to_saved
from navplugin.rulebook.explain import saved_of
from navplugin.rulebook.load import Rulebook, load_rulebook
from navplugin.site import Loaded, Site, load_site
from navplugin.tryout import Looker
from navplugin.wiring import footer_codes, look_into

PROFILE = Path("navplugin.ini")
LONGEST = 92
"""Days of one replay: more takes long and tells little."""


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("try")(try_rules)
    group.command("replay")(replay)


@contextmanager
def looking(loaded: Loaded) -> Iterator[Looker]:
    """A reader of the site; the command ends with one sentence where a system cannot be reached."""
    if loaded.site is None:
        raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, Format.TEXT)))
    try:
        with look_into(loaded.site) as looker:
            yield looker
    except (Misconfigured, LedgerUnusable) as problem:
        fail(str(problem), Exit.PROBLEMS)
    except NavpluginError as problem:
        fail(str(problem), Exit.UNREACHABLE)


def rules_in_force(loaded: Loaded, looker: Looker) -> Rulebook:
    """The published rules; those of the folder where none are published."""
    published = looker.rules.in_force() if looker.rules is not None else None
    if published is not None:
        book, _ = load_rulebook([(f"rules/{name}", data) for name, data in published.files], None)
        if book is not None:
            return book
    if loaded.site is None or loaded.site.rules.book is None:
        problems = loaded.site.rules.problems if loaded.site else loaded.problems
        raise typer.Exit(int(emit_problems(problems, loaded.files, Format.TEXT)))
    return loaded.site.rules.book


def try_rules(
    folder: OptionalFolder = None,
    config: ConfigOption = PROFILE,
    receipt: Annotated[str, typer.Option(help="Only this receipt.")] = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """Decide on the sales that are open now with the rules of a folder. Writes nothing to NAV, AIQ or the ledger.

    Exit codes: 0 done, 1 the rules have errors, 2 NAV cannot be reached, 3 misuse.
    """
    book, _ = good_rules(rules_folder(config, read_config(config), folder), form)
    found = []
    with looking(load_site(config, rules_may_wait=True)) as looker:
        for tried in looker.try_rules(book, receipt):
            saved = saved_of(tried.situation, tried.decision)
            sale = tried.situation.snapshot.sale
            writes = [f"{e.op} {e.page} {', '.join(map(str, e.key))}" for e in tried.effects]
            found.append({"receipt_no": sale.receipt_no, "store_no": sale.store_no, "state": sale.state,
                          "pos_terminal_no": sale.pos_terminal_no, "sentences": [s.text for s in saved.sentences],
                          "would_write": writes})  # fmt: skip
    if form is Format.JSON:
        emit_json({"rules_hash": book.hash, "sales": found})
        return
    for one in found:
        out.print(f"Receipt {one['receipt_no']}, store {one['store_no']}, terminal {one['pos_terminal_no']}, "
                  f"{one['state']}", style="bold", markup=False)  # fmt: skip
        for line in (*one["sentences"], *(f"would {w}" for w in one["would_write"])):
            out.print(f"  {line}", markup=False)
    out.print(f"{len(found)} open sale{'' if len(found) == 1 else 's'}, rules {book.hash}. Nothing was written.",
              markup=False)  # fmt: skip


def replay(
    folder: OptionalFolder = None,
    since: Annotated[str, typer.Option("--from", help="First day, 2026-05-01; a week ago without it.")] = "",
    until: Annotated[str, typer.Option("--to", help="Last day; yesterday without it.")] = "",
    config: ConfigOption = PROFILE,
    file: Annotated[Path | None, typer.Option("--file", help="Sales that --save has saved, in place of NAV.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Save the sales here, without personal data.")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare with these rules, not those in force.")] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Say what rules would have done to posted sales: totals for each offer, and the receipts that change.

    A posted sale tells its lines, its discounts and its member. Rules that ask more (the wallet of that day, offers of
    LS, answers at the till) are named and left out. Nothing is written.
    """
    profile = read_config(config)
    book, _ = good_rules(rules_folder(config, profile, folder), form)
    base = good_rules(against, form)[0] if against is not None else None
    if file is not None:
        past = _saved(file)
        loaded = load_site(config, rules_may_wait=True)
        site = loaded.site
        if site is None:
            raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, Format.TEXT)))
    else:
        past, site, base = _from_nav(config, since, until, base)
    if save is not None:
        _write(save, to_saved(past))
    stores = {no: profile.store_settings(no) for no in profile.stores}
    with _progress() as progress:
        task = progress.add_task("Deciding", total=len(past.sales))
        result = replay_sales(past, book, base, stores, footer_codes(site), lambda: progress.advance(task))
    _show(result, form)


def _from_nav(config: Path, since: str, until: str, base: Rulebook | None) -> tuple[Past, Site, Rulebook | None]:
    first, last = _days(since, until)
    loaded = load_site(config, rules_may_wait=True)
    with looking(loaded) as looker, _progress() as progress:
        task = progress.add_task("Reading posted sales", total=(last - first).days + 1)
        past = read_past(looker.reader, first, last, lambda: progress.advance(task))
        if base is None and looker.rules is not None and looker.rules.in_force() is not None:
            base = rules_in_force(loaded, looker)
    if loaded.site is None:
        raise typer.Exit(int(Exit.PROBLEMS))
    return past, loaded.site, base


def _days(since: str, until: str) -> tuple[date, date]:
    today = date.today()
    try:
        first = date.fromisoformat(since) if since else today - timedelta(days=7)
        last = date.fromisoformat(until) if until else today - timedelta(days=0 if since else 1)
    except ValueError:
        fail("--from and --to are days; write 2026-05-01")
    if last < first or (last - first).days >= LONGEST:
        fail(f"--from {first} --to {last}: from comes first, and at most {LONGEST} days are replayed")
    return first, last


def _saved(file: Path) -> Past:
    try:
        return from_saved(file.read_text("utf-8-sig"))
    except OSError as wrong:
        fail(f"{file} cannot be read: {wrong.strerror}")
    except ValueError as wrong:
        fail(f"{file}: {wrong}", Exit.PROBLEMS)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as wrong:
        fail(f"cannot write {path}: {wrong.strerror}")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=out, disable=not out.is_terminal, transient=True)


def _show(result: Replayed, form: Format) -> None:
    if form is Format.JSON:
        emit_json(result.as_dict())
        return
    rows = [(t.offer_no, t.coupon_code, t.uses, t.given, t.kept_uses, t.kept) for t in result.totals]
    columns = ("offer", "coupon code", "uses", "given", "uses with these rules", "given with these rules")
    emit_table("Offers", columns, rows)
    changed = [(c.receipt_no, c.store_no, c.day, "; ".join(c.changes)) for c in result.changed]
    emit_table("Receipts that change", ("receipt", "store", "day", "what"), changed)
    for name, why in result.left_out.items():
        out.print(f"Not judged: [{name}] asks {why}, which a posted sale does not tell.", markup=False)
    out.print(
        f"{result.sales} sales, {len(result.changed)} change; rules {result.rules_hash}"
        + (f" against {result.base_hash}" if result.base_hash else " against what was given")
        + (f"; {result.skipped} sales of stores outside the profile" if result.skipped else "")
        + ". Nothing was written.",
        markup=False,
    )
