"""A slow AIQ delays the sale that asked it, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from navplugin.core.errors import LedgerUnusable
from navplugin.simulator.app import Server
from navplugin.site import Site
from navplugin.watch import Watch
from navplugin.wiring import wire
from tests.scenarios.test_watch import sim, site

__all__ = ["site"]

ROUNDS = 200


def granted(server: Server) -> set[Any]:
    staged = sim(server, "GET", "/state")["staged"]
    return {row["Receipt_No"] for row in staged["AIQ_POSTotalDiscountOfferLines"]}


def check_in(server: Server, terminal: str, card: str) -> str:
    return str(sim(server, "POST", f"/till/{terminal}/check-in", {"member_card_no": card})["receipt_no"])


def until_granted(watch: Watch, server: Server, receipt: str) -> None:
    for _ in range(ROUNDS):
        if receipt in granted(server):
            return
        watch.worker.tick()
    raise AssertionError("the second till waits for the first")


def test_a_wallet_that_does_not_come_holds_up_no_other_till(server: Server, site: Site) -> None:
    sim(server, "POST", "/faults", {"call": "aiq.wallet", "fault": "slow", "seconds": 600})
    slow = check_in(server, "P0001", "M1003")
    with wire(site, lambda _: False) as watch:
        watch.worker.record.begin()
        assert watch.worker.tick().busy == 1
        until_granted(watch, server, check_in(server, "P0002", "M1004"))
        assert slow not in granted(server)
        assert watch.worker.lanes.busy == {slow}, "its answer is still on its way"


def test_a_redemption_without_an_answer_holds_up_no_other_till(server: Server, site: Site) -> None:
    with wire(site, lambda _: False) as watch:
        watch.worker.record.begin()
        slow = check_in(server, "P0001", "M1003")
        watch.once()
        for name, body in (("add-item", {"item_no": "FLOWER"}), ("add-item", {"item_no": "VAPE"}),
                           ("pick", {"coupon_code": "AP0004"}), ("total", {}), ("pay", {})):  # fmt: skip
            sim(server, "POST", f"/till/P0001/{name}", body)
        sim(server, "POST", "/faults", {"call": "aiq.redeem", "fault": "slow", "seconds": 600})
        watch.worker.lanes.patience = 0.25
        assert any(watch.worker.tick().busy for _ in range(ROUNDS))
        until_granted(watch, server, check_in(server, "P0002", "M1004"))
        assert watch.worker.lanes.busy == {slow}


def test_what_a_lane_meets_reaches_the_round(server: Server, site: Site) -> None:
    """A ledger that was taken over ends the worker, also when a lane finds out."""
    check_in(server, "P0001", "M1003")
    with wire(site, lambda _: False) as watch:
        watch.worker.record.begin()
        watch.worker.tick()
        with wire(site, lambda _: False) as second:
            second.worker.record.begin()
            second.once()
            check_in(server, "P0002", "M1004")
            with pytest.raises(LedgerUnusable, match="taken over"):
                watch.once()
