"""What a snapshot shows of one claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from navplugin.claim_view import Minimum, view_of
from navplugin.claims import SAFETY
from navplugin.core.model import Claim, GrantStatus, SaleState, Snapshot
from tests.support_claims import NOW, a_claim, a_grant, a_posted_sale, a_sale, an_open_sale

LATER = NOW + timedelta(minutes=1)


def seen(snapshot: Snapshot, claim: Claim | None = None, minimum: Minimum | None = None):
    return view_of(claim or a_claim(), snapshot, "", minimum or Minimum())


def test_the_row_of_another_member_is_not_the_claims_own() -> None:
    """After another card was put on the sale, the same coupon code may be granted and picked for that member."""
    own, other = seen(an_open_sale(a_grant())), seen(an_open_sale(a_grant(member_ref="M2")))
    assert own.pick
    assert own.grant is not None
    assert not other.pick
    assert other.grant is None
    assert other.line, "the line is on the sale whoever it is for"
    swapped = seen(an_open_sale(a_grant(member_ref="M2"), member_card_no="M2"))
    assert (swapped.pick, swapped.grant) == (False, None)
    assert not seen(an_open_sale(a_grant(), coupons=["AP0001"])).line
    assert not seen(an_open_sale(a_grant(status=GrantStatus.GRANTED))).pick
    assert own.returned == ""
    assert view_of(a_claim(), a_posted_sale(), "", Minimum(), returned="full").returned == "full"


@pytest.mark.parametrize(
    ("status", "at_total", "said"),
    [(GrantStatus.APPLIED, "100", ""), (GrantStatus.APPLIED, "80", "posted 100.00, [Total] gave 80.00"),
     (GrantStatus.INSERTED, "0", "")],
)  # fmt: skip
def test_another_amount_than_total_gave_is_named(status: GrantStatus, at_total: str, said: str) -> None:
    """Without an amount of [Total] there is nothing to compare with."""
    row = a_grant(status=status, applied_amount=Decimal(at_total))
    assert seen(a_posted_sale(row)).disagrees == said


# ---- what can be read ----------------------------------------------------------------------------------------------


def test_a_sale_is_readable_with_its_journal_or_its_posted_sale() -> None:
    opened, posted = an_open_sale(a_grant()), a_posted_sale(a_grant())
    assert seen(opened).readable
    assert seen(posted).readable
    assert not seen(replace(opened, journal=None)).readable
    assert not seen(replace(posted, posted=None)).readable
    assert seen(replace(posted, posted=None, sale=a_sale(SaleState.VOIDED))).readable
    assert not seen(opened, a_claim(sale_guid="another sale under this number")).readable


def test_what_cannot_be_read_shows_no_line_and_keeps_the_pick() -> None:
    hidden = seen(replace(an_open_sale(a_grant()), journal=None), a_claim(missing_since=NOW))
    assert (hidden.line, hidden.pick, hidden.since) == (False, True, NOW)


def test_a_suspended_sale_counts_from_its_own_event() -> None:
    suspended = an_open_sale(a_grant(), state=SaleState.SUSPENDED, event_at=NOW)
    assert seen(suspended).since == NOW
    assert seen(an_open_sale(a_grant(), event_at=NOW)).since is None
    earlier = a_claim(sale_guid="another sale under this number", missing_since=LATER)
    assert seen(suspended, earlier).since == LATER


def test_a_posted_header_alone_voids_the_sale() -> None:
    assert seen(a_posted_sale(a_grant(), voided=True)).state is SaleState.VOIDED


# ---- why a pick may not stand --------------------------------------------------------------------------------------

APPLIED = GrantStatus.APPLIED


def withheld(minimum: Minimum | None = None, basket: str = "120", **grant: Any) -> str:
    row = {n: Decimal(v) if n in ("min_amount", "min_balance", "applied_amount", "value") else v
           for n, v in grant.items()}  # fmt: skip
    return seen(an_open_sale(a_grant(**row), basket=basket), minimum=minimum).withheld


def test_a_rule_that_forbids_comes_before_the_minimum() -> None:
    sale = an_open_sale(a_grant(min_balance=Decimal(500)))
    assert view_of(a_claim(), sale, "a rule", Minimum()).withheld == "a rule"
    assert view_of(a_claim(), sale, "", Minimum()).withheld == "Needs 500.00, the sale is at 120.00."
    assert view_of(a_claim(), sale, "", Minimum(), rules=SAFETY - {"minimum"}).withheld == ""


@pytest.mark.parametrize(("basket", "kept"), [("100", True), ("99.98", False)])
def test_the_least_balance_is_enough(basket: str, kept: bool) -> None:
    assert (withheld(basket=basket, min_balance="100") == "") is kept


@pytest.mark.parametrize(
    ("reached", "basket", "said"),
    [("at-least", "100", ""), ("at-least", "99.98", "Needs 100.00, the sale is at 99.98."),
     ("above", "100", "Needs 100.00, the sale is at 100.00."), ("above", "100.02", "")],
)  # fmt: skip
def test_a_minimum_is_reached_at_or_above_its_amount(reached: str, basket: str, said: str) -> None:
    assert withheld(Minimum(reached=reached), basket, min_amount="100") == said
    assert withheld(Minimum(reached=reached), basket) == "", "no minimum"
    assert withheld(basket="100", min_amount="100") == withheld(Minimum(), "100", min_amount="100") == ""
    assert withheld(basket="100", min_amount="100", status=GrantStatus.GRANTED) == "", "it is picked no more"


def test_a_minimum_is_judged_before_or_after_the_discounts_that_were_picked_earlier() -> None:
    earlier, later = a_grant("AP0001", value=Decimal(30)), a_grant(min_amount=Decimal(100), picked_at=LATER)
    sale = an_open_sale(earlier, later, coupons=["AP0001", "AP0004"])
    assert seen(sale, minimum=Minimum("before")).withheld == seen(sale).withheld == ""
    assert seen(sale, minimum=Minimum("after")).withheld == "Needs 100.00, the sale is at 90.00."
    percent = an_open_sale(replace(earlier, value_kind="percent"), later, coupons=["AP0001", "AP0004"])
    assert seen(percent, minimum=Minimum("after")).withheld == ""
    first = an_open_sale(replace(earlier, picked_at=LATER), replace(later, picked_at=NOW))
    assert seen(first, minimum=Minimum("after")).withheld == "", "what was picked later does not count"


@pytest.mark.parametrize(
    ("short", "given", "said"),
    [
        ("release", "100", ""),
        ("release", "60", "The discount gives only 60.00 on this sale."),
        ("ask", "60", ""),
        ("take", "60", ""),
        ("ask", "0", "The discount gives nothing on this sale."),
        ("release", "0", "The discount gives nothing on this sale."),
    ],
)
def test_a_discount_that_total_cut_short_is_treated_as_the_store_says(short: str, given: str, said: str) -> None:
    minimum = Minimum(short=short)
    assert withheld(minimum, status=APPLIED, applied_amount=given) == said
    assert withheld(minimum, status=GrantStatus.INSERTED, applied_amount=given) == "", "[Total] has not spoken"
    if given == "60":
        assert withheld(minimum, status=APPLIED, applied_amount=given, value_kind="percent") == ""


# ---- what was posted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "said"), [("M1", ""), ("", "posted without the member"),
                         ("M2", "posted for another member than it was picked for")],
)  # fmt: skip
def test_a_sale_that_was_posted_for_another_member_disagrees(member: str, said: str) -> None:
    view = seen(a_posted_sale(a_grant(), member_card_no=member))
    assert (view.disagrees, view.line, view.applied) == (said, True, Decimal(100))


def test_a_posted_sale_below_the_least_balance_disagrees() -> None:
    assert seen(a_posted_sale(a_grant(min_balance=Decimal(120)))).disagrees == ""
    said = seen(a_posted_sale(a_grant(min_balance=Decimal(121)))).disagrees
    assert said == "posted at 120.00, the discount needs 121.00"


def test_a_posted_sale_without_the_discount_agrees_with_everything() -> None:
    view = seen(a_posted_sale(a_grant(), given="0", member_card_no="M2"))
    assert (view.disagrees, view.line, view.applied) == ("", False, Decimal(0))
