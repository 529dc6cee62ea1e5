"""The guide's story with AIQ, NAV or the worker gone: what the cashier saw, what the ledger says, what AIQ holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from navplugin.demo.play import Play, Story
from navplugin.demo.stage import SIGNUP_URL, WALLET_URL, Stage, end, set_stage

GRANTS, CODE, MEMBER = "AIQ_POSTotalDiscountOfferLines", "AP0004", "M1003"
Show = Callable[[str], None]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Simulator here, worker in a process of its own. A button waits half a second for it."""
    with set_stage(tmp_path, changes={"wait-ms": "500", "grace-seconds": "15"}) as one:
        yield one


class Sale:
    """One sale, and what is told of it."""

    def __init__(self, stage: Stage, title: str, show: Show) -> None:
        self.stage, self.show = stage, show
        self.play = Play(stage, Story("x", title), "P0001", lambda step: None)
        show(f"-- {title}")

    def press(self, name: str, **body: Any) -> dict[str, Any]:
        """A key, and what the cashier sees."""
        screen = self.play.press(name, **body)
        said = screen["message"] or (screen["popup"] or {}).get("text") or ""
        keys = " ".join((f"[{name}]", *map(str, body.values())))
        self.show(f"   {keys}: {screen['state']}, total {screen['total']}  {said}".rstrip())
        return screen

    def to_total(self) -> dict[str, Any]:
        """Check-in, 120.00 in the basket, AP0004 picked, [Total]."""
        self.press("check-in", member_card_no=MEMBER)
        self.play.wait_rows(GRANTS, "the wallet's discounts", 3)
        for item in ("FLOWER", "VAPE"):
            self.press("add-item", item_no=item)
        self.press("pick", coupon_code=CODE)
        return self.press("total")

    def tell(self) -> tuple[list[tuple[str, str]], list[str]]:
        """The claims as (code, end), and AIQ's live redemptions of this receipt."""
        claims = [(c["coupon_code"], c["end"]) for c in self.play.claims()]
        live = [str(r["points"]) for r in self.play.redemptions() if not r["refunded"]]
        points = self.play.points("contact-1003")
        self.show(f"   ledger: {claims or 'no claim'}   AIQ: {len(live)} redemptions, {points} points left")
        return claims, live


def faults(stage: Stage, *ordered: dict[str, Any]) -> None:
    """Order these, or mend everything."""
    if not ordered:
        stage.ask("DELETE", "/faults")
    for one in ordered:
        stage.ask("POST", "/faults", {"times": -1, **one})


def test_aiq_is_down_from_the_start(stage: Stage, show: Show) -> None:
    faults(stage, {"call": "aiq", "fault": "503"})
    sale = Sale(stage, "AIQ down from the start", show)
    sale.press("check-in", member_card_no=MEMBER)
    sale.press("add-item", item_no="FLOWER")
    screen = sale.press("wallet")
    assert "go on with the sale" in screen["message"]
    sale.press("total")
    screen = sale.press("pay", tender="CASH")
    assert (screen["state"], screen["slip"]["qr_payload"]) == ("POSTED", SIGNUP_URL)
    assert sale.tell() == ([], [])


def test_aiq_dies_in_the_middle(stage: Stage, show: Show) -> None:
    sale = Sale(stage, "AIQ dying in the middle", show)
    assert sale.to_total()["total"] == "20.00"
    faults(stage, {"call": "aiq", "fault": "before"})
    screen = sale.press("pay", tender="CASH")
    assert (screen["state"], screen["slip"]["qr_payload"]) == ("POSTED", WALLET_URL)
    assert sale.play.claim_end("OPEN") == "OPEN"
    sale.tell()
    faults(stage)
    sale.play.claim_end("SETTLED")
    assert sale.tell() == ([(CODE, "SETTLED")], ["500.00"])


def test_aiq_dies_with_the_redemption_on_its_way(stage: Stage, show: Show) -> None:
    sale = Sale(stage, "AIQ dying between the redemption and its answer", show)
    sale.to_total()
    faults(stage, {"call": "aiq.redeem", "fault": "after", "times": 1}, {"call": "aiq.redemptions", "fault": "503"})
    sale.press("pay", tender="CASH")
    stage.wait("the points to be taken", sale.play.redemptions)
    sale.tell()
    faults(stage)
    sale.play.claim_end("SETTLED")
    assert sale.tell() == ([(CODE, "SETTLED")], ["500.00"])
    calls = stage.state()["aiq"]["calls"]
    assert sum(call["kind"] == "redeem" for call in calls) == 1, "looked up, not sent again"


def test_nav_dies_in_the_middle(stage: Stage, show: Show) -> None:
    sale = Sale(stage, "NAV dying in the middle", show)
    sale.to_total()
    faults(stage, {"call": "nav", "fault": "503"})
    screen = sale.press("pay", tender="CASH")
    assert (screen["state"], screen["total"]) == ("POSTED", "20.00")
    assert sale.tell()[1] == []
    faults(stage)
    sale.play.claim_end("SETTLED")
    assert sale.tell() == ([(CODE, "SETTLED")], ["500.00"])


def test_the_worker_is_down_for_the_whole_sale(stage: Stage, show: Show) -> None:
    stage.may_die = True
    end(stage.worker)
    sale = Sale(stage, "worker down for the whole sale", show)
    sale.press("check-in", member_card_no=MEMBER)
    for item in ("FLOWER", "VAPE"):
        sale.press("add-item", item_no=item)
    screen = sale.press("wallet")
    assert "go on with the sale" in screen["message"]
    sale.press("total")
    screen = sale.press("pay", tender="CASH")
    assert (screen["state"], screen["slip"]["qr_payload"]) == ("POSTED", SIGNUP_URL)
    stage.start_worker()
    assert sale.tell() == ([], [])


def test_the_worker_is_down_from_the_wallet_on(stage: Stage, show: Show) -> None:
    """The grants are in NAV, so the discount is given; the points are taken as soon as a worker runs again."""
    stage.may_die = True
    sale = Sale(stage, "worker down from the wallet to the receipt", show)
    sale.press("check-in", member_card_no=MEMBER)
    sale.play.wait_rows(GRANTS, "the wallet's discounts", 3)
    stage.worker.kill()
    stage.worker.wait()
    for item in ("FLOWER", "VAPE"):
        sale.press("add-item", item_no=item)
    sale.press("pick", coupon_code=CODE)
    assert sale.press("total")["total"] == "20.00"
    assert sale.press("pay", tender="CASH")["state"] == "POSTED"
    assert sale.tell() == ([], [])
    stage.start_worker()
    sale.play.claim_end("SETTLED")
    assert sale.tell() == ([(CODE, "SETTLED")], ["500.00"])
