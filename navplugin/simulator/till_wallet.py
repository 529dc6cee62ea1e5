"""[AIQ Wallet] and its [OK], the PIN, and coupons on the sale (design.md 7 items 3 and 4, 7.1 rows 10 to 13, 24).

The rows were written ahead by the worker; what decides is the sale as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from navplugin.simulator.fields import Row
from navplugin.simulator.offers import NOTHING, is_reached, to_unit
from navplugin.simulator.till_journal import GRANTS, PICKED, SALE, STATUS, Impossible, Malformed, Till

UNAVAILABLE = "Wallet not available, go on with the sale."
CONTESTED = "Another sale of this member is using the points; choose the discount again."


def wallet(till: Till, body: Mapping[str, Any]) -> None:
    """[AIQ Wallet]: the rows that fit the sale now; absent or stale ones are asked for, within the wait."""
    with till.event("wallet"):
        till.need_member()
        if not till.lines("Item"):
            raise Impossible("Put an item on the sale before you open the AIQ Wallet.")
        number = 0 if _is_fresh(till) else till.write_action("Wallet")
    if number:
        till.wait(lambda: _is_fresh(till) or till.action_error(number) is not None)
    with till.event("wallet", touch=False):
        error = (till.action_error(number) or "") if number else ""
        if not _is_fresh(till) and not _honoured_offline(till):
            till.say(error or UNAVAILABLE)
            return
        till.desk["wallet"] = [_shown(row) for row in till.grants() if not why_not(till, row)]
        if not till.desk["wallet"]:
            till.say("There is no wallet discount for this sale.")


def pick(till: Till, body: Mapping[str, Any]) -> None:
    """[OK] on a row of the wallet: Picked, the coupon line, Inserted; a PIN first where the row needs one."""
    code = str(body["coupon_code"]).upper()
    with till.event("pick"):
        grant = _usable(till, code)
        if grant["Needs_PIN"]:
            till.write_action("PinRequest", Coupon_Code=code)
            till.desk["popup"] = _pin_dialog(code)
            return
        _pick(till, grant)
    _insert_when_taken(till, code)


def pin(till: Till, body: Mapping[str, Any]) -> None:
    """The digits that the member was sent, or the staff's bypass; then the pick goes on."""
    code = till.popup_before.get("coupon_code", "")
    if till.popup_before.get("kind") != "pin":
        raise Impossible("There is no PIN question on the screen.")
    digits, bypass = str(body["digits"]), bool(body["bypass"])
    if not bypass and not (digits.isdecimal() and len(digits) <= 10):
        raise Malformed("A PIN is one to ten digits.")
    with till.event("pin"):
        extra = {} if bypass else {"PIN": digits}
        number = till.write_action("PinBypass" if bypass else "PinEnter", Coupon_Code=code, **extra)
    till.wait(lambda: till.action_error(number) is not None or not _needs_pin(till, code))
    with till.event("pin"):
        if _needs_pin(till, code):
            error = till.action_error(number)
            till.say(error or "The PIN could not be checked, go on with the sale.")
            till.desk["popup"] = _pin_dialog(code) if error else None
            return
        _pick(till, _usable(till, code))
    _insert_when_taken(till, code)


def unpick(till: Till, body: Mapping[str, Any]) -> None:
    """The cashier voids the coupon line."""
    code = str(body["coupon_code"]).upper()
    with till.event("unpick"):
        if till.coupon_line(code) is None:
            raise Impossible(f"The coupon {code} is not on the sale.")
        release(till, code)


def type_coupon(till: Till, body: Mapping[str, Any]) -> None:
    """A coupon that was typed or scanned. The coupon check refuses a mapped one that was not picked here."""
    code = str(body["coupon_code"]).upper()
    with till.event("type-coupon"):
        coupon = till.state.get("AIQ_Coupons", code)
        if coupon is None or coupon["Status"] != "Enabled":
            raise Impossible(f"The coupon {code} is not known.")
        if till.coupon_line(code) is not None:
            raise Impossible(f"The coupon {code} is on the sale already.")
        if till.setting("coupon_check") and _is_mapped(till, code):
            raise Impossible(f"The coupon {code} is a wallet discount and must be chosen in the AIQ Wallet.")
        till.back_to_sale()
        insert_coupon(till, code, coupon["Description"])


