"""Changed rows of members, items and posted sales, read from the simulated NAV over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from navplugin.cursors import ContentCursor, NumberCursor, TimeCursor
from navplugin.nav.changes import Delta, NavChanges
from navplugin.nav.contract import Naming
from navplugin.nav.contract.feeds import INVENTORY, MEMBERS
from navplugin.nav.session import open_transport
from navplugin.simulator.app import Server, Settings
from navplugin.simulator.state import State, _Stored
from tests.nav_site import simulated

DAY = date(2026, 5, 1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    yield opened
    opened.close()


def changes(server: Server, naming: Naming) -> NavChanges:
    return NavChanges(open_transport(simulated(server.url, naming=naming)))


@pytest.fixture(params=list(Naming))
def naming(request: pytest.FixtureRequest) -> Naming:
    found: Naming = request.param
    return found


@pytest.fixture
def nav(state: State, naming: Naming) -> Iterator[NavChanges]:
    server = Server(state, settings=Settings(nav={"naming": naming.value}))
    server.start()
    yield changes(server, naming)
    server.stop()


def cards(delta: Delta) -> list[Any]:
    return sorted(row["Card_No"] for row in delta.changed)


def test_members_are_read_once_and_again_when_they_change(state: State, nav: NavChanges, naming: Naming) -> None:
    for card in ("M1", "M2"):
        state.put("AIQ_Members", {"Card_No": card, "First_Name": "Ana"})
    cursor = nav.cursor_for(MEMBERS)
    assert isinstance(cursor, ContentCursor if naming is Naming.NAV else TimeCursor), "NAV has no SystemModifiedAt"
    assert cards(nav.read_changed(MEMBERS, cursor)) == ["M1", "M2"]
    assert nav.read_changed(MEMBERS, cursor).changed == ()
    state.advance(1)
    state.put("AIQ_Members", {"Card_No": "M2", "First_Name": "Bo"})
    assert [row["First_Name"] for row in nav.read_changed(MEMBERS, cursor).changed] == ["Bo"]


def test_a_deleted_member_is_noticed_where_the_table_is_read_whole(
    state: State, nav: NavChanges, naming: Naming
) -> None:
    state.put("AIQ_Members", {"Card_No": "M1"})
    cursor = nav.cursor_for(MEMBERS)
    nav.read_changed(MEMBERS, cursor)
    state.delete("AIQ_Members", "M1")
    gone = nav.read_changed(MEMBERS, cursor).gone
    assert gone == ((("M1",),) if naming is Naming.NAV else ()), "no incremental read shows a deletion"


def test_a_member_whose_change_was_committed_late_is_found(state: State, nav: NavChanges) -> None:
    state.put("AIQ_Members", {"Card_No": "M1"})
    cursor = nav.cursor_for(MEMBERS)
    nav.read_changed(MEMBERS, cursor)
    late = state.put("AIQ_Members", {"Card_No": "LATE"})
    if "System_Modified_At" in late:
        late["System_Modified_At"] -= timedelta(minutes=8)
    with state.transaction():
        state._set_row("AIQ_Members", ("LATE",), _Stored(late, state.version))
    assert cards(nav.read_changed(MEMBERS, cursor)) == ["LATE"]


def test_a_page_without_any_mark_is_compared_by_content(state: State, nav: NavChanges) -> None:
    state.put("AIQ_Inventory", {"Item_No": "I1", "Store_No": "S1", "Net_Inventory": 5})
    cursor = nav.cursor_for(INVENTORY)
    assert isinstance(cursor, ContentCursor)
    assert len(nav.read_changed(INVENTORY, cursor).changed) == 1
    assert nav.read_changed(INVENTORY, cursor) == Delta(())


def post(state: State, number: int, terminal: str = "P1", day: date = DAY) -> None:
    state.put("AIQ_Transactions", {"Store_No": "S1", "POS_Terminal_No": terminal, "Transaction_No": number,
                                   "Receipt_No": f"{terminal}-{number}", "Date": day})  # fmt: skip


def receipts(rows: Any) -> list[str]:
    return [row["Receipt_No"] for row in rows]


def test_posted_sales_come_once_by_number_for_each_terminal(state: State, nav: NavChanges) -> None:
    cursor = NumberCursor()
    for number in (11, 12, 14):
        post(state, number)
    post(state, 5, "P2")
    assert receipts(nav.read_posted_since(DAY, cursor)) == ["P1-11", "P1-12", "P1-14", "P2-5"]
    assert receipts(nav.read_posted(cursor)) == []
    post(state, 13)
    post(state, 6, "P2", DAY - timedelta(days=3))
    assert receipts(nav.read_posted(cursor)) == ["P1-13", "P2-6"], "a hole that filled, and a sale sent late"
    again = NumberCursor.load(cursor.save())
    assert receipts(nav.read_posted(again)) == []


def test_a_new_terminal_is_found_by_the_day(state: State, nav: NavChanges) -> None:
    cursor = NumberCursor()
    post(state, 1)
    nav.read_posted_since(DAY, cursor)
    post(state, 1, "P9")
    assert receipts(nav.read_posted(cursor)) == []
    assert receipts(nav.read_posted_since(DAY, cursor)) == ["P9-1"]
