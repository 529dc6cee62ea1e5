"""The figures of the enumeration and the fate of each mutant, at the end of the test output."""

from __future__ import annotations

from typing import Any

import pytest

SHOWN = pytest.StashKey[list[str]]()


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Any:
    """Lines for the end of the output."""
    lines: list[str] = request.config.stash.setdefault(SHOWN, [])
    return lines.append


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was shown."""
    lines = config.stash.get(SHOWN, [])
    if lines:
        terminalreporter.section("money machine")
        for line in lines:
            terminalreporter.write_line(line)
