"""A NAV behind NTLM: a real acceptor of pyspnego on a real socket, which signs in connections, not requests."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import spnego
from spnego.exceptions import SpnegoError

DOMAIN, USER, PASSWORD = "CRONUS", "AIQ-WORKER", "pass word ß €"


@dataclass
class Door:
    """What was seen: requests by step, sign-ins that ended well and badly, bodies that were carried out.

    break_off: answer the first step with 503 instead of a challenge; garbage: with an unreadable challenge.
    """

    url: str = ""
    steps: list[str] = field(default_factory=list)
    signed_in: int = 0
    refused: int = 0
    done: list[bytes] = field(default_factory=list)
    break_off: bool = False
    garbage: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.door: Door = self.server.door  # type: ignore[attr-defined]
        self.context: spnego.ContextProxy | None = None
        self.known = False

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.known and not self._sign_in(self.headers.get("Authorization", "")):
            return
        self.door.done.append(body)
        self._reply(200, json.dumps({"value": []}).encode())

    def _sign_in(self, given: str) -> bool:
        kind, _, token = given.partition(" ")
        if kind != "NTLM":
            self.door.steps.append("unsigned")
            self._reply(401, challenge="NTLM")
            return False
        if self.context is None:
            self.door.steps.append("negotiate")
            options = spnego.NegotiateOptions.use_ntlm
            self.context = spnego.server(protocol="ntlm", options=options)
        else:
            self.door.steps.append("authenticate")
        if self.door.break_off:
            self._reply(503)
            return False
        try:
            answer = b"no challenge" if self.door.garbage else self.context.step(base64.b64decode(token))
        except SpnegoError:
            self.door.refused += 1
            self.context = None
            self._reply(401, challenge="NTLM")
            return False
        if self.context.complete:
            self.door.signed_in += 1
            self.known = True
            return True
        self._reply(401, challenge=f"NTLM {base64.b64encode(answer or b'').decode()}")
        return False

    def _reply(self, status: int, body: bytes = b"", challenge: str = "") -> None:
        self.send_response(status)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def ntlm_door(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The server, running, with one user."""
    users = folder / "users.txt"
    users.write_text(f"{DOMAIN}:{USER}:{PASSWORD}\n", encoding="utf-8")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    door = Door()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        server.door = door  # type: ignore[attr-defined]
        door.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield door
        server.shutdown()
        thread.join()
