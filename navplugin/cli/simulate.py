"""`navplugin simulate`: the other side alone, a simulated NAV with its till and a simulated AIQ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, fail, out
from navplugin.simulator import app as simulator


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8048,
    state: Annotated[Path, typer.Option(help="Folder that keeps the simulated data.")] = Path("simulator-state"),
    form: FormatOption = Format.TEXT,
) -> None:
    """Run a simulated NAV, its till and a simulated AIQ until Ctrl+C."""

    def started(url: str) -> None:
        found = simulator.addresses(url)
        if form is Format.JSON:
            emit_json(found)
            return
        for name, title in (("nav", "NAV"), ("soap", "SOAP"), ("aiq", "AIQ"), ("control", "Control")):
            out.print(f"{title + ':':<9}{found[name]}", markup=False)

    try:
        simulator.serve(state, port, started)
    except OSError as wrong:
        fail(str(wrong), Exit.MISUSE)
