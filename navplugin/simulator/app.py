"""The simulator as one web application and as a server: NAV at /NAV/ODataV4, /NAV/OData (V3) and /NAV/WS (SOAP), its
tokens at /{tenant}/oauth2/v2.0/token, AIQ at /api, control at /_sim.

Endpoints run in the thread pool: a press at the till may wait two seconds for the worker, whose requests must be
answered meanwhile.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from navplugin.simulator import control
from navplugin.simulator.aiq_http import AiqFace
from navplugin.simulator.call import Answer, Call, answer_json
from navplugin.simulator.faults import Faults
from navplugin.simulator.odata import ROOT, NavFace
from navplugin.simulator.odata_error import V3_ROOT, switched_off
from navplugin.simulator.signin import give_token, openid_configuration
from navplugin.simulator.soap import SoapFace
from navplugin.simulator.soap_fault import ROOT as SOAP_ROOT
from navplugin.simulator.state import State, StateUnusable
from navplugin.simulator.world import load_world

THREADS = 64
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the two systems are started with; keys as in `nav_settings.DEFAULTS` and `aiq.DEFAULTS`."""

    nav: Mapping[str, Any] = field(default_factory=dict)
    aiq: Mapping[str, Any] = field(default_factory=dict)


class PortInUse(OSError):
    """Another program listens on the port."""


def build_app(state: State, *, settings: Settings | None = None, faults: Faults | None = None) -> Starlette:
    """The application over this state. `faults`: the list that its control routes change, made when not given."""
    settings, faults = settings or Settings(), faults or Faults(state)
    nav, aiq = NavFace(state, dict(settings.nav)), AiqFace(state, settings.aiq)
    soap = SoapFace(state, nav)

    def on_nav(call: Call) -> Answer:
        name = nav.name(call)
        nav.record(name)
        return faults.run(name, nav.answer, call)

    def on_soap(call: Call) -> Answer:
        name = soap.name(call)
        nav.record(name)
        return faults.run(name, soap.answer, call)

    def on_token(call: Call) -> Answer:
        nav.record("nav.token")
        return faults.run("nav.token", lambda one: give_token(state, one, nav.settings), call)

    def on_api(call: Call) -> Answer:
        return switched_off().answer(call, nav.settings["language"])

    def on_openid(call: Call) -> Answer:
        return openid_configuration(call, call.path.split("/")[1])

    def on_aiq(call: Call) -> Answer:
        aiq.record(call)
        return aiq.dated(faults.run(aiq.name(call), aiq.answer, call))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield

    async def index(request: Request) -> Response:
        return JSONResponse(addresses(str(request.base_url).rstrip("/")))

    routes = [
        Route("/", index),
        *_below(ROOT, on_nav),
        *_below(V3_ROOT, on_nav),
        *_below(SOAP_ROOT, on_soap),
        # The API endpoint is off where nobody switched it on (nav-webservices.md 12); the contract has no API pages.
        *_below("/NAV/api", on_api),
        Route("/{tenant}/oauth2/v2.0/token", _Face(on_token), methods=["POST"]),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", _Face(on_openid)),
        Mount("/api", _Face(on_aiq)),
        *control.routes(state, faults),
    ]
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(_Dated, state.now)])


def _below(root: str, handler: Callable[[Call], Answer]) -> list[BaseRoute]:
    """A service's root, with and without a slash at its end, and all below it: NAV sends no redirects."""
    return [Route(root, _Face(handler)), Mount(root, _Face(handler))]


def addresses(url: str) -> dict[str, str]:
    """Where the systems are, by name."""
    return {"nav": url + ROOT, "soap": url + SOAP_ROOT, "aiq": url, "control": url + control.PREFIX}


