"""The durable_rules matcher: the same order as `builtin`, from a child process that may die without harm.

durable_rules 2.0.28 has no Windows wheel, does not import on Python 3.13 and can end its process, so every failure
here is answered by `builtin` (design.md decision 2). A pool of processes cannot be timed out; one process can.
"""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import threading
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType

from navplugin.core.ports import Hit
from navplugin.rulebook.builtin import BuiltinMatcher, rank
from navplugin.rulebook.durable_child import Rank, serve, why_not

_log = logging.getLogger(__name__)

PATIENCE = 3
"""Failures one after another, after which the child is tried only now and then."""
PAUSE = 100
"""Orders that `builtin` answers between two such tries."""


def durable_is_installed() -> bool:
    """Whether durable_rules can be found; it is imported in the child process only."""
    return all(importlib.util.find_spec(name) is not None for name in ("durable", "durable_rules_engine"))


class _Failed(Exception):
    """There is no answer of the child; `lost` when it was asked or started, and had to be ended."""

    def __init__(self, why: str, lost: bool = False) -> None:
        super().__init__(why)
        self.lost = lost


class DurableMatcher:
    """Orders by durable_rules in a child process; `fallbacks` counts the orders that `builtin` had to answer."""

    name = "durable"

    def __init__(self, limit: float = 1.0, start_limit: float = 15.0) -> None:
        """limit, start_limit: seconds for one order, and for the start of the child, which is started when needed."""
        self.fallbacks = 0
        self.why = ""
        self._limit, self._start_limit = limit, start_limit
        self._builtin = BuiltinMatcher()
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._number = self._failures = self._pause = 0
        self._absent = self._closed = self._refused = False

    @property
    def active(self) -> str:
        """Who answers at present: "durable" or "builtin"; `why` tells the reason of the second."""
        return "builtin" if self.why else "durable"

    def order(self, hits: Iterable[Hit]) -> Sequence[Hit]:
        """Forbidding before inviting, then priority (low first), then file order; never raises for the child's sake."""
        listed = tuple(hits)
        if not listed:
            return ()
        groups: dict[Rank, list[Hit]] = {}
        for hit in listed:
            groups.setdefault(rank(hit), []).append(hit)
        with self._lock:
            refused = why_not(list(groups))
            if refused:
                self._note_refused(refused)
                return self._builtin.order(listed)
            try:
                places = self._ask(list(groups))
            except _Failed as failure:
                self._note_failure(failure)
                return self._builtin.order(listed)
            self._note_success()
        members = list(groups.values())
        return tuple(hit for place in places for hit in members[place])

    def close(self) -> None:
        """End the child; later orders are answered by `builtin`."""
        with self._lock:
            self._closed = True
            self._end()

    def __enter__(self) -> DurableMatcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, ranks: list[Rank]) -> list[int]:
        if self._closed:
            raise _Failed("the matcher is closed")
        if self._absent or self._pause:
            self._pause = max(0, self._pause - 1)
            raise _Failed(self.why)
        pipe = self._running()
        self._number += 1
        try:
            pipe.send((self._number, ranks))
        except (OSError, ValueError) as broken:
            raise self._lost(f"the child process is gone ({type(broken).__name__})") from None
        match self._receive(pipe, self._limit):
            case (int(number), list(places)) if number == self._number and _is_permutation(places, len(ranks)):
                return places
            case (int(number), str(why)) if number == self._number:
                raise self._lost(f"durable_rules failed: {why}")
        raise self._lost("the child process gave an answer that is not an order of the hits")

    def _running(self) -> Connection:
        """The pipe to a living child, which is started where there is none."""
        if self._pipe is not None and self._process is not None and self._process.is_alive():
            return self._pipe
        self._end()
        if not durable_is_installed():
            self._absent = True
            raise _Failed("durable_rules is not installed")
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        try:
            self._process = context.Process(target=serve, args=(theirs,), name="navplugin-durable", daemon=True)
            self._process.start()
        except (OSError, RuntimeError, AssertionError) as refused:  # no more processes, or a daemon may have none
            self._process = None
            raise self._lost(f"the child process cannot be started: {refused}") from None
        finally:
            theirs.close()
        match self._receive(self._pipe, self._start_limit):
            case ("ready", _):
                return self._pipe
            case ("absent", why):
                self._absent = True
                raise self._lost(f"durable_rules cannot be imported: {why}")
        raise self._lost("the child process did not start as it should")

    def _receive(self, pipe: Connection, limit: float) -> object:
        try:
            if not pipe.poll(limit):
                raise self._lost(f"no answer within {limit:g} seconds")
            return pipe.recv()
        except (EOFError, OSError):
            raise self._lost("the child process died") from None

    def _lost(self, why: str) -> _Failed:
        self._end()
        return _Failed(why, lost=True)

    def _end(self) -> None:
        """Leave no process and no pipe behind, whatever state they are in."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join(5)
            if self._process.exitcode is not None:
                self._process.close()
        self._pipe = self._process = None

    def _note_failure(self, failure: _Failed) -> None:
        self.fallbacks += 1
        if not self.why:
            level = logging.INFO if self._absent or self._closed else logging.ERROR
            _log.log(level, "rules are ordered by builtin, not by durable_rules: %s", failure)
        self.why = str(failure)
        if failure.lost:
            self._failures += 1
            self._pause = PAUSE if self._failures >= PATIENCE else 0

    def _note_refused(self, why: str) -> None:
        self.fallbacks += 1
        if not self._refused:
            _log.warning("some rules are ordered by builtin: %s", why)
        self._refused = True

    def _note_success(self) -> None:
        if self.why:
            _log.info("rules are ordered by durable_rules again")
        self.why, self._failures = "", 0


def _is_permutation(places: list[object], count: int) -> bool:
    return len(places) == count and all(type(p) is int for p in places) and set(places) == set(range(count))
