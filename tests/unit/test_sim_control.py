"""The simulator's control over real HTTP: till, state, faults, world, clock, reprint."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from navplugin.simulator.control import STAGED
from navplugin.simulator.state import State
from tests.unit.sim_http import NAV, Http


def test_a_sale_is_rung_up_over_http(http: Http) -> None:
    receipt = http.press("check-in", member_card_no="M1003")["receipt_no"]
    http.press("add-item", item_no="FLOWER", quantity=2)
    assert http.get("/_sim/till/P0001")["total"] == "150.00"
    http.press("total")
    slip = http.press("pay", tender="CASH")["slip"]
    assert slip["qr_payload"] == ""
    assert http.post("/_sim/reprint", {"receipt_no": receipt}) == slip
    assert http.get("/_sim/till/P0002")["state"] == "IDLE"


def test_a_press_that_waits_lets_the_worker_work_over_http(http: Http, state: State) -> None:
    receipt = http.press("check-in", member_card_no="M1003")["receipt_no"]
    http.press("add-item", item_no="FLOWER")
    state.put("AIQ_Setup", {**(state.get("AIQ_Setup", "S0001") or {}), "Wait_ms": 20000})
    shown: list[Any] = []
    press = threading.Thread(target=lambda: shown.append(Http(http.url).press("status")))
    press.start()
    assert state.wait_until(lambda: bool(state.rows("AIQ_POSActions")), 20)
    row = {"Receipt_No": receipt, "Member_Ref": "M1003", "Member_Status": "Member", "Display_Text": "Is a member."}
    assert http.ask("POST", NAV + "AIQ_POSStatus", json=row).status_code == 201
    done = http.ask("PATCH", NAV + "AIQ_POSActions(1)", json={"Status": "Done"}, headers={"If-Match": "*"})
    assert done.status_code == 200
    press.join()
    assert shown[0]["popup"]["text"] == ["Is a member."]


def test_the_worker_fills_its_fields_of_the_setup_and_the_terms_stay_navs(http: Http, state: State) -> None:
    address, any_tag = NAV + "AIQ_Setup('S0001')", {"If-Match": "*"}
    before = (state.get("AIQ_Setup", "S0001") or {})["AIQ_Signup_Terms"]
    assert http.ask("PATCH", address, json={"Footer_Unknown": "SIGNUP-1"}, headers=any_tag).status_code == 200
    assert http.ask("PATCH", address, json={"AIQ_Signup_Terms": "Other"}, headers=any_tag).status_code == 400
    row = state.get("AIQ_Setup", "S0001") or {}
    assert (row["Footer_Unknown"], row["AIQ_Signup_Terms"]) == ("SIGNUP-1", before)


def test_the_journal_that_the_till_writes_refuses_every_write_from_outside(http: Http) -> None:
    receipt = http.press("add-item", item_no="FLOWER")["receipt_no"]
    row = {"Receipt_No": receipt, "Line_No": 90000, "Entry_Type": "Coupon", "Coupon_Code": "AP0001"}
    assert http.ask("POST", NAV + "AIQ_POSJournalLines", json=row).status_code == 405
    address = f"{NAV}AIQ_POSJournalLines(Receipt_No='{receipt}',Line_No=10000)"
    for method in ("PATCH", "DELETE"):
        assert http.ask(method, address, json={"Quantity": 0}, headers={"If-Match": "*"}).status_code == 405
    assert len(http.get("/_sim/till/P0001")["lines"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/_sim/till/P0001/dance", b"{}", 400),
        ("/_sim/till/P0009/total", b"{}", 400),
        ("/_sim/till/P0001/add-item", b"{not json", 400),
        ("/_sim/till/P0001/add-item", b"[1]", 400),
        ("/_sim/till/P0001/add-item", b"\xff\xfe", 400),
        ("/_sim/till/P0001/add-item", b'{"item_no": "NOTHING"}', 409),
        ("/_sim/till/P0001/total", b"", 409),
        ("/_sim/faults", b'{"call": "bank", "fault": "late"}', 400),
        ("/_sim/world", b'{"tills": []}', 400),
        ("/_sim/world", b"7", 400),
        ("/_sim/clock", b'{"advance": "soon"}', 400),
        ("/_sim/clock", b'{"advance": -1}', 400),
        ("/_sim/clock", b'{"forward": 1}', 400),
        ("/_sim/reprint", b'{"receipt_no": "X"}', 400),
        ("/_sim/reprint", b"{}", 400),
    ],
)
def test_what_cannot_be_done_is_answered_with_one_sentence(http: Http, path: str, body: bytes, status: int) -> None:
    answer = http.ask("POST", path, data=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].endswith(".")


def test_the_state_shows_journals_sales_and_what_the_worker_wrote(http: Http) -> None:
    receipt = http.press("check-in", member_card_no="M1003")["receipt_no"]
    http.press("add-item", item_no="FLOWER")
    http.press("suspend")
    other = http.press("add-item", item_no="VAPE")["receipt_no"]
    http.press("total")
    http.press("pay")
    found = http.get("/_sim/state")
    assert [(j["Receipt_No"], j["Entry_Status"], j["lines"][0]["Amount"]) for j in found["journals"]] == [
        (receipt, "Suspended", "75.00")
    ]
    sale = found["sales"][0]
    assert (sale["Receipt_No"], sale["Gross_Amount"]) == (other, "-45.00")
    assert sale["discounts"][0]["Discount_Amount"] == "5.00"
    assert sale["lines"][0]["Item_No"] == "VAPE"
    assert list(found["staged"]) == list(STAGED)
    assert {row["Receipt_No"] for row in found["staged"]["AIQ_Sale"]} == {receipt, other}
    assert {"AIQ_Sale", "AIQ_POSPrompts", "AIQ_POSTotalDiscountOfferLines", "AIQ_ReceiptFooter"} <= set(STAGED)
    assert found["staged"]["AIQ_Ledger"] == []


def test_the_state_shows_redemptions_and_the_calls_that_aiq_received(http: Http) -> None:
    key = {"x-apikey": "demo-key"}
    wallet = http.ask("POST", "/api/v2/wallet", json={"phone": "5550101003"}, headers=key).json()["data"]
    url = next(t["redemptionURL"] for t in wallet["discountTemplates"] if t["posDiscountID"] == "AP0001")
    assert http.ask("PUT", url.removeprefix(http.url) + "/R77", headers=key).status_code == 200
    found = http.get("/_sim/state")["aiq"]
    redemption = found["redemptions"][0]
    assert {name: redemption[name] for name in ("contact_id", "discount_id", "points", "reference", "refunded")} == {
        "contact_id": "contact-1003", "discount_id": "9001", "points": "100.00", "reference": "R77", "refunded": False,
    }  # fmt: skip
    assert [call["kind"] for call in found["calls"]] == ["wallet", "redeem"]
    assert [p["points"] for p in found["personas"] if p["contactID"] == "contact-1003"] == ["900.00"]


def test_a_fault_is_ordered_strikes_and_is_forgotten(http: Http) -> None:
    ordered = http.post("/_sim/faults", {"call": "nav.GET AIQ_Sale", "fault": "503", "times": 2})
    assert http.get("/_sim/faults") == [ordered]
    assert http.ask("GET", NAV + "AIQ_Sale").status_code == 503
    assert http.ask("DELETE", "/_sim/faults").json() == []
    assert http.ask("GET", NAV + "AIQ_Sale").status_code == 200


def test_reset_brings_back_the_world_that_was_loaded_last(http: Http) -> None:
    world = {"terminals": [{"no": "T9", "store": "S0001"}], "items": [{"no": "TEA", "price": 3.5}], "disc_offers": []}
    assert http.post("/_sim/world", world) == {"terminals": ["T9"]}
    assert http.post("/_sim/till/T9/add-item", {"item_no": "TEA"})["total"] == "3.50"
    http.post("/_sim/faults", {"call": "aiq", "fault": "500"})
    assert http.post("/_sim/reset") == {"terminals": ["T9"]}
    assert (http.get("/_sim/till/T9")["state"], http.get("/_sim/faults")) == ("IDLE", [])
    assert http.ask("GET", "/_sim/till/P0001").status_code == 400


def test_a_call_that_is_still_late_does_not_reach_the_new_world(http: Http) -> None:
    key = {"x-apikey": "demo-key"}
    http.post("/_sim/faults", {"call": "aiq.signup", "fault": "late"})
    with pytest.raises(requests.ConnectionError):
        http.ask("POST", "/api/v2/loyalty", json={"mobilePhone": "5550101001", "loyalty": True}, headers=key)
    http.post("/_sim/reset")
    assert http.ask("GET", "/api/v1.1/stores/1234", headers=key).status_code == 200
    assert "5550101001" not in {persona["mobilePhone"] for persona in http.get("/_sim/state")["aiq"]["personas"]}


def test_the_clock_moves_on_when_told(http: Http, state: State) -> None:
    before = state.now()
    http.post("/_sim/clock", {"advance": 3600})
    assert (state.now() - before).total_seconds() >= 3600
    assert http.get("/_sim/state")["clock"] > before.isoformat()
