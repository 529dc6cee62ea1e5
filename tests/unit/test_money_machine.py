"""The money machine against every fault, every death and every cashier action (design.md 6, reliability.md 5)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from decimal import Decimal

import pytest

from navplugin.claims import SAFETY
from tests.unit.money_model import World

SCENARIOS: dict[str, tuple[str, ...]] = {
    "sold": ("pick:AP0004", "total", "pay"),
    "sold without the worker": ("pick:AP0004", "-total", "-pay"),
    "voided": ("pick:AP0004", "total", "void"),
    "voided before total": ("pick:AP0004", "void"),
    "voided after posting": ("pick:AP0004", "total", "pay", "post-void"),
    "pick taken back": ("pick:AP0004", "unpick:AP0004", "total", "pay"),
    "pick taken back and picked again": ("pick:AP0004", "unpick:AP0004", "pick:AP0004", "total", "pay"),
    "line erased": ("pick:AP0004", "erase:AP0004", "total", "pay"),
    "back from total": ("pick:AP0004", "total", "back", "total", "pay"),
    "below the minimum after total": ("pick:AP0004", "total", "back", "less", "total", "pay", "pay"),
    "below the minimum, worker too late": ("pick:AP0004", "-less", "-total", "-pay"),
    "suspended and sold": ("pick:AP0004", "suspend", "retrieve", "total", "pay"),
    "suspended and voided": ("pick:AP0004", "total", "suspend", "void"),
    "other member": ("pick:AP0004", "swap", "total", "pay", "pay"),
    "other member, worker too late": ("pick:AP0004", "-swap", "-total", "-pay"),
    "two discounts": ("pick:AP0001", "pick:AP0004", "total", "pay", "pay"),
    "two discounts, one taken back": ("pick:AP0001", "pick:AP0004", "total", "back", "unpick:AP0001", "total", "pay"),
    "two discounts, voided": ("pick:AP0001", "pick:AP0004", "total", "void"),
    "paid in one go": ("-pick:AP0001", "-pick:AP0004", "-pay"),
}
"""Keys at the till; the worker ticks after each, except after those with a minus."""

MODES = [("posted", "blind"), ("posted", "probe"), ("total", "blind"), ("total", "probe"), ("select", "probe")]
"""redeem-at and redemption-lookup; `select` with `blind` is refused by the profile."""
FAULTS = [(), ("after",), ("before",), ("late",), ("busy",), ("away",), ("refuse",), ("after", "after"), ("", "after"),
          ("", "late"), ("", "refuse"), ("late", "after")]  # fmt: skip
"""What befalls the first calls that move points: the effect without the answer, the answer without the effect, ..."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of lost answers would fill the report."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play(world: World, steps: tuple[str, ...]) -> World:
    """Press, tick; in the end let everything come home, and check."""
    world.tick()
    for step in steps:
        world.press(step.removeprefix("-"))
        if not step.startswith("-"):
            world.tick()
            world.tick()
    world.drain()
    world.check_end()
    return world


def deaths(mode: str, lookup: str, steps: tuple[str, ...], faults: tuple[str, ...]) -> Iterator[World]:
    """The run without a death, then one run for each boundary that it crossed."""
    first = play(World(mode, lookup, faults=faults), steps)
    yield first
    for die_at in range(1, first.boundaries.passed + 1):
        yield play(World(mode, lookup, faults=faults, die_at=die_at), steps)


