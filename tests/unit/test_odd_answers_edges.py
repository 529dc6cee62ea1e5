"""Odd wallets: what interrupts the count, what begins it again, and the figures themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from navplugin.core.model import Wallet
from navplugin.odd_answers import OddAnswers
from tests.conftest import ScriptedClock
from tests.support_claims import a_claim
from tests.support_teller import DISCOUNT, a_wallet

CLAIM = a_claim()
GONE = a_wallet(1000, replace(DISCOUNT, discount_id="d1"))
EMPTY = replace(a_wallet(), discounts=())


@pytest.mark.parametrize(("wallet", "other", "seconds"), [(GONE, False, 5), (EMPTY, False, 600), (None, False, 600),
                                                        (a_wallet(), True, 600)])  # fmt: skip
def test_a_discount_that_is_gone_counts_after_five_seconds_and_any_greater_oddity_after_ten_minutes(
    clock: ScriptedClock, wallet: Wallet | None, other: bool, seconds: int
) -> None:
    odd = OddAnswers(clock)
    odd.of(CLAIM, wallet, other)
    clock.advance(seconds=seconds - 0.5)
    assert odd.of(CLAIM, wallet, other) == ""
    clock.advance(seconds=0.5)
    assert odd.of(CLAIM, wallet, other)


def test_only_what_aiq_keeps_saying_is_believed(clock: ScriptedClock) -> None:
    """Two oddities in turn are a fault, however long they last."""
    odd = OddAnswers(clock)
    for _ in range(20):
        assert odd.of(CLAIM, None, False) == ""
        clock.advance(seconds=400)
        assert odd.of(CLAIM, a_wallet(), True) == ""
        clock.advance(seconds=400)


def test_what_was_believed_is_counted_from_the_beginning_the_next_time(clock: ScriptedClock) -> None:
    odd = OddAnswers(clock)
    odd.of(CLAIM, GONE, False)
    clock.advance(seconds=5)
    assert odd.of(CLAIM, GONE, False)
    assert odd.may_ask(CLAIM)
    assert odd.of(CLAIM, GONE, False) == ""


def test_another_reason_is_asked_for_again_soon(clock: ScriptedClock) -> None:
    odd = OddAnswers(clock)
    for _ in range(8):
        odd.of(CLAIM, None, False)
    odd.of(CLAIM, EMPTY, False)
    clock.advance(seconds=2)
    assert odd.may_ask(CLAIM)


def test_aiq_is_asked_again_after_a_minute_at_the_latest(clock: ScriptedClock) -> None:
    odd = OddAnswers(clock)
    for _ in range(9):
        odd.of(CLAIM, None, False)
    clock.advance(seconds=59.9)
    assert not odd.may_ask(CLAIM)
    clock.advance(seconds=0.1)
    assert odd.may_ask(CLAIM)


def test_a_good_answer_may_be_followed_by_the_next_question_at_once(clock: ScriptedClock) -> None:
    odd = OddAnswers(clock)
    odd.of(CLAIM, None, False)
    assert not odd.may_ask(CLAIM)
    assert odd.of(CLAIM, a_wallet(), False) is None
    assert odd.may_ask(CLAIM)
