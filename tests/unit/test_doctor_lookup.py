"""`doctor --prove-lookup`: a real redemption, found again in AIQ's listing or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from navplugin.core.model import End, Points
from navplugin.core.ports import Contact
from navplugin.doctor import Finding, prove_lookup
from navplugin.ledger import SqlLedger
from navplugin.loyalty import AiqProvider
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world
from tests.conftest import ScriptedClock
from tests.unit.test_ledger import a_claim

COMPANY = "CRONUS Cannabis"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "state")
    load_world(opened, None)
    server = Server(opened)
    server.start()
    opened.set_doc("url", server.url)
    yield opened
    server.stop()
    opened.close()


def provider(state: State, **more: Any) -> AiqProvider:
    return AiqProvider(state.doc("url"), "1234", "demo-key", clock=ScriptedClock(datetime.now(UTC)), **more)


@pytest.fixture
def redeem(state: State, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Takes points in AIQ for a receipt and keeps the claim, as the worker does."""
    ledger, now = SqlLedger(tmp_path / "navplugin.db"), datetime.now(UTC)
    ledger.take_watch(COMPANY, "test", now)

    def one(receipt_no: str, sent_as: str = "") -> None:
        wallet = provider(state).fetch_wallet(Contact("5550101003", ""))
        assert wallet is not None
        discount = wallet.discounts[0]
        claim = a_claim(receipt_no, cost="100", company=COMPANY, discount_id=discount.discount_id)
        assert ledger.open_claim(claim, wallet.points, now) == ""
        provider(state).send_redemption(discount, sent_as or receipt_no)
        ledger.save_claim(claim, replace(claim, points=Points.YES, end=End.SETTLED), "settled", now)

    yield one
    ledger.close()


def verdict(state: State, tmp_path: Path, **more: Any) -> Finding:
    path = tmp_path / "navplugin.db"
    return prove_lookup(COMPANY, lambda: SqlLedger(path, must_exist=True), lambda: provider(state, **more))


def test_redemptions_that_are_all_listed_prove_it(state: State, tmp_path: Path, redeem: Callable[..., None]) -> None:
    for number in range(4):
        redeem(f"R{number}")
    found = verdict(state, tmp_path)
    assert (found.grade, found.code) == ("ok", "prove-lookup")
    assert "of R1, R2, R3 by receipt number: redemption-lookup = probe may be set" in found.says
    assert len(state.doc("aiq.redemptions")) == 4


def test_one_that_was_given_back_since_is_listed_too(
    state: State, tmp_path: Path, redeem: Callable[..., None]
) -> None:
    redeem("R1")
    state.set_doc("aiq.redemptions", [{**one, "refunded": True} for one in state.doc("aiq.redemptions")])
    assert verdict(state, tmp_path).grade == "ok"
    state.set_doc("aiq.settings", {**state.doc("aiq.settings"), "listing_drops_refunded": True})
    assert verdict(state, tmp_path).grade == "error"


@pytest.mark.parametrize("hours", [-72, -1, 1, 72])
def test_a_wrong_clock_of_aiq_disproves_nothing(
    state: State, tmp_path: Path, redeem: Callable[..., None], hours: int
) -> None:
    state.set_doc("aiq.settings", {**state.doc("aiq.settings"), "clock_skew": hours * 3600})
    redeem("R1")
    assert verdict(state, tmp_path).grade == "ok"


def test_one_that_is_not_listed_disproves_it(state: State, tmp_path: Path, redeem: Callable[..., None]) -> None:
    redeem("R1", sent_as="another")
    redeem("R2")
    found = verdict(state, tmp_path)
    assert found.grade == "error"
    assert "receipt R1" in found.says
    assert "keep redemption-lookup = blind" in found.do


def test_a_listing_without_numbers_disproves_it(state: State, tmp_path: Path, redeem: Callable[..., None]) -> None:
    redeem("R1")
    state.set_doc("aiq.settings", {**state.doc("aiq.settings"), "listing_shows_reference": False})
    found = verdict(state, tmp_path)
    assert found.grade == "error"
    assert "redemption-lookup = blind" in found.do


def test_what_cannot_be_judged_is_said(state: State, tmp_path: Path, redeem: Callable[..., None]) -> None:
    assert "holds no redemption" in verdict(state, tmp_path).says
    redeem("R1")
    assert "append-reference = yes" in verdict(state, tmp_path, append_reference=False).do
    gone = prove_lookup(COMPANY, lambda: SqlLedger(tmp_path / "none.db", must_exist=True), lambda: provider(state))
    assert (gone.grade, gone.do) == ("error", "run the worker first")


def test_aiq_that_refuses_the_key_is_exit_code_2(state: State, tmp_path: Path, redeem: Callable[..., None]) -> None:
    redeem("R1")
    state.set_doc("aiq.settings", {**state.doc("aiq.settings"), "key": "another"})
    assert verdict(state, tmp_path).lost
