"""The checklist of nav-webservices.md 15 over real HTTP, what is read: points 1 to 7, 13 to 16, 21. The number of each
test is that of its point."""

from __future__ import annotations

import base64
import json
import re
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from odata import ODataService

from navplugin.nav.contract import PAGES, Naming, canonical, odata_name
from navplugin.nav.edmx import read_edmx
from navplugin.simulator.state import State
from navplugin.simulator.view import views
from tests.unit.sim_http import NAV, PROMPT, PROMPT_AT, PROMPTS, Http, refusal
from tests.unit.sim_odata_face import sales

ROOT = "/NAV/ODataV4/"


def receipts(http: Http, query: str, **headers: str) -> list[str]:
    return [row["Receipt_No"] for row in http.rows(f"AIQ_Sale?{query}", **headers)]


def filtered(http: Http, expression: str, more: str = "") -> list[str]:
    return receipts(http, f"$filter={quote(expression, safe='')}{more}")


def test_01_three_addresses_give_equal_rows(http: Http, state: State) -> None:
    sales(state, 3)
    guid = http.get(ROOT + "Company")["value"][0]["Id"]
    by_name = http.get(NAV + "AIQ_Sale")
    assert len(by_name["value"]) == 3
    assert http.get(f"{ROOT}Company(Id={guid})/AIQ_Sale") == by_name
    assert http.get(f"{ROOT}Company({guid.upper()})/AIQ_Sale") == by_name
    assert http.get(f"{ROOT}AIQ_Sale?company=CRONUS%20Cannabis") == by_name
    assert http.get(f"{ROOT}AIQ_Sale?company={guid}") == by_name


def test_01_the_company_itself_can_be_read(http: Http) -> None:
    row = http.get(NAV.rstrip("/"))
    assert row["Name"] == "CRONUS Cannabis"
    assert http.get(f"{ROOT}Company(Id={row['Id']})")["Name"] == "CRONUS Cannabis"
    assert http.ask("DELETE", NAV.rstrip("/")).status_code == 405


@pytest.mark.parametrize(
    "path", ["Company('Cronus%20Cannabis')/AIQ_Sale", "AIQ_Sale?company=cronus%20cannabis", "Company('')/AIQ_Sale"]
)
def test_01_a_company_of_another_case_is_not_found(http: Http, path: str) -> None:
    assert refusal(http.ask("GET", ROOT + path)) == (404, "Internal_CompanyNotFound")


def test_01_a_server_without_a_default_company_wants_one(http: Http) -> None:
    assert http.ask("GET", ROOT + "AIQ_Sale").status_code == 200
    http.switch(default_company=False)
    assert refusal(http.ask("GET", ROOT + "AIQ_Sale")) == (404, "Internal_CompanyNotFound")
    assert [http.ask("GET", ROOT + path).status_code for path in ("$metadata", "Company", "")] == [200, 200, 200]


@pytest.mark.parametrize("naming", ["nav", "bc", "lsc"])
def test_02_the_metadata_is_read_by_python_odata(http: Http, naming: str) -> None:
    http.switch(naming=naming)
    service = ODataService(http.url + ROOT, session=http.session, reflect_entities=True, quiet_progress=True)
    for view in views(Naming(naming)).values():
        found = service.entities[view.page.service]
        properties = {name: getattr(found, name) for name in view.page.names}
        assert {name for name, one in properties.items() if one.primary_key} == set(view.page.key)
    assert set(service.actions) == {"AIQ_Worker_WaitForChange", "AIQ_Worker_Version"}


@pytest.mark.parametrize("naming", ["nav", "bc", "lsc"])
def test_02_the_metadata_is_read_by_our_reader(http: Http, naming: str) -> None:
    http.switch(naming=naming)
    found = read_edmx(http.ask("GET", ROOT + "$metadata").iter_content(1000), lambda name: True)
    shown = views(Naming(naming))
    assert found.version == "4.0"
    assert found.sets == {"Company", *shown}
    for name, view in shown.items():
        assert found.services[name].types == {field.name: field.edm for field in view.page.fields}


