"""Whose wallet it is, how old it is, and what is remembered of it (findings M7, M9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.errors import NavpluginError, ProtocolError, Unreachable
from navplugin.core.model import LoyaltyStatus, Member, Persona, Wallet, WalletDiscount
from navplugin.core.ports import Contact
from navplugin.people import Answer, People, Purses
from tests.conftest import ScriptedClock
from tests.support_claims import NOW
from tests.support_teller import CONTACT, DISCOUNT, a_wallet

MINUTE = timedelta(minutes=1)


@dataclass
class Aiq:
    """Wallets in the order in which they are asked for, the last one for ever. persona: whom the look-up finds."""

    clock: ScriptedClock
    wallets: list[Wallet | NavpluginError | None] = field(default_factory=lambda: [a_wallet()])
    persona: str = ""
    asked: int = 0
    seconds: float = 0.0
    """How long an answer takes."""

    def contact_of(self, member: Member) -> Contact | None:
        return CONTACT

    def fetch_status(self, contact: Contact) -> Persona:
        return Persona(LoyaltyStatus.MEMBER, self.persona, NOW)

    def fetch_wallet(self, contact: Contact) -> Wallet | None:
        self.asked += 1
        self.clock.advance(seconds=self.seconds)
        answer = self.wallets[0] if len(self.wallets) == 1 else self.wallets.pop(0)
        if isinstance(answer, NavpluginError):
            raise answer
        return answer


@dataclass
class Memory:
    """What the ledger keeps of people; its position grows by one with each question."""

    known: Persona | None = None
    mapped: list[list[str]] = field(default_factory=list)
    at: int = 6

    def person(self, member_card_no: str) -> Persona | None:
        return self.known

    def save_person(self, member_card_no: str, persona: Persona, now: datetime) -> None:
        self.known = persona

    def remember_mapped(self, discounts: Iterable[WalletDiscount], now: datetime) -> None:
        self.mapped.append([d.coupon_code for d in discounts])

    def position(self) -> int:
        self.at += 1
        return self.at


class Reader:
    """NAV's members."""

    def __init__(self) -> None:
        self.reads = 0

    def read_member(self, member_card_no: str) -> Member | None:
        self.reads += 1
        return Member(member_card_no) if member_card_no.startswith("M") else None


@dataclass
class Desk:
    clock: ScriptedClock

    def __post_init__(self) -> None:
        self.aiq, self.memory = Aiq(self.clock), Memory()
        self.people = People(Reader(), self.aiq, self.memory, self.clock)  # type: ignore[arg-type]

    def ask(self, fresh: timedelta = MINUTE, **more: Any) -> Answer:
        return self.people.ask("M1", fresh, **{"past_cache": False, "want_wallet": True, **more})

    def shows(self, *persons: str) -> None:
        """AIQ's next wallets belong to these."""
        self.aiq.wallets = [a_wallet(contact_id=person) for person in persons]


@pytest.fixture
def desk(clock: ScriptedClock) -> Desk:
    return Desk(clock)


def owner(wallet: Wallet | None) -> str | None:
    return wallet.contact_id if wallet else None


# ---- whose -----------------------------------------------------------------------------------------------------------


def test_the_wallet_of_the_one_whom_the_look_up_found_is_taken_at_once(desk: Desk) -> None:
    desk.aiq.persona = "c-M1"
    assert owner(desk.ask().wallet) == "c-M1"
    assert desk.aiq.asked == 1


def test_a_wallet_of_somebody_else_is_asked_for_again(desk: Desk) -> None:
    """An error of AIQ's, this once."""
    desk.aiq.persona = "c-M1"
    desk.shows("c-M2", "c-M1")
    answer = desk.ask()
    assert (owner(answer.wallet), answer.wallet_known, desk.aiq.asked) == ("c-M1", True, 2)
    assert owner(desk.ask().wallet) == "c-M1"
    assert desk.aiq.asked == 2, "it is remembered"


def test_another_person_whom_aiq_shows_twice_is_believed(desk: Desk) -> None:
    desk.ask()
    desk.people.forget_wallet("M1")
    desk.shows("c-M2", "c-M2", "c-M2")
    assert owner(desk.ask().wallet) == "c-M2"
    desk.people.forget_wallet("M1")
    assert owner(desk.ask().wallet) == "c-M2"
    assert desk.aiq.asked == 4, "once at first, twice for the change, once after it"


@pytest.mark.parametrize("second", ["c-M3", None])
def test_two_answers_that_contradict_each_other_are_none(desk: Desk, second: str | None) -> None:
    desk.aiq.persona = "c-M1"
    desk.aiq.wallets = [a_wallet(contact_id="c-M2"), a_wallet(contact_id=second) if second else None]
    answer = desk.ask()
    assert (answer.wallet, answer.wallet_known) == (None, False)
    assert desk.people.cached_wallet("M1") is None
    assert desk.people.lost, "a fault of AIQ's"
    desk.shows("c-M1")
    assert desk.ask().wallet is None, "it is not asked at once"
    desk.clock.advance(seconds=5)
    assert owner(desk.ask().wallet) == "c-M1"
    assert not desk.people.lost


def test_an_accepted_wallet_counts_more_than_the_look_up(desk: Desk) -> None:
    """That look-up and wallet use the same ids is not documented."""
    desk.aiq.persona = "p-1"
    desk.shows("c-M1", "c-M1", "c-M1")
    assert owner(desk.ask().wallet) == "c-M1"
    desk.people.forget_wallet("M1")
    assert owner(desk.ask().wallet) == "c-M1"
    assert desk.aiq.asked == 3, "twice at first, once then"


