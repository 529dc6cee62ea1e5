"""The AIQ adapter against the simulated AIQ: searches, PINs, stores, feeds, collections, the whole listing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from navplugin.core.errors import Refused
from navplugin.core.model import LoyaltyStatus
from navplugin.core.ports import Contact, LoyaltyProvider
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from tests.contracts.aiq_site import (
    ANA,
    CLAIM,
    PHONE,
    aiq,
    calls,
    discount,
    points,
    provider,
    running,
    server,
    state,
    switch,
    wallet_of,
)

__all__ = ["aiq", "running", "server", "state"]


@pytest.mark.parametrize("fault", ["html", "half", "500"])
def test_where_the_look_up_fails_the_list_of_personas_is_searched(
    state: State, server: Server, aiq: LoyaltyProvider, fault: str
) -> None:
    server.faults.add({"call": "aiq.lookup", "fault": fault, "times": -1})
    persona = aiq.fetch_status(ANA)
    assert (persona.status, persona.contact_id) == (LoyaltyStatus.MEMBER, "c1")
    assert aiq.fetch_status(Contact("", "bo@example.com")).status is LoyaltyStatus.KNOWN
    assert aiq.fetch_status(Contact("5559990000", "")).status is LoyaltyStatus.UNKNOWN
    state.set_doc("aiq.personas", [*state.doc("aiq.personas"), {"contactID": "c3", "mobilePhone": PHONE}])
    several = aiq.fetch_status(ANA)
    assert (several.status, several.matches) == (LoyaltyStatus.SEVERAL, 2)


def test_a_read_is_tried_again_and_a_write_never(state: State, server: Server, aiq: LoyaltyProvider) -> None:
    server.faults.add({"call": "aiq.wallet", "fault": "before", "times": 2})
    assert wallet_of(aiq).contact_id == "c1"
    assert calls(state, "wallet") == 3


def test_the_pin_opens_the_wallet_and_a_wrong_one_does_not(state: State, aiq: LoyaltyProvider) -> None:
    for pair in ("wallet", "contact-wallet"):
        switch(state, pin=pair)
        aiq.send_pin(ANA)
        pin = state.doc("aiq.pins")["c1"]["code"]
        with pytest.raises(Refused):
            aiq.send_pin_answer(ANA, "0000")
        wallet = aiq.send_pin_answer(ANA, pin)
        assert wallet is not None
        assert wallet.contact_id == "c1"
    with pytest.raises(Refused):
        aiq.send_pin(Contact("5559990000", ""))


def test_stores_and_bulk_feeds(state: State, server: Server) -> None:
    switch(state, stores=[{"id": 7, "name": "Main Street"}])
    aiq = provider(server, state)
    assert aiq.fetch_stores() == (("7", "Main Street"),)
    aiq.send_members([{"pos_user": "M1"}])
    aiq.send_sales([{"visit": {"pos_id": "R1"}}, {"visit": {"pos_id": "R2"}}])
    aiq.send_items([{"sku": "FLOWER"}])
    assert [one["kind"] for one in state.doc("aiq.feeds")] == ["member", "sale", "sale", "item"]


def test_points_are_collected_by_a_negative_adjustment(state: State, aiq: LoyaltyProvider) -> None:
    aiq.send_collection(CLAIM, "c1")
    assert points(state) == Decimal("150.5")
    assert state.doc("aiq.adjustments")[0]["value"] == Decimal(-100)


def test_the_audit_sees_refunded_redemptions_too(state: State, server: Server) -> None:
    switch(state, refund=True)
    aiq = provider(server, state, refund="endpoint")
    aiq.send_redemption(discount(aiq), "R1")
    aiq.send_redemption(discount(aiq, "78"), "R2")
    aiq.send_refund(CLAIM, "c1")
    listed = aiq.list_redemptions(state.now() - timedelta(minutes=5))
    assert [(r.reference, r.refunded, r.points) for r in listed] == [
        ("R1", True, Decimal(100)), ("R2", False, Decimal("50.5")),
    ]  # fmt: skip
