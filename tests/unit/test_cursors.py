"""Cursors: nothing is lost to late commits, equal times, holes or restarts, and nothing comes twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from navplugin.cursors import LONGEST, ContentCursor, MarkCursor, NumberCursor, TimeCursor, content_hash

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TILL = ("S0001", "P0001")


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_mark_that_comes_seconds_late_is_asked_for_whatever_its_number() -> None:
    cursor = MarkCursor()
    cursor.after(NOON)
    cursor.take([100], NOON)
    cursor.take([90_000], later(1))
    assert cursor.after(later(2)) < 100


def test_the_newest_row_is_always_asked_for_so_that_an_empty_answer_tells() -> None:
    cursor = MarkCursor()
    cursor.take([100], NOON)
    cursor.take([100], NOON + 2 * LONGEST)
    assert cursor.after(NOON + 3 * LONGEST) == 99


def test_once_a_minute_a_long_operation_is_looked_for() -> None:
    cursor, asked = MarkCursor(), {}
    for second in range(0, 721, 20):
        asked[second] = cursor.after(later(second))
        cursor.take([1000 + second], later(second))
    assert [asked[second] for second in (600, 620, 640, 660)] == [0, 1539, 1559, 0]


def test_a_mark_on_its_way_when_nav_was_lost_is_asked_for_however_long_that_was() -> None:
    cursor = MarkCursor()
    for second in range(0, 7200, 30):
        cursor.after(later(second))
        cursor.take([1000 + second], later(second))
    back = later(7170) + timedelta(hours=2)
    assert cursor.after(back) < 1000 + 7170 - 800, "a posting that began 13 minutes before the last answer"
    assert cursor.after(back) == cursor.after(later(7200)), "a poll that gets no answer changes nothing"
    cursor.take([1000 + 7170], back)
    assert cursor.after(back + timedelta(seconds=1)) == 1000 + 7170 - 1


def test_a_clock_that_is_set_back_widens_the_poll_by_minutes_and_not_to_the_first_row() -> None:
    cursor = MarkCursor()
    for second in range(0, 7200, 30):
        cursor.after(later(second))
        cursor.take([1000 + second], later(second))
    assert 1000 + 7200 - 2 * LONGEST.total_seconds() < cursor.after(later(3600)) < 1000 + 7170 - 800


def test_a_later_cursor_starts_before_what_may_still_be_on_its_way() -> None:
    cursor = MarkCursor(start=7)
    cursor.take([100], NOON)
    assert cursor.safe(later(60)) == 7
    assert cursor.safe(NOON + LONGEST) == 100


def test_after_a_restart_of_the_marks_the_first_row_is_read() -> None:
    cursor = MarkCursor(start=500)
    cursor.restart()
    assert cursor.after(NOON) == 0
    cursor.take([3], NOON)
    assert cursor.safe(NOON + LONGEST) == 3


@given(st.lists(st.tuples(st.integers(0, 55), st.integers(1, 400)), min_size=1, max_size=40))
def test_no_row_is_missed_that_commits_within_a_minute(delays: list[tuple[int, int]]) -> None:
    """Rows get marks in order of writing, and become visible `delay` seconds later; polls run each second."""
    rows, at, mark = [], 0, 0
    for delay, step in delays:
        at, mark = at + step % 7, mark + step
        rows.append((mark, at + delay))
    cursor, seen = MarkCursor(), set()
    for second in range(max(visible for _, visible in rows) + 2):
        after = cursor.after(later(second))
        answer = [mark for mark, visible in rows if visible <= second and mark > after]
        seen.update(answer)
        cursor.take(answer, later(second))
    assert seen == {mark for mark, _ in rows}


def test_a_time_cursor_takes_each_change_once_and_equal_times_all() -> None:
    cursor = TimeCursor()
    assert cursor.since() is None
    assert cursor.take({("A",): NOON, ("B",): NOON}) == [("A",), ("B",)]
    assert cursor.since() == NOON - LONGEST
    assert cursor.take({("A",): NOON, ("B",): NOON, ("C",): NOON}) == [("C",)]
    assert cursor.take({("A",): later(1), ("C",): NOON}) == [("A",)]


def test_a_change_that_became_visible_late_is_taken() -> None:
    cursor = TimeCursor()
    cursor.take({("A",): NOON})
    assert cursor.take({("A",): NOON, ("LATE",): NOON - timedelta(minutes=9)}) == [("LATE",)]


def test_a_time_cursor_asks_in_whole_seconds_and_forgets_what_lies_before() -> None:
    cursor = TimeCursor(overlap=timedelta(seconds=10))
    cursor.take({("A",): NOON.replace(microsecond=999_000)})
    since = cursor.since()
    assert since == later(-10)
    cursor.take({("B",): later(100)})
    assert cursor._seen == {("B",): later(100)}
    assert TimeCursor.load(cursor.save()).checkpoint == later(100)
    assert TimeCursor.load("").since() is None


def test_content_tells_what_is_new_changed_or_gone() -> None:
    cursor = ContentCursor()
    rows = {("A",): {"x": Decimal("10.0")}, ("B",): {"x": 1}}
    assert cursor.take(rows) == ([("A",), ("B",)], [])
    assert cursor.take({("A",): {"x": Decimal("10.00")}, ("C",): {"x": 1}}) == ([("C",)], [("B",)])
    assert cursor.take({("A",): {"x": Decimal(11)}, ("C",): {"x": 1}}) == ([("A",)], [])


def test_the_hash_is_of_all_fields_whatever_their_order() -> None:
    assert content_hash({"a": 1, "b": None}) == content_hash({"b": None, "a": 1})
    assert content_hash({"a": "1"}) != content_hash({"a": 1})


def test_numbers_wait_for_their_holes() -> None:
    cursor = NumberCursor()
    assert cursor.take(TILL, [10, 11, 13]) == [10, 11, 13]
    assert (cursor.after(TILL), cursor.holes(TILL)) == (11, [12])
    assert cursor.take(TILL, [13, 12]) == [12]
    assert (cursor.after(TILL), cursor.holes(TILL)) == (13, [])
    assert cursor.take(TILL, [9, 13]) == []


def test_a_hole_that_never_fills_can_be_given_up() -> None:
    cursor = NumberCursor()
    cursor.take(TILL, [1, 3, 4])
    cursor.give_up(TILL, 2)
    assert (cursor.after(TILL), cursor.holes(TILL)) == (4, [])


def test_numbers_survive_a_restart() -> None:
    cursor = NumberCursor()
    cursor.take(TILL, [1, 2, 5])
    cursor.take(("S0002", "P0009"), [])
    again = NumberCursor.load(cursor.save())
    assert again.terminals == [TILL]
    assert again.take(TILL, [3, 5, 6]) == [3, 6]
    assert NumberCursor.load("").terminals == []


@given(st.permutations(range(1, 30)), st.integers(1, 7))
def test_every_number_is_taken_once_in_whatever_order_it_comes(order: list[int], size: int) -> None:
    cursor = NumberCursor()
    taken = cursor.take(TILL, [1])
    for start in range(0, len(order), size):
        taken += cursor.take(TILL, order[start : start + size])
    assert sorted(taken) == list(range(1, 30))
    assert cursor.after(TILL) == 29
