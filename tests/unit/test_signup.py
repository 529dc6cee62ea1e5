"""Signing up after a Yes: nobody twice, nobody who is too young, and no try is counted that was not sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from navplugin.core.errors import NavpluginError, ProtocolError, Refused, UnknownOutcome, Unreachable
from navplugin.core.model import Decision, LoyaltyStatus, Member, Persona, Prompt, Snapshot, StoreSettings, Want
from navplugin.core.ports import Contact, Signup, SignupRecord
from navplugin.ledger import SqlLedger
from navplugin.signup import SignupDesk, pending, why_no_prompt
from tests.conftest import ScriptedClock
from tests.support_claims import a_sale

ANA = Member("M1", first_name="Ana", last_name="Lopez", mobile_phone_no="5550001111", date_of_birth=date(1990, 2, 3))
STORE = StoreSettings("S0001", aiq_store="Main St", time_zone="America/Denver", consent=frozenset({"loyalty", "sms"}))
UNKNOWN, MEMBER = Persona(LoyaltyStatus.UNKNOWN), Persona(LoyaltyStatus.MEMBER, "c1")


class Aiq:
    """Knows a person from the first sign-up on, unless it forgets them. `faults` befall the next sign-ups."""

    def __init__(self) -> None:
        self.looked = 0
        self.sent: list[Signup] = []
        self.faults: list[NavpluginError] = []
        self.known, self.forgets = UNKNOWN, False

    def contact_of(self, member: Member) -> Contact | None:
        phone = member.mobile_phone_no
        return Contact(phone, member.e_mail) if phone or member.e_mail else None

    def fetch_status(self, contact: Contact) -> Persona:
        self.looked += 1
        return self.known

    def send_signup(self, signup: Signup) -> Persona:
        self.sent.append(signup)
        if self.faults:
            raise self.faults.pop(0)
        self.known = UNKNOWN if self.forgets else MEMBER
        return MEMBER


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
def desk(aiq: Aiq, ledger: SqlLedger, clock: ScriptedClock) -> SignupDesk:
    return SignupDesk(ledger, aiq, clock)  # type: ignore[arg-type]


def a_prompt(answer: str = "Yes", **more: object) -> Prompt:
    asked = datetime(2026, 5, 1, 11, 59, tzinfo=UTC)
    one = Prompt("R1", "signup", "M1", "Confirm", "T1", ("Join?", "", "No fee."), asked, answer, asked, "102")
    return replace(one, **more)  # type: ignore[arg-type]


def a_snapshot(*prompts: Prompt) -> Snapshot:
    return Snapshot("C", a_sale(), None, None, prompts=prompts)


def said_yes(desk: SignupDesk, prompt: Prompt | None = None) -> SignupRecord:
    (record,) = desk.record_answers(a_snapshot(prompt or a_prompt()))
    return record


def now_known(ledger: SqlLedger) -> SignupRecord:
    """The record as the ledger has it."""
    record = ledger.signup("C/S0001/R1/g/M1")
    assert record is not None
    return record


def join(desk: SignupDesk, ledger: SqlLedger, member: Member = ANA, store: StoreSettings = STORE) -> Persona | None:
    """One round."""
    return desk.join(now_known(ledger), member, store)


# ---- never twice -----------------------------------------------------------------------------------------------------


def test_a_yes_makes_a_member_by_one_call(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq, clock: ScriptedClock) -> None:
    said_yes(desk)
    joined = join(desk, ledger)
    assert joined == Persona(LoyaltyStatus.MEMBER, "c1", clock.now())
    assert aiq.sent == [Signup(Contact("5550001111", ""), "Ana", "Lopez", "Main St", consent=STORE.consent)]
    assert ledger.person("M1") == joined
    assert (now_known(ledger).state, ledger.pending_signups()) == ("done", ())


def test_who_was_signed_up_is_a_member_whatever_else_the_answer_says(
    desk: SignupDesk, ledger: SqlLedger, aiq: Aiq, monkeypatch: pytest.MonkeyPatch, clock: ScriptedClock
) -> None:
    monkeypatch.setattr(aiq, "send_signup", lambda signup: Persona(LoyaltyStatus.CANNOT_TELL, "c1"))
    said_yes(desk)
    assert join(desk, ledger) == Persona(LoyaltyStatus.MEMBER, "c1", clock.now())


def test_who_is_a_member_by_now_is_not_signed_up(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq) -> None:
    said_yes(desk)
    aiq.known = MEMBER
    joined = join(desk, ledger)
    assert joined is not None
    assert joined.status is LoyaltyStatus.MEMBER
    assert (aiq.sent, now_known(ledger).state) == ([], "done")


def test_a_sign_up_without_an_answer_is_sent_twice_at_most(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq) -> None:
    """Each time after a look-up; then a person must see why AIQ does not know the member."""
    said_yes(desk)
    aiq.faults = [UnknownOutcome("?"), UnknownOutcome("?")]
    assert [join(desk, ledger) for _ in range(2)] == [None, None]
    assert join(desk, ledger) == UNKNOWN
    assert (len(aiq.sent), aiq.looked) == (2, 3)
    assert (now_known(ledger).state, now_known(ledger).tries) == ("refused", 2)
    assert [r["text"] for r in ledger.reports("R1")] == [
        "AIQ refused the sign-up: sent twice, and AIQ still does not know the member"
    ]


def test_a_sign_up_whose_answer_was_lost_is_found_by_the_next_look(
    desk: SignupDesk, ledger: SqlLedger, aiq: Aiq
) -> None:
    said_yes(desk)
    aiq.faults = [UnknownOutcome("?")]
    assert join(desk, ledger) is None
    assert (now_known(ledger).state, now_known(ledger).note) == ("sent", "")
    assert [r.key for r in ledger.pending_signups()] == ["C/S0001/R1/g/M1"]
    aiq.known = MEMBER
    assert join(desk, ledger) is not None
    assert (len(aiq.sent), now_known(ledger).state) == (1, "done")


def test_a_sign_up_that_was_not_sent_does_not_count(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq) -> None:
    said_yes(desk)
    aiq.faults = [Unreachable("no route") for _ in range(3)]
    for _ in range(3):
        assert join(desk, ledger) is None
        assert (now_known(ledger).state, now_known(ledger).tries, now_known(ledger).note) == ("yes", 0, "")
    assert join(desk, ledger) is not None
    assert now_known(ledger).tries == 1


def test_a_no_of_aiq_is_final_and_reported(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq) -> None:
    said_yes(desk)
    aiq.faults = [Refused("phone is blocked " + "x" * 300)]
    assert join(desk, ledger) == UNKNOWN
    record = now_known(ledger)
    assert (record.state, len(record.note), record.note[:16]) == ("refused", 250, "phone is blocked")
    assert ledger.reports("R1")[0]["text"].startswith("AIQ refused the sign-up: phone is blocked")
    assert ledger.person("M1") is None


def test_one_member_at_two_tills_is_signed_up_at_one_of_them(
    desk: SignupDesk, ledger: SqlLedger, aiq: Aiq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look-up and the call of one lane another lane may come: AIQ says no member to both."""
    record, inner = said_yes(desk), []

    def meanwhile(contact: Contact) -> Persona:
        inner.append(desk.join(record, ANA, STORE))
        return UNKNOWN

    monkeypatch.setattr(aiq, "fetch_status", meanwhile)
    assert desk.join(record, ANA, STORE) is not None
    assert (inner, len(aiq.sent)) == ([None], 1)


