"""The command line: one file for each command group, each with `register(app)`."""

from __future__ import annotations

import importlib
import io
import sys
from typing import Any

import typer

from navplugin.cli.output import Exit

GROUPS = (
    "simulate", "rules", "filter", "receipt", "predict", "worker", "ledger", "report", "check", "doctor", "demo",
    "nav_objects",
)  # fmt: skip
"""Modules of this package that register commands, in the order of --help."""


# Typer brings its own copy of click in newer versions: the base of its errors is found by name.
_MISUSE: type[Any] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def build_app() -> typer.Typer:
    """The Typer application with every command registered."""
    app = typer.Typer(
        name="navplugin",
        help="Connects AIQ loyalty to the 365 Cannabis point of sale. Start with: navplugin demo --play",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    for group in GROUPS:
        importlib.import_module(f"navplugin.cli.{group}").register(app)
    return app


def main() -> None:
    """Entry point of the console script. Misuse ends with exit code 3 and one sentence."""
    _speak_utf8()
    try:
        code = build_app()(standalone_mode=False)
    except typer.Exit as stop:
        code = stop.exit_code
    except typer.Abort:
        code = 130
    except _MISUSE as wrong:
        wrong.show()
        code = int(Exit.MISUSE)
    sys.exit(code if isinstance(code, int) else 0)


def _speak_utf8() -> None:
    """A pipe on Windows has the code page of the machine, which knows neither QR blocks nor every name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
