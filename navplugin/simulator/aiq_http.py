"""AIQ's addresses over `simulator.aiq`: `/api/...`, header `x-apikey`, envelope data/success/code (aiq-api.md 2).

The refund address is an assumption of ours and answers only when the switch `refund` is on:
PUT /api/v1.1/discount/refund/{uid}/{discount id}/{contactID}/{transactionID}.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from navplugin.simulator.aiq import Aiq, AiqError
from navplugin.simulator.call import Answer, BadJson, Call, answer_json
from navplugin.simulator.state import State

CALLS = "aiq.calls"
_KEPT_CALLS = 2000
_FEEDS = {
    "createUpdateSale": "sale", "createUpdateSales": "sale", "createUpdateMember": "member",
    "createUpdateMembers": "member", "createUpdateInventory": "item",
}  # fmt: skip
Parts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Route:
    kind: str
    methods: str
    pattern: re.Pattern[str]
    handle: Callable[[AiqFace, Call, Parts], Any]


class AiqFace:
    """Answers requests below `/api`. Each received call is counted in the record `aiq.calls`: method, kind, time, and
    for a redemption discount and reference; never a key, a token, a phone or a name."""

    def __init__(self, state: State, settings: Mapping[str, Any] | None = None) -> None:
        self._state = state
        self.aiq = Aiq(state, settings)

    def name(self, call: Call) -> str:
        """`aiq.KIND`, the name by which a fault is ordered."""
        route, _ = _route(call.path)
        return f"aiq.{route.kind if route else 'unknown'}"

    def record(self, call: Call) -> None:
        """Note a received call."""
        route, parts = _route(call.path)
        note: dict[str, Any] = {"method": call.method, "kind": route.kind if route else "unknown"}
        if note["kind"] == "redeem":
            note |= {"discount_id": parts["discount"], "reference": parts["reference"]}
        with self._state.transaction():
            note["at"] = self._state.now()
            self._state.set_doc(CALLS, [*self._state.doc(CALLS, []), note][-_KEPT_CALLS:])

    def answer(self, call: Call) -> Answer:
        """The answer to one call; refusals are answers too."""
        settings = self.aiq.settings
        if self._too_many(settings["calls_per_second"]):
            return _refusal(429, "Too many requests", {"retry-after": "1"})
        try:
            with self._state.transaction():
                data = self._data(call, settings)
        except AiqError as refusal:
            return _refusal(refusal.status, str(refusal))
        except BadJson:
            return _refusal(400, "The body is not valid JSON")
        body = {"success": True, "code": 200, "data": data} if settings["envelope"] else {"data": data}
        return answer_json(200, body)

    def dated(self, answer: Answer) -> Answer:
        """The answer with AIQ's own time as its Date."""
        return replace(answer, headers={**answer.headers, "date": format_datetime(self.aiq.now(), usegmt=True)})

    def _too_many(self, limit: int) -> bool:
        """Whether this second has had its calls, this one among them."""
        if not limit:
            return False
        since = self._state.now() - timedelta(seconds=1)
        recent = [one for one in self._state.doc(CALLS, [])[-100:] if one["at"] > since]
        return len(recent) > limit

    def _data(self, call: Call, settings: Mapping[str, Any]) -> Any:
        if not hmac.compare_digest(call.headers.get("x-apikey", "").encode(), str(settings["key"]).encode()):
            raise AiqError(403, "Please provide a valid API key")
        route, parts = _route(call.path)
        if route is None or (route.kind == "refund" and not settings["refund"]):
            raise AiqError(404, "Not found")
        if parts.get("uid", settings["uid"]) != str(settings["uid"]):
            raise AiqError(403, "Please provide a valid API key")
        if call.method not in route.methods.split():
            raise AiqError(405, "Method not allowed")
        return route.handle(self, call, parts)

    def known(self, found: Any) -> Any:
        """What was found; for an unknown contact 404, or 200 with no data, as the switch says."""
        if found is None and self.aiq.settings["unknown_contact"] != "empty":
            raise AiqError(404, "Contact not found")
        return found


def _look_up(face: AiqFace, call: Call, parts: Parts) -> Any:
    if face.aiq.settings["lookup_method"] not in ("both", call.method):
        raise AiqError(405, "Method not allowed")
    return face.known(face.aiq.look_up(parts["pii"]))


def _sign_up(face: AiqFace, call: Call, parts: Parts) -> Any:
    return face.aiq.sign_up(_object(call))


def _wallet(face: AiqFace, call: Call, parts: Parts) -> Any:
    body = _object(call)
    phone, email = str(body.get("phone") or ""), str(body.get("email") or "")
    if not phone and not email:
        raise AiqError(400, "phone or email is required")
    return face.known(face.aiq.wallet(phone, email, call.base))


