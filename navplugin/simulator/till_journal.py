"""One terminal at work: its screen record, the open sale's rows in NAV's tables, and the events that move them.

Every event is one transaction: withdrawn rows are honoured first, then the press does its part, then the journal is
added up and the change mark of AIQ_Sale moves (design.md 7 item 1). Records: `till.desk.TERMINAL` (what the screen
shows), `till.sales` (by receipt number, what POS memory would hold), `till.suspended`, `till.counters`.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from navplugin.simulator.fields import Row, clean_row, page_of
from navplugin.simulator.offers import NOTHING, ScannedLine, disc_offer, to_unit
from navplugin.simulator.state import State
from navplugin.simulator.world import SETTINGS, SETUP_DEFAULTS, TILL_DEFAULTS

SALE, JOURNAL, LINES = "AIQ_Sale", "AIQ_POSJournal", "AIQ_POSJournalLines"
GRANTS, PROMPTS = "AIQ_POSTotalDiscountOfferLines", "AIQ_POSPrompts"
STATUS, ACTIONS, SETUP = "AIQ_POSStatus", "AIQ_POSActions", "AIQ_Setup"
INFOCODES = "AIQ_POSJournalInfocodes"
PICKED = ("Picked", "Inserted", "Applied")
_STEP = 10000
_NEW_DESK: dict[str, Any] = {
    "receipt_no": "", "staff_id": "", "message": "", "popup": None, "wallet": [], "slip": None, "last": {},
}  # fmt: skip
_NEW_SALE: dict[str, Any] = {"state": "SALES", "refund_receipt_no": "", "offers": {}, "shares": {}}


class TillError(Exception):
    """A press that does nothing; the message is one sentence, `status` the one of the control's answer."""

    status = 409


class Impossible(TillError):
    """The press makes no sense on the sale as it is."""


class Malformed(TillError):
    """The press, its terminal or its body is not one that the till knows."""

    status = 400


