"""The checklist of nav-webservices.md 15 over real HTTP, what is written: points 6, 8 to 12, 17 to 19. The number of
each test is that of its point."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from navplugin.nav.contract import Codeunit, Function
from navplugin.simulator import codeunits
from navplugin.simulator.state import State
from tests.unit.sim_http import NAV, PROMPT, PROMPT_AT, PROMPTS, Http, refusal

ROOT = "/NAV/ODataV4/"
STALE = 'W/"JzE5OzAwMDAwMDAwMDAwMDAwMDAwMDExOzAwOyc="'


def insert(key: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": key.lower(), "method": "POST", "url": "Company('CRONUS%20Cannabis')/AIQ_POSPrompts",
        "headers": {"Content-Type": "application/json"}, "body": {**PROMPT, "Prompt_Key": key, **fields},
    }  # fmt: skip


def batch(http: Http, *parts: Any, **headers: str) -> dict[Any, Any]:
    answer = http.ask("POST", ROOT + "$batch", json={"requests": list(parts)}, headers=headers)
    assert answer.status_code == 200, answer.text
    return {one["id"]: one for one in answer.json()["responses"]}


def statuses(found: dict[Any, Any]) -> dict[Any, int]:
    return {name: one["status"] for name, one in found.items()}


def keys(state: State) -> list[str]:
    return [row["Prompt_Key"] for row in state.rows("AIQ_POSPrompts")]


def test_06_a_code_is_upper_case_and_trimmed_and_a_long_text_is_refused(http: Http, state: State) -> None:
    sent = {**PROMPT, "Prompt_Key": " k1 ", "Text_1": " Join? "}
    row = http.ask("POST", PROMPTS, json=sent).json()
    assert (row["Prompt_Key"], row["Text_1"]) == ("K1", " Join? ")
    for long in ({"Text_1": "x" * 101}, {"Prompt_Key": "x" * 21}):
        refused = http.ask("POST", PROMPTS, json={**PROMPT, "Prompt_Key": "K2", **long})
        assert refusal(refused) == (400, "Application_StringExceededLength")
    assert keys(state) == ["K1"]


def test_08_a_change_needs_a_fresh_tag(http: Http, state: State) -> None:
    first = http.ask("POST", PROMPTS, json=PROMPT).json()["@odata.etag"]

    def change(text: str, **headers: str) -> Any:
        return http.ask("PATCH", PROMPT_AT, json={"Text_1": text}, headers=headers)

    assert refusal(change("a")) == (400, "BadRequest_InvalidToken")
    assert refusal(change("a", **{"If-Match": first.removeprefix("W/")})) == (400, "BadRequest_InvalidToken")
    assert change("b", **{"If-Match": first}).status_code == 200
    assert refusal(change("c", **{"If-Match": first})) == (409, "Request_EntityChanged")
    assert change("d", **{"If-Match": "*"}).json()["Text_1"] == "d"


def test_09_a_delete_compares_only_a_tag_that_is_sent(http: Http) -> None:
    http.ask("POST", PROMPTS, json=PROMPT)
    assert refusal(http.ask("DELETE", PROMPT_AT, headers={"If-Match": STALE})) == (409, "Request_EntityChanged")
    deleted = http.ask("DELETE", PROMPT_AT)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert refusal(http.ask("GET", PROMPT_AT)) == (404, "Internal_RecordNotFound")


def test_10_an_insert_gives_the_filled_row_and_its_address(http: Http) -> None:
    created = http.ask("POST", PROMPTS, json=PROMPT)
    row = created.json()
    assert created.status_code == 201
    assert (row["Kind"], row["Answer"], row["Priority"]) == ("Confirm", " ", 0)
    assert http.get(created.headers["location"].removeprefix(http.url))["Text_1"] == "Join?"
    silent = http.ask(
        "POST", PROMPTS, json={**PROMPT, "Prompt_Key": "K2"}, headers={"Prefer": "return-no-content"}
    )
    assert (silent.status_code, silent.content) == (204, b"")


@pytest.mark.parametrize("status", [400, 409])
def test_10_a_duplicate_key_has_the_status_of_the_switch(http: Http, state: State, status: int) -> None:
    http.switch(duplicate_status=status)
    http.ask("POST", PROMPTS, json=PROMPT)
    again = http.ask("POST", PROMPTS, json={**PROMPT, "Prompt_Key": "k1", "Text_1": "Other"})
    assert refusal(again) == (status, "Internal_EntityWithSameKeyExists")
    assert [row["Text_1"] for row in state.rows("AIQ_POSPrompts")] == ["Join?"]


def test_11_a_read_only_field_is_refused_with_the_fields_beside_it(http: Http, state: State) -> None:
    http.ask("POST", PROMPTS, json=PROMPT)
    for change in ({"Text_1": "new", "Answer": "Yes"}, {"Prompt_Key": "K2"}):
        refused = http.ask("PATCH", PROMPT_AT, json=change, headers={"If-Match": "*"})
        assert refusal(refused) == (400, "BadRequest_InvalidOperation")
    assert [(row["Text_1"], row["Answer"]) for row in state.rows("AIQ_POSPrompts")] == [("Join?", " ")]
    refused = http.ask("PATCH", PROMPT_AT, json={"Nope": 1}, headers={"If-Match": "*"})
    assert refusal(refused) == (400, "BadRequest")


def test_12_the_pages_own_code_can_refuse_a_row_and_nothing_is_written(http: Http, state: State) -> None:
    rule = {"page": "AIQ_POSPrompts", "filter": "startswith(Text_1,'Bad')", "message": "Not this text."}
    http.switch(validation=[rule])
    assert http.ask("POST", PROMPTS, json=PROMPT).status_code == 201
    for refused in (
        http.ask("POST", PROMPTS, json={**PROMPT, "Prompt_Key": "K2", "Text_1": "Bad one"}),
        http.ask("PATCH", PROMPT_AT, json={"Text_1": "Bad two"}, headers={"If-Match": "*"}),
    ):
        assert refusal(refused) == (400, "Application_DialogException")
        assert refused.json()["error"]["message"].startswith("Not this text.")
    assert [row["Text_1"] for row in state.rows("AIQ_POSPrompts")] == ["Join?"]


# ---- 17: $batch --------------------------------------------------------------------------------------------------


def test_17_a_batch_answers_each_part_under_its_id(http: Http, state: State) -> None:
    here = {"Company": "CRONUS Cannabis"}
    found = batch(
        http,
        insert("K1"),
        {"id": "read", "method": "GET", "url": "AIQ_POSPrompts?$select=Prompt_Key", "headers": here},
        {"id": "change", "method": "PATCH", "url": PROMPT_AT, "headers": {"If-Match": "*"}, "body": {"Text_1": "x"}},
        {"id": "act", "method": "POST", "url": "AIQ_Worker_Version", "headers": here, "body": {"Profile": ""}},
        {"id": "gone", "method": "DELETE", "url": http.url + PROMPT_AT},
    )
    assert statuses(found) == {"k1": 201, "read": 200, "change": 200, "act": 200, "gone": 204}
    assert found["k1"]["headers"]["etag"] == found["k1"]["body"]["@odata.etag"]
    assert [row["Prompt_Key"] for row in found["read"]["body"]["value"]] == ["K1"]
    assert "body" not in found["gone"]
    assert keys(state) == []


def test_17_a_batch_without_ids_answers_with_null(http: Http) -> None:
    part = {name: value for name, value in insert("K1").items() if name != "id"}
    assert list(batch(http, part)) == [None]


def test_17_without_snapshot_each_part_stands_alone_and_the_first_failure_ends_it(http: Http, state: State) -> None:
    parts = [insert("K1"), insert("K2", Text_1="x" * 101), insert("K3")]
    assert statuses(batch(http, *parts)) == {"k1": 201, "k2": 400}
    assert keys(state) == ["K1"]
    state.delete("AIQ_POSPrompts", "R1", "K1")
    found = batch(http, *parts, Prefer="odata.continue-on-error")
    assert statuses(found) == {"k1": 201, "k2": 400, "k3": 201}
    assert keys(state) == ["K1", "K3"]


@pytest.mark.parametrize(
    ("answers", "shown"), [("all", {"k1": 201, "k2": 400, "k3": 201}), ("failed", {"k1": 201, "k2": 400})]
)
def test_17_a_snapshot_undoes_all_and_still_shows_201(
    http: Http, state: State, answers: str, shown: dict[str, int]
) -> None:
    http.switch(batch_answers=answers)
    found = batch(http, insert("K1"), insert("K2", Nope=1), insert("K3"), Isolation="snapshot")
    assert statuses(found) == shown
    assert keys(state) == []
    assert statuses(batch(http, insert("K1"), insert("K2"), Isolation="snapshot")) == {"k1": 201, "k2": 201}
    assert keys(state) == ["K1", "K2"]


def test_17_a_snapshot_whose_first_part_fails_answers_that_part_alone(http: Http, state: State) -> None:
    found = batch(http, insert("K1", Nope=1), insert("K2"), insert("K3"), Isolation="snapshot")
    assert statuses(found) == {"k1": 400}
    assert found["k1"]["body"]["error"]["code"] == "BadRequest"
    assert keys(state) == []


def test_17_a_hundred_parts_pass_and_one_more_is_a_500_for_all(http: Http, state: State) -> None:
    parts = [insert(f"K{number}") for number in range(101)]
    refused = http.ask("POST", ROOT + "$batch", json={"requests": parts})
    assert refusal(refused) == (500, "Internal_ServerError")
    assert keys(state) == []
    assert set(statuses(batch(http, *parts[:100])).values()) == {201}
    assert len(keys(state)) == 100


def test_17_an_older_server_ignores_the_snapshot_and_nav_takes_no_batch(http: Http, state: State) -> None:
    http.switch(batch="single")
    found = batch(http, insert("K1"), insert("K2", Nope=1), Isolation="snapshot")
    assert statuses(found) == {"k1": 201, "k2": 400}
    assert keys(state) == ["K1"]
    http.switch(batch="none")
    refused = http.ask("POST", ROOT + "$batch", json={"requests": [insert("K1")]})
    assert refusal(refused) == (501, "BadRequest_MethodNotImplemented")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"requests": [{"id": "1", "method": "POST", "url": "$batch", "body": {}}]}, 400),
        ({"requests": [{"id": "1", "method": "GET", "url": "http://elsewhere.test/NAV/ODataV4/AIQ_Sale"}]}, 400),
        ({"requests": [{"id": "1", "method": "GET", "url": "/_sim/state"}]}, 400),
        ({"requests": [{"id": "1", "method": "BREW", "url": "AIQ_Sale"}]}, 400),
        ({"requests": [{"id": "1", "method": "GET", "url": "http://["}]}, 400),
        ({"requests": [{**insert("K1"), "headers": ["If-Match"]}]}, 400),
        ({"requests": [insert("K1"), insert("K1")]}, 400),
        ([1], 400),
    ],
)
def test_17_a_batch_that_makes_no_sense_is_refused_whole(http: Http, state: State, body: Any, status: int) -> None:
    assert http.ask("POST", ROOT + "$batch", json=body).status_code == status
    assert keys(state) == []


# ---- 18 and 19: actions ------------------------------------------------------------------------------------------

WAIT = ROOT + "AIQ_Worker_WaitForChange?company=CRONUS%20Cannabis"


def test_18_an_unbound_action_answers_its_value(http: Http, state: State) -> None:
    mark = state.put("AIQ_Sale", {"Receipt_No": "R1"})["Change_Mark"]
    answer = http.ask("POST", WAIT, json={"After": mark - 1, "MaxMs": 20000})
    assert answer.json() == {"@odata.context": f"{http.url}{ROOT}$metadata#Edm.Int64", "value": mark}
    assert http.ask("POST", WAIT, json={"After": mark, "MaxMs": 0}).json()["value"] == mark


def test_18_an_action_waits_for_what_another_caller_commits(http: Http, state: State) -> None:
    mark = state.put("AIQ_Sale", {"Receipt_No": "R1"})["Change_Mark"]
    def later() -> None:
        if state.wait_until(lambda: "POST AIQ_Worker_WaitForChange" in state.doc("nav.requests", {}), 20):
            state.put("AIQ_Sale", {"Receipt_No": "R2"})

    other = threading.Thread(target=later)
    other.start()
    found = http.ask("POST", WAIT, json={"After": mark, "MaxMs": 20000}).json()["value"]
    other.join()
    assert found == mark + 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"After": 1}, "The parameter 'MaxMs'"),
        ({}, "The parameter 'After'"),
        (None, "The parameter 'After'"),
        ({"After": 1, "MaxMs": 1, "Then": 2}, "The parameter 'Then'"),
        ({"After": "1", "MaxMs": 1}, "Cannot convert"),
        ([1, 2], "a JSON object"),
    ],
)
def test_18_a_missing_or_wrong_argument_is_a_400(http: Http, body: Any, why: str) -> None:
    refused = http.ask("POST", WAIT, json=body)
    assert refusal(refused) == (400, "BadRequest")
    assert why in refused.text


def test_18_an_action_wants_its_company_its_name_and_a_post(http: Http) -> None:
    at = ROOT + "AIQ_Worker_Version"
    assert http.ask("POST", at + "?company=CRONUS%20Cannabis", json={"Profile": ""}).json()["value"] == "1.0.0.0"
    refused = http.ask("POST", at + "?company=Other", json={"Profile": ""})
    assert refusal(refused) == (404, "Internal_CompanyNotFound")
    assert http.ask("GET", at).status_code == 405
    assert refusal(http.ask("POST", ROOT + "AIQ_Worker_Nope", json={})) == (404, "BadRequest_ResourceNotFound")


def test_18_an_action_that_returns_nothing_answers_204(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    forget = Function("Forget", (), None, "Returns nothing.")
    monkeypatch.setattr(codeunits, "CODEUNITS", (Codeunit("AIQ_Worker", "AIQ Worker", (forget,)),))
    monkeypatch.setitem(codeunits._BODIES, ("AIQ_Worker", "Forget"), lambda state, arguments: codeunits.Result())
    answer = http.ask("POST", ROOT + "AIQ_Worker_Forget?company=CRONUS%20Cannabis")
    assert (answer.status_code, answer.content) == (204, b"")


def test_19_a_bound_action_changes_its_row(http: Http, state: State) -> None:
    silent = {"page": "AIQ_POSPrompts", "name": "Answer", "set": {"Answer": "Yes"}}
    telling = {"page": "AIQ_POSPrompts", "name": "Count", "value": "1"}
    http.switch(bound_actions=[silent, telling])
    http.ask("POST", PROMPTS, json=PROMPT)
    assert http.ask("POST", f"{PROMPT_AT}/NAV.Count").json()["value"] == "1"
    refused = http.ask("POST", f"{PROMPT_AT}/NAV.Answer", headers={"If-Match": STALE})
    assert refusal(refused) == (409, "Request_EntityChanged")
    assert state.rows("AIQ_POSPrompts")[0]["Answer"] == " "
    assert http.ask("POST", f"{PROMPT_AT}/NAV.answer").status_code == 204
    assert state.rows("AIQ_POSPrompts")[0]["Answer"] == "Yes"


def test_19_an_unknown_bound_action_is_404_and_on_a_page_without_any_501(http: Http, state: State) -> None:
    http.switch(bound_actions=[{"page": "AIQ_POSPrompts", "name": "Count", "value": "1"}])
    http.ask("POST", PROMPTS, json=PROMPT)
    state.put("AIQ_Sale", {"Receipt_No": "R1"})
    for name in ("NAV.Nope", "Microsoft.NAV.Count"):
        assert refusal(http.ask("POST", f"{PROMPT_AT}/{name}")) == (404, "BadRequest_ResourceNotFound")
    assert http.ask("GET", f"{PROMPT_AT}/NAV.Count").status_code == 405
    refused = http.ask("POST", NAV + "AIQ_Sale('R1')/NAV.Count")
    assert refusal(refused) == (501, "BadRequest_MethodNotImplemented")
