"""`navplugin rules apply|history|rollback|effective`: which rules are in force, since when, and whose they are."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, emit_table, fail, out
from navplugin.cli.rules_shared import (
    ConfigOption,
    FolderArgument,
    OptionalFolder,
    good_rules,
    open_ledger,
    read_config,
    rules_folder,
)
from navplugin.core.problems import has_errors
from navplugin.ledger.rules import RuleLedger, RuleSet
from navplugin.rulebook.effective import effective_lines
from navplugin.rulebook.load import load_rulebook, name_of
from navplugin.ruletest import both_matchers, no_cases, run_cases

NoteOption = Annotated[str, typer.Option(help="A line for the history: why.")]
ByOption = Annotated[str, typer.Option(help="Who does it; the name of the signed-in user without it.")]
PROFILE = Path("navplugin.ini")


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("apply")(apply)
    group.command("history")(history)
    group.command("rollback")(rollback)
    group.command("effective")(effective)


def apply(
    folder: OptionalFolder = None,
    config: ConfigOption = PROFILE,
    note: NoteOption = "",
    by: ByOption = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """Publish rules: only when they have no error and every case beside them passes.

    The worker takes them over with the next new sale; a sale that is open keeps the rules that it began with.
    """
    profile = read_config(config)
    where = rules_folder(config, profile, folder)
    book, rules = good_rules(where, form)
    with both_matchers() as matchers:
        tested = run_cases(book, rules.cases, matchers)
    problems = [*rules.problems, *tested.problems, *([] if tested.cases else [no_cases(str(where))])]
    if has_errors(problems):
        emit_problems(problems, len(rules.files) + len(rules.cases), form, loaded="Nothing was published.")
        raise typer.Exit(int(Exit.PROBLEMS))
    files = [(name_of(path), data) for path, data in rules.files]
    new = RuleSet(book.hash, _now(), by or _user(), note, len(book.rules), tested.cases, files)
    with open_ledger(config, profile, must_exist=False) as (_, ledger):
        before = ledger.in_force()
        if before is not None and before.hash == new.hash:
            _say(form, before, f"Rules {new.hash} are in force already (number {before.number}).")
            return
        number = ledger.publish(new)
    _say(form, new, f"Rules {new.hash} are published as number {number}: {new.rules} rules, {new.cases} cases passed. "
         "New sales get them; a sale that is open keeps its own.", number)  # fmt: skip


def history(config: ConfigOption = PROFILE, form: FormatOption = Format.TEXT) -> None:
    """List the rules that were published: number, hash, when, who; the last one is in force."""
    profile = read_config(config)
    with open_ledger(config, profile) as (_, ledger):
        sets = ledger.published()
    if form is Format.JSON:
        emit_json([_as_dict(s, s is sets[-1]) for s in sets])
        return
    if not sets:
        out.print("No rules were published yet: navplugin rules apply", markup=False)
        return
    rows = [
        (s.number, s.hash, f"{s.at:%Y-%m-%d %H:%M}", s.who, s.rules, s.cases, s.note, _mark(s is sets[-1]))
        for s in sets
    ]
    emit_table("Published rules", ("number", "hash", "at (UTC)", "who", "rules", "cases", "note", ""), rows)


def rollback(
    to: Annotated[str, typer.Argument(metavar="[NUMBER|HASH]", help="The one before the last without it.")] = "",
    config: ConfigOption = PROFILE,
    note: NoteOption = "",
    by: ByOption = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """Put rules that were published before in force again. The files in the folder stay as they are."""
    profile = read_config(config)
    with open_ledger(config, profile) as (_, ledger):
        target = _target(ledger, to)
        book, problems = load_rulebook([(f"rules/{name}", data) for name, data in target.files], None)
        if book is None:
            emit_problems(problems, len(target.files), form, loaded="This version cannot use them any more.")
            raise typer.Exit(int(Exit.PROBLEMS))
        text = note or f"back to number {target.number}"
        again = RuleSet(target.hash, _now(), by or _user(), text, target.rules, target.cases, target.files)
        number = ledger.publish(again)
    _say(form, again, f"Rules {again.hash} of {target.at:%Y-%m-%d %H:%M} UTC are in force again, as number {number}. "
         "The files in the folder are not changed.", number)  # fmt: skip


def effective(
    folder: FolderArgument = Path("rules"),
    store: Annotated[str, typer.Option("--store", help="Store No.")] = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """Print the rules of one store as they come out of all layers, and where each line comes from."""
    book, rules = good_rules(folder, form)
    known = sorted(book.stores)
    if store and store.upper() not in book.stores and form is Format.TEXT:
        out.print(f"# store {store} has no folder of its own ({', '.join(known) or 'no store has'})", markup=False)
    lines = effective_lines(book.for_store(store), rules.files)
    if form is Format.JSON:
        emit_json([{"section": x.section, "text": x.text, "place": x.place} for x in lines])
        return
    width = min(60, max((len(x.text) for x in lines), default=0))
    for line in lines:
        out.print(f"{line.text:<{width}}  # {line.place}" if line.place else line.text, markup=False)


def _mark(in_force: bool) -> str:
    return "in force" if in_force else ""


def _target(ledger: RuleLedger, to: str) -> RuleSet:
    sets = ledger.published()
    if not sets:
        fail("no rules were published yet", Exit.PROBLEMS)
    if not to:
        earlier = [s for s in sets if s.hash != sets[-1].hash]
        if not earlier:
            fail("there are no other rules to go back to", Exit.PROBLEMS)
        return earlier[-1]
    found = [s for s in sets if to == str(s.number) or s.hash.startswith(to.lower())]
    if not found or len({s.hash for s in found}) > 1:
        fail(f"'{to}' names no published rules; navplugin rules history lists them", Exit.PROBLEMS)
    return found[-1]


def _say(form: Format, rules: RuleSet, text: str, number: int = 0) -> None:
    if form is Format.JSON:
        emit_json({**_as_dict(rules, in_force=True), "number": number or rules.number})
    else:
        out.print(text, markup=False)


def _as_dict(rules: RuleSet, in_force: bool) -> dict[str, object]:
    return {
        "number": rules.number, "hash": rules.hash, "at": rules.at.isoformat(), "who": rules.who, "note": rules.note,
        "rules": rules.rules, "cases": rules.cases, "files": [name for name, _ in rules.files], "in_force": in_force,
    }  # fmt: skip


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _now() -> datetime:
    return datetime.now(UTC)
