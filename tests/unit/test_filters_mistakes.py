"""What a filter that cannot be read says, and what is said of one that can be read but may surprise."""

from __future__ import annotations

import pytest

from navplugin.rulebook.filters import (
    CODES,
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    FilterSyntaxError,
    FilterType,
    parse_filter,
)

T, C, N, W, D, S, B = (
    FilterType.TEXT,
    FilterType.CODE,
    FilterType.DECIMAL,
    FilterType.INTEGER,
    FilterType.DATE,
    FilterType.OPTION,
    FilterType.BOOLEAN,
)
M = FilterType.TIME
STATES = ("Member", "Known", "Unknown", "Several", "Joining")


def mistake(text: str, kind: FilterType) -> FilterSyntaxError:
    """The error that this filter raises."""
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(text, kind, STATES if kind is S else ())
    return caught.value


def warned(text: str, kind: FilterType) -> tuple[str, ...]:
    """The warnings on this filter."""
    return parse_filter(text, kind, STATES if kind is S else ())[1]


# kind, as typed, code, the text that is marked, hint
WRONG = [
    (N, "=>75", "filter-operator", "=>", "write >=75"),
    (N, "= >75", "filter-operator", "= >", "= <> < <= > >= are"),
    (N, "=<75", "filter-operator", "=<", "write <=75"),
    (N, "!=75", "filter-operator", "!=", "write <>75"),
    (T, "!=x", "filter-operator", "!=", "write <>x"),
    (N, "==75", "filter-operator", "==", "write =75"),
    (N, "><75", "filter-operator", "><", "write <>75"),
    (N, ">75 and <100", "filter-number", "75 and", "write >75&<100"),
    (N, ">75 AND <100", "filter-number", "75 AND", "write >75&<100"),
    (N, ">75 <100", "filter-missing-operator", "<", "write >75&<100"),
    (N, ">75, <100", "filter-number", "75,", "write >75&<100"),
    (N, "5 or 7", "filter-number", "5 or 7", "write 5|7"),
    (N, "5 or >7 and <9", "filter-number", "5 or", "digits and one point: 75.50, no thousands separator"),
    (N, "not 5", "filter-number", "not 5", "write <>5"),
    (N, "75 to 100", "filter-number", "75 to 100", "write 75..100"),
    (N, "75-100", "filter-number", "75-100", "write 75..100"),
    (N, "75...100", "filter-number", ".100", "write 75..100"),
    (N, "75…100", "filter-character", "…", "write 75..100"),
    (N, "≥75", "filter-character", "≥", "write >=75"),
    (N, "≠75", "filter-character", "≠", "write <>75"),
    (N, "–75", "filter-number", "–75", "write -75"),
    (N, "75,50", "filter-number", "75,50", "write 75.50"),
    (N, ">=75,5", "filter-number", "75,5", "write >=75.5"),
    (N, "1,000", "filter-number", "1,000", "digits and one point: 75.50, no thousands separator"),
    (N, "1,000.50", "filter-number", "1,000.50", "write 1000.50"),
    (N, "1.000,50", "filter-number", "1.000,50", "write 1000.50"),
    (N, "1,2,3", "filter-number", "1,2,3", "write 1|2|3"),
    (N, ">=$75.00", "filter-number", "$75.00", "write >=75.00"),
    (N, ">50%", "filter-token", "50%", "write >50"),
    (N, "75 USD", "filter-number", "75 USD", "write 75"),
    (N, "+5", "filter-number", "+5", "write 5"),
    (N, ".5", "filter-number", ".5", "write 0.5"),
    (N, "1e5", "filter-number", "1e5", "digits and one point: 75.50, no thousands separator"),
    (N, "٣", "filter-number", "٣", "digits and one point: 75.50, no thousands separator"),
    (N, "abc", "filter-number", "abc", "digits and one point: 75.50, no thousands separator"),
    (N, "7*", "filter-wildcard", "7*", "write the value in full"),
    (N, "@7", "filter-wildcard", "@7", "write the value in full"),
    (N, "''", "filter-blank", "''", "write 0"),
    (N, ">=", "filter-missing-value", ">=", "write a value after it"),
    (N, "..", "filter-missing-value", "..", "write a value after it"),
    (N, ">=75..100", "filter-operator", "..", "write 75..100"),
    (N, "<>10..20", "filter-operator", "..", "an interval stands alone: 10..20; its contrary is <10|>20"),
    (N, "1..2..3", "filter-operator", "..", "an interval is low..high"),
    (N, ">\u00a075", "filter-character", "\u00a0", "write > 75"),
    (N, ">=75\u200b", "filter-character", "\u200b", "write >=75"),
    (W, "2.5", "filter-number", "2.5", "write whole digits"),
    (C, "GOLD|", "filter-missing-value", "|", "write GOLD"),
    (C, "|GOLD", "filter-missing-value", "|", "write GOLD"),
    (C, "GOLD||SILVER", "filter-missing-value", "|", "write GOLD|SILVER"),
    (C, "GOLD&&SILVER", "filter-missing-value", "&", "write GOLD&SILVER"),
    (C, "“GOLD”", "filter-character", "“", "write 'GOLD'"),
    (C, "‘GOLD’|SILVER", "filter-character", "‘", "write 'GOLD'|SILVER"),
    (C, '"GOLD"', "filter-quote", '"GOLD"', "write 'GOLD'"),
    (C, "'GOLD", "filter-quote", "'GOLD", "write 'GOLD'"),
    (C, "A|'GOLD", "filter-quote", "'GOLD", "close it; '' stands for one quote"),
    (C, "(GOLD|SILVER", "filter-parenthesis", "(", "close it with )"),
    (C, "GOLD)", "filter-parenthesis", ")", "take it out"),
    (C, "()", "filter-missing-value", "(", "write a value after it"),
    (C, ")", "filter-missing-value", ")", "write a value"),
    (C, "GOLD (SILVER)", "filter-missing-operator", "(", None),
    (C, "'a' 'b'", "filter-missing-operator", "b", None),
    (C, "@", "filter-missing-value", "@", "write the value after @"),
    (C, ">A*", "filter-wildcard", "A*", "write the value in full"),
    (C, "A*..B", "filter-wildcard", "A*", "write the value in full"),
    (C, "A..@B", "filter-wildcard", "@B", "write the value in full"),
    (C, "%me", "filter-token", "%me", "write a value, or '%me'"),
    (C, "%1..%2", "filter-token", "%1", "write a value, or '%1'"),
    (T, "a=b", "filter-missing-operator", "=", "write 'a=b'"),
    (T, "O'Brien", "filter-quote", "'", "write 'O''Brien'"),
    (T, "a\nb", "filter-character", "\n", "write ab"),
    (T, "'a\nb'", "filter-character", "\n", None),
    (C, "a|b&c", "filter-mixed", "&", "write a|(b&c) or (a|b)&c"),
    (N, ">1&<5|>7&<9", "filter-mixed", "&", "write (>1&<5)|(>7&<9) or >1&(<5|>7)&<9"),
    (C, "(a|b&c)|d", "filter-mixed", "&", "put parentheses around what belongs together"),
    (C, "'|'|b&c", "filter-mixed", "&", "write '|'|(b&c) or ('|'|b)&c"),
    (M, "9 pm", "filter-time", "9 pm", "write 21:00"),
    (M, "21.30..22h", "filter-time", "21.30", "write 21:30..22:00"),
    (M, ">2130", "filter-time", "2130", "write >21:30"),
    (M, "24:00", "filter-time", "24:00", "write hours and minutes of the day, 00:00 to 23:59"),
    (D, "5/31/2026", "filter-date", "5/31/2026", "write 2026-05-31"),
    (D, "31.5.2026", "filter-date", "31.5.2026", "write 2026-05-31"),
    (D, "20260531", "filter-date", "20260531", "write 2026-05-31"),
    (D, "2026/05/31", "filter-date", "2026/05/31", "write 2026-05-31"),
    (D, "05/06/2026", "filter-date", "05/06/2026", "write year-month-day as in 2026-05-31, or today, or today-30D"),
    (D, "2026-02-30", "filter-date", "2026-02-30", "year-month-day, as in 2026-05-31"),
    (D, "23", "filter-date", "23", "write year-month-day as in 2026-05-31, or today, or today-30D"),
    (D, "t", "filter-date", "t", "write today; work dates belong to the NAV client"),
    (D, "..w", "filter-date", "w", "write today; work dates belong to the NAV client"),
    (D, "p2", "filter-date", "p2", None),
    (D, "C2026-12-31", "filter-date", "C2026-12-31", None),
    (D, "today-30", "filter-date", "today-30", None),
    (D, "*", "filter-wildcard", "*", "write a value; no line = any value"),
    (S, "Membr", "filter-option", "Membr", "did you mean 'Member'?"),
    (S, "Gold", "filter-option", "Gold", "known here: Member, Known, Unknown, Several, Joining"),
    (S, "Member OR Known", "filter-option", "Member OR Known", "write Member|Known"),
    (S, "not Member", "filter-option", "not Member", "write <>Member"),
    (S, "X*", "filter-option", "X*", None),
    (S, ">Member", "filter-operator", ">", "name the values: a|b, or <>a"),
    (S, "Known..Several", "filter-operator", "..", "name the values: a|b"),
    (B, "maybe", "filter-boolean", "maybe", "write Yes or No"),
    (B, "''", "filter-blank", "''", "write No"),
    (B, ">No", "filter-operator", ">", "name the values: a|b, or <>a"),
    (B, "Yes OR No", "filter-boolean", "Yes OR No", "write Yes|No"),
]


