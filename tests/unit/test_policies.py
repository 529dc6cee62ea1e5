"""Policies that stores have, each written from rules/README.md alone and tried with its own cases beside the rules that
ship. A file of a policy with the name of a shipped file stands in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from navplugin.core.ports import Matcher
from navplugin.rulebook.book import Rulebook
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.load import load_rulebook, name_of
from navplugin.rulefiles import read_cases, read_folder
from navplugin.ruletest import both_matchers, run_cases
from tests.unit.rule_sales import ROOT, RULES

POLICIES = sorted(p for p in (ROOT / "tests" / "rulefiles" / "policies").iterdir() if p.is_dir())


@pytest.fixture(scope="module")
def matchers() -> Iterator[tuple[Matcher, ...]]:
    with both_matchers() as both:
        yield both


def load(policy: Path) -> Rulebook:
    """The policy beside what ships, free of errors and of warnings."""
    own = {name_of(path): (path, data) for path, data in read_folder(policy)}
    shipped = {name_of(path): (path, data) for path, data in read_folder(RULES)}
    book, problems = load_rulebook(list({**shipped, **own}.values()))
    assert not problems, "\n".join(map(str, problems))
    assert book is not None
    return book


def is_own(path: str) -> bool:
    return "policies" in Path(path).parts


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.name)
def test_the_policy_does_what_its_cases_say(policy: Path, matchers: tuple[Matcher, ...]) -> None:
    book = load(policy)
    tested = run_cases(book, read_cases(policy), matchers)
    assert not tested.problems, "\n".join(map(str, tested.problems))
    assert tested.cases
    own = {r.name for r in book.rules if is_own(r.span.path)} | {
        f"stack {s.name}" for s in book.stacks if is_own(s.span.path)
    }
    shipped_too = {"Do not ask minors", "Do not ask without phone and e-mail", "Do not ask blocked members"}
    assert not (own & set(tested.idle)) - shipped_too


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.name)
def test_without_a_rule_of_the_policy_a_case_of_it_fails(policy: Path) -> None:
    """A case that passes anyway shows nothing."""
    book, cases = load(policy), read_cases(policy)
    parts = [r.name for r in book.rules if Path(r.span.path).name == "rules.ini"]
    for name in parts:
        less = replace(book, rules=tuple(r for r in book.rules if r.name != name))
        # AP0004 at its amount is decided by what ships as well
        if policy.name != "ap0004":
            assert run_cases(less, cases, [BuiltinMatcher()]).problems, name
    for stack in [s for s in book.stacks if is_own(s.span.path)]:
        less = replace(book, stacks=tuple(s for s in book.stacks if s.name != stack.name))
        assert run_cases(less, cases, [BuiltinMatcher()]).problems, stack.name


def test_every_policy_of_the_list_is_here() -> None:
    assert {p.name for p in POLICIES} == {
        "happy-hour", "medical", "one-per-sale", "larger-of-two", "clearance", "own-terms", "birthday-month", "staff",
        "without-accessories", "footer-without-phone", "age-flag", "pin-above-20", "three-an-hour", "club-a", "welcome",
        "once-a-day", "before-closing", "half-of-the-basket", "returns", "ap0004", "gold-tuesday",
    }  # fmt: skip
