"""`navplugin ledger take-over` as typed: a renamed company, sites without a ledger, NAV away (M2, W13, R6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from navplugin.cli import build_app, ledger_take_over
from navplugin.core.errors import NotInCharge
from navplugin.core.model import End
from navplugin.demo.stage import KEY_VARIABLE
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger
from navplugin.watch import Watch
from tests.scenarios.counter import CARD, CODE, COST, Counter, claims, counter, held

__all__ = ["counter"]

OLD, NEW = "CRONUS Cannabis", "CRONUS Dispensary"


def rename(counter: Counter, company: str) -> None:
    """NAV's company under another name; the rows stay."""
    counter.state.set_doc("nav.settings", {**counter.state.doc("nav.settings"), "company": company})


def test_a_renamed_company_keeps_its_claims_when_that_is_said(counter: Counter, show: Callable[[str], None]) -> None:
    """One sale is settled and one picked before; one prompt is answered before."""
    profile = counter.profile(redeem_at="total", wait_ms="0")
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        settled = counter.sell(watch, "P0002", "M1004")
        watch.once()
        counter.press("check-in", "P0002", member_card_no="M1001")
        watch.once()
        counter.press("signup", "P0002")
        counter.press("signup-yes", "P0002")
        watch.once()
        receipt = counter.check_in()
        watch.once()
        counter.press("pick", coupon_code=CODE)
        watch.once()
        _publish(watch, "by the manager")
    rename(counter, NEW)
    profile = counter.profile(redeem_at="total", wait_ms="0", company=NEW)
    said = counter.typed("run", "--once", "--config", profile)
    assert (said.code, len(said.text.splitlines())) == (1, 1)
    assert f"this ledger was written for {OLD} and knows nothing of {NEW}" in said.text
    assert "take-over --renamed-from" in said.text
    wrong = counter.typed("ledger", "take-over", "--yes", "--config", profile, "--renamed-from", "Cronus")
    assert (wrong.code, len(wrong.text.splitlines())) == (3, 1)
    assert f"this ledger knows no company 'Cronus'; it was written for {OLD}" in wrong.text
    done = counter.typed("ledger", "take-over", "--yes", "--config", profile, "--renamed-from", OLD)
    assert done.code == 0, done.text
    assert f"or a copy of it, written for {OLD}." in done.text
    assert "NAV and AIQ hold nothing that this ledger does not." in done.text
    assert counter.typed("run", "--once", "--config", profile).code == 0
    counter.press("total")
    with counter.worker(profile) as watch:
        watch.once()
        counter.clock.advance(seconds=61)
        watch.once()
        counter.press("pay", tender="CASH")
        watch.once()
        assert watch.worker.ledger.pending_signups() == ()
        moves = [step["move"] for step in watch.worker.ledger.history(claims(ledger, receipt)[0].key)]
    last = {c.receipt_no: c for c in claims(ledger)}  # in doubt and not taken, a pick gets a claim of its own
    assert [(c.company, c.end, c.key.split("/")[0]) for c in last.values()] == [(NEW, End.SETTLED, NEW)] * 2
    assert moves[0] == "open", "its journal followed"
    assert (counter.points(), counter.points("contact-1004")) == (1000 - COST, 1000 - COST)
    assert counter.calls("signup") == 1
    assert [row["company"] for row in _kept(ledger, "watch")] == [NEW]
    for table in ("claim", "claim_journal", "signup", "person", "mapped", "rule_set", "prompt_asked"):
        rows = _kept(ledger, table)
        assert rows
        assert not any(OLD in (row.get("company"), str(row.get("key")).split("/")[0]) for row in rows), table
    assert _kept(ledger, "rule_set")[-1]["note"] == "by the manager", "the refused start has published nothing"
    counter.clock.advance(hours=1)
    audit = counter.typed("ledger", "audit", "--config", profile)
    assert audit.code == 0, audit.text
    assert counter.typed("ledger", "show", settled, "--state", ledger).code == 0
    show("---- the company was renamed in NAV")
    for line in counter.told:
        show(line)


