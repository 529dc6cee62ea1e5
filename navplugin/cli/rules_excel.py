"""`navplugin rules import|export`: rules as an Excel workbook, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, fail, out
from navplugin.cli.rules_shared import FolderArgument, good_rules
from navplugin.core.problems import has_errors
from navplugin.rulebook.load import load_rulebook, name_of
from navplugin.rulefiles import read_folder
from navplugin.rulesheet import read_workbook, write_workbook


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("import")(import_rules)
    group.command("export")(export_rules)


def import_rules(
    workbook: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="One row one rule; headings are the keys.")],
    folder: FolderArgument = Path("rules"),
    replace: Annotated[bool, typer.Option("--replace", help="Write over rule files that are there.")] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Make rule files of an Excel workbook: headings are name, on, `if Store No.`, `unless Club`, then, ... Nothing is
    written while anything is wrong; a cell that Excel has changed is refused by its name."""
    try:
        imported = read_workbook(str(workbook), workbook.read_bytes())
    except OSError as wrong:
        fail(f"{workbook} cannot be read: {wrong.strerror}")
    content = imported.content()
    there = _files_beside(folder, set(content))
    _, found = load_rulebook([*content.items(), *there])
    own = [p for p in found if p.span.path in content]
    problems = [*imported.problems, *imported.at_cells(own, str(workbook)), *(p for p in found if p not in own)]
    clash = [name for name in content if (folder / name).exists()]
    if has_errors(problems):
        emit_problems(problems, 1, form, loaded="Nothing was written.")
        raise typer.Exit(int(Exit.PROBLEMS))
    if clash and not replace:
        fail(f"{', '.join(str(folder / c) for c in clash)} would be written over; say --replace if that is meant")
    for name, data in content.items():
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except OSError as wrong:
            fail(f"cannot write {target}: {wrong.strerror}")
    written = [str(folder / name) for name in content]
    if form is Format.JSON:
        emit_json({"written": written, "problems": [p.as_dict() for p in sorted(problems)]})
        return
    emit_problems(problems, 1, form, loaded="")
    out.print(f"Written: {', '.join(written)}. Next: navplugin rules test, then navplugin rules apply.", markup=False)


def _files_beside(folder: Path, names: set[str]) -> list[tuple[str, bytes]]:
    """The rule files that stay, so that names and texts of theirs are known."""
    try:
        files = read_folder(folder) if folder.is_dir() else ()
    except OSError as wrong:
        fail(f"the rules in {folder} cannot be read: {wrong.strerror}")
    return [(path, data) for path, data in files if name_of(path) not in names]


def export_rules(
    workbook: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="The workbook to write.")],
    folder: FolderArgument = Path("rules"),
    form: FormatOption = Format.TEXT,
) -> None:
    """Write the rules of a folder as an Excel workbook, every cell as Text. Comments stay in the rule files alone."""
    _, rules = good_rules(folder, form)
    data = write_workbook([(name_of(path), content) for path, content in rules.files])
    try:
        workbook.write_bytes(data)
    except OSError as wrong:
        fail(f"cannot write {workbook}: {wrong.strerror}")
    if form is Format.JSON:
        emit_json({"written": str(workbook), "files": len(rules.files)})
        return
    out.print(f"Written: {workbook}, from {len(rules.files)} files.", markup=False)
