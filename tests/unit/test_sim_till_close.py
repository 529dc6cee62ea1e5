"""The simulated till: [Total], tender, slip, void, suspend, retrieve, return (design.md 7.1 rows 14 to 22, 25)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.simulator.slip import print_slip
from navplugin.simulator.till import Impossible, press
from tests.unit.test_sim_till import Desk, Thing


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.state.close()


def picked(desk: Desk, *items: str, code: str = "AP0001", **grant: Any) -> str:
    """A sale with a picked wallet discount."""
    receipt = desk.sale("M1003", *(items or ("FLOWER",)))
    desk.status(receipt)
    desk.grant(receipt, code, **grant)
    desk.press("pick", coupon_code=code)
    return receipt


def sold(desk: Desk, *items: str) -> str:
    receipt = picked(desk, *items)
    desk.press("total")
    assert desk.press("pay")["state"] == "POSTED"
    return receipt


def why(desk: Desk, name: str, **body: object) -> str:
    with pytest.raises(Impossible) as caught:
        desk.press(name, **body)
    return str(caught.value)


def posted(desk: Desk, service: str, receipt: str) -> list[Thing]:
    return [row for row in desk.state.rows(service) if row["Receipt_No"] == receipt]


# ---- row 14: [Total] ---------------------------------------------------------------------------------------------


def test_total_computes_the_offer_and_writes_the_applied_amount(desk: Desk) -> None:
    receipt = picked(desk, "FLOWER", "VAPE", code="AP0004")
    shown = desk.press("total")
    assert (shown["state"], shown["discount"], shown["total"]) == ("PAYMENT", "105.00", "20.00")
    grant = desk.grant_row(receipt, "AP0004")
    assert (grant["Status"], grant["Applied_Amount"]) == ("Applied", Decimal(100))
    assert desk.sale_row(receipt)["State"] == "PAYMENT"
    assert desk.lines(receipt, "Coupon")[0]["Valid_in_Transaction"] is True
    assert [line["Total_Disc_Amount"] for line in desk.lines(receipt, "Item")] == [Decimal("62.50"), Decimal("37.50")]
    assert desk.lines(receipt, "PerDiscount")[0]["Amount"] == -100


def test_which_kind_of_line_shows_the_discount_is_a_setting(desk: Desk) -> None:
    desk.state.set_doc("till.settings", {"info_line": "TotalDiscount"})
    receipt = picked(desk)
    desk.press("total")
    assert len(desk.lines(receipt, "TotalDiscount")) == 1


def test_total_can_be_pressed_again_without_doubling_anything(desk: Desk) -> None:
    receipt = picked(desk)
    first = desk.press("total")
    assert desk.press("total")["total"] == first["total"] == "65.00"
    assert len(desk.lines(receipt, "PerDiscount")) == 1


def test_a_withdrawn_row_leaves_before_the_total_is_computed(desk: Desk) -> None:
    receipt = picked(desk)
    desk.change(receipt, Status="Withdrawn", Reason="Only one for each sale.")
    shown = desk.press("total")
    assert (shown["state"], shown["total"], shown["message"]) == ("PAYMENT", "75.00", "Only one for each sale.")
    assert desk.grant_row(receipt)["Status"] == "Reversed"


@pytest.mark.parametrize("cause", ["minimum", "time"])
def test_a_pick_that_no_longer_fits_leaves_before_the_total_with_its_reason(desk: Desk, cause: str) -> None:
    receipt = picked(desk, "FLOWER", "VAPE", Min_Balance=100)
    if cause == "minimum":
        desk.press("remove-item", line_no=10000)
    else:
        desk.change(receipt, Valid_Until=desk.state.now() - timedelta(seconds=1))
    shown = desk.press("total")
    grant = desk.grant_row(receipt)
    assert grant["Status"] == "Refused"
    assert grant["Reason"]
    assert grant["Reason"] in shown["message"]
    assert desk.lines(receipt, "Coupon") == []
    assert shown["state"] == "PAYMENT"


def test_a_coupon_that_finds_no_use_is_refused(desk: Desk) -> None:
    receipt = picked(desk)
    offer = desk.row("AIQ_TotalDiscountOffers", "TDO0001")
    desk.state.put("AIQ_TotalDiscountOffers", {**offer, "Status": "Disabled"})
    assert desk.press("total")["total"] == "75.00"
    assert desk.grant_row(receipt)["Status"] == "Refused"


# ---- row 15: back to the sale ------------------------------------------------------------------------------------


def test_a_scan_in_payment_goes_back_to_the_sale_and_total_works_it_out_again(desk: Desk) -> None:
    receipt = picked(desk, "FLOWER", code="AP0010")
    desk.press("total")
    shown = desk.press("add-item", item_no="EDIBLE")
    assert (shown["state"], shown["total"]) == ("SALES", "95.00")
    grant = desk.grant_row(receipt, "AP0010")
    assert (grant["Status"], grant["Applied_Amount"]) == ("Inserted", Decimal(0))
    assert desk.sale_row(receipt)["State"] == "SALES"
    assert desk.press("total")["total"] == "85.50"
    assert desk.grant_row(receipt, "AP0010")["Applied_Amount"] == Decimal("9.50")


def test_below_the_minimum_the_withdrawn_line_leaves_at_the_next_event(desk: Desk) -> None:
    receipt = picked(desk, "FLOWER", "VAPE", Min_Balance=100)
    desk.press("total")
    assert desk.press("remove-item", line_no=10000)["state"] == "SALES"
    desk.change(receipt, Status="Withdrawn", Reason="Needs 100.00.")
    assert desk.press("add-item", item_no="CONE")["message"] == "Needs 100.00."
    assert desk.grant_row(receipt)["Status"] == "Reversed"


# ---- row 16: the tender ------------------------------------------------------------------------------------------


def test_a_row_withdrawn_after_total_takes_the_tender_back_to_the_sale(desk: Desk) -> None:
    receipt = picked(desk)
    desk.press("total")
    desk.change(receipt, Status="Withdrawn", Reason="AIQ refused the points.")
    shown = desk.press("pay")
    assert (shown["state"], shown["total"], shown["message"]) == ("SALES", "75.00", "AIQ refused the points.")
    assert desk.grant_row(receipt)["Status"] == "Reversed"
    assert posted(desk, "AIQ_Transactions", receipt) == []
    desk.press("total")
    assert desk.press("pay")["total"] == "75.00"


def test_a_short_discount_is_asked_about_once(desk: Desk) -> None:
    receipt = picked(desk, "EDIBLE", code="AP0004")
    desk.press("total")
    shown = desk.press("pay")
    assert shown["popup"]["kind"] == "short"
    assert shown["popup"]["text"] == ["AP0004 gives 20.00 in place of 100.00."]
    assert (shown["state"], posted(desk, "AIQ_Transactions", receipt)) == ("PAYMENT", [])
    assert desk.press("pay")["state"] == "POSTED"


def test_short_take_does_not_ask(desk: Desk) -> None:
    desk.set_up(Short="Take")
    picked(desk, "EDIBLE", code="AP0004")
    desk.press("total")
    assert desk.press("pay")["total"] == "0.00"


def test_with_redeem_at_total_the_tender_waits_for_the_points(desk: Desk) -> None:
    desk.set_up(Redeem_At="Total")
    receipt = picked(desk)
    desk.press("total")
    worker = desk.when(lambda: desk.sale_row(receipt)["Event"] == "pay", lambda: desk.change(receipt, Points="Taken"))
    assert desk.press("pay")["state"] == "POSTED"
    worker.join()
    assert desk.grant_row(receipt)["Points"] == "Taken"


def test_with_redeem_at_total_the_tender_goes_on_when_nobody_answers(desk: Desk) -> None:
    desk.set_up(Redeem_At="Total")
    picked(desk)
    desk.press("total")
    assert desk.press("pay")["total"] == "65.00"


@pytest.mark.parametrize("answer", [{"Status": "Withdrawn"}, {"Points": "Refused"}])
def test_with_redeem_at_total_a_refusal_within_the_wait_goes_back_to_the_sale(desk: Desk, answer: Thing) -> None:
    desk.set_up(Redeem_At="Total")
    receipt = picked(desk)
    desk.press("total")
    worker = desk.when(
        lambda: desk.sale_row(receipt)["Event"] == "pay",
        lambda: desk.change(receipt, Reason="Not enough points.", **answer),
    )
    shown = desk.press("pay")
    worker.join()
    assert (shown["state"], shown["total"]) == ("SALES", "75.00")
    assert "Not enough points." in shown["message"]


# ---- row 17: post and print --------------------------------------------------------------------------------------


def test_posting_writes_navs_tables_with_navs_signs(desk: Desk) -> None:
    receipt = picked(desk, "FLOWER", "VAPE")
    guid = desk.sale_row(receipt)["Sale_GUID"]
    desk.press("total")
    desk.press("pay", tender="card")
    header = posted(desk, "AIQ_Transactions", receipt)[0]
    assert (header["Transaction_No"], header["Entry_Status"]) == (1, " ")
    assert (header["Gross_Amount"], header["Discount_Amount"]) == (Decimal(-110), Decimal(-15))
    lines = posted(desk, "AIQ_TransLines", receipt)
    assert [line["Quantity"] for line in lines] == [-1, -1]
    assert sum(line["Net_Amount"] for line in lines) == -110
    assert sum(line["Discount_Amount"] for line in lines) == 15
    discounts = posted(desk, "AIQ_TransDiscounts", receipt)
    assert [(d["Offer_Type"], d["Offer_No"], d["Discount_Amount"]) for d in discounts] == [
        ("Total Discount", "TDO0001", Decimal("6.25")),
        ("Disc. Offer", "DO10", Decimal(5)),
        ("Total Discount", "TDO0001", Decimal("3.75")),
    ]
    payment = posted(desk, "AIQ_TransPayments", receipt)[0]
    assert (payment["Tender_Type"], payment["Amount_Tendered"]) == ("CARD", Decimal(110))
    codes = {row["Infocode"]: row["Information"] for row in posted(desk, "AIQ_TransInfocodes", receipt)}
    assert codes == {"AIQ": guid, "AIQFOOTER": "SIGNUP-1"}
    assert desk.sale_row(receipt)["State"] == "POSTED"


def test_the_journal_is_empty_after_posting_and_the_next_sale_has_the_next_numbers(desk: Desk) -> None:
    desk.change(sold(desk), Points="Taken")
    for service in ("AIQ_POSJournal", "AIQ_POSJournalLines", "AIQ_POSJournalInfocodes"):
        assert desk.state.rows(service) == []
    assert sold(desk) == "00000P0001000000002"
    assert [row["Transaction_No"] for row in desk.state.rows("AIQ_Transactions")] == [1, 2]


def test_the_slip_prints_the_footer_that_the_sale_names(desk: Desk) -> None:
    picture = base64.b64encode(b"\x89PNG" + bytes(300)).decode()
    desk.footer(
        "WALLET-1",
        {"Kind": "Text", "Text": "Your wallet", "Align": "C"},
        {"Kind": "Separator"},
        {"Kind": "QR", "Payload": "https://example.test/wallet"},
        {"Kind": "Image", "Data": picture[:250]},
        {"Kind": "Image", "Data": picture[250:]},
    )
    receipt = picked(desk, "FLOWER", "VAPE")
    desk.state.put("AIQ_Sale", {**desk.sale_row(receipt), "Footer_Code": "WALLET-1"})
    desk.press("total")
    slip = desk.press("pay")["slip"]
    assert slip["lines"][-2:] == ["              Your wallet", "-" * 40]
    assert (slip["qr_payload"], slip["qr_png"]) == ("https://example.test/wallet", picture)
    assert any(line.split() == ["Discount", "TDO0001", "-10.00"] for line in slip["lines"])
    assert any(line.split() == ["Total", "110.00"] for line in slip["lines"])
    assert max(len(line) for line in slip["lines"]) <= 40
    desk.press("add-item", item_no="CONE")
    assert print_slip(desk.state, receipt) == slip


def test_the_payload_may_stand_on_the_rows_of_the_picture(desk: Desk) -> None:
    desk.footer("SIGNUP-1", {"Kind": "Image", "Data": "QUJD", "Payload": "https://example.test/join"})
    picked(desk)
    desk.press("total")
    slip = desk.press("pay")["slip"]
    assert (slip["qr_payload"], slip["qr_png"]) == ("https://example.test/join", "QUJD")


def test_a_footer_that_cannot_be_read_does_not_stop_the_receipt(desk: Desk) -> None:
    desk.footer("SIGNUP-1", {"Kind": "Image", "Data": "not base64!"})
    picked(desk)
    desk.press("total")
    slip = desk.press("pay")["slip"]
    assert (slip["qr_png"], slip["lines"][-1]) == (None, "(the picture of the footer cannot be read)")


def test_a_sale_without_a_member_gets_its_row_and_its_footer_at_posting(desk: Desk) -> None:
    desk.footer("PLAIN-1", {"Kind": "Text", "Text": "Thank you"})
    receipt = desk.press("add-item", item_no="FLOWER")["receipt_no"]
    desk.press("total")
    assert desk.press("pay")["slip"]["lines"][-1] == "Thank you"
    row = desk.sale_row(receipt)
    assert (row["State"], row["Member_Card_No"], row["Footer_Code"]) == ("POSTED", "", "PLAIN-1")


# ---- row 19: void ------------------------------------------------------------------------------------------------


def test_a_voided_sale_leaves_the_journal_and_its_row_says_so(desk: Desk) -> None:
    receipt = picked(desk)
    desk.press("total")
    assert desk.press("void")["state"] == "VOIDED"
    assert desk.sale_row(receipt)["State"] == "VOIDED"
    assert desk.state.rows("AIQ_POSJournalLines") == []
    header = posted(desk, "AIQ_Transactions", receipt)[0]
    assert (header["Entry_Status"], header["Gross_Amount"]) == ("Voided", 0)
    assert posted(desk, "AIQ_TransLines", receipt) == []


@pytest.mark.parametrize("named", [True, False])
def test_a_posted_sale_can_be_voided(desk: Desk, named: bool) -> None:
    receipt = sold(desk)
    before = desk.sale_row(receipt)["Change_Mark"]
    desk.press("void", **({"receipt_no": receipt} if named else {}))
    assert desk.sale_row(receipt)["State"] == "VOIDED"
    assert desk.sale_row(receipt)["Change_Mark"] > before
    assert posted(desk, "AIQ_Transactions", receipt)[0]["Entry_Status"] == "Voided"
    assert "voided already" in why(desk, "void", receipt_no=receipt)
    assert "no posted sale" in why(desk, "void", receipt_no="X")


# ---- rows 20 and 21: suspend and retrieve ------------------------------------------------------------------------


def test_a_suspended_sale_is_not_on_the_journal_page_and_can_be_taken_up_elsewhere(desk: Desk) -> None:
    receipt = picked(desk, "FLOWER", "VAPE")
    desk.press("total")
    assert desk.press("suspend")["state"] == "SUSPENDED"
    assert desk.sale_row(receipt)["State"] == "SUSPENDED"
    assert desk.state.rows("AIQ_POSJournal") == desk.state.rows("AIQ_POSJournalLines") == []
    shown = press(desk.state, "P0002", "retrieve", {"receipt_no": receipt})
    assert (shown["receipt_no"], shown["state"], shown["total"]) == (receipt, "SALES", "120.00")
    row = desk.sale_row(receipt)
    assert (row["State"], row["POS_Terminal_No"]) == ("SALES", "P0002")
    assert desk.row("AIQ_POSJournal", receipt)["POS_Terminal_No"] == "P0002"
    assert desk.grant_row(receipt)["Status"] == "Inserted"
    desk.terminal = "P0002"
    assert desk.press("total")["total"] == "110.00"
    assert desk.press("pay")["state"] == "POSTED"
    assert posted(desk, "AIQ_Transactions", receipt)[0]["POS_Terminal_No"] == "P0002"


def test_a_pick_that_expired_while_suspended_leaves_at_the_retrieval(desk: Desk) -> None:
    receipt = picked(desk)
    desk.press("suspend")
    desk.state.advance(24 * 3600)
    assert "no longer valid" in desk.press("retrieve", receipt_no=receipt)["message"]
    assert desk.grant_row(receipt)["Status"] == "Refused"
    assert desk.lines(receipt, "Coupon") == []


def test_a_suspended_sale_is_retrieved_once_and_by_a_free_terminal(desk: Desk) -> None:
    receipt = picked(desk)
    desk.press("suspend")
    desk.press("add-item", item_no="CONE")
    assert "Finish the sale" in why(desk, "retrieve", receipt_no=receipt)
    desk.press("void")
    desk.press("retrieve", receipt_no=receipt)
    with pytest.raises(Impossible, match="no suspended sale"):
        press(desk.state, "P0002", "retrieve", {"receipt_no": receipt})


# ---- row 22: return ----------------------------------------------------------------------------------------------


def test_a_return_takes_the_sold_lines_back_at_what_was_paid(desk: Desk) -> None:
    receipt = sold(desk, "FLOWER", "VAPE")
    shown = desk.press("return", receipt_no=receipt)
    number = shown["receipt_no"]
    assert (shown["total"], shown["member_card_no"]) == ("-110.00", "M1003")
    assert desk.row("AIQ_POSJournal", number)["Sale_Is_Return_Sale"] is True
    assert desk.sale_row(number)["State"] == "SALES"
    assert desk.press("total")["total"] == "-110.00"
    desk.press("pay")
    header = posted(desk, "AIQ_Transactions", number)[0]
    assert (header["Refund_Receipt_No"], header["Sale_Is_Return_Sale"]) == (receipt, True)
    assert (header["Gross_Amount"], header["Discount_Amount"]) == (Decimal(110), Decimal(15))
    assert [line["Quantity"] for line in posted(desk, "AIQ_TransLines", number)] == [1, 1]
    assert sum(d["Discount_Amount"] for d in posted(desk, "AIQ_TransDiscounts", number)) == -15
    assert posted(desk, "AIQ_TransPayments", number)[0]["Amount_Tendered"] == -110


def test_a_posted_return_can_be_voided_and_the_sale_returned_again(desk: Desk) -> None:
    receipt = sold(desk)
    desk.press("return", receipt_no=receipt)
    desk.press("total")
    desk.press("void", receipt_no=(number := desk.press("pay")["receipt_no"]))
    assert [desk.sale_row(no)["State"] for no in (number, receipt)] == ["VOIDED", "POSTED"]
    assert posted(desk, "AIQ_Transactions", number)[0]["Entry_Status"] == "Voided"
    assert desk.press("return", receipt_no=receipt)["total"] == "-65.00"


def test_a_part_can_be_returned_with_its_own_share(desk: Desk) -> None:
    receipt = sold(desk, "FLOWER", "VAPE")
    desk.press("return", receipt_no=receipt)
    assert desk.press("remove-item", line_no=10000)["total"] == "-41.25"
    desk.press("total")
    number = desk.press("pay")["receipt_no"]
    assert [d["Discount_Amount"] for d in posted(desk, "AIQ_TransDiscounts", number)] == [Decimal(-5), Decimal("-3.75")]


def test_only_a_posted_sale_can_be_returned(desk: Desk) -> None:
    receipt = sold(desk)
    desk.press("return", receipt_no=receipt)
    assert "Finish the sale" in why(desk, "return", receipt_no=receipt)
    desk.press("total")
    returned = desk.press("pay")["receipt_no"]
    assert "return itself" in why(desk, "return", receipt_no=returned)
    assert "no posted sale" in why(desk, "return", receipt_no="X")
    desk.press("void", receipt_no=receipt)
    assert "voided already" in why(desk, "return", receipt_no=receipt)
