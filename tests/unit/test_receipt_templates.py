"""Receipt templates: strict names, and nothing that could do harm or never end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_receipts import footer, said


def test_the_code_changes_with_the_content_and_only_with_it() -> None:
    assert footer("a").code == footer("a").code
    assert footer("a").code != footer("b").code
    assert footer("a").code != footer("{{ 'a' | bold }}").code


def test_how_a_line_is_printed_is_said_by_filters() -> None:
    (line,) = footer("{{ 'Hello' | center | bold | wide }}").lines
    assert (line.text, line.align, line.bold, line.wide) == ("Hello", "C", True, True)
    assert [x.text for x in footer("a\n\n{% if store_name %}\nb\n{% endif %}\nc").lines] == ["a", "", "b", "c"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ok\n{{ walet_url }}", "t.j2:2:4: error unknown-name: there is no name 'walet_url'; did you mean 'wallet_"),
        ("{{ 'x' | centre }}", "t.j2:1:10: error unknown-filter: there is no filter 'centre'; did you mean 'center'?"),
        ("{{ qrr(wallet_url) }}", "t.j2:1:4: error unknown-function: there is no function 'qrr'"),
        ("{{ qr() }}", "write {{ qr(wallet_url) }}"),
        ("{% if store_no", "t.j2:1:1: error template-syntax"),
        ("{{ 'x' | wide }}\n" + "y" * 41, "t.j2:2:41: error line-too-wide: the line has 41 characters, 40 fit"),
        ("{{ 'x23456789012345678901' | wide }}", "t.j2:1:21: error line-too-wide: the line has 21 characters, 20 fit"),
        ("{{ qr(store_no) }}", "error bad-address: a QR code needs an address that begins with https://"),
        ("x" * 20_001, "error template-too-long"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_what_to_type(source: str, expected: str) -> None:
    found = said(source)
    assert any(expected in one for one in found), found
    assert footer(source).rows == ()


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}", "{{ store_no.upper() }}", "{{ store_no['x'] }}", "{{ 'a' * 10**9 }}",
        "{% for i in range(10**9) %}{% endfor %}", "{% include 'x' %}", "{% import 'os' as os %}", "{% extends 'x' %}",
        "{% macro m() %}{% endmacro %}", "{% set x = 1 %}", "{{ range(10) }}", "{{ self }}", "{{ [1] }}",
        "{{ cycler }}", "{{ lipsum() }}", "{{ namespace() }}", "{% raw %}x{% endraw %}{{ x.y }}",
        "{{ qr(*['a']) }}", "{{ 'x' | attr('y') }}", "{{ 'x' | map('upper') }}", "{{ 1 + 1 }}", "{{ not_there() }}",
    ],
)  # fmt: skip
def test_a_template_can_do_nothing_but_print(source: str) -> None:
    assert said(source), source


def test_every_problem_of_a_template_is_found_at_once() -> None:
    assert len(said("{{ a }}\n{{ b }}\n{{ 'x' | c }}\n{% for x in y %}{% endfor %}\n")) == 4


@settings(deadline=None)
@given(st.text(alphabet="{}%#|'ab \n()._*[]0", max_size=60))
def test_no_template_makes_it_fail(source: str) -> None:
    found = footer(source)
    assert bool(found.code) != bool(found.problems)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}{% for j in range(10**9) %}x{% endfor %}{% endfor %}",
        "{% for x in store_name recursive %}{{ loop(store_name) }}{% endfor %}",
        "{{ 'x' * 1000000000 }}", "{{ 'x' | center(1000000000) }}", "{{ '%1000000000d' | format(1) }}",
        "{{ (" + "(" * 9000 + "'x'" + ")" * 9000 + ") }}", "{% if store_no %}" * 600 + "x" + "{% endif %}" * 600,
        "{{ " + "not " * 4000 + "store_no }}", "{{ store_no" + "|upper" * 2000 + " }}", "{{ [" * 4000,
        "{{ " + "-" * 9000 + "1 }}", "{#" * 9000,
    ],
    ids=range(12),
)  # fmt: skip
def test_a_template_without_end_is_refused_at_once(source: str) -> None:
    """Nothing is ever run that could loop: the refusal comes from reading the template."""
    assert said(source)
    assert footer(source).rows == ()


def test_a_template_prints_no_more_than_its_own_lines() -> None:
    assert len(footer("{{ store_name }}\n" * 1000, name="x" * 50).lines) == 2000
    assert "at most 20,000 are read" in said("{{ store_name }}\n" * 1200)[0]


def test_a_value_is_never_read_as_template_or_mark() -> None:
    (line,) = footer("{{ store_name }}", name="{{ wallet_url }}{% if x %}").lines
    assert line.text == "{{ wallet_url }}{% if x %}"
    assert footer("{{ store_name }}", name="\ue000\ue005https://a.example").lines[0].kind == "Text"


def test_names_compare_by_their_own_letters() -> None:
    assert [x.text for x in footer("{% if store_no == 'S0001' %}yes{% endif %}").lines] == ["yes"]
    assert [x.text for x in footer("{{ 'a ' ~ store_no | lower }}").lines] == ["a s0001"]