def _publish(watch: Watch, note: str) -> None:
    rules = RuleLedger(watch.worker.ledger, OLD)
    first = rules.in_force()
    assert first is not None
    rules.publish(replace(first, note=note))


def _kept(ledger: Any, table: str) -> list[Any]:
    opened = SqlLedger(ledger, must_exist=True)
    try:
        with opened._read() as connection:
            return [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()]
    finally:
        opened.close()


def test_a_rename_that_could_not_be_finished_is_finished_by_the_next_try(counter: Counter) -> None:
    profile = counter.profile()
    ledger = profile.with_suffix(".db")
    with counter.worker(profile) as watch:
        counter.sell(watch)
        watch.once()
    rename(counter, NEW)
    profile = counter.profile(company=NEW)
    words = ("ledger", "take-over", "--yes", "--config", profile, "--renamed-from", OLD)
    counter.fault(call="nav.PATCH AIQ_Ledger", fault="403")
    assert counter.typed(*words).code == 2
    counter.server_faults.clear()
    again = counter.typed(*words)
    assert (again.code, f"all of it is of {NEW}, so leave --renamed-from out" in again.text) == (3, True)
    assert counter.typed(*words[:-2]).code == 0
    assert counter.typed("run", "--once", "--config", profile).code == 0
    assert [(c.company, c.end) for c in claims(ledger)] == [(NEW, End.SETTLED)]


# ---- who cannot take over --------------------------------------------------------------------------------------------


def test_a_site_that_is_only_observed_has_no_ledger_in_charge(counter: Counter) -> None:
    profile = counter.profile(naming="bc\nobjects = none")
    said = counter.typed("ledger", "take-over", "--yes", "--config", profile)
    assert (said.code, "objects = none" in said.text, len(said.text.splitlines())) == (3, True, 1)
    assert not profile.with_suffix(".db").exists()


def test_without_a_ledger_a_new_one_takes_over_and_says_what_it_lacks(counter: Counter) -> None:
    mine = counter.profile("mine")
    with counter.worker(mine) as watch:
        receipt = counter.sell(watch)
        watch.once()
    new = counter.profile("new")
    looked = counter.typed("ledger", "take-over", "--config", new)
    assert (looked.code, receipt in looked.text, ", empty." in looked.text) == (1, True, True)
    assert counter.typed("ledger", "take-over", "--yes", "--config", new).code == 0
    assert counter.typed("run", "--once", "--config", new).code == 0
    assert [(c.receipt_no, c.end) for c in claims(new.with_suffix(".db"))] == [(receipt, End.SETTLED)]
    assert (counter.points(), counter.calls("redeem")) == (1000 - COST, 1)


def test_a_look_leaves_no_new_ledger_behind(counter: Counter) -> None:
    """Else `run` would find one, and whoever looked for the old one would find this."""
    with counter.worker(counter.profile("mine")) as watch:
        watch.once()
    new = counter.profile("new")
    assert counter.typed("ledger", "take-over", "--config", new).code == 1
    assert not new.with_suffix(".db").exists()


