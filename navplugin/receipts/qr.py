"""QR codes: as a 1-bit PNG for receipt printers, and as blocks for a terminal. Level M, a margin of four modules."""

from __future__ import annotations

import io
from functools import lru_cache

import png
import qrcode
from qrcode.constants import ERROR_CORRECT_M

MARGIN = 4
LEAST_DOTS, MOST_DOTS = 4, 8
WIDEST = 320
"""Dots: fits a 58 mm printer (384 dots) with room at both sides."""


@lru_cache(maxsize=64)
def qr_matrix(payload: str) -> tuple[tuple[bool, ...], ...]:
    """The modules with their margin, True = dark."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=MARGIN)
    code.add_data(payload)
    code.make(fit=True)
    return tuple(tuple(bool(cell) for cell in row) for row in code.get_matrix())


def qr_png(payload: str) -> bytes:
    """A 1-bit grey PNG with four to eight dots for each module, as many as a narrow printer has room for."""
    matrix = qr_matrix(payload)
    dots = max(LEAST_DOTS, min(MOST_DOTS, WIDEST // len(matrix)))
    rows = []
    for modules in matrix:
        row = [0 if dark else 1 for dark in modules for _ in range(dots)]
        rows += [row] * dots
    out = io.BytesIO()
    png.Writer(len(rows), len(rows), greyscale=True, bitdepth=1, compression=9).write(out, rows)
    return out.getvalue()


def qr_blocks(payload: str) -> list[str]:
    """Two rows of modules in a line of characters; dark modules are blank, for a terminal with a dark background."""
    matrix = qr_matrix(payload)
    pairs = [
        (matrix[n], matrix[n + 1] if n + 1 < len(matrix) else [False] * len(matrix)) for n in range(0, len(matrix), 2)
    ]
    shown = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}
    return ["".join(shown[upper, lower] for upper, lower in zip(*pair, strict=True)) for pair in pairs]
