"""From rendered lines to rows of AIQ_ReceiptFooter (ls-pos.md 4, 7.5): alignment, width, QR code. Pure."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from navplugin.core.problems import Level, Problem, Span
from navplugin.receipts.template import BOLD, CENTER, LINE, QR, RIGHT, WIDE, RenderedLine

LONGEST_TEXT = 100
LONGEST_PAYLOAD = 250


@dataclass(frozen=True, slots=True)
class FooterLine:
    """A printed line. kind: Text, Separator or QR; payload: what the QR code says."""

    kind: str
    text: str = ""
    align: str = "L"
    wide: bool = False
    bold: bool = False
    payload: str = ""


def lay_out(path: str, lines: Sequence[RenderedLine], width: int) -> tuple[tuple[FooterLine, ...], tuple[Problem, ...]]:
    """The printed lines at this width (characters; a wide line has half of them), and what does not fit."""
    out: list[FooterLine] = []
    problems: list[Problem] = []
    for line in lines:
        text = line.text.strip(" ") if _marks(line.text) else line.text
        if QR in text:
            out += _qr_lines(path, line, text.partition(QR)[2], width, problems)
        elif LINE in text:
            out.append(FooterLine("Separator", "-" * width))
        else:
            out.append(_text_line(path, line, text, width, problems))
    return tuple(out), tuple(problems)


def _text_line(path: str, line: RenderedLine, text: str, width: int, problems: list[Problem]) -> FooterLine:
    marks = _marks(text)
    plain = unicodedata.normalize("NFC", "".join(c for c in text if c not in (CENTER, RIGHT, BOLD, WIDE)))
    room = width // 2 if WIDE in marks else width
    if len(plain) > min(room, LONGEST_TEXT):
        message = f"the line has {len(plain)} characters, {room} fit on this receipt"
        problems.append(_problem(path, line, room + 1, "line-too-wide", message, "shorten it or break it"))
    align = "C" if CENTER in marks else "R" if RIGHT in marks else "L"
    return FooterLine("Text", plain[:LONGEST_TEXT], align, WIDE in marks, BOLD in marks)


def _qr_lines(path: str, line: RenderedLine, payload: str, width: int, problems: list[Problem]) -> list[FooterLine]:
    if not payload.startswith(("https://", "http://")):
        message = f"a QR code needs an address that begins with https://, not '{payload[:40]}'"
        problems.append(_problem(path, line, 1, "bad-address", message, "set wallet-url and signup-url in the profile"))
        return []
    if len(payload) > LONGEST_PAYLOAD:
        message = f"the address of the QR code has {len(payload)} characters; at most {LONGEST_PAYLOAD} fit"
        problems.append(_problem(path, line, 1, "bad-address", message, "use a shorter address"))
        return []
    return [FooterLine("QR", payload=payload, align="C"), *_address(payload, width)]


def _address(url: str, width: int) -> Iterable[FooterLine]:
    """The address as text below its QR code, for a phone that cannot read it (ls-pos.md 4)."""
    pieces = textwrap.wrap(url, width, break_long_words=True, break_on_hyphens=False)
    return [FooterLine("Text", piece, "C") for piece in pieces]


def _marks(text: str) -> frozenset[str]:
    return frozenset(c for c in text if c in (CENTER, RIGHT, BOLD, WIDE, LINE, QR))


def _problem(path: str, line: RenderedLine, col: int, code: str, message: str, hint: str) -> Problem:
    return Problem(Span(path, line.number, col), Level.ERROR, code, message, hint)