def release(till: Till, code: str) -> None:
    """The cashier took the coupon off: the line leaves and the grant may be picked again (row 13)."""
    till.take_off_coupon(code)
    grant = till.state.get(GRANTS, till.receipt_no, code)
    if grant is not None and grant["Status"] in PICKED:
        unset = {"Picked_By": "", "Picked_At": None, "Journal_Line_No": 0, "Applied_Amount": NOTHING}
        till.state.put(GRANTS, {**grant, "Status": "Granted", **unset})


def refuse(till: Till, grant: Row, reason: str) -> None:
    """A pick that cannot stand leaves, with its reason on the row and on the screen."""
    if line := till.coupon_line(grant["Coupon_Code"]):
        till.void_line(line)
    gone = {"Status": "Refused", "Reason": reason[:100], "Applied_Amount": NOTHING, "Journal_Line_No": 0}
    till.state.put(GRANTS, {**grant, **gone})
    till.say(f"{grant['Coupon_Code']} was taken off: {reason}")


def drop_failed_picks(till: Till) -> None:
    """What was picked is checked again as at [OK]; other members' picks leave too (rows 14, 21)."""
    for grant in till.grants():
        if grant["Status"] in PICKED and (reason := _fails(till, grant)):
            refuse(till, grant, reason)


def contested(till: Till) -> list[Row]:
    """Picks that may not be paid yet: another sale of the member is using points, and this pick is not confirmed.
    A pick is confirmed when its row has the key of the claim that holds the points."""
    return [grant for grant in till.picks() if not grant["Redemption_ID"] and _is_contested(till, grant["Member_Ref"])]


def drop_contested(till: Till) -> bool:
    """The discounts of contested picks leave the sale; whether there was one."""
    leaving = contested(till)
    for grant in leaving:
        till.back_to_sale()
        refuse(till, grant, CONTESTED)
    return bool(leaving)


def _is_contested(till: Till, member: str) -> bool:
    """Whether another sale of the member has a pick of which the worker has not said yet what became of its points, or
    whose points are taken while it is not over: what this sale was granted may be from before that."""
    for row in till.state.rows(GRANTS):
        if row["Receipt_No"] == till.receipt_no or row["Member_Ref"] != member:
            continue
        sale = till.state.get(SALE, row["Receipt_No"]) if row["Status"] in PICKED else None
        if sale is None or sale["State"] == "VOIDED":
            continue
        if row["Points"] == " " or (row["Points"] == "Taken" and sale["State"] != "POSTED"):
            return True
    return False


def insert_coupon(till: Till, code: str, description: str) -> Row:
    """Put the coupon line on the journal: the information line that staff see."""
    fields = {"Coupon_Code": code, "Coupon_Function": "Use", "Description": f"Discount {description}".strip()}
    return till.put_line("Coupon", code, {**fields, "Quantity": Decimal(1)})


def why_not(till: Till, grant: Row) -> str:
    """Why a row may not be picked now, '' when it may."""
    return "It is not on offer." if grant["Status"] != "Granted" else _fails(till, grant)


def _fails(till: Till, grant: Row) -> str:
    """Why a row does not fit the sale as it is, whether picked or not; '' when it does."""
    if grant["Member_Ref"] != till.member:
        return "It was offered to another member."
    if grant["Valid_Until"] is not None and grant["Valid_Until"] <= till.state.now():
        return "It is no longer valid."
    if grant["Points"] == "Refused":
        return grant["Reason"] or "AIQ refused the points."
    if grant["Blocked_Text"]:
        return str(grant["Blocked_Text"])
    balance = _balance_for(till, grant)
    before = sum((line.gross(till.unit) for line in till.scanned()), NOTHING)
    judged = balance if till.setup["Minimum_Judged"] == "After" else before
    above = till.setup["Reached"] == "Above"
    if grant["Min_Amount"] > 0 and not is_reached(judged, grant["Min_Amount"], above=above):
        return f"It needs {grant['Min_Amount']:.2f}, the sale is at {judged:.2f}."
    if balance < grant["Min_Balance"]:
        return f"It needs {grant['Min_Balance']:.2f}, the sale is at {balance:.2f}."
    return ""


