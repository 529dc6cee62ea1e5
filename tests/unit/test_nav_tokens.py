"""OAuth2 client credentials: msal against a token service with a certificate of its own authority."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from navplugin.core.errors import AuthFailed, Busy, Misconfigured, NavpluginError, ProtocolError, Unreachable
from navplugin.nav.channel import Channel, Request, Response
from navplugin.nav.session import NavSettings
from navplugin.nav.signin import SignIn, advice, authenticator, secrets_of
from navplugin.wire import new_session
from tests.nav_site import connect
from tests.unit.token_service import CLIENT, SECRET, TENANT, Site, serve

AUTHORITY = trustme.CA()


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(AUTHORITY) as running:
        yield running


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


def sign_in(site: Site, **other: Any) -> SignIn:
    return SignIn("oauth", CLIENT, SECRET, **{"tenant": TENANT, "authority": site.url, **other})


def channel(site: Site, ca_file: str, **other: Any) -> Channel:
    session, who = new_session(ca_file), sign_in(site, **other)
    session.auth = authenticator(who, ca_file)
    return Channel(session, secrets=secrets_of(who), advice=advice(who))


def read(via: Channel, site: Site) -> Response:
    return via.exchange(Request("GET", f"{site.url}/nav/AIQ_Sale", "AIQ_Sale read", True))


def write(via: Channel, site: Site) -> Response:
    return via.exchange(Request("POST", f"{site.url}/nav/AIQ_Sale", "AIQ_Sale insert", False, b"row"))


def test_one_token_serves_many_calls(site: Site, ca_file: str) -> None:
    settings = NavSettings(f"{site.url}/nav", "C", sign_in(site), ca_file=ca_file, discover=False)
    reader, _ = connect(settings)
    for _ in range(10):
        assert reader.read_rows("AIQ_Setup", {}) == []
    assert site.tokens == ["token-1"]
    assert [token for token, _ in site.nav] == ["token-1"] * 10
    assert site.forms[0]["scope"] == ["https://api.businesscentral.dynamics.com/.default"]
    assert site.forms[0]["grant_type"] == ["client_credentials"]


def test_a_token_about_to_expire_is_fetched_again_before_the_call(site: Site, ca_file: str) -> None:
    site.expires_in = 200  # msal renews what lives less than five minutes more
    via = channel(site, ca_file)
    assert [read(via, site).status, read(via, site).status] == [200, 200]
    assert [token for token, _ in site.nav] == ["token-1", "token-2"]


def test_a_refused_token_is_replaced_once_and_the_write_is_done_once(site: Site, ca_file: str) -> None:
    via = channel(site, ca_file)
    read(via, site)
    site.valid.clear()
    assert write(via, site).status == 200
    assert site.nav[1:] == [("token-1", b"row"), ("token-2", b"row")]
    assert site.done == [b"", b"row"]


def test_nav_that_refuses_every_token_is_asked_twice_and_no_more(site: Site, ca_file: str) -> None:
    site.refuses_all = True
    settings = NavSettings(f"{site.url}/nav", "C", sign_in(site), ca_file=ca_file, discover=False)
    with pytest.raises(AuthFailed, match=r"Microsoft Entra Applications.*SUPER.*ValidAudiences"):
        connect(settings)[0].read_rows("AIQ_Setup", {})
    assert [token for token, _ in site.nav] == ["token-1", "token-2"]


def test_a_wrong_secret_is_explained_and_shown_nowhere(
    site: Site, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.secret = "another"
    with pytest.raises(AuthFailed, match=r"invalid_client AADSTS7000215.*store the secret's value") as caught:
        write(channel(site, ca_file), site)
    assert site.forms[0]["client_secret"] == [SECRET]
    assert not [s for s in secrets_of(sign_in(site)) if s in f"{caplog.text}{caught.value}{caught.value.__cause__}"]
    assert site.nav == []


def test_no_token_reaches_the_log(site: Site, ca_file: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert read(channel(site, ca_file), site).status == 200
    assert "token-1" not in caplog.text
    assert SECRET not in caplog.text


def test_the_token_service_cannot_send_us_to_another_host(site: Site, ca_file: str) -> None:
    with serve(AUTHORITY) as other:
        site.token_host = other.url
        with pytest.raises(ProtocolError, match="another server"):
            read(channel(site, ca_file), site)
        assert other.forms == []
    assert site.nav == []


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((302, "text/html", ""), ProtocolError, "no token service"),
        ((200, "text/html", "<html>sign in</html>"), ProtocolError, "no token service"),
        ((200, "application/json", "[]"), ProtocolError, "no token service"),
        ((200, "application/json", '{"a":' + "[" * 100_000), ProtocolError, "no token service"),
        ((200, "application/json", '"' + "x" * 2**20 + '"'), ProtocolError, "no token service"),
        ((200, "application/json", "{}"), AuthFailed, "no token"),
        ((200, "application/json", '{"access_token": "a\\nb", "expires_in": 3600}'), AuthFailed, "no token"),
        ((400, "application/json", '{"error": "temporarily_unavailable"}'), Busy, "asked again later"),
        ((400, "application/json", '{"error": ["s3cret"], "error_codes": "x"}'), AuthFailed, r"\(no token\)"),
        ((429, "application/json", "{}"), Busy, "429"),
        ((503, "text/html", "down"), Busy, "503"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_other_answer_is_a_typed_error_and_nav_is_not_asked(
    site: Site, ca_file: str, answer: tuple[int, str, str], kind: type[NavpluginError], said: str
) -> None:
    site.token_answer = answer
    with pytest.raises(kind, match=said) as caught:
        write(channel(site, ca_file), site)
    assert "s3cret" not in str(caught.value)
    assert site.nav == []
    if answer[0] in (429, 503):
        assert caught.value.retry_after == 7.0


def test_an_unknown_tenant_is_a_wrong_setting(site: Site, ca_file: str) -> None:
    with pytest.raises(Misconfigured, match="tenant"):
        read(channel(site, ca_file, tenant="nobody.example"), site)


def test_a_token_service_that_is_down_or_not_trusted_leaves_the_write_undone(site: Site, ca_file: str) -> None:
    with serve(AUTHORITY) as gone:
        pass
    with pytest.raises(Unreachable, match="gives no answer"):
        write(channel(gone, ca_file), site)
    with pytest.raises(Unreachable, match="ca-file"):
        write(channel(site, ""), site)
    assert site.nav == []


def test_tokens_are_asked_for_over_https_only() -> None:
    with pytest.raises(Misconfigured, match="https"):
        authenticator(SignIn("oauth", CLIENT, SECRET, tenant=TENANT, authority="http://127.0.0.1:1"))
