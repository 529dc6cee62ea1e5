"""Claims that this ledger does not know, sales that it took over, and posted lines that nobody picked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from navplugin.claims import SAFETY
from navplugin.core.model import Claim, End, Grant, GrantStatus, Offer, Points, SaleState, Snapshot, WalletDiscount
from navplugin.openings import applied_by_offer, claim_for, latest_by_code, openings, orphan_grants, typed_lines
from tests.support_claims import a_claim, a_grant, a_posted_sale, an_open_sale

KEY = a_claim().key
LATER_KEY = a_claim(generation=4).key
GRANTED = {"status": GrantStatus.GRANTED, "picked_at": None}


def opened(snapshot: Snapshot, *claims: Claim, **more: bool) -> list[tuple[int, bool, bool]]:
    """Generation, orphan and foreign of each opening."""
    return [(o.claim.generation, o.orphan, o.foreign) for o in openings(snapshot, claims, **more)]


# ---- keys that this ledger does not have ---------------------------------------------------------------------------


def test_a_pick_whose_row_names_an_unknown_claim_is_opened_under_that_generation() -> None:
    assert opened(an_open_sale(a_grant(redemption_id=LATER_KEY))) == [(4, False, True)]
    assert opened(an_open_sale(a_grant(redemption_id=KEY))) == [(1, False, True)]
    assert opened(an_open_sale(a_grant())) == [(1, False, False)]


def test_a_key_that_the_ledger_has_is_not_foreign() -> None:
    assert opened(an_open_sale(a_grant(redemption_id=KEY)), a_claim()) == []
    released = a_claim(end=End.RELEASED)
    assert opened(an_open_sale(a_grant(redemption_id=KEY)), released) == [(2, False, False)]


def test_a_row_that_names_a_later_claim_than_the_ledger_has_opens_it_beside_the_earlier_one() -> None:
    assert opened(an_open_sale(a_grant(redemption_id=LATER_KEY)), a_claim()) == [(4, True, True)]
    assert opened(a_posted_sale(a_grant(redemption_id=LATER_KEY)), a_claim()) == [(4, True, True)]


def test_a_key_under_the_name_that_the_company_had_before_is_the_same_claims() -> None:
    before, later = (a_claim(company="Before", generation=n).key for n in (1, 4))
    assert opened(an_open_sale(a_grant(redemption_id=before)), a_claim()) == []
    assert opened(an_open_sale(a_grant(redemption_id=later))) == [(4, False, True)]


def test_a_generation_never_goes_back() -> None:
    earlier = a_claim(generation=2).key
    assert opened(an_open_sale(a_grant(redemption_id=earlier)), a_claim(generation=5)) == [(6, True, True)]


@pytest.mark.parametrize(
    "key", ["someone's own number", "C/S0001/R1/g/AP0004/123456", "C/S0001/R1/g/AP0004/x", "C/S0001/R2/g/AP0004/9"]
)
def test_a_key_of_another_shape_or_sale_names_no_generation(key: str) -> None:
    assert opened(an_open_sale(a_grant(redemption_id=key))) == [(1, False, True)]


def test_where_nobody_can_look_only_points_that_nav_says_are_taken_are_opened() -> None:
    """Nobody could find out, and what was perhaps never taken would be a person's work."""
    for points, there in (("Taken", [(4, True, True)]), ("", []), ("Given Back", [])):
        sale = a_posted_sale(a_grant(redemption_id=LATER_KEY, points=points))
        assert opened(sale, may_look=False) == there
        assert opened(sale) == [(4, True, True)]


def test_without_the_rule_no_key_is_foreign() -> None:
    sale = an_open_sale(a_grant(redemption_id=LATER_KEY))
    found = openings(sale, (), rules=SAFETY - {"doubt"}, doubtful=True)
    assert [(o.claim.generation, o.foreign) for o in found] == [(1, False)]


# ---- sales that were there when the ledger took over ---------------------------------------------------------------


def test_on_a_sale_that_was_taken_over_each_row_that_was_picked_has_a_claim() -> None:
    once_picked = a_posted_sale(a_grant(status=GrantStatus.REVERSED))
    assert opened(once_picked, doubtful=True) == [(1, True, False)]
    assert opened(once_picked) == []
    assert opened(once_picked, a_claim(end=End.RELEASED), doubtful=True) == []
    assert opened(a_posted_sale(a_grant(**GRANTED)), doubtful=True) == []


def test_on_a_sale_that_was_taken_over_a_pick_is_opened_once() -> None:
    assert opened(an_open_sale(a_grant()), doubtful=True) == [(1, False, False)]
    assert len(openings(an_open_sale(a_grant(redemption_id=KEY)), iter([a_claim()]))) == 0


# ---- what is opened where ------------------------------------------------------------------------------------------


def test_picks_are_opened_on_open_sales_that_can_be_read() -> None:
    readable = an_open_sale(a_grant())
    assert len(opened(readable)) == 1
    assert opened(replace(readable, journal=None)) == []
    for state in (SaleState.SUSPENDED, SaleState.POSTED, SaleState.VOIDED):
        assert opened(an_open_sale(a_grant(), state=state)) == []


