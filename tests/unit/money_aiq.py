"""AIQ's points, the ledger, and a process that may die at any boundary: for the model of the money machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from navplugin.core.errors import Busy, Refused, UnknownOutcome, Unreachable
from navplugin.core.model import (
    Claim,
    Wallet,
    WalletDiscount,
)
from navplugin.core.ports import Contact, Redemption
from navplugin.ledger import SqlLedger
from navplugin.ledger.schema import METADATA
from tests.conftest import ScriptedClock

CODES = {"AP0001": (Decimal(10), Decimal(100)), "AP0004": (Decimal(100), Decimal(500))}
"""Coupon code -> value of the discount, its cost in points."""
MEMBER, OTHER = "M1", "M2"
CONTACT = Contact("5550101001", "")


class Died(BaseException):
    """The process was killed here."""


@dataclass
class Boundaries:
    """Counts the places where the process may die, and dies at the chosen one (once)."""

    die_at: int = 0
    passed: int = 0

    def cross(self) -> None:
        """One boundary."""
        self.passed += 1
        if self.passed == self.die_at:
            raise Died


class DyingLedger(SqlLedger):
    """The real ledger, with a boundary before and after each write about money."""

    boundaries: Boundaries

    def open_claim(self, claim: Claim, balance: Decimal | None, now: datetime, *, force: bool = False) -> str:
        self.boundaries.cross()
        reason = super().open_claim(claim, balance, now, force=force)
        self.boundaries.cross()
        return reason

    def save_claim(self, before: Claim, after: Claim, move: str, now: datetime) -> None:
        self.boundaries.cross()
        super().save_claim(before, after, move, now)
        self.boundaries.cross()


@functools.cache
def _shared_ledger() -> DyingLedger:
    return DyingLedger(Path(":memory:"))


def an_empty_ledger() -> DyingLedger:
    """A ledger in memory, emptied: thousands of runs share its compiled statements."""
    ledger = _shared_ledger()
    with ledger._write() as connection:
        for table in reversed(METADATA.sorted_tables):
            if table.name != "meta":
                connection.execute(table.delete())
    return ledger


@dataclass
class Aiq:
    """Members' points. `faults`: what befalls the first calls of redeem and refund, in order."""

    clock: ScriptedClock
    boundaries: Boundaries
    balance: Decimal = Decimal(1000)
    faults: list[str] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    late: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    look_fails: int = 0
    calls: int = 0

    def wallet(self) -> Wallet:
        """The wallet as AIQ shows it now."""
        discounts = [
            WalletDiscount(f"d-{code}", code, code, cost, dollar_value=value, reusable=True, redemption_url="https://x")
            for code, (value, cost) in CODES.items()
        ]
        return Wallet("c1", self.balance, False, tuple(discounts), self.clock.now())

    def live(self, receipt_no: str, code: str) -> list[dict[str, Any]]:
        """Redemptions that stand."""
        return [r for r in self.taken if (r["ref"], r["id"]) == (receipt_no, f"d-{code}") and not r["refunded"]]

    def run_late(self) -> None:
        """Calls that take effect long after their answer was given up."""
        for at, effect in list(self.late):
            if self.clock.now() >= at:
                self.late.remove((at, effect))
                effect()

    def send_redemption(self, discount: WalletDiscount, reference: str) -> str:
        """As AIQ: takes the points, or refuses."""

        def effect() -> None:
            if self.balance < discount.points_cost:
                return
            self.balance -= discount.points_cost
            self.taken.append(
                {"ref": reference, "id": discount.discount_id, "points": discount.points_cost, "refunded": False}
            )

        def check() -> None:
            if self.balance < discount.points_cost:
                raise Refused("not enough points")

        self._call(effect, check)
        return f"r{len(self.taken)}"

    def send_refund(self, claim: Claim, contact_id: str) -> None:
        """Gives one redemption back; refuses what is not there or given back before."""

        def effect() -> None:
            for one in self.live(claim.receipt_no, claim.coupon_code):
                one["refunded"] = True
                self.balance += one["points"]

        def check() -> None:
            if not self.live(claim.receipt_no, claim.coupon_code):
                raise Refused("no such redemption")

        self._call(effect, check)

    def find_redemption(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Redemption | None:
        """The listing."""
        if self.look_fails:
            self.look_fails -= 1
            raise Unreachable("the listing is away")
        code = discount_id.removeprefix("d-")
        live = self.live(reference, code)
        return Redemption("c1", discount_id, reference, live[0]["points"]) if live else None

    def _call(self, effect: Callable[[], None], check: Callable[[], None]) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        self.calls += 1
        self.boundaries.cross()
        if fault == "busy":
            raise Busy("too many calls")
        if fault == "refuse":
            raise Refused("not today")
        if fault == "away":
            raise Unreachable("no route")
        if fault == "before":
            raise UnknownOutcome("cut")
        if fault == "late":
            self.late.append((self.clock.now() + timedelta(seconds=40), effect))
            raise UnknownOutcome("timed out")
        check()
        effect()
        self.boundaries.cross()
        if fault == "after":
            raise UnknownOutcome("cut")
