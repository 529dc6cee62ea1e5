"""The simulated NAV's SOAP over real HTTP: zeep as it comes, and every ordered fault (nav-webservices.md 13, 15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import zeep
import zeep.exceptions
from lxml import etree
from zeep.transports import Transport

from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world
from tests.unit.sim_soap_face import COMPANY, ENVELOPE, PROMPT, STRICT

SPACE = "urn:microsoft-dynamics-schemas/page/aiq_posprompts"
CREATE = "nav.SOAP AIQ_POSPrompts Create"


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = ("AIQ-WORKER", "demo-key")
        session.trust_env = False
        yield session


@pytest.fixture
def prompts(server: Server, http: requests.Session) -> Any:
    """zeep's operations of AIQ_POSPrompts, the WSDL fetched by zeep itself."""
    url = f"{server.url}/NAV/WS/{COMPANY}/Page/AIQ_POSPrompts"
    client = zeep.Client(url, transport=Transport(session=http, timeout=30, operation_timeout=30), settings=STRICT)
    return client.create_service(f"{{{SPACE}}}AIQ_POSPrompts_Binding", url)


def order(server: Server, fault: str, **more: Any) -> None:
    server.faults.add({"call": CREATE, "fault": fault, **more})


def stored(state: State) -> list[str]:
    return [row["Prompt_Key"] for row in state.rows("AIQ_POSPrompts")]


def create(server: Server, http: requests.Session) -> requests.Response:
    """The same call without zeep, to see the bare answer."""
    entity = "".join(f"<{name}>{text}</{name}>" for name, text in PROMPT.items())
    call = f'<Create xmlns="{SPACE}"><AIQ_POSPrompts>{entity}</AIQ_POSPrompts></Create>'
    space = ENVELOPE.strip("{}")
    return http.post(
        f"{server.url}/NAV/WS/{COMPANY}/Page/AIQ_POSPrompts",
        f'<s:Envelope xmlns:s="{space}"><s:Body>{call}</s:Body></s:Envelope>'.encode(),
        headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{SPACE}:Create"'},
        timeout=30,
    )


def test_zeep_writes_and_reads_over_real_http(prompts: Any, state: State) -> None:
    made = prompts.Create(PROMPT)
    changed = prompts.Update({"Key": made["Key"], "Text_1": "Æ & <ø>"})
    assert prompts.Read("R1", "K1")["Text_1"] == changed["Text_1"] == "Æ & <ø>"
    with pytest.raises(zeep.exceptions.Fault, match="Other user has modified"):
        prompts.Delete(made["Key"])
    assert prompts.Delete(changed["Key"]) is True
    assert stored(state) == []


def test_what_the_till_writes_is_seen_over_odata_and_soap_alike(
    server: Server, state: State, http: requests.Session, prompts: Any
) -> None:
    prompts.Create(PROMPT)
    rows = http.get(f"{server.url}/NAV/ODataV4/Company('{COMPANY}')/AIQ_POSPrompts", timeout=30).json()["value"]
    assert [row["Text_1"] for row in rows] == ["Join?"]
    headers = {"If-Match": rows[0]["@odata.etag"]}
    address = f"{server.url}/NAV/ODataV4/AIQ_POSPrompts(Receipt_No='R1',Prompt_Key='K1')"
    assert http.patch(address, json={"Text_1": "Two"}, headers=headers, timeout=30).status_code == 200
    assert prompts.Read("R1", "K1")["Text_1"] == "Two"


def test_a_company_with_a_slash_in_its_name_is_found(server: Server, state: State, http: requests.Session) -> None:
    load_world(state, {"company": "A/B & Co."})
    url = f"{server.url}/NAV/WS/A%2FB%20%26%20Co./Page/AIQ_Sale"
    assert http.get(url, timeout=30).status_code == 200
    assert http.get(url.replace("%2F", "/"), timeout=30).status_code == 404


