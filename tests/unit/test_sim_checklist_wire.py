"""The checklist of nav-webservices.md 15 over real HTTP, what lies around reads and writes: points 20, 22, 28 to 30.
The number of each test is that of its point."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import requests

from navplugin.nav.contract import PAGES
from navplugin.simulator.nav_settings import SWITCHES
from navplugin.simulator.state import State
from tests.unit.sim_http import NAV, PROMPT, PROMPT_AT, PROMPTS, Http, refusal
from tests.unit.sim_odata_face import sales

V3 = "/NAV/OData/Company('CRONUS%20Cannabis')/"
READ_ONLY = {"Data-Access-Intent": "ReadOnly"}


def marks(http: Http, since: int = 0, **headers: str) -> dict[str, int]:
    found = http.rows(f"AIQ_Sale?$filter=Change_Mark%20gt%20{since}", **headers)
    return {row["Receipt_No"]: row["Change_Mark"] for row in found}


# ---- 20: late commit ---------------------------------------------------------------------------------------------


def test_20_a_row_turns_up_late_with_an_older_mark(http: Http, state: State) -> None:
    http.post("/_sim/faults", {"call": "nav.GET AIQ_Sale", "fault": "stale", "key": ["R1"], "times": 2})
    sales(state, 2)
    seen = marks(http)
    assert set(seen) == {"R2"}
    assert refusal(http.ask("GET", NAV + "AIQ_Sale('R1')")) == (404, "Internal_RecordNotFound")
    assert marks(http, seen["R2"]) == {}
    late = marks(http)
    assert set(late) == {"R1", "R2"}
    assert late["R1"] < seen["R2"]


def test_20_an_uncommitted_change_shows_the_row_as_it_was(http: Http, state: State) -> None:
    sales(state, 2)
    before = http.get(NAV + "AIQ_Sale('R1')")
    http.post("/_sim/faults", {"call": "nav.GET AIQ_Sale", "fault": "stale", "key": ["R1"], "times": 2})
    state.put("AIQ_Sale", {"Receipt_No": "R1", "State": "POSTED"})
    state.put("AIQ_Sale", {"Receipt_No": "R2", "State": "POSTED"})
    assert http.get(NAV + "AIQ_Sale('R1')") == before
    seen = marks(http, before["Change_Mark"] + 1)
    assert set(seen) == {"R2"}
    assert marks(http, before["Change_Mark"] + 1)["R1"] < seen["R2"]


@pytest.mark.parametrize(
    "fault",
    [
        {"call": "aiq", "fault": "stale"},
        {"call": "nav.GET AIQ_Nope", "fault": "stale", "key": ["R1"]},
        {"call": "nav.GET AIQ_Sale", "fault": "stale", "key": ["R1", "R2"]},
        {"call": "nav.GET AIQ_Sale", "fault": "stale", "key": "R1"},
        {"call": "nav", "fault": "html", "status": 99},
        {"call": "nav", "fault": "408", "effect": "yes"},
    ],
)
def test_20_a_fault_that_names_nothing_is_refused_with_a_sentence(http: Http, fault: dict[str, Any]) -> None:
    refused = http.ask("POST", "/_sim/faults", json=fault)
    assert refused.status_code == 400
    assert refused.json()["error"].endswith(".")


def test_20_a_write_never_sees_the_past(http: Http, state: State) -> None:
    tag = http.ask("POST", PROMPTS, json=PROMPT).json()["@odata.etag"]
    http.post("/_sim/faults", {"call": "nav.PATCH AIQ_POSPrompts", "fault": "stale"})
    state.put("AIQ_POSPrompts", {**state.rows("AIQ_POSPrompts")[0], "Answer": "Yes"})
    refused = http.ask("PATCH", PROMPT_AT, json={"Text_1": "x"}, headers={"If-Match": tag})
    assert refusal(refused) == (409, "Request_EntityChanged")
    assert state.rows("AIQ_POSPrompts")[0]["Answer"] == "Yes"


# ---- 22: throttle and time-outs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "retry_after"), [("429", 0), ("429", 7), ("503", 30), ("503", 0), ("504", 0), ("408", 0)]
)
def test_22_a_busy_server_answers_its_status_with_or_without_retry_after(
    http: Http, state: State, status: str, retry_after: int
) -> None:
    http.post("/_sim/faults", {"call": "nav.POST", "fault": status, "retry_after": retry_after})
    busy = http.ask("POST", PROMPTS, json=PROMPT)
    assert busy.status_code == int(status)
    assert busy.headers.get("retry-after") == (str(retry_after) if retry_after else None)
    assert state.rows("AIQ_POSPrompts") == []
    assert http.ask("POST", PROMPTS, json=PROMPT).status_code == 201


@pytest.mark.parametrize("status", ["408", "504"])
def test_22_a_time_out_may_come_although_the_write_took_place(http: Http, state: State, status: str) -> None:
    http.post("/_sim/faults", {"call": "nav.POST", "fault": status, "effect": True, "seconds": 0.01})
    assert http.ask("POST", PROMPTS, json=PROMPT).status_code == int(status)
    assert [row["Prompt_Key"] for row in state.rows("AIQ_POSPrompts")] == ["K1"]


def test_22_a_status_can_carry_a_code_and_a_text_of_its_own(http: Http) -> None:
    fault = {"call": "nav.GET", "fault": "400", "code": "Application_DialogException", "message": "Closed today."}
    http.post("/_sim/faults", fault)
    refused = http.ask("GET", PROMPTS)
    assert refusal(refused) == (400, "Application_DialogException")
    assert refused.json()["error"]["message"].startswith("Closed today. CorrelationId:")


# ---- 28: Data-Access-Intent --------------------------------------------------------------------------------------


def test_28_a_write_cannot_be_read_only(http: Http, state: State) -> None:
    assert http.ask("POST", PROMPTS, json=PROMPT).status_code == 201
    for method, path, body in (
        ("POST", PROMPTS, {**PROMPT, "Prompt_Key": "K2"}), ("PATCH", PROMPT_AT, {"Text_1": "x"}),
        ("DELETE", PROMPT_AT, None),
    ):  # fmt: skip
        refused = http.ask(method, path, json=body, headers={**READ_ONLY, "If-Match": "*"})
        assert refusal(refused) == (400, "BadRequest")
    assert [(row["Prompt_Key"], row["Text_1"]) for row in state.rows("AIQ_POSPrompts")] == [("K1", "Join?")]


def test_28_a_replica_may_lag_behind(http: Http, state: State) -> None:
    sales(state, 1)
    http.post("/_sim/faults", {"call": "nav.GET AIQ_Sale.ReadOnly", "fault": "stale", "times": 2})
    sales(state, 2)
    assert set(marks(http, data_access_intent="ReadOnly")) == {"R1"}
    assert set(marks(http)) == {"R1", "R2"}
    assert set(marks(http, data_access_intent="ReadOnly")) == {"R1"}
    assert set(marks(http, data_access_intent="ReadOnly")) == {"R1", "R2"}
    assert http.get("/_sim/state")["nav"]["requests"]["GET AIQ_Sale"] == 4


# ---- 29: languages -----------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, str, Any, dict[str, str], str]] = [
    ("GET", NAV + "AIQ_Sale('NONE')", None, {}, "findes ikke"),
    ("GET", "/NAV/ODataV4/Company('X')/AIQ_Sale", None, {}, "Regnskabet"),
    ("POST", PROMPTS, PROMPT, {}, "findes allerede"),
    ("POST", PROMPTS, {"Receipt_No": "R1"}, {}, "skal udfyldes"),
    ("PATCH", PROMPT_AT, {"Text_1": "x"}, {"If-Match": 'W/"AA=="'}, "En anden bruger"),
    ("PATCH", PROMPT_AT, {"Text_1": "x" * 101}, {"If-Match": "*"}, "Strengens længde"),
    ("PATCH", PROMPT_AT, {"Kind": "Question"}, {"If-Match": "*"}, "er ikke en indstilling"),
    ("PATCH", PROMPT_AT, {"Answer": "Yes"}, {"If-Match": "*"}, "skrivebeskyttet"),
    ("DELETE", NAV + "AIQ_POSJournal('R1')", None, {}, "er ikke tilladt"),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "danish"), REFUSED)
def test_29_danish_changes_the_message_and_not_the_code(
    http: Http, method: str, path: str, body: Any, headers: dict[str, str], danish: str
) -> None:
    http.ask("POST", PROMPTS, json=PROMPT)
    english = http.ask(method, path, json=body, headers=headers)
    other = http.ask(method, path, json=body, headers={**headers, "Accept-Language": "da-DK"})
    assert refusal(other) == refusal(english)
    texts = [one.json()["error"]["message"] for one in (english, other)]
    assert danish in texts[1]
    assert danish not in texts[0]
    ids = [text.rpartition("CorrelationId:  ")[2] for text in texts]
    assert len(set(ids)) == 2
    assert all(len(one) == 37 and one.endswith(".") for one in ids)


def test_29_the_servers_language_holds_where_the_caller_names_none(http: Http) -> None:
    http.switch(language="da-DK")
    assert "findes ikke" in http.ask("GET", NAV + "AIQ_Sale('NONE')").text
    english = http.ask("GET", NAV + "AIQ_Sale('NONE')", headers={"Accept-Language": "en-US"})
    assert "does not exist" in english.text


# ---- 30: switched off, a proxy, V3 -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switch", "path"), [("odata_v4", "/NAV/ODataV4/$metadata"), ("odata_v3", "/NAV/OData/$metadata")]
)
def test_30_an_endpoint_that_is_switched_off_is_a_405(http: Http, switch: str, path: str) -> None:
    assert http.ask("GET", path).status_code == 200
    http.switch(**{switch: False})
    assert http.ask("GET", path).status_code == 405


def test_30_the_api_endpoint_is_off_as_it_is_on_premises(http: Http) -> None:
    assert refusal(http.ask("GET", "/NAV/api/v2.0/companies")) == (405, "BadRequest_MethodNotAllowed")


@pytest.mark.parametrize("root", ["/NAV/ODataV4", "/NAV/ODataV4/", "/NAV/OData", "/NAV/OData/"])
def test_30_the_root_is_answered_without_a_redirect(http: Http, root: str) -> None:
    assert http.ask("GET", root, allow_redirects=False).status_code == 200


@pytest.mark.parametrize("status", [200, 502, 407])
def test_30_a_proxy_answers_a_page(http: Http, status: int) -> None:
    http.post("/_sim/faults", {"call": "nav.GET", "fault": "html", "status": status})
    page = http.ask("GET", PROMPTS)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    with pytest.raises(requests.JSONDecodeError):
        page.json()


def test_30_v3_has_its_own_error_body(http: Http) -> None:
    refused = http.ask("GET", V3 + "AIQ_Sale('NONE')", headers={"Accept-Language": "da-DK"})
    error = refused.json()["odata.error"]
    assert (refused.status_code, error["code"], error["message"]["lang"]) == (404, "", "da-DK")
    assert "findes ikke" in error["message"]["value"]
    http.post("/_sim/faults", {"call": "nav.GET AIQ_Sale", "fault": "409"})
    assert http.ask("GET", V3 + "AIQ_Sale").json()["odata.error"]["message"]["lang"] == "en-US"
    for refused in (http.ask("POST", V3 + "AIQ_POSPrompts", json=PROMPT), http.ask("GET", V3 + "Nope")):
        assert refused.status_code in (501, 404)
        assert set(refused.json()) == {"odata.error"}


def test_30_v3_metadata_has_version_1_and_its_keys_in_alphabetical_order(http: Http) -> None:
    content = http.ask("GET", "/NAV/OData/$metadata").content
    assert content.startswith(b"\xef\xbb\xbf<?xml")
    root = ElementTree.fromstring(content)
    assert root.get("Version") == "1.0"
    edm = "{http://schemas.microsoft.com/ado/2007/05/edm}"
    types = {one.get("Name"): one for one in root.iter(f"{edm}EntityType")}
    for page in PAGES:
        found = types[page.service]
        assert [ref.get("Name") for ref in found.iter(f"{edm}PropertyRef")] == sorted(page.key)
    dates = [p.get("Type") for p in types["AIQ_Members"].iter(f"{edm}Property") if p.get("Name") == "Date_of_Birth"]
    assert dates == ["Edm.DateTime"]


def test_30_v3_rows_are_read_with_v3_literals(http: Http, state: State) -> None:
    sales(state, 3)
    expression = "Event_At lt datetime'2026-01-01T00:00:00' and Change_Mark gt 1L and Receipt_No ne 'R9L'"
    query = f"$filter={quote(expression, safe='')}&$inlinecount=allpages&$select=Receipt_No,Change_Mark,Event_At"
    body = http.ask("GET", f"{V3}AIQ_Sale?{query}", headers={"Prefer": "odata.maxpagesize=1"}).json()
    first = body["value"][0]
    assert body["odata.count"] == "3"
    assert (first["Receipt_No"], first["Event_At"]) == ("R1", "0001-01-01T00:00:00")
    assert first["Change_Mark"] == str(state.rows("AIQ_Sale")[0]["Change_Mark"])
    following = http.get(body["odata.nextLink"].removeprefix(http.url))
    assert [row["Receipt_No"] for row in following["value"]] == ["R2", "R3"]
    assert http.ask("GET", f"{V3}AIQ_Sale?$count=true").status_code == 400
    assert http.get(V3 + "AIQ_Sale('R1')")["Receipt_No"] == "R1"


# ---- the switches themselves -------------------------------------------------------------------------------------


def test_help_prints_every_switch_fault_and_address(http: Http) -> None:
    text = http.ask("GET", "/_sim/help").text
    for name in (*(switch.name for switch in SWITCHES), "stale", "retry_after", "POST /_sim/world", "/_sim/clock"):
        assert name in text


@pytest.mark.parametrize(
    ("nav", "why"),
    [
        ({"page_sise": 1}, "'page_sise' is not a setting"),
        ({"page_size": "2"}, "'2' is no value"),
        ({"page_size": -1}, "'-1' is no value"),
        ({"odata_v3": 1}, "'1' is no value"),
        ({"etag": "21"}, "one of 19, 20, 28, 44"),
        ({"duplicate_status": 410}, "one of 400, 409"),
        ({"validation": [{"page": "AIQ_Sale"}]}, "is an object of filter, message, page"),
        ({"bound_actions": [{"page": [], "name": "X"}]}, "name, page in NAV's setting"),
        ({"validation": [{"page": "AIQ_Sale", "filter": 1, "message": "x"}]}, "are texts"),
        ({"validation": ["AIQ_Sale"]}, "is an object of"),
        ({"bound_actions": [{"page": "Nope", "name": "X"}]}, "not a page of the contract"),
        ({"bound_actions": [{"page": "AIQ_Sale", "name": "X", "set": 1}]}, "'set' in"),
        ({"bound_actions": [{"page": "AIQ_Sale", "name": "X", "set": {"Nope": 1}}]}, "'Nope' does not exist"),
        ({"validation": [{"page": "AIQ_Sale", "filter": "Nope eq 1", "message": "x"}]}, "named 'Nope'"),
    ],
)
def test_a_switch_that_makes_no_sense_is_refused_and_the_world_stays(http: Http, nav: Any, why: str) -> None:
    before = http.get("/_sim/state")["staged"]
    refused = http.ask("POST", "/_sim/world", json={"settings": {"nav": nav}})
    assert refused.status_code == 400
    assert why in refused.json()["error"]
    assert http.get("/_sim/state")["staged"] == before
