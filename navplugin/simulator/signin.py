"""How a caller signs in to the simulated NAV: Basic, with the user's password or web service access key
(nav-webservices.md 3)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from navplugin.simulator.call import Call
from navplugin.simulator.odata_error import ODataError
from navplugin.simulator.state import State


def accept(state: State, call: Call, settings: Mapping[str, Any]) -> None:
    """Return when the caller is known. ODataError 401 when not, with the challenge that the server makes."""
    kind, _, coded = call.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(coded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        given = ""
    if kind.casefold() != "basic" or given != f"{settings['user']}:{settings['key']}":
        text = "The server has rejected the client credentials."
        challenge = {"www-authenticate": 'Basic realm=""'}
        raise ODataError(401, "Authentication_InvalidCredentials", text, headers=challenge)
