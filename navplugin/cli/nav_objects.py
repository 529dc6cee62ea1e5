"""`navplugin nav-objects`: what NAV has to publish."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from navplugin.cli.output import Format, FormatOption, emit_json, emit_table
from navplugin.nav.contract import Naming
from navplugin.nav.contract.reference import contract_as_data, contract_as_markdown


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("nav-objects")(nav_objects)


def nav_objects(
    docs: Annotated[bool, typer.Option("--docs", help="The whole contract as a Markdown page.")] = False,
    naming: Annotated[Naming, typer.Option(help="Whose names: nav 2009-2018, bc, lsc (LS Central).")] = Naming.BC,
    soap: Annotated[bool, typer.Option("--soap", help="For a NAV that is reached over SOAP: no queries.")] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """List the pages, queries and codeunits that NAV has to publish for navplugin.

    Hand the page to whoever publishes the web services:

        navplugin nav-objects --docs --naming lsc > nav-contract.md
    """
    data = contract_as_data(naming, soap=soap)
    if form is Format.JSON:
        emit_json(data)
    elif docs:
        sys.stdout.write(contract_as_markdown(naming, soap=soap))
    else:
        rows = [(p["service"], p["object"], p["table"], p["may"], p["doc"]) for p in data["pages"]]
        emit_table("To be published on page Web Services", ("service", "object", "table", "may", "for"), rows)
