"""Facts about store and time: from the profile and the clock, in the store's zone."""

from __future__ import annotations

from datetime import time

from navplugin.rulebook.facts.look import UNKNOWN, Fact, Look
from navplugin.rulebook.filters import FilterType

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _minutes_to_closing(look: Look) -> object:
    try:
        closing = time.fromisoformat(look.situation.store.closing_time)
    except ValueError:
        return UNKNOWN
    now = look.local_now
    return closing.hour * 60 + closing.minute - now.hour * 60 - now.minute


FACTS = (
    Fact("Date", FilterType.DATE, "the date of the sale", lambda k: k.today),
    Fact("Weekday", FilterType.OPTION, "the day of the week of the sale", lambda k: WEEKDAYS[k.today.weekday()],
         options=WEEKDAYS),
    Fact("Hour", FilterType.INTEGER, "the hour in the store's zone, 0 to 23", lambda k: k.local_now.hour),
    Fact("Minutes To Closing", FilterType.INTEGER,
         "minutes until the store closes; unknown without a closing time", _minutes_to_closing),
    Fact("PIN Asked", FilterType.BOOLEAN, "whether the store's profile turns the PIN on",
         lambda k: k.situation.store.pin),
    Fact("Redeem At", FilterType.OPTION, "when the store takes points", lambda k: k.situation.store.redeem_at,
         options=("posted", "total", "select")),
)  # fmt: skip
