"""`ledger audit`, `ledger resolve` and `report uses` over a real worker's ledger, NAV and AIQ, as typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from navplugin.demo.play import Play, Story
from navplugin.demo.stage import KEY_VARIABLE, Stage, set_stage
from navplugin.demo.stories import redeem


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


def audit(stage: Stage) -> tuple[int, list[tuple[str, str]], str]:
    code, told, err = typed(stage, "ledger", "audit", "--config", str(stage.config))
    return code, [(f["invariant"], f["receipt_no"]) for f in told["findings"]] if told else [], err


@pytest.fixture(scope="module")
def sold(stage: Stage) -> str:
    """A sale with its points taken; its receipt."""
    story = Story("c", "sold")
    redeem(Play(stage, story, "P0001", lambda step: None))
    return story.receipt_no


def test_after_a_sale_everything_holds(stage: Stage, sold: str) -> None:
    assert audit(stage) == (0, [], "")


def test_a_redemption_that_aiq_lost_is_found(stage: Stage, sold: str) -> None:
    state = stage.simulator
    kept = state.doc("aiq.redemptions")
    state.set_doc("aiq.redemptions", [{**one, "refunded": True} for one in kept])
    try:
        code, found, _ = audit(stage)
        assert (code, found) == (1, [("I1", sold)])
    finally:
        state.set_doc("aiq.redemptions", kept)


def test_a_redemption_that_nobody_knows_is_found(stage: Stage, sold: str) -> None:
    state = stage.simulator
    kept = state.doc("aiq.redemptions")
    state.set_doc("aiq.redemptions", [*kept, {**kept[0], "id": "x", "discount_id": "9001", "points": Decimal(100)}])
    try:
        code, found, _ = audit(stage)
        assert (code, found) == (1, [("I12", sold)])
    finally:
        state.set_doc("aiq.redemptions", kept)


def test_a_discount_that_nobody_answers_for_is_found(stage: Stage, sold: str) -> None:
    state = stage.simulator
    kept = state.rows("AIQ_TransDiscounts")
    extra = dict(next(row for row in kept if row["Offer_No"] == "TDO0004"))
    extra |= {"Offer_No": "TDO0001", "Line_No": 99}
    state.put("AIQ_TransDiscounts", extra)
    try:
        code, found, _ = audit(stage)
        assert (code, found) == (1, [("I5", sold)])
    finally:
        from navplugin.nav.contract import PAGES

        page = next(p for p in PAGES if p.service == "AIQ_TransDiscounts")
        state.delete("AIQ_TransDiscounts", *(extra[name] for name in page.key))


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
