"""One exchange with NAV, whatever the protocol: time limits always, no redirects, a limit to what is read, no secret in
any error. What became of a call that got no whole answer is decided here alone."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
import urllib3

from navplugin.core.errors import NavpluginError, ProtocolError, UnknownOutcome, Unreachable
from navplugin.wire import is_untrusted, was_never_sent

TIMEOUT = (3.05, 20.0)
"""Seconds to connect and seconds without a byte."""
DEADLINE = 120.0
"""Seconds for one whole answer: a server that gives a byte now and then would hold up every till."""
LONGEST_ANSWER = 64 * 2**20
"""Bytes. A page of 1,000 rows is about one megabyte; `$metadata` of a big site about five."""
_CHUNK = 2**16
_NETWORK = (
    requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, UnicodeError,
)  # fmt: skip
_CORRELATION = re.compile(r"\s*CorrelationId:\s*[0-9a-fA-F-]+\.?")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. where: page and operation, for messages. reads: nothing changes, so it may be sent again."""

    method: str
    url: str
    where: str
    reads: bool
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; header names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The content type, in lower case."""
        return self.headers.get("Content-Type", "").lower()


class Channel:
    """A signed-in session with one server. For one thread. advice: what to check when NAV refuses the sign-in."""

    def __init__(
        self,
        session: requests.Session,
        *,
        secrets: tuple[str, ...] = (),
        timeout: tuple[float, float] = TIMEOUT,
        advice: str = "check the web service user, its key and permissions",
        longest: int = LONGEST_ANSWER,
        deadline: float = DEADLINE,
    ) -> None:
        self.session, self.advice, self._deadline = session, advice, deadline
        self._secrets = tuple(one for one in secrets if one)
        self._timeout, self._longest = timeout, longest

    def exchange(self, request: Request) -> Response:
        """Send once and read the whole answer, of any status.

        Unreachable: nothing was sent, or a read got no whole answer. UnknownOutcome: a write was sent and its answer
        is lost or too long. ProtocolError: the answer to a read is longer than any of NAV's should be.
        """
        try:
            with closing(self._send(request)) as answer:
                body = b"".join(self._pieces(answer, request))
                return Response(answer.status_code, answer.headers, body)
        except _NETWORK as problem:
            raise self._no_answer(request, problem) from None

    def stream(self, request: Request, refuse: Callable[[Response], NavpluginError]) -> Iterator[bytes]:
        """The body of a good answer, piece by piece, at most the longest answer. refuse: the error of any other."""
        try:
            with closing(self._send(request)) as answer:
                pieces = self._pieces(answer, request)
                if answer.status_code != 200:
                    raise refuse(Response(answer.status_code, answer.headers, next(pieces, b"")))
                yield from pieces
        except _NETWORK as problem:
            raise self._no_answer(request, problem) from None

    def masked(self, text: str) -> str:
        """NAV's words without its correlation id, without our secrets, at most 300 characters."""
        text = _CORRELATION.sub("", text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:300].rstrip(". ")

    def _send(self, request: Request) -> requests.Response:
        return self.session.request(
            request.method, request.url, data=request.body, headers=dict(request.headers),
            timeout=self._timeout, allow_redirects=False, stream=True,
        )  # fmt: skip

    def _pieces(self, answer: requests.Response, request: Request) -> Iterator[bytes]:
        """What has arrived, as it arrives, within both limits."""
        seen, until = 0, time.monotonic() + self._deadline
        while piece := answer.raw.read1(_CHUNK, decode_content=True):
            seen += len(piece)
            if seen > self._longest:
                raise self._too_long(request)
            if time.monotonic() > until:
                raise requests.ReadTimeout("the answer does not end")
            yield piece

    def _too_long(self, request: Request) -> NavpluginError:
        text = f"NAV's answer is longer than {self._longest // 2**20} MB; check the published page and the address"
        return problem_of(ProtocolError if request.reads else UnknownOutcome, request.where, text)

    def _no_answer(self, request: Request, problem: Exception) -> NavpluginError:
        if is_untrusted(problem):
            text = "NAV's certificate is not trusted; name the company's own authority in ca-file"
            return problem_of(Unreachable, request.where, text)
        if was_never_sent(problem):
            text = "NAV cannot be reached; check that the service runs and that address and port are right"
            return problem_of(Unreachable, request.where, text)
        if request.reads:
            text = f"NAV gave no whole answer ({type(problem).__name__}); check the service and the network"
            return problem_of(Unreachable, request.where, text)
        text = f"NAV's answer to the write never came ({type(problem).__name__}); read the row back before another try"
        return problem_of(UnknownOutcome, request.where, text)


def problem_of(kind: type[NavpluginError], where: str, text: str) -> NavpluginError:
    """An error of NAV's side; `text` without its full stop."""
    return kind(f"{text}.", system="NAV", where=where)


def same_server(one: str, other: str) -> bool:
    """Whether two addresses lead to the same scheme, host and port. .NET writes a host in lower case and leaves the
    usual port out, whatever was asked for."""
    try:
        return _server(one) == _server(other)
    except ValueError:  # no address at all
        return False


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def seconds(text: str) -> float | None:
    """The seconds of a Retry-After; None where there are none, or a date stands there."""
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d+)?", text.strip()) else None
