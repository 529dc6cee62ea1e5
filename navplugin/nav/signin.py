"""How the worker signs in to NAV (nav-webservices.md 3). Work in progress: Basic."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from requests.auth import AuthBase, HTTPBasicAuth

from navplugin.core.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the worker signs in to NAV."""

    kind: str
    user: str
    key: str = field(repr=False)
    tenant: str = ""
    authority: str = "https://login.microsoftonline.com"
    scope: str = "https://api.businesscentral.dynamics.com/.default"


def authenticator(sign_in: SignIn, ca_file: str = "") -> AuthBase:
    """What signs each request. Misconfigured when something is missing."""
    try:
        f"{sign_in.user}:{sign_in.key}".encode("latin-1")
    except UnicodeEncodeError:
        text = "user and key of [nav] must be Latin-1 characters; NAV takes no others (nav-webservices.md 3)"
        raise Misconfigured(text) from None
    return HTTPBasicAuth(sign_in.user, sign_in.key)


def secrets_of(sign_in: SignIn) -> tuple[str, ...]:
    """Texts that must be masked wherever they turn up."""
    signed = base64.b64encode(f"{sign_in.user}:{sign_in.key}".encode("latin-1", "replace")).decode()
    return (sign_in.key, signed)


def advice(sign_in: SignIn) -> str:
    """What to check when NAV refuses the sign-in."""
    return "check the web service user, its key and permissions"
