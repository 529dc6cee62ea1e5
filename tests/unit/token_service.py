"""A token service and a NAV that takes its tokens, both over real TLS on this machine."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import trustme

TENANT, CLIENT, SECRET = "cronus.example", "11111111-2222-3333-4444-555555555555", "s3cret/value+~"


@dataclass
class Site:
    """State of both. tokens: issued so far; valid: what NAV takes now; token_answer: instead of a token, a status,
    content type and body; token_host: where discovery sends the client, its own address when empty."""

    url: str = ""
    secret: str = SECRET
    expires_in: int = 3600
    tokens: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    nav: list[tuple[str, bytes]] = field(default_factory=list)
    done: list[bytes] = field(default_factory=list)
    token_answer: tuple[int, str, str] | None = None
    token_host: str = ""
    refuses_all: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        if self.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            base = f"{site.token_host or site.url}/{TENANT}"
            self._json(200, {"issuer": f"{base}/v2.0", "token_endpoint": f"{base}/oauth2/v2.0/token",
                             "authorization_endpoint": f"{base}/oauth2/v2.0/authorize"})  # fmt: skip
        elif self.path.startswith("/nav"):
            self._nav(site, b"")
        else:
            self._json(400, {"error": "invalid_tenant"})

    def do_POST(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/nav"):
            self._nav(site, body)
            return
        form = parse_qs(body.decode())
        site.forms.append(form)
        if site.token_answer is not None:
            status, kind, text = site.token_answer
            self._reply(status, text.encode(), kind)
        elif form.get("client_secret") != [site.secret]:
            echo = f"AADSTS7000215: Invalid client secret provided: {form.get('client_secret')}"
            self._json(401, {"error": "invalid_client", "error_description": echo, "error_codes": [7000215]})
        else:
            token = f"token-{len(site.tokens) + 1}"
            site.tokens.append(token)
            site.valid.add(token)
            self._json(200, {"token_type": "Bearer", "access_token": token, "expires_in": site.expires_in})

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def _nav(self, site: Site, body: bytes) -> None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        site.nav.append((token, body))
        if kind != "Bearer" or token not in site.valid or site.refuses_all:
            self._json(401, {"error": {"code": "Authentication_InvalidCredentials", "message": "rejected"}})
            return
        site.done.append(body)
        self._json(200, {"value": []})

    def _json(self, status: int, body: Any) -> None:
        self._reply(status, json.dumps(body).encode(), "application/json")

    def _reply(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Retry-After", "7")
        if 300 <= status < 400:
            self.send_header("Location", "https://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        plain, address = self.socket.accept()
        return self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_: object) -> None:
        """A caller that does not trust us is no news here."""


@contextmanager
def serve(authority: trustme.CA) -> Iterator[Site]:
    """Both services on one port of this machine, with a certificate of this authority."""
    site = Site()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(server.context)
        server.site = site  # type: ignore[attr-defined]
        site.url = f"https://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield site
        server.shutdown()
        thread.join()
