"""Bearer tokens by OAuth2 client credentials (nav-webservices.md 3). msal keeps and renews the token; what it sends
goes through our own session, to the host of the authority only, and nothing of what it says is repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from navplugin.core.errors import AuthFailed, Busy, Misconfigured, NavpluginError, ProtocolError, Unreachable
from navplugin.nav.channel import TIMEOUT, same_server, seconds
from navplugin.wire import is_untrusted, new_session

if TYPE_CHECKING:
    from navplugin.nav.signin import SignIn

_LONGEST = 2**20
"""Bytes of an answer of the token service; real ones have a few thousand."""
_BUSY = ("temporarily_unavailable", "server_error", "slow_down")
_HINTS = {
    7000215: "the client secret is wrong: store the secret's value, not its id",
    7000222: "the client secret has expired: make a new one in Entra and store it",
    700016: "the application is not known in this tenant: check user (the client id) and tenant",
    90002: "the tenant is not known: check tenant",
    500011: "the scope's resource is not known in this tenant: check scope and the application's API permissions",
}
"""Error numbers of Entra (AADSTS...), from its list of error codes."""


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What msal looks at in an answer."""

    status_code: int
    headers: Mapping[str, str]
    text: str

    def raise_for_status(self) -> None:
        """Failures have been raised already (`TokenService`)."""


class TokenService:
    """The HTTP client that msal is given: checked HTTPS, time limits, no redirect, no other host, short answers."""

    def __init__(self, authority: str, ca_file: str = "") -> None:
        if urlsplit(authority).scheme != "https":
            raise Misconfigured("authority in [nav] must begin with https://")
        self._authority, self._session = authority, new_session(ca_file)

    def get(self, url: str, **more: Any) -> TokenAnswer:
        """A document such as the addresses of the tenant."""
        return self._ask("GET", url, **more)

    def post(self, url: str, **more: Any) -> TokenAnswer:
        """The request for a token."""
        return self._ask("POST", url, **more)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, method: str, url: str, **more: Any) -> TokenAnswer:
        if not same_server(url, self._authority):
            raise _problem(ProtocolError, "the token service sends us to another server, which is refused")
        kept = {name: more[name] for name in ("params", "data", "headers") if name in more}
        try:
            asked = self._session.request(method, url, **kept, timeout=TIMEOUT, allow_redirects=False, stream=True)
            with closing(asked) as answer:
                body = answer.raw.read(_LONGEST + 1, decode_content=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as problem:
            raise self._no_answer(problem) from None
        status, text = answer.status_code, body.decode("utf-8", "replace")
        if status == 429 or status >= 500:
            busy = _problem(Busy, f"the token service is busy ({status}); it is asked again later")
            busy.retry_after = seconds(answer.headers.get("Retry-After", ""))
            raise busy
        if len(body) > _LONGEST or 300 <= status < 400 or not _is_document(text):
            raise _problem(ProtocolError, f"what answers at authority is no token service ({status}); check authority")
        # Without headers: msal would give a good answer that bears a Retry-After again as the fresh one.
        return TokenAnswer(status, {}, text)

    def _no_answer(self, problem: Exception) -> NavpluginError:
        host = urlsplit(self._authority).netloc
        if is_untrusted(problem):
            text = f"the certificate of the token service {host} is not trusted; name its own authority in ca-file"
        else:
            text = f"the token service {host} gives no answer; check authority, the network and the firewall"
        return _problem(Unreachable, text)


class BearerAuth(AuthBase):
    """Asks msal for the token before each request; on 401 once more with a fresh one. The answer 401 means that nothing
    was done, so a write may be sent again."""

    def __init__(self, msal: Any, service: TokenService, sign_in: SignIn) -> None:
        self._msal, self._service, self._sign_in = msal, service, sign_in
        self._app: Any = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        # requests' stubs declare no types here.
        request.register_hook("response", self._once_more)  # type: ignore[no-untyped-call]
        return request

    def _once_more(self, response: requests.Response, **more: Any) -> requests.Response:
        if response.status_code != 401:
            return response
        again = response.request.copy()
        response.close()
        again.headers["Authorization"] = f"Bearer {self._token(fresh=True)}"
        second: requests.Response = response.connection.send(again, **more)
        second.history.append(response)
        return second

    def _token(self, *, fresh: bool = False) -> str:
        try:
            app = self._app = self._app or self._open()
            if fresh:
                app.remove_tokens_for_client()
            answer = app.acquire_token_for_client(scopes=[self._sign_in.scope])
        except (ValueError, KeyError, TypeError, AttributeError):
            # msal's own words may repeat a whole answer.
            text = "the token service does not know the tenant, or is none; check tenant and authority"
            raise _problem(Misconfigured, text) from None
        token = answer.get("access_token")
        if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token):
            return token
        raise _refusal(answer)

    def _open(self) -> Any:
        return self._msal.ConfidentialClientApplication(
            self._sign_in.user,
            client_credential=self._sign_in.key,
            authority=f"{self._sign_in.authority}/{self._sign_in.tenant}",
            # Discovery would ask a host that the profile does not name.
            instance_discovery=False,
            http_client=self._service,
        )


def _refusal(answer: Mapping[str, Any]) -> NavpluginError:
    code = str(answer.get("error", ""))
    if code in _BUSY:
        return _problem(Busy, f"the token service is busy ({code}); it is asked again later")
    numbers = answer.get("error_codes")
    number = next((n for n in numbers if isinstance(n, int)), None) if isinstance(numbers, list) else None
    shown = [code if re.fullmatch(r"[a-z_]{1,40}", code) else "no token"] + ([f"AADSTS{number}"] if number else [])
    hint = _HINTS.get(number or 0, "check user (the client id), key (the client secret's value), tenant and scope")
    return _problem(AuthFailed, f"the token service refuses ({' '.join(shown)}); {hint}")


def _is_document(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _problem(kind: type[NavpluginError], text: str) -> NavpluginError:
    return kind(f"{text}.", system="NAV", where="sign-in")
