"""A slow AIQ delays the sale that asked it, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from navplugin.demo.stage import KEY_VARIABLE, profile_text
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.simulator.till import press
from navplugin.simulator.world import load_world
from navplugin.site import Site, load_site
from navplugin.wiring import wire

GRANTS = "AIQ_POSTotalDiscountOfferLines"
ROUNDS = 200


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "simulator")
    load_world(state, None)
    yield state
    state.close()


@pytest.fixture
def server(state: State) -> Iterator[Server]:
    one = Server(state)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def site(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")
    (tmp_path / "site.ini").write_text(profile_text(server.url, {"matcher": "builtin"}), "utf-8")
    loaded = load_site(tmp_path / "site.ini")
    assert loaded.site is not None, loaded.problems
    return loaded.site


def granted(state: State) -> set[Any]:
    return {row["Receipt_No"] for row in state.rows(GRANTS)}


def test_a_wallet_that_does_not_come_holds_up_no_other_till(server: Server, state: State, site: Site) -> None:
    server.faults.add({"call": "aiq.wallet", "fault": "slow", "seconds": 600})
    slow = press(state, "P0001", "check-in", {"member_card_no": "M1003"})["receipt_no"]
    with wire(site, lambda _: False) as watch:
        assert watch.worker.tick().busy == 1
        quick = press(state, "P0002", "check-in", {"member_card_no": "M1004"})["receipt_no"]
        for _ in range(ROUNDS):
            if quick in granted(state):
                break
            watch.worker.tick()
        assert granted(state) == {quick}
        assert watch.worker.lanes.busy == {slow}, "its answer is still on its way"


def test_a_redemption_without_an_answer_holds_up_no_other_till(server: Server, state: State, site: Site) -> None:
    with wire(site, lambda _: False) as watch:
        press(state, "P0001", "check-in", {"member_card_no": "M1003"})
        watch.once()
        for name, body in (("add-item", {"item_no": "FLOWER"}), ("add-item", {"item_no": "VAPE"}),
                           ("pick", {"coupon_code": "AP0004"}), ("total", {}), ("pay", {})):  # fmt: skip
            slow = press(state, "P0001", name, body)["receipt_no"]
        server.faults.add({"call": "aiq.redeem", "fault": "slow", "seconds": 600})
        watch.worker.lanes.patience = 0.25
        for _ in range(ROUNDS):
            if watch.worker.tick().busy:
                break
        quick = press(state, "P0002", "check-in", {"member_card_no": "M1004"})["receipt_no"]
        for _ in range(ROUNDS):
            if quick in granted(state):
                break
            watch.worker.tick()
        assert quick in granted(state)
        assert watch.worker.lanes.busy == {slow}


def test_what_a_lane_meets_reaches_the_round(server: Server, state: State, site: Site) -> None:
    """A ledger that was taken over ends the worker, also when a lane finds out."""
    press(state, "P0001", "check-in", {"member_card_no": "M1003"})
    with wire(site, lambda _: False) as watch:
        watch.worker.tick()
        with wire(site, lambda _: False) as second:
            second.once()
            press(state, "P0002", "check-in", {"member_card_no": "M1004"})
            with pytest.raises(Exception, match="another worker has taken over"):
                watch.once()
