"""The audit over books that a test wrote: what it finds, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from navplugin.audit import PATIENCE, Books, absorbed, audit, returned_in, unknown_to_ledger
from navplugin.claims import Policy
from navplugin.core.model import (
    Claim,
    End,
    Grant,
    GrantStatus,
    JournalLine,
    Offer,
    Points,
    PostedDiscount,
    PostedSale,
    Sale,
    SaleState,
    Snapshot,
)
from navplugin.core.ports import Redemption

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
COST, OFF = Decimal(100), Decimal("10.00")
SETTLED_STEPS = (("open", "no", "OPEN"), ("taken", "yes", "OPEN"), ("settle", "yes", "SETTLED"))


def a_claim(points: Points = Points.YES, end: End = End.SETTLED, **more: Any) -> Claim:
    claim = Claim("C", "S0001", "R1", "g-R1", "AP1", 1, "M1", "d1", "TDO1", COST, OFF, points, end, applied=OFF)
    return replace(claim, **more)


SETTLED = a_claim()
RELEASED = a_claim(Points.NO, End.RELEASED, given_back="endpoint")


def a_sale(
    receipt: str = "R1", state: SaleState = SaleState.POSTED, *, at: datetime = BEFORE, sold: str = "",
    voided: bool = False, quantity: int = 2, grants: tuple[Grant, ...] = (), off: Decimal = OFF, member: str = "M1",
) -> Snapshot:  # fmt: skip
    """A sale of two A with a discount; with `sold` a return of that receipt."""
    lines = (JournalLine(10000, "Item", "A", quantity=Decimal(-quantity if sold else quantity)),)
    given = () if sold or not off else (PostedDiscount("TDO1", off),)
    posted = PostedSale(
        receipt, "S0001", "P0001", 1, member, "101", voided, bool(sold), sold, None, f"g-{receipt}", Decimal(0),
        lines, given,
    )  # fmt: skip
    sale = Sale(receipt, f"g-{receipt}", "S0001", "P0001", "101", member, state, "F", "", at, 1)
    return Snapshot("C", sale, None, posted, grants=grants)


def a_row(points: str = "Taken", names: str = SETTLED.key) -> Grant:
    return Grant(
        "R1", "AP1", "TDO1", "d1", "Ten off", "amount", OFF, COST, Decimal(0), Decimal(0), "", False, "M1", points,
        names, "", GrantStatus.APPLIED, None, "", 0, OFF,
    )  # fmt: skip


def redeemed(reference: str = "R1", **more: Any) -> Redemption:
    return replace(Redemption("p1", "d1", reference, COST), **more)


def steps_to(claim: Claim) -> Sequence[tuple[str, str, str]]:
    return (("open", "no", "OPEN"), ("whatever", claim.points.value, claim.end.value))


def books(
    *sales: Snapshot, claims: Iterable[Claim] = (SETTLED,), redemptions: Iterable[Redemption] = (redeemed(),),
    policy: Policy | None = None, **more: Any,
) -> Books:  # fmt: skip
    claims = tuple(claims)
    return replace(
        Books(
            claims=claims,
            journals={c.key: steps_to(c) for c in claims},
            sales={s.sale.receipt_no: s for s in sales},
            offers=[Offer("TDO1", "Ten off", True, "AP1")],
            mapped=frozenset({"AP1"}),
            redemptions=tuple(redemptions),
            contacts={"M1": "p1"},
            return_lines={},
            policies={"S0001": policy or Policy(refund="endpoint")},
            changed_at=dict.fromkeys((c.key for c in claims), BEFORE),
            now=NOW,
        ),
        **more,
    )


def found(looked_at: Books) -> list[tuple[str, str]]:
    return [(f.invariant, f.receipt_no) for f in audit(looked_at)]


def test_a_sale_with_its_points_taken_holds() -> None:
    assert found(books(a_sale(grants=(a_row(),)))) == []


# ---- returns -----------------------------------------------------------------------------------------------------


def test_a_sale_that_was_returned_before_the_worker_saw_it_needs_no_claim() -> None:
    looked_at = books(a_sale(), a_sale("B1", sold="R1"), claims=(), redemptions=())
    assert found(looked_at) == []
    assert found(replace(looked_at, sales={"R1": a_sale()})) == [("I5", "R1")]


def test_a_part_of_it_returned_leaves_the_discount_to_be_answered_for() -> None:
    sales = (a_sale(), a_sale("B1", sold="R1", quantity=1))
    assert found(books(*sales, claims=(), redemptions=())) == [("I5", "R1")]
    give = Policy(part_return="give", full_return="leave")
    assert found(books(*sales, claims=(), redemptions=(), policy=give)) == []
    assert found(books(*sales, policy=give)) == [("I1", "R1")]


@pytest.mark.parametrize("voided", [{"state": SaleState.VOIDED}, {"voided": True}])
def test_points_given_back_for_a_return_that_was_voided_are_found(voided: dict[str, Any]) -> None:
    returned = books(a_sale(), a_sale("B1", sold="R1"), claims=(RELEASED,), redemptions=())
    assert found(returned) == []
    sales = {"R1": a_sale(), "B1": a_sale("B1", sold="R1", **voided)}
    lines = {"R1": {"B1": {"A": Decimal(2)}}}
    assert found(replace(returned, sales=sales, return_lines=lines)) == [("I5", "R1")]
    answered = a_claim(Points.NO, End.OWED, generation=2)
    again = replace(books(claims=(RELEASED, answered), redemptions=()), sales=sales, return_lines=lines)
    assert found(again) == []


def test_the_ledger_speaks_for_returns_that_nav_no_longer_shows() -> None:
    lines = {"R1": {"B1": {"A": Decimal(1)}, "B2": {"A": Decimal(1)}}}
    looked_at = books(a_sale(), a_sale("B2", sold="R1", quantity=1), return_lines=lines)
    assert returned_in(looked_at) == {"R1": {"A": 2}}
    assert found(looked_at) == [("I1", "R1")]
    gone = a_sale("B2", sold="R1", quantity=1)
    unreadable = replace(looked_at, sales={"R1": a_sale(), "B2": replace(gone, posted=None)})
    assert returned_in(unreadable) == {"R1": {"A": 2}}, "a header that cannot be read says nothing"


# ---- voids -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voided", [{"state": SaleState.VOIDED}, {"voided": True}])
def test_points_of_a_voided_sale_are_found(voided: dict[str, Any]) -> None:
    looked_at = books(a_sale(**voided))
    assert found(looked_at) == [("I3", "R1")]
    assert ("header alone" in audit(looked_at)[0].text) is ("voided" in voided)
    assert found(books(a_sale(**voided), claims=(), redemptions=())) == [], "its lines need no claim"


# ---- one payment for one discount --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moves", "policy", "twice"),
    [
        (("refund sent", "refund unknown", "refund sent", "given back"), "adjust", True),
        (("refund sent", "given back", "refund sent", "given back"), "adjust", True),
        (("refund sent", "refund not sent", "refund sent", "given back"), "adjust", False),
        (("refund sent", "refund refused", "refund sent", "given back"), "adjust", False),
        (("refund sent", "found", "refund sent", "given back"), "adjust", True),
        (("refund sent", "found", "refund sent", "given back"), "endpoint", False),
        (("refund sent", "refund unknown", "suspect", "resolved: taken", "refund sent", "given back"), "adjust", False),
        (("collection sent", "collection unknown", "collection sent", "taken"), "endpoint", True),
        (("collection sent", "collection not sent", "collection sent", "taken"), "endpoint", False),
        (("collection sent", "collection refused", "not collected", "collection sent", "taken"), "endpoint", False),
        (("collection sent", "suspect", "resolved: not-taken", "collection sent", "taken"), "endpoint", False),
        (("collection sent", "taken", "refund sent", "given back"), "adjust", False),
    ],
)
def test_a_payment_that_no_listing_shows_is_sent_once(moves: tuple[str, ...], policy: str, twice: bool) -> None:
    collect = "done" if "collection sent" in moves else ""
    back = policy if moves[-1] == "given back" else ""
    claim = a_claim(Points.NO, End.RELEASED, given_back=back, collect=collect)
    steps = [(move, "sent", "OPEN") for move in moves] + [("release", "no", "RELEASED")]
    looked_at = books(claims=(claim,), redemptions=(), journals={claim.key: steps}, policy=Policy(refund=policy))
    assert [f.invariant for f in audit(looked_at)] == (["I9"] if twice else [])


def test_two_claims_that_were_paid_for_one_discount_are_found() -> None:
    both = (SETTLED, a_claim(coupon_code="AP2", discount_id="d2"))
    listed = (redeemed(), redeemed(discount_id="d2"))
    assert found(books(a_sale(), claims=both, redemptions=listed)) == [("I1", "R1")]
    given_back = (SETTLED, a_claim(Points.NO, End.RELEASED, coupon_code="AP2", discount_id="d2"))
    assert found(books(a_sale(), claims=given_back)) == []
    on_the_list = (SETTLED, a_claim(Points.YES, End.SUSPECT, coupon_code="AP2", discount_id="d2"))
    assert found(books(a_sale(), claims=on_the_list, redemptions=listed)) == []


def test_a_claim_that_is_over_ends_its_journal() -> None:
    assert found(books(a_sale(), journals={SETTLED.key: SETTLED_STEPS})) == []
    assert found(books(a_sale(), journals={SETTLED.key: SETTLED_STEPS[:-1]})) == [("I13", "R1")]
    assert found(books(a_sale(), journals={})) == [("I13", "R1")]


# ---- NAV's rows against the ledger -------------------------------------------------------------------------------

NO, SENT, SUSPECT = (a_claim(Points.NO, End.OPEN), a_claim(Points.SENT, End.OPEN), a_claim(Points.NO, End.SUSPECT))


@pytest.mark.parametrize(
    ("row", "claims", "wrong"),
    [
        (a_row("Taken"), (SETTLED,), False),
        (a_row("Taken"), (NO,), True),
        (a_row("Taken"), (SUSPECT,), True),
        (a_row("Taken"), (RELEASED,), True),
        (a_row("Taken"), (SENT,), False),
        (a_row("Taken"), (replace(RELEASED, given_back="hand", resolved="manager: given back"),), False),
        (a_row("Given Back"), (RELEASED,), False),
        (a_row("Given Back"), (SETTLED,), True),
        (a_row("Given Back"), (NO,), True),
        (a_row("Refused"), (NO,), False),
        (a_row(" "), (NO,), False),
        (a_row(" "), (), True),
        (a_row("Taken", names=""), (), True),
        (a_row("Taken", names=""), (SETTLED,), False),
        (a_row(" ", names=""), (), False),
        (a_row("Taken"), (replace(SETTLED, generation=2),), True),
    ],
)
def test_a_row_says_no_more_than_the_ledger(row: Grant, claims: tuple[Claim, ...], wrong: bool) -> None:
    shopping = replace(a_sale(state=SaleState.SALES, grants=(row,)), posted=None)
    looked_at = books(shopping, claims=claims, redemptions=())
    assert [f.invariant for f in unknown_to_ledger(looked_at)] == (["I14"] if wrong else [])


def test_a_new_ledger_over_an_old_nav_knows_nothing() -> None:
    looked_at = books(a_sale(grants=(a_row(),)), claims=(), mapped=frozenset())
    assert [f.invariant for f in unknown_to_ledger(looked_at)] == ["I12", "I14", "I5"]
    assert found(looked_at) == [("I12", "R1"), ("I14", "R1"), ("I5", "R1")]


def test_a_redemption_is_known_by_the_posted_sale_when_its_row_is_gone() -> None:
    looked_at = books(claims=())
    assert found(looked_at) == [], "a receipt that NAV does not know is somebody else's"
    posted = a_sale().posted
    assert found(replace(looked_at, posted_alone={"R1": posted})) == [("I12", "R1")]


def test_an_offer_without_a_row_or_a_mapping_is_no_business_of_aiq() -> None:
    assert found(books(a_sale(), claims=(), redemptions=(), mapped=frozenset())) == []


# ---- AIQ's listing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "listed", "wrong"),
    [
        ((SETTLED,), 1, []),
        ((SETTLED,), 0, ["I1"]),
        ((SETTLED,), 2, ["I1"]),
        ((SENT,), 1, []),
        ((a_claim(Points.YES, End.SUSPECT),), 0, []),
        ((SUSPECT,), 1, ["I1"]),
        ((a_claim(Points.SENT, End.SUSPECT),), 1, []),
        ((replace(RELEASED, given_back="adjust"),), 1, []),
        ((a_claim(collect="done"),), 0, []),
        ((replace(SETTLED, taken_at=NOW - timedelta(days=30)),), 0, []),
    ],
)
def test_aiq_lists_what_the_ledger_says(claims: tuple[Claim, ...], listed: int, wrong: list[str]) -> None:
    shopping = replace(a_sale(state=SaleState.SALES), posted=None)
    looked_at = books(shopping, claims=claims, redemptions=[redeemed()] * listed, listed_since=NOW - timedelta(days=7))
    assert [f.invariant for f in audit(looked_at)] == wrong


@pytest.mark.parametrize(
    ("contacts", "wrong"),
    [
        ({"M1": "p1"}, []),
        ({"M1": "p9"}, ["I4"]),
        ({}, []),
        ({"M1": "p9", SETTLED.key: "p1"}, []),
        ({"M1": "p1", SETTLED.key: "p9"}, ["I4"]),
    ],
)
def test_the_person_who_pays_is_the_one_of_the_claim(contacts: dict[str, str], wrong: list[str]) -> None:
    assert [f.invariant for f in audit(books(a_sale(), contacts=contacts))] == wrong


def test_what_aiq_took_is_what_the_claim_says() -> None:
    looked_at = books(a_sale(), redemptions=(redeemed(points=Decimal(250)),))
    (only,) = audit(looked_at)
    assert (only.invariant, only.text) == ("I1", "AIQ took 250 points, the claim says 100")
    assert found(books(a_sale(), redemptions=(redeemed(points=None),))) == []


def test_a_listing_that_could_not_be_read_proves_nothing() -> None:
    assert found(books(a_sale(), redemptions=(), claims=(SETTLED,))) == [("I1", "R1")]
    assert found(replace(books(a_sale()), redemptions=None)) == []


# ---- in flight ---------------------------------------------------------------------------------------------------

LATELY = NOW - PATIENCE + timedelta(seconds=1)


@pytest.mark.parametrize(
    "looked_at",
    [
        books(a_sale(at=LATELY), claims=(), redemptions=()),
        books(a_sale(at=LATELY, state=SaleState.VOIDED)),
        books(a_sale(), a_sale("B1", sold="R1", at=LATELY)),
        books(a_sale(), redemptions=(), changed_at={SETTLED.key: LATELY}),
        books(a_sale(), journals={}, changed_at={SETTLED.key: LATELY}),
        books(a_sale(), redemptions=(), changed_at={}),
        books(
            a_sale(), replace(a_sale("B1", SaleState.VOIDED, sold="R1", at=LATELY), posted=None),
            claims=(RELEASED,), redemptions=(), return_lines={"R1": {"B1": {"A": Decimal(2)}}},
        ),
    ],
    ids=["posted", "voided", "returned", "taken", "moved", "opened since", "return voided"],
)  # fmt: skip
def test_what_has_just_happened_is_left_alone(looked_at: Books) -> None:
    assert found(looked_at) == []
    old = {c.key: BEFORE for c in looked_at.claims}
    assert found(replace(looked_at, now=NOW + PATIENCE, changed_at=old)) != []


def test_a_claim_of_a_closed_sale_does_not_stay_open() -> None:
    still_open = a_claim(Points.NO, End.OPEN)
    assert found(books(a_sale(), claims=(still_open,), redemptions=())) == [("I8", "R1")]


# ---- what the store bears ----------------------------------------------------------------------------------------


def test_what_the_store_absorbs_is_a_figure_and_no_finding() -> None:
    by_store = a_claim(Points.REFUSED, End.OWED, resolved="absorbed by the store (owed = absorb)", applied=Decimal(100))
    by_person = replace(by_store, receipt_no="R2", resolved="manager: dealt with")
    assert absorbed([by_store, by_person, SETTLED]) == (Decimal(100), 1)
    assert found(books(a_sale(off=Decimal(100)), claims=(by_store,), redemptions=())) == []
