"""personal-data = hash: no member card is kept, and what was kept is found again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.claim_view import Minimum, view_of
from navplugin.core.model import Claim, End, PostedDiscount, PostedSale, Sale, SaleState, Snapshot
from navplugin.core.ports import SignupRecord
from navplugin.ledger import SqlLedger
from tests.conftest import ScriptedClock
from tests.unit.test_ledger import a_claim

KEY = b"a key of the site"
CARD = "CARD-4711"


def reopened(path: Path, clock: ScriptedClock) -> SqlLedger:
    """A worker that starts anew: it has seen no card yet."""
    ledger = SqlLedger(path, hide_with=KEY)
    ledger.take_watch("C", "test", clock.now())
    return ledger


@pytest.fixture
def path(tmp_path: Path, clock: ScriptedClock) -> Path:
    found = tmp_path / "hashed.db"
    ledger = reopened(found, clock)
    assert ledger.open_claim(a_claim("R1", member_card_no=CARD), Decimal(600), clock.now()) == ""
    ledger.save_signup(a_signup(clock), clock.now())
    ledger.close()
    return found


def a_signup(clock: ScriptedClock) -> SignupRecord:
    return SignupRecord(
        key=f"C/S0001/R1/g/{CARD}", company="C", store_no="S0001", pos_terminal_no="P1", receipt_no="R1",
        sale_guid="g", member_card_no=CARD, staff_id="1", answer="Yes", answered_at=clock.now(), terms="",
        terms_hash="", state="yes",
    )  # fmt: skip


@pytest.mark.parametrize("save", ["save_claim", "resolve_claim"])
def test_a_claim_that_is_moved_before_its_card_is_seen_still_holds_the_points(
    path: Path, clock: ScriptedClock, save: str
) -> None:
    """After a restart, when the sale is missing in NAV, or when a person decides."""
    ledger = reopened(path, clock)
    (claim,) = ledger.open_claims()
    moved = replace(claim, missing_since=clock.now())
    getattr(ledger, save)(claim, moved, "sale missing", clock.now())
    ledger.learn_cards([CARD])
    (found,) = ledger.member_claims(CARD)
    assert (found.member_card_no, found.end) == (CARD, End.OPEN)
    second: Claim = a_claim("R2", member_card_no=CARD)
    assert "Not enough points" in ledger.open_claim(second, Decimal(600), clock.now())
    ledger.close()


def test_a_sign_up_that_is_saved_before_its_card_is_seen_stays_one(path: Path, clock: ScriptedClock) -> None:
    ledger = reopened(path, clock)
    (record,) = ledger.pending_signups()
    ledger.save_signup(replace(record, state="done"), clock.now())
    assert ledger.pending_signups() == ()
    ledger.learn_cards([CARD])
    found = ledger.signup(f"C/S0001/R1/g/{CARD}")
    assert found is not None
    assert found.state == "done"
    ledger.close()


@pytest.mark.parametrize("posted_for", ["CARD-0815", ""])
def test_why_a_sale_needs_a_person_names_no_card(clock: ScriptedClock, posted_for: str) -> None:
    """The sentence goes to the claim, its journal, the reports and the log."""
    posted = PostedSale(
        "R1", "S0001", "P1", 7, posted_for, "1", False, False, "", clock.now(), "g", Decimal(100), (),
        (PostedDiscount("AP0004", Decimal(100)),),
    )  # fmt: skip
    sale = Sale("R1", "g", "S0001", "P1", "1", posted_for, SaleState.POSTED, "", "", None, 9)
    view = view_of(a_claim("R1", member_card_no=CARD), Snapshot("C", sale, None, posted), "", Minimum())
    assert view.disagrees.startswith("posted ")
    assert not {CARD, "CARD-0815"} & set(view.disagrees.replace(",", " ").split())
