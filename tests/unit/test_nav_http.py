"""NAV's HTTP layer against a scripted server: what is sent, and what becomes of every kind of answer."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

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
from navplugin.nav.channel import same_server
from navplugin.nav.http import NavHttp, Part
from navplugin.nav.patience import Patience
from navplugin.wire import new_session

CUT = b""
"""An answer that ends the connection without a byte."""
HANG = b"hang"
"""No answer until the server stops."""
CLOSE = b"<close>"
"""At the end of an answer: the connection is closed behind it."""
ENDLESS = b"<endless>"
"""At the end of an answer: blanks without end, until the caller has had enough."""


@dataclass(frozen=True)
class Sent:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Script:
    """A server that gives one prepared answer to each request, the last one again and again."""

    answers: list[bytes]
    sent: list[Sent] = field(default_factory=list)
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def next(self, request: Sent) -> bytes:
        self.sent.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        script: Script = self.server.script  # type: ignore[attr-defined]
        while line := self.rfile.readline():
            method, target, _ = line.decode().split(" ", 2)
            headers: dict[str, str] = {}
            while (header := self.rfile.readline().decode().strip()) != "":
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", 0)))
            answer = script.next(Sent(method, target, headers, body))
            if answer == HANG:
                script.stopping.wait(30)
            if answer in (CUT, HANG):
                return
            self.wfile.write(answer.removesuffix(ENDLESS).removesuffix(CLOSE))
            self.wfile.flush()
            if answer.endswith(ENDLESS):
                self._drown()
            if answer.endswith((ENDLESS, CLOSE)):
                return

    def _drown(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(2**14):
                self.wfile.write(b" " * 2**16)


def reply(status: int, body: Any = b"", kind: str = "application/json", **headers: str) -> bytes:
    """An HTTP answer; anything but bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    script: Script


HUGE = reply(200).replace(b"Content-Length: 0", b"Content-Length: 5000000000") + ENDLESS


@pytest.fixture
def script() -> Iterator[Script]:
    """A scripted server on a free port of this machine."""
    made = Script([reply(200, {"value": []})])
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.script = made
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.stopping.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def waits() -> list[float]:
    """What the layer has waited, without waiting."""
    return []


@pytest.fixture
def http(script: Script, waits: list[float]) -> Iterator[NavHttp]:
    with new_session() as session:
        session.auth = ("AIQ", "s3cret-key")
        patience = Patience(sleep=waits.append)
        yield NavHttp(script.url + "/NAV", session, secrets=("s3cret-key",), timeout=(5, 5), patience=patience)


def error(code: str, message: str = "No. CorrelationId:  1a2b.") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def assert_about(waits: list[float], asked: list[float]) -> None:
    """Half less or half more: many workers must not come back together. Never less than the server asks (4 s)."""
    assert len(waits) == len(asked)
    assert all(0.5 * base <= wait <= 1.5 * base for wait, base in zip(waits, asked, strict=True))


