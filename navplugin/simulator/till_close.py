"""[Total], the tender with posting and printing, void, suspend, retrieve, return (design.md 7.1 rows 14 to 22, 25)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from navplugin.simulator.fields import Row
from navplugin.simulator.offers import NOTHING, GivenDiscount, SaleFacts, offers_from, to_unit, total_discounts
from navplugin.simulator.slip import belonging, posted_header, print_slip
from navplugin.simulator.till_journal import GRANTS, INFOCODES, JOURNAL, LINES, SALE, Impossible, Till
from navplugin.simulator.till_member import put_member
from navplugin.simulator.till_wallet import contested, drop_contested, drop_failed_picks, refuse

SUSPENDED = "till.suspended"


def total(till: Till, body: Mapping[str, Any]) -> None:
    """[Total]: picks that fail leave, the offers are computed, the sale goes to PAYMENT."""
    with till.event("total"):
        if not till.lines("Item"):
            raise Impossible("There is no item on the sale.")
        till.back_to_sale()
        if not till.sale["refund_receipt_no"]:
            drop_failed_picks(till)
            _apply(till, _compute(till))
        till.sale["state"] = "PAYMENT"


def pay(till: Till, body: Mapping[str, Any]) -> None:
    """The tender that closes the sale: withdrawn rows first, a short discount is asked about, contested
    picks wait for the worker, then post and print."""
    tender = str(body["tender"]).upper()
    with till.event("pay"):
        if till.honoured and till.sale["state"] == "SALES":
            return
        if till.sale["state"] != "PAYMENT":
            raise Impossible("Press [Total] before the tender.")
        if short := _short_discounts(till):
            till.desk["popup"] = {"kind": "short", "text": short, "options": ["Pay", "Back"]}
            till.sale["short_asked"] = True
            return
        points = till.setup["Redeem_At"] == "Total" and not till.sale.get("waited")
        till.sale["waited"] = True
        if not _is_awaited(till, points=points):
            _close(till, tender)
            return
    till.wait(lambda: not _is_awaited(till, points=points))
    with till.event("pay"):
        if till.sale["state"] == "PAYMENT":
            _close(till, tender)


def void(till: Till, body: Mapping[str, Any]) -> None:
    """Void the open sale; with a receipt number, or with no sale open, a posted one."""
    receipt_no = str(body["receipt_no"]).upper()
    with till.event("void", sale=False):
        if not receipt_no and till.receipt_no:
            _void_open(till)
        else:
            _void_posted(till, receipt_no or str(till.desk["last"].get("receipt_no", "")))


def suspend(till: Till, body: Mapping[str, Any]) -> None:
    """Put the sale aside; any terminal of the store may take it up again."""
    with till.event("suspend"):
        till.back_to_sale()
        till.add_up()
        till.sale["state"] = "SUSPENDED"
        till.touch("suspend")
        aside = till.state.doc(SUSPENDED, {})
        every = [row for row in till.state.rows(LINES) if row["Receipt_No"] == till.receipt_no]
        header = till.state.get(JOURNAL, till.receipt_no)
        aside[till.receipt_no] = {"journal": header, "lines": every, "sale": till.sale}
        till.state.set_doc(SUSPENDED, aside)
        leave(till)


def retrieve(till: Till, body: Mapping[str, Any]) -> None:
    """Take a suspended sale up again, on this terminal; picks are checked as at [OK]."""
    receipt_no = str(body["receipt_no"]).upper()
    with till.event("retrieve", sale=False):
        aside = till.state.doc(SUSPENDED, {})
        found = aside.pop(receipt_no, None)
        if till.receipt_no:
            raise Impossible("Finish the sale on this terminal first.")
        if found is None or found["journal"]["Store_No"] != till.store:
            raise Impossible(f"There is no suspended sale {receipt_no} in this store.")
        till.state.set_doc(SUSPENDED, aside)
        till.desk |= {"receipt_no": receipt_no, "slip": None, "last": {}}
        till.desk["staff_id"] = till.desk["staff_id"] or found["journal"]["Staff_ID"]
        till.sale = {**found["sale"], "state": "SALES"}
        till.state.put(JOURNAL, {**found["journal"], "POS_Terminal_No": till.terminal})
        for line in found["lines"]:
            till.state.put(LINES, line)
        drop_failed_picks(till)


def return_sale(till: Till, body: Mapping[str, Any]) -> None:
    """Take a posted sale back: all its lines with the discount that was frozen at posting; lines may be taken off."""
    receipt_no = str(body["receipt_no"]).upper()
    with till.event("return", sale=False):
        if till.receipt_no:
            raise Impossible("Finish the sale on this terminal first.")
        sold = _posted_sale(till, receipt_no)
        if sold["Sale_Is_Return_Sale"]:
            raise Impossible(f"{receipt_no} is a return itself.")
        till.begin(is_return=True)
        till.sale["refund_receipt_no"] = receipt_no
        _copy_sold_lines(till, sold)
        if sold["Member_Card_No"]:
            put_member(till, sold["Member_Card_No"])


def leave(till: Till) -> None:
    """The sale leaves the terminal: its journal rows go, the screen keeps showing how it ended."""
    till.desk["last"] = screen_of(till)
    for service in (LINES, INFOCODES, JOURNAL):
        till.remove_rows(service)
    sales = till.state.doc("till.sales", {})
    sales.pop(till.receipt_no, None)
    till.state.set_doc("till.sales", sales)
    till.desk["receipt_no"] = ""


def screen_of(till: Till) -> dict[str, Any]:
    """What the screen says of the open sale; money as text with two decimals."""
    items = till.lines("Item")
    gross = sum((till.gross(line) for line in items), NOTHING)
    discount = sum((line["Periodic_Discount_Amount"] + line["Total_Disc_Amount"] for line in items), NOTHING)
    return {
        "receipt_no": till.receipt_no,
        "state": till.sale["state"],
        "member_card_no": till.member,
        "lines": [_shown(till, line) for line in till.lines()],
        "subtotal": till.money(gross),
        "discount": till.money(discount),
        "total": till.money(gross - discount),
    }


# ---- [Total] -----------------------------------------------------------------------------------------------------


def _compute(till: Till) -> tuple[GivenDiscount, ...]:
    member = till.state.get("AIQ_Members", till.member) or {}
    facts = SaleFacts(
        coupons=tuple(line["Coupon_Code"] for line in till.lines("Coupon")),
        store_no=till.store,
        club=member.get("Club_Code", ""),
        scheme=member.get("Scheme_Code", ""),
        judged_after=till.setup["Minimum_Judged"] == "After",
        above=till.setup["Reached"] == "Above",
        when=till.store_time(),
        unit=till.unit,
    )
    kinds = ("Offers", "OfferItems", "OfferBenefits")
    tables = (*(f"AIQ_TotalDiscount{kind}" for kind in kinds), "AIQ_ValidationPeriods")
    return total_discounts(till.scanned(), offers_from(*(till.state.rows(name) for name in tables)), facts)


def _apply(till: Till, given: tuple[GivenDiscount, ...]) -> None:
    used = {one.coupon_code: one.amount for one in given if one.amount and one.coupon_code}
    for one in given:
        if one.amount:
            till.put_line(till.setting("info_line"), one.offer_no, {"Description": "Discount", "Amount": -one.amount})
    till.sale["shares"] = {one.offer_no: {str(no): share for no, share in one.shares.items()} for one in given}
    for line in till.lines("Item"):
        share = sum((one.shares.get(line["Line_No"], NOTHING) for one in given), NOTHING)
        left = till.gross(line) - line["Periodic_Discount_Amount"]
        percent = to_unit(share * 100 / left) if left else NOTHING
        till.state.put(LINES, {**line, "Total_Disc_Amount": share, "Total_Disc_Percent": percent})
    picked = {grant["Coupon_Code"]: grant for grant in till.picks()}
    for line in till.lines("Coupon"):
        code = line["Coupon_Code"]
        till.state.put(LINES, {**line, "Valid_in_Transaction": code in used})
        if code in used and code in picked:
            till.state.put(GRANTS, {**picked[code], "Status": "Applied", "Applied_Amount": used[code]})
        elif code in picked:
            refuse(till, picked[code], "It gives nothing on this sale.")
        elif code not in used:
            till.say(f"The coupon {code} was not used.")


# ---- the tender --------------------------------------------------------------------------------------------------


def _short_discounts(till: Till) -> list[str]:
    """Sentences about discounts that give less than promised, once, where the setup wants to be asked."""
    if till.setup["Short"] != "Ask" or till.sale.get("short_asked"):
        return []
    return [
        f"{grant['Coupon_Code']} gives {grant['Applied_Amount']:.2f} in place of {grant['Value']:.2f}."
        for grant in till.picks()
        if grant["Value_Kind"] == "amount" and grant["Status"] == "Applied" and grant["Applied_Amount"] < grant["Value"]
    ]


def _is_awaited(till: Till, *, points: bool) -> bool:
    """Whether the tender waits for the worker: to confirm a contested pick, and where `points` says so, to say what
    became of the points. A withdrawn row is an answer too."""
    rows = till.grants()
    if any(row["Status"] == "Withdrawn" for row in rows):
        return False
    unanswered = points and any(row["Status"] == "Applied" and row["Points"] == " " for row in rows)
    return unanswered or bool(contested(till))


def _close(till: Till, tender: str) -> None:
    """Post and print; a pick that is still contested, or whose points AIQ has refused, leaves first."""
    if drop_contested(till):
        return
    refused = [grant for grant in till.picks() if grant["Status"] == "Applied" and grant["Points"] == "Refused"]
    for grant in refused:
        till.back_to_sale()
        refuse(till, grant, grant["Reason"] or "AIQ refused the points.")
    if refused:
        return
    till.add_up()
    receipt_no, had_member = till.receipt_no, till.state.get(SALE, till.receipt_no) is not None
    till.sale["state"] = "POSTED"
    if not had_member:
        till.put_sale_row("", till.setup["Footer_No_Member"])
    _write_infocodes(till)
    _post(till, tender)
    till.touch("post")
    leave(till)
    till.desk["slip"] = print_slip(till.state, receipt_no)


def _write_infocodes(till: Till) -> None:
    row = till.state.get(SALE, till.receipt_no) or {}
    for code, text in (("AIQ", row["Sale_GUID"]), ("AIQFOOTER", row["Footer_Code"])):
        entry = {"Receipt_No": till.receipt_no, "Transaction_Type": "Header", "Line_No": 0}
        till.state.put(INFOCODES, {**entry, "Infocode": code, "Information": text})


def _post(till: Till, tender: str) -> None:
    """The posted tables, with NAV's signs: a sale is negative, its line discounts and tenders are positive
    (ls-pos.md 1.10); a return is the reverse, as the journal's amounts already are."""
    journal = till.state.get(JOURNAL, till.receipt_no) or {}
    total, net = journal["Gross_Amount"], journal["Net_Amount"]
    key = _put_header(till, journal, " ", {
        "Gross_Amount": -total, "Net_Amount": -net, "Discount_Amount": -journal["Line_Discount"], "Payment": total,
        "Refund_Receipt_No": till.sale["refund_receipt_no"],
    })  # fmt: skip
    for line in till.lines("Item"):
        till.state.put("AIQ_TransLines", {
            **key, "Line_No": line["Line_No"], "Item_No": line["Number"], "Quantity": -line["Quantity"],
            "Price": line["Price"], "Net_Amount": -line["Net_Amount"],
            "VAT_Amount": -line["VAT_Amount"], "Discount_Amount": line["Discount_Amount"],
            "Item_Category_Code": line["Item_Category_Code"], "Retail_Product_Code": line["Retail_Product_Code"],
        })  # fmt: skip
        for kind, offer_no, amount in _line_discounts(till, line):
            till.state.put("AIQ_TransDiscounts", {
                **key, "Line_No": line["Line_No"], "Offer_Type": kind, "Offer_No": offer_no, "Discount_Amount": amount,
            })  # fmt: skip
    payment = {**key, "Line_No": 10000, "Tender_Type": tender, "Amount_Tendered": total}
    till.state.put("AIQ_TransPayments", payment)
    for row in till.state.rows(INFOCODES):
        if row["Receipt_No"] == till.receipt_no:
            till.state.put("AIQ_TransInfocodes", {**row, **key})


