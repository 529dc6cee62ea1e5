"""The HTTP of NAV's OData V4 service (odata-soap-clients.md 3): every page read, links only to the configured server,
JSON with exact decimals. Reads are tried again a few times; a write is sent once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

import requests

from navplugin.core.errors import NavpluginError, ProtocolError, UnknownOutcome
from navplugin.nav.channel import TIMEOUT, Channel, Request, Response, problem_of, same_server
from navplugin.nav.patience import Patience
from navplugin.nav.refusal import read_json, refusal
from navplugin.wire import dump_json

MAX_PAGES = 1000
PAGE_SIZE = 1000
"""Rows that we ask for in one page; the server may give fewer."""
_VERBS = {"GET": "read", "POST": "insert", "PATCH": "update", "DELETE": "delete"}
_HEADERS = {"Accept": "application/json;odata.metadata=minimal", "OData-MaxVersion": "4.0"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer. `document` is None when there was no body."""

    document: Mapping[str, Any] | None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One write in a batch; path below the company."""

    method: str
    path: str
    service: str
    body: Mapping[str, Any] | None = None
    etag: str = ""


class NavHttp:
    """Requests below one company's address. For one thread."""

    def __init__(
        self,
        base_url: str,
        session: requests.Session,
        *,
        secrets: tuple[str, ...] = (),
        timeout: tuple[float, float] = TIMEOUT,
        patience: Patience | None = None,
        advice: str = "check the web service user, its key and permissions",
    ) -> None:
        self._base = base_url.rstrip("/") + "/"
        self.channel = Channel(session, secrets=secrets, timeout=timeout, advice=advice)
        self.patience = patience or Patience()

    def __repr__(self) -> str:
        return f"NavHttp({self._base!r})"

    def rows(self, service: str, options: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """All rows of a set, page after page. ProtocolError for a link to another server or one that repeats."""
        query = "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in options.items())
        url = urljoin(self._base, service) + (f"?{query}" if query else "")
        seen: set[str] = set()
        while url:
            if url in seen or len(seen) >= MAX_PAGES:
                raise problem_of(ProtocolError, service, "NAV's link to the next page repeats; read again later")
            seen.add(url)
            # With each page: the size is a wish of the request, not of the link (nav-webservices.md 9).
            request = self._request("GET", url, service, Prefer=f"odata.maxpagesize={PAGE_SIZE}")
            document = self._read(request).document or {}
            page = document.get("value")
            if not isinstance(page, list) or not all(isinstance(row, dict) for row in page):
                raise problem_of(ProtocolError, service, "NAV's answer holds no list of rows; check the address")
            yield from page
            url = self._next(url, document.get("@odata.nextLink"), service)

    def read(self, path: str, service: str) -> Reply:
        """One entity by its path."""
        return self._read(self._request("GET", urljoin(self._base, path), service))

    def write(self, method: str, path: str, service: str, body: bytes | None = None, etag: str = "") -> Reply:
        """POST, PATCH or DELETE, once. `etag`: the row's own."""
        headers = {"If-Match": etag} if etag else {}
        return self._send(self._request(method, urljoin(self._base, path), service, body, **headers))

    def call(self, root: str, company: str, service: str, function: str, arguments: Mapping[str, Any]) -> Any:
        """An unbound action, once: `{root}/{service}_{function}?company=`; its value, None when it has none."""
        url = f"{root.rstrip('/')}/{service}_{function}?company={quote(company, safe='')}"
        reply = self._send(self._request("POST", url, f"{service}.{function}", dump_json(arguments).encode()))
        return (reply.document or {}).get("value")

    def batch(self, root: str, company: str, parts: Sequence[Part]) -> bool:
        """All parts in one transaction, or none: `Isolation: snapshot` (Business Central 17.1 on).

        The error of the first part that was refused is raised; all the others count as undone then, whatever their
        status says (nav-webservices.md 10). False: the server takes no batch, and nothing was written.
        """
        body = {"requests": [_shown(number, part, company) for number, part in enumerate(parts)]}
        url = f"{root.rstrip('/')}/$batch"
        request = self._request("POST", url, "$batch", dump_json(body).encode(), Isolation="snapshot")
        response = self.channel.exchange(request)
        if response.status in (400, 404, 405, 415, 501):  # of the batch itself, so no part of it was looked at
            return False
        document = self._good(request, response).document or {}
        told = document.get("responses")
        answers = {str(one.get("id")): one for one in told if isinstance(one, dict)} if isinstance(told, list) else {}
        for number, part in enumerate(parts):
            status = answers.get(str(number), {}).get("status")
            if isinstance(status, int) and status >= 400:
                raise self._part_refused(part, status, answers[str(number)])
        if len(answers) != len(parts) or not all(isinstance(a.get("status"), int) for a in answers.values()):
            text = "NAV's answer to the batch does not fit its parts; read the rows back"
            raise problem_of(UnknownOutcome, "$batch", text)
        return True

    def stream(self, url: str, what: str) -> Iterator[bytes]:
        """A document such as `$metadata`, piece by piece."""
        request = Request("GET", url, what, reads=True, headers={"Accept": "application/xml"})
        return self.channel.stream(request, lambda response: refusal(self.channel, request, response))

    # ---- inside --------------------------------------------------------------------------------------------------

    def _request(self, method: str, url: str, service: str, body: bytes | None = None, **more: str) -> Request:
        headers = {**_HEADERS, **({"Content-Type": "application/json"} if body is not None else {}), **more}
        return Request(method, url, f"{service} {_VERBS[method]}", method == "GET", body, headers)

    def _next(self, url: str, link: Any, service: str) -> str:
        if not link:
            return ""
        try:
            target = urljoin(url, link) if isinstance(link, str) else ""
        except ValueError:
            target = ""
        if not same_server(target, self._base):
            text = "NAV's link to the next page leads to another server; check the server's public address in NAV"
            raise problem_of(ProtocolError, service, text)
        return target

    def _read(self, request: Request) -> Reply:
        return self.patience.read(lambda: self._send(request))

    def _send(self, request: Request) -> Reply:
        return self._good(request, self.channel.exchange(request))

    def _good(self, request: Request, response: Response) -> Reply:
        if not 200 <= response.status < 300:
            raise refusal(self.channel, request, response)
        document, etag = read_json(response), response.headers.get("ETag", "")
        if response.status == 204 or (not response.body and not request.reads):
            return Reply(None, etag)
        if isinstance(document, dict):
            return Reply(document, str(document.get("@odata.etag") or etag))
        if "json" not in response.kind:
            text = "something else than NAV answered (no JSON); check the address, the proxy and the sign-in page"
            # A page of a proxy may stand in the place of NAV's answer to a write that was done.
            raise problem_of(ProtocolError if request.reads else UnknownOutcome, request.where, text)
        if request.reads:
            raise problem_of(ProtocolError, request.where, "NAV's answer is cut off or no JSON; read again later")
        raise problem_of(UnknownOutcome, request.where, "NAV's answer to the write is unreadable; read the row back")

    def _part_refused(self, part: Part, status: int, answer: Mapping[str, Any]) -> NavpluginError:
        body = answer.get("body")
        text = body if isinstance(body, str) else dump_json(body or {})
        response = Response(status, {"Content-Type": "application/json"}, text.encode())
        return refusal(self.channel, self._request(part.method, self._base + part.path, part.service), response)


def _shown(number: int, part: Part, company: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Company": company}
    if part.etag:
        headers["If-Match"] = part.etag
    shown: dict[str, Any] = {"id": str(number), "method": part.method, "url": part.path, "headers": headers}
    return {**shown, "body": part.body} if part.body is not None else shown
