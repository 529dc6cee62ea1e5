"""Every read of NAV, over both protocols and in the names of every maker, against the simulated NAV."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.errors import AuthFailed, Busy, Misconfigured, NavpluginError, ProtocolError, Unreachable
from navplugin.core.model import Effect, GrantStatus, Op, SaleState
from navplugin.core.ports import JournalReader
from navplugin.core.ports import NavWriter as WriterPort
from navplugin.nav.reader import BATCH, NavReader
from navplugin.simulator.state import State
from tests.contracts.conftest import AT, GRANTS, GUID, PROMPTS, SALE, STATUS, World
from tests.nav_site import connect


def line(receipt: str, number: int, kind: str = "Item", **more: Any) -> dict[str, Any]:
    return {"Receipt_No": receipt, "Line_No": number, "Entry_Type": kind, **more}


def test_the_adapters_are_the_ports(reader: JournalReader, writer: WriterPort) -> None:
    assert reader.read_changed_sales(0) == []
    with pytest.raises(Misconfigured):
        writer.write(Effect(Op.INSERT, "AIQ_POSJournal", ("R1",)))


def test_changed_sales_come_oldest_first_with_one_request(world: World, state: State, reader: NavReader) -> None:
    for receipt in ("R2", "R1"):
        state.put("AIQ_Sale", {**SALE, "Receipt_No": receipt})
    first, second = reader.read_changed_sales(0)
    assert (first.receipt_no, second.receipt_no) == ("R2", "R1")
    assert (second.sale_guid, second.state, second.event_at) == (GUID, SaleState.SALES, AT)
    assert len({first.etag, second.etag, ""}) == 3
    assert [s.receipt_no for s in reader.read_changed_sales(first.change_mark)] == ["R1"]
    assert reader.read_changed_sales(second.change_mark) == []
    assert world.requests() == {"read AIQ_Sale": 3}


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
    assert pages[GRANTS].etag


def test_a_sale_that_is_not_on_the_journal_has_none(state: State, reader: NavReader) -> None:
    state.put("AIQ_Sale", {**SALE, "State": "SUSPENDED"})
    state.put("AIQ_POSJournalLines", line("R1", 10000))
    (snapshot,) = reader.read_snapshots(reader.read_changed_sales(0))
    assert snapshot.journal is None


def test_many_sales_need_few_requests_and_are_not_mixed_up(world: World, state: State, reader: NavReader) -> None:
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
    assert world.requests()["read AIQ_POSJournalLines"] == 3
    assert sum(world.requests().values()) == 1 + 3 * 6


def test_offers_come_with_their_items_and_steps(state: State, reader: NavReader, caplog: Any) -> None:
    state.put("AIQ_TotalDiscountOffers", {"No": "TD1", "Type": "Total Discount", "Status": "Enabled",
                                          "Coupon_Code": "AP0004", "Amount_to_Trigger": 50})  # fmt: skip
    state.put("AIQ_TotalDiscountOffers", {"No": "MB1", "Type": "Multibuy"})
    state.put("AIQ_TotalDiscountOfferItems", {"Offer_No": "TD1", "Line_No": 1, "Type": "Item", "No": "I1"})
    state.put("AIQ_TotalDiscountOfferItems", {"Offer_No": "TD1", "Line_No": 2, "Type": "Special Group", "No": "C"})
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
    assert [r.getMessage() for r in caplog.records if "Special Group" in r.getMessage()] != []
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


@pytest.mark.parametrize(("fault", "times"), [("before", 2), ("429", 2), ("503", 1), ("504", 2)])
def test_a_read_survives_short_faults(
    world: World, state: State, reader: NavReader, fault: str, times: int
) -> None:
    state.put("AIQ_Sale", SALE)
    world.order_fault("read", "AIQ_Sale", fault=fault, times=times)
    assert len(reader.read_changed_sales(0)) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("before", Unreachable), ("html", ProtocolError), ("half", ProtocolError), ("401", AuthFailed), ("503", Busy)],
)
def test_a_lasting_fault_of_a_read_has_its_error(
    world: World, reader: NavReader, fault: str, kind: type[NavpluginError]
) -> None:
    world.order_fault("read", "AIQ_Sale", fault=fault, times=-1)
    with pytest.raises(NavpluginError) as caught:
        reader.read_changed_sales(0)
    assert type(caught.value) is kind


def test_a_wrong_key_and_a_wrong_company_are_told_apart(world: World, state: State) -> None:
    with pytest.raises(AuthFailed, match="user"):
        connect(world.settings(key="wrong"))[0].read_changed_sales(0)
    with pytest.raises(Misconfigured, match="company"):
        connect(world.settings(company="cronus cannabis"))[0].read_changed_sales(0)


def test_a_company_with_an_apostrophe_and_a_dot_is_found(world: World, state: State) -> None:
    state.set_doc("nav.settings", {"company": "Ana's Öl & Co."})
    reader, _ = connect(world.settings(company="Ana's Öl & Co."))
    assert reader.read_setup() == {}


def test_an_option_in_another_language_is_said_once_and_not_passed_over_in_silence(
    state: State, reader: NavReader, caplog: Any
) -> None:
    """NAV can be told to give captions instead of names; then no line is an Item and no sale is ever posted."""
    state.put("AIQ_POSJournal", {"Receipt_No": "R1", "Store_No": "S1"})
    state.put("AIQ_POSJournalLines", line("R1", 10000))
    state.put("AIQ_Sale", SALE)
    (sale,) = reader.read_changed_sales(0)
    rows = reader.transport.rows

    def in_german(page: Any, *more: Any) -> Any:
        for row in rows(page, *more):
            yield replace(row, fields={n: "Artikel" if v == "Item" else v for n, v in row.fields.items()})

    reader.transport.rows = in_german  # type: ignore[method-assign]
    for _ in range(2):
        reader.read_snapshots([sale])
    said = [r.getMessage() for r in caplog.records if "'Artikel'" in r.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("AIQ_POSJournalLines holds Entry_Type 'Artikel', which navplugin does not know")
