"""AIQ's listing of redemptions: a window wider than any clock is wrong, read to its end, or no answer at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from navplugin.core.errors import Misconfigured, ProtocolError
from navplugin.core.ports import Contact, Redemption
from navplugin.loyalty import AiqProvider, parse
from tests.conftest import ScriptedClock
from tests.unit.test_aiq_http import KEY
from tests.unit.test_nav_http import Script, reply, script

__all__ = ["script"]

ROW = {"id": "r1", "contactID": "c1", "discountID": "77", "reference": "R1", "points": "100", "at": 1}
DAY = 24 * 3600
Rows = list[dict[str, Any]]


def row(number: int, **change: Any) -> dict[str, Any]:
    return {**ROW, "id": f"r{number}", "reference": f"R{number}", "at": number, **change}


def page(rows: Rows, total: int | None = None, date: datetime | str = "") -> bytes:
    told = {} if total is None else {"total": total}
    stamp = format_datetime(date, usegmt=True) if isinstance(date, datetime) else date
    return reply(200, {"data": {"results": rows, **told}}, **({"Date": stamp} if stamp else {}))


@pytest.fixture
def aiq(script: Script, clock: ScriptedClock) -> AiqProvider:
    return AiqProvider(script.url, "1234", KEY, clock=clock, deadline=10, pause=lambda _: None)


@pytest.fixture
def found(aiq: AiqProvider, clock: ScriptedClock) -> Callable[[], tuple[str, ...]]:
    """The ids that both readings of the listing agree on."""

    def read() -> tuple[str, ...]:
        return tuple(one.redemption_id for one in aiq.list_redemptions(clock.now()))

    return read


def asked(script: Script) -> list[tuple[int, int]]:
    """Start and end of each window, and no other call."""
    spans = [re.match(r"/api/v1.1/redemptions/1234/(\d+)/(\d+)(\?|$)", one.target) for one in script.sent]
    return [(int(span[1]), int(span[2])) for span in spans if span]


# ---- the window ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", ["find", "list"])
def test_the_window_is_a_day_wider_on_both_sides(
    aiq: AiqProvider, script: Script, clock: ScriptedClock, look: str
) -> None:
    script.answers = [page([])]
    since = clock.now() - timedelta(hours=2)
    aiq.find_redemptions("c1", "77", "R1", since) if look == "find" else aiq.list_redemptions(since)
    now = int(clock.now().timestamp())
    assert asked(script) == [(now - 2 * 3600 - DAY, now + DAY)]


@pytest.mark.parametrize("hours", [-72, -1, 1, 72])
def test_the_window_follows_aiqs_clock_and_keeps_ours(
    aiq: AiqProvider, script: Script, clock: ScriptedClock, hours: int
) -> None:
    ahead, now = timedelta(hours=hours), int(clock.now().timestamp())
    script.answers = [reply(200, {"data": {"contactID": "c1"}}, Date=format_datetime(clock.now() + ahead, usegmt=True))]
    aiq.fetch_wallet(Contact("5551234567", ""))
    assert aiq.clock_skew == ahead
    script.answers = [page([])]
    aiq.list_redemptions(clock.now())
    assert asked(script) == [(now + min(0, hours) * 3600 - DAY, now + max(0, hours) * 3600 + DAY)]


def test_a_first_answer_that_tells_of_a_very_wrong_clock_asks_again(
    aiq: AiqProvider, script: Script, clock: ScriptedClock
) -> None:
    """The redemption lies two days ahead, where nobody looked before AIQ's clock was known."""
    ahead, now = clock.now() + timedelta(days=2), int(clock.now().timestamp())
    script.answers = [page([], date=ahead), page([row(1)], 1, ahead)]
    assert [one.redemption_id for one in aiq.find_redemptions("c1", "77", "R1", clock.now()).live] == ["r1"]
    assert asked(script) == [(now - DAY, now + DAY), (now - DAY, now + 3 * DAY)]


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 32 Foo 9999999999 00:00:00"])
def test_a_date_that_cannot_be_right_measures_nothing_and_the_day_remains(
    aiq: AiqProvider, script: Script, clock: ScriptedClock, date: str
) -> None:
    script.answers, now = [page([], date=date)], int(clock.now().timestamp())
    aiq.list_redemptions(clock.now())
    assert aiq.clock_skew is None
    aiq.list_redemptions(clock.now())
    assert asked(script) == [(now - DAY, now + DAY)] * 2


