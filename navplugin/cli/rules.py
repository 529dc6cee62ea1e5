"""`navplugin rules ...`: check, test, facts, verbs, explain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, emit_table, fail, out
from navplugin.core.errors import LedgerUnusable
from navplugin.core.inifile import read_ini
from navplugin.core.ports import Matcher
from navplugin.core.problems import Problem, has_errors
from navplugin.core.profile import read_profile
from navplugin.ledger import SqlLedger
from navplugin.rulebook.book import Rulebook
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.cases import read_cases as parse_cases
from navplugin.rulebook.cases import run_case
from navplugin.rulebook.durable import DurableMatcher, durable_is_installed
from navplugin.rulebook.explain import explain_saved, from_json, rule_lines
from navplugin.rulebook.facts import FACTS
from navplugin.rulebook.facts.made import TABLES
from navplugin.rulebook.load import load_rulebook
from navplugin.rulebook.verbs import VERBS
from navplugin.rulefiles import read_cases, read_folder

FolderArgument = Annotated[Path, typer.Argument(help="The folder of rules.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Rules: check them, test them, ask why.", no_args_is_help=True)
    for name, command in (
        ("check", check),
        ("test", run_tests),
        ("explain", explain),
        ("facts", facts),
        ("verbs", verbs),
    ):
        group.command(name)(command)
    app.add_typer(group, name="rules")


def check(folder: FolderArgument = Path("rules"), form: FormatOption = Format.TEXT) -> None:
    """Check rule files: every problem of every file at once, with file, line and column."""
    _, problems, files = _load(folder)
    raise typer.Exit(int(emit_problems(problems, files, form)))


def run_tests(folder: FolderArgument = Path("rules"), form: FormatOption = Format.TEXT) -> None:
    """Run the cases beside the rules, with both matchers where both can be had."""
    book, problems, files = _load(folder)
    if book is None:
        raise typer.Exit(int(emit_problems(problems, files, form)))
    failures, case_files, count = _run(book, folder)
    problems += failures
    code = Exit.PROBLEMS if has_errors(problems) else Exit.FINE
    if form is Format.JSON:
        listed = [p.as_dict() for p in sorted(problems)]
        emit_json({"files": files + case_files, "cases": count, "matchers": _matcher_names(), "problems": listed})
        raise typer.Exit(int(code))
    emit_problems(problems, files + case_files, form, loaded="")
    out.print(f"{count} cases with {' and '.join(_matcher_names())}.", markup=False)
    if not count:
        fail(f"there is no case in {folder / 'cases'}", Exit.PROBLEMS)
    raise typer.Exit(int(code))


def run_cases(rulebook: Rulebook, folder: Path) -> tuple[tuple[Problem, ...], int]:
    """Problems of the cases beside these rules, and the number of case files."""
    problems, files, _ = _run(rulebook, folder)
    return tuple(problems), files


def _run(rulebook: Rulebook, folder: Path) -> tuple[list[Problem], int, int]:
    try:
        files = read_cases(folder)
    except OSError as wrong:
        fail(f"the cases cannot be read: {wrong.strerror}")
    cases, problems = parse_cases(files)
    found = list(problems)
    durable = DurableMatcher() if durable_is_installed() else None
    matchers: list[Matcher] = [BuiltinMatcher(), *([durable] if durable else [])]
    try:
        for case in cases:
            found += run_case(rulebook, case, matchers)
    finally:
        if durable:
            durable.close()
    sources = {path: read_ini(path, data) for path, data in files}
    return [_sourced(p, sources[p.span.path].lines) for p in found], len(files), len(cases)


def _sourced(problem: Problem, lines: tuple[str, ...]) -> Problem:
    return problem if problem.source else replace(problem, source=lines[problem.span.line - 1])


def _matcher_names() -> list[str]:
    return ["builtin", "durable"] if durable_is_installed() else ["builtin"]


def _load(folder: Path) -> tuple[Rulebook | None, list[Problem], int]:
    try:
        files = read_folder(folder)
    except OSError as wrong:
        fail(f"the rules in {folder} cannot be read: {wrong.strerror}")
    if not files:
        fail(f"there is no rule file (*.ini) in {folder}")
    book, problems = load_rulebook(files)
    return book, list(problems), len(files)


def facts(form: FormatOption = Format.TEXT) -> None:
    """List what a rule can ask."""
    if form is Format.JSON:
        emit_json(
            {
                "facts": [
                    {"fact": f.caption, "type": f.type, "about": f.about.value, "options": f.options, "doc": f.doc,
                     "known_from": f.known.value, "cost": f.cost.value}
                    for f in FACTS
                ],
                "tables": [{"table": t.name, "doc": t.doc, "fields": dict(t.fields)} for t in TABLES],
            }
        )
        return
    rows = [(f.caption, f.type.value, f.about.value, f.doc, f.known.value, f.cost.value) for f in FACTS]
    emit_table("Facts", ("fact", "type", "about", "what it is", "known from", "cost"), rows)
    tables = [(t.name, ", ".join(t.fields), t.doc) for t in TABLES]
    emit_table("Tables for [fact NAME]", ("table", "fields", "what it is"), tables)


def verbs(form: FormatOption = Format.TEXT) -> None:
    """List what a rule can do."""
    if form is Format.JSON:
        emit_json(
            [
                {"verb": v.name, "takes": v.argument.value, "on": v.moments, "forbids": v.forbids, "doc": v.doc}
                for v in VERBS
            ]
        )
        return
    rows = [(v.name, v.argument.value, ", ".join(v.moments), v.doc) for v in VERBS]
    emit_table("Verbs", ("verb", "takes", "may stand on", "what it does"), rows)


def explain(
    receipt_no: Annotated[str, typer.Argument(help="Receipt No. as NAV shows it.")],
    config: Annotated[Path, typer.Option(help="The profile of the site.")] = Path("navplugin.ini"),
    coupon: Annotated[str, typer.Option(help="Only this coupon code.")] = "",
    rules: Annotated[bool, typer.Option("--rules", help="Every rule too, with each condition.")] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Say why the sign-up question, the footer and each wallet discount are as they are on one receipt."""
    saved = _saved_decision(config, receipt_no)
    try:
        decision = from_json(saved["body"])
        sentences = explain_saved(saved["body"], coupon)
    except ValueError as wrong:
        fail(f"receipt {receipt_no}: {wrong}", Exit.PROBLEMS)
    lines = rule_lines(decision, coupon)
    if not sentences:
        fail(f"coupon code {coupon.upper()} played no part on receipt {receipt_no}", Exit.PROBLEMS)
    if form is Format.JSON:
        head = {name: saved[name] for name in ("at", "rules_hash", "matcher")}
        emit_json({"receipt_no": receipt_no, "state": decision.state, **head, "sentences": sentences, "rules": lines})
        return
    for line in [*sentences, *(lines if rules else [])]:
        out.print(line, markup=False)
    out.print(
        f"Decided {saved['at'][:19]} UTC, sale {decision.state}, rules {saved['rules_hash']}, "
        f"matcher {saved['matcher']}.",
        markup=False,
    )


def _saved_decision(config: Path, receipt_no: str) -> dict[str, str]:
    """The last decision of a receipt, from the ledger that the profile names."""
    try:
        profile, problems = read_profile(read_ini(str(config), config.read_bytes()))
    except OSError as wrong:
        fail(f"the profile {config} cannot be read: {wrong.strerror}")
    if profile is None:
        raise typer.Exit(int(emit_problems(problems, 1, Format.TEXT)))
    try:
        ledger = SqlLedger(config.resolve().parent / profile.worker["state"], must_exist=True)
        try:
            found = ledger.decision(receipt_no)
        finally:
            ledger.close()
    except LedgerUnusable as wrong:
        fail(str(wrong))
    if found is None:
        fail(f"the ledger knows no decision on receipt {receipt_no}", Exit.PROBLEMS)
    return {name: str(found[name]) for name in ("at", "rules_hash", "matcher", "body")}