@pytest.mark.parametrize(("mode", "lookup"), MODES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_points_are_taken_exactly_once_or_not_at_all_whatever_aiq_does(mode: str, lookup: str, scenario: str) -> None:
    for faults in FAULTS:
        world = play(World(mode, lookup, faults=faults), SCENARIOS[scenario])
        assert not world.violations, (faults, world.violations)


@pytest.mark.parametrize(("mode", "lookup"), MODES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_points_are_taken_exactly_once_or_not_at_all_wherever_the_process_dies(
    mode: str, lookup: str, scenario: str
) -> None:
    for faults in ((), ("after",)):
        for world in deaths(mode, lookup, SCENARIOS[scenario], faults):
            assert not world.violations, (faults, world.die_at, world.violations)


@pytest.mark.parametrize("mode", ["posted", "total", "select"])
def test_with_a_look_up_no_fault_of_aiq_ever_needs_a_person(mode: str) -> None:
    for faults in FAULTS:
        for scenario in ("sold", "voided", "pick taken back", "two discounts", "suspended and voided"):
            world = play(World(mode, "probe", faults=faults), SCENARIOS[scenario])
            if "refuse" not in faults:  # a refused refund is a person's work
                assert world.suspects == 0, (faults, scenario)


def test_without_a_look_up_an_unknown_outcome_goes_to_a_person_and_is_never_sent_again() -> None:
    for faults in (("after",), ("before",), ("late",)):
        world = play(World("posted", "blind", faults=faults), SCENARIOS["sold"])
        assert world.suspects == 1
        assert world.aiq.calls == 1


def test_a_look_up_that_fails_is_asked_again_and_nothing_is_sent_meanwhile() -> None:
    world = World("posted", "probe", faults=("after",))
    world.aiq.look_fails = 3
    play(world, SCENARIOS["sold"])
    assert not world.violations
    assert (world.aiq.calls, world.suspects) == (1, 0)


def test_points_that_aiq_refuses_after_posting_are_owed_with_amount_and_reason() -> None:
    world = play(World("posted", "probe", faults=("refuse",)), SCENARIOS["sold"])
    (claim,) = world.ledger.list_claims("OWED")
    assert claim.applied == Decimal(100)
    assert "not today" in claim.reason


def test_points_that_must_go_back_by_hand_are_a_work_list_entry() -> None:
    world = play(World("total", "probe", refund="manual"), SCENARIOS["voided"])
    (claim,) = world.ledger.list_claims("SUSPECT")
    assert "500" in claim.reason
    assert "by hand" in claim.reason


@pytest.mark.parametrize(("mode", "lookup"), MODES)
def test_two_tills_cannot_spend_the_same_points(mode: str, lookup: str) -> None:
    for faults in FAULTS[:6]:
        world = two_tills(World(mode, lookup, faults=faults, balance=Decimal(600), receipts=("R1", "R2")))
        assert not world.violations, (faults, world.violations)
        assert not world.ledger.list_claims("OWED"), faults


def two_tills(world: World) -> World:
    """One balance for one discount, picked at two tills before the worker looks."""
    world.tick()
    for step in ("pick:AP0004", "total", "pay", "pay"):
        world.press(step, "R1")
        world.press(step, "R2")
        world.tick()
        world.tick()
    world.drain()
    world.check_end()
    return world


@pytest.mark.parametrize("rule", sorted(SAFETY))
def test_each_safety_rule_is_needed(rule: str) -> None:
    """Switched off, it must show: else it, or this test, is worth nothing."""
    assert any(broken(rule))


def broken(rule: str) -> Iterator[bool]:
    """Runs that should go wrong without this rule."""
    without = SAFETY - {rule}
    if rule == "hold":
        world = World("posted", "probe", rules=without, balance=Decimal(600), receipts=("R1", "R2"))
        yield bool(two_tills(world).ledger.list_claims("OWED"))
    for mode, lookup in MODES:
        for scenario in ("sold", "paid in one go", "below the minimum after total", "pick taken back",
                         "below the minimum, worker too late", "other member, worker too late"):  # fmt: skip
            for faults in ((), ("after",), ("late",), ("refuse",)):
                world = play(World(mode, lookup, faults=faults, rules=without), SCENARIOS[scenario])
                yield bool(world.violations)
                for die_at in range(1, world.boundaries.passed + 1 if rule == "early-sent" else 1):
                    yield bool(play(World(mode, lookup, faults=faults, rules=without, die_at=die_at),
                                    SCENARIOS[scenario]).violations)  # fmt: skip
