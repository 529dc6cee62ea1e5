"""What AIQ's 2xx answer to a write is taken for: only what clearly says done is done."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.errors import Refused, UnknownOutcome
from navplugin.core.model import WalletDiscount
from navplugin.core.ports import Contact, Signup
from navplugin.loyalty import AiqProvider
from navplugin.loyalty.outcome import Outcome, outcome_of
from tests.conftest import ScriptedClock
from tests.unit.test_aiq_http import CLAIM, KEY, PATH
from tests.unit.test_nav_http import Script, reply, script

__all__ = ["script"]

SAID = "Not enough points"
ERRORS: list[Any] = [
    {"errors": [{"message": SAID}]},
    {"errors": [SAID], "data": {"loyaltyPoints": 5}},
    {"errors": {"points": SAID}},
    {"error": SAID},
    {"error": {"message": SAID}, "success": True},
    {"error": True, "id": "r1"},
    {"success": "false"},
    {"success": "False", "message": SAID},
    {"success": 0, "data": {"id": "r1"}},
    {"success": "0", "data": {"id": "r1"}},
    {"success": "no", "id": "r1"},
    {"success": None, "data": {"id": "r1"}},
    {"Success": False, "data": {"id": "r1"}},
    {"code": 400, "data": {"message": SAID}},
    {"code": 409, "data": {"id": "r1"}},
    {"code": "409", "id": "r1"},
    {"code": Decimal("4E+2"), "id": "r1"},
    {"code": "INSUFFICIENT_POINTS", "id": "r1"},
    {"code": -1, "id": "r1"},
    {"statusCode": 422, "id": "r1"},
    {"errorCode": 12, "id": "r1"},
    {"status": "error", "data": {"id": "r1"}},
    {"status": "FAILED", "data": {"id": "r1"}},
    {"status": "fail", "id": "r1"},
    {"status": "failure", "loyaltyPoints": 1},
    {"status": 404, "title": "Not Found", "id": "r1"},
    {"status": "404 Not Found", "id": "r1"},
    {"status": False, "id": "r1"},
    {"ok": False, "data": {"id": "r1"}},
    {"success": True, "data": {"success": False}},
    {"success": True, "data": {"errors": [SAID]}},
    {"success": True, "code": 200, "data": {"error": SAID}},
    {"data": {"code": 409, "id": "r1"}},
    {"data": {"status": "failed", "id": "r1"}},
    {"data": {"ok": "false", "id": "r1"}},
]
SHAPES: list[Any] = [
    {}, {"data": None}, {"data": {}}, {"data": {"id": None}}, {"data": []}, {"data": ["r1"]}, {"data": "done"},
    {"message": SAID}, {"data": {"message": SAID}}, {"code": 200}, {"id": ""}, {"id": None}, {"loyaltyPoints": None},
    [], [{"id": "r1"}], "ok", True, 1,
]  # fmt: skip
DONE: list[Any] = [
    {"success": True}, {"success": "true"}, {"success": True, "code": 200, "data": None, "errors": []},
    {"success": True, "data": {"id": "r1", "loyaltyPoints": 0}}, {"success": True, "data": []},
    {"data": {"id": "r1"}}, {"data": {"loyaltyPoints": 0}}, {"data": {"redeemed": True, "message": "Thanks"}},
    {"code": "200", "data": {"contactID": "c1"}, "error": None, "errors": None}, {"id": "r1"}, {"contactID": "c1"},
    {"loyaltyPoints": 0}, {"loyaltyPoints": "12.5", "status": "ok", "message": "Redeemed"}, {"redemptionID": 9},
    {"status": "redeemed", "id": "r1", "error": False}, {"data": {"id": "r1", "refunded": False, "status": 200}},
]  # fmt: skip
WRITES = {
    "redemption": lambda aiq, url: aiq.send_redemption(WalletDiscount("77", "A", "n", redemption_url=url), "R1"),
    "refund": lambda aiq, url: aiq.send_refund(CLAIM, "c1"),
    "collection": lambda aiq, url: aiq.send_collection(CLAIM, "c1"),
    "sign-up": lambda aiq, url: aiq.send_signup(Signup(Contact("5551234567", ""), "Ana", "Ruiz", "")),
    "PIN": lambda aiq, url: aiq.send_pin(Contact("5551234567", "")),
    "PIN answer": lambda aiq, url: aiq.send_pin_answer(Contact("5551234567", ""), "1234"),
}


def sent(write: str, script: Script, clock: ScriptedClock, refund: str = "endpoint") -> None:
    """Raises what the write raises; it is sent once whatever AIQ says."""
    aiq = AiqProvider(script.url, "1234", KEY, clock=clock, refund=refund)
    try:
        WRITES[write](aiq, script.url + PATH)
    finally:
        assert len(script.sent) == 1


def text(body: Any) -> bytes:
    return reply(201, {n: float(v) if isinstance(v, Decimal) else v for n, v in body.items()} if isinstance(body, dict)
                 else body)  # fmt: skip


@pytest.mark.parametrize("body", [*ERRORS, *SHAPES], ids=str)
@pytest.mark.parametrize("write", ["redemption", "refund"])
def test_any_sign_of_an_error_or_an_unknown_shape_is_an_unknown_outcome(
    script: Script, clock: ScriptedClock, write: str, body: Any
) -> None:
    script.answers = [text(body)]
    with pytest.raises(UnknownOutcome, match="may have taken effect"):
        sent(write, script, clock)


@pytest.mark.parametrize("body", DONE, ids=str)
@pytest.mark.parametrize("write", ["redemption", "refund"])
def test_what_clearly_says_done_is_done(script: Script, clock: ScriptedClock, write: str, body: Any) -> None:
    script.answers = [text(body)]
    sent(write, script, clock)


@pytest.mark.parametrize("write", WRITES)
def test_every_write_looks_at_its_answer(script: Script, clock: ScriptedClock, write: str) -> None:
    script.answers = [reply(200, {"errors": [{"message": SAID}], "data": {"id": "r1"}})]
    with pytest.raises(UnknownOutcome, match=f"{SAID}.*may have taken effect"):
        sent(write, script, clock, refund="adjust")


@pytest.mark.parametrize("answer", [reply(200), reply(204), reply(200, b" \r\n"), reply(200, b"", "text/plain")])
def test_no_body_is_done(script: Script, clock: ScriptedClock, answer: bytes) -> None:
    script.answers = [answer]
    sent("redemption", script, clock)


@pytest.mark.parametrize("more", [{}, {"code": 200}, {"code": 409}, {"errors": [{"message": SAID}]}])
def test_the_word_false_is_a_definite_no(script: Script, clock: ScriptedClock, more: dict[str, Any]) -> None:
    script.answers = [reply(200, {"success": False, **more})]
    with pytest.raises(Refused):
        sent("redemption", script, clock)


def test_what_may_be_sent_again_needs_no_word_of_success_and_no_error() -> None:
    """Bulk calls, whose answers are not published: unknown would have them sent again every night."""
    for body in ({}, {"message": "queued"}, [], "ok"):
        assert outcome_of(body, repeatable=True) is Outcome.DONE
    for body in (None, *ERRORS):
        assert outcome_of(body, repeatable=True) is Outcome.UNKNOWN


@pytest.mark.parametrize("feed", ["send_members", "send_sales", "send_items"])
def test_bulk_calls_may_be_sent_again(script: Script, clock: ScriptedClock, feed: str) -> None:
    script.answers = [reply(200, {"message": "queued"})]
    getattr(AiqProvider(script.url, "1234", KEY, clock=clock), feed)([{}])
    assert len(script.sent) == 1
