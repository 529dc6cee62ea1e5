"""`navplugin receipt preview|check`: receipt footers before they print, and as they were printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, err, fail, out
from navplugin.core.errors import NavpluginError
from navplugin.core.model import StoreSettings
from navplugin.core.problems import Level, Problem, did_you_mean
from navplugin.core.profile import CODE_PAGES
from navplugin.receipts.footer import Footer, paper_of, render_footer
from navplugin.receipts.frozen import Frozen, read_frozen
from navplugin.receipts.layout import FooterLine
from navplugin.receipts.paper import DOTS, WIDTHS, Paper, usual_mm, usual_width
from navplugin.receipts.preview import preview as draw
from navplugin.receipts.samples import SAMPLE, SAMPLES
from navplugin.receipts.template import least_width
from navplugin.site import SUFFIX, TEMPLATES, Site, defaults_folder, load_site, read_templates
from navplugin.wiring import open_reader

PROFILE = Path("navplugin.ini")
ConfigOption = Annotated[Path | None, typer.Option(help="Profile with the store's printer and links.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Receipt footers: how they will print, and whether they are right.", no_args_is_help=True)
    group.command("preview")(preview)
    group.command("check")(check)
    app.add_typer(group, name="receipt")


@dataclass(slots=True)
class _Sheet:
    """What is shown: the lines, the paper, and a sentence about it."""

    lines: tuple[FooterLine, ...]
    store: StoreSettings
    said: str
    footer: Footer | None = None


def preview(
    template: Annotated[str, typer.Argument(help="wallet, signup, plain, bilingual, or a template file.")] = "",
    receipt: Annotated[str, typer.Option(help="A real receipt: its store, and without TEMPLATE what it bears.")] = "",
    paper: Annotated[int | None, typer.Option(help="58 or 80 mm.")] = None,
    width: Annotated[int | None, typer.Option(help="Characters on a line: 32, 40, 42, 44, 48.")] = None,
    code_page: Annotated[str, typer.Option(help="The printer's code page, for instance cp858.")] = "",
    png: Annotated[Path | None, typer.Option(help="Write the picture that the printer would make.")] = None,
    escpos: Annotated[Path | None, typer.Option(help="Write the bytes for an ESC/POS printer.")] = None,
    config: ConfigOption = None,
    store: Annotated[str, typer.Option(help="Store No. in the profile; empty = its first store.")] = "",
    form: FormatOption = Format.TEXT,
) -> None:
    """Show a receipt footer as it will print: as text, as a picture, as bytes for a printer.

    Without a profile it is that of a sample store with AIQ's usual links.
    """
    site = _site(config) if config or receipt else None
    frozen = _frozen(site, receipt.upper()) if site and receipt else None
    settings = _settings(site, frozen.store_no if frozen else store.upper(), paper, width, code_page)
    sheet = _from_receipt(frozen, settings) if frozen and not template else _from_template(template, settings, config)
    if sheet.footer is not None and not sheet.footer.code:
        raise typer.Exit(int(emit_problems(sheet.footer.problems, 1, form)))
    for problem in sheet.footer.problems if sheet.footer else ():
        err.print(str(problem), markup=False)
    if sheet.store.qr_mode == "TextOnly":
        sheet.lines = tuple(line for line in sheet.lines if line.kind not in ("QR", "Image"))
    _write_files(sheet, png, escpos)
    rows = sheet.footer.rows if sheet.footer else ()
    if form is Format.JSON:
        code = sheet.footer.code if sheet.footer else frozen.code if frozen else ""
        emit_json({"code": code, "receipt": _bears(frozen), "rows": rows, "lines": [_shown(x) for x in sheet.lines]})
        return
    for text in draw(sheet.lines, sheet.store.receipt_width):
        out.print(text, markup=False)
    out.print(sheet.said, markup=False)
    if frozen is not None and template:
        out.print(f"Receipt {frozen.receipt_no} bears {frozen.code or 'no footer'}.", markup=False)


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of receipt templates.")] = Path("receipt_templates"),
    width: Annotated[int | None, typer.Option(help="Characters on a line; all that printers have if left out.")] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Render all templates for all sample stores on all papers: every problem of names, widths and links at once."""
    if not folder.is_dir():
        fail(f"there is no folder {folder}")
    if width is not None and width not in WIDTHS:
        fail(f"--width is one of {', '.join(map(str, WIDTHS))}")
    problems, files = check_templates(folder, (width,) if width else WIDTHS)
    raise typer.Exit(int(emit_problems(problems, files, form, loaded="The plain footer prints in its place.")))


def check_templates(folder: Path, widths: Sequence[int] = WIDTHS) -> tuple[list[Problem], int]:
    """Every problem of every template of a folder for the sample stores, and how many files were read.

    A template that says for how wide a line it is made is checked from there on. Of several widths that a line does
    not fit, the narrowest is told; warnings are those of the first sample, whose values are harmless.
    """
    templates, problems = read_templates(folder)
    for name, (path, source) in templates.items():
        told: set[tuple[str, int, int]] = set()
        for at in [w for w in widths if w >= least_width(source)] or [max(widths)]:
            for sample in SAMPLES:
                store = replace(sample, receipt_width=at, paper_mm=usual_mm(at))
                for problem in render_footer(name, source, store, path=path).problems:
                    at_column = 0 if problem.code == "line-too-wide" else problem.span.col
                    key = (problem.code, problem.span.line, at_column)
                    if key not in told and (problem.level is Level.ERROR or sample is SAMPLE):
                        told.add(key)
                        problems.append(problem)
    return problems, len(templates)


