"""A ledger that cannot be used: refused with the reason and what to do, and never begun anew in silence."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.core.errors import LedgerBusy, LedgerUnusable
from navplugin.core.model import Claim
from navplugin.ledger import SqlLedger
from tests.conftest import ScriptedClock

CLAIM = Claim("C", "S1", "R1", "g", "AP0004", 1, "M1", "77", "TD1", Decimal(100), Decimal(10))


@pytest.fixture
def path(tmp_path: Path, clock: ScriptedClock) -> Path:
    """A ledger with a hundred claims."""
    ledger = SqlLedger(tmp_path / "l.db")
    ledger.take_watch("C", "test", clock.now())
    for number in range(100):
        claim = Claim("C", "S1", f"R{number}", "g" * 200, "AP0004", 1, "M1", "77", "TD1", Decimal(1), Decimal(1))
        ledger.open_claim(claim, None, clock.now(), force=True)
    ledger.close()
    return tmp_path / "l.db"


def test_an_empty_file_is_no_empty_ledger(tmp_path: Path) -> None:
    (tmp_path / "l.db").touch()
    with pytest.raises(LedgerUnusable, match="cut off or copied half; restore it"):
        SqlLedger(tmp_path / "l.db")


def test_a_ledger_that_is_damaged_in_the_middle_is_refused(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for page in range(5, len(data) // 4096 - 1):
        data[page * 4096 : page * 4096 + 2000] = b"\xff" * 2000
    path.write_bytes(data)
    with pytest.raises(LedgerUnusable, match="damaged"):
        SqlLedger(path)


def test_a_ledger_that_was_cut_short_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 3])
    with pytest.raises(LedgerUnusable, match="damaged"):
        SqlLedger(path)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "l.db")
    raw.execute("CREATE TABLE theirs (id INTEGER)")
    raw.commit()
    raw.close()
    with pytest.raises(LedgerUnusable, match="another program; name another file"):
        SqlLedger(tmp_path / "l.db")
    raw = sqlite3.connect(tmp_path / "l.db")
    assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    raw.close()


def test_a_locked_ledger_is_refused_with_the_reason(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("navplugin.ledger.base.BUSY_SECONDS", 0.05)
    try:
        with pytest.raises(LedgerBusy, match="another program holds"):
            SqlLedger(path)
    finally:
        holder.close()


def test_a_full_disk_stops_the_write_and_keeps_what_was_written(path: Path, clock: ScriptedClock) -> None:
    ledger = SqlLedger(path)
    ledger.take_watch("C", "test", clock.now())
    ledger._connection.exec_driver_sql("PRAGMA max_page_count = 1")  # no page more than there are
    ledger._connection.rollback()

    def fill() -> None:
        for number in range(1000):
            ledger.add_report("R1", f"{number} " + "x" * 3000, clock.now())

    with pytest.raises(LedgerUnusable, match="the disk is full; make room"):
        fill()
    ledger.close()
    ledger = SqlLedger(path)
    assert len(ledger.list_claims()) == 100
    ledger.close()


@pytest.mark.skipif(os.name == "nt", reason="file rights of Windows are tried on Windows")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_ledger_is_refused_with_the_reason(path: Path, clock: ScriptedClock) -> None:
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        with pytest.raises(LedgerUnusable, match="read-only"):
            SqlLedger(path).take_watch("C", "a worker that starts", clock.now())
    finally:
        path.parent.chmod(0o700)


def test_a_read_only_ledger_starts_no_worker_whoever_runs_it(
    path: Path, clock: ScriptedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SQLite says of a file that it may not write, also where this test runs as root."""
    real = sqlite3.connect

    def read_only(name: object, **more: object) -> sqlite3.Connection:
        return real(f"file:{path}?mode=ro", uri=True, check_same_thread=False)

    monkeypatch.setattr("sqlite3.dbapi2.connect", read_only)
    ledger = SqlLedger(path)  # commands may read it
    with pytest.raises(LedgerUnusable, match="read-only; give the service account the right to write"):
        ledger.take_watch("C", "a worker that starts", clock.now())
    ledger.close()


def test_a_worker_that_dies_while_it_begins_a_ledger_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; import navplugin.ledger.base as b\n"
        "real = b.migrate\n"
        "def dying(connection): real(connection); os._exit(9)\n"
        "b.migrate = dying\n"
        "b.SqlLedger = None\n"
        "from navplugin.ledger import SqlLedger; SqlLedger(Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "l.db")], check=False)
    assert done.returncode == 9
    assert not (tmp_path / "l.db").exists()
    ledger = SqlLedger(tmp_path / "l.db")
    assert ledger.is_new
    ledger.close()


# ---- the mode without personal data ----------------------------------------------------------------------------------


def test_without_personal_data_the_file_holds_no_card_and_no_id_of_aiq(tmp_path: Path, clock: ScriptedClock) -> None:
    from navplugin.core.model import LoyaltyStatus, Persona
    from navplugin.core.ports import Presence, SignupRecord

    ledger = SqlLedger(tmp_path / "l.db", hide_with=b"secret of this site")
    ledger.take_watch("C", "test", clock.now())
    card = "CARD-4711-0815"
    claim = Claim("C", "S1", "R1", "g", "AP0004", 1, card, "77", "TD1", Decimal(100), Decimal(10))
    assert ledger.open_claim(claim, Decimal(150), clock.now()) == ""
    ledger.save_person(card, Persona(LoyaltyStatus.MEMBER, "persona-of-ana-0001", clock.now()), clock.now())
    ledger.save_presence(Presence("R1", "g", card, "pin", "101"), clock.now())
    key = f"C/S1/R1/g/{card}"
    record = SignupRecord(key, "C", "S1", "P1", "R1", "g", card, "101", "Yes", clock.now(), "terms", "hash", "yes")
    ledger.save_signup(record, clock.now())
    # The machine sees the cards that NAV shows.
    assert ledger.claims_of("R1") == (claim,)
    assert ledger.signup(key) == record
    assert ledger.pending_signups() == (record,)
    person = ledger.person(card)
    assert person is not None
    assert (person.status, person.contact_id) == (LoyaltyStatus.MEMBER, "")
    other = Claim("C", "S1", "R2", "g", "AP0004", 1, card, "77", "TD1", Decimal(100), Decimal(10))
    assert "Not enough points" in ledger.open_claim(other, Decimal(150), clock.now()), "the hold works on hashes"
    ledger.close()
    raw = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert card.encode() not in raw
    assert b"persona-of-ana" not in raw
    again = SqlLedger(tmp_path / "l.db", hide_with=b"secret of this site")
    again.company = "C"
    (hidden,) = again.list_claims()
    assert card not in hidden.member_card_no
    again.learn_cards([card])
    assert again.list_claims() == (claim,)
    again.close()
