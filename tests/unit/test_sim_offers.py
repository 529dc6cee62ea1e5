"""The simulated LS arithmetic against ls-pos.md 2.2 to 2.6."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navplugin.simulator.offers import (
    AMOUNT,
    DEAL_PRICE,
    PERCENT,
    SaleFacts,
    ScannedLine,
    TotalOffer,
    disc_offer,
    distribute,
    offers_from,
    total_discounts,
)

D = Decimal
WITH_COUPON = SaleFacts(coupons=("AP1",))


def basket(*prices: str, **fields: Any) -> list[ScannedLine]:
    return [ScannedLine(n * 10000, f"I{n}", D(1), D(price), **fields) for n, price in enumerate(prices, start=1)]


def offer(value: str = "10", kind: str = AMOUNT, **fields: Any) -> TotalOffer:
    return TotalOffer(**{"no": "T1", "coupon_code": "AP1", "steps": ((D(0), kind, D(value)),), **fields})


def amounts(lines: list[ScannedLine], *offers: TotalOffer, facts: SaleFacts = WITH_COUPON) -> list[str]:
    return [f"{one.amount:.2f}" for one in total_discounts(lines, offers, facts)]


@pytest.mark.parametrize(
    ("bases", "discount", "shares"),
    [
        ("30 30 15", "10", "4.00 4.00 2.00"),
        ("33.33 33.33 33.34", "10", "3.34 3.33 3.33"),
        ("12.50 7.25 0.99 44.10", "5", "0.96 0.56 0.08 3.40"),
        ("9.99 9.99 9.99 9.99 9.99 9.99 9.99", "15", "2.16 2.14 2.14 2.14 2.14 2.14 2.14"),
        ("100 0.01", "5", "5.00 0.00"),
        ("10 10 20.02", "10", "2.50 2.50 5.00"),
        ("5 5 20.01 5", "0.02", "0.00 0.00 0.02 0.00"),
    ],
)
def test_the_measured_distributions_come_out(bases: str, discount: str, shares: str) -> None:
    found = distribute(D(discount), {n: D(base) for n, base in enumerate(bases.split())})
    assert " ".join(f"{found[n]:.2f}" for n in sorted(found)) == shares


@given(st.lists(st.integers(0, 20000), min_size=1, max_size=12), st.integers(0, 100000))
def test_shares_add_up_and_no_line_goes_below_zero(cents: list[int], wanted: int) -> None:
    bases = {n: D(one) / 100 for n, one in enumerate(cents)}
    amount = min(D(wanted) / 100, sum(bases.values(), D(0)))
    shares = distribute(amount, bases)
    assert sum(shares.values(), D(0)) == amount
    assert all(0 <= share <= bases[n] for n, share in shares.items())


def test_a_rest_that_is_too_large_for_one_line_goes_on_to_the_next() -> None:
    shares = distribute(D("0.03"), {n: D("0.01") for n in range(7)})
    assert sorted(shares.values(), reverse=True)[:4] == [D("0.01"), D("0.01"), D("0.01"), D(0)]


def test_the_disc_offer_takes_its_percentage_off_the_line_when_it_is_scanned() -> None:
    ten: dict[str, Any] = {"no": "DO10", "percent": D(10), "items": ["VAPE"]}
    assert disc_offer("VAPE", D("50.00"), [ten]) == ("DO10", D("5.00"))
    assert disc_offer("CONE", D("5.00"), [ten]) == ("", D(0))
    other = {**ten, "no": "DO05", "percent": D(5), "priority": 1}
    assert disc_offer("VAPE", D("50.00"), [other, ten])[0] == "DO10"


@pytest.mark.parametrize(("coupons", "times"), [((), 0), (("AP2",), 0), (("AP1",), 1)])
def test_the_offer_triggers_by_its_coupon_only(coupons: tuple[str, ...], times: int) -> None:
    assert len(amounts(basket("75"), offer(), facts=SaleFacts(coupons=coupons))) == times


def test_the_coupon_may_be_needed_more_than_once() -> None:
    twice = offer(coupons=2)
    assert amounts(basket("75"), twice) == []
    assert amounts(basket("75"), twice, facts=SaleFacts(coupons=("AP1", "AP1"))) == ["10.00"]


@pytest.mark.parametrize(
    ("trigger", "after", "above", "there"),
    [
        ("100.00", False, False, True),
        ("100.00", False, True, False),
        ("99.99", False, True, True),
        ("100.01", False, False, False),
        ("90.01", True, False, False),
        ("90.00", True, False, True),
        ("90.00", True, True, False),
    ],
)
def test_the_trigger_is_compared_as_the_settings_say(trigger: str, after: bool, above: bool, there: bool) -> None:
    lines = basket("100", periodic=D(10))
    facts = SaleFacts(coupons=("AP1",), judged_after=after, above=above)
    assert bool(amounts(lines, offer(trigger=D(trigger)), facts=facts)) is there


def test_all_triggers_must_hold() -> None:
    fussy = offer(price_group="S1", club="GOLD")
    for store, club, there in (("S1", "GOLD", True), ("S2", "GOLD", False), ("S1", "ADULT", False)):
        facts = SaleFacts(coupons=("AP1",), store_no=store, club=club)
        assert bool(amounts(basket("75"), fussy, facts=facts)) is there
    assert amounts(basket("75"), offer(scheme="MED")) == []
    assert amounts(basket("75"), offer(price_group="ALL")) == ["10.00"]


@pytest.mark.parametrize(
    ("total", "given_amount"), [("49.99", []), ("50", ["5.00"]), ("99", ["5.00"]), ("100", ["20.00"])]
)
def test_the_highest_step_that_is_reached_counts_alone(total: str, given_amount: list[str]) -> None:
    steps = ((D(100), AMOUNT, D(20)), (D(50), AMOUNT, D(5)))
    assert amounts(basket(total), offer(steps=steps)) == given_amount


@pytest.mark.parametrize(
    ("kind", "value", "expected"), [(PERCENT, "15", "18.00"), (AMOUNT, "10", "10.00"), (DEAL_PRICE, "99", "21.00")]
)
def test_each_value_type_gives_its_amount(kind: str, value: str, expected: str) -> None:
    assert amounts(basket("75", "45"), offer(value, kind)) == [expected]


def test_the_discount_is_capped_by_the_maximum_and_by_what_may_be_discounted() -> None:
    assert amounts(basket("75"), offer("50", PERCENT, maximum=D(20))) == ["20.00"]
    assert amounts(basket("75"), offer("100")) == ["75.00"]
    assert amounts(basket("75"), offer("99", DEAL_PRICE)) == ["0.00"]


def test_only_the_items_of_the_offer_receive_the_discount() -> None:
    lines = [
        ScannedLine(10000, "A", D(1), D(60), category="FLOWER"),
        ScannedLine(20000, "B", D(1), D(30), product_group="ACCESSORY"),
        ScannedLine(30000, "C", D(1), D(10), blocked=True),
    ]

    def shares(*rows: tuple[str, str, bool]) -> list[int]:
        found = total_discounts(lines, [offer(lines=rows)], WITH_COUPON)
        return sorted(found[0].shares)

    assert shares() == [10000, 20000]
    assert shares(("All", "", False)) == [10000, 20000]
    assert shares(("Item", "A", False)) == [10000]
    assert shares(("Product Group", "ACCESSORY", False)) == [20000]
    assert shares(("All", "", False), ("Item Category", "FLOWER", True)) == [20000]
    assert shares(("Item", "C", False)) == []


def test_several_offers_stack_by_priority_on_what_is_left() -> None:
    percent = offer("10", PERCENT, no="T2", priority=2)
    amount = offer("20", AMOUNT, no="T3", priority=1)
    found = total_discounts(basket("120"), [percent, amount], WITH_COUPON)
    assert [(one.offer_no, one.amount) for one in found] == [("T3", D("20.00")), ("T2", D("10.00"))]


def test_an_offer_that_blocks_others_is_the_last_one() -> None:
    first = offer("20", no="T1", priority=1, blocks_others=True)
    second = offer("5", no="T2", priority=2)
    assert amounts(basket("120"), first, second) == ["20.00"]
    assert amounts(basket("120"), offer("20", no="T1", priority=3, blocks_others=True), second) == ["5.00", "20.00"]


def test_a_later_offer_with_nothing_left_gives_nothing_and_is_told() -> None:
    assert amounts(basket("30"), offer("50", no="T1"), offer("5", no="T2")) == ["30.00", "0.00"]


def test_judged_after_discounts_an_earlier_offer_can_take_the_later_one_below_its_minimum() -> None:
    first, second = offer("50", no="T1"), offer("5", no="T2", trigger=D(100))
    assert len(amounts(basket("120"), first, second)) == 2
    after = SaleFacts(coupons=("AP1",), judged_after=True)
    assert len(amounts(basket("120"), first, second, facts=after)) == 1


def test_offers_are_read_from_navs_rows_when_enabled() -> None:
    row = {
        "No": "T1", "Status": "Enabled", "Type": "Total Discount", "Coupon_Code": "AP1", "Coupon_Qty_Needed": 0,
        "Priority": 3, "Amount_to_Trigger": D(5), "Maximum_Discount_Amount": D(0), "Block_Total_Discount_Offer": True,
        "Price_Group": "", "Member_Type": "Club", "Member_Value": "GOLD", "Validation_Period_ID": "",
    }  # fmt: skip
    benefit = {"Offer_No": "T1", "Type": "Discount", "Step_Amount": D(1), "Value_Type": AMOUNT, "Value": D(10)}
    points = {**benefit, "Type": "Member Points"}
    item = {"Offer_No": "T1", "Type": "All", "No": "", "Exclude": False}
    others = [{**row, "No": "T2", "Status": "Disabled"}, {**row, "No": "T3", "Type": "Disc. Offer"}]
    assert offers_from([row, *others], [item], [benefit, points]) == [
        TotalOffer(
            no="T1", coupon_code="AP1", coupons=1, priority=3, trigger=D(5), blocks_others=True, club="GOLD",
            lines=(("All", "", False),), steps=((D(1), AMOUNT, D(10)),),
        )
    ]  # fmt: skip
