"""Calls to AIQ: one deadline for each, no redirects, exact decimals, and an outcome that is never a guess.

Keys, phones, e-mails and redemption addresses do not appear in errors, in a repr or in the log (aiq-api.md 2).

| what happened | a read | a write |
| --- | --- | --- |
| no connection could be made | Unreachable | Unreachable |
| the connection took so long that the caller no longer wants to send | | Unreachable |
| 401, 403 | AuthFailed | AuthFailed |
| 429 | Busy | Busy |
| another 4xx with AIQ's JSON, or `success` false | Refused | Refused |
| 503, 504, 408 | Busy | UnknownOutcome |
| timeout, cut connection | Unreachable | UnknownOutcome |
| 2xx that does not clearly say done (`outcome`) | | UnknownOutcome |
| another 5xx, redirect, HTML, unreadable JSON | ProtocolError | UnknownOutcome |
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from navplugin.core.errors import (
    AuthFailed,
    Busy,
    Misconfigured,
    NavpluginError,
    ProtocolError,
    Refused,
    UnknownOutcome,
    Unreachable,
)
from navplugin.core.ports import MaySend, always
from navplugin.loyalty.outcome import Outcome, outcome_of
from navplugin.loyalty.rate import LONGEST_HOLD_OFF, Gate, OpenGate
from navplugin.wire import NotSent, asking, dump_json, is_untrusted, new_session, server_time, was_never_sent

log = logging.getLogger("navplugin.aiq")

CONNECT = 2.0
PAUSES = (0.5, 1.5)
"""Seconds before a read is tried again (aiq-api.md 13)."""
DEADLINE = 4.0
"""Seconds for one call in all (aiq-api.md 13: the till waits)."""
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
LARGEST = 8_000_000
MOST_SKEW = timedelta(days=366)
"""A Date further away is no clock that is wrong but a header that is."""
_NETWORK = (
    NotSent, requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, UnicodeError,
)  # fmt: skip
_PRIVATE = re.compile(
    r"https?://\S+"  # addresses, which may be bearer secrets
    r"|[^\s@]+@[^\s@]+"  # e-mails
    r"|(?<!\w)\+?\d(?:[\s().-]*\d){6,}"  # phones and other long numbers
    r"|[0-9A-Za-z_-]{20,}"  # keys, tokens, persona ids
)


@dataclass(frozen=True, slots=True)
class Answer:
    """AIQ's answer. `document` is None when the body was not AIQ's JSON."""

    status: int
    document: Any = None


class AiqHttp:
    """Calls below AIQ's address, from any thread. monotonic: seconds for the deadline. pause: waits between tries.

    session: one of `new_session`. deadline: seconds for one call, with its repeats, in all. gate: the budget of calls.
    wall: our clock. clock_skew: how far AIQ's is ahead of it by AIQ's newest answer, None before the first.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        session: requests.Session | None = None,
        deadline: float = DEADLINE,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        gate: Gate | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise Misconfigured("url in [aiq] must be an address such as https://lab.alpineiq.com", system="AIQ")
        if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise Misconfigured("the AIQ API key is empty or holds characters that no key has", system="AIQ")
        self.base_url = base_url.rstrip("/")
        self._key, self._given, self._own = api_key, session, threading.local()
        self._deadline, self._monotonic, self._pause = deadline, monotonic, pause
        self._gate: Gate = gate or OpenGate()
        self._wall, self._told_patience = wall, False
        self.clock_skew: timedelta | None = None
        # urllib3 writes every address at DEBUG: phones, e-mails and redemption tokens among them.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    def __repr__(self) -> str:
        return f"AiqHttp({self.base_url!r})"

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All calls of this thread inside the block must come back within so many seconds together."""
        before = getattr(self._own, "until", None)
        mine = self._monotonic() + seconds
        self._own.until = mine if before is None else min(before, mine)
        try:
            yield
        finally:
            self._own.until = before

    def read(
        self, method: str, path: str, where: str, body: Mapping[str, Any] | None = None, also: tuple[int, ...] = ()
    ) -> Answer:
        """A call without an effect, tried again while there is time. also: statuses that are an answer."""
        with self.within(self._deadline):
            for pause in PAUSES:
                try:
                    return self._read_once(method, path, where, body, also)
                except (Unreachable, ProtocolError, Busy) as problem:
                    if self._left() <= pause or problem.retry_after is not None:
                        raise
                self._pause(pause)
            return self._read_once(method, path, where, body, also)

    def _left(self) -> float:
        until = getattr(self._own, "until", None)
        return self._deadline if until is None else min(self._deadline, until - self._monotonic())

    def _read_once(
        self, method: str, path: str, where: str, body: Mapping[str, Any] | None, also: tuple[int, ...]
    ) -> Answer:
        response, content, problem = self._exchange(method, self.base_url + path, body, fresh=False)
        if problem is not None:
            raise self._no_answer(problem, where, wrote=False)
        answer = Answer(response.status_code, _document(response, content))
        if answer.status in also:
            return answer
        status = _effective_status(answer)
        if 200 <= status < 300 and answer.document is not None:
            return answer
        raise self._refusal(answer, status, where, self._retry_after(response), wrote=False)

    def write(
        self,
        method: str,
        url: str,
        where: str,
        body: Body = None,
        *,
        may_send: MaySend = always,
        repeatable: bool = False,
    ) -> Answer:
        """A call that takes effect, sent once. `url`: a path, or a whole address on AIQ's own host.

        may_send: asked once, when the connection is made. repeatable: sent again, it has the same effect.
        """
        target = self.base_url + url if url.startswith("/") and not url.startswith("//") else url
        if not self.is_own(target):
            raise Refused("the address is not on AIQ's own host; nothing was sent.", system="AIQ", where=where)
        # On a new connection: one that the server has just dropped would look like an answer that never came.
        with asking(may_send):
            response, content, problem = self._exchange(method, target, body, fresh=True)
        if problem is not None:
            raise self._no_answer(problem, where, wrote=True)
        answer = Answer(response.status_code, _document(response, content))
        status = _effective_status(answer)
        said = outcome_of(answer.document, empty=not content.strip(), repeatable=repeatable)
        if 200 <= status < 300 and said is Outcome.DONE:
            return answer
        raise self._refusal(answer, status, where, self._retry_after(response), wrote=True)

    @property
    def _session(self) -> requests.Session:
        """One for each thread: a session is not made for two."""
        if self._given is not None:
            return self._given
        if getattr(self._own, "session", None) is None:
            self._own.session = new_session()
        session: requests.Session = self._own.session
        return session

    def is_own(self, url: str) -> bool:
        """Whether the address is on AIQ's own host; calls carry the key, which must go nowhere else."""
        try:
            mine, theirs = urlsplit(self.base_url), urlsplit(url)
            same = (mine.scheme, mine.hostname, mine.port) == (theirs.scheme, theirs.hostname, theirs.port)
        except ValueError:
            return False
        return same and not theirs.username and not theirs.password

    # ---- inside --------------------------------------------------------------------------------------------------

    def _exchange(
        self, method: str, url: str, body: Body, *, fresh: bool
    ) -> tuple[requests.Response, bytes, Exception | None]:
        left = self._left()
        until = self._monotonic() + left
        self._gate.admit(left)
        left = until - self._monotonic()
        if left <= 0:
            raise self._problem(Busy, "budget", "the time for this answer is used up; nothing was sent")
        session = self._session
        if fresh:
            session.close()
        headers = {"x-apikey": self._key, "content-type": "application/json", "accept": "application/json"}
        try:
            with session.request(
                method, url, data=None if body is None else dump_json(body).encode(), headers=headers,
                timeout=(min(CONNECT, left), left), allow_redirects=False, stream=True,
            ) as response:  # fmt: skip
                self._measure_clock(response)
                return response, self._body(response, until), None
        except _NETWORK as problem:
            return requests.Response(), b"", problem

    def _measure_clock(self, response: requests.Response) -> None:
        told, now = server_time(response.headers), self._wall()
        if told is not None and abs(told - now) <= MOST_SKEW:
            self.clock_skew = told - now

    def _retry_after(self, response: requests.Response) -> float | None:
        """Seconds that AIQ asks us to wait, at most LONGEST_HOLD_OFF: a day would stop every till for a day."""
        text = response.headers.get("Retry-After", "").strip()
        if not re.fullmatch(r"\d{1,30}(\.\d{1,30})?", text):
            return None
        if float(text) > LONGEST_HOLD_OFF and not self._told_patience:
            self._told_patience = True
            log.warning("AIQ asks for %s s of patience (Retry-After); it is asked again after %g s",
                        text, LONGEST_HOLD_OFF)  # fmt: skip
        return min(float(text), LONGEST_HOLD_OFF)

    def _body(self, response: requests.Response, until: float) -> bytes:
        """The whole body before the deadline, however slowly it comes."""
        raw = response.raw
        read = getattr(raw, "read1", raw.read)
        parts: list[bytes] = []
        size = 0
        while True:
            left = until - self._monotonic()
            if left <= 0 or size > LARGEST:
                raise requests.ReadTimeout("the deadline passed")
            sock = getattr(getattr(raw, "connection", None), "sock", None)
            if sock is not None:
                sock.settimeout(left)
            part = read(65536, decode_content=True)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)

    def _no_answer(self, problem: Exception, where: str, *, wrote: bool) -> NavpluginError:
        name = type(problem).__name__
        if isinstance(problem, NotSent):
            return self._problem(Unreachable, where, "it took too long to get through; nothing was sent")
        if is_untrusted(problem):
            return self._problem(Unreachable, where, "AIQ's certificate is not trusted on this machine")
        if was_never_sent(problem):
            return self._problem(Unreachable, where, "AIQ cannot be reached; check the network and the address")
        if wrote:
            return self._problem(UnknownOutcome, where, f"AIQ's answer never came ({name}); it may have taken effect")
        return self._problem(Unreachable, where, f"AIQ gave no whole answer in time ({name})")

    def _refusal(
        self, answer: Answer, status: int, where: str, retry_after: float | None, *, wrote: bool
    ) -> NavpluginError:
        said = self.masked(_sentence(answer.document))
        told = f": {said}" if said else ""
        if status in (401, 403):
            return self._problem(AuthFailed, where, f"AIQ refuses the API key ({status}){told}; check uid and key")
        if status == 429 or (not wrote and status in (408, 503, 504)):
            busy = self._problem(Busy, where, f"AIQ is busy ({status})")
            busy.retry_after = retry_after
            if status == 429:
                self._gate.hold_off(retry_after)
            return busy
        if 400 <= status < 500 and status != 408 and answer.document is not None:
            return self._problem(Refused, where, said or f"AIQ refused with {status} and gave no reason")
        if wrote:
            text = f"AIQ's answer ({status}) does not say what happened{told}; it may have taken effect"
            return self._problem(UnknownOutcome, where, text)
        text = f"AIQ's answer ({status}) cannot be used{told}; check the address and the proxy"
        return self._problem(ProtocolError, where, text)

    def masked(self, text: str) -> str:
        """AIQ's words on one line, without anything that names a person or opens a door; at most 200 characters."""
        text = "".join(one if one.isprintable() else " " for one in text.replace(self._key, "***"))
        return _PRIVATE.sub("***", text)[:200].strip().rstrip(".")

    def _problem(self, kind: type[NavpluginError], where: str, text: str) -> NavpluginError:
        return kind(f"{text}.", system="AIQ", where=where)


def _document(response: requests.Response, content: bytes) -> Any:
    if "json" not in response.headers.get("Content-Type", "").lower():
        return None
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # RecursionError: thousands of brackets
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _effective_status(answer: Answer) -> int:
    """`success` false makes a refusal of a 2xx; its `code` says which one (aiq-api.md 2)."""
    document = answer.document
    if not (200 <= answer.status < 300 and isinstance(document, dict) and document.get("success") is False):
        return answer.status
    code = document.get("code")
    return code if isinstance(code, int) and 400 <= code <= 599 else 400


def _sentence(document: Any) -> str:
    """AIQ's reason: errors[0].message, else error, else message (aiq-api.md 2)."""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    found = first.get("message") if isinstance(first, dict) else first
    for said in (found, document.get("error"), document.get("message")):
        if isinstance(said, str) and said.strip():
            return said
    return ""
