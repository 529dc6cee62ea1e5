"""The simulated NAV: OData V4 as nav-webservices.md 5-9 and 15 tell it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from navplugin.nav.contract import PAGES
from navplugin.simulator.state import State
from tests.unit.sim_odata_face import COMPANY, PROMPT, PROMPT_AT, Ask, code, sales, told

# ---- addresses, sign-in, company -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign_in", ["", "Basic x", "Basic " + base64.b64encode(b"AIQ-WORKER:no").decode(), "Bearer x"])
def test_wrong_credentials_get_a_401_with_a_json_body(ask: Ask, sign_in: str) -> None:
    answer = ask("GET", f"{COMPANY}/AIQ_Sale", authorization=sign_in)
    assert code(answer) == (401, "Authentication_InvalidCredentials")
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_company_is_named_in_the_path_by_id_or_as_an_option_with_equal_results(ask: Ask, state: State) -> None:
    sales(state, 2)
    company = told(ask("GET", "Company"))["value"][0]
    assert company["Name"] == "CRONUS Cannabis"
    paths = (
        f"{COMPANY}/AIQ_Sale",
        f"Company({company['Id']})/AIQ_Sale",
        f"Company(Id={company['Id']})/AIQ_Sale",
        "AIQ_Sale?company=CRONUS%20Cannabis",
        "AIQ_Sale?company='CRONUS%20Cannabis'",
        "AIQ_Sale",
    )
    answers = [told(ask("GET", path)) for path in paths]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["@odata.context"] == f"http://nav.test:7048/NAV/ODataV4/$metadata#{COMPANY}/AIQ_Sale"


@pytest.mark.parametrize("path", ["Company('cronus%20cannabis')/AIQ_Sale", "AIQ_Sale?company=Other"])
def test_a_company_of_another_name_or_case_is_not_found(ask: Ask, path: str) -> None:
    assert code(ask("GET", path)) == (404, "Internal_CompanyNotFound")


def test_a_page_that_is_not_published_is_not_found(ask: Ask) -> None:
    assert code(ask("GET", f"{COMPANY}/POS_Trans_Line")) == (404, "BadRequest_ResourceNotFound")
    assert code(ask("GET", f"{COMPANY}/AIQ_Sale/Lines")) == (404, "BadRequest_ResourceNotFound")


def test_the_service_document_lists_every_page(ask: Ask) -> None:
    names = [one["name"] for one in told(ask("GET", ""))["value"]]
    assert names == ["Company", *(page.service for page in PAGES)]


def test_the_metadata_describes_every_page_in_namespace_nav(ask: Ask) -> None:
    root = ElementTree.fromstring(ask("GET", "$metadata").body)
    edm = "{http://docs.oasis-open.org/odata/ns/edm}"
    schema = root.find(f".//{edm}Schema")
    assert schema is not None
    assert schema.get("Namespace") == "NAV"
    types = {found.get("Name"): found for found in schema.iter(f"{edm}EntityType")}
    for page in PAGES:
        found = types[page.service]
        assert tuple(ref.get("Name") for ref in found.iter(f"{edm}PropertyRef")) == page.key
        properties = {one.get("Name"): one for one in found.iter(f"{edm}Property")}
        assert tuple(properties) == page.names
        for field in page.fields:
            assert properties[field.name].get("Type") == field.kind.edm
            assert properties[field.name].get("MaxLength") == (str(field.length) if field.length else None)


# ---- values --------------------------------------------------------------------------------------------------------


def test_values_are_written_as_nav_writes_them(ask: Ask, state: State) -> None:
    state.put("AIQ_POSTotalDiscountOfferLines", {
        "Receipt_No": "R1", "Coupon_Code": "C1", "Value": Decimal("100.00"), "Points_Cost": Decimal("0.10"),
        "Min_Amount": Decimal("123456789012345.67"), "Picked_At": datetime(2026, 5, 1, 12, 0, 1, 467000, tzinfo=UTC),
    })  # fmt: skip
    body = ask("GET", f"{COMPANY}/AIQ_POSTotalDiscountOfferLines").body.decode()
    assert '"Value":100,' in body
    assert '"Points_Cost":0.1,' in body
    assert '"Min_Amount":123456789012345.67,' in body
    assert '"Points":" "' in body
    assert '"Valid_Until":"0001-01-01T00:00:00Z"' in body
    assert '"Picked_At":"2026-05-01T12:00:01.467Z"' in body


def test_unset_dates_and_guids_are_not_null(ask: Ask, state: State) -> None:
    state.put("AIQ_Members", {"Card_No": "M1"})
    state.put("AIQ_Sale", {"Receipt_No": "R1", "Sale_GUID": "{6F1E5D30-0000-4000-8000-00000000000A}"})
    state.put("AIQ_Sale", {"Receipt_No": "R2"})
    assert told(ask("GET", f"{COMPANY}/AIQ_Members('M1')"))["Date_of_Birth"] == "0001-01-01"
    guids = [row["Sale_GUID"] for row in told(ask("GET", f"{COMPANY}/AIQ_Sale"))["value"]]
    assert guids == ["6f1e5d30-0000-4000-8000-00000000000a", "00000000-0000-0000-0000-000000000000"]


def test_decimals_keep_every_digit_on_the_way_in(ask: Ask, state: State) -> None:
    body = b'{"Receipt_No":"R1","Coupon_Code":"C1","Value":0.1000000000000000055511,"Points_Cost":30}'
    told(ask("POST", f"{COMPANY}/AIQ_POSTotalDiscountOfferLines", body), 201)
    row = state.get("AIQ_POSTotalDiscountOfferLines", "R1", "C1")
    assert row is not None
    assert (row["Value"], row["Points_Cost"]) == (Decimal("0.1000000000000000055511"), 30)


def test_what_was_read_can_be_sent_back(ask: Ask) -> None:
    sent = {**PROMPT, "Expires_At": "2026-05-01T12:00:00Z", "Kind": "Message"}
    row = told(ask("POST", f"{COMPANY}/AIQ_POSPrompts", sent), 201)
    again = {name: row[name] for name in sent}
    assert told(ask("PATCH", PROMPT_AT, again, if_match=row["@odata.etag"]))["Expires_At"] == sent["Expires_At"]


# ---- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("receipt", ["R1", "A'B", "A/B", "A B", "A,B=C", "Ä(1)"])
def test_any_receipt_number_can_be_a_key(ask: Ask, state: State, receipt: str) -> None:
    state.put("AIQ_Sale", {"Receipt_No": receipt})
    state.put("AIQ_POSPrompts", {"Receipt_No": receipt, "Prompt_Key": "K'1"})
    literal = quote("'" + receipt.replace("'", "''") + "'", safe="'")
    assert told(ask("GET", f"{COMPANY}/AIQ_Sale({literal})"))["Receipt_No"] == receipt.upper()
    assert told(ask("GET", f"{COMPANY}/AIQ_Sale(Receipt_No={literal})"))["Receipt_No"] == receipt.upper()
    found = told(ask("GET", f"{COMPANY}/AIQ_POSPrompts(Prompt_Key='K''1',Receipt_No={literal})"))
    assert found["Prompt_Key"] == "K'1"


def test_keys_of_numbers_and_options_are_found(ask: Ask, state: State) -> None:
    state.put("AIQ_TotalDiscountOfferBenefits", {"Offer_No": "P1", "Step_Amount": Decimal("50"), "Type": "Coupon"})
    path = f"{COMPANY}/AIQ_TotalDiscountOfferBenefits(Offer_No='P1',Step_Amount=50.00,Type='Coupon')"
    assert told(ask("GET", path))["Step_Amount"] == 50


@pytest.mark.parametrize("key", ["R1", "''R1'", "Receipt_No='R1',Other='X'", "'R1','R2'", "Prompt_Key='R1'"])
def test_a_malformed_key_is_a_bad_request(ask: Ask, key: str) -> None:
    assert code(ask("GET", f"{COMPANY}/AIQ_Sale({key})")) == (400, "BadRequest")


def test_a_row_that_is_not_there_is_not_found(ask: Ask) -> None:
    assert code(ask("GET", f"{COMPANY}/AIQ_Sale('NONE')")) == (404, "Internal_RecordNotFound")
    assert code(ask("PATCH", PROMPT_AT, {"Text_1": "x"}, if_match="*")) == (404, "Internal_RecordNotFound")
    assert code(ask("DELETE", PROMPT_AT)) == (404, "Internal_RecordNotFound")


# ---- writing -------------------------------------------------------------------------------------------------------


def test_an_insert_answers_201_with_the_row_as_stored_its_tag_and_its_address(ask: Ask) -> None:
    answer = ask("POST", f"{COMPANY}/AIQ_POSPrompts", {**PROMPT, "Prompt_Key": " k1 "})
    row = told(answer, 201)
    assert (row["Prompt_Key"], row["Answer"]) == ("K1", " ")
    assert row["@odata.etag"] == answer.headers["etag"]
    address = answer.headers["location"].removeprefix("http://nav.test:7048/NAV/ODataV4/")
    assert told(ask("GET", address))["Prompt_Key"] == "K1"


def test_a_second_insert_of_the_same_key_is_refused_and_changes_nothing(ask: Ask) -> None:
    told(ask("POST", f"{COMPANY}/AIQ_POSPrompts", PROMPT), 201)
    again = {**PROMPT, "Receipt_No": "r1", "Text_1": "other"}
    assert code(ask("POST", f"{COMPANY}/AIQ_POSPrompts", again)) == (400, "Internal_EntityWithSameKeyExists")
    assert told(ask("GET", PROMPT_AT))["Text_1"] == "Join?"


def test_an_insert_without_its_key_is_refused(ask: Ask) -> None:
    refused = ask("POST", f"{COMPANY}/AIQ_POSPrompts", {"Receipt_No": "R1"})
    assert code(refused) == (400, "BadRequest_RequiredParamNotProvided")


def test_a_change_needs_the_tag_of_the_row_as_it_is(ask: Ask, state: State) -> None:
    tag = told(ask("POST", f"{COMPANY}/AIQ_POSPrompts", PROMPT), 201)["@odata.etag"]
    change = {"Text_1": "new"}
    assert code(ask("PATCH", PROMPT_AT, change)) == (400, "BadRequest_InvalidToken")
    assert code(ask("PATCH", PROMPT_AT, change, if_match="abc")) == (400, "BadRequest_InvalidToken")
    changed = told(ask("PATCH", PROMPT_AT, change, if_match=tag))
    assert (changed["Text_1"], changed["Receipt_No"]) == ("new", "R1")
    assert changed["@odata.etag"] != tag
    assert code(ask("PATCH", PROMPT_AT, change, if_match=tag)) == (409, "Request_EntityChanged")
    assert told(ask("PATCH", PROMPT_AT, {"Text_2": "forced"}, if_match="*"))["Text_1"] == "new"


def test_a_tag_goes_stale_when_the_till_writes_the_row(ask: Ask, state: State) -> None:
    tag = told(ask("POST", f"{COMPANY}/AIQ_POSPrompts", PROMPT), 201)["@odata.etag"]
    row = state.get("AIQ_POSPrompts", "R1", "K1")
    assert row is not None
    state.put("AIQ_POSPrompts", {**row, "Answer": "Yes"})
    assert code(ask("PATCH", PROMPT_AT, {"Text_1": "late"}, if_match=tag)) == (409, "Request_EntityChanged")
    assert told(ask("GET", PROMPT_AT))["Answer"] == "Yes"


def test_a_delete_compares_the_tag_only_when_one_is_sent(ask: Ask) -> None:
    tag = told(ask("POST", f"{COMPANY}/AIQ_POSPrompts", PROMPT), 201)["@odata.etag"]
    told(ask("PATCH", PROMPT_AT, {"Text_1": "new"}, if_match=tag))
    assert code(ask("DELETE", PROMPT_AT, if_match=tag)) == (409, "Request_EntityChanged")
    assert ask("DELETE", PROMPT_AT).status == 204
    assert code(ask("GET", PROMPT_AT)) == (404, "Internal_RecordNotFound")


@pytest.mark.parametrize("page", [page for page in PAGES if not page.rights], ids=lambda page: page.service)
def test_a_page_that_is_only_read_refuses_every_write(ask: Ask, state: State, page) -> None:
    row = state.put(page.service, {})
    refused = (405, "BadRequest_MethodNotAllowed")
    assert code(ask("POST", f"{COMPANY}/{page.service}", {})) == refused
    literals = ",".join(f"{n}=0" if row[n] == 0 else f"{n}='{row[n]}'" for n in page.key)
    for method in ("PATCH", "DELETE", "PUT"):
        assert code(ask(method, f"{COMPANY}/{page.service}({literals})", {}, if_match="*")) == refused
    assert state.rows(page.service) == [row]


def test_the_plugin_may_not_insert_a_sale_nor_delete_a_setup_or_the_ledgers_row(ask: Ask, state: State) -> None:
    state.put("AIQ_Setup", {"Store_No": ""})
    state.put("AIQ_Ledger", {"Code": "LEDGER"})
    assert code(ask("POST", f"{COMPANY}/AIQ_Sale", {"Receipt_No": "R1"})) == (405, "BadRequest_MethodNotAllowed")
    for row in ("AIQ_Setup('')", "AIQ_Ledger('LEDGER')"):
        assert code(ask("DELETE", f"{COMPANY}/{row}")) == (405, "BadRequest_MethodNotAllowed")


def test_a_field_of_the_till_cannot_be_changed_by_the_plugin(ask: Ask, state: State) -> None:
    told(ask("POST", f"{COMPANY}/AIQ_POSPrompts", PROMPT), 201)
    refused = (400, "BadRequest_InvalidOperation")
    assert code(ask("PATCH", PROMPT_AT, {"Answer": "Yes"}, if_match="*")) == refused
    assert code(ask("PATCH", PROMPT_AT, {"Prompt_Key": "K2"}, if_match="*")) == refused
    answered = {**PROMPT, "Prompt_Key": "K2", "Answer": "Yes"}
    assert code(ask("POST", f"{COMPANY}/AIQ_POSPrompts", answered)) == refused
    assert [row["Answer"] for row in state.rows("AIQ_POSPrompts")] == [" "]


def test_setup_can_be_inserted_for_a_store_and_changed(ask: Ask) -> None:
    told(ask("POST", f"{COMPANY}/AIQ_Setup", {"Store_No": "S1", "Wait_ms": 2000}), 201)
    changed = told(ask("PATCH", f"{COMPANY}/AIQ_Setup('S1')", {"Prompt_On": "Never"}, if_match="*"))
    assert (changed["Prompt_On"], changed["Wait_ms"]) == ("Never", 2000)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"Text_1": "x" * 101}, "Application_StringExceededLength"),
        ({"Kind": "Question"}, "Unknown"),
        ({"Priority": "1"}, "BadRequest"),
        ({"Priority": 1.5}, "BadRequest"),
        ({"Expires_At": "2026-05-01"}, "BadRequest"),
        ({"Expires_At": "2026-05-01T12:00:00"}, "BadRequest"),
        ({"Text_1": 5}, "BadRequest"),
        ({"No_Such_Field": 1}, "BadRequest"),
        ([], "BadRequest"),
        (b"{", "BadRequest"),
        (b'{"Priority": NaN}', "BadRequest"),
    ],
)
def test_a_wrong_body_is_refused_and_nothing_is_written(ask: Ask, state: State, change, wrong) -> None:
    told(ask("POST", f"{COMPANY}/AIQ_POSPrompts", PROMPT), 201)
    before = state.rows("AIQ_POSPrompts")
    assert code(ask("PATCH", PROMPT_AT, change, if_match="*")) == (400, wrong)
    assert state.rows("AIQ_POSPrompts") == before


def test_an_unknown_option_names_the_existing_ones(ask: Ask) -> None:
    refused = ask("POST", f"{COMPANY}/AIQ_POSPrompts", {**PROMPT, "Kind": "Question"})
    assert "The existing options are: Confirm,Message" in json.loads(refused.body)["error"]["message"]


