"""The simulated till: AIQ Wallet, [OK], PIN, coupons (design.md 7.1 rows 10 to 13, 18, 24)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.simulator.till import Impossible, Malformed
from tests.unit.test_sim_till import GRANTS, Desk, Thing

UNAVAILABLE = "Wallet not available, go on with the sale."


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.state.close()


def ready(desk: Desk, *items: str, **grant: Any) -> str:
    """A sale of member M1003 with a fresh wallet of one row, AP0001."""
    receipt = desk.sale("M1003", *(items or ("FLOWER",)))
    desk.status(receipt)
    desk.grant(receipt, **grant)
    return receipt


def shown(desk: Desk) -> list[str]:
    return [row["coupon_code"] for row in desk.press("wallet")["wallet"]]


def why(desk: Desk, name: str, **body: object) -> str:
    with pytest.raises(Impossible) as caught:
        desk.press(name, **body)
    return str(caught.value)


# ---- row 10 ------------------------------------------------------------------------------------------------------


def test_the_wallet_wants_an_item_on_the_sale(desk: Desk) -> None:
    desk.sale()
    assert "item" in why(desk, "wallet")


def test_at_75_the_discount_of_100_is_not_there_and_at_100_it_is(desk: Desk) -> None:
    receipt = ready(desk, "FLOWER")
    desk.grant(receipt, "AP0004", Min_Balance=100)
    assert shown(desk) == ["AP0001"]
    desk.press("add-item", item_no="EDIBLE")
    assert shown(desk) == ["AP0001"]
    desk.press("add-item", item_no="CONE")
    assert shown(desk) == ["AP0001", "AP0004"]


def test_a_shown_row_says_what_it_gives(desk: Desk) -> None:
    ready(desk)
    assert desk.press("wallet")["wallet"] == [
        {"coupon_code": "AP0001", "description": "10 off", "value_kind": "amount", "value": "10.00",
         "points_cost": "100", "needs_pin": False}
    ]  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"Blocked_Text": "Not today."},
        {"Valid_Until": "past"},
        {"member": "M1004"},
        {"Status": "Withdrawn"},
        {"Status": "Refused"},
        {"Min_Amount": Decimal("75.01")},
        {"Min_Balance": Decimal("75.01")},
    ],
)
def test_a_row_that_does_not_fit_the_sale_is_not_listed_and_cannot_be_picked(desk: Desk, fields: Thing) -> None:
    if fields.get("Valid_Until"):
        fields = {"Valid_Until": desk.state.now() - timedelta(seconds=1)}
    receipt = ready(desk, **fields)
    assert shown(desk) == []
    assert why(desk, "pick", coupon_code="AP0001")
    assert desk.lines(receipt, "Coupon") == []


@pytest.mark.parametrize(
    ("setup", "minimum", "there"),
    [
        ({}, "125.00", True),
        ({}, "125.01", False),
        ({"Reached": "Above"}, "125.00", False),
        ({"Reached": "Above"}, "124.99", True),
        ({"Minimum_Judged": "After"}, "120.00", True),
        ({"Minimum_Judged": "After"}, "120.01", False),
    ],
)
def test_min_amount_is_judged_as_the_setup_says(desk: Desk, setup: Thing, minimum: str, there: bool) -> None:
    desk.set_up(**setup)
    ready(desk, "FLOWER", "VAPE", Min_Amount=Decimal(minimum))
    assert bool(shown(desk)) is there


def test_min_balance_is_reached_by_an_equal_balance_whatever_reached_says(desk: Desk) -> None:
    desk.set_up(Reached="Above")
    ready(desk, "FLOWER", "VAPE", Min_Balance=Decimal(120))
    assert shown(desk) == ["AP0001"]


def test_what_is_picked_already_counts_against_the_balance(desk: Desk) -> None:
    receipt = ready(desk, "FLOWER", "VAPE")
    desk.grant(receipt, "AP0010", Min_Balance=110)
    desk.grant(receipt, "AP0004", Min_Balance=100)
    desk.press("pick", coupon_code="AP0001")
    assert shown(desk) == ["AP0004", "AP0010"]
    desk.press("pick", coupon_code="AP0010")
    assert shown(desk) == []


@pytest.mark.parametrize("age", [None, 901])
def test_an_absent_or_stale_wallet_is_asked_for_and_shown_when_it_comes(desk: Desk, age: int | None) -> None:
    receipt = desk.sale("M1003", "FLOWER")
    if age:
        desk.status(receipt, Wallet_At=desk.state.now() - timedelta(seconds=age))

    def answer(action: Thing) -> None:
        desk.grant(receipt)
        desk.status(receipt)
        desk.finish(action)

    worker = desk.on_action("Wallet", answer)
    assert shown(desk) == ["AP0001"]
    worker.join()


def test_a_wallet_that_never_comes_lets_the_sale_go_on(desk: Desk) -> None:
    desk.sale("M1003", "FLOWER")
    assert desk.press("wallet")["message"] == UNAVAILABLE
    assert desk.action("Wallet")["Status"] == "New"
    desk.press("total")
    assert desk.press("pay")["state"] == "POSTED"


# ---- row 18: stale grants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offline", "there"), [("Refuse", False), ("Honour Grants", True)])
def test_stale_grants_are_honoured_or_refused_as_the_store_says(desk: Desk, offline: str, there: bool) -> None:
    desk.set_up(Offline=offline)
    receipt = ready(desk)
    desk.status(receipt, Wallet_At=desk.state.now() - timedelta(hours=1))
    assert bool(shown(desk)) is there
    if there:
        assert desk.press("pick", coupon_code="AP0001")["lines"][-1]["number"] == "AP0001"
        desk.press("total")
        assert desk.press("pay")["discount"] == "10.00"
    else:
        assert "out of date" in why(desk, "pick", coupon_code="AP0001")


def test_a_stale_grant_past_its_time_is_not_honoured(desk: Desk) -> None:
    desk.set_up(Offline="Honour Grants")
    receipt = ready(desk, Valid_Until=desk.state.now() + timedelta(minutes=30))
    desk.status(receipt)
    desk.state.advance(3600)
    assert shown(desk) == []


# ---- row 12 ------------------------------------------------------------------------------------------------------


def test_ok_puts_the_information_line_on_the_journal_and_no_money_yet(desk: Desk) -> None:
    receipt = ready(desk)
    screen = desk.press("pick", coupon_code="ap0001")
    line = desk.lines(receipt, "Coupon")[0]
    assert (line["Coupon_Code"], line["Valid_in_Transaction"]) == ("AP0001", False)
    grant = desk.grant_row(receipt)
    assert (grant["Status"], grant["Journal_Line_No"], grant["Picked_By"]) == ("Inserted", line["Line_No"], "101")
    assert grant["Picked_At"] is not None
    assert screen["total"] == "75.00"
    assert "does not offer" in why(desk, "pick", coupon_code="AP0001")


def test_with_redeem_at_select_the_coupon_comes_when_the_points_are_taken(desk: Desk) -> None:
    desk.set_up(Redeem_At="Select")
    receipt = ready(desk)
    seen: list[list[Thing]] = []

    def take() -> None:
        seen.append(desk.lines(receipt, "Coupon"))
        desk.change(receipt, Points="Taken")

    worker = desk.when(lambda: desk.grant_row(receipt)["Status"] == "Picked", take)
    desk.press("pick", coupon_code="AP0001")
    worker.join()
    assert seen == [[]]
    assert desk.grant_row(receipt)["Status"] == "Inserted"
    assert len(desk.lines(receipt, "Coupon")) == 1


def test_with_redeem_at_select_a_missing_answer_undoes_the_pick_and_tells(desk: Desk) -> None:
    desk.set_up(Redeem_At="Select")
    receipt = ready(desk)
    screen = desk.press("pick", coupon_code="AP0001")
    grant = desk.grant_row(receipt)
    assert (grant["Status"], grant["Picked_At"]) == ("Granted", None)
    assert screen["message"] == "The points could not be taken in time, go on with the sale."
    assert desk.lines(receipt, "Coupon") == []


@pytest.mark.parametrize(
    ("answer", "status"), [({"Points": "Refused"}, "Refused"), ({"Status": "Withdrawn"}, "Reversed")]
)
def test_with_redeem_at_select_a_refusal_undoes_the_pick_with_its_reason(
    desk: Desk, answer: Thing, status: str
) -> None:
    desk.set_up(Redeem_At="Select")
    receipt = ready(desk)
    worker = desk.when(
        lambda: desk.grant_row(receipt)["Status"] == "Picked",
        lambda: desk.change(receipt, Reason="Not enough points.", **answer),
    )
    assert "Not enough points." in desk.press("pick", coupon_code="AP0001")["message"]
    worker.join()
    assert desk.grant_row(receipt)["Status"] == status
    assert desk.lines(receipt, "Coupon") == []


def test_the_key_of_an_earlier_claim_does_not_confirm_a_new_pick(desk: Desk) -> None:
    receipt = ready(desk)
    desk.press("pick", coupon_code="AP0001")
    desk.change(receipt, Redemption_ID="claim-1")
    desk.press("unpick", coupon_code="AP0001")
    assert desk.grant_row(receipt)["Redemption_ID"] == "claim-1"
    desk.press("pick", coupon_code="AP0001")
    assert desk.grant_row(receipt)["Redemption_ID"] == ""


# ---- row 11 ------------------------------------------------------------------------------------------------------


def test_a_pick_that_needs_a_pin_asks_for_it_and_goes_on_when_it_is_right(desk: Desk) -> None:
    receipt = ready(desk, Needs_PIN=True)
    assert desk.press("pick", coupon_code="AP0001")["popup"]["kind"] == "pin"
    assert desk.action("PinRequest")["Coupon_Code"] == "AP0001"
    assert desk.grant_row(receipt)["Status"] == "Granted"

    def check(action: Thing) -> None:
        assert action["PIN"] == "4711"
        desk.change(receipt, Needs_PIN=False)
        desk.finish(action, PIN="")

    worker = desk.on_action("PinEnter", check)
    desk.press("pin", digits="4711")
    worker.join()
    assert desk.grant_row(receipt)["Status"] == "Inserted"


def test_a_wrong_pin_keeps_the_question_on_the_screen(desk: Desk) -> None:
    receipt = ready(desk, Needs_PIN=True)
    desk.press("pick", coupon_code="AP0001")
    worker = desk.on_action("PinEnter", lambda one: desk.finish(one, "Failed", Error_Text="The PIN is wrong.", PIN=""))
    screen = desk.press("pin", digits="0000")
    worker.join()
    assert (screen["message"], screen["popup"]["kind"]) == ("The PIN is wrong.", "pin")
    assert desk.grant_row(receipt)["Status"] == "Granted"


def test_a_bypass_is_an_act_of_the_staff_on_the_sale(desk: Desk) -> None:
    receipt = ready(desk, Needs_PIN=True)
    desk.press("pick", coupon_code="AP0001")

    def allow(action: Thing) -> None:
        assert (action["Staff_ID"], action["PIN"]) == ("101", "")
        desk.change(receipt, Needs_PIN=False)
        desk.finish(action)

    worker = desk.on_action("PinBypass", allow)
    desk.press("pin", bypass=True)
    worker.join()
    assert desk.grant_row(receipt)["Status"] == "Inserted"


def test_a_pin_without_a_question_or_without_digits_is_refused(desk: Desk) -> None:
    ready(desk, Needs_PIN=True)
    assert "no PIN question" in why(desk, "pin", digits="1")
    desk.press("pick", coupon_code="AP0001")
    with pytest.raises(Malformed):
        desk.press("pin", digits="12a4")


# ---- row 13 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["unpick", "remove-item"])
def test_a_voided_coupon_line_makes_the_grant_pickable_again(desk: Desk, how: str) -> None:
    receipt = ready(desk)
    desk.press("pick", coupon_code="AP0001")
    line_no = desk.grant_row(receipt)["Journal_Line_No"]
    desk.press(how, **({"coupon_code": "AP0001"} if how == "unpick" else {"line_no": line_no}))
    grant = desk.grant_row(receipt)
    assert (grant["Status"], grant["Journal_Line_No"], grant["Picked_At"]) == ("Granted", 0, None)
    assert desk.lines(receipt, "Coupon") == []
    assert "not on the sale" in why(desk, "unpick", coupon_code="AP0001")
    desk.press("pick", coupon_code="AP0001")
    assert desk.grant_row(receipt)["Status"] == "Inserted"


# ---- withdrawn rows ----------------------------------------------------------------------------------------------


def test_a_withdrawn_row_leaves_at_the_next_event_with_its_reason(desk: Desk) -> None:
    receipt = ready(desk)
    desk.press("pick", coupon_code="AP0001")
    desk.change(receipt, Status="Withdrawn", Reason="Used on another sale.")
    screen = desk.press("add-item", item_no="CONE")
    assert screen["message"] == "Used on another sale."
    assert desk.lines(receipt, "Coupon") == []
    assert desk.grant_row(receipt)["Status"] == "Reversed"


def test_the_reason_of_a_withdrawal_stays_on_the_screen_beside_what_the_press_says(desk: Desk) -> None:
    receipt = ready(desk)
    desk.press("pick", coupon_code="AP0001")
    desk.change(receipt, Status="Withdrawn", Reason="Used on another sale.")
    assert desk.press("wallet")["message"] == "Used on another sale. There is no wallet discount for this sale."


# ---- row 24 ------------------------------------------------------------------------------------------------------


def test_a_mapped_coupon_that_is_typed_is_refused_with_and_without_a_grant(desk: Desk) -> None:
    receipt = desk.sale("M1003", "FLOWER")
    assert "must be chosen in the AIQ Wallet" in why(desk, "type-coupon", coupon_code="AP0001")
    desk.grant(receipt)
    assert "must be chosen in the AIQ Wallet" in why(desk, "type-coupon", coupon_code="AP0001")
    assert desk.lines(receipt, "Coupon") == []
    assert why(desk, "type-coupon", coupon_code="XYZ") == "The coupon XYZ is not known."


def test_a_coupon_that_is_not_aiqs_may_be_typed(desk: Desk) -> None:
    desk.state.set_doc("till.settings", {"coupons_not_mapped": ["AP0001"]})
    desk.sale("M1003", "FLOWER")
    desk.press("type-coupon", coupon_code="AP0001")
    assert desk.press("total")["total"] == "65.00"
    assert "already" in why(desk, "type-coupon", coupon_code="AP0001")


def test_where_the_check_is_missing_a_withdrawn_row_takes_the_typed_coupon_off(desk: Desk) -> None:
    desk.state.set_doc("till.settings", {"coupon_check": False})
    receipt = desk.sale("M1003", "FLOWER")
    desk.press("type-coupon", coupon_code="AP0001")
    assert len(desk.lines(receipt, "Coupon")) == 1
    desk.state.put(GRANTS, {"Receipt_No": receipt, "Coupon_Code": "AP0001", "Status": "Withdrawn",
                            "Reason": "Choose it in the wallet."})  # fmt: skip
    assert desk.press("total")["message"] == "Choose it in the wallet."
    assert desk.lines(receipt, "Coupon") == []
    assert desk.grant_row(receipt)["Status"] == "Reversed"
