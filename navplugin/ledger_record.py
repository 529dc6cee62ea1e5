"""Which ledger is in charge of a NAV company: the one row of AIQ_Ledger (design.md 2, decision 10).

Two ledgers on one company, a copy of one, or one that was put back from a backup would each take points that another
has taken. So a call that moves points is recorded in the ledger, then counted in this row, and only then sent. The row
is written under its ETag: whoever finds it changed is no longer in charge and sends nothing. A ledger that knows fewer
steps than the row is an older copy. Nothing here rests on a clock of another host.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from navplugin.core.errors import AlreadyThere, Conflict, Missing, NotInCharge, UnknownOutcome
from navplugin.core.model import Effect, Op, StagedRow
from navplugin.core.ports import Clock, JournalReader, NavWriter
from navplugin.reconcile import GRANTS

log = logging.getLogger("navplugin.ledger")

PAGE, CODE = "AIQ_Ledger", "LEDGER"
BEAT_SECONDS = 15.0
WATCHED_SECONDS = 2.5 * BEAT_SECONDS
"""How long a row is looked at before its worker counts as gone."""
TAKE_OVER = "navplugin ledger take-over"


class Ledger(Protocol):
    """What this module needs of the ledger."""

    company: str
    epoch: int
    ledger_id: str

    def step(self) -> int:
        """How many calls that move points it has recorded."""
        ...

    def take_over_no(self) -> int:
        """By which take-over it is in charge, 0 = never."""
        ...

    def put_in_charge(self, take_over_no: int, step: int) -> None:
        """Note that it is in charge."""
        ...

    def knows_claim(self, key: str, points: str = "") -> bool:
        """Whether it has a claim with this key that agrees with what NAV's row says of its points."""
        ...

    def other_companies(self) -> tuple[str, ...]:
        """The companies that it was written for, but for this one."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """The row without its time: who is in charge, and how far the ledger has come."""

    ledger_id: str
    take_over_no: int
    epoch: int
    step: int
    beat: int
    host: str
    worker: str

    @classmethod
    def of(cls, row: StagedRow) -> Record:
        """From NAV. NotInCharge where somebody has made it unreadable."""
        f = row.fields
        names = {n: f.get(n) for n in ("Ledger_ID", "Take_Over_No", "Epoch", "Step", "Beat")}
        numbers = [n for n in list(names.values())[1:] if isinstance(n, int) and n >= 0]
        if not names["Ledger_ID"] or len(numbers) < 4:
            raise NotInCharge(
                f"NAV's row in {PAGE} cannot be used, somebody has changed it ({names}); look with `{TAKE_OVER}`, "
                "nothing is moved until then.",
                system="NAV",
            )
        no, epoch, step, beat = numbers
        host, worker = str(f.get("Host") or ""), str(f.get("Worker_ID") or "")
        return cls(str(names["Ledger_ID"]), no, epoch, step, beat, host, worker)

    def fields(self, now: datetime) -> Mapping[str, Any]:
        """As NAV keeps it."""
        return {
            "Ledger_ID": self.ledger_id, "Take_Over_No": self.take_over_no, "Epoch": self.epoch, "Step": self.step,
            "Beat": self.beat, "Host": self.host, "Worker_ID": self.worker, "Written_At": now,
        }  # fmt: skip


class _Overtaken(NotInCharge):
    """Somebody wrote the row between our look and our write."""


class LedgerRecord:
    """The worker's side of the row, for one company. Not for several threads at once: the worker's turn guards it.

    pause(seconds): waits, and says whether to go on.
    """

    def __init__(
        self, reader: JournalReader, writer: NavWriter, ledger: Ledger, clock: Clock, host: str,
        pause: Callable[[float], bool],
    ) -> None:  # fmt: skip
        self.reader, self.writer, self.ledger, self.clock = reader, writer, ledger, clock
        self.host, self._pause = host[:50], pause
        self._worker = secrets.token_hex(4)
        """Tells this process from every other, also from one that runs on a copy of the ledger."""
        self._last: Record | None = None
        self._possible: set[Record] = set()
        """What the row may hold, as far as this process wrote it: the answer to a write may be lost."""
        self._etag, self._written = "", 0.0

    # ---- at the start ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Make sure that this ledger is in charge, and say so in NAV. NotInCharge with the reason otherwise. Called
        again in the same process, it looks whether that still holds."""
        if self._last is not None:
            self._change(self._last.step)
            return
        for left in (2, 1, 0):
            try:
                self._judge_and_take()
                return
            except _Overtaken:  # what has been written meanwhile is judged like any other row
                if not left:
                    raise

    def _judge_and_take(self) -> None:
        row = self.read()
        if row is None:
            self._begin_again()
            return
        there = Record.of(row)
        if reason := self.why_not(there):
            raise NotInCharge(reason, system="ledger")
        # A ledger of this machine has counted on since; a copy has not.
        is_copy = there.host != self.host or self.ledger.epoch <= there.epoch
        if is_copy and self.is_alive(there):
            raise NotInCharge(
                f"the worker on {there.host or 'another host'} is using this ledger, or a copy of it, at this moment; "
                "stop that worker first. Nothing was moved.",
                system="ledger",
            )
        self.take(row, max(there.take_over_no, self.ledger.take_over_no(), 1), self.ledger.step())

    def why_not(self, there: Record) -> str:
        """Why this ledger is not in charge by this record, '' where it is."""
        return why_not_in_charge(self.ledger, there)

    def _begin_again(self) -> None:
        """No row: the first start, or somebody has deleted it."""
        company = self.ledger.company
        if self.ledger.take_over_no():
            text = f"NAV's row in {PAGE} is gone, so NAV does not say which ledger is in charge of {company}"
            raise NotInCharge(f"{text}; look with `{TAKE_OVER}`. Nothing was moved.", system="NAV")
        if key := self._unknown_claim():
            text = f"NAV knows more of the claim {key} than this ledger: there was another one, or a newer copy"
            raise NotInCharge(f"{text}. Put it back, or see what is missing: {TAKE_OVER}", system="ledger")
        self.take(None, 1, self.ledger.step())

    def _unknown_claim(self) -> str:
        """The first claim of which NAV's rows say what this ledger does not know; "" where there is none."""
        for row in self.reader.read_rows(GRANTS, {}):
            key = str(row.fields.get("Redemption_ID") or "").strip()
            if key and not self.ledger.knows_claim(key, str(row.fields.get("Points") or "")):
                return key
        return ""

    def take(self, row: StagedRow | None, take_over_no: int, step: int) -> None:
        """Put this ledger in charge in place of this row, as it was judged; None: there was no row. NotInCharge where
        somebody else was faster."""
        beat = row.fields.get("Beat") if row is not None else 0
        record = Record(
            self.ledger.ledger_id, take_over_no, self.ledger.epoch, step, beat + 1 if isinstance(beat, int) else 1,
            self.host, self._worker,
        )  # fmt: skip
        fields = record.fields(self.clock.now())
        op, etag = (Op.INSERT, "") if row is None else (Op.UPDATE, row.etag)
        try:
            self._written_as(record, self.writer.write(Effect(op, PAGE, (CODE,), fields, etag)))
        except (AlreadyThere, Conflict, UnknownOutcome, Missing):
            self._confirm(record)
        # After NAV: a death between the two leaves a row that names this ledger, and its first start begins again.
        self.ledger.put_in_charge(take_over_no, step)

    def _confirm(self, record: Record) -> None:
        """After a write whose outcome is not known: is the row what we wrote?"""
        row = self.read()
        if row is None or Record.of(row) != record:
            raise _Overtaken("another worker began on this company at the same moment; start again.", system="ledger")
        self._written_as(record, row)

    # ---- while it runs ---------------------------------------------------------------------------------------------

    def step_on(self) -> None:
        """Count a call that moves points, before it is sent. NotInCharge, or any other error: it must not be sent."""
        self._change(self._counted(grown=True))

    def beat_if_due(self) -> None:
        """Show that this worker lives, and see whether it is still in charge. Raises as `step_on`."""
        if self.clock.monotonic() - self._written >= BEAT_SECONDS:
            self._counted(grown=False)
            self._change(self._last.step if self._last else 0)

    def _counted(self, *, grown: bool) -> int:
        """The ledger's step, which never falls, and has grown where a call was just recorded. Else an older copy was
        put into the very file that this worker has open."""
        if self._last is None:
            raise NotInCharge("this worker has not begun.", system="ledger")
        step, known = self.ledger.step(), self._last.step
        if step < known or (grown and step == known):
            text = "an older copy was put into the ledger's file while it was in use; this worker stops"
            raise NotInCharge(f"{text}. Start it again: it says what is missing.", system="ledger")
        return step

    def _change(self, step: int) -> None:
        if self._last is None:
            raise NotInCharge("this worker has not begun.", system="ledger")
        wanted = replace(self._last, beat=self._last.beat + 1, step=step)
        for _ in range(3):
            try:
                effect = Effect(Op.UPDATE, PAGE, (CODE,), wanted.fields(self.clock.now()), self._etag)
                self._possible.add(wanted)
                self._written_as(wanted, self.writer.write(effect))
                return
            except (Conflict, Missing):
                row = self.read()
                if row is None:
                    self._put_back(wanted)
                    return
                if (there := Record.of(row)) not in self._possible:
                    raise NotInCharge(self._displaced(there), system="ledger") from None
                # The same values under another ETag: a write of ours whose answer was lost, or NAV touched the row.
                self._etag = row.etag
        raise Conflict(f"{PAGE} is changed again and again by somebody else.", system="NAV", where=PAGE)

    def _put_back(self, wanted: Record) -> None:
        """The row is gone, and there is no other: this process had it until a moment ago, so it is safe to
        write it again, unless NAV knows claims of another ledger."""
        if key := self._unknown_claim():
            text = f"NAV's row in {PAGE} was deleted, and NAV names the claim {key}, which this ledger does not have"
            raise NotInCharge(f"{text}; this worker stops", system="ledger")
        log.error("NAV's row in %s was deleted by somebody; it is written again", PAGE)
        effect = Effect(Op.INSERT, PAGE, (CODE,), wanted.fields(self.clock.now()))
        try:
            self._written_as(wanted, self.writer.write(effect))
        except (AlreadyThere, UnknownOutcome):
            self._confirm(wanted)

    def _displaced(self, there: Record) -> str:
        company = self.ledger.company
        who = "another ledger" if there.ledger_id != self.ledger.ledger_id else "another worker or copy of this ledger"
        return f"{who} on {there.host or 'another host'} has taken over {company}; this worker stops"

    # ---- inside ----------------------------------------------------------------------------------------------------

    def read(self) -> StagedRow | None:
        """The row as it is in NAV."""
        return next(iter(self.reader.read_rows(PAGE, {"Code": CODE})), None)

    def is_alive(self, there: Record) -> bool:
        """Whether somebody writes this row: it is looked at for WATCHED_SECONDS of this process's own time. NotInCharge
        when told to stop meanwhile."""
        log.warning("the ledger was last used on %s; looking for %d s whether it still is", there.host, WATCHED_SECONDS)
        begun = self.clock.monotonic()
        while self.clock.monotonic() - begun < WATCHED_SECONDS:
            if not self._pause(1.0):
                text = f"stopped before it was known whether the worker on {there.host} still runs. Nothing was moved."
                raise NotInCharge(text, system="ledger")
            row = self.read()
            if row is None or Record.of(row) != there:
                return True
        return False

    def _written_as(self, record: Record, row: StagedRow | None) -> None:
        if row is None:
            row = self.read()
        self._last, self._possible, self._etag = record, {record}, row.etag if row else ""
        self._written = self.clock.monotonic()


