"""AIQ's wallet at the redemption: odd answers, other prices, other people, and what nobody knows yet (M6 to M10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from navplugin.core.model import Claim, End, Points
from navplugin.demo.stage import KEY_VARIABLE
from navplugin.simulator.till_journal import Impossible
from navplugin.watch import Watch
from tests.scenarios.counter import CARD, CODE, CONTACT, COST, Counter, claims, counter

__all__ = ["counter"]

EMPTY_WALLET = {"data": {"contactID": CONTACT, "loyaltyPoints": 1000, "discountTemplates": []}, "success": True}
NO_DATA = {"data": None, "success": True}
ODD: dict[str, Callable[[Counter], None]] = {
    "404": lambda c: c.fault(call="aiq.wallet", fault="404", times=-1),
    "no-data": lambda c: c.fault(call="aiq.wallet", fault="body", body=NO_DATA, times=-1),
    "no-discounts": lambda c: c.fault(call="aiq.wallet", fault="body", body=EMPTY_WALLET, times=-1),
    "another-person": lambda c: _swap_phones(c, CONTACT, "contact-1005"),
}


def _swap_phones(counter: Counter, one: str, other: str) -> None:
    """AIQ's mistake, or two personas that were merged: the member's phone is another person's."""
    phones = {p["contactID"]: p["mobilePhone"] for p in counter.state.doc("aiq.personas")}
    counter.set_person(one, mobilePhone=phones[other])
    counter.set_person(other, mobilePhone=phones[one])


def put_right(counter: Counter, odd: str) -> None:
    counter.server_faults.clear()
    if odd == "another-person":
        _swap_phones(counter, CONTACT, "contact-1005")


def paid(counter: Counter, watch: Watch, till: str = "P0001", card: str = CARD) -> str:
    """Picked, seen, and paid longer ago than an address to redeem is used: the wallet is asked for again."""
    receipt = counter.check_in(till, card)
    watch.once()
    counter.press("pick", till, coupon_code=CODE)
    watch.once()
    counter.clock.advance(seconds=301)
    counter.pay(till)
    return receipt


def only(counter: Counter, receipt: str, name: str = "site") -> Claim:
    (claim,) = claims(counter.folder / f"{name}.db", receipt)
    return claim


def wait(counter: Counter, watch: Watch, *, minutes: int) -> None:
    for _ in range(2 * minutes):
        counter.clock.advance(seconds=31)
        watch.once()


# ---- M7: odd answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", list(ODD))
def test_an_odd_answer_is_asked_again_and_then_right(counter: Counter, odd: str) -> None:
    with counter.worker(counter.profile()) as watch:
        receipt = paid(counter, watch)
        ODD[odd](counter)
        watch.once()
        wait(counter, watch, minutes=3)
        claim = only(counter, receipt)
        assert (claim.end, claim.points, counter.calls("redeem")) == (End.OPEN, Points.NO, 0)
        put_right(counter, odd)
        wait(counter, watch, minutes=2)
    claim = only(counter, receipt)
    assert (claim.end, claim.points, counter.calls("redeem")) == (End.SETTLED, Points.YES, 1)
    assert (counter.points(), counter.points("contact-1005")) == (1000 - COST, 1000)


REASONS = {
    "404": (End.OWED, "AIQ no longer knows the member"),
    "no-data": (End.OWED, "AIQ no longer knows the member"),
    "no-discounts": (End.OWED, "AIQ no longer offers it"),
    "another-person": (End.SUSPECT, "AIQ shows another person for this member card"),
}


@pytest.mark.parametrize("odd", list(ODD))
def test_an_odd_answer_that_lasts_is_believed_and_said(counter: Counter, odd: str) -> None:
    end, reason = REASONS[odd]
    with counter.worker(counter.profile()) as watch:
        receipt = paid(counter, watch)
        ODD[odd](counter)
        watch.once()
        wait(counter, watch, minutes=13)
    claim = only(counter, receipt)
    assert (claim.end, claim.needs_person, reason in claim.reason) == (end, True, True), claim.reason
    assert (counter.points(), counter.points("contact-1005")) == (1000, 1000)
    assert receipt in counter.typed("ledger", "list", "--work", "--state", counter.folder / "site.db").text


def test_a_discount_that_is_gone_from_a_full_wallet_is_believed_after_seconds(counter: Counter) -> None:
    with counter.worker(counter.profile()) as watch:
        receipt = paid(counter, watch)
        left = [t for t in counter.state.doc("aiq.templates") if t["id"] != "9004"]
        counter.state.set_doc("aiq.templates", left)
        watch.worker.tick()
        assert only(counter, receipt).end is End.OPEN
        for _ in range(4):
            counter.clock.advance(seconds=4)
            watch.worker.tick()
    claim = only(counter, receipt)
    assert (claim.end, "AIQ no longer offers it" in claim.reason) == (End.OWED, True)


