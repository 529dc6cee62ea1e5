"""Returns: how much of a sale they took back, when that gives points back, and what a voided one leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.claim_view import Minimum, how_returned, is_voided, view_of
from navplugin.claims import Goal, Policy, goal_of, is_given_back
from navplugin.core.model import (
    Claim,
    End,
    JournalLine,
    Offer,
    Points,
    PostedDiscount,
    PostedSale,
    Sale,
    SaleState,
    Snapshot,
    StoreSettings,
    WalletDiscount,
)
from navplugin.ledger import SqlLedger
from navplugin.openings import orphan_grants
from navplugin.returns import Returns
from tests.conftest import ScriptedClock

STORE = StoreSettings("S0001")


def a_line(number: str, quantity: int) -> JournalLine:
    return JournalLine(10000, "Item", number, quantity=Decimal(quantity), amount=Decimal(75 * quantity))


def a_snapshot(
    receipt: str, *lines: JournalLine, sold: str = "", state: SaleState = SaleState.POSTED, voided: bool = False
) -> Snapshot:
    """A posted sale with 10.00 off by TDO1; with `sold` the return of that receipt."""
    given = () if sold else (PostedDiscount("TDO1", Decimal(10)),)
    posted = PostedSale(
        receipt, "S0001", "P0001", 1, "M1", "101", voided, bool(sold), sold, None, f"g-{receipt}", Decimal(0), lines,
        given,
    )  # fmt: skip
    sale = Sale(receipt, f"g-{receipt}", "S0001", "P0001", "101", "M1", state, "F", "", None, 1)
    return Snapshot("C", sale, None, posted)


SOLD = a_snapshot("R1", a_line("A", 2), a_line("B", 1))


class Nav:
    """A reader that shows these sales."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self.shown = {s.sale.receipt_no: s for s in snapshots}

    def read_sale(self, receipt_no: str) -> Sale | None:
        return self.shown[receipt_no].sale if receipt_no in self.shown else None

    def read_snapshots(self, sales: Sequence[Sale]) -> list[Snapshot]:
        return [self.shown[s.receipt_no] for s in sales]


@pytest.fixture
def ledger(tmp_path: Path, clock: ScriptedClock) -> Iterator[SqlLedger]:
    one = SqlLedger(tmp_path / "ledger.db")
    one.take_watch("C", "test", clock.now())
    yield one
    one.close()


@pytest.fixture
def returns(ledger: SqlLedger, clock: ScriptedClock) -> Returns:
    return Returns(Nav(SOLD), ledger, clock)  # type: ignore[arg-type]


def open_claim(ledger: SqlLedger, clock: ScriptedClock) -> Claim:
    claim = Claim("C", "S0001", "R1", "g-R1", "AP1", 1, "M1", "d1", "TDO1", Decimal(100), Decimal(10))
    assert ledger.open_claim(claim, Decimal(1000), clock.now()) == ""
    return claim


# ---- how much, and what follows --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken_back", "extent"),
    [
        ({}, ""),
        ({"A": 0}, ""),
        ({"A": 1}, "part"),
        ({"A": 2}, "part"),
        ({"A": 1, "B": 1}, "part"),
        ({"A": 2, "B": 1}, "full"),
        ({"A": 3, "B": 1}, "full"),
    ],
)
def test_a_sale_is_returned_whole_when_nothing_of_it_is_left(taken_back: dict[str, int], extent: str) -> None:
    assert how_returned(SOLD, {number: Decimal(quantity) for number, quantity in taken_back.items()}) == extent


@pytest.mark.parametrize(
    ("extent", "full_return", "part_return", "given_back"),
    [
        ("", "give", "give", False),
        ("full", "give", "leave", True),
        ("full", "leave", "give", False),
        ("part", "give", "leave", False),
        ("part", "leave", "give", True),
    ],
)
def test_each_extent_follows_its_own_setting(extent: str, full_return: str, part_return: str, given_back: bool) -> None:
    assert is_given_back(extent, Policy(full_return=full_return, part_return=part_return)) is given_back


# ---- noted, and voided -----------------------------------------------------------------------------------------


def test_a_return_that_is_read_again_counts_once(ledger: SqlLedger, returns: Returns) -> None:
    for _ in range(2):
        returns.note(a_snapshot("B1", a_line("A", -1), sold="R1"), STORE)
    assert ledger.returns_of("R1") == {"A": 1}
    assert returns.extent(SOLD) == "part"


def test_a_return_makes_its_sale_due(ledger: SqlLedger, returns: Returns, clock: ScriptedClock) -> None:
    back = a_snapshot("B1", a_line("A", -2), a_line("B", -1), sold="R1")
    assert returns.note(back, STORE) == frozenset(), "no claim can move"
    open_claim(ledger, clock)
    assert returns.note(back, STORE) == {"R1"}


