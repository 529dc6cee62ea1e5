"""What `doctor` says of offers, coupons and AIQ discounts, without any server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from navplugin.core.model import Benefit, Offer, Row, WalletDiscount
from navplugin.core.ports import LoyaltyStore
from navplugin.doctor.discounts import compare
from navplugin.doctor.finding import gather, wrong
from navplugin.doctor.stores import compare_with_aiq, compare_with_nav, loyalty_tenders

TEN, HUNDRED = Decimal(10), Decimal(100)
OFFER = Offer("T1", "10 off", True, "AP1", benefits=(Benefit(Decimal(1), "amount", TEN),))
DISCOUNT = WalletDiscount("9", "AP1", "$10 off", Decimal(100), dollar_value=TEN)
COUPONS: Mapping[str, Row] = {"AP1": {"Status": "Enabled", "Handling": "Discount"}}


def codes(
    offers: Sequence[Offer], discounts: Sequence[WalletDiscount] | None, coupons: Mapping[str, Row] = COUPONS
) -> list[str]:
    return [one.code for one in compare(offers, coupons, discounts, ["S1"])]


def test_what_fits_is_said_in_one_line() -> None:
    assert [str(one) for one in compare([OFFER], COUPONS, [DISCOUNT], ["S1"])] == [
        "ok discounts: NAV and AIQ: 1 AIQ discounts and 1 offers fit"
    ]


@pytest.mark.parametrize(
    ("discount", "said"),
    [
        (replace(DISCOUNT, dollar_value=Decimal("10.00")), []),
        (replace(DISCOUNT, dollar_value=None), []),
        (replace(DISCOUNT, dollar_value=Decimal("9.99")), ["discount-amount"]),
        (replace(DISCOUNT, dollar_value=None, percentage_value=TEN), ["discount-amount"]),
    ],
)
def test_amounts_are_compared_where_aiq_tells_one(discount: WalletDiscount, said: list[str]) -> None:
    assert codes([OFFER], [discount]) == (said or ["discounts"])


def test_a_percentage_is_no_amount_and_a_cap_cuts_a_promise() -> None:
    percent = replace(OFFER, benefits=(Benefit(Decimal(1), "percent", TEN),))
    assert codes([percent], [DISCOUNT]) == ["discount-amount"]
    assert codes([percent], [replace(DISCOUNT, dollar_value=None, percentage_value=TEN)]) == ["discounts"]
    assert codes([replace(OFFER, maximum_discount=Decimal(5))], [DISCOUNT]) == ["discount-amount"]
    assert codes([replace(OFFER, maximum_discount=TEN)], [DISCOUNT]) == ["discounts"]


def test_one_of_several_steps_may_be_the_promise() -> None:
    steps = (Benefit(Decimal(1), "amount", TEN), Benefit(HUNDRED, "amount", Decimal(25)))
    assert codes([replace(OFFER, benefits=steps)], [DISCOUNT]) == ["discounts"]
    assert codes([replace(OFFER, benefits=steps)], [replace(DISCOUNT, dollar_value=Decimal(20))]) == ["discount-amount"]


def test_a_disabled_offer_is_missed_only_by_its_discount() -> None:
    off = replace(OFFER, enabled=False)
    assert codes([off], []) == []
    assert codes([off], [DISCOUNT]) == ["discount-no-offer"]
    assert codes([], [DISCOUNT], {}) == ["discount-no-offer"]


def test_without_aiq_offers_and_coupons_are_still_looked_at() -> None:
    assert codes([replace(OFFER, benefits=())], None, {}) == ["offer-benefit", "coupon"]
    assert codes([OFFER], None) == []
    assert codes([replace(OFFER, coupon_code="")], None) == []


@pytest.mark.parametrize(("group", "said"), [("", []), ("ALL", []), ("S1", []), ("S2", ["offer-price-group"])])
def test_a_price_group_of_another_store_is_said(group: str, said: list[str]) -> None:
    assert codes([replace(OFFER, price_group=group)], None) == said
    assert replace(OFFER, price_group=group).holds_in(["S1"]) is not bool(said)


def test_two_offers_with_one_coupon_are_said_once() -> None:
    assert codes([OFFER, replace(OFFER, offer_no="T2")], None) == ["offer-twice"]


def test_stores_are_compared_both_ways() -> None:
    said = [(one.code, one.subject) for one in compare_with_nav(["S1", "S3"], {"S1", "S2"})]
    assert said == [("store-not-in-profile", "S2"), ("store-not-in-nav", "S3")]
    assert not list(compare_with_nav(["S1"], set()))


def test_aiqs_stores_are_known_by_name_and_mapped() -> None:
    aiq = [LoyaltyStore("One", True), LoyaltyStore("Two", False), LoyaltyStore("Three")]
    found = list(compare_with_aiq({"S1": "One", "S2": "Two", "S3": "", "S4": "Oen", "S5": "Three"}, aiq))
    assert [(one.subject, one.grade.value) for one in found] == [
        ("S2", "warning"), ("S3", "warning"), ("S4", "error"),
    ]  # fmt: skip
    assert "did you mean 'One'?" in found[-1].do
    assert "AIQ lists no store" in next(compare_with_aiq({"S1": "One"}, [])).do


@pytest.mark.parametrize(
    ("description", "said"), [("Loyalty", 1), ("Member points", 1), ("Rewards", 1), ("Cash", 0), ("Debit card", 0)]
)
def test_a_loyalty_tender_is_told_by_its_name(description: str, said: int) -> None:
    rows = [{"Store_No": "", "Code": "9", "Description": description}]
    assert len(list(loyalty_tenders(rows))) == said


def test_findings_that_say_the_same_are_one_line() -> None:
    many = [wrong("nav-page", f"P{n}", "gone", "publish it") for n in range(5)]
    assert [str(one) for one in gather([*many, many[0]])] == [
        "error nav-page: P0, P1, P2 and 2 more: gone; publish it"
    ]