def test_the_newest_measure_counts_and_any_answer_brings_one(
    aiq: AiqProvider, script: Script, clock: ScriptedClock
) -> None:
    contact = Contact("5551234567", "")
    for status, seconds in ((200, 600), (404, -3)):
        then = clock.now() + timedelta(seconds=seconds)
        script.answers = [reply(status, {"data": {"contactID": "c1"}}, Date=format_datetime(then, usegmt=True))]
        aiq.fetch_wallet(contact)
        assert aiq.clock_skew == timedelta(seconds=seconds)
    script.answers = [page([])]
    aiq.list_redemptions(clock.now())
    assert aiq.clock_skew == timedelta(seconds=-3), "a silent answer leaves it"


def test_a_window_before_time_began_begins_with_it(aiq: AiqProvider, script: Script) -> None:
    script.answers = [page([])]
    aiq.list_redemptions(datetime(1970, 1, 1, tzinfo=UTC))
    assert asked(script)[0][0] == 0


# ---- the end ---------------------------------------------------------------------------------------------------------


def test_pages_are_read_until_the_total(script: Script, found: Callable[[], tuple[str, ...]]) -> None:
    script.answers = [page([row(1), row(2)], 3), page([row(3)], 3)]
    assert found() == ("r1", "r2", "r3")
    assert [one.target.partition("?")[2] for one in script.sent] == ["", "start=2"]


def test_a_total_that_grows_is_read_to_its_new_end(script: Script, found: Callable[[], tuple[str, ...]]) -> None:
    script.answers = [page([row(1), row(2)], 3), page([row(3)], 4), page([row(4)], 4)]
    assert found() == ("r1", "r2", "r3", "r4")


def test_without_a_total_one_page_is_the_whole_when_the_next_start_shows_nothing(
    script: Script, found: Callable[[], tuple[str, ...]]
) -> None:
    script.answers = [page([row(1), row(2)]), page([])]
    assert found() == ("r1", "r2")
    assert [one.target.partition("?")[2] for one in script.sent] == ["", "start=2"]


def test_without_a_total_the_same_page_again_is_the_whole(
    script: Script, found: Callable[[], tuple[str, ...]]
) -> None:
    script.answers = [page([row(1), row(2)])]
    assert found() == ("r1", "r2")
    assert len(script.sent) == 2


def test_without_a_total_pages_go_on_until_one_is_empty(script: Script, found: Callable[[], tuple[str, ...]]) -> None:
    script.answers = [page([row(1), row(2)]), page([row(3)]), page([])]
    assert found() == ("r1", "r2", "r3")


def test_a_row_that_moved_to_the_next_page_counts_once(script: Script, found: Callable[[], tuple[str, ...]]) -> None:
    """Newest first, and one was redeemed while we read: taken twice would read as a doubled redemption."""
    script.answers = [page([row(3), row(2)]), page([row(2), row(1)]), page([])]
    assert found() == ("r3", "r2", "r1")


def test_redemptions_without_an_id_are_never_taken_for_one_another(
    script: Script, found: Callable[[], tuple[str, ...]]
) -> None:
    twin = {name: value for name, value in ROW.items() if name != "id"}
    script.answers = [page([twin, twin], 2)]
    assert found() == ("", "")


@pytest.mark.parametrize("pages", [
    [page([row(1)], 3), page([], 3)],
    [page([], 3)],
    [page([row(1), row(2)], 3)],
    [page([row(1, id=None), row(2, id=None)], 4)],
    [page([row(1)], 3), page([row(2)], 2)],
    [page([row(1)], 3), page([row(2)])],
    [page([row(1)]), page([row(2)], 2)],
    [page([row(1), row(2)], 3), page([row(2)], 3)],
    [page([row(1), row(2)], 1)],
    [page([row(1)]), page([row(2)]), page([row(2)])],
    [page([row(1)]), page([row(2)]), page([row(1)])],
    [page([row(n)]) for n in range(60)],
], ids=["empty before the total", "empty at once", "the same page again",
        "the same page again, without ids", "total shrinks", "total is gone",
        "total comes late", "a row again", "more than the total", "no total: the last page again",
        "no total: from the front again", "no end"])  # fmt: skip