def test_aiq_is_not_asked_in_every_tick_while_it_answers_oddly(counter: Counter) -> None:
    with counter.worker(counter.profile()) as watch:
        paid(counter, watch)
        ODD["404"](counter)
        before = len(counter.state.doc("aiq.calls", []))
        for _ in range(120):
            counter.clock.advance(seconds=1)
            watch.worker.tick()
        asked = len(counter.state.doc("aiq.calls", [])) - before
    assert asked < 40, "less and less often, and the status beside it"


def test_what_the_store_absorbs_is_reported_and_summed_up(counter: Counter) -> None:
    profile = counter.profile(owed="absorb")
    with counter.worker(profile) as watch:
        receipt = paid(counter, watch)
        counter.fault(call="aiq.redeem", fault="400")
        watch.once()
    claim = only(counter, receipt)
    assert (claim.end, claim.needs_person) == (End.OWED, False)
    shown = counter.typed("ledger", "show", receipt, "--state", counter.folder / "site.db").text
    assert "absorbed by the store: posted with 100.00 off" in shown
    counter.clock.advance(hours=1)
    said = counter.typed("ledger", "audit", "--config", profile)
    assert (said.code, "absorbed: 100.00 over 1 receipts" in said.text) == (0, True), said.text


# ---- M8: the cost ----------------------------------------------------------------------------------------------------


def picked_and_read_again(counter: Counter, watch: Watch, cost: int) -> str:
    """The cost changes after the pick, and AIQ is asked again while the sale is open."""
    receipt = counter.check_in()
    watch.once()
    counter.press("pick", coupon_code=CODE)
    watch.once()
    counter.set_cost(cost)
    counter.clock.advance(minutes=16)
    counter.press("add-item", item_no="CONE")
    watch.once()
    return receipt


@pytest.mark.parametrize("cost", [600, 400])
@pytest.mark.parametrize("mode", ["posted", "total"])
def test_another_cost_withdraws_an_open_pick_and_it_is_picked_again(counter: Counter, mode: str, cost: int) -> None:
    with counter.worker(counter.profile(redeem_at=mode)) as watch:
        receipt = picked_and_read_again(counter, watch, cost)
        row = counter.row(receipt)
        assert (row["Status"], row["Reason"]) == (
            "Withdrawn", f"It costs {cost} points now, not 500; choose it again.",
        )  # fmt: skip
        counter.press("add-item", item_no="CONE")
        watch.once()
        watch.once()
        counter.press("pick", coupon_code=CODE)
        watch.once()
        counter.press("total")
        watch.once()
        counter.press("pay", tender="CASH")
        watch.once()
    first, second = claims(counter.folder / "site.db", receipt)
    assert (first.end, first.points) == (End.RELEASED, Points.NO)
    assert (second.end, second.points_cost) == (End.SETTLED, cost)
    assert counter.points() == 1000 - cost


def test_a_cost_that_rose_before_the_points_are_taken_at_total_is_shown_first(counter: Counter) -> None:
    """AIQ's new cost is seen only when the points are to be taken, with the sale still open."""
    with counter.worker(counter.profile(redeem_at="total")) as watch:
        receipt = counter.check_in()
        watch.once()
        counter.press("pick", coupon_code=CODE)
        watch.once()
        counter.set_cost(600)
        counter.clock.advance(seconds=301)
        counter.press("total")
        watch.once()
        watch.once()
        assert counter.points() == 1000
        assert counter.row(receipt)["Reason"] == "It costs 600 points now, not 500; choose it again."


def test_a_posted_discount_that_became_dearer_is_a_persons_to_decide(counter: Counter) -> None:
    with counter.worker(counter.profile()) as watch:
        receipt = paid(counter, watch)
        counter.set_cost(600)
        watch.once()
    claim = only(counter, receipt)
    assert (claim.end, counter.points()) == (End.SUSPECT, 1000)
    assert "AIQ asks 600 points now, the member was shown 500" in claim.reason


def test_a_posted_discount_that_became_cheaper_is_taken_and_given_back_at_its_real_cost(counter: Counter) -> None:
    with counter.worker(counter.profile(refund="adjust")) as watch:
        receipt = paid(counter, watch)
        counter.set_cost(400)
        watch.once()
        claim = only(counter, receipt)
        assert (claim.end, claim.points_cost, counter.points()) == (End.SETTLED, 400, 600)
        counter.set_cost(500)
        counter.press("return", receipt_no=receipt)
        counter.pay()
        watch.once()
        wait(counter, watch, minutes=1)
    assert counter.points() == 1000


