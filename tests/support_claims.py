"""Values of the money machine for tests, each with the usual content: a member M1 who picked AP0004 on receipt R1.

Tests of pure code build everything here, so that a new field of a claim or a new argument of the table is one change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from navplugin.claims import Goal, Move, Policy, View, goal_of, mark_sent, next_move
from navplugin.core.model import (
    Claim,
    Grant,
    GrantStatus,
    Journal,
    JournalLine,
    PostedDiscount,
    PostedSale,
    Sale,
    SaleState,
    Snapshot,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PROBE = Policy(lookup="probe", refund="endpoint")


def a_claim(**more: Any) -> Claim:
    """500 points for 100.00 off, not yet sent."""
    usual: dict[str, Any] = {
        "company": "C", "store_no": "S0001", "receipt_no": "R1", "sale_guid": "g", "coupon_code": "AP0004",
        "generation": 1, "member_card_no": "M1", "discount_id": "d4", "offer_no": "AP0004",
        "points_cost": Decimal(500), "promised": Decimal(100),
    }  # fmt: skip
    return Claim(**{**usual, **more})


def a_view(state: SaleState = SaleState.SALES, **more: Any) -> View:
    """A sale that can be read, with the pick and its line."""
    usual: dict[str, Any] = {"readable": True, "line": True, "pick": True}
    return View(state=state, **{**usual, **more})


def goal(claim: Claim, view: View, policy: Policy = PROBE, now: datetime = NOW) -> Goal:
    """What the goal table says."""
    return goal_of(claim, view, policy, now)


def move(claim: Claim, view: View, policy: Policy = PROBE, now: datetime = NOW) -> Move:
    """What the move table says."""
    return next_move(claim, view, policy, now)


def sent(claim: Claim, *, refunding: bool = False, collect: str = "") -> Claim:
    """The row before a call."""
    return mark_sent(claim, NOW, refunding=refunding, collect=collect)


def a_grant(coupon_code: str = "AP0004", **more: Any) -> Grant:
    """The row of a pick whose line is on the sale, without a minimum."""
    usual: dict[str, Any] = {
        "receipt_no": "R1", "coupon_code": coupon_code, "offer_no": coupon_code, "discount_ext_id": "d4",
        "description": "", "value_kind": "amount", "value": Decimal(100), "points_cost": Decimal(500),
        "min_amount": Decimal(0), "min_balance": Decimal(0), "blocked_text": "", "needs_pin": False,
        "member_ref": "M1", "points": "", "redemption_id": "", "reason": "", "status": GrantStatus.INSERTED,
        "picked_at": NOW, "picked_by": "101", "journal_line_no": 0, "applied_amount": Decimal(0),
    }  # fmt: skip
    return Grant(**{**usual, **more})


def a_sale(state: SaleState = SaleState.SALES, **more: Any) -> Sale:
    """The row of the sale."""
    sale = Sale("R1", "g", "S0001", "P0001", "101", "M1", state, "F", "", None, 1)
    return replace(sale, **more)


def an_open_sale(
    *grants: Grant, coupons: Iterable[str] = ("AP0004",), basket: str = "120", state: SaleState = SaleState.SALES,
    **more: Any,
) -> Snapshot:  # fmt: skip
    """Two items that cost `basket` together, and these coupon lines. more: fields of the sale's row."""
    sale, amount = a_sale(state, **more), Decimal(basket)
    items = (JournalLine(10000, "Item", "FLOWER", quantity=Decimal(2), price=amount / 2, amount=amount),)
    lines = tuple(JournalLine(20000 + n, "Coupon", c, coupon_code=c) for n, c in enumerate(coupons))
    journal = Journal("R1", "S0001", sale.pos_terminal_no, "101", sale.member_card_no, False, lines=items + lines)
    return Snapshot("C", sale, journal, None, grants=grants)


def a_posted_sale(
    *grants: Grant, given: str = "100", basket: str = "120", member_card_no: str = "M1", **more: Any
) -> Snapshot:
    """Posted with this much off by offer AP0004. more: fields of the posted sale."""
    off = Decimal(given)
    line = JournalLine(10000, "Item", "FLOWER", quantity=Decimal(2), price=Decimal(basket) / 2,
                       amount=Decimal(basket) - off)  # fmt: skip
    posted = PostedSale("R1", "S0001", "P0001", 1, member_card_no, "101", False, False, "", NOW, "g", line.amount,
                        (line,), (PostedDiscount("AP0004", off),) if off else ())  # fmt: skip
    sale = a_sale(SaleState.POSTED, member_card_no=member_card_no)
    return Snapshot("C", sale, None, replace(posted, **more), grants=grants)
