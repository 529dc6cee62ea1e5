"""Reading the parts that several kinds of section share: conditions, switches, names of facts and texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from navplugin.core.inifile import CONDITION_WORDS, Condition, Entry, Section
from navplugin.core.problems import Level, Problem, Span, did_you_mean, nearest
from navplugin.rulebook.book import Mode, RuleCondition, Switch
from navplugin.rulebook.facts.look import About, Fact, Known
from navplugin.rulebook.filters import Filter, FilterSyntaxError, FilterType, parse_filter

SWITCH_KEYS = ("mode", "active from", "active until")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}))?")


@dataclass(slots=True)
class Findings:
    """The problems found so far."""

    problems: list[Problem] = field(default_factory=list)

    def error(self, span: Span, code: str, message: str, hint: str = "") -> None:
        """Something that stops loading."""
        self.problems.append(Problem(span, Level.ERROR, code, message, hint))

    def warn(self, span: Span, code: str, message: str, hint: str = "") -> None:
        """Something that a person should look at."""
        self.problems.append(Problem(span, Level.WARNING, code, message, hint))


def check_keys(section: Section, known: Iterable[str], found: Findings, kind: str) -> None:
    """Every key must be one of those that this kind of section has."""
    names = tuple(known)
    for entry in section.entries:
        if entry.key not in names:
            found.error(
                entry.key_span, "unknown-key", f"'{entry.key}' is not a key of {kind}", did_you_mean(entry.key, names)
            )


def check_words(section: Section, allowed: tuple[str, ...], found: Findings, kind: str) -> None:
    """Condition words that have no place in this kind of section."""
    for condition in section.conditions:
        if condition.word not in allowed:
            hint = f"write {' or '.join(repr(w) for w in allowed)}" if allowed else "take the line out"
            found.error(condition.span, "wrong-word", f"'{condition.word}' has no place in {kind}", hint)


def require(section: Section, key: str, found: Findings, kind: str, example: str) -> Entry | None:
    """The entry, or the problem that it is missing."""
    entry = section.get(key)
    if entry is not None and entry.value:
        return entry
    near = nearest(key, [e.key for e in section.entries])
    if entry is None and near is not None and near not in ("on", "then", "keep"):
        return None  # the misspelt key is named already
    span = entry.key_span if entry is not None else section.span
    found.error(span, "missing-key", f"{kind} [{section.name}] has no '{key}'", f"write '{example}'")
    return None


def read_conditions(
    section: Section,
    facts: Mapping[str, Fact],
    about: About | None,
    found: Findings,
    words: tuple[str, ...] = CONDITION_WORDS,
) -> tuple[RuleCondition, ...]:
    """The conditions that begin with these words. about: what its moment is asked for, None where it is not known."""
    out = []
    seen: set[tuple[str, str]] = set()
    for condition in section.conditions:
        if condition.word not in words:
            continue
        if (condition.word, condition.fact) in seen:
            hint = "join the filters with & in one line"
            message = f"'{condition.word} {condition.fact}' stands twice in this section"
            found.error(condition.span, "doubled-condition", message, hint)
            continue
        seen.add((condition.word, condition.fact))
        fact = facts.get(condition.fact)
        if fact is None:
            message = f"no fact '{condition.fact}'"
            found.error(condition.fact_span, "unknown-fact", message, did_you_mean(condition.fact, tuple(facts)))
            continue
        if about is About.SALE and fact.about is About.DISCOUNT:
            message = f"'{fact.caption}' is about one wallet discount, and this moment is asked for the sale"
            found.error(condition.fact_span, "fact-not-here", message, "use it on wallet, select or total")
            continue
        blank = fact.known is not Known.ALWAYS
        read = read_filter(condition, fact.type, fact.options, found, may_be_blank=blank)
        if read is not None:
            out.append(RuleCondition(fact, read, condition.word == "unless", condition.filter_span))
    return tuple(out)


def read_filter(
    condition: Condition, type: FilterType, options: tuple[str, ...], found: Findings, *, may_be_blank: bool = True
) -> Filter | None:
    """The filter of a condition, with its problems at their place in the line."""
    if not condition.filter_text.strip():
        message = f"the filter behind '{condition.fact} is' is empty"
        found.error(condition.span, "empty-filter", message, "write '' for blank, or take the line out")
        return None
    try:
        read, warnings = parse_filter(condition.filter_text, type, options, may_be_blank=may_be_blank)
    except FilterSyntaxError as wrong:
        at = condition.filter_span
        span = Span(at.path, at.line, at.col + wrong.offset, max(1, wrong.length))
        found.error(span, wrong.code, wrong.message, wrong.hint)
        return None
    for warning in warnings:
        found.warn(condition.filter_span, "filter-doubtful", warning)
    return read


def read_switch(section: Section, found: Findings) -> Switch:
    """`mode`, `active from` and `active until`."""
    mode = Mode.ON
    entry = section.get("mode")
    if entry is not None:
        if entry.value in set(Mode):
            mode = Mode(entry.value)
        else:
            message = f"'{entry.value}' is not a mode"
            found.error(entry.value_span, "bad-value", message, did_you_mean(entry.value, tuple(Mode)))
    begin = _moment(section.get("active from"), found, end=False)
    until = _moment(section.get("active until"), found, end=True)
    late = section.get("active until")
    if begin and until and late and until <= begin:
        found.error(
            late.value_span, "bad-value", "the rule ends before it begins", "set active until after active from"
        )
    return Switch(mode, begin, until)


def _moment(entry: Entry | None, found: Findings, *, end: bool) -> datetime | None:
    """A day (until: that day included) or a day and time in the store's zone."""
    if entry is None:
        return None
    match = _MOMENT.fullmatch(entry.value)
    try:
        if match is None:
            raise ValueError
        day, time = match.groups()
        moment = datetime.fromisoformat(f"{day} {time or '00:00'}")
    except ValueError:
        message = f"'{entry.value}' is not a day"
        found.error(entry.value_span, "bad-value", message, "write 2026-05-31 or 2026-05-31 18:00")
        return None
    return moment + timedelta(days=1) if end and time is None else moment


def read_priority(entry: Entry | None, found: Findings, default: int = 100) -> int:
    """A whole number from 1 to 9999; low numbers come first, as in LS."""
    if entry is None:
        return default
    if entry.value.isascii() and entry.value.isdecimal() and 1 <= int(entry.value[:6]) <= 9999:
        return int(entry.value)
    found.error(entry.value_span, "bad-value", f"'{entry.value}' is not a priority", "write a number from 1 to 9999")
    return default
