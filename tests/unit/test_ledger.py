"""The ledger: fenced, exact, and never silently empty."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import Claim, Effect, End, LoyaltyStatus, Op, Persona, Points
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger
from tests.conftest import ScriptedClock


def a_claim(receipt_no: str = "R1", cost: str = "500", **more: object) -> Claim:
    values: dict[str, object] = {
        "company": "C", "store_no": "S0001", "receipt_no": receipt_no, "sale_guid": "g", "coupon_code": "AP0004",
        "generation": 1, "member_card_no": "M1", "discount_id": "d4", "offer_no": "AP0004",
        "points_cost": Decimal(cost), "promised": Decimal("100.00"),
    }  # fmt: skip
    return Claim(**{**values, **more})  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path, clock: ScriptedClock):
    one = SqlLedger(tmp_path / "ledger.db")
    one.take_watch("C", "test", clock.now())
    yield one
    one.close()


def test_a_claim_comes_back_exactly_as_it_was_written(ledger: SqlLedger, clock: ScriptedClock) -> None:
    claim = a_claim(cost="12.50", sent_at=clock.now(), applied=Decimal("99.99"))
    assert ledger.open_claim(claim, Decimal(1000), clock.now()) == ""
    assert ledger.claims_of("R1") == (claim,)
    assert ledger.claims_of("R1", "another guid") == ()


def test_two_tills_cannot_promise_the_same_points(ledger: SqlLedger, clock: ScriptedClock) -> None:
    assert ledger.open_claim(a_claim("R1"), Decimal(600), clock.now()) == ""
    assert "Not enough points" in ledger.open_claim(a_claim("R2"), Decimal(600), clock.now())
    assert ledger.claims_of("R2") == ()


def test_with_hidden_points_a_member_has_one_active_claim(ledger: SqlLedger, clock: ScriptedClock) -> None:
    assert ledger.open_claim(a_claim("R1", cost="1"), None, clock.now()) == ""
    assert ledger.open_claim(a_claim("R2", cost="1"), None, clock.now()) != ""


def test_points_that_are_taken_are_no_longer_held(ledger: SqlLedger, clock: ScriptedClock) -> None:
    claim = a_claim("R1")
    ledger.open_claim(claim, Decimal(1000), clock.now())
    ledger.save_claim(claim, replace(claim, points=Points.YES), "taken", clock.now())
    # The balance that AIQ tells now is already smaller; the hold must not be counted twice.
    assert ledger.open_claim(a_claim("R2"), Decimal(500), clock.now()) == ""


def test_a_claim_that_moved_meanwhile_is_not_overwritten(ledger: SqlLedger, clock: ScriptedClock) -> None:
    claim = a_claim()
    ledger.open_claim(claim, Decimal(1000), clock.now())
    ledger.save_claim(claim, replace(claim, points=Points.SENT), "sent", clock.now())
    with pytest.raises(LedgerUnusable, match="moved this claim"):
        ledger.save_claim(claim, replace(claim, points=Points.REFUSED), "refused", clock.now())
    assert [h["move"] for h in ledger.history(claim.key)] == ["open", "sent"]


def test_an_older_worker_writes_no_more(tmp_path: Path, clock: ScriptedClock) -> None:
    old, new = SqlLedger(tmp_path / "l.db"), SqlLedger(tmp_path / "l.db")
    old.take_watch("C", "old", clock.now())
    claim = a_claim()
    old.open_claim(claim, Decimal(1000), clock.now())
    new.take_watch("C", "new", clock.now())
    with pytest.raises(LedgerUnusable, match="another worker"):
        old.save_claim(claim, replace(claim, end=End.RELEASED), "release", clock.now())
    with pytest.raises(LedgerUnusable, match="taken over"):
        old.begin_effect("R1", Effect(Op.INSERT, "AIQ_POSStatus", ("R1",)), clock.now())
    new.save_claim(claim, replace(claim, end=End.RELEASED), "release", clock.now())
    old.close()
    new.close()


def test_a_once_key_counts_only_when_its_insert_was_done(ledger: SqlLedger, clock: ScriptedClock) -> None:
    effect = Effect(Op.INSERT, "AIQ_POSPrompts", ("R1", "P"), once_key="prompt/R1")
    number = ledger.begin_effect("R1", effect, clock.now())
    assert ledger.done_once("R1") == frozenset()
    ledger.finish_effect(number, "done", clock.now())
    assert ledger.done_once("R1") == {"prompt/R1"}


def test_a_person_is_remembered_without_personal_data(ledger: SqlLedger, clock: ScriptedClock) -> None:
    ledger.save_person("M1", Persona(LoyaltyStatus.MEMBER, "abc", clock.now()), clock.now())
    ledger.save_person("M1", Persona(LoyaltyStatus.KNOWN, "abc", clock.now()), clock.now())
    person = ledger.person("M1")
    assert person is not None
    assert (person.status, person.contact_id) == (LoyaltyStatus.KNOWN, "abc")


def test_a_worker_that_was_followed_moves_neither_the_mark_nor_a_sales_rules(
    ledger: SqlLedger, tmp_path: Path, clock: ScriptedClock
) -> None:
    """It may find nothing to write for a long time; its mark would hide from the next start what is left undone."""
    later = SqlLedger(tmp_path / "ledger.db")
    later.take_watch("C", "another", clock.now())
    later.set_note("mark/C", "5")
    later.save_decision("R1", "g", "new", "builtin", "{}", clock.now())
    with pytest.raises(LedgerUnusable, match="taken over"):
        ledger.set_note("mark/C", "9")
    with pytest.raises(LedgerUnusable, match="taken over"):
        ledger.save_decision("R1", "g", "old", "builtin", "{}", clock.now())
    assert later.note("mark/C") == "5"
    assert RuleLedger(later, "C").hash_of_sale("R1", "g") == "new"
    later.close()


def test_a_report_is_written_once(ledger: SqlLedger, clock: ScriptedClock) -> None:
    assert ledger.add_report("R1", "look here", clock.now())
    assert not ledger.add_report("R1", "look here", clock.now())
    assert len(ledger.reports()) == 1


def test_a_damaged_ledger_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(LedgerUnusable, match="damaged"):
        SqlLedger(path)


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    SqlLedger(path).close()
    raw = sqlite3.connect(path)
    raw.execute("UPDATE meta SET value = '99' WHERE name = 'version'")
    raw.commit()
    raw.close()
    with pytest.raises(LedgerUnusable, match="newer navplugin"):
        SqlLedger(path)


def test_a_missing_ledger_is_not_begun_by_a_command_that_only_reads(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="no ledger"):
        SqlLedger(tmp_path / "none.db", must_exist=True)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a file system right that this user lacks")
def test_a_read_only_folder_is_refused_with_the_reason(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(LedgerUnusable, match="cannot open"):
            SqlLedger(tmp_path / "l.db")
    finally:
        tmp_path.chmod(0o700)


def test_without_personal_data_the_file_holds_no_card_and_everything_still_adds_up(
    tmp_path: Path, clock: ScriptedClock
) -> None:
    path = tmp_path / "hashed.db"
    ledger = SqlLedger(path, hide_with=b"a key of the site")
    ledger.take_watch("C", "test", clock.now())
    assert ledger.open_claim(a_claim("R1", member_card_no="CARD-4711"), Decimal(600), clock.now()) == ""
    assert "Not enough points" in ledger.open_claim(
        a_claim("R2", member_card_no="CARD-4711"), Decimal(600), clock.now()
    )
    assert ledger.open_claim(a_claim("R3", member_card_no="CARD-0815"), Decimal(600), clock.now()) == ""
    since = clock.now().replace(hour=0)
    assert RuleLedger(ledger, "C").count_uses("CARD-4711", "R9", since) == 1
    ledger.close()
    kept = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"CARD-4711" not in kept
    assert b"CARD-0815" not in kept