def test_a_member_may_be_signed_up_again_after_a_try_that_failed(
    desk: SignupDesk, ledger: SqlLedger, aiq: Aiq
) -> None:
    said_yes(desk)
    aiq.faults = [Unreachable("no route")]
    assert join(desk, ledger) is None
    assert join(desk, ledger) is not None


def test_a_look_up_that_gets_no_answer_is_no_try(
    desk: SignupDesk, ledger: SqlLedger, aiq: Aiq, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(contact: Contact) -> Persona:
        raise Unreachable("no route")

    said_yes(desk)
    with monkeypatch.context() as patch:
        patch.setattr(aiq, "fetch_status", away)
        assert join(desk, ledger) is None
    assert (now_known(ledger).state, now_known(ledger).tries) == ("yes", 0)
    assert aiq.sent == []


# ---- nobody who is too young -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "refused"),
    [(date(2008, 5, 1), False), (date(2008, 5, 2), True), (date(2008, 6, 1), True), (date(2008, 4, 30), False),
     (date(2015, 1, 1), True), (None, False)],
)  # fmt: skip
def test_who_is_not_of_age_on_the_day_of_the_answer_is_not_signed_up(
    desk: SignupDesk, ledger: SqlLedger, aiq: Aiq, born: date | None, refused: bool
) -> None:
    """Answered on 1 May 2026; whose birth is not known is the rules' to refuse."""
    said_yes(desk)
    joined = join(desk, ledger, replace(ANA, date_of_birth=born))
    assert joined is not None
    assert (joined.status is LoyaltyStatus.UNKNOWN) == refused
    assert (len(aiq.sent), now_known(ledger).note) == ((0, "the member is a minor") if refused else (1, ""))
    assert now_known(ledger).state == ("refused" if refused else "done")


