"""Random carts through [Total], posting and return in the simulator, and through the prediction: no difference."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from navplugin.core.model import GrantStatus, Member, PostedSale, Situation, Snapshot, StoreSettings
from navplugin.core.money import ZERO
from navplugin.discounts import basket_of, occasion_of, predict, terms_of
from navplugin.mismatch import compare, figures_of, return_differences
from navplugin.nav.contract.feeds import MEMBERS
from navplugin.nav.reader import NavReader
from navplugin.nav.rows import member_of
from navplugin.simulator.till import press
from navplugin.simulator.world import load_world
from tests.money.till import grant_of
from tests.unit.random_carts import ScriptedState, StateTransport, item_lines, ring_up

EACH = 12
"""Carts for every combination of settings."""
COMBINATIONS = list(
    itertools.product(("Before", "After"), ("At Least", "Above"), ("0.01", "0.05", "1", "0.001"), (True, False))
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ScriptedState]:
    opened = ScriptedState(tmp_path)
    yield opened
    opened.close()


def situation_of(state: ScriptedState, receipt: str, how: tuple[str, str, str, bool]) -> Situation:
    """What the worker would look at: read with its own reader."""
    judged, reached, precision, _ = how
    reader = NavReader(StateTransport(state), "C", {"S0001": ZoneInfo("UTC")})  # type: ignore[arg-type]
    sale = reader.read_sale(receipt)
    assert sale is not None
    (snapshot,) = reader.read_snapshots([sale])
    store = StoreSettings(
        "S0001", minimum_judged=judged.lower(), reached=reached.lower().replace(" ", "-"),
        currency_precision=Decimal(precision),
    )  # fmt: skip
    items = reader.read_rows("AIQ_Items", {"No_Discount_Allowed": True})
    return Situation(
        snapshot, state.now(), store, member=_member(state, snapshot), offers=tuple(reader.read_offers()),
        no_discount_items=frozenset(row.fields["No"] for row in items),
    )  # fmt: skip


def _member(state: ScriptedState, snapshot: Snapshot) -> Member:
    rows = StateTransport(state).rows
    return next(member_of(row) for row in rows(MEMBERS, ()) if row["Card_No"] == snapshot.sale.member_card_no)


def check_one_cart(state: ScriptedState, seed: int, how: tuple[str, str, str, bool]) -> Decimal:
    """One cart: [Total], then post, then return a part; what was given off."""
    judged, reached, precision, included = how
    random = Random(f"{seed} {how}")
    till = {"currency_precision": precision, "tax_percent": random.choice(["0", "8.1", "19"]),
            "prices_include_tax": included}  # fmt: skip
    receipt = ring_up(state, random, till, {"Minimum_Judged": judged, "Reached": reached})
    situation = situation_of(state, receipt, how)
    journal = situation.snapshot.journal
    assert journal is not None
    found = predict(
        basket_of(journal, situation.no_discount_items), situation.offers, journal.coupons,
        terms_of(situation.store), occasion_of(situation),
    )  # fmt: skip
    rows = {row["Line_No"]: row for row in item_lines(state)}
    at_till = {no: row["Amount"] for no, row in rows.items()}
    assert {no: found.left[no] for no in at_till} == at_till
    by_offer = {row["Number"]: -row["Amount"] for row in state.rows("AIQ_POSJournalLines")
                if row["Entry_Type"] == "PerDiscount" and row["Entry_Status"] == " "}  # fmt: skip
    assert {g.offer_no: g.amount for g in found.offers if g.amount} == by_offer
    untaxed = {no: row["VAT_Amount"] for no, row in rows.items() if not row["Amount"]}
    assert not any(untaxed.values())
    check_posted(state, receipt, how, random)
    return found.total


def check_posted(state: ScriptedState, receipt: str, how: tuple[str, str, str, bool], random: Random) -> None:
    """Posted figures agree with a prediction from the posted rows alone; a return gives the frozen shares back."""
    assert press(state, "P0001", "pay", {})["state"] == "POSTED"
    situation = situation_of(state, receipt, how)
    figures = figures_of(situation)
    assert compare(figures, situation.store.currency_precision) == ()
    sold = situation.snapshot.posted
    assert sold is not None
    assert sum((f.posted or ZERO for f in figures), ZERO) == sum((d.amount for d in sold.discounts), ZERO)
    back = str(press(state, "P0001", "return", {"receipt_no": receipt})["receipt_no"])
    if len(lines := item_lines(state)) > 1 and random.random() < 0.5:
        press(state, "P0001", "remove-item", {"line_no": random.choice(lines)["Line_No"]})
    press(state, "P0001", "total", {})
    press(state, "P0001", "pay", {})
    returned = situation_of(state, back, how).snapshot.posted
    assert returned is not None
    assert return_differences(sold, returned, situation.store.currency_precision) == ()


@pytest.mark.parametrize("how", COMBINATIONS, ids=lambda how: " ".join(map(str, how)))
def test_no_cart_differs_under_any_setting(state: ScriptedState, how: tuple[str, str, str, bool]) -> None:
    given_off = [check_one_cart(state, seed, how) for seed in range(EACH)]
    print(f"{sum(map(bool, given_off))} of {EACH} carts with a discount, {sum(given_off)} given off")
    assert any(given_off), "a check that never sees a discount proves nothing"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(COMBINATIONS))
def test_no_other_cart_differs(state: ScriptedState, seed: int, how: tuple[str, str, str, bool]) -> None:
    check_one_cart(state, seed, how)


@pytest.mark.parametrize("included", [True, False])
@pytest.mark.parametrize("rate", ["8.1", "19", "7.75", "33.333"])
def test_100_percent_off_leaves_no_amount_and_no_tax(state: ScriptedState, rate: str, included: bool) -> None:
    offer = {"No": "T", "Coupon_Code": "AP", "benefits": [{"Type": "Discount", "Value_Type": "Discount %",
                                                           "Value": 100}]}  # fmt: skip
    till = {"coupon_check": False, "tax_percent": rate, "prices_include_tax": included}
    load_world(state, {"offers": [offer], "settings": {"till": till}})
    for item in ("FLOWER", "VAPE", "CONE"):
        press(state, "P0001", "add-item", {"item_no": item, "quantity": "3"})
    press(state, "P0001", "type-coupon", {"coupon_code": "AP"})
    assert press(state, "P0001", "total", {})["total"] == "0.00"
    assert all(row["Amount"] == row["Net_Amount"] == row["VAT_Amount"] == 0 for row in item_lines(state))


# ---- the alarm ----------------------------------------------------------------------------------------------------


def changed(sale: Situation, **fields: Any) -> Situation:
    return replace(sale, snapshot=replace(sale.snapshot, **fields))


@pytest.fixture
def sold(state: ScriptedState) -> Situation:
    how = ("Before", "At Least", "0.01", True)
    for seed in range(50):
        receipt = ring_up(state, Random(seed), {}, {})
        if situation_of(state, receipt, how).offers and any(row["Total_Disc_Amount"] for row in item_lines(state)):
            press(state, "P0001", "pay", {})
            return situation_of(state, receipt, how)
    raise AssertionError("no cart had a discount")


def test_a_posted_amount_that_differs_is_reported_with_both_numbers(sold: Situation) -> None:
    posted = sold.snapshot.posted
    assert posted is not None
    wrong = tuple(replace(d, amount=d.amount + 1) for d in posted.discounts)
    figures = figures_of(changed(sold, posted=replace(posted, discounts=wrong)))
    texts = compare(figures)
    assert len(texts) == len(posted.discounts)
    figure, amount = figures[0], posted.discounts[0].amount
    name = figure.coupon_code or figure.offer_no
    assert texts[0] == f"{name}: posted with {amount + 1:.2f}, {amount:.2f} was predicted"


def test_an_offer_that_nav_left_out_is_reported(sold: Situation) -> None:
    posted = sold.snapshot.posted
    assert posted is not None
    assert any(f.posted == ZERO and f.predicted > ZERO for f in figures_of(left_out(sold, posted)))


def left_out(sold: Situation, posted: PostedSale) -> Situation:
    """The last offer's discount never came, although its row says that it was applied."""
    gone = posted.discounts[-1]
    offer = next(o for o in sold.offers if o.offer_no == gone.offer_no)
    lines = tuple(replace(x, amount=x.amount + gone.shares.get(x.line_no, ZERO)) for x in posted.lines)
    row = replace(grant_of("R", "AP0004"), coupon_code=offer.coupon_code, offer_no=offer.offer_no,
                  status=GrantStatus.APPLIED)  # fmt: skip
    return changed(sold, posted=replace(posted, discounts=posted.discounts[:-1], lines=lines), grants=(row,))


def test_without_shares_nothing_is_said(sold: Situation) -> None:
    posted = sold.snapshot.posted
    assert posted is not None
    bare = tuple(replace(d, shares={}) for d in posted.discounts)
    assert figures_of(changed(sold, posted=replace(posted, discounts=bare))) == ()
