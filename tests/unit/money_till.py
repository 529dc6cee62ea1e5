"""One sale as the POS session and LS leave it: for the model of the money machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from navplugin.core.model import (
    Effect,
    Grant,
    GrantStatus,
    Journal,
    JournalLine,
    Op,
    PostedDiscount,
    PostedSale,
    Sale,
    SaleState,
    Snapshot,
    StagedRow,
)
from navplugin.reconcile import GRANTS
from tests.conftest import ScriptedClock
from tests.unit.money_aiq import CODES, MEMBER, OTHER


@dataclass
class Till:
    """One sale as the POS session and LS leave it (design.md 7.1)."""

    receipt_no: str
    mode: str
    clock: ScriptedClock
    basket: Decimal = Decimal(120)
    state: SaleState = SaleState.SALES
    member: str = MEMBER
    lines: set[str] = field(default_factory=set)
    grants: dict[str, Grant] = field(default_factory=dict)
    posted: dict[str, Decimal] | None = None
    since: datetime | None = None
    posted_before: bool = False

    def __post_init__(self) -> None:
        for code in CODES:
            self.grants[code] = grant_of(self.receipt_no, code)
        self.since = self.clock.now()

    def press(self, name: str) -> None:
        """`pick:AP0004`, `total`, `pay`, ...; what is impossible now is ignored, as the till would refuse it."""
        action, _, code = name.partition(":")
        if action in ("void", "post-void"):
            self._void()
        elif action == "retrieve" and self.state is SaleState.SUSPENDED:
            self._enter(SaleState.SALES)
        elif self.state.is_open:
            getattr(self, f"_{action}")(code) if code else getattr(self, f"_{action}")()

    def event(self) -> bool:
        """What each event of the session does first: withdrawn rows leave. Whether one left."""
        left = False
        for code, grant in self.grants.items():
            if grant.status is GrantStatus.WITHDRAWN:
                self.lines.discard(code)
                self._set(code, status=GrantStatus.REVERSED)
                left = True
            elif grant.status is GrantStatus.PICKED and self.mode == "select":
                self._wait_for_points(code, grant)
        return left

    def _wait_for_points(self, code: str, grant: Grant) -> None:
        if grant.points == "Taken":
            self._insert(code)
        elif grant.points == "Refused":
            self._set(code, status=GrantStatus.REVERSED)

    def _pick(self, code: str) -> None:
        self.event()
        grant = self.grants[code]
        if grant.status is GrantStatus.GRANTED and self.basket >= grant.min_balance and grant.member_ref == self.member:
            self._set(code, status=GrantStatus.PICKED, picked_at=self.clock.now())
            if self.mode != "select":
                self._insert(code)

    def _unpick(self, code: str) -> None:
        self.event()
        if code in self.lines:
            self.lines.discard(code)
            self._set(code, status=GrantStatus.GRANTED)

    def _erase(self, code: str) -> None:
        # The coupon line goes without the session's hook: LS voided it on its own.
        self.lines.discard(code)

    def _total(self) -> None:
        self.event()
        self._enter(SaleState.PAYMENT)
        for code in self.lines:
            amount = min(CODES[code][0], self.basket)
            self._set(code, status=GrantStatus.APPLIED, applied_amount=amount)

    def _back(self) -> None:
        self._enter(SaleState.SALES)
        self.event()
        for code in self.lines:
            self._set(code, status=GrantStatus.INSERTED)

    def _less(self) -> None:
        self.basket = Decimal(50)
        self.event()

    def _swap(self) -> None:
        self.member = OTHER
        self.event()

    def _suspend(self) -> None:
        self._enter(SaleState.SUSPENDED)

    def _pay(self) -> None:
        if self.state is not SaleState.PAYMENT:
            self._total()
        if self.event():
            self._enter(SaleState.SALES)
            return
        self.posted = {code: min(CODES[code][0], self.basket) for code in self.lines}
        self._enter(SaleState.POSTED)

    def _void(self) -> None:
        self._enter(SaleState.VOIDED)

    def _insert(self, code: str) -> None:
        self.lines.add(code)
        self._set(code, status=GrantStatus.INSERTED)

    def _enter(self, state: SaleState) -> None:
        self.state, self.since = state, self.clock.now()

    def _set(self, code: str, **fields: Any) -> None:
        self.grants[code] = replace(self.grants[code], **fields)

    def apply(self, effect: Effect) -> None:
        """A write of the plugin arrives in NAV."""
        code = effect.key[1]
        if effect.op is Op.DELETE:
            del self.grants[code]
            return
        if effect.op is Op.INSERT:
            assert code not in self.grants, "an insert met its key"
            self.grants[code] = grant_of(self.receipt_no, code)
        names = {"Status": "status", "Points": "points", "Reason": "reason", "Redemption_ID": "redemption_id"}
        fields = {names[k]: v for k, v in effect.fields.items() if k in names}
        if "status" in fields:
            fields["status"] = GrantStatus(fields["status"])
        self._set(code, **fields)

    def snapshot(self) -> Snapshot:
        """What the reader would read."""
        sale = Sale(
            self.receipt_no, f"g-{self.receipt_no}", "S0001", "P0001", "101", self.member, self.state, "", "",
            self.since, 1,
        )  # fmt: skip
        items = [JournalLine(10000, "Item", "FLOWER", quantity=Decimal(1), price=self.basket, amount=self.basket)]
        coupons = [JournalLine(20000 + i, "Coupon", c, coupon_code=c) for i, c in enumerate(sorted(self.lines))]
        journal = Journal(self.receipt_no, "S0001", "P0001", "101", self.member, False, lines=(*items, *coupons))
        rows = tuple(
            StagedRow(GRANTS, (self.receipt_no, g.coupon_code), fields_of(g), "e") for g in self.grants.values()
        )
        return Snapshot(
            "C", sale, journal if self.state.is_open else None, self._posted_sale(),
            grants=tuple(self.grants.values()), rows=rows,
        )  # fmt: skip

    def _posted_sale(self) -> PostedSale | None:
        if self.posted is None:
            return None
        given = tuple(PostedDiscount(code, amount) for code, amount in self.posted.items())
        line = JournalLine(10000, "Item", "FLOWER", quantity=Decimal(1), price=self.basket,
                           amount=self.basket - sum(self.posted.values()))  # fmt: skip
        return PostedSale(
            self.receipt_no, "S0001", "P0001", 1, self.member, "101", self.state is SaleState.VOIDED, False, "",
            self.since, f"g-{self.receipt_no}", line.amount, (line,), given,
        )  # fmt: skip


def grant_of(receipt_no: str, code: str) -> Grant:
    """A granted row as the plugin writes it."""
    value, cost = CODES[code]
    return Grant(
        receipt_no, code, code, f"d-{code}", code, "amount", value, cost, Decimal(0), value, "", False, MEMBER, "",
        "", "", GrantStatus.GRANTED, None, "", 0, Decimal(0), "e",
    )  # fmt: skip


def fields_of(grant: Grant) -> dict[str, Any]:
    """The row behind a typed grant, as far as the plugin compares it."""
    return {
        "Status": str(grant.status), "Points": grant.points, "Reason": grant.reason,
        "Redemption_ID": grant.redemption_id, "Member_Ref": grant.member_ref,
    }  # fmt: skip
