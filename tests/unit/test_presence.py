"""The presence check: PIN asked, entered, wrong, bypassed; what each leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from navplugin.core.errors import NavpluginError, Refused, UnknownOutcome, Unreachable
from navplugin.core.model import Sale, SaleState, Snapshot, StaffAction
from navplugin.core.ports import Contact, Presence
from navplugin.ledger import SqlLedger
from navplugin.presence import PinDesk
from tests.conftest import ScriptedClock

ANA = Contact("5550001111", "")
SALE = Sale("R1", "g", "S1", "P1", "101", "M1", SaleState.SALES, "", "", None, 1)
SNAPSHOT = Snapshot("C", SALE, None, None)


class Aiq:
    """Sends PINs; `fault` befalls the next call."""

    def __init__(self) -> None:
        self.sent, self.asked, self.fault = 0, 0, None

    def _fail(self) -> None:
        fault, self.fault = self.fault, None
        if fault:
            raise fault

    def send_pin(self, contact: Contact) -> None:
        self.sent += 1
        self._fail()

    def send_pin_answer(self, contact: Contact, pin: str) -> None:
        self.asked += 1
        self._fail()
        if pin != "1234":
            raise Refused("Invalid code")


@pytest.fixture
def aiq() -> Aiq:
    return Aiq()


@pytest.fixture
def ledger(tmp_path: Path, clock: ScriptedClock) -> Iterator[SqlLedger]:
    one = SqlLedger(tmp_path / "l.db")
    one.take_watch("C", "test", clock.now())
    yield one
    one.close()


@pytest.fixture
def desk(aiq: Aiq, ledger: SqlLedger, clock: ScriptedClock) -> PinDesk:
    return PinDesk(ledger, aiq, clock)  # type: ignore[arg-type]


def do(desk: PinDesk, action: str, pin: str = "", staff: str = "101", contact: Contact | None = ANA) -> str:
    return desk.answer(StaffAction(1, action, "R1", "New", staff, "M1", pin=pin), SNAPSHOT, contact)


def test_the_right_pin_proves_presence_for_this_sale_only(desk: PinDesk, ledger: SqlLedger) -> None:
    assert do(desk, "PinRequest") == ""
    assert not desk.is_present(SNAPSHOT)
    assert do(desk, "PinEnter", "1234") == ""
    assert desk.is_present(SNAPSHOT)
    assert ledger.presence("R1", "another sale", "M1") is None
    assert [p.how for p in ledger.list_presences()] == ["pin"]


def test_a_wrong_pin_may_be_tried_three_times(desk: PinDesk, aiq: Aiq) -> None:
    do(desk, "PinRequest")
    said = [do(desk, "PinEnter", "0000") for _ in range(4)]
    assert said[0] == "The PIN is wrong, 2 tries left."
    assert said[3] == "3 wrong PINs: send a new one."
    assert aiq.asked == 3
    assert not desk.is_present(SNAPSHOT)


def test_a_second_text_goes_out_after_half_a_minute_at_the_earliest(
    desk: PinDesk, aiq: Aiq, clock: ScriptedClock
) -> None:
    for _ in range(3):
        assert do(desk, "PinRequest") == ""
    assert aiq.sent == 1
    clock.advance(seconds=29)
    do(desk, "PinRequest")
    assert aiq.sent == 1
    clock.advance(seconds=1)
    do(desk, "PinRequest")
    assert aiq.sent == 2


def test_a_pin_is_good_for_ten_minutes(desk: PinDesk, clock: ScriptedClock) -> None:
    assert do(desk, "PinEnter", "1234") == "Send a PIN first."
    do(desk, "PinRequest")
    clock.advance(minutes=10, seconds=1)
    assert do(desk, "PinEnter", "1234") == "Send a PIN first."
    do(desk, "PinRequest")
    clock.advance(minutes=10)
    assert do(desk, "PinEnter", "1234") == ""


def test_a_new_pin_brings_three_new_tries(desk: PinDesk, clock: ScriptedClock) -> None:
    do(desk, "PinRequest")
    for _ in range(4):
        do(desk, "PinEnter", "0000")
    clock.advance(seconds=30)
    do(desk, "PinRequest")
    assert do(desk, "PinEnter", "0000") == "The PIN is wrong, 2 tries left."


def test_who_has_shown_to_be_there_is_not_asked_again(desk: PinDesk, aiq: Aiq, ledger: SqlLedger) -> None:
    do(desk, "PinRequest", staff="101")
    do(desk, "PinEnter", "1234", staff="102")
    assert [do(desk, action, "0000", staff="103") for action in ("PinRequest", "PinEnter", "PinBypass")] == [""] * 3
    assert (aiq.sent, aiq.asked, ledger.reports("R1")) == (1, 1, ())
    assert [(p.how, p.staff_id) for p in ledger.list_presences()] == [("pin", "102")]


def test_what_is_kept_of_a_request_is_who_asked_and_when(
    desk: PinDesk, ledger: SqlLedger, clock: ScriptedClock
) -> None:
    do(desk, "PinRequest")
    assert ledger.list_presences() == (Presence("R1", "g", "M1", "asked", "101", 0, clock.now()),)


def test_a_bypass_is_a_logged_act_of_somebody(desk: PinDesk, ledger: SqlLedger) -> None:
    assert do(desk, "PinBypass", staff="") == "A bypass needs the name of who answers for it."
    assert do(desk, "PinBypass", staff="102") == ""
    assert desk.is_present(SNAPSHOT)
    assert [r["text"] for r in ledger.reports("R1")] == ["staff 102 bypassed the presence check"]
    assert [(p.how, p.staff_id) for p in ledger.list_presences()] == [("bypass", "102")]


@pytest.mark.parametrize(
    ("fault", "said"),
    [(Refused("?"), "AIQ does not know this member."), (UnknownOutcome("?"), ""),
     (Unreachable("?"), "AIQ does not answer; no PIN was sent.")],
)  # fmt: skip
def test_each_fault_of_a_request_is_told(desk: PinDesk, aiq: Aiq, fault: NavpluginError, said: str) -> None:
    aiq.fault = fault  # type: ignore[assignment]
    assert do(desk, "PinRequest") == said


def test_a_request_that_did_not_reach_aiq_may_be_made_again_at_once(desk: PinDesk, aiq: Aiq, ledger: SqlLedger) -> None:
    aiq.fault = Unreachable("?")  # type: ignore[assignment]
    do(desk, "PinRequest")
    assert ledger.list_presences() == (Presence("R1", "g", "M1", "", ""),)
    assert do(desk, "PinRequest") == ""
    assert aiq.sent == 2


def test_an_answer_that_never_came_costs_no_try(desk: PinDesk, aiq: Aiq) -> None:
    do(desk, "PinRequest")
    for _ in range(4):
        aiq.fault = Unreachable("?")  # type: ignore[assignment]
        assert do(desk, "PinEnter", "1234") == "AIQ does not answer; the PIN could not be checked."
    assert do(desk, "PinEnter", "1234") == ""


class Killed(BaseException):
    """The process ends here."""


def test_after_a_death_in_mid_request_no_second_text_goes_out_at_once(
    desk: PinDesk, aiq: Aiq, ledger: SqlLedger, clock: ScriptedClock
) -> None:
    """The text may be on its way: what was begun is in the ledger before the call."""
    aiq.fault = Killed()  # type: ignore[assignment]
    with pytest.raises(Killed):
        do(desk, "PinRequest")
    after_restart = PinDesk(ledger, aiq, clock)  # type: ignore[arg-type]
    assert do(after_restart, "PinRequest") == ""
    assert aiq.sent == 1
    assert do(after_restart, "PinEnter", "1234") == ""


def test_the_pin_is_never_kept(desk: PinDesk, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    do(desk, "PinRequest")
    do(desk, "PinEnter", "987654")
    do(desk, "PinEnter", "1234")
    raw = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"987654" not in raw
    assert "987654" not in caplog.text


def test_a_member_without_phone_or_card_is_told(desk: PinDesk) -> None:
    said = "The member has neither a phone number nor an e-mail of their own."
    assert [do(desk, action, contact=None) for action in ("PinRequest", "PinEnter")] == [said, said]
    nobody = replace(SNAPSHOT, sale=replace(SALE, member_card_no=""))
    for action in ("PinRequest", "PinEnter", "PinBypass"):
        said = desk.answer(StaffAction(1, action, "R1", "New", "101"), nobody, ANA)
        assert said == "There is no member card on the sale."
    assert not desk.is_present(nobody)
