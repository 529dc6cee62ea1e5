"""A write asks once more when its connection is made: after a stall the caller may no longer want to send."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from navplugin.core.errors import Unreachable
from navplugin.core.model import WalletDiscount
from navplugin.core.ports import Contact
from navplugin.loyalty import AiqProvider
from navplugin.loyalty.aiq_http import AiqHttp
from navplugin.wire import new_session
from tests.conftest import ScriptedClock
from tests.unit.test_aiq_http import CLAIM, KEY, PATH
from tests.unit.test_nav_http import Script, reply, script

__all__ = ["script"]

ANSWER = reply(200, {"success": True, "data": {"loyaltyPoints": 1}})
CONTEXTS = {"http": None, "https": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}
AUTHORITY = trustme.CA()
AUTHORITY.issue_cert("127.0.0.1").configure_cert(CONTEXTS["https"])


@dataclass
class Door:
    """A server that counts every byte of a request. slow: happens when a caller stands at the door, before TLS."""

    context: ssl.SSLContext | None
    happened: list[str] = field(default_factory=list)
    received: bytes = b""
    closing: bool = False
    slow: Callable[[], None] = lambda: None
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            caller, _ = self.listener.accept()
            with caller:
                if self.closing:
                    return
                self.slow()
                with contextlib.suppress(OSError):
                    self._speak(self.context.wrap_socket(caller, server_side=True) if self.context else caller)
            self.left.release()

    def _speak(self, caller: socket.socket) -> None:
        self.happened.append("connected")
        with caller:
            while got := caller.recv(65536):
                self.happened.append("bytes")
                self.received += got
                if b"\r\n\r\n" in got:
                    caller.sendall(ANSWER)


@pytest.fixture(params=["http", "https"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    made = Door(CONTEXTS[request.param])
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    yield made
    made.closing = True
    socket.create_connection(made.listener.getsockname()).close()
    thread.join(10)
    made.listener.close()


@pytest.fixture
def http(door: Door, tmp_path: Path) -> Iterator[AiqHttp]:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with new_session(str(tmp_path / "ca.pem")) as session:
        yield AiqHttp(door.url, KEY, session=session)


def test_a_send_that_is_no_longer_wanted_sends_not_a_byte(door: Door, http: AiqHttp) -> None:
    asked: list[str] = []
    with pytest.raises(Unreachable, match="it took too long to get through; nothing was sent"):
        http.write("PUT", "/x", "redemption", {"a": 1}, may_send=lambda: bool(asked.append("asked")))
    assert door.left.acquire(timeout=10)
    assert (asked, door.happened, door.received) == (["asked"], ["connected"], b"")


def test_a_send_that_is_wanted_asks_after_the_connection_and_before_its_first_byte(door: Door, http: AiqHttp) -> None:
    def may_send() -> bool:
        door.happened.append("asked")
        return True

    assert http.write("PUT", "/x", "redemption", {"a": 1}, may_send=may_send).status == 200
    http._session.close()
    assert door.left.acquire(timeout=10)
    steps = [step for step in door.happened if step != "connected"]  # the server may see a plain connection later
    assert (steps[0], steps.count("asked"), set(steps[1:])) == ("asked", 1, {"bytes"})
    assert door.received.startswith(b"PUT /x HTTP/1.1\r\n")
    assert door.received.endswith(b'{"a":1}')


def test_a_server_that_takes_its_time_at_the_door_is_told_nothing(
    door: Door, http: AiqHttp, clock: ScriptedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record says `sent` at noon; half a minute later another worker may have taken over."""
    until = clock.monotonic() + 20
    if door.context:
        door.slow = lambda: clock.advance(seconds=30)  # TLS waits for the server
    else:
        connect = socket.socket.connect

        def stalled(self: socket.socket, address: Any) -> None:
            connect(self, address)
            clock.advance(seconds=30)

        monkeypatch.setattr(socket.socket, "connect", stalled)
    with pytest.raises(Unreachable, match="nothing was sent"):
        http.write("PUT", "/x", "redemption", may_send=lambda: clock.monotonic() < until)
    assert door.left.acquire(timeout=10)
    assert door.received == b""


def test_no_call_afterwards_is_asked(script: Script, clock: ScriptedClock) -> None:
    script.answers, asked = [ANSWER], []
    aiq, contact = AiqProvider(script.url, "1234", KEY, clock=clock), Contact("5551234567", "")
    with pytest.raises(Unreachable):
        aiq.send_collection(CLAIM, "c1", lambda: bool(asked.append(1)))
    assert aiq.fetch_wallet(contact) is not None
    aiq.send_pin(contact)
    assert (len(asked), [one.method for one in script.sent]) == (1, ["POST", "POST"])


def test_a_read_of_another_thread_meanwhile_is_not_asked(script: Script, clock: ScriptedClock) -> None:
    script.answers = [ANSWER]
    aiq, asked, read = AiqProvider(script.url, "1234", KEY, clock=clock), [], []

    def may_send() -> bool:
        asked.append(1)
        if len(asked) == 1:
            other = threading.Thread(target=lambda: read.append(aiq.fetch_wallet(Contact("5551234567", ""))))
            other.start()
            other.join()
        return len(asked) > 1

    with pytest.raises(Unreachable):
        aiq.send_redemption(WalletDiscount("77", "A", "n", redemption_url=script.url + PATH), "R1", "", may_send)
    assert (len(asked), len(read), [one.method for one in script.sent]) == (1, 1, ["POST"])


@pytest.mark.parametrize(
    ("refund", "send"),
    [
        ("manual", lambda aiq, url, ask: aiq.send_redemption(
            WalletDiscount("77", "A", "n", redemption_url=url), "R1", may_send=ask)),
        ("endpoint", lambda aiq, url, ask: aiq.send_refund(CLAIM, "c1", ask)),
        ("adjust", lambda aiq, url, ask: aiq.send_refund(CLAIM, "c1", ask)),
        ("endpoint", lambda aiq, url, ask: aiq.send_refund(replace(CLAIM, collect="done"), "c1", ask)),
        ("manual", lambda aiq, url, ask: aiq.send_collection(CLAIM, "c1", ask)),
    ],
    ids=["redemption", "refund", "adjustment", "refund of a collection", "collection"],
)  # fmt: skip
def test_whatever_moves_points_asks_once(
    script: Script, clock: ScriptedClock, refund: str, send: Callable[..., object]
) -> None:
    script.answers, asked = [ANSWER], []
    aiq = AiqProvider(script.url, "1234", KEY, clock=clock, refund=refund)
    for wanted in (False, True):
        with pytest.raises(Unreachable) if not wanted else contextlib.nullcontext():
            send(aiq, script.url + PATH, lambda said=wanted: (asked.append(said), said)[1])
        assert len(script.sent) == int(wanted)
    assert asked == [False, True]
