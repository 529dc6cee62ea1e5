"""How the worker signs in to NAV (nav-webservices.md 3): Basic, NTLM, OAuth2 client credentials, Kerberos.

NTLM, OAuth2 and Kerberos come from libraries that are optional extras; Kerberos was never tried against a real domain.
"""

from __future__ import annotations

import base64
import importlib
import struct
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from navplugin.core.errors import AuthFailed, Misconfigured, NotInstalled

BUSINESS_CENTRAL = "https://api.businesscentral.dynamics.com/.default"
"""The scope of Business Central online; a server of one's own takes it when its ValidAudiences name it."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the worker signs in to NAV. kind: basic, ntlm, oauth, kerberos. Tenant, authority, scope: oauth only."""

    kind: str
    user: str
    key: str = field(repr=False)
    tenant: str = ""
    authority: str = "https://login.microsoftonline.com"
    scope: str = BUSINESS_CENTRAL


def authenticator(sign_in: SignIn, ca_file: str = "") -> AuthBase:
    """What signs each request; no request is made yet. ca_file: as for NAV, used for the token service too.

    Misconfigured when something does not fit, NotInstalled when the kind's library is missing.
    """
    return _KINDS[sign_in.kind](sign_in, ca_file)


def secrets_of(sign_in: SignIn) -> tuple[str, ...]:
    """Texts that must be masked wherever they turn up."""
    if not sign_in.key:
        return ()
    signed = base64.b64encode(f"{sign_in.user}:{sign_in.key}".encode("latin-1", "replace")).decode()
    return (sign_in.key, signed, quote_plus(sign_in.key))


def advice(sign_in: SignIn) -> str:
    """What to check when NAV refuses the sign-in (401 or 403)."""
    return _ADVICE[sign_in.kind]


_ADVICE = {
    "basic": "check the user and its web service access key, that the server's credential type is NavUserPassword, and "
    "the user's permission sets; Business Central online has taken no Basic sign-in since 2022-10-01",
    "ntlm": "check DOMAIN\\user and its password, that the server has credential type Windows and "
    "ServicesUseNTLMAuthentication on, and the user's permission sets",
    "oauth": "check that the application stands on page Microsoft Entra Applications with state Enabled and permission "
    "sets other than SUPER, and on a server of your own that ValidAudiences names the scope's address",
    "kerberos": "check that the worker's account is a NAV user, that the service principal name HTTP/server belongs to "
    "NAV's service account, and that the clocks differ by less than five minutes",
}


def _basic(sign_in: SignIn, ca_file: str) -> AuthBase:
    try:
        f"{sign_in.user}:{sign_in.key}".encode("latin-1")
    except UnicodeEncodeError:
        text = "user and key of [nav] must be Latin-1 characters; NAV takes no others (nav-webservices.md 3)"
        raise Misconfigured(text) from None
    return HTTPBasicAuth(sign_in.user, sign_in.key)


def _ntlm(sign_in: SignIn, ca_file: str) -> AuthBase:
    library = _library("requests_ntlm", "ntlm")
    return _Handshake(library.HttpNtlmAuth(sign_in.user, sign_in.key))


def _kerberos(sign_in: SignIn, ca_file: str) -> AuthBase:
    """Without user and key the account that the worker runs under signs in."""
    library = _library("requests_kerberos", "kerberos")
    made = library.HTTPKerberosAuth(
        mutual_authentication=library.OPTIONAL, principal=sign_in.user or None, password=sign_in.key or None
    )
    return _Handshake(made)


def _oauth(sign_in: SignIn, ca_file: str) -> AuthBase:
    from navplugin.nav.tokens import BearerAuth, TokenService

    service = TokenService(sign_in.authority, ca_file)
    return BearerAuth(_library("msal", "oauth"), service, sign_in)


_KINDS = {"basic": _basic, "ntlm": _ntlm, "oauth": _oauth, "kerberos": _kerberos}


def _library(module: str, kind: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        text = f'sign-in = {kind} needs a library that is not installed: pip install "navplugin[{kind}]"'
        raise NotInstalled(text, system="NAV") from None


class _Handshake(AuthBase):
    """A handshake of several steps by a library, whose own errors become ours."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        signed: requests.PreparedRequest = self._library(request)
        hooks = signed.hooks["response"]
        hooks[:] = [self._guarded(hook) for hook in hooks]
        return signed

    @staticmethod
    def _guarded(hook: Any) -> Any:
        from spnego.exceptions import SpnegoError

        def answer(response: requests.Response, **more: Any) -> Any:
            try:
                return hook(response, **more)
            except ImportError as missing:
                raise NotInstalled(f'the sign-in needs more: pip install "navplugin[kerberos]" ({missing}).') from None
            except (PermissionError, SpnegoError, ValueError, KeyError, struct.error) as refused:
                if refused.args == ("www-authenticate",):
                    # The first step was answered with something else than a challenge (503): as if the line was cut.
                    raise requests.ConnectionError("the sign-in broke off") from None
                text = f"the server's part of the sign-in cannot be used ({type(refused).__name__})"
                raise AuthFailed(f"{text}; check what the server and a proxy before it offer.", system="NAV") from None

        return answer