@pytest.mark.parametrize(("kind", "text", "code", "marked", "hint"), WRONG, ids=lambda v: ascii(v))
def test_a_mistake_is_named_marked_and_put_right(
    kind: FilterType, text: str, code: str, marked: str, hint: str | None
) -> None:
    error = mistake(text, kind)
    assert error.code == code
    assert text[error.offset : error.offset + error.length].strip("'") == marked.strip("'")
    assert error.hint
    assert hint in (None, error.hint)
    assert error.message
    assert error.message in str(error)


def test_every_code_is_declared_and_has_an_example() -> None:
    shown = {row[2] for row in WRONG} | {"filter-too-long", "filter-too-many-terms"}
    assert shown == set(CODES)


def test_length_conditions_and_depth_are_bounded() -> None:
    assert mistake("x" * (MAX_LENGTH + 1), T).code == "filter-too-long"
    assert parse_filter("x" * MAX_LENGTH, T)[0].test("x" * MAX_LENGTH).yes
    assert mistake("|".join("x" * (MAX_TERMS + 1)), T).code == "filter-too-many-terms"
    assert parse_filter("|".join("x" * MAX_TERMS), T)[0].test("x").yes
    assert mistake("(" * (MAX_DEPTH + 1) + "x" + ")" * (MAX_DEPTH + 1), T).code == "filter-too-many-terms"
    assert parse_filter("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH, T)[0].test("x").yes


def test_wildcards_do_not_go_back_over_the_value() -> None:
    found = parse_filter("*a" * 400 + "b", T)[0]
    assert not found.test("a" * 100_000).yes
    assert found.test("a" * 100_000 + "b").yes


# The fourteen decisions of rules-engine.md E


def test_decision_1_and_or_without_parentheses_is_refused_with_both_readings() -> None:
    assert mistake("GOLD|SILVER&<>X", C).hint == "write GOLD|(SILVER&<>X) or (GOLD|SILVER)&<>X"
    assert parse_filter("GOLD|(SILVER&<>X)", C)[1] == ()


def test_decision_2_wildcards_work_inside_quotes() -> None:
    assert parse_filter("'J & V*'", T)[0].test("J & V Ltd").yes


def test_decision_3_two_quotes_inside_quotes_are_one() -> None:
    assert parse_filter("''''", T)[0].test("'").yes
    assert parse_filter("''", T)[0].test("").yes


def test_decision_4_ignoring_case_belongs_to_its_own_condition() -> None:
    found = parse_filter("@a*|b*", T)[0]
    assert found.test("Apple").yes
    assert not found.test("Berry").yes


def test_decision_5_codes_are_compared_in_upper_case() -> None:
    assert parse_filter("s0001", C)[0].test("S0001").yes
    assert not parse_filter("s0001", T)[0].test("S0001").yes


@pytest.mark.parametrize("text", ["9..100", "1..10", ">9", "..5|>=10"])
def test_decision_6_digits_in_the_order_of_text_are_warned_of(text: str) -> None:
    for kind in (T, C):
        assert any("compared as text" in warning for warning in warned(text, kind))
    assert warned(text, N) == ()


def test_decision_6_digits_of_one_length_are_not_warned_of() -> None:
    assert warned("0001..0100", C) == ()


def test_decision_7_blank_depends_on_the_kind() -> None:
    assert parse_filter("''", D)[0].test(None).yes
    assert parse_filter("''", C)[0].test(None).yes
    assert {mistake("''", kind).code for kind in (N, W, B)} == {"filter-blank"}


def test_no_date_before_every_date_is_warned_of_until_the_filter_says_what_it_wants() -> None:
    assert warned("<today", D) == ("no date counts as before every date; without it write <today&<>''",)
    assert "write (<today|2026-12-31)&<>''" in warned("<today|2026-12-31", D)[0]
    assert warned("<today&<>''", D) == ()
    assert warned("''|<today", D) == ()
    assert warned(">today", D) == ()


def test_decision_8_dates_of_a_region_are_refused() -> None:
    assert mistake("05/06/2026", D).code == "filter-date"


def test_decision_9_a_comma_is_refused() -> None:
    assert mistake("75,50", N).hint == "write 75.50"


def test_decision_10_yes_and_no_may_be_written_in_six_ways() -> None:
    for word in ("Yes", "TRUE", "1"):
        assert parse_filter(word, B)[0].test(True).yes
        assert not parse_filter(word, B)[0].test(False).yes
    for word in ("no", "False", "0"):
        assert parse_filter(word, B)[0].test(False).yes


def test_decision_11_tokens_are_refused_and_a_real_per_cent_stands_in_quotes() -> None:
    assert mistake("%mycustomers", C).code == "filter-token"
    assert parse_filter("'50%'", T)[0].test("50%").yes


@pytest.mark.parametrize(
    ("text", "instead"),
    [("<>a|b", "<>a&<>b"), ("<>a|<>b", "<>a&<>b"), ("b|<>a*|c", "<>b&<>a*&<>c"), ("x&(<>a|b)", "<>a&<>b")],
)
def test_decision_12_not_equal_beside_or_is_warned_of(text: str, instead: str) -> None:
    assert warned(text, C)[0].endswith(f"for neither write {instead}")


def test_decision_12_an_amount_beside_not_equal_is_not_warned_of() -> None:
    assert warned("<>5|>7", N) == ()


def test_decision_13_intervals_may_begin_below_zero() -> None:
    assert parse_filter("-5..-1", N)[0].test(-3).yes


def test_decision_14_one_leading_equals_sign_is_read() -> None:
    assert parse_filter("=A*", C)[0].test("ABC").yes


@pytest.mark.parametrize(
    ("kind", "text", "part"),
    [
        (C, "GOLD OR SILVER", "write GOLD|SILVER"),
        (C, "gold and silver", "write gold&silver"),
        (T, "Gold OR Silver", "write Gold|Silver"),
        (C, "NOT GOLD", "write <>GOLD"),
        (C, "GOLD, SILVER", "write GOLD|SILVER"),
        (C, "GOLD;SILVER", "write GOLD|SILVER"),
        (C, "GOLD&SILVER", "write GOLD|SILVER"),
        (N, "100..50", "write the smaller value first"),
        (D, "2026-05-02..2026-05-01", "write the smaller value first"),
        (T, "'a\u00a0b'", "cannot be seen"),
    ],
)
def test_a_filter_that_may_surprise_is_warned_of(kind: FilterType, text: str, part: str) -> None:
    found = warned(text, kind)
    assert len(found) == 1
    assert part in found[0]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (T, "Bed and Breakfast"),
        (T, "Smith, John"),
        (C, "'GOLD OR SILVER'"),
        (T, "*a*&*b*"),
        (N, ">=75"),
        (S, "Member|Joining"),
        (C, "<>A&<>B"),
        (T, "Notes"),
        (C, "OR"),
    ],
)
def test_an_ordinary_filter_is_not_warned_of(kind: FilterType, text: str) -> None:
    assert warned(text, kind) == ()
