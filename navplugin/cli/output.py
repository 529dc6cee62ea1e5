"""What every command shares: exit codes, --format, tables on a terminal and plain text in a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum, StrEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from navplugin.core.problems import Level, Problem, has_errors, summary


class Exit(IntEnum):
    """Exit codes of all commands (design.md 8)."""

    FINE = 0
    PROBLEMS = 1
    UNREACHABLE = 2
    MISUSE = 3


class Format(StrEnum):
    """Text for people, JSON for programs."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="Text for people, json for programs.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str, code: Exit = Exit.MISUSE) -> NoReturn:
    """End the command with one sentence on standard error."""
    err.print(message, style="red" if err.is_terminal else None, markup=False)
    raise typer.Exit(int(code))


def emit_json(data: Any) -> None:
    """Print JSON on standard output; Decimal, dates and enums become text."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def emit_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal, tab-separated lines in a pipe."""
    if not out.is_terminal:
        for row in ([*columns], *rows):
            sys.stdout.write("\t".join(str(cell) for cell in row) + "\n")
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    out.print(table)


def emit_problems(problems: Sequence[Problem], files: int, form: Format, loaded: str = "Nothing was loaded.") -> Exit:
    """Print all problems in order and the summary; the exit code that follows from them."""
    ordered = sorted(problems)
    if form is Format.JSON:
        emit_json({"files": files, "problems": [p.as_dict() for p in ordered]})
    else:
        for problem in ordered:
            colour = {Level.ERROR: "red", Level.WARNING: "yellow"}[problem.level] if out.is_terminal else None
            out.print(str(problem), style=colour, markup=False)
        out.print(summary(ordered, files, loaded), markup=False)
    return Exit.PROBLEMS if has_errors(ordered) else Exit.FINE
