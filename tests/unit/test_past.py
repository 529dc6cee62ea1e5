"""What happened before a sale: asked for only where a rule needs it, and counted by the store's own day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin import past as past_module
from navplugin.core.errors import Unreachable
from navplugin.core.model import Effect, History, Op, StagedRow, StoreSettings
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger
from navplugin.past import Past
from tests.conftest import ScriptedClock
from tests.support_claims import a_claim, a_sale

DENVER = StoreSettings("S0001", time_zone="America/Denver")
ALL = frozenset({"visits", "uses_today", "prompts_last_hour"})


class Nav:
    """Posted sales; `away`: NAV does not answer."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.asked: list[tuple[str, Mapping[str, object]]] = []
        self.away = False

    def read_rows(self, page: str, where: Mapping[str, object]) -> Sequence[StagedRow]:
        self.asked.append((page, where))
        if self.away:
            raise Unreachable("NAV is away")
        return [StagedRow(page, (), row, "") for row in self.rows]


def posted(receipt_no: str, kind: str = "Sales", status: str = " ", is_return: bool = False) -> dict[str, Any]:
    return {"Receipt_No": receipt_no, "Transaction_Type": kind, "Entry_Status": status,
            "Sale_Is_Return_Sale": is_return}  # fmt: skip


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
def past(nav: Nav, ledger: SqlLedger, clock: ScriptedClock) -> Past:
    return Past(nav, RuleLedger(ledger, "C"), clock)  # type: ignore[arg-type]


def test_only_what_the_rules_ask_for_is_gathered(past: Past, nav: Nav) -> None:
    assert past.gather(a_sale(), DENVER, frozenset()) == History()
    assert past.gather(a_sale(), DENVER, frozenset({"prompts_last_hour"})) == History(prompts_last_hour=0)
    assert nav.asked == []
    assert past.gather(a_sale(), DENVER, ALL) == History(visits=0, uses_today=0, prompts_last_hour=0)
    assert nav.asked == [("AIQ_Transactions", {"Member_Card_No": "M1"})]


def test_without_a_member_card_there_is_no_history_of_a_member(past: Past, nav: Nav) -> None:
    assert past.gather(a_sale(member_card_no=""), DENVER, ALL) == History(prompts_last_hour=0)
    assert nav.asked == []


@pytest.mark.parametrize(
    ("row", "visits"),
    [(posted("R0"), 1), (posted("R1"), 0), (posted("R0", kind="Payment"), 0), (posted("R0", status="Voided"), 0),
     (posted("R0", status="Training"), 0), (posted("R0", is_return=True), 0), (posted("R0", status="Posted"), 1)],
)  # fmt: skip
def test_a_visit_is_an_earlier_posted_sale(past: Past, nav: Nav, row: dict[str, Any], visits: int) -> None:
    nav.rows = [row]
    assert past.gather(a_sale(), DENVER, ALL).visits == visits


def test_a_receipt_of_several_rows_is_one_visit(past: Past, nav: Nav) -> None:
    nav.rows = [posted("R0"), posted("R0"), posted("R9")]
    assert past.gather(a_sale(), DENVER, ALL).visits == 2


def test_visits_that_nav_could_not_tell_are_asked_for_again(past: Past, nav: Nav) -> None:
    nav.rows, nav.away = [posted("R0")], True
    assert past.gather(a_sale(), DENVER, ALL) == History(visits=None, uses_today=0, prompts_last_hour=0)
    nav.away = False
    assert past.gather(a_sale(), DENVER, ALL).visits == 1


def test_visits_of_the_newest_sales_are_remembered_and_older_ones_read_again(
    past: Past, nav: Nav, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_module, "REMEMBERED", 2)
    for receipt_no in ("R1", "R2", "R3", "R2", "R3"):
        past.gather(a_sale(receipt_no=receipt_no), DENVER, ALL)
    assert len(nav.asked) == 3
    past.gather(a_sale(receipt_no="R1"), DENVER, ALL)
    assert len(nav.asked) == 4
    past.gather(a_sale(receipt_no="R1", member_card_no="M2"), DENVER, ALL)
    assert len(nav.asked) == 5, "the same receipt with another member"


@pytest.mark.parametrize(
    ("picked_at", "uses"),
    [(datetime(2026, 5, 1, 5, 59, tzinfo=UTC), 0), (datetime(2026, 5, 1, 6, 0, tzinfo=UTC), 1),
     (datetime(2026, 5, 1, 11, 0, tzinfo=UTC), 1)],
)  # fmt: skip
def test_uses_of_today_begin_at_midnight_of_the_store(
    past: Past, ledger: SqlLedger, picked_at: datetime, uses: int
) -> None:
    """Denver is six hours behind in May; it is 06:00 there."""
    ledger.open_claim(a_claim(receipt_no="R9"), Decimal(1000), picked_at)
    assert past.gather(a_sale(), DENVER, ALL).uses_today == uses
    assert past.gather(a_sale(receipt_no="R9"), DENVER, ALL).uses_today == 0, "this sale itself does not count"
    assert past.gather(a_sale(member_card_no="M2"), DENVER, ALL).uses_today == 0


QUESTION = Effect(Op.INSERT, "AIQ_POSPrompts", ("R9", "signup"), {"Kind": "Confirm"})


@pytest.mark.parametrize(
    ("effect", "counted"),
    [(QUESTION, 1), (replace(QUESTION, op=Op.UPDATE), 0), (replace(QUESTION, page="AIQ_POSStatus"), 0),
     (replace(QUESTION, fields={"Kind": "Message"}), 0), (replace(QUESTION, fields={}), 0)],
)  # fmt: skip
def test_a_sign_up_question_that_was_written_counts(past: Past, effect: Effect, counted: int) -> None:
    past.note(a_sale(receipt_no="R9"), effect)
    assert past.gather(a_sale(), DENVER, ALL).prompts_last_hour == counted
    assert past.gather(a_sale(pos_terminal_no="P0002"), DENVER, ALL).prompts_last_hour == 0


def test_a_sign_up_question_counts_for_an_hour(past: Past, clock: ScriptedClock) -> None:
    past.note(a_sale(receipt_no="R9"), QUESTION)
    clock.advance(minutes=60)
    assert past.gather(a_sale(), DENVER, ALL).prompts_last_hour == 1
    clock.advance(seconds=1)
    assert past.gather(a_sale(), DENVER, ALL).prompts_last_hour == 0
