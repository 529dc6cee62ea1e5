"""Rules on a running site: published without a restart, kept by open receipts, tried, replayed and explained; real
adapters over real HTTP against the simulated NAV and AIQ."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner, Result

from navplugin.cli import build_app
from navplugin.demo.stage import KEY_VARIABLE, profile_text
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world
from navplugin.site import defaults_folder, load_site
from navplugin.wiring import wire

NO_FLOWER = """
[fact Has Flower]
exist = Line
where Item Category Code is FLOWER

[No wallet with flower]
on = basket
if Has Flower is Yes
then = no-wallet

[Not with flower]
on = select
if Has Flower is Yes
then = hide-discount
"""
CASE = """
[No wallet with flower]
line FLOWER = 75.00 in FLOWER
discount AP0001 = 10.00 off for 100
picked = AP0001
expect granted =
expect taken off = AP0001
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    state = State(tmp_path / "simulator")
    load_world(state, None)
    one = Server(state)
    one.start()
    yield one
    one.stop()
    state.close()


@pytest.fixture
def config(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with a folder of rules of its own."""
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")
    shutil.copytree(defaults_folder("rules"), tmp_path / "rules")
    path = tmp_path / "site.ini"
    path.write_text(profile_text(server.url, {"matcher": "builtin", "rules": "rules"}), "utf-8")
    return path


def press(server: Server, name: str, terminal: str = "P0001", **body: Any) -> dict[str, Any]:
    answer = requests.post(f"{server.url}/_sim/till/{terminal}/{name}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def staged(server: Server, page: str, receipt: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = requests.get(f"{server.url}/_sim/state", timeout=30).json()["staged"][page]
    return [row for row in rows if not receipt or row["Receipt_No"] == receipt]


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(build_app(), ["rules", *words, "--config", str(config)])


def work(config: Path) -> None:
    """One round of a worker that has just been started."""
    site = load_site(config, rules_may_wait=True).site
    assert site is not None
    with wire(site, lambda _: False) as watch:
        watch.once()


def write(config: Path, rules: str, case: str = CASE) -> None:
    (config.parent / "rules" / "own.ini").write_text(rules, "utf-8")
    (config.parent / "rules" / "cases" / "own.ini").write_text(case, "utf-8")


GRANTS = "AIQ_POSTotalDiscountOfferLines"


def test_published_rules_reach_new_sales_of_a_running_worker_and_open_ones_keep_theirs(
    server: Server, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site = load_site(config).site
    assert site is not None
    with wire(site, lambda _: False) as watch:
        first = press(server, "check-in", member_card_no="M1003")["receipt_no"]
        press(server, "add-item", item_no="FLOWER")
        watch.once()
        write(config, NO_FLOWER)
        assert run(config, "apply", "--note", "flower is dear", "--by", "Chris").exit_code == 0
        second = press(server, "check-in", "P0002", member_card_no="M1004")["receipt_no"]
        press(server, "add-item", "P0002", item_no="FLOWER")
        press(server, "add-item", item_no="CONE")
        watch.once()
        assert len(staged(server, GRANTS, first)) == 3, "the open sale keeps the rules that it began with"
        assert staged(server, GRANTS, second) == [], "the new sale has the new ones"
    assert "are in force for new sales (published by Chris)" in caplog.text
    hashes = [s["hash"] for s in json.loads(run(config, "history", "--format", "json").stdout)]
    told = [json.loads(run(config, "explain", r, "--format", "json").stdout)["rules_hash"] for r in (first, second)]
    assert told == hashes, "the hash stands in every decision"
    press(server, "add-item", item_no="CONE")
    work(config)  # a worker that was started anew knows what the sale began with
    assert json.loads(run(config, "explain", first, "--format", "json").stdout)["rules_hash"] == hashes[0]


def test_a_broken_file_or_a_failing_case_is_not_published_and_the_last_good_rules_go_on(
    server: Server, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    work(config)
    write(config, NO_FLOWER.replace("then = no-wallet", "thn = no-wallet"))
    assert run(config, "apply").exit_code == 1
    write(config, NO_FLOWER, CASE.replace("expect granted =", "expect granted = AP0001"))
    failed = run(config, "apply")
    assert failed.exit_code == 1
    assert "Nothing was published." in failed.stdout
    write(config, "[Half a file")
    receipt = press(server, "check-in", member_card_no="M1003")["receipt_no"]
    work(config)
    assert len(staged(server, GRANTS, receipt)) == 3
    assert "the rules in the folder have errors" in caplog.text
    assert [s["note"] for s in json.loads(run(config, "history", "--format", "json").stdout)] == ["first start"]


def test_rollback_puts_earlier_rules_in_force_again(server: Server, config: Path) -> None:
    work(config)
    write(config, NO_FLOWER)
    assert "number 2" in run(config, "apply").stdout
    assert "in force already" in run(config, "apply").stdout
    assert run(config, "rollback").exit_code == 0
    press(server, "check-in", member_card_no="M1003")
    receipt = press(server, "add-item", item_no="FLOWER")["receipt_no"]
    work(config)
    assert len(staged(server, GRANTS, receipt)) == 3
    sets = json.loads(run(config, "history", "--format", "json").stdout)
    assert [s["hash"] for s in sets] == [sets[0]["hash"], sets[1]["hash"], sets[0]["hash"]]
    assert [s["in_force"] for s in sets] == [False, False, True]
    assert "back to number 1" in run(config, "history").stdout
    assert run(config, "rollback", "2").exit_code == 0
    assert run(config, "rollback", "nonsense").exit_code == 1


def test_a_site_without_good_rules_does_not_start(config: Path) -> None:
    write(config, "[Half a file")
    words = [sys.executable, "-m", "navplugin", "run", "--once", "--config", str(config)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "own.ini:1:1: error bad-header" in done.stdout


def test_try_decides_on_open_sales_and_writes_nothing(server: Server, config: Path) -> None:
    receipt = press(server, "check-in", member_card_no="M1003")["receipt_no"]
    press(server, "add-item", item_no="FLOWER")
    before = requests.get(f"{server.url}/_sim/state", timeout=30).json()
    tried = json.loads(run(config, "try", "--format", "json").stdout)
    after = requests.get(f"{server.url}/_sim/state", timeout=30).json()
    assert before["staged"] == after["staged"]
    assert not (config.parent / "navplugin.db").exists(), "no ledger is begun"
    assert tried["sales"][0]["receipt_no"] == receipt
    text = run(config, "try").stdout
    assert "AP0004 not offered: transaction is 75.00, needs 100.00 (25.00 short)." in text
    assert "would insert AIQ_POSTotalDiscountOfferLines" in text
    work(config)
    there = {(GRANTS, r["Receipt_No"]) for r in staged(server, GRANTS)}
    assert len(there) == 1
    again = json.loads(run(config, "try", "--format", "json").stdout)
    assert again["sales"][0]["would_write"] == [], "what try would write is what the worker has written"


def test_explain_reads_a_sale_from_nav(server: Server, config: Path) -> None:
    receipt = press(server, "check-in", member_card_no="M1003")["receipt_no"]
    press(server, "add-item", item_no="FLOWER")
    done = run(config, "explain", receipt, "--live")
    assert done.exit_code == 0, (done.output, done.exception)
    told = done.stdout
    assert "AP0004 not offered: transaction is 75.00, needs 100.00 (25.00 short)." in told
    assert "if Amount Short is >0: yes, Amount Short 25.00 meets >0" in told
    press(server, "add-item", item_no="VAPE")
    assert "AP0004 offered: 100.00 off for 500 points." in run(config, "explain", receipt, "--live").stdout
    assert run(config, "explain", "NOWHERE", "--live").exit_code == 1
    case = run(config, "explain", "--case", "ap0004 is not listed at 75.00", "--folder", str(config.parent / "rules"))
    assert "AP0004 not offered" in case.stdout


def sell(server: Server, config: Path, card: str, *items: str, code: str = "") -> str:
    receipt: str = press(server, "check-in", member_card_no=card)["receipt_no"]
    for item in items:
        press(server, "add-item", item_no=item)
    if code:
        work(config)
        press(server, "pick", coupon_code=code)
        work(config)
    press(server, "total")
    press(server, "pay", tender="CASH")
    work(config)
    return receipt


def test_replay_adds_up_each_offer_and_lists_the_receipts_that_change(server: Server, config: Path) -> None:
    kept = sell(server, config, "M1003", "VAPE", code="AP0001")
    changed = sell(server, config, "M1004", "FLOWER", code="AP0001")
    sell(server, config, "M1005", "FLOWER")
    day = requests.get(f"{server.url}/_sim/state", timeout=30).json()["clock"][:10]
    write(config, NO_FLOWER)
    words = ("--from", _days(day, -1), "--to", _days(day, 1))
    saved = config.parent / "sales.json"
    done = run(config, "replay", *words, "--save", str(saved), "--format", "json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["sales"] == 3
    total = next(t for t in told["totals"] if t["coupon_code"] == "AP0001")
    assert (total["uses"], total["given"], total["kept_uses"], total["kept"]) == (2, "20.00", 1, "10.00")
    receipts = [c["receipt_no"] for c in told["changed"]]
    assert changed in receipts
    assert kept not in receipts
    text = run(config, "replay", *words).stdout
    assert "AP0001 would be taken off" in text
    assert "M100" not in saved.read_text("utf-8"), "no card of a member is saved"
    again = json.loads(run(config, "replay", "--file", str(saved), "--format", "json").stdout)
    assert again["totals"] == told["totals"]


def _days(day: str, more: int) -> str:
    from datetime import date, timedelta

    return (date.fromisoformat(day) + timedelta(days=more)).isoformat()


def test_replay_refuses_what_is_no_saved_file(config: Path) -> None:
    (config.parent / "odd.json").write_text('{"version": 1, "sales": [{"day": "x"}]}', "utf-8")
    done = run(config, "replay", "--file", str(config.parent / "odd.json"))
    assert done.exit_code == 1
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert run(config, "replay", "--from", "yesterday").exit_code == 3
    assert run(config, "replay", "--from", "2026-05-02", "--to", "2026-05-01").exit_code == 3


HISTORY = """
[Once a day]
on = check-in
if Wallet Uses Today is >=1
then = no-wallet

[Three an hour]
on = check-in
if Prompts At Terminal In Last Hour is >=1
then = no-prompt

[Welcome]
on = check-in
if First Visit is Yes
then = show-message welcome

[text welcome]
en = Welcome.
"""


def test_history_is_gathered_from_the_ledger_and_from_posted_sales(server: Server, config: Path) -> None:
    write(config, HISTORY, "[Nothing]\nexpect prompt =\n")
    first = sell(server, config, "M1003", "FLOWER", code="AP0001")
    second = press(server, "check-in", member_card_no="M1003")["receipt_no"]
    press(server, "add-item", item_no="FLOWER")
    work(config)
    assert staged(server, GRANTS, second) == [], "one wallet discount a day"
    codes = [(p["Receipt_No"], p["Code"]) for p in staged(server, "AIQ_POSPrompts")]
    assert (second, "WELCOME") not in codes, "it is the second visit"
    told = json.loads(run(config, "explain", first, "--format", "json").stdout)
    assert next(r for r in told["rules"] if r["rule"] == "Welcome")["verdict"] in ("yes", "no")
    press(server, "void")
    third = press(server, "check-in", member_card_no="M1001")["receipt_no"]
    work(config)
    assert {"SIGNUP", "WELCOME"} == {p["Code"] for p in staged(server, "AIQ_POSPrompts", third)}
    press(server, "void")
    fourth = press(server, "check-in", member_card_no="M1002")["receipt_no"]
    work(config)
    assert [p["Code"] for p in staged(server, "AIQ_POSPrompts", fourth)] == ["WELCOME"], "one question an hour"


def test_history_that_no_rule_asks_for_costs_no_request(server: Server, config: Path) -> None:
    def requests_for_transactions() -> int:
        counted = requests.get(f"{server.url}/_sim/state", timeout=30).json()["nav"]["requests"]
        return sum(n for name, n in counted.items() if "Transactions" in name)

    press(server, "check-in", member_card_no="M1003")
    work(config)
    assert requests_for_transactions() == 0
    write(config, HISTORY, "[Nothing]\nexpect prompt =\n")
    assert run(config, "apply").exit_code == 0
    press(server, "void")
    press(server, "check-in", member_card_no="M1003")
    before = requests_for_transactions()
    work(config)
    assert requests_for_transactions() > before


def test_check_names_coupon_codes_that_no_offer_of_nav_has(config: Path) -> None:
    rule = "[A]\non = wallet\nif Coupon Code is AP0004|AP0040\nthen = require-pin\n"
    write(config, rule, "[Nothing]\nexpect prompt =\n")
    done = CliRunner().invoke(build_app(), ["rules", "check", str(config.parent / "rules"), "--config", str(config)])
    assert done.exit_code == 0, "a warning"
    assert "warning no-offer: no Total Discount Offer has coupon code 'AP0040'" in done.stdout
    assert "'AP0004'" not in done.stdout.replace("did you mean 'AP0004'", "")
