"""AIQ's answers that contradict the ones before: asked again later, believed only when they last (findings.md M7)."""

from __future__ import annotations

from dataclasses import dataclass

from navplugin.core.model import Claim, Wallet
from navplugin.core.ports import Clock

SECONDS_GONE = 5.0
"""A wallet without this one discount: used up or taken off; the next answer a few seconds later confirms it."""
SECONDS_ODD = 600.0
"""No wallet, no discount at all, another person: more likely a fault of AIQ than the truth."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0


@dataclass(slots=True)
class _Odd:
    reason: str
    since: float
    next: float
    pause: float


class OddAnswers:
    """Remembers, for each claim, since when AIQ's wallet has not held what was picked. By the clock of this process
    that never steps; a restart starts from nothing.

    believe_at_once: for tests of what this is for.
    """

    def __init__(self, clock: Clock, *, believe_at_once: bool = False) -> None:
        self._clock, self._at_once = clock, believe_at_once
        self._claims: dict[str, _Odd] = {}

    def may_ask(self, claim: Claim) -> bool:
        """Whether it is time to ask AIQ again for this claim's member."""
        odd = self._claims.get(claim.key)
        return odd is None or self._clock.monotonic() >= odd.next

    def of(self, claim: Claim, wallet: Wallet | None, other_person: bool) -> str | None:
        """None: the wallet holds the discount. '': it does not, ask again later. Else why it is believed by now."""
        reason, seconds = _judge(claim, wallet, other_person)
        if not reason:
            self._claims.pop(claim.key, None)
            return None
        now = self._clock.monotonic()
        odd = self._claims.get(claim.key)
        if odd is None or odd.reason != reason:  # only what AIQ keeps saying is believed
            odd = self._claims[claim.key] = _Odd(reason, now, now, FIRST_PAUSE)
        if self._at_once or now - odd.since >= seconds:
            self._claims.pop(claim.key, None)
            return reason
        odd.next, odd.pause = now + odd.pause, min(odd.pause * 2, LONGEST_PAUSE)
        return ""


def _judge(claim: Claim, wallet: Wallet | None, other_person: bool) -> tuple[str, float]:
    """Why the discount cannot be taken by this wallet, and for how many seconds that must last; '' where it can."""
    if wallet is None:
        return "AIQ no longer knows the member", SECONDS_ODD
    if other_person:
        return "AIQ shows another person for this member card than the one who picked the discount", SECONDS_ODD
    discount = next((d for d in wallet.discounts if d.discount_id == claim.discount_id), None)
    if discount is not None and (discount.redemption_url or discount.tier):
        return "", 0.0
    return "AIQ no longer offers it", SECONDS_GONE if wallet.discounts else SECONDS_ODD
