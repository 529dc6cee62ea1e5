"""`ledger audit`, `ledger resolve` and `report uses` over a real worker's ledger, NAV and AIQ, as typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from navplugin.audit import unknown_to_ledger
from navplugin.cli import build_app
from navplugin.cli.ledger_audit import read_books
from navplugin.demo.play import Play, Story
from navplugin.demo.stage import KEY_VARIABLE, Stage, set_stage
from navplugin.demo.stories import GRANTS, redeem
from navplugin.ledger import SqlLedger
from navplugin.nav.contract import PAGES
from navplugin.simulator.state import State
from navplugin.site import load_site
from navplugin.wiring import SystemClock


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Points taken at [Total], given back by hand, no look-up: a site that makes work for a person."""
    changes = {"redeem-at": "total", "refund": "manual\naccept-manual-refunds = yes"}
    with set_stage(tmp_path_factory.mktemp("audit"), changes=changes) as one:
        yield one


def typed(stage: Stage, *words: str) -> tuple[int, Any, str]:
    """Exit code, JSON, standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "navplugin", *words, "--format", "json"], capture_output=True, check=False,
        env={**os.environ, KEY_VARIABLE: "demo-key", "PYTHONUTF8": "1"}, text=True,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


class Later(SystemClock):
    """An hour on: nothing of the stage has just happened."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


def audit(stage: Stage, *words: str) -> tuple[int, list[tuple[str, str]], str]:
    """Exit code, invariants and receipts of the findings, standard error."""
    done = audited(stage, "--format", "json", *words)
    told = json.loads(done.stdout) if done.stdout else None
    found = [(f["invariant"], f["receipt_no"]) for f in told["findings"]] if told else []
    return done.exit_code, found, done.stderr


