"""What the simulated till must do (ls-pos.md 7.8), over real HTTP: each fact once, named after it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from navplugin.simulator.state import State
from tests.unit.sim_http import NAV, Http, refusal

GRANTS = "AIQ_POSTotalDiscountOfferLines"
GRANT = {
    "Coupon_Code": "AP0001", "Offer_No": "TDO0001", "Member_Ref": "M1003", "Value": 10, "Value_Kind": "amount",
    "Description": "10.00 off", "Points_Cost": 100,
}  # fmt: skip


@pytest.fixture
def http(http: Http, state: State) -> Http:
    """A till that does not wait for a worker, since none runs here."""
    state.put("AIQ_Setup", {**(state.get("AIQ_Setup", "S0001") or {}), "Wait_ms": 0})
    return http


def checked_in(http: Http, *items: str) -> str:
    receipt: str = http.press("check-in", member_card_no="M1003")["receipt_no"]
    for item in items:
        http.press("add-item", item_no=item)
    return receipt


def granted(http: Http, state: State, receipt: str) -> None:
    """What the worker writes at a check-in."""
    now = state.now()
    state.put("AIQ_POSStatus", {
        "Receipt_No": receipt, "Member_Ref": "M1003", "Member_Status": "Member", "Updated_At": now, "Wallet_At": now,
    })  # fmt: skip
    valid = now.replace(year=now.year + 1, day=1, microsecond=0).isoformat().replace("+00:00", "Z")
    answer = http.ask("POST", NAV + GRANTS, json={**GRANT, "Receipt_No": receipt, "Valid_Until": valid})
    assert answer.status_code == 201, answer.text


def posted(http: Http, receipt: str) -> Any:
    return next(one for one in http.get("/_sim/state")["sales"] if one["Receipt_No"] == receipt)


def sold(http: Http, state: State) -> str:
    receipt = checked_in(http, "FLOWER")
    granted(http, state, receipt)
    http.press("pick", coupon_code="AP0001")
    http.press("total")
    assert http.press("pay", tender="CASH")["state"] == "POSTED"
    return receipt


def test_ls_posted_amounts_are_negative(http: Http, state: State) -> None:
    receipt = sold(http, state)
    header = http.rows(f"AIQ_Transactions?$filter=Receipt_No%20eq%20'{receipt}'")[0]
    line = http.rows("AIQ_TransLines")[-1]
    assert (header["Gross_Amount"], line["Quantity"], line["Net_Amount"]) == (-65, -1, -65)
    assert http.rows("AIQ_TransPayments")[-1]["Amount_Tendered"] == 65


def test_ls_the_pos_refuses_a_direct_write_to_its_lines(http: Http, state: State) -> None:
    receipt = checked_in(http, "FLOWER")
    before = state.rows("AIQ_POSJournalLines")
    line = f"{NAV}AIQ_POSJournalLines(Receipt_No='{receipt}',Line_No={before[0]['Line_No']})"
    star = {"If-Match": "*"}
    for method, path in (("POST", NAV + "AIQ_POSJournalLines"), ("PATCH", line), ("DELETE", line)):
        body = {"Receipt_No": receipt, "Line_No": 5, "Discount_Amount": 10}
        assert refusal(http.ask(method, path, json=body, headers=star)) == (405, "BadRequest_MethodNotAllowed")
    assert state.rows("AIQ_POSJournalLines") == before


def test_ls_a_coupon_that_is_refused_costs_nothing_and_says_why(http: Http, state: State) -> None:
    receipt = checked_in(http, "FLOWER")
    granted(http, state, receipt)
    http.press("pick", coupon_code="AP0001")
    offer = state.get("AIQ_TotalDiscountOffers", "TDO0001") or {}
    state.put("AIQ_TotalDiscountOffers", {**offer, "Status": "Disabled"})
    assert http.press("total")["total"] == "75.00"
    row = http.get(f"{NAV}{GRANTS}(Receipt_No='{receipt}',Coupon_Code='AP0001')")
    assert (row["Status"], row["Applied_Amount"]) == ("Refused", 0)
    assert row["Reason"]


def test_ls_total_before_the_grants_arrive_gives_no_discount_and_a_later_total_does(http: Http, state: State) -> None:
    receipt = checked_in(http, "FLOWER")
    assert http.press("total")["total"] == "75.00"
    granted(http, state, receipt)
    assert http.get("/_sim/till/P0001")["total"] == "75.00"
    assert http.press("add-item", item_no="CONE")["state"] == "SALES"
    http.press("pick", coupon_code="AP0001")
    assert http.press("total")["total"] == "70.00"


def test_ls_the_receipt_prints_while_the_worker_is_down(http: Http, state: State) -> None:
    setup = state.get("AIQ_Setup", "S0001") or {}
    state.put("AIQ_Setup", {**setup, "Footer_Unknown": "SIGNUP-1"})
    footer = {"Store_No": "S0001", "Code": "SIGNUP-1", "Line_No": 10000, "Kind": "Text", "Text": "Join today"}
    state.put("AIQ_ReceiptFooter", footer)
    receipt = checked_in(http, "FLOWER")
    http.press("total")
    slip = http.press("pay", tender="CASH")["slip"]
    assert "Join today" in [line.strip() for line in slip["lines"]]
    assert http.post("/_sim/reprint", {"receipt_no": receipt}) == slip


def test_ls_a_receipt_can_be_voided_after_the_redemption(http: Http, state: State) -> None:
    receipt = sold(http, state)
    key = {"x-apikey": "demo-key"}
    wallet = http.ask("POST", "/api/v2/wallet", json={"phone": "5550101003"}, headers=key).json()["data"]
    first = next(one for one in wallet["discountTemplates"] if one["posDiscountID"] == "AP0001")
    assert http.ask("PUT", f"{first['redemptionURL']}/{receipt}".removeprefix(http.url), headers=key).ok
    mark = http.get(f"{NAV}AIQ_Sale('{receipt}')")["Change_Mark"]
    http.press("void", receipt_no=receipt)
    changed = http.rows(f"AIQ_Sale?$filter=Change_Mark%20gt%20{mark}")
    assert [(row["Receipt_No"], row["State"]) for row in changed] == [(receipt, "VOIDED")]
    assert posted(http, receipt)["Entry_Status"] == "Voided"
    redemptions = http.get("/_sim/state")["aiq"]["redemptions"]
    assert [one["reference"] for one in redemptions] == [receipt]


def test_ls_a_suspended_sale_comes_back_on_another_terminal_under_its_number(http: Http, state: State) -> None:
    receipt = checked_in(http, "FLOWER")
    guid = http.get(f"{NAV}AIQ_Sale('{receipt}')")["Sale_GUID"]
    granted(http, state, receipt)
    http.press("pick", coupon_code="AP0001")
    http.press("suspend")
    assert http.rows("AIQ_POSJournal") == http.rows("AIQ_POSJournalLines") == []
    assert http.get(f"{NAV}AIQ_Sale('{receipt}')")["State"] == "SUSPENDED"
    http.post("/_sim/till/P0002/retrieve", {"receipt_no": receipt})
    row = http.get(f"{NAV}AIQ_Sale('{receipt}')")
    assert (row["State"], row["POS_Terminal_No"], row["Sale_GUID"]) == ("SALES", "P0002", guid)
    assert http.post("/_sim/till/P0002/total")["total"] == "65.00"


def test_ls_two_workers_cannot_take_one_action(http: Http, state: State) -> None:
    checked_in(http, "FLOWER")
    http.press("wallet")
    action = http.rows("AIQ_POSActions")[0]
    at, tag = f"{NAV}AIQ_POSActions({action['Entry_No']})", {"If-Match": action["@odata.etag"]}
    first = http.ask("PATCH", at, json={"Status": "Taken", "Taken_By": "worker 1"}, headers=tag)
    second = http.ask("PATCH", at, json={"Status": "Taken", "Taken_By": "worker 2"}, headers=tag)
    assert first.status_code == 200
    assert refusal(second) == (409, "Request_EntityChanged")
    assert [row["Taken_By"] for row in state.rows("AIQ_POSActions")] == ["worker 1"]


def test_ls_amounts_keep_their_digits_on_the_wire(http: Http, state: State) -> None:
    state.put(GRANTS, {"Receipt_No": "R1", "Coupon_Code": "C1", "Value": Decimal("0.10")})
    assert '"Value":0.1,' in http.ask("GET", NAV + GRANTS).text
