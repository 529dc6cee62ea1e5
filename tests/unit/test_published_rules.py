"""Published rules: the ledger that keeps them, the shelf that picks them for a sale, what comes out for a store."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from navplugin import shelf as shelf_module
from navplugin.cli import build_app
from navplugin.core.errors import LedgerUnusable, Unreachable
from navplugin.core.model import Sale, SaleState, StagedRow, StoreSettings
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger, RuleSet
from navplugin.past import Past
from navplugin.rulebook.load import Rulebook, load_rulebook
from navplugin.shelf import RuleShelf
from tests.conftest import ScriptedClock
from tests.unit.rule_sales import ROOT

FILES = ROOT / "tests" / "rulefiles"
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ONE = b"[One]\non = receipt\nthen = footer plain\n"
TWO = b"[Two]\non = receipt\nthen = footer wallet\n"


def book_of(data: bytes) -> Rulebook:
    book, problems = load_rulebook([("rules/a.ini", data)])
    assert book is not None, problems
    return book


def set_of(data: bytes, hash: str = "") -> RuleSet:
    return RuleSet(hash or book_of(data).hash, NOW, "Chris", "why", 1, 1, [("a.ini", data)])


def sale(receipt: str) -> Sale:
    return Sale(receipt, "guid", "S1", "P1", "101", "M1", SaleState.SALES, "", "", None, 1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    one = SqlLedger(tmp_path / "a.db")
    yield one
    one.close()


@pytest.fixture
def rules(ledger: SqlLedger) -> RuleLedger:
    return RuleLedger(ledger, "CRONUS")


def test_what_was_published_comes_back_whole_and_per_company(ledger: SqlLedger, rules: RuleLedger) -> None:
    assert rules.in_force() is None
    assert rules.number_in_force() == 0
    first, second = rules.publish(set_of(ONE)), rules.publish(set_of(TWO))
    there = rules.in_force()
    assert there is not None
    assert (there.number, there.who, there.note, there.at) == (second, "Chris", "why", NOW)
    assert there.files == [("a.ini", TWO)]
    assert [s.number for s in rules.published()] == [first, second]
    assert RuleLedger(ledger, "OTHER").in_force() is None


def test_a_ledger_of_a_newer_version_is_refused(ledger: SqlLedger, rules: RuleLedger) -> None:
    ledger.take_watch("CRONUS", "test", NOW)
    ledger.set_note("rules-version", "99")
    with pytest.raises(LedgerUnusable, match="newer navplugin"):
        RuleLedger(ledger, "CRONUS")


def test_a_published_set_that_cannot_be_used_leaves_the_last_good_one_in_force(
    rules: RuleLedger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    shelf = RuleShelf(rules, ["S1"], book_of(ONE), rules.publish(set_of(ONE)))
    assert [r.name for r in shelf.rules_for(sale("R1"), "S1").book.rules] == ["One"]
    rules.publish(set_of(b"[Half", "0123456789abcdef"))
    for receipt in ("R2", "R3"):
        assert [r.name for r in shelf.rules_for(sale(receipt), "S1").book.rules] == ["One"]
    assert caplog.text.count("cannot be used; rules") == 1, "said once"
    rules.publish(set_of(TWO))
    assert [r.name for r in shelf.rules_for(sale("R4"), "S1").book.rules] == ["Two"]
    assert [r.name for r in shelf.rules_for(sale("R2"), "S1").book.rules] == ["One"], "R2 keeps what it began with"
    assert "are in force for new sales (published by Chris)" in caplog.text


def test_a_sale_that_is_not_in_memory_any_more_is_looked_up_in_the_ledger(
    ledger: SqlLedger, rules: RuleLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "REMEMBERED", 1)
    ledger.take_watch("CRONUS", "test", NOW)
    shelf = RuleShelf(rules, ["S1"], book_of(ONE), rules.publish(set_of(ONE)))
    shelf.rules_for(sale("R1"), "S1")
    ledger.save_decision("R1", "guid", book_of(ONE).hash, "builtin", "{}", NOW)
    rules.publish(set_of(TWO))
    assert [r.name for r in shelf.rules_for(sale("R2"), "S1").book.rules] == ["Two"]
    assert [r.name for r in shelf.rules_for(sale("R1"), "S1").book.rules] == ["One"]
    ledger.save_decision("R9", "guid", "a hash that nobody published", "builtin", "{}", NOW)
    assert [r.name for r in shelf.rules_for(sale("R9"), "S1").book.rules] == ["Two"]


class Transactions:
    """Posted sales of NAV, or none to be had."""

    def __init__(self, rows: Sequence[Mapping[str, Any]] | None) -> None:
        self.rows, self.asked = rows, 0

    def read_rows(self, page: str, where: Mapping[str, object]) -> Sequence[StagedRow]:
        self.asked += 1
        if self.rows is None:
            raise Unreachable("NAV is away", system="NAV")
        return [StagedRow(page, (), row, "") for row in self.rows]


def posted(receipt: str, status: str = " ", returned: bool = False) -> dict[str, Any]:
    return {"Receipt_No": receipt, "Transaction_Type": "Sales", "Entry_Status": status, "Sale_Is_Return_Sale": returned}


def past_of(reader: Transactions, rules: RuleLedger, clock: ScriptedClock) -> Past:
    return Past(reader, rules, clock)  # type: ignore[arg-type]


def test_visits_are_posted_sales_that_are_neither_voided_nor_returns(rules: RuleLedger, clock: ScriptedClock) -> None:
    reader = Transactions([posted("R0"), posted("R1", "Voided"), posted("R2", returned=True), posted("R7")])
    past = past_of(reader, rules, clock)
    store = StoreSettings("S1")
    assert past.gather(sale("R7"), store, frozenset({"visits"})).visits == 1, "this sale itself does not count"
    assert past.gather(sale("R7"), store, frozenset({"visits"})).visits == 1
    assert reader.asked == 1, "once for each sale"
    assert past.gather(sale("R7"), store, frozenset()).visits is None


def test_visits_are_unknown_while_nav_does_not_tell(rules: RuleLedger, clock: ScriptedClock) -> None:
    history = past_of(Transactions(None), rules, clock).gather(sale("R7"), StoreSettings("S1"), frozenset({"visits"}))
    assert history.visits is None


def test_prompts_count_for_an_hour_at_their_terminal_on_other_sales(rules: RuleLedger, clock: ScriptedClock) -> None:
    past = past_of(Transactions([]), rules, clock)

    def count(receipt: str) -> int | None:
        return past.gather(sale(receipt), StoreSettings("S1"), frozenset({"prompts_last_hour"})).prompts_last_hour

    rules.note_prompt("P1", "R1", clock.now())
    rules.note_prompt("P2", "R2", clock.now())
    assert (count("R3"), count("R1")) == (1, 0)
    clock.at += timedelta(minutes=60)
    assert count("R3") == 1, "60 minutes are within the hour"
    clock.at += timedelta(seconds=1)
    assert count("R3") == 0


def test_the_effective_file_of_a_store_names_the_place_of_every_line() -> None:
    folder = FILES / "good"
    told = CliRunner().invoke(build_app(), ["rules", "effective", str(folder), "--store", "S0002"]).stdout
    lines = {line.split("#")[0].strip(): line.partition("# ")[2] for line in told.splitlines() if "#" in line}
    assert lines["[Half of the sale]"].endswith("good/everything.ini:17")
    assert "good/stores/S0002/own.ini:" in lines["[PIN here]"]
    assert "[PIN]" not in lines, "it is replaced"
    assert lines["priority = 100"] == "default"
    other = CliRunner().invoke(build_app(), ["rules", "effective", str(folder), "--store", "S0009"]).stdout
    assert "# store S0009 has no folder of its own (S0002)" in other
    assert "[PIN]" in other


def test_a_rule_that_asks_for_the_closing_time_wants_it_in_the_profile(tmp_path: Path) -> None:
    from navplugin.site import load_site
    from tests.unit.test_rules_cli import PROFILE

    (tmp_path / "rules").mkdir()
    rule = "[Late]\non = check-in\nif Minutes To Closing is <=30\nthen = no-prompt\n"
    (tmp_path / "rules" / "a.ini").write_text(rule, "utf-8")
    config = tmp_path / "site.ini"
    for setting, told in (("", 1), ("closing-time = 21:00\n", 0)):
        config.write_text(PROFILE + setting, "utf-8")
        codes = [p.code for p in load_site(config).problems]
        assert codes.count("missing-setting") == told
