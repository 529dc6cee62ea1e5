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


MOST_COMPARED = 150
"""Known words that a misspelt one is compared with: each costs some 10 microseconds."""


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant, compared without regard to case."""
    folded = {k.casefold(): k for k in known[:MOST_COMPARED]}
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


CODES: tuple[tuple[str, str], ...] = (
    ("bad-address", "the link of a QR code is none, or is too long"),
    ("bad-argument", "what stands behind a verb does not fit it"),
    ("bad-condition", "a condition that is not `if Fact is filter`"),
    ("bad-header", "a section's name without its brackets, or with something behind them"),
    ("bad-json", "a file that is not JSON"),
    ("bad-replaces", "`replaces` that names nothing, or stands outside a store's folder"),
    ("bad-value", "a value that cannot stand behind this key"),
    ("case-failed", "a case expects something else than the rules decide"),
    ("comment-in-value", "what looks like a comment behind a value is part of the value"),
    ("doubled-condition", "the same fact twice in one section: join the filters with &"),
    ("doubled-key", "the same key twice in one section"),
    ("doubled-section", "two sections of one name"),
    ("empty-file", "a file without a section"),
    ("empty-filter", "a condition without its filter"),
    ("empty-text", "a text that says nothing"),
    ("excel-changed", "a cell that Excel has made a number, a date or a formula of"),
    ("excel-sheet", "a sheet or a heading that is not one of rules"),
    ("fact-not-here", "a fact about one wallet discount at a moment that is asked for the sale"),
    ("filter-blank", "'' on a field that is never blank"),
    ("filter-boolean", "neither Yes nor No"),
    ("filter-character", "a character that looks like another one, or that cannot be seen"),
    ("filter-date", "not a date as rule files write it"),
    ("filter-doubtful", "a filter that may not mean what it seems to"),
    ("filter-missing-operator", "two conditions without & or | between them"),
    ("filter-missing-value", "an operator without its value"),
    ("filter-mixed", "& and | together without parentheses"),
    ("filter-number", "not a number as rule files write it"),
    ("filter-operator", "an operator that NAV does not have, or that does not fit here"),
    ("filter-option", "not one of the names of this field"),
    ("filter-parenthesis", "a parenthesis that is not closed, or not opened"),
    ("filter-quote", "a quote that is not closed, or that stands inside a value"),
    ("filter-time", "not a time as rule files write it"),
    ("filter-token", "% with a name, which only the NAV client replaces"),
    ("filter-too-long", "the filter is longer than may be read"),
    ("filter-too-many-terms", "the filter has too many conditions, or parentheses too deep"),
    ("filter-wildcard", "* ? or @ where they cannot stand"),
    ("hidden-rule", "a rule that never acts, as another one comes first whenever it holds"),
    ("indented", "an indented line that would be lost in the line above it"),
    ("line-too-wide", "a line of a receipt is wider than the paper"),
    ("long-line", "a line that is longer than may be read"),
    ("long-link", "the link of a QR code is so long that phones read it less well"),
    ("long-text", "a text that does not fit the field in NAV"),
    ("lost-character", "a character that the code page of the receipt printer does not have"),
    ("matchers-differ", "the two matchers decide a case differently"),
    ("missing-key", "a key that the section must have"),
    ("missing-section", "a section that the profile must have"),
    ("missing-setting", "a setting of the profile that a rule asks for"),
    ("never-holds", "conditions that no value can meet together"),
    ("no-file", "a file or folder that is not there or cannot be read"),
    ("no-offer", "a coupon code that no Total Discount Offer has"),
    ("no-rules", "files without any rule"),
    ("no-section", "a line before the first section"),
    ("not-text", "a file that is not UTF-8 or UTF-16 text"),
    ("not-understood", "a line that is neither a section, a key nor a condition"),
    ("odd-character", "a curly quote, a no-break blank or a control character"),
    ("personal-link", "the link of a QR code names a person"),
    ("private-fact", "a text that would tell points or personal data"),
    ("refused-settings", "settings that together would lose points"),
    ("same-rule", "two rules that ask and do the same"),
    ("stack-not-discounts", "a stack about something else than wallet discounts"),
    ("stray-brace", "a brace in a text without its partner"),
    ("template-refused", "something that a receipt template may not do"),
    ("template-syntax", "a receipt template that cannot be read"),
    ("template-too-long", "a receipt template that is too long"),
    ("tie", "two rules may hold at once and only their order decides"),
    ("too-many", "more rules, sections or lines than a person can survey"),
    ("unknown-fact", "no fact has this name"),
    ("unknown-field", "the table has no such field, or no such number"),
    ("unknown-filter", "no filter of receipt templates has this name"),
    ("unknown-function", "no function of receipt templates has this name"),
    ("unknown-key", "no key of this section has this name"),
    ("unknown-moment", "no moment has this name"),
    ("unknown-name", "no value of receipt templates has this name"),
    ("unknown-section", "no section of the profile has this name"),
    ("unknown-table", "no table for made facts has this name"),
    ("unknown-template", "no receipt template has this name"),
    ("unknown-text", "no text has this name"),
    ("unknown-verb", "no verb has this name"),
    ("verb-not-here", "a verb that cannot stand on this moment"),
    ("verbs-exclude", "verbs of one rule of which only one can count"),
    ("wrong-word", "a condition word that has no place in this section"),
)
"""Every code that a problem may bear, with what it says."""
