"""Posted sales with the signs of the till. The one place that knows how LS stores them (ls-pos.md 1.10).

Stored negative for a sale: header amounts, line quantity, net amount and VAT. Stored positive: line discount and
discount entries. A return is the reverse, so the same turn fits both.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from navplugin.core.model import JournalLine, PostedDiscount, PostedSale, Row
from navplugin.nav.values import plain_guid

SALE_INFOCODE = "AIQ"
"""Header infocode that carries the sale's GUID (ls-pos.md 7.5)."""
OFFER_TYPES = ("Total Discount", "Coupon")
"""Where public reports find total discounts; the same offer may stand under either (ls-pos.md 1.10)."""


def turned(stored: Decimal) -> Decimal:
    """An amount or quantity that LS stores negative for a sale, as the till shows it."""
    return -stored if stored else stored


def posted_line(row: Row) -> JournalLine:
    """A row of AIQ_TransLines."""
    quantity, discount = turned(row["Quantity"]), row["Discount_Amount"]
    net, tax = turned(row["Net_Amount"]), turned(row["VAT_Amount"])
    return JournalLine(
        line_no=row["Line_No"],
        entry_type="Item",
        number=row["Item_No"],
        quantity=quantity,
        price=row["Price"],
        amount=_as_on_journal(net, tax, quantity * row["Price"] - discount),
        discount_amount=discount,
        item_category_code=row["Item_Category_Code"],
        retail_product_code=row["Retail_Product_Code"],
    )


def _as_on_journal(net: Decimal, tax: Decimal, expected: Decimal) -> Decimal:
    """The journal's amount holds the tax where prices do (ls-pos.md 1.3, 2.7): of NAV's two figures, the one that the
    price leads to. It is never computed."""
    return min((net, net + tax), key=lambda amount: abs(amount - expected))


def posted_sale(
    header: Row,
    lines: Iterable[Row],
    discounts: Iterable[Row],
    infocodes: Iterable[Row],
    *,
    zone: ZoneInfo | None = None,
) -> PostedSale:
    """The transaction with all its rows. zone: that of the store; without it the posting time is not known."""
    return PostedSale(
        receipt_no=header["Receipt_No"],
        store_no=header["Store_No"],
        pos_terminal_no=header["POS_Terminal_No"],
        transaction_no=header["Transaction_No"],
        member_card_no=header["Member_Card_No"],
        staff_id=header["Staff_ID"],
        voided=header["Entry_Status"] == "Voided",
        is_return=header["Sale_Is_Return_Sale"],
        refund_receipt_no=header["Refund_Receipt_No"],
        posted_at=_posted_at(header, zone),
        sale_guid=_sale_guid(infocodes),
        gross_amount=turned(header["Gross_Amount"]),
        lines=tuple(posted_line(row) for row in sorted(lines, key=lambda row: int(row["Line_No"]))),
        discounts=_sums(discounts),
    )


def _sums(rows: Iterable[Row]) -> tuple[PostedDiscount, ...]:
    shares: dict[str, dict[int, Decimal]] = {}
    for row in rows:
        if row["Offer_Type"] in OFFER_TYPES:
            mine = shares.setdefault(row["Offer_No"], {})
            mine[row["Line_No"]] = mine.get(row["Line_No"], Decimal(0)) + row["Discount_Amount"]
    return tuple(PostedDiscount(no, sum(one.values(), Decimal(0)), one) for no, one in sorted(shares.items()))


def _sale_guid(infocodes: Iterable[Row]) -> str:
    for row in infocodes:
        if row["Infocode"] == SALE_INFOCODE and row["Transaction_Type"] == "Header":
            text = row["Information"].strip()
            try:
                return plain_guid(text)
            except ValueError:
                return str(text)
    return ""


def _posted_at(header: Row, zone: ZoneInfo | None) -> datetime | None:
    """Date and time are the store's own, without a zone (ls-pos.md 8 no. 22)."""
    if zone is None or header["Date"] is None:
        return None
    try:
        at = time.fromisoformat(header["Time"] or "00:00:00")
    except ValueError:
        return None
    return datetime.combine(header["Date"], at.replace(tzinfo=None), zone).astimezone(UTC)
