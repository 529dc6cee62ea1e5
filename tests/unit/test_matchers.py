"""Both matchers give the same order, and the durable one never costs more than its child process."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from navplugin.core.ports import Hit, Matcher
from navplugin.rulebook import durable, durable_child
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.durable import PATIENCE, PAUSE, DurableMatcher

needs_durable = pytest.mark.skipif(not durable.durable_is_installed(), reason="durable_rules is not installed here")


def hit(
    rule_id: int, priority: int = 10, forbids: bool = False, file_order: int | None = None, subject: str = ""
) -> Hit:
    """A hit with what matters to its order."""
    place = rule_id if file_order is None else file_order
    return Hit(rule_id, subject, "hide-discount" if forbids else "show-message", forbids, priority, place)


MIXED = [hit(1, 50), hit(2, 5), hit(3, 50, forbids=True), hit(4, 5), hit(5, 1), hit(6, 90, forbids=True)]
MIXED_ORDER = [3, 6, 5, 2, 4, 1]

hits = st.builds(
    Hit,
    rule_id=st.integers(0, 60),
    subject=st.sampled_from(["", "AP0004", "AP0005", "Ünïcode 'quoted'"]),
    verb=st.sampled_from(["hide-discount", "show-message"]),
    forbids=st.booleans(),
    priority=st.integers(-3, 3) | st.integers(-100_000, 100_000),
    file_order=st.integers(0, 40),
)


def ids(ordered: object) -> list[int]:
    """The rule ids, in order."""
    assert isinstance(ordered, tuple)
    return [h.rule_id for h in ordered]


@pytest.fixture(scope="module")
def real() -> Iterator[DurableMatcher]:
    """One durable matcher with its child, shared as in a worker."""
    with DurableMatcher(limit=30, start_limit=60) as matcher:
        yield matcher


def scripted(pipe: Connection, replies: list[object]) -> None:
    """A child that is ready and then answers whatever it was given, with the number asked for in place of "n"."""
    pipe.send(("ready", ""))
    for reply in replies:
        number, _ = pipe.recv()
        pipe.send(tuple(number if part == "n" else part for part in reply) if isinstance(reply, tuple) else reply)
    try:
        pipe.recv()
    except EOFError:
        return


def garbage(pipe: Connection) -> None:
    """A child that answers something else each time."""
    scripted(pipe, [("n", [0, 0]), ("n", [0])])


def stale(pipe: Connection) -> None:
    """A child that answers another request."""
    scripted(pipe, [(-1, [0, 1])])


def true_and_false(pipe: Connection) -> None:
    """A child that answers booleans, which equal 0 and 1."""
    scripted(pipe, [("n", [False, True])])


def mute(pipe: Connection) -> None:
    """A child that never answers."""
    pipe.send(("ready", ""))
    try:
        while True:
            pipe.recv()
    except EOFError:
        return


def stillborn(pipe: Connection) -> None:
    """A child that ends before it is ready."""


def without_the_module(pipe: Connection) -> None:
    """A child on a Python on which the import fails."""
    pipe.send(("absent", "undefined symbol: PyEval_CallObject"))


def grumbling(pipe: Connection) -> None:
    """A child whose durable_rules fails."""
    scripted(pipe, [("n", "Exception: Could not assert fact, error code: 303")])


def two() -> list[Hit]:
    """Two hits that are to be exchanged."""
    return [hit(1, 9), hit(2, 1)]


def test_both_matchers_are_matchers() -> None:
    matchers: list[Matcher] = [BuiltinMatcher(), DurableMatcher()]
    assert [m.name for m in matchers] == ["builtin", "durable"]


def test_forbidding_comes_first_then_priority_then_file_order() -> None:
    assert ids(BuiltinMatcher().order(MIXED)) == MIXED_ORDER
    assert ids(BuiltinMatcher().order(reversed(MIXED))) == MIXED_ORDER


def test_hits_of_one_rule_for_several_discounts_stay_as_they_came() -> None:
    several = [hit(1, subject="b"), hit(1, subject="a"), hit(2, 1, subject="b")]
    assert [h.subject for h in BuiltinMatcher().order(several)] == ["b", "b", "a"]


@needs_durable
def test_durable_gives_the_same_order_and_says_that_it_is_active(real: DurableMatcher) -> None:
    assert ids(real.order(iter(MIXED))) == MIXED_ORDER
    assert (real.active, real.why) == ("durable", "")


@needs_durable
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(hits, max_size=45))
def test_both_matchers_agree_on_random_hits(real: DurableMatcher, random_hits: list[Hit]) -> None:
    before = real.fallbacks
    assert real.order(random_hits) == BuiltinMatcher().order(random_hits)
    assert real.fallbacks == before


@needs_durable
def test_a_child_that_was_killed_between_two_orders_costs_nothing_but_a_new_one() -> None:
    with DurableMatcher(limit=30, start_limit=60) as matcher:
        assert ids(matcher.order(MIXED)) == MIXED_ORDER
        assert matcher._process is not None
        first = matcher._process.pid
        matcher._process.kill()
        matcher._process.join()
        assert ids(matcher.order(MIXED)) == MIXED_ORDER
        assert matcher._process.pid != first
        assert matcher.fallbacks == 0


@needs_durable
def test_priorities_too_large_for_durable_are_ordered_all_the_same(real: DurableMatcher) -> None:
    real.order(MIXED)
    process, before = real._process, real.fallbacks
    assert ids(real.order([hit(1, 2**70), hit(2, 2**69)])) == [2, 1]
    assert ids(real.order(MIXED)) == MIXED_ORDER
    assert (real._process, real.fallbacks, real.active) == (process, before + 1, "durable")


@needs_durable
def test_more_rules_than_one_fact_may_meet_go_to_builtin_without_ending_the_child(real: DurableMatcher) -> None:
    real.order(MIXED)
    process, before = real._process, real.fallbacks
    crowd = [hit(n, 100 - n) for n in range(durable_child.MAX_RANKS + 1)]
    assert real.order(crowd) == BuiltinMatcher().order(crowd)
    assert real.order(crowd[1:]) == BuiltinMatcher().order(crowd[1:])
    assert (real._process, real.fallbacks) == (process, before + 1)


@needs_durable
def test_the_child_answers_odd_requests_and_lives_and_ends_with_its_pipe() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=durable_child.serve, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    assert ours.poll(60)
    assert ours.recv() == ("ready", "")
    for odd in (
        None,
        "order",
        (1, "x"),
        (1, [(True, 1)]),
        (1, [(True, 1.5, 0)]),
        (1, [(True, None, 0)]),
        (1, [(1, 1, 1)]),
        (1, [(True, 1, 0), (True, 1, 0)]),
        (1, [("a", "b", "c")] * 70),
        (1, [(True, True, False)]),
        (1, [(True, 2**40, 0)]),
    ):
        ours.send(odd)
        assert ours.poll(60)
        assert isinstance(ours.recv()[1], str), odd
    ours.send((7, []))
    assert ours.recv() == (7, [])
    ours.send((8, [(True, 3, 0), (False, 9, 0), (True, -3, 0)]))
    assert ours.recv() == (8, [1, 2, 0])
    ours.close()
    child.join(60)
    assert child.exitcode == 0
    child.close()


def test_no_hits_need_no_child() -> None:
    matcher = DurableMatcher()
    assert matcher.order([]) == ()
    assert matcher._process is None
    assert matcher.fallbacks == 0


def test_where_durable_is_not_installed_builtin_answers_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(durable, "durable_is_installed", lambda: False)
    with caplog.at_level(logging.INFO), DurableMatcher() as matcher:
        for _ in range(5):
            assert ids(matcher.order(MIXED)) == MIXED_ORDER
        assert (matcher.fallbacks, matcher.active, matcher.name) == (5, "builtin", "durable")
        assert matcher._process is None
    assert [r.getMessage() for r in caplog.records] == [
        "rules are ordered by builtin, not by durable_rules: durable_rules is not installed"
    ]
    assert caplog.records[0].levelno == logging.INFO


def test_the_probe_looks_for_both_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nothing(name: str) -> None:
        asked.append(name)

    monkeypatch.setattr(durable.importlib.util, "find_spec", nothing)
    assert not durable.durable_is_installed()
    assert asked == ["durable"]


@pytest.mark.parametrize(
    ("child", "why"),
    [
        (garbage, "not an order"),
        (stale, "not an order"),
        (true_and_false, "not an order"),
        (stillborn, "died"),
        (without_the_module, "cannot be imported: undefined symbol"),
        (grumbling, "error code: 303"),
    ],
)
def test_a_child_that_fails_is_ended_and_builtin_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, child: object, why: str
) -> None:
    monkeypatch.setattr(durable, "durable_is_installed", lambda: True)
    monkeypatch.setattr(durable, "serve", child)
    with DurableMatcher(limit=30, start_limit=60) as matcher:
        assert ids(matcher.order(two())) == [2, 1]
        assert matcher.fallbacks == 1
        assert why in matcher.why
        assert matcher._process is None
    assert len(caplog.records) <= 1


def test_a_child_that_never_answers_is_killed_after_the_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(durable, "durable_is_installed", lambda: True)
    monkeypatch.setattr(durable, "serve", mute)
    with DurableMatcher(limit=0, start_limit=60) as matcher:
        for _ in range(PATIENCE + 2):
            assert ids(matcher.order(two())) == [2, 1]
            assert matcher._process is None
        assert matcher.why == "no answer within 0 seconds"
        assert matcher.fallbacks == PATIENCE + 2
        assert matcher._number == PATIENCE, "after some failures the child is left alone for a while"
    assert len(caplog.records) == 1


@needs_durable
def test_after_its_pause_the_child_is_tried_again_and_its_return_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(durable, "serve", stillborn)
        matcher = DurableMatcher(limit=30, start_limit=60)
        for _ in range(PATIENCE):
            matcher.order(two())
    with caplog.at_level(logging.INFO), matcher:
        for _ in range(PAUSE):
            assert ids(matcher.order(two())) == [2, 1]
        assert matcher.fallbacks == PATIENCE + PAUSE
        assert ids(matcher.order(two())) == [2, 1]
        assert ids(matcher.order(two())) == [2, 1]
        assert (matcher.active, matcher.fallbacks) == ("durable", PATIENCE + PAUSE)
    assert [r.getMessage() for r in caplog.records] == [
        "rules are ordered by builtin, not by durable_rules: the child process died",
        "rules are ordered by durable_rules again",
    ]


def test_a_process_that_cannot_be_started_is_a_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(durable, "durable_is_installed", lambda: True)
    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", refuse)
    with DurableMatcher() as matcher:
        assert ids(matcher.order(two())) == [2, 1]
        assert "no more processes" in matcher.why


def test_a_closed_matcher_still_orders_and_may_be_closed_twice() -> None:
    matcher = DurableMatcher()
    matcher.close()
    matcher.close()
    assert ids(matcher.order(MIXED)) == MIXED_ORDER
    assert matcher._process is None
    assert matcher.fallbacks == 1