def test_a_wallet_without_a_person_contradicts_nobody(desk: Desk) -> None:
    desk.aiq.persona = "c-M1"
    desk.shows("")
    assert desk.ask().wallet is not None
    assert desk.aiq.asked == 1


def test_who_is_not_found_takes_the_wallets_person(desk: Desk) -> None:
    answer = desk.ask()
    assert answer.persona is not None
    assert answer.persona.contact_id == "c-M1"


# ---- straight from AIQ -----------------------------------------------------------------------------------------------


def test_the_money_machine_reads_past_the_cache_and_renews_it(desk: Desk) -> None:
    desk.ask()
    desk.aiq.wallets = [a_wallet(400)]
    read = desk.people.read_wallet("M1")
    assert read is not None
    assert read.points == Decimal(400)
    assert desk.people.cached_wallet("M1") == read
    assert desk.people.read_wallet("nobody") is None


def test_the_money_machine_does_not_pay_from_a_wallet_that_is_contradicted(desk: Desk) -> None:
    desk.memory.known = Persona(LoyaltyStatus.MEMBER, "c-M1", NOW)
    desk.shows("c-M2", "c-M3")
    with pytest.raises(ProtocolError, match="belong to different people"):
        desk.people.read_wallet("M1")
    desk.shows("c-M2", "c-M1")
    assert owner(desk.people.read_wallet("M1")) == "c-M1"
    desk.shows("c-M2", "c-M2")
    assert owner(desk.people.read_wallet("M1")) == "c-M2", "the claim knows whom it was picked for"
    desk.aiq.wallets = [None]
    assert desk.people.read_wallet("M1") is None
    assert desk.people.cached_wallet("M1") is None


def test_a_wallet_is_as_old_as_its_question(desk: Desk) -> None:
    """What the ledger takes while AIQ answers may be missing in the balance."""
    desk.clock.passed, desk.aiq.seconds = 100.0, 3.0
    wallet = desk.people.read_wallet("M1")
    assert wallet is not None
    assert (wallet.asked, desk.clock.monotonic()) == (100.0, 103.0)
    assert (wallet.position, desk.memory.at) == (7, 7)


# ---- remembered ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "asked"), [(59.9, 1), (60.0, 2)])
def test_a_wallet_is_asked_for_again_once_it_is_too_old(desk: Desk, age: float, asked: int) -> None:
    desk.clock.passed = 100.0
    assert desk.ask().wallet_known
    desk.clock.step(hours=-3)
    desk.clock.advance(seconds=age)
    assert desk.ask().wallet_known
    assert desk.aiq.asked == asked


def test_the_cashier_may_ask_past_the_cache(desk: Desk) -> None:
    desk.ask()
    desk.ask(past_cache=True)
    desk.ask(want_wallet=False)
    assert desk.aiq.asked == 2


def test_aiq_is_left_in_peace_after_a_failure(desk: Desk) -> None:
    desk.aiq.wallets = [Unreachable("away"), a_wallet()]
    desk.memory.known = Persona(LoyaltyStatus.MEMBER, "c-M1", NOW)
    answer = desk.ask()
    assert (answer.wallet, answer.wallet_known, desk.people.lost) == (None, False, True)
    desk.clock.advance(seconds=4.9)
    assert desk.ask().wallet is None
    assert desk.aiq.asked == 1
    desk.clock.advance(seconds=0.1)
    assert desk.ask().wallet is not None
    assert not desk.people.lost


def test_coupon_codes_are_remembered_when_they_are_new_or_changed(desk: Desk) -> None:
    one = WalletDiscount("d1", "AP0001", "", Decimal(100))
    for discounts, noted in (
        ((DISCOUNT,), ["AP0004"]), ((DISCOUNT,), None), ((DISCOUNT, one), ["AP0001"]),
        ((WalletDiscount("d4", "AP0004", "", Decimal(600)), one), ["AP0004"]),
        ((WalletDiscount("d9", "AP0004", "", Decimal(600)), one), ["AP0004"]),
        ((WalletDiscount("d5", "", "", Decimal(1)),), None),
    ):  # fmt: skip
        desk.memory.mapped.clear()
        desk.aiq.wallets = [a_wallet(1000, *discounts)]
        desk.people.read_wallet("M1")
        assert desk.memory.mapped == ([noted] if noted else [])


# ---- purses ----------------------------------------------------------------------------------------------------------


def purses(desk: Desk, wallet: Wallet | None) -> Purses:
    return Purses(desk.people, "M1", Answer(Member("M1"), CONTACT, None, wallet, wallet is not None))


def test_a_purse_holds_the_wallet_at_hand_or_the_last_one_that_was_read(desk: Desk) -> None:
    known = desk.people.read_wallet("M1")
    at_hand = a_wallet(1)
    assert purses(desk, at_hand).of("M1").wallet is at_hand
    assert purses(desk, None).of("M1").wallet is known
    other = purses(desk, at_hand).of("M2")
    assert (other.wallet, other.contact) == (None, CONTACT)
    nobody = purses(desk, at_hand).of("nobody")
    assert (nobody.wallet, nobody.contact) == (None, None)


def test_a_member_has_one_purse_and_reads_into_it(desk: Desk) -> None:
    mine = purses(desk, None)
    assert mine.of("M2") is mine.of("M2")
    read = mine.of("M1").read_again()
    assert read is not None
    assert desk.people.cached_wallet("M1") == read


def test_only_wallets_whose_points_moved_are_forgotten(desk: Desk) -> None:
    mine = purses(desk, None)
    for card in ("M1", "M2"):
        mine.of(card).wallet = desk.people.read_wallet(card)
    mine.of("M2").empty()
    assert mine.forget_spent() == {"M2"}
    assert (desk.people.cached_wallet("M1") is None, desk.people.cached_wallet("M2")) == (False, None)
