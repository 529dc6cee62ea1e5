"""The rules of one store as they come out of all layers, line by line with their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from navplugin.core.inifile import Section, read_ini
from navplugin.core.problems import Span
from navplugin.rulebook.book import Rulebook

DEFAULTS = (("priority", "100"), ("mode", "on"))


@dataclass(frozen=True, slots=True)
class EffectiveLine:
    """A line of the effective file. place: rules/wallet.ini:4; `default` where no file says it, or nothing."""

    section: str
    text: str
    place: str


def effective_lines(book: Rulebook, files: Sequence[tuple[str, bytes]]) -> tuple[EffectiveLine, ...]:
    """The sections that apply, in the order in which they count: facts, rules, stacks, texts.

    book: that of the store (`Rulebook.for_store`), free of errors; files: those that it was made from.
    """
    sections: dict[tuple[str, int], Section] = {}
    for path, data in files:
        sections |= {(s.span.path, s.span.line): s for s in read_ini(path, data).sections}
    facts = [s.span for s in sections.values() if s.name.startswith("fact ") and _is_used(s, book)]
    rules = [r.span for r in book.rules]
    stacks = [s.span for s in book.stacks]
    texts = [t.span for t in book.texts.values() if t.span is not None]
    out: list[EffectiveLine] = []
    for span in (*facts, *rules, *stacks, *texts):
        out += _lines(sections[(span.path, span.line)], with_defaults=span in rules)
    return tuple(out)


def _is_used(section: Section, book: Rulebook) -> bool:
    """Facts of other stores' layers are left out."""
    name = section.name.partition(" ")[2].strip()
    return any(c.fact.caption == name for r in book.rules for c in r.conditions) or any(
        c.fact.caption == name for s in book.stacks for c in (*s.among, *s.conditions)
    )


def _lines(section: Section, *, with_defaults: bool) -> list[EffectiveLine]:
    lines = [(section.span, f"[{section.name}]")]
    lines += [(e.key_span, f"{e.key} = {e.value}") for e in section.entries]
    lines += [(c.span, f"{c.word} {c.fact} is {c.filter_text.strip()}") for c in section.conditions]
    out = [EffectiveLine(section.name, text, _place(span)) for span, text in sorted(lines, key=lambda x: x[0].line)]
    if with_defaults:
        missing = [(key, value) for key, value in DEFAULTS if section.get(key) is None]
        out += [EffectiveLine(section.name, f"{key} = {value}", "default") for key, value in missing]
    return [*out, EffectiveLine(section.name, "", "")]


def _place(span: Span) -> str:
    return f"{span.path}:{span.line}"
