"""`navplugin receipt preview|check`: receipt footers before they print."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, fail, out
from navplugin.core.model import StoreSettings
from navplugin.core.problems import Level, Problem, Span, did_you_mean
from navplugin.receipts.footer import SAMPLE, Footer, render_footer
from navplugin.receipts.layout import FooterLine
from navplugin.receipts.preview import preview as draw
from navplugin.receipts.qr import qr_png
from navplugin.site import TEMPLATES, defaults_folder, load_site

SUFFIX = ".txt.j2"


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Receipt footers: how they will print, and whether they are right.", no_args_is_help=True)
    group.command("preview")(preview)
    group.command("check")(check)
    app.add_typer(group, name="receipt")


def preview(
    template: Annotated[str, typer.Argument(help="wallet, signup, plain, or a template file.")] = "wallet",
    config: Annotated[Path | None, typer.Option(help="Profile with the store's width and addresses.")] = None,
    store: Annotated[str, typer.Option(help="Store No. in the profile.")] = "S0001",
    width: Annotated[int, typer.Option(min=24, max=64, help="Characters on a line, where no profile is given.")] = 40,
    png: Annotated[Path | None, typer.Option(help="Write the QR code to this picture too.")] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Show a receipt footer as it will print, with its QR code."""
    folder, settings = _where(config, store.upper(), width)
    path = Path(template) if template.endswith(".j2") else folder / f"{template}{SUFFIX}"
    source = _read(path)
    if source is None:
        fail(f"there is no receipt template {path}; {did_you_mean(template, TEMPLATES)}")
    footer = render_footer(path.name.removesuffix(SUFFIX), source, settings, path=str(path))
    if not footer.code:
        raise typer.Exit(int(emit_problems(footer.problems, 1, form)))
    if png is not None:
        _write_png(png, footer)
    if form is Format.JSON:
        emit_json({"code": footer.code, "rows": footer.rows})
        return
    for line in draw(footer, settings.receipt_width):
        out.print(line, markup=False)
    out.print(f"{footer.code}, {len(footer.rows)} rows in AIQ_ReceiptFooter", markup=False)


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of receipt templates.")] = Path("receipt_templates"),
    width: Annotated[int, typer.Option(min=24, max=64, help="Characters on a line.")] = 40,
    form: FormatOption = Format.TEXT,
) -> None:
    """Check the receipt templates: names, filters, width, addresses; every problem at once."""
    if not folder.is_dir():
        fail(f"there is no folder {folder}")
    problems, files = check_templates(folder, width)
    raise typer.Exit(int(emit_problems(problems, files, form, loaded="Nothing of it will print.")))


def check_templates(folder: Path, width: int = SAMPLE.receipt_width) -> tuple[list[Problem], int]:
    """Every problem of every template of a folder for a sample store, and how many files were read."""
    problems: list[Problem] = []
    found = sorted(folder.glob(f"*{SUFFIX}"))
    for name in TEMPLATES:
        if not (folder / f"{name}{SUFFIX}").is_file():
            problems.append(_missing(folder / f"{name}{SUFFIX}"))
    for path in found:
        source = _read(path)
        if source is None:
            problems.append(_missing(path, "the receipt template is not UTF-8 text", "save it as UTF-8"))
            continue
        footer = render_footer(path.name.removesuffix(SUFFIX), source, _sample(width), path=str(path))
        problems += footer.problems
    return problems, len(found)


def _sample(width: int) -> StoreSettings:
    return replace(SAMPLE, receipt_width=width)


def _where(config: Path | None, store: str, width: int) -> tuple[Path, StoreSettings]:
    if config is None:
        here = Path("receipt_templates")
        return here if here.is_dir() else defaults_folder("receipt_templates"), _sample(width)
    loaded = load_site(config)
    if loaded.site is None:
        raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, Format.TEXT)))
    profile = loaded.site.profile
    if store not in profile.stores:
        fail(f"the profile has no store {store}; {did_you_mean(store, list(profile.stores))}")
    return config.resolve().parent / profile.worker["receipt-templates"], profile.store_settings(store)


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _missing(path: Path, message: str = "there is no such receipt template", hint: str = "") -> Problem:
    hint = hint or "copy it from the shipped receipt_templates"
    return Problem(Span(str(path)), Level.ERROR, "no-file", message, hint)


def _write_png(path: Path, footer: Footer) -> None:
    code: FooterLine | None = next((line for line in footer.lines if line.kind == "QR"), None)
    if code is None:
        fail("this footer has no QR code to write", Exit.PROBLEMS)
    try:
        path.write_bytes(qr_png(code.payload))
    except OSError as wrong:
        fail(f"cannot write {path}: {wrong.strerror}")
