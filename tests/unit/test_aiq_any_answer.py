"""Any answer of AIQ, however wrong: a value of the core or a typed error, never anything else, and no secret in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from navplugin.core.errors import NavpluginError
from navplugin.core.model import Claim, Persona, Wallet, WalletDiscount
from navplugin.core.money import ZERO
from navplugin.core.ports import Contact, Lookup, Signup
from navplugin.loyalty import AiqProvider
from tests.conftest import ScriptedClock

KEY, PHONE = "k3y-of-the-account-0123456789", "5551234567"
ANA = Contact(PHONE, "ana@example.com")
DISCOUNT = WalletDiscount("77", "AP0004", "n", redemption_url="http://127.0.0.1:9/api/v1.1/discount/redeem/1/77/tok")
CLAIM = Claim("C", "S1", "R1", "g", "AP0004", 1, "M1", "77", "TD1", ZERO + 100, ZERO + 10)
FIELDS = (
    "success", "code", "errors", "data", "message", "contactID", "loyalty", "loyaltyPoints", "hidePointsInWallet",
    "discountTemplates", "id", "posDiscountID", "name", "pointsDeduction", "redemptionURL", "available", "expiration",
    "dollarValue", "tierDiscount", "reusable", "results", "total", "reference", "discountID", "refunded", "status",
    "points",
)  # fmt: skip
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False), st.text(max_size=8),
    st.sampled_from(["", "77", "AP0004", "R1", "1e400", "NaN", "-1", "true", "0", KEY, PHONE, "http://[bad"]),
)  # fmt: skip
DOCUMENTS = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip
BODIES = st.one_of(
    DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    st.sampled_from([b"", b"null", b"{", b"<html>Sign in</html>", b"\xff\xfe", b"[" * 5000, b'{"data": NaN}']),
    st.binary(max_size=30),
)  # fmt: skip


class Scripted(requests.Session):
    """Answers every request with the same bytes."""

    status, body, kind = 200, b"", "application/json"

    def request(self, *args: Any, **more: Any) -> Any:  # type: ignore[override]
        import io

        from urllib3 import HTTPResponse

        response = requests.Response()
        response.status_code = self.status
        response.headers["Content-Type"] = self.kind
        response.raw = HTTPResponse(io.BytesIO(self.body), status=self.status, preload_content=False)
        return response


@pytest.fixture(scope="module")
def session() -> Iterator[Scripted]:
    one = Scripted()
    yield one
    one.close()


def calls(aiq: AiqProvider) -> dict[str, Callable[[], object]]:
    now = ScriptedClock().now()
    return {
        "status": lambda: aiq.fetch_status(ANA),
        "wallet": lambda: aiq.fetch_wallet(ANA),
        "find": lambda: aiq.find_redemptions("c1", "77", "R1", now),
        "list": lambda: aiq.list_redemptions(now),
        "stores": aiq.fetch_stores,
        "signup": lambda: aiq.send_signup(Signup(ANA, "Ana", "Lee", "")),
        "redeem": lambda: aiq.send_redemption(DISCOUNT, "R1"),
        "refund": lambda: aiq.send_refund(CLAIM, "c1"),
        "collect": lambda: aiq.send_collection(CLAIM, "c1"),
        "pin": lambda: aiq.send_pin(ANA),
        "pin answer": lambda: aiq.send_pin_answer(ANA, "1234"),
    }


@given(body=BODIES, status=st.sampled_from([200, 200, 200, 201, 204, 301, 400, 403, 404, 409, 429, 500, 503]),
       kind=st.sampled_from(["application/json", "application/json", "text/html", ""]), data=st.data())  # fmt: skip
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_answer_is_a_value_or_a_typed_error(
    session: Scripted, body: bytes, status: int, kind: str, data: st.DataObject
) -> None:
    session.body, session.status, session.kind = body, status, kind
    aiq = AiqProvider("http://127.0.0.1:9", "1", KEY, clock=ScriptedClock(), session=session, refund="adjust",
                      pause=lambda _: None)  # fmt: skip
    name = data.draw(st.sampled_from(sorted(calls(aiq))))
    found = _outcome(calls(aiq)[name])
    if isinstance(found, NavpluginError):
        said = f"{found} {found.say} {found!r}"
        assert KEY not in said
        assert PHONE not in said
        assert "\n" not in str(found), "one line in the log"
    else:
        assert found is None or isinstance(found, Persona | Wallet | Lookup | tuple | str), (name, found)


def _outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except NavpluginError as problem:
        return problem


def test_an_answer_without_end_is_given_up(session: Scripted) -> None:
    session.body, session.status, session.kind = b"[" + b"0," * 5_000_000, 200, "application/json"
    aiq = AiqProvider("http://127.0.0.1:9", "1", KEY, clock=ScriptedClock(), session=session, pause=lambda _: None)
    with pytest.raises(NavpluginError):
        aiq.fetch_wallet(ANA)
