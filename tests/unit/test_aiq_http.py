"""Calls to AIQ against a scripted server: outcomes, deadline, addresses, and what must never be shown."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.errors import (
    AuthFailed,
    Busy,
    Misconfigured,
    NavpluginError,
    ProtocolError,
    Refused,
    UnknownOutcome,
    Unreachable,
)
from navplugin.core.model import Claim, LoyaltyStatus, WalletDiscount
from navplugin.core.ports import Contact, Signup
from navplugin.loyalty import AiqProvider
from navplugin.loyalty.aiq import with_reference
from navplugin.loyalty.aiq_http import AiqHttp
from navplugin.wire import new_session
from tests.conftest import ScriptedClock
from tests.unit.test_nav_http import CUT, HANG, Script, reply, script

__all__ = ["script"]

KEY = "k3y-of-the-account-0123456789"
PHONE, MAIL = "5551234567", "ana@example.com"
ANA = Contact(PHONE, MAIL)
TOKEN = "0123456789abcdef0123456789abcdef"
PATH = f"/api/v1.1/discount/redeem/1234/77/{TOKEN}"
CLAIM = Claim("C", "S1", "R1", "g", "AP0004", 1, "M1", "77", "TD1", Decimal("100.5"), Decimal(10))


@pytest.fixture
def make(script: Script, clock: ScriptedClock) -> Iterator[Any]:
    session = new_session()

    def provider(**settings: Any) -> AiqProvider:
        ours: dict[str, Any] = {"deadline": 5.0, "pause": lambda _: None, **settings}
        return AiqProvider(script.url, "1234", KEY, clock=clock, session=session, **ours)

    yield provider
    session.close()


@pytest.fixture
def aiq(make: Any) -> AiqProvider:
    provider: AiqProvider = make()
    return provider


def discount(script: Script, url: str = "") -> WalletDiscount:
    return WalletDiscount("77", "AP0004", "Ten off", redemption_url=url or script.url + PATH)


def refusal(status: int, message: str = "Not enough points") -> bytes:
    return reply(status, {"success": False, "code": status, "errors": [{"message": message}]})


def test_a_redemption_is_one_put_with_key_and_reference(aiq: AiqProvider, script: Script) -> None:
    script.answers = [reply(200, {"success": True, "data": {"id": "r9"}})]
    assert aiq.send_redemption(discount(script), "R/1 #2") == "r9"
    (sent,) = script.sent
    assert (sent.method, sent.target, sent.body) == ("PUT", PATH + "/R%2F1%20%232", b"")
    assert (sent.headers["x-apikey"], sent.headers["content-type"]) == (KEY, "application/json")


def test_the_reference_can_be_left_out(make: Any, script: Script) -> None:
    script.answers = [reply(200)]
    assert make(append_reference=False).send_redemption(discount(script), "R1") == ""
    assert script.sent[0].target == PATH


def test_the_reference_goes_before_a_query() -> None:
    assert with_reference("https://h/a/t/?x=1#f", "R1") == "https://h/a/t/R1?x=1"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400), Refused),
        (refusal(404), Refused),
        (refusal(409), Refused),
        (reply(200, {"success": False, "errors": [{"message": "Not enough points"}]}), Refused),
        (reply(200, {"success": False, "code": 429}), Busy),
        (reply(200, {"success": False, "code": 403}), AuthFailed),
        (reply(200, {"success": False, "code": 500}), UnknownOutcome),
        (refusal(429), Busy),
        (refusal(401), AuthFailed),
        (refusal(403, "Please provide a valid API key"), AuthFailed),
        (refusal(408), UnknownOutcome),
        (refusal(500), UnknownOutcome),
        (refusal(503), UnknownOutcome),
        (reply(504, b"<html/>", "text/html"), UnknownOutcome),
        (reply(404, b"<html/>", "text/html"), UnknownOutcome),
        (reply(200, b"<html>Sign in</html>", "text/html"), UnknownOutcome),
        (reply(200, b'{"success": tr'), UnknownOutcome),
        (reply(302, b"", Location="http://127.0.0.1:1/"), UnknownOutcome),
        (reply(200, b"{}").replace(b"Content-Length: 2", b"Content-Length: 9\r\nConnection: close"), UnknownOutcome),
        (CUT, UnknownOutcome),
        (HANG, UnknownOutcome),
    ],
)
def test_each_answer_to_a_redemption_has_its_outcome_and_it_is_sent_once(
    make: Any, script: Script, answer: bytes, kind: type[NavpluginError]
) -> None:
    script.answers = [answer]
    slow = answer == HANG or b"Content-Length: 9" in answer
    with pytest.raises(NavpluginError) as caught:
        make(deadline=0.2 if slow else 5.0).send_redemption(discount(script), "R1")
    assert type(caught.value) is kind
    assert len(script.sent) == 1


def test_aiqs_own_sentence_reaches_the_cashier(aiq: AiqProvider, script: Script) -> None:
    script.answers = [refusal(409, "This discount was redeemed before.")]
    with pytest.raises(Refused) as caught:
        aiq.send_redemption(discount(script), "R1")
    assert caught.value.message == "This discount was redeemed before."


def test_aiqs_words_stay_on_one_line(aiq: AiqProvider, script: Script) -> None:
    script.answers = [refusal(409, "Used\nup \x1b[2Jbefore\u2028now")]
    with pytest.raises(Refused) as caught:
        aiq.send_redemption(discount(script), "R1")
    assert caught.value.message == "Used up  [2Jbefore now."


def test_nothing_listens_so_nothing_was_taken(clock: ScriptedClock) -> None:
    aiq = AiqProvider("http://127.0.0.1:1", "1234", KEY, clock=clock)
    with pytest.raises(Unreachable):
        aiq.send_redemption(WalletDiscount("77", "A", "n", redemption_url="http://127.0.0.1:1" + PATH), "R1")


@pytest.mark.parametrize(
    "url",
    ["https://evil.example" + PATH, "http://127.0.0.1:1" + PATH, "//evil.example/x", "http://a:b@127.0.0.1/x",
     "http://[bad/x", "ftp://127.0.0.1/x"],
)  # fmt: skip
def test_the_key_goes_to_no_other_host(aiq: AiqProvider, script: Script, url: str) -> None:
    with pytest.raises(Refused, match=r"own host|address"):
        aiq.send_redemption(discount(script, url), "R1")
    assert script.sent == []


@pytest.mark.parametrize("reference", ["", ".", ".."])
def test_a_number_that_would_change_the_address_is_not_sent(aiq: AiqProvider, script: Script, reference: str) -> None:
    with pytest.raises(Refused):
        aiq.send_redemption(discount(script), reference)
    assert script.sent == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(403), AuthFailed),
        (refusal(429), Busy),
        (refusal(503), Busy),
        (refusal(500), ProtocolError),
        (refusal(400), Refused),
        (reply(200, b"<html/>", "text/html"), ProtocolError),
        (reply(404, b"<html/>", "text/html"), ProtocolError),
        (reply(200, b'{"da'), ProtocolError),
        (reply(200, {"data": {"loyaltyPoints": "x"}}), ProtocolError),
        (reply(301, b"", Location="/x"), ProtocolError),
        (CUT, Unreachable),
    ],
)
def test_each_bad_answer_to_a_wallet_has_its_error(
    aiq: AiqProvider, script: Script, answer: bytes, kind: type[NavpluginError]
) -> None:
    script.answers = [answer]
    with pytest.raises(NavpluginError) as caught:
        aiq.fetch_wallet(ANA)
    assert type(caught.value) is kind


def test_a_body_that_drips_past_the_deadline_is_given_up(script: Script) -> None:
    seconds = iter([0.0, 1.0, 9.0, 9.0])
    http = AiqHttp(script.url, KEY, monotonic=lambda: next(seconds))
    script.answers = [reply(200, b"{}").replace(b"Content-Length: 2", b"Content-Length: 3")]
    with pytest.raises(UnknownOutcome, match="ReadTimeout"):
        http.write("PUT", "/x", "redemption")


def test_the_phone_is_asked_first_and_then_the_e_mail(aiq: AiqProvider, script: Script) -> None:
    script.answers = [refusal(404), reply(200, {"data": {"loyaltyPoints": "12.5", "contactID": "c1"}})]
    wallet = aiq.fetch_wallet(ANA)
    assert wallet is not None
    assert (wallet.points, wallet.contact_id) == (Decimal("12.5"), "c1")
    assert [json.loads(one.body) for one in script.sent] == [{"phone": PHONE}, {"email": MAIL}]


def test_a_balance_is_as_old_as_its_question(
    aiq: AiqProvider, script: Script, clock: ScriptedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another till may take points while the answer is on its way; they are missing in it, and must be seen to be."""
    script.answers = [reply(200, {"data": {"loyaltyPoints": 600, "contactID": "c1"}})]
    answer = script.next

    def late(request: Any) -> bytes:
        clock.advance(seconds=3)
        return answer(request)

    monkeypatch.setattr(script, "next", late)
    for ask in (lambda: aiq.fetch_wallet(ANA), lambda: aiq.send_pin_answer(ANA, "1234")):
        asked_at, wallet = clock.now(), ask()
        assert wallet is not None
        assert wallet.read_at == asked_at


