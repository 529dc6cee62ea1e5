"""Sales without end at the simulated tills, each with an intended outcome, while somebody kills the worker."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from navplugin.simulator.aiq import PINS
from navplugin.simulator.state import State
from navplugin.simulator.till import TillError, press
from tests.crash.judge import contacts_of

CODES = ("AP0001", "AP0004")
GRANTS = "AIQ_POSTotalDiscountOfferLines"
PROMPTS = "AIQ_POSPrompts"
SHARED = "M1005"
OUTCOMES = (
    *["pay"] * 6, "void", "void later", "suspend", "suspend", "return", "part return", "return in parts",
    "void the return",
)  # fmt: skip


class Shop:
    """What the cashiers of one store share. newcomers: cards of members whom AIQ does not know yet."""

    def __init__(self, state: State, stop: threading.Event, newcomers: Iterable[str]) -> None:
        self.state, self.stop = state, stop
        self.yes: list[str] = []
        self.proven: set[tuple[str, str]] = set()
        self._newcomers, self._aside, self._lock = list(newcomers), list[str](), threading.Lock()

    def newcomer(self) -> str:
        """A card that was never used; '' when there are no more."""
        with self._lock:
            return self._newcomers.pop(0) if self._newcomers else ""

    def put_aside(self, receipt: str) -> None:
        """A suspended sale that any terminal may take up."""
        with self._lock:
            self._aside.append(receipt)

    def take_aside(self) -> str:
        """The oldest of them, '' when there is none."""
        with self._lock:
            return self._aside.pop(0) if self._aside else ""

    def pin_of(self, card: str) -> str:
        """The PIN that the member was sent last, '' when none was."""
        contact = contacts_of(self.state.doc("aiq.personas", [])).get(card, "")
        return str(self.state.doc(PINS, {}).get(contact, {}).get("code", ""))


@dataclass
class Cashier:
    """One terminal. Stops after the sale that is under way when the shop's `stop` is set. sales: how many were
    closed."""

    shop: Shop
    terminal: str
    card: str
    seed: int
    sales: int = 0
    picks: int = 0
    troubles: list[str] = field(default_factory=list)

    @property
    def state(self) -> State:
        """The simulator."""
        return self.shop.state

    def work(self) -> None:
        """Until stopped; nothing that was suspended is left behind."""
        dice = random.Random(self.seed)
        try:
            while not self.shop.stop.is_set():
                self._turn(dice)
            while receipt := self.shop.take_aside():
                self._take_up(dice, receipt)
        except Exception as trouble:  # noqa: BLE001 a thread must tell the judge
            self.troubles.append(f"{self.terminal}: {trouble!r}")

    def _turn(self, dice: random.Random) -> None:
        receipt = self.shop.take_aside() if dice.random() < 0.5 else ""
        if receipt:
            self._take_up(dice, receipt)
        else:
            self._sale(dice)

    def _take_up(self, dice: random.Random, receipt: str) -> None:
        """A sale that was suspended, here or at the other terminal."""
        self._press("retrieve", receipt_no=receipt)
        if dice.random() < 0.3:
            self._press("pick", coupon_code=CODES[0])
        self._pause(dice)
        self._close(receipt)

    def _sale(self, dice: random.Random) -> None:
        new = self.shop.newcomer() if dice.random() < 0.15 else ""
        card = new or self._known_card(dice)
        receipt = str(self._press("check-in", member_card_no=card)["receipt_no"])
        for item in ("FLOWER", "VAPE"):
            self._press("add-item", item_no=item)
        if new:
            self._offer_signup(dice, card, receipt)
        else:
            self.state.wait_until(lambda: self._granted(receipt, card), 3)
        for code in dice.choice((CODES[1:], CODES, CODES[:1], ())):
            self._pick(dice, receipt, card, code)
        if dice.random() < 0.3:  # a pick and an immediate payment
            self._close(receipt)
            return
        self._pause(dice)
        if dice.random() < 0.2:
            self._press("unpick", coupon_code=CODES[1])
        if dice.random() < 0.1:
            self._change_member(dice, receipt)
        self._press("total")
        self._pause(dice)
        self._end(dice, receipt)

    def _known_card(self, dice: random.Random) -> str:
        """Mostly the cashier's own member; now and then one whom both serve, or one who joined here."""
        roll = dice.random()
        if roll < 0.2:
            return SHARED
        return dice.choice(self.shop.yes) if roll < 0.3 and self.shop.yes else self.card

    def _offer_signup(self, dice: random.Random, card: str, receipt: str) -> None:
        self.state.wait_until(lambda: self.shop.stop.is_set() or self._has(PROMPTS, receipt, card), 3)
        self._press("signup")
        if dice.random() < 0.2:
            self._press("signup-no")
        elif self._press("signup-yes"):
            self.shop.yes.append(card)

    def _change_member(self, dice: random.Random, receipt: str) -> None:
        card = SHARED if dice.random() < 0.5 else {"M1003": "M1004"}.get(self.card, "M1003")
        self._press("check-in", member_card_no=card)
        if dice.random() < 0.5:
            self.state.wait_until(lambda: self._granted(receipt, card), 3)
            self._pick(dice, receipt, card, CODES[1])

    def _pick(self, dice: random.Random, receipt: str, card: str, code: str) -> None:
        screen = self._press("pick", coupon_code=code)
        self.picks += bool(screen)
        for _ in range(3):
            if (screen.get("popup") or {}).get("kind") != "pin":
                return
            self.state.wait_until(lambda: self.shop.stop.is_set() or bool(self.shop.pin_of(card)), 1.5)
            sent, roll = self.shop.pin_of(card), dice.random()
            if roll < 0.15 and sent:
                screen = self._press("pin", digits="0")
            else:
                self.shop.proven.add((receipt, card))
                screen = self._press("pin", digits=sent) if sent and roll < 0.9 else self._press("pin", bypass=True)

    def _end(self, dice: random.Random, receipt: str) -> None:
        outcome = dice.choice(OUTCOMES)
        if outcome == "suspend":
            self._press("suspend")
            self.shop.put_aside(receipt)
            return
        if outcome == "void":
            self._press("void")
        self._close(receipt)
        if outcome == "void later":
            self._pause(dice)
            self._press("void", receipt_no=receipt)
        elif outcome in ("return", "void the return"):
            returned = self._return(dice, receipt)
            if outcome == "void the return":
                if dice.random() < 0.5:
                    self.state.wait_until(lambda: self._is_given_back(receipt), 3)
                self._pause(dice)
                self._press("void", receipt_no=returned)
        elif outcome in ("part return", "return in parts"):
            self._return(dice, receipt, without="VAPE")
            if outcome == "return in parts":
                self._return(dice, receipt, without="FLOWER")

    def _return(self, dice: random.Random, receipt: str, without: str = "") -> str:
        """Take a sale back, all of it or all but one item; the return's own receipt number."""
        self._pause(dice)
        screen = self._press("return", receipt_no=receipt)
        for line in screen.get("lines", ()):
            if line["number"] == without:
                self._press("remove-item", line_no=line["line_no"])
        self._press("total")
        self._press("pay", tender="CASH")
        return str(screen.get("receipt_no", ""))

    def _close(self, receipt: str) -> None:
        """Pay. Short discounts are asked about, and withdrawn rows send the cashier back, once each."""
        for _ in range(6):
            if self._state_of(receipt) in ("POSTED", "VOIDED"):
                break
            self._press("total")
            self._press("pay", tender="CASH")
        else:
            self._press("void")
        self.sales += 1

    def _press(self, name: str, **body: Any) -> dict[str, Any]:
        try:
            return press(self.state, self.terminal, name, body)
        except TillError:
            return {}

    def _granted(self, receipt: str, card: str) -> bool:
        return self.shop.stop.is_set() or self._has(GRANTS, receipt, card)

    def _has(self, service: str, receipt: str, card: str) -> bool:
        return any((row["Receipt_No"], row["Member_Ref"]) == (receipt, card) for row in self.state.rows(service))

    def _is_given_back(self, receipt: str) -> bool:
        """Whether the points of a sale went back, so that a voided return must take them again."""
        redemptions, adjustments = (self.state.doc(f"aiq.{name}", []) for name in ("redemptions", "adjustments"))
        back = {one["reference"] for one in (*(r for r in redemptions if r["refunded"]), *adjustments)}
        return self.shop.stop.is_set() or receipt in back

    def _state_of(self, receipt: str) -> str:
        row = self.state.get("AIQ_Sale", receipt)
        return str(row["State"]) if row else ""

    def _pause(self, dice: random.Random) -> None:
        self.shop.stop.wait(dice.uniform(0, 0.3))