def _put_header(till: Till, journal: Row, status: str, amounts: Row) -> Row:
    """The posted header; returns what every row of the transaction shares."""
    when = till.store_time()
    key = {"Store_No": till.store, "POS_Terminal_No": till.terminal, "Transaction_No": till.next_number("transaction")}
    till.state.put("AIQ_Transactions", {
        **key, "Receipt_No": till.receipt_no, "Transaction_Type": "Sales", "Entry_Status": status,
        "Date": when.date(), "Time": f"{when:%H:%M:%S}", "Staff_ID": journal["Staff_ID"],
        "Member_Card_No": journal["Member_Card_No"], "Sale_Is_Return_Sale": journal["Sale_Is_Return_Sale"], **amounts,
    })  # fmt: skip
    return {**key, "Receipt_No": till.receipt_no}


def _line_discounts(till: Till, line: Row) -> list[tuple[str, str, Decimal]]:
    number = str(line["Line_No"])
    found = [("Total Discount", offer, shares.get(number, NOTHING)) for offer, shares in till.sale["shares"].items()]
    if offer := till.sale["offers"].get(number):
        found.append(("Disc. Offer", offer, line["Periodic_Discount_Amount"]))
    return [one for one in found if one[2]]


# ---- void and return ---------------------------------------------------------------------------------------------


