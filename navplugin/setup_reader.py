"""What administrators keep in NAV and a sale needs: offers, AIQ Signup Terms, items that take no discount."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from navplugin.core.errors import Misconfigured, Missing
from navplugin.core.model import Offer
from navplugin.core.ports import Clock, JournalReader

log = logging.getLogger("navplugin.worker")


@dataclass(frozen=True, slots=True)
class Setup:
    """terms: AIQ Signup Terms by Store No. no_discount_items: item numbers that take no discount."""

    offers: tuple[Offer, ...]
    terms: Mapping[str, str]
    no_discount_items: frozenset[str]


class SetupReader:
    """Reads it again when it is older than `lifetime`, by a clock that never steps."""

    def __init__(self, reader: JournalReader, clock: Clock, lifetime: timedelta) -> None:
        self._reader, self._clock, self._lifetime = reader, clock, lifetime.total_seconds()
        self._known: tuple[float, Setup] | None = None
        self._said = False

    def read(self) -> Setup:
        """The newest that is known; raises what NAV raises where it must be read."""
        now = self._clock.monotonic()
        if self._known is None or now - self._known[0] > self._lifetime:
            rows = self._reader.read_setup()
            terms = {no: str(row.get("AIQ_Signup_Terms") or "") for no, row in rows.items()}
            self._known = now, Setup(tuple(self._reader.read_offers()), terms, self._no_discount_items())
        return self._known[1]

    def _no_discount_items(self) -> frozenset[str]:
        """A site may not publish its items; then the prediction takes every item for one that may be discounted."""
        try:
            rows = self._reader.read_rows("AIQ_Items", {"No_Discount_Allowed": True})
        except (Missing, Misconfigured) as gone:
            if not self._said:
                log.error(
                    "items that take no discount are not known (%s); predictions may be too high for them", gone
                )
            self._said = True
            return frozenset()
        return frozenset(str(row.fields["No"]) for row in rows)
