"""AIQ's call budget: one bucket for each key over all workers, interactive first, Retry-After honoured by all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from navplugin.core.errors import Busy
from navplugin.loyalty.aiq_http import AiqHttp
from navplugin.loyalty.rate import SharedGate
from tests.unit.test_nav_http import Script, reply, script

__all__ = ["script"]

KEY = "k3y-of-the-account"


class Wall:
    """Scripted seconds; a pause moves them. passed: those of the monotonic clock."""

    def __init__(self) -> None:
        self.now, self.passed = 1_000_000.0, 0.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds
        self.passed += seconds

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def gate(tmp_path: Path, wall: Wall) -> Callable[..., SharedGate]:
    def make(key: str = KEY, **settings: object) -> SharedGate:
        clocks: dict[str, Any] = {"wall": wall, "monotonic": wall.monotonic, "pause": wall.pause}
        return SharedGate(tmp_path / "rate.db", key, **{**clocks, **settings})

    return make


def admitted(gate: SharedGate, most: int = 10_000) -> int:
    """How many calls go through at once."""
    for count in range(most):
        try:
            gate.admit(0)
        except Busy:
            return count
    return most


def test_the_defaults_are_those_of_the_reference(gate: Callable[..., SharedGate], wall: Wall) -> None:
    one = gate()
    assert admitted(one) == 4, "a second"
    total = 4
    for _ in range(59):
        wall.now += 1.001
        total += admitted(one)
    assert total == 100, "a minute"


def test_workers_with_one_key_share_one_budget_and_other_keys_have_their_own(gate: Callable[..., SharedGate]) -> None:
    first, second = gate(), gate()
    assert admitted(first) == 4
    assert admitted(second) == 0
    assert admitted(gate("another key")) == 4


@pytest.mark.parametrize(("limits", "most"), [((1000, 1000, 10), 10), ((5, 2, 100), 2), ((2, 10_000, 10_000), 2)])
def test_settings_that_make_others_idle_are_understood(
    gate: Callable[..., SharedGate], limits: tuple[int, int, int], most: int
) -> None:
    assert admitted(gate(per_second=limits[0], per_minute=limits[1], per_hour=limits[2])) == most


def test_a_call_waits_for_its_turn_as_long_as_there_is_time(gate: Callable[..., SharedGate], wall: Wall) -> None:
    one = gate()
    admitted(one)
    one.admit(4)
    assert 0.5 < sum(wall.waited) <= 1.2


def test_a_call_that_would_wait_too_long_is_not_sent_and_says_when(gate: Callable[..., SharedGate], wall: Wall) -> None:
    one = gate(per_second=1000, per_minute=1000, per_hour=10)
    admitted(one)
    with pytest.raises(Busy) as caught:
        one.admit(4)
    assert caught.value.retry_after == 300
    assert wall.waited == []


def test_batch_calls_leave_half_of_the_budget_to_the_tills(gate: Callable[..., SharedGate]) -> None:
    feeds, tills = gate(per_second=10, batch=True), gate(per_second=10)
    assert admitted(feeds) == 5
    assert admitted(tills) == 5


def test_tills_may_use_the_whole_budget(gate: Callable[..., SharedGate]) -> None:
    feeds, tills = gate(per_second=10, batch=True), gate(per_second=10)
    assert admitted(tills) == 10
    assert admitted(feeds) == 0


def test_when_aiq_asks_for_patience_every_worker_waits(gate: Callable[..., SharedGate], wall: Wall) -> None:
    first, second = gate(), gate()
    first.hold_off(30)
    with pytest.raises(Busy) as caught:
        second.admit(4)
    assert caught.value.retry_after == pytest.approx(30)
    wall.now += 30.1
    second.admit(4)


def test_a_day_of_patience_is_five_minutes_also_after_a_restart(gate: Callable[..., SharedGate], wall: Wall) -> None:
    gate().hold_off(86_400)
    with pytest.raises(Busy) as caught:
        gate().admit(4)
    assert caught.value.retry_after == pytest.approx(300)
    wall.now += 300.1
    gate().admit(0)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_holds_nobody_off(gate: Callable[..., SharedGate], wall: Wall, hours: int) -> None:
    one = gate(per_second=1000, per_minute=1000, per_hour=10)
    assert admitted(one) == 10
    one.hold_off(300)
    wall.now += hours * 3601
    assert admitted(one) == 10, "neither the patience nor the calls of the other time count"
    one.hold_off(7)
    with pytest.raises(Busy) as caught:
        gate().admit(4)
    assert caught.value.retry_after == pytest.approx(7)


def test_calls_of_a_worker_whose_clock_was_read_a_moment_later_count(
    gate: Callable[..., SharedGate], wall: Wall
) -> None:
    one = gate()
    wall.now += 4
    assert admitted(one) == 4
    wall.now -= 4
    assert admitted(gate()) == 0


def test_patience_that_is_over_is_forgotten(gate: Callable[..., SharedGate], wall: Wall, tmp_path: Path) -> None:
    for _ in range(5):
        gate().hold_off(1)
        wall.now += 2
    with closing(sqlite3.connect(tmp_path / "rate.db")) as file:
        (table,) = file.execute("SELECT name FROM sqlite_master WHERE name LIKE 'held%'").fetchone()
        assert file.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def test_a_call_waits_no_longer_than_it_may_whatever_the_clock_does(
    gate: Callable[..., SharedGate], wall: Wall
) -> None:
    """Each wait ends with a clock that was set back a little, so there is always a little more to wait."""

    def pause(seconds: float) -> None:
        assert len(wall.waited) < 100, "it waits without end"
        wall.pause(seconds)
        wall.now -= seconds

    one = gate(pause=pause)
    one.hold_off(1.5)
    with pytest.raises(Busy):
        one.admit(4)
    assert sum(wall.waited) <= 4


@pytest.mark.parametrize("answer", [
    reply(429, {"success": False}, Retry_After="7"), reply(200, {"success": False, "code": 429}, Retry_After="7"),
])  # fmt: skip
@pytest.mark.parametrize("write", [True, False])
def test_a_429_holds_off_every_worker(
    gate: Callable[..., SharedGate], script: Script, wall: Wall, answer: bytes, write: bool
) -> None:
    def ask() -> None:
        http = AiqHttp(script.url, KEY, gate=gate(), deadline=5, pause=wall.pause)
        http.write("PUT", "/x", "redemption") if write else http.read("GET", "/x", "wallet")

    script.answers = [answer, reply(200, {"success": True})]
    for _ in range(2):
        with pytest.raises(Busy) as caught:
            ask()
        assert (len(script.sent), caught.value.retry_after) == (1, pytest.approx(7))
    wall.now += 7.1
    ask()
    assert len(script.sent) == 2


@pytest.mark.parametrize("asked", ["86400", "9" * 30, "301.5"])
def test_a_day_that_aiq_asks_for_is_cut_and_said_once(
    gate: Callable[..., SharedGate], script: Script, wall: Wall, caplog: pytest.LogCaptureFixture, asked: str
) -> None:
    script.answers = [reply(429, {"success": False}, Retry_After=asked), reply(503, {}, Retry_After=asked)]
    http = AiqHttp(script.url, KEY, gate=gate())
    for _ in range(2):
        with pytest.raises(Busy) as caught:
            http.read("GET", "/x", "wallet")
        assert caught.value.retry_after == 300
        wall.now += 300.1
    assert [r.getMessage() for r in caplog.records if "Retry-After" in r.getMessage()] == [
        f"AIQ asks for {asked} s of patience (Retry-After); it is asked again after 300 s"
    ]


def test_a_budget_that_cannot_be_kept_stops_no_sale(
    tmp_path: Path, wall: Wall, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "rate.db").write_bytes(b"this is no database" * 500)
    one = SharedGate(tmp_path / "rate.db", KEY, wall=wall, pause=wall.pause)
    assert admitted(one, 50) == 50
    assert len(caplog.records) == 1
    assert KEY not in caplog.text


def test_the_key_is_not_in_the_file(gate: Callable[..., SharedGate], tmp_path: Path) -> None:
    admitted(gate())
    assert KEY.encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())


def test_threads_and_workers_never_take_the_same_token(gate: Callable[..., SharedGate]) -> None:
    gates = [gate(per_second=20) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(admitted, gates * 2))
    assert sum(counts) == 20
