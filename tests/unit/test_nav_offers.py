"""Offers as the reader makes them of NAV's rows: triggers, lines, Validation Periods."""

from __future__ import annotations

import logging
from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.errors import Misconfigured
from navplugin.core.model import Offer, OfferLine, Validity
from navplugin.nav.reader import NavReader
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world
from tests.unit.random_carts import StateTransport


def offer(state: State, *, transport: StateTransport | None = None, **fields: Any) -> Offer:
    benefit = {"Type": "Discount", "Value_Type": "Discount Amount", "Value": 10}
    periods = [
        {"ID": "NIGHT", "Starting_Date": "2026-05-01", "Friday": True, "Saturday": True, "Starting_Time": "22:00:00",
         "Ending_Time": "02:00:00"},
        {"ID": "EMPTY", "Starting_Time": "00:00:00"},
    ]  # fmt: skip
    one = {"No": "T1", "Coupon_Code": "AP", "benefits": [benefit], **fields}
    load_world(state, {"periods": periods, "offers": [one]})
    (found,) = NavReader(transport or StateTransport(state), "C").read_offers()  # type: ignore[arg-type]
    return found


def test_every_trigger_that_nav_shows_is_read(state: State) -> None:
    found = offer(state, Priority=3, Price_Group="ALL", Member_Type="Club", Member_Value="GOLD", Coupon_Qty_Needed=2,
                  Block_Total_Discount_Offer=True, Maximum_Discount_Amount="7.5", Amount_to_Trigger=50)  # fmt: skip
    assert (found.club, found.scheme, found.coupons_needed, found.price_group) == ("GOLD", "", 2, "ALL")
    assert (found.priority, found.block_total_discount, found.trigger) == (3, True, Decimal(50))
    assert (found.maximum_discount, found.validity, found.validity_unknown) == (Decimal("7.5"), None, False)


def test_a_scheme_is_no_club(state: State) -> None:
    assert (offer(state, Member_Type="Scheme", Member_Value="MED").scheme, offer(state).club) == ("MED", "")


def test_lines_keep_their_kind_and_their_exclusions(state: State) -> None:
    lines = [{"Type": "All"}, {"Type": "Item Category", "No": "VAPE", "Exclude": True}]
    found = offer(state, items=lines)
    assert found.lines == (OfferLine("All"), OfferLine("Item Category", "VAPE", exclude=True))
    assert found.items == ()
    assert offer(state, items=[{"Type": "Item", "No": "I1"}]).items == ("I1",)


@pytest.mark.parametrize(
    ("period", "validity"),
    [
        ("NIGHT", Validity(date(2026, 5, 1), None, frozenset({4, 5}), time(22), time(2))),
        ("EMPTY", Validity()),
    ],
)
def test_a_validation_period_comes_with_its_days_and_times(state: State, period: str, validity: Validity) -> None:
    assert offer(state, Validation_Period_ID=period).validity == validity


class WithoutPeriods(StateTransport):
    """A site that does not publish AIQ_ValidationPeriods."""

    def rows(self, page: Any, conditions: Any, order_by: str = "") -> Any:
        if page.service == "AIQ_ValidationPeriods":
            raise Misconfigured("there is no such page", system="NAV")
        return super().rows(page, conditions, order_by)


def test_where_nav_shows_no_periods_the_offer_is_taken_as_valid_and_it_is_said(
    state: State, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    found = offer(state, transport=WithoutPeriods(state), Validation_Period_ID="NIGHT")
    assert (found.validity, found.validity_unknown) == (None, True)
    assert "offers name Validation Periods, and NAV shows none" in caplog.text


def test_without_a_period_nobody_asks_for_one(state: State) -> None:
    assert not offer(state, transport=WithoutPeriods(state)).validity_unknown


def test_what_cannot_be_predicted_is_said_once(state: State, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    offer(state, Member_Attribute="VIP", Currency_Code="EUR", items=[{"Type": "Special Group", "No": "X"}])
    assert "offer T1 has Currency Code, Member Attribute, Special Group lines" in caplog.text
