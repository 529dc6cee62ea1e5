"""One HTTP layer for all that is read from and written to NAV's OData service (odata-soap-clients.md 3).

Time limits always, no redirects, every page read, links only to the configured server, JSON with exact decimals, no
secret in any error. Reads are tried again a few times; a write is sent once.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests
import urllib3

from navplugin.core.errors import (
    AlreadyThere,
    AuthFailed,
    Busy,
    Conflict,
    Misconfigured,
    Missing,
    NavpluginError,
    ProtocolError,
    Refused,
    UnknownOutcome,
    Unreachable,
)
from navplugin.wire import is_untrusted, was_never_sent

log = logging.getLogger("navplugin.nav")

TIMEOUT = (3.05, 20.0)
"""Seconds to connect and seconds without a byte."""
WAITS = (0.5, 1.5)
"""Seconds before the second and third try of a read."""
LONGEST_WAIT = 5.0
"""A server that asks for more patience than this is left to the worker's next tick."""
MAX_PAGES = 1000

_NETWORK = (
    requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, UnicodeError,
)  # fmt: skip
_CORRELATION = re.compile(r"\s*CorrelationId:\s*[0-9a-fA-F-]+\.?")
_NOT_PUBLISHED = ("BadRequest_ResourceNotFound", "Internal_CompanyNotFound")


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer. `document` is None when there was no body."""

    document: Mapping[str, Any] | None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    service: str
    body: bytes | None = None
    etag: str = ""

    @property
    def reads(self) -> bool:
        return self.method == "GET"

    @property
    def where(self) -> str:
        verbs = {"GET": "read", "POST": "insert", "PATCH": "update", "DELETE": "delete"}
        return f"{self.service} {verbs[self.method]}"


class NavHttp:
    """Requests below one company's address. For one thread; `sleep` waits between the tries of a read."""

    def __init__(
        self,
        base_url: str,
        session: requests.Session,
        *,
        secrets: tuple[str, ...] = (),
        timeout: tuple[float, float] = TIMEOUT,
        waits: tuple[float, ...] = WAITS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = base_url.rstrip("/") + "/"
        self._session, self._timeout = session, timeout
        self._secrets = tuple(one for one in secrets if one)
        self._waits, self._sleep = waits, sleep

    def __repr__(self) -> str:
        return f"NavHttp({self._base!r})"

    def rows(self, service: str, options: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """All rows of a set, page after page. ProtocolError for a link to another server or one that repeats."""
        query = "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in options.items())
        url = urljoin(self._base, service) + (f"?{query}" if query else "")
        seen: set[str] = set()
        while url:
            if url in seen or len(seen) >= MAX_PAGES:
                raise self._problem(ProtocolError, service, "NAV's link to the next page repeats; read again later")
            seen.add(url)
            document = self._read(_Request("GET", url, service)).document or {}
            page = document.get("value")
            if not isinstance(page, list) or not all(isinstance(row, dict) for row in page):
                raise self._problem(ProtocolError, service, "NAV's answer holds no list of rows; check the address")
            yield from page
            url = self._next(url, document.get("@odata.nextLink"), service)

    def read(self, path: str, service: str) -> Reply:
        """One entity by its path."""
        return self._read(_Request("GET", urljoin(self._base, path), service))

    def write(self, method: str, path: str, service: str, body: bytes | None = None, etag: str = "") -> Reply:
        """POST, PATCH or DELETE, once. `etag`: the row's own."""
        return self._send(_Request(method, urljoin(self._base, path), service, body, etag))

    # ---- inside --------------------------------------------------------------------------------------------------

    def _next(self, url: str, link: Any, service: str) -> str:
        if not link:
            return ""
        target = urljoin(url, str(link))
        if urlsplit(target)[:2] != urlsplit(self._base)[:2]:
            text = "NAV's link to the next page leads to another server; check the server's public address in NAV"
            raise self._problem(ProtocolError, service, text)
        return target

    def _read(self, request: _Request) -> Reply:
        for wait in self._waits:
            try:
                return self._send(request)
            except (Busy, Unreachable) as problem:
                wait = max(wait, problem.retry_after or 0.0)
                if wait > LONGEST_WAIT:
                    raise
                log.info("%s; trying again in %.1f s", problem, wait)
                self._sleep(wait)
        return self._send(request)

    def _send(self, request: _Request) -> Reply:
        headers = {"If-Match": request.etag} if request.etag else {}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = self._session.request(
                request.method, request.url, data=request.body, headers=headers,
                timeout=self._timeout, allow_redirects=False,
            )  # fmt: skip
        except _NETWORK as problem:
            raise self._no_answer(request, problem) from None
        document = _document(response)
        if response.ok and not response.is_redirect:
            return self._good(request, response, document)
        raise self._refusal(request, response, document)

    def _good(self, request: _Request, response: requests.Response, document: Any) -> Reply:
        etag = response.headers.get("ETag", "")
        if response.status_code == 204 or (not response.content and not request.reads):
            return Reply(None, etag)
        if isinstance(document, dict) and 200 <= response.status_code < 300:
            return Reply(document, str(document.get("@odata.etag") or etag))
        if "json" not in response.headers.get("Content-Type", ""):
            text = "something else than NAV answered (no JSON); check the address, the proxy and the sign-in page"
            raise self._problem(ProtocolError, request.where, text)
        if request.reads:
            raise self._problem(ProtocolError, request.where, "NAV's answer is cut off or no JSON; read again later")
        raise self._problem(UnknownOutcome, request.where, "NAV's answer to the write is unreadable; read the row back")

    def _no_answer(self, request: _Request, problem: Exception) -> NavpluginError:
        if is_untrusted(problem):
            text = "NAV's certificate is not trusted; name the company's own authority in ca-file"
            return self._problem(Unreachable, request.where, text)
        if was_never_sent(problem):
            text = "NAV cannot be reached; check that the service runs and that address and port are right"
            return self._problem(Unreachable, request.where, text)
        if request.reads:
            text = f"NAV gave no whole answer ({type(problem).__name__}); check the service and the network"
            return self._problem(Unreachable, request.where, text)
        text = f"NAV's answer to the write never came ({type(problem).__name__}); read the row back before another try"
        return self._problem(UnknownOutcome, request.where, text)

    def _refusal(self, request: _Request, response: requests.Response, document: Any) -> NavpluginError:
        status = response.status_code
        code, said = _error_of(document)
        told = f" ({self.masked(said)})" if said else ""
        kind, text = _sort(request, status, code, known=bool(code))
        problem = self._problem(kind, request.where, f"{text}{told}")
        problem.retry_after = _seconds(response.headers.get("Retry-After", ""))
        return problem

    def masked(self, text: str) -> str:
        """NAV's words without its correlation id, without our secrets, at most 300 characters."""
        text = _CORRELATION.sub("", text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:300].rstrip(". ")

    def _problem(self, kind: type[NavpluginError], where: str, text: str) -> NavpluginError:
        return kind(f"{text}.", system="NAV", where=where)


def _sort(request: _Request, status: int, code: str, *, known: bool) -> tuple[type[NavpluginError], str]:
    """The class of a refusal, and what to do. Statuses and codes: nav-webservices.md 8."""
    if status in (401, 403):
        return AuthFailed, f"NAV refuses the sign-in ({status}); check the web service user, its key and permissions"
    if status in (429, 503) or (request.reads and status in (408, 504)):
        return Busy, f"NAV is busy ({status}); it is asked again later"
    if 300 <= status < 400 or (not known and 400 <= status < 500 and status != 404):
        return ProtocolError, f"NAV answered with {status} and no reason of its own; check the address and the proxy"
    if status >= 500 or status == 408:
        if request.reads:
            return ProtocolError, f"NAV failed ({status} {code}); look into the server's log"
        return UnknownOutcome, f"NAV failed during the write ({status} {code}); read the row back before another try"
    if code in _NOT_PUBLISHED or (request.reads and status != 404) or (status == 404 and request.method == "POST"):
        if code == "SkipTokenIsNoLongerValid":
            return Busy, "NAV has forgotten where the page began; it is read again later"
        text = f"NAV does not know this page, field or company ({status} {code})"
        return Misconfigured, f"{text}; publish the page as declared and check the company's name"
    if status == 404:
        return _not_found(request)
    if code == "Internal_EntityWithSameKeyExists" or (status == 409 and request.method == "POST"):
        return AlreadyThere, "NAV has a row with this key already"
    if status in (409, 412) or code == "Request_EntityChanged":
        return Conflict, "NAV's row was changed by somebody else since it was read; read it again"
    return Refused, f"NAV refuses ({status} {code})"


def _not_found(request: _Request) -> tuple[type[NavpluginError], str]:
    if request.reads and "(" not in request.url.rpartition("/")[2]:
        return Misconfigured, "NAV does not know this page; publish it as a web service under this name (404)"
    return Missing, "NAV has no such row any more"


def _document(response: requests.Response) -> Any:
    if "json" not in response.headers.get("Content-Type", ""):
        return None
    try:
        return json.loads(response.content, parse_float=Decimal, parse_constant=_refuse_constant)
    except ValueError:
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _error_of(document: Any) -> tuple[str, str]:
    """Code for programs and message for people; V3 nests the message once more."""
    if not isinstance(document, dict):
        return "", ""
    error = document.get("error") or document.get("odata.error")
    if not isinstance(error, dict):
        return "", ""
    message = error.get("message")
    said = message.get("value") if isinstance(message, dict) else message
    return str(error.get("code") or "Unknown"), str(said or "")


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d+)?", text.strip()) else None
