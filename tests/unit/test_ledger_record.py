"""NAV's row of the ledger in charge: who may begin and go on, what a lost answer or an edit does (M2, M5, W13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest

from navplugin.core.errors import (
    AlreadyThere,
    Conflict,
    Missing,
    NavpluginError,
    NotInCharge,
    UnknownOutcome,
    Unreachable,
)
from navplugin.core.model import Effect, Op, StagedRow
from navplugin.ledger_record import BEAT_SECONDS, PAGE, WATCHED_SECONDS, LedgerRecord
from navplugin.reconcile import GRANTS
from tests.conftest import ScriptedClock


@dataclass
class Nav:
    """The row under its ETag, and the keys that grants name. lose: what comes of the next writes."""

    row: dict[str, Any] | None = None
    version: int = 0
    keys: list[str] = field(default_factory=list)
    lose: list[str] = field(default_factory=list)

    def read_rows(self, page: str, equal: Mapping[str, Any]) -> list[StagedRow]:
        if page == GRANTS:
            return [StagedRow(GRANTS, (key,), {"Redemption_ID": key}, "") for key in self.keys]
        return [] if self.row is None else [StagedRow(PAGE, ("LEDGER",), dict(self.row), str(self.version))]

    def write(self, effect: Effect) -> StagedRow | None:
        fault = self.lose.pop(0) if self.lose else ""
        if fault == "away":
            raise Unreachable("away", system="NAV")
        if effect.op is Op.INSERT and self.row is not None:
            raise AlreadyThere("there")
        if effect.op is Op.UPDATE and self.row is None:
            raise Missing("gone")
        if effect.op is Op.UPDATE and effect.etag != str(self.version):
            raise Conflict("changed")
        self.put(**effect.fields)
        if fault == "lost":
            raise UnknownOutcome("lost", system="NAV")
        return self.read_rows(PAGE, {})[0]

    def put(self, **fields: Any) -> None:
        self.row, self.version = {**(self.row or {}), **fields}, self.version + 1


@dataclass
class Ledger:
    """What the record needs of a ledger."""

    company: str = "C"
    epoch: int = 1
    ledger_id: str = "a" * 32
    steps: int = 0
    number: int = 0
    known: set[str] = field(default_factory=set)

    def step(self) -> int:
        return self.steps

    def take_over_no(self) -> int:
        return self.number

    def put_in_charge(self, take_over_no: int, step: int) -> None:
        self.number, self.steps = take_over_no, step

    def knows_claim(self, key: str, points: str = "") -> bool:
        return key in self.known

    def other_companies(self) -> tuple[str, ...]:
        return ()


@pytest.fixture
def nav() -> Nav:
    return Nav()


def worker(
    nav: Nav, ledger: Ledger, clock: ScriptedClock, host: str = "TILL1", pause: Callable[[float], bool] | None = None
) -> LedgerRecord:
    def wait(seconds: float) -> bool:
        clock.advance(seconds=seconds)
        return True

    return LedgerRecord(nav, nav, ledger, clock, host, pause or wait)  # type: ignore[arg-type]


def begun(nav: Nav, ledger: Ledger, clock: ScriptedClock, **more: Any) -> LedgerRecord:
    record = worker(nav, ledger, clock, **more)
    record.begin()
    return record


def moves(record: LedgerRecord) -> None:
    """A call that moves points: counted in the ledger, then in NAV."""
    record.ledger.steps += 1  # type: ignore[attr-defined]
    record.step_on()


def again(ledger: Ledger, **changes: Any) -> Ledger:
    """The same ledger, or a copy of it, at its next start."""
    changes = {"epoch": ledger.epoch + 1, **changes}
    return Ledger(**{**ledger.__dict__, "known": set(ledger.known), **changes})


# ---- the start -------------------------------------------------------------------------------------------------------


def test_the_first_start_writes_the_row_and_puts_the_ledger_in_charge(nav: Nav, clock: ScriptedClock) -> None:
    ledger = Ledger(steps=3)
    begun(nav, ledger, clock)
    assert nav.row is not None
    assert (nav.row["Ledger_ID"], nav.row["Step"], nav.row["Take_Over_No"], ledger.number) == ("a" * 32, 3, 1, 1)


def test_a_restart_on_this_host_waits_for_nothing(nav: Nav, clock: ScriptedClock) -> None:
    ledger = Ledger()
    begun(nav, ledger, clock)
    begun(nav, again(ledger), clock)
    assert clock.passed == 0


@pytest.mark.parametrize(("host", "epoch"), [("TILL2", 5), ("TILL1", 1), ("TILL1", 0)], ids=["host", "same", "older"])
def test_what_may_be_a_copy_waits_by_its_own_time(nav: Nav, clock: ScriptedClock, host: str, epoch: int) -> None:
    """The wall clocks of both hosts have no part in it."""
    ledger = Ledger()
    begun(nav, ledger, clock)
    clock.step(hours=-5)
    begun(nav, again(ledger, epoch=epoch), clock, host=host)
    assert clock.passed >= WATCHED_SECONDS


def test_a_copy_beside_a_worker_that_lives_is_refused(nav: Nav, clock: ScriptedClock) -> None:
    ledger = Ledger()
    first = begun(nav, ledger, clock)

    def wait(seconds: float) -> bool:
        clock.advance(seconds=seconds)
        first.beat_if_due()
        return True

    with pytest.raises(NotInCharge, match="the worker on TILL1 is using this ledger, or a copy of it, at this moment"):
        worker(nav, again(ledger), clock, host="TILL2", pause=wait).begin()
    moves(first)


def test_who_is_told_to_stop_while_it_waits_takes_nothing_over(nav: Nav, clock: ScriptedClock) -> None:
    ledger = Ledger()
    first = begun(nav, ledger, clock)
    with pytest.raises(NotInCharge, match="stopped before it was known whether the worker on TILL1 still runs"):
        worker(nav, again(ledger), clock, host="TILL2", pause=lambda _: False).begin()
    moves(first)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"Ledger_ID": "b" * 32}, r"another ledger is in charge of C: bbbbbbbb on TILL1; this one is aaaaaaaa"),
        ({"Step": 1}, r"an older copy for C: NAV counts 1 move of points that it lacks"),
        ({"Step": 7}, r"an older copy for C: NAV counts 7 moves of points that it lacks"),
        ({"Take_Over_No": 2}, r"an older copy for C: the company was taken over since"),
        ({"Ledger_ID": ""}, r"cannot be used, somebody has changed it"),
        ({"Step": -1}, r"cannot be used, somebody has changed it"),
        ({"Epoch": None}, r"cannot be used, somebody has changed it"),
        ({"Beat": "7"}, r"cannot be used, somebody has changed it"),
    ],
)
def test_who_is_not_in_charge_is_told_why(
    nav: Nav, clock: ScriptedClock, row: dict[str, Any], sentence: str
) -> None:
    ledger = Ledger()
    begun(nav, ledger, clock)
    nav.put(**row)
    before = dict(nav.row or {})
    with pytest.raises(NotInCharge, match=sentence):
        worker(nav, again(ledger), clock).begin()
    assert nav.row == before


def test_a_row_behind_its_ledger_is_a_death_between_the_two(nav: Nav, clock: ScriptedClock) -> None:
    ledger = Ledger()
    begun(nav, ledger, clock)
    later = again(ledger, steps=4)
    begun(nav, later, clock)
    assert nav.row is not None
    assert nav.row["Step"] == 4


def test_a_row_that_is_gone_is_no_first_start(nav: Nav, clock: ScriptedClock) -> None:
    ledger = Ledger()
    begun(nav, ledger, clock)
    nav.row = None
    with pytest.raises(NotInCharge, match=f"NAV's row in {PAGE} is gone, so NAV does not say"):
        worker(nav, again(ledger), clock).begin()


def test_a_first_start_where_navs_rows_name_claims(nav: Nav, clock: ScriptedClock) -> None:
    nav.keys = ["C/S/R/g/A/1", "", "C/S/R2/g/A/1"]
    with pytest.raises(NotInCharge, match="NAV knows more of the claim C/S/R2/g/A/1 than this ledger"):
        worker(nav, Ledger(known={"C/S/R/g/A/1"}), clock).begin()
    assert nav.row is None
    begun(nav, Ledger(known={"C/S/R/g/A/1", "C/S/R2/g/A/1"}), clock)


@pytest.mark.parametrize("fault", ["lost", ""])
def test_of_two_first_starts_one_wins(nav: Nav, clock: ScriptedClock, fault: str) -> None:
    """The second one has read before the first one wrote."""
    first, second = Ledger(), Ledger(ledger_id="b" * 32)
    nav.lose = [fault]
    begun(nav, first, clock)
    late = worker(nav, second, clock)
    with pytest.raises(NotInCharge, match="another worker began on this company at the same moment"):
        late.take(None, 1, 0)
    assert (first.number, second.number) == (1, 0)


@pytest.mark.parametrize(("ledger_id", "epoch", "sentence"), [
    ("a" * 32, 1, ""),
    ("a" * 32, 3, "is using this ledger, or a copy of it, at this moment"),
    ("b" * 32, 1, "another ledger is in charge of C"),
])  # fmt: skip
def test_who_was_overtaken_at_the_start_looks_again(
    nav: Nav, clock: ScriptedClock, ledger_id: str, epoch: int, sentence: str
) -> None:
    """Two workers start on one new ledger: the first one has written the row, and lost the ledger to the second."""
    record = worker(nav, Ledger(epoch=2), clock, pause=lambda _: (nav.put(Beat=9), True)[1])
    write = nav.write

    def late(effect: Effect) -> StagedRow | None:
        nav.write = write  # type: ignore[method-assign]
        nav.put(Ledger_ID=ledger_id, Take_Over_No=1, Epoch=epoch, Step=0, Beat=1, Host="TILL1", Worker_ID="x")
        return write(effect)

    nav.write = late  # type: ignore[method-assign]
    if not sentence:
        record.begin()
        moves(record)
        return
    with pytest.raises(NotInCharge, match=sentence):
        record.begin()


# ---- the calls -------------------------------------------------------------------------------------------------------


def test_each_call_counts_and_the_row_follows(nav: Nav, clock: ScriptedClock) -> None:
    ledger = Ledger()
    record = begun(nav, ledger, clock)
    for step in (1, 2, 3):
        ledger.steps = step
        record.step_on()
        assert nav.row is not None
        assert nav.row["Step"] == step


def tried(record: LedgerRecord) -> NavpluginError | None:
    """Why a call must not be sent now; None where it may."""
    try:
        record.step_on()
    except NavpluginError as problem:
        return problem
    return None


@pytest.mark.parametrize("faults", list(product(["", "lost", "away"], repeat=4)))
def test_answers_that_are_lost_never_stop_the_ledger_in_charge(
    nav: Nav, clock: ScriptedClock, faults: tuple[str, ...]
) -> None:
    """Whatever comes of four writes, an error says "do not send", a success is in NAV, and the fifth call goes out."""
    ledger = Ledger()
    record = begun(nav, ledger, clock)
    nav.lose = list(faults)
    for _ in faults:
        ledger.steps += 1
        wrong = tried(record)
        assert not isinstance(wrong, NotInCharge)
        assert wrong is not None or (nav.row or {})["Step"] == ledger.steps
    nav.lose = []
    ledger.steps += 1
    record.step_on()
    assert nav.row is not None
    assert nav.row["Step"] == 5


@pytest.mark.parametrize("faults", list(product(["", "lost", "away"], repeat=2)))
def test_no_lost_answer_hides_that_another_took_over(
    nav: Nav, clock: ScriptedClock, faults: tuple[str, ...]
) -> None:
    ledger, other = Ledger(), Ledger(ledger_id="b" * 32, number=1)
    record = begun(nav, ledger, clock)
    nav.lose = list(faults)
    for _ in faults:
        ledger.steps += 1
        assert not isinstance(tried(record), NotInCharge)
    second = worker(nav, other, clock, host="TILL2")
    second.take(second.read(), 2, 9)
    for _ in range(3):
        with pytest.raises(NotInCharge, match="another ledger on TILL2 has taken over C; this worker stops"):
            moves(record)


def test_a_row_that_nav_touched_without_a_change_is_still_ours(nav: Nav, clock: ScriptedClock) -> None:
    record = begun(nav, Ledger(), clock)
    nav.put()
    moves(record)


@pytest.mark.parametrize("edit", [{"Step": 0}, {"Beat": 0}, {"Host": "X"}, {"Worker_ID": "x"}, {"Take_Over_No": 5}])
def test_any_edit_of_the_row_stops_the_call(nav: Nav, clock: ScriptedClock, edit: dict[str, Any]) -> None:
    ledger = Ledger(steps=3)
    record = begun(nav, ledger, clock)
    nav.put(**edit)
    with pytest.raises(NotInCharge, match="this worker stops"):
        moves(record)


def test_a_row_that_was_deleted_is_written_again(nav: Nav, clock: ScriptedClock) -> None:
    ledger = Ledger()
    record = begun(nav, ledger, clock)
    nav.row, ledger.steps = None, 1
    record.step_on()
    assert nav.row is not None
    assert (nav.row["Step"], nav.row["Ledger_ID"]) == (1, "a" * 32)


def test_a_row_that_was_deleted_is_not_written_over_another_ledgers_claims(nav: Nav, clock: ScriptedClock) -> None:
    record = begun(nav, Ledger(), clock)
    nav.row, nav.keys = None, ["C/S/R/g/A/1"]
    with pytest.raises(NotInCharge, match="was deleted, and NAV names the claim C/S/R/g/A/1, which this ledger does"):
        moves(record)
    assert nav.row is None


def test_a_worker_that_has_not_begun_counts_nothing(nav: Nav, clock: ScriptedClock) -> None:
    with pytest.raises(NotInCharge, match="has not begun"):
        worker(nav, Ledger(), clock).step_on()


def test_an_older_copy_in_the_ledgers_file_is_noticed_at_the_next_call_and_the_next_beat(
    nav: Nav, clock: ScriptedClock
) -> None:
    """A call was recorded in the ledger before it is counted here, so the step has grown by then and never falls."""
    ledger = Ledger(steps=3)
    record = begun(nav, ledger, clock)
    with pytest.raises(NotInCharge, match="an older copy was put into the ledger's file while it was in use"):
        record.step_on()
    moves(record)
    ledger.steps = 3
    clock.advance(seconds=BEAT_SECONDS)
    with pytest.raises(NotInCharge, match="an older copy was put into the ledger's file while it was in use"):
        record.beat_if_due()
    assert nav.row is not None
    assert nav.row["Step"] == 4


def test_the_beat_is_written_now_and_then_by_time_that_never_steps(nav: Nav, clock: ScriptedClock) -> None:
    record = begun(nav, Ledger(), clock)
    version = nav.version
    clock.step(hours=3)
    record.beat_if_due()
    assert nav.version == version
    clock.advance(seconds=BEAT_SECONDS)
    record.beat_if_due()
    record.beat_if_due()
    assert nav.version == version + 1