@pytest.mark.parametrize("broken", ["nav.GET AIQ_Ledger", "nav.GET AIQ_Sale", "nav.PATCH AIQ_Ledger"])
def test_nav_that_is_away_takes_nothing_over(
    counter: Counter, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counter.worker(counter.profile("mine")) as watch:
        watch.once()
    monkeypatch.setattr("time.sleep", lambda _: None)
    before = counter.record()
    counter.fault(call=broken, fault="404", times=-1)
    said = counter.typed("ledger", "take-over", "--yes", "--config", counter.profile("new"))
    assert (said.code, "nothing was taken over" in said.text) == (2, True), said.text
    assert counter.record() == before


def test_a_nav_that_is_not_there_is_said(counter: Counter) -> None:
    profile = counter.profile()
    with counter.worker(profile) as watch:
        watch.once()
    counter.server.stop()
    said = counter.typed("ledger", "take-over", "--yes", "--config", profile)
    assert (said.code, "nothing was taken over" in said.text, len(said.text.splitlines())) == (2, True, 1), said.text


@pytest.mark.parametrize(("fault", "code"), [("403", 2), ("404", 0)], ids=["refuses-the-key", "has-no-listing"])
def test_aiq_that_does_not_answer(counter: Counter, fault: str, code: int) -> None:
    """An AIQ without a listing is said; the points are looked up, or a person looks, claim by claim."""
    with counter.worker(counter.profile("mine")) as watch:
        receipt = counter.sell(watch)
        watch.once()
    counter.fault(call="aiq.redemptions", fault=fault, times=-1)
    said = counter.typed("ledger", "take-over", "--yes", "--config", counter.profile("new"))
    assert said.code == code, said.text
    assert ("AIQ's side was not compared" in said.text, receipt in said.text) == (code == 0, code == 0), said.text
    assert ("nothing was taken over" in said.text) is (code == 2)


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_a_ledger_that_is_in_charge_has_nothing_to_take_over(counter: Counter, yes: tuple[str, ...]) -> None:
    profile = counter.profile()
    with counter.worker(profile) as watch:
        watch.once()
        before = counter.everything(profile.with_suffix(".db"))
        said = counter.typed("ledger", "take-over", *yes, "--config", profile)
        assert (said.code, "in charge of CRONUS Cannabis already" in said.text) == (0, True)
        assert counter.everything(profile.with_suffix(".db")) == before
        assert watch.once().failures == [], "the worker that runs was not disturbed"


def test_a_ledger_that_somebody_holds_takes_nothing_over(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    with counter.worker(counter.profile("mine")) as watch:
        watch.once()
    new = counter.profile("new")
    SqlLedger(new.with_suffix(".db")).close()
    monkeypatch.setattr("navplugin.ledger.base.BUSY_SECONDS", 0.02)
    before = counter.record()
    with held(new.with_suffix(".db")):
        said = counter.typed("ledger", "take-over", "--yes", "--config", new)
    assert (said.code, "another program holds" in said.text, counter.record()) == (1, True, before)


def test_somebody_who_takes_over_in_the_same_moment_wins_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counter.worker(counter.profile("mine")) as watch:
        watch.once()
    real = ledger_take_over.take_over

    def late(*words: Any) -> int:
        counter.set_record(Ledger_ID="e" * 32, Take_Over_No=2)
        return real(*words)

    monkeypatch.setattr(ledger_take_over, "take_over", late)
    new = counter.profile("new")
    said = counter.typed("ledger", "take-over", "--yes", "--config", new)
    assert (said.code, "at the same moment" in said.text) == (1, True)
    with counter.worker(new) as watch, pytest.raises(NotInCharge):
        watch.once()


def test_json_says_what_was_taken_over(counter: Counter) -> None:
    with counter.worker(counter.profile("mine")) as watch:
        receipt = counter.sell(watch)
        watch.once()
    words = ["ledger", "take-over", "--yes", "--format", "json", "--config", str(counter.profile("new"))]
    told = json.loads(CliRunner().invoke(build_app(), words).stdout)
    assert (told["taken_over"], told["doubtful_claims"]) == (OLD, 0)
    assert {one["receipt_no"] for one in told["missing"]} == {receipt}


def test_without_personal_data_a_restored_ledger_finds_the_points_all_the_same(counter: Counter) -> None:
    hidden = {"personal_data": "hash", "hash_key": f"env:{KEY_VARIABLE}"}
    profile = counter.profile(redeem_at="total", wait_ms="0", **hidden)
    with counter.worker(profile) as watch:
        receipt = counter.sell(watch, card=CARD)
        watch.once()
    new = counter.profile("new", redeem_at="total", wait_ms="0", **hidden)
    counter.set_row(receipt, Points=" ")
    assert counter.typed("ledger", "take-over", "--yes", "--config", new).code == 0
    with counter.worker(new) as watch:
        for _ in range(3):
            watch.once()
            counter.clock.advance(seconds=timedelta(minutes=2).total_seconds())
    assert [(c.end, c.points.value) for c in claims(new.with_suffix(".db"))] == [(End.SETTLED, "yes")]
    assert (counter.points(), counter.calls("redeem")) == (1000 - COST, 1)
