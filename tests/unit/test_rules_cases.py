"""Cases beside the rules: they pass on what ships, fail on what is broken, and both matchers agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pytest

from navplugin.core.ports import Hit, Matcher
from navplugin.core.problems import Problem
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.case_keys import KEY_DOCS
from navplugin.rulebook.cases import EXPECTATIONS, Case, run_case
from navplugin.rulebook.cases import read_cases as parse_cases
from navplugin.rulebook.durable import DurableMatcher, durable_is_installed
from navplugin.rulefiles import read_cases
from tests.unit.rule_sales import RULES, book_of, shipped

CASES, CASE_PROBLEMS = parse_cases(read_cases(RULES))
ON = [r.name for r in shipped().rules if r.switch.mode == "on"]


@pytest.fixture(scope="module")
def matchers() -> Iterator[list[Matcher]]:
    if not durable_is_installed():
        yield [BuiltinMatcher()]
        return
    with DurableMatcher() as durable:
        yield [BuiltinMatcher(), durable]
        assert durable.fallbacks == 0, durable.why


def test_the_shipped_cases_are_well_formed() -> None:
    assert not CASE_PROBLEMS
    assert len(CASES) >= 50


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_what_ships_does_what_the_case_says(case: Case, matchers: list[Matcher]) -> None:
    assert run_case(shipped(), case, matchers).problems == ()


@pytest.mark.parametrize("name", ON)
def test_without_this_rule_a_shipped_case_fails(name: str) -> None:
    book = shipped()
    less = replace(book, rules=tuple(r for r in book.rules if r.name != name))
    assert any(run_case(less, case, [BuiltinMatcher()]).problems for case in CASES)


def problems_of(text: str) -> list[str]:
    return [
        f"{p.span.line}:{p.span.col} {p.code}: {p.message}; {p.hint}"
        for p in parse_cases([("c.ini", text.encode())])[1]
    ]


def test_a_case_that_is_not_met_says_what_was_seen_and_where() -> None:
    cases, _ = parse_cases([("c.ini", b"[A case]\nloyalty = Member\nexpect footer = signup\n")])
    failures = run_case(shipped(), cases[0], [BuiltinMatcher()]).problems
    assert [f.headline() for f in failures] == [
        "c.ini:3:17: error case-failed: [A case] footer is 'wallet', expected 'signup'; mend the rule, or the case"
    ]


def test_matchers_that_differ_are_told() -> None:
    class Liar:
        name = "liar"

        def order(self, hits: Iterable[Hit]) -> Sequence[Hit]:
            return tuple(reversed(BuiltinMatcher().order(hits)))

    rules = "[A]\non = check-in\nthen = prompt-signup\n[B]\non = check-in\nthen = no-prompt\n"
    cases, _ = parse_cases([("c.ini", b"[A case]\nexpect prompt =\n")])
    found: tuple[Problem, ...] = run_case(book_of(rules), cases[0], [BuiltinMatcher(), Liar()]).problems
    assert [p.code for p in found] == ["matchers-differ"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("lyalty = Member", "2:1 unknown-key: 'lyalty' is not a key of a case; did you mean 'loyalty'?"),
        ("loyalty = Membr", "2:11 bad-value: 'Membr' cannot stand here; did you mean 'Member'?"),
        ("state = OPEN", "2:9 bad-value: 'OPEN' cannot stand here"),
        ("points = many", "2:10 bad-value: 'many' is not a number"),
        ("born = 15.06.1985", "2:8 bad-value: '15.06.1985' is not a day"),
        ("now = noon", "2:7 bad-value: 'noon' is not a time"),
        ("time zone = Denver", "2:13 bad-value: 'Denver' is not a time zone"),
        ("return = maybe", "2:10 bad-value: 'maybe' is neither yes nor no"),
        ("line A = cheap", "2:10 bad-value: 'cheap' is not a line"),
        ("discount A = 10", "2:14 bad-value: '10' is not a discount"),
        ("offer A = gone", "2:11 bad-value: 'gone' is not an offer"),
        ("expect ofered = A", "2:1 unknown-key: 'expect ofered' is nothing that a case can expect"),
        ("expect blocked = A", "2:1 unknown-key: 'expect blocked' is not complete"),
        ("expect footer A = A", "2:1 unknown-key: 'expect footer A' is not complete"),
        ("if Club is GOLD", "2:1 wrong-word: 'if' has no place in a case"),
    ],
)
def test_a_case_with_a_mistake_is_refused_with_its_place(line: str, problem: str) -> None:
    told = problems_of(f"[A case]\n{line}\nexpect reports = 0\n")
    assert len(told) == 1
    assert told[0].startswith(problem)


def test_a_case_that_expects_nothing_is_refused() -> None:
    assert problems_of("[A case]\nloyalty = Member\n")[0].startswith(
        "1:1 missing-key: the case [A case] expects nothing"
    )


def test_two_cases_of_one_name_are_refused_also_over_files() -> None:
    case = b"[A case]\nexpect reports = 0\n"
    _, problems = parse_cases([("a.ini", case), ("b.ini", case)])
    assert [p.span.path for p in problems] == ["b.ini"]


def test_every_documented_key_and_expectation_is_known() -> None:
    samples = {"line NAME": "1.00", "discount NAME": "1 % off", "offer NAME": "none", "now": "2026-01-01 10:00",
               "time zone": "UTC", "born": "", "points": "hidden", "held": "1", "loyalty": "no answer", "answer": "No",
               "state": "SALES", "minimum judged": "after", "reached": "above", "visits": "unknown",
               "uses today": "0", "prompts last hour": "3", "periodic NAME": "5.00"}  # fmt: skip
    yes_no = {"pin", "return", "status asked", "blocked member"}
    lines = [f"{key.replace('NAME', 'X')} = {samples.get(key, 'yes' if key in yes_no else 'A')}" for key, _ in KEY_DOCS]
    coupon = {"blocked", "min balance", "min amount", "needs pin"}
    lines += [f"expect {what}{' X' if what in coupon else ''} =" for what, _ in EXPECTATIONS]
    assert problems_of("\n".join(["[All]", *lines])) == []
