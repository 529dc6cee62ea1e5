"""Sign-in to NAV: Basic on the simulator, NTLM against a real acceptor, kinds whose library is missing."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from navplugin.core.errors import AuthFailed, Misconfigured, NotInstalled, UnknownOutcome, Unreachable
from navplugin.nav.channel import Channel, Request
from navplugin.nav.session import NavSettings
from navplugin.nav.signin import SignIn, advice, authenticator, secrets_of
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.wire import new_session
from tests.nav_site import KEY, connect, simulated
from tests.unit.ntlm_door import DOMAIN, PASSWORD, USER, Door, ntlm_door

KINDS = ("basic", "ntlm", "oauth", "kerberos")
WHO = f"{DOMAIN}\\{USER}"


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    with ntlm_door(tmp_path, monkeypatch) as opened:
        yield opened


def ntlm(user: str = WHO, key: str = PASSWORD) -> SignIn:
    return SignIn("ntlm", user, key)


def channel(sign_in: SignIn) -> Channel:
    session = new_session()
    session.auth = authenticator(sign_in)
    return Channel(session, secrets=secrets_of(sign_in), advice=advice(sign_in))


def test_basic_takes_the_web_service_access_key(tmp_path: Path) -> None:
    state = State(tmp_path)
    server = Server(state)
    server.start()
    try:
        assert connect(simulated(server.url, discover=False))[0].read_rows("AIQ_Setup", {}) == []
        with pytest.raises(AuthFailed, match=r"NavUserPassword.*2022-10-01") as caught:
            connect(simulated(server.url, discover=False, key="wrong-key"))[0].read_rows("AIQ_Setup", {})
        assert "wrong-key" not in str(caught.value)
    finally:
        server.stop()
        state.close()


def test_ntlm_signs_in_a_connection_once_for_many_calls(door: Door) -> None:
    reader, _ = connect(NavSettings(door.url, "C", ntlm(), discover=False))
    for _ in range(20):
        assert reader.read_rows("AIQ_Setup", {}) == []
    assert door.steps == ["unsigned", "negotiate", "authenticate"]
    assert (door.signed_in, door.refused, len(door.done)) == (1, 0, 20)


def test_ntlm_sends_a_write_whole_and_it_is_done_once(door: Door) -> None:
    body = b"x" * 100_000
    answer = channel(ntlm()).exchange(Request("POST", f"{door.url}/AIQ_Setup", "AIQ_Setup insert", False, body))
    assert answer.status == 200
    assert door.done == [body]


@pytest.mark.parametrize(
    "sign_in", [ntlm(key="wrong"), ntlm(user=f"{DOMAIN}\\SOMEBODY"), ntlm(user=f"OTHER\\{USER}")], ids=lambda s: s.user
)
def test_ntlm_refuses_a_wrong_password_user_or_domain(door: Door, sign_in: SignIn) -> None:
    reader, _ = connect(NavSettings(door.url, "C", sign_in, discover=False))
    with pytest.raises(AuthFailed, match="ServicesUseNTLMAuthentication"):
        reader.read_rows("AIQ_Setup", {})
    assert (door.signed_in, door.refused, door.done) == (0, 1, [])


def test_ntlm_that_breaks_off_is_a_cut_line_and_a_bad_challenge_a_refusal(door: Door) -> None:
    door.break_off = True
    for reads, kind in ((True, Unreachable), (False, UnknownOutcome)):
        with pytest.raises(kind):
            channel(ntlm()).exchange(Request("GET", door.url, "AIQ_Setup", reads))
    door.break_off, door.garbage = False, True
    with pytest.raises(AuthFailed, match="proxy"):
        channel(ntlm()).exchange(Request("GET", door.url, "AIQ_Setup", True))
    assert door.done == []


def test_ntlm_keeps_the_password_out_of_logs_and_errors(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AuthFailed) as caught:
        connect(NavSettings(door.url, "C", ntlm(key="wrong-pass"), discover=False))[0].read_rows("AIQ_Setup", {})
    assert door.refused == 1
    assert "wrong-pass" not in f"{caplog.text}{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_shows_its_key(kind: str) -> None:
    sign_in = SignIn(kind, "someone", "hush/hush+", tenant="t")
    if kind != "kerberos":
        assert "hush" not in repr(authenticator(sign_in))
    assert "hush" not in repr(sign_in)
    assert {"hush/hush+", "hush%2Fhush%2B"} <= set(secrets_of(sign_in))
    assert "check" in advice(sign_in)


@pytest.mark.parametrize(
    ("kind", "module"), [("ntlm", "requests_ntlm"), ("oauth", "msal"), ("kerberos", "requests_kerberos")]
)
def test_a_missing_library_is_one_sentence_with_the_command(
    kind: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NotInstalled) as caught:
        authenticator(SignIn(kind, WHO, "key", tenant="t"))
    assert f'pip install "navplugin[{kind}]"' in str(caught.value)


def test_basic_refuses_what_nav_cannot_read_without_repeating_the_key() -> None:
    with pytest.raises(Misconfigured, match="Latin-1") as caught:
        authenticator(SignIn("basic", "AIQ", "\u05d0-hush"))
    assert "hush" not in str(caught.value)
    assert secrets_of(SignIn("kerberos", "", "")) == ()
    assert KEY in secrets_of(SignIn("basic", USER, KEY))