def rows(http: NavHttp, options: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
    return list(http.rows("AIQ_Sale", options or {}))


def test_query_options_are_percent_encoded(http: NavHttp, script: Script) -> None:
    rows(http, {"$filter": "Receipt_No eq 'R/7 #&+%'''"})
    assert script.sent[0].target == "/NAV/AIQ_Sale?$filter=Receipt_No%20eq%20%27R%2F7%20%23%26%2B%25%27%27%27"


def test_every_page_is_read_and_the_options_are_sent_once(http: NavHttp, script: Script) -> None:
    script.answers = [
        reply(200, {"value": [{"n": 1}], "@odata.nextLink": script.url + "/NAV/AIQ_Sale?$skiptoken=a%2Fb"}),
        reply(200, {"value": [{"n": 2}], "@odata.nextLink": "AIQ_Sale?$skiptoken=c"}),
        reply(200, {"value": [{"n": 3}]}),
    ]
    assert [row["n"] for row in rows(http, {"$select": "n"})] == [1, 2, 3]
    assert [one.target for one in script.sent] == [
        "/NAV/AIQ_Sale?$select=n", "/NAV/AIQ_Sale?$skiptoken=a%2Fb", "/NAV/AIQ_Sale?$skiptoken=c",
    ]  # fmt: skip


def test_a_link_that_repeats_ends_the_read(http: NavHttp, script: Script) -> None:
    script.answers = [reply(200, {"value": [], "@odata.nextLink": script.url + "/NAV/AIQ_Sale?$skiptoken=a"})]
    with pytest.raises(ProtocolError, match="repeats"):
        rows(http)
    assert len(script.sent) == 2


def test_a_link_whose_host_is_written_in_another_case_is_the_same_server(script: Script) -> None:
    """.NET writes hosts in lower case; administrators of Windows write NAVSRV01."""
    assert same_server("http://NAVSRV01:7048/NAV", "http://navsrv01:7048/NAV/AIQ_Sale?aid=1")
    assert same_server("https://nav.example:443/BC", "https://nav.example/BC")
    assert not same_server("https://nav.example", "http://nav.example")
    host = script.url.replace("127.0.0.1", "LOCALHOST")
    with new_session() as session:
        upper = NavHttp(host + "/NAV", session, timeout=(5, 5))
        script.answers = [
            reply(200, {"value": [{"n": 1}], "@odata.nextLink": f"{host.lower()}/NAV/AIQ_Sale?$skiptoken=a&aid=F"}),
            reply(200, {"value": [{"n": 2}]}),
        ]
        assert [row["n"] for row in rows(upper)] == [1, 2]
    assert script.sent[1].target == "/NAV/AIQ_Sale?$skiptoken=a&aid=F"


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/NAV/x", "https://evil.example/x", "//evil.example/x", "http://[", "http://127.0.0.1:x/NAV",
        ["http://127.0.0.1"],
    ],
)  # fmt: skip
def test_a_link_to_another_server_is_never_followed(http: NavHttp, script: Script, link: Any) -> None:
    script.answers = [reply(200, {"value": [], "@odata.nextLink": link})]
    with pytest.raises(ProtocolError, match="another server"):
        rows(http)
    assert len(script.sent) == 1


def test_a_redirect_is_refused_and_not_followed(http: NavHttp, script: Script) -> None:
    script.answers = [reply(302, b"", Location=script.url + "/elsewhere")]
    with pytest.raises(ProtocolError):
        rows(http)
    assert len(script.sent) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(200, b"<html>Sign in</html>", "text/html"), ProtocolError),
        (reply(200, b'{"value": [', "application/json"), ProtocolError),
        (reply(200, {"rows": []}), ProtocolError),
        (reply(200, {"value": [1]}), ProtocolError),
        (reply(200, b'{"value": [{"n": NaN}]}'), ProtocolError),
        (reply(401, error("Authentication_InvalidCredentials")), AuthFailed),
        (reply(403, b"<html/>", "text/html"), AuthFailed),
        (reply(404, error("BadRequest_ResourceNotFound")), Misconfigured),
        (reply(404, error("Internal_CompanyNotFound")), Misconfigured),
        (reply(404, b"<html/>", "text/html"), Misconfigured),
        (reply(400, error("BadRequest", "Could not find a property named 'X'")), Misconfigured),
        (reply(400, error("SkipTokenIsNoLongerValid")), Busy),
        (reply(500, error("Internal_ServerError")), ProtocolError),
        (reply(502, b"<html/>", "text/html"), Busy),
        (reply(409, error("Unknown", "The table is locked by another user.")), Busy),
        (reply(400, error("Internal_TenantUnavailable")), Busy),
        (reply(400, error("Unknown")), ProtocolError),
        (reply(400, error("Application_DialogException", "A trigger said no.")), ProtocolError),
        (reply(400, error("Internal_RecordNotFound")), ProtocolError),
        (reply(404, error("Internal_RecordNotFound", "A trigger found no store.")), ProtocolError),
        (reply(501, error("BadRequest_MethodNotImplemented")), Misconfigured),
        (reply(407, b"<html/>", "text/html"), ProtocolError),
        (reply(503, error("Unknown")), Busy),
        (reply(504), Busy),
        (reply(429), Busy),
        (CUT, Unreachable),
    ],
)
def test_each_bad_answer_to_a_read_has_its_error(
    http: NavHttp, script: Script, answer: bytes, kind: type[NavpluginError]
) -> None:
    script.answers = [answer]
    with pytest.raises(NavpluginError) as caught:
        rows(http)
    assert type(caught.value) is kind
    assert caught.value.system == "NAV"
    assert "AIQ_Sale" in str(caught.value)