def _void_open(till: Till) -> None:
    """A voided transaction is kept as a header without amounts; its coupons are free with the lines that held them."""
    till.back_to_sale()
    till.add_up()
    till.sale["state"] = "VOIDED"
    till.touch("void")
    _put_header(till, till.state.get(JOURNAL, till.receipt_no) or {}, "Voided", {})
    leave(till)


def _void_posted(till: Till, receipt_no: str) -> None:
    header = _posted_sale(till, receipt_no)
    till.state.put("AIQ_Transactions", {**header, "Entry_Status": "Voided"})
    if row := till.state.get(SALE, receipt_no):
        now = till.state.now()
        till.state.put(SALE, {**row, "State": "VOIDED", "Event": "void", "Event_At": now})
    if not till.receipt_no:
        till.desk["last"] = {**till.desk["last"], "receipt_no": receipt_no, "state": "VOIDED"}
    till.say(f"The sale {receipt_no} is voided.")


def _posted_sale(till: Till, receipt_no: str) -> Row:
    header = posted_header(till.state, receipt_no)
    if header is None:
        raise Impossible(f"There is no posted sale {receipt_no}." if receipt_no else "There is no sale to void.")
    if header["Entry_Status"] == "Voided":
        raise Impossible(f"The sale {receipt_no} is voided already.")
    return header


