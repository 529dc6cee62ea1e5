"""The one place where the enumeration stands between the worker and the rest: every boundary is counted and named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from navplugin.core.errors import Busy, Conflict, Refused, UnknownOutcome, Unreachable

T = TypeVar("T")


class Died(BaseException):
    """The process was killed here."""


FAULTS: Mapping[str, tuple[str, ...]] = {
    "ledger": ("die", "die-after"),
    "nav.read": ("die", "away"),
    "nav.write": ("die", "die-after", "away", "before", "after", "late", "conflict"),
    "aiq.read": ("die", "away"),
    "aiq.wallet": ("die", "away", "nobody", "empty", "other-person"),
    "aiq.connect": ("die", "away"),
    "aiq.move": ("die", "die-after", "away", "busy", "before", "after", "late", "refuse"),
}
"""What may befall a call of each kind.

die, die-after: the process is killed before or after it. away, busy, conflict, refuse: a definite no without effect.
before, after, late: no answer comes; the effect never was, was, or is still to come. nobody, empty, other-person: AIQ's
wallet knows no such member, shows no discount, or belongs to somebody else, this once.
"""
STALLS = ("stall", "pause")
"""Time passes before the call goes on: with a second worker that takes over meanwhile, or without one."""


@dataclass(slots=True)
class Io:
    """plan: boundary number -> what happens there: a fault, `press:KEY`, `other` (another receipt's turn comes in
    between), `take-over` (a second worker does), a stall, `clock:MINUTES` (the host's clock is set), `restore:ROUNDS`
    or `lose` (the ledger is put back, or gone), `usurp` (a second ledger takes over). Numbers begin with 1."""

    plan: Mapping[int, str] = field(default_factory=dict)
    passed: int = 0
    kinds: list[str] = field(default_factory=list)
    odd: str = ""
    after_question: bool = False
    """A stall came between the sender's last question and the first byte: nobody can prevent what follows."""
    meanwhile: Callable[[str], None] = lambda _: None
    be_late: Callable[[str, Callable[[], object]], None] = lambda *_: None

    def cross(self, kind: str, call: Callable[[], T]) -> T:
        """Carry out one call, with whatever is planned for it."""
        self.passed += 1
        self.kinds.append(kind)
        planned = self.plan.get(self.passed, "")
        if not planned:
            return call()
        if planned not in FAULTS[kind]:
            self.after_question = self.after_question or (kind, planned) == ("aiq.move", "stall")
            self.meanwhile(planned)
            return call()
        if kind == "aiq.wallet" and planned in ("nobody", "empty", "other-person"):
            self.odd = planned
            return call()
        return self._with(planned, kind, call)

    def _with(self, fault: str, kind: str, call: Callable[[], T]) -> T:
        if fault == "die":
            raise Died
        if fault == "away":
            raise Unreachable("no route")
        if fault == "busy":
            raise Busy("too many calls")
        if fault == "refuse":
            raise Refused("not today")
        if fault == "conflict":
            raise Conflict("somebody else changed the row")
        if fault == "late":
            self.be_late(kind, call)
        elif fault in ("after", "die-after"):
            call()
        if fault == "die-after":
            raise Died
        raise UnknownOutcome("no answer")
