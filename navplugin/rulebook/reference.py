"""The tables of rules/README.md, made from the code, so that the two never disagree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from navplugin.core.problems import CODES
from navplugin.rulebook.case_keys import KEY_DOCS
from navplugin.rulebook.cases import EXPECTATIONS
from navplugin.rulebook.examples import ELSEWHERE, EXAMPLES
from navplugin.rulebook.facts import FACTS
from navplugin.rulebook.facts.made import TABLES
from navplugin.rulebook.facts.moments import MOMENTS
from navplugin.rulebook.verbs import VERBS

_MARK = re.compile(r"(<!-- table: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(text: str) -> str:
    """The text with every marked table made anew. KeyError for a mark that names no table."""
    return _MARK.sub(lambda m: f"{m[1]}{_TABLES[m[2]]()}{m[3]}", text)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = f"| {' | '.join(columns)} |\n| {' | '.join('---' for _ in columns)} |\n"
    return head + "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def _facts() -> str:
    rows = [
        (f"`{f.caption}`", f.type.value, f.about.value, f.doc + _options(f.options), f.known.value, f.cost.value)
        for f in FACTS
    ]
    return _table(("fact", "type", "about", "what it is", "known from", "cost"), rows)


def _options(options: tuple[str, ...]) -> str:
    return f" ({', '.join(options)})" if options else ""


def _moments() -> str:
    rows = [(f"`{m.name}`", m.doc, m.about.value, m.once_per) for m in MOMENTS]
    return _table(("`on`", "holds while", "asked for each", "once per"), rows)


def _verbs() -> str:
    rows = [
        (f"`{v.name}`", v.argument.value, ", ".join(v.moments), v.doc, v.writes,
         ("forbids" if v.forbids else "invites") + (", acts on unknown" if v.on_unknown else ""))
        for v in VERBS
    ]  # fmt: skip
    return _table(("verb", "takes", "may stand on", "what it does", "writes", "kind"), rows)


def _tables() -> str:
    rows = [(f"`{t.name}`", t.doc, ", ".join(f"`{name}`" for name in t.fields)) for t in TABLES]
    return _table(("table", "its records", "fields"), rows)


def _cases() -> str:
    rows = [(f"`{key}`", doc) for key, doc in KEY_DOCS]
    return _table(("key", "what it says"), rows)


def _expectations() -> str:
    return _table(("`expect ...`", "what is compared"), [(f"`expect {name}`", doc) for name, doc in EXPECTATIONS])


def _codes() -> str:
    shown = {x.code: (_lines(x.wrong), _lines(x.right)) for x in EXAMPLES}
    where = {code: (f"({place})", "") for code, place in ELSEWHERE.items()}
    rows = [(f"`{code}`", doc, *{**where, **shown}.get(code, ("", ""))) for code, doc in CODES]
    return _table(("code", "what is wrong", "wrong", "right"), rows)


def _lines(text: str) -> str:
    """Lines of a file in one cell; long ones are cut."""
    lines = [line if len(line) <= 60 else f"{line[:40]} ..." for line in text.splitlines()]
    return "<br>".join(f"`{line.strip()}`" if line.strip() == line else f"`{line}` (indented)" for line in lines)


_TABLES: dict[str, Callable[[], str]] = {
    "facts": _facts,
    "moments": _moments,
    "verbs": _verbs,
    "tables": _tables,
    "cases": _cases,
    "expectations": _expectations,
    "problem codes": _codes,
}
