"""`navplugin filter`: its first word, exit codes and refusals, for every kind of field and each decision of E."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from navplugin.cli import build_app


def ask(kind: str, text: str, value: str, *more: str) -> Result:
    words = ["filter", "--type", kind, "--today", "2026-05-31", *more, "--", text, value]
    return CliRunner().invoke(build_app(), words)


ANSWERS = [
    ("text", "BLUE", "BLUE", "yes"), ("text", "BLUE", "blue", "no"), ("text", "@bl*", "BLUE", "yes"),
    ("text", "<>''", "", "no"), ("text", "*", "", "yes"), ("text", "?*", "", "no"),
    ("text", "'J & V*'", "J & V Ltd", "yes"),
    ("text", "10000..10042", "100000", "yes"), ("text", "*C*&*D*", "xDCx", "yes"), ("text", "''''", "'", "yes"),
    ("code", "s0001", "S0001", "yes"), ("code", "S0001..S0005", "s0003", "yes"),
    ("code", "GOLD|PLATINUM", "SILVER", "no"),
    ("code", "<>A*", "ABC", "no"), ("code", "0001", "1", "no"),
    ("integer", "10..20", "20", "yes"), ("integer", "<>5", "5", "no"), ("integer", "=3", "3", "yes"),
    ("decimal", ">=75", "62.50", "no"), ("decimal", ">50&<100", "75", "yes"), ("decimal", "-5..5", "-5", "yes"),
    ("decimal", "75.0", "75", "yes"), ("decimal", "30|(>=10&<=20)", "15", "yes"), ("decimal", ">0", "", "no"),
    ("decimal", "0.1", "0.10", "yes"), ("decimal", "<=200 | >500", "300", "no"),
    ("date", "today-30D", "2026-05-01", "yes"), ("date", "2026-05-01..", "2026-05-31", "yes"),
    ("date", "''", "", "yes"),
    ("date", "2026-05-31", "2026-05-31T23:59:59Z", "yes"), ("date", ">today", "2026-05-31", "no"),
    ("time", "20:30..", "20:29:59", "no"), ("time", "8:00..12:00", "08:00", "yes"), ("time", "''", "", "yes"),
    ("time", "<9:00|>21:00", "21:00:01", "yes"), ("time", "12:30", "12:30:00.000", "yes"),
    ("boolean", "Yes", "true", "yes"), ("boolean", "0", "No", "yes"), ("boolean", "<>Yes", "Yes", "no"),
    ("option", "Member|Known", "Known", "yes"), ("option", "<>Member", "", "yes"), ("option", "M*", "Member", "yes"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value", "word"), ANSWERS)
def test_the_first_word_is_the_answer(kind: str, text: str, value: str, word: str) -> None:
    result = ask(kind, text, value)
    assert result.stdout.split()[0] == word, result.output
    assert result.exit_code == 0
    assert len(result.stdout.split()) > 3, "a reason follows"


REFUSED = [
    ("decimal", "75,50", "75", "75.50"), ("decimal", "''", "75", "0"), ("integer", "1.5", "1", "whole"),
    ("boolean", "Yes..No", "Yes", "a|b"), ("option", ">Member", "Known", "a|b"),
    ("date", "31.05.2026", "", "2026-05-31"),
    ("code", "A|B&C", "A", "A|(B&C) or (A|B)&C"), ("text", "%me", "x", "'%me'"), ("text", "“A”", "A", "write"),
    ("time", "9 pm", "", "21:00"), ("time", "25:00", "", "23:59"), ("code", "A..B*", "A", "full"),
    ("text", "(A", "A", ")"),
    ("code", "@A..B", "A", "full"), ("boolean", "maybe", "Yes", "Yes or No"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value", "proposal"), REFUSED)
def test_a_filter_that_cannot_be_read_is_marked_and_put_right(kind: str, text: str, value: str, proposal: str) -> None:
    result = ask(kind, text, value)
    assert result.exit_code == 1
    head, shown, marker = result.stdout.splitlines()
    assert head.startswith("error filter-")
    assert proposal in head
    assert shown == f"  {text}"
    assert set(marker.strip()) == {"^"}
    assert len(marker) - 2 <= max(len(text), 1)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("decimal", "abc"), ("integer", "5.5"), ("date", "31.05.2026"), ("time", "noon"), ("boolean", "maybe")],
)
def test_a_value_that_is_none_of_its_kind_is_refused(kind: str, value: str) -> None:
    filters = {"boolean": "Yes", "date": "today", "time": "12:00"}
    result = ask(kind, filters.get(kind, ">0"), value)
    assert result.exit_code == 1
    assert f"the value '{value}' is no {kind}" in result.stdout


def test_the_names_of_an_option_field_can_be_given() -> None:
    result = ask("option", "Membr", "Member", "--options", "Member, Known")
    assert result.exit_code == 1
    assert "did you mean 'Member'?" in result.stdout


def test_programs_may_ask_for_json() -> None:
    answer = json.loads(ask("decimal", ">=75", "62.50", "--format", "json").stdout)
    assert answer == {"met": False, "reason": "62.50 does not meet >=75", "warnings": []}
    wrong = json.loads(ask("decimal", "75,50", "62.50", "--format", "json").stdout)
    assert wrong["problems"][0]["col"] == 1
    assert wrong["problems"][0]["hint"] == "write 75.50"


def test_a_warning_does_not_stand_in_the_way_of_the_answer() -> None:
    result = CliRunner().invoke(build_app(), ["filter", "--type", "code", "--", "9..100", "50"])
    assert result.stdout.startswith("no - 50 does not meet 9..100")
    assert "compared as text" in result.stderr


def test_a_kind_that_is_none_is_misuse() -> None:
    assert CliRunner().invoke(build_app(), ["filter", "--type", "colour", "--", "A", "A"]).exit_code == 2
    assert ask("date", "today", "2026-05-31", "--today", "soon").exit_code == 3
