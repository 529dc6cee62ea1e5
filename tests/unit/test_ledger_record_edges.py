"""NAV's row of the ledger in charge, branch by branch: each write that meets something else, and each sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from navplugin.core.errors import AlreadyThere, Conflict, Missing, NavpluginError, NotInCharge, UnknownOutcome
from navplugin.core.model import Effect, Op, StagedRow
from navplugin.ledger_record import PAGE, LedgerRecord, Record
from navplugin.nav.contract.actions import LEDGER
from navplugin.reconcile import GRANTS
from tests.conftest import ScriptedClock
from tests.support_claims import NOW

MINE, THEIRS = "a" * 32, "b" * 32
ROW: dict[str, Any] = {
    "Ledger_ID": MINE, "Take_Over_No": 1, "Epoch": 1, "Step": 4, "Beat": 7, "Host": "TILL1", "Worker_ID": "w",
}  # fmt: skip


@dataclass
class Nav:
    """One row under its ETag. wrong: the errors of the next writes, with the row that somebody leaves meanwhile
    ("same": the write took effect all the same). silent: a write does not tell the row."""

    row: dict[str, Any] | None = None
    version: int = 1
    keys: tuple[str | None, ...] = ()
    wrong: list[tuple[NavpluginError, Any]] = field(default_factory=list)
    silent: bool = False
    written: list[Effect] = field(default_factory=list)
    reads: int = 0

    def read_rows(self, page: str, where: Mapping[str, object]) -> list[StagedRow]:
        if page == GRANTS:
            return [StagedRow(GRANTS, (key,), {"Redemption_ID": key}, "") for key in self.keys]
        assert (page, where) == (PAGE, {"Code": "LEDGER"})
        self.reads += 1
        return [] if self.row is None else [StagedRow(PAGE, ("LEDGER",), dict(self.row), str(self.version))]

    def write(self, effect: Effect) -> StagedRow | None:
        self.written.append(effect)
        if self.wrong:
            problem, row = self.wrong.pop(0)
            self.row = dict(effect.fields) if row == "same" else row
            self.version += 1
            raise problem
        if effect.op is Op.INSERT and self.row is not None:
            raise AlreadyThere("there")
        if effect.op is Op.UPDATE and self.row is None:
            raise Missing("gone")
        if effect.op is Op.UPDATE and effect.etag != str(self.version):
            raise Conflict("changed")
        self.row, self.version = dict(effect.fields), self.version + 1
        return None if self.silent else StagedRow(PAGE, effect.key, dict(self.row), str(self.version))


@dataclass
class Ledger:
    """What the record needs of a ledger."""

    company: str = "C"
    epoch: int = 2
    ledger_id: str = MINE
    steps: int = 4
    number: int = 1
    others: tuple[str, ...] = ()

    def step(self) -> int:
        return self.steps

    def take_over_no(self) -> int:
        return self.number

    def put_in_charge(self, take_over_no: int, step: int) -> None:
        self.number, self.steps = take_over_no, step

    def knows_claim(self, key: str, points: str = "") -> bool:
        return key == "known"

    def other_companies(self) -> tuple[str, ...]:
        return self.others


@dataclass
class Desk:
    """A record between the two. host: of this worker."""

    clock: ScriptedClock
    row: dict[str, Any] | None = None
    host: str = "TILL1"

    def __post_init__(self) -> None:
        self.nav, self.ledger = Nav(self.row), Ledger()
        self.waited: list[float] = []
        self.record = LedgerRecord(
            self.nav, self.nav, self.ledger, self.clock, self.host, self._pause  # type: ignore[arg-type]
        )

    def _pause(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.clock.advance(seconds=seconds)
        return True

    def step_on(self) -> None:
        """A call that the ledger has just recorded."""
        self.ledger.steps += 1
        self.record.step_on()

    def begun(self) -> Desk:
        self.record.begin()
        self.nav.written.clear()
        return self

    @property
    def now(self) -> dict[str, Any]:
        assert self.nav.row is not None
        return self.nav.row


@pytest.fixture
def desk(clock: ScriptedClock) -> Desk:
    return Desk(clock, dict(ROW))


# ---- the row ---------------------------------------------------------------------------------------------------------


def test_the_row_says_who_is_in_charge_and_how_far_it_has_come(desk: Desk) -> None:
    desk.record.begin()
    worker = desk.now.pop("Worker_ID")
    assert (len(worker), worker == "w") == (8, False)
    assert desk.now == {
        "Ledger_ID": MINE, "Take_Over_No": 1, "Epoch": 2, "Step": 4, "Beat": 8, "Host": "TILL1", "Written_At": NOW,
    }  # fmt: skip
    (effect,) = desk.nav.written
    assert (effect.op, effect.page, effect.key, effect.etag) == (Op.UPDATE, PAGE, ("LEDGER",), "1")


def test_the_pages_are_those_of_the_contract() -> None:
    assert LEDGER.service == PAGE


def test_a_host_name_fits_the_page(clock: ScriptedClock) -> None:
    desk = Desk(clock, host="h" * 60)
    desk.ledger.number = 0
    desk.record.begin()
    assert desk.now["Host"] == "h" * 50


@pytest.mark.parametrize("name", ["Take_Over_No", "Epoch", "Step", "Beat"])
@pytest.mark.parametrize("value", [-1, None, "4", 1.5])
def test_a_row_with_a_figure_that_is_none_cannot_be_used(name: str, value: object) -> None:
    Record.of(StagedRow(PAGE, ("LEDGER",), {**ROW, name: 0}, ""))
    with pytest.raises(NotInCharge, match="cannot be used, somebody has changed it") as wrong:
        Record.of(StagedRow(PAGE, ("LEDGER",), {**ROW, name: value}, ""))
    assert f"'{name}': {value!r}" in str(wrong.value)


def test_host_and_worker_may_be_missing() -> None:
    row = {**ROW, "Host": None, "Worker_ID": None}
    assert Record.of(StagedRow(PAGE, ("LEDGER",), row, "")) == Record(MINE, 1, 1, 4, 7, "", "")


# ---- the start -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ledger", "row", "said"),
    [
        ({}, {}, ""),
        ({"number": 0}, {}, ""),
        ({"number": 2}, {}, ""),
        ({"steps": 5}, {}, ""),
        ({}, {"Ledger_ID": THEIRS}, "another ledger is in charge of C: bbbbbbbb on TILL1; this one is aaaaaaaa. "
         "If that ledger is lost for good: navplugin ledger take-over"),
        ({}, {"Ledger_ID": THEIRS, "Host": ""}, "bbbbbbbb on another host; this one is aaaaaaaa"),
        ({"steps": 3}, {}, "this ledger is an older copy for C: NAV"),
        ({}, {"Take_Over_No": 2}, "was taken over since"),
        ({"number": 0}, {"Take_Over_No": 2}, "was taken over since"),
        ({"number": 0, "others": ("D", "E"), "steps": 0}, {},
         "this ledger was written for D, E and knows nothing of C; "
         "if it was renamed in NAV: navplugin ledger take-over --renamed-from NAME"),
        ({"number": 1, "others": ("D",), "steps": 0}, {}, "older copy for C"),
    ],
)  # fmt: skip
def test_a_ledger_is_told_why_it_is_not_in_charge(
    desk: Desk, ledger: dict[str, Any], row: dict[str, Any], said: str
) -> None:
    desk.ledger.__dict__.update(ledger)
    there = Record.of(StagedRow(PAGE, ("LEDGER",), {**ROW, **row}, ""))
    reason = desk.record.why_not(there)
    assert said in reason
    assert bool(reason) is bool(said)


def test_who_is_refused_writes_nothing(desk: Desk) -> None:
    assert desk.nav.row is not None
    desk.nav.row["Ledger_ID"] = THEIRS
    with pytest.raises(NotInCharge):
        desk.record.begin()
    assert (desk.nav.written, desk.ledger.number) == ([], 1)


@pytest.mark.parametrize(("mine", "there", "kept"), [(1, 1, 1), (0, 1, 1), (3, 1, 3), (0, 0, 1), (1, 0, 1)])
def test_the_number_of_the_take_over_never_falls(desk: Desk, mine: int, there: int, kept: int) -> None:
    desk.ledger.number = mine
    desk.now["Take_Over_No"] = there
    desk.record.begin()
    assert (desk.now["Take_Over_No"], desk.ledger.number) == (kept, kept)


@pytest.mark.parametrize(
    ("host", "epoch", "waits"), [("TILL1", 2, False), ("TILL1", 1, True), ("TILL2", 2, True), ("", 9, True)]
)
def test_only_what_may_be_a_copy_is_watched_for_before_it_begins(
    desk: Desk, host: str, epoch: int, waits: bool
) -> None:
    desk.now["Host"], desk.ledger.epoch = host, epoch
    desk.record.begin()
    assert desk.waited == ([1.0] * 38 if waits else []), "37.5 seconds, looked at once in a second"


def meanwhile(desk: Desk, row: dict[str, Any] | None) -> None:
    """While the row is watched, it becomes this one."""

    def pause(seconds: float) -> bool:
        desk.nav.row = row
        return True

    desk.record._pause = pause


def test_a_row_that_vanishes_while_it_is_watched_is_somebodys(desk: Desk) -> None:
    desk.now["Host"] = "TILL2"
    meanwhile(desk, None)
    with pytest.raises(NotInCharge, match="the worker on TILL2 is using this ledger, or a copy of it"):
        desk.record.begin()
    desk.nav.row = {**ROW, "Host": "", "Beat": 1}
    meanwhile(desk, {**ROW, "Host": "", "Beat": 2})
    with pytest.raises(NotInCharge, match="the worker on another host is using this ledger"):
        desk.record.begin()


def test_begun_again_in_the_same_process_it_looks_whether_that_holds(desk: Desk) -> None:
    desk.begun()
    desk.ledger.steps = 9
    desk.record.begin()
    assert (desk.now["Beat"], desk.now["Step"], desk.waited) == (9, 4, [])
    desk.nav.row, desk.nav.version = {**ROW, "Ledger_ID": THEIRS}, 99
    with pytest.raises(NotInCharge, match="another ledger on TILL1 has taken over C; this worker stops"):
        desk.record.begin()


def test_without_a_row_only_a_ledger_that_never_had_one_begins(clock: ScriptedClock) -> None:
    desk = Desk(clock)
    with pytest.raises(NotInCharge, match="is gone, so NAV does not say which ledger is in charge of C"):
        desk.record.begin()
    desk.ledger.number, desk.nav.keys = 0, ("", "known", "unknown", "later")
    with pytest.raises(NotInCharge, match="NAV knows more of the claim unknown than this ledger"):
        desk.record.begin()
    desk.nav.keys = ("", None, "known")
    desk.record.begin()
    (effect,) = desk.nav.written
    assert (effect.op, effect.etag, desk.now["Beat"], desk.now["Take_Over_No"]) == (Op.INSERT, "", 1, 1)


@pytest.mark.parametrize(("beat", "then"), [(7, 8), ("x", 1), (None, 1)])
def test_a_take_over_goes_on_from_a_beat_that_can_be_read(desk: Desk, beat: object, then: int) -> None:
    desk.record.take(StagedRow(PAGE, ("LEDGER",), {**ROW, "Beat": beat}, "1"), 5, 6)
    assert (desk.now["Beat"], desk.now["Take_Over_No"], desk.now["Step"]) == (then, 5, 6)
    assert (desk.ledger.number, desk.ledger.steps) == (5, 6)


@pytest.mark.parametrize("problem", [AlreadyThere("?"), Conflict("?"), UnknownOutcome("?"), Missing("?")])
@pytest.mark.parametrize(("there", "sentence"), [
    ("same", ""), ({**ROW, "Ledger_ID": THEIRS}, "another ledger is in charge of C"), (None, f"in {PAGE} is gone"),
])  # fmt: skip
def test_a_first_write_that_meets_something_is_confirmed_by_reading(
    desk: Desk, problem: NavpluginError, there: Any, sentence: str
) -> None:
    desk.nav.wrong = [(problem, there)]
    if not sentence:
        desk.record.begin()
        desk.step_on()
        return
    with pytest.raises(NotInCharge, match=sentence):
        desk.record.begin()
    with pytest.raises(NotInCharge, match="has not begun"):
        desk.step_on()


# ---- while it runs ---------------------------------------------------------------------------------------------------


def test_each_call_is_counted_under_the_etag_of_the_last_write(desk: Desk) -> None:
    desk.begun()
    for silent in (False, True, False):
        desk.nav.silent = silent
        desk.step_on()
        assert (desk.now["Step"], desk.now["Worker_ID"]) == (desk.ledger.steps, desk.record._worker)
    assert ([e.etag for e in desk.nav.written], desk.now["Beat"]) == (["2", "3", "4"], 11)


def test_a_write_of_ours_whose_answer_was_lost_is_still_ours(desk: Desk) -> None:
    desk.begun()
    desk.nav.wrong = [(UnknownOutcome("lost"), "same"), (UnknownOutcome("lost"), "same")]
    for _ in range(2):
        with pytest.raises(UnknownOutcome):
            desk.step_on()
    desk.step_on()
    assert (len(desk.nav.written), desk.now["Beat"]) == (4, 9)


@pytest.mark.parametrize(("edit", "who"), [
    ({"Ledger_ID": THEIRS, "Host": "TILL9"}, "another ledger on TILL9"), ({"Ledger_ID": THEIRS, "Host": ""},
    "another ledger on another host"), ({"Worker_ID": "x"}, "another worker or copy of this ledger on TILL1"),
    ({"Step": 3}, "another worker or copy of this ledger on TILL1"),
])  # fmt: skip
def test_who_was_displaced_is_told_by_whom(desk: Desk, edit: dict[str, Any], who: str) -> None:
    desk.begun()
    desk.nav.row, desk.nav.version = {**desk.now, **edit}, 50
    with pytest.raises(NotInCharge, match=f"^ledger: {who} has taken over C; this worker stops"):
        desk.step_on()
    assert len(desk.nav.written) == 1


@pytest.mark.parametrize(("times", "gives_up"), [(2, False), (3, True)])
def test_a_row_that_nav_touches_all_the_time_is_tried_three_times(desk: Desk, times: int, gives_up: bool) -> None:
    desk.begun()
    desk.nav.wrong = [(Conflict("touched"), dict(desk.now)) for _ in range(times)]
    if gives_up:
        with pytest.raises(Conflict, match="changed again and again"):
            desk.step_on()
    else:
        desk.step_on()
    assert len(desk.nav.written) == 3


@pytest.mark.parametrize("problem", [Missing("gone"), Conflict("gone")])
def test_a_row_that_was_deleted_is_written_again_at_once(desk: Desk, problem: NavpluginError) -> None:
    desk.begun()
    desk.nav.wrong, desk.nav.keys = [(problem, None)], ("known",)
    desk.step_on()
    assert [e.op for e in desk.nav.written] == [Op.UPDATE, Op.INSERT]
    desk.step_on()
    assert desk.now["Beat"] == 10


def test_a_row_that_was_deleted_is_not_written_over_claims_of_another_ledger(desk: Desk) -> None:
    desk.begun()
    desk.nav.row, desk.nav.keys = None, ("unknown",)
    with pytest.raises(NotInCharge, match=r"was deleted, and NAV .*the claim unknown"):
        desk.step_on()
    assert desk.nav.row is None


@pytest.mark.parametrize("problem", [AlreadyThere("?"), UnknownOutcome("?")])
@pytest.mark.parametrize(("there", "holds"), [("same", True), ({**ROW, "Worker_ID": "x"}, False)])
def test_a_row_that_is_written_again_is_confirmed_by_reading(
    desk: Desk, problem: NavpluginError, there: Any, holds: bool
) -> None:
    desk.begun()
    desk.nav.wrong = [(Missing("gone"), None), (problem, there)]
    if holds:
        desk.step_on()
    else:
        with pytest.raises(NotInCharge, match="at the same moment"):
            desk.step_on()


@pytest.mark.parametrize(("seconds", "writes"), [(14.9, 0), (15.0, 1)])
def test_a_beat_is_written_every_fifteen_seconds_with_the_same_step(desk: Desk, seconds: float, writes: int) -> None:
    desk.begun()
    desk.clock.advance(seconds=seconds)
    desk.ledger.steps = 9
    desk.record.beat_if_due()
    desk.record.beat_if_due()
    assert (len(desk.nav.written), desk.now["Step"]) == (writes, 4)


def test_a_call_that_was_counted_is_a_beat(desk: Desk) -> None:
    desk.begun()
    desk.clock.advance(seconds=14)
    desk.step_on()
    desk.clock.advance(seconds=14)
    desk.record.beat_if_due()
    assert len(desk.nav.written) == 1


def test_without_a_begin_there_is_no_beat(clock: ScriptedClock) -> None:
    desk = Desk(clock, dict(ROW))
    desk.clock.advance(seconds=60)
    with pytest.raises(NotInCharge, match="has not begun"):
        desk.record.beat_if_due()
