"""What a snapshot shows of one claim."""

from __future__ import annotations

from decimal import Decimal

import pytest

from navplugin.claim_view import Minimum, view_of
from navplugin.core.model import Claim, GrantStatus, Snapshot
from tests.support_claims import a_claim, a_grant, a_posted_sale, an_open_sale


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


@pytest.mark.parametrize(
    ("status", "at_total", "said"),
    [(GrantStatus.APPLIED, "100", ""), (GrantStatus.APPLIED, "80", "posted 100.00, [Total] gave 80.00"),
     (GrantStatus.INSERTED, "0", "")],
)  # fmt: skip
def test_another_amount_than_total_gave_is_named(status: GrantStatus, at_total: str, said: str) -> None:
    """Without an amount of [Total] there is nothing to compare with."""
    row = a_grant(status=status, applied_amount=Decimal(at_total))
    assert seen(a_posted_sale(row)).disagrees == said