def test_a_look_up_falls_back_to_post_and_remembers_it(aiq: AiqProvider, script: Script) -> None:
    found = reply(200, {"data": {"contactID": "c1", "loyalty": True}})
    script.answers = [refusal(405), found, found]
    for _ in range(2):
        assert aiq.fetch_status(Contact(PHONE, "")).status is LoyaltyStatus.MEMBER
    assert [one.method for one in script.sent] == ["GET", "POST", "POST"]
    assert script.sent[0].target == f"/api/v2/loyalty/lookup/{PHONE}"


def test_an_e_mail_in_an_address_is_encoded(aiq: AiqProvider, script: Script) -> None:
    script.answers = [reply(200, {"data": None})]
    assert aiq.fetch_status(Contact("", "a/b@example.com")).status is LoyaltyStatus.UNKNOWN
    assert script.sent[0].target == "/api/v2/loyalty/lookup/a%2Fb%40example.com"


def test_consent_that_was_not_given_is_not_sent(make: Any, script: Script) -> None:
    script.answers = [reply(200, {"data": {"contactID": "c1"}})]
    signup = Signup(ANA, "Ana", "Ruiz", "Main Street")
    assert make().send_signup(signup).contact_id == "c1"
    assert json.loads(script.sent[0].body) == {
        "firstName": "Ana", "lastName": "Ruiz", "mobilePhone": PHONE, "email": MAIL, "favoriteStore": "Main Street",
        "source": "365canna", "loyalty": True,
    }  # fmt: skip
    make(source="").send_signup(replace(signup, consent=frozenset({"loyalty", "sms"})))
    sent = json.loads(script.sent[1].body)
    assert (sent["smsoptin"], "emailOptIn" in sent, "source" in sent) == (True, False, False)


