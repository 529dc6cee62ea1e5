"""A receipt footer as a picture, dot for dot as a 203 dpi printer sets it. Pillow draws.

Letters come from Pillow's own bitmap font of 6 x 11 dots, which doubled is as coarse as a printer's font A (12 x 24).
What that font lacks (the euro sign) is drawn from Pillow's outline font into the same cell.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from navplugin.receipts.layout import FooterLine
from navplugin.receipts.paper import FONT_A, FONT_B, Paper
from navplugin.receipts.preview import printed
from navplugin.receipts.qr import LinkTooLong, symbol

LARGEST = 2000
EDGE = 24
"""White dots that no printer reaches, at each side."""
WHITE, BLACK = 255, 0
LETTER, LEADING = {FONT_A: 22, FONT_B: 17}, {FONT_A: 30, FONT_B: 24}
"""Dots of a letter's height and from line to line: ESC/POS sets 30 for font A."""


def footer_png(lines: Sequence[FooterLine], paper: Paper) -> bytes:
    """The paper with these lines on it, as a grey PNG. A QR code is drawn as the rows in NAV hold it."""
    strips = [_strip(line, paper) for line in lines]
    height = sum(strip.height for strip in strips) + 2 * EDGE
    page = Image.new("L", (paper.dots + 2 * EDGE, height), WHITE)
    top = EDGE
    for strip in strips:
        page.paste(strip, (EDGE + (paper.dots - strip.width) // 2, top))
        top += strip.height
    out = io.BytesIO()
    page.save(out, "PNG", optimize=True, dpi=(203, 203))
    return out.getvalue()


def qr_image(line: FooterLine, paper: Paper) -> Image.Image | None:
    """The QR code of a line as dots: the picture that NAV keeps, else drawn for this paper; None where neither goes."""
    kept = _kept(line.data) if line.data else None
    if kept is not None and kept.width <= paper.dots:
        return kept
    if not line.payload:
        return None
    try:
        code = symbol(line.payload, paper.dots)
    except LinkTooLong:
        return None
    dots = bytes(BLACK if dark else WHITE for row in code.rows() for dark in row)
    return Image.frombytes("L", (code.size, code.size), dots)


def _kept(data: bytes) -> Image.Image | None:
    """A picture out of NAV's rows; None where somebody has damaged it."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            return image.convert("L") if max(image.size) <= LARGEST else None
    except (OSError, ValueError, SyntaxError):
        return None


def _strip(line: FooterLine, paper: Paper) -> Image.Image:
    if line.kind in ("QR", "Image"):
        return qr_image(line, paper) or Image.new("L", (paper.dots, 1), WHITE)
    height, leading = LETTER[paper.cell], LEADING[paper.cell]
    strip = Image.new("L", (paper.width * paper.cell, leading), WHITE)
    text = line.text if line.wide else printed(line, paper.width)
    cell = paper.cell * (2 if line.wide else 1)
    left = 0
    if line.wide:
        spare = paper.width * paper.cell - len(text) * cell
        left = {"C": spare // 2, "R": spare}.get(line.align, 0)
    for n, char in enumerate(text):
        strip.paste(_letter(char, cell, height, line.bold), (left + n * cell, (leading - height) // 2))
    return strip


@lru_cache(maxsize=2048)
def _letter(char: str, width: int, height: int, bold: bool) -> Image.Image:
    """One character in its cell; bold is struck twice, a dot apart."""
    image = Image.new("L", (6, 11), WHITE)
    try:
        ImageDraw.Draw(image).text((0, 0), char, fill=BLACK, font=ImageFont.load_default_imagefont())
    except UnicodeEncodeError:
        image = Image.new("L", (width, height), WHITE)
        font = ImageFont.load_default(height * 4 // 5)
        ImageDraw.Draw(image).text((0, 0), char, fill=BLACK, font=font)
    image = image.resize((width, height), Image.Resampling.NEAREST).point(lambda dot: BLACK if dot < 128 else WHITE)
    if bold:
        struck = Image.new("L", image.size, WHITE)
        struck.paste(image, (1, 0))
        image = Image.composite(image, struck, image.point(lambda dot: WHITE - dot))
    return image
