"""The AIQ adapter against a simulated AIQ whose clock, listing and answers are not as one would wish."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from navplugin.core.errors import Busy, ProtocolError, UnknownOutcome
from navplugin.core.ports import LoyaltyProvider
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from tests.conftest import ScriptedClock
from tests.contracts.aiq_site import (
    CLAIM,
    aiq,
    calls,
    discount,
    points,
    provider,
    redeemed,
    running,
    server,
    state,
    switch,
)

__all__ = ["aiq", "running", "server", "state"]

HOUR = 3600
SKEWS = [-3 * 24 * HOUR, -HOUR, -600, 0, 600, HOUR, 3 * 24 * HOUR]


@pytest.mark.parametrize("fresh", [True, False], ids=["started since", "same worker"])
@pytest.mark.parametrize("skew", SKEWS)
def test_a_lost_answer_is_found_again_however_wrong_aiqs_clock_is(
    state: State, server: Server, aiq: LoyaltyProvider, skew: int, fresh: bool
) -> None:
    switch(state, clock_skew=skew)
    chosen, since = discount(aiq), state.now()
    server.faults.add({"call": "aiq.redeem", "fault": "after"})
    with pytest.raises(UnknownOutcome):
        aiq.send_redemption(chosen, "R1")
    asked = provider(server, state) if fresh else aiq
    assert len(asked.find_redemptions("c1", "77", "R1", since).live) == 1
    assert [one.reference for one in asked.list_redemptions(since)] == ["R1"]


@pytest.mark.parametrize("hours", [-72, -1, 1, 72])
def test_a_lost_answer_is_found_again_after_our_clock_was_set(
    state: State, server: Server, aiq: LoyaltyProvider, hours: int
) -> None:
    aiq.send_redemption(discount(aiq), "R1")
    ours = ScriptedClock(state.now())
    set_since = provider(server, state, clock=ours)
    since = ours.now()
    discount(set_since)
    ours.step(hours=hours)
    assert len(set_since.find_redemptions("c1", "77", "R1", since).live) == 1


@pytest.mark.parametrize("skew", SKEWS)
def test_aiqs_clock_is_measured_by_any_answer(state: State, server: Server, skew: int) -> None:
    switch(state, clock_skew=skew)
    aiq = provider(server, state)
    assert aiq.clock_skew is None
    server.faults.add({"call": "aiq.wallet", "fault": "429", "retry_after": 1})
    with pytest.raises(Busy):
        discount(aiq)
    assert aiq.clock_skew is not None
    assert abs(aiq.clock_skew - timedelta(seconds=skew)) < timedelta(seconds=30)


@pytest.mark.parametrize("drops", [True, False])
def test_what_was_given_back_is_listed_as_such_or_not_at_all(state: State, server: Server, drops: bool) -> None:
    switch(state, refund=True, listing_drops_refunded=drops)
    aiq = provider(server, state, refund="endpoint")
    aiq.send_redemption(discount(aiq), "R1")
    aiq.send_redemption(discount(aiq, "78"), "R2")
    aiq.send_refund(CLAIM, "c1")
    look = aiq.find_redemptions("c1", "77", "R1", state.now())
    assert (look.live, len(look.refunded), look.shows_references) == ((), 0 if drops else 1, True)
    assert len(aiq.list_redemptions(state.now())) == (1 if drops else 2)


def test_a_redemption_of_another_person_is_shown_as_foreign(state: State, aiq: LoyaltyProvider) -> None:
    aiq.send_redemption(discount(aiq), "R1")
    look = aiq.find_redemptions("c2", "77", "R1", state.now())
    assert (look.live, [one.contact_id for one in look.foreign]) == ((), ["c1"])


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("body", [{"errors": [{"message": "Not enough points"}]}, {"code": 400}, {}])
def test_an_error_with_a_200_is_unknown_and_the_listing_tells(
    state: State, server: Server, aiq: LoyaltyProvider, body: dict[str, Any], taken: bool
) -> None:
    chosen = discount(aiq)
    server.faults.add({"call": "aiq.redeem", "fault": "body", "body": body, "effect": taken})
    with pytest.raises(UnknownOutcome):
        aiq.send_redemption(chosen, "R1")
    assert (calls(state, "redeem"), redeemed(state)) == (1, ["R1"] if taken else [])
    assert len(aiq.find_redemptions("c1", "77", "R1", state.now()).live) == int(taken)


def test_a_refund_answered_with_an_error_and_a_200_is_unknown(state: State, server: Server) -> None:
    aiq, before = provider(server, state, refund="adjust"), points(state)
    server.faults.add({"call": "aiq.adjust", "fault": "body", "body": {"success": "false"}, "status": 201})
    with pytest.raises(UnknownOutcome):
        aiq.send_refund(replace(CLAIM, receipt_no="R1"), "c1")
    assert (calls(state, "adjust"), points(state)) == (1, before)


def test_a_listing_that_ends_early_is_never_an_empty_one(state: State, server: Server, aiq: LoyaltyProvider) -> None:
    aiq.send_redemption(discount(aiq), "R1")
    empty = {"data": {"results": None, "total": 1}}
    server.faults.add({"call": "aiq.redemptions", "fault": "body", "body": empty, "times": -1})
    with pytest.raises(ProtocolError, match="ends after 0 of 1"):
        aiq.find_redemptions("c1", "77", "R1", state.now())