# ---- M9: the person --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("hidden", [False, True], ids=["keep", "hash"])
def test_points_go_back_to_the_person_they_were_taken_from(counter: Counter, hidden: bool, restart: bool) -> None:
    """The member's phone is changed in NAV to another member's after the redemption."""
    more: dict[str, Any] = {"personal_data": "hash", "hash_key": f"env:{KEY_VARIABLE}"} if hidden else {}
    profile = counter.profile(redeem_at="total", refund="adjust", **more)
    with counter.worker(profile) as watch:
        receipt = counter.check_in()
        watch.once()
        counter.press("pick", coupon_code=CODE)
        watch.once()
        counter.press("total")
        watch.once()
        assert counter.points() == 1000 - COST
        member = counter.state.get("AIQ_Members", CARD)
        assert member is not None
        counter.state.put("AIQ_Members", {**member, "Mobile_Phone_No": "5550101004"})
        counter.clock.advance(minutes=11)
        if not restart:
            _void_and_wait(counter, watch)
    if restart:
        with counter.worker(profile) as watch:
            _void_and_wait(counter, watch)
    assert counter.points("contact-1004") == 1000, "never another one"
    (claim,) = claims(profile.with_suffix(".db"))
    if counter.points() == 1000:
        assert (claim.end, claim.given_back) == (End.RELEASED, "adjust")
    else:
        assert (claim.end, claim.needs_person) == (End.SUSPECT, True)
    assert (counter.points() == 1000) is (not hidden), receipt


def _void_and_wait(counter: Counter, watch: Watch) -> None:
    counter.press("void")
    watch.once()
    wait(counter, watch, minutes=13)


# ---- M6, M10: what is promised holds ---------------------------------------------------------------------------


def test_points_that_may_be_taken_are_held_until_a_person_has_answered(counter: Counter) -> None:
    profile = counter.profile(redemption_lookup="blind")
    ledger = profile.with_suffix(".db")
    counter.set_person(CONTACT, points=600)
    with counter.worker(profile) as watch:
        receipt = paid(counter, watch)
        counter.fault(call="aiq.redeem", fault="before")
        watch.once()
        wait(counter, watch, minutes=2)
        claim = only(counter, receipt)
        assert (claim.end, claim.points, counter.points()) == (End.SUSPECT, Points.SENT, 600)
        second = counter.check_in("P0002")
        watch.once()
        assert _may_pick(counter, watch, second) is False
        answer = ("ledger", "resolve", receipt, CODE, "--points", "not-taken", "--state", ledger)
        assert counter.typed(*answer).code == 0
        wait(counter, watch, minutes=1)
    assert [(c.end, c.points) for c in claims(ledger, receipt)] == [(End.SETTLED, Points.YES)], "not OWED"
    assert counter.points() == 100


def test_when_a_person_says_that_they_are_taken_elsewhere_others_may_use_them(counter: Counter) -> None:
    profile = counter.profile(redemption_lookup="blind")
    with counter.worker(profile) as watch:
        receipt = paid(counter, watch)
        counter.fault(call="aiq.redeem", fault="after")
        watch.once()
        wait(counter, watch, minutes=2)
        assert only(counter, receipt).end is End.SUSPECT
        answer = ("ledger", "resolve", receipt, CODE, "--points", "taken", "--state", profile.with_suffix(".db"))
        assert counter.typed(*answer).code == 0
        wait(counter, watch, minutes=1)
        second = counter.check_in("P0002")
        watch.once()
        assert _may_pick(counter, watch, second) is True


def _may_pick(counter: Counter, watch: Watch, receipt: str) -> bool:
    """Whether till and worker let this pick stand."""
    try:
        counter.press("pick", "P0002", coupon_code=CODE)
    except Impossible:
        return False
    watch.once()
    row: Any = counter.state.get("AIQ_POSTotalDiscountOfferLines", receipt, CODE)
    return row is not None and row["Status"] in ("Picked", "Inserted")


def test_two_tills_that_pay_right_after_the_pick_spend_the_points_once(counter: Counter) -> None:
    """The worker sees both sales only when they are posted; the till has refused what nobody confirmed."""
    counter.set_person(CONTACT, points=COST)
    with counter.worker(counter.profile(wait_ms="0")) as watch:
        receipts = [counter.check_in(till) for till in ("P0001", "P0002")]
        watch.once()
        for till in ("P0001", "P0002"):
            counter.press("pick", till, coupon_code=CODE)
        for till in ("P0001", "P0002"):
            for _ in range(3):
                counter.press("total", till)
                if counter.press("pay", till, tender="CASH")["state"] == "POSTED":
                    break
            watch.once()
        wait(counter, watch, minutes=1)
    found = [c for r in receipts for c in claims(counter.folder / "site.db", r)]
    assert {c.end for c in found} <= {End.SETTLED, End.RELEASED}
    assert counter.points() in (0, COST)
    assert sum(c.end is End.SETTLED for c in found) == (counter.points() == 0)
