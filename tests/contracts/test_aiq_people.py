"""The AIQ adapter against the simulated AIQ: searches, PINs, stores, feeds, collections, the whole listing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.errors import Busy, Refused
from navplugin.core.model import LoyaltyStatus
from navplugin.core.ports import Contact, LoyaltyProvider, Signup
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
    assert [store.name for store in aiq.fetch_stores()] == ["Main Street"]
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


# ---- switches of aiq-api.md 14 that the adapter must not stumble over -----------------------------------------------


def test_fields_that_nobody_documented_change_nothing(state: State, aiq: LoyaltyProvider) -> None:
    plain = wallet_of(aiq)
    switch(state, extra_fields=True)
    assert wallet_of(aiq).discounts == plain.discounts
    assert aiq.fetch_status(ANA).status is LoyaltyStatus.MEMBER


def test_optional_fields_may_be_missing(state: State, aiq: LoyaltyProvider) -> None:
    switch(state, bare=True)
    found = wallet_of(aiq)
    assert [(d.coupon_code, d.available, d.reusable) for d in found.discounts] == [
        ("AP0005", True, False), ("AP0004", True, False),
    ]  # fmt: skip
    assert (found.points, found.points_hidden) == (Decimal("250.5"), False)
    assert aiq.fetch_status(ANA).status is LoyaltyStatus.MEMBER


@pytest.mark.parametrize(
    ("change", "available"),
    [({"available": False}, False), ({"expiration": 1}, True), ({"tierDiscount": True}, True)],
)
def test_locked_expired_and_tier_discounts_are_told_apart(
    state: State, aiq: LoyaltyProvider, change: dict[str, Any], available: bool
) -> None:
    templates = state.doc("aiq.templates")
    state.set_doc("aiq.templates", [{**templates[0], **change}])
    (found,) = wallet_of(aiq).discounts
    assert found.available is available
    assert (found.expires_at is not None) == ("expiration" in change)
    assert found.tier is ("tierDiscount" in change)


def test_an_unmapped_discount_is_left_out_and_told_once(
    state: State, aiq: LoyaltyProvider, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert "79" not in {d.discount_id for d in wallet_of(aiq).discounts}
    assert len([r for r in caplog.records if "no POS Discount ID" in r.getMessage()]) == 1


def test_a_burst_is_answered_with_429_and_how_long_to_wait(state: State, server: Server, aiq: LoyaltyProvider) -> None:
    chosen = discount(aiq)
    switch(state, calls_per_second=1)
    just_now = {"method": "PUT", "kind": "redeem", "at": state.now() + timedelta(minutes=1)}
    state.set_doc("aiq.calls", [just_now])
    with pytest.raises(Busy) as caught:
        aiq.send_redemption(chosen, "R1")
    assert caught.value.retry_after == 1
    assert state.doc("aiq.redemptions", []) == []


def test_a_sale_gives_points_a_day_later_and_once(state: State, server: Server) -> None:
    aiq = provider(server, state)
    sale = {"visit": {"pos_id": "R1", "transaction_total": 75}, "member": {"mobilePhone": PHONE}}
    aiq.send_sales([sale])
    aiq.send_sales([sale])
    assert wallet_of(aiq).points == Decimal("250.5")
    state.advance(24 * 3600 + 1)
    assert wallet_of(aiq).points == Decimal("325.5")
    assert wallet_of(aiq).points == Decimal("325.5")


def test_consent_is_sent_only_where_the_terms_say_so_and_an_opt_out_stays(state: State, aiq: LoyaltyProvider) -> None:
    aiq.send_signup(Signup(Contact("5550007777", ""), "Di", "Fox", ""))
    aiq.send_signup(Signup(Contact("5550008888", ""), "Ed", "Gray", "", consent=frozenset({"loyalty", "sms"})))
    people = {p["mobilePhone"]: p for p in state.doc("aiq.personas") if p.get("mobilePhone")}
    assert "smsOptIn" not in people["5550007777"]
    assert people["5550008888"]["smsOptIn"] is True
    state.set_doc("aiq.personas", [{**people["5550008888"], "smsOptIn": False, "optedOut": True}])
    aiq.send_signup(Signup(Contact("5550008888", ""), "Ed", "Gray", "", consent=frozenset({"loyalty", "sms"})))
    assert state.doc("aiq.personas")[0]["smsOptIn"] is False


def test_the_source_may_be_honoured_or_not(state: State, aiq: LoyaltyProvider) -> None:
    for honoured, shown in ((True, "365canna"), (False, "api")):
        switch(state, source_honoured=honoured)
        phone = "5550009999" if honoured else "5550009998"
        aiq.send_signup(Signup(Contact(phone, ""), "Fe", "Hill", ""))
        (person,) = [p for p in state.doc("aiq.personas") if p.get("mobilePhone") == phone]
        assert person["platform"] == shown
