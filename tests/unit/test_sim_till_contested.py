"""The simulated till: a pick is not paid while another sale of the member is using points and the worker has not
confirmed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from navplugin.simulator.till_wallet import CONTESTED
from tests.unit.test_sim_till import GRANTS, Desk, Thing
from tests.unit.test_sim_till_close import picked, posted

MODES = ("Posted", "Total", "Select")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.state.close()


def other_sale(desk: Desk, **grant: Any) -> str:
    """A pick of the same member on the terminal beside, without an answer of the worker."""
    desk.terminal = "P0002"
    receipt = picked(desk)
    desk.terminal = "P0001"
    desk.change(receipt, **grant)
    return receipt


def at_the_tender(desk: Desk, mode: str = "Posted") -> str:
    """A pick on P0001, totalled; with select its points are taken already."""
    receipt = picked(desk)
    if mode == "Select":
        desk.change(receipt, Points="Taken")
    desk.set_up(Redeem_At=mode)
    desk.press("total")
    return receipt


def confirm(desk: Desk, receipt: str, **fields: Any) -> None:
    desk.change(receipt, **{"Redemption_ID": "claim-1", **fields})


def left(desk: Desk, receipt: str, screen: Thing) -> bool:
    """Whether the discount has left the sale, the cashier was told, and nothing was posted."""
    row = desk.grant_row(receipt)
    gone = (row["Status"], row["Reason"], desk.lines(receipt, "Coupon")) == ("Refused", CONTESTED, [])
    shown = (screen["state"], screen["total"]) == ("SALES", "75.00") and CONTESTED in screen["message"]
    return gone and shown and posted(desk, "AIQ_Transactions", receipt) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_contested_pick_that_is_confirmed_is_paid(desk: Desk, mode: str) -> None:
    other_sale(desk)
    receipt = at_the_tender(desk, mode)
    confirm(desk, receipt)
    screen = desk.press("pay")
    assert (screen["state"], screen["total"], screen["message"]) == ("POSTED", "65.00", "")


@pytest.mark.parametrize("mode", MODES)
def test_a_contested_pick_that_nobody_confirms_leaves_once_and_the_sale_goes_on(desk: Desk, mode: str) -> None:
    other_sale(desk)
    receipt = at_the_tender(desk, mode)
    assert left(desk, receipt, desk.press("pay"))
    assert desk.press("total")["message"] == ""
    screen = desk.press("pay")
    assert (screen["state"], screen["total"], screen["message"]) == ("POSTED", "75.00", "")


@pytest.mark.parametrize("mode", MODES)
def test_the_tender_waits_for_the_worker_to_confirm_a_contested_pick(desk: Desk, mode: str) -> None:
    other_sale(desk)
    receipt = at_the_tender(desk, mode)
    seen: list[str] = []

    def work() -> None:
        seen.append(desk.sale_row(receipt)["State"])
        confirm(desk, receipt, Points="Taken" if mode == "Total" else desk.grant_row(receipt)["Points"])

    worker = desk.when(lambda: desk.sale_row(receipt)["Event"] == "pay", work)
    assert desk.press("pay")["total"] == "65.00"
    worker.join()
    assert seen == ["PAYMENT"]


def test_a_contested_pick_that_the_worker_withdraws_goes_with_the_reason_of_the_worker(desk: Desk) -> None:
    other_sale(desk)
    receipt = at_the_tender(desk)
    worker = desk.when(
        lambda: desk.sale_row(receipt)["Event"] == "pay",
        lambda: desk.change(receipt, Status="Withdrawn", Reason="Not enough points."),
    )
    screen = desk.press("pay")
    worker.join()
    assert (screen["state"], screen["total"], screen["message"]) == ("SALES", "75.00", "Not enough points.")
    assert desk.grant_row(receipt)["Status"] == "Reversed"


def test_a_pick_whose_rival_gets_its_answer_is_no_longer_contested(desk: Desk) -> None:
    other = other_sale(desk)
    receipt = at_the_tender(desk)
    worker = desk.when(
        lambda: desk.sale_row(receipt)["Event"] == "pay", lambda: desk.change(other, Points="Refused")
    )
    assert desk.press("pay")["total"] == "65.00"
    worker.join()


def test_a_rival_that_is_not_over_contests_although_its_points_are_taken(desk: Desk) -> None:
    """What this sale was granted may be from before they were."""
    other_sale(desk, Points="Taken")
    receipt = at_the_tender(desk)
    assert left(desk, receipt, desk.press("pay"))


@pytest.mark.parametrize("points", ["Refused", "Given Back"])
def test_a_rival_whose_points_are_known_contests_nothing(desk: Desk, points: str) -> None:
    other_sale(desk, Points=points)
    at_the_tender(desk)
    assert desk.press("pay")["total"] == "65.00"


@pytest.mark.parametrize("status", ["Granted", "Refused", "Withdrawn", "Reversed"])
def test_a_row_that_is_not_picked_contests_nothing(desk: Desk, status: str) -> None:
    other_sale(desk, Status=status)
    at_the_tender(desk)
    assert desk.press("pay")["total"] == "65.00"


@pytest.mark.parametrize("status", ["Picked", "Inserted", "Applied"])
def test_every_kind_of_pick_contests(desk: Desk, status: str) -> None:
    other_sale(desk, Status=status)
    receipt = at_the_tender(desk)
    assert left(desk, receipt, desk.press("pay"))


@pytest.mark.parametrize(("points", "contests"), [(" ", True), ("Taken", False), ("Refused", False)])
def test_a_posted_sale_contests_until_the_worker_has_said_what_became_of_its_points(
    desk: Desk, points: str, contests: bool
) -> None:
    other = other_sale(desk)
    desk.terminal = "P0002"
    desk.press("total")
    assert desk.press("pay")["state"] == "POSTED"
    desk.terminal = "P0001"
    desk.change(other, Points=points)
    receipt = at_the_tender(desk)
    screen = desk.press("pay")
    assert left(desk, receipt, screen) is contests
    assert (screen["state"] == "POSTED") is not contests


def test_a_suspended_sale_contests(desk: Desk) -> None:
    other_sale(desk)
    desk.terminal = "P0002"
    desk.press("suspend")
    desk.terminal = "P0001"
    receipt = at_the_tender(desk)
    assert left(desk, receipt, desk.press("pay"))


@pytest.mark.parametrize("when", ["open", "posted"])
def test_a_voided_sale_contests_nothing(desk: Desk, when: str) -> None:
    other = other_sale(desk)
    desk.terminal = "P0002"
    if when == "posted":
        desk.press("total")
        desk.press("pay")
    desk.press("void")
    assert (desk.sale_row(other)["State"], desk.grant_row(other)["Points"]) == ("VOIDED", " ")
    desk.terminal = "P0001"
    at_the_tender(desk)
    assert desk.press("pay")["total"] == "65.00"


def test_a_pick_of_another_member_or_a_row_without_a_sale_contests_nothing(desk: Desk) -> None:
    desk.terminal = "P0002"
    other = desk.sale("M1004", "FLOWER")
    desk.grant(other, member="M1004", Status="Inserted")
    desk.state.put(GRANTS, {**desk.grant_row(other), "Receipt_No": "GONE", "Member_Ref": "M1003"})
    desk.terminal = "P0001"
    at_the_tender(desk)
    assert desk.press("pay")["total"] == "65.00"


@pytest.fixture
def waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each wait of the till was to be, in seconds; none takes any time."""
    found: list[float] = []

    def wait(holds: Callable[[], bool], seconds: float) -> bool:
        found.append(seconds)
        return holds()

    monkeypatch.setattr(desk.state, "wait_until", wait)
    return found


