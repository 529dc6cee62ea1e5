"""Where a value stands in a JSON text: line and column of each path. For problems, so it runs only when there are some.

The standard library's parser tells no places. The text must be valid JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from navplugin.core.problems import Span

Path = tuple[str | int, ...]
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
LONGEST_SOURCE = 160
"""Longer lines are not shown under a problem: its path says where."""


def shown(path: Path) -> str:
    """`offers[0].benefits[1].value`."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f".{step}" if out else step
    return out or "the input"


class Places:
    """Places in one text; worked out at the first question."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self._found: dict[Path, tuple[int, int]] = {}
        self.doubled: list[Path] = []

    def look(self) -> None:
        """Go through the text once."""
        if not self._found:
            pieces = ((m.group(), m.start()) for m in _TOKEN.finditer(self.text))
            self._walk(pieces)

    def span(self, path: Path) -> Span:
        """The place of the value at this path, else of the nearest thing around it."""
        self.look()
        while path and path not in self._found:
            path = path[:-1]
        at, length = self._found.get(path, (0, 1))
        line = self.text.count("\n", 0, at) + 1
        return Span(self.name, line, at - (self.text.rfind("\n", 0, at) + 1) + 1, length)

    def source(self, span: Span) -> str:
        """The line of text, where it is short enough to be read."""
        line = self.text.split("\n")[span.line - 1].rstrip("\r")
        return line if len(line) <= LONGEST_SOURCE else ""

    def _walk(self, pieces: Iterator[tuple[str, int]]) -> None:
        """Keeps a stack: for each open container its path, and the key or index that is next."""
        stack: list[list[str | int]] = []
        waiting_for_key: list[bool] = []
        for piece, at in pieces:
            if piece in "}]":
                stack.pop()
                waiting_for_key.pop()
            elif piece == ",":
                here = stack[-1]
                waiting_for_key[-1] = here[0] == "{"
                here[1] = "" if here[0] == "{" else int(here[1]) + 1
            elif piece == ":":
                waiting_for_key[-1] = False
            elif stack and waiting_for_key[-1]:
                stack[-1][1] = json.loads(piece, strict=False)
            else:
                path: Path = tuple(here[1] for here in stack)
                if path in self._found and path not in self.doubled:
                    self.doubled.append(path)
                self._found[path] = (at, len(piece))
                if piece in "{[":
                    stack.append([piece, "" if piece == "{" else 0])
                    waiting_for_key.append(piece == "{")
