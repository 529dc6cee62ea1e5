"""AIQ's call budget: one bucket for each API key, shared by every store and worker that has the same file.

AIQ publishes no limit; the defaults are those of aiq-api.md 2 (4 a second, 100 a minute, 1,800 an hour). Interactive
calls come first: batch calls pass a second, smaller bucket too, so that they never use more than their share.

The workers share the bucket, so its moments are those of the wall clock, which may be set. What then lies in the
future is dropped: no call waits for a clock, and never longer than LONGEST_HOLD_OFF at a time.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pyrate_limiter import Duration, Rate, RateItem, SQLiteBucket

from navplugin.core.errors import Busy

log = logging.getLogger("navplugin.aiq")

SHORTEST_WAIT = 0.02
USUAL_HOLD_OFF = 1.0
LONGEST_HOLD_OFF = 300.0
"""Seconds; AIQ may ask for more, and is asked again after these."""
_AHEAD = 5.0
"""Seconds that a call may lie in the future: two workers read the clock and then wait for the file."""


class Gate(Protocol):
    """Lets calls through, or not."""

    def admit(self, left: float) -> None:
        """Return when a call may be sent, after `left` seconds at the latest; else Busy: nothing was sent."""
        ...

    def hold_off(self, seconds: float | None) -> None:
        """AIQ asked for patience (429): no call of anybody for so many seconds, LONGEST_HOLD_OFF at most."""
        ...


class OpenGate:
    """No budget: for tests and for one call by hand."""

    def admit(self, left: float) -> None:
        """At once."""

    def hold_off(self, seconds: float | None) -> None:
        """Nobody is held off."""


class SharedGate:
    """The budget of one API key in a SQLite file. Where the file fails calls go through: a sale must not wait for it.

    per_second, per_minute, per_hour: calls of all workers together. batch_share: part of them, above 0 and at most 1,
    that batch calls may use. wall: epoch seconds, the same for all workers. monotonic: seconds by which a call measures
    its own waiting. Methods may be called from any thread.
    """

    def __init__(
        self,
        path: Path,
        api_key: str,
        per_second: int = 4,
        per_minute: int = 100,
        per_hour: int = 1800,
        *,
        batch_share: float = 0.5,
        batch: bool = False,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path, self._wall, self._monotonic, self._pause = path, wall, monotonic, pause
        self._lock = threading.Lock()
        name = hashlib.sha256(api_key.encode()).hexdigest()[:16]
        limits = ((per_second, Duration.SECOND), (per_minute, Duration.MINUTE), (per_hour, Duration.HOUR))
        shares = {"all": 1.0, "batch": batch_share} if batch else {"all": 1.0}
        self._tables = {
            f"{kind}_{name}": _binding([Rate(max(1, int(n * share)), int(length)) for n, length in limits])
            for kind, share in reversed(shares.items())
        }
        self._held = f"held_{name}"
        self._failed = False

    def admit(self, left: float) -> None:
        """One token from each bucket; Busy when none will be free in time."""
        until = self._monotonic() + left
        for table, rates in self._tables.items():
            while (wait := self._take(table, rates)) > 0:
                if self._monotonic() + wait > until:
                    text = "the calls that AIQ allows are used up for now."
                    raise Busy(text, system="AIQ", where="budget", retry_after=min(wait, LONGEST_HOLD_OFF))
                self._pause(max(SHORTEST_WAIT, wait))

    def hold_off(self, seconds: float | None) -> None:
        """Kept in the file, so that every worker waits."""
        now, asked = self._wall(), USUAL_HOLD_OFF if seconds is None else min(seconds, LONGEST_HOLD_OFF)
        with self._file() as connection:
            if connection is not None:
                connection.execute(f"DELETE FROM {self._held} WHERE until NOT BETWEEN ? AND ?", _span(now))
                connection.execute(f"INSERT INTO {self._held} VALUES (?)", (now + asked,))
                connection.execute("COMMIT")

    def _take(self, table: str, rates: list[Rate]) -> float:
        """Take a token; 0, or the seconds until one may be free."""
        with self._file() as connection:
            if connection is None:
                return 0.0
            now = self._wall()
            held = connection.execute(
                f"SELECT max(until) FROM {self._held} WHERE until BETWEEN ? AND ?", _span(now)
            ).fetchone()[0]
            if held is not None and held > now:
                return float(held - now)
            connection.execute(f"DELETE FROM '{table}' WHERE item_timestamp > ?", ((now + _AHEAD) * 1000,))
            bucket = SQLiteBucket(rates, connection, table)
            item = RateItem("call", int(now * 1000))
            if bucket.put(item):  # commits
                bucket.leak(item.timestamp)
                return 0.0
            return max(SHORTEST_WAIT, float(str(bucket.waiting(item))) / 1000)

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection | None]:
        """The file in one IMMEDIATE transaction: two workers cannot take the same token. None: it cannot be used."""
        with self._lock:
            connection = self._open()
            try:
                yield connection
            finally:
                if connection is not None:
                    connection.close()

    def _open(self) -> sqlite3.Connection | None:
        try:
            connection = sqlite3.connect(self._path, timeout=1, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for table in self._tables:
                connection.execute(f"CREATE TABLE IF NOT EXISTS '{table}' (name VARCHAR, item_timestamp INTEGER)")
                connection.execute(f"CREATE INDEX IF NOT EXISTS 'at_{table}' ON '{table}' (item_timestamp)")
            connection.execute(f"CREATE TABLE IF NOT EXISTS {self._held} (until REAL)")
        except sqlite3.Error as problem:
            if not self._failed:
                log.error("%s: AIQ's call budget cannot be kept (%s); calls go on without it", self._path, problem)
            self._failed = True
            return None
        self._failed = False
        return connection


def _span(now: float) -> tuple[float, float]:
    """Where a moment may lie until which calls are held off. Further ahead: noted before the clock was set back."""
    return now, now + LONGEST_HOLD_OFF


def _binding(rates: list[Rate]) -> list[Rate]:
    """Without the rates that another one makes idle; pyrate-limiter takes no others. rates: by growing interval."""
    kept: list[Rate] = []
    for rate in rates:
        kept = [one for one in kept if one.limit < rate.limit]
        if not kept or rate.limit * kept[-1].interval <= kept[-1].limit * rate.interval:
            kept.append(rate)
    return kept
