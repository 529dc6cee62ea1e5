"""One ledger is in charge of a company: second ledgers, copies, other hosts, files that vanish (M5, W13)."""

from __future__ import annotations

import shutil
import sys

import pytest

from navplugin import ledger_record
from navplugin.core.errors import LedgerUnusable, NotInCharge
from navplugin.core.model import End
from navplugin.watch import Watch
from tests.scenarios.counter import CODE, COST, Counter, claims, counter

__all__ = ["counter"]

ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows neither deletes nor replaces an open file")


def sold_once(counter: Counter, receipt: str) -> bool:
    return len(counter.redemptions(receipt)) == 1 and counter.points() == 1000 - COST


def picked(counter: Counter, watch: Watch) -> str:
    receipt = counter.check_in()
    watch.once()
    counter.press("pick", coupon_code=CODE)
    watch.once()
    return receipt


def shown_by_aiq(counter: Counter, watch: Watch) -> None:
    """A sale of another member: from then on AIQ's listing shows receipt numbers, so that an absence says something."""
    counter.sell(watch, "P0002", "M1004")
    watch.once()


# ---- two ledgers on one company ------------------------------------------------------------------------------------


def test_a_second_ledger_is_refused_and_the_first_goes_on(counter: Counter) -> None:
    mine, other = counter.profile("mine"), counter.profile("other")
    with counter.worker(mine) as watch:
        watch.once()
        before = counter.record()
        said = counter.typed("run", "--once", "--config", other)
        assert said.code == 1
        (sentence,) = said.text.splitlines()
        assert "another ledger is in charge of CRONUS Cannabis" in sentence
        assert before["Ledger_ID"][:8] in sentence
        assert "navplugin ledger take-over" in sentence
        assert counter.record() == before
        receipt = counter.sell(watch)
        watch.once()
    assert sold_once(counter, receipt)