def audited(stage: Stage, *words: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "demo-key")
        patch.setattr("navplugin.cli.ledger_audit.SystemClock", Later)
        arguments = ["ledger", "audit", "--config", str(stage.config), *words]
        return CliRunner().invoke(build_app(), arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def sold(stage: Stage) -> str:
    """A sale with its points taken; its receipt."""
    story = Story("c", "sold")
    redeem(Play(stage, story, "P0001", lambda step: None))
    return story.receipt_no


def test_after_a_sale_everything_holds(stage: Stage, sold: str) -> None:
    assert audit(stage) == (0, [], "")


@contextmanager
def replaced(state: State, service: str, row: dict[str, Any], **fields: object) -> Iterator[None]:
    """One row of NAV with other values, for a while."""
    state.put(service, {**row, **fields})
    try:
        yield
    finally:
        state.put(service, row)


@contextmanager
def listed(state: State, redemptions: list[dict[str, Any]]) -> Iterator[None]:
    """Other redemptions in AIQ, for a while."""
    kept = state.doc("aiq.redemptions")
    state.set_doc("aiq.redemptions", redemptions)
    try:
        yield
    finally:
        state.set_doc("aiq.redemptions", kept)


def row_of(state: State, service: str, receipt: str, **fields: object) -> dict[str, Any]:
    wanted = {"Receipt_No": receipt, **fields}.items()
    return next(row for row in state.rows(service) if wanted <= row.items())


def test_a_redemption_that_aiq_lost_is_found(stage: Stage, sold: str) -> None:
    state = stage.simulator
    with listed(state, [{**one, "refunded": True} for one in state.doc("aiq.redemptions")]):
        assert audit(stage)[:2] == (1, [("I1", sold)])
        told = typed(stage, "ledger", "audit", "--config", str(stage.config))
        assert (told[0], told[1]["findings"]) == (0, []), "what has just happened may still be on its way"


def test_a_redemption_that_nobody_knows_is_found(stage: Stage, sold: str) -> None:
    kept = stage.simulator.doc("aiq.redemptions")
    more = {**kept[0], "id": "x", "discount_id": "9001", "points": Decimal(100)}
    elsewhere = {**more, "id": "y", "reference": "WEB-1"}
    with listed(stage.simulator, [*kept, more, elsewhere]):
        assert audit(stage)[:2] == (1, [("I12", sold)])


def test_a_redemption_of_another_person_or_cost_is_found(stage: Stage, sold: str) -> None:
    (kept,) = stage.simulator.doc("aiq.redemptions")
    with listed(stage.simulator, [{**kept, "contact_id": "contact-1004"}]):
        assert audit(stage)[:2] == (1, [("I4", sold)])
    with listed(stage.simulator, [{**kept, "points": Decimal(250)}]):
        assert audit(stage)[:2] == (1, [("I1", sold)])


def test_a_discount_that_nobody_answers_for_is_found(stage: Stage, sold: str) -> None:
    state = stage.simulator
    extra = row_of(state, "AIQ_TransDiscounts", sold, Offer_No="TDO0004") | {"Offer_No": "TDO0001", "Line_No": 99}
    state.put("AIQ_TransDiscounts", extra)
    try:
        assert audit(stage)[:2] == (1, [("I5", sold)])
    finally:
        page = next(p for p in PAGES if p.service == "AIQ_TransDiscounts")
        state.delete("AIQ_TransDiscounts", *(extra[name] for name in page.key))


def test_a_header_that_is_voided_in_nav_alone_is_found(stage: Stage, sold: str) -> None:
    header = row_of(stage.simulator, "AIQ_Transactions", sold)
    with replaced(stage.simulator, "AIQ_Transactions", header, Entry_Status="Voided"):
        assert audit(stage)[:2] == (1, [("I3", sold)])


def test_a_row_of_nav_that_says_otherwise_is_found(stage: Stage, sold: str) -> None:
    """The worker takes up no sale whose own row has not changed."""
    grant = row_of(stage.simulator, GRANTS, sold, Coupon_Code="AP0004")
    assert (grant["Points"], bool(grant["Redemption_ID"])) == ("Taken", True)
    with replaced(stage.simulator, GRANTS, grant, Points="Given Back"):
        assert audit(stage)[:2] == (1, [("I14", sold)])
    with replaced(stage.simulator, GRANTS, grant, Redemption_ID="C/S0001/of another ledger"):
        assert audit(stage)[:2] == (1, [("I14", sold)])


def test_a_new_ledger_is_told_what_nav_and_aiq_hold(stage: Stage, sold: str, tmp_path: Path) -> None:
    """R6: the posted discount, the points on NAV's row and the redemption; the last also when NAV's rows are gone."""
    state = stage.simulator
    with pytest.MonkeyPatch.context() as patch, closing(SqlLedger(tmp_path / "new.db")) as ledger:
        patch.setenv(KEY_VARIABLE, "demo-key")
        site = load_site(stage.config).site
        assert site is not None
        books, unread = read_books(site, ledger, 7)
        assert unread == ""
        mine = [(f.invariant, f.receipt_no) for f in unknown_to_ledger(books)]
        assert mine == [("I12", sold), ("I14", sold), ("I5", sold)]
        sale, grant = row_of(state, "AIQ_Sale", sold), row_of(state, GRANTS, sold, Coupon_Code="AP0004")
        state.delete("AIQ_Sale", sold)
        state.delete(GRANTS, sold, "AP0004")
        try:
            books, _ = read_books(site, ledger, 7)
            assert [(f.invariant, f.receipt_no) for f in unknown_to_ledger(books)] == [("I12", sold)]
        finally:
            state.put("AIQ_Sale", sale)
            state.put(GRANTS, grant)


def test_aiq_that_is_away_is_said_and_is_no_finding(stage: Stage, sold: str) -> None:
    stage.ask("POST", "/faults", {"call": "aiq.redemptions", "fault": "403", "times": -1})
    try:
        code, found, err = audit(stage)
        assert (code, found) == (2, [])
        assert "AIQ" in err
    finally:
        stage.ask("DELETE", "/faults")


def test_points_to_be_given_back_by_hand_wait_for_a_person_who_answers(stage: Stage, sold: str) -> None:
    story = Story("d", "voided")
    play = Play(stage, story, "P0002", lambda step: None)
    _void_after_total(play)
    play.claim_end("SUSPECT")
    ledger = str(play.ledger)
    _, work, _ = typed(stage, "ledger", "list", "--work", "--state", ledger)
    assert [(c["receipt_no"], c["needs_person"]) for c in work] == [(story.receipt_no, True)]
    shown = subprocess.run(
        [sys.executable, "-m", "navplugin", "ledger", "show", story.receipt_no, "--state", ledger],
        capture_output=True, check=True, text=True, env={**os.environ, "PYTHONUTF8": "1"},
    ).stdout  # fmt: skip
    assert f"ledger resolve {story.receipt_no} AP0004 --points given-back" in " ".join(shown.split())
    code, after, _ = typed(
        stage, "ledger", "resolve", story.receipt_no, "AP0004", "--points", "given-back", "--by", "manager",
        "--note", "AIQ ticket 7", "--state", ledger,
    )  # fmt: skip
    assert (code, after["end"], after["given_back"]) == (0, "RELEASED", "hand")
    assert "manager" in after["resolved"]
    assert "AIQ ticket 7" in after["resolved"]
    _, work, _ = typed(stage, "ledger", "list", "--work", "--state", ledger)
    assert work == []
    code, _, err = typed(stage, "ledger", "resolve", story.receipt_no, "AP0004", "--points", "taken", "--state", ledger)
    assert (code, "nothing waits for a person" in err) == (1, True)


def _void_after_total(play: Play) -> None:
    play.press("check-in", member_card_no="M1004")
    play.wait_rows("AIQ_POSTotalDiscountOfferLines", "the wallet's discounts", 3)
    for item in ("FLOWER", "VAPE"):
        play.press("add-item", item_no=item)
    play.press("pick", coupon_code="AP0004")
    play.press("total")
    play.stage.wait("the points to be taken", play.redemptions)
    play.press("void")


def test_uses_are_told_with_cashier_presence_and_voids(stage: Stage, sold: str) -> None:
    _, told, _ = typed(stage, "report", "uses", "--state", str(stage.folder / "navplugin.db"))
    by_receipt = {u["receipt_no"]: u for u in told["uses"]}
    assert by_receipt[sold]["member_card_no"] == "M1003"
    assert by_receipt[sold]["staff_id"]
    assert by_receipt[sold]["presence"] == ""
    assert sold in {u["receipt_no"] for u in told["unchecked"]}
    assert [(u["member_card_no"], u["voided"]) for u in told["voided"]] == [("M1004", True)]
