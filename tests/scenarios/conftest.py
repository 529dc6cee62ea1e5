"""NAV and AIQ with the demo's world, over real HTTP, and their state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from navplugin.demo.stage import KEY_VARIABLE
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "simulator")
    load_world(opened, None)
    yield opened
    opened.close()


@pytest.fixture
def server(state: State, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")
    one = Server(state)
    one.start()
    yield one
    one.stop()