def test_02_capabilities_say_what_may_be_written(http: Http) -> None:
    text = http.ask("GET", ROOT + "$metadata").text
    assert '<Schema Namespace="NAV"' in text
    for page in PAGES:
        entity_set = re.search(f'<EntitySet Name="{page.service}".*?</EntitySet>', text)
        assert entity_set is not None
        said = re.findall(r'V1\.(\w+)Restrictions.*?Bool="(\w+)"', entity_set.group())
        letters = {"Insert": "i", "Update": "m", "Delete": "d"}
        assert {verb: able == "true" for verb, able in said} == {v: x in page.rights for v, x in letters.items()}


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("No.", "No"),
        ("Store No.", "Store_No"),
        ("POS Terminal No.", "POS_Terminal_No"),
        ("Amount Incl. VAT", "Amount_Incl_VAT"),
        ("Balance (LCY)", "Balance_LCY"),
        ("Country/Region Code", "Country_Region_Code"),
        ("Profit %", "Profit_Percent"),
        ("E-Mail", "E_Mail"),
        ("Sell-to Customer No.", "Sell_to_Customer_No"),
        ("ShortcutDimCode[3]", "ShortcutDimCode_x005B_3_x005D_"),
        ("Cost is Posted to G/L", "Cost_is_Posted_to_G_L"),
        ("Member's", "Member_x0027_s"),
        ("1st Line", "_x0031_st_Line"),
    ],
)
def test_03_names_are_mangled_as_nav_does_and_can_be_recognised(caption: str, name: str) -> None:
    assert odata_name(caption) == name
    assert canonical(name) == canonical(caption)


def test_03_every_served_field_has_the_mangled_name_of_its_caption(http: Http, state: State) -> None:
    for page in PAGES:
        state.put(page.service, {})
        served = http.rows(f"{page.service}?$top=1")[0]
        assert [name for name in served if name != "@odata.etag"] == [odata_name(f.caption) for f in page.fields]


def test_04_an_option_is_plain_text_and_blank_is_one_space(http: Http) -> None:
    row = http.ask("POST", PROMPTS, json={**PROMPT, "Kind": "Message"}).json()
    assert (row["Kind"], row["Answer"]) == ("Message", " ")
    assert [r["Prompt_Key"] for r in http.rows("AIQ_POSPrompts?$filter=Answer%20eq%20'%20'")] == ["K1"]
    refused = http.ask("POST", PROMPTS, json={**PROMPT, "Prompt_Key": "K2", "Kind": "message"})
    assert refusal(refused) == (400, "Unknown")
    assert "'message' is not an option. The existing options are: Confirm,Message" in refused.text


def test_05_unset_dates_guids_and_decimals_have_navs_forms(http: Http, state: State) -> None:
    state.put("AIQ_Members", {"Card_No": "M9"})
    state.put("AIQ_Sale", {"Receipt_No": "R1", "Sale_GUID": "{6F1E5D30-0000-4000-8000-00000000000A}"})
    state.put("AIQ_POSTotalDiscountOfferLines", {"Receipt_No": "R1", "Coupon_Code": "C", "Value": Decimal("10.50")})
    assert http.get(NAV + "AIQ_Members('M9')")["Date_of_Birth"] == "0001-01-01"
    sale = http.get(NAV + "AIQ_Sale('R1')")
    assert (sale["Sale_GUID"], sale["Event_At"]) == ("6f1e5d30-0000-4000-8000-00000000000a", "0001-01-01T00:00:00Z")
    text = http.ask("GET", NAV + "AIQ_POSTotalDiscountOfferLines").text
    assert '"Value":10.5,' in text
    http.switch(naming="nav")
    state.put("AIQ_Members", {"Card_No": "M9", "Date_of_Birth": date(1990, 5, 1)})
    assert http.get(NAV + "AIQ_Members('M9')")["Date_of_Birth"] == "1990-05-01T00:00:00Z"


@pytest.mark.parametrize(("form", "length"), [("19", 19), ("20", 20), ("28", 28), ("44", 44)])
def test_07_the_tag_is_in_row_and_header_and_changes_with_each_write(http: Http, form: str, length: int) -> None:
    http.switch(etag=form)
    created = http.ask("POST", PROMPTS, json=PROMPT)
    tags = [created.json()["@odata.etag"]]
    assert created.headers["etag"] == tags[0]
    decoded = base64.b64decode(tags[0].removeprefix('W/"').removesuffix('"')).decode()
    assert re.fullmatch(rf"'{form};.{{{length}}}\d;\d+;'", decoded)
    for text in ("a", "b"):
        change = http.ask("PATCH", PROMPT_AT, json={"Text_1": text}, headers={"If-Match": tags[-1]})
        tags.append(change.json()["@odata.etag"])
        assert http.rows("AIQ_POSPrompts")[0]["@odata.etag"] == tags[-1]
    assert len(set(tags)) == 3


