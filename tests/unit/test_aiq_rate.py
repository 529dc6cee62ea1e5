"""AIQ's call budget: one bucket for each key over all workers, interactive first, Retry-After honoured by all."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from navplugin.core.errors import Busy
from navplugin.loyalty.rate import SharedGate

KEY = "k3y-of-the-account"


class Wall:
    """Scripted seconds; a pause moves them."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def gate(tmp_path: Path, wall: Wall) -> Callable[..., SharedGate]:
    def make(key: str = KEY, **settings: object) -> SharedGate:
        return SharedGate(tmp_path / "rate.db", key, wall=wall, pause=wall.pause, **settings)  # type: ignore[arg-type]

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
    assert (caught.value.retry_after or 0) > 3000
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
