"""What only OData can show: the order of requests, a filter that is ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from navplugin.core.errors import ProtocolError
from navplugin.nav.http import NavHttp
from navplugin.nav.reader import NavReader
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from tests.contracts.conftest import GRANTS, SALE, STATUS
from tests.nav_site import connect, simulated


@pytest.fixture
def state(tmp_path: Any) -> Iterator[State]:
    opened = State(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def reader(state: State) -> Iterator[NavReader]:
    server = Server(state)
    server.start()
    yield connect(simulated(server.url))[0]
    server.stop()


def test_a_rows_tag_is_its_etag_byte_for_byte(state: State, reader: NavReader) -> None:
    state.put("AIQ_Sale", SALE)
    (sale,) = reader.read_changed_sales(0)
    assert sale.etag == state.etag("AIQ_Sale", "R1")


def test_the_lines_are_read_before_the_header_and_both_before_the_grants(
    state: State, reader: NavReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real = NavHttp.rows

    def noting(self: NavHttp, service: str, options: Any) -> Any:
        order.append(service)
        return real(self, service, options)

    monkeypatch.setattr(NavHttp, "rows", noting)
    state.put("AIQ_Sale", SALE)
    reader.read_snapshots(reader.read_changed_sales(0))
    assert order[1:4] == ["AIQ_POSJournalLines", "AIQ_POSJournal", GRANTS]


def test_a_server_that_ignores_the_filter_is_found_out(
    state: State, reader: NavReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.put("AIQ_Sale", SALE)
    state.put(STATUS, {"Receipt_No": "R1"})
    sales = reader.read_changed_sales(0)
    state.put(STATUS, {"Receipt_No": "R2"})
    real = NavHttp.rows
    monkeypatch.setattr(NavHttp, "rows", lambda self, service, options: real(self, service, {}))
    with pytest.raises(ProtocolError, match="not asked for"):
        reader.read_snapshots(sales)


def test_one_strange_row_does_not_stop_the_other_tills(
    state: State, reader: NavReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for receipt in ("R1", "R2"):
        state.put("AIQ_Sale", {**SALE, "Receipt_No": receipt})
    real = NavHttp.rows

    def strange(self: NavHttp, service: str, options: Any) -> Any:
        for row in real(self, service, options):
            yield {**row, "State": "DREAMING"} if row["Receipt_No"] == "R1" else row

    monkeypatch.setattr(NavHttp, "rows", strange)
    assert [s.receipt_no for s in reader.read_changed_sales(0)] == ["R2"]