class Till:
    """One terminal while a press runs. `desk` is its screen record, `sale` the memory of its open sale."""

    def __init__(self, state: State, terminal: str) -> None:
        found = state.doc("till.terminals", {})
        if terminal not in found:
            raise Malformed(f"There is no terminal {terminal}.")
        self.state, self.terminal, self.store = state, terminal, str(found[terminal]["store"]).upper()
        self.desk: dict[str, Any] = {}
        self.sale: dict[str, Any] = {}
        self.honoured = False
        self._opened = False
        self.refresh()
        self.popup_before: dict[str, Any] = self.desk["popup"] or {}

    # ---- one event -----------------------------------------------------------------------------------------------

    @contextmanager
    def event(self, name: str, *, sale: bool = True, touch: bool = True) -> Iterator[None]:
        """One transaction of a press. `sale`: an open sale is needed. `touch` False: the screen changes only."""
        with self.state.transaction():
            self.refresh()
            if not self._opened:
                self.desk |= {"message": "", "popup": None, "wallet": []}
            if sale and not self.receipt_no:
                raise Impossible("There is no open sale on this terminal.")
            self.honoured = self._honour_withdrawn() if self.receipt_no else False
            yield
            if self.receipt_no:
                self.add_up()
                if touch:
                    self.touch(name)
            self.save()
        self._opened = True

    def refresh(self) -> None:
        """Read the records anew."""
        self.desk = self.state.doc(f"till.desk.{self.terminal}") or copy.deepcopy(_NEW_DESK)
        self.sale = self.state.doc("till.sales", {}).get(self.receipt_no, {})

    def save(self) -> None:
        """Write the records back."""
        sales = self.state.doc("till.sales", {})
        if self.receipt_no:
            sales[self.receipt_no] = self.sale
        self.state.set_doc("till.sales", sales)
        self.state.set_doc(f"till.desk.{self.terminal}", self.desk)

    def touch(self, name: str) -> None:
        """Note the event on the sale's row, if it has one; its change mark moves."""
        row = self.state.get(SALE, self.receipt_no)
        if row is not None:
            change = {"State": self.sale["state"], "Event": name, "Event_At": self.state.now()}
            self.state.put(SALE, {**row, **change, "POS_Terminal_No": self.terminal})

    def wait(self, holds: Callable[[], bool]) -> bool:
        """Wait as long as the setup's `Wait_ms` says; 0 = look once."""
        return self.state.wait_until(holds, self.setup["Wait_ms"] / 1000)

    def say(self, text: str) -> None:
        """Put a sentence on the screen, behind what stands there."""
        self.desk["message"] = f"{self.desk['message']} {text}".strip()

    # ---- what is there -------------------------------------------------------------------------------------------

    @property
    def receipt_no(self) -> str:
        """The open sale of this terminal, '' when there is none."""
        return str(self.desk["receipt_no"])

    @property
    def member(self) -> str:
        """The member card on the sale, '' when there is none."""
        return str((self.state.get(JOURNAL, self.receipt_no) or {}).get("Member_Card_No", ""))

    def need_member(self) -> str:
        """The member card; Impossible when nobody is checked in."""
        if not self.member:
            raise Impossible("No member is checked in on this sale.")
        return self.member

    @property
    def setup(self) -> Row:
        """AIQ_Setup of the store, else the default row, else NAV's initial values."""
        found = self.state.get(SETUP, self.store) or self.state.get(SETUP, "")
        return found or clean_row(SETUP, SETUP_DEFAULTS)

    def is_fresh(self, moment: datetime | None) -> bool:
        """Whether something was read within the setup's `Fresh_Seconds`."""
        return moment is not None and self.state.now() - moment <= timedelta(seconds=self.setup["Fresh_Seconds"])

    def setting(self, name: str) -> Any:
        """A switch of the simulated till (`world.TILL_DEFAULTS`)."""
        return {**TILL_DEFAULTS, **self.state.doc(SETTINGS, {})}[name]

    @property
    def unit(self) -> Decimal:
        """The currency's amount rounding precision."""
        return Decimal(self.setting("currency_precision"))

    def gross(self, line: Row) -> Decimal:
        """Quantity times price of an item line."""
        return to_unit(line["Price"] * line["Quantity"], self.unit)

    def money(self, amount: Decimal) -> str:
        """As the screen shows it, with the decimals of the currency."""
        return f"{amount:.{max(0, -int(self.unit.as_tuple().exponent))}f}"

    def lines(self, kind: str = "") -> list[Row]:
        """Active journal lines, of one entry type where given."""
        return [
            row
            for row in self.state.rows(LINES)
            if row["Receipt_No"] == self.receipt_no
            and row["Entry_Status"] == " "
            and (not kind or row["Entry_Type"] == kind)
        ]

    def coupon_line(self, code: str) -> Row | None:
        """The active coupon line with this code."""
        return next((row for row in self.lines("Coupon") if row["Coupon_Code"] == code), None)

    def grants(self) -> list[Row]:
        """The rows of AIQ_POSTotalDiscountOfferLines of this sale."""
        return [row for row in self.state.rows(GRANTS) if row["Receipt_No"] == self.receipt_no]

    def picks(self) -> list[Row]:
        """Picked grants of the member who is on the sale, in the order in which they were picked."""
        mine = [g for g in self.grants() if g["Status"] in PICKED and g["Member_Ref"] == self.member]
        return sorted(mine, key=lambda g: (g["Picked_At"] is None, g["Picked_At"] or 0, g["Coupon_Code"]))

    def scanned(self) -> list[ScannedLine]:
        """The item lines as the offers see them, before total discounts."""
        items = self.state.doc("till.items", {})
        closed = {no for no, one in self.state.doc("till.disc_offers", {}).items() if one.get("block_total_discount")}
        return [
            ScannedLine(
                line_no=row["Line_No"],
                item_no=row["Number"],
                quantity=row["Quantity"],
                price=row["Price"],
                periodic=row["Periodic_Discount_Amount"],
                category=row["Item_Category_Code"],
                product_group=row["Retail_Product_Code"],
                blocked=bool(items.get(row["Number"], {}).get("no_discount"))
                or self.sale["offers"].get(str(row["Line_No"])) in closed,
            )
            for row in self.lines("Item")
        ]

    # ---- the sale's rows -----------------------------------------------------------------------------------------

    def begin(self, *, is_return: bool = False) -> None:
        """Start a sale without a member. Rows of an older sale under this number go."""
        counter = self.next_number("receipt")
        self.desk["receipt_no"] = f"{self.terminal:0>10}{counter:09d}"
        self.desk |= {"slip": None, "last": {}}
        self.desk["staff_id"] = self.desk["staff_id"] or min(self.state.doc("till.staff", {}))
        self.sale = copy.deepcopy(_NEW_SALE)
        for service in (PROMPTS, GRANTS, STATUS, ACTIONS, SALE, LINES, INFOCODES):
            self.remove_rows(service)
        when = self.store_time()
        self.state.put(JOURNAL, {
            "Receipt_No": self.receipt_no, "Store_No": self.store, "POS_Terminal_No": self.terminal,
            "Staff_ID": self.desk["staff_id"], "Transaction_Type": "Sales", "Trans_Date": when.date(),
            "Trans_Time": f"{when:%H:%M:%S}", "Sale_Is_Return_Sale": is_return,
        })  # fmt: skip

    def put_sale_row(self, member: str, footer_code: str) -> None:
        """Make the row of AIQ_Sale, with a GUID of its own."""
        self.state.put(SALE, {
            "Receipt_No": self.receipt_no, "Sale_GUID": str(uuid.uuid4()), "Store_No": self.store,
            "POS_Terminal_No": self.terminal, "Staff_ID": self.desk["staff_id"], "Member_Card_No": member,
            "State": self.sale["state"], "Footer_Code": footer_code,
        })  # fmt: skip

    def put_line(self, kind: str, number: str, fields: Row) -> Row:
        """Append a journal line."""
        last = max((r["Line_No"] for r in self.state.rows(LINES) if r["Receipt_No"] == self.receipt_no), default=0)
        return self.state.put(LINES, {
            "Receipt_No": self.receipt_no, "Line_No": last + _STEP, "Entry_Type": kind, "Number": number,
            "Created_by_Staff_ID": self.desk["staff_id"], **fields,
        })  # fmt: skip

    def put_item(self, item_no: str, quantity: Decimal) -> None:
        """Scan an item: the disc. offer is computed at once, total discounts are not (ls-pos.md 2.2)."""
        item = self.state.doc("till.items", {}).get(item_no)
        if item is None:
            raise Impossible(f"There is no item {item_no}.")
        gross = to_unit(item["price"] * quantity, self.unit)
        offer, amount = disc_offer(item_no, gross, self.state.doc("till.disc_offers", {}).values(), self.unit)
        row = self.put_line("Item", item_no, {
            "Description": item.get("description", item_no), "Quantity": quantity, "Price": item["price"],
            "Periodic_Discount_Amount": amount, "Item_Category_Code": item.get("category", ""),
            "Retail_Product_Code": item.get("retail_category", ""),
        })  # fmt: skip
        if offer:
            self.sale["offers"][str(row["Line_No"])] = offer

    def void_line(self, row: Row) -> None:
        """Take a line off; it stays in the journal as voided."""
        self.state.put(LINES, {**row, "Entry_Status": "Voided", "Valid_in_Transaction": False})

    def take_off_coupon(self, code: str) -> None:
        """The coupon line leaves, wherever it came from."""
        self.back_to_sale()
        if line := self.coupon_line(code):
            self.void_line(line)

    def back_to_sale(self) -> None:
        """From PAYMENT to SALES: what [Total] computed is worked out again at the next [Total]."""
        if self.sale["state"] != "PAYMENT":
            return
        self.sale |= {"state": "SALES", "short_asked": False, "waited": False}
        if self.sale["refund_receipt_no"]:
            return
        self.sale["shares"] = {}
        for line in self.lines():
            if line["Entry_Type"] in ("PerDiscount", "TotalDiscount"):
                self.state.delete(LINES, self.receipt_no, line["Line_No"])
            else:
                unset = {"Total_Disc_Amount": NOTHING, "Total_Disc_Percent": NOTHING, "Valid_in_Transaction": False}
                self.state.put(LINES, {**line, **unset})
        for grant in self.grants():
            if grant["Status"] == "Applied":
                self.state.put(GRANTS, {**grant, "Status": "Inserted", "Applied_Amount": NOTHING})

    def add_up(self) -> None:
        """Bring amounts of lines and header up to date."""
        for line in self.lines("Item"):
            gross = self.gross(line)
            discount = line["Periodic_Discount_Amount"] + line["Total_Disc_Amount"]
            percent = to_unit(discount * 100 / gross) if gross else NOTHING
            amounts = {"Amount": gross - discount, "Discount_Amount": discount, **self._tax(gross - discount)}
            self.state.put(LINES, {**line, **amounts, "Discount_Percent": percent})
        items = self.lines("Item")
        net = sum((line["Net_Amount"] for line in items), NOTHING)
        total = net + sum((line["VAT_Amount"] for line in items), NOTHING)
        discount = sum((line["Discount_Amount"] for line in items), NOTHING)
        header = self.state.get(JOURNAL, self.receipt_no) or {}
        self.state.put(JOURNAL, {**header, "Gross_Amount": total, "Net_Amount": net, "Line_Discount": discount})

    def _tax(self, amount: Decimal) -> Row:
        """Net amount and tax of a line: the tax is in the amount or comes on top, as the store's prices are."""
        rate = Decimal(self.setting("tax_percent"))
        if self.setting("prices_include_tax"):
            net = to_unit(amount * 100 / (100 + rate), self.unit)
            return {"Net_Amount": net, "VAT_Amount": amount - net}
        return {"Net_Amount": amount, "VAT_Amount": to_unit(amount * rate / 100, self.unit)}

    def remove_rows(self, service: str) -> None:
        """Delete every row of the sale from one page."""
        for row in self.state.rows(service):
            if row["Receipt_No"] == self.receipt_no:
                self.state.delete(service, *(row[name] for name in page_of(service).key))

    def write_action(self, action: str, **fields: Any) -> int:
        """Ask the worker for what the rows cannot answer; returns the entry number."""
        used = max((row["Entry_No"] for row in self.state.rows(ACTIONS)), default=0)
        number = max(used, int(self.state.doc("till.last-entry", 0))) + 1
        self.state.set_doc("till.last-entry", number)
        self.state.put(ACTIONS, {
            "Entry_No": number, "Action": action, "Receipt_No": self.receipt_no, "Store_No": self.store,
            "POS_Terminal_No": self.terminal, "Staff_ID": self.desk["staff_id"], "Member_Card_No": self.member,
            "Created_At": self.state.now(), **fields,
        })  # fmt: skip
        return number

    def action_error(self, number: int) -> str | None:
        """None while the action is not over; '' when it was done, else why it failed."""
        row = self.state.get(ACTIONS, number)
        if row is None or row["Status"] == "Done":
            return ""
        return None if row["Status"] in ("New", "Taken") else row["Error_Text"] or "The request failed."

    def next_number(self, kind: str) -> int:
        """The terminal's next receipt or transaction number, without gaps."""
        counters = self.state.doc("till.counters", {})
        name = f"{self.terminal} {kind}"
        counters[name] = counters.get(name, 0) + 1
        self.state.set_doc("till.counters", counters)
        return int(counters[name])

    def store_time(self) -> datetime:
        """The time on the store's wall; NAV keeps it without a zone."""
        zone = self.state.doc("till.stores", {}).get(self.store, {}).get("time_zone") or "UTC"
        return self.state.now().astimezone(ZoneInfo(zone))

    def _honour_withdrawn(self) -> bool:
        """Lines of withdrawn rows leave, with their reason; whether there was one."""
        withdrawn = [grant for grant in self.grants() if grant["Status"] == "Withdrawn"]
        for grant in withdrawn:
            self.take_off_coupon(grant["Coupon_Code"])
            self.state.put(GRANTS, {**grant, "Status": "Reversed", "Applied_Amount": NOTHING, "Journal_Line_No": 0})
            self.say(grant["Reason"] or f"{grant['Coupon_Code']} was withdrawn.")
        return bool(withdrawn)
