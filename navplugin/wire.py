"""What both adapters need of HTTP: sessions that trust the system's certificates, exact decimals, causes of errors."""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import truststore
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from navplugin.core.errors import Misconfigured, Unreachable

_NOT_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)

NOISY = ("odata", "urllib3", "zeep", "msal", "spnego", "requests_kerberos")
"""Loggers of libraries that write whole addresses, bodies or sign-ins at INFO and DEBUG (odata-soap-clients.md 2.2)."""


def quiet_logs() -> None:
    """Keep those libraries from logging anything below a warning."""
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def read_server_time(url: str, ca_file: str = "") -> datetime | None:
    """What the server at this address says the time is (HTTP's Date, whole seconds); None when it does not tell.

    It is asked without signing in and any answer is good. Unreachable when there is none.
    """
    with new_session(ca_file) as session:
        try:
            with closing(session.get(url, timeout=(3.05, 20.0), allow_redirects=False, stream=True)) as answer:
                return server_time(answer.headers)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError) as problem:
            if is_untrusted(problem):
                text = "its certificate is not trusted on this machine; name the company's own authority in ca-file"
            else:
                text = "it cannot be reached; check that the service runs, address, port, and the firewall"
            raise Unreachable(f"{text}.", where=url) from None


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The time of an answer by its server's clock (HTTP's Date, whole seconds); None when there is none to read."""
    try:
        told = parsedate_to_datetime(headers.get("Date", ""))
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def new_session(ca_file: str = "") -> requests.Session:
    """A session with checked HTTPS. ca_file: certificate of the company's own authority; Misconfigured if unusable.

    Proxy variables and .netrc are not looked at: they would change who we are and where we go. Its connections ask
    before they send where `asking` says so.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = "navplugin"
    session.mount("http://", AskingAdapter())
    session.mount("https://", SystemTrustAdapter(ca_file))
    return session


class NotSent(Exception):
    """The caller's question was answered with no, so not a byte of the request went out."""


class _Question(threading.local):
    """What the requests of this thread ask before they go out; None: nothing."""

    may_send: Callable[[], bool] | None = None


_QUESTION = _Question()


@contextmanager
def asking(may_send: Callable[[], bool]) -> Iterator[None]:
    """Each request of this thread inside the block asks when its connection is made, right before its first byte.

    NotSent, past requests and urllib3, when the answer is no. Only for sessions of `new_session`.
    """
    before, _QUESTION.may_send = _QUESTION.may_send, may_send
    try:
        yield
    finally:
        _QUESTION.may_send = before


class _AskBeforeSending:
    """For urllib3's connections. A request's first bytes leave in `endheaders`, which would connect by itself: the
    question must come after that, for a connection may take long. A proxy's CONNECT does not pass here."""

    sock: Any
    connect: Callable[[], None]

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        if _QUESTION.may_send is not None:
            if self.sock is None:
                self.connect()
            if not _QUESTION.may_send():
                raise NotSent("it took too long to get through")
        super().endheaders(*args, **kwargs)  # type: ignore[misc]


class _Connection(_AskBeforeSending, HTTPConnection):
    pass


class _SecureConnection(_AskBeforeSending, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class AskingAdapter(HTTPAdapter):
    """HTTP whose connections ask before they send, see `asking`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have our connections made."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class SystemTrustAdapter(AskingAdapter):
    """HTTPS checked against the system's certificates and, where given, one more file. It cannot be switched off."""

    def __init__(self, ca_file: str = "") -> None:
        self._context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca_file:
            try:
                self._context.load_verify_locations(cafile=ca_file)
            except (OSError, ssl.SSLError) as wrong:
                raise Misconfigured(f"ca-file {ca_file} cannot be used as a certificate file: {wrong}") from wrong
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Hand our context to every connection."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Certificates come from the context alone, not from a bundle in a package."""
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None


def was_never_sent(problem: BaseException) -> bool:
    """Whether no connection could be made, so that the request certainly had no effect."""
    return isinstance(problem, requests.ConnectTimeout) or any(isinstance(x, _NOT_SENT) for x in _causes(problem))


def is_untrusted(problem: BaseException) -> bool:
    """Whether the server's certificate was refused."""
    return any(isinstance(x, ssl.SSLCertVerificationError) for x in _causes(problem))


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The problem and what it wraps: requests keeps urllib3's errors in its arguments, urllib3 its own in `reason`."""
    waiting, seen = [problem], set()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [x for x in (*one.args, getattr(one, "reason", None)) if isinstance(x, BaseException)]


def dump_json(value: Any) -> str:
    """JSON text whose decimals are numbers with all their digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(name))}:{dump_json(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(dump_json(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