def _copy_sold_lines(till: Till, sold: Row) -> None:
    discounts = belonging(till.state, "AIQ_TransDiscounts", sold)
    for row in belonging(till.state, "AIQ_TransLines", sold):
        mine = [one for one in discounts if one["Line_No"] == row["Line_No"]]
        totals = [one for one in mine if one["Offer_Type"] == "Total Discount"]
        share = sum((one["Discount_Amount"] for one in totals), NOTHING)
        item = till.state.doc("till.items", {}).get(row["Item_No"], {})
        line = till.put_line("Item", row["Item_No"], {
            "Description": item.get("description", row["Item_No"]), "Quantity": row["Quantity"],
            "Price": row["Price"], "Total_Disc_Amount": -share,
            "Periodic_Discount_Amount": share - row["Discount_Amount"],
            "Item_Category_Code": row["Item_Category_Code"], "Retail_Product_Code": row["Retail_Product_Code"],
        })  # fmt: skip
        number = str(line["Line_No"])
        for one in totals:
            till.sale["shares"].setdefault(one["Offer_No"], {})[number] = -one["Discount_Amount"]
        for one in mine:
            if one["Offer_Type"] == "Disc. Offer":
                till.sale["offers"][number] = one["Offer_No"]


def _shown(till: Till, line: Row) -> dict[str, Any]:
    return {
        "line_no": line["Line_No"],
        "type": line["Entry_Type"],
        "number": line["Number"],
        "description": line["Description"],
        "quantity": f"{line['Quantity'].normalize():f}",
        "price": f"{line['Price']:.2f}",
        "discount": till.money(line["Discount_Amount"]),
        "amount": till.money(line["Amount"]),
    }
