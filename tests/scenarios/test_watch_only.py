"""A worker that only watches, and one that observes a NAV without the AIQ objects: all is decided, nothing written."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from navplugin.demo.stage import KEY_VARIABLE, profile_text
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.site import Site, load_site
from navplugin.wiring import wire
from tests.conftest import ScriptedClock
from tests.scenarios.test_watch import sim, site

__all__ = ["site"]


def press(server: Server, key: str, **more: Any) -> Any:
    return sim(server, "POST", f"/till/P0001/{key}", more)


def redeemed(server: Server) -> list[Any]:
    found: list[Any] = sim(server, "GET", "/state")["aiq"]["redemptions"]
    return found


def test_a_worker_that_only_watches_writes_nothing(server: Server, site: Site) -> None:
    press(server, "check-in", member_card_no="M1003")
    before = sim(server, "GET", "/state")["staged"]
    with wire(site, lambda _: False, watch_only=True) as watch:
        watch.once()
    assert sim(server, "GET", "/state")["staged"] == before


def test_it_takes_no_points_for_what_another_worker_granted(
    server: Server, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The till has picked and posted; only the worker that writes may redeem, also when it comes after."""
    caplog.set_level(logging.INFO)
    with wire(site, lambda _: False) as real:
        press(server, "check-in", member_card_no="M1003")
        press(server, "add-item", item_no="FLOWER", quantity="4")
        real.once()
    code = press(server, "wallet")["wallet"][0]["coupon_code"]
    press(server, "pick", coupon_code=code)
    press(server, "total")
    assert press(server, "pay", tender="CASH")["state"] == "POSTED"
    with wire(site, lambda _: False, watch_only=True) as watching:
        watching.once()
    assert redeemed(server) == []
    assert [r for r in caplog.records if f"points for {code}" in r.getMessage()]
    with wire(site, lambda _: False) as real:
        real.once()
    assert len(redeemed(server)) == 1


def test_it_signs_nobody_up(server: Server, site: Site) -> None:
    with wire(site, lambda _: False) as real:
        press(server, "check-in", member_card_no="M1001")
        real.once()
    press(server, "signup")
    press(server, "signup-yes")
    personas = sim(server, "GET", "/state")["aiq"]["personas"]
    with wire(site, lambda _: False, watch_only=True) as watching:
        watching.once()
    assert sim(server, "GET", "/state")["aiq"]["personas"] == personas


def test_it_does_not_take_the_watch_from_the_worker_that_writes(server: Server, site: Site) -> None:
    with wire(site, lambda _: False) as real:
        real.once()
        with wire(site, lambda _: False, watch_only=True) as watching:
            watching.once()
        press(server, "check-in", member_card_no="M1003")
        assert real.once().effects > 0


# ---- observe mode ------------------------------------------------------------------------------------------------