@pytest.mark.parametrize("mode", ["Posted", "Select"])
def test_an_uncontested_pick_is_paid_at_once_though_the_worker_is_down(
    desk: Desk, waits: list[float], mode: str
) -> None:
    at_the_tender(desk, mode)
    assert desk.press("pay")["total"] == "65.00"
    assert waits == []


def test_a_stale_pick_that_the_store_honours_offline_is_paid_at_once_unless_it_is_contested(
    desk: Desk, waits: list[float]
) -> None:
    desk.set_up(Offline="Honour Grants", Wait_ms=2000)
    receipt = at_the_tender(desk)
    desk.status(receipt, Wallet_At=desk.state.now() - timedelta(hours=1))
    other = other_sale(desk)
    assert left(desk, receipt, desk.press("pay"))
    assert waits == [2.0]
    desk.terminal = "P0002"
    desk.press("total")
    assert desk.press("pay")["total"] == "65.00"
    assert (waits, desk.grant_row(other)["Status"]) == ([2.0], "Applied")


@pytest.mark.parametrize("mode", MODES)
def test_a_sale_without_a_pick_never_waits(desk: Desk, waits: list[float], mode: str) -> None:
    other_sale(desk)
    desk.set_up(Redeem_At=mode)
    receipt = desk.sale("M1003", "FLOWER")
    desk.grant(receipt)
    desk.press("total")
    assert desk.press("pay")["total"] == "75.00"
    assert waits == []


def test_when_both_tills_are_at_the_tender_the_first_gives_way_and_the_second_is_paid(desk: Desk) -> None:
    """The worker is down: one of two discounts stays, so that the points are not spent twice."""
    first = other_sale(desk)
    second = at_the_tender(desk)
    desk.terminal = "P0002"
    desk.press("total")
    assert left(desk, first, desk.press("pay"))
    desk.terminal = "P0001"
    screen = desk.press("pay")
    assert (screen["state"], screen["total"]) == ("POSTED", "65.00")
    assert desk.grant_row(second)["Status"] == "Applied"
