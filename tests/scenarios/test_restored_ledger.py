"""A ledger that was put back from a backup, as an operator lives it: refused, looked at, taken over, right (M2, R6)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from navplugin.core.model import End, Points
from tests.scenarios.counter import CODE, COST, Counter, claims, counter

__all__ = ["counter"]


def put_back(backup: Path, ledger: Path) -> None:
    """The copy in the place of the ledger, as an operator does it with the worker stopped."""
    for suffix in ("-wal", "-shm"):
        ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(backup, ledger)


def copied(counter: Counter, ledger: Path, how: str) -> Path:
    """A copy, by the command or of the file."""
    backup = counter.folder / "backup.db"
    if how == "command":
        assert counter.typed("ledger", "backup", backup, "--state", ledger).code == 0
    else:
        shutil.copyfile(ledger, backup)
    return backup


def sold_since(counter: Counter, profile: Path, mode: str, how: str) -> str:
    """A discount is picked, the ledger copied, the sale paid and its points taken; then the copy is put back."""
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        receipt = counter.check_in()
        watch.once()
        if mode == "select":
            backup = copied(counter, ledger, "command")
            counter.pick_at_select(watch)
        else:
            counter.press("pick", coupon_code=CODE)
            watch.once()
            backup = copied(counter, ledger, "command") if how == "command" else None
    backup = backup or copied(counter, ledger, how)
    with counter.worker(profile) as watch:
        counter.press("total")
        watch.once()
        counter.press("pay", tender="CASH")
        watch.once()
    (claim,) = claims(ledger)
    assert (claim.end, claim.points, counter.points()) == (End.SETTLED, Points.YES, 1000 - COST)
    put_back(backup, ledger)
    return receipt


def refused(counter: Counter, profile: Path) -> str:
    """What `run --once` says; nothing moves anywhere."""
    before = counter.everything(profile.with_suffix(".db"))[:-1]
    said = counter.typed("run", "--once", "--config", profile)
    assert said.code == 1
    assert counter.everything(profile.with_suffix(".db"))[:-1] == before
    (sentence,) = said.text.splitlines()
    return sentence


def taken_over(counter: Counter, profile: Path, *words: str) -> str:
    """First looked at in a pipe, which changes nothing, then meant."""
    ledger = profile.with_suffix(".db")
    before = counter.everything(ledger)
    looked = counter.typed("ledger", "take-over", "--config", profile, *words)
    assert looked.code == 1
    assert "nothing was taken over; run it again with --yes" in looked.text
    assert counter.everything(ledger) == before
    meant = counter.typed("ledger", "take-over", "--config", profile, "--yes", *words)
    assert meant.code == 0, meant.text
    assert looked.text.splitlines()[0] == meant.text.splitlines()[0]
    return meant.text


def audited(counter: Counter, profile: Path) -> tuple[int, str]:
    """`ledger audit` an hour later: nothing has just happened."""
    counter.clock.advance(hours=1)
    said = counter.typed("ledger", "audit", "--config", profile)
    return said.code, said.text


def one_claim(profile: Path) -> Any:
    (claim,) = claims(profile.with_suffix(".db"))
    return claim


@pytest.mark.parametrize(
    ("mode", "lookup", "how"),
    [("posted", "probe", "command"), ("posted", "probe", "copy"), ("total", "probe", "command"),
     ("select", "probe", "command"), ("posted", "blind", "command"), ("total", "blind", "copy")],
)  # fmt: skip
def test_points_that_were_taken_since_the_backup_are_not_taken_again(
    counter: Counter, mode: str, lookup: str, how: str, show: Callable[[str], None]
) -> None:
    profile = counter.profile(redeem_at=mode, redemption_lookup=lookup, accept_manual_refunds="yes")
    receipt = sold_since(counter, profile, mode, how)
    sentence = refused(counter, profile)
    assert "older copy" in sentence
    assert "navplugin ledger take-over" in sentence
    code, text = audited(counter, profile)
    assert (code, receipt in text) == (1, True), "the audit sees what this ledger lacks"
    told = taken_over(counter, profile)
    assert receipt in told
    assert counter.typed("run", "--once", "--config", profile).code == 0
    claim = one_claim(profile)
    assert (claim.end, claim.points, claim.doubtful) == (End.SETTLED, Points.YES, False)
    assert (counter.points(), len(counter.redemptions(receipt))) == (1000 - COST, 1)
    assert audited(counter, profile)[0] == 0
    if (mode, how) == ("posted", "command"):
        show(f"---- a backup from before the payment is put back, redemption-lookup = {lookup}")
        for line in counter.told:
            show(line)


@pytest.mark.parametrize("mode", ["posted", "total", "select"])
@pytest.mark.parametrize("lookup", ["probe", "blind"])
def test_where_navs_row_says_nothing_aiq_is_asked_or_a_person(counter: Counter, mode: str, lookup: str) -> None:
    if (mode, lookup) == ("select", "blind"):
        pytest.skip("`check` refuses redeem-at = select with redemption-lookup = blind")
    profile = counter.profile(redeem_at=mode, redemption_lookup=lookup, accept_manual_refunds="yes")
    receipt = sold_since(counter, profile, mode, "command")
    counter.set_row(receipt, Points=" ")
    taken_over(counter, profile)
    looked = counter.calls("redemptions")
    assert counter.typed("run", "--once", "--config", profile).code == 0
    claim = one_claim(profile)
    if lookup == "probe":
        assert counter.calls("redemptions") > looked
        assert (claim.end, claim.points) == (End.SETTLED, Points.YES)
        assert audited(counter, profile)[0] == 0
    else:
        assert (claim.end, claim.needs_person) == (End.SUSPECT, True)
        assert "check in AIQ whether" in claim.reason
        answer = ("ledger", "resolve", receipt, CODE, "--points", "taken", "--state", profile.with_suffix(".db"))
        assert counter.typed(*answer).code == 0
        assert counter.typed("run", "--once", "--config", profile).code == 0
        assert one_claim(profile).end is End.SETTLED
    assert (counter.points(), len(counter.redemptions(receipt))) == (1000 - COST, 1)


@pytest.mark.parametrize("lookup", ["probe", "blind"])
def test_points_that_were_never_taken_are_taken_once_after_all(counter: Counter, lookup: str) -> None:
    """The backup is of before the pick, and the sale was paid while no worker ran."""
    profile = counter.profile(redemption_lookup=lookup)
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        counter.sell(watch, "P0002", "M1004")
        backup = copied(counter, ledger, "command")
        watch.once()
        receipt = counter.check_in()
        watch.once()
    counter.press("pick", coupon_code=CODE)
    counter.pay()
    put_back(backup, ledger)
    assert "older copy" in refused(counter, profile)
    taken_over(counter, profile)
    for _ in range(2):
        with counter.worker(profile) as watch:
            watch.once()
            counter.clock.advance(seconds=61)
            watch.once()
    claim = next(c for c in claims(ledger) if c.receipt_no == receipt)
    if lookup == "probe":
        assert (claim.end, len(counter.redemptions(receipt)), counter.points()) == (End.SETTLED, 1, 1000 - COST)
    else:
        assert (claim.end, counter.points()) == (End.SUSPECT, 1000)
    other = next(c for c in claims(ledger) if c.receipt_no != receipt)
    assert (other.end, counter.points("contact-1004")) == (End.SETTLED, 1000 - COST)


# ---- given back since the backup -------------------------------------------------------------------------------------


def given_back_since(counter: Counter, profile: Path) -> str:
    """The points are taken at [Total], the ledger is copied, the sale voided, the points go back; the copy returns."""
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        receipt = counter.check_in()
        watch.once()
        counter.press("pick", coupon_code=CODE)
        watch.once()
        counter.press("total")
        watch.once()
        assert counter.points() == 1000 - COST
        backup = copied(counter, ledger, "command")
        counter.press("void")
        watch.once()
    assert (counter.points(), one_claim(profile).end) == (1000, End.RELEASED)
    put_back(backup, ledger)
    return receipt


@pytest.mark.parametrize("refund", ["adjust", "endpoint"])
def test_points_that_went_back_since_the_backup_do_not_go_back_again(
    counter: Counter, refund: str, show: Callable[[str], None]
) -> None:
    profile = counter.profile(redeem_at="total", refund=refund)
    given_back_since(counter, profile)
    refused(counter, profile)
    taken_over(counter, profile)
    assert counter.typed("run", "--once", "--config", profile).code == 0
    claim = one_claim(profile)
    assert (claim.end, claim.points, claim.given_back) == (End.RELEASED, Points.NO, refund)
    assert counter.points() == 1000
    assert audited(counter, profile)[0] == 0
    if refund == "adjust":
        show("---- a backup from before the points went back is put back, refund = adjust")
        for line in counter.told:
            show(line)


def test_where_nobody_says_that_an_adjustment_was_made_a_person_must(counter: Counter) -> None:
    profile = counter.profile(redeem_at="total", refund="adjust")
    receipt = given_back_since(counter, profile)
    counter.set_row(receipt, Points="Taken")
    taken_over(counter, profile)
    assert counter.typed("run", "--once", "--config", profile).code == 0
    claim = one_claim(profile)
    assert (claim.end, counter.points()) == (End.SUSPECT, 1000)
    assert counter.typed("ledger", "list", "--work", "--state", profile.with_suffix(".db")).text.count(receipt) == 1


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not-listed"])
def test_a_refund_is_looked_up_where_navs_row_does_not_say_it(counter: Counter, listed: bool) -> None:
    """Where AIQ no longer lists what it refunded, nothing says so: a person must look."""
    counter.settings(listing_drops_refunded=not listed)
    profile = counter.profile(redeem_at="total", refund="endpoint")
    receipt = given_back_since(counter, profile)
    counter.set_row(receipt, Points="Taken")
    taken_over(counter, profile)
    with counter.worker(profile) as watch:
        for _ in range(4):
            watch.once()
            counter.clock.advance(minutes=30)
    assert counter.points() == 1000
    assert one_claim(profile).end is (End.RELEASED if listed else End.SUSPECT)


# ---- copies that cannot be used ----------------------------------------------------------------------------------


def test_a_plain_copy_beside_a_worker_lacks_what_was_written_last_and_is_refused(counter: Counter) -> None:
    """Only the main file: what is still in the write-ahead log is not in it."""
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    backup = counter.folder / "plain.db"
    with counter.worker(profile) as watch:
        watch.once()
        counter.sell(watch)
        watch.once()
        shutil.copyfile(ledger, backup)
        assert ledger.with_name("site.db-wal").stat().st_size > 0
    put_back(backup, ledger)
    sentence = refused(counter, profile)
    assert "ledger" in sentence
    assert counter.points() == 1000 - COST


def test_a_copy_that_was_cut_short_is_refused(counter: Counter) -> None:
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        watch.once()
    ledger.write_bytes(ledger.read_bytes()[: 4096 * 3])
    for words in (("run", "--once"), ("ledger", "take-over", "--yes")):
        said = counter.typed(*words, "--config", profile)
        assert said.code in (1, 3)
        assert "restore it from a backup" in said.text


def test_a_backup_is_never_written_over_a_file(counter: Counter) -> None:
    profile = counter.profile()
    with counter.worker(profile):
        target = counter.folder / "there.db"
        target.write_bytes(b"mine")
        said = counter.typed("ledger", "backup", target, "--state", profile.with_suffix(".db"))
    assert (said.code, target.read_bytes()) == (1, b"mine")
    assert "is there already" in said.text
