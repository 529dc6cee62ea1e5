"""The worker's loop against a NAV that comes and goes: real adapters, real HTTP, a pause that the test scripts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from navplugin.core.errors import AuthFailed, LedgerUnusable, NotInCharge, ProtocolError, Retriable, Unreachable
from navplugin.demo.stage import KEY_VARIABLE, profile_text
from navplugin.ledger import SqlLedger
from navplugin.simulator.app import Server
from navplugin.simulator.state import State, _Stored
from navplugin.site import Site, load_site
from navplugin.wiring import wire
from tests.conftest import ScriptedClock


@pytest.fixture
def site(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A profile of that server, in a folder of its own."""
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")
    path = tmp_path / "site.ini"
    path.write_text(profile_text(server.url, {"matcher": "builtin"}), "utf-8")
    loaded = load_site(path)
    assert loaded.site is not None, loaded.problems
    return loaded.site


def sim(server: Server, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = requests.request(method, f"{server.url}/_sim{path}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rounds(*acts: Callable[[], object]) -> Callable[[float], bool]:
    """A pause that does one thing after each tick, and ends the loop after the last."""
    left = list(acts)
    waits: list[float] = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        if not left:
            return False
        left.pop(0)()
        return True

    pause.waits = waits  # type: ignore[attr-defined]
    return pause


def test_one_round_publishes_footers_and_setup_and_does_all_that_is_due(server: Server, site: Site) -> None:
    sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
    with wire(site, lambda _: False) as watch:
        report = watch.once()
        again = watch.once()
    staged = sim(server, "GET", "/state")["staged"]
    assert {r["Code"] for r in staged["AIQ_ReceiptFooter"]} == {f.code for f in site.footers["S0001"].values()}
    assert len(staged["AIQ_POSTotalDiscountOfferLines"]) == 3
    assert staged["AIQ_POSStatus"][0]["Member_Status"] == "Member"
    assert report.effects > 4
    assert again.effects == 0, "a second round finds nothing to do"


def test_nav_may_go_away_and_come_back(server: Server, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    def break_nav() -> None:
        sim(server, "POST", "/faults", {"call": "nav", "fault": 503, "times": -1})

    def mend_nav() -> None:
        sim(server, "DELETE", "/faults")

    pause = rounds(break_nav, lambda: None, lambda: None, mend_nav, lambda: None)
    with wire(site, pause) as watch:
        watch.worker.reader.transport.patience.sleep = lambda _: None  # type: ignore[attr-defined]
        watch.forever()
    lost = [r.getMessage() for r in caplog.records if "NAV is lost" in r.getMessage()]
    back = [r.getMessage() for r in caplog.records if "NAV is back" in r.getMessage()]
    assert (len(lost), len(back)) == (1, 1), "one line when lost, one when back"
    waits = pause.waits  # type: ignore[attr-defined]
    assert waits[1] < waits[2] < waits[3], "it asks less and less often"
    assert waits[4] == watch.poll_seconds


def test_a_nav_that_was_emptied_gets_its_footers_again(server: Server, site: Site) -> None:
    clock = ScriptedClock()

    def empty_and_check_in() -> None:
        sim(server, "POST", "/reset")
        sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1001"})

    def footers() -> list[Any]:
        found: list[Any] = sim(server, "GET", "/state")["staged"]["AIQ_ReceiptFooter"]
        return found

    def still_too_early() -> None:
        assert not footers(), "published a moment ago: it waits, and does not forget"
        clock.advance(seconds=3)

    with wire(site, rounds(empty_and_check_in, still_too_early, lambda: None)) as watch:
        watch.clock = clock
        watch.forever()
    assert footers()
    (sale,) = sim(server, "GET", "/state")["staged"]["AIQ_Sale"]
    assert sale["Footer_Code"] == site.footers["S0001"]["signup"].code


def test_aiq_that_is_away_never_stops_a_sale(server: Server, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    sim(server, "POST", "/faults", {"call": "aiq", "fault": 503, "times": -1})
    sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
    with wire(site, lambda _: False) as watch:
        watch.once()
        assert watch.worker.people.lost
    sim(server, "POST", "/till/P0001/add-item", {"item_no": "FLOWER"})
    sim(server, "POST", "/till/P0001/total")
    screen = sim(server, "POST", "/till/P0001/pay", {"tender": "CASH"})
    assert screen["state"] == "POSTED"
    assert screen["slip"]["qr_payload"], "who is not known to be a member is invited"
    assert len([r for r in caplog.records if "AIQ is lost" in r.getMessage()]) == 1




def test_a_second_worker_takes_over_and_the_first_one_stops(server: Server, site: Site) -> None:
    sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
    with wire(site, lambda _: False) as first:
        first.once()
        with wire(site, lambda _: False) as second:
            second.once()
            sim(server, "POST", "/till/P0002/check-in", {"member_card_no": "M1004"})
            with pytest.raises(NotInCharge, match=r"another worker or copy of this ledger .* has taken over"):
                first.once()
            with pytest.raises(LedgerUnusable, match="another worker has taken over"):
                first.worker.tick()
            assert second.once().effects > 0


def test_a_sale_that_cannot_be_read_holds_up_no_other(server: Server, site: Site) -> None:
    bad = sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})["receipt_no"]
    good = sim(server, "POST", "/till/P0002/check-in", {"member_card_no": "M1004"})["receipt_no"]
    with wire(site, lambda _: False) as watch:
        read = watch.worker.reader.read_snapshots

        def read_snapshots(sales: Any) -> Any:
            if any(s.receipt_no == bad for s in sales):
                raise ProtocolError("a row makes no sense")
            return read(sales)

        watch.worker.reader.read_snapshots = read_snapshots  # type: ignore[method-assign]
        watch.once()
        rows = sim(server, "GET", "/state")["staged"]["AIQ_POSTotalDiscountOfferLines"]
        assert {r["Receipt_No"] for r in rows} == {good}
        for _ in range(3):  # alone at last: NAV is not lost, the poll does not slow down
            assert watch.worker.tick().failures == ["a row makes no sense"]
        watch.worker.reader.read_snapshots = read  # type: ignore[method-assign]
        watch.once()
    rows = sim(server, "GET", "/state")["staged"]["AIQ_POSTotalDiscountOfferLines"]
    assert {r["Receipt_No"] for r in rows} == {bad, good}, "and is seen as soon as it can be"


def test_signup_for_a_member_says_why_there_is_no_question(server: Server, site: Site) -> None:
    sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
    with wire(site, lambda _: False) as watch:
        watch.once()
        press = threading.Thread(target=lambda: said.append(sim(server, "POST", "/till/P0001/signup", {})))
        said: list[Any] = []
        press.start()
        for _ in range(200):
            watch.worker.tick()
            if not press.is_alive():
                break
        press.join()
    assert said[0]["message"] == "The member is a loyalty member already."


def test_a_receipt_number_that_is_given_again_gets_its_prompt_again(server: Server, site: Site) -> None:
    with wire(site, lambda _: False) as watch:
        for _ in range(2):
            sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1001"})
            watch.once()
            prompts = sim(server, "GET", "/state")["staged"]["AIQ_POSPrompts"]
            assert [p["Receipt_No"] for p in prompts] == ["00000P0001000000001"]
            sim(server, "POST", "/reset")


def test_a_nav_that_is_not_there_or_refuses_the_key_ends_the_start(
    server: Server, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "wrong-key")
    with wire(site, lambda _: False) as watch, pytest.raises(AuthFailed):
        watch.forever()
    server.stop()
    with wire(site, lambda _: False) as watch:
        watch.worker.reader.transport.patience.sleep = lambda _: None  # type: ignore[attr-defined]
        with pytest.raises(Unreachable, match="NAV"):
            watch.forever()


def test_after_a_restart_the_poll_goes_on_where_everything_was_done(server: Server, site: Site) -> None:
    sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
    with wire(site, lambda _: False) as watch:
        watch.once()
        name = f"mark/{watch.worker.company.name}"
        assert watch.worker.ledger.note(name, "0") == "0", "a slow posting may still bring smaller marks"
        later = watch.worker.clock.monotonic() + 16 * 60
        watch.worker.clock = ScriptedClock(datetime.now(UTC) + timedelta(minutes=16), later)
        watch.once()
    ledger = SqlLedger(site.ledger, must_exist=True)
    saved = int(ledger.note(name, "0"))
    ledger.close()
    marks = [r["Change_Mark"] for r in sim(server, "GET", "/state")["staged"]["AIQ_Sale"]]
    assert saved == max(marks)


def test_a_tick_in_which_nothing_changed_costs_one_request(server: Server, state: State, site: Site) -> None:
    with wire(site, lambda _: False) as watch:
        sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
        watch.once()
        before = state.doc("nav.requests")
        watch.worker.tick()
        after = state.doc("nav.requests")
    assert {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name)} == {
        "GET AIQ_Sale": 1
    }


def test_a_sale_that_became_visible_late_is_still_seen(server: Server, state: State, site: Site) -> None:
    """NAV gives the mark at the write and shows the row at the commit, after rows with far greater marks."""
    with wire(site, lambda _: False) as watch:
        sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
        early = state.get("AIQ_Sale", "00000P0001000000001")
        assert early is not None
        state.delete("AIQ_Sale", "00000P0001000000001")
        for number in range(300):
            state.put("AIQ_Sale", {**early, "Receipt_No": f"OTHER{number}", "Store_No": "S0001", "State": "VOIDED"})
        watch.once()
        with state.transaction():
            state._set_row("AIQ_Sale", ("00000P0001000000001",), _Stored(early, early["Change_Mark"]))
        watch.once()
    staged = sim(server, "GET", "/state")["staged"]
    assert "00000P0001000000001" in {row["Receipt_No"] for row in staged["AIQ_POSStatus"]}


def test_a_nav_database_that_is_an_older_copy_is_read_from_its_first_row(server: Server, site: Site) -> None:
    with wire(site, lambda _: False) as watch:
        watch.worker._cursor.start = 10**9
        sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
        watch.once()
    assert len(sim(server, "GET", "/state")["staged"]["AIQ_POSStatus"]) == 1


@pytest.mark.parametrize("page", ["AIQ_POSJournalLines", "AIQ_POSStatus"])
def test_a_change_whose_sale_could_not_be_read_is_not_forgotten(server: Server, site: Site, page: str) -> None:
    """The poll has the change and has moved on, then NAV is lost for longer than any overlap."""
    clock = ScriptedClock(datetime.now(UTC))
    with wire(site, lambda _: False) as watch:
        watch.once()
        watch.worker.clock = clock
        watch.worker.reader.transport.patience.sleep = lambda _: None  # type: ignore[attr-defined]
        sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
        sim(server, "POST", "/till/P0002/check-in", {"member_card_no": "M1001"})
        sim(server, "POST", "/faults", {"call": f"nav.GET {page}", "fault": 503, "times": -1})
        for _ in range(40):
            with pytest.raises(Retriable):
                watch.worker.tick()
            clock.advance(seconds=30)
        sim(server, "DELETE", "/faults")
        watch.once()
    assert len(sim(server, "GET", "/state")["staged"]["AIQ_POSStatus"]) == 2


@pytest.mark.parametrize("fault", ["after", 500])
def test_a_server_that_fails_at_every_batch_gets_its_rows_one_by_one(server: Server, site: Site, fault: Any) -> None:
    """NAV 2018 may know no JSON batch; and an answer that is lost may hide one that was carried out."""
    sim(server, "POST", "/faults", {"call": "nav.POST $batch", "fault": fault, "times": -1})
    with wire(site, lambda _: False) as watch:
        watch.once()
    staged = sim(server, "GET", "/state")["staged"]
    assert {r["Code"] for r in staged["AIQ_ReceiptFooter"]} == {f.code for f in site.footers["S0001"].values()}
    (setup,) = (row for row in staged["AIQ_Setup"] if row["Store_No"] == "S0001")
    assert setup["Footer_Unknown"] == site.footers["S0001"]["signup"].code


def test_a_row_that_nav_refuses_holds_up_no_other_and_fills_no_ledger(server: Server, site: Site) -> None:
    no = {"call": "nav.POST AIQ_POSStatus", "fault": 400, "code": "Application_DialogException", "times": -1}
    sim(server, "POST", "/faults", no)
    sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1003"})
    clock = ScriptedClock(datetime.now(UTC))
    with wire(site, lambda _: False) as watch:
        watch.worker.clock = clock
        watch.once()
        for _ in range(20):
            clock.advance(milliseconds=100)
            assert watch.worker.tick().again == 1, "it stays due"
        with watch.worker.ledger._engine.connect() as connection:
            query = "select count(*) from effect where page = 'AIQ_POSStatus'"
            tries = connection.exec_driver_sql(query).scalar_one()
        assert len(sim(server, "GET", "/state")["staged"]["AIQ_POSTotalDiscountOfferLines"]) == 3
        assert tries == 1
        sim(server, "DELETE", "/faults")
        clock.advance(seconds=31)
        watch.once()
    assert len(sim(server, "GET", "/state")["staged"]["AIQ_POSStatus"]) == 1


def test_nav_is_asked_no_sooner_than_it_wants(server: Server, site: Site) -> None:
    busy = {"call": "nav.GET", "fault": 503, "retry_after": 90, "times": -1}
    pause = rounds(lambda: sim(server, "POST", "/faults", busy), lambda: None)
    with wire(site, pause) as watch:
        watch.forever()
    assert pause.waits[1:] == [90.0, 90.0]  # type: ignore[attr-defined]


def test_rows_that_nav_refuses_in_between_do_not_end_the_loop(server: Server, site: Site) -> None:
    def empty_and_refuse() -> None:
        sim(server, "POST", "/reset")
        no = {"call": "nav.POST AIQ_ReceiptFooter", "fault": 400, "code": "Application_DialogException", "times": -1}
        sim(server, "POST", "/faults", no)
        sim(server, "POST", "/faults", {"call": "nav.POST $batch", "fault": 404, "times": -1})
        sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1001"})
        clock.advance(seconds=3)

    clock = ScriptedClock()
    pause = rounds(empty_and_refuse, lambda: sim(server, "DELETE", "/faults"), lambda: None)
    with wire(site, pause) as watch:
        watch.clock = clock
        watch.forever()
    assert len(pause.waits) == 4  # type: ignore[attr-defined]
