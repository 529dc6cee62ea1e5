"""The simulated till: what staff press and what the screen then shows (design.md 7 and 7.1, and only that).

A press answers with the screen: `receipt_no`, `state` (IDLE before the first sale, else as AIQ_Sale.State; a closed
sale stays on the screen), `member_card_no`, `lines`, `subtotal`, `discount`, `total`, `popup` (null, or an object with
`kind` signup, message, status, pin or short, `text` and `options`), `message`, `wallet` (the rows shown), `slip` (once
printed, see `slip.print_slip`). Money is text with two decimals, quantities and points are plain digits as text.
A pop-up does not lock the till: any other press closes it unanswered.
Errors: Impossible (409) and Malformed (400), both TillError.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from weakref import WeakKeyDictionary

from navplugin.simulator import till_close, till_member, till_wallet
from navplugin.simulator.state import State
from navplugin.simulator.till_journal import LINES, Impossible, Malformed, Till, TillError

__all__ = ["PRESSES", "Impossible", "Malformed", "TillError", "press", "screen"]

_LONGEST = 100
_MOST = Decimal(9999)
_NO_SALE = {
    "receipt_no": "", "state": "IDLE", "member_card_no": "", "lines": [],
    "subtotal": "0.00", "discount": "0.00", "total": "0.00",
}  # fmt: skip
Handler = Callable[[Till, Mapping[str, Any]], None]
_NEEDED = object()


def press(state: State, terminal: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Press a button; returns the screen. Presses of one terminal come one after the other; a press may wait for the
    worker as long as the setup's `Wait_ms` says, outside of any transaction. TillError when it cannot be done."""
    if name not in PRESSES:
        raise Malformed(f"There is no press '{name}'; there are {', '.join(PRESSES)}.")
    button = PRESSES[name]
    values = _read(name, button, body)
    with _lock_of(state, terminal):
        till = Till(state, terminal)
        button.handler(till, values)
        till_member.pop_up(till)
        return _screen(till)


def screen(state: State, terminal: str) -> dict[str, Any]:
    """What the terminal shows now. Malformed for an unknown terminal."""
    with state.transaction():
        return _screen(Till(state, terminal))


def _screen(till: Till) -> dict[str, Any]:
    with till.state.transaction():
        till.refresh()
        shown = till_close.screen_of(till) if till.receipt_no else (till.desk["last"] or _NO_SALE)
        kept = {name: till.desk[name] for name in ("popup", "message", "wallet", "slip")}
        return {"terminal": till.terminal, **shown, **kept}


def _add_item(till: Till, body: Mapping[str, Any]) -> None:
    """Scan an item; without an open sale it begins one without a member."""
    with till.event("add-item", sale=False):
        if not till.receipt_no:
            till.begin()
        till.back_to_sale()
        till.put_item(str(body["item_no"]).upper(), body["quantity"])


def _remove_item(till: Till, body: Mapping[str, Any]) -> None:
    """Void a line of the journal: an item, or the coupon of a discount."""
    with till.event("remove-item"):
        line = till.state.get(LINES, till.receipt_no, body["line_no"])
        if line is None or line["Entry_Status"] != " " or line["Entry_Type"] not in ("Item", "Coupon"):
            raise Impossible(f"There is no line {body['line_no']} to take off.")
        if line["Entry_Type"] == "Coupon":
            till_wallet.release(till, line["Coupon_Code"])
            return
        till.back_to_sale()
        till.void_line(till.state.get(LINES, till.receipt_no, line["Line_No"]) or line)


@dataclass(frozen=True, slots=True)
class Button:
    """What a press calls, and the parts of its body with their usual values (_NEEDED: must be there)."""

    handler: Handler
    parts: Mapping[str, Any]


_CODE = {"coupon_code": _NEEDED}
PRESSES: dict[str, Button] = {
    "check-in": Button(till_member.check_in, {"member_card_no": "", "staff_id": ""}),
    "add-item": Button(_add_item, {"item_no": _NEEDED, "quantity": Decimal(1)}),
    "remove-item": Button(_remove_item, {"line_no": _NEEDED}),
    "signup": Button(till_member.signup, {}),
    "signup-yes": Button(till_member.answer_yes, {}),
    "signup-no": Button(till_member.answer_no, {}),
    "status": Button(till_member.status, {}),
    "wallet": Button(till_wallet.wallet, {}),
    "pick": Button(till_wallet.pick, _CODE),
    "unpick": Button(till_wallet.unpick, _CODE),
    "pin": Button(till_wallet.pin, {"digits": "", "bypass": False}),
    "type-coupon": Button(till_wallet.type_coupon, _CODE),
    "total": Button(till_close.total, {}),
    "pay": Button(till_close.pay, {"tender": "CASH"}),
    "void": Button(till_close.void, {"receipt_no": ""}),
    "suspend": Button(till_close.suspend, {}),
    "retrieve": Button(till_close.retrieve, {"receipt_no": _NEEDED}),
    "return": Button(till_close.return_sale, {"receipt_no": _NEEDED}),
}


def _read(name: str, button: Button, body: Mapping[str, Any]) -> dict[str, Any]:
    for part in body:
        if part not in button.parts:
            raise Malformed(f"'{part}' is not a part of the press '{name}'.")
    values = {}
    for part, usual in button.parts.items():
        value = body.get(part, usual)
        if value is _NEEDED:
            raise Malformed(f"The press '{name}' needs '{part}'.")
        read: Callable[[str, Any], Any] = _PARTS.get(part, _text)
        values[part] = read(part, value)
    return values


def _text(part: str, value: Any) -> str:
    # Codes of all kinds; the shortest NAV field among them has ten characters, the longest a hundred.
    limit = {"tender": 10, "coupon_code": 20, "receipt_no": 20, "item_no": 20, "staff_id": 20}.get(part, _LONGEST)
    if not isinstance(value, str) or len(value) > limit:
        raise Malformed(f"'{part}' is a text of at most {limit} characters.")
    return value.strip()


def _quantity(part: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as wrong:
        raise Malformed(f"'{part}' is a number above 0.") from wrong
    if isinstance(value, bool) or not number.is_finite() or not 0 < number <= _MOST:
        raise Malformed(f"'{part}' is a number above 0 and at most {_MOST}.")
    return number


def _line_no(part: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise Malformed(f"'{part}' is the number of a line.")
    return value


def _switch(part: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Malformed(f"'{part}' is true or false.")
    return value


_PARTS: dict[str, Callable[[str, Any], Any]] = {"quantity": _quantity, "line_no": _line_no, "bypass": _switch}

_LOCKS: WeakKeyDictionary[State, dict[str, threading.Lock]] = WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()


def _lock_of(state: State, terminal: str) -> threading.Lock:
    """One lock for each terminal; a terminal that waits does not hold up another."""
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(state, {}).setdefault(terminal, threading.Lock())
