"""The simulated AIQ: addresses, envelope, personas, redemptions, and its switches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.simulator.aiq_http import AiqFace
from navplugin.simulator.call import Answer, Call
from navplugin.simulator.state import State

PERSONAS = [
    {"contactID": "c1", "firstName": "Ann", "lastName": "Lee", "mobilePhone": "5550001111", "email": "ann@shop.example",
     "loyalty": True, "platform": "loyalty form", "points": 250, "used": 0},
    {"contactID": "c2", "firstName": "Bo", "lastName": "Ray", "mobilePhone": "5550002222", "email": "",
     "loyalty": False, "platform": "raw file", "points": "12.5", "used": 0},
]  # fmt: skip
TEMPLATES = [
    {"id": "77", "posDiscountID": "AP0004", "name": "100 off", "pointsDeduction": 100, "dollarValue": Decimal("100"),
     "reusable": False, "tierDiscount": False, "available": True, "expiration": 0},
    {"id": "78", "posDiscountID": "AP0005", "name": "10 percent", "pointsDeduction": Decimal("60.5"),
     "percentageValue": 10, "reusable": True, "tierDiscount": False, "available": True, "expiration": 0},
]  # fmt: skip
Ask = Callable[..., Answer]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    opened.set_doc("aiq.personas", PERSONAS)
    opened.set_doc("aiq.templates", TEMPLATES)
    yield opened
    opened.close()


@pytest.fixture
def ask(state: State) -> Ask:
    face = AiqFace(state)

    def send(method: str, path: str, body: Any = None, key: str = "demo-key") -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        path, _, query = path.partition("?")
        call = Call(method, path, query, {"x-apikey": key}, content, "http://127.0.0.1:9")
        face.record(call)
        return face.answer(call)

    return send


def data(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return json.loads(answer.body, parse_float=Decimal)["data"]


def wallet(ask: Ask, phone: str = "5550001111") -> Any:
    return data(ask("POST", "/api/v2/wallet", {"phone": phone}))


def address(ask: Ask, code: str = "AP0004") -> str:
    url = next(t["redemptionURL"] for t in wallet(ask)["discountTemplates"] if t["posDiscountID"] == code)
    assert url.startswith("http://127.0.0.1:9/api/v1.1/discount/redeem/1234/")
    return str(url).removeprefix("http://127.0.0.1:9")


def switch(state: State, **settings: Any) -> None:
    state.set_doc("aiq.settings", settings)


@pytest.mark.parametrize("key", ["", "wrong", "demo-keyx"])
def test_a_wrong_key_gets_the_403_of_aiq(ask: Ask, key: str) -> None:
    answer = ask("GET", "/api/v2/loyalty/lookup/5550001111", key=key)
    assert answer.status == 403
    assert json.loads(answer.body)["errors"] == [{"message": "Please provide a valid API key"}]


def test_another_account_is_refused_like_a_wrong_key(ask: Ask) -> None:
    assert ask("GET", "/api/v1.1/stores/9999").status == 403


def test_the_envelope_has_data_success_and_code_unless_switched_off(ask: Ask, state: State) -> None:
    body = json.loads(ask("GET", "/api/v1.1/stores/1234").body)
    assert body == {"success": True, "code": 200, "data": {"stores": []}}
    switch(state, envelope=False)
    assert json.loads(ask("GET", "/api/v1.1/stores/1234").body) == {"data": {"stores": []}}


@pytest.mark.parametrize("pii", ["5550001111", "ann%40shop.example", "ANN@shop.example"])
def test_a_member_is_found_by_phone_or_e_mail(ask: Ask, pii: str) -> None:
    found = data(ask("GET", f"/api/v2/loyalty/lookup/{pii}"))
    assert (found["contactID"], found["loyalty"]) == ("c1", True)


def test_a_known_person_is_not_a_loyalty_member(ask: Ask) -> None:
    assert data(ask("GET", "/api/v2/loyalty/lookup/5550002222"))["loyalty"] is False


def test_an_unknown_contact_is_404_or_empty_as_the_switch_says(ask: Ask, state: State) -> None:
    assert ask("GET", "/api/v2/loyalty/lookup/5559999999").status == 404
    assert ask("POST", "/api/v2/wallet", {"phone": "5559999999"}).status == 404
    switch(state, unknown_contact="empty")
    assert data(ask("GET", "/api/v2/loyalty/lookup/5559999999")) is None
    assert wallet(ask, "5559999999") is None


@pytest.mark.parametrize(("rule", "get", "post"), [("both", 200, 200), ("GET", 200, 405), ("POST", 405, 200)])
def test_the_lookup_takes_the_methods_that_the_switch_allows(ask: Ask, state: State, rule, get, post) -> None:
    switch(state, lookup_method=rule)
    assert ask("GET", "/api/v2/loyalty/lookup/5550001111").status == get
    assert ask("POST", "/api/v2/loyalty/lookup/5550001111", {}).status == post


def test_a_wallet_shows_points_and_discounts_with_their_addresses(ask: Ask) -> None:
    found = wallet(ask)
    assert (found["loyaltyPoints"], found["hidePointsInWallet"]) == (250, False)
    assert [(t["id"], t["posDiscountID"], t["pointsDeduction"]) for t in found["discountTemplates"]] == [
        ("77", "AP0004", 100),
        ("78", "AP0005", Decimal("60.5")),
    ]


def test_hidden_points_read_as_zero_and_points_may_be_text(ask: Ask, state: State) -> None:
    switch(state, points_hidden=True)
    assert (wallet(ask)["loyaltyPoints"], wallet(ask)["hidePointsInWallet"]) == (0, True)
    switch(state, points_as_text=True)
    assert wallet(ask, "5550002222")["loyaltyPoints"] == "12.5"


def test_a_wallet_wants_a_phone_or_an_e_mail(ask: Ask) -> None:
    assert ask("POST", "/api/v2/wallet", {}).status == 400
    assert ask("POST", "/api/v2/wallet", []).status == 400


def test_a_body_that_is_no_json_is_a_bad_request(state: State) -> None:
    call = Call("POST", "/api/v2/wallet", headers={"x-apikey": "demo-key"}, body=b"{")
    assert AiqFace(state).answer(call).status == 400


def test_a_redemption_takes_the_points_at_once_and_is_listed_with_the_receipt(ask: Ask) -> None:
    done = data(ask("PUT", address(ask) + "/R%2F000123"))
    assert done["loyaltyPoints"] == 150
    assert wallet(ask)["loyaltyPoints"] == 150
    (row,) = data(ask("GET", "/api/v1.1/redemptions/1234/0/99999999999"))
    assert (row["contact_id"], row["discount_id"], row["points"]) == ("c1", "77", 100)
    assert (row["reference"], row["refunded"], row["id"]) == ("R/000123", False, done["id"])


def test_a_listing_keeps_to_its_time_range(ask: Ask, state: State) -> None:
    ask("PUT", address(ask) + "/R1")
    now = int(state.now().timestamp())
    assert data(ask("GET", f"/api/v1.1/redemptions/1234/0/{now - 3600}")) is None
    assert len(data(ask("GET", f"/api/v1.1/redemptions/1234/{now - 3600}/{now + 3600}"))) == 1


def test_the_listing_hides_the_reference_when_switched_so(ask: Ask, state: State) -> None:
    ask("PUT", address(ask) + "/R1")
    switch(state, listing_shows_reference=False)
    assert "reference" not in data(ask("GET", "/api/v1.1/redemptions/1234/0/99999999999"))[0]


def test_the_listing_drops_what_was_given_back_when_switched_so(ask: Ask, state: State) -> None:
    switch(state, refund=True)
    ask("PUT", address(ask) + "/R1")
    ask("PUT", "/api/v1.1/discount/refund/1234/77/c1/R1")
    assert len(data(ask("GET", "/api/v1.1/redemptions/1234/0/99999999999"))) == 1
    switch(state, listing_drops_refunded=True)
    assert data(ask("GET", "/api/v1.1/redemptions/1234/0/99999999999")) is None


def test_aiq_has_a_clock_of_its_own(ask: Ask, state: State) -> None:
    switch(state, clock_skew=7200)
    before = int(state.now().timestamp()) + 7200
    ask("PUT", address(ask) + "/R1")
    ask("PUT", "/api/v1.1/adjust/loyaltyPoints/1234/c1", {"value": 1})
    noted = [state.doc(name)[0]["at"] for name in ("aiq.redemptions", "aiq.adjustments")]
    assert all(before <= at <= before + 60 for at in noted)
    assert len(data(ask("GET", f"/api/v1.1/redemptions/1234/{before}/{before + 60}"))) == 1


def test_a_single_use_discount_is_redeemed_once_and_leaves_the_wallet(ask: Ask) -> None:
    url = address(ask)
    assert ask("PUT", url + "/R1").status == 200
    assert ask("PUT", url + "/R2").status == 409
    assert [t["posDiscountID"] for t in wallet(ask)["discountTemplates"]] == ["AP0005"]
    assert wallet(ask)["loyaltyPoints"] == 150


def test_a_reusable_discount_is_deducted_each_time_it_is_sent(ask: Ask) -> None:
    url = address(ask, "AP0005")
    assert [ask("PUT", url + "/R1").status for _ in range(2)] == [200, 200]
    assert wallet(ask)["loyaltyPoints"] == 129


def test_too_few_points_are_refused_and_nothing_is_taken(ask: Ask, state: State) -> None:
    url = address(ask)
    state.set_doc("aiq.personas", [{**PERSONAS[0], "points": Decimal("99.99")}])
    assert ask("PUT", url).status == 400
    assert wallet(ask)["loyaltyPoints"] == Decimal("99.99")
    assert state.doc("aiq.redemptions", []) == []


@pytest.mark.parametrize("change", [{"available": False}, {"expiration": 1700000000}])
def test_a_locked_or_expired_discount_is_refused(ask: Ask, state: State, change) -> None:
    url = address(ask)
    state.set_doc("aiq.templates", [{**TEMPLATES[0], **change}])
    assert ask("PUT", url).status == 400


def test_a_tier_discount_wants_the_points_but_takes_none(ask: Ask, state: State) -> None:
    state.set_doc("aiq.templates", [{**TEMPLATES[0], "tierDiscount": True}])
    assert data(ask("PUT", address(ask)))["loyaltyPoints"] == 250


def test_a_made_up_address_is_unknown(ask: Ask) -> None:
    assert ask("PUT", "/api/v1.1/discount/redeem/1234/77/" + "0" * 32).status == 404
    assert ask("GET", "/api/v1.1/discounts/1234").status == 404


@pytest.mark.parametrize(("rule", "bare", "appended"), [("required", 404, 200), ("refused", 200, 404)])
def test_the_receipt_number_can_be_required_or_refused(ask: Ask, state: State, rule, bare, appended) -> None:
    switch(state, transaction_id=rule)
    url = address(ask, "AP0005")
    assert (ask("PUT", url).status, ask("PUT", url + "/R1").status) == (bare, appended)


def test_a_sign_up_makes_a_new_member_with_our_source(ask: Ask, state: State) -> None:
    body = {"firstName": "Cy", "mobilePhone": "5550003333", "loyalty": True, "source": "365canna"}
    contact = data(ask("POST", "/api/v2/loyalty", body))["contactID"]
    assert data(ask("GET", "/api/v2/loyalty/lookup/5550003333"))["loyalty"] is True
    listed = data(ask("GET", "/api/v1.1/piis/1234?search=5550003333&limit=1"))["results"]
    assert [(p["contactID"], p["platform"]) for p in listed] == [(contact, "365canna")]
    assert wallet(ask, "5550003333")["loyaltyPoints"] == 0


def test_a_repeated_sign_up_meets_the_same_persona(ask: Ask, state: State) -> None:
    body = {"mobilePhone": "5550002222", "loyalty": True}
    assert [data(ask("POST", "/api/v2/loyalty", body))["contactID"] for _ in range(2)] == ["c2", "c2"]
    assert len(state.doc("aiq.personas")) == 2
    assert data(ask("GET", "/api/v1.1/piis/1234/c2"))["loyaltyPoints"] == Decimal("12.5")


@pytest.mark.parametrize("body", [{}, {"mobilePhone": "(555) 000-1111"}, {"mobilePhone": "15550001111"}])
def test_a_sign_up_without_a_clean_contact_is_refused(ask: Ask, body) -> None:
    assert ask("POST", "/api/v2/loyalty", {"loyalty": True, **body}).status == 400


def test_a_search_without_a_hit_is_200_with_null(ask: Ask) -> None:
    assert data(ask("GET", "/api/v1.1/piis/1234?search=nobody"))["results"] is None


def test_an_adjustment_counts_each_time_it_is_sent(ask: Ask, state: State) -> None:
    for _ in range(2):
        ask("PUT", "/api/v1.1/adjust/loyaltyPoints/1234/c1", {"value": 100, "note": "void", "cmpID": "R1"})
    assert wallet(ask)["loyaltyPoints"] == 450
    assert [one["reference"] for one in state.doc("aiq.adjustments")] == ["R1", "R1"]
    assert ask("PUT", "/api/v1.1/adjust/loyaltyPoints/1234/nobody", {"value": 1}).status == 404
    assert ask("PUT", "/api/v1.1/adjust/loyaltyPoints/1234/c1", {"value": "1"}).status == 400


def test_a_refund_answers_only_when_switched_on_and_only_once(ask: Ask, state: State) -> None:
    ask("PUT", address(ask) + "/R1")
    refund = "/api/v1.1/discount/refund/1234/77/c1/R1"
    assert ask("PUT", refund).status == 404
    switch(state, refund=True)
    assert data(ask("PUT", refund))["loyaltyPoints"] == 250
    assert ask("PUT", refund).status == 409
    assert "AP0004" in [t["posDiscountID"] for t in wallet(ask)["discountTemplates"]]
    assert ask("PUT", "/api/v1.1/discount/refund/1234/77/c1/R9").status == 404


def test_fed_sales_are_kept_and_give_no_points_yet(ask: Ask, state: State) -> None:
    sale = {"visit": {"pos_id": "R1", "transaction_total": 75}}
    assert ask("POST", "/api/v1.1/createUpdateSales/1234", [sale, sale]).status == 200
    assert [one["kind"] for one in state.doc("aiq.feeds")] == ["sale", "sale"]
    assert wallet(ask)["loyaltyPoints"] == 250


def test_calls_are_noted_without_keys_tokens_or_persons(ask: Ask, state: State) -> None:
    url = address(ask)
    ask("PUT", url + "/R1")
    ask("GET", "/api/v2/loyalty/lookup/5550001111")
    notes = state.doc("aiq.calls")
    assert [(n["method"], n["kind"]) for n in notes] == [("POST", "wallet"), ("PUT", "redeem"), ("GET", "lookup")]
    assert (notes[1]["discount_id"], notes[1]["reference"]) == ("77", "R1")
    for secret in ("demo-key", "5550001111", url.rsplit("/", 1)[1]):
        assert secret not in str(notes)
