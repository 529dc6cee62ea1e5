"""Facts about store and time: from the profile and the clock, in the store's zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time

from navplugin.rulebook.facts.look import UNKNOWN, Fact, Known, Look
from navplugin.rulebook.filters import FilterType

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


DAY = 24 * 60


def _minutes_to_closing(look: Look) -> object:
    """Below 0 after closing; a store that closes past midnight is open until then."""
    try:
        closing = time.fromisoformat(look.situation.store.closing_time)
    except ValueError:
        return UNKNOWN
    now = look.local_now
    left = closing.hour * 60 + closing.minute - now.hour * 60 - now.minute
    return left + DAY if left < -DAY // 2 else left


def _fact(
    caption: str, type: FilterType, doc: str, read: Callable[[Look], object], options: tuple[str, ...] = ()
) -> Fact:
    return Fact(caption, type, doc, read, options=options, known=Known.ALWAYS)


FACTS = (
    _fact("Date", FilterType.DATE, "the date of the sale", lambda k: k.today),
    _fact("Weekday", FilterType.OPTION, "the day of the week of the sale", lambda k: WEEKDAYS[k.today.weekday()],
          WEEKDAYS),
    _fact("Time", FilterType.TIME, "the time of day in the store's zone, 00:00 to 23:59", lambda k: k.local_now),
    _fact("Hour", FilterType.INTEGER, "the hour in the store's zone, 0 to 23", lambda k: k.local_now.hour),
    _fact("Minutes To Closing", FilterType.INTEGER,
          "minutes until the store closes, below 0 after that; unknown without a closing time", _minutes_to_closing),
    _fact("PIN Asked", FilterType.BOOLEAN, "whether the store's profile turns the PIN on",
          lambda k: k.situation.store.pin),
    _fact("Redeem At", FilterType.OPTION, "when the store takes points", lambda k: k.situation.store.redeem_at,
          ("posted", "total", "select")),
)  # fmt: skip
