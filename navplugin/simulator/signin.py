"""How a caller signs in to the simulated NAV: Basic, a bearer token, NTLM (nav-webservices.md 3).

Tokens come from the simulator's own stand-in for Microsoft Entra, `POST /{tenant}/oauth2/v2.0/token` with client
credentials. They live as long as `token_seconds` says, in simulated time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from navplugin.simulator.call import Answer, Call, answer_json
from navplugin.simulator.odata_error import ODataError
from navplugin.simulator.signin_ntlm import accept_ntlm
from navplugin.simulator.state import State

TOKENS = "nav.tokens"
SCOPE = "https://api.businesscentral.dynamics.com/.default"
_CHALLENGES = {"basic": 'Basic realm=""', "bearer": "Bearer", "ntlm": "NTLM"}


def accept(state: State, call: Call, settings: Mapping[str, Any]) -> None:
    """Return when the caller is known. ODataError 401 when not, with the challenge that the server makes."""
    way = settings["sign_in"]
    if way == "ntlm":
        challenge = accept_ntlm(call, settings["domain"], settings["user"], settings["key"])
    else:
        known = _knows_user(call, settings) if way == "basic" else _knows_token(state, call)
        challenge = None if known else _CHALLENGES[way]
    if challenge is not None:
        raise ODataError(
            401, "Authentication_InvalidCredentials", "The server has rejected the client credentials.",
            "Serveren har afvist klientens legitimationsoplysninger.", {"www-authenticate": challenge},
        )  # fmt: skip


def give_token(state: State, call: Call, settings: Mapping[str, Any]) -> Answer:
    """The token endpoint: a token for the client credentials of the settings, errors as Microsoft Entra words them."""
    form = dict(parse_qsl(call.body.decode("utf-8", "replace")))
    if form.get("grant_type") != "client_credentials":
        return _no_token(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
    if form.get("scope") != SCOPE:
        return _no_token(400, "invalid_scope", f"AADSTS70011: The provided value for the input scope is not {SCOPE}.")
    given = f"{form.get('client_id')}:{form.get('client_secret')}"
    if not _same(given, f"{settings['client_id']}:{settings['client_secret']}"):
        return _no_token(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
    token = secrets.token_urlsafe(48)
    seconds = int(settings["token_seconds"])
    with state.transaction():
        now = state.now()
        living = {mark: end for mark, end in state.doc(TOKENS, {}).items() if end > now}
        state.set_doc(TOKENS, {**living, _mark(token): now + timedelta(seconds=seconds)})
    body = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
    return answer_json(200, body, {"cache-control": "no-store"})


def openid_configuration(call: Call, tenant: str) -> Answer:
    """Where a client library finds the token endpoint."""
    base = f"{call.base}/{tenant}"
    return answer_json(200, {
        "issuer": f"{base}/v2.0", "token_endpoint": f"{base}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
    })  # fmt: skip


def _knows_user(call: Call, settings: Mapping[str, Any]) -> bool:
    kind, coded = _sent(call)
    try:
        given = base64.b64decode(coded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return kind == "basic" and _same(given, f"{settings['user']}:{settings['key']}")


def _knows_token(state: State, call: Call) -> bool:
    kind, token = _sent(call)
    end = state.doc(TOKENS, {}).get(_mark(token))
    return kind == "bearer" and end is not None and state.now() < end


def _sent(call: Call) -> tuple[str, str]:
    kind, _, rest = call.headers.get("authorization", "").partition(" ")
    return kind.casefold(), rest.strip()


def _mark(token: str) -> str:
    # The state's file keeps no token that could be used.
    return sha256(token.encode()).hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _no_token(status: int, error: str, description: str) -> Answer:
    return answer_json(status, {"error": error, "error_description": description})
