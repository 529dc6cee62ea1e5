"""Rules and sales for the tests of the rulebook, written as an administrator writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from navplugin.core.model import Decision, Grant, GrantStatus, Situation, Want
from navplugin.rulebook.book import Rulebook
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.cases import read_cases
from navplugin.rulebook.decide import decide
from navplugin.rulebook.load import load_rulebook
from navplugin.rulebook.verbs.base import GRANTS
from navplugin.rulefiles import read_folder

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "rules"


def book_of(text: str) -> Rulebook:
    """The rulebook of one file, which must be free of errors."""
    book, problems = load_rulebook([("rules/test.ini", text.encode())])
    assert book is not None, "\n".join(map(str, problems))
    return book


def shipped() -> Rulebook:
    """The rules as they ship."""
    book, problems = load_rulebook(read_folder(RULES))
    assert book is not None
    assert not problems, "\n".join(map(str, problems))
    return book


def sale(*lines: str) -> Situation:
    """A sale as a case describes it."""
    cases, problems = read_cases([("case.ini", "\n".join(["[A sale]", *lines, "expect reports = 0"]).encode())])
    assert not problems, "\n".join(map(str, problems))
    return cases[0].situation


def decided(rules: str | Rulebook, *lines: str) -> Decision:
    """The decision of these rules on this sale."""
    book = book_of(rules) if isinstance(rules, str) else rules
    return decide(book, sale(*lines), BuiltinMatcher())


def want(decision: Decision, page: str, code: str = "") -> Want | None:
    """The want for a page, for grants that of a coupon code."""
    return next((w for w in decision.wants if w.page == page and (not code or w.key[1] == code)), None)


def grant(decision: Decision, code: str) -> dict[str, Any]:
    """The fields of a grant."""
    found = want(decision, GRANTS, code)
    assert found is not None, f"no grant for {code}"
    return dict(found.fields)


def grant_row(receipt: str, code: str, fields: dict[str, Any]) -> Grant:
    """A row of the grants page, typed."""
    return Grant(
        receipt, code, fields["Offer_No"], fields["Discount_Ext_ID"], fields["Description"], fields["Value_Kind"],
        fields["Value"], fields["Points_Cost"], fields["Min_Amount"], fields["Min_Balance"], fields["Blocked_Text"],
        fields["Needs_PIN"], fields["Member_Ref"], "", "", "", GrantStatus(fields["Status"]), None, "", 0,
        fields["Value"], "etag",
    )  # fmt: skip
