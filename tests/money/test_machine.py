"""The money machine against every fault, every death and every cashier action (design.md 6, reliability.md 5 and 6).

`python -m tests.money.families 5000` runs the same with more storms, and prints the table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from tests.money.families import MUTANTS, Report, kill, missing_mutants, run_all
from tests.money.plans import SCENARIOS, play, replay
from tests.money.world import RULES, Setup, World

STORMS, ONE_IN = 20, 8
"""The part that each commit can afford; `python -m tests.money.families 5000` runs all plans."""
Show = Callable[[str], None]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of lost answers would fill the report."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def run(scenario: str, setup: Setup, *plan: tuple[int, str]) -> World:
    return replay(scenario, setup, dict(plan))


def after(scenario: str, setup: Setup, kind: str, which: int, fault: str) -> World:
    """With this fault at the n-th call of this kind."""
    plain = run(scenario, setup)
    numbers = [n for n, one in enumerate(plain.io.kinds, 1) if one == kind]
    return run(scenario, setup, (numbers[which], fault))


def test_no_fault_no_death_and_no_cashier_breaks_an_invariant(show: Show) -> None:
    report: Report = run_all(STORMS, ONE_IN)
    for line in report.lines():
        show(line)
    assert not report.failures, "\n".join(report.failures[:20])
    assert sum(c.runs for c in report.counts.values()) > 25_000


@pytest.mark.parametrize("rule", sorted(MUTANTS))
def test_each_safety_rule_is_needed(rule: str, show: Show) -> None:
    """Switched off, it must show: else it, or this test, is worth nothing."""
    found = kill(rule)
    show(f"mutant {rule:<18} {'killed by ' + found[:110] if found else 'LIVES'}")
    assert found


def test_every_safety_rule_has_a_mutant() -> None:
    assert not missing_mutants()


def test_a_failing_plan_is_printed_as_a_literal_that_replays_it() -> None:
    printed = kill("look-first")
    call, _, said = printed.rpartition("): ")
    world = eval(call + ")", {"replay": replay, "Setup": Setup, "RULES": RULES})
    assert world.violations[0] == said


@pytest.mark.parametrize("fault", ["before", "after", "late"])
def test_without_a_look_up_an_unknown_outcome_goes_to_a_person_and_is_never_sent_again(fault: str) -> None:
    world = after("sold", Setup("posted", "blind"), "aiq.move", 0, fault)
    (claim,) = world.store.claims.values()
    assert (claim.end, world.aiq.moves) == ("SUSPECT", 1)
    assert "answer never came" in claim.reason


def test_points_that_aiq_refuses_after_posting_are_owed_with_amount_and_reason() -> None:
    world = after("sold", Setup(), "aiq.move", 0, "refuse")
    (claim,) = world.store.claims.values()
    assert (claim.end, claim.applied, claim.needs_person) == ("OWED", Decimal(100), True)
    assert "not today" in claim.reason
    assert "100.00 off" in claim.reason


def test_what_the_store_absorbs_is_owed_and_nobodys_work() -> None:
    world = after("sold", Setup(owed="absorb"), "aiq.move", 0, "refuse")
    (claim,) = world.store.claims.values()
    assert (claim.end, claim.needs_person) == ("OWED", False)
    assert "absorbed" in claim.resolved


def test_what_aiq_refuses_may_be_taken_by_an_adjustment_once() -> None:
    world = after("sold", Setup(owed="adjust"), "aiq.move", 0, "refuse")
    (claim,) = world.store.claims.values()
    assert (claim.end, claim.collect) == ("SETTLED", "done")
    assert [a.points for a in world.aiq.adjusted] == [Decimal(-500)]


def test_a_void_after_posting_ends_a_debt() -> None:
    world = after("voided after posting", Setup(), "aiq.move", 0, "refuse")
    assert [c.end for c in world.store.claims.values()] == ["RELEASED"]


def test_points_that_must_go_back_by_hand_are_a_work_list_entry() -> None:
    world = run("voided", Setup("total", "probe", "manual"))
    (claim,) = world.store.claims.values()
    assert (claim.end, claim.needs_person) == ("SUSPECT", True)
    assert "500 points are to be given back by hand" in claim.reason


def test_a_refund_long_after_the_sale_is_looked_up_from_the_day_of_the_sale() -> None:
    """A listing that begins with the refund would not show the redemption, and "not there" would mean given back."""
    world = World(Setup("posted", "probe"))
    play(world, SCENARIOS["sold"])
    world.clock.advance(hours=5)
    before = world.io.passed
    world.press("post-void")
    world.io.plan = {n: "before" for n in range(before + 1, before + 30) if n == _move_after(world, before)}
    for _ in range(4):
        world.tick()
        world.clock.advance(seconds=61)
    assert world.io.plan, "the refund must have met its fault"
    assert world.aiq.net("g1-R1", "AP0004") == 0
    assert [t.refunded for t in world.aiq.taken] == [True]


def _move_after(world: World, passed: int) -> int:
    """The boundary of the next call that moves points."""
    other = world.copy({})
    other.tick()
    return passed + 1 + other.io.kinds.index("aiq.move")


def test_a_new_ledger_looks_up_what_the_lost_one_took() -> None:
    world = World(Setup("total", "probe"))
    for key in ("pick:AP0004", "total"):
        world.tick()
        world.press(key)
        world.tick()
    world.tick()
    world.store.claims.clear()  # the disk was restored from nothing
    world.workers = [world.start_worker("C1")]
    play(world, SCENARIOS["sold"], start=5)
    assert len(world.aiq.taken) == 1, "not a second time"
    (claim,) = world.store.claims.values()
    assert claim.end == "SETTLED", "AIQ lists its redemption"
