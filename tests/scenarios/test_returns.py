"""Returns at the till that are voided later: real worker, real HTTP. The discount counts again and is paid for once;
where no worker has seen it, the audit has."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from navplugin.audit import audit
from navplugin.cli.ledger_audit import audit as command
from navplugin.cli.ledger_audit import read_books
from navplugin.cli.output import Format
from navplugin.core.model import Claim
from navplugin.demo.stage import profile_text
from navplugin.ledger import SqlLedger
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


def sell(server: Server, watch: Watch, items: tuple[str, ...] = ("FLOWER", "VAPE"), end: str = "SETTLED") -> str:
    """Posted with 100.00 off, and its claim has come to this end."""
    receipt: str = press(server, "check-in", member_card_no="M1003")["receipt_no"]
    watch.once()
    for item in items:
        press(server, "add-item", item_no=item)
    press(server, "pick", coupon_code=CODE)
    press(server, "total")
    press(server, "pay")
    settle(watch)
    assert ends(watch, receipt) == [end]
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


def audited(site: Site) -> list[tuple[str, str]]:
    """What `ledger audit` finds, as if an hour had passed."""
    with closing(SqlLedger(site.ledger)) as ledger:
        books, unread = read_books(site, ledger, 7)
    assert unread == ""
    return [(f.invariant, f.receipt_no) for f in audit(replace(books, now=books.now + timedelta(hours=1)))]


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


def test_the_audit_finds_a_voided_return_that_no_worker_has_seen(server: Server, tmp_path: Path) -> None:
    site = site_of(server, tmp_path)
    with wire(site, lambda _: False) as watch:
        receipt = sell(server, watch)
        back = give_back(server, receipt)
        settle(watch)
    assert audited(site) == []
    press(server, "void", receipt_no=back)
    assert audited(site) == [("I5", receipt)]
    with wire(site, lambda _: False) as watch:
        settle(watch)
    assert audited(site) == []


def test_what_the_store_absorbs_is_told_as_a_sum(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(server, tmp_path, owed="absorb")
    with wire(site, lambda _: False) as watch:
        sim(server, "POST", "/faults", {"call": "aiq.redeem", "fault": 400, "times": -1})
        sell(server, watch, end="OWED")
    assert audited(site) == []
    command(tmp_path / "site.ini")
    assert "0 findings" in (said := capsys.readouterr().out)
    assert "absorbed: 100.00 over 1 receipts" in said
    command(tmp_path / "site.ini", form=Format.JSON)
    assert json.loads(capsys.readouterr().out)["absorbed"] == {"amount": "100.00", "receipts": 1}


def forget_when(watch: Watch) -> None:
    """The claims are of long ago."""
    with watch.worker.ledger._write() as connection:
        connection.exec_driver_sql("UPDATE claim SET changed_at = '2020-01-01T00:00:00+00:00'")


@pytest.mark.parametrize("header", [True, False])
def test_the_audit_reads_an_old_sale_and_claim_when_its_return_is_voided_lately(
    server: Server, state: State, tmp_path: Path, header: bool
) -> None:
    site = site_of(server, tmp_path)
    with wire(site, lambda _: False) as watch:
        receipt = sell(server, watch)
        back = give_back(server, receipt)
        settle(watch)
        forget_when(watch)
    for one in (receipt, back):
        state.put("AIQ_Sale", {**(state.get("AIQ_Sale", one) or {}), "Event_At": datetime(2020, 1, 1, tzinfo=UTC)})
    assert audited(site) == []
    press(server, "void", receipt_no=back)
    if not header:
        lose_header(state, back)
    assert audited(site) == [("I5", receipt)]
    if header:
        new_ledger = replace(site, ledger=tmp_path / "new.db")
        with closing(SqlLedger(new_ledger.ledger)):
            pass
        assert audited(new_ledger) == [("I14", receipt), ("I5", receipt)], "the return's header names its sale"


def test_the_audit_knows_the_old_claim_of_a_sale_that_was_touched_lately(
    server: Server, state: State, tmp_path: Path
) -> None:
    site = site_of(server, tmp_path, owed="absorb")
    with wire(site, lambda _: False) as watch:
        sim(server, "POST", "/faults", {"call": "aiq.redeem", "fault": 400, "times": -1})
        receipt = sell(server, watch, end="OWED")
        forget_when(watch)
    assert state.delete("AIQ_POSTotalDiscountOfferLines", receipt, CODE)
    assert audited(site) == []
