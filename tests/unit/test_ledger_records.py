"""Everything in the ledger but claims: comes back as written, once, for its own company only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import Effect, LoyaltyStatus, Op, Persona, WalletDiscount
from navplugin.core.ports import Presence, SignupRecord
from navplugin.ledger import SqlLedger
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, a_claim

PROMPT = Effect(Op.INSERT, "AIQ_POSPrompts", ("R1", "P"), once_key="prompt/R1")
RECORD = SignupRecord(
    "C/S1/R1/g/M1", "C", "S1", "P1", "R1", "g", "M1", "101", "Yes", datetime(2026, 5, 1, 11, 0, tzinfo=UTC), "Join?",
    "hash", "sent", 1, "a note",
)  # fmt: skip
PIN = Presence("R1", "g", "M1", "asked", "101", 2, NOW)
AP4 = WalletDiscount("77", "AP0004", "100 off", Decimal("500.5"))


@pytest.fixture
def ledger(tmp_path: Path, clock: ScriptedClock) -> Iterator[SqlLedger]:
    one = SqlLedger(tmp_path / "l.db")
    one.take_watch("C", "test", clock.now())
    yield one
    one.close()


@pytest.fixture
def other(ledger: SqlLedger, tmp_path: Path, clock: ScriptedClock) -> Iterator[SqlLedger]:
    """The same file, watched for another company."""
    one = SqlLedger(tmp_path / "l.db")
    one.take_watch("D", "test", clock.now())
    yield one
    one.close()


# ---- effects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [("done", True), ("there-already", True), ("conflict", False), ("Refused", False), ("Unreachable", False)],
)
def test_a_row_is_there_once_its_insert_is_done_or_met_its_key(
    ledger: SqlLedger, clock: ScriptedClock, outcome: str, counts: bool
) -> None:
    first = ledger.begin_effect("R1", PROMPT, clock.now())
    second = ledger.begin_effect("R1", replace(PROMPT, once_key="another"), clock.now())
    assert first != second
    ledger.finish_effect(first, outcome, clock.now())
    assert ledger.done_once("R1") == (frozenset({"prompt/R1"}) if counts else frozenset())


def test_once_keys_are_those_of_one_receipt_and_company(
    ledger: SqlLedger, other: SqlLedger, clock: ScriptedClock
) -> None:
    for effect in (PROMPT, replace(PROMPT, once_key="")):
        ledger.finish_effect(ledger.begin_effect("R1", effect, clock.now()), "done", clock.now())
    assert ledger.done_once("R1") == {"prompt/R1"}
    assert ledger.done_once("R2") == other.done_once("R1") == frozenset()


def test_an_effect_is_kept_with_what_it_did_to_which_row(ledger: SqlLedger, clock: ScriptedClock) -> None:
    began = clock.now()
    number = ledger.begin_effect("R1", PROMPT, began)
    clock.advance(seconds=2)
    ledger.finish_effect(number, "done", clock.now())
    with ledger._write() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM effect").mappings()
    assert dict(row) == {
        "id": number, "at": began.isoformat(), "company": "C", "receipt_no": "R1", "op": "insert",
        "page": "AIQ_POSPrompts", "row_key": '["R1", "P"]', "once_key": "prompt/R1", "outcome": "done",
        "finished_at": clock.now().isoformat(),
    }  # fmt: skip


# ---- people ----------------------------------------------------------------------------------------------------------


def test_what_aiq_said_last_of_a_member_is_kept(ledger: SqlLedger, other: SqlLedger, clock: ScriptedClock) -> None:
    assert ledger.person("M1") is None
    ledger.save_person("M1", Persona(LoyaltyStatus.KNOWN, "c1"), clock.now())
    clock.advance(hours=1)
    ledger.save_person("M1", Persona(LoyaltyStatus.MEMBER, "c2"), clock.now())
    other.save_person("M1", Persona(LoyaltyStatus.SEVERAL, "c3"), clock.now())
    ledger.save_person("M2", Persona(LoyaltyStatus.UNKNOWN), clock.now())
    assert ledger.person("M1") == Persona(LoyaltyStatus.MEMBER, "c2", clock.now())
    assert ledger.person("M2") == Persona(LoyaltyStatus.UNKNOWN, "", clock.now())
    assert other.person("M1") == Persona(LoyaltyStatus.SEVERAL, "c3", clock.now())


# ---- sign-ups --------------------------------------------------------------------------------------------------------


def test_a_sign_up_comes_back_as_it_was_written_last(ledger: SqlLedger, clock: ScriptedClock) -> None:
    another = replace(RECORD, key="C/S1/R2/g/M1", receipt_no="R2")
    for record in (RECORD, another, replace(RECORD, state="refused", tries=2, note="no")):
        ledger.save_signup(record, clock.now())
    assert ledger.signup(RECORD.key) == replace(RECORD, state="refused", tries=2, note="no")
    assert ledger.signup(another.key) == another
    assert ledger.signup("C/S1/R3/g/M1") is None


@pytest.mark.parametrize(
    ("state", "waits"), [("yes", True), ("sent", True), ("no", False), ("done", False), ("refused", False)]
)
def test_only_a_yes_without_an_answer_of_aiq_waits(
    ledger: SqlLedger, other: SqlLedger, clock: ScriptedClock, state: str, waits: bool
) -> None:
    record = replace(RECORD, state=state)
    ledger.save_signup(record, clock.now())
    assert ledger.pending_signups() == ((record,) if waits else ())
    assert other.pending_signups() == ()


# ---- presence --------------------------------------------------------------------------------------------------------


def test_a_presence_is_of_one_sale_and_member(ledger: SqlLedger, other: SqlLedger, clock: ScriptedClock) -> None:
    ledger.save_presence(PIN, clock.now())
    assert ledger.presence("R1", "g", "M1") == PIN
    for key in (("R2", "g", "M1"), ("R1", "h", "M1"), ("R1", "g", "M2")):
        assert ledger.presence(*key) is None
    assert other.presence("R1", "g", "M1") is None


def test_presences_are_listed_by_the_time_of_the_last_change(ledger: SqlLedger, clock: ScriptedClock) -> None:
    later = replace(PIN, receipt_no="R0")
    bypass = Presence("R1", "g", "M1", "bypass", "102")
    for presence in (PIN, later, bypass):
        ledger.save_presence(presence, clock.now())
        clock.advance(seconds=1)
    assert ledger.list_presences() == (later, bypass)


# ---- returns and mapped codes ----------------------------------------------------------------------------------------


def test_returns_add_up_and_a_repeated_one_replaces_itself(ledger: SqlLedger, other: SqlLedger) -> None:
    ledger.add_return("R1", "R2", {"FLOWER": Decimal(9), "VAPE": Decimal("0.5")})
    ledger.add_return("R1", "R2", {"FLOWER": Decimal(1)})
    ledger.add_return("R1", "R3", {"FLOWER": Decimal(2)})
    ledger.add_return("R7", "R8", {"FLOWER": Decimal(4)})
    assert ledger.returns_of("R1") == {"FLOWER": Decimal(3), "VAPE": Decimal("0.5")}
    assert other.returns_of("R1") == {}


def test_a_coupon_code_is_mapped_to_the_discount_that_a_wallet_showed_last(
    ledger: SqlLedger, other: SqlLedger, clock: ScriptedClock
) -> None:
    ledger.remember_mapped([AP4, replace(AP4, coupon_code="AP0001")], clock.now())
    ledger.remember_mapped([replace(AP4, discount_id="78", name="new", points_cost=Decimal(7))], clock.now())
    other.remember_mapped([replace(AP4, coupon_code="AP0009", redemption_url="https://secret")], clock.now())
    assert {d.coupon_code: (d.discount_id, d.name, d.points_cost) for d in ledger.mapped()} == {
        "AP0004": ("78", "new", Decimal(7)), "AP0001": ("77", "100 off", Decimal("500.5")),
    }  # fmt: skip
    assert [(d.coupon_code, d.redemption_url) for d in other.mapped()] == [("AP0009", "")]


# ---- decisions, reports, notes ---------------------------------------------------------------------------------------


def test_the_last_decision_of_a_receipt_is_kept(ledger: SqlLedger, clock: ScriptedClock) -> None:
    assert ledger.decision("R1") is None
    ledger.save_decision("R1", "earlier sale", "h", "builtin", "e", clock.now())
    ledger.save_decision("R1", "later sale", "h", "builtin", "its first", clock.now())
    clock.advance(seconds=5)
    last = clock.now()
    ledger.save_decision("R1", "later sale", "h2", "durable", "its last", last)
    clock.advance(seconds=5)
    ledger.save_decision("R2", "later sale", "h", "builtin", "another receipt", clock.now())
    kept = ledger.decision("R1")
    assert kept is not None
    assert (kept["sale_guid"], kept["rules_hash"], kept["matcher"], kept["body"]) == (
        "later sale", "h2", "durable", "its last",
    )  # fmt: skip
    assert kept["at"] == last.isoformat()
    with ledger._write() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM decision").scalar() == 3


def test_a_report_is_new_once_for_each_company_receipt_and_text(
    ledger: SqlLedger, other: SqlLedger, clock: ScriptedClock
) -> None:
    said = [ledger.add_report(no, text, clock.now()) for no in ("R1", "R2") for text in ("a", "b", "a")]
    assert said == [True, True, False, True, True, False]
    assert other.add_report("R1", "a", clock.now())
    assert [(r["company"], r["receipt_no"], r["text"]) for r in ledger.reports("R1")] == [
        ("C", "R1", "a"), ("C", "R1", "b"), ("D", "R1", "a"),
    ]  # fmt: skip
    assert len(ledger.reports()) == 5
    assert ledger.reports()[0]["at"] == clock.now().isoformat()


def test_a_note_is_written_over(ledger: SqlLedger) -> None:
    assert (ledger.note("a"), ledger.note("a", "usual")) == ("", "usual")
    for name, value in (("a", "1"), ("b", "2"), ("a", "3")):
        ledger.set_note(name, value)
    assert (ledger.note("a", "usual"), ledger.note("b"), ledger.note("version")) == ("3", "2", "3")


# ---- the fence -------------------------------------------------------------------------------------------------------

WRITES: dict[str, Callable[[SqlLedger], object]] = {
    "effect": lambda one: one.begin_effect("R1", PROMPT, NOW),
    "sign-up": lambda one: one.save_signup(RECORD, NOW),
    "presence": lambda one: one.save_presence(PIN, NOW),
    "return": lambda one: one.add_return("R1", "R2", {"FLOWER": Decimal(1)}),
    "mapped code": lambda one: one.remember_mapped([AP4], NOW),
    "decision": lambda one: one.save_decision("R1", "g", "h", "builtin", "{}", NOW),
    "note": lambda one: one.set_note("mark/C", "9"),
    "claim": lambda one: one.open_claim(a_claim(), Decimal(1000), NOW),
}


@pytest.mark.parametrize("what", WRITES)
def test_a_worker_that_was_followed_writes_no_record(ledger: SqlLedger, tmp_path: Path, what: str) -> None:
    with closing(SqlLedger(tmp_path / "l.db")) as later:
        later.take_watch("D", "of another company", NOW)
        WRITES[what](ledger)
        later.take_watch("C", "another", NOW)
        with pytest.raises(LedgerUnusable, match="another worker has taken over this company; this one stops"):
            WRITES[what](ledger)
