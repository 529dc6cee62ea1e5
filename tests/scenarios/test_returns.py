"""Returns at the till that are voided later: real worker, real HTTP; the discount counts again and is paid for once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from navplugin.core.model import Claim
from navplugin.demo.stage import profile_text
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.site import Site, load_site
from navplugin.watch import Watch
from navplugin.wiring import wire
from tests.scenarios.test_watch import sim

CODE = "AP0004"


def site_of(server: Server, folder: Path, **changes: str) -> Site:
    path = folder / "site.ini"
    words = {"matcher": "builtin", **{name.replace("_", "-"): value for name, value in changes.items()}}
    text = profile_text(server.url)
    kept = [line for line in text.splitlines() if line.partition(" = ")[0] not in words]
    kept.insert(kept.index("[worker]") + 1, "\n".join(f"{name} = {value}" for name, value in words.items()))
    path.write_text("\n".join(kept), "utf-8")
    loaded = load_site(path)
    assert loaded.site is not None, loaded.problems
    return loaded.site


def press(server: Server, name: str, **body: Any) -> Any:
    return sim(server, "POST", f"/till/P0001/{name}", body)


def settle(watch: Watch) -> None:
    """Rounds until nothing is due."""
    for _ in range(5):
        if not watch.once().again:
            return
    raise AssertionError("the worker finds no end")


def sell(server: Server, watch: Watch, items: tuple[str, ...] = ("FLOWER", "VAPE")) -> str:
    """100.00 off; the points are taken."""
    receipt: str = press(server, "check-in", member_card_no="M1003")["receipt_no"]
    watch.once()
    for item in items:
        press(server, "add-item", item_no=item)
    press(server, "pick", coupon_code=CODE)
    press(server, "total")
    press(server, "pay")
    settle(watch)
    assert ends(watch, receipt) == ["SETTLED"]
    return receipt


def give_back(server: Server, receipt: str, leave_out: str = "") -> str:
    """A posted return of the receipt, less one item; its own receipt."""
    screen = press(server, "return", receipt_no=receipt)
    if leave_out:
        line = next(x for x in screen["lines"] if x["number"] == leave_out)
        press(server, "remove-item", line_no=line["line_no"])
    press(server, "total")
    press(server, "pay")
    return str(screen["receipt_no"])


def claims(watch: Watch, receipt: str) -> tuple[Claim, ...]:
    return tuple(sorted(watch.worker.ledger.claims_of(receipt), key=lambda c: c.generation))


def ends(watch: Watch, receipt: str) -> list[str]:
    return [c.end.value for c in claims(watch, receipt)]


def live(state: State, receipt: str) -> int:
    return sum(one["reference"] == receipt and not one["refunded"] for one in state.doc("aiq.redemptions"))


def header_of(state: State, receipt: str) -> dict[str, Any]:
    return next(row for row in state.rows("AIQ_Transactions") if row["Receipt_No"] == receipt)


def lose_header(state: State, receipt: str) -> None:
    header = header_of(state, receipt)
    state.delete("AIQ_Transactions", *(header[name] for name in ("Store_No", "POS_Terminal_No", "Transaction_No")))


@pytest.mark.parametrize("part", [False, True])
def test_a_voided_return_counts_as_not_returned(server: Server, state: State, tmp_path: Path, part: bool) -> None:
    site = site_of(server, tmp_path, part_return="give" if part else "leave")
    with wire(site, lambda _: False) as watch:
        receipt = sell(server, watch)
        back = give_back(server, receipt, leave_out="VAPE" if part else "")
        settle(watch)
        assert ends(watch, receipt) == ["RELEASED"], "a return makes its sale due"
        assert live(state, receipt) == 0
    with wire(site, lambda _: False) as watch:
        settle(watch)
        assert ends(watch, receipt) == ["RELEASED"], "a restart opens nothing for what was returned"
        press(server, "void", receipt_no=back)
        settle(watch)
        assert ends(watch, receipt) == ["RELEASED", "SETTLED"]
        assert live(state, receipt) == 1
        assert any(f"return {back} was voided" in r["text"] for r in watch.worker.ledger.reports(receipt))
    with wire(site, lambda _: False) as watch:
        settle(watch)
        assert ends(watch, receipt) == ["RELEASED", "SETTLED"], "read again, nothing moves"
        assert live(state, receipt) == 1


def test_of_two_returns_one_is_voided(server: Server, state: State, tmp_path: Path) -> None:
    with wire(site_of(server, tmp_path), lambda _: False) as watch:
        receipt = sell(server, watch)
        give_back(server, receipt, leave_out="VAPE")
        settle(watch)
        assert ends(watch, receipt) == ["SETTLED"], "part-return = leave"
        second = give_back(server, receipt, leave_out="FLOWER")
        settle(watch)
        assert (ends(watch, receipt), live(state, receipt)) == (["RELEASED"], 0)
        press(server, "void", receipt_no=second)
        settle(watch)
        assert (ends(watch, receipt), live(state, receipt)) == (["RELEASED", "SETTLED"], 1)


def test_a_claim_on_the_work_list_stays_with_the_person(server: Server, state: State, tmp_path: Path) -> None:
    with wire(site_of(server, tmp_path, refund="manual"), lambda _: False) as watch:
        receipt = sell(server, watch)
        back = give_back(server, receipt)
        settle(watch)
        assert ends(watch, receipt) == ["SUSPECT"]
        press(server, "void", receipt_no=back)
        settle(watch)
        (claim,) = claims(watch, receipt)
        assert (claim.end.value, claim.needs_person) == ("SUSPECT", True)
        texts = [r["text"] for r in watch.worker.ledger.reports(receipt)]
        assert any(f"return {back} was voided" in text and "give no points back" in text for text in texts)
    assert live(state, receipt) == 1


def test_a_voided_return_without_its_header_is_known_by_its_number(
    server: Server, state: State, tmp_path: Path
) -> None:
    with wire(site_of(server, tmp_path), lambda _: False) as watch:
        receipt = sell(server, watch)
        back = give_back(server, receipt)
        settle(watch)
        press(server, "void", receipt_no=back)
        lose_header(state, back)
        settle(watch)
        assert (ends(watch, receipt), live(state, receipt)) == (["RELEASED", "SETTLED"], 1)


def test_a_discount_whose_row_is_gone_is_paid_for_again_too(server: Server, state: State, tmp_path: Path) -> None:
    """As with a coupon that was typed while the worker was down: what AIQ's discounts bear, the ledger remembers."""
    site = site_of(server, tmp_path)
    with wire(site, lambda _: False) as watch:
        receipt = sell(server, watch, items=("FLOWER", "FLOWER"))  # VAPE has an offer of its own
        back = give_back(server, receipt)
        settle(watch)
        assert ends(watch, receipt) == ["RELEASED"]
    assert state.delete("AIQ_POSTotalDiscountOfferLines", receipt, CODE)
    press(server, "void", receipt_no=back)
    lose_header(state, back)  # with it, the return itself would have the wallet read
    with wire(site, lambda _: False) as watch:
        settle(watch)
        assert (ends(watch, receipt), live(state, receipt)) == (["RELEASED", "SETTLED"], 1)


def test_a_header_that_is_voided_in_nav_alone_gives_the_points_back(
    server: Server, state: State, tmp_path: Path
) -> None:
    site = site_of(server, tmp_path)
    with wire(site, lambda _: False) as watch:
        receipt = sell(server, watch)
        state.put("AIQ_Transactions", {**header_of(state, receipt), "Entry_Status": "Voided"})
        for _ in range(2):
            state.put("AIQ_Sale", state.get("AIQ_Sale", receipt) or {})
            settle(watch)
            assert ends(watch, receipt) == ["RELEASED"], "and no second claim for its line"
            assert live(state, receipt) == 0
        assert claims(watch, receipt)[0].voided
