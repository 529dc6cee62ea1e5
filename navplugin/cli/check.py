"""`navplugin check`: profile, rules, receipt templates and cases in one run, before anything runs with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_problems, fail
from navplugin.cli.receipt import check_templates
from navplugin.cli.rules import run_cases
from navplugin.core.problems import Problem, has_errors
from navplugin.site import Loaded, load_rules, load_site


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
            _add(found, *run_cases(more.site.rulebook, path.resolve().parent / more.site.profile.worker["rules"]))
    elif path.is_dir() and any(path.glob("*.j2")):
        problems, files = check_templates(path)
        _add(found, problems, files)
    elif path.is_dir():
        rulebook = load_rules(path, found)
        if rulebook is not None and not has_errors(found.problems):
            _add(found, *run_cases(rulebook, path))
    else:
        fail(f"there is no file or folder {path}", Exit.MISUSE)


def _add(found: Loaded, problems: list[Problem] | tuple[Problem, ...], files: int) -> None:
    found.problems += [p for p in problems if p not in found.problems]
    found.files += files
