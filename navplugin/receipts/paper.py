"""Receipt paper: how many dots and characters it has (ls-pos.md 4). Pure.

Thermal printers have eight dots a millimetre (203 dpi): 384 on 58 mm paper, 576 on 80 mm. A character of font A is 12
dots wide, of the small font B 9.
"""

from __future__ import annotations

from dataclasses import dataclass

DOTS = {58: 384, 80: 576}
"""Printable dots by millimetres of paper."""
WIDTHS = (32, 40, 42, 44, 48)
"""Characters on a line that printers are set to."""
FONT_A, FONT_B = 12, 9


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper of 58 or 80 mm with so many characters on a line."""

    mm: int
    width: int

    @property
    def dots(self) -> int:
        """Printable dots across."""
        return DOTS[self.mm]

    @property
    def cell(self) -> int:
        """Dots of one character: font A where the line has room, else font B."""
        return FONT_A if self.width * FONT_A <= self.dots else FONT_B

    @property
    def fits(self) -> bool:
        """Whether a line of this width can be printed at all."""
        return self.width * FONT_B <= self.dots


def usual_width(mm: int) -> int:
    """Characters on a line where nobody says: 32 on 58 mm; 40 on 80 mm, the only width that LS is known to use."""
    return 32 if mm == 58 else 40


def usual_mm(width: int) -> int:
    """The paper where nobody says."""
    return 58 if width <= 32 else 80
