"""The NAV adapters against the simulated NAV over HTTP: every read, every write, every fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
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
    ProtocolError,
    UnknownOutcome,
    Unreachable,
)
from navplugin.core.model import Effect, GrantStatus, Op, SaleState, StagedRow
from navplugin.core.ports import JournalReader
from navplugin.core.ports import NavWriter as WriterPort
from navplugin.nav.http import NavHttp
from navplugin.nav.odata import ODataTransport
from navplugin.nav.reader import BATCH, NavReader
from navplugin.nav.writer import NavWriter
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from tests.nav_site import connect, simulated

GRANTS, PROMPTS, STATUS = "AIQ_POSTotalDiscountOfferLines", "AIQ_POSPrompts", "AIQ_POSStatus"
GUID = "0a1b2c3d-0000-0000-0000-00000000000f"
AT = datetime(2026, 5, 1, 12, 0, 0, 250000, tzinfo=UTC)
SALE = {
    "Receipt_No": "R1", "Sale_GUID": GUID, "Store_No": "S1", "POS_Terminal_No": "P1", "Staff_ID": "ANA",
    "Member_Card_No": "M1", "State": "SALES", "Event": "CheckIn", "Event_At": AT,
}  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[State, Server]]:
    state = State(tmp_path_factory.mktemp("nav"))
    server = Server(state)
    server.start()
    yield state, server
    server.stop()
    state.close()


@pytest.fixture
def state(running: tuple[State, Server]) -> State:
    running[1].faults.clear()
    running[0].reset()
    return running[0]


@pytest.fixture
def server(running: tuple[State, Server]) -> Server:
    return running[1]


@pytest.fixture
def nav(state: State, server: Server) -> tuple[NavReader, NavWriter]:
    reader, writer = connect(simulated(server.url))
    _http(reader)._sleep = lambda seconds: None
    return reader, writer


def _http(adapter: NavReader) -> NavHttp:
    assert isinstance(adapter.transport, ODataTransport)
    return adapter.transport.http


@pytest.fixture
def reader(nav: tuple[NavReader, NavWriter]) -> NavReader:
    return nav[0]


@pytest.fixture
def writer(nav: tuple[NavReader, NavWriter]) -> NavWriter:
    return nav[1]


def requests_of(state: State) -> dict[str, int]:
    """Calls by verb and service, without the names that are read once at the start."""
    return {name: count for name, count in state.doc("nav.requests", {}).items() if name != "GET $metadata"}


def line(receipt: str, number: int, kind: str = "Item", **more: Any) -> dict[str, Any]:
    return {"Receipt_No": receipt, "Line_No": number, "Entry_Type": kind, **more}


def test_the_adapters_are_the_ports(reader: JournalReader, writer: WriterPort) -> None:
    assert reader.read_changed_sales(0) == []
    with pytest.raises(Misconfigured):
        writer.write(Effect(Op.INSERT, "AIQ_POSJournal", ("R1",)))


def test_changed_sales_come_oldest_first_with_one_request(state: State, reader: NavReader) -> None:
    for receipt in ("R2", "R1"):
        state.put("AIQ_Sale", {**SALE, "Receipt_No": receipt})
    first, second = reader.read_changed_sales(0)
    assert (first.receipt_no, second.receipt_no) == ("R2", "R1")
    assert (second.sale_guid, second.state, second.event_at) == (GUID, SaleState.SALES, AT)
    assert second.etag == state.etag("AIQ_Sale", "R1")
    assert [s.receipt_no for s in reader.read_changed_sales(first.change_mark)] == ["R1"]
    assert reader.read_changed_sales(second.change_mark) == []
    assert requests_of(state) == {"GET AIQ_Sale": 3}


def test_small_pages_of_the_server_are_all_read(state: State, reader: NavReader) -> None:
    state.set_doc("nav.settings", {"page_size": 2})
    for number in range(5):
        state.put("AIQ_Sale", {**SALE, "Receipt_No": f"R{number}"})
    assert len(reader.read_changed_sales(0)) == 5


def test_a_snapshot_holds_all_that_one_sale_has(state: State, reader: NavReader) -> None:
    state.put("AIQ_Sale", SALE)
    state.put("AIQ_POSJournal", {"Receipt_No": "R1", "Store_No": "S1", "Member_Card_No": "M1", "Sales_Type": "WALK",
                                 "Transaction_Type": "Sales", "Trans_Date": date(2026, 5, 1)})  # fmt: skip
    state.put("AIQ_POSJournalLines", line("R1", 20000, "Coupon", Coupon_Code="AP0004", Valid_in_Transaction=True))
    state.put("AIQ_POSJournalLines", line("R1", 10000, Number="I1", Quantity=2, Price=Decimal("37.55"),
                                          Amount=Decimal("75.10"), Entry_Status="Voided"))  # fmt: skip
    state.put("AIQ_POSActions", {"Entry_No": 2, "Action": "PinEnter", "Receipt_No": "R1", "PIN": "1234"})
    state.put(GRANTS, {"Receipt_No": "R1", "Coupon_Code": "AP0004", "Value": Decimal("10.5"), "Status": "Picked",
                       "Points": " ", "Picked_At": AT})  # fmt: skip
    state.put(PROMPTS, {"Receipt_No": "R1", "Prompt_Key": "K1", "Text_1": "Join?", "Answer": "Yes"})
    state.put(STATUS, {"Receipt_No": "R1", "Member_Status": "Joining", "Updated_At": AT})
    (snapshot,) = reader.read_snapshots(reader.read_changed_sales(0))
    assert snapshot.company == "CRONUS Cannabis"
    journal = snapshot.journal
    assert journal is not None
    assert (journal.sales_type, journal.trans_date) == ("WALK", date(2026, 5, 1))
    assert [(x.line_no, x.voided, x.amount) for x in journal.lines] == [
        (10000, True, Decimal("75.1")), (20000, False, Decimal(0)),
    ]  # fmt: skip
    assert journal.coupon_codes == {"AP0004"}
    assert (snapshot.grants[0].status, snapshot.grants[0].points, snapshot.grants[0].picked_at) == (
        GrantStatus.PICKED, "", AT,
    )  # fmt: skip
    assert (snapshot.actions[0].pin, snapshot.actions[0].status) == ("1234", "New")
    assert (snapshot.prompts[0].answer, snapshot.prompts[0].shown_at) == ("Yes", None)
    assert snapshot.status is not None
    assert (snapshot.status.updated_at, snapshot.status.wallet_at) == (AT, None)
    assert snapshot.posted is None
    pages = {row.page: row for row in snapshot.rows}
    assert set(pages) == {"AIQ_Sale", GRANTS, PROMPTS, STATUS, "AIQ_POSActions"}
    assert pages["AIQ_Sale"].key == ("R1",)
    assert set(pages["AIQ_Sale"].fields) == set(state.get("AIQ_Sale", "R1") or {})
    assert pages[GRANTS].key == ("R1", "AP0004")
    assert pages[GRANTS].etag == state.etag(GRANTS, "R1", "AP0004")


def test_a_sale_that_is_not_on_the_journal_has_none(state: State, reader: NavReader) -> None:
    state.put("AIQ_Sale", {**SALE, "State": "SUSPENDED"})
    state.put("AIQ_POSJournalLines", line("R1", 10000))
    (snapshot,) = reader.read_snapshots(reader.read_changed_sales(0))
    assert snapshot.journal is None


def test_many_sales_need_few_requests_and_are_not_mixed_up(state: State, reader: NavReader) -> None:
    count = 2 * BATCH + 1
    for number in range(count):
        receipt = f"R{number:02}"
        state.put("AIQ_Sale", {**SALE, "Receipt_No": receipt})
        state.put("AIQ_POSJournal", {"Receipt_No": receipt})
        state.put("AIQ_POSJournalLines", line(receipt, 10000, Number=f"I{number}"))
        state.put(STATUS, {"Receipt_No": receipt, "Display_Text": receipt})
    snapshots = reader.read_snapshots(reader.read_changed_sales(0))
    assert len(snapshots) == count
    for number, snapshot in enumerate(snapshots):
        assert snapshot.journal is not None
        assert [x.number for x in snapshot.journal.lines] == [f"I{number}"]
        assert snapshot.status is not None
        assert snapshot.status.display_text == snapshot.sale.receipt_no
    assert requests_of(state)["GET AIQ_POSJournalLines"] == 3
    assert sum(requests_of(state).values()) == 1 + 3 * 6


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


def test_offers_come_with_their_items_and_steps(state: State, reader: NavReader, caplog: Any) -> None:
    state.put("AIQ_TotalDiscountOffers", {"No": "TD1", "Type": "Total Discount", "Status": "Enabled",
                                          "Coupon_Code": "AP0004", "Amount_to_Trigger": 50})  # fmt: skip
    state.put("AIQ_TotalDiscountOffers", {"No": "MB1", "Type": "Multibuy"})
    state.put("AIQ_TotalDiscountOfferItems", {"Offer_No": "TD1", "Line_No": 1, "Type": "Item", "No": "I1"})
    state.put("AIQ_TotalDiscountOfferItems", {"Offer_No": "TD1", "Line_No": 2, "Type": "Item Category", "No": "C"})
    for step, value in ((100, Decimal("10.00")), (75, Decimal("5.5"))):
        state.put("AIQ_TotalDiscountOfferBenefits", {"Offer_No": "TD1", "Step_Amount": step, "Type": "Discount",
                                                     "Value_Type": "Discount Amount", "Value": value})  # fmt: skip
    (offer,) = reader.read_offers()
    assert (offer.offer_no, offer.enabled, offer.items, offer.maximum_discount) == ("TD1", True, ("I1",), None)
    assert [(b.step, b.kind, b.value) for b in offer.benefits] == [
        (75, "amount", Decimal("5.5")), (100, "amount", Decimal(10)),
    ]  # fmt: skip
    assert offer.trigger == 75
    reader.read_offers()
    assert [r.getMessage() for r in caplog.records if "Item Category" in r.getMessage()] != []
    assert len([r for r in caplog.records if "TD1" in r.getMessage()]) == 1


def test_members_setup_rows_and_single_sales_are_found(state: State, reader: NavReader) -> None:
    state.put("AIQ_Members", {"Card_No": "M'1/2", "First_Name": "Ana", "Surname": "Ruiz", "E_Mail": "a@b.example",
                              "Date_of_Birth": date(1990, 2, 3)})  # fmt: skip
    state.put("AIQ_Setup", {"Store_No": "S1", "AIQ_Signup_Terms": "Terms\nmore"})
    state.put("AIQ_Setup", {"Store_No": ""})
    state.put("AIQ_ReceiptFooter", {"Store_No": "S1", "Code": "W", "Line_No": 1})
    state.put("AIQ_ReceiptFooter", {"Store_No": "S2", "Code": "W", "Line_No": 1})
    state.put("AIQ_Sale", {**SALE, "Receipt_No": "A/1"})
    member = reader.read_member("M'1/2")
    assert member is not None
    assert (member.last_name, member.date_of_birth, member.fields["First_Name"]) == ("Ruiz", date(1990, 2, 3), "Ana")
    assert reader.read_member("NOBODY") is None
    assert reader.read_setup()["S1"]["AIQ_Signup_Terms"] == "Terms\nmore"
    assert set(reader.read_setup()) == {"", "S1"}
    (row,) = reader.read_rows("AIQ_ReceiptFooter", {"Store_No": "S1"})
    assert row.key == ("S1", "W", 1)
    sale = reader.read_sale("A/1")
    assert sale is not None
    assert sale.receipt_no == "A/1"
    assert reader.read_sale("A/2") is None


def test_a_page_or_field_outside_the_contract_is_not_read(reader: NavReader) -> None:
    for page, where in (("Customer", {}), ("AIQ_Setup", {"Password": "x"})):
        with pytest.raises(Misconfigured, match="contract has no page"):
            reader.read_rows(page, where)


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


# ---- writes ------------------------------------------------------------------------------------------------------


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
        ({"fault": "html"}, ProtocolError, False),
        ({"fault": "401"}, AuthFailed, False),
        ({"fault": "429", "retry_after": 7}, Busy, False),
        ({"fault": "503"}, Busy, False),
    ],
)
def test_each_fault_of_a_write_has_its_outcome_and_is_sent_once(
    state: State, server: Server, writer: NavWriter, fault: dict[str, Any], kind: type[NavpluginError], written: bool
) -> None:
    server.faults.add({"call": "nav.POST", **fault})
    with pytest.raises(NavpluginError) as caught:
        writer.write(Effect(Op.INSERT, STATUS, ("R1",), {"Member_Status": "Member"}))
    assert type(caught.value) is kind
    assert caught.value.retry_after == fault.get("retry_after")
    assert requests_of(state) == {f"POST {STATUS}": 1}
    assert (state.get(STATUS, "R1") is not None) is written


@pytest.mark.parametrize(("fault", "times"), [("before", 2), ("429", 2), ("503", 1), ("504", 2)])
def test_a_read_survives_short_faults(
    state: State, server: Server, reader: NavReader, fault: str, times: int
) -> None:
    state.put("AIQ_Sale", SALE)
    server.faults.add({"call": "nav.GET AIQ_Sale", "fault": fault, "times": times})
    assert len(reader.read_changed_sales(0)) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("before", Unreachable), ("html", ProtocolError), ("half", ProtocolError), ("401", AuthFailed), ("503", Busy)],
)
def test_a_lasting_fault_of_a_read_has_its_error(
    server: Server, reader: NavReader, fault: str, kind: type[NavpluginError]
) -> None:
    server.faults.add({"call": "nav.GET AIQ_Sale", "fault": fault, "times": -1})
    with pytest.raises(NavpluginError) as caught:
        reader.read_changed_sales(0)
    assert type(caught.value) is kind


def test_a_wrong_key_and_a_wrong_company_are_told_apart(state: State, server: Server) -> None:
    with pytest.raises(AuthFailed, match="user"):
        connect(simulated(server.url, key="wrong"))[0].read_changed_sales(0)
    with pytest.raises(Misconfigured, match="company"):
        connect(simulated(server.url, company="cronus cannabis"))[0].read_changed_sales(0)


def test_a_company_with_an_apostrophe_and_a_dot_is_found(state: State, server: Server) -> None:
    state.set_doc("nav.settings", {"company": "Ana's Öl & Co."})
    reader, _ = connect(simulated(server.url, company="Ana's Öl & Co."))
    assert reader.read_setup() == {}


CODES = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=1, max_size=18).map(str.upper).filter(
    lambda code: len(code) <= 20 and code.strip() == code and code.upper() == code
)  # fmt: skip
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**13), max_value=10**13)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(receipt=CODES, coupon=CODES, value=AMOUNTS, text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_key_and_any_amount_survives_the_round_trip(
    nav: tuple[NavReader, NavWriter], state: State, receipt: str, coupon: str, value: Decimal, text: str
) -> None:
    reader, writer = nav
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
