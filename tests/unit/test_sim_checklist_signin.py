"""Point 23 of the checklist of nav-webservices.md 15 over real HTTP: Basic, bearer tokens, NTLM."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import typer
from typer.testing import CliRunner

from navplugin.cli.simulate import register
from navplugin.simulator import nav_settings
from navplugin.simulator.app import Server, Settings
from navplugin.simulator.fields import FieldError
from navplugin.simulator.signin import SCOPE
from navplugin.simulator.state import State
from tests.unit.sim_http import NAV, PROMPT, PROMPTS, Http, refusal

SALES = NAV + "AIQ_Sale"
TOKEN = "/contoso.example/oauth2/v2.0/token"
FORM = {
    "grant_type": "client_credentials", "client_id": "aiq-worker", "client_secret": "demo-secret", "scope": SCOPE,
}  # fmt: skip


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def plain(http: Http) -> Http:
    """A caller of the same server who has said nothing yet."""
    other = Http(http.url)
    other.session.auth = None
    return other


@pytest.fixture
def caller(http: Http) -> Iterator[Http]:
    other = plain(http)
    yield other
    other.session.close()


def token(caller: Http) -> dict[str, str]:
    given = caller.ask("POST", TOKEN, data=FORM)
    assert given.status_code == 200, given.text
    return {"Authorization": f"Bearer {given.json()['access_token']}"}


def rejected(answer: requests.Response, challenge: str) -> bool:
    assert refusal(answer) == (401, "Authentication_InvalidCredentials")
    assert answer.json()["error"]["message"].startswith("The server has rejected the client credentials.")
    return answer.headers["www-authenticate"].startswith(challenge)


@pytest.mark.parametrize(
    "headers", [{}, basic("AIQ-WORKER:wrong"), basic("OTHER:demo-key"), {"Authorization": "Basic %%%"}]
)
def test_23_basic_wants_the_user_and_the_key(caller: Http, headers: dict[str, str]) -> None:
    assert rejected(caller.ask("GET", SALES, headers=headers), "Basic")
    assert caller.ask("GET", SALES, headers=basic("AIQ-WORKER:demo-key")).status_code == 200


# ---- bearer ------------------------------------------------------------------------------------------------------


def test_23_a_token_opens_the_door_that_basic_does_not(http: Http, caller: Http) -> None:
    http.switch(sign_in="bearer")
    for headers in ({}, basic("AIQ-WORKER:demo-key"), {"Authorization": "Bearer made-up"}):
        assert rejected(caller.ask("GET", SALES, headers=headers), "Bearer")
    assert caller.ask("GET", SALES, headers=token(caller)).status_code == 200


def test_23_a_token_runs_out_in_mid_run_and_a_fresh_one_goes_on(http: Http, caller: Http) -> None:
    http.switch(sign_in="bearer", token_seconds=60)
    assert caller.ask("POST", TOKEN, data=FORM).json()["expires_in"] == 60
    first = token(caller)
    assert caller.ask("POST", PROMPTS, json=PROMPT, headers=first).status_code == 201
    caller.post("/_sim/clock", {"advance": 60})
    assert rejected(caller.ask("GET", PROMPTS, headers=first), "Bearer")
    assert len(caller.ask("GET", PROMPTS, headers=token(caller)).json()["value"]) == 1


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "user.read"}, 400, "invalid_scope"),
    ],
)
def test_23_the_token_endpoint_refuses_as_entra_does(caller: Http, change: Any, status: int, error: str) -> None:
    refused = caller.ask("POST", TOKEN, data={**FORM, **change})
    assert (refused.status_code, refused.json()["error"]) == (status, error)
    assert refused.json()["error_description"].startswith("AADSTS")


def test_23_the_token_endpoint_can_be_found_and_can_fail(http: Http, caller: Http) -> None:
    found = caller.get("/contoso.example/v2.0/.well-known/openid-configuration")
    assert found["token_endpoint"] == http.url + TOKEN
    caller.post("/_sim/faults", {"call": "nav.token", "fault": "503"})
    assert caller.ask("POST", TOKEN, data=FORM).status_code == 503
    assert caller.ask("POST", TOKEN, data=FORM).status_code == 200


def test_23_no_token_is_kept_where_it_could_be_read(http: Http, caller: Http, state: State) -> None:
    given = token(caller)["Authorization"].partition(" ")[2]
    assert given not in str(state.doc("nav.tokens"))
    assert given not in caller.ask("GET", "/_sim/state").text


# ---- NTLM --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ntlm(http: Http, caller: Http) -> Http:
    """A caller of a server that wants NTLM."""
    pytest.importorskip("spnego", reason="pyspnego is not installed (extra ntlm)")
    pytest.importorskip("requests_ntlm", reason="requests-ntlm is not installed (extra ntlm)")
    http.switch(sign_in="ntlm")
    return caller


def signed(user: str, password: str) -> Any:
    from requests_ntlm import HttpNtlmAuth

    return HttpNtlmAuth(user, password)


def test_23_ntlm_lets_the_windows_user_read_and_write(ntlm: Http) -> None:
    ntlm.session.auth = signed("CRONUS\\AIQ-WORKER", "demo-key")
    assert ntlm.ask("POST", PROMPTS, json=PROMPT).status_code == 201
    assert len(ntlm.rows("AIQ_POSPrompts")) == 1


def test_23_ntlm_challenges_first_and_refuses_basic(ntlm: Http) -> None:
    assert rejected(ntlm.ask("GET", SALES), "NTLM")
    assert rejected(ntlm.ask("GET", SALES, headers=basic("AIQ-WORKER:demo-key")), "NTLM")
    for nonsense in ("NTLM %%%", "NTLM AAAA", "NTLM TlRMTVNTUAADAAAA"):
        assert rejected(ntlm.ask("GET", SALES, headers={"Authorization": nonsense}), "NTLM")


@pytest.mark.parametrize(
    ("user", "password"),
    [("CRONUS\\AIQ-WORKER", "wrong"), ("CRONUS\\SOMEBODY", "demo-key"), ("OTHER\\AIQ-WORKER", "demo-key")],
)
def test_23_ntlm_refuses_a_wrong_password_user_or_domain(ntlm: Http, user: str, password: str) -> None:
    ntlm.session.auth = signed(user, password)
    assert rejected(ntlm.ask("GET", SALES), "NTLM")


def test_23_ntlm_signs_in_the_connection_and_not_the_request(ntlm: Http, http: Http) -> None:
    ntlm.session.auth = signed("CRONUS\\AIQ-WORKER", "demo-key")
    first = ntlm.ask("GET", SALES)
    assert [one.status_code for one in (*first.history, first)] == [401, 401, 200]
    ntlm.session.auth = None
    for _ in range(3):
        again = ntlm.ask("GET", SALES)
        assert (again.status_code, again.history) == (200, [])
    ntlm.session.close()
    assert ntlm.ask("GET", SALES).status_code == 401
    other = plain(http)
    assert other.ask("GET", SALES).status_code == 401
    other.session.close()


# ---- the switch --------------------------------------------------------------------------------------------------


def test_23_without_pyspnego_ntlm_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nav_settings, "can_ntlm", lambda: False)
    with pytest.raises(FieldError, match=r"needs the package pyspnego; install navplugin\[ntlm\]"):
        nav_settings.check_settings({"sign_in": "ntlm"})
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    found = CliRunner().invoke(app, ["simulate", "--sign-in", "ntlm", "--state", str(tmp_path)])
    assert found.exit_code == 3
    assert "pyspnego" in found.output


def test_23_the_way_to_sign_in_may_come_from_the_start_or_from_the_world(state: State) -> None:
    server = Server(state, settings=Settings(nav={"sign_in": "bearer"}))
    server.start()
    caller = Http(server.url)
    try:
        assert rejected(caller.ask("GET", SALES), "Bearer")
        caller.switch(sign_in="basic")
        assert caller.ask("GET", SALES).status_code == 200
    finally:
        caller.session.close()
        server.stop()