def test_an_adjustment_gives_back_the_exact_points(make: Any, script: Script, clock: ScriptedClock) -> None:
    script.answers = [reply(200)]
    make(refund="adjust").send_refund(CLAIM, "c/1")
    (sent,) = script.sent
    assert (sent.method, sent.target) == ("PUT", "/api/v1.1/adjust/loyaltyPoints/1234/c%2F1")
    body = json.loads(sent.body, parse_float=Decimal)
    assert (body["value"], body["cmpID"], body["ts"]) == (Decimal("100.5"), "R1", int(clock.at.timestamp()))


def test_what_was_collected_is_given_back_by_an_adjustment(make: Any, script: Script) -> None:
    """AIQ refused the redemption then, so it has none that its refund call could give back."""
    script.answers = [reply(200)]
    make(refund="endpoint").send_refund(replace(CLAIM, collect="done"), "c1")
    (sent,) = script.sent
    assert sent.target == "/api/v1.1/adjust/loyaltyPoints/1234/c1"
    assert json.loads(sent.body, parse_float=Decimal)["value"] == Decimal("100.5")


@pytest.mark.parametrize(("strategy", "contact"), [("manual", "c1"), ("endpoint", ""), ("adjust", "")])
def test_points_that_cannot_be_given_back_are_refused(make: Any, script: Script, strategy: str, contact: str) -> None:
    with pytest.raises(Refused, match="by hand"):
        make(refund=strategy).send_refund(CLAIM, contact)
    assert script.sent == []


@pytest.mark.parametrize(
    "settings", [{"uid": " "}, {"api_key": ""}, {"api_key": "a\nb"}, {"base_url": "lab.alpineiq.com"}, {"refund": "x"}]
)
def test_settings_that_cannot_work_are_refused_without_being_repeated(
    settings: dict[str, str], clock: ScriptedClock
) -> None:
    with pytest.raises(Misconfigured) as caught:
        AiqProvider(**{"base_url": "https://h.example", "uid": "1", "api_key": KEY, "clock": clock, **settings})  # type: ignore[arg-type]
    assert "a\nb" not in str(caught.value)


def test_nothing_private_is_shown_anywhere(
    make: Any, script: Script, caplog: pytest.LogCaptureFixture, clock: ScriptedClock
) -> None:
    caplog.set_level(logging.DEBUG)
    aiq = make(deadline=0.2)
    said = f"{KEY} of {MAIL} ({PHONE}, 555-123-4567) at {script.url}{PATH} token {TOKEN}"
    shown = [repr(aiq), repr(aiq._http), repr(discount(script))]
    for answer in (refusal(400, said), refusal(403, said), refusal(500, said), CUT, HANG):
        script.answers = [answer]
        for call in (
            lambda: aiq.send_redemption(discount(script), "R1"),
            lambda: aiq.fetch_wallet(ANA),
            lambda: aiq.fetch_status(ANA),
        ):
            with pytest.raises(NavpluginError) as caught:
                call()
            shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    script.answers = [reply(200, {"data": {"discountTemplates": [{"id": "5", "redemptionURL": script.url + PATH}]}})]
    for _ in range(2):
        aiq.fetch_wallet(ANA)
    everything = "\n".join([*shown, caplog.text])
    for secret in (KEY, TOKEN, PHONE, "555-123-4567", MAIL):
        assert secret not in everything
    assert len([r for r in caplog.records if "no POS Discount ID" in r.getMessage()]) == 1
