"""What the faces of the simulator share: a received call, the answer to it, and JSON whose numbers keep every digit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from navplugin.simulator.state import Tables

JSON_TYPE = "application/json"


class BadJson(ValueError):
    """The body is not the JSON that the call wants."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request. `path` is as sent, still percent-encoded, so that `%2F` in a key stays one; `base` is the
    address that the caller used, without a path; header names are lower case. connection: what is remembered for as
    long as the caller's connection lives; past: the tables that a read is to see instead of those of now."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base: str = "http://127.0.0.1"
    connection: dict[str, Any] = field(default_factory=dict)
    past: Tables | None = None

    def options(self) -> list[tuple[str, str]]:
        """Query options in order, decoded."""
        return parse_qsl(self.query, keep_blank_values=True)

    def json(self) -> Any:
        """The body; numbers with a point are Decimal. BadJson when it is none."""
        try:
            return json.loads(self.body, parse_float=Decimal, parse_constant=_refuse)
        except ValueError as wrong:
            raise BadJson(str(wrong)) from wrong


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; `cut`: the connection ends without an answer, or in the middle of its body where it has one."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


def answer_json(status: int, data: Any, headers: Mapping[str, str] | None = None, kind: str = JSON_TYPE) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, dumps(data).encode(), {"content-type": kind, **(headers or {})})


def dumps(value: Any) -> str:
    """JSON text; a Decimal is written as a number with its own digits and no trailing zeros, as NAV does."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(k), ensure_ascii=False)}:{dumps(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dumps(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
