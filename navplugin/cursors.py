"""Reading only what changed. Pure: a cursor says what to ask for, and what of the answer is new.

No column of NAV is a clean cursor (nav-webservices.md 11): rows become visible at commit, with a mark or a time from
before it; two rows may share a time; deletions are visible in no read at all. So every cursor asks again for a stretch
that it has seen, and remembers what it has seen of it.

A cursor's `saved` text begins a later one where this one stands.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Key = tuple[Any, ...]

RECENT = timedelta(seconds=60)
"""Read again with each poll. A posting at a till takes seconds."""
LONGEST = timedelta(minutes=15)
"""Read again now and then: NAV lets an operation run 8 to 10 minutes (nav-webservices.md 12)."""
LONGEST_EVERY = timedelta(seconds=60)


@dataclass(slots=True)
class MarkCursor:
    """A row version that the database gives out (SQL rowversion, `Change Mark` of AIQ Sale).

    A mark is given at the write and seen at the commit, and every table of the database takes from the same counter:
    how many marks a slow posting lies back says nothing. How long it lies back does: the overlap is one of time.
    """

    start: int = 0
    _reached: list[tuple[datetime, int]] = field(default_factory=list)
    _read_at: datetime | None = None
    _looks_back: bool = False
    _looked_back_at: datetime | None = None

    def after(self, now: datetime) -> int:
        """Ask for rows with a greater mark. The newest row known is always among them: an empty answer means that it
        was deleted or that the database is an older copy; start again with `restart`.

        The stretch lies before the last answer, not before now: what was on its way when NAV was lost has come since.
        """
        since = LONGEST_EVERY if self._looked_back_at is None else now - self._looked_back_at
        self._looks_back = not timedelta(0) <= since < LONGEST_EVERY
        last = min(now, self._read_at or now)
        return max(0, self._known_at(last - (LONGEST if self._looks_back else RECENT)) - 1)

    def take(self, marks: Iterable[int], now: datetime) -> None:
        """What the answer held, once it is safe to read on from there."""
        self._read_at = now
        if self._looks_back:
            self._looked_back_at = now
        newest = max(marks, default=0)
        if newest > (self._reached[-1][1] if self._reached else self.start):
            self._reached.append((now, newest))
        while len(self._reached) > 1 and self._reached[1][0] <= now - LONGEST:
            # A clock that is set back makes all others look late: the poll begins here then.
            self.start = self._reached.pop(0)[1]

    def restart(self) -> None:
        """Forget all marks: the next read begins with the first row."""
        self.start, self._reached, self._read_at, self._looked_back_at = 0, [], None, None

    def safe(self, now: datetime) -> int:
        """Where a later cursor may start: what was known before anything that may still be on its way."""
        return self._known_at(now - LONGEST)

    def _known_at(self, moment: datetime) -> int:
        place = bisect_right(self._reached, moment, key=lambda one: one[0])
        return self._reached[place - 1][1] if place else self.start


@dataclass(slots=True)
class TimeCursor:
    """A time of the last change that NAV writes (`SystemModifiedAt`, Business Central 17 on; a time of one's own).

    The checkpoint is the greatest time seen, never this machine's clock. overlap: how far back an answer is read again.
    """

    checkpoint: datetime | None = None
    overlap: timedelta = LONGEST
    _seen: dict[Key, datetime] = field(default_factory=dict)

    def since(self) -> datetime | None:
        """Ask for rows changed at this time or later; None: all. A whole second: literals are rounded differently from
        what the database keeps."""
        return None if self.checkpoint is None else (self.checkpoint - self.overlap).replace(microsecond=0)

    def take(self, times: Mapping[Key, datetime]) -> list[Key]:
        """Keys of the rows that are new or changed since they were last taken."""
        fresh = [key for key, at in times.items() if self._seen.get(key) != at]
        self._seen.update(times)
        self.checkpoint = max([*times.values(), *([self.checkpoint] if self.checkpoint else [])], default=None)
        since = self.since()
        if since is not None:
            self._seen = {key: at for key, at in self._seen.items() if at >= since}
        return fresh

    def save(self) -> str:
        """As text. The keys seen are not kept: a later cursor takes the overlap twice, and loses nothing."""
        return self.checkpoint.isoformat() if self.checkpoint else ""

    @classmethod
    def load(cls, saved: str) -> TimeCursor:
        """From that text."""
        return cls(datetime.fromisoformat(saved).astimezone(UTC) if saved else None)


@dataclass(slots=True)
class ContentCursor:
    """A table without any mark: it is read whole and compared by content. The only cursor that sees deletions."""

    _seen: dict[Key, str] = field(default_factory=dict)

    def take(self, rows: Mapping[Key, Mapping[str, Any]]) -> tuple[list[Key], list[Key]]:
        """Keys that are new or changed, and keys that are gone."""
        found = {key: content_hash(row) for key, row in rows.items()}
        changed = [key for key, text in found.items() if self._seen.get(key) != text]
        gone = [key for key in self._seen if key not in found]
        self._seen = found
        return changed, gone


@dataclass(slots=True)
class NumberCursor:
    """Numbers that rise by one for each terminal (`Transaction No.`). A hole is a row on its way: tills that were
    offline replicate late, in batches (ls-pos.md 7.7)."""

    _next: dict[Key, int] = field(default_factory=dict)
    _beyond: dict[Key, set[int]] = field(default_factory=dict)

    @property
    def terminals(self) -> Sequence[Key]:
        """(Store No., POS Terminal No.) of all that were seen."""
        return sorted(self._next)

    def after(self, terminal: Key) -> int:
        """Ask for greater numbers of this terminal: the last one before the first hole."""
        return self._next.get(terminal, 1) - 1

    def take(self, terminal: Key, numbers: Iterable[int]) -> list[int]:
        """The numbers that are new. The first ones of a terminal that was never seen begin its count: what lies before
        them was posted before we came, or has been deleted by the administrator."""
        found = sorted(set(numbers))
        if not found and terminal not in self._next:
            return []
        following = self._next.setdefault(terminal, found[0] if found else 1)
        beyond = self._beyond.setdefault(terminal, set())
        fresh = [number for number in found if number >= following and number not in beyond]
        beyond.update(fresh)
        while following in beyond:
            beyond.remove(following)
            following += 1
        self._next[terminal] = following
        return fresh

    def holes(self, terminal: Key) -> list[int]:
        """Numbers that are missing below the greatest one seen."""
        beyond = self._beyond.get(terminal, set())
        return [n for n in range(self._next.get(terminal, 1), max(beyond, default=0)) if n not in beyond]

    def give_up(self, terminal: Key, number: int) -> None:
        """Read on behind a hole: the number was never used, or its row is gone for good."""
        self._beyond.setdefault(terminal, set()).add(number)
        self.take(terminal, ())

    def save(self) -> str:
        """As JSON."""
        return json.dumps([[*key, n, sorted(self._beyond.get(key, ()))] for key, n in sorted(self._next.items())])

    @classmethod
    def load(cls, saved: str) -> NumberCursor:
        """From that JSON."""
        made = cls()
        for store, terminal, following, beyond in json.loads(saved or "[]"):
            made._next[(store, terminal)] = following
            made._beyond[(store, terminal)] = set(beyond)
        return made


def content_hash(row: Mapping[str, Any]) -> str:
    """Of all fields of a row; amounts by value, so that 10.0 and 10.00 are the same."""
    shown = {name: _plain(value) for name, value in row.items()}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value.normalize())
    return value if isinstance(value, str | int | None) else str(value)
