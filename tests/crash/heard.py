"""What arrives at the simulated AIQ, counted where it arrives: the simulator's own list keeps the last calls only."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

from navplugin.simulator import app
from navplugin.simulator.aiq_http import AiqFace
from navplugin.simulator.call import BadJson, Call
from navplugin.simulator.state import State


@dataclass(frozen=True, slots=True)
class SentSignup:
    """A sign-up that arrived. was_member: the person was a loyalty member already. at: seconds of this process."""

    phone: str
    was_member: bool
    at: float


@dataclass(slots=True)
class Heard:
    """calls: how many of each kind. signups: in the order in which they arrived."""

    calls: Counter[str] = field(default_factory=Counter)
    signups: list[SentSignup] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, state: State, kind: str, call: Call) -> None:
        """One call arrived."""
        with self._lock:
            self.calls[kind] += 1
            if kind != "signup":
                return
            try:
                phone = str(call.json()["mobilePhone"])
            except (BadJson, KeyError, TypeError):
                return
            members = {p["mobilePhone"] for p in state.doc("aiq.personas", []) if p["loyalty"]}
            self.signups.append(SentSignup(phone, phone in members, time.monotonic()))


class _Listening(AiqFace):
    def __init__(self, heard: Heard, state: State, settings: Any = None) -> None:
        super().__init__(state, settings)
        self._heard = heard

    def record(self, call: Call) -> None:
        self._heard.note(self._state, self.name(call).removeprefix("aiq."), call)
        super().record(call)


@contextmanager
def listening(heard: Heard) -> Iterator[None]:
    """Servers that are made in this block tell `heard` what arrives."""
    with mock.patch.object(app, "AiqFace", partial(_Listening, heard)):
        yield
