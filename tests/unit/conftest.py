"""The simulated NAV without HTTP: a state and its face."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from navplugin.simulator.app import Server
from navplugin.simulator.call import Answer, Call
from navplugin.simulator.odata import NavFace
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world
from tests.unit.sim_http import Http
from tests.unit.sim_odata_face import SIGN_IN, Ask


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def server(state: State) -> Iterator[Server]:
    """The state over real HTTP."""
    running = Server(state)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def face(state: State) -> NavFace:
    return NavFace(state)


@pytest.fixture
def ask(face: NavFace) -> Ask:
    def send(method: str, path: str, body: Any = None, **headers: str) -> Answer:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        path, _, query = path.partition("?")
        sent = {"authorization": SIGN_IN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return face.answer(Call(method, f"/NAV/ODataV4/{path}", query, sent, content, "http://nav.test:7048"))

    return send


@pytest.fixture
def http(state: State) -> Iterator[Http]:
    """The sample world over real HTTP; `state` is what the server works on."""
    load_world(state, None)
    server = Server(state)
    server.start()
    client = Http(server.url)
    yield client
    client.session.close()
    server.stop()
