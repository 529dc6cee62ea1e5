"""The printer's code page: what it can print stays, everything else becomes letters that it has. Pure.

Nothing turns to rubbish: an accent goes before a letter does, a currency sign becomes its code, the rest a question
mark that everybody sees.
"""

from __future__ import annotations

import unicodedata

_INSTEAD = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‹": "'", "›": "'",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "…": "...", "•": "*", "·": "*",
    "€": "EUR", "£": "GBP", "¥": "JPY", "¢": "c", "₡": "CRC", "₱": "PHP", "₹": "INR", "₩": "KRW", "₽": "RUB",
    "™": "(TM)", "©": "(C)", "®": "(R)", "×": "x", "÷": "/", "°": " deg", "½": "1/2", "¼": "1/4", "¾": "3/4",
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
    "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L", "ı": "i", "ª": "a", "º": "o", "№": "No.", "≤": "<=", "≥": ">=",
}  # fmt: skip
_SILENT = ("Mn", "Me", "Cf")
"""Categories of what a reader does not miss: loose accents, joiners, marks of direction, variation selectors."""
LOST = "?"


def fit(text: str, page: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The text as this code page can hold it, and what was changed: (character, what stands there now), each once.

    page: one of core.profile.CODE_PAGES, which receipt printers have and Python knows.
    """
    out: list[str] = []
    changed: dict[str, str] = {}
    for char in unicodedata.normalize("NFC", text):
        if unicodedata.category(char) == "Zs":
            out.append(" ")  # no-break and narrow blanks are blanks on paper
            continue
        kept = char if _has(page, char) else _replacement(char, page)
        if kept != char:
            changed[char] = kept
        out.append(kept)
    return "".join(out), tuple(changed.items())


def _has(page: str, text: str) -> bool:
    """Whether the page holds it as itself; control characters are commands to a printer."""
    try:
        text.encode(page)
    except UnicodeEncodeError:
        return False
    return all(unicodedata.category(char) != "Cc" for char in text)


def _replacement(char: str, page: str) -> str:
    category = unicodedata.category(char)
    if category in _SILENT:
        return ""
    if category in ("Zl", "Zp", "Cc"):
        return " "
    instead = _INSTEAD.get(char)
    if instead is None:
        plain = unicodedata.normalize("NFKD", char)
        instead = "".join(c for c in plain if unicodedata.category(c) not in _SILENT)
    instead = "".join(c if c != char and _has(page, c) else "" for c in instead)
    return instead or LOST
