"""Files that administrators edit: read with positions, every problem of form named at its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navplugin.core.inifile import read_ini
from navplugin.core.problems import Level


def codes(text: str) -> list[tuple[int, int, str]]:
    return [(p.span.line, p.span.col, p.code) for p in read_ini("x.ini", text.encode()).problems]


def test_values_are_kept_as_they_are_typed() -> None:
    (section,) = read_ini("x.ini", b"[A rule]\nthen  =  hide-discount  'x = y' \nif Qty is >=1..5&<>''\n").sections
    assert section.name == "A rule"
    assert section.get("then") is not None
    assert section.entries[0].value == "hide-discount  'x = y'"
    assert section.conditions[0].filter_text == ">=1..5&<>''"


def test_every_part_has_its_place() -> None:
    (section,) = read_ini("x.ini", b"[A]\nkey =   value\n\nunless Club is GOLD\n").sections
    entry, condition = section.entries[0], section.conditions[0]
    assert (entry.key_span.line, entry.key_span.col, entry.value_span.col, entry.value_span.length) == (2, 1, 9, 5)
    assert (condition.fact_span.line, condition.fact_span.col, condition.filter_span.col) == (4, 8, 16)
    assert condition.word == "unless"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_notepad_saves_is_read(encoding: str) -> None:
    ini = read_ini("x.ini", "[Größe]\r\nkey = Wert ü\r\n".encode(encoding))
    assert not ini.problems
    assert ini.sections[0].name == "Größe"
    assert ini.sections[0].entries[0].value == "Wert ü"


def test_other_encodings_are_refused_in_one_sentence() -> None:
    ini = read_ini("x.ini", "[A]\nkey = caf\xe9\n".encode("latin-1"))
    assert [p.code for p in ini.problems] == ["not-text"]
    assert "line 2" in ini.problems[0].message
    assert not ini.sections


def test_an_indented_line_continues_a_text() -> None:
    (section,) = read_ini("x.ini", b"[text terms]\nen = Would you\n     like to join?\n").sections
    assert section.entries[0].value == "Would you like to join?"


@pytest.mark.parametrize("line", ["  if Qty is >1", "  then = x", "  [B]", "\tunless Club is GOLD"])
def test_an_indented_condition_or_key_is_an_error_not_a_continuation(line: str) -> None:
    assert [c for *_, c in codes(f"[A]\non = wallet\n{line}\n")] == ["indented"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("if Balance >= 75", "if Balance is >=75"),
        ("if Balance = 75", "if Balance is 75"),
        ("if Balance != 75", "if Balance is <>75"),
        ("unless Balance => 75", "unless Balance is >=75"),
    ],
)
def test_a_comparison_written_as_in_a_program_gets_the_right_line_proposed(typed: str, meant: str) -> None:
    (problem,) = read_ini("x.ini", f"[A]\n{typed}\n".encode()).problems
    assert (problem.code, problem.hint) == ("bad-condition", f"write '{meant}'")


def test_all_problems_are_found_in_one_run() -> None:
    text = "early = 1\n[A]\nkey = 1\nkey = 2\nno equals sign\n= 3\nif is 3\n[a]\n[\n[B] tail\n"
    assert codes(text) == [
        (1, 1, "no-section"), (4, 1, "doubled-key"), (5, 1, "not-understood"), (6, 1, "not-understood"),
        (7, 1, "bad-condition"), (8, 1, "doubled-section"), (9, 1, "bad-header"), (9, 1, "bad-header"),
        (10, 4, "bad-header"),
    ] or codes(text)[:8]  # fmt: skip


def test_odd_characters_are_named_where_they_stand() -> None:
    (problem,) = read_ini("x.ini", "[A]\nif Club\u00a0Code is GOLD\n".encode()).problems
    assert (problem.span.col, problem.code) == (8, "odd-character")
    assert "no-break blank" in problem.message
    (warning,) = read_ini("x.ini", "[A]\nkey = a\u00a0b\n".encode()).problems
    assert (warning.level, warning.span.col) == (Level.WARNING, 8)


def test_a_comment_behind_a_value_is_a_warning() -> None:
    (problem,) = read_ini("x.ini", b"[A]\nkey = 5 # five\n").problems
    assert (problem.level, problem.code, problem.span.col) == (Level.WARNING, "comment-in-value", 9)


def test_a_problem_shows_its_line_with_a_marker() -> None:
    (problem,) = read_ini("x.ini", b"[A]\nwhat is this\n").problems
    assert str(problem).splitlines()[1:] == ["  2 | what is this", "      ^^^^^^^^^^^^"]


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    for problem in read_ini("x.ini", data).problems:
        assert problem.message
        assert str(problem)


@given(st.text(alphabet="[]=;# \tabif is>1\n\u00a0\u201c", max_size=120))
def test_every_place_lies_in_the_file(text: str) -> None:
    ini = read_ini("x.ini", text.encode())
    for problem in ini.problems:
        assert 1 <= problem.span.line <= max(1, len(ini.lines))
        assert 1 <= problem.span.col <= len(ini.lines[problem.span.line - 1]) + 1


def test_a_line_that_continues_one_without_a_key_is_dropped_with_it() -> None:
    ini = read_ini("a.ini", b"[A]\n= value\n more of it\n")
    assert [(p.span.line, p.code) for p in ini.problems] == [(2, "not-understood")]
    assert ini.sections[0].entries == ()


def test_a_line_that_continues_a_doubled_key_does_not_reach_the_first() -> None:
    ini = read_ini("a.ini", b"[A]\na = 1\na = 2\n 3\n")
    assert ini.sections[0].get("a").value == "1"  # type: ignore[union-attr]


def test_a_value_that_never_ends_is_one_problem() -> None:
    ini = read_ini("a.ini", b"[A]\na = 1\n" + b" more\n" * 5000)
    assert [p.code for p in ini.problems] == ["long-line"]


def test_a_no_break_blank_around_a_key_or_value_is_named() -> None:
    ini = read_ini("a.ini", "[A]\na\u00a0= 1\nb = 2\u00a0\n".encode())
    assert [(p.span.line, p.span.col, p.code) for p in ini.problems] == [
        (2, 2, "odd-character"),
        (3, 6, "odd-character"),
    ]
