"""QR codes: how large on which paper, as a 1-bit PNG for receipt printers, and as blocks for a terminal.

Phones miss a good part of codes with three dots a module and all without a margin (what-users-expect.md 52), so four
dots are the least, six the aim, and four modules of white stand on all sides. Error correction is M, and Q where the
link is short enough to cost nothing.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import png
import qrcode
from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.exceptions import DataOverflowError

MARGIN = 4
LEAST_DOTS, BEST_DOTS = 4, 6
SHORT_VERSION = 4
"""The largest symbol that error correction Q may need: 33 modules, links of some 46 characters."""
_LEVELS = {"M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q}
Matrix = tuple[tuple[bool, ...], ...]


class LinkTooLong(ValueError):
    """Not even four dots a module fit on the paper."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A QR code on one paper. level: M or Q; dots: printer dots of a module; modules with margin, True = dark."""

    payload: str
    level: str
    dots: int
    matrix: Matrix

    @property
    def size(self) -> int:
        """Dots across, margin included."""
        return len(self.matrix) * self.dots

    def rows(self) -> list[list[bool]]:
        """The dots, True = dark."""
        return [row for line in self.matrix for row in [[d for d in line for _ in range(self.dots)]] * self.dots]


def symbol(payload: str, paper_dots: int) -> Symbol:
    """The code for a link on paper of so many dots. Raises LinkTooLong."""
    try:
        level, matrix = _best(payload)
    except (DataOverflowError, ValueError) as wrong:
        raise LinkTooLong(f"a link of {len(payload)} characters fits no QR code") from wrong
    dots = min(BEST_DOTS, paper_dots // len(matrix))
    if dots < LEAST_DOTS:
        least = len(matrix) * LEAST_DOTS
        raise LinkTooLong(f"a link of {len(payload)} characters needs {least} dots, the paper has {paper_dots}")
    return Symbol(payload, level, dots, matrix)


@lru_cache(maxsize=128)
def longest_link(paper_dots: int, dots: int = BEST_DOTS) -> int:
    """How many characters a link may have so that a module gets so many dots, at level M."""
    modules = paper_dots // dots - 2 * MARGIN
    version = (modules - 17) // 4
    return _ROOM_AT_M[min(version, len(_ROOM_AT_M)) - 1] if version >= 1 else 0


_ROOM_AT_M = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666)
"""Bytes at level M by version, from 1 on (ISO/IEC 18004, table 7)."""


@lru_cache(maxsize=128)
def _best(payload: str) -> tuple[str, Matrix]:
    """Level Q where the symbol stays small, else M; the modules with their margin."""
    for level in ("Q", "M"):
        code = qrcode.QRCode(error_correction=_LEVELS[level], border=MARGIN)
        code.add_data(payload, optimize=0)
        code.make(fit=True)
        if code.version <= SHORT_VERSION:
            break
    return level, tuple(tuple(bool(cell) for cell in row) for row in code.get_matrix())


def qr_png(code: Symbol) -> bytes:
    """A 1-bit grey PNG at the printer's dots."""
    rows = [[0 if dark else 1 for dark in row] for row in code.rows()]
    out = io.BytesIO()
    png.Writer(len(rows), len(rows), greyscale=True, bitdepth=1, compression=9).write(out, rows)
    return out.getvalue()


def qr_blocks(payload: str) -> list[str]:
    """The same modules for a terminal, two rows of them in a line of characters. Dark modules are blank: so is it."""
    _, matrix = _best(payload)
    pairs = [
        (matrix[n], matrix[n + 1] if n + 1 < len(matrix) else [False] * len(matrix)) for n in range(0, len(matrix), 2)
    ]
    shown = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}
    return ["".join(shown[upper, lower] for upper, lower in zip(*pair, strict=True)) for pair in pairs]
