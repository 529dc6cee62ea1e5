"""The child process of `DurableMatcher`: durable_rules 2.0.28 behind a pipe, so that its crashes end only this process.

Each rank of hit is one rule of a ruleset; every hit is asserted as a fact, a last fact `go` lets the rules fire, and
durable_rules fires them by `pri`. The form of rules and facts keeps to what rules-engine.md C found to be safe.
"""

from __future__ import annotations

import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

Rank = tuple[bool, int, int]
"""Inviting (False stands first), priority, file order: `builtin.rank`."""

MAX_RANKS = 50
"""Rules in one ruleset. `go` meets all of them, and one fact must not meet 65 (error 303)."""

_LARGEST = 2**31
_NAME = "order"


class _Nowhere:
    """A stream that drops what is printed."""

    def write(self, text: str) -> int:
        """Drop it."""
        return len(text)

    def flush(self) -> None:
        """Nothing is kept, so nothing is to be written."""


def serve(pipe: Connection) -> None:
    """Answer requests until the parent closes the pipe or dies; run as the target of the child process.

    First ("ready", "") or ("absent", why); then for each (number, ranks) either (number, places) or (number, why).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr = _Nowhere()
    logging.disable(logging.CRITICAL)
    try:
        engine = Orderer()
    except (ImportError, AttributeError) as missing:
        _send(pipe, ("absent", str(missing)))
        return
    if not _send(pipe, ("ready", "")):
        return
    while True:
        try:
            request = pipe.recv()
        except (EOFError, OSError):
            return
        if not _send(pipe, answer(engine, request)):
            return


def _send(pipe: Connection, message: object) -> bool:
    try:
        pipe.send(message)
    except OSError:
        return False
    return True


def answer(engine: Orderer, request: object) -> tuple[object, list[int] | str]:
    """The places of the ranks in firing order, or one sentence on why they cannot be ordered."""
    match request:
        case (int(number), list(ranks)):
            pass
        case _:
            return (None, "not a request")
    refused = why_not(ranks)
    if refused:
        return (number, refused)
    try:
        return (number, engine.order([tuple(rank) for rank in ranks]))
    except Exception as error:  # noqa: BLE001 - durable_rules raises bare Exception; the parent decides what to do
        return (number, f"{type(error).__name__}: {error}")


def why_not(ranks: Sequence[object]) -> str:
    """Why durable_rules must not be given these ranks, "" where it may."""
    if len(ranks) > MAX_RANKS:
        return f"{len(ranks)} rules hold at once, durable_rules can order {MAX_RANKS}"
    if not all(map(_plain, ranks)):
        return "durable_rules can order by small whole numbers only"
    return "" if len(set(map(repr, ranks))) == len(ranks) else "a rank is there twice"


def _plain(rank: object) -> bool:
    match rank:
        case (bool(), int(priority), int(place)):
            numbers = (priority, place)
            return all(type(n) is int and abs(n) < _LARGEST for n in numbers)
    return False


class Orderer:
    """A ruleset that grows with the ranks seen, and starts afresh when it would grow too large."""

    def __init__(self) -> None:
        engine = importlib.import_module("durable.engine")
        self._native: Any = importlib.import_module("durable_rules_engine")
        self._not_handled: type[Exception] = engine.MessageNotHandledException
        # the stock Host starts two endless chains of timer threads
        self._host_class: Any = type("Quiet", (engine.Host,), {"_run": lambda host: None})
        self._host: Any = None
        self._known: frozenset[Rank] = frozenset()
        self._fired: list[int] = []
        self._session = 0

    def order(self, ranks: list[Rank]) -> list[int]:
        """The places of these ranks as durable_rules fires them."""
        if not ranks:
            return []
        if not self._known.issuperset(ranks):
            together = self._known.union(ranks)
            self._load(together if len(together) <= MAX_RANKS else frozenset(ranks))
        self._session += 1
        sid = f"s{self._session}"
        self._fired = []
        try:
            # delete_state after a session in which no fact met a rule is a SIGSEGV: `tx` always meets one
            self._assert({"sid": sid, "id": 1, "kind": "tx"})
            for place, (inviting, priority, file_order) in enumerate(ranks):
                hit = {"inviting": inviting, "priority": priority, "file_order": file_order, "place": place}
                self._assert({"sid": sid, "id": place + 2, "kind": "hit", **hit})
            self._assert({"sid": sid, "id": len(ranks) + 2, "kind": "go"})
        finally:
            self._host.delete_state(_NAME, sid)
        return self._fired

    def _load(self, ranks: frozenset[Rank]) -> None:
        old = self._host
        rules = {"session": {"all": [{"m": {"kind": "tx"}}], "pri": 9999, "run": lambda c: None}}
        for place, rank in enumerate(sorted(ranks), start=1):
            rules[f"rank{place}"] = self._rule(rank, place)
        self._host, self._known = self._host_class({_NAME: rules}), ranks
        if old is not None:
            self._native.delete_ruleset(old.get_ruleset(_NAME)._handle)

    def _rule(self, rank: Rank, pri: int) -> dict[str, Any]:
        inviting, priority, file_order = rank
        fields = [{"kind": "hit"}, {"inviting": inviting}, {"priority": priority}, {"file_order": file_order}]
        # presence of both, no comparison of one fact with the other: that crashes (rules-engine.md C.5)
        both = [{"go": {"kind": "go"}}, {"hit": {"$and": fields}}]
        return {"all": both, "pri": pri, "run": lambda c: self._fired.append(c.hit.place)}

    def _assert(self, fact: dict[str, object]) -> None:
        try:
            state = self._host.assert_fact(_NAME, fact)
        except self._not_handled:
            return
        if state and "exception" in state:
            raise RuntimeError(str(state["exception"]))
