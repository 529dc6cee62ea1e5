"""A problem: something wrong in a file that a person edits, with its place and its cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """Errors stop loading, warnings do not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. line and col count from 1; length is the number of characters to mark."""

    path: str
    line: int = 1
    col: int = 1
    length: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding. `source` is the text of the line, for the marker; `hint` says what to type."""

    span: Span
    level: Level = field(compare=False)
    code: str
    message: str
    hint: str = field(default="", compare=False)
    source: str = field(default="", compare=False)

    def headline(self) -> str:
        """`path:line:col: level code: message; hint` on one line."""
        place = f"{self.span.path}:{self.span.line}:{self.span.col}"
        tail = f"; {self.hint}" if self.hint else ""
        return f"{place}: {self.level} {self.code}: {self.message}{tail}"

    def __str__(self) -> str:
        if not self.source:
            return self.headline()
        number = str(self.span.line)
        shown = self.source.replace("\t", " ")
        marker = " " * (self.span.col - 1) + "^" * max(1, min(self.span.length, len(shown) - self.span.col + 1))
        return f"{self.headline()}\n  {number} | {shown}\n  {' ' * len(number)}   {marker}"

    def as_dict(self) -> dict[str, object]:
        """The same fields for editors: path, line, col, level, code, message, hint."""
        out = asdict(self.span)
        out.update(level=str(self.level), code=self.code, message=self.message, hint=self.hint, source=self.source)
        return out


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether any of them stops loading."""
    return any(p.level is Level.ERROR for p in problems)


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant, compared without regard to case."""
    folded = {k.casefold(): k for k in known}
    found = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint with the near spelling, else the words that may stand here (at most twelve)."""
    near = nearest(word, known)
    if near is not None:
        return f"did you mean '{near}'?"
    shown = ", ".join(list(known)[:12]) + (", ..." if len(known) > 12 else "")
    return f"known here: {shown}" if known else ""


def summary(problems: Sequence[Problem], files: int, loaded: str = "Nothing was loaded.") -> str:
    """`2 errors, 1 warning in 3 files. Nothing was loaded.`"""
    errors = sum(p.level is Level.ERROR for p in problems)
    warnings = len(problems) - errors

    def count(number: int, word: str) -> str:
        return f"{number} {word}" + ("" if number == 1 else "s")

    text = f"{count(errors, 'error')}, {count(warnings, 'warning')} in {count(files, 'file')}."
    return f"{text} {loaded}" if errors else text
