"""From rendered lines to rows of AIQ_ReceiptFooter (ls-pos.md 4, 7.5): alignment, width, code page, QR code. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from navplugin.core.problems import Level, Problem, Span
from navplugin.receipts.codepage import fit
from navplugin.receipts.paper import Paper
from navplugin.receipts.qr import BEST_DOTS, LinkTooLong, longest_link, symbol
from navplugin.receipts.template import BOLD, CENTER, LINE, QR, RIGHT, VALUE, WIDE, RenderedLine

LONGEST_TEXT = 100
LONGEST_PAYLOAD = 250
_ONE_PERSON = re.compile(r"/wallet/[^/?#]+/[^/?#]+|@|%40|[?&#](phone|mobile|email|e-mail|name|contact)[^=&]*=", re.I)
"""Links that name a person: the wallet of one contact (aiq-api.md 8), an e-mail address, a phone number."""
_PHONE = re.compile(r"(?<!\d)\+?1?\d{10}(?!\d)")


@dataclass(frozen=True, slots=True)
class FooterLine:
    """A printed line. kind: Text, Separator, QR, or Image (a picture that is kept ready-made, as PNG in `data`).

    payload: what the QR code says.
    """

    kind: str
    text: str = ""
    align: str = "L"
    wide: bool = False
    bold: bool = False
    payload: str = ""
    data: bytes = field(default=b"", repr=False)


def lay_out(
    path: str, lines: Sequence[RenderedLine], paper: Paper, page: str
) -> tuple[tuple[FooterLine, ...], tuple[Problem, ...]]:
    """The printed lines on this paper (a wide line has half of the characters), and what does not fit.

    page: the printer's code page. What it lacks is written in letters that it has, with a warning.
    """
    sheet = _Sheet(path, paper, page)
    for line in lines:
        sheet.put(line)
    return tuple(sheet.lines), tuple(sheet.problems)


class _Sheet:
    """Collects printed lines and problems."""

    def __init__(self, path: str, paper: Paper, page: str) -> None:
        self.path, self.paper, self.page = path, paper, page
        self.lines: list[FooterLine] = []
        self.problems: list[Problem] = []

    def put(self, line: RenderedLine) -> None:
        """One rendered line."""
        marks = frozenset(line.text) & {CENTER, RIGHT, BOLD, WIDE, LINE, QR}
        text = line.text.strip(" ") if marks else line.text
        if QR in marks:
            head, payload, tail = text.split(QR, 2)
            if "".join(c for c in head + tail if c not in (*marks, VALUE)).strip() or QR in tail:
                message = "a QR code has something beside it on its line"
                self._add(line, 1, "template-refused", message, "give {{ qr(...) }} a line of its own")
            else:
                self._qr(line, payload.replace(VALUE, ""))
        elif LINE in marks:
            self.lines.append(FooterLine("Separator", "-" * self.paper.width))
        else:
            self._text(line, text, marks)

    def _text(self, line: RenderedLine, text: str, marks: frozenset[str]) -> None:
        plain, changed = fit("".join(c for c in text if c not in (*marks, VALUE)), self.page)
        for char, instead in changed:
            self._warn_of_character(line, char, instead)
        room = min(self.paper.width // 2 if WIDE in marks else self.paper.width, LONGEST_TEXT)
        pieces = [plain]
        if len(plain) > room and VALUE in text:
            pieces = textwrap.wrap(plain, room, break_on_hyphens=False)
        elif len(plain) > room:
            message = f"the line has {len(plain)} characters, {room} fit on this receipt"
            self._add(line, room + 1, "line-too-wide", message, "shorten it or break it")
        align = "C" if CENTER in marks else "R" if RIGHT in marks else "L"
        self.lines += [FooterLine("Text", x[:LONGEST_TEXT], align, WIDE in marks, BOLD in marks) for x in pieces]

    def _warn_of_character(self, line: RenderedLine, char: str, instead: str) -> None:
        shown = char if char.isprintable() and char.strip() else f"U+{ord(char):04X}"
        became = f"prints as '{instead}'" if instead else "is left out"
        message = f"'{shown}' is not in code page {self.page} and {became}"
        hint = "write it so, or set code-page to one that the printer is set to and that has it"
        col = max(1, line.text.find(char) + 1)
        self._add(line, col, "lost-character", message, hint, Level.WARNING)

    def _qr(self, line: RenderedLine, payload: str) -> None:
        hint = "set wallet-url and signup-url in the profile"
        if not payload.startswith(("https://", "http://")) or any(c.isspace() for c in payload):
            message = f"a QR code needs an address that begins with https://, not '{payload[:40]}'"
            return self._add(line, 1, "bad-address", message, hint)
        if len(payload) > LONGEST_PAYLOAD:
            message = f"the address of the QR code has {len(payload)} characters; at most {LONGEST_PAYLOAD} fit"
            return self._add(line, 1, "bad-address", message, "use a shorter address")
        if _ONE_PERSON.search(payload) or _PHONE.search(payload):
            message = "the link of the QR code names a person, and a receipt is litter"
            return self._add(line, 1, "personal-link", message, "use the link for everybody from AIQ's Share menu")
        try:
            code = symbol(payload, self.paper.dots)
        except LinkTooLong as wrong:
            return self._add(line, 1, "bad-address", f"{wrong}; no phone would read it", "use a shorter address")
        if code.dots < BEST_DOTS:
            most = longest_link(self.paper.dots)
            message = f"the link is long: its QR code has {code.dots} dots a module, {BEST_DOTS} read better"
            self._add(line, 1, "long-link", message, f"on this paper that is {most} characters", Level.WARNING)
        self.lines += [FooterLine("QR", payload=payload, align="C"), *_address(payload, self.paper.width)]
        return None

    def _add(
        self, line: RenderedLine, col: int, code: str, message: str, hint: str, level: Level = Level.ERROR
    ) -> None:
        self.problems.append(Problem(Span(self.path, line.number, col), level, code, message, hint))


def _address(url: str, width: int) -> list[FooterLine]:
    """The address as text below its QR code, for a phone that cannot read it (ls-pos.md 4).

    A long one is broken where a person would: behind the host, else behind another slash, ? or &.
    """
    pieces: list[str] = []
    rest = url
    while len(rest) > width:
        host = rest.find("/", rest.find("//") + 2) + 1 if not pieces else 0
        ends = [n + 1 for n, char in enumerate(rest[:width]) if char in "/?&" and rest[n : n + 2] != "//"]
        usable = [n for n in ends if n > len("https://")]
        cut = host if 0 < host <= width and len(rest) - host <= width else max(usable, default=width)
        pieces.append(rest[:cut])
        rest = rest[cut:]
    return [FooterLine("Text", piece, "C") for piece in (*pieces, rest)]
