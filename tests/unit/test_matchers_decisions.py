"""Whole decisions by both matchers: random rulebooks and sales, and a durable engine that dies, hangs or is absent.

Nothing of it may be seen in what is decided.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from navplugin.core.model import Decision, Situation
from navplugin.core.ports import Matcher
from navplugin.rulebook import durable as durable_module
from navplugin.rulebook.book import Rulebook
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.durable import DurableMatcher, durable_is_installed
from navplugin.rulebook.load import load_rulebook
from tests.unit.rule_sales import sale, shipped

RULEBOOKS = 2000

needs_durable = pytest.mark.skipif(
    not durable_is_installed(), reason="durable_rules is not installed here (Windows, or Python 3.13 and newer)"
)

CONDITIONS = (
    "Club is GOLD|SILVER",
    "Quantity is >2",
    "Member Blocked is Yes",
    "Loyalty Status is Known|Unknown",
    "Transaction Balance is <60",
    "Age is >40",
    "Visits is 0",
    "Store No. is S0001..S0003",
    "Phone Or E-Mail is No",
    "Weekday is Friday",
    "Time is <13:00",
    "Item Lines is 0",
    "Points Balance is >=500",
)
ABOUT_DISCOUNTS = (
    "Coupon Code is A*",
    "Discount Value is >10",
    "Points Cost is <=100",
    "Amount Short is >0",
    "Picked is Yes",
    "Discount Share % is >=50",
    "Value Kind is percent",
)
VERBS = {
    "check-in": (
        "prompt-signup",
        "prompt-signup hello",
        "no-prompt",
        "show-status hello",
        "no-wallet",
        "show-message hello",
    ),
    "basket": ("prompt-signup hello", "no-prompt", "no-wallet hello", "report"),
    "wallet": ("hide-discount", "hide-discount why", "require-pin", "report why"),
    "select": ("hide-discount", "hide-discount why", "report"),
    "receipt": ("footer wallet", "footer signup", "footer plain", "no-footer"),
}
TEXTS = "[text hello]\nen = Hello, {Club}.\n[text why]\nen = Not {Coupon Code}.\n"


def a_rulebook(random: Random) -> Rulebook:
    parts = []
    for number in range(random.randrange(1, 13)):
        moment = random.choice(list(VERBS))
        asked = (*CONDITIONS, *(ABOUT_DISCOUNTS if moment in ("wallet", "select") else ()))
        lines = {f"{random.choice(('if', 'unless'))} {c}" for c in random.sample(asked, random.randrange(3))}
        then = random.choice(VERBS[moment]) + random.choice(("", ", report"))
        mode = random.choice(("on", "on", "on", "watch", "off"))
        parts.append(
            "\n".join(
                (
                    f"[Rule {number}]",
                    f"on = {moment}",
                    *sorted(lines),
                    f"then = {then}",
                    f"priority = {random.randrange(1, 6)}",
                    f"mode = {mode}",
                )
            )
        )
    if random.random() < 0.4:
        parts.append(
            f"[stack S]\namong {random.choice(ABOUT_DISCOUNTS)}\nkeep = {random.choice(('largest', 'at-most'))} 1"
        )
    book, problems = load_rulebook([("rules/a.ini", (TEXTS + "\n".join(parts)).encode())])
    assert book is not None, problems
    return book


def a_sale(random: Random) -> Situation:
    lines = [
        f"loyalty = {random.choice(('Member', 'Member', 'Member', 'Known', 'no answer'))}",
        f"club = {random.choice(('GOLD', 'SILVER', ''))}",
        f"store = S000{random.randrange(1, 6)}",
        f"blocked member = {random.choice(('yes', 'no'))}",
        f"visits = {random.choice(('0', '3', 'unknown'))}",
        f"points = {random.choice(('hidden', '50', '5000'))}",
    ]
    lines += [f"line I{n} = {random.randrange(1, 90)}.00" for n in range(random.randrange(4))]
    codes = random.sample(("A1", "A2", "B1", "B2", "C1"), random.randrange(5))
    kinds = ("% off", ".00 off")
    lines += [
        f"discount {c} = {random.randrange(1, 60)}{random.choice(kinds)} for {random.randrange(200)}" for c in codes
    ]
    picked = random.sample(codes, random.randrange(len(codes) + 1))
    return sale(*lines, f"picked = {', '.join(picked)}" if picked else "state = SALES")


def without_name(decision: Decision) -> Decision:
    return replace(decision, matcher="")


@pytest.fixture(scope="module")
def real() -> Iterator[DurableMatcher]:
    with DurableMatcher(limit=30.0) as matcher:
        yield matcher


@needs_durable
def test_two_thousand_random_rulebooks_are_decided_alike(real: DurableMatcher) -> None:
    acted = 0
    for seed in range(RULEBOOKS):
        random = Random(seed)
        book, situation = a_rulebook(random), a_sale(random)
        reference = decide(book, situation, BuiltinMatcher())
        assert without_name(decide(book, situation, real)) == without_name(reference), f"seed {seed}"
        acted += bool(reference.wants or reference.forbidden or reference.reports)
    assert acted > RULEBOOKS / 2, "most of them decide something"
    assert real.fallbacks == 0, real.why


GUIDE = (
    "line FLOWER = 75.00",
    "line VAPE = 45.00",
    "discount AP0001 = 10.00 off for 100",
    "discount AP0004 = 100.00 off for 500",
)


def decided_by(matcher: Matcher) -> Decision:
    return without_name(decide(shipped(), sale(*GUIDE), matcher))


REFERENCE = decided_by(BuiltinMatcher())


def pid_of(matcher: DurableMatcher) -> int:
    assert matcher._process is not None
    assert matcher._process.pid is not None
    return matcher._process.pid


@needs_durable
def test_a_killed_engine_changes_no_decision_and_is_started_again() -> None:
    with DurableMatcher(limit=30.0) as matcher:
        assert decided_by(matcher) == REFERENCE
        first = pid_of(matcher)
        os.kill(first, getattr(signal, "SIGKILL", signal.SIGTERM))
        assert decided_by(matcher) == REFERENCE
        assert decided_by(matcher) == REFERENCE
        assert pid_of(matcher) != first
        assert matcher.active == "durable"


@needs_durable
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot halt a process")
def test_a_hung_engine_changes_no_decision_and_is_ended() -> None:
    with DurableMatcher(limit=0.2) as matcher:
        decided_by(matcher)
        hung = matcher._process
        os.kill(pid_of(matcher), signal.SIGSTOP)
        assert decided_by(matcher) == REFERENCE
        assert matcher.fallbacks >= 1
        assert matcher._process is not hung


def test_a_missing_engine_changes_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_module, "durable_is_installed", lambda: False)
    with DurableMatcher() as matcher:
        assert decided_by(matcher) == REFERENCE
        assert matcher.active == "builtin"
        assert "not installed" in matcher.why