@pytest.mark.parametrize("look", ["find", "list"])
def test_a_listing_that_does_not_come_to_its_end_is_no_answer(
    aiq: AiqProvider, script: Script, clock: ScriptedClock, pages: list[bytes], look: str
) -> None:
    script.answers = list(pages)
    with pytest.raises(ProtocolError, match=r"listing of redemptions|more redemptions"):
        aiq.find_redemptions("c1", "77", "R9", clock.now()) if look == "find" else aiq.list_redemptions(clock.now())


def test_without_our_number_no_redemption_can_be_looked_for(script: Script, clock: ScriptedClock) -> None:
    aiq = AiqProvider(script.url, "1234", KEY, clock=clock, append_reference=False)
    with pytest.raises(Misconfigured, match="append-reference"):
        aiq.find_redemptions("c1", "77", "R1", clock.now())
    assert script.sent == []


# ---- what is found ---------------------------------------------------------------------------------------------------


def ids(found: tuple[Redemption, ...]) -> list[str]:
    return [one.redemption_id for one in found]


def test_what_is_ours_is_sorted_by_what_became_of_it() -> None:
    ours: dict[str, Any] = {"reference": "R1"}
    rows = [
        row(5, **ours), row(4, **ours, status="Refunded"), row(3, **ours, contactID="c2"),
        row(2, **ours, contactID="c2", refunded=True), row(1, **ours, discountID="78"), row(6),
        row(7, reference=" r1 ", contactID=None, points=None), row(0, **ours, at=-1),
    ]  # fmt: skip
    look = parse.find_in_listing(rows, "c1", " 77", "R1 ")
    assert (ids(look.live), ids(look.refunded), ids(look.foreign)) == (["r0", "r5", "r7"], ["r4"], ["r3"])
    assert look.shows_references
    assert [one.points for one in look.live] == [100, 100, None]
    assert {one.contact_id for one in look.live} == {"c1"}


def test_an_unknown_person_has_nothing_foreign() -> None:
    assert ids(parse.find_in_listing([row(1, contactID="c2")], "", "77", "R1").live) == ["r1"]


@pytest.mark.parametrize("at", [None, "2026-05-01"])
def test_rows_without_a_moment_keep_aiqs_order(at: Any) -> None:
    rows = [row(2, reference="R1"), row(1, reference="R1", at=at)]
    assert ids(parse.find_in_listing(rows, "c1", "77", "R1").live) == ["r2", "r1"]


@pytest.mark.parametrize(("rows", "shown"), [
    ([], False), ([row(1, reference="")], False), ([row(1, reference="", discountID="78")], False),
    ([row(2)], True), ([row(2, discountID="78")], True), ([row(2, contactID="c2")], True),
    ([row(2, refunded=True)], True),
])  # fmt: skip
def test_any_row_with_a_reference_shows_that_ours_could_be_seen(rows: Rows, shown: bool) -> None:
    look = parse.find_in_listing(rows, "c1", "77", "R1")
    assert (look.live, look.refunded, look.foreign, look.shows_references) == ((), (), (), shown)


@pytest.mark.parametrize("gone", ["reference", "discountID"])
@pytest.mark.parametrize("beside", [None, {}, {"refunded": True}, {"contactID": "c2"}])
def test_a_row_that_may_be_ours_is_no_answer_unless_ours_is_found_too(gone: str, beside: Any) -> None:
    rows = [{name: value for name, value in ROW.items() if name != gone}]
    if beside is None:
        with pytest.raises(ProtocolError, match="blind"):
            parse.find_in_listing(rows, "c1", "77", "R1")
    else:
        look = parse.find_in_listing([*rows, {**ROW, "id": "r2", **beside}], "c1", "77", "R1")
        assert ids(look.live + look.refunded + look.foreign) == ["r2"]
