"""Saved sales: there and back, without anybody's data, and files that are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from navplugin.core.model import Benefit, JournalLine, Member, Offer, OfferLine, PostedDiscount, PostedSale
from navplugin.replay import Past, PastSale
from navplugin.replayfile import from_saved, to_saved

SALE = PostedSale(
    "R1", "S1", "P1", 7, "M1003", "101", False, False, "", datetime(2026, 5, 1, 12, 30, tzinfo=UTC), "a-guid",
    Decimal("75.00"), (JournalLine(10000, "Item", "FLOWER", price=Decimal("75.00")),),
    (PostedDiscount("TDO1", Decimal("10.00")),),
)  # fmt: skip
MEMBER = Member("M1003", "A1", "C1", "Jamie", "Doe", "jamie@example.com", "5550100000", date(1990, 5, 31), "GOLD")
OFFER = Offer(
    "TDO1", "10.00 off", True, "AP1", amount_to_trigger=Decimal("5.50"), maximum_discount=Decimal(9),
    lines=(OfferLine("Item", "FLOWER"),), benefits=(Benefit(Decimal(0), "amount", Decimal("10.00")),),
)  # fmt: skip
NOBODY = replace(SALE, member_card_no="")
PAST = Past([PastSale(date(2026, 5, 1), SALE, MEMBER), PastSale(date(2026, 5, 2), NOBODY, None)], [OFFER])


def test_what_is_saved_comes_back_but_for_personal_data() -> None:
    text = to_saved(PAST)
    back = from_saved(text)
    assert list(back.offers) == [OFFER]
    assert back.sales[0].sale == replace(SALE, member_card_no="M", sale_guid="")
    assert back.sales[1].sale == replace(SALE, member_card_no="", sale_guid="")
    member = back.sales[0].member
    assert member is not None
    assert (member.club_code, member.date_of_birth) == ("GOLD", date(1990, 5, 1))
    assert member.mobile_phone_no
    for private in ("M1003", "Jamie", "Doe", "example.com", "5550100000", "1990-05-31", "a-guid"):
        assert private not in text


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"version": 2}', '{"version": 1, "sales": [{"day": "x"}], "offers": []}', "[" * 100_000,
     '{"version": 1, "sales": [], "offers": [{"offer_no": 5}]}', '{"version": 1, "sales": [7], "offers": []}',
     to_saved(PAST).replace("75.00", "75,00"), to_saved(PAST).replace('"S1"', "null")],
)  # fmt: skip
def test_what_is_no_saved_file_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_saved(text)