@pytest.mark.parametrize("number", ["A/1", "O'HARA", "A B&C=D,E", "%2F", "#1+2", ""])
def test_13_any_text_is_a_key(http: Http, state: State, number: str) -> None:
    state.put("AIQ_POSPrompts", {"Receipt_No": number, "Prompt_Key": "'"})
    literal = quote("'" + number.replace("'", "''") + "'", safe="")
    for key in (f"Receipt_No={literal},Prompt_Key=''''", f"Prompt_Key=%27%27%27%27,Receipt_No={literal}"):
        found = http.get(f"{NAV}AIQ_POSPrompts({key})")
        assert (found["Receipt_No"], found["Prompt_Key"]) == (number, "'")
    assert len(http.rows(f"AIQ_POSPrompts?$filter=Receipt_No%20eq%20{literal}")) == 1


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("Receipt_No eq 'r2'", ["R2"]),
        ("Receipt_No ne 'R2' and Receipt_No le 'R3'", ["R1", "R3"]),
        ("Store_No eq 'S1' or Store_No eq 'S9'", ["R1", "R3"]),
        ("startswith(Receipt_No,'R') and endswith(Receipt_No,'3')", ["R3"]),
        ("contains(tolower(Staff_ID),'t4')", ["R4"]),
        ("substring(Receipt_No,1) eq '3'", ["R3"]),
        ("substring(toupper(Staff_ID),0,1) eq 'T' and substring(Receipt_No,1,1) gt '3'", ["R4"]),
        ("contains(substring(Receipt_No,1),'R')", []),
        ("Event_At lt 2026-01-01T00:00:00Z and Receipt_No gt 'R3'", ["R4"]),
    ],
)
def test_14_the_supported_filters_find(http: Http, state: State, expression: str, found: list[str]) -> None:
    sales(state, 4)
    assert filtered(http, expression) == found


@pytest.mark.parametrize(
    ("service", "expression", "status"),
    [
        ("AIQ_Members", "Date_of_Birth gt '1990-05-01'", 400),
        ("AIQ_Sale", "Event_At gt '2026-05-01T00:00:00Z'", 400),
        ("AIQ_Sale", "Receipt_No eq R1", 400),
        ("AIQ_Sale", "Receipt_No eq 1", 400),
        ("AIQ_Sale", "Change_Mark gt '1'", 400),
        ("AIQ_Sale", "No_Such_Field eq 'R1'", 400),
        ("AIQ_Sale", "State eq 'OPEN'", 400),
        ("AIQ_Sale", "substring(Receipt_No) eq 'R'", 400),
        ("AIQ_Sale", "substring(Change_Mark,1) eq '1'", 400),
        ("AIQ_Sale", "substring(Receipt_No,'1') eq '1'", 400),
        ("AIQ_Sale", "Receipt_No eq 'R1' or Store_No eq 'S1'", 501),
    ],
)
def test_14_the_server_is_strict_about_types_and_names(http: Http, service: str, expression: str, status: int) -> None:
    answer = http.ask("GET", f"{NAV}{service}?$filter={quote(expression, safe='')}")
    assert answer.status_code == status
    if status == 501:
        assert refusal(answer) == (501, "BadRequest_MethodNotImplemented")
        assert "The 'OR' operator is not supported on distinct fields on an OData filter." in answer.text


def test_14_a_lambda_is_ignored_but_not_its_name_in_a_text(http: Http, state: State) -> None:
    sales(state, 3)
    assert filtered(http, "Lines/any(l: l/Quantity gt 1) and Receipt_No eq 'R1'") == ["R1", "R2", "R3"]
    assert filtered(http, "Receipt_No eq 'A/ANY(B)'") == []


