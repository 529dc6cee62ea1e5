"""Which sales and claims are in doubt after a take-over, and from which figures NAV's row goes on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from navplugin.core.errors import NotInCharge
from navplugin.core.model import Sale, SaleState, StagedRow
from navplugin.ledger_record import PAGE
from navplugin.reconcile import GRANTS
from navplugin.take_over import readable, take_over
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, a_sale

ROW = {"Ledger_ID": "b" * 32, "Take_Over_No": 4, "Epoch": 7, "Step": 12, "Beat": 3, "Host": "OLD", "Worker_ID": "w"}


class Nav:
    """Sales and the rows of their picks."""

    def __init__(self, *sales: Sale, **rows: dict[str, Any]) -> None:
        self.sales, self.rows = sales, rows

    def read_rows(self, page: str, where: object) -> list[StagedRow]:
        assert (page, where) == (GRANTS, {})
        return [StagedRow(GRANTS, (receipt, "AP0004"), fields, "") for receipt, fields in self.rows.items()]

    def read_changed_sales(self, after_mark: int) -> list[Sale]:
        assert after_mark == 0
        return list(self.sales)


class Books:
    """The ledger and NAV's row as far as a take-over moves them; `steps` in the order of what happened."""

    def __init__(self, number: int = 0, step: int = 0, changed: bool = False) -> None:
        self.company, self.number, self.at, self.changed = "C", number, step, changed
        self.steps: list[tuple[Any, ...]] = []

    def take_over_no(self) -> int:
        return self.number

    def step(self) -> int:
        return self.at

    def doubt(self, sales: list[tuple[str, str]], now: datetime) -> int:
        self.steps.append(("doubt", sales, now))
        return 5

    def set_note(self, name: str, value: str) -> None:
        self.steps.append((name, value))

    def take(self, row: StagedRow | None, take_over_no: int, step: int) -> None:
        self.steps.append(("take", row, take_over_no, step))
        if self.changed:
            raise NotInCharge("somebody else was faster")


def taken(books: Books, nav: Nav, clock: ScriptedClock, row: StagedRow | None = None) -> int:
    return take_over(books, row, nav, books, clock)  # type: ignore[arg-type]


def a_row(**edit: Any) -> StagedRow:
    return StagedRow(PAGE, ("LEDGER",), {**ROW, **edit}, "1")


@pytest.mark.parametrize(
    ("number", "step", "row", "then"),
    [
        (0, 0, None, (1, 1)),
        (2, 9, None, (3, 10)),
        (0, 0, a_row(), (5, 13)),
        (4, 12, a_row(), (5, 13)),
        (6, 20, a_row(), (7, 21)),
        (6, 3, a_row(), (7, 13)),
        (2, 3, a_row(Step=-1), (3, 4)),
    ],
)
def test_both_figures_go_on_from_the_greater_one(
    clock: ScriptedClock, number: int, step: int, row: StagedRow | None, then: tuple[int, int]
) -> None:
    """So an older copy of either ledger is behind from then on."""
    books = Books(number, step)
    assert taken(books, Nav(), clock, row) == 5
    assert books.steps == [("doubt", [], NOW), ("mark/C", "0"), ("take", row, *then)]


@pytest.mark.parametrize(
    ("state", "row", "doubtful"),
    [
        (SaleState.SALES, None, False),
        (SaleState.SALES, {"Status": "Granted"}, False),
        (SaleState.SALES, {"Status": "Picked"}, True),
        (SaleState.SALES, {"Status": "Granted", "Picked_At": NOW}, True),
        (SaleState.SALES, {"Status": "Granted", "Redemption_ID": "k"}, True),
        (SaleState.PAYMENT, None, False),
        (SaleState.POSTED, None, True),
        (SaleState.VOIDED, {"Status": "Granted"}, True),
        (SaleState.SUSPENDED, None, True),
    ],
)
def test_only_an_open_sale_on_which_nothing_was_ever_picked_has_moved_nothing(
    clock: ScriptedClock, state: SaleState, row: dict[str, Any] | None, doubtful: bool
) -> None:
    books = Books()
    taken(books, Nav(a_sale(state), **({"R1": row} if row else {})), clock)
    assert books.steps[0] == ("doubt", [("R1", "g")] if doubtful else [], NOW)


def test_the_doubt_is_written_also_where_somebody_else_was_faster(clock: ScriptedClock) -> None:
    """It looks too often then, never too seldom."""
    books = Books(changed=True)
    with pytest.raises(NotInCharge):
        taken(books, Nav(a_sale(SaleState.POSTED)), clock, a_row())
    assert [step[0] for step in books.steps] == ["doubt", "mark/C", "take"]


def test_a_row_that_cannot_be_used_is_none() -> None:
    assert readable(None) is None
    assert readable(a_row(Ledger_ID="")) is None
    there = readable(a_row())
    assert there is not None
    assert (there.take_over_no, there.step) == (4, 12)
