"""Random worlds and carts, nasty ones, for the till and for the prediction; seeded, so that a failure comes again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from random import Random
from typing import Any

from navplugin.nav.contract import Page
from navplugin.nav.transport import Condition, NavRow
from navplugin.simulator.state import State
from navplugin.simulator.till import press
from navplugin.simulator.world import load_world

PRICES = ("0.00", "0.01", "0.03", "0.33", "1.00", "4.99", "9.99", "33.33", "75.00", "120.00", "333.335", "2.123456")
QUANTITIES = ("1", "1", "1", "2", "3", "7", "0.5", "0.333", "28.35")
VALUES = ("0.01", "0.05", "1", "5", "9.99", "33.333", "50", "100")
PERIODS = [
    {"ID": "MAY", "Starting_Date": "2026-05-01", "Ending_Date": "2026-05-31"},
    {"ID": "FRIDAY", "Friday": True},
    {"ID": "NIGHT", "Friday": True, "Starting_Time": "22:00:00", "Ending_Time": "14:00:00"},
    {"ID": "ALWAYS"},
]


TIMES = tuple(
    datetime.fromisoformat(f"{text}:00+00:00")
    for text in ("2026-05-01 12:00", "2026-05-01 23:00", "2026-05-02 01:00", "2026-05-04 12:00", "2026-06-05 12:00")
)
"""Friday noon and night, the small hours of Saturday, a Monday, a Friday in June."""


class ScriptedState(State):
    """A state whose time a test sets."""

    at = TIMES[0]

    def now(self) -> datetime:
        """The scripted time."""
        return self.at


class StateTransport:
    """The port's transport, straight on the simulated NAV's rows: everything but HTTP is real."""

    def __init__(self, state: State) -> None:
        self.state = state

    def rows(self, page: Page, conditions: Iterable[Condition], order_by: str = "") -> list[NavRow]:
        """Rows that fit."""
        found = [row for row in self.state.rows(page.service) if all(c.holds(page, row) for c in conditions)]
        return [NavRow(row, "") for row in sorted(found, key=lambda row: row[order_by] if order_by else 0)]


def world(random: Random, settings: dict[str, Any], setup: dict[str, Any]) -> dict[str, Any]:
    """A world of its own: items with and without discounts, offers of every kind."""
    items = [
        {"no": f"I{n}", "price": random.choice(PRICES), "category": f"C{n % 3}", "retail_category": f"G{n % 2}",
         "no_discount": random.random() < 0.15}
        for n in range(9)
    ]  # fmt: skip
    return {
        "items": items,
        "disc_offers": [
            {"no": "DO1", "percent": random.choice(["10", "12.5", "100"]), "items": ["I1", "I4"]},
            {"no": "DO2", "percent": "33.3", "items": ["I2"], "priority": 1},
        ],
        "periods": PERIODS,
        "offers": [_offer(random, n) for n in range(random.randint(2, 8))],
        "setup": [{"Store_No": "S0001", "Wait_ms": 0, **setup}],
        "settings": {"till": {"coupon_check": False, **settings}},
    }


def _offer(random: Random, number: int) -> dict[str, Any]:
    steps = sorted(random.sample([0, 5, 20, 75, 150], random.randint(1, 3)))
    kinds = ("Item", "Item Category", "Product Group", "All", "Special Group")
    lines = []
    for _ in range(random.choice([0, 0, 0, 1, 2, 4])):
        kind = random.choice(kinds)
        name = {"Item": "I", "Item Category": "C", "Product Group": "G"}.get(kind, "")
        number_of = f"{name}{random.randint(0, 3)}" if name else ""
        lines.append({"Type": kind, "No": number_of, "Exclude": random.random() < 0.25})
    member = random.choice([{}, {}, {}, {}, {}, {"Member_Type": "Club", "Member_Value": "ADULT"},
                            {"Member_Type": "Scheme", "Member_Value": "NONE"}])  # fmt: skip
    return {
        "No": f"T{number}", "Coupon_Code": f"AP{number}" if random.random() < 0.85 else "", "Description": "off",
        "Priority": random.randint(0, 2), "Amount_to_Trigger": random.choice([0, 0, 10, 75]),
        "Maximum_Discount_Amount": random.choice([0, 0, 0, "7.77", 20]),
        "Block_Total_Discount_Offer": random.random() < 0.2,
        "Price_Group": random.choice(["", "", "", "ALL", "S0001", "S0001", "", "X"]),
        "Validation_Period_ID": random.choice(["", "", "", "", "MAY", "FRIDAY", "NIGHT", "ALWAYS"]),
        "Status": "Enabled" if random.random() < 0.95 else "Disabled", "items": lines, **member,
        "benefits": [
            {"Step_Amount": step, "Type": "Discount", "Value": random.choice(VALUES),
             "Value_Type": random.choice(["Discount Amount", "Discount %"])}
            for step in steps
        ],
    }  # fmt: skip


def ring_up(state: ScriptedState, random: Random, settings: dict[str, Any], setup: dict[str, Any]) -> str:
    """Load a world, ring up a cart with its coupons in some order, press [Total]; the receipt number."""
    load_world(state, world(random, settings, setup))
    state.at = random.choice(TIMES)
    receipt = str(_press(state, "check-in", member_card_no=random.choice(["M1003", "M1004"]))["receipt_no"])
    for _ in range(random.choice([1, 2, 3, 5, 12])):
        _press(state, "add-item", item_no=f"I{random.randint(0, 8)}", quantity=random.choice(QUANTITIES))
    codes = [row["Coupon_Code"] for row in state.rows("AIQ_TotalDiscountOffers") if row["Coupon_Code"]]
    for code in random.sample(codes, random.choice([len(codes), random.randint(0, len(codes))])):
        _press(state, "type-coupon", coupon_code=code)
    items = item_lines(state)
    if len(items) > 2 and random.random() < 0.3:
        _press(state, "remove-item", line_no=random.choice(items)["Line_No"])
    _press(state, "total")
    return receipt


def item_lines(state: State) -> Sequence[dict[str, Any]]:
    """Active item lines of the journal."""
    rows = state.rows("AIQ_POSJournalLines")
    return [row for row in rows if row["Entry_Type"] == "Item" and row["Entry_Status"] == " "]


def _press(state: State, name: str, **body: Any) -> dict[str, Any]:
    return press(state, "P0001", name, body)
