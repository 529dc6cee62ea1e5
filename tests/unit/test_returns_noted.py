"""Posted returns: what they took back of which sale, and which receipts are looked at again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.core.model import End, JournalLine, Sale, SaleState, Snapshot, StoreSettings
from navplugin.ledger import SqlLedger
from navplugin.returns import Returns
from tests.conftest import ScriptedClock
from tests.support_claims import a_claim, a_posted_sale, a_sale, an_open_sale

STORE = StoreSettings("S0001")
SOLD = a_posted_sale(given="0", basket="120")
PART = "part of this sale was returned; its wallet discounts follow `part-return`"


class Nav:
    """Shows the sold sale, as long as there is one."""

    def __init__(self, sold: Snapshot | None = SOLD) -> None:
        self.sold, self.asked = sold, 0

    def read_sale(self, receipt_no: str) -> Sale | None:
        self.asked += 1
        return self.sold.sale if self.sold is not None and receipt_no == "R1" else None

    def read_snapshots(self, sales: Sequence[Sale]) -> Sequence[Snapshot]:
        assert all(isinstance(sale, Sale) for sale in sales)
        return [self.sold] if self.sold is not None and sales == [self.sold.sale] else []


@pytest.fixture
def ledger(tmp_path: Path, clock: ScriptedClock) -> Iterator[SqlLedger]:
    one = SqlLedger(tmp_path / "l.db")
    one.take_watch("C", "test", clock.now())
    yield one
    one.close()


@pytest.fixture
def nav() -> Nav:
    return Nav()


@pytest.fixture
def returns(nav: Nav, ledger: SqlLedger, clock: ScriptedClock) -> Returns:
    return Returns(nav, ledger, clock)  # type: ignore[arg-type]


def a_return(*lines: tuple[str, str, str], receipt_no: str = "R2", of: str = "R1") -> Snapshot:
    """A posted return of these items: number, quantity, amount as at the till (negative)."""
    rows = tuple(
        JournalLine(10000 * n, "Item", number, quantity=Decimal(quantity), amount=Decimal(amount))
        for n, (number, quantity, amount) in enumerate(lines, 1)
    )
    posted: Any = a_posted_sale(given="0").posted
    posted = replace(posted, receipt_no=receipt_no, is_return=True, refund_receipt_no=of, lines=rows)
    return Snapshot("C", a_sale(SaleState.POSTED, receipt_no=receipt_no), None, posted)


WHOLE = a_return(("FLOWER", "-2", "-120"))


def with_claim(ledger: SqlLedger, clock: ScriptedClock, end: End) -> None:
    ledger.open_claim(a_claim(end=end), None, clock.now(), force=True)


@pytest.mark.parametrize(
    ("end", "due"), [(End.SETTLED, True), (End.OPEN, True), (End.OWED, True), (End.RELEASED, False),
                     (End.SUSPECT, False)],
)  # fmt: skip
def test_a_return_makes_a_sale_due_whose_claim_may_still_move(
    returns: Returns, ledger: SqlLedger, clock: ScriptedClock, end: End, due: bool
) -> None:
    with_claim(ledger, clock, end)
    assert returns.note(WHOLE, STORE) == (frozenset({"R1"}) if due else frozenset())
    assert ledger.returns_of("R1") == {"FLOWER": 2}
    assert ledger.reports() == ()


def test_a_return_of_a_sale_without_a_claim_is_noted_and_nothing_is_read(
    returns: Returns, ledger: SqlLedger, nav: Nav
) -> None:
    assert returns.note(WHOLE, STORE) == frozenset()
    assert (ledger.returns_of("R1"), nav.asked) == ({"FLOWER": 2}, 0)


@pytest.mark.parametrize("returned", [replace(WHOLE, posted=None), a_return(("FLOWER", "-2", "-120"), of="")])
def test_a_return_that_names_no_sale_is_left_alone(returns: Returns, ledger: SqlLedger, returned: Snapshot) -> None:
    assert returns.note(returned, STORE) == frozenset()
    assert ledger.returns_of("") == ledger.returns_of("R1") == {}


def test_lines_of_one_item_and_returns_of_one_sale_add_up(returns: Returns, ledger: SqlLedger) -> None:
    returns.note(a_return(("FLOWER", "-1", "-60"), ("FLOWER", "-2", "-120"), ("VAPE", "-1", "-9")), STORE)
    returns.note(a_return(("FLOWER", "-1", "-60"), receipt_no="R3"), STORE)
    assert ledger.returns_of("R1") == {"FLOWER": 4, "VAPE": 1}


def test_a_return_that_is_seen_twice_counts_once(returns: Returns, ledger: SqlLedger) -> None:
    for _ in range(2):
        returns.note(WHOLE, STORE)
    assert ledger.returns_of("R1") == {"FLOWER": 2}


def test_a_refund_that_is_not_what_was_paid_is_reported_on_the_return(
    returns: Returns, ledger: SqlLedger, clock: ScriptedClock
) -> None:
    with_claim(ledger, clock, End.SETTLED)
    assert returns.note(a_return(("FLOWER", "-2", "-100")), STORE) == {"R1"}
    assert [(r["receipt_no"], r["text"]) for r in ledger.reports()] == [
        ("R2", "return of FLOWER: NAV gave 100.00 back, 120.00 was paid for it")
    ]


@pytest.mark.parametrize("sold", [None, replace(SOLD, posted=None)])
def test_a_sold_sale_that_nav_does_not_show_any_more_is_due_all_the_same(
    returns: Returns, ledger: SqlLedger, nav: Nav, clock: ScriptedClock, sold: Snapshot | None
) -> None:
    nav.sold = sold
    with_claim(ledger, clock, End.SETTLED)
    assert returns.note(a_return(("FLOWER", "-2", "-100")), STORE) == {"R1"}
    assert ledger.reports() == ()


@pytest.mark.parametrize(
    ("quantity", "extent", "reports"), [(None, "", []), ("-1", "part", [("R1", PART)]), ("-2", "full", [])]
)
def test_the_extent_of_returns_is_known_and_a_part_is_reported(
    returns: Returns, ledger: SqlLedger, quantity: str | None, extent: str, reports: list[tuple[str, str]]
) -> None:
    if quantity:
        returns.note(a_return(("FLOWER", quantity, "0")), STORE)
    assert returns.extent(SOLD) == extent
    assert [(r["receipt_no"], r["text"]) for r in ledger.reports()] == reports


def test_an_open_sale_and_a_return_itself_are_not_returned(returns: Returns, ledger: SqlLedger) -> None:
    """Of an open sale `how_returned` says the same; asking first spares a look into the ledger."""
    for sold in ("R1", "R2"):
        ledger.add_return(sold, "R9", {"FLOWER": Decimal(1)})
    assert returns.extent(an_open_sale()) == ""
    assert returns.extent(WHOLE) == ""
    assert ledger.reports() == ()
