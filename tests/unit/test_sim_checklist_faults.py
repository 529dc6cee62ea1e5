"""Faults on demand, each at every kind of call, over a real socket (issue: the simulator; simulator.faults)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import requests

from navplugin.simulator.state import State
from tests.unit.sim_http import NAV, PROMPT, PROMPT_AT, PROMPTS, Http

ROOT = "/NAV/ODataV4/"
STATUSES = ("400", "401", "403", "404", "408", "409", "412", "429", "500", "502", "503", "504")
ANY = {"If-Match": "*"}
KEY = {"x-apikey": "demo-key"}
SECOND = {**PROMPT, "Prompt_Key": "K2"}


class Made(NamedTuple):
    """A call by the name under which its fault is ordered; writes: whether it leaves something behind."""

    name: str
    send: Callable[[Http], requests.Response]
    writes: bool


def part(http: Http) -> dict[str, Any]:
    one = {"id": "1", "method": "POST", "url": http.url + PROMPTS, "body": SECOND}
    return {"requests": [one]}


CALLS = (
    Made("nav.GET $metadata", lambda http: http.ask("GET", ROOT + "$metadata"), False),
    Made("nav.GET AIQ_POSPrompts", lambda http: http.ask("GET", PROMPTS), False),
    Made("nav.GET AIQ_POSPrompts", lambda http: http.ask("GET", PROMPT_AT), False),
    Made("nav.GET AIQ_Sale", lambda http: http.ask("GET", "/NAV/OData/AIQ_Sale"), False),
    Made("nav.POST AIQ_POSPrompts", lambda http: http.ask("POST", PROMPTS, json=SECOND), True),
    Made(
        "nav.PATCH AIQ_POSPrompts",
        lambda http: http.ask("PATCH", PROMPT_AT, json={"Text_1": "x"}, headers=ANY), True,
    ),
    Made("nav.DELETE AIQ_POSPrompts", lambda http: http.ask("DELETE", PROMPT_AT), True),
    Made("nav.POST $batch", lambda http: http.ask("POST", ROOT + "$batch", json=part(http)), True),
    Made(
        "nav.POST AIQ_Worker_Version",
        lambda http: http.ask("POST", ROOT + "AIQ_Worker_Version", json={"Profile": ""}), False,
    ),
    Made(
        "aiq.signup",
        lambda http: http.ask(
            "POST", "/api/v2/loyalty", json={"mobilePhone": "5550199999", "loyalty": True}, headers=KEY
        ), True,
    ),
)  # fmt: skip


def fresh(http: Http) -> None:
    http.post("/_sim/reset")
    assert http.ask("POST", PROMPTS, json=PROMPT).status_code == 201


def content(state: State) -> Any:
    prompts = [(row["Prompt_Key"], row["Text_1"]) for row in state.rows("AIQ_POSPrompts")]
    return prompts, sorted(one["mobilePhone"] for one in state.doc("aiq.personas"))


@pytest.mark.parametrize("made", CALLS, ids=lambda made: made.name)
def test_every_call_can_be_cut_before_and_after_its_effect(http: Http, state: State, made: Made) -> None:
    for kind in ("before", "after"):
        fresh(http)
        before = content(state)
        http.post("/_sim/faults", {"call": made.name, "fault": kind})
        with pytest.raises(requests.ConnectionError):
            made.send(http)
        assert (content(state) != before) is (made.writes and kind == "after")


@pytest.mark.parametrize("made", CALLS, ids=lambda made: made.name)
def test_every_call_can_be_torn_in_the_middle_of_its_answer(http: Http, state: State, made: Made) -> None:
    fresh(http)
    before = content(state)
    http.post("/_sim/faults", {"call": made.name, "fault": "torn"})
    nothing = made.name.startswith("nav.DELETE")
    with pytest.raises(requests.ConnectionError if nothing else requests.exceptions.ChunkedEncodingError):
        made.send(http)
    assert (content(state) != before) is made.writes


@pytest.mark.parametrize("made", CALLS, ids=lambda made: made.name)
def test_every_call_can_take_effect_late(http: Http, state: State, made: Made) -> None:
    fresh(http)
    before = content(state)
    http.post("/_sim/faults", {"call": made.name, "fault": "late"})
    with pytest.raises(requests.ConnectionError):
        made.send(http)
    assert content(state) == before
    system = made.name.partition(".")[0]
    unlike = NAV + "AIQ_Setup" if system == "nav" else "/api/v1.1/stores/1234"
    assert http.ask("GET", unlike, headers=KEY).status_code == 200
    assert (content(state) != before) is made.writes


@pytest.mark.parametrize("made", CALLS, ids=lambda made: made.name)
def test_every_call_can_be_slow_and_its_effect_comes_with_the_answer(http: Http, state: State, made: Made) -> None:
    fresh(http)
    before = content(state)
    http.post("/_sim/faults", {"call": made.name, "fault": "slow", "seconds": 0.01})
    assert made.send(http).ok
    assert (content(state) != before) is made.writes


@pytest.mark.parametrize("made", CALLS, ids=lambda made: made.name)
def test_every_call_can_get_every_status(http: Http, state: State, made: Made) -> None:
    fresh(http)
    before = content(state)
    for status in STATUSES:
        http.post("/_sim/faults", {"call": made.name, "fault": status})
        refused = made.send(http)
        assert refused.status_code == int(status)
        assert refused.json()
    assert content(state) == before
    assert made.send(http).ok


@pytest.mark.parametrize("made", CALLS, ids=lambda made: made.name)
def test_every_call_can_be_answered_with_any_object_with_and_without_its_effect(
    http: Http, state: State, made: Made
) -> None:
    body = {"errors": [{"message": "no"}], "left": 0.25}
    for effect in (False, True):
        fresh(http)
        before = content(state)
        http.post("/_sim/faults", {"call": made.name, "fault": "body", "body": body, "effect": effect})
        answer = made.send(http)
        assert (answer.status_code, answer.json()) == (200, body)
        assert (content(state) != before) is (made.writes and effect)
    http.post("/_sim/faults", {"call": made.name, "fault": "body", "body": {}, "status": 202})
    assert made.send(http).status_code == 202


@pytest.mark.parametrize("made", CALLS, ids=lambda made: made.name)
def test_every_call_can_get_a_page_of_a_proxy_or_half_its_answer(http: Http, state: State, made: Made) -> None:
    fresh(http)
    before = content(state)
    http.post("/_sim/faults", {"call": made.name, "fault": "html"})
    page = made.send(http)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert content(state) == before
    http.post("/_sim/faults", {"call": made.name, "fault": "half"})
    half = made.send(http)
    assert half.ok
    assert (content(state) != before) is made.writes
    if made.name.startswith("nav.DELETE"):
        return
    assert half.content
    if "json" in half.headers["content-type"]:
        with pytest.raises(json.JSONDecodeError):
            json.loads(half.content)
    else:
        assert not half.content.rstrip().endswith(b"</edmx:Edmx>")
