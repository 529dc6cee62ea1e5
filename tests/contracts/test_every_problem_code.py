"""Every problem code has a wrong example that brings it and a right one that does not (rules/README.md)."""

from __future__ import annotations

import pytest

from navplugin.core.inifile import read_ini
from navplugin.core.model import StoreSettings
from navplugin.core.problems import CODES, Problem
from navplugin.core.profile import read_profile
from navplugin.receipts.footer import render_footer
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.examples import ELSEWHERE, EXAMPLES, Example
from navplugin.rulebook.load import load_rulebook
from navplugin.ruletest import run_cases
from tests.unit.rule_sales import book_of

PLAIN = "[Plain]\non = posted\nthen = report\n"


def problems_of(example: Example, lines: str) -> tuple[Problem, ...]:
    data = example.frame.replace("{}", lines, 1).encode()
    if example.file == "profile":
        profile, problems = read_profile(read_ini("navplugin.ini", data))
        if profile is None or problems:
            return problems
        store = next(profile.store_settings(no) for no in profile.stores)
        return render_footer("wallet", "{{ qr(wallet_url) }}\n", store, path="wallet.txt.j2").problems
    if example.file == "template":
        store = StoreSettings("S0001", name="Sample Store", wallet_url="https://lab.alpineiq.com/wallet/1234")
        return render_footer("wallet", data.decode(), store, path="wallet.txt.j2").problems
    if example.file == "cases":
        return run_cases(book_of(PLAIN), [("rules/cases/a.ini", data)], [BuiltinMatcher()]).problems
    more = [] if example.code == "no-rules" else [("rules/plain.ini", PLAIN.encode())]
    return load_rulebook([("rules/a.ini", data), *more])[1]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.code)
def test_the_wrong_example_brings_its_code_with_a_place_and_the_right_one_does_not(example: Example) -> None:
    found = [p for p in problems_of(example, example.wrong) if p.code == example.code]
    assert found, [str(p) for p in problems_of(example, example.wrong)]
    assert all(p.span.line >= 1 and p.span.col >= 1 and p.message for p in found)
    assert not [str(p) for p in problems_of(example, example.right)], "the right example has no problem at all"


def test_every_code_has_an_example_or_a_place_elsewhere() -> None:
    shown = [e.code for e in EXAMPLES]
    assert len(set(shown)) == len(shown)
    assert set(shown) | set(ELSEWHERE) == {code for code, _ in CODES}
    assert not set(shown) & set(ELSEWHERE)
