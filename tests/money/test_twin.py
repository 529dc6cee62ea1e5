"""The ledger in memory of the enumeration against the real one: the same runs lead to the same claims and steps."""

from __future__ import annotations

import functools
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from navplugin.core.model import Claim
from navplugin.ledger import SqlLedger
from navplugin.ledger.schema import METADATA
from tests.money.io import FAULTS, Io
from tests.money.ledger import MemoryLedger
from tests.money.plans import SCENARIOS, play
from tests.money.world import Setup, World

SETUPS = (
    Setup("posted", "blind"), Setup("posted", "probe", owed="adjust"), Setup("total", "probe", "adjust"),
    Setup("select", "probe"), Setup("posted", "probe", hidden=True),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class CountedLedger(SqlLedger):
    """The real ledger, with the twin's boundaries."""

    io: Io

    def open_claim(self, *args: object, **more: object) -> str:
        return self.io.cross("ledger", lambda: super(CountedLedger, self).open_claim(*args, **more))  # type: ignore[arg-type]

    def save_claim(self, *args: object) -> Claim:
        return self.io.cross("ledger", lambda: super(CountedLedger, self).save_claim(*args))  # type: ignore[arg-type]

    def save_answer(self, *args: object) -> Claim:
        return self.io.cross("ledger", lambda: super(CountedLedger, self).save_answer(*args))  # type: ignore[arg-type]

    def put_in_charge(self, *args: int) -> None:
        self.io.cross("ledger", lambda: super(CountedLedger, self).put_in_charge(*args))


@functools.cache
def _memory() -> CountedLedger:
    return CountedLedger(Path(":memory:"))


def real_ledger(world: World) -> CountedLedger:
    """One for all workers of a run: the watch's epoch moves on with each."""
    ledger = _memory()
    ledger.io = world.io
    return ledger


def emptied() -> None:
    with _memory()._write() as connection:
        for table in reversed(METADATA.sorted_tables):
            if table.name != "meta":
                connection.execute(table.delete())
            else:
                connection.execute(table.delete().where(table.c.name != "version"))


def plans(setup: Setup, scenario: str, count: int) -> Iterator[dict[int, str]]:
    """No fault, and some random ones."""
    kinds = play(World(setup), SCENARIOS[scenario]).io.kinds
    dice = random.Random(f"{setup} {scenario}")
    yield {}
    for _ in range(count):
        number = dice.randrange(len(kinds))
        yield {number + 1: dice.choice(FAULTS[kinds[number]])}


@pytest.mark.parametrize("setup", SETUPS, ids=repr)
def test_the_twin_and_the_ledger_agree(setup: Setup) -> None:
    for scenario in SCENARIOS:
        for plan in plans(setup, scenario, 2):
            twin = World(setup, Io(plan))
            play(twin, SCENARIOS[scenario])
            emptied()
            real = World(setup, Io(plan), ledger_of=real_ledger)
            play(real, SCENARIOS[scenario])
            ledger = real.workers[0].ledger
            assert isinstance(twin.workers[0].ledger, MemoryLedger)
            assert set(ledger.list_claims()) == set(twin.store.claims.values()), (scenario, plan)
            for key in twin.store.claims:
                steps = [(s["move"], s["points"], s["end"], s["note"]) for s in ledger.history(key)]
                assert steps == [row[1:] for row in twin.store.journal if row[0] == key], (scenario, plan)
