"""The judge of the crash runs can say no, in every mode."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.model import Claim, End, Points
from tests.crash.heard import Heard, SentSignup
from tests.crash.judge import JOIN_SECONDS, SENT_TWICE, Evidence, Verdict, judge
from tests.crash.modes import BY_NAME, MODES, Mode

POSTED, BLIND, ADJUST, BY_HAND, PIN = (
    BY_NAME[name]
    for name in (
        "posted probe endpoint", "posted blind manual", "posted probe adjust", "total probe manual", "pin",
    )
)  # fmt: skip
ME = {"contactID": "contact-1003", "mobilePhone": "5550101003", "loyalty": True}
OTHER = {"contactID": "contact-1004", "mobilePhone": "5550101004", "loyalty": True}
LINES = [{"Item_No": "FLOWER", "Quantity": "-1.00"}, {"Item_No": "VAPE", "Quantity": "-1.00"}]


def sale(**more: Any) -> dict[str, Any]:
    usual = {"Receipt_No": "R1", "Entry_Status": " ", "Sale_Is_Return_Sale": False, "Refund_Receipt_No": "",
             "Member_Card_No": "M1003", "discounts": [{"Offer_No": "TDO0004"}], "lines": LINES}  # fmt: skip
    return {**usual, **more}


def back(*items: str, **more: Any) -> dict[str, Any]:
    lines = [{"Item_No": item, "Quantity": "1.00"} for item in items]
    return sale(Receipt_No="R2", Sale_Is_Return_Sale=True, Refund_Receipt_No="R1", lines=lines, **more)


def redeemed(**more: Any) -> dict[str, Any]:
    return {"reference": "R1", "discount_id": "9004", "contact_id": "contact-1003", "refunded": False, **more}


def adjusted(value: str, reference: str = "R1") -> dict[str, Any]:
    return {"value": value, "reference": reference, "contact_id": "contact-1003"}


def claim(**more: Any) -> Claim:
    base = {"points": Points.SENT, "end": End.SUSPECT, **more}
    return Claim("C", "S1", "R1", "g", "AP0004", 1, "M1003", "9004", "TDO0004", Decimal(500), Decimal(100), **base)


def judged(
    sales: list[dict[str, Any]], redemptions: list[dict[str, Any]], mode: Mode = POSTED,
    adjustments: tuple[dict[str, Any], ...] = (), personas: tuple[dict[str, Any], ...] = (ME, OTHER), lost: int = 9,
    **evidence: Any,
) -> Verdict:  # fmt: skip
    verdict = Verdict(mode.name, lost_answers=lost)
    aiq = {"redemptions": redemptions, "adjustments": list(adjustments), "personas": list(personas)}
    judge(Evidence({"sales": sales, "aiq": aiq}, **evidence), mode, verdict)
    return verdict


def faults(verdict: Verdict) -> tuple[int, int, int]:
    return len(verdict.doubled), len(verdict.missing), len(verdict.troubles)


@pytest.mark.parametrize(
    ("one", "redemptions", "doubled", "missing"),
    [
        (sale(), 1, 0, 0), (sale(), 0, 0, 1), (sale(), 2, 1, 0), (sale(discounts=[]), 1, 1, 0),
        (sale(Entry_Status="Voided"), 1, 1, 0), (sale(Entry_Status="Voided"), 0, 0, 0),
    ],
)  # fmt: skip
def test_each_posted_discount_wants_one_redemption(
    one: dict[str, Any], redemptions: int, doubled: int, missing: int
) -> None:
    assert faults(judged([one], [redeemed()] * redemptions)) == (doubled, missing, 0)


def test_the_points_of_another_member_are_doubled_there_and_missing_here() -> None:
    assert faults(judged([sale()], [redeemed(contact_id="contact-1004")])) == (1, 1, 0)


@pytest.mark.parametrize(
    ("returns", "wanted"),
    [
        ([back("FLOWER", "VAPE")], 0), ([back("FLOWER")], 1), ([back("FLOWER"), back("VAPE")], 0),
        ([back("FLOWER", "VAPE", Entry_Status="Voided")], 1),
        ([back("FLOWER"), back("VAPE", Entry_Status="Voided")], 1),
    ],
)  # fmt: skip
def test_a_full_return_that_was_not_voided_gives_the_points_back(returns: list[dict[str, Any]], wanted: int) -> None:
    assert faults(judged([sale(), *returns], [redeemed()])) == (1 - wanted, 0, 0)
    assert faults(judged([sale(), *returns], [redeemed(refunded=True)])) == (0, wanted, 0)


def test_an_adjustment_gives_a_redemption_back_once() -> None:
    voided = [sale(Entry_Status="Voided")]
    assert faults(judged(voided, [redeemed()], ADJUST, (adjusted("500.00"),))) == (0, 0, 0)
    assert faults(judged(voided, [redeemed()], ADJUST, (adjusted("500.00"), adjusted("500.00")))) == (0, 1, 0)
    assert faults(judged(voided, [redeemed()], ADJUST, (adjusted("100.00"),))) == (1, 1, 0)
    assert faults(judged(voided, [], ADJUST, (adjusted("77.00"),))) == (0, 0, 1)
    assert faults(judged(voided, [redeemed()], ADJUST, (adjusted("500.00", "R9"),))) == (1, 1, 0)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_a_redemption_whose_outcome_is_unknown_is_for_a_person_with_blind_only(mode: Mode) -> None:
    for redemptions in ([], [redeemed()]):
        verdict = judged([sale()], redemptions, mode, claims=[claim()], proven=frozenset({("R1", "M1003")}))
        assert len(verdict.for_a_person) == (mode.lookup == "blind")
        assert len(verdict.troubles) == (mode.lookup != "blind")
        assert verdict.ok is (mode.lookup == "blind")


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_a_lost_refund_is_for_a_person_where_it_cannot_be_looked_up(mode: Mode) -> None:
    verdict = judged([sale(Entry_Status="Voided")], [redeemed()], mode, claims=[claim(refunding=True)])
    assert verdict.ok is (mode.lookup == "blind" or mode.refund == "adjust")


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_points_to_give_back_by_hand_are_for_a_person_where_they_are_too_many(mode: Mode) -> None:
    taken = claim(points=Points.YES)
    verdict = judged([sale(Entry_Status="Voided")], [redeemed()], mode, claims=[taken])
    assert verdict.ok is mode.gives_back_by_hand
    assert not judged([sale()], [redeemed()], mode, claims=[taken]).ok


def test_a_person_explains_one_difference_and_not_two() -> None:
    assert faults(judged([sale()], [redeemed()] * 2, BLIND, claims=[claim()])) == (0, 0, 0)
    assert faults(judged([sale()], [redeemed()] * 3, BLIND, claims=[claim()])) == (1, 0, 0)
    assert faults(judged([sale()], [], BLIND, claims=[claim(resolved="said")])) == (0, 1, 0)


def test_more_unknown_outcomes_than_answers_were_lost_are_trouble() -> None:
    assert faults(judged([sale()], [redeemed()], BLIND, claims=[claim()], lost=1)) == (0, 0, 0)
    assert faults(judged([sale()], [redeemed()], BLIND, claims=[claim()], lost=0)) == (0, 0, 1)


def test_nobody_owes_points_where_members_are_rich() -> None:
    owed = claim(points=Points.REFUSED, end=End.OWED)
    assert faults(judged([sale()], [], BY_HAND, claims=[owed])) == (0, 1, 1)


def test_a_return_that_was_voided_may_be_for_a_person() -> None:
    sales = [sale(), back("FLOWER", "VAPE", Entry_Status="Voided")]
    assert judged(sales, [redeemed(refunded=True)], claims=[claim(points=Points.NO)]).ok
    assert not judged([sale(), back("FLOWER")], [redeemed(refunded=True)], claims=[claim(points=Points.NO)]).ok


def test_who_said_yes_is_a_loyalty_member_once() -> None:
    assert judged([], [], yes=["M1003"]).ok
    assert not judged([], [], yes=["M1003"], personas=(OTHER,)).ok
    assert not judged([], [], yes=["M1003"], personas=({**ME, "loyalty": False},)).ok
    assert not judged([], [], personas=(ME, {**ME, "contactID": "again"})).ok


def test_nobody_is_signed_up_who_had_joined_long_before() -> None:
    def heard(*sent: tuple[bool, float]) -> Heard:
        return Heard(Counter(), [SentSignup("5550101003", was_member, at) for was_member, at in sent])

    assert judged([], [], heard=heard((False, 0), (True, 1))).ok  # a lost answer, looked up too early
    assert not judged([], [], heard=heard((False, 0), (True, JOIN_SECONDS + 1))).ok
    assert judged([], [], heard=heard((False, 0), (False, JOIN_SECONDS + 1))).ok


def test_a_sign_up_that_two_deaths_used_up_is_for_a_person() -> None:
    said = {"M1003": f"receipt R1: refused, 2 tries, {SENT_TWICE}"}
    verdict = judged([], [], yes=["M1003"], personas=(OTHER,), noted=said)
    assert (verdict.ok, len(verdict.for_a_person)) == (True, 1)
    assert not judged([], [], yes=["M1003"], personas=(OTHER,), noted={"M1003": "refused, 1 try"}).ok


def test_a_discount_behind_a_pin_wants_somebody_who_was_there() -> None:
    assert judged([sale()], [redeemed()], PIN, proven=frozenset({("R1", "M1003")})).ok
    assert not judged([sale()], [redeemed()], PIN, proven=frozenset({("R1", "M1004")})).ok
    assert judged([sale(discounts=[])], [], PIN).ok


def test_figures_of_several_runs_add_up() -> None:
    whole = Verdict("posted")
    whole.add(Verdict("posted", kills=2, stalls=1, drain_seconds=3.0, missing=["one"]))
    whole.add(Verdict("posted", kills=5, drain_seconds=1.0))
    assert (whole.strikes, whole.kills, whole.drain_seconds, whole.ok) == (8, 7, 3.0, False)
