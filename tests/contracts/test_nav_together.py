"""Writes in one transaction, and the codeunit of the AIQ objects, over both protocols."""

from __future__ import annotations

import pytest

from navplugin.core.errors import AlreadyThere, Conflict, Misconfigured, NavpluginError
from navplugin.core.model import Effect, Op
from navplugin.nav.contract.codeunits import WORKER
from navplugin.nav.reader import NavReader
from navplugin.nav.writer import NavWriter
from navplugin.simulator.state import State
from tests.contracts.conftest import SALE, STATUS, World


def inserts(*receipts: str) -> list[Effect]:
    return [Effect(Op.INSERT, STATUS, (receipt,), {"Member_Status": "Member"}) for receipt in receipts]


def there(state: State) -> list[str]:
    return [row["Receipt_No"] for row in state.rows(STATUS)]


def test_all_are_written_or_the_caller_writes_them_singly(world: World, state: State, writer: NavWriter) -> None:
    together = writer.write_together(inserts("R1", "R2", "R3"))
    assert together is (world.transport == "odata")
    assert there(state) == (["R1", "R2", "R3"] if together else [])


def test_one_that_is_refused_undoes_all(world: World, state: State, writer: NavWriter) -> None:
    writer.write(inserts("R2")[0])
    if world.transport == "soap":
        assert not writer.write_together(inserts("R1", "R2", "R3"))
    else:
        with pytest.raises(AlreadyThere):
            writer.write_together(inserts("R1", "R2", "R3"))
    assert there(state) == ["R2"]


def test_a_stale_row_among_them_is_a_conflict(world: World, state: State, writer: NavWriter) -> None:
    row = writer.write(inserts("R1")[0])
    assert row is not None
    state.put(STATUS, {"Receipt_No": "R1", "Member_Status": "Known"})
    effects = [*inserts("R2"), Effect(Op.UPDATE, STATUS, ("R1",), {"Member_Status": "Member"}, row.etag)]
    if world.transport == "odata":
        with pytest.raises(Conflict):
            writer.write_together(effects)
    assert there(state) == ["R1"]


@pytest.mark.parametrize("batch", ["none", "single"])
def test_a_server_without_transactions_loses_nothing(world: World, state: State, writer: NavWriter, batch: str) -> None:
    state.set_doc("nav.settings", {"batch": batch})
    if not writer.write_together(inserts("R1", "R2")):
        for effect in inserts("R1", "R2"):
            writer.write(effect)
    assert there(state) == ["R1", "R2"]
    assert writer.write_together(inserts("R3")) is (batch == "single" and world.transport == "odata")


def test_a_lost_answer_to_all_of_them_is_an_unknown_outcome(world: World, state: State, writer: NavWriter) -> None:
    if world.transport == "soap":
        pytest.skip("SOAP has no transaction over several pages")
    world.server.faults.add({"call": "nav.POST $batch", "fault": "after"})
    with pytest.raises(NavpluginError) as caught:
        writer.write_together(inserts("R1", "R2"))
    assert type(caught.value).__name__ == "UnknownOutcome"
    assert there(state) == ["R1", "R2"]


def test_the_codeunit_waits_for_the_next_change(state: State, reader: NavReader) -> None:
    assert reader.transport.call(WORKER, "WaitForChange", {"After": 0, "MaxMs": 0}) == 0
    mark = state.put("AIQ_Sale", SALE)["Change_Mark"]
    assert reader.transport.call(WORKER, "WaitForChange", {"After": mark - 1, "MaxMs": 1000}) == mark
    assert reader.transport.call(WORKER, "Version", {"Profile": ""}) == "1.0.0.0"


def test_a_codeunit_that_is_not_published_is_named(reader: NavReader) -> None:
    from dataclasses import replace

    with pytest.raises(Misconfigured):
        reader.transport.call(replace(WORKER, service="AIQ_Nobody"), "Version", {"Profile": ""})
