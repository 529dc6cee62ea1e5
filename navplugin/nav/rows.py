"""Rows of NAV's pages as the typed values of the core. Field names are those of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import time
from typing import Any

from navplugin.core.errors import ProtocolError
from navplugin.core.model import (
    Benefit,
    Grant,
    GrantStatus,
    Journal,
    JournalLine,
    Member,
    Offer,
    OfferLine,
    Prompt,
    Sale,
    SaleState,
    StaffAction,
    StagedRow,
    StatusRow,
    Validity,
)
from navplugin.nav.contract import Page
from navplugin.nav.contract.offers import WEEKDAYS
from navplugin.nav.transport import NavRow


def staged(page: Page, row: NavRow) -> StagedRow:
    """A row of one of our pages, as reconciling wants it."""
    return StagedRow(page.service, tuple(row[name] for name in page.key), row.fields, row.tag)


def sale_of(row: NavRow) -> Sale:
    """A row of AIQ_Sale."""
    return Sale(
        receipt_no=row["Receipt_No"],
        sale_guid=row["Sale_GUID"],
        store_no=row["Store_No"],
        pos_terminal_no=row["POS_Terminal_No"],
        staff_id=row["Staff_ID"],
        member_card_no=row["Member_Card_No"],
        state=_member_of(SaleState, row, "State", "AIQ_Sale"),
        footer_code=row["Footer_Code"],
        event=row["Event"],
        event_at=row["Event_At"],
        change_mark=row["Change_Mark"],
        etag=row.tag,
    )


def staged_sale(sale: Sale) -> StagedRow:
    """The AIQ_Sale row behind a sale: its footer code is kept up like any other row of ours."""
    fields = {
        "Receipt_No": sale.receipt_no, "Sale_GUID": sale.sale_guid, "Store_No": sale.store_no,
        "POS_Terminal_No": sale.pos_terminal_no, "Staff_ID": sale.staff_id, "Member_Card_No": sale.member_card_no,
        "State": str(sale.state), "Footer_Code": sale.footer_code, "Event": sale.event, "Event_At": sale.event_at,
        "Change_Mark": sale.change_mark,
    }  # fmt: skip
    return StagedRow("AIQ_Sale", (sale.receipt_no,), fields, sale.etag)


def journal_of(row: NavRow, lines: Iterable[NavRow]) -> Journal:
    """A row of AIQ_POSJournal and its lines."""
    return Journal(
        receipt_no=row["Receipt_No"],
        store_no=row["Store_No"],
        pos_terminal_no=row["POS_Terminal_No"],
        staff_id=row["Staff_ID"],
        member_card_no=row["Member_Card_No"],
        is_return=row["Sale_Is_Return_Sale"],
        sales_type=row["Sales_Type"],
        customer_no=row["Customer_No"],
        trans_date=row["Trans_Date"],
        lines=tuple(line_of(line) for line in sorted(lines, key=lambda line: int(line["Line_No"]))),
    )


def line_of(row: NavRow) -> JournalLine:
    """A row of AIQ_POSJournalLines."""
    return JournalLine(
        line_no=row["Line_No"],
        entry_type=row["Entry_Type"],
        number=row["Number"],
        description=row["Description"],
        quantity=row["Quantity"],
        price=row["Price"],
        amount=row["Amount"],
        discount_amount=row["Discount_Amount"],
        periodic_discount_amount=row["Periodic_Discount_Amount"],
        total_disc_amount=row["Total_Disc_Amount"],
        coupon_code=row["Coupon_Code"],
        valid_in_transaction=row["Valid_in_Transaction"],
        item_category_code=row["Item_Category_Code"],
        retail_product_code=row["Retail_Product_Code"],
        voided=row["Entry_Status"] == "Voided",
    )


def action_of(row: NavRow) -> StaffAction:
    """A row of AIQ_POSActions."""
    return StaffAction(
        entry_no=row["Entry_No"],
        action=row["Action"],
        receipt_no=row["Receipt_No"],
        status=row["Status"],
        staff_id=row["Staff_ID"],
        member_card_no=row["Member_Card_No"],
        coupon_code=row["Coupon_Code"],
        pin=row["PIN"],
        created_at=row["Created_At"],
        etag=row.tag,
    )


def grant_of(row: NavRow) -> Grant:
    """A row of AIQ_POSTotalDiscountOfferLines."""
    return Grant(
        receipt_no=row["Receipt_No"],
        coupon_code=row["Coupon_Code"],
        offer_no=row["Offer_No"],
        discount_ext_id=row["Discount_Ext_ID"],
        description=row["Description"],
        value_kind=row["Value_Kind"],
        value=row["Value"],
        points_cost=row["Points_Cost"],
        min_amount=row["Min_Amount"],
        min_balance=row["Min_Balance"],
        blocked_text=row["Blocked_Text"],
        needs_pin=row["Needs_PIN"],
        member_ref=row["Member_Ref"],
        points=row["Points"],
        redemption_id=row["Redemption_ID"].strip(),
        reason=row["Reason"],
        status=_member_of(GrantStatus, row, "Status", "AIQ_POSTotalDiscountOfferLines"),
        picked_at=row["Picked_At"],
        picked_by=row["Picked_By"],
        journal_line_no=row["Journal_Line_No"],
        applied_amount=row["Applied_Amount"],
        etag=row.tag,
    )


def prompt_of(row: NavRow) -> Prompt:
    """A row of AIQ_POSPrompts."""
    return Prompt(
        receipt_no=row["Receipt_No"],
        prompt_key=row["Prompt_Key"],
        member_ref=row["Member_Ref"],
        kind=row["Kind"],
        code=row["Code"],
        texts=(row["Text_1"], row["Text_2"], row["Text_3"]),
        shown_at=row["Shown_At"],
        answer=row["Answer"],
        answered_at=row["Answered_At"],
        answered_by=row["Answered_By"],
        etag=row.tag,
    )


def status_of(row: NavRow) -> StatusRow:
    """A row of AIQ_POSStatus."""
    return StatusRow(
        receipt_no=row["Receipt_No"],
        member_ref=row["Member_Ref"],
        member_status=row["Member_Status"],
        display_text=row["Display_Text"],
        updated_at=row["Updated_At"],
        wallet_at=row["Wallet_At"],
        etag=row.tag,
    )


def member_of(row: NavRow) -> Member:
    """A row of AIQ_Members; `fields` keeps the whole row for facts of the site's own."""
    return Member(
        member_card_no=row["Card_No"],
        account_no=row["Account_No"],
        contact_no=row["Contact_No"],
        first_name=row["First_Name"],
        last_name=row["Surname"],
        e_mail=row["E_Mail"],
        mobile_phone_no=row["Mobile_Phone_No"],
        date_of_birth=row["Date_of_Birth"],
        club_code=row["Club_Code"],
        scheme_code=row["Scheme_Code"],
        blocked=row["Blocked"],
        fields=row.fields,
    )


