"""Facts about what happened before this sale. They are gathered only where a loaded rule uses them."""

from __future__ import annotations

from collections.abc import Callable

from navplugin.core.model import History
from navplugin.rulebook.facts.look import UNKNOWN, Cost, Fact, Look
from navplugin.rulebook.filters import FilterType


def _history(read: Callable[[History], int | None]) -> Callable[[Look], object]:
    def fact(look: Look) -> object:
        value = read(look.situation.history)
        return UNKNOWN if value is None else value

    return fact


def _first(look: Look) -> object:
    visits = look.situation.history.visits
    return UNKNOWN if visits is None else visits == 0


FACTS = (
    Fact("Visits", FilterType.INTEGER, "earlier sales of this member that NAV has posted, in all stores",
         _history(lambda h: h.visits), cost=Cost.NAV, source="visits", open_only=True),
    Fact("First Visit", FilterType.BOOLEAN, "whether NAV has posted no sale of this member yet", _first,
         cost=Cost.NAV, source="visits", open_only=True),
    Fact("Wallet Uses Today", FilterType.INTEGER,
         "wallet discounts that this member has picked on other sales of today, in all stores",
         _history(lambda h: h.uses_today), cost=Cost.LEDGER, source="uses_today", open_only=True),
    Fact("Prompts At Terminal In Last Hour", FilterType.INTEGER,
         "sign-up questions on other sales at this terminal within the last 60 minutes",
         _history(lambda h: h.prompts_last_hour), cost=Cost.LEDGER, source="prompts_last_hour", open_only=True),
)  # fmt: skip