def test_a_ledger_whose_worker_runs_is_not_taken_over(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = counter.profile("mine"), counter.profile("other")
    with counter.worker(mine) as watch:
        watch.once()

        def pause(seconds: float) -> bool:
            counter.clock.advance(seconds=seconds)
            watch.worker.tick()
            return True

        monkeypatch.setattr("navplugin.cli.ledger_take_over._pause", pause)
        before = counter.record()
        said = counter.typed("ledger", "take-over", "--yes", "--config", other)
        assert said.code == 1
        assert "is in charge of CRONUS Cannabis and runs; stop it first" in said.text
        assert counter.record()["Ledger_ID"] == before["Ledger_ID"]
        receipt = counter.sell(watch)
        watch.once()
    assert sold_once(counter, receipt)


def test_after_a_take_over_the_first_ledger_is_refused(counter: Counter) -> None:
    mine, other = counter.profile("mine"), counter.profile("other")
    with counter.worker(mine) as watch:
        receipt = counter.sell(watch)
        watch.once()
    assert sold_once(counter, receipt)
    said = counter.typed("ledger", "take-over", "--yes", "--config", other)
    assert (said.code, receipt in said.text) == (0, True)
    assert counter.typed("run", "--once", "--config", other).code == 0
    said = counter.typed("run", "--once", "--config", mine)
    assert (said.code, "another ledger is in charge" in said.text) == (1, True)
    assert sold_once(counter, receipt), "the new ledger has found the redemption, and taken nothing"
    assert [c.end for c in claims(counter.folder / "other.db", receipt)] == [End.SETTLED]


def test_a_worker_that_still_ran_stops_when_another_ledger_took_over(counter: Counter) -> None:
    """It hung for longer than the take-over looked at it, and wakes up with a sale to settle."""
    mine, other = counter.profile("mine"), counter.profile("other")
    with counter.worker(mine) as watch:
        shown_by_aiq(counter, watch)
        receipt = picked(counter, watch)
        assert counter.typed("ledger", "take-over", "--yes", "--config", other).code == 0
        counter.pay()
        with pytest.raises(NotInCharge, match=r"another ledger on .* has taken over CRONUS Cannabis; this worker"):
            watch.worker.tick()
        assert counter.calls("redeem") == 1
    with counter.worker(other) as second:
        second.once()
        counter.clock.advance(seconds=61)
        second.once()
    assert sold_once(counter, receipt)


# ---- a copy on another host ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alive", [True, False], ids=["alive", "dead"])
def test_a_copy_on_another_host_waits_whether_the_first_is_alive(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, alive: bool
) -> None:
    mine, copy = counter.profile("mine"), counter.profile("copy")
    waited = []
    with counter.worker(mine) as watch:
        watch.once()
        backup = counter.folder / "copy.db"
        assert counter.typed("ledger", "backup", backup, "--state", mine.with_suffix(".db")).code == 0

        def pause(seconds: float) -> bool:
            waited.append(seconds)
            counter.clock.advance(seconds=seconds)
            if alive:
                watch.worker.tick()
            return True

        monkeypatch.setattr("platform.node", lambda: "OTHER-HOST")
        with counter.worker(copy, pause) as second:
            if not alive:
                second.once()
                assert sum(waited) >= ledger_record.WATCHED_SECONDS
                assert counter.record()["Host"] == "OTHER-HOST"
                with pytest.raises(NotInCharge, match="another worker or copy of this ledger on OTHER-HOST"):
                    watch.once()
                return
            with pytest.raises(NotInCharge, match="is using this ledger, or a copy of it, at this moment; stop that"):
                second.once()
        assert watch.once().failures == []


# ---- the file under a running worker ---------------------------------------------------------------------------------


@ON_POSIX
@pytest.mark.parametrize("how", ["deleted", "another", "copy"])
def test_a_worker_whose_file_is_gone_or_another_stops_before_anything_moves(
    counter: Counter, how: str
) -> None:
    profile, other = counter.profile("mine"), counter.profile("other")
    ledger = profile.with_suffix(".db")
    with counter.worker(other), counter.worker(profile) as watch:
        picked(counter, watch)
        if how == "deleted":
            ledger.unlink()
        else:
            source = ledger if how == "copy" else other.with_suffix(".db")
            shutil.copyfile(source, counter.folder / "new.db")
            (counter.folder / "new.db").replace(ledger)
        counter.pay()
        before = counter.row("00000P0001000000001")
        with pytest.raises(LedgerUnusable, match=r"was deleted or replaced while it was in use; put the ledger back"):
            watch.worker.tick()
    assert counter.calls("redeem") == 0
    assert counter.row("00000P0001000000001") == before


@ON_POSIX
def test_a_deleted_ledger_and_a_second_worker_double_nothing(counter: Counter) -> None:
    """As it was found: the file is deleted under the worker, and a second worker starts with a new one."""
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        shown_by_aiq(counter, watch)
        receipt = picked(counter, watch)
        for suffix in ("", "-wal", "-shm"):
            ledger.with_name(ledger.name + suffix).unlink()
        said = counter.typed("run", "--once", "--config", profile)
        assert (said.code, "another ledger is in charge" in said.text) == (1, True)
        counter.pay()
        with pytest.raises(LedgerUnusable):
            watch.worker.tick()
    assert counter.typed("ledger", "take-over", "--yes", "--config", profile).code == 0
    with counter.worker(profile) as watch:
        watch.once()
        counter.clock.advance(seconds=61)
        watch.once()
    assert sold_once(counter, receipt)


# ---- NAV's row -------------------------------------------------------------------------------------------------------

EDITS = [{"Ledger_ID": ""}, {"Step": -1}, {"Step": 0}, {"Ledger_ID": "f" * 32}, {"Take_Over_No": 9}]


@pytest.mark.parametrize("edit", EDITS, ids=["blank", "negative", "lowered", "another", "taken-over"])
def test_a_row_that_somebody_edits_stops_the_next_call(counter: Counter, edit: dict[str, object]) -> None:
    with counter.worker(counter.profile()) as watch:
        shown_by_aiq(counter, watch)
        assert counter.record()["Step"] == 1
        picked(counter, watch)
        counter.set_record(**edit)
        counter.pay()
        with pytest.raises(NotInCharge):
            watch.worker.tick()
        (claim,) = claims(watch.worker.ledger.path, "00000P0001000000001")
    assert (claim.points.value, counter.calls("redeem"), counter.points()) == ("no", 1, 1000)


@pytest.mark.parametrize("edit", EDITS, ids=["blank", "negative", "lowered", "another", "taken-over"])
def test_a_row_that_somebody_edited_before_the_start(counter: Counter, edit: dict[str, object]) -> None:
    """A lowered step is a row behind its ledger: as after a death between the two, the ledger goes on."""
    profile = counter.profile()
    with counter.worker(profile) as watch:
        shown_by_aiq(counter, watch)
    counter.set_record(**edit)
    said = counter.typed("run", "--once", "--config", profile)
    if edit == {"Step": 0}:
        assert (said.code, counter.record()["Step"]) == (0, 1)
        return
    assert said.code == 1
    assert "navplugin ledger take-over" in said.text
    assert len(said.text.splitlines()) == 1
    assert counter.typed("ledger", "take-over", "--yes", "--config", profile).code == 0
    assert counter.typed("run", "--once", "--config", profile).code == 0


def test_a_row_that_is_gone_at_the_start_is_looked_at_first(counter: Counter) -> None:
    profile = counter.profile()
    with counter.worker(profile) as watch:
        watch.once()
    counter.state.delete("AIQ_Ledger", "LEDGER")
    said = counter.typed("run", "--once", "--config", profile)
    assert (said.code, "NAV's row in AIQ_Ledger is gone" in said.text) == (1, True)
    assert counter.typed("ledger", "take-over", "--yes", "--config", profile).code == 0
    assert counter.typed("run", "--once", "--config", profile).code == 0


def test_a_row_that_is_gone_in_mid_run_is_written_again_and_the_sale_goes_on(counter: Counter) -> None:
    with counter.worker(counter.profile()) as watch:
        receipt = picked(counter, watch)
        before = counter.record()
        counter.state.delete("AIQ_Ledger", "LEDGER")
        counter.pay()
        watch.once()
        after = counter.record()
    assert sold_once(counter, receipt)
    assert (after["Ledger_ID"], after["Step"]) == (before["Ledger_ID"], 1)


def test_a_new_ledger_where_nav_names_a_claim_of_another_begins_nothing(counter: Counter) -> None:
    """The row was deleted together with the ledger: NAV's rows still say that there was one."""
    with counter.worker(counter.profile("mine")) as watch:
        picked(counter, watch)
    counter.state.delete("AIQ_Ledger", "LEDGER")
    said = counter.typed("run", "--once", "--config", counter.profile("other"))
    assert (said.code, "there was another one, or a newer copy" in said.text) == (1, True)
    assert counter.state.rows("AIQ_Ledger") == []


def test_nav_that_is_away_between_record_and_send_lets_nothing_be_sent(counter: Counter) -> None:
    with counter.worker(counter.profile()) as watch:
        receipt = picked(counter, watch)
        counter.pay()
        watch.worker.reader.transport.patience.sleep = lambda _: None  # type: ignore[attr-defined]
        counter.fault(call="nav.PATCH AIQ_Ledger", fault="503", times=-1)
        assert watch.worker.tick().failures == []
        (claim,) = claims(watch.worker.ledger.path)
        assert (claim.points.value, claim.end, counter.calls("redeem")) == ("no", End.OPEN, 0)
        counter.server_faults.clear()
        counter.clock.advance(seconds=31)
        watch.once()
    assert sold_once(counter, receipt)
    assert counter.calls("redeem") == 1


@pytest.mark.parametrize("fault", ["after", "torn"])
def test_a_count_whose_answer_is_lost_is_read_back_and_the_call_goes_out_once(counter: Counter, fault: str) -> None:
    with counter.worker(counter.profile()) as watch:
        receipt = picked(counter, watch)
        counter.pay()
        counter.fault(call="nav.PATCH AIQ_Ledger", fault=fault)
        watch.worker.tick()
        counter.clock.advance(seconds=31)
        watch.once()
        watch.once()
    assert sold_once(counter, receipt)
    assert counter.calls("redeem") == 1


def test_a_row_that_changes_between_record_and_send_is_seen(counter: Counter) -> None:
    """Another ledger takes over in the very moment in which the call is being counted."""
    with counter.worker(counter.profile()) as watch:
        picked(counter, watch)
        counter.pay()
        write = watch.worker.record.writer.write  # type: ignore[union-attr]

        def first_another(effect: object) -> object:
            if getattr(effect, "page", "") == "AIQ_Ledger":
                counter.set_record(Ledger_ID="f" * 32, Take_Over_No=2)
            return write(effect)

        watch.worker.record.writer.write = first_another  # type: ignore[union-attr]
        with pytest.raises(NotInCharge, match="another ledger"):
            watch.worker.tick()
        (claim,) = claims(watch.worker.ledger.path)
    assert (claim.points.value, counter.calls("redeem")) == ("no", 0)