def test_14_in_without_the_schema_version_is_ignored_refused_or_honoured(http: Http, state: State) -> None:
    wanted = "Receipt_No in ('R1','R3')"
    for in_list, found in (("ignored", ["R1", "R2", "R3"]), ("honoured", ["R1", "R3"])):
        http.switch(in_list=in_list)
        sales(state, 3)
        assert filtered(http, wanted) == found
        assert filtered(http, wanted, "&$schemaversion=2.1") == ["R1", "R3"]
    http.switch(in_list="refused")
    assert http.ask("GET", f"{NAV}AIQ_Sale?$filter={quote(wanted)}").status_code == 501


def test_15_select_orderby_count_and_top_without_a_link(http: Http, state: State) -> None:
    sales(state, 5)
    body = http.get(NAV + "AIQ_Sale?$select=Receipt_No&$orderby=Store_No%20desc,Receipt_No%20desc&$top=3&$count=true")
    assert [row["Receipt_No"] for row in body["value"]] == ["R4", "R2", "R5"]
    assert set(body["value"][0]) == {"@odata.etag", "Receipt_No"}
    assert body["@odata.count"] == 5
    assert "@odata.nextLink" not in body
    assert "@odata.nextLink" not in http.get(NAV + "AIQ_Sale?$top=4")
    assert receipts(http, "$top=4", prefer="odata.maxpagesize=2") == ["R1", "R2"]


def test_15_the_count_of_a_set_is_that_of_all_its_pages(http: Http, state: State) -> None:
    http.switch(page_size=2)
    sales(state, 5)
    assert http.ask("GET", NAV + "AIQ_Sale/$count").text == "5"
    assert http.ask("GET", NAV + "AIQ_Sale/$count?$filter=Store_No%20eq%20'S1'").text == "3"


@pytest.mark.parametrize("query", ["$select=Nope", "$orderby=Nope", "$expand=Lines", "$filter=", "$whatever=1"])
def test_15_an_unknown_field_or_option_is_refused(http: Http, query: str) -> None:
    assert refusal(http.ask("GET", f"{NAV}AIQ_Sale?{query}")) == (400, "BadRequest")


@pytest.mark.parametrize(("server", "wish", "pages"), [(2, "", [2, 2, 1]), (3, "100", [3, 2]), (100, "4", [4, 1])])
def test_16_pages_are_linked_by_an_opaque_absolute_link(
    http: Http, state: State, server: int, wish: str, pages: list[int]
) -> None:
    http.switch(page_size=server)
    sales(state, 5)
    headers = {"Prefer": f"odata.maxpagesize={wish}"} if wish else {}
    url, sizes, found = NAV + "AIQ_Sale?$select=Receipt_No", [], []
    while url:
        body: Any = http.ask("GET", url, headers=headers).json()
        sizes.append(len(body["value"]))
        found += [row["Receipt_No"] for row in body["value"]]
        link = body.get("@odata.nextLink", "")
        assert not link or link.startswith(http.url + NAV)
        url = link.removeprefix(http.url)
    assert sizes == pages
    assert found == ["R1", "R2", "R3", "R4", "R5"]


def test_16_a_spent_token_is_no_longer_valid(http: Http, state: State) -> None:
    sales(state, 3)
    link = http.ask("GET", NAV + "AIQ_Sale", headers={"Prefer": "odata.maxpagesize=1"}).json()["@odata.nextLink"]
    path = link.removeprefix(http.url)
    assert http.ask("GET", path).status_code == 200
    other = path.replace("AIQ_Sale?", "AIQ_Sale?$filter=Change_Mark%20gt%200&")
    assert refusal(http.ask("GET", other)) == (400, "SkipTokenIsNoLongerValid")
    http.post("/_sim/clock", {"advance": 601})
    assert refusal(http.ask("GET", path)) == (400, "SkipTokenIsNoLongerValid")


def test_21_a_delete_never_appears_in_a_read_since(http: Http, state: State) -> None:
    sales(state, 3)
    seen = max(row["Change_Mark"] for row in http.rows("AIQ_Sale"))
    state.delete("AIQ_Sale", "R2")
    assert http.rows(f"AIQ_Sale?$filter=Change_Mark%20gt%20{seen}") == []
    state.put("AIQ_Sale", {"Receipt_No": "R3", "State": "POSTED"})
    changed = json.loads(http.ask("GET", f"{NAV}AIQ_Sale?$filter=Change_Mark%20gt%20{seen}").text)["value"]
    assert [row["Receipt_No"] for row in changed] == ["R3"]
    assert http.ask("GET", NAV + "AIQ_Sale('R2')").status_code == 404
