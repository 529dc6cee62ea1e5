"""Properties of the filter language: nothing but its own error, and agreement with a naive reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from navplugin.rulebook.filters import (
    CODES,
    FilterSyntaxError,
    FilterType,
    parse_filter,
    single_comparison,
    values_named,
)

TODAY = date(2026, 5, 1)
STATES = ("Member", "Known", "Not Known", "")
PIECES = ["<", ">", "=", "<>", "..", "|", "&", "(", ")", "'", "@", "*", "?", "!", "%", ",", "-", ".", " ", "75", "1,5"]
PIECES += [
    "AND",
    " or ",
    "not ",
    "GOLD",
    "today",
    "-30D",
    "2026-05-01",
    "1/2/2026",
    "Yes",
    "Member",
    "‘",
    "\u00a0",
    '"',
]

kinds = st.sampled_from(FilterType)
noise = st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
seen = (
    st.none()
    | st.text(max_size=10)
    | st.integers()
    | st.booleans()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.decimals()
    | st.floats()
)


def check_place(error: FilterSyntaxError, text: str) -> None:
    assert error.code in CODES
    assert error.length >= 1
    assert 0 <= error.offset < error.offset + error.length <= len(text)


@settings(max_examples=1500, deadline=None)
@given(noise, kinds, seen, st.booleans())
def test_any_text_is_read_or_refused_at_a_place_within_it(
    text: str, kind: FilterType, value: object, with_options: bool
) -> None:
    options = STATES if with_options else ()
    try:
        found, warnings = parse_filter(text, kind, options)
    except FilterSyntaxError as error:
        check_place(error, text)
        return
    outcome = found.test(value, today=TODAY)
    assert isinstance(outcome.yes, bool)
    assert outcome.reason
    assert all(warnings)
    single_comparison(found)
    values_named(found)


@dataclass(frozen=True)
class Known:
    """A filter and what it means, made together."""

    text: str
    met: Callable[[object], bool]
    level: int = 0  # 0 one condition or bracketed, 1 joined by &, 2 joined by |


def bracketed(part: Known) -> str:
    return f"({part.text})" if part.level else part.text


def both(parts: list[Known]) -> Known:
    return Known(" & ".join(map(bracketed, parts)), lambda v: all(p.met(v) for p in parts), 1)


def either(parts: list[Known]) -> Known:
    return Known("|".join(map(bracketed, parts)), lambda v: any(p.met(v) for p in parts), 2)


def joined(leaf: st.SearchStrategy[Known]) -> st.SearchStrategy[Known]:
    def grow(inner: st.SearchStrategy[Known]) -> st.SearchStrategy[Known]:
        parts = st.lists(inner, min_size=2, max_size=3)
        return parts.map(both) | parts.map(either)

    return st.recursive(leaf, grow, max_leaves=8)


def comparisons(value: object, text: str) -> list[Known]:
    return [
        Known(text, lambda v: v == value),
        Known(f"={text}", lambda v: v == value),
        Known(f"<>{text}", lambda v: v != value),
        Known(f"< {text}", lambda v: v < value),
        Known(f"<={text}", lambda v: v <= value),
        Known(f">{text}", lambda v: v > value),
        Known(f">= {text} ", lambda v: v >= value),
        Known(f"{text}..", lambda v: v >= value),
        Known(f"..{text}", lambda v: v <= value),
    ]


def interval(low: object, high: object, low_text: str, high_text: str) -> Known:
    return Known(f"{low_text}..{high_text}", lambda v: low <= v <= high)


def ordered(values: st.SearchStrategy[object], write: Callable[[object], str]) -> st.SearchStrategy[Known]:
    one = values.flatmap(lambda value: st.sampled_from(comparisons(value, write(value))))
    two = st.tuples(values, values).map(lambda p: interval(p[0], p[1], write(p[0]), write(p[1])))
    return joined(one | two)


amounts = st.decimals(-20, 20, places=1)
days = st.integers(-20, 20).map(lambda n: TODAY + timedelta(days=n))
letters = st.text("aAbB'|&() .<", max_size=3)


def write_day(day: object) -> str:
    assert isinstance(day, date)
    gap = (day - TODAY).days
    return day.isoformat() if gap % 2 else f"today{gap:+}D" if gap else "today"


def quoted(text: object) -> str:
    return "'{}'".format(str(text).replace("'", "''"))


@settings(max_examples=300, deadline=None)
@given(ordered(amounts, str), amounts)
def test_numbers_are_decided_as_a_naive_reading_decides(known: Known, value: Decimal) -> None:
    assert parse_filter(known.text, FilterType.DECIMAL)[0].test(value).yes == known.met(value)


@settings(max_examples=300, deadline=None)
@given(ordered(days, write_day), days)
def test_dates_are_decided_as_a_naive_reading_decides(known: Known, value: date) -> None:
    assert parse_filter(known.text, FilterType.DATE)[0].test(value, today=TODAY).yes == known.met(value)


@settings(max_examples=300, deadline=None)
@given(ordered(letters, quoted), letters)
def test_quoted_text_is_decided_as_a_naive_reading_decides(known: Known, value: str) -> None:
    assert parse_filter(known.text, FilterType.TEXT)[0].test(value).yes == known.met(value)


def fits(pattern: str, text: str) -> bool:
    """Wildcards by the obvious, slow recursion."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


patterns = st.text("aAb*?", min_size=1, max_size=7)
values = st.text("aAb", max_size=7)


def wildcard(pattern: str) -> list[Known]:
    return [
        Known(pattern, lambda v: fits(pattern, v)),
        Known(f"<>{pattern}", lambda v: not fits(pattern, v)),
        Known(f"@{pattern}", lambda v: fits(pattern.lower(), v.lower())),
        Known(f"@'{pattern}'", lambda v: fits(pattern.lower(), v.lower())),
    ]


@settings(max_examples=500, deadline=None)
@given(joined(patterns.flatmap(lambda p: st.sampled_from(wildcard(p)))), values)
def test_wildcards_are_decided_as_the_slow_recursion_decides(known: Known, value: str) -> None:
    assert parse_filter(known.text, FilterType.TEXT)[0].test(value).yes == known.met(value)


@given(patterns, values)
def test_codes_are_decided_without_regard_to_case(pattern: str, value: str) -> None:
    assert parse_filter(pattern, FilterType.CODE)[0].test(value).yes == fits(pattern.upper(), value.upper())