def _balance_for(till: Till, grant: Row) -> Decimal:
    """The transaction balance: the sale after disc. offers, less the value of what was picked before this row."""
    balance = sum((line.amount(till.unit) for line in till.scanned()), NOTHING)
    for other in till.picks():
        if other["Coupon_Code"] == grant["Coupon_Code"]:
            break
        percent = other["Value_Kind"] == "percent"
        balance -= to_unit(balance * other["Value"] / 100, till.unit) if percent else other["Value"]
    return balance


def _usable(till: Till, code: str) -> Row:
    grant = till.state.get(GRANTS, till.receipt_no, code)
    if grant is None or grant["Status"] != "Granted":
        raise Impossible(f"The wallet does not offer {code} for this sale.")
    if reason := why_not(till, grant):
        raise Impossible(f"{code} cannot be chosen: {reason.rstrip('.')}.")
    if not _is_fresh(till) and not (_honoured_offline(till) and grant["Valid_Until"] is not None):
        raise Impossible("The wallet is out of date; open the AIQ Wallet again.")
    return grant


def _pick(till: Till, grant: Row) -> None:
    till.back_to_sale()
    picked = {"Status": "Picked", "Picked_By": till.desk["staff_id"], "Picked_At": till.state.now(), "Reason": ""}
    # The key of an earlier claim must not confirm this pick.
    row = till.state.put(GRANTS, {**grant, **picked, "Redemption_ID": "", "Points": " "})
    if till.setup["Redeem_At"] != "Select":
        _insert(till, row)


def _insert(till: Till, grant: Row) -> None:
    line = insert_coupon(till, grant["Coupon_Code"], grant["Description"])
    till.state.put(GRANTS, {**grant, "Status": "Inserted", "Journal_Line_No": line["Line_No"]})


def _insert_when_taken(till: Till, code: str) -> None:
    """Redeem at select: the coupon only once the points are taken; otherwise the pick is undone (row 12)."""
    if till.setup["Redeem_At"] != "Select":
        return
    till.wait(lambda: _answered(till, code))
    with till.event("pick"):
        grant = till.state.get(GRANTS, till.receipt_no, code)
        if grant is None or grant["Status"] != "Picked":
            return
        if grant["Points"] == "Taken":
            _insert(till, grant)
        elif grant["Points"] == "Refused":
            refuse(till, grant, grant["Reason"] or "AIQ refused the points.")
        else:
            release(till, code)
            till.say("The points could not be taken in time, go on with the sale.")


def _answered(till: Till, code: str) -> bool:
    grant = till.state.get(GRANTS, till.receipt_no, code)
    return grant is None or grant["Points"] != " " or grant["Status"] != "Picked"


def _needs_pin(till: Till, code: str) -> bool:
    grant = till.state.get(GRANTS, till.receipt_no, code)
    return grant is not None and bool(grant["Needs_PIN"])


def _is_fresh(till: Till) -> bool:
    row = till.state.get(STATUS, till.receipt_no)
    return row is not None and row["Member_Ref"] == till.member and till.is_fresh(row["Wallet_At"])


def _honoured_offline(till: Till) -> bool:
    """Whether the store honours rows that are stale but before `Valid_Until`, and there is one."""
    if till.setup["Offline"] != "Honour Grants":
        return False
    return any(g["Valid_Until"] is not None and g["Member_Ref"] == till.member for g in till.grants())


def _is_mapped(till: Till, code: str) -> bool:
    """NAV knows the codes that AIQ uses by the offers that bear them, less those that the site has named."""
    offers = till.state.rows("AIQ_TotalDiscountOffers")
    return code not in till.setting("coupons_not_mapped") and any(o["Coupon_Code"] == code for o in offers)


def _pin_dialog(code: str) -> dict[str, Any]:
    text = ["Enter the PIN that the member was sent."]
    return {"kind": "pin", "coupon_code": code, "text": text, "options": ["OK", "Bypass"]}


def _shown(row: Row) -> dict[str, Any]:
    return {
        "coupon_code": row["Coupon_Code"],
        "description": row["Description"],
        "value_kind": row["Value_Kind"],
        "value": f"{row['Value']:.2f}",
        "points_cost": f"{row['Points_Cost']:f}",
        "needs_pin": row["Needs_PIN"],
    }