def test_calls_are_counted_by_service_and_operation_even_when_they_fail(
    server: Server, state: State, http: requests.Session, prompts: Any
) -> None:
    order(server, "503")
    create(server, http)
    create(server, http)
    http.get(f"{server.url}/NAV/WS/{COMPANY}/services", timeout=30)
    http.post(f"{server.url}/NAV/WS/SystemService", b"", timeout=30)
    assert state.doc("nav.requests") == {
        "SOAP AIQ_POSPrompts WSDL": 1, "SOAP AIQ_POSPrompts Create": 2, "SOAP services": 1,
        "SOAP SystemService Unknown": 1,
    }  # fmt: skip


def test_a_fault_before_cuts_the_connection_and_nothing_happens(server: Server, state: State, prompts: Any) -> None:
    order(server, "before")
    with pytest.raises(requests.ConnectionError):
        prompts.Create(PROMPT)
    assert stored(state) == []
    assert prompts.Create(PROMPT)["Key"]


def test_a_fault_after_cuts_the_connection_but_the_call_took_effect(
    server: Server, state: State, prompts: Any
) -> None:
    order(server, "after")
    with pytest.raises(requests.ConnectionError):
        prompts.Create(PROMPT)
    assert stored(state) == ["K1"]


def test_a_late_call_takes_effect_after_the_next_answer(server: Server, state: State, prompts: Any) -> None:
    order(server, "late")
    with pytest.raises(requests.ConnectionError):
        prompts.Create(PROMPT)
    assert prompts.Read("R1", "K1") is None
    assert prompts.Read("R1", "K1")["Text_1"] == "Join?"


def test_a_slow_call_outlasts_the_callers_patience_and_ends_with_the_server(
    server: Server, state: State, http: requests.Session, prompts: Any
) -> None:
    order(server, "slow", seconds=600)
    prompts._client.transport.operation_timeout = 0.05
    with pytest.raises(requests.Timeout):
        prompts.Create(PROMPT)
    assert stored(state) == []
    server.stop()
    assert state.wait_until(lambda: stored(state) == ["K1"], 30)


@pytest.mark.parametrize("status", [401, 404, 408, 409, 412, 429, 503, 504])
def test_a_status_of_the_web_server_comes_without_a_message(
    server: Server, state: State, http: requests.Session, prompts: Any, status: int
) -> None:
    order(server, str(status), retry_after=7)
    answer = create(server, http)
    assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (status, b"", "7")
    order(server, str(status))
    with pytest.raises(zeep.exceptions.TransportError) as caught:
        prompts.Create(PROMPT)
    assert caught.value.status_code == status
    assert stored(state) == []


def test_a_status_500_is_a_fault(server: Server, state: State, prompts: Any) -> None:
    order(server, "500")
    with pytest.raises(zeep.exceptions.Fault, match="because the simulator was told so"):
        prompts.Create(PROMPT)
    assert stored(state) == []


def test_point_30_a_page_of_a_proxy_is_no_soap(server: Server, state: State, http: requests.Session) -> None:
    order(server, "html")
    answer = create(server, http)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert stored(state) == []


def test_half_an_answer_is_no_xml_and_the_call_took_effect(
    server: Server, state: State, http: requests.Session
) -> None:
    order(server, "half")
    answer = create(server, http)
    assert answer.status_code == 200
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(answer.content)
    assert stored(state) == ["K1"]


@pytest.mark.parametrize(
    ("call", "hit"),
    [
        ("nav", True), ("nav.SOAP", True), ("nav.SOAP AIQ_POSPrompts", True), (CREATE, True),
        ("nav.SOAP AIQ_POSPrompts CreateMultiple", False), ("nav.SOAP AIQ_POSPrompt", False), ("nav.POST", False),
    ],
)  # fmt: skip
def test_a_fault_fits_whole_names_only(
    server: Server, state: State, http: requests.Session, call: str, hit: bool
) -> None:
    server.faults.add({"call": call, "fault": "503"})
    assert create(server, http).status_code == (503 if hit else 200)


def test_a_wsdl_can_fail_too(server: Server, http: requests.Session) -> None:
    server.faults.add({"call": "nav.SOAP AIQ_POSPrompts WSDL", "fault": "503"})
    url = f"{server.url}/NAV/WS/{COMPANY}/Page/AIQ_POSPrompts"
    assert [http.get(url, timeout=30).status_code for _ in range(2)] == [503, 200]