def test_the_day_of_the_answer_is_the_stores_day(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq) -> None:
    """At 03:00 UTC on 2 May it is still 1 May in Denver."""
    said_yes(desk, a_prompt(answered_at=datetime(2026, 5, 2, 3, 0, tzinfo=UTC)))
    assert join(desk, ledger, replace(ANA, date_of_birth=date(2008, 5, 2))) == UNKNOWN
    assert aiq.sent == []


@pytest.mark.parametrize(("age", "refused"), [(18, False), (21, True)])
def test_the_store_says_what_of_age_is(
    desk: SignupDesk, ledger: SqlLedger, aiq: Aiq, age: int, refused: bool
) -> None:
    said_yes(desk)
    join(desk, ledger, replace(ANA, date_of_birth=date(2006, 1, 1)), replace(STORE, adult_age=age))
    assert (aiq.sent == []) == refused


def test_who_has_no_phone_and_no_e_mail_is_not_signed_up(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq) -> None:
    """`_why_not` names a reason wherever there is no contact: `contact is None` beside it only narrows the type."""
    said_yes(desk)
    assert join(desk, ledger, replace(ANA, mobile_phone_no="")) == UNKNOWN
    assert now_known(ledger).note == "the member has neither a phone number nor an e-mail of their own"
    assert (aiq.looked, aiq.sent) == (0, [])


# ---- the evidence ----------------------------------------------------------------------------------------------------


def test_an_answer_is_kept_with_who_when_and_the_terms_that_were_shown(
    desk: SignupDesk, ledger: SqlLedger
) -> None:
    record = said_yes(desk)
    assert record == now_known(ledger)
    assert (record.terms, record.staff_id, record.answer) == ("Join?\nNo fee.", "102", "Yes")
    assert (record.company, record.store_no, record.pos_terminal_no) == ("C", "S0001", "P0001")
    assert (record.receipt_no, record.sale_guid, record.member_card_no) == ("R1", "g", "M1")
    assert record.answered_at == datetime(2026, 5, 1, 11, 59, tzinfo=UTC)
    assert record.terms_hash == hashlib.sha256(b"Join?\nNo fee.").hexdigest()


def test_a_time_that_nav_does_not_tell_is_the_time_at_which_it_was_seen(
    desk: SignupDesk, clock: ScriptedClock
) -> None:
    assert said_yes(desk, a_prompt(answered_at=None)).answered_at == clock.now()


@pytest.mark.parametrize("prompt", [a_prompt(""), a_prompt(kind="Message"), a_prompt("Later")])
def test_what_is_no_answer_to_a_question_is_not_kept(desk: SignupDesk, ledger: SqlLedger, prompt: Prompt) -> None:
    assert desk.record_answers(a_snapshot(prompt)) == ()
    assert ledger.signup("C/S0001/R1/g/M1") is None


def test_a_no_may_become_a_yes_and_a_yes_stays(desk: SignupDesk, ledger: SqlLedger) -> None:
    """There is a record in each case, known or new: `record is not None` only narrows the type."""
    assert said_yes(desk, a_prompt("No")).state == "no"
    assert said_yes(desk, a_prompt("Yes")).state == "yes"
    assert said_yes(desk, a_prompt("No")).state == "yes"
    assert now_known(ledger).answer == "Yes"


def test_a_second_look_at_the_same_no_writes_nothing(desk: SignupDesk, clock: ScriptedClock) -> None:
    first = said_yes(desk, a_prompt("No", answered_at=None))
    clock.advance(minutes=5)
    assert said_yes(desk, a_prompt("No", answered_at=None)) == first


