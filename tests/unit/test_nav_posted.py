"""Posted sales as the reader shows them: the signs of the till, from rows as LS keeps them and from a sale rung up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.model import SaleState, Snapshot
from navplugin.nav.reader import NavReader
from navplugin.nav.signs import posted_line, turned
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.simulator.till import press
from navplugin.simulator.world import load_world
from tests.nav_site import connect, simulated

GUID = "0a1b2c3d-0000-0000-0000-00000000000f"
GRANTS = "AIQ_POSTotalDiscountOfferLines"
SALE = {
    "Receipt_No": "R1", "Sale_GUID": GUID, "Store_No": "S1", "POS_Terminal_No": "P1", "Member_Card_No": "M1",
    "State": "SALES",
}  # fmt: skip
POSTED = {"Store_No": "S1", "POS_Terminal_No": "P1", "Transaction_No": 7, "Receipt_No": "R1"}


@pytest.fixture
def reader(server: Server) -> NavReader:
    return connect(simulated(server.url))[0]


def only(reader: NavReader) -> Snapshot:
    (snapshot,) = reader.read_snapshots(reader.read_changed_sales(0))
    return snapshot


def post_sale(state: State, turn: int = 1, **header: Any) -> None:
    """A posted sale as LS stores it; turn -1: a return."""
    state.put("AIQ_Sale", {**SALE, "State": "POSTED"})
    state.put("AIQ_Transactions", {**POSTED, "Transaction_Type": "Sales", "Entry_Status": " ", "Date": date(2026, 5, 1),
                                   "Time": "23:30:00", "Member_Card_No": "M1", "Gross_Amount": -65 * turn,
                                   "Sale_Is_Return_Sale": turn < 0, **header})  # fmt: skip
    state.put("AIQ_TransLines", {**POSTED, "Line_No": 10000, "Item_No": "I1", "Quantity": -2 * turn,
                                 "Price": Decimal("37.5"), "Net_Amount": -65 * turn, "VAT_Amount": Decimal(-6) * turn,
                                 "Discount_Amount": 10 * turn})  # fmt: skip
    for number, amount in ((10000, 6), (20000, 4)):
        state.put("AIQ_TransDiscounts", {**POSTED, "Line_No": number, "Offer_Type": "Total Discount",
                                         "Offer_No": "TD1", "Discount_Amount": amount * turn})  # fmt: skip
    state.put("AIQ_TransDiscounts", {**POSTED, "Line_No": 10000, "Offer_Type": "Multibuy", "Offer_No": "MB1",
                                     "Discount_Amount": 1})  # fmt: skip


def infocode(state: State, code: str, text: str, **more: Any) -> None:
    row = {**POSTED, "Transaction_Type": "Header", "Line_No": 0, "Infocode": code, "Information": text, **more}
    state.put("AIQ_TransInfocodes", row)


def test_a_posted_sale_has_the_signs_of_the_till(state: State, reader: NavReader) -> None:
    post_sale(state)
    infocode(state, "AIQ", "{" + GUID.upper() + "}")
    infocode(state, "AIQFOOTER", "WALLET-1", Line_No=1)
    (snapshot,) = reader.read_snapshots(reader.read_changed_sales(0))
    posted = snapshot.posted
    assert posted is not None
    assert (posted.sale_guid, posted.gross_amount, posted.is_return) == (GUID, Decimal(65), False)
    assert posted.posted_at == datetime(2026, 5, 2, 5, 30, tzinfo=UTC)
    (sold,) = posted.lines
    assert (sold.quantity, sold.amount, sold.discount_amount) == (Decimal(2), Decimal(65), Decimal(10))
    assert [(d.offer_no, d.amount) for d in posted.discounts] == [("TD1", Decimal(10))]
    assert snapshot.journal is None


def test_a_posted_return_has_the_opposite_signs(state: State, reader: NavReader) -> None:
    post_sale(state, turn=-1, Refund_Receipt_No="R0")
    (snapshot,) = reader.read_snapshots(reader.read_changed_sales(0))
    posted = snapshot.posted
    assert posted is not None
    assert (posted.is_return, posted.refund_receipt_no, posted.sale_guid) == (True, "R0", "")
    assert (posted.lines[0].quantity, posted.gross_amount, posted.discounts[0].amount) == (-2, -65, -10)


def test_training_is_no_sale_and_a_void_is_told(state: State, reader: NavReader) -> None:
    post_sale(state, Entry_Status="Training")
    sales = reader.read_changed_sales(0)
    assert reader.read_snapshots(sales)[0].posted is None
    post_sale(state, Entry_Status="Voided")
    posted = reader.read_snapshots(sales)[0].posted
    assert posted is not None
    assert posted.voided


def test_rows_of_another_transaction_do_not_count(state: State, reader: NavReader) -> None:
    post_sale(state)
    state.put("AIQ_TransDiscounts", {**POSTED, "POS_Terminal_No": "P2", "Line_No": 1, "Offer_Type": "Total Discount",
                                     "Offer_No": "TD1", "Discount_Amount": 99})  # fmt: skip
    posted = reader.read_snapshots(reader.read_changed_sales(0))[0].posted
    assert posted is not None
    assert posted.discounts[0].amount == 10


@pytest.mark.parametrize(
    ("net", "tax", "amount"),
    [("-65", "0", "65"), ("-65", "-6", "65"), ("-59.09", "-5.91", "65.00")],
)
def test_the_amount_has_the_tax_where_the_price_has_it(net: str, tax: str, amount: str) -> None:
    row = {"Line_No": 1, "Item_No": "I1", "Quantity": Decimal(-2), "Price": Decimal("37.5"), "Net_Amount": Decimal(net),
           "VAT_Amount": Decimal(tax), "Discount_Amount": Decimal(10), "Item_Category_Code": "",
           "Retail_Product_Code": ""}  # fmt: skip
    assert posted_line(row).amount == Decimal(amount)


def test_nothing_turned_is_nothing() -> None:
    assert str(turned(Decimal(0))) == "0"


def ring_up(state: State) -> str:
    """A sale with a picked wallet discount of 10, up to [Total]."""
    load_world(state, None)
    state.put("AIQ_Setup", {**(state.get("AIQ_Setup", "S0001") or {}), "Wait_ms": 0})
    receipt: str = press(state, "P0001", "check-in", {"member_card_no": "M1003"})["receipt_no"]
    press(state, "P0001", "add-item", {"item_no": "FLOWER"})
    press(state, "P0001", "add-item", {"item_no": "VAPE"})
    now = state.now()
    state.put("AIQ_POSStatus", {"Receipt_No": receipt, "Member_Ref": "M1003", "Member_Status": "Member",
                                "Updated_At": now, "Wallet_At": now})  # fmt: skip
    state.put(GRANTS, {"Receipt_No": receipt, "Coupon_Code": "AP0001", "Offer_No": "TDO0001", "Member_Ref": "M1003",
                       "Value": 10, "Value_Kind": "amount", "Points_Cost": 100})  # fmt: skip
    press(state, "P0001", "pick", {"coupon_code": "AP0001"})
    press(state, "P0001", "total", {})
    return receipt


def test_a_sale_shows_the_same_amounts_before_and_after_posting(state: State, reader: NavReader) -> None:
    ring_up(state)
    before = only(reader)
    press(state, "P0001", "pay", {"tender": "CASH"})
    after = only(reader)
    assert before.journal is not None
    assert after.posted is not None
    assert (before.sale.state, after.sale.state) == (SaleState.PAYMENT, SaleState.POSTED)
    shown = [(x.number, x.quantity, x.amount, x.discount_amount) for x in before.journal.items]
    assert [(x.number, x.quantity, x.amount, x.discount_amount) for x in after.posted.lines] == shown
    assert sum(x.amount for x in after.posted.lines) == after.posted.gross_amount
    assert [d.amount for d in after.posted.discounts] == [before.grants[0].applied_amount] == [Decimal(10)]
    assert after.posted.sale_guid == after.sale.sale_guid == before.sale.sale_guid != ""
    assert after.journal is None
