"""The modes of the long run: what the profile says, how the workers' clocks are set, and whether workers are stalled.

Not here, because `check` refuses them: `select` with `blind`; `total` or `select` with `manual` or `blind` unless
accept-manual-refunds = yes.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

SCENARIOS = ("same name", "new name", "two workers", "new version")
CAN_STALL = hasattr(signal, "SIGSTOP")


@dataclass(frozen=True, slots=True)
class Skew:
    """How wrong the wall clock of one worker is, in seconds. after: from this call of `now()` on it is wrong by `then`
    seconds in place of `seconds`; 0 = never."""

    seconds: float = 0.0
    then: float = 0.0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Mode:
    """One row of the table. settings: further keys of the store, or others than the demo's; by_hand: a person gives
    points back that were taken early, and the profile accepts that. skews: of the first worker that is
    started, the second, and so on, from the front again at the end. together: two workers at once in every scenario.
    stalls: half of the strikes stop a worker for a while instead of killing it."""

    name: str
    redeem_at: str = "posted"
    lookup: str = "probe"
    refund: str = "endpoint"
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    by_hand: bool = False
    skews: tuple[Skew, ...] = (Skew(),)
    together: bool = False
    stalls: bool = False

    @property
    def profile(self) -> dict[str, str]:
        """Keys of the profile with their values."""
        usual = {"redeem-at": self.redeem_at, "redemption-lookup": self.lookup, "refund": self.refund}
        return {**usual, **self.settings}

    @property
    def has_pin(self) -> bool:
        """Whether a PIN opens the wallet."""
        return self.settings.get("pin") == "on"

    @property
    def gives_back_by_hand(self) -> bool:
        """Whether a person gives points back: AIQ has no call for it, or its answer could not be looked up."""
        return self.refund == "manual" or self.lookup == "blind"


_CLOCKS = (
    Skew(), Skew(600), Skew(), Skew(-600), Skew(0, -3600, after=40), Skew(), Skew(0, 3600, after=40),
)  # fmt: skip
MODES = (
    Mode("posted probe endpoint"),
    Mode("posted blind manual", lookup="blind", refund="manual"),
    Mode("posted probe adjust", refund="adjust"),
    Mode("total probe endpoint", "total"),
    Mode("total probe adjust", "total", refund="adjust"),
    Mode("total probe manual", "total", refund="manual", by_hand=True),
    Mode("select probe endpoint", "select"),
    Mode("select probe adjust", "select", refund="adjust"),
    Mode("pin", settings={"pin": "on"}),
    # A wallet that a worker with a slow clock has read must not look stale to the till: picks are wanted.
    Mode("two hosts", settings={"fresh-seconds": "86400"}, skews=_CLOCKS, together=True),
    Mode("stall", stalls=True),
)
BY_NAME: Mapping[str, Mode] = {mode.name: mode for mode in MODES if CAN_STALL or not mode.stalls}
"""The modes of this system by name: Windows stops no process from outside."""