# ---- where it comes from -----------------------------------------------------------------------------------------


def _site(config: Path | None) -> Site:
    path = config or PROFILE
    if not path.is_file():
        fail(f"there is no profile {path}; name the one of the site with --config")
    loaded = load_site(path)
    if loaded.site is None:
        raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, Format.TEXT)))
    return loaded.site


def _frozen(site: Site, receipt_no: str) -> Frozen:
    try:
        found = read_frozen(open_reader(site), receipt_no)
    except NavpluginError as problem:
        fail(str(problem), Exit.UNREACHABLE)
    if found is None:
        fail(f"NAV has no receipt {receipt_no} that a footer was chosen for", Exit.PROBLEMS)
    return found


def _settings(site: Site | None, store_no: str, mm: int | None, width: int | None, page: str) -> StoreSettings:
    if site is None:
        found = replace(SAMPLE, paper_mm=mm or (usual_mm(width) if width else 80))
        found = replace(found, receipt_width=width or usual_width(found.paper_mm))
    else:
        stores = site.profile.stores
        if store_no and store_no not in stores:
            fail(f"the profile has no store {store_no}; {did_you_mean(store_no, list(stores))}")
        found = site.profile.store_settings(store_no or next(iter(stores)))
        found = replace(found, paper_mm=mm or found.paper_mm)
        found = replace(found, receipt_width=width or (usual_width(mm) if mm else found.receipt_width))
    if found.paper_mm not in DOTS:
        fail("--paper is 58 or 80")
    if found.receipt_width not in WIDTHS:
        fail(f"--width is one of {', '.join(map(str, WIDTHS))}")
    if not paper_of(found).fits:
        fail(f"{found.receipt_width} characters do not fit on {found.paper_mm} mm of paper")
    if page and page not in CODE_PAGES:
        fail(f"there is no code page '{page}'; {did_you_mean(page, CODE_PAGES)}")
    return replace(found, code_page=page or found.code_page)


def _from_receipt(frozen: Frozen, store: StoreSettings) -> _Sheet:
    """The rows that the receipt names, as NAV keeps them."""
    if not frozen.code:
        fail(f"receipt {frozen.receipt_no} bears no footer", Exit.PROBLEMS)
    if not frozen.lines:
        fail(f"receipt {frozen.receipt_no} names footer {frozen.code}, and NAV has no rows of it", Exit.PROBLEMS)
    state = "was printed with" if frozen.posted else "will print"
    return _Sheet(frozen.lines, store, f"Receipt {frozen.receipt_no} {state} {frozen.code} ({frozen.template}).")


def _from_template(template: str, store: StoreSettings, config: Path | None) -> _Sheet:
    name = template or TEMPLATES[0]
    folder = _folder(config)
    path = Path(name) if name.endswith(".j2") else folder / f"{name}{SUFFIX}"
    try:
        source = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        known = sorted(p.name.removesuffix(SUFFIX) for p in folder.glob(f"*{SUFFIX}"))
        fail(f"there is no receipt template {path}; {did_you_mean(name, known or TEMPLATES)}")
    footer = render_footer(path.name.removesuffix(SUFFIX), source, store, path=str(path))
    paper = paper_of(store)
    said = f"{footer.code}, {len(footer.rows)} rows in AIQ_ReceiptFooter, {store.receipt_width} characters"
    return _Sheet(footer.lines, store, f"{said} on {paper.mm} mm", footer)


def _folder(config: Path | None) -> Path:
    if config is not None:
        loaded = load_site(config)
        if loaded.site is not None:
            return config.resolve().parent / str(loaded.site.profile.worker["receipt-templates"])
    here = Path("receipt_templates")
    return here if here.is_dir() else defaults_folder("receipt_templates")


# ---- where it goes -----------------------------------------------------------------------------------------------


def _write_files(sheet: _Sheet, png: Path | None, escpos: Path | None) -> None:
    """Pillow and python-escpos are loaded only here: they take a moment."""
    paper: Paper = paper_of(sheet.store)
    if png is not None:
        from navplugin.receipts.picture import footer_png

        _write(png, footer_png(sheet.lines, paper))
    if escpos is not None:
        from navplugin.receipts.escpos import footer_escpos

        native = sheet.store.qr_mode == "Native"
        _write(escpos, footer_escpos(sheet.lines, paper, sheet.store.code_page, native=native))


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as wrong:
        fail(f"cannot write {path}: {wrong.strerror}")
    err.print(f"{path}: {len(data):,} bytes", markup=False)


def _bears(frozen: Frozen | None) -> dict[str, object] | None:
    if frozen is None:
        return None
    return {"receipt_no": frozen.receipt_no, "store_no": frozen.store_no, "code": frozen.code, "posted": frozen.posted}


def _shown(line: FooterLine) -> dict[str, object]:
    return {name: getattr(line, name) for name in ("kind", "text", "align", "wide", "bold", "payload")}

