"""Every write to NAV and every fault of it, over both protocols, against the simulated NAV."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from navplugin.core.errors import (
    AlreadyThere,
    AuthFailed,
    Busy,
    Conflict,
    Misconfigured,
    Missing,
    NavpluginError,
    UnknownOutcome,
)
from navplugin.core.model import Effect, GrantStatus, Op, StagedRow
from navplugin.nav.reader import NavReader
from navplugin.nav.writer import NavWriter
from navplugin.simulator.state import State
from tests.contracts.conftest import AT, GRANTS, LEDGER, STATUS, World


def test_insert_update_and_delete_follow_the_etag(state: State, writer: NavWriter) -> None:
    key = ("R1", "AP0004")
    row = writer.write(Effect(Op.INSERT, GRANTS, key, {"Value": Decimal("10.50"), "Status": GrantStatus.GRANTED,
                                                       "Points": "", "Valid_Until": AT}))  # fmt: skip
    assert isinstance(row, StagedRow)
    assert (row.key, row.fields["Value"], row.fields["Valid_Until"], row.fields["Points"]) == (
        key, Decimal("10.5"), AT, "",
    )  # fmt: skip
    again = writer.write(Effect(Op.UPDATE, GRANTS, key, {"Status": "Withdrawn", "Reason": "Sorry"}, row.etag))
    assert again is not None
    assert (again.fields["Reason"], again.etag != row.etag) == ("Sorry", True)
    with pytest.raises(Conflict):
        writer.write(Effect(Op.UPDATE, GRANTS, key, {"Reason": "Old"}, row.etag))
    with pytest.raises(Conflict):
        writer.write(Effect(Op.DELETE, GRANTS, key, etag=row.etag))
    assert writer.write(Effect(Op.DELETE, GRANTS, key, etag=again.etag)) is None
    assert state.get(GRANTS, *key) is None
    with pytest.raises(Missing):
        writer.write(Effect(Op.UPDATE, GRANTS, key, {"Reason": "Gone"}, again.etag))


def test_the_ledger_row_is_written_under_its_etag_and_never_deleted(
    state: State, nav: tuple[NavReader, NavWriter]
) -> None:
    reader, writer = nav
    first = {"Ledger_ID": "a1b2", "Take_Over_No": 1, "Epoch": 2, "Step": 7, "Beat": 1, "Host": "H1", "Written_At": AT}
    made = writer.write(Effect(Op.INSERT, LEDGER, ("LEDGER",), first))
    assert made is not None
    assert {name: made.fields[name] for name in first} == first
    with pytest.raises(AlreadyThere):
        writer.write(Effect(Op.INSERT, LEDGER, ("LEDGER",), {"Ledger_ID": "other"}))
    after = writer.write(Effect(Op.UPDATE, LEDGER, ("LEDGER",), {"Step": 8, "Beat": 2}, made.etag))
    assert after is not None
    with pytest.raises(Conflict):
        writer.write(Effect(Op.UPDATE, LEDGER, ("LEDGER",), {"Ledger_ID": "other"}, made.etag))
    (row,) = reader.read_rows(LEDGER, {})
    assert (row.etag, row.fields["Ledger_ID"], row.fields["Step"]) == (after.etag, "a1b2", 8)
    with pytest.raises(Misconfigured, match="no right to delete"):
        writer.write(Effect(Op.DELETE, LEDGER, ("LEDGER",), etag=row.etag))
    assert state.get(LEDGER, "LEDGER") is not None


def test_a_second_insert_meets_its_own_row(writer: NavWriter) -> None:
    effect = Effect(Op.INSERT, STATUS, ("R1",), {"Member_Status": "Member"})
    writer.write(effect)
    with pytest.raises(AlreadyThere, match="already"):
        writer.write(effect)


@pytest.mark.parametrize(
    ("fault", "kind", "written"),
    [
        ({"fault": "before"}, UnknownOutcome, False),
        ({"fault": "after"}, UnknownOutcome, True),
        ({"fault": "late"}, UnknownOutcome, False),
        ({"fault": "half"}, UnknownOutcome, True),
        ({"fault": "500"}, UnknownOutcome, False),
        ({"fault": "html"}, UnknownOutcome, False),
        ({"fault": "401"}, AuthFailed, False),
        ({"fault": "429", "retry_after": 7}, Busy, False),
        ({"fault": "503"}, Busy, False),
    ],
)
def test_each_fault_of_a_write_has_its_outcome_and_is_sent_once(
    world: World, state: State, writer: NavWriter, fault: dict[str, Any], kind: type[NavpluginError], written: bool
) -> None:
    world.order_fault("insert", STATUS, **fault)
    with pytest.raises(NavpluginError) as caught:
        writer.write(Effect(Op.INSERT, STATUS, ("R1",), {"Member_Status": "Member"}))
    assert type(caught.value) is kind
    assert caught.value.retry_after == fault.get("retry_after")
    assert world.requests()[f"insert {STATUS}"] == 1
    assert (state.get(STATUS, "R1") is not None) is written


CODES = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=1, max_size=18).map(str.upper).filter(
    lambda code: len(code) <= 20 and code.strip() == code and code.upper() == code
)  # fmt: skip
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**13), max_value=10**13)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(receipt=CODES, coupon=CODES, value=AMOUNTS, text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_key_and_any_amount_survives_the_round_trip(
    nav: tuple[NavReader, NavWriter], world: World, state: State, receipt: str, coupon: str, value: Decimal, text: str
) -> None:
    reader, writer = nav
    if world.transport == "soap":
        text = "".join(sign for sign in text if sign.isprintable())  # XML has no control characters
    state.reset()
    row = writer.write(Effect(Op.INSERT, GRANTS, (receipt, coupon), {"Value": value, "Description": text}))
    assert row is not None
    assert (row.key, row.fields["Value"]) == ((receipt, coupon), value)
    (found,) = reader.read_rows(GRANTS, {"Receipt_No": receipt, "Coupon_Code": coupon})
    assert (found.key, found.fields["Value"], found.fields["Description"]) == ((receipt, coupon), value, text)
    changed = writer.write(Effect(Op.UPDATE, GRANTS, found.key, {"Min_Amount": -value}, found.etag))
    assert changed is not None
    assert changed.fields["Min_Amount"] == -value
    assert writer.write(replace(Effect(Op.DELETE, GRANTS, found.key), etag=changed.etag)) is None
    assert state.rows(GRANTS) == []
