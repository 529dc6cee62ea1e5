"""The enumeration's world (tests/money) for single stories: the real worker between a till, NAV and AIQ of values."""

from __future__ import annotations

from navplugin.core.model import Claim
from tests.money.till import Till
from tests.money.world import Setup, World


def till_of(world: World, receipt_no: str = "R1") -> Till:
    """The till of a sale."""
    till = world.sales[receipt_no]
    assert isinstance(till, Till)
    return till


def claim_of(world: World) -> Claim:
    """The only claim that there is."""
    (claim,) = world.store.claims.values()
    return claim


def picked(setup: Setup | None = None) -> World:
    """A sale with one pick that the worker has seen."""
    world = World(setup or Setup())
    press(world, "", "pick:AP0004")
    return world


def press(world: World, *keys: str) -> None:
    """These keys at the till, with a round of the worker after each; '' is a round without a key."""
    for key in keys:
        if key:
            world.press(key)
        world.tick()