@pytest.mark.parametrize(
    ("method", "answer", "kind"),
    [
        ("POST", reply(400, error("Internal_EntityWithSameKeyExists")), AlreadyThere),
        ("POST", reply(409, error("Internal_EntityWithSameKeyExists")), AlreadyThere),
        ("POST", reply(404, error("BadRequest_NotFound")), Misconfigured),
        ("POST", reply(404, error("Internal_RecordNotFound")), Refused),
        ("POST", reply(400, error("Internal_TenantUnavailable")), Busy),
        ("PATCH", reply(409, error("Request_EntityChanged")), Conflict),
        ("PATCH", reply(412, error("Request_EntityChanged")), Conflict),
        ("PATCH", reply(404, error("Internal_RecordNotFound")), Missing),
        ("PATCH", reply(404, error("BadRequest_ResourceNotFound")), Misconfigured),
        ("PATCH", reply(400, error("Application_DialogException")), Refused),
        ("PATCH", reply(405, error("BadRequest_MethodNotAllowed")), Refused),
        ("DELETE", reply(401, error("Authentication_InvalidCredentials")), AuthFailed),
        ("DELETE", reply(429), Busy),
        ("DELETE", reply(503), Busy),
        ("DELETE", reply(504), UnknownOutcome),
        ("DELETE", reply(500, error("Internal_ServerError")), UnknownOutcome),
        ("POST", reply(200, b"<html>Sign in</html>", "text/html"), UnknownOutcome),
        ("POST", reply(201, b'{"Receipt_No": "R'), UnknownOutcome),
        ("POST", CUT, UnknownOutcome),
        ("POST", b"HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{", UnknownOutcome),
    ],
)
def test_each_bad_answer_to_a_write_has_its_error_and_is_never_tried_again(
    http: NavHttp, script: Script, waits: list[float], method: str, answer: bytes, kind: type[NavpluginError]
) -> None:
    script.answers = [answer]
    if answer.startswith(b"HTTP/1.1 201 Created"):
        script.answers = [reply(201, b"{}").replace(b"Content-Length: 2", b"Content-Length: 90\r\nConnection: close")]
        http.channel._timeout = (5, 0.2)
    with pytest.raises(NavpluginError) as caught:
        http.write(method, "AIQ_POSStatus('R1')", "AIQ_POSStatus", b"{}", 'W/"a"')
    assert type(caught.value) is kind
    assert len(script.sent) == 1
    assert waits == []


def test_a_write_whose_answer_takes_too_long_has_an_unknown_outcome(http: NavHttp, script: Script) -> None:
    script.answers, http.channel._timeout = [HANG], (5, 0.05)
    with pytest.raises(UnknownOutcome, match="read the row back"):
        http.write("POST", "AIQ_POSStatus", "AIQ_POSStatus", b"{}")


def test_nothing_listens_so_nothing_was_written(script: Script, waits: list[float]) -> None:
    with new_session() as session:
        http = NavHttp("http://127.0.0.1:1/NAV", session, patience=Patience(sleep=waits.append))
        with pytest.raises(Unreachable, match="cannot be reached"):
            http.write("POST", "AIQ_POSStatus", "AIQ_POSStatus", b"{}")
        assert waits == []
        with pytest.raises(Unreachable):
            rows(http)
        assert_about(waits, [0.5, 1.5])


