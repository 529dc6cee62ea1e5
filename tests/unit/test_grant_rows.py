"""What a row in NAV is told of its claim, and how a pick is withdrawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from navplugin.core.model import (
    Claim,
    Effect,
    End,
    Grant,
    GrantStatus,
    Op,
    Points,
    SaleState,
    Snapshot,
    StagedRow,
    Want,
)
from navplugin.reconcile import GRANTS, SALE, claim_fields, reconcile_grants, withdraw
from tests.support_claims import a_claim, a_grant, an_open_sale

KEY = a_claim().key
TAKEN = a_claim(points=Points.YES)
WANT = Want(GRANTS, ("R1", "AP0004"), {"Points_Cost": 500}, {"Status": "Granted"})


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (a_claim(), ""),
        (a_claim(points=Points.SENT), ""),
        (TAKEN, "Taken"),
        (a_claim(points=Points.REFUSED), "Refused"),
        (a_claim(told=True), "Refused"),
        (a_claim(given_back="endpoint"), "Given Back"),
        (a_claim(points=Points.YES, given_back="endpoint"), "Taken"),
        (a_claim(points=Points.SENT, given_back="endpoint"), ""),
    ],
)
def test_the_row_says_where_the_points_are(claim: Claim, said: str) -> None:
    assert claim_fields(claim) == {"Redemption_ID": KEY, "Points": said}


def changes(
    grant: Grant, claim: Claim | None, want: Want | None = None, *, line: bool = True,
    row: dict[str, Any] | None = None, known: bool = True, state: SaleState = SaleState.SALES,
) -> list[Effect]:  # fmt: skip
    """What is written to one row that reads `row` in NAV."""
    sale = an_open_sale(grant, coupons=["AP0004"] if line else [], state=state)
    there = StagedRow(GRANTS, ("R1", "AP0004"), row or {}, "7")
    others = (StagedRow(GRANTS, ("R1", "AP0001"), {"Points": "?"}, "1"), StagedRow(SALE, ("R1", "AP0004"), {}, "1"))
    sale = replace(sale, rows=(*others, there))
    return list(reconcile_grants(sale, [want] if want else [], [claim] if claim else [], wallet_known=known))


def update(fields: dict[str, Any]) -> list[Effect]:
    return [Effect(Op.UPDATE, GRANTS, ("R1", "AP0004"), fields, "5")]


INSERTED = a_grant(etag="5")
REVERSED = replace(INSERTED, status=GrantStatus.REVERSED)
GRANTED = replace(INSERTED, status=GrantStatus.GRANTED)


def test_a_picked_row_follows_its_claim() -> None:
    wanted = {"Redemption_ID": KEY, "Points": "Taken"}
    assert changes(INSERTED, TAKEN) == update(wanted)
    assert changes(INSERTED, TAKEN, WANT) == update(wanted)
    assert changes(INSERTED, TAKEN, row=wanted) == []
    assert changes(INSERTED, None) == []
    assert changes(GRANTED, TAKEN, known=False) == [], "the pick is over"


def test_what_nav_says_of_a_doubtful_claim_is_left_as_it_is() -> None:
    """It is evidence until the claim has been looked up."""
    assert changes(INSERTED, replace(TAKEN, doubtful=True)) == []
    assert changes(INSERTED, replace(TAKEN, doubtful=True), WANT) == []


def test_a_row_of_another_member_is_not_told_of_the_claim() -> None:
    assert changes(replace(INSERTED, member_ref="M2"), TAKEN) == []


def test_a_row_that_is_only_granted_follows_aiqs_offer() -> None:
    assert changes(GRANTED, TAKEN, WANT, row={"Points": "Taken", "Redemption_ID": KEY}) == update(
        {"Points_Cost": 500, "Points": "", "Redemption_ID": ""}
    )
    assert changes(GRANTED, TAKEN, WANT, row={"Points_Cost": 500}) == []
    assert changes(GRANTED, TAKEN, WANT, row={"Points_Cost": 500, "Reason": "no more"}) == update({"Reason": ""})


@pytest.mark.parametrize(
    ("grant", "claim", "line", "again"),
    [
        (REVERSED, None, False, True),
        (REVERSED, a_claim(end=End.RELEASED), False, True),
        (replace(REVERSED, status=GrantStatus.REFUSED), None, False, True),
        (REVERSED, a_claim(end=End.RELEASED, told=True), False, False),
        (REVERSED, a_claim(), False, False),
        (REVERSED, None, True, False),
        (replace(REVERSED, status=GrantStatus.WITHDRAWN), None, False, False),
    ],
)
def test_a_row_may_be_picked_again_once_its_line_has_left(
    grant: Grant, claim: Claim | None, line: bool, again: bool
) -> None:
    fresh = {"Status": "Granted", "Points_Cost": 500}
    found = changes(grant, claim, WANT, line=line)
    assert (found == update(fresh)) is again


def test_a_released_claim_that_is_in_doubt_does_not_keep_a_row_from_being_granted_again() -> None:
    assert changes(REVERSED, None, None, line=False) == [], "nothing is offered"
    reason = changes(REVERSED, None, WANT, line=False, row={"Reason": "no more"})
    assert reason == update({"Status": "Granted", "Points_Cost": 500, "Reason": ""})
    released = a_claim(end=End.RELEASED, doubtful=True)
    assert changes(REVERSED, released, WANT, line=False) == update({"Status": "Granted", "Points_Cost": 500})


@pytest.mark.parametrize(
    ("known", "member", "state", "deleted"),
    [(True, "M1", SaleState.SALES, True), (False, "M1", SaleState.SALES, False), (False, "M2", SaleState.SALES, True),
     (False, "M1", SaleState.POSTED, True), (True, "M1", SaleState.SUSPENDED, False)],
)  # fmt: skip
def test_an_offer_that_is_gone_is_deleted_once_aiq_said_so(
    known: bool, member: str, state: SaleState, deleted: bool
) -> None:
    found = changes(replace(GRANTED, member_ref=member), None, known=known, state=state)
    assert (found == [Effect(Op.DELETE, GRANTS, ("R1", "AP0004"), etag="5")]) is deleted


# ---- withdrawing ---------------------------------------------------------------------------------------------------


def test_a_pick_is_withdrawn_with_its_reason() -> None:
    sale: Snapshot = an_open_sale(INSERTED)
    assert withdraw(sale, INSERTED, "AP0004", "w" * 150) == update({"Status": "Withdrawn", "Reason": "w" * 100})[0]
    assert withdraw(sale, None, "AP0009", "typed") == Effect(
        Op.INSERT, GRANTS, ("R1", "AP0009"), {"Status": "Withdrawn", "Reason": "typed", "Member_Ref": "M1"}
    )


@pytest.mark.parametrize("status", GrantStatus)
def test_what_leaves_already_is_not_withdrawn_again(status: GrantStatus) -> None:
    effect = withdraw(an_open_sale(INSERTED), replace(INSERTED, status=status), "AP0004", "why")
    assert (effect is None) is (status in (GrantStatus.WITHDRAWN, GrantStatus.REVERSED))
