"""Moves carried out on one sale, with the answers and the snapshots that come at the wrong moment."""

from __future__ import annotations

from navplugin.core.model import End, GrantStatus, Points
from tests.money.aiq import MEMBER
from tests.money.io import Io
from tests.money.world import Setup, World
from tests.support_world import claim_of, press, till_of

ROUNDS = 5


def test_a_line_that_comes_after_its_journal_was_read_was_not_removed_by_the_cashier() -> None:
    """Row and journal are read one after the other: the row may say Inserted where the journal has no line yet."""
    world = World(Setup())
    world.tick()
    world.press("pick:AP0004")
    lines = till_of(world).lines
    lines.discard("AP0004")
    world.tick()
    lines.add("AP0004")
    world.tick()
    assert claim_of(world).end is End.OPEN
    assert till_of(world).grants["AP0004"].status is GrantStatus.INSERTED


def test_a_refund_that_was_done_without_an_answer_is_noted_as_aiqs_own() -> None:
    """By hand or by an adjustment, a later look-up would take its redemption for one that is still charged."""
    setup, keys = Setup(redeem_at="total"), ("", "pick:AP0004", "total", "void")
    dry = World(setup)
    press(dry, *keys)
    refund = len(dry.io.kinds) - dry.io.kinds[::-1].index("aiq.move")
    world = World(setup, Io({refund: "after"}))
    press(world, *keys)
    assert "refund unknown" in [move for _, move, *_ in world.store.journal]
    for _ in range(ROUNDS):
        world.clock.advance(seconds=59)
        world.tick()
    claim = claim_of(world)
    assert (claim.end, claim.points, claim.given_back) == (End.RELEASED, Points.NO, "endpoint")
    assert (world.aiq.refunds, world.aiq.points[MEMBER]) == (1, 1000)