def _pin(face: AiqFace, call: Call, parts: Parts) -> Any:
    wanted = {"wallet": "", "contact-wallet": "contact/"}.get(face.aiq.settings["pin"])
    if wanted is None or parts["contact"] != wanted:
        raise AiqError(404, "Not found")
    body = _object(call)
    phone, email = str(body.get("phone") or ""), str(body.get("email") or "")
    if parts["step"] == "verify":
        face.aiq.send_pin(phone, email)
        return {}
    return face.aiq.open_wallet(phone, email, str(body.get("code") or ""), call.base)


def _personas(face: AiqFace, call: Call, parts: Parts) -> Any:
    options = dict(call.options())
    return face.aiq.search(options.get("search", ""), _number(options, "start", 0), _number(options, "limit", 100))


def _persona(face: AiqFace, call: Call, parts: Parts) -> Any:
    return face.aiq.persona(parts["contact"])


def _redeem(face: AiqFace, call: Call, parts: Parts) -> Any:
    return face.aiq.redeem(parts["discount"], parts["token"], parts["reference"])


def _redemptions(face: AiqFace, call: Call, parts: Parts) -> Any:
    return face.aiq.redemptions(int(parts["start"]), int(parts["end"])) or None


def _adjust(face: AiqFace, call: Call, parts: Parts) -> Any:
    return face.aiq.adjust(parts["contact"], _object(call))


def _refund(face: AiqFace, call: Call, parts: Parts) -> Any:
    return face.aiq.refund(parts["discount"], parts["contact"], parts["reference"])


def _stores(face: AiqFace, call: Call, parts: Parts) -> Any:
    return {"stores": face.aiq.settings["stores"]}


def _feed(face: AiqFace, call: Call, parts: Parts) -> Any:
    face.aiq.feed(_FEEDS[parts["feed"]], call.json())
    return {}


def _at(kind: str, methods: str, path: str, handle: Callable[[AiqFace, Call, Parts], Any]) -> _Route:
    return _Route(kind, methods, re.compile(path + r"\Z"), handle)


_V1, _UID = "/api/v1[.]1", "(?P<uid>[^/]+)"
_ROUTES = (
    _at("lookup", "GET POST", "/api/v2/loyalty/lookup/(?P<pii>[^/]+)", _look_up),
    _at("signup", "POST", "/api/v2/loyalty", _sign_up),
    _at("wallet", "POST", "/api/v2/wallet", _wallet),
    _at("pin", "POST", "/api/v2/(?P<step>verify|view)/(?P<contact>contact/)?wallet", _pin),
    _at("personas", "GET", f"{_V1}/piis/{_UID}", _personas),
    _at("personas", "GET", f"{_V1}/piis/{_UID}/(?P<contact>[^/]+)", _persona),
    _at("redeem", "PUT",
        f"{_V1}/discount/redeem/{_UID}/(?P<discount>[^/]+)/(?P<token>[^/]+)(?:/(?P<reference>[^/]+))?", _redeem),
    _at("refund", "PUT",
        f"{_V1}/discount/refund/{_UID}/(?P<discount>[^/]+)/(?P<contact>[^/]+)/(?P<reference>[^/]+)", _refund),
    _at("redemptions", "GET", rf"{_V1}/redemptions/{_UID}/(?P<start>\d+)/(?P<end>\d+)", _redemptions),
    _at("adjust", "PUT", f"{_V1}/adjust/loyaltyPoints/{_UID}/(?P<contact>[^/]+)", _adjust),
    _at("stores", "GET", f"{_V1}/stores/{_UID}", _stores),
    _at("feed", "POST", f"{_V1}/(?P<feed>{'|'.join(_FEEDS)})/{_UID}", _feed),
)  # fmt: skip


def _route(path: str) -> tuple[_Route | None, Parts]:
    for route in _ROUTES:
        if match := route.pattern.match(path):
            return route, {name: unquote(value or "") for name, value in match.groupdict().items()}
    return None, {}


def _object(call: Call) -> Mapping[str, Any]:
    body = call.json()
    if not isinstance(body, Mapping):
        raise AiqError(400, "The body must be a JSON object")
    return body


def _number(options: Mapping[str, str], name: str, usual: int) -> int:
    text = options.get(name, str(usual))
    if not text.isdecimal():
        raise AiqError(400, f"{name} must be a number")
    return int(text)


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = {"success": False, "code": status, "errors": [{"message": message}]}
    return answer_json(status, body, dict(headers or {}))
