"""The moves of one sale, carried out by the money machine on a real ledger: what it opens, and which lines leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.claims import Policy
from navplugin.core.errors import Refused, UnknownOutcome, Unreachable
from navplugin.core.model import (
    Effect,
    End,
    Grant,
    GrantStatus,
    Offer,
    Op,
    Points,
    SaleState,
)
from navplugin.core.ports import Lookup, Redemption
from tests.conftest import ScriptedClock
from tests.support_claims import NOW, PROBE, a_claim, a_grant, a_posted_sale, a_sale, an_open_sale
from tests.support_teller import DISCOUNT, Box, a_wallet

TOTAL = replace(PROBE, redeem_at="total")
SELECT = replace(PROBE, redeem_at="select")
BLIND = replace(PROBE, lookup="blind")
LIVE = Lookup((Redemption("c-M1", "d4", "R1", Decimal(500), redemption_id="r1"),))
OTHERS_SHOWN = Lookup(shows_references=True)
PICKED = a_grant(status=GrantStatus.PICKED)
WITHDRAWN = str(GrantStatus.WITHDRAWN)
POSTED = a_posted_sale(PICKED)


@pytest.fixture
def box(tmp_path: Path, clock: ScriptedClock) -> Iterator[Box]:
    one = Box(tmp_path / "l.db", clock)
    yield one
    one.ledger.close()


def reasons(effects: list[Effect]) -> list[tuple[Any, Any]]:
    return [(e.fields.get("Status"), e.fields.get("Reason")) for e in effects]


# ---- opening -------------------------------------------------------------------------------------------------------


def test_a_pick_is_opened_by_the_wallet_at_hand(box: Box) -> None:
    box.purse.wallet = a_wallet(1000, replace(DISCOUNT, reusable=False))
    assert box.settle(an_open_sale(PICKED)) == ([], False)
    assert (box.claim.contact_id, box.claim.reusable, box.claim.doubtful) == ("c-M1", False, False)
    assert (box.moves(box.claim), box.claim.line_seen) == (["open", "line seen"], True)
    assert box.settle(an_open_sale(PICKED)) == ([], False)


@pytest.mark.parametrize(("status", "seen"), [("Picked", False), ("Inserted", True), ("Applied", True)])
def test_a_line_is_seen_by_its_row_too(box: Box, status: str, seen: bool) -> None:
    """Row and journal are read one after the other."""
    row = a_grant(status=GrantStatus(status), applied_amount=Decimal(100))
    assert box.settle(an_open_sale(row, coupons=())) == ([], seen)
    assert box.claim.line_seen is seen


def test_a_pick_that_the_balance_does_not_cover_is_withdrawn_with_the_reason(box: Box) -> None:
    box.purse.wallet = a_wallet(499)
    effects, _ = box.settle(an_open_sale(PICKED))
    assert reasons(effects) == [(WITHDRAWN, "Not enough points: another sale holds them.")]
    assert box.claims == ()


def test_points_that_were_taken_after_the_balance_was_read_cover_nothing(box: Box) -> None:
    box.purse.wallet = a_wallet(900, position=box.ledger.position())
    box.opened(receipt_no="R2")
    other = box.ledger.claims_of("R2")[0]
    box.ledger.save_claim(other, replace(other, points=Points.YES, end=End.SETTLED), "taken", NOW)
    effects, _ = box.settle(an_open_sale(PICKED))
    assert len(effects) == 1


@pytest.mark.parametrize(
    ("cost", "said"),
    [(500, []), (600, [(WITHDRAWN, "It costs 600 points now, not 500; choose it again.")]),
     (400, [(WITHDRAWN, "It costs 400 points now, not 500; choose it again.")])],
)  # fmt: skip
def test_a_pick_at_another_price_is_to_be_chosen_again(box: Box, cost: int, said: list[Any]) -> None:
    box.purse.wallet = a_wallet(1000, replace(DISCOUNT, points_cost=Decimal(cost)))
    effects, _ = box.settle(an_open_sale(PICKED))
    assert reasons(effects) == said


def test_another_price_ends_a_claim_only_while_its_points_are_not_taken(box: Box) -> None:
    cases = [({}, True), ({"points": Points.YES}, False), ({"doubtful": True}, False)]
    for number, (more, released) in enumerate(cases):
        box.policy(BLIND)
        box.purse.wallet = a_wallet(1000, replace(DISCOUNT, points_cost=Decimal(600)))
        claim = box.opened(sale_guid=f"g{number}", **more)
        effects, _ = box.settle(an_open_sale(PICKED, sale_guid=f"g{number}"))
        assert bool(effects) is released, more
        assert box.kept(claim).end is End.OPEN, "the line leaves first"


def test_a_rule_that_forbids_opens_nothing(box: Box) -> None:
    effects, _ = box.settle(an_open_sale(PICKED), forbidden="Not today.")
    assert reasons(effects) == [(WITHDRAWN, "Not today.")]
    assert box.claims == ()


def test_a_typed_code_that_aiq_bears_is_withdrawn(box: Box) -> None:
    box.purse.wallet = a_wallet()
    effects, _ = box.settle(an_open_sale())
    assert reasons(effects) == [(WITHDRAWN, "Choose it in the wallet; a typed code is not taken.")]
    box.purse.wallet = None
    assert box.settle(an_open_sale()) == ([], False), "nobody knows that code"
    box.ledger.remember_mapped([DISCOUNT], NOW)
    assert len(box.settle(an_open_sale())[0]) == 1, "known from an earlier wallet"


def test_a_line_that_leaves_already_is_not_withdrawn_again(box: Box) -> None:
    assert box.settle(an_open_sale(a_grant(status=GrantStatus.WITHDRAWN))) == ([], False)


OFFER = Offer("AP0004", "AP0004", True, "AP0004")


def test_a_posted_line_that_nobody_picked_is_claimed_whatever_the_balance(box: Box) -> None:
    box.purse.wallet = a_wallet(0)
    box.aiq.answer = UnknownOutcome("no answer")
    box.settle(a_posted_sale(), offers=(OFFER,))
    assert (box.claim.points, box.claim.points_cost, box.claim.promised) == (Points.SENT, Decimal(500), Decimal(100))


def test_a_posted_line_that_went_back_whole_gets_no_claim(box: Box) -> None:
    box.purse.wallet = a_wallet()
    box.settle(a_posted_sale(), offers=(OFFER,), returned="full")
    assert box.claims == ()


def test_the_price_of_the_wallet_at_hand_counts_before_a_remembered_one(box: Box) -> None:
    box.ledger.remember_mapped([replace(DISCOUNT, points_cost=Decimal(400))], NOW)
    box.purse.wallet = a_wallet()
    box.settle(a_posted_sale(), offers=(OFFER,))
    assert box.claim.points_cost == Decimal(500)


@pytest.mark.parametrize("end", [End.RELEASED, End.SUSPECT])
def test_what_is_over_for_good_notes_nothing_more(box: Box, end: End) -> None:
    box.opened(end=end, told=True, points=Points.YES, taken_at=NOW)
    box.settle(an_open_sale(PICKED))
    box.settle(replace(an_open_sale(PICKED), sale=a_sale(SaleState.VOIDED)))
    assert box.moves(box.claim) == ["open"]


def test_for_a_line_that_nobody_picked_an_empty_wallet_is_asked_for_again(box: Box) -> None:
    """More likely a fault of AIQ than the truth."""
    empty = replace(a_wallet(), discounts=())
    box.purse.wallet = empty
    box.settle(a_posted_sale(), offers=(OFFER,))
    assert (len(box.claims), box.claim.points, box.reads) == (1, Points.YES, 1)


@pytest.mark.parametrize("wallet", [None, Unreachable("AIQ is away")])
def test_what_a_line_bears_is_known_from_earlier_wallets_too(box: Box, wallet: Any) -> None:
    box.wallet = wallet
    box.settle(a_posted_sale(), offers=(OFFER,))
    assert box.claims == ()
    box.ledger.remember_mapped([DISCOUNT], NOW)
    box.settle(a_posted_sale(), offers=(OFFER,))
    assert len(box.claims) == 1


@pytest.mark.parametrize(("end", "reads"), [(End.SETTLED, 0), (End.OWED, 0), (End.RELEASED, 1)])
def test_aiq_is_asked_again_only_for_lines_without_a_claim(box: Box, end: End, reads: int) -> None:
    box.wallet = box.purse.wallet = replace(a_wallet(), discounts=())
    box.opened(end=end)
    box.settle(a_posted_sale())
    assert box.reads == reads


def test_where_nobody_is_to_ask_for_no_wallet_is_read(box: Box) -> None:
    box.purse.contact = None
    box.settle(a_posted_sale())
    assert box.reads == 0


# ---- claims that another ledger had --------------------------------------------------------------------------------

LATER_KEY = a_claim(generation=3).key


@pytest.mark.parametrize(
    ("policy", "points", "collect", "back"),
    [
        (PROBE, Points.YES, "", "endpoint"),
        (replace(PROBE, refund="adjust"), Points.YES, "", "adjust"),
        (PROBE, Points.YES, "done", "adjust"),
        (PROBE, Points.NO, "", ""),
        (PROBE, Points.SENT, "", ""),
    ],
)
def test_where_nav_names_a_later_claim_the_earlier_ones_are_over(
    box: Box, policy: Policy, points: Points, collect: str, back: str
) -> None:
    box.policy(policy)
    box.aiq.listing = Unreachable("AIQ is away")
    earlier, other = box.opened(points=points, collect=collect), box.opened(coupon_code="AP0001", offer_no="AP0001")
    box.settle(a_posted_sale(a_grant(redemption_id=LATER_KEY, points="Taken")))
    over = box.kept(earlier)
    assert (over.end, over.points, over.given_back) == (End.RELEASED, Points.NO, back)
    assert over.reason == "NAV names a later claim"
    assert box.kept(other).reason != "NAV names a later claim"
    (later,) = [c for c in box.claims if c.generation == 3]
    assert later.end is (End.SETTLED if policy.refund == "adjust" else End.OPEN), "NAV is believed, or AIQ is asked"


def test_a_claim_of_another_ledger_is_opened_whatever_the_balance(box: Box) -> None:
    """Its points may be taken already: then the balance is without them."""
    box.purse.wallet, box.aiq.listing = a_wallet(0), Unreachable("AIQ is away")
    assert box.settle(an_open_sale(a_grant(redemption_id=LATER_KEY)))[0] == []
    assert (box.claim.generation, box.claim.doubtful) == (3, True)


def test_without_settings_of_the_store_a_later_claim_supersedes_all_the_same(box: Box) -> None:
    earlier = box.opened(points=Points.YES)
    box.box.policies = {}
    box.settle(a_posted_sale(a_grant(redemption_id=LATER_KEY, points="Taken")))
    assert (box.kept(earlier).end, box.kept(earlier).given_back) == (End.RELEASED, "hand")


def test_without_a_look_up_only_what_nav_says_is_taken_is_opened(box: Box) -> None:
    box.policy(BLIND)
    box.settle(a_posted_sale(a_grant(redemption_id=LATER_KEY), given="0"))
    assert box.claims == ()
    box.settle(a_posted_sale(a_grant(redemption_id=LATER_KEY, points="Taken"), given="0"))
    assert box.claim.generation == 3


def test_on_a_sale_that_was_taken_over_what_was_once_picked_is_looked_up_too(box: Box) -> None:
    box.ledger.doubt([("R1", "g")], NOW)
    box.settle(an_open_sale(a_grant(status=GrantStatus.REVERSED), coupons=()))
    assert (box.claim.doubtful, len(box.aiq.asked)) == (True, 1)


def test_a_new_generation_of_this_ledger_supersedes_nothing(box: Box) -> None:
    released = box.opened(end=End.RELEASED, points=Points.NO)
    box.settle(an_open_sale(PICKED))
    assert (box.kept(released).reason, len(box.claims)) == ("", 2)


def test_on_a_sale_that_was_taken_over_a_pick_is_opened_in_doubt_and_looked_up(box: Box) -> None:
    box.ledger.doubt([("R1", "g")], NOW)
    box.aiq.listing = Unreachable("AIQ is away")
    assert box.settle(an_open_sale(PICKED))[1], "it is looked up again"
    assert box.claim.doubtful
    assert len(box.aiq.asked) == 1


def test_where_nothing_was_taken_for_a_doubtful_pick_it_gets_a_claim_of_its_own(box: Box) -> None:
    box.ledger.doubt([("R1", "g")], NOW)
    box.aiq.listing = OTHERS_SHOWN
    box.settle(an_open_sale(PICKED))
    box.clock.advance(seconds=61)
    assert box.settle(an_open_sale(PICKED)) == ([], True)
    assert (box.claim.end, box.claim.reason) == (End.RELEASED, "nothing was taken for it")
    box.purse.wallet = a_wallet()
    box.settle(an_open_sale(PICKED))
    assert [(c.generation, c.end, c.doubtful) for c in box.claims] == [(1, End.RELEASED, False), (2, End.OPEN, False)]


def test_a_pick_on_a_sale_that_was_taken_over_is_in_doubt_where_another_claim_was_released_before(box: Box) -> None:
    box.ledger.doubt([("R1", "g")], NOW)
    box.aiq.listing = Unreachable("AIQ is away")
    box.opened(end=End.RELEASED, reason="another reason")
    box.settle(an_open_sale(PICKED))
    assert [c.doubtful for c in box.claims] == [False, True]


# ---- lines ---------------------------------------------------------------------------------------------------------


def removed(box: Box, grant: Grant, *, forbidden: str = "", **sale: Any) -> list[Any]:
    return reasons(box.settle(an_open_sale(grant, **sale), forbidden=forbidden)[0])


def test_a_line_leaves_with_the_reason_that_the_cashier_needs(box: Box) -> None:
    box.opened()
    back = a_grant(status=GrantStatus.GRANTED)
    assert removed(box, PICKED, forbidden="Not today.") == [(WITHDRAWN, "Not today.")]
    assert removed(box, back) == [(WITHDRAWN, "The discount was withdrawn.")]
    row_of_another = a_grant(member_ref="M2", status=GrantStatus.GRANTED)
    (effect,), _ = box.settle(an_open_sale(row_of_another, member_card_no="M2"))
    assert effect.op is Op.UPDATE, "the row is there, whoever it is for"
    assert removed(box, PICKED, member_card_no="M2") == [(WITHDRAWN, "It was picked for another member card.")]


def test_what_was_found_not_to_be_taken_ends_with_a_pick_that_no_longer_stands(box: Box) -> None:
    """Nothing is given back, and no claim of its own follows."""
    box.opened(doubtful=True)
    box.aiq.listing = OTHERS_SHOWN
    for _ in range(2):
        effects, due = box.settle(an_open_sale(a_grant(status=GrantStatus.GRANTED), coupons=()))
        box.clock.advance(seconds=60)
    assert (box.claim.end, box.claim.reason, effects, due) == (End.RELEASED, "", [], False)


def test_a_line_that_the_cashier_removed_ends_the_claim_and_the_pick(box: Box) -> None:
    box.opened(line_seen=True)
    effects, due = box.settle(an_open_sale(PICKED, coupons=()))
    assert (box.claim.end, reasons(effects), due) == (End.RELEASED, [(WITHDRAWN, "The discount was withdrawn.")], False)


def test_a_refusal_at_the_till_is_told_once_and_its_line_leaves(box: Box) -> None:
    box.policy(TOTAL)
    box.aiq.answer = Refused("not enough points")
    box.opened()
    effects, _ = box.settle(an_open_sale(PICKED, state=SaleState.PAYMENT))
    assert reasons(effects) == [(WITHDRAWN, "not enough points")]
    assert (box.claim.told, box.claim.points) == (True, Points.NO)
    effects, _ = box.settle(an_open_sale(PICKED, state=SaleState.PAYMENT, coupons=()))
    assert (box.claim.end, len(box.aiq.sent)) == (End.RELEASED, 1)


def test_a_posted_line_whose_claim_was_released_is_owed_one_of_its_own(box: Box) -> None:
    box.opened(points=Points.NO, given_back="endpoint")
    effects, due = box.settle(POSTED)
    assert (box.claim.end, effects, due) == (End.RELEASED, [], True)


def test_a_store_without_settings_is_served_by_the_careful_ones(box: Box) -> None:
    box.opened()
    box.box.policies = {}
    box.aiq.answer = UnknownOutcome("no answer")
    box.settle(POSTED)
    box.clock.advance(seconds=60)
    box.settle(POSTED)
    assert (box.claim.end, box.aiq.asked) == (End.SUSPECT, [])
