"""`navplugin rules ...`: the group; `check` and `test`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli import rules_excel, rules_explain, rules_live, rules_publish
from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, out
from navplugin.cli.rules_offers import OffersOption, ProfileOption, known_codes
from navplugin.cli.rules_shared import FolderArgument, read_rules
from navplugin.core.problems import Problem, has_errors
from navplugin.rulebook.review import codes_without_offer
from navplugin.ruletest import Tested, both_matchers, no_cases, run_cases


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Rules: check them, test them, publish them, ask why.", no_args_is_help=True)
    group.command("check")(check)
    group.command("test")(run_tests)
    for part in (rules_publish, rules_explain, rules_live, rules_excel):
        part.register(group)
    app.add_typer(group, name="rules")


def check(
    folder: FolderArgument = Path("rules"),
    offers: OffersOption = None,
    config: ProfileOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Check rule files: every problem of every file at once, with file, line and column.

    Needs no profile. Exit codes: 0 no error (warnings count as none), 1 errors, 2 NAV cannot be reached, 3 misuse.
    """
    rules = read_rules(folder)
    problems = list(rules.problems)
    codes = known_codes(offers, config)
    if codes is not None and rules.book is not None:
        problems += codes_without_offer(rules.book, codes, rules.files)
    raise typer.Exit(int(emit_problems(problems, len(rules.files), form)))


def run_tests(
    folder: FolderArgument = Path("rules"),
    only: Annotated[str, typer.Option("--only", help="Only cases with this in their name.")] = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """Run the cases beside the rules, with both matchers where both can be had; say which rules no case exercises."""
    rules = read_rules(folder)
    if rules.book is None:
        raise typer.Exit(int(emit_problems(rules.problems, len(rules.files), form)))
    with both_matchers() as matchers:
        tested = run_cases(rules.book, rules.cases, matchers, only)
    problems = [*rules.problems, *tested.problems, *([] if tested.cases else [no_cases(str(folder))])]
    _show(tested, problems, len(rules.files) + len(rules.cases), form)
    raise typer.Exit(int(Exit.PROBLEMS if has_errors(problems) else Exit.FINE))


def _show(tested: Tested, problems: list[Problem], files: int, form: Format) -> None:
    if form is Format.JSON:
        listed = [p.as_dict() for p in sorted(problems)]
        body = {"files": files, "cases": tested.cases, "matchers": tested.matchers, "problems": listed}
        emit_json({**body, "active": tested.active, "not_exercised": tested.idle})
        return
    emit_problems(problems, files, form, loaded="")
    out.print(f"{tested.cases} cases with {' and '.join(tested.matchers)}. {tested.coverage}", markup=False)