def test_a_read_is_tried_again_as_long_as_the_server_asks(http: NavHttp, script: Script, waits: list[float]) -> None:
    script.answers = [reply(503, b"", Retry_After="4"), CUT, reply(200, {"value": [{"n": 1}]})]
    assert rows(http) == [{"n": 1}]
    assert_about(waits, [4.0, 1.5])


def test_a_server_that_asks_for_more_patience_is_left_alone(http: NavHttp, script: Script, waits: list[float]) -> None:
    script.answers = [reply(429, b"", Retry_After="120")]
    with pytest.raises(Busy) as caught:
        rows(http)
    assert (caught.value.retry_after, waits, len(script.sent)) == (120.0, [], 1)


def test_no_answer_repeats_a_secret_or_a_correlation_id(http: NavHttp, script: Script) -> None:
    said = "The key s3cret-key is wrong. CorrelationId:  0a1b2c3d-0000-0000-0000-000000000000."
    script.answers = [reply(401, error("Authentication_InvalidCredentials", said))]
    with pytest.raises(AuthFailed) as caught:
        rows(http)
    assert "The key *** is wrong" in str(caught.value)
    assert "CorrelationId" not in str(caught.value)
    assert "s3cret" not in repr(http) + repr(caught.value)


def test_the_etag_goes_back_byte_for_byte(http: NavHttp, script: Script) -> None:
    script.answers = [reply(200, {"@odata.etag": 'W/"JzE5OzE="', "Receipt_No": "R1"})]
    answer = http.write("PATCH", "AIQ_POSStatus('R1')", "AIQ_POSStatus", b"{}", 'W/"JzE5OzA="')
    assert script.sent[0].headers["if-match"] == 'W/"JzE5OzA="'
    assert answer.etag == 'W/"JzE5OzE="'


def test_a_message_of_the_older_service_is_understood(http: NavHttp, script: Script) -> None:
    old = {"odata.error": {"code": "", "message": {"lang": "en-US", "value": "Field must be filled in."}}}
    script.answers = [reply(400, old)]
    with pytest.raises(Refused, match="Field must be filled in"):
        http.write("PATCH", "AIQ_POSStatus('R1')", "AIQ_POSStatus", b"{}", 'W/"a"')


def test_an_answer_without_end_costs_little_memory_and_time(http: NavHttp, script: Script) -> None:
    script.answers = [HUGE]
    http.channel._longest = 2**20
    with pytest.raises(ProtocolError, match="longer than 1 MB"):
        rows(http)
    with pytest.raises(UnknownOutcome, match="longer than 1 MB"):
        http.write("POST", "AIQ_Sale", "AIQ_Sale", b"{}")


def test_an_answer_that_only_drips_is_given_up(http: NavHttp, script: Script) -> None:
    script.answers = [HUGE]
    http.channel._deadline = -1.0
    with pytest.raises(Unreachable, match="no whole answer"):
        rows(http)
    with pytest.raises(UnknownOutcome):
        http.write("POST", "AIQ_Sale", "AIQ_Sale", b"{}")


def test_an_answer_that_ends_too_soon_is_no_answer(http: NavHttp, script: Script) -> None:
    script.answers = [reply(200, b"{}").replace(b"Content-Length: 2", b"Content-Length: 99") + CLOSE]
    with pytest.raises(Unreachable):
        rows(http)
    with pytest.raises(UnknownOutcome):
        http.write("POST", "AIQ_Sale", "AIQ_Sale", b"{}")


@pytest.mark.parametrize("told", [None, 7, ["x"], {}, [{"id": "0"}], [{"id": "0", "status": "201"}]])
def test_an_answer_to_a_batch_that_makes_no_sense_leaves_its_outcome_unknown(
    http: NavHttp, script: Script, told: Any
) -> None:
    script.answers = [reply(200, {"responses": told})]
    with pytest.raises(UnknownOutcome, match="read the rows back"):
        http.batch(script.url, "C", [Part("POST", "AIQ_Sale", "AIQ_Sale", {})])