class Server:
    """The simulator on a port of this machine, in a thread of its own. Port 0 takes a free one."""

    def __init__(self, state: State, port: int = 0, settings: Settings | None = None) -> None:
        """Take the port at once. PortInUse when another program has it."""
        self.faults = Faults(state)
        self._socket = _listen(port)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self._server = _Uvicorn(_config(build_app(state, settings=settings, faults=self.faults)))
        self._thread = threading.Thread(target=self.run, name="simulator", daemon=True)

    def start(self) -> None:
        """Serve in the background; returns when the first request can be answered."""
        self._thread.start()
        self._server.ready.wait()

    def run(self) -> None:
        """Serve in this thread until stopped."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._server.ready.set()
            self._socket.close()

    def stop(self) -> None:
        """End the server; open connections are closed, slow answers are cut short. The state stays open."""
        self.faults.stop()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()


def serve(
    folder: Path, port: int, started: Callable[[str], None] = lambda url: None, settings: Settings | None = None
) -> None:
    """Serve the state of a folder until Ctrl+C; an empty one gets the sample world first. `started` is told the
    address before the first request. settings: what holds where the world says nothing else.

    StateUnusable when the folder cannot be used, PortInUse when the port is taken.
    """
    state = State(folder)
    try:
        if state.doc("aiq.personas") is None:
            load_world(state, None)
        server = Server(state, port, settings)
        started(server.url)
        server.run()
    except KeyboardInterrupt:
        return
    finally:
        state.close()


class _Face:
    """An ASGI application around a function that answers a call; a cut answer ends the connection."""

    def __init__(self, handler: Callable[[Call], Answer]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = scope.get("raw_path") or scope["path"].encode()
        try:
            body = await request.body()
        except ClientDisconnect:
            return  # the caller was killed in the middle of its request: nothing has reached us
        call = Call(
            method=request.method,
            path=raw.decode("ascii", "replace"),
            query=scope["query_string"].decode("ascii", "replace"),
            headers=dict(request.headers.items()),
            body=body,
            base=f"{request.url.scheme}://{request.url.netloc}",
            connection=scope["state"]["connection"],
        )
        answer = await to_thread.run_sync(self._answer, call)
        if answer.cut:
            await _cut(scope, receive, send, answer)
            return
        await Response(answer.body, answer.status, dict(answer.headers))(scope, receive, send)

    def _answer(self, call: Call) -> Answer:
        try:
            return self._handler(call)
        except StateUnusable as wrong:
            return answer_json(500, {"error": {"code": "Internal_ServerError", "message": str(wrong)}})


class _Dated:
    """Puts the simulated time into every answer as the servers' Date; a server with a clock of its own has put its."""

    def __init__(self, app: ASGIApp, now: Callable[[], datetime]) -> None:
        self._app, self._now = app, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start" and all(name != b"date" for name, _ in message["headers"]):
                date = format_datetime(self._now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self._app(scope, receive, dated)


async def _cut(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    """End the connection in the middle of the answer, without a byte where it has no body, and wait until it is gone,
    so that nobody misses a response."""
    if answer.body:
        length = str(len(answer.body)).encode()
        sent = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        head = {"type": "http.response.start", "status": answer.status}
        await send({**head, "headers": [*sent, (b"content-length", length)]})
        half = answer.body[: len(answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["state"]["close"]()
    else:
        scope["state"]["abort"]()
    while (await receive())["type"] != "http.disconnect":
        pass


class _CuttingProtocol(H11Protocol):
    """uvicorn's HTTP, with a way for the application to end its connection, and a place where it can remember
    something for as long as the connection lives: NTLM signs in a connection, and a port may be used again."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        ends = {"abort": transport.abort, "close": transport.close}
        self.app_state = {**self.app_state, **ends, "connection": {}}


class _Uvicorn(uvicorn.Server):
    """Tells when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app, http=_CuttingProtocol, ws="none", lifespan="on", loop="asyncio",
        log_config=None, access_log=False, server_header=False, date_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip


def _listen(port: int) -> socket.socket:
    # Named as TCP, so that asyncio turns Nagle off; each answer would wait 40 ms otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # Windows lets two programs share a port unless one of them forbids it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as wrong:
        listener.close()
        if wrong.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortInUse(f"Port {port} is in use by another program; name another one with --port.") from wrong
        raise
    return listener
