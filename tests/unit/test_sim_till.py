"""The simulated till: presses, check-in, items, the world. `Desk` drives it and plays the worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.simulator.fields import FieldError
from navplugin.simulator.state import State
from navplugin.simulator.till import Impossible, Malformed, TillError, press, screen
from navplugin.simulator.world import demo_world, load_world

GRANTS = "AIQ_POSTotalDiscountOfferLines"
Thing = dict[str, Any]


class Desk:
    """A till with its state; presses it, and writes what the worker would write."""

    def __init__(self, folder: Path, **setup: Any) -> None:
        self.state = State(folder)
        load_world(self.state, None)
        self.set_up(Wait_ms=0, Footer_Unknown="SIGNUP-1", Footer_No_Member="PLAIN-1", **setup)
        self.terminal = "P0001"

    def press(self, name: str, **body: Any) -> Thing:
        return press(self.state, self.terminal, name, body)

    def sale(self, member: str = "M1003", *items: str) -> str:
        receipt: str = self.press("check-in", member_card_no=member)["receipt_no"]
        for item in items:
            self.press("add-item", item_no=item)
        return receipt

    def set_up(self, **fields: Any) -> None:
        self.state.put("AIQ_Setup", {**self.row("AIQ_Setup", "S0001"), **fields})

    def row(self, service: str, *key: Any) -> Thing:
        found = self.state.get(service, *key)
        assert found is not None, f"{service} has no row {key}"
        return found

    def sale_row(self, receipt: str) -> Thing:
        return self.row("AIQ_Sale", receipt)

    def grant_row(self, receipt: str, code: str = "AP0001") -> Thing:
        return self.row(GRANTS, receipt, code)

    def lines(self, receipt: str, kind: str = "") -> list[Thing]:
        rows = [r for r in self.state.rows("AIQ_POSJournalLines") if r["Receipt_No"] == receipt]
        return [r for r in rows if r["Entry_Status"] == " " and kind in ("", r["Entry_Type"])]

    # ---- the worker's part ---------------------------------------------------------------------------------------

    def status(self, receipt: str, member: str = "M1003", **fields: Any) -> None:
        now = self.state.now()
        row = {"Receipt_No": receipt, "Member_Ref": member, "Member_Status": "Member", "Display_Text": "Is a member."}
        self.state.put("AIQ_POSStatus", {**row, "Updated_At": now, "Wallet_At": now, **fields})

    def grant(self, receipt: str, code: str = "AP0001", member: str = "M1003", **fields: Any) -> None:
        value = {"AP0001": 10, "AP0004": 100, "AP0010": 10}[code]
        self.state.put(GRANTS, {
            "Receipt_No": receipt, "Coupon_Code": code, "Offer_No": code.replace("AP", "TDO"), "Member_Ref": member,
            "Value": value, "Value_Kind": "percent" if code == "AP0010" else "amount", "Description": f"{value} off",
            "Points_Cost": 100, "Valid_Until": self.state.now() + timedelta(hours=8), **fields,
        })  # fmt: skip

    def change(self, receipt: str, code: str = "AP0001", **fields: Any) -> None:
        self.state.put(GRANTS, {**self.grant_row(receipt, code), **fields})

    def prompt(self, receipt: str, member: str = "M1006", **fields: Any) -> None:
        row = {"Receipt_No": receipt, "Prompt_Key": "JOIN", "Member_Ref": member, "Kind": "Confirm"}
        self.state.put("AIQ_POSPrompts", {**row, "Text_1": "Join?", "Footer_If_Yes": "WALLET-1", **fields})

    def footer(self, code: str, *rows: Thing) -> None:
        for number, row in enumerate(rows, start=1):
            self.state.put("AIQ_ReceiptFooter", {"Store_No": "S0001", "Code": code, "Line_No": number, **row})

    def action(self, name: str) -> Thing:
        return next(row for row in self.state.rows("AIQ_POSActions") if row["Action"] == name)

    def finish(self, action: Thing, status: str = "Done", **fields: Any) -> None:
        self.state.put("AIQ_POSActions", {**action, "Status": status, **fields})

    def when(self, due: Callable[[], bool], job: Callable[[], None]) -> threading.Thread:
        """Do the worker's job as soon as something has been written; the setup's wait is long meanwhile."""
        self.set_up(Wait_ms=20000)

        def run() -> None:
            if self.state.wait_until(due, 20):
                job()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def on_action(self, name: str, job: Callable[[Thing], None]) -> threading.Thread:
        def due() -> bool:
            return any(r["Action"] == name and r["Status"] == "New" for r in self.state.rows("AIQ_POSActions"))

        return self.when(due, lambda: job(self.action(name)))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.state.close()


def refused(desk: Desk, name: str, **body: Any) -> str:
    with pytest.raises(Impossible) as caught:
        desk.press(name, **body)
    assert caught.value.status == 409
    return str(caught.value)


# ---- row 2: check-in ---------------------------------------------------------------------------------------------


def test_check_in_makes_the_sale_row_with_its_guid_and_the_unknown_footer(desk: Desk) -> None:
    receipt = desk.sale("m1003")
    row = desk.sale_row(receipt)
    assert receipt == "00000P0001000000001"
    assert (row["State"], row["Member_Card_No"], row["Footer_Code"]) == ("SALES", "M1003", "SIGNUP-1")
    assert len(row["Sale_GUID"]) == 36
    assert row["Event"] == "check-in"
    assert desk.row("AIQ_POSJournal", receipt)["Member_Card_No"] == "M1003"


def test_rows_of_an_older_sale_under_the_same_number_go(desk: Desk) -> None:
    number = "00000P0001000000001"
    desk.grant(number)
    desk.prompt(number)
    desk.status(number)
    desk.state.put("AIQ_POSActions", {"Entry_No": 7, "Receipt_No": number})
    desk.grant("OTHER")
    assert desk.sale() == number
    for service in ("AIQ_POSPrompts", "AIQ_POSStatus", "AIQ_POSActions"):
        assert desk.state.rows(service) == []
    assert [row["Receipt_No"] for row in desk.state.rows(GRANTS)] == ["OTHER"]


def test_a_member_may_be_checked_in_after_the_first_item(desk: Desk) -> None:
    receipt = desk.press("add-item", item_no="FLOWER")["receipt_no"]
    assert desk.state.get("AIQ_Sale", receipt) is None
    assert desk.press("check-in", member_card_no="M1004")["receipt_no"] == receipt
    assert desk.sale_row(receipt)["Member_Card_No"] == "M1004"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"member_card_no": "M9"}, "There is no member with card M9."),
        ({"member_card_no": ""}, "A sale is already open on this terminal."),
        ({"member_card_no": "M1004", "staff_id": "9"}, "There is no member of staff 9."),
    ],
)
def test_a_check_in_that_makes_no_sense_leaves_the_sale_alone(desk: Desk, body: Thing, sentence: str) -> None:
    before = desk.sale_row(desk.sale())
    assert refused(desk, "check-in", **body) == sentence
    assert desk.sale_row(before["Receipt_No"]) == before


def test_a_blocked_card_is_refused(desk: Desk) -> None:
    desk.state.put("AIQ_Members", {**desk.row("AIQ_Members", "M1003"), "Blocked": True})
    assert refused(desk, "check-in", member_card_no="M1003") == "The card M1003 is blocked."
    assert screen(desk.state, "P0001")["state"] == "IDLE"


# ---- row 23: another member --------------------------------------------------------------------------------------


def test_another_card_changes_the_member_and_keeps_sale_and_guid(desk: Desk) -> None:
    receipt = desk.sale("M1003", "FLOWER")
    guid = desk.sale_row(receipt)["Sale_GUID"]
    desk.state.put("AIQ_Sale", {**desk.sale_row(receipt), "Footer_Code": "WALLET-1"})
    assert desk.press("check-in", member_card_no="M1006")["member_card_no"] == "M1006"
    row = desk.sale_row(receipt)
    assert (row["Sale_GUID"], row["Member_Card_No"], row["Footer_Code"]) == (guid, "M1006", "SIGNUP-1")


def test_the_rows_of_the_first_member_are_not_shown_to_the_second(desk: Desk) -> None:
    receipt = desk.sale("M1003", "FLOWER")
    desk.status(receipt)
    desk.grant(receipt)
    desk.press("check-in", member_card_no="M1004")
    assert desk.press("wallet")["message"] == "Wallet not available, go on with the sale."
    desk.status(receipt, "M1004")
    assert desk.press("wallet")["wallet"] == []


def test_the_pick_of_the_first_member_leaves_before_the_second_pays(desk: Desk) -> None:
    receipt = desk.sale("M1003", "FLOWER")
    desk.status(receipt)
    desk.grant(receipt)
    desk.press("pick", coupon_code="AP0001")
    desk.press("check-in", member_card_no="M1004")
    shown = desk.press("total")
    assert (shown["total"], desk.grant_row(receipt)["Status"]) == ("75.00", "Refused")
    assert "another member" in shown["message"]


# ---- row 9: items ------------------------------------------------------------------------------------------------


def test_items_are_priced_with_their_ordinary_offer_and_every_event_moves_the_mark(desk: Desk) -> None:
    receipt = desk.sale()
    marks = [desk.sale_row(receipt)["Change_Mark"]]
    for press_name, body in (
        ("add-item", {"item_no": "flower"}),
        ("add-item", {"item_no": "VAPE", "quantity": "2"}),
        ("remove-item", {"line_no": 10000}),
    ):
        shown = desk.press(press_name, **body)
        marks.append(desk.sale_row(receipt)["Change_Mark"])
    assert marks == sorted(set(marks))
    assert (shown["subtotal"], shown["discount"], shown["total"]) == ("100.00", "10.00", "90.00")
    line = desk.lines(receipt, "Item")[0]
    assert (line["Amount"], line["Periodic_Discount_Amount"]) == (Decimal(90), Decimal(10))
    assert desk.row("AIQ_POSJournalLines", receipt, 10000)["Entry_Status"] == "Voided"
    assert desk.row("AIQ_POSJournal", receipt)["Gross_Amount"] == Decimal(90)


def test_what_is_not_there_cannot_be_scanned_or_taken_off(desk: Desk) -> None:
    desk.sale()
    assert refused(desk, "add-item", item_no="NOTHING") == "There is no item NOTHING."
    assert refused(desk, "remove-item", line_no=10000) == "There is no line 10000 to take off."
    assert refused(desk, "total") == "There is no item on the sale."
    assert refused(desk, "pay") == "Press [Total] before the tender."


# ---- the presses themselves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("dance", {}),
        ("add-item", {}),
        ("add-item", {"item_no": 5}),
        ("add-item", {"item_no": "FLOWER", "quantity": 0}),
        ("add-item", {"item_no": "FLOWER", "quantity": "many"}),
        ("add-item", {"item_no": "FLOWER", "quantity": True}),
        ("add-item", {"item_no": "FLOWER", "colour": "green"}),
        ("remove-item", {"line_no": "10000"}),
        ("pick", {"coupon_code": "A" * 21}),
    ],
)
def test_a_press_that_the_till_does_not_know_is_malformed(desk: Desk, name: str, body: Thing) -> None:
    with pytest.raises(Malformed) as caught:
        desk.press(name, **body)
    assert caught.value.status == 400
    assert str(caught.value).endswith(".")


def test_an_unknown_terminal_is_malformed(desk: Desk) -> None:
    with pytest.raises(TillError) as caught:
        screen(desk.state, "P0009")
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["total", "pay", "suspend", "wallet", "status", "signup", "unpick", "void"])
def test_without_a_sale_a_press_is_impossible(desk: Desk, name: str) -> None:
    body = {"coupon_code": "AP0001"} if name == "unpick" else {}
    assert refused(desk, name, **body)


@pytest.mark.parametrize("name", ["status", "signup", "wallet"])
def test_without_a_member_the_aiq_buttons_are_impossible(desk: Desk, name: str) -> None:
    desk.press("add-item", item_no="FLOWER")
    assert refused(desk, name) == "No member is checked in on this sale."


def test_a_sale_survives_a_killed_simulator(desk: Desk, tmp_path: Path) -> None:
    receipt = desk.sale("M1003", "FLOWER")
    before = screen(desk.state, "P0001")
    desk.state.close()
    desk.state = State(tmp_path)
    assert screen(desk.state, "P0001") == before
    assert desk.press("total")["receipt_no"] == receipt


def test_a_terminal_that_waits_does_not_hold_up_another(desk: Desk) -> None:
    receipt = desk.sale("M1003", "FLOWER")
    totals = []

    def answer(action: Thing) -> None:
        totals.append(press(desk.state, "P0002", "add-item", {"item_no": "CONE"})["total"])
        desk.status(receipt)
        desk.finish(action)

    worker = desk.on_action("Wallet", answer)
    assert desk.press("wallet")["message"] == "There is no wallet discount for this sale."
    worker.join()
    assert totals == ["5.00"]


# ---- the world ---------------------------------------------------------------------------------------------------


def test_the_sample_world_has_the_store_of_the_story(desk: Desk) -> None:
    assert desk.press("add-item", item_no="FLOWER")["total"] == "75.00"
    assert desk.press("add-item", item_no="VAPE")["total"] == "120.00"
    offers = {row["Coupon_Code"]: row for row in desk.state.rows("AIQ_TotalDiscountOffers")}
    assert sorted(offers) == sorted(row["Code"] for row in desk.state.rows("AIQ_Coupons"))
    assert sorted(offers) == sorted(one["posDiscountID"] for one in desk.state.doc("aiq.templates"))
    assert desk.row("AIQ_Setup", "S0001")["AIQ_Signup_Terms"]
    phones = {one["mobilePhone"] for one in desk.state.doc("aiq.personas")}
    known = [row["Card_No"] for row in desk.state.rows("AIQ_Members") if row["Mobile_Phone_No"] in phones]
    assert known == ["M1003", "M1004", "M1005", "M1006"]


@pytest.mark.parametrize(
    ("world", "word"),
    [
        ({"tills": []}, "tills"),
        ({"terminals": [{"no": "P1", "store": "S9"}]}, "S9"),
        ({"terminals": "P1"}, "terminals"),
        ({"items": [{"no": "X"}]}, "price"),
        ({"items": [{"no": "X", "price": "dear"}]}, "dear"),
        ({"items": [{"no": "X", "price": 1, "size": 2}]}, "size"),
        ({"disc_offers": [{"no": "D", "percent": 5, "items": ["GONE"]}]}, "D"),
        ({"members": [{"Card_No": "M1", "Date_of_Birth": "soon"}]}, "soon"),
        ({"members": [{"Card": "M1"}]}, "Card"),
        ({"offers": [{"No": "T1", "benefits": [{"Value": "much"}]}]}, "much"),
        ({"setup": [{"Store_No": "S0001", "Short": "Never"}]}, "Never"),
        ({"settings": {"till": {"speed": 1}}}, "speed"),
        ({"settings": {"till": {"info_line": "Blue"}}}, "info_line"),
        ({"settings": {"till": {"coupon_check": "no"}}}, "coupon_check"),
        ({"settings": {"bank": {}}}, "bank"),
        ({"terminals": [{"no": "P0000000001", "store": "S0001"}]}, "P0000000001"),
        ({"personas": [{}]}, "contactID"),
        ({"stores": [{"no": "S0001", "time_zone": "Mars"}]}, "Mars"),
        ({"staff": []}, "staff"),
    ],
)
def test_a_world_that_makes_no_sense_is_refused_and_changes_nothing(desk: Desk, world: Thing, word: str) -> None:
    before = screen(desk.state, "P0001"), desk.state.rows("AIQ_Members")
    with pytest.raises(FieldError, match=word):
        load_world(desk.state, world)
    assert (screen(desk.state, "P0001"), desk.state.rows("AIQ_Members")) == before


def test_a_given_part_of_the_world_replaces_the_sample_and_the_rest_stays(desk: Desk) -> None:
    load_world(desk.state, {"items": [{"no": "tea", "price": "3.5"}], "disc_offers": []})
    assert desk.press("add-item", item_no="TEA", quantity=2)["total"] == "7.00"
    assert len(desk.state.rows("AIQ_Members")) == len(demo_world()["members"])
