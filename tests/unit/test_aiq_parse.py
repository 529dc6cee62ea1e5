"""AIQ's answers in every odd shape that was seen or must be expected (aiq-api.md 14, 17)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navplugin.core.errors import ProtocolError
from navplugin.core.model import LoyaltyStatus, Wallet
from navplugin.loyalty import parse

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
URL = "https://lab.alpineiq.com/api/v1.1/discount/redeem/1/77/t"
TEMPLATE = {"id": "77", "posDiscountID": " ap0004 ", "name": "Ten off", "pointsDeduction": 100, "redemptionURL": URL}


def wallet(data: Any, skipped: list[str] | None = None) -> Wallet | None:
    return parse.wallet_of(data, NOW, lambda url: url, (skipped if skipped is not None else []).append)


def one(**changes: Any) -> Any:
    found = wallet({"loyaltyPoints": 1, "discountTemplates": [{**TEMPLATE, **changes}]})
    assert found is not None
    return found.discounts[0]


@pytest.mark.parametrize("data", [None, {}, [], ""])
def test_nothing_found_is_no_wallet(data: Any) -> None:
    assert wallet(data) is None


def test_the_envelope_may_be_missing() -> None:
    assert parse.payload({"data": {"a": 1}, "success": True}) == {"a": 1}
    assert parse.payload({"a": 1}) == {"a": 1}
    assert parse.payload({"data": None}) is None


@pytest.mark.parametrize(
    ("points", "read"),
    [(250, Decimal(250)), ("250.5", Decimal("250.5")), (Decimal("0.1"), Decimal("0.1")), (None, None), ("", None)],
)
def test_points_may_be_a_number_a_text_a_fraction_or_missing(points: Any, read: Decimal | None) -> None:
    found = wallet({"contactID": "c1", "loyaltyPoints": points, "discountTemplates": None})
    assert found is not None
    assert (found.points, found.discounts, found.read_at) == (read, (), NOW)


def test_hidden_points_are_not_nought() -> None:
    found = wallet({"loyaltyPoints": 0, "hidePointsInWallet": "true"})
    assert found is not None
    assert (found.points, found.points_hidden) == (None, True)


def test_a_discount_is_read_with_everything_that_may_be_absent() -> None:
    found = one()
    assert (found.discount_id, found.coupon_code, found.points_cost, found.available) == ("77", "AP0004", 100, True)
    assert (found.expires_at, found.dollar_value, found.percentage_value) == (None, None, None)
    assert (found.tier, found.reusable, found.redemption_url) == (False, False, URL)
    assert "redeem" not in repr(found)
    assert one(id=77, pointsDeduction=None).discount_id == "77"
    assert one(name=None, internalName="Staff name").name == "Staff name"


def test_seconds_and_milliseconds_name_the_same_moment() -> None:
    seconds = int(NOW.timestamp())
    assert one(expiration=seconds).expires_at == one(expiration=str(seconds * 1000)).expires_at == NOW
    assert one(expiration=0).expires_at is None


def test_locked_discounts_are_kept_as_locked() -> None:
    assert not one(available=False).available
    assert not one(redemptionURL=None).available
    assert one(redemptionURL=None, tierDiscount=True).available


def test_a_discount_without_coupon_code_is_skipped_and_named() -> None:
    skipped: list[str] = []
    found = wallet({"discountTemplates": [{**TEMPLATE, "posDiscountID": "  "}, TEMPLATE, {"name": "x"}]}, skipped)
    assert found is not None
    assert (len(found.discounts), skipped) == (1, ["77", "without id"])


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (["x"], "data "),
        ("text", "data "),
        ({"loyaltyPoints": "many"}, "data.loyaltyPoints"),
        ({"loyaltyPoints": {"value": 1}}, "data.loyaltyPoints"),
        ({"loyaltyPoints": True}, "data.loyaltyPoints"),
        ({"hidePointsInWallet": "maybe"}, "data.hidePointsInWallet"),
        ({"discountTemplates": {}}, "data.discountTemplates "),
        ({"discountTemplates": ["x"]}, r"data.discountTemplates\[0\] "),
        ({"discountTemplates": [{**TEMPLATE, "pointsDeduction": "free"}]}, r"\[0\].pointsDeduction"),
        ({"discountTemplates": [TEMPLATE, {**TEMPLATE, "pointsDeduction": -1}]}, r"\[1\].pointsDeduction"),
        ({"discountTemplates": [{**TEMPLATE, "expiration": "soon"}]}, r"\[0\].expiration"),
        ({"discountTemplates": [{**TEMPLATE, "expiration": 10**40}]}, r"\[0\].expiration"),
        ({"discountTemplates": [{**TEMPLATE, "available": []}]}, r"\[0\].available"),
        ({"discountTemplates": [{**TEMPLATE, "posDiscountID": ["AP"]}]}, r"\[0\].posDiscountID"),
    ],
)
def test_an_unusable_field_is_named(data: Any, field: str) -> None:
    with pytest.raises(ProtocolError, match=field):
        wallet(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "posDiscountID", "discountTemplates", "loyaltyPoints", "x"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_makes_more_than_a_protocol_error(data: Any) -> None:
    for read in (wallet, lambda d: parse.persona_of(d, NOW), parse.listing_of, parse.contact_id_of):
        try:
            read(data)
        except ProtocolError as refused:
            assert "AIQ's answer" in str(refused)  # noqa: PT017


@pytest.mark.parametrize(
    ("data", "status", "contact_id"),
    [
        (None, LoyaltyStatus.UNKNOWN, ""),
        ({"results": None}, LoyaltyStatus.UNKNOWN, ""),
        ({"contactID": "c1", "loyalty": True}, LoyaltyStatus.MEMBER, "c1"),
        ({"contactID": "c1", "loyalty": False}, LoyaltyStatus.KNOWN, "c1"),
        ({"contact": {"universalID": "c2"}, "loyalty": "true"}, LoyaltyStatus.MEMBER, "c2"),
        ({"contact": {"id": 5, "isMember": False}}, LoyaltyStatus.KNOWN, "5"),
        ({"contactID": "c1"}, LoyaltyStatus.CANNOT_TELL, "c1"),
        ([{"contactID": "c1", "loyalty": True}], LoyaltyStatus.MEMBER, "c1"),
        ([{"contactID": "c1"}, {"contactID": "c2"}], LoyaltyStatus.SEVERAL, ""),
    ],
)
def test_a_look_up_tells_what_the_person_is(data: Any, status: LoyaltyStatus, contact_id: str) -> None:
    found = parse.persona_of(data, NOW)
    assert (found.status, found.contact_id, found.read_at) == (status, contact_id, NOW)


@pytest.mark.parametrize("names", [{}, {"transactionID": "R1", "reference": None}, {"contactID": "c1"}])
def test_a_redemption_is_read_by_any_of_its_names(names: Any) -> None:
    row = {"contact_id": "c1", "discount_id": "77", "reference": "R1", "points": "100"}
    (found,) = parse.find_in_listing([{**row, "reference": "R0"}, {**row, **names}], "c1", "77", "R1").live
    assert (found.reference, found.points, found.contact_id) == ("R1", Decimal(100), "c1")


@pytest.mark.parametrize("data", [
    {"stores": [{"name": "One", "sourceMapping": {"pos": 1}}, {"name": "Two", "sourceMapping": {}}, {"name": "Three"}]},
    [{"name": "One", "sourceMapping": {"pos": 1}}, {"name": "Two", "sourceMapping": {}}, {"name": "Three"}],
])  # fmt: skip
def test_stores_are_read_with_what_is_told_of_their_mapping(data: Any) -> None:
    assert [(one.name, one.mapped) for one in parse.stores_of(data)] == [("One", True), ("Two", False), ("Three", None)]


@pytest.mark.parametrize("data", [{"stores": "none"}, {"stores": [1]}, {"stores": [{"name": {}}]}, "stores"])
def test_stores_in_another_form_are_named_by_their_field(data: Any) -> None:
    with pytest.raises(ProtocolError, match=r"data\.stores"):
        parse.stores_of(data)
