"""Texts that staff read: a key for each language, facts in braces (design.md 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from navplugin.core.money import show_money
from navplugin.core.problems import Span
from navplugin.rulebook.facts.look import Fact, Look, Unknown
from navplugin.rulebook.filters.values import show

Part = str | Fact


@dataclass(frozen=True, slots=True)
class Text:
    """A [text NAME]: by language, words and facts in turn. span: where it stands, None for a built-in one."""

    name: str
    languages: Mapping[str, tuple[Part, ...]]
    span: Span | None = None

    def render(self, look: Look) -> str:
        """The text in the store's language, else in its main language (es for es-MX), else in the first one given."""
        wanted = look.situation.store.language
        for language in (wanted, wanted.split("-")[0], *self.languages):
            if language in self.languages:
                return "".join(_shown(part, look) for part in self.languages[language])
        return ""


def _shown(part: Part, look: Look) -> str:
    if isinstance(part, str):
        return part
    value = look.value_of(part)
    if isinstance(value, Unknown):
        return "?"
    if part.money and isinstance(value, Decimal):
        return show_money(value, look.situation.store.currency_precision)
    return show(value, part.type)


def built_in(name: str, **languages: str) -> Text:
    """A text that needs no file."""
    return Text(name, {language: (words,) for language, words in languages.items()})


def one_line(text: str, limit: int) -> str:
    """The words on one line, cut with an ellipsis at the limit."""
    words = " ".join(text.split())
    return words if len(words) <= limit else words[: limit - 3].rstrip() + "..."


def wrap(text: str, width: int, lines: int) -> tuple[tuple[str, ...], bool]:
    """The words on at most so many lines of this width; True when some had to be left out.

    A line break in the text is kept where the lines suffice.
    """
    whole, cut = _wrap(text.splitlines() or [""], width, lines)
    return (whole, False) if not cut else _wrap([" ".join(text.split())], width, lines)


def _wrap(paragraphs: list[str], width: int, lines: int) -> tuple[tuple[str, ...], bool]:
    out: list[str] = []
    for paragraph in paragraphs:
        line = ""
        for word in paragraph.split():
            while len(word) > width:
                if line:
                    out.append(line)
                    line = ""
                out.append(word[:width])
                word = word[width:]
            if line and len(line) + 1 + len(word) > width:
                out.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
        if line:
            out.append(line)
    if len(out) <= lines:
        return tuple(out), False
    kept = out[:lines]
    kept[-1] = kept[-1][: width - 3].rstrip() + "..."
    return tuple(kept), True
