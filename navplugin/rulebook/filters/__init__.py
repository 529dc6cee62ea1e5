"""The NAV filter language as an administrator types it in a filter box: read once, decided exactly, explained.

Standing: a documented subset of NAV (rules-engine.md E); where NAV's documentation is silent, the choice is noted
there and warned of here. Pure: no clock, no I/O; text, tree and work are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable

from navplugin.rulebook.filters.explain import Filter, Outcome, names_today, single_comparison, values_named
from navplugin.rulebook.filters.grammar import MAX_DEPTH, MAX_LENGTH, MAX_TERMS, Parser
from navplugin.rulebook.filters.mistakes import propose, readings, warnings
from navplugin.rulebook.filters.values import CODES, FilterSyntaxError, FilterType

__all__ = [
    "CODES",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_TERMS",
    "Filter",
    "FilterSyntaxError",
    "FilterType",
    "Outcome",
    "parse_filter",
    "single_comparison",
    "values_named",
]


def parse_filter(
    text: str, type: FilterType, options: Iterable[str] = (), *, may_be_blank: bool = True
) -> tuple[Filter, tuple[str, ...]]:
    """Read a filter for a field of this kind; the second part are warnings, one sentence each.

    options: the names of an option field; without them any name is taken. may_be_blank: whether the field may have no
    date or no time, so that it is worth a warning what becomes of that. Raises FilterSyntaxError, whose hint
    proposes the filter that was probably meant where that can be told.
    """
    kind, names = FilterType(type), tuple(options)
    try:
        node = Parser(text, kind, names).node()
    except FilterSyntaxError as error:
        hint = _hint(error, text, kind, names)
        raise FilterSyntaxError(error.code, error.message, error.offset, error.length, hint) from None
    return Filter(text, kind, node, names_today(node)), warnings(text, node, kind, may_be_blank=may_be_blank)


def _hint(error: FilterSyntaxError, text: str, kind: FilterType, options: tuple[str, ...]) -> str:
    if error.code == "filter-mixed":
        return readings(text, kind, options)
    proposal = propose(text, kind, options, error.code)
    return f"write {proposal}" if proposal else error.hint
