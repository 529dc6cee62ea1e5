"""A receipt footer as it will print, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from navplugin.receipts.layout import FooterLine
from navplugin.receipts.qr import qr_blocks


def preview(lines: Sequence[FooterLine], width: int) -> list[str]:
    """The printed lines inside a frame of the paper's width; QR codes as blocks."""
    inner: list[str] = []
    for line in lines:
        if line.kind in ("QR", "Image"):
            inner += qr_blocks(line.payload) if line.payload else ["(a picture)".center(width)]
        else:
            inner.append(printed(line, width))
    across = max([width, *(len(x) for x in inner)])
    return [f"┌{'─' * (across + 2)}┐", *(f"│ {x.center(across)} │" for x in inner), f"└{'─' * (across + 2)}┘"]


def printed(line: FooterLine, width: int) -> str:
    """One line of text as the printer sets it; a wide letter takes two places."""
    text = " ".join(line.text) if line.wide else line.text
    return {"C": text.center(width), "R": text.rjust(width)}.get(line.align, text.ljust(width))