def test_a_second_look_at_the_same_yes_forgets_no_try(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq) -> None:
    said_yes(desk)
    aiq.faults = [UnknownOutcome("?")]
    join(desk, ledger)
    again = said_yes(desk)
    assert (again.state, again.tries) == ("sent", 1)


def test_a_message_before_the_question_does_not_hide_the_answer(desk: SignupDesk) -> None:
    records = desk.record_answers(a_snapshot(a_prompt(kind="Message", prompt_key="m"), a_prompt()))
    assert [r.answer for r in records] == ["Yes"]


@pytest.mark.parametrize(
    ("state", "waits"), [("yes", True), ("sent", True), ("no", False), ("done", False), ("refused", False)]
)
def test_only_a_yes_that_aiq_has_not_answered_is_pending(desk: SignupDesk, state: str, waits: bool) -> None:
    record = replace(said_yes(desk), state=state)
    assert pending([record], "M1") == (record if waits else None)
    assert pending([record], "M2") is None
    assert pending([replace(record, member_card_no="M2"), record], "M1") == (record if waits else None)


# ---- why there is no question ----------------------------------------------------------------------------------------

QUESTION = Want("AIQ_POSPrompts", ("R1", "signup"), {}, {"Kind": "Confirm"})


@pytest.mark.parametrize(
    ("prompts", "wants"),
    [([a_prompt()], []), ([a_prompt(kind="Message"), a_prompt()], []), ([], [QUESTION]),
     ([a_prompt(member_ref="M2")], [replace(QUESTION, page="AIQ_POSStatus"), QUESTION])],
)  # fmt: skip
def test_where_there_is_a_question_for_the_member_nothing_is_said(prompts: list[Prompt], wants: list[Want]) -> None:
    assert why_no_prompt(a_snapshot(*prompts), MEMBER, Decision(tuple(wants))) == ""


@pytest.mark.parametrize(
    ("prompts", "wants"),
    [([], []), ([a_prompt(member_ref="M2")], []), ([a_prompt(kind="Message")], []),
     ([], [replace(QUESTION, page="AIQ_POSStatus")]), ([], [replace(QUESTION, initial={"Kind": "Message"})])],
)  # fmt: skip
def test_what_is_no_question_for_the_member_does_not_count(prompts: list[Prompt], wants: list[Want]) -> None:
    said = why_no_prompt(a_snapshot(*prompts), UNKNOWN, Decision(tuple(wants)))
    assert said == "The store's rules ask for no sign-up here."


@pytest.mark.parametrize(
    ("status", "said"),
    [(LoyaltyStatus.MEMBER, "The member is a loyalty member already."),
     (LoyaltyStatus.SEVERAL, "Several people in AIQ have this phone number or e-mail."),
     (LoyaltyStatus.KNOWN, "The store's rules ask for no sign-up here."),
     (LoyaltyStatus.UNKNOWN, "The store's rules ask for no sign-up here.")],
)  # fmt: skip
def test_the_cashier_reads_why_there_is_no_question(status: LoyaltyStatus, said: str) -> None:
    assert why_no_prompt(a_snapshot(), Persona(status), Decision()) == said


def test_without_a_member_card_the_cashier_reads_that() -> None:
    nobody = replace(a_snapshot(), sale=a_sale(member_card_no=""))
    assert why_no_prompt(nobody, MEMBER, Decision()) == "There is no member card on the sale."


def test_a_look_up_that_fails_gives_no_try_back(
    desk: SignupDesk, ledger: SqlLedger, aiq: Aiq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier call may have taken effect: only what was certainly not sent does not count."""
    said_yes(desk)
    aiq.faults = [UnknownOutcome("?")]
    assert join(desk, ledger) is None

    def away(contact: Contact) -> Persona:
        raise Unreachable("no route")

    with monkeypatch.context() as patch:
        patch.setattr(aiq, "fetch_status", away)
        assert join(desk, ledger) is None
    assert (now_known(ledger).state, now_known(ledger).tries) == ("sent", 1)


def test_an_answer_that_cannot_be_read_gives_no_try_back(desk: SignupDesk, ledger: SqlLedger, aiq: Aiq) -> None:
    said_yes(desk)
    aiq.faults = [ProtocolError("the id is a list")]
    assert join(desk, ledger) is None
    assert (now_known(ledger).state, now_known(ledger).tries) == ("sent", 1)
