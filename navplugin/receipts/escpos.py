"""A receipt footer as ESC/POS, the commands that receipt printers obey. python-escpos writes them.

NAV prints the footer; these bytes are to try a printer with (`receipt preview --escpos`), by copying them to its port.
"""

from __future__ import annotations

from collections.abc import Sequence

from escpos.constants import QR_ECLEVEL_M, QR_ECLEVEL_Q
from escpos.printer import Dummy

from navplugin.receipts.layout import FooterLine
from navplugin.receipts.paper import FONT_A, Paper
from navplugin.receipts.picture import qr_image
from navplugin.receipts.qr import symbol

_ALIGN = {"L": "left", "C": "center", "R": "right"}
_LEVELS = {"M": QR_ECLEVEL_M, "Q": QR_ECLEVEL_Q}
FEED = 4
"""Lines to the knife."""


def footer_escpos(lines: Sequence[FooterLine], paper: Paper, page: str, *, native: bool = False) -> bytes:
    """The bytes for a printer: reset, code page, lines, QR code, feed and cut.

    page: the printer's code page. native: the printer draws the QR code itself (GS ( k); else it gets dots (GS v 0).
    """
    printer = Dummy()
    data = printer.profile.profile_data
    media = {**data.get("media", {}), "width": {"mm": paper.mm, "pixels": paper.dots}}
    printer.profile.profile_data = {**data, "media": media}  # else python-escpos complains on standard output
    printer.hw("INIT")
    printer.charcode(escpos_page(page))
    margin = (paper.dots - paper.width * paper.cell) // 2
    for line in lines:
        if line.kind in ("QR", "Image"):
            _put_area(printer, 0, paper.dots)
            _put_qr(printer, line, paper, native=native)
        else:
            _put_area(printer, margin, paper.width * paper.cell)
            _put_text(printer, line, paper)
    printer.ln(FEED)
    printer.cut()
    return bytes(printer.output)


def escpos_page(page: str) -> str:
    """The name that ESC/POS profiles give to a code page of the profile: cp437 is CP437, iso8859-15 is ISO_8859-15."""
    return page.upper().replace("ISO", "ISO_")


def _put_area(printer: Dummy, margin: int, width: int) -> None:
    """Left margin (GS L) and width (GS W) in dots: text of 40 characters stands in the middle of wider paper."""
    printer._raw(b"\x1dL" + margin.to_bytes(2, "little") + b"\x1dW" + width.to_bytes(2, "little"))


def _put_text(printer: Dummy, line: FooterLine, paper: Paper) -> None:
    printer.set(
        align=_ALIGN.get(line.align, "left"),
        font="a" if paper.cell == FONT_A else "b",
        bold=line.bold,
        custom_size=True,
        width=2 if line.wide else 1,
        height=1,
    )
    printer.text(line.text.rstrip() + "\n")


def _put_qr(printer: Dummy, line: FooterLine, paper: Paper, *, native: bool) -> None:
    printer.set(align="center")
    if native and line.payload:
        code = symbol(line.payload, paper.dots)
        printer.qr(line.payload, ec=_LEVELS[code.level], size=code.dots, native=True)
    elif (image := qr_image(line, paper)) is not None:
        printer.image(image, impl="bitImageRaster", fragment_height=image.height)
