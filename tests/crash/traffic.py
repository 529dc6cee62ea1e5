"""Sales without end at the simulated tills, each with an intended outcome, while somebody kills the worker."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from navplugin.simulator.state import State
from navplugin.simulator.till import TillError, press

CODES = ("AP0001", "AP0004")
GRANTS = "AIQ_POSTotalDiscountOfferLines"


@dataclass
class Cashier:
    """One terminal. Stops after the sale that is under way when `stop` is set. sales: how many were closed."""

    state: State
    terminal: str
    card: str
    seed: int
    stop: threading.Event
    sales: int = 0
    picks: int = 0
    troubles: list[str] = field(default_factory=list)

    def work(self) -> None:
        """Until stopped."""
        dice = random.Random(self.seed)
        while not self.stop.is_set():
            try:
                self._sale(dice)
            except Exception as trouble:  # noqa: BLE001 a thread must tell the judge
                self.troubles.append(repr(trouble))
                return

    def _sale(self, dice: random.Random) -> None:
        screen = self._press("check-in", member_card_no=self.card)
        receipt = screen["receipt_no"]
        for item in ("FLOWER", "VAPE"):
            self._press("add-item", item_no=item)
        self.state.wait_until(lambda: self._granted(receipt), 3)
        for code in dice.choice((CODES[1:], CODES, CODES[:1], ())):
            self.picks += bool(self._press("pick", coupon_code=code))
        if dice.random() < 0.2:
            self._press("unpick", coupon_code=CODES[1])
        self._pause(dice)
        self._press("total")
        self._pause(dice)
        outcome = dice.choice(("pay", "pay", "pay", "void", "void later", "suspend", "return"))
        if outcome == "suspend":
            self._press("suspend")
            self._pause(dice)
            self._press("retrieve", receipt_no=receipt)
            self._press("total")
        if outcome == "void":
            self._press("void")
        for _ in range(4):  # short discounts and withdrawn rows are asked about or send the cashier back once
            if self._state_of(receipt) in ("POSTED", "VOIDED"):
                break
            self._press("total")
            self._press("pay", tender="CASH")
        if outcome == "void later":
            self._pause(dice)
            self._press("void", receipt_no=receipt)
        if outcome == "return":
            self._press("return", receipt_no=receipt)
            self._press("total")
            self._press("pay", tender="CASH")
        self.sales += 1

    def _press(self, name: str, **body: Any) -> dict[str, Any]:
        try:
            return press(self.state, self.terminal, name, body)
        except TillError:
            return {}

    def _granted(self, receipt: str) -> bool:
        return self.stop.is_set() or any(row["Receipt_No"] == receipt for row in self.state.rows(GRANTS))

    def _state_of(self, receipt: str) -> str:
        row = self.state.get("AIQ_Sale", receipt)
        return str(row["State"]) if row else ""

    def _pause(self, dice: random.Random) -> None:
        self.stop.wait(dice.uniform(0, 0.3))
