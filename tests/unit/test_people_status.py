"""Who the member is for AIQ: remembered, looked up, and never made up where AIQ cannot tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from navplugin.core.errors import NavpluginError, Unreachable
from navplugin.core.model import LoyaltyStatus, Persona
from navplugin.core.ports import Contact
from tests.conftest import ScriptedClock
from tests.support_claims import NOW
from tests.unit.test_people_wallets import Desk

MEMBER = Persona(LoyaltyStatus.MEMBER, "c-M1", NOW - timedelta(days=400))
KNOWN = Persona(LoyaltyStatus.KNOWN, "c-M1", NOW - timedelta(hours=23))
FOUND = Persona(LoyaltyStatus.SEVERAL, "c-new", NOW)


class Asked(Desk):
    """Counts the look-ups. found: what AIQ says of the person."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.found: Persona | NavpluginError = FOUND
        self.looked_up = 0
        self.aiq.fetch_status = self._look_up  # type: ignore[method-assign]
        self.aiq.wallets = [None]

    def _look_up(self, contact: Contact) -> Persona:
        self.looked_up += 1
        if isinstance(self.found, NavpluginError):
            raise self.found
        return self.found


@pytest.fixture
def desk(clock: ScriptedClock) -> Asked:
    return Asked(clock)


def status(desk: Asked, *, wallet: bool = False, past_cache: bool = False) -> LoyaltyStatus | None:
    persona = desk.ask(want_wallet=wallet, past_cache=past_cache).persona
    return persona.status if persona else None


def test_who_is_not_known_is_looked_up_once(desk: Asked) -> None:
    assert status(desk) is LoyaltyStatus.SEVERAL
    assert status(desk) is LoyaltyStatus.SEVERAL
    assert desk.looked_up == 1
    assert desk.memory.known == FOUND


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        (MEMBER, 0),
        (replace(MEMBER, read_at=None), 0),
        (KNOWN, 0),
        (replace(KNOWN, read_at=NOW - timedelta(hours=24)), 1),
        (replace(KNOWN, read_at=None), 1),
    ],
)
def test_a_member_stays_one_and_others_are_looked_up_again_after_a_day(
    desk: Asked, before: Persona, asked: int
) -> None:
    desk.memory.known = before
    assert status(desk) is (FOUND.status if asked else before.status)
    assert desk.looked_up == asked


def test_a_member_whom_aiqs_wallet_no_longer_knows_is_looked_up(desk: Asked) -> None:
    for since in (MEMBER.read_at, NOW):
        desk.memory.known = replace(MEMBER, read_at=since)
        assert status(desk, wallet=True) is FOUND.status
    other = Asked(desk.clock)
    other.memory.known = MEMBER
    other.shows("c-M1")
    assert status(other, wallet=True) is LoyaltyStatus.MEMBER
    other.aiq.wallets = [Unreachable("away")]
    other.people.forget_wallet("M1")
    assert status(other, wallet=True) is LoyaltyStatus.MEMBER
    assert other.looked_up == 0


def test_the_cashier_may_have_everybody_looked_up_again(desk: Asked) -> None:
    desk.memory.known = MEMBER
    assert status(desk, past_cache=True) is FOUND.status


@pytest.mark.parametrize(("before", "then"), [(MEMBER, LoyaltyStatus.MEMBER), (KNOWN, None), (None, None)])
def test_while_aiq_cannot_be_asked_only_a_member_is_still_one(
    desk: Asked, before: Persona | None, then: LoyaltyStatus | None
) -> None:
    desk.memory.known, desk.found = before, Unreachable("away")
    assert status(desk, past_cache=True) is then
    assert status(desk, past_cache=True) is then
    assert desk.looked_up == 1, "it is left in peace after a failure"
    assert desk.people.lost


def test_an_answer_that_tells_nothing_is_not_remembered(desk: Asked) -> None:
    desk.found = Persona(LoyaltyStatus.CANNOT_TELL)
    assert status(desk) is LoyaltyStatus.CANNOT_TELL
    assert desk.memory.known is None


def test_a_member_without_phone_and_e_mail_is_unknown_and_aiq_is_not_asked(desk: Asked) -> None:
    desk.aiq.contact_of = lambda _: None  # type: ignore[method-assign]
    answer = desk.ask()
    assert answer.persona == Persona(LoyaltyStatus.UNKNOWN, read_at=desk.clock.now())
    assert (answer.wallet, answer.wallet_known, answer.contact) == (None, True, None)
    nobody = desk.people.ask("nobody", timedelta(0), past_cache=False, want_wallet=True)
    assert (nobody.member, nobody.contact, nobody.wallet_known) == (None, None, True)
    assert (desk.aiq.asked, desk.looked_up) == (0, 0)


@pytest.mark.parametrize(("age", "reads"), [(600.0, 1), (600.1, 2)])
def test_a_member_is_read_anew_every_ten_minutes(desk: Asked, age: float, reads: int) -> None:
    desk.clock.passed = 1000.0
    desk.people.member("M1")
    desk.clock.advance(seconds=age)
    desk.people.member("M1")
    assert desk.people.reader.reads == reads  # type: ignore[attr-defined]