def why_not_in_charge(mine: Ledger, there: Record) -> str:
    """Why this ledger is not in charge by this record, '' where it is."""
    company = mine.company
    if there.ledger_id != mine.ledger_id:
        return (
            f"another ledger is in charge of {company}: {there.ledger_id[:8]} on {there.host or 'another host'}; "
            f"this one is {mine.ledger_id[:8]}. If that ledger is lost for good: {TAKE_OVER}"
        )
    if there.take_over_no > max(mine.take_over_no(), 1) or there.step > mine.step():
        behind = there.step - mine.step()
        moves = "1 move of points" if behind == 1 else f"{behind} moves of points"
        if not mine.take_over_no() and (others := mine.other_companies()):
            return (
                f"this ledger was written for {', '.join(others)} and knows nothing of {company}; if it was "
                f"renamed in NAV: {TAKE_OVER} --renamed-from NAME"
            )
        known = f"NAV counts {moves} that it lacks" if behind > 0 else "the company was taken over since"
        return (
            f"this ledger is an older copy for {company}: {known}. Put the newest one back, "
            f"or see what is missing: {TAKE_OVER}"
        )
    return ""


class NoRecord:
    """Where nothing is written to NAV: a worker that only watches has no ledger in charge of anything."""

    def begin(self) -> None:
        """Nothing to say."""

    def step_on(self) -> None:
        """Nothing to count."""

    def beat_if_due(self) -> None:
        """Nobody looks."""
