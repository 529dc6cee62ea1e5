"""`navplugin check`: profile, rules, receipt templates and cases in one run, before anything runs with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_problems, fail
from navplugin.cli.receipt import check_templates
from navplugin.core.problems import Problem
from navplugin.ruletest import both_matchers, run_cases
from navplugin.site import Loaded, RuleFiles, load_rules, load_site


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Profiles (*.ini), folders of rules or of receipt templates.")
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Check profiles, rules with their cases, and receipt templates: every problem of every file at once.

    Without a path: `rules` and `receipt_templates` of this folder, and navplugin.ini if it is there.
    """
    usual = [Path("rules"), Path("receipt_templates"), Path("navplugin.ini")]
    found = Loaded()
    for path in paths or [p for p in usual if p.exists()]:
        _check_one(path, found)
    if not found.files and not found.problems:
        fail("there is nothing to check here; name a profile, a folder of rules or of receipt templates")
    code = emit_problems(found.problems, found.files, form, loaded="Nothing of it will run.")
    raise typer.Exit(int(code))


def _check_one(path: Path, found: Loaded) -> None:
    if path.is_file():
        more = load_site(path)
        _add(found, more.problems, more.files)
        if more.site is not None:
            _run_cases(found, more.site.rules)
    elif path.is_dir() and any(path.glob("*.j2")):
        problems, files = check_templates(path)
        _add(found, problems, files)
    elif path.is_dir():
        rules = load_rules(path)
        _add(found, rules.problems, len(rules.files))
        _run_cases(found, rules)
    else:
        fail(f"there is no file or folder {path}", Exit.MISUSE)


def _run_cases(found: Loaded, rules: RuleFiles) -> None:
    if rules.book is None:
        return
    with both_matchers() as matchers:
        _add(found, run_cases(rules.book, rules.cases, matchers).problems, len(rules.cases))


def _add(found: Loaded, problems: Sequence[Problem], files: int) -> None:
    found.problems += [p for p in problems if p not in found.problems]
    found.files += files
