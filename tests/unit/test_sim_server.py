"""The simulator over real HTTP: both systems on one port, ordered faults, and the command."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from navplugin.simulator.app import PortInUse, Server, serve
from navplugin.simulator.faults import BadFault
from navplugin.simulator.state import State

PROMPT = {"Receipt_No": "R1", "Prompt_Key": "K1", "Text_1": "Join?"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    opened.set_doc("aiq.personas", [{"contactID": "c1", "mobilePhone": "5550001111", "points": 250, "loyalty": True}])
    opened.set_doc("aiq.templates", [{"id": "77", "posDiscountID": "AP0004", "pointsDeduction": 100, "reusable": True}])
    yield opened
    opened.close()


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = ("AIQ-WORKER", "demo-key")
        session.headers["x-apikey"] = "demo-key"
        session.trust_env = False
        yield session


def nav(server: Server, rest: str = "AIQ_POSPrompts") -> str:
    return f"{server.url}/NAV/ODataV4/Company('CRONUS%20Cannabis')/{rest}"


def redeem(server: Server, http: requests.Session, reference: str) -> requests.Response:
    wallet = http.post(f"{server.url}/api/v2/wallet", json={"phone": "5550001111"}, timeout=30).json()["data"]
    return http.put(f"{wallet['discountTemplates'][0]['redemptionURL']}/{reference}", timeout=30)


def redeemed(state: State) -> list[str]:
    return [one["reference"] for one in state.doc("aiq.redemptions", [])]


def test_one_address_leads_to_both_systems(server: Server, http: requests.Session) -> None:
    index = http.get(server.url, timeout=30).json()
    assert index == {
        "nav": f"{server.url}/NAV/ODataV4",
        "soap": f"{server.url}/NAV/WS",
        "aiq": server.url,
        "control": f"{server.url}/_sim",
    }
    assert len(http.get(index["nav"], timeout=30).json()["value"]) > 1
    assert http.get(index["aiq"] + "/api/v1.1/stores/1234", timeout=30).status_code == 200


def test_an_encoded_slash_in_a_key_arrives_as_part_of_the_key(
    server: Server, state: State, http: requests.Session
) -> None:
    state.put("AIQ_Sale", {"Receipt_No": "A/1"})
    assert http.get(nav(server, "AIQ_Sale('A%2F1')"), timeout=30).json()["Receipt_No"] == "A/1"


def test_the_next_page_is_at_the_address_that_the_caller_used(
    server: Server, state: State, http: requests.Session
) -> None:
    for number in range(3):
        state.put("AIQ_Sale", {"Receipt_No": f"R{number}"})
    first = http.get(nav(server, "AIQ_Sale"), headers={"Prefer": "odata.maxpagesize=2"}, timeout=30).json()
    assert first["@odata.nextLink"].startswith(server.url)
    second = http.get(first["@odata.nextLink"], timeout=30).json()
    assert [row["Receipt_No"] for row in second["value"]] == ["R2"]


def test_a_fault_before_cuts_the_connection_and_nothing_happens(
    server: Server, state: State, http: requests.Session, capfd: pytest.CaptureFixture[str]
) -> None:
    server.faults.add({"call": "nav.POST AIQ_POSPrompts", "fault": "before"})
    with pytest.raises(requests.ConnectionError):
        http.post(nav(server), json=PROMPT, timeout=30)
    assert state.rows("AIQ_POSPrompts") == []
    assert http.post(nav(server), json=PROMPT, timeout=30).status_code == 201
    assert capfd.readouterr() == ("", "")


def test_a_fault_after_cuts_the_connection_but_the_call_took_effect(
    server: Server, state: State, http: requests.Session
) -> None:
    server.faults.add({"call": "aiq.redeem", "fault": "after"})
    with pytest.raises(requests.ConnectionError):
        redeem(server, http, "R1")
    assert redeemed(state) == ["R1"]


def test_a_late_call_takes_effect_after_the_next_answer(server: Server, state: State, http: requests.Session) -> None:
    server.faults.add({"call": "aiq.redeem", "fault": "late"})
    with pytest.raises(requests.ConnectionError):
        redeem(server, http, "R1")
    assert redeemed(state) == []
    listing = f"{server.url}/api/v1.1/redemptions/1234/0/99999999999"
    assert http.get(listing, timeout=30).json()["data"] is None
    assert [one["reference"] for one in http.get(listing, timeout=30).json()["data"]] == ["R1"]


def test_clearing_the_faults_lets_a_late_call_take_effect(server: Server, state: State, http: requests.Session) -> None:
    server.faults.add({"call": "aiq.redeem", "fault": "late", "times": -1})
    with pytest.raises(requests.ConnectionError):
        redeem(server, http, "R1")
    server.faults.clear()
    assert redeemed(state) == ["R1"]
    assert redeem(server, http, "R2").status_code == 200


def test_a_slow_call_outlasts_the_callers_patience_and_ends_with_the_server(
    server: Server, state: State, http: requests.Session
) -> None:
    server.faults.add({"call": "nav.POST", "fault": "slow", "seconds": 600})
    with pytest.raises(requests.Timeout):
        http.post(nav(server), json=PROMPT, timeout=(30, 0.05))
    assert state.wait_until(lambda: "POST AIQ_POSPrompts" in state.doc("nav.requests", {}), 30)
    assert state.rows("AIQ_POSPrompts") == []
    server.stop()
    assert state.wait_until(lambda: state.get("AIQ_POSPrompts", "R1", "K1") is not None, 30)


def test_a_status_fault_answers_in_the_words_of_its_system(server: Server, http: requests.Session) -> None:
    server.faults.add({"call": "nav", "fault": "503"})
    server.faults.add({"call": "aiq.wallet", "fault": "429", "retry_after": 7})
    refused = http.get(nav(server), timeout=30)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "Unknown")
    busy = http.post(f"{server.url}/api/v2/wallet", json={"phone": "5550001111"}, timeout=30)
    assert (busy.status_code, busy.headers["retry-after"], busy.json()["code"]) == (429, "7", 429)


@pytest.mark.parametrize("fault", ["", "503", "html", "torn"])
def test_aiqs_date_is_that_of_its_own_clock_and_navs_is_not(
    server: Server, state: State, http: requests.Session, fault: str
) -> None:
    state.set_doc("aiq.settings", {"clock_skew": -86_400})
    if fault:
        server.faults.add({"call": "aiq", "fault": fault})
    for url, ahead in ((f"{server.url}/api/v1.1/stores/1234", -1), (nav(server), 0)):
        with http.get(url, timeout=30, headers={"x-apikey": "demo-key"}, stream=True) as answer:
            (said,) = answer.raw.headers.getlist("date")
        off = parsedate_to_datetime(said) - state.now() - timedelta(days=ahead)
        assert abs(off) < timedelta(seconds=60)


def test_a_page_of_a_proxy_and_half_an_answer(server: Server, state: State, http: requests.Session) -> None:
    server.faults.add({"call": "nav.POST", "fault": "html"})
    page = http.post(nav(server), json=PROMPT, timeout=30)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert state.rows("AIQ_POSPrompts") == []
    server.faults.add({"call": "nav.POST", "fault": "half"})
    half = http.post(nav(server), json=PROMPT, timeout=30)
    assert half.status_code == 201
    with pytest.raises(requests.JSONDecodeError):
        half.json()
    assert len(state.rows("AIQ_POSPrompts")) == 1


def test_a_fault_can_skip_calls_and_last_for_several(server: Server, http: requests.Session) -> None:
    server.faults.add({"call": "nav.GET AIQ_Sale", "fault": "500", "skip": 1, "times": 2})
    assert http.get(nav(server, "AIQ_POSJournal"), timeout=30).status_code == 200
    found = [http.get(nav(server, "AIQ_Sale"), timeout=30).status_code for _ in range(4)]
    assert found == [200, 500, 500, 200]
    assert server.faults.listed() == []


def test_a_fault_fits_whole_names_only(server: Server, http: requests.Session) -> None:
    server.faults.add({"call": "nav.GET AIQ_POSJournal", "fault": "500", "times": -1})
    assert http.get(nav(server, "AIQ_POSJournalLines"), timeout=30).status_code == 200
    assert http.get(nav(server, "AIQ_POSJournal"), timeout=30).status_code == 500


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"call": "till", "fault": "before"}, "must begin with nav or aiq"),
        ({"call": "nav", "fault": "sometimes"}, "one of before"),
        ({"call": "nav", "fault": "200"}, "status from 400"),
        ({"call": "nav", "fault": "503", "times": 0}, "at least 1"),
        ({"call": "nav", "fault": "503", "skip": -1}, "not negative"),
        ({"call": "nav", "fault": "slow", "seconds": "long"}, "must be a number"),
        ({"call": "nav", "fault": "slow", "seconds": 1e9}, "at most"),
        ({"call": "nav", "fault": "503", "when": "now"}, "not a part of a fault"),
        ({"call": "aiq.redeem", "fault": "body"}, "cannot do without"),
        ({"call": "aiq.redeem", "fault": "body", "body": "no"}, "is dict, not 'no'"),
        ({"call": "aiq.redeem", "fault": "html", "body": {}}, "a part of the fault 'body'"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_reason(state: State, server: Server, fault: Any, why) -> None:
    with pytest.raises(BadFault, match=why):
        server.faults.add(fault)
    assert server.faults.listed() == []


def test_requests_are_counted_even_when_they_fail(server: Server, state: State, http: requests.Session) -> None:
    server.faults.add({"call": "nav.GET", "fault": "503"})
    for _ in range(2):
        http.get(nav(server, "AIQ_Sale"), timeout=30)
    assert state.doc("nav.requests") == {"GET AIQ_Sale": 2}


def test_a_port_that_is_taken_gives_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} is in use"):
            serve(tmp_path, port)
    State(tmp_path).close()


def test_the_command_ends_with_misuse_and_a_sentence_when_it_cannot_start(tmp_path: Path) -> None:
    import typer

    from navplugin.cli.simulate import register

    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = CliRunner().invoke(app, ["simulate", "--port", "0", "--state", str(tmp_path / "file" / "sub")])
    assert result.exit_code == 3
    assert "cannot make the folder" in result.output
    assert "Traceback" not in result.output


def test_both_servers_tell_the_simulated_time(state: State, server: Server, http: requests.Session) -> None:
    state.advance(86400)
    for url in (nav(server), f"{server.url}/api/v2/wallet", server.url):
        told = parsedate_to_datetime(http.get(url, timeout=10).headers["Date"])
        assert 0 <= (state.now() - told).total_seconds() < 60


def test_planted_mistakes_are_those_of_the_published_pages(
    state: State, server: Server, http: requests.Session
) -> None:
    hidden = {"AIQ_POSPrompts": ["Text_1"]}
    rights = {"AIQ_POSPrompts": "md"}
    state.set_doc("nav.settings", {"planted": {"unpublished": ["AIQ_Sale"], "hidden": hidden, "rights": rights}})
    assert http.get(nav(server, "AIQ_Sale"), timeout=10).status_code == 404
    assert http.get(nav(server), timeout=10).status_code == 200
    assert http.get(nav(server) + "?$select=Text_1", timeout=10).status_code == 400
    assert http.post(nav(server), json={"Receipt_No": "R1", "Prompt_Key": "K1"}, timeout=10).status_code == 405
    document = http.get(f"{server.url}/NAV/ODataV4/$metadata", timeout=10).text
    assert "AIQ_POSPrompts" in document
    assert "AIQ_Sale" not in document
