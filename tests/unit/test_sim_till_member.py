"""The simulated till: loyalty status, sign-up and prompts (design.md 7.1 rows 3 to 8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from navplugin.simulator.till import Impossible
from tests.unit.test_sim_till import Desk, Thing


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.state.close()


# ---- row 3 -------------------------------------------------------------------------------------------------------


def test_status_shows_the_row_that_is_there_without_asking(desk: Desk) -> None:
    desk.status(desk.sale())
    popup = desk.press("status")["popup"]
    assert (popup["kind"], popup["text"]) == ("status", ["Is a member."])
    assert desk.state.rows("AIQ_POSActions") == []


@pytest.mark.parametrize("there", ["nothing", "stale", "of another member"])
def test_status_asks_the_worker_and_waits_when_the_row_is_no_use(desk: Desk, there: str) -> None:
    receipt = desk.sale()
    if there == "stale":
        desk.status(receipt, Updated_At=desk.state.now() - timedelta(seconds=901), Display_Text="old")
    if there == "of another member":
        desk.status(receipt, "M1004", Display_Text="somebody else")

    def answer(action: Thing) -> None:
        assert (action["Receipt_No"], action["Member_Card_No"]) == (receipt, "M1003")
        desk.status(receipt)
        desk.finish(action)

    worker = desk.on_action("GetStatus", answer)
    assert desk.press("status")["popup"]["text"] == ["Is a member."]
    worker.join()


def test_status_that_never_comes_does_not_hold_the_sale(desk: Desk) -> None:
    desk.sale()
    shown = desk.press("status")
    assert (shown["popup"], shown["message"]) == (None, "Loyalty status not available, go on with the sale.")
    assert desk.press("add-item", item_no="FLOWER")["message"] == ""


def test_a_failed_status_request_tells_why(desk: Desk) -> None:
    desk.sale()
    worker = desk.on_action("GetStatus", lambda one: desk.finish(one, "Failed", Error_Text="AIQ does not answer."))
    assert desk.press("status")["message"] == "AIQ does not answer."
    worker.join()


# ---- row 4 -------------------------------------------------------------------------------------------------------


def test_a_new_prompt_pops_up_once_at_the_next_event(desk: Desk) -> None:
    receipt = desk.sale("M1006")
    desk.prompt(receipt, Text_2="Really?")
    popup = desk.press("add-item", item_no="CONE")["popup"]
    assert (popup["kind"], popup["text"], popup["options"]) == ("signup", ["Join?", "Really?"], ["Yes", "No"])
    assert desk.row("AIQ_POSPrompts", receipt, "JOIN")["Shown_At"] is not None
    assert desk.press("add-item", item_no="CONE")["popup"] is None


@pytest.mark.parametrize(("moment", "at_check_in", "at_item"), [("FirstItem", False, True), ("Never", False, False)])
def test_prompt_on_says_when_the_sign_up_prompt_pops_up(
    desk: Desk, moment: str, at_check_in: bool, at_item: bool
) -> None:
    desk.set_up(Prompt_On=moment)
    receipt = desk.sale("M1006")
    desk.prompt(receipt)
    assert bool(desk.press("check-in", member_card_no="M1006")["popup"]) is at_check_in
    assert bool(desk.press("add-item", item_no="CONE")["popup"]) is at_item


def test_a_message_pops_up_whatever_prompt_on_says(desk: Desk) -> None:
    desk.set_up(Prompt_On="Never")
    desk.prompt(desk.sale("M1006"), Kind="Message")
    assert desk.press("add-item", item_no="CONE")["popup"]["kind"] == "message"


@pytest.mark.parametrize("why", ["expired", "other member", "answered"])
def test_a_prompt_that_is_no_longer_meant_does_not_pop_up(desk: Desk, why: str) -> None:
    receipt = desk.sale("M1006")
    past = desk.state.now() - timedelta(seconds=1)
    fields: Thing = {"expired": {"Expires_At": past}, "other member": {"member": "M1001"}, "answered": {"Answer": "No"}}
    desk.prompt(receipt, **fields[why])
    assert desk.press("add-item", item_no="CONE")["popup"] is None


# ---- rows 5 to 8 -------------------------------------------------------------------------------------------------


def test_yes_writes_answer_and_footer_in_one_transaction(desk: Desk) -> None:
    receipt = desk.sale("M1006")
    desk.prompt(receipt)
    desk.press("signup")
    before = desk.sale_row(receipt)["Change_Mark"]
    desk.press("signup-yes")
    prompt = desk.row("AIQ_POSPrompts", receipt, "JOIN")
    assert (prompt["Answer"], prompt["Answered_By"]) == ("Yes", "101")
    assert prompt["Answered_At"] is not None
    sale = desk.sale_row(receipt)
    assert sale["Footer_Code"] == "WALLET-1"
    assert sale["Change_Mark"] > before


def test_no_keeps_the_footer_and_the_button_asks_again(desk: Desk) -> None:
    receipt = desk.sale("M1006")
    desk.prompt(receipt)
    desk.press("signup")
    desk.press("signup-no")
    assert desk.row("AIQ_POSPrompts", receipt, "JOIN")["Answer"] == "No"
    assert desk.sale_row(receipt)["Footer_Code"] == "SIGNUP-1"
    assert desk.press("add-item", item_no="CONE")["popup"] is None
    assert desk.press("signup")["popup"]["kind"] == "signup"
    desk.press("signup-yes")
    assert desk.row("AIQ_POSPrompts", receipt, "JOIN")["Answer"] == "Yes"
    with pytest.raises(Impossible, match="already said Yes"):
        desk.press("signup")


def test_an_answer_without_a_question_is_impossible(desk: Desk) -> None:
    desk.prompt(desk.sale("M1006"))
    for answer in ("signup-yes", "signup-no"):
        with pytest.raises(Impossible, match="no sign-up question"):
            desk.press(answer)


def test_signup_without_a_prompt_asks_the_worker_and_shows_what_it_wrote(desk: Desk) -> None:
    receipt = desk.sale("M1006")

    def answer(action: Thing) -> None:
        desk.prompt(receipt)
        desk.finish(action)

    worker = desk.on_action("Signup", answer)
    assert desk.press("signup")["popup"]["prompt_key"] == "JOIN"
    worker.join()


def test_signup_shows_why_the_worker_refuses_to_ask(desk: Desk) -> None:
    desk.sale("M1003")
    worker = desk.on_action("Signup", lambda one: desk.finish(one, "Failed", Error_Text="A member already."))
    shown = desk.press("signup")
    worker.join()
    assert (shown["popup"], shown["message"]) == (None, "A member already.")


def test_a_yes_just_before_the_tender_brings_the_wallet_code_on_the_slip(desk: Desk) -> None:
    desk.footer("SIGNUP-1", {"Kind": "QR", "Payload": "https://example.test/join"})
    desk.footer("WALLET-1", {"Kind": "QR", "Payload": "https://example.test/wallet"})
    receipt = desk.sale("M1006", "FLOWER")
    desk.press("total")
    desk.prompt(receipt)
    desk.press("signup")
    desk.press("signup-yes")
    assert desk.press("pay")["slip"]["qr_payload"] == "https://example.test/wallet"
