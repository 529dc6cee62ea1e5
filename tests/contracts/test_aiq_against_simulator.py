"""The AIQ adapter against the simulated AIQ over HTTP: every call, every switch, every fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.errors import (
    AuthFailed,
    Busy,
    NavpluginError,
    ProtocolError,
    Refused,
    UnknownOutcome,
    Unreachable,
)
from navplugin.core.model import LoyaltyStatus, Member
from navplugin.core.ports import Contact, LoyaltyProvider, Signup
from navplugin.loyalty import AiqProvider
from navplugin.loyalty.aiq_http import AiqHttp
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from tests.contracts.aiq_site import (
    ANA,
    CLAIM,
    StateClock,
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
    wallet_of,
)

__all__ = ["aiq", "running", "server", "state"]


def test_a_member_of_nav_is_found_as_a_member_of_aiq(aiq: LoyaltyProvider) -> None:
    contact = aiq.contact_of(Member("M1", mobile_phone_no="(555) 000-1111", e_mail=" Ana@Example.com"))
    assert contact == ANA
    persona = aiq.fetch_status(ANA)
    assert (persona.status, persona.contact_id) == (LoyaltyStatus.MEMBER, "c1")
    assert aiq.fetch_status(Contact("", "bo@example.com")).status is LoyaltyStatus.KNOWN


@pytest.mark.parametrize("unknown", ["404", "empty"])
@pytest.mark.parametrize("method", ["GET", "POST", "both"])
@pytest.mark.parametrize("envelope", [True, False])
def test_an_unknown_person_is_unknown_whatever_aiqs_habits(
    state: State, aiq: LoyaltyProvider, unknown: str, method: str, envelope: bool
) -> None:
    switch(state, unknown_contact=unknown, lookup_method=method, envelope=envelope)
    nobody = Contact("5559990000", "nobody@shop.example")
    assert aiq.fetch_status(nobody).status is LoyaltyStatus.UNKNOWN
    assert aiq.fetch_wallet(nobody) is None
    assert aiq.fetch_status(replace(nobody, e_mail="ana@example.com")).contact_id == "c1"


@pytest.mark.parametrize("as_text", [True, False])
def test_the_wallet_has_exact_points_and_mapped_discounts_only(
    state: State, aiq: LoyaltyProvider, as_text: bool
) -> None:
    switch(state, points_as_text=as_text)
    wallet = wallet_of(aiq)
    assert (wallet.points, wallet.contact_id, wallet.read_at <= state.now()) == (Decimal("250.5"), "c1", True)
    assert [(d.coupon_code, d.points_cost, d.dollar_value, d.reusable) for d in wallet.discounts] == [
        ("AP0005", Decimal("50.5"), None, False), ("AP0004", Decimal(100), Decimal(10), True),
    ]  # fmt: skip


def test_hidden_points_are_not_known(state: State, aiq: LoyaltyProvider) -> None:
    switch(state, points_hidden=True)
    assert (wallet_of(aiq).points, wallet_of(aiq).points_hidden) == (None, True)


def test_a_signup_makes_a_loyalty_member_with_its_source(state: State, aiq: LoyaltyProvider) -> None:
    signup = Signup(Contact("", "bo@example.com"), "Bo", "Öz", "Main Street")
    persona = aiq.send_signup(signup)
    assert (persona.status, persona.contact_id) == (LoyaltyStatus.MEMBER, "c2")
    bo = state.doc("aiq.personas")[1]
    assert (bo["platform"], bo["loyalty"], bo["lastName"], bo.get("smsOptIn")) == ("365canna", True, "Öz", None)


def test_a_redemption_takes_the_points_and_can_be_found(state: State, aiq: LoyaltyProvider) -> None:
    since = state.now() - timedelta(minutes=5)
    assert aiq.find_redemptions("c1", "77", "R/1", since).live == ()
    number = aiq.send_redemption(discount(aiq), "R/1")
    assert number == state.doc("aiq.redemptions")[0]["id"]
    assert (redeemed(state), points(state)) == (["R/1"], Decimal("150.5"))
    (found,) = aiq.find_redemptions("c1", "77", "R/1", since).live
    assert (found.points, found.contact_id) == (Decimal(100), "c1")
    assert aiq.find_redemptions("c1", "77", "R/2", since).live == ()
    assert aiq.find_redemptions("c1", "78", "R/1", since).live == ()


def test_a_listing_without_references_never_says_none(state: State, aiq: LoyaltyProvider) -> None:
    aiq.send_redemption(discount(aiq), "R1")
    switch(state, listing_shows_reference=False)
    with pytest.raises(ProtocolError, match="blind"):
        aiq.find_redemptions("c1", "77", "R1", state.now() - timedelta(minutes=5))


@pytest.mark.parametrize(("rule", "append", "works"), [
    ("required", True, True), ("required", False, False), ("refused", False, True), ("refused", True, False),
])  # fmt: skip
def test_the_receipt_number_is_sent_or_not_as_the_site_needs(
    state: State, server: Server, rule: str, append: bool, works: bool
) -> None:
    switch(state, transaction_id=rule)
    aiq = provider(server, state, append_reference=append)
    if works:
        assert aiq.send_redemption(discount(aiq), "R1")
        return
    with pytest.raises(Refused, match="Unknown redemption address"):
        aiq.send_redemption(discount(aiq), "R1")


def test_used_up_and_too_dear_are_refused_with_aiqs_words(state: State, aiq: LoyaltyProvider) -> None:
    once, dear = discount(aiq, "78"), discount(aiq)
    aiq.send_redemption(once, "R1")
    with pytest.raises(Refused, match="redeemed before"):
        aiq.send_redemption(once, "R2")
    aiq.send_redemption(dear, "R3")
    aiq.send_redemption(dear, "R4")
    with pytest.raises(Refused, match="Not enough points"):
        aiq.send_redemption(dear, "R5")


def test_a_refund_by_aiqs_address_gives_points_and_single_use_back(state: State, server: Server) -> None:
    switch(state, refund=True)
    aiq = provider(server, state, refund="endpoint")
    aiq.send_redemption(discount(aiq, "78"), "R1")
    claim = replace(CLAIM, discount_id="78")
    aiq.send_refund(claim, "c1")
    assert points(state) == Decimal("250.5")
    assert aiq.find_redemptions("c1", "78", "R1", state.now() - timedelta(minutes=5)).live == ()
    assert discount(aiq, "78").available
    with pytest.raises(Refused, match="Already refunded"):
        aiq.send_refund(claim, "c1")


def test_a_refund_address_that_does_not_exist_gives_nothing_back(state: State, server: Server) -> None:
    aiq = provider(server, state, refund="endpoint")
    aiq.send_redemption(discount(aiq), "R1")
    with pytest.raises(Refused, match="Not found"):
        aiq.send_refund(CLAIM, "c1")


def test_an_adjustment_gives_the_points_back_with_the_receipt(state: State, server: Server) -> None:
    aiq = provider(server, state, refund="adjust")
    aiq.send_refund(replace(CLAIM, points_cost=Decimal("0.1")), "c1")
    assert points(state) == Decimal("250.6")
    assert state.doc("aiq.adjustments")[0]["reference"] == "R1"


def test_by_hand_means_no_call(state: State, aiq: LoyaltyProvider) -> None:
    with pytest.raises(Refused, match="by hand"):
        aiq.send_refund(CLAIM, "c1")
    assert state.doc("aiq.calls", []) == []


OUTCOMES: list[tuple[dict[str, Any], type[NavpluginError], bool]] = [
    ({"fault": "before"}, UnknownOutcome, False),
    ({"fault": "after"}, UnknownOutcome, True),
    ({"fault": "late"}, UnknownOutcome, False),
    ({"fault": "half"}, UnknownOutcome, True),
    ({"fault": "html"}, UnknownOutcome, False),
    ({"fault": "500"}, UnknownOutcome, False),
    ({"fault": "503"}, UnknownOutcome, False),
    ({"fault": "401"}, AuthFailed, False),
    ({"fault": "403"}, AuthFailed, False),
    ({"fault": "429", "retry_after": 7}, Busy, False),
    ({"fault": "409"}, Refused, False),
]


@pytest.mark.parametrize(("fault", "kind", "taken"), OUTCOMES)
def test_each_fault_of_a_redemption_has_its_outcome_and_is_sent_once(
    state: State, server: Server, aiq: LoyaltyProvider, fault: dict[str, Any], kind: type[NavpluginError], taken: bool
) -> None:
    chosen = discount(aiq)
    server.faults.add({"call": "aiq.redeem", **fault})
    with pytest.raises(NavpluginError) as caught:
        aiq.send_redemption(chosen, "R1")
    assert type(caught.value) is kind
    assert caught.value.retry_after == fault.get("retry_after")
    assert calls(state, "redeem") == 1
    assert redeemed(state) == (["R1"] if taken else [])


def test_a_redemption_that_takes_longer_than_the_deadline_may_have_been_taken(
    state: State, server: Server, aiq: LoyaltyProvider
) -> None:
    chosen = discount(aiq)
    server.faults.add({"call": "aiq.redeem", "fault": "slow", "seconds": 0.5})
    hasty = provider(server, state, deadline=0.1)
    with pytest.raises(UnknownOutcome):
        hasty.send_redemption(chosen, "R1")
    assert state.wait_until(lambda: redeemed(state) == ["R1"], 30)


def test_a_late_redemption_is_found_by_the_next_but_one_look(
    state: State, server: Server, aiq: LoyaltyProvider
) -> None:
    since = state.now() - timedelta(minutes=5)
    chosen = discount(aiq)
    server.faults.add({"call": "aiq.redeem", "fault": "late"})
    with pytest.raises(UnknownOutcome):
        aiq.send_redemption(chosen, "R1")
    assert aiq.find_redemptions("c1", "77", "R1", since).live == ()
    assert len(aiq.find_redemptions("c1", "77", "R1", since).live) == 1


@pytest.mark.parametrize(("fault", "kind", "taken"), OUTCOMES)
def test_each_fault_of_a_refund_and_a_signup_has_the_same_outcome(
    state: State, server: Server, fault: dict[str, Any], kind: type[NavpluginError], taken: bool
) -> None:
    aiq = provider(server, state, refund="adjust")
    server.faults.add({"call": "aiq.adjust", **fault})
    with pytest.raises(NavpluginError) as caught:
        aiq.send_refund(CLAIM, "c1")
    assert type(caught.value) is kind
    assert (points(state) == Decimal("350.5")) is taken
    server.faults.clear()
    server.faults.add({"call": "aiq.signup", **fault})
    with pytest.raises(NavpluginError) as caught:
        aiq.send_signup(Signup(Contact("5550002222", ""), "Cy", "Lee", ""))
    assert type(caught.value) is kind
    assert (len(state.doc("aiq.personas")) == 3) is taken
    assert (calls(state, "adjust"), calls(state, "signup")) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("before", Unreachable), ("html", ProtocolError), ("half", ProtocolError), ("429", Busy), ("503", Busy),
        ("500", ProtocolError), ("401", AuthFailed), ("400", Refused),
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", ["wallet", "lookup", "redemptions"])
def test_each_fault_of_a_read_has_its_error(
    state: State, server: Server, aiq: LoyaltyProvider, call: str, fault: str, kind: type[NavpluginError]
) -> None:
    for one in (call, "personas") if call == "lookup" else (call,):
        server.faults.add({"call": f"aiq.{one}", "fault": fault, "times": -1})
    reads: dict[str, Callable[[], object]] = {
        "wallet": lambda: aiq.fetch_wallet(ANA),
        "lookup": lambda: aiq.fetch_status(ANA),
        "redemptions": lambda: aiq.find_redemptions("c1", "77", "R1", state.now()),
    }
    with pytest.raises(NavpluginError) as caught:
        reads[call]()
    assert type(caught.value) is kind


def test_a_wrong_key_is_a_matter_for_a_person(state: State, server: Server) -> None:
    aiq = AiqProvider(server.url, "1234", "wrong-key", clock=StateClock(state))
    with pytest.raises(AuthFailed, match="check uid and key"):
        aiq.fetch_wallet(ANA)


def test_a_redemption_uses_a_connection_of_its_own(
    server: Server, aiq: LoyaltyProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the server dropped meanwhile would look like a redemption whose answer never came."""
    chosen = discount(aiq)
    closed: list[bool] = []
    http: AiqHttp = aiq._http  # type: ignore[attr-defined]
    real = http._session.close
    monkeypatch.setattr(http._session, "close", lambda: (closed.append(True), real()))
    aiq.fetch_wallet(ANA)
    assert closed == []
    aiq.send_redemption(chosen, "R1")
    assert closed == [True]
