"""Runs the worker: publish, then tick after tick. NAV going away is waited out; one line when lost, one when back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from navplugin.core.errors import Retriable, Skippable
from navplugin.core.ports import Clock
from navplugin.worker import TickReport, Worker

log = logging.getLogger("navplugin.watch")

ROUNDS_OF_ONCE = 25
PATIENCE_OF_ONCE = 30.0
LONGEST_PAUSE = 30.0
LONGEST_ASKED = 300.0
"""Seconds that a server may ask for (Retry-After): tills must not wait for a slip of the pen."""
PUBLISH_PAUSE = timedelta(seconds=2)


@dataclass(slots=True)
class Watch:
    """One worker's loop.

    publish: brings footers and setup up to date; called at the start, and when a sale shows that they are gone.
    pause(seconds): waits, and says whether to go on; False ends the loop.
    """

    worker: Worker
    publish: Callable[[], int]
    pause: Callable[[float], bool]
    clock: Clock
    poll_seconds: float = 1.0
    _published_at: datetime | None = field(default=None, init=False)
    _is_due: bool = field(default=False, init=False)

    def once(self) -> TickReport:
        """Ticks until nothing is left to write, at most ROUNDS_OF_ONCE; raises what NAV raises."""
        self.worker.record.begin()
        self._publish()
        self.worker.lanes.patience = PATIENCE_OF_ONCE
        total = TickReport()
        for _ in range(ROUNDS_OF_ONCE):
            report = self._round()
            total.sales += report.sales
            total.effects += report.effects
            total.again, total.failures = report.again, report.failures
            if report.effects == 0 and report.busy == 0:
                break
        return total

    def forever(self) -> None:
        """Until `pause` says stop. The first round must reach NAV: a wrong address is seen at once, not in a log."""
        self.worker.record.begin()
        self._publish()
        log.info("watching %s", self.worker.company.name)
        lost = 0
        while True:
            try:
                self._round()
            except (Retriable, Skippable) as problem:
                lost, asked = lost + 1, problem.retry_after or 0.0
                if lost == 1:
                    lost_at, system = self.clock.monotonic(), "the ledger" if problem.system == "ledger" else "NAV"
                    log.error("%s is lost: %s; tills go on with what is written", system, problem)
            else:
                if lost:
                    log.info("%s is back after %d s", system, self.clock.monotonic() - lost_at)
                lost, asked = 0, 0.0
            wait = min(LONGEST_PAUSE, self.poll_seconds * 2 ** min(lost, 10)) if lost else self.poll_seconds
            wait = max(wait, min(asked, LONGEST_ASKED))
            if not self.pause(wait):
                log.info("stopped")
                return

    def _round(self) -> TickReport:
        report = self.worker.tick()
        now = self.clock.now()
        self._is_due = self._is_due or report.bare
        if self._is_due and (self._published_at is None or now - self._published_at > PUBLISH_PAUSE):
            self._publish()
        return report

    def _publish(self) -> None:
        with self.worker.lanes.turn.taken():  # a lane may be in the middle of a sale
            self.publish()
        self._published_at, self._is_due = self.clock.now(), False
