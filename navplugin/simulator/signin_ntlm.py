"""NTLM as NAV's HTTP server takes it: a handshake of three requests that signs in the *connection*, not the request.

pyspnego (extra `ntlm`) does the cryptography. What the handshake has reached is kept in `Call.connection`, which lives
and dies with the caller's TCP connection.
"""

from __future__ import annotations

import base64
import binascii
import importlib.util
import os
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from navplugin.simulator.call import Call

MISSING = "sign_in = ntlm needs the package pyspnego; install navplugin[ntlm] and start again."
_USERS = "NTLM_USER_FILE"
_LOCK = threading.Lock()


def can_ntlm() -> bool:
    """Whether pyspnego is installed."""
    return importlib.util.find_spec("spnego") is not None


def accept_ntlm(call: Call, domain: str, user: str, password: str) -> str | None:
    """One request of the handshake. None: the connection is signed in; otherwise the challenge to send with the 401."""
    kind, _, coded = call.headers.get("authorization", "").partition(" ")
    if kind.casefold() != "ntlm" or not coded.strip():
        return None if "signed_in" in call.connection else "NTLM"
    # A new handshake on a connection begins anew: the server forgets who was there.
    call.connection.pop("signed_in", None)
    try:
        token = base64.b64decode(coded, validate=True)
    except binascii.Error:
        return "NTLM"
    reply = _step(call.connection, token, f"{domain}:{user}:{password}\n")
    return None if reply is None else f"NTLM {reply}".rstrip()


def _step(connection: dict[str, Any], token: bytes, users: str) -> str | None:
    """Give the caller's token to the acceptor. None: signed in; text: the token to send back, empty after a refusal."""
    import spnego
    from spnego.exceptions import SpnegoError

    with _LOCK, _user_file(users):
        acceptor = connection.pop("ntlm", None)
        try:
            if acceptor is None:
                acceptor = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            reply = acceptor.step(token)
        except (SpnegoError, ValueError, LookupError, ArithmeticError, struct.error):
            # pyspnego lets the errors of its parser through (0.12).
            return ""
    if acceptor.complete:
        connection["signed_in"] = str(acceptor.client_principal)
        return None
    connection["ntlm"] = acceptor
    return base64.b64encode(reply or b"").decode()


@contextmanager
def _user_file(users: str) -> Iterator[None]:
    """pyspnego reads the users whom it accepts from a file that the environment names, at each step."""
    before = os.environ.get(_USERS)
    handle, name = tempfile.mkstemp(prefix="ntlm-users-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(users)
        os.environ[_USERS] = name
        yield
    finally:
        if before is None:
            os.environ.pop(_USERS, None)
        else:
            os.environ[_USERS] = before
        Path(name).unlink(missing_ok=True)
