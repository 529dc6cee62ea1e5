"""When an odd wallet is believed, and how often AIQ is asked meanwhile; by time that no clock setting moves (M7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from navplugin.core.model import Claim, Wallet, WalletDiscount
from navplugin.odd_answers import LONGEST_PAUSE, SECONDS_GONE, SECONDS_ODD, OddAnswers
from tests.conftest import ScriptedClock

CLAIM = Claim("C", "S1", "R1", "g", "AP0004", 1, "M1", "77", "TD1", Decimal(100), Decimal(10))
WANTED = WalletDiscount("77", "AP0004", "", Decimal(100), redemption_url="https://aiq.test/r")
OTHER = replace(WANTED, discount_id="78")
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
GOOD = Wallet("contact-1", Decimal(1000), False, (WANTED, OTHER), NOON)
GONE, EMPTY = replace(GOOD, discounts=(OTHER,)), replace(GOOD, discounts=())
NO_ADDRESS = replace(GOOD, discounts=(replace(WANTED, redemption_url=""), OTHER))

CASES = [
    ("gone", GONE, False, SECONDS_GONE, "AIQ no longer offers it"),
    ("empty", EMPTY, False, SECONDS_ODD, "AIQ no longer offers it"),
    ("no address", NO_ADDRESS, False, SECONDS_GONE, "AIQ no longer offers it"),
    ("unknown", None, False, SECONDS_ODD, "AIQ no longer knows the member"),
    ("other", GOOD, True, SECONDS_ODD, "AIQ shows another person for this member card"),
]


@pytest.mark.parametrize(("wallet", "other", "seconds", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_it_is_believed_once_it_has_lasted(
    clock: ScriptedClock, wallet: Wallet | None, other: bool, seconds: float, reason: str
) -> None:
    odd = OddAnswers(clock)
    assert odd.of(CLAIM, wallet, other) == ""
    clock.advance(seconds=seconds - 0.1)
    assert odd.of(CLAIM, wallet, other) == ""
    clock.advance(seconds=0.1)
    assert (odd.of(CLAIM, wallet, other) or "").startswith(reason)


def test_a_good_answer_in_between_begins_the_count_again(clock: ScriptedClock) -> None:
    odd = OddAnswers(clock)
    assert odd.of(CLAIM, None, False) == ""
    clock.advance(seconds=SECONDS_ODD - 1)
    assert odd.of(CLAIM, GOOD, False) is None
    clock.advance(seconds=2)
    assert odd.of(CLAIM, None, False) == ""


def test_a_tier_reward_needs_no_address(clock: ScriptedClock) -> None:
    tier = replace(GOOD, discounts=(replace(WANTED, redemption_url="", tier=True),))
    assert OddAnswers(clock).of(CLAIM, tier, False) is None


def test_aiq_is_asked_less_and_less_often(clock: ScriptedClock) -> None:
    odd, asked = OddAnswers(clock), []
    while clock.passed < SECONDS_ODD:
        if odd.may_ask(CLAIM):
            asked.append(clock.passed)
            odd.of(CLAIM, None, False)
        clock.advance(seconds=1)
    pauses = [later - before for before, later in pairwise(asked)]
    assert pauses[:5] == [2, 4, 8, 16, 32]
    assert set(pauses[5:]) == {LONGEST_PAUSE}


def test_claims_do_not_wait_for_each_other(clock: ScriptedClock) -> None:
    odd = OddAnswers(clock)
    odd.of(CLAIM, None, False)
    assert not odd.may_ask(CLAIM)
    assert odd.may_ask(replace(CLAIM, receipt_no="R2"))


@pytest.mark.parametrize("hours", [-2, 2])
def test_setting_the_wall_clock_believes_nothing_sooner_or_later(clock: ScriptedClock, hours: int) -> None:
    odd = OddAnswers(clock)
    odd.of(CLAIM, None, False)
    clock.step(hours=hours)
    assert odd.of(CLAIM, None, False) == ""
    clock.advance(seconds=SECONDS_ODD)
    assert odd.of(CLAIM, None, False)
