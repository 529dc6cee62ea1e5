"""What the simulated NAV finds: filters, options, pages of a set."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

import pytest

from navplugin.simulator.call import Call
from navplugin.simulator.odata import NavFace
from navplugin.simulator.state import State
from tests.unit.sim_odata_face import COMPANY, Ask, code, filtered, receipts, sales, told

# ---- filters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("Receipt_No eq 'R2'", ["R2"]),
        ("Receipt_No eq ' r2'", ["R2"]),
        ("Receipt_No ne 'R2'", ["R1", "R3", "R4"]),
        ("Change_Mark gt 2", ["R3", "R4"]),
        ("Change_Mark ge 2 and Change_Mark lt 4", ["R2", "R3"]),
        ("(Store_No eq 'S1' or Store_No eq 'S3') and Change_Mark le 1", ["R1"]),
        ("Receipt_No eq 'R1' or Receipt_No eq 'R4'", ["R1", "R4"]),
        ("startswith(Receipt_No,'r')", ["R1", "R2", "R3", "R4"]),
        ("endswith(Receipt_No,'3')", ["R3"]),
        ("contains(Staff_ID,'T4')", ["R4"]),
        ("State eq 'SALES'", ["R1", "R2", "R3", "R4"]),
        ("Event_At lt 2026-01-01T00:00:00Z", ["R1", "R2", "R3", "R4"]),
        ("Receipt_No eq null", []),
        ("Receipt_No ne null", ["R1", "R2", "R3", "R4"]),
        ("Event_At eq 0001-01-01T00:00:00Z", ["R1", "R2", "R3", "R4"]),
        ("Sale_GUID eq 00000000-0000-0000-0000-000000000000", ["R1", "R2", "R3", "R4"]),
    ],
)
def test_a_filter_finds(ask: Ask, state: State, expression, found) -> None:
    sales(state, 4)
    assert receipts(ask, expression) == found


def test_text_is_compared_with_case_unless_folded(ask: Ask, state: State) -> None:
    state.put("AIQ_Members", {"Card_No": "M1", "First_Name": "Ann", "Date_of_Birth": date(1990, 5, 1)})
    for expression, count in (
        ("First_Name eq 'ann'", 0),
        ("tolower(First_Name) eq 'ann'", 1),
        ("First_Name eq 'Ann' and Blocked eq false", 1),
        ("Date_of_Birth eq 1990-05-01", 1),
        ("Date_of_Birth gt 1990-05-01", 0),
    ):
        assert len(filtered(ask, "AIQ_Members", expression)) == count, expression


def test_a_quote_in_a_literal_is_doubled(ask: Ask, state: State) -> None:
    state.put("AIQ_Members", {"Card_No": "M1", "Surname": "O'Hara"})
    assert len(filtered(ask, "AIQ_Members", "Surname eq 'O''Hara'")) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "Receipt_No eq R2",
        "Receipt_No eq 2",
        "Change_Mark gt '2'",
        "Change_Mark gt 2.5",
        "Event_At gt '2026-01-01T00:00:00Z'",
        "Event_At gt 2026-01-01",
        "Event_At gt 2026-13-01T00:00:00Z",
        "Nothing eq 'R2'",
        "Receipt_No eq 'R2",
        "Receipt_No like 'R2'",
        "Receipt_No eq",
        "Receipt_No eq 'R2' Store_No eq 'S1'",
        "(Receipt_No eq 'R2'",
        "contains(Change_Mark,'2')",
        "State eq 'OPEN'",
        "",
        "(" * 60 + "Receipt_No eq 'R2'" + ")" * 60,
        "tolower(" * 2000 + "Receipt_No" + ")" * 2000 + " eq 'R2'",
    ],
)
def test_a_wrong_filter_is_a_bad_request(ask: Ask, state: State, expression) -> None:
    sales(state, 2)
    assert ask("GET", f"{COMPANY}/AIQ_Sale?$filter={quote(expression, safe='')}").status == 400


@pytest.mark.parametrize(
    "expression",
    [
        "Receipt_No eq 'R1' or Store_No eq 'S1'",
        "Change_Mark gt 1 or (Change_Mark eq 1 and Receipt_No gt 'R1')",
        "not (Receipt_No eq 'R1')",
    ],
)
def test_what_navs_server_does_not_do_is_a_501(ask: Ask, expression) -> None:
    refused = ask("GET", f"{COMPANY}/AIQ_Sale?$filter={quote(expression, safe='')}")
    assert code(refused) == (501, "BadRequest_MethodNotImplemented")


def test_in_is_ignored_without_the_newer_schema_version(ask: Ask, state: State) -> None:
    sales(state, 3)
    expression = "Receipt_No in ('R1','R2')"
    assert receipts(ask, expression) == ["R1", "R2", "R3"]
    assert receipts(ask, expression, "&$schemaversion=2.1") == ["R1", "R2"]
    assert receipts(ask, "Lines/any(l: l/Quantity gt 1)") == ["R1", "R2", "R3"]


# ---- the other options ---------------------------------------------------------------------------------------------


def test_select_orderby_top_and_count(ask: Ask, state: State) -> None:
    sales(state, 4)
    query = "$select=Receipt_No,Store_No&$orderby=Store_No desc,Receipt_No desc&$top=3&$count=true"
    body = told(ask("GET", f"{COMPANY}/AIQ_Sale?{query.replace(' ', '%20')}"))
    assert [row["Receipt_No"] for row in body["value"]] == ["R4", "R2", "R3"]
    assert set(body["value"][0]) == {"@odata.etag", "Receipt_No", "Store_No"}
    assert body["@odata.count"] == 4
    assert "@odata.nextLink" not in body
    assert ask("GET", f"{COMPANY}/AIQ_Sale/$count").body == b"4"


@pytest.mark.parametrize(
    "query", ["$select=Nope", "$orderby=Nope", "$orderby=Receipt_No%20up", "$top=-1", "$top=x", "$expand=Lines"]
)
def test_a_wrong_option_is_a_bad_request(ask: Ask, query: str) -> None:
    assert code(ask("GET", f"{COMPANY}/AIQ_Sale?{query}")) == (400, "BadRequest")


def test_a_query_keeps_its_own_order(ask: Ask, state: State) -> None:
    refused = ask("GET", f"{COMPANY}/AIQ_Members?$orderby=Surname")
    assert code(refused) == (501, "BadRequest_MethodNotImplemented")
    assert ask("GET", f"{COMPANY}/AIQ_Members?$orderby=Card_No").status == 200


def read_pages(ask: Ask, path: str, **headers: str) -> list[list[str]]:
    pages = []
    while path:
        body = told(ask("GET", path, **headers))
        pages.append([row["Receipt_No"] for row in body["value"]])
        path = body.get("@odata.nextLink", "").removeprefix("http://nav.test:7048/NAV/ODataV4/")
    return pages


def test_a_set_comes_in_pages_of_the_size_that_the_caller_prefers(ask: Ask, state: State) -> None:
    sales(state, 5)
    found = read_pages(ask, f"{COMPANY}/AIQ_Sale?$filter=Change_Mark%20gt%200", prefer="odata.maxpagesize=2")
    assert found == [["R1", "R2"], ["R3", "R4"], ["R5"]]


def test_the_servers_page_size_wins_over_a_larger_wish(ask: Ask, state: State) -> None:
    sales(state, 4)
    state.set_doc("nav.settings", {"page_size": 3})
    assert read_pages(ask, f"{COMPANY}/AIQ_Sale", prefer="odata.maxpagesize=100") == [["R1", "R2", "R3"], ["R4"]]
    body = told(ask("GET", f"{COMPANY}/AIQ_Sale?$top=4"))
    assert "@odata.nextLink" not in body


def test_a_skip_token_of_another_read_is_no_longer_valid(ask: Ask, state: State) -> None:
    sales(state, 3)
    link = told(ask("GET", f"{COMPANY}/AIQ_Sale", prefer="odata.maxpagesize=1"))["@odata.nextLink"]
    token = link.partition("$skiptoken=")[2]
    for query in (f"$filter=Change_Mark%20gt%200&$skiptoken={token}", "$skiptoken=nonsense"):
        assert code(ask("GET", f"{COMPANY}/AIQ_Sale?{query}")) == (400, "SkipTokenIsNoLongerValid")


def test_requests_are_counted_by_method_and_service(face: NavFace, state: State) -> None:
    for method, path in (
        ("GET", f"{COMPANY}/AIQ_Sale"),
        ("GET", "AIQ_Sale"),
        ("PATCH", f"{COMPANY}/AIQ_Sale('R1')"),
        ("GET", ""),
    ):
        face.record(face.name(Call(method, f"/NAV/ODataV4/{path}")))
    assert state.doc("nav.requests") == {"GET AIQ_Sale": 2, "PATCH AIQ_Sale": 1, "GET ServiceRoot": 1}
