"""`navplugin rules`: exit codes, text and JSON."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from navplugin.cli import build_app
from navplugin.ledger import SqlLedger
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.explain import trace_to_json
from tests.unit.rule_sales import ROOT, RULES, sale, shipped

RECEIPT = "0000P0001000000001"
PROFILE = """\
[nav]
url = https://nav.example.com/NAV/ODataV4
company = CRONUS
user = AIQ-WORKER
key = env:NAV_KEY
[aiq]
uid = 1234
key = env:AIQ_KEY
[worker]
state = own.db
[store S0001]
time-zone = UTC
wallet-url = https://lab.alpineiq.com/wallet/1234
signup-url = https://lab.alpineiq.com/joinMembers/1234
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(build_app(), ["rules", *words])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    shutil.copytree(RULES, tmp_path / "rules")
    return tmp_path / "rules"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A profile whose ledger knows one decision."""
    (tmp_path / "site.ini").write_text(PROFILE, "utf-8")
    ledger = SqlLedger(tmp_path / "own.db")
    ledger.take_watch("CRONUS", "test", datetime(2026, 5, 1, tzinfo=UTC))
    situation = sale("line A = 75.00", "discount AP0004 = 100.00 off for 500")
    decision = decide(shipped(), situation, BuiltinMatcher())
    body = trace_to_json(situation, decision)
    ledger.save_decision(RECEIPT, "guid", decision.rules_hash, decision.matcher, body, situation.now)
    ledger.close()
    return tmp_path / "site.ini"


def test_what_ships_passes_check_and_test() -> None:
    assert run("check", str(RULES)).exit_code == 0
    done = run("test", str(RULES))
    assert done.exit_code == 0
    assert "50 cases" in done.output


def test_a_wrong_rule_ends_check_with_1_and_its_place(rules: Path) -> None:
    (rules / "own.ini").write_text("[Own]\non = walet\nthen = report\n", "utf-8")
    done = run("check", str(rules))
    assert done.exit_code == 1
    assert "own.ini:2:6: error unknown-moment: 'walet' is not a moment; did you mean 'wallet'?" in done.output
    assert run("test", str(rules)).exit_code == 1


def test_problems_come_as_json_too(rules: Path) -> None:
    (rules / "own.ini").write_text("[Own]\non = walet\nthen = report\n", "utf-8")
    found = json.loads(run("check", str(rules), "--format", "json").output)
    assert [(p["line"], p["col"], p["code"]) for p in found["problems"]] == [(2, 6, "unknown-moment")]


def test_a_case_that_fails_ends_test_with_1_and_a_difference(rules: Path) -> None:
    (rules / "cases" / "own.ini").write_text("[Own case]\nexpect footer = signup\n", "utf-8")
    done = run("test", str(rules))
    assert done.exit_code == 1
    assert "[Own case] footer is 'wallet', expected 'signup'" in done.output
    found = json.loads(run("test", str(rules), "--format", "json").output)
    assert (found["cases"], [p["code"] for p in found["problems"]]) == (51, ["case-failed"])


def test_rules_without_cases_do_not_pass(rules: Path) -> None:
    shutil.rmtree(rules / "cases")
    done = run("test", str(rules))
    assert done.exit_code == 1
    assert "there is no case" in done.output


@pytest.mark.parametrize("command", ["check", "test"])
def test_a_folder_that_is_not_there_is_misuse(command: str, tmp_path: Path) -> None:
    assert run(command, str(tmp_path / "nowhere")).exit_code == 3
    assert run(command, str(tmp_path)).exit_code == 3
    assert run(command, str(ROOT / "README.md")).exit_code == 3


def test_facts_and_verbs_are_listed() -> None:
    assert "Transaction Balance" in run("facts").output
    assert "hide-discount" in run("verbs").output
    facts = json.loads(run("facts", "--format", "json").output)
    assert {f["fact"] for f in facts["facts"]} >= {"Amount Short", "Loyalty Status"}
    assert {v["verb"] for v in json.loads(run("verbs", "--format", "json").output)} >= {"footer", "report"}


def test_explain_reads_the_last_decision_of_a_receipt(config: Path) -> None:
    done = run("explain", RECEIPT, "--config", str(config))
    assert done.exit_code == 0
    assert "AP0004 not offered: transaction is 75.00, needs 100.00 (25.00 short)." in done.output
    assert f"rules {shipped().hash}, matcher builtin." in done.output
    only = json.loads(run("explain", RECEIPT, "--config", str(config), "--coupon", "AP0004", "--format", "json").output)
    assert only["sentences"] == ["AP0004 not offered: transaction is 75.00, needs 100.00 (25.00 short)."]
    seen = next(r for r in only["rules"] if r["rule"] == "Enough points")
    assert (seen["subject"], seen["verdict"], seen["conditions"][0]["value"]) == ("AP0004", "no", "0")
    assert "[Ask to sign up] on check-in: no" in done.output, "every rule, in order"
    assert "[Ask to sign up]" not in run("explain", RECEIPT, "--config", str(config), "--short").output


def test_what_the_ledger_does_not_know_is_a_problem_and_no_traceback(config: Path, tmp_path: Path) -> None:
    assert run("explain", "OTHER", "--config", str(config)).exit_code == 1
    assert run("explain", RECEIPT, "--config", str(config), "--coupon", "NONE").exit_code == 1
    assert run("explain", RECEIPT, "--config", str(tmp_path / "no.ini")).exit_code == 3
    (tmp_path / "own.db").unlink()
    assert run("explain", RECEIPT, "--config", str(config)).exit_code == 3
    config.write_text("[nav]\n", "utf-8")
    assert run("explain", RECEIPT, "--config", str(config)).exit_code == 1


@pytest.mark.parametrize(
    "offers",
    ['{"offers": [{"offer": "T1", "coupon_code": "AP0004"}]}', '["ap0004"]', "# codes\nAP0004\n"],
    ids=["predict", "list", "lines"],
)
def test_check_names_coupon_codes_that_no_offer_of_a_file_has(rules: Path, tmp_path: Path, offers: str) -> None:
    rule = "[A]\non = wallet\nif Coupon Code is AP0004|AP0040|B*\nthen = require-pin\n"
    (rules / "own.ini").write_text(rule, "utf-8")
    (tmp_path / "offers.txt").write_text(offers, "utf-8")
    done = run("check", str(rules), "--offers", str(tmp_path / "offers.txt"))
    assert done.exit_code == 0, "a warning"
    assert "own.ini:3:19: warning no-offer: no Total Discount Offer has coupon code 'AP0040' (in [A])" in done.stdout
    assert done.stdout.count("no-offer") == 1
    assert run("check", str(rules)).stdout.count("no-offer") == 0
    (tmp_path / "offers.txt").write_text("{broken", "utf-8")
    assert run("check", str(rules), "--offers", str(tmp_path / "offers.txt")).exit_code == 1
    assert run("check", str(rules), "--offers", str(tmp_path / "none.txt")).exit_code == 3


def test_test_says_which_rules_no_case_exercises(rules: Path) -> None:
    (rules / "own.ini").write_text("[Nobody tries]\non = check-in\nif Club is NOBODY\nthen = no-prompt\n", "utf-8")
    done = run("test", str(rules))
    assert done.exit_code == 0
    assert "no case exercises [Nobody tries]." in done.stdout
    assert json.loads(run("test", str(rules), "--format", "json").stdout)["not_exercised"] == ["Nobody tries"]
    assert "1 cases" in run("test", str(rules), "--only", "eighteen today").stdout
