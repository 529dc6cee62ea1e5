"""Amounts: the balance, what is needed, and the minima that are written ahead; stacks."""

from __future__ import annotations

from decimal import Decimal

import pytest

from navplugin.rulebook.facts import FACTS, look_at
from tests.unit.rule_sales import decided, grant, sale

ONE = "discount AP0004 = 100.00 off for 500"
FACT = {f.caption: f for f in FACTS}


def value(caption: str, code: str, *lines: str) -> object:
    look = look_at(sale(*lines))
    subject = next(s for s in look.candidates if s.coupon_code == code)
    return look.at(subject).value_of(FACT[caption])


@pytest.mark.parametrize(
    ("condition", "minimum"),
    [
        ("if Amount Short is >0", "100.00"),
        ("if Amount Short is <>0", "100.00"),
        ("if Amount Short is >10", "90.00"),
        ("if Amount Short is >=10", "90.01"),
        ("unless Amount Short is 0", "100.00"),
        ("unless Amount Short is <=10", "90.00"),
        ("if Discount Share % is >50", "200.00"),
        ("if Discount Share % is >=50", "200.01"),
        ("if Discount Share % is >30", "333.34"),
        ("if Transaction Balance is <60", "60.00"),
        ("if Transaction Balance is <=60", "60.01"),
        ("unless Transaction Balance is >=60", "60.00"),
        ("if Transaction Balance is <60\nif Staff ID is 101", "60.00"),
        ("if Transaction Balance is <60\nif Staff ID is 102", "0"),
    ],
)
@pytest.mark.parametrize("balance", ["10.00", "500.00"])
def test_a_rule_that_hides_by_an_amount_alone_becomes_a_minimum(condition: str, minimum: str, balance: str) -> None:
    fields = grant(
        decided(f"[A]\non = wallet\n{condition}\nthen = hide-discount\n", f"line A = {balance}", ONE), "AP0004"
    )
    assert fields["Min_Balance"] == Decimal(minimum)
    assert fields["Blocked_Text"] == ""


@pytest.mark.parametrize(
    "condition",
    [
        "if Transaction Balance is >50",
        "if Transaction Balance is 50..200",
        "if Discount Share % is <90\nif Transaction Balance is <500",
        "if Quantity is <5",
    ],
)
def test_every_other_reason_is_a_block(condition: str) -> None:
    rules = f"[A]\non = wallet\n{condition}\nthen = hide-discount no\n[text no]\nen = No.\n"
    fields = grant(decided(rules, "line A = 150.00", ONE), "AP0004")
    assert (fields["Blocked_Text"], fields["Min_Balance"]) == ("No.", 0)


def test_the_minimum_is_the_greatest_of_several() -> None:
    rules = (
        "[A]\non = wallet\nif Amount Short is >0\nthen = hide-discount\n"
        "[B]\non = wallet\nif Discount Share % is >25\nthen = hide-discount\n"
    )
    assert grant(decided(rules, ONE), "AP0004")["Min_Balance"] == Decimal("400.00")


def test_a_percentage_is_never_short_of_its_value() -> None:
    rules = "[A]\non = wallet\nif Amount Short is >0\nthen = hide-discount\n"
    assert grant(decided(rules, "discount P = 10 % off for 5"), "P")["Min_Balance"] == 0


def test_earlier_picks_come_off_the_balance_and_a_pick_does_not_count_itself() -> None:
    lines = ("line A = 120.00 less 20.00", "discount A1 = 10.00 off for 1", "discount A2 = 10 % off for 1", ONE)
    picked = (*lines, "picked = A1, A2, AP0004")
    assert value("Transaction Balance", "A1", *picked) == Decimal("100.00")
    assert value("Transaction Balance", "A2", *picked) == Decimal("90.00")
    assert value("Transaction Balance", "AP0004", *picked) == Decimal("81.00")
    assert value("Transaction Balance", "AP0004", *lines) == Decimal("100.00")


@pytest.mark.parametrize(
    ("settings", "short"),
    [
        ((), "0"),
        (("reached = above",), "0.01"),
        (("minimum judged = after",), "20.00"),
        (("minimum judged = after", "reached = above"), "20.01"),
    ],
)
def test_a_trigger_is_judged_as_the_store_says(settings: tuple[str, ...], short: str) -> None:
    lines = ("line A = 120.00 less 20.00", "discount P = 10 % off for 1", "offer P = trigger 120.00", *settings)
    assert value("Amount Short", "P", *lines) == Decimal(short)


def test_points_are_short_by_what_is_held_and_picked() -> None:
    lines = ("points = 700", "held = 100", ONE, "discount A1 = 5.00 off for 200")
    assert value("Points Short", "AP0004", *lines) == 0
    assert value("Points Short", "AP0004", *lines, "picked = A1") == Decimal(100)
    assert value("Points Short", "A1", *lines, "picked = A1") == 0


# ---- stacks ----------------------------------------------------------------------------------------------------------

STACK = "[stack S]\namong Coupon Code is A*\nkeep = {keep}\n{more}\n[Any]\non = posted\nthen = report\n"
THREE = (
    "line X = 500.00",
    "discount A1 = 10.00 off for 1",
    "discount A2 = 30.00 off for 1",
    "discount A3 = 20.00 off for 1",
    "discount B1 = 5.00 off for 1",
)


@pytest.mark.parametrize(
    ("keep", "gone"),
    [
        ("first-chosen 1", {"A2", "A3"}),
        ("at-most 2", {"A3"}),
        ("largest 1", {"A1", "A3"}),
        ("smallest 2", {"A2"}),
        ("largest 3", set()),
    ],
)
def test_a_stack_takes_off_what_it_does_not_keep(keep: str, gone: set[str]) -> None:
    decision = decided(STACK.format(keep=keep, more=""), *THREE, "picked = A1, A2, B1, A3")
    assert set(decision.forbidden) == gone


def test_a_stack_blocks_ahead_what_it_would_drop_at_once() -> None:
    first = decided(STACK.format(keep="first-chosen 1", more=""), *THREE, "picked = A1")
    assert grant(first, "A2")["Blocked_Text"] == "At most 1 of these wallet discounts on one sale."
    assert grant(first, "B1")["Blocked_Text"] == ""
    largest = decided(STACK.format(keep="largest 1", more=""), *THREE, "picked = A3")
    assert (grant(largest, "A2")["Blocked_Text"], grant(largest, "A1")["Blocked_Text"] != "") == ("", True)


def test_a_stack_may_watch_or_have_its_own_text() -> None:
    watching = decided(STACK.format(keep="first-chosen 1", more="mode = watch"), *THREE, "picked = A1, A2")
    assert watching.forbidden == {}
    assert any(t.rule == "stack S" and not t.acted for t in watching.trace)
    text = "text = one\n[text one]\nen = One."
    own = decided(STACK.format(keep="first-chosen 1", more=text), *THREE, "picked = A1, A2")
    assert own.forbidden == {"A2": "One."}


def test_a_pick_that_a_rule_has_withheld_makes_room_in_the_stack() -> None:
    rules = (
        STACK.format(keep="first-chosen 1", more="") + "[No]\non = select\nif Coupon Code is A1\nthen = hide-discount\n"
    )
    assert set(decided(rules, *THREE, "picked = A1, A2").forbidden) == {"A1"}