@pytest.mark.parametrize(("end", "there"), [(None, 1), (End.RELEASED, 1), (End.OPEN, 0), (End.SETTLED, 0)])
def test_a_posted_line_without_a_claim_gets_one_whatever_the_balance(end: End | None, there: int) -> None:
    grant, claims = a_grant(), [a_claim(end=end)] if end else []
    found = openings(a_posted_sale(grant), claims, [grant])
    assert [o.orphan for o in found] == [True] * there
    assert openings(a_posted_sale(grant), claims, [grant], SAFETY - {"orphan"}) == ()


def test_a_claim_is_made_from_the_row() -> None:
    grant = a_grant(picked_by="202", value=Decimal(30), points_cost=Decimal(90))
    claim = claim_for(an_open_sale(grant), grant, a_claim(generation=3))
    assert (claim.key, claim.staff_id, claim.pos_terminal_no) == (a_claim(generation=4).key, "202", "P0001")
    assert (claim.promised, claim.points_cost, claim.discount_id) == (Decimal(30), Decimal(90), "d4")
    assert (claim.points, claim.end, claim.doubtful) == (Points.NO, End.OPEN, False)
    percent = a_grant(picked_by="", value_kind="percent", value=Decimal(10))
    of_percent = claim_for(an_open_sale(percent), percent, None)
    assert (of_percent.promised, of_percent.staff_id) == (Decimal(0), "101")


def test_the_last_generation_of_each_code_counts() -> None:
    third, first, other = a_claim(generation=3), a_claim(), a_claim(coupon_code="AP0001")
    assert latest_by_code([third, other, first]) == {"AP0004": third, "AP0001": other}


# ---- lines that nobody picked --------------------------------------------------------------------------------------


def test_a_typed_code_is_known_by_a_row_or_by_aiqs_discounts() -> None:
    sale = an_open_sale(coupons=["AP0004", "AP0001", "STORE10"])
    rows = replace(sale, grants=(a_grant("AP0001", **GRANTED),))
    assert typed_lines(sale, [], []) == ()
    assert typed_lines(rows, [], ["AP0004"]) == ("AP0001", "AP0004")
    assert typed_lines(replace(rows, journal=None), [], ["AP0004"]) == ()
    many = [f"AP{n:04}" for n in range(40)]
    assert typed_lines(an_open_sale(coupons=reversed(many)), [], many) == tuple(many), "in a fixed order"
    assert typed_lines(an_open_sale(state=SaleState.SUSPENDED), [], ["AP0004"]) == ()


OFFER = Offer("AP0004", "AP0004", True, "AP0004")
DISCOUNT = WalletDiscount("d4", "AP0004", "100 off", Decimal(500))


def orphans(snapshot: Snapshot, offer: Offer = OFFER, *discounts: WalletDiscount) -> tuple[Grant, ...]:
    return orphan_grants(snapshot, [offer], discounts)


def test_a_posted_line_of_a_mapped_offer_is_found_by_its_row_or_by_aiqs_discount() -> None:
    row = a_grant(**GRANTED)
    assert orphans(a_posted_sale(row)) == (row,)
    assert orphans(a_posted_sale(row), OFFER, DISCOUNT) == (row,)
    assert orphans(a_posted_sale()) == ()
    (made,) = orphans(a_posted_sale(given="80"), OFFER, DISCOUNT)
    assert (made.value, made.applied_amount, made.points_cost, made.discount_ext_id) == (80, 80, 500, "d4")
    assert (made.value_kind, made.member_ref, made.status, made.picked_at) == ("amount", "M1", "Applied", None)
    assert (made.receipt_no, made.coupon_code, made.offer_no) == ("R1", "AP0004", "AP0004")
    assert (made.points, made.redemption_id, made.reason, made.min_amount) == ("", "", "", 0)
    assert (made.blocked_text, made.needs_pin, made.min_balance, made.picked_by) == ("", False, 0, "")


def test_a_row_of_another_offer_is_not_the_lines_own() -> None:
    row = a_grant(offer_no="AP0009", **GRANTED)
    assert orphans(a_posted_sale(row)) == ()
    (made,) = orphans(a_posted_sale(row), OFFER, DISCOUNT)
    assert made.offer_no == "AP0004"


def test_no_line_is_an_orphan_where_nothing_was_given_or_sold() -> None:
    row = a_grant(**GRANTED)
    sold = a_posted_sale(row)
    assert sold.posted is not None
    assert orphans(a_posted_sale(row, given="0")) == ()
    assert orphans(a_posted_sale(row, voided=True)) == ()
    assert orphans(a_posted_sale(row, is_return=True)) == ()
    assert orphans(replace(sold, posted=None)) == ()
    assert orphans(replace(sold, sale=replace(sold.sale, state=SaleState.VOIDED))) == ()
    assert orphans(sold, replace(OFFER, coupon_code="")) == ()
    assert orphans(sold, replace(OFFER, offer_no="AP0009")) == ()


def test_what_an_offer_gave_is_added_up() -> None:
    sold = a_posted_sale()
    assert sold.posted is not None
    twice = replace(sold, posted=replace(sold.posted, discounts=sold.posted.discounts * 2))
    assert applied_by_offer(twice) == {"AP0004": Decimal(200)}
    assert applied_by_offer(an_open_sale()) == {}
