"""One sale as the POS session and LS leave it: what the enumeration plays of NAV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from navplugin.core.errors import AlreadyThere, Conflict, Missing
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
from tests.money.aiq import CODES, MEMBER, OTHER


@dataclass
class Till:
    """One sale as the POS session and LS leave it (design.md 7.1).

    floor: least balance of the grants: the discount's value where the shipped rules hold, else 0.
    hidden: NAV cannot show the journal now. gone: the sale's row is no more. unseen: member or basket changed, and the
    worker has had no round since; posted_unseen: it was so when the sale was posted. typed_seen: coupon codes that
    nobody picked and that the worker has seen on the open sale.
    """

    receipt_no: str
    mode: str
    clock: ScriptedClock
    floor: bool = True
    guid: int = 1
    mark: int = 1
    version: int = 1
    hidden: bool = False
    gone: bool = False
    company: str = "C"
    unseen: bool = False
    typed_seen: frozenset[str] = frozenset()
    posted_unseen: bool = False
    terminal: str = "P0001"
    basket: Decimal = Decimal(120)
    state: SaleState = SaleState.SALES
    member: str = MEMBER
    lines: set[str] = field(default_factory=set)
    grants: dict[str, Grant] = field(default_factory=dict)
    posted: dict[str, Decimal] | None = None
    since: datetime | None = None
    posted_basket: Decimal = Decimal(0)

    is_contested: Callable[[Till], bool] = lambda _: False
    wait: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.since = self.since or self.clock.now()

    def copy(self, clock: ScriptedClock) -> Till:
        return replace(self, clock=clock, lines=set(self.lines), grants=dict(self.grants),
                       posted=None if self.posted is None else dict(self.posted))  # fmt: skip

    def digest(self) -> object:
        return (
            self.state, self.guid, self.basket, self.unseen, self.posted_unseen, self.typed_seen,
            self.member, self.hidden, self.gone, self.terminal,
            frozenset(self.lines),
            frozenset((g.coupon_code, g.status, g.points, g.reason, g.redemption_id, g.member_ref, g.applied_amount,
                       g.picked_at, g.points_cost) for g in self.grants.values()),
            None if self.posted is None else tuple(self.posted.items()), self.since,
        )  # fmt: skip

    @property
    def exists(self) -> bool:
        """Whether NAV shows the sale's row."""
        return not self.gone

    def press(self, name: str) -> None:
        """`pick:AP0004`, `total`, `pay`, ...; what is impossible now is ignored, as the till would refuse it."""
        action, _, code = name.partition(":")
        if action in ("hide", "show", "vanish"):
            self.hidden, self.gone = action == "hide", self.gone or action == "vanish"
            return
        self.mark += 1
        if action in ("void", "post-void"):
            if self.state is not SaleState.VOIDED and (self.state is not SaleState.POSTED or action == "post-void"):
                self._enter(SaleState.VOIDED)
        elif action == "retrieve" and self.state is SaleState.SUSPENDED:
            self.terminal = "P0002"
            self._enter(SaleState.SALES)
            self.event()
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
        grant = self.grants.get(code)
        if grant is None:
            return
        if grant.status is GrantStatus.GRANTED and self.basket >= grant.min_balance and grant.member_ref == self.member:
            # An old key must not confirm a new pick.
            self._set(code, status=GrantStatus.PICKED, picked_at=self.clock.now(), redemption_id="", points="")
            if self.mode != "select":
                self._insert(code)

    def _unpick(self, code: str) -> None:
        self.event()
        if code in self.lines:
            self.lines.discard(code)
            self._set(code, status=GrantStatus.GRANTED)

    def _type(self, code: str) -> None:
        # A build without the coupon check: the code gets in, and no row says so.
        if self.state is SaleState.SALES:
            self.lines.add(code)

    def _erase(self, code: str) -> None:
        # The coupon line goes without the session's hook: LS voided it on its own.
        self.lines.discard(code)

    def _total(self) -> None:
        self.event()
        self._enter(SaleState.PAYMENT)
        for code, amount in self.amounts().items():
            if code in self.grants and self.grants[code].status.is_picked:
                self._set(code, status=GrantStatus.APPLIED, applied_amount=amount)

    def _back(self) -> None:
        self._enter(SaleState.SALES)
        self.event()
        for code in self.lines & self.grants.keys():
            if self.grants[code].status.is_picked:
                self._set(code, status=GrantStatus.INSERTED)

    def amounts(self) -> dict[str, Decimal]:
        """What LS gives at [Total]: in the order of the codes, each capped at what is left."""
        left, out = self.basket, {}
        for code in sorted(self.lines):
            out[code] = min(CODES[code][0], left)
            left -= out[code]
        return out

    def _cheap(self) -> None:
        self.basket = Decimal(60)
        self.event()

    def _less(self) -> None:
        if self.state is SaleState.PAYMENT:
            self._back()
        self.basket, self.unseen = Decimal(50), True
        self.event()

    def _swap(self) -> None:
        self.member, self.unseen = OTHER, True
        self.event()

    def _suspend(self) -> None:
        self._enter(SaleState.SUSPENDED)

    def _pay(self) -> None:
        if self.state is not SaleState.PAYMENT:
            self._total()
        if self.event() or self._drop_unconfirmed():
            self._enter(SaleState.SALES)
            return
        self.posted, self.posted_unseen = self.amounts(), self.unseen
        self._enter(SaleState.POSTED)

    def _drop_unconfirmed(self) -> bool:
        """Where another sale of the member is using points, a pick must be confirmed before the tender: its row bears
        the key of a claim. The till waits for that once; what is not confirmed leaves, and the cashier is told."""
        def open_picks() -> list[str]:
            picked = (c for c, g in self.grants.items() if g.status.is_picked and c in self.lines)
            return [c for c in picked if not self.grants[c].redemption_id]

        if not open_picks() or not self.is_contested(self):
            return False
        self.wait()
        left = self.event()
        for code in open_picks():
            self.lines.discard(code)
            self._set(code, status=GrantStatus.REVERSED)
            left = True
        return left

    @property
    def uses_points(self) -> bool:
        """Whether this sale has a pick, and is not over or NAV does not show yet what became of the points."""
        over = self.state is SaleState.POSTED
        known = ("Refused", "Given Back", "Taken") if over else ("Refused", "Given Back")
        picks = (g for g in self.grants.values() if g.status.is_picked and g.points not in known)
        return self.exists and self.state is not SaleState.VOIDED and any(picks)

    def _insert(self, code: str) -> None:
        self.lines.add(code)
        self._set(code, status=GrantStatus.INSERTED)

    def _enter(self, state: SaleState) -> None:
        self.state, self.since = state, self.clock.now()

    def _set(self, code: str, **fields: Any) -> None:
        self.version += 1
        self.grants[code] = replace(self.grants[code], etag=str(self.version), **fields)

    def apply(self, effect: Effect) -> None:
        """A write of the plugin arrives in NAV: under the ETag that was read, or not at all."""
        code = effect.key[1]
        there = self.grants.get(code)
        if effect.op is Op.INSERT:
            if there is not None:
                raise AlreadyThere("the key is there")
            member = str(effect.fields.get("Member_Ref", MEMBER))
            cost = effect.fields.get("Points_Cost", CODES[code][1])
            self.grants[code] = replace(grant_of(self.receipt_no, code, member, self.floor), points_cost=cost)
        elif there is None:
            raise Missing("no such row")
        elif effect.etag != there.etag:
            raise Conflict("changed meanwhile")
        if effect.op is Op.DELETE:
            del self.grants[code]
            return
        names = {"Status": "status", "Points": "points", "Reason": "reason", "Redemption_ID": "redemption_id",
                 "Member_Ref": "member_ref", "Points_Cost": "points_cost"}  # fmt: skip
        fields = {names[k]: v for k, v in effect.fields.items() if k in names}
        if "status" in fields:
            fields["status"] = GrantStatus(fields["status"])
        self._set(code, **fields)

    def seen(self) -> None:
        """The worker has had a whole round."""
        self.unseen = False
        picked = {code for code, grant in self.grants.items() if grant.status.is_picked}
        if self.state.is_open:
            self.typed_seen = frozenset(self.lines - picked)

    def row(self) -> Sale:
        """The sale's row."""
        return Sale(
            self.receipt_no, f"g{self.guid}-{self.receipt_no}", "S0001", self.terminal, "101", self.member, self.state,
            "F", "", self.since, self.mark,
        )  # fmt: skip

    def snapshot(self) -> Snapshot:
        """What the reader would read."""
        items = [JournalLine(10000, "Item", "FLOWER", quantity=Decimal(2), price=self.basket / 2, amount=self.basket)]
        coupons = [JournalLine(20000 + i, "Coupon", c, coupon_code=c) for i, c in enumerate(sorted(self.lines))]
        journal = Journal(self.receipt_no, "S0001", self.terminal, "101", self.member, False, lines=(*items, *coupons))
        rows = tuple(
            StagedRow(GRANTS, (self.receipt_no, g.coupon_code), fields_of(g), g.etag) for g in self.grants.values()
        )
        return Snapshot(
            self.company, self.row(), journal if self.state.is_open and not self.hidden else None, self._posted_sale(),
            grants=tuple(self.grants.values()), rows=rows,
        )  # fmt: skip

    def _posted_sale(self) -> PostedSale | None:
        if self.posted is None or self.hidden:
            return None
        given = tuple(PostedDiscount(code, amount) for code, amount in self.posted.items())
        line = JournalLine(10000, "Item", "FLOWER", quantity=Decimal(2), price=self.basket / 2,
                           amount=self.basket - sum(self.posted.values()))  # fmt: skip
        return PostedSale(
            self.receipt_no, "S0001", "P0001", 1, self.member, "101", self.state is SaleState.VOIDED, False, "",
            self.since, f"g{self.guid}-{self.receipt_no}", line.amount, (line,), given,
        )  # fmt: skip


