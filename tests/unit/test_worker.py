"""The round of the worker: what is looked at again, where a restart begins, what is left to a lane."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from navplugin.core.errors import Unreachable
from navplugin.core.model import Decision, End, Persona, SaleState, Situation
from navplugin.core.ports import Contact
from navplugin.lanes import Lanes, YieldingLoyalty
from navplugin.ledger_record import NoRecord
from navplugin.settle import Cashbox
from navplugin.worker import Worker
from tests.money.aiq import MEMBER
from tests.money.io import Io
from tests.money.world import Nav, Setup, World
from tests.support_world import claim_of, picked, till_of

PATIENCE = 30
"""Seconds that a test waits for another thread before it fails."""


# ---- looked at again -------------------------------------------------------------------------------------------------


def test_a_posted_sale_whose_transaction_cannot_be_read_yet_is_looked_at_in_the_next_round() -> None:
    world = picked()
    world.press("total")
    world.tick()
    world.press("hide")
    world.press("pay")
    world.tick()
    world.press("show")  # the row of the sale does not change by that
    world.tick()
    assert claim_of(world).end is End.SETTLED


def test_a_sale_that_failed_is_looked_at_in_the_next_round() -> None:
    dry = World(Setup())
    dry.tick()
    world = World(Setup(), Io({dry.io.kinds.index("nav.write") + 1: "away"}))
    world.tick()
    assert till_of(world).grants == {}
    world.tick()
    assert till_of(world).grants.keys() == till_of(dry).grants.keys() != set()


def test_an_open_claim_is_looked_at_now_and_then_though_nothing_changes_in_nav() -> None:
    """A sale that was suspended for too long: no row says when that is."""
    world = picked()
    world.press("suspend")
    world.tick()
    world.clock.advance(hours=13)
    world.tick()
    assert claim_of(world).end is End.RELEASED


# ---- where a restart begins ------------------------------------------------------------------------------------------


def test_the_poll_of_the_next_start_begins_before_a_sale_that_is_left_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(Setup())

    def away(contact: Contact) -> Persona:
        raise Unreachable("AIQ is away")

    with monkeypatch.context() as patch:
        patch.setattr(world.aiq, "fetch_wallet", away)
        patch.setattr(world.aiq, "fetch_status", away)
        for _ in range(3):
            world.tick()
            world.clock.advance(minutes=20)
        assert world.store.notes == {}
    for _ in range(2):
        world.tick()
        world.clock.advance(minutes=20)
    assert world.store.notes == {"mark/C1": str(till_of(world).mark)}


# ---- what is remembered of AIQ ---------------------------------------------------------------------------------------


class Watched(World):
    """Notes the balance on which each decision was made."""

    def _decide(self, situation: Situation) -> Decision:
        if situation.wallet is not None:
            self.balances = [*getattr(self, "balances", []), situation.wallet.points]
        return super()._decide(situation)


def test_after_a_redemption_the_members_next_sale_is_decided_on_the_new_balance() -> None:
    world = Watched(Setup(receipts=("R1", "R2")))
    for key in ("", "pick:AP0004", "total", "pay"):
        if key:
            world.press(key)
        world.tick()
    assert till_of(world).state is SaleState.POSTED
    world.press("@R2 pick:AP0001")
    world.tick()
    assert world.balances[-1] == world.aiq.points[MEMBER] == 500


# ---- lanes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    one = Lanes(1, patience=0)
    yield one
    one.close()


def test_a_sale_that_waits_for_aiq_is_not_begun_a_second_time(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(Setup())
    asked, answered, wallet = threading.Event(), threading.Event(), world.aiq.fetch_wallet

    def slow(contact: Contact) -> object:
        asked.set()
        assert answered.wait(PATIENCE)
        return wallet(contact)

    monkeypatch.setattr(world.aiq, "fetch_wallet", slow)
    ledger, company, nav = world.workers[0].ledger, world.workers[0].company, Nav(world, "C1")
    loyalty = YieldingLoyalty(world.aiq, lanes.turn)
    cashbox = Cashbox(ledger, loyalty, world.clock, {"S0001": world.setup.policy}, NoRecord())
    worker = Worker(company, nav, nav, loyalty, ledger, cashbox, world.clock, lanes)  # type: ignore[arg-type]

    try:
        assert (worker.tick().sales, lanes.busy) == (1, {"R1"})
        assert asked.wait(PATIENCE)
        world.clock.advance(minutes=20)
        worker.tick()
        assert world.store.notes == {}, "a restart now would have to begin with this sale"
        world.press("total")  # the row changes meanwhile
        assert (worker.tick().sales, lanes.busy) == (0, {"R1"})
    finally:
        answered.set()
    lanes.patience = PATIENCE
    worker.tick()
    assert lanes.busy == frozenset()
    assert worker.tick().sales == 1, "the change is served after it"
