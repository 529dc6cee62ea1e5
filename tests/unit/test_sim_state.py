"""The simulator's state: what NAV does to values, transactions, the clock, the file."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.nav.contract import PAGES
from navplugin.simulator.state import FieldError, State, StateUnusable


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "sim")
    yield opened
    opened.close()


def put_and_fail(state: State, *sales: dict[str, str]) -> None:
    with state.transaction():
        for sale in sales:
            state.put("AIQ_Sale", sale)
        state.set_doc("note", 1)
        raise ZeroDivisionError


def test_a_row_gets_navs_defaults_and_upper_case_codes(state: State) -> None:
    row = state.put("AIQ_POSTotalDiscountOfferLines", {"Receipt_No": " r1 ", "Coupon_Code": "ap0004"})
    assert (row["Receipt_No"], row["Coupon_Code"]) == ("R1", "AP0004")
    assert (row["Status"], row["Points"], row["Value"], row["Needs_PIN"]) == ("Granted", " ", Decimal(0), False)
    assert row["Picked_At"] is None
    assert row["Journal_Line_No"] == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.service)
def test_every_page_of_the_contract_takes_an_empty_row_and_finds_it_by_key(state: State, page) -> None:
    row = state.put(page.service, {})
    assert tuple(row) == page.names
    assert state.get(page.service, *(row[name] for name in page.key)) == row


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("Text_1", "x" * 101, "Application_StringExceededLength"),
        ("Answer", "Maybe", "Unknown"),
        ("Priority", "3", "BadRequest"),
        ("Priority", True, "BadRequest"),
        ("Priority", 2**31, "BadRequest"),
        ("Shown_At", datetime(2026, 5, 1), "BadRequest"),
        ("Nonsense", 1, "BadRequest"),
    ],
)
def test_a_value_that_nav_does_not_take_is_refused_and_leaves_nothing(state: State, field, value, code) -> None:
    with pytest.raises(FieldError) as refused:
        state.put("AIQ_POSPrompts", {"Receipt_No": "R1", "Prompt_Key": "K", field: value})
    assert refused.value.code == code
    assert state.rows("AIQ_POSPrompts") == []


def test_a_float_is_not_an_amount(state: State) -> None:
    with pytest.raises(FieldError):
        state.put("AIQ_POSTotalDiscountOfferLines", {"Receipt_No": "R1", "Coupon_Code": "C", "Value": 0.1})


def test_times_become_utc_and_the_first_day_of_year_one_is_unset(state: State) -> None:
    denver = timezone(timedelta(hours=-6))
    row = state.put("AIQ_Sale", {"Receipt_No": "R1", "Event_At": datetime(2026, 5, 1, 6, 0, tzinfo=denver)})
    assert row["Event_At"] == datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    assert state.put("AIQ_Sale", {"Receipt_No": "R1", "Event_At": datetime(1, 1, 1, tzinfo=UTC)})["Event_At"] is None
    assert state.put("AIQ_Members", {"Card_No": "M1", "Date_of_Birth": date(1, 1, 1)})["Date_of_Birth"] is None


def test_rows_come_in_key_order_with_options_in_the_order_of_nav(state: State) -> None:
    for line, kind in ((20000, "Header"), (10000, "Payment Entry"), (3, "Header")):
        state.put(
            "AIQ_POSJournalInfocodes",
            {"Receipt_No": "R1", "Transaction_Type": kind, "Line_No": line, "Infocode": "AIQ"},
        )
    found = [(row["Transaction_Type"], row["Line_No"]) for row in state.rows("AIQ_POSJournalInfocodes")]
    assert found == [("Header", 3), ("Header", 20000), ("Payment Entry", 10000)]


def test_rows_are_copies(state: State) -> None:
    state.put("AIQ_Sale", {"Receipt_No": "R1", "Staff_ID": "S1"})
    state.rows("AIQ_Sale")[0]["Staff_ID"] = "changed"
    state.get("AIQ_Sale", "R1")["Staff_ID"] = "changed"  # type: ignore[index]
    assert state.get("AIQ_Sale", "r1")["Staff_ID"] == "S1"  # type: ignore[index]


def test_each_put_moves_the_tag_and_the_change_mark_even_when_nothing_changed(state: State) -> None:
    first = state.put("AIQ_Sale", {"Receipt_No": "R1"})
    tag = state.etag("AIQ_Sale", "R1")
    state.put("AIQ_POSStatus", {"Receipt_No": "R1"})
    second = state.put("AIQ_Sale", first)
    assert second["Change_Mark"] > first["Change_Mark"]
    assert state.etag("AIQ_Sale", "R1") != tag


def test_a_deleted_row_is_gone_and_a_second_delete_says_so(state: State) -> None:
    state.put("AIQ_Sale", {"Receipt_No": "R1"})
    assert state.delete("AIQ_Sale", "r1") is True
    assert state.delete("AIQ_Sale", "R1") is False
    assert state.get("AIQ_Sale", "R1") is None
    with pytest.raises(KeyError):
        state.etag("AIQ_Sale", "R1")


def test_a_failed_transaction_leaves_neither_memory_nor_file_changed(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.put("AIQ_Sale", {"Receipt_No": "OLD", "Staff_ID": "S1"})
    with pytest.raises(ZeroDivisionError):
        put_and_fail(state, {"Receipt_No": "NEW"}, {"Receipt_No": "OLD", "Staff_ID": "S2"})
    for _ in ("in memory", "from the file"):
        assert [(row["Receipt_No"], row["Staff_ID"]) for row in state.rows("AIQ_Sale")] == [("OLD", "S1")]
        assert state.doc("note") is None
        state.close()
        state = State(tmp_path)
    state.close()


def test_an_inner_failure_that_is_caught_undoes_only_the_inner_part(state: State) -> None:
    with state.transaction():
        state.put("AIQ_Sale", {"Receipt_No": "OUTER"})
        with pytest.raises(ZeroDivisionError):
            put_and_fail(state, {"Receipt_No": "INNER"})
    assert [row["Receipt_No"] for row in state.rows("AIQ_Sale")] == ["OUTER"]


def test_documents_keep_decimals_and_times_and_are_copies(state: State) -> None:
    told = {"points": Decimal("1.50"), "at": datetime(2026, 5, 1, tzinfo=UTC), "day": date(2026, 5, 1), "list": [1]}
    state.set_doc("thing", told)
    told["list"].append(2)  # type: ignore[union-attr]
    found = state.doc("thing")
    assert found == {**told, "list": [1]}
    assert str(found["points"]) == "1.50"
    assert state.doc("absent", "none") == "none"


def test_everything_is_there_again_after_the_folder_was_reopened(tmp_path: Path) -> None:
    state = State(tmp_path)
    sale = state.put("AIQ_Sale", {"Receipt_No": "R1", "Event_At": datetime(2026, 5, 1, 1, 2, 3, 456000, tzinfo=UTC)})
    step = state.put("AIQ_TotalDiscountOfferBenefits", {"Offer_No": "P1", "Step_Amount": Decimal("50.00")})
    tag = state.etag("AIQ_Sale", "R1")
    state.advance(3600)
    state.close()
    state = State(tmp_path)
    assert state.get("AIQ_Sale", "R1") == sale
    assert state.get("AIQ_TotalDiscountOfferBenefits", "P1", 50, "Discount") == step
    assert state.etag("AIQ_Sale", "R1") == tag
    assert state.now() - datetime.now(UTC) > timedelta(seconds=3590)
    state.close()


def test_the_same_amount_with_other_zeros_is_the_same_key_in_the_file(tmp_path: Path) -> None:
    state = State(tmp_path)
    for step in ("50", "50.00"):
        state.put("AIQ_TotalDiscountOfferBenefits", {"Offer_No": "P1", "Step_Amount": Decimal(step)})
    state.close()
    state = State(tmp_path)
    assert len(state.rows("AIQ_TotalDiscountOfferBenefits")) == 1
    state.close()


def test_what_was_committed_survives_a_killed_process_and_the_folder_is_free_again(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from navplugin.simulator.state import State\n"
        "state = State(Path(sys.argv[1])); state.put('AIQ_Sale', {'Receipt_No': 'R1'})\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready"
        with pytest.raises(StateUnusable, match="in use by another simulator"):
            State(tmp_path)
        child.kill()
        child.wait()
    state = State(tmp_path)
    assert [row["Receipt_No"] for row in state.rows("AIQ_Sale")] == ["R1"]
    state.close()


def test_a_folder_that_cannot_be_made_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StateUnusable, match="cannot make the folder"):
        State(tmp_path / "file" / "sub")


def test_a_file_of_another_kind_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "simulator.db").write_bytes(b"not a database " * 100)
    with pytest.raises(StateUnusable, match="is not a simulator state"):
        State(tmp_path)


def test_waiting_ends_with_the_commit_that_fulfils_it(state: State) -> None:
    waiting = threading.Event()
    seen: list[bool] = []

    def answered() -> bool:
        waiting.set()
        return state.get("AIQ_POSStatus", "R1") is not None

    waiter = threading.Thread(target=lambda: seen.append(state.wait_until(answered, 30)))
    waiter.start()
    assert waiting.wait(30)
    state.put("AIQ_POSStatus", {"Receipt_No": "R1"})
    waiter.join(30)
    assert seen == [True]


def test_waiting_in_vain_says_so(state: State) -> None:
    assert state.wait_until(lambda: False, 0) is False


def test_waiting_inside_a_transaction_is_an_error(state: State) -> None:
    with state.transaction(), pytest.raises(RuntimeError, match="inside a transaction"):
        state.wait_until(lambda: True, 1)


def test_a_reset_forgets_everything_but_never_repeats_a_change_mark(state: State) -> None:
    before = state.put("AIQ_Sale", {"Receipt_No": "R1"})["Change_Mark"]
    state.advance(3600)
    state.set_doc("note", 1)
    state.reset()
    assert state.rows("AIQ_Sale") == []
    assert state.doc("note") is None
    assert abs(state.now() - datetime.now(UTC)) < timedelta(seconds=60)
    assert state.put("AIQ_Sale", {"Receipt_No": "R1"})["Change_Mark"] > before
