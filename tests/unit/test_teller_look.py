"""Finding out what became of a call; answers that come when another worker has already moved the claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.claims import mark_answer, mark_end, mark_given_back, mark_sent, mark_taken
from navplugin.core.errors import LedgerBusy, LedgerUnusable, ProtocolError, UnknownOutcome, Unreachable
from navplugin.core.model import Claim, End, LoyaltyStatus, Persona, Points
from navplugin.core.ports import Lookup, Redemption
from navplugin.ledger import SqlLedger
from navplugin.teller import LOOK_BACK
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, PROBE, a_claim, a_grant
from tests.support_teller import Desk, a_wallet

KEYED = replace(PROBE, lookup="keyed")
MINE = Redemption("c-M1", "d4", "R1", Decimal(500), redemption_id="r1")


@pytest.fixture
def desk(tmp_path: Path, clock: ScriptedClock) -> Iterator[Desk]:
    one = Desk(tmp_path / "l.db", clock)
    yield one
    one.ledger.close()


@pytest.fixture
def other(desk: Desk, tmp_path: Path) -> Iterator[SqlLedger]:
    """The ledger of a second worker, which has not taken over yet."""
    one = SqlLedger(tmp_path / "l.db")
    yield one
    one.close()


def sent(desk: Desk, **more: Any) -> Claim:
    """A claim whose call got no answer."""
    desk.aiq.answer = UnknownOutcome("no answer")
    claim = desk.opened(**more)
    after = desk.refund(claim) if claim.points is Points.YES else desk.redeem(claim)
    assert after is not None
    desk.purse.spent = False
    return after


def look(desk: Desk, claim: Claim, *, past: bool = True, event_at: Any = None) -> Claim | None:
    return desk.teller.look(claim, desk.purse, event_at, past=past)


# ---- looking ---------------------------------------------------------------------------------------------------------


def test_what_is_found_is_taken_and_the_wallet_is_old(desk: Desk) -> None:
    claim = sent(desk)
    desk.aiq.listing = Lookup((MINE,))
    found = look(desk, claim, past=False)
    assert found is not None
    assert (found.points, found.redemption_id, desk.purse.spent) == (Points.YES, "r1", True)
    assert desk.moves(claim)[-1] == "found"


def test_what_is_not_found_was_not_taken_where_the_balance_agrees(desk: Desk) -> None:
    claim = sent(desk)
    after = look(desk, claim)
    assert after is not None
    assert after.points is Points.NO
    assert desk.moves(claim)[-1] == "not found"


def test_two_redemptions_are_a_persons_and_on_the_work_list(desk: Desk) -> None:
    desk.aiq.listing = Lookup((MINE, replace(MINE, redemption_id="r2")))
    claim = sent(desk)
    after = look(desk, claim)
    assert after is not None
    assert (after.end, desk.moves(claim)[-1]) == (End.SUSPECT, "suspect")
    assert "AIQ lists 2 redemptions" in str(desk.ledger.reports("R1"))


def test_a_listing_that_cannot_be_read_proves_nothing(desk: Desk) -> None:
    claim = sent(desk)
    desk.aiq.listing = ProtocolError("it does not end")
    assert look(desk, claim) is None
    assert desk.kept(claim) == claim


@pytest.mark.parametrize(
    ("past", "live", "reads"), [(True, False, 1), (False, False, 0), (True, True, 0)], ids=["old", "young", "listed"]
)
def test_the_balance_is_asked_only_where_it_can_decide(desk: Desk, past: bool, live: bool, reads: int) -> None:
    claim = sent(desk)
    desk.reads = 0
    desk.aiq.listing = Lookup((MINE,)) if live else Lookup()
    look(desk, claim, past=past)
    assert desk.reads == reads


def test_nothing_is_proved_by_a_balance_that_cannot_be_read_or_is_somebody_elses(desk: Desk) -> None:
    claim = sent(desk)
    for wallet in (Unreachable("AIQ is away"), None, a_wallet(contact_id="c-M2"), a_wallet(None)):
        desk.wallet = wallet
        assert look(desk, claim) is None
    desk.wallet = a_wallet()
    assert look(desk, claim) is not None


def test_what_other_claims_took_since_is_missing_in_the_balance(desk: Desk) -> None:
    earlier = desk.opened(receipt_no="R0", points_cost=Decimal(70))
    desk.ledger.save_claim(earlier, mark_taken(earlier, NOW), "taken", NOW)
    under_way = desk.opened(receipt_no="R1b", points_cost=Decimal(400))
    under_way = desk.ledger.save_claim(under_way, mark_sent(under_way, NOW), "sent", NOW)
    desk.wallet = a_wallet(position=desk.ledger.position())
    claim = sent(desk)
    desk.ledger.save_answer(under_way, mark_taken(under_way, NOW), "found", NOW)
    later = desk.opened(receipt_no="R2", points_cost=Decimal(300))
    later = desk.ledger.save_claim(later, mark_sent(later, NOW), "sent", NOW)
    desk.ledger.save_answer(later, mark_taken(later, NOW), "taken", NOW)
    desk.wallet = a_wallet(699)
    assert look(desk, claim) is None, "one point is missing, nobody knows why"
    desk.wallet = a_wallet(700)
    assert look(desk, claim) is not None


def test_a_claims_own_points_do_not_count_as_spent_by_others(desk: Desk) -> None:
    claim = sent(desk, points=Points.YES)
    desk.ledger.save_claim(claim, mark_answer(claim, Points.NO), "test", NOW)
    doubtful = replace(desk.kept(claim), points=Points.YES, balance_before=Decimal(500), doubtful=True)
    doubtful = desk.ledger.save_claim(desk.kept(claim), doubtful, "test", NOW)
    desk.wallet = a_wallet(500)
    assert look(desk, doubtful) is None, "else its own 500 points would look like a refund"


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        ({"points": Points.YES}, True),
        ({"given_back": "adjust"}, True),
        ({"given_back": "hand"}, True),
        ({"given_back": "endpoint"}, False),
        ({}, False),
        ({"points": Points.YES, "collect": "done"}, False),
        ({"points": Points.YES, "discount_id": "d1"}, False),
    ],
)
@pytest.mark.parametrize("sale", [{"sale_guid": "earlier"}, {"generation": 7}], ids=["number again", "generation"])
def test_a_redemption_may_belong_to_another_claim_of_the_receipt_number(
    desk: Desk, other: dict[str, Any], counts: bool, sale: dict[str, Any]
) -> None:
    desk.opened(**sale, **other)
    claim = sent(desk)
    desk.aiq.listing = Lookup((MINE,))
    after = look(desk, claim, past=False)
    assert (after is None) is counts


@pytest.mark.parametrize(("given_back", "counts"), [("endpoint", True), ("adjust", False), ("", False)])
def test_a_refund_may_belong_to_another_claim(desk: Desk, given_back: str, counts: bool) -> None:
    desk.opened(generation=7, given_back=given_back)
    claim = sent(desk, points=Points.YES)
    desk.aiq.listing = Lookup(refunded=(MINE,))
    assert (look(desk, claim, past=False) is None) is counts


def test_aiq_is_asked_from_the_first_call_on(desk: Desk) -> None:
    earlier, long_ago = NOW - timedelta(hours=5), NOW - timedelta(days=9)
    event = NOW - timedelta(hours=1)
    for number, (claim, since) in enumerate([
        (a_claim(sent_at=NOW), NOW),
        (a_claim(sent_at=NOW, taken_at=earlier), earlier),
        (a_claim(sent_at=NOW, doubtful=True), event - LOOK_BACK),
        (a_claim(taken_at=long_ago, doubtful=True), long_ago),
        (a_claim(), event - LOOK_BACK),
    ]):  # fmt: skip
        one = desk.opened(**{**_fields(claim), "receipt_no": f"R{number}", "contact_id": "c-M1"})
        look(desk, one, past=False, event_at=event)
        assert desk.aiq.asked[-1] == ("c-M1", "d4", f"R{number}", since)
    look(desk, desk.opened(receipt_no="R9", doubtful=True, contact_id="c-M1"), past=False)
    assert desk.aiq.asked[-1][3] == desk.clock.now() - LOOK_BACK


def _fields(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in ("sent_at", "taken_at", "doubtful")}


@pytest.mark.parametrize(("says", "points"), [("Taken", Points.YES), ("Given Back", Points.NO)])
def test_the_journal_names_what_navs_row_said(desk: Desk, says: str, points: Points) -> None:
    claim = desk.opened(doubtful=True)
    after = desk.teller.believe_nav(claim, a_grant(points=says, redemption_id=claim.key), PROBE)
    assert (after.points, desk.moves(claim)[-1]) == (points, f"NAV's row says {says.lower()}")


# ---- whose points ----------------------------------------------------------------------------------------------------


def asked_for(desk: Desk, **more: Any) -> str | None:
    """The person whose redemptions AIQ was asked for; None: it was not asked."""
    desk.aiq.asked.clear()
    look(desk, desk.opened(doubtful=True, **more), past=False)
    return desk.aiq.asked[-1][0] if desk.aiq.asked else None


def test_the_person_who_is_pinned_counts_before_the_one_that_aiq_shows_now(desk: Desk) -> None:
    desk.ledger.save_person("M1", Persona(LoyaltyStatus.MEMBER, "c-now"), NOW)
    desk.purse.wallet = a_wallet(contact_id="c-wallet")
    assert asked_for(desk, contact_id="c-first") == "c-first"
    assert asked_for(desk, receipt_no="R2") == "c-now"
    assert asked_for(desk, receipt_no="R3", member_card_no="M9") == "c-wallet"
    assert desk.reads == 0


def test_who_is_not_known_is_asked_of_aiqs_wallet(desk: Desk) -> None:
    assert asked_for(desk) == "c-M1"
    desk.purse.wallet, desk.wallet = None, a_wallet(contact_id="")
    assert asked_for(desk, receipt_no="R2") == ""
    desk.purse.wallet, desk.wallet = None, Unreachable("AIQ is away")
    assert asked_for(desk, receipt_no="R3") is None
    desk.purse.contact = None
    assert asked_for(desk, receipt_no="R4") == ""


def test_where_only_a_hash_is_kept_the_wallet_must_fit_it(tmp_path: Path, clock: ScriptedClock) -> None:
    Desk(tmp_path / "l.db", clock, key=b"key").opened(contact_id="c-M1", doubtful=True)
    desk = Desk(tmp_path / "l.db", clock, key=b"key")  # a restart: it has seen no id of a person yet
    (claim,) = desk.ledger.open_claims()
    assert claim.contact_id != "c-M1"
    desk.wallet = a_wallet(contact_id="c-M2")
    assert look(desk, claim) is None
    assert desk.aiq.asked == []
    desk.purse.wallet, desk.wallet = None, a_wallet()
    look(desk, claim)
    assert desk.aiq.asked[0][0] == "c-M1"
    desk.ledger.close()


@pytest.mark.parametrize("collection", [False, True])
def test_where_aiq_goes_on_showing_another_person_a_person_must_look(
    tmp_path: Path, clock: ScriptedClock, collection: bool
) -> None:
    before = Desk(tmp_path / "l.db", clock, key=b"key")
    before.opened(contact_id="c-M1", points=Points.REFUSED if collection else Points.YES)
    before.ledger.close()
    desk = Desk(tmp_path / "l.db", clock, key=b"key")
    desk.wallet = a_wallet(contact_id="c-M2")
    call = desk.teller.collect if collection else lambda claim, _: desk.refund(claim)
    for minute in range(11):
        (claim,) = desk.ledger.list_claims()
        assert claim.end is End.OPEN
        call(claim, desk.purse)
        asked = desk.reads
        if minute == 0:
            call(claim, desk.purse)
            assert desk.reads == asked, "a second question at once would be too much"
        clock.advance(seconds=60)
    (claim,) = desk.ledger.list_claims()
    assert (claim.end, desk.aiq.sent) == (End.SUSPECT, [])
    assert claim.reason.startswith("AIQ shows another person for this member card")
    desk.ledger.close()


def test_no_refund_and_no_collection_goes_out_while_the_person_is_not_known(desk: Desk) -> None:
    desk.wallet = Unreachable("AIQ is away")
    taken = desk.opened(points=Points.YES)
    assert desk.refund(taken) is None
    assert desk.teller.collect(desk.opened(receipt_no="R2", points=Points.REFUSED), desk.purse) is None
    assert (desk.kept(taken), desk.aiq.sent) == (taken, [])


# ---- answers that meet somebody else ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("held", "written"), [(5, True), (6, False)])
def test_an_answer_waits_for_a_ledger_that_is_held(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, held: int, written: bool
) -> None:
    claim, save, tries = desk.opened(), desk.ledger.save_answer, []

    def busy(*given: Any) -> Claim:
        tries.append(given)
        if len(tries) <= held:
            raise LedgerBusy("held")
        return save(*given)

    monkeypatch.setattr(desk.ledger, "save_answer", busy)
    if written:
        desk.redeem(claim)
    else:
        with pytest.raises(LedgerBusy):
            desk.redeem(claim)
    assert desk.kept(claim).points is (Points.YES if written else Points.SENT)
    assert len(tries) == 6
    for _ in range(2):
        desk.teller.sender.write_late_answers()
    assert (desk.kept(claim).points, len(tries)) == (Points.YES, 6 if written else 7)


def test_an_answer_is_written_also_by_a_worker_that_was_followed(desk: Desk, other: SqlLedger) -> None:
    claim = desk.opened()
    desk.aiq.on_send = lambda: other.take_watch("C", "other", NOW)
    taken = desk.redeem(claim)
    assert taken is not None
    assert desk.kept(claim).points is Points.YES


def followed(desk: Desk, other: SqlLedger, *steps: tuple[str, Any], receipt_no: str = "R1") -> None:
    """While the call is under way, a second worker takes over and moves the claim by these steps."""

    def meanwhile() -> None:
        other.take_watch("C", "other", NOW)
        for move, after in steps:
            (there,) = other.claims_of(receipt_no)
            other.save_claim(there, after(there), move, NOW)

    desk.aiq.on_send = meanwhile


NOT_FOUND = ("not found", lambda c: mark_answer(c, Points.NO))
FOUND = ("found", lambda c: mark_taken(c, NOW))
SENT_AGAIN = ("sent", lambda c: mark_sent(c, NOW))
SETTLED = ("settle", lambda c: mark_end(c, End.SETTLED))
RELEASED = ("release", lambda c: mark_end(c, End.RELEASED))
REFUND_SENT = ("refund sent", lambda c: mark_sent(c, NOW, refunding=True))
BACK = ("given back", lambda c: mark_given_back(c, "endpoint"))


@pytest.mark.parametrize(
    ("steps", "stray"),
    [
        ([NOT_FOUND], True),
        ([NOT_FOUND, RELEASED], True),
        ([NOT_FOUND, SENT_AGAIN, ("taken", FOUND[1])], True),
        ([FOUND], False),
        ([FOUND, SETTLED], False),
        ([FOUND, REFUND_SENT, BACK], False),
    ],
    ids=["not found", "released", "taken again", "found", "settled", "found and given back"],
)  # fmt: skip
def test_points_that_another_worker_did_not_count_are_a_persons(
    desk: Desk, other: SqlLedger, steps: list[tuple[str, Any]], stray: bool
) -> None:
    claim = desk.opened()
    followed(desk, other, *steps)
    with pytest.raises(LedgerUnusable):
        desk.redeem(claim)
    there = desk.kept(claim)
    assert (desk.moves(claim)[-1] == "moved twice") is stray
    if stray:
        text = "two calls may have taken these points; if AIQ shows both, undo one, then say `taken`"
        assert (there.end, there.reason, there.needs_person) == (End.SUSPECT, text, True)


def test_of_several_calls_the_one_that_is_answered_counts(desk: Desk, other: SqlLedger) -> None:
    """The first call was found not to be there; the second one, which another worker looked up, was."""
    claim = sent(desk)
    after = look(desk, claim)
    assert after is not None
    desk.aiq.answer = "r1"
    followed(desk, other, FOUND)
    with pytest.raises(LedgerUnusable):
        desk.redeem(after)
    assert desk.moves(claim) == ["open", "sent", "redemption unknown", "not found", "sent", "found"]


@pytest.mark.parametrize(("steps", "stray"), [([("not found", lambda c: mark_taken(c, NOW))], True), ([BACK], False)])
def test_a_refund_that_another_worker_did_not_count_is_a_persons(
    desk: Desk, other: SqlLedger, steps: list[tuple[str, Any]], stray: bool
) -> None:
    claim = desk.opened(points=Points.YES)
    followed(desk, other, *steps)
    with pytest.raises(LedgerUnusable):
        desk.refund(claim)
    assert ("two calls may have given back these points" in desk.kept(claim).reason) is stray


def test_a_collection_that_another_worker_did_not_count_is_a_persons(desk: Desk, other: SqlLedger) -> None:
    for receipt, step, stray in (("R1", ("not found", lambda c: mark_answer(c, Points.REFUSED)), True),
                                 ("R2", FOUND, False)):  # fmt: skip
        claim = desk.opened(receipt_no=receipt, points=Points.REFUSED, contact_id="c-M1")
        followed(desk, other, step, receipt_no=receipt)
        with pytest.raises(LedgerUnusable):
            desk.teller.collect(claim, desk.purse)
        assert (desk.moves(claim)[-1] == "moved twice") is stray
        desk.ledger.take_watch("C", "again", NOW)


def test_with_keys_the_same_call_twice_takes_nothing_more(desk: Desk, other: SqlLedger) -> None:
    claim = desk.opened()
    followed(desk, other, NOT_FOUND)
    with pytest.raises(LedgerUnusable):
        desk.redeem(claim, KEYED)
    assert desk.moves(claim)[-1] == "not found"
