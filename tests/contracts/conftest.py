"""The simulated NAV that the contract tests run against: over both protocols, in the names of every maker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from navplugin.nav.contract import PAGES, Naming, expected
from navplugin.nav.reader import NavReader
from navplugin.nav.session import NavSettings
from navplugin.nav.writer import NavWriter
from navplugin.simulator.app import Server, Settings
from navplugin.simulator.state import State
from tests.nav_site import connect, simulated

GUID = "0a1b2c3d-0000-0000-0000-00000000000f"
AT = datetime(2026, 5, 1, 12, 0, 0, 250000, tzinfo=UTC)
SALE = {
    "Receipt_No": "R1", "Sale_GUID": GUID, "Store_No": "S1", "POS_Terminal_No": "P1", "Staff_ID": "ANA",
    "Member_Card_No": "M1", "State": "SALES", "Event": "CheckIn", "Event_At": AT,
}  # fmt: skip
GRANTS, PROMPTS, STATUS = "AIQ_POSTotalDiscountOfferLines", "AIQ_POSPrompts", "AIQ_POSStatus"
LEDGER = "AIQ_Ledger"

SITES = [(transport, naming) for transport in ("odata", "soap") for naming in Naming]
_ACTS = {
    "GET": "read", "POST": "insert", "PATCH": "update", "DELETE": "delete",
    "ReadMultiple": "read", "Create": "insert", "Update": "update", "Delete": "delete",
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """A simulated NAV and how it is reached. `act`: read, insert, update, delete."""

    state: State
    server: Server
    transport: str
    naming: Naming

    def settings(self, **more: Any) -> NavSettings:
        return simulated(self.server.url, **{"transport": self.transport, "naming": self.naming, **more})

    def requests(self) -> dict[str, int]:
        """Calls by act and page of the contract; what is read once at the start, names and WSDLs, is left out."""
        found: dict[str, int] = {}
        pages = {expected(page, self.naming).service: page.service for page in PAGES}
        for call, count in self.state.doc("nav.requests", {}).items():
            service, act = call.split(" ")[-1], call.split(" ")[0]
            if act == "SOAP":
                _, service, act, *_ = [*call.split(" "), ""]
            if service in pages and act in _ACTS:
                name = f"{_ACTS[act]} {pages[service]}"
                found[name] = found.get(name, 0) + count
        return found

    def order_fault(self, act: str, service: str, **fault: Any) -> None:
        """The next calls of this kind go wrong."""
        page = next(page for page in PAGES if page.service == service)
        site = expected(page, self.naming).service
        words = {known: word for word, known in _ACTS.items() if word.isupper() == (self.transport == "odata")}
        call = f"{words[act]} {site}" if self.transport == "odata" else f"SOAP {site} {words[act]}"
        self.server.faults.add({"call": f"nav.{call}", **fault})


@pytest.fixture(scope="package", params=SITES, ids=[f"{t}-{n}" for t, n in SITES])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    transport, naming = request.param
    state = State(tmp_path_factory.mktemp("nav"))
    server = Server(state, settings=Settings(nav={"naming": naming.value}))
    server.start()
    yield World(state, server, transport, naming)
    server.stop()
    state.close()


@pytest.fixture
def world(running: World) -> World:
    running.server.faults.clear()
    running.state.reset()
    return running


@pytest.fixture
def state(world: World) -> State:
    return world.state


@pytest.fixture
def nav(world: World) -> tuple[NavReader, NavWriter]:
    reader, writer = connect(world.settings())
    reader.transport.patience.sleep = lambda seconds: None
    return reader, writer


@pytest.fixture
def reader(nav: tuple[NavReader, NavWriter]) -> NavReader:
    return nav[0]


@pytest.fixture
def writer(nav: tuple[NavReader, NavWriter]) -> NavWriter:
    return nav[1]
