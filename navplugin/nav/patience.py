"""Tries of a read: NAV is asked again a few times, with longer waits. A write is sent once, by whoever sends it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from navplugin.core.errors import Busy, Unreachable

log = logging.getLogger("navplugin.nav")

WAITS = (0.5, 1.5)
"""Seconds before the second and third try, give or take half: many workers must not come back together."""
LONGEST_WAIT = 5.0
"""A server that asks for more patience than this is left to the worker's next tick."""
T = TypeVar("T")


@dataclass(slots=True)
class Patience:
    """How often a read is tried. sleep: what waits between the tries."""

    waits: tuple[float, ...] = WAITS
    sleep: Callable[[float], None] = time.sleep

    def read(self, send: Callable[[], T]) -> T:
        """What `send` gives; its last error when every try failed."""
        for wait in self.waits:
            try:
                return send()
            except (Busy, Unreachable) as problem:
                asked = problem.retry_after or 0.0
                if asked > LONGEST_WAIT:
                    raise
                wait = max(wait * random.uniform(0.5, 1.5), asked)
                log.info("%s; trying again in %.1f s", problem, wait)
                self.sleep(wait)
        return send()
