"""Shared pieces: a scripted clock, and a guard that keeps every socket on this machine."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

SHOWN = "shown"

LOOPBACK = ("127.0.0.1", "::1", "localhost", "")


class ScriptedClock:
    """Time that moves only when a test says so. passed: seconds of its monotonic side."""

    def __init__(self, at: datetime = datetime(2026, 5, 1, 12, 0, tzinfo=UTC), passed: float = 0.0) -> None:
        self.at, self.passed = at, passed

    def now(self) -> datetime:
        """The scripted time."""
        return self.at

    def monotonic(self) -> float:
        """Seconds that have passed, whatever the wall clock was set to."""
        return self.passed

    def advance(self, **parts: float) -> None:
        """Move on: advance(seconds=30)."""
        self.at += timedelta(**parts)
        self.passed += timedelta(**parts).total_seconds()

    def step(self, **parts: float) -> None:
        """Set the wall clock: step(minutes=-10). No time passes."""
        self.at += timedelta(**parts)


@pytest.fixture
def clock() -> ScriptedClock:
    """A clock that starts at noon UTC on 2026-05-01."""
    return ScriptedClock()


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach anything but this machine."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {host}")
        real(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Any:
    """Figures for people: lines at the end of the output, also when all is well."""
    return lambda line: request.node.user_properties.append((SHOWN, line))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was shown, in whichever process it was."""
    reports = [one for many in terminalreporter.stats.values() for one in many if getattr(one, "when", "") == "call"]
    lines = [text for one in reports for name, text in one.user_properties if name == SHOWN]
    if lines:
        terminalreporter.section("what was shown")
        for line in lines:
            terminalreporter.write_line(line)
