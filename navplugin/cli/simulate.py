"""`navplugin simulate`: the other side alone, a simulated NAV with its till and a simulated AIQ."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, fail, out
from navplugin.simulator import app as simulator
from navplugin.simulator.fields import FieldError
from navplugin.simulator.nav_settings import check_settings


class SignInWay(StrEnum):
    """The ways in which a caller signs in."""

    BASIC = "basic"
    BEARER = "bearer"
    NTLM = "ntlm"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8048,
    state: Annotated[Path, typer.Option(help="Folder that keeps the simulated data.")] = Path("simulator-state"),
    sign_in: Annotated[
        SignInWay, typer.Option(help="How callers sign in to the simulated NAV; a world may say otherwise.")
    ] = SignInWay.BASIC,
    form: FormatOption = Format.TEXT,
) -> None:
    """Run a simulated NAV, its till and a simulated AIQ until Ctrl+C."""
    try:
        nav = check_settings({"sign_in": sign_in.value})
    except FieldError as wrong:
        fail(str(wrong), Exit.MISUSE)

    def started(url: str) -> None:
        found = simulator.addresses(url)
        if form is Format.JSON:
            emit_json(found)
            return
        for name, title in (("nav", "NAV"), ("soap", "SOAP"), ("aiq", "AIQ"), ("control", "Control")):
            out.print(f"{title + ':':<9}{found[name]}", markup=False)

    try:
        simulator.serve(state, port, started, simulator.Settings(nav=nav))
    except OSError as wrong:
        fail(str(wrong), Exit.MISUSE)