@dataclass
class ReturnSale:
    """A posted return of so many of the two items of a sale."""

    sold: str
    number: int
    quantity: int
    since: datetime
    company: str = "C"
    exists: bool = True
    voided: bool = False

    def copy(self, clock: ScriptedClock) -> ReturnSale:
        return self

    def digest(self) -> object:
        return (self.sold, self.number, self.quantity, self.voided)

    def seen(self) -> None:
        """Nothing of it changes."""

    def row(self) -> Sale:
        """The return's own row."""
        receipt = f"{self.sold}-back{self.number}"
        state, mark = (SaleState.VOIDED, 2) if self.voided else (SaleState.POSTED, 1)
        return Sale(receipt, f"g-{receipt}", "S0001", "P0001", "101", MEMBER, state, "F", "", self.since, mark)

    def snapshot(self) -> Snapshot:
        """What the reader would read: amounts and quantities negative."""
        sale = self.row()
        line = JournalLine(10000, "Item", "FLOWER", quantity=Decimal(-self.quantity))
        posted = PostedSale(
            sale.receipt_no, "S0001", "P0001", 2, MEMBER, "101", self.voided, True, self.sold, self.since,
            sale.sale_guid, Decimal(0), (line,),
        )  # fmt: skip
        return Snapshot(self.company, sale, None, posted)


def grant_of(receipt_no: str, code: str, member: str = MEMBER, floor: bool = True) -> Grant:
    """A granted row as the plugin writes it."""
    value, cost = CODES[code]
    return Grant(
        receipt_no, code, code, f"d-{code}", code, "amount", value, cost, Decimal(0), value if floor else Decimal(0),
        "", False, member, "", "", "", GrantStatus.GRANTED, None, "101", 0, Decimal(0), "0",
    )  # fmt: skip


def fields_of(grant: Grant) -> dict[str, Any]:
    """The row behind a typed grant, as far as the plugin compares it."""
    return {
        "Status": str(grant.status), "Points": grant.points, "Reason": grant.reason,
        "Redemption_ID": grant.redemption_id, "Member_Ref": grant.member_ref, "Picked_At": grant.picked_at,
        "Points_Cost": grant.points_cost,
    }  # fmt: skip
