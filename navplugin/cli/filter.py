"""`navplugin filter`: what a NAV filter says of a value, for people who try one and for programs that ask."""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, err, fail
from navplugin.rulebook.filters import FilterSyntaxError, FilterType, parse_filter
from navplugin.rulebook.filters.values import MAY_BE_NONE, NUMBERS, WORDS, coerce


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("filter")(try_filter)


def try_filter(
    text: Annotated[str, typer.Argument(metavar="FILTER", help="As typed in a filter box of NAV.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What the field holds; '' for blank.")],
    kind: Annotated[FilterType, typer.Option("--type", help="The kind of field.")],
    options: Annotated[str, typer.Option(help="For an option field: its names, with commas between.")] = "",
    today: Annotated[str, typer.Option(help="The date that `today` means; this machine's without it.")] = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """Say whether a value is within a NAV filter: `yes` or `no`, and why.

    Write -- before the filter: navplugin filter --type decimal -- '>=75' 62.50

    Exit codes: 0 answered (yes or no), 1 the filter or the value cannot be read, 3 misuse.
    """
    names = tuple(name.strip() for name in options.split(",") if name.strip())
    day = _day(today)
    try:
        read, warnings = parse_filter(text, kind, names)
    except FilterSyntaxError as wrong:
        _refuse(text, wrong, form)
    problem = _unreadable(value, kind)
    if problem:
        _refuse(value, FilterSyntaxError("bad-value", problem, 0, max(1, len(value))), form)
    outcome = read.test(value if value or kind in WORDS else None, today=day)
    if form is Format.JSON:
        emit_json({"met": outcome.yes, "reason": outcome.reason, "warnings": warnings})
        return
    sys.stdout.write(f"{'yes' if outcome.yes else 'no'} - {outcome.reason}\n")
    for warning in warnings:
        err.print(f"warning: {warning}", markup=False)


def _refuse(text: str, wrong: FilterSyntaxError, form: Format) -> None:
    """The text with a marker below the place, and what to write instead."""
    if form is Format.JSON:
        problem = {"code": wrong.code, "message": wrong.message, "hint": wrong.hint,
                   "col": wrong.offset + 1, "length": wrong.length}  # fmt: skip
        emit_json({"met": None, "problems": [problem]})
    else:
        shown = "".join(char if char.isprintable() else " " for char in text)
        marker = " " * wrong.offset + "^" * max(1, wrong.length)
        sys.stdout.write(f"error {wrong.code}: {wrong}\n  {shown}\n  {marker}\n")
    raise typer.Exit(int(Exit.PROBLEMS))


def _unreadable(value: str, kind: FilterType) -> str:
    """Why the value is none of this kind, '' where it is. Blank is read as in NAV: no value, no date, no time."""
    seen = coerce(value, kind)
    whole = not isinstance(seen, Decimal) or seen == seen.to_integral_value()
    if value.strip() == "" or (seen is not None and (kind is not FilterType.INTEGER or whole)):
        return ""
    forms = {FilterType.DATE: "2026-05-31", FilterType.TIME: "21:30", FilterType.BOOLEAN: "Yes or No"}
    form = "75" if kind is FilterType.INTEGER else "75.50" if kind in NUMBERS else forms[kind]
    return f"the value '{value}' is no {kind}; write it as {form}" + (" or ''" if kind in MAY_BE_NONE else "")


def _day(text: str) -> date:
    if not text:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"--today {text} is not a day; write 2026-05-31")
