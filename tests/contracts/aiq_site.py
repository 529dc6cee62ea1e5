"""A simulated AIQ over HTTP for the contract tests: fixtures and helpers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.model import Claim, Wallet, WalletDiscount
from navplugin.core.ports import Contact, LoyaltyProvider
from navplugin.loyalty import AiqProvider
from navplugin.simulator.app import Server
from navplugin.simulator.state import State

PHONE = "5550001111"
ANA = Contact(PHONE, "ana@example.com")
CLAIM = Claim("C", "S1", "R1", "g", "AP0004", 1, "M1", "77", "TD1", Decimal(100), Decimal(10))


class StateClock:
    """The simulated time."""

    def __init__(self, state: State) -> None:
        self._state = state

    def now(self) -> Any:
        """Aware UTC time."""
        return self._state.now()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[State, Server]]:
    state = State(tmp_path_factory.mktemp("aiq"))
    server = Server(state)
    server.start()
    yield state, server
    server.stop()
    state.close()


@pytest.fixture
def server(running: tuple[State, Server]) -> Server:
    return running[1]


@pytest.fixture
def state(running: tuple[State, Server]) -> State:
    found, server = running
    server.faults.clear()
    found.reset()
    found.set_doc("aiq.personas", [
        {"contactID": "c1", "mobilePhone": PHONE, "email": "ana@example.com", "points": Decimal("250.5"),
         "loyalty": True},
        {"contactID": "c2", "email": "bo@example.com", "points": 0, "loyalty": False},
    ])  # fmt: skip
    found.set_doc("aiq.templates", [
        {"id": "77", "posDiscountID": "ap0004 ", "name": "Ten off", "pointsDeduction": 100, "dollarValue": 10,
         "reusable": True},
        {"id": "78", "posDiscountID": "AP0005", "name": "Once", "pointsDeduction": Decimal("50.5")},
        {"id": "79", "posDiscountID": "", "name": "Unmapped", "pointsDeduction": 1},
    ])  # fmt: skip
    return found


def provider(server: Server, state: State, **settings: Any) -> AiqProvider:
    settings = {"deadline": 10.0, "pause": lambda _: None, "clock": StateClock(state), **settings}
    return AiqProvider(server.url, "1234", "demo-key", **settings)


@pytest.fixture
def aiq(server: Server, state: State) -> LoyaltyProvider:
    return provider(server, state)


def wallet_of(aiq: LoyaltyProvider, contact: Contact = ANA) -> Wallet:
    wallet = aiq.fetch_wallet(contact)
    assert wallet is not None
    return wallet


def discount(aiq: LoyaltyProvider, discount_id: str = "77") -> WalletDiscount:
    return next(d for d in wallet_of(aiq).discounts if d.discount_id == discount_id)


def redeemed(state: State) -> list[str]:
    return [one["reference"] for one in state.doc("aiq.redemptions", [])]


def calls(state: State, kind: str) -> int:
    return sum(1 for one in state.doc("aiq.calls", []) if one["kind"] == kind)


def points(state: State) -> Decimal:
    return Decimal(state.doc("aiq.personas")[0]["points"])


def switch(state: State, **settings: Any) -> None:
    state.set_doc("aiq.settings", settings)
