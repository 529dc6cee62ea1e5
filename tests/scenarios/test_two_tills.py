"""Two tills, one member, points for one discount: the worker and the tills together spend the points once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from navplugin.core.model import End
from navplugin.demo.stage import profile_text
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.simulator.till import press
from navplugin.site import load_site
from navplugin.watch import Watch
from navplugin.wiring import wire

TILLS = ("P0001", "P0002")
CARD, CODE, COST = "M1003", "AP0004", 500
GRANTS = "AIQ_POSTotalDiscountOfferLines"
LONG = 60


@contextmanager
def worker(server: Server, folder: Path, mode: str) -> Iterator[Watch]:
    """A worker with this `redeem-at`; buttons wait as long as the profile allows, and go on with the first answer."""
    path = folder / f"{mode}.ini"
    path.write_text(profile_text(server.url, {"redeem-at": mode, "wait-ms": "10000", "matcher": "builtin"}), "utf-8")
    loaded = load_site(path)
    assert loaded.site is not None, loaded.problems
    with wire(loaded.site, lambda _: False) as watch:
        watch.once()
        yield watch


def has_points_for_one(state: State) -> None:
    personas = state.doc("aiq.personas")
    for persona in personas:
        persona["points"] = Decimal(COST) if persona["contactID"].endswith("1003") else persona["points"]
    state.set_doc("aiq.personas", personas)


def start_sale(state: State, till: str) -> str:
    receipt: str = press(state, till, "check-in", {"member_card_no": CARD})["receipt_no"]
    for item in ("FLOWER", "VAPE"):
        press(state, till, "add-item", {"item_no": item})
    return receipt


def sell(state: State, till: str, *presses: str) -> list[str]:
    """The presses, then [Total] and the tender until the sale is posted; what the screen said on the way."""
    said = [press(state, till, name, {"coupon_code": CODE})["message"] for name in presses]
    for _ in range(3):
        said.append(press(state, till, "total", {})["message"])
        screen = press(state, till, "pay", {})
        said.append(screen["message"])
        if screen["state"] == "POSTED":
            return [text for text in said if text]
    raise AssertionError(said)


def are_posted(state: State) -> bool:
    return {row["State"] for row in state.rows("AIQ_Sale")} == {"POSTED"}


def is_waiting(state: State) -> bool:
    """Whether a till waits for the worker: at the tender, or at [OK] for the points."""
    tender = any((row["Event"], row["State"]) == ("pay", "PAYMENT") for row in state.rows("AIQ_Sale"))
    return tender or any(row["Status"] == "Picked" and row["Points"] == " " for row in state.rows(GRANTS))


@pytest.mark.parametrize("mode", ["posted", "total", "select"])
def test_two_tills_that_pick_and_pay_at_once_spend_the_points_once(
    server: Server, state: State, tmp_path: Path, mode: str
) -> None:
    """The worker looks only when a till waits for it, so nothing is confirmed before the first tender."""
    has_points_for_one(state)
    said: dict[str, list[str]] = {}
    with worker(server, tmp_path, mode) as watch:
        receipts = [start_sale(state, till) for till in TILLS]
        watch.once()
        if mode != "select":
            for till in TILLS:
                press(state, till, "pick", {"coupon_code": CODE})

        def cashier(till: str) -> None:
            said[till] = sell(state, till, *(("pick",) if mode == "select" else ()))

        threads = [threading.Thread(target=cashier, args=(till,)) for till in TILLS]
        for thread in threads:
            thread.start()
        while not are_posted(state):
            assert state.wait_until(lambda: is_waiting(state) or are_posted(state), LONG)
            watch.once()
        for thread in threads:
            thread.join()
        watch.once()
        claims = [claim for receipt in receipts for claim in watch.worker.ledger.claims_of(receipt)]
    posted = {row["Receipt_No"] for row in state.rows("AIQ_TransDiscounts") if row["Offer_Type"] == "Total Discount"}
    assert len(posted) == 1
    assert {claim.receipt_no for claim in claims if claim.end is End.SETTLED} == posted
    assert {claim.end for claim in claims} <= {End.SETTLED, End.RELEASED}
    assert [one["reference"] for one in state.doc("aiq.redemptions")] == list(posted)
    assert sorted(len(texts) for texts in said.values()) == [0, 1], said


@pytest.mark.parametrize("seen", [True, False], ids=["unpick-seen", "unpick-not-seen"])
def test_the_worker_confirms_a_new_pick_of_the_same_row(
    server: Server, state: State, tmp_path: Path, seen: bool
) -> None:
    with worker(server, tmp_path, "posted") as watch:
        receipt = start_sale(state, "P0001")
        watch.once()

        def confirmed() -> str:
            row = state.get(GRANTS, receipt, CODE)
            assert row is not None
            return str(row["Redemption_ID"])

        press(state, "P0001", "pick", {"coupon_code": CODE})
        watch.once()
        first = confirmed()
        press(state, "P0001", "unpick", {"coupon_code": CODE})
        if seen:
            watch.once()
        press(state, "P0001", "pick", {"coupon_code": CODE})
        assert (bool(first), confirmed()) == (True, "")
        watch.once()
        claim = watch.worker.ledger.claims_of(receipt)[-1]
        assert confirmed() == claim.key
        assert (claim.end, claim.generation) == (End.OPEN, 2 if seen else 1)