@pytest.mark.parametrize("how", ["its row", "its header alone", "its row, and no header"])
def test_a_voided_return_took_nothing_back(ledger: SqlLedger, returns: Returns, clock: ScriptedClock, how: str) -> None:
    back = a_snapshot("B1", a_line("A", -2), a_line("B", -1), sold="R1")
    open_claim(ledger, clock)
    returns.note(back, STORE)
    assert returns.extent(SOLD) == "full"
    voided = replace(
        back,
        sale=replace(back.sale, state=SaleState.POSTED if how == "its header alone" else SaleState.VOIDED),
        posted=None if "no header" in how else replace(back.posted, voided=how == "its header alone"),  # type: ignore[type-var]
    )
    for _ in range(2):
        assert returns.note(voided, STORE) == {"R1"}, "read again, its sale is due again"
        assert returns.extent(SOLD) == ""
    assert ledger.returns_of("R1") == {}
    (report,) = ledger.reports("R1")
    assert "return B1 was voided" in report["text"]


def test_one_voided_return_leaves_the_others(ledger: SqlLedger, returns: Returns) -> None:
    returns.note(a_snapshot("B1", a_line("A", -2), sold="R1"), STORE)
    returns.note(a_snapshot("B2", a_line("B", -1), sold="R1"), STORE)
    assert returns.extent(SOLD) == "full"
    returns.note(a_snapshot("B1", a_line("A", -2), sold="R1", state=SaleState.VOIDED), STORE)
    assert ledger.returns_of("R1") == {"B": 1}
    assert returns.extent(SOLD) == "part"


def test_a_return_may_be_read_and_voided_before_its_sale_is_read(ledger: SqlLedger, clock: ScriptedClock) -> None:
    returns = Returns(Nav(), ledger, clock)  # type: ignore[arg-type]
    returns.note(a_snapshot("B1", a_line("A", -2), a_line("B", -1), sold="R1"), STORE)
    assert returns.extent(SOLD) == "full"
    assert returns.note(a_snapshot("B1", sold="R1", state=SaleState.VOIDED), STORE) == {"R1"}
    assert returns.extent(SOLD) == ""
    assert ledger.reports("R1") == (), "nobody was promised anything"


def test_a_voided_sale_that_is_no_return_touches_nothing(ledger: SqlLedger, returns: Returns) -> None:
    returns.note(a_snapshot("B1", a_line("A", -1), sold="R1"), STORE)
    assert returns.note(replace(SOLD, sale=replace(SOLD.sale, state=SaleState.VOIDED)), STORE) == frozenset()
    assert ledger.returns_of("R1") == {"A": 1}


def test_a_sale_that_only_names_another_receipt_is_no_return(ledger: SqlLedger, returns: Returns) -> None:
    other = a_snapshot("B1", a_line("A", 1), sold="R1")
    assert other.posted is not None
    assert returns.note(replace(other, posted=replace(other.posted, is_return=False)), STORE) == frozenset()
    assert ledger.returns_of("R1") == {}


def test_the_lines_of_returns_are_kept_by_return(ledger: SqlLedger, returns: Returns) -> None:
    returns.note(a_snapshot("B1", a_line("A", -2), sold="R1"), STORE)
    returns.note(a_snapshot("B2", a_line("B", -1), sold="R1"), STORE)
    assert ledger.return_lines() == {"R1": {"B1": {"A": 2}, "B2": {"B": 1}}}


# ---- a header that is voided in NAV alone ------------------------------------------------------------------------

VOIDED_HEADER = a_snapshot("R1", a_line("A", 2), a_line("B", 1), voided=True)


def test_a_voided_header_gives_the_points_back(ledger: SqlLedger, clock: ScriptedClock) -> None:
    claim = replace(open_claim(ledger, clock), points=Points.YES, end=End.SETTLED)
    assert is_voided(VOIDED_HEADER)
    view = view_of(claim, VOIDED_HEADER, "", Minimum())
    assert (view.state, view.line) == (SaleState.VOIDED, False)
    assert goal_of(claim, view, Policy(), clock.now()) is Goal.GIVE
    assert goal_of(claim, view_of(claim, SOLD, "", Minimum()), Policy(), clock.now()) is Goal.TAKE


def test_a_voided_header_opens_no_claim() -> None:
    offers = [Offer("TDO1", "", True, "AP1")]
    known = [WalletDiscount("d1", "AP1", "Ten off", Decimal(100))]
    assert len(orphan_grants(SOLD, offers, known)) == 1
    assert orphan_grants(VOIDED_HEADER, offers, known) == ()
