"""The NAV filter language: what is met, how it is explained, what is asked of a filter that was read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from navplugin.rulebook.filters import (
    MAX_TERMS,
    Filter,
    FilterType,
    parse_filter,
    single_comparison,
    values_named,
)

TODAY = date(2026, 5, 1)
T, C, N, W, D, S, B = (
    FilterType.TEXT,
    FilterType.CODE,
    FilterType.DECIMAL,
    FilterType.INTEGER,
    FilterType.DATE,
    FilterType.OPTION,
    FilterType.BOOLEAN,
)
STATES = ("Member", "Known", "Unknown", "Several", "Joining")
YES, NO = True, False


def read(text: str, kind: FilterType) -> Filter:
    """The filter, without its warnings."""
    return parse_filter(text, kind, STATES if kind is S else ())[0]


TABLE = [
    # numbers
    (N, "377", Decimal("377"), YES),
    (N, "377", Decimal("377.00"), YES),
    (N, "377", Decimal("377.01"), NO),
    (N, "=377", Decimal("377"), YES),
    (N, "= 377", 377, YES),
    (N, "<>0", Decimal("0.01"), YES),
    (N, "<>0", Decimal("0.00"), NO),
    (N, ">=75", Decimal("75.00"), YES),
    (N, ">=75", Decimal("74.99"), NO),
    (N, ">= 75", Decimal("75"), YES),
    (N, "  >=  75  ", Decimal("75"), YES),
    (N, ">75", Decimal("75"), NO),
    (N, ">75", Decimal("75.000000000000000000000000000001"), YES),
    (N, "<75", Decimal("75"), NO),
    (N, "<75", Decimal("-100"), YES),
    (N, "<=75", Decimal("75"), YES),
    (N, "10..20", Decimal("10"), YES),
    (N, "10..20", Decimal("20"), YES),
    (N, "10..20", Decimal("20.01"), NO),
    (N, "10 .. 20", Decimal("15"), YES),
    (N, "..20", Decimal("-3"), YES),
    (N, "..20", Decimal("21"), NO),
    (N, "10..", Decimal("10"), YES),
    (N, "10..", Decimal("9.99"), NO),
    (N, "-5..5", Decimal("-5"), YES),
    (N, "-5..5", Decimal("-5.5"), NO),
    (N, "1|3|5", Decimal("3"), YES),
    (N, "1|3|5", Decimal("4"), NO),
    (N, ">50&<100", Decimal("75"), YES),
    (N, ">50&<100", Decimal("100"), NO),
    (N, "<=200 | >500", Decimal("200"), YES),
    (N, "<=200 | >500", Decimal("300"), NO),
    (N, "30|(>=10&<=20)", Decimal("30"), YES),
    (N, "30|(>=10&<=20)", Decimal("15"), YES),
    (N, "30|(>=10&<=20)", Decimal("25"), NO),
    (N, "(1..5|10..15)&<>3", Decimal("3"), NO),
    (N, "(1..5|10..15)&<>3", Decimal("12"), YES),
    (N, "((7))", Decimal("7"), YES),
    (N, "'75.50'", Decimal("75.5"), YES),
    (N, ">=0.01", Decimal("0.01"), YES),
    (N, ">=75", "75.00", YES),
    (N, ">=75", None, NO),
    (N, "<>75", None, NO),
    (N, "<>75", Decimal("NaN"), NO),
    (N, "", None, YES),
    (N, "   ", Decimal("1"), YES),
    (W, "3", 3, YES),
    (W, "3.0", 3, YES),
    (W, ">2", 2, NO),
    (W, "1..3", Decimal("2"), YES),
    (W, ">0", True, NO),
    # text: exact, unless @
    (T, "BLUE", "BLUE", YES),
    (T, "BLUE", "Blue", NO),
    (T, "@blue", "BLUE", YES),
    (T, "@blue", "BLUES", NO),
    (T, "two words", "two words", YES),
    (T, "two words", "two  words", NO),
    (T, "man", "man", YES),
    (T, "'man'", "man", YES),
    (T, "'man'", "Man", NO),
    (T, "'J & V*'", "J & V Supplies", YES),
    (T, "'a|b'", "a|b", YES),
    (T, "'a|b'", "a", NO),
    (T, "'O''Brien'", "O'Brien", YES),
    (T, "'..'", "..", YES),
    (T, "' x '", " x ", YES),
    (T, "x", " x ", NO),
    (T, "''", "", YES),
    (T, "''", None, YES),
    (T, "''", "x", NO),
    (T, "<>''", "x", YES),
    (T, "<>''", None, NO),
    (T, "*", "", YES),
    (T, "*", "anything", YES),
    (T, "?*", "", NO),
    (T, "?*", "x", YES),
    (T, "*Co*", "Canada Company", YES),
    (T, "*Co*", "Co", YES),
    (T, "*Co*", "co", NO),
    (T, "@*co?*", "Tom & CO", NO),
    (T, "@*co?*", "Tom & COx", YES),
    (T, "Hans?n", "Hansen", YES),
    (T, "Hans?n", "Hansn", NO),
    (T, "a*b*c", "aXbXbXc", YES),
    (T, "a*b*c", "aXbXbX", NO),
    (T, "*a*&*b*", "xbxa", YES),
    (T, "*a*&*b*", "xa", NO),
    (T, "<>A*", "Abc", NO),
    (T, "<>A*", "Bc", YES),
    (T, "=A*", "Abc", YES),
    (T, "<>@a", "A", NO),
    (T, "10000..10042", "100000", YES),
    (T, "10000..10042", "100429", NO),
    (T, "100..2", "19", YES),
    (T, "A..C", "B", YES),
    (T, "A..C", "Cat", NO),
    (T, "A..C", "b", NO),
    (T, ">=M", "N", YES),
    (T, "<M", "", YES),
    (T, "a@b.c", "a@b.c", YES),
    (T, "'50% off'", "50% off", YES),
    (T, "@ß", "ß", YES),
    (T, "@?", "ß", YES),
    # codes: folded and trimmed
    (C, "s0001", "S0001", YES),
    (C, "S0001", " s0001 ", YES),
    (C, "gold|Platinum", "PLATINUM", YES),
    (C, "GOLD|PLATINUM", "SILVER", NO),
    (C, "AP*", "ap0004", YES),
    (C, "ap?004", "AP0004", YES),
    (C, "<>GOLD&<>PLATINUM", "SILVER", YES),
    (C, "<>GOLD&<>PLATINUM", "gold", NO),
    (C, "''", "   ", YES),
    (C, "''", None, YES),
    (C, "@gold", "GOLD", YES),
    (C, "A-1..A-5", "a-3", YES),
    (C, "' gold '", "GOLD", YES),
    (C, "*", None, YES),
    # dates
    (D, "2026-05-01", date(2026, 5, 1), YES),
    (D, "2026-05-01", datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC), YES),
    (D, "2026-05-01", "2026-05-01", YES),
    (D, "2026-05-01", "2026-05-01T10:00:00Z", YES),
    (D, "2026-05-01..2026-05-31", date(2026, 5, 31), YES),
    (D, "2026-05-01..2026-05-31", date(2026, 6, 1), NO),
    (D, ">2026-05-01", date(2026, 5, 1), NO),
    (D, "..2026-05-01", date(2026, 5, 2), NO),
    (D, "today", TODAY, YES),
    (D, "TODAY", date(2026, 5, 2), NO),
    (D, "today-30D..today", date(2026, 4, 1), YES),
    (D, "today-30D..today", date(2026, 3, 31), NO),
    (D, ">=today-2W", date(2026, 4, 17), YES),
    (D, ">=today-2W", date(2026, 4, 16), NO),
    (D, "today+1M", date(2026, 6, 1), YES),
    (D, "<=today-21Y", date(2005, 5, 1), YES),
    (D, "<=today-21Y", date(2005, 5, 2), NO),
    (D, "<today-9999Y", date(1, 1, 1), NO),
    (D, ">today+9999Y", date(9999, 12, 31), NO),
    (D, "''", None, YES),
    (D, "''", TODAY, NO),
    (D, "<>''", None, NO),
    (D, "<today", None, YES),
    (D, "<today&<>''", None, NO),
    (D, ">today", None, NO),
    (D, "2026-05-01", "not a date", NO),
    (D, "2026-05-01", "2026-02-31", NO),
    # options and booleans
    (S, "Member", "Member", YES),
    (S, "member", "Member", YES),
    (S, "Member|Joining", "Joining", YES),
    (S, "<>Member", "Known", YES),
    (S, "<>Member", "member", NO),
    (S, "''", None, YES),
    (S, "''", "Known", NO),
    (S, "*", "Known", YES),
    (S, "K*", "known", YES),
    (B, "Yes", True, YES),
    (B, "yes", False, NO),
    (B, "TRUE", True, YES),
    (B, "1", True, YES),
    (B, "0", False, YES),
    (B, "No", False, YES),
    (B, "<>Yes", False, YES),
    (B, "No|Yes", True, YES),
    (B, "Yes", "true", YES),
    (B, "No", None, NO),
]


@pytest.mark.parametrize(("kind", "text", "value", "met"), TABLE, ids=lambda v: str(v) or "empty")
def test_a_filter_is_met_by_what_nav_would_show(kind: FilterType, text: str, value: object, met: bool) -> None:
    outcome = read(text, kind).test(value, today=TODAY)
    assert outcome.yes is met, outcome.reason


@pytest.mark.parametrize(
    ("kind", "text", "value", "reason"),
    [
        (N, ">=100.00", Decimal("75.00"), "75.00 does not meet >=100.00"),
        (N, ">=75", Decimal("75.00"), "75.00 meets >=75"),
        (N, " >=75 ", Decimal("1"), "1 does not meet >=75"),
        (N, ">50&<70", Decimal("75"), "75 does not meet >50&<70 (not <70)"),
        (N, ">50&<70", Decimal("60"), "60 meets >50&<70"),
        (C, "GOLD|PLATINUM", "platinum", "PLATINUM meets GOLD|PLATINUM (PLATINUM)"),
        (C, "GOLD|PLATINUM", None, "blank does not meet GOLD|PLATINUM"),
        (T, "''", " ", "' ' does not meet ''"),
        (T, "a", "x" * 100, f"{'x' * 57}... does not meet a"),
        (N, ">=75", None, "no value does not meet >=75"),
        (D, ">2026-05-01", None, "no date does not meet >2026-05-01"),
        (D, "today", date(2026, 4, 30), "2026-04-30 does not meet today, today is 2026-05-01"),
        (B, "Yes", False, "No does not meet Yes"),
        (N, "", Decimal("5"), "5: no filter"),
    ],
)
def test_the_reason_names_the_value_the_filter_and_what_decided(
    kind: FilterType, text: str, value: object, reason: str
) -> None:
    assert read(text, kind).test(value, today=TODAY).reason == reason


def test_a_long_filter_is_cut_in_the_reason() -> None:
    text = "|".join(f"CODE{n:05}" for n in range(MAX_TERMS))
    assert len(read(text, C).test("X").reason) < 230


def test_a_filter_keeps_its_text_as_typed_and_its_kind() -> None:
    found = read(" >= 75 ", N)
    assert (found.text, found.type) == (" >= 75 ", N)


def test_two_readings_of_the_same_filter_are_equal() -> None:
    assert read("A*|@b", T) == read("A*|@b", T)
    assert hash(read("A*", T)) == hash(read("A*", T))
    assert read("A*", T) != read("B*", T)


def test_a_filter_with_today_says_so_and_is_not_met_while_today_is_unknown() -> None:
    assert read("today-1D..2026-12-31", D).needs_today
    assert not read("2026-12-31", D).needs_today
    outcome = read("<>today", D).test(TODAY)
    assert not outcome.yes
    assert outcome.reason == "2026-05-01 cannot be compared with <>today: today's date is not known"


def test_a_month_back_from_a_long_month_ends_on_the_last_day_there_is() -> None:
    assert read("today-1M", D).test(date(2026, 2, 28), today=date(2026, 3, 31)).yes
    assert read("today-1Y", D).test(date(2023, 2, 28), today=date(2024, 2, 29)).yes


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (N, ">0", (">", Decimal(0))),
        (N, ">= 75.50", (">=", Decimal("75.50"))),
        (N, "<5", ("<", Decimal(5))),
        (W, "<=5", ("<=", Decimal(5))),
        (N, "75", ("=", Decimal(75))),
        (N, "=75", ("=", Decimal(75))),
        (N, "<>75", ("<>", Decimal(75))),
        (N, "(>75)", (">", Decimal(75))),
        (N, "75..", (">=", Decimal(75))),
        (N, "..75", ("<=", Decimal(75))),
        (N, "1..75", None),
        (N, ">1&<5", None),
        (N, "", None),
        (T, ">5", None),
        (D, ">2026-05-01", None),
    ],
)
def test_a_single_comparison_can_be_written_ahead(
    kind: FilterType, text: str, expected: tuple[str, Decimal] | None
) -> None:
    assert single_comparison(read(text, kind)) == expected


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (C, "ap0004|AP0005", ("AP0004", "AP0005")),
        (C, "ap0004|(AP0004)", ("AP0004",)),
        (C, "AP*|<>X|@y|''", ("Y",)),
        (T, "'J & V'|two words", ("J & V", "two words")),
        (S, "member|KNOWN", ("Member", "Known")),
        (B, "1", ("Yes",)),
        (N, "5|7.50|>9", ("5", "7.50")),
        (D, "today|2026-05-01", ("2026-05-01",)),
        (C, "", ()),
        (C, "A..B", ()),
    ],
)
def test_the_values_named_by_equality_are_listed(kind: FilterType, text: str, expected: tuple[str, ...]) -> None:
    assert values_named(read(text, kind)) == expected