def offer_of(
    row: NavRow, items: Sequence[NavRow], benefits: Sequence[NavRow], period: NavRow | None = None
) -> Offer:
    """A row of AIQ_TotalDiscountOffers with its lines, discount steps and Validation Period. A line for all items, or
    no line, means all items; `unclear_parts` names what this cannot say."""
    steps = [
        Benefit(x["Step_Amount"], kind, x["Value"])
        for x in benefits
        if x["Type"] == "Discount" and (kind := _BENEFITS.get(x["Value_Type"]))
    ]
    member = row["Member_Value"] if row["Member_Type"] in ("Club", "Scheme") else ""
    return Offer(
        offer_no=row["No"],
        description=row["Description"],
        enabled=row["Status"] == "Enabled",
        coupon_code=row["Coupon_Code"],
        priority=row["Priority"],
        amount_to_trigger=row["Amount_to_Trigger"],
        price_group=row["Price_Group"],
        block_total_discount=row["Block_Total_Discount_Offer"],
        maximum_discount=row["Maximum_Discount_Amount"] or None,
        lines=tuple(OfferLine(x["Type"], x["No"], bool(x["Exclude"])) for x in items),
        benefits=tuple(sorted(steps, key=lambda step: (step.step, step.kind))),
        coupons_needed=max(1, row["Coupon_Qty_Needed"] or 1),
        club=member if row["Member_Type"] == "Club" else "",
        scheme=member if row["Member_Type"] == "Scheme" else "",
        validity=validity_of(period) if period is not None else None,
        validity_unknown=bool(row["Validation_Period_ID"]) and period is None,
    )


_BENEFITS = {"Discount Amount": "amount", "Discount %": "percent"}
_OFFER_LINES = ("Item", "Product Group", "Item Category", "All")


def validity_of(row: NavRow) -> Validity:
    """A row of AIQ_ValidationPeriods. No day ticked means every day (assumed)."""
    return Validity(
        first=row["Starting_Date"],
        last=row["Ending_Date"],
        weekdays=frozenset(n for n, name in enumerate(WEEKDAYS) if row[name]),
        starts=_time_of(row["Starting_Time"]),
        ends=_time_of(row["Ending_Time"]),
    )


def _time_of(text: str) -> time | None:
    """NAV writes midnight for a time that is not filled in."""
    try:
        return time.fromisoformat(text).replace(tzinfo=None) if text.strip("0:.Z") else None
    except ValueError:
        return None


def unclear_parts(offer: NavRow, items: Sequence[NavRow], benefits: Sequence[NavRow]) -> tuple[str, ...]:
    """What an `Offer` cannot hold, so that the amount predicted for it may differ from NAV's."""
    found = {f"{x['Type']} lines" for x in items if x["Type"] not in _OFFER_LINES}
    steps = [x for x in benefits if x["Type"] == "Discount"]
    found |= {f"value type {x['Value_Type']}" for x in steps if x["Value_Type"] not in _BENEFITS}
    found |= {name.replace("_", " ") for name in ("Member_Attribute", "Currency_Code") if offer[name]}
    return tuple(sorted(found))


def _member_of(kind: Any, row: NavRow, name: str, service: str) -> Any:
    try:
        return kind(row[name])
    except ValueError:
        text = f"NAV's field {name} is '{row[name]}', which navplugin does not know; compare the NAV objects' version"
        raise ProtocolError(f"{text}.", system="NAV", where=f"{service} read") from None
