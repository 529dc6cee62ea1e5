"""What the commands about rules share: reading a folder of rules, and the profile beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, emit_problems, fail
from navplugin.core.errors import LedgerBusy, LedgerUnusable
from navplugin.core.inifile import read_ini
from navplugin.core.profile import Profile, read_profile
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger
from navplugin.rulebook.load import Rulebook
from navplugin.site import RuleFiles, load_rules

FolderArgument = Annotated[Path, typer.Argument(help="The folder of rules.")]
OptionalFolder = Annotated[Path | None, typer.Argument(help="The folder of rules; the profile's without it.")]
ConfigOption = Annotated[Path, typer.Option(help="The profile of the site.")]


def read_rules(folder: Path) -> RuleFiles:
    """The rules of a folder; misuse where there are none to read."""
    rules = load_rules(folder)
    if not rules.files:
        fail(rules.problems[0].message + f": {folder}")
    return rules


def good_rules(folder: Path, form: Format = Format.TEXT) -> tuple[Rulebook, RuleFiles]:
    """The rules of a folder without any error; else the command ends with all problems."""
    rules = read_rules(folder)
    if rules.book is None:
        raise typer.Exit(int(emit_problems(rules.problems, len(rules.files), form)))
    return rules.book, rules


def read_config(config: Path) -> Profile:
    """The profile; the command ends where it cannot be read or has errors."""
    try:
        profile, problems = read_profile(read_ini(str(config), config.read_bytes()))
    except OSError as wrong:
        fail(f"the profile {config} cannot be read: {wrong.strerror}")
    if profile is None:
        raise typer.Exit(int(emit_problems(problems, 1, Format.TEXT)))
    return profile


def rules_folder(config: Path, profile: Profile, folder: Path | None) -> Path:
    """The folder named, else the profile's."""
    return folder if folder is not None else config.resolve().parent / profile.worker["rules"]


@contextmanager
def open_ledger(config: Path, profile: Profile, *, must_exist: bool = True) -> Iterator[tuple[SqlLedger, RuleLedger]]:
    """The ledger that the profile names, with its published rules; the command ends where it cannot be used."""
    try:
        ledger = SqlLedger(config.resolve().parent / profile.worker["state"], must_exist=must_exist)
    except (LedgerUnusable, LedgerBusy) as wrong:
        fail(str(wrong))
    try:
        yield ledger, RuleLedger(ledger, profile.nav["company"])
    except (LedgerUnusable, LedgerBusy) as wrong:
        fail(str(wrong), Exit.MISUSE)
    finally:
        ledger.close()