@pytest.fixture
def observing(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A profile that says that NAV has no AIQ objects."""
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")
    path = tmp_path / "observe.ini"
    text = profile_text(server.url, {"matcher": "builtin"}).replace("[aiq]", "objects = none\n\n[aiq]", 1)
    path.write_text(text, "utf-8")
    loaded = load_site(path)
    assert loaded.site is not None, loaded.problems
    return loaded.site


def ours(state: State) -> list[str]:
    """Calls to pages of the AIQ objects."""
    from navplugin.nav.contract import PAGES

    pages = {page.service for page in PAGES if page.is_ours}
    return [call for call in state.doc("nav.requests", {}) if call.split(" ")[1] in pages]


def test_a_site_without_our_objects_is_observed_from_check_in_to_posting(
    server: Server, state: State, observing: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with wire(observing, lambda _: False) as watch:
        press(server, "check-in", member_card_no="M1003")
        press(server, "add-item", item_no="FLOWER", quantity="4")
        assert watch.once().sales == 1
        assert watch.once().sales == 0, "nothing changed"
        press(server, "add-item", item_no="FLOWER")
        assert watch.once().sales == 1
        press(server, "total")
        press(server, "pay", tender="CASH")
        assert watch.once().sales == 1
        (sale,) = watch.worker.reader.read_changed_sales(0)
        assert sale.state == "POSTED"
        assert watch.once().sales == 0
    assert ours(state) == []
    assert [r for r in caplog.records if "would insert AIQ_POSTotalDiscountOfferLines" in r.getMessage()]
    assert not [r for r in caplog.records if r.name.startswith("navplugin") and "M1003" in r.getMessage()]


def test_an_observer_reads_what_rules_ask_of_ls(server: Server, state: State, observing: Site) -> None:
    """Earlier visits and items without discount stand in LS's own tables."""
    with wire(observing, lambda _: False) as watch:
        press(server, "check-in", member_card_no="M1003")
        press(server, "add-item", item_no="FLOWER")
        press(server, "total")
        press(server, "pay", tender="CASH")
        read = watch.worker.reader.read_rows
        assert len(read("AIQ_Transactions", {"Member_Card_No": "M1003"})) == 1
        assert read("AIQ_POSStatus", {}) == ()
        watch.once()
    assert ours(state) == []


def test_an_observed_poll_costs_two_requests(server: Server, state: State, observing: Site) -> None:
    with wire(observing, lambda _: False) as watch:
        press(server, "check-in", member_card_no="M1003")
        watch.once()
        before = sum(state.doc("nav.requests", {}).values())
        watch.worker.tick()
        assert sum(state.doc("nav.requests", {}).values()) - before == 2


def test_a_suspended_and_a_voided_sale_are_told_apart_from_a_posted_one(server: Server, observing: Site) -> None:
    with wire(observing, lambda _: False) as watch:
        press(server, "check-in", member_card_no="M1003")
        press(server, "add-item", item_no="FLOWER")
        watch.once()
        press(server, "suspend")
        watch.once()
        (sale,) = watch.worker.reader.read_changed_sales(0)
        assert sale.state in ("SUSPENDED", "SALES"), "left the journal, no transaction yet"
        press(server, "retrieve", receipt_no=sale.receipt_no)
        watch.once()
        press(server, "void")
        watch.once()
        (sale,) = watch.worker.reader.read_changed_sales(0)
        assert sale.state != "POSTED"


def test_a_restarted_observer_sees_every_sale_that_is_open(server: Server, observing: Site) -> None:
    """Its marks are its own count: those of the first run must not hide what the second one finds."""
    with wire(observing, lambda _: False) as watch:
        press(server, "check-in", member_card_no="M1003")
        watch.once()
        clock = watch.worker.clock = ScriptedClock(datetime.now(UTC) + timedelta(minutes=16))
        press(server, "add-item", item_no="FLOWER")
        watch.once()
        clock.advance(minutes=16)
        watch.once()
        saved = int(watch.worker.ledger.note(f"mark/{watch.worker.company.name}", "0"))
        assert saved > 0
    sim(server, "POST", "/till/P0002/check-in", {"member_card_no": "M1001"})
    with wire(observing, lambda _: False) as watch:
        assert watch.once().sales == 2


def test_sales_that_are_over_do_not_pile_up(
    server: Server, observing: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("navplugin.nav.observe.KEPT", 2)
    with wire(observing, lambda _: False) as watch:
        for _ in range(4):
            press(server, "check-in", member_card_no="M1003")
            press(server, "add-item", item_no="FLOWER")
            watch.once()
            press(server, "total")
            press(server, "pay", tender="CASH")
            watch.once()
        press(server, "check-in", member_card_no="M1003")
        press(server, "add-item", item_no="FLOWER")
        watch.once()
        states = [str(sale.state) for sale in watch.worker.reader.read_changed_sales(0)]
    assert states == ["POSTED", "POSTED", "SALES"]
