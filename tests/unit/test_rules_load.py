"""Loading rule files: what is wrong is told in one run with its place; what is right makes a rulebook."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from navplugin.core.problems import CODES, Level
from navplugin.rulebook import facts, verbs
from navplugin.rulebook.load import load_rulebook
from navplugin.rulebook.reference import fill
from navplugin.rulefiles import read_cases, read_folder
from tests.unit.rule_sales import ROOT, RULES, book_of, decided

FILES = ROOT / "tests" / "rulefiles"
BAD = sorted((FILES / "bad").glob("*.ini"))
REPORTERS = {"error", "warn", "_error", "_problem", "Problem", "_add", "_at", "FilterSyntaxError"}
KEBAB = re.compile(r"[a-z]+(-[a-z]+)+|tie|indented")


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
def test_every_problem_of_a_bad_file_is_told_as_expected(path: Path) -> None:
    _, problems = load_rulebook([(path.name, path.read_bytes())])
    told = "\n".join(map(str, problems)) + "\n"
    assert told == path.with_suffix(".expected.txt").read_text("utf-8")


def test_every_bad_file_but_the_ties_stops_loading() -> None:
    for path in BAD:
        book, problems = load_rulebook([(path.name, path.read_bytes())])
        assert (book is None) == any(p.level is Level.ERROR for p in problems)
        assert (book is not None) == (path.stem == "ties")


def test_a_good_folder_has_no_problem() -> None:
    book, problems = load_rulebook(read_folder(FILES / "good"))
    assert not problems
    assert book is not None
    assert {r.name for r in book.rules} == {"Half of the sale", "Clearance", "PIN"}


def test_a_stores_own_files_replace_and_add_for_that_store_only() -> None:
    book, _ = load_rulebook(read_folder(FILES / "good"))
    assert book is not None
    theirs, others = book.for_store("S0002"), book.for_store("S0001")
    assert [r.name for r in theirs.rules] == ["Half of the sale", "Clearance", "PIN here", "Only here"]
    assert theirs.texts["clearance"].languages["en"] == ("No returns here.",)
    assert [r.name for r in others.rules] == [r.name for r in book.rules]
    assert theirs.hash == others.hash == book.hash, "one name for the whole set"


@pytest.mark.parametrize(
    ("section", "code"),
    [
        ("[A]\non = receipt\nthen = report\n", "doubled-section"),
        ("[C]\non = receipt\nthen = report\nreplaces = B\n", "bad-replaces"),
        ("[text t]\nen = x\nreplaces = u\n", "bad-replaces"),
        ("[fact F]\ncount = Line\nreplaces = A\n", "bad-replaces"),
    ],
)
def test_a_store_layer_that_pretends_is_refused(section: str, code: str) -> None:
    shared = ("rules/a.ini", b"[A]\non = receipt\nthen = report\n[text u]\nen = x\n")
    book, problems = load_rulebook([shared, ("rules/stores/S1/a.ini", section.encode())])
    assert book is None
    assert code in [p.code for p in problems]
    assert {p.span.path for p in problems} == {"rules/stores/S1/a.ini"}


def test_two_files_may_not_have_one_name_for_two_rules() -> None:
    rule = b"[A]\non = receipt\nthen = report\n"
    book, problems = load_rulebook([("a.ini", rule), ("b.ini", rule)])
    assert book is None
    assert str(problems[0]).startswith("b.ini:1:1: error doubled-section: [A] stands in a.ini too, line 1")


def test_the_hash_follows_the_content_and_not_the_folder() -> None:
    rule = b"[A]\non = receipt\nthen = report\n"
    one, two, three = (
        load_rulebook([(path, data)])[0]
        for path, data in (("x/a.ini", rule), ("y\\z\\a.ini", rule), ("x/a.ini", rule + b"# more\n"))
    )
    assert one is not None
    assert two is not None
    assert three is not None
    assert one.hash == two.hash != three.hash


def test_utf_16_and_a_byte_order_mark_are_read() -> None:
    text = "[A]\non = receipt\nthen = report t\n[text t]\nen = é\n"
    for encoding in ("utf-8-sig", "utf-16"):
        book, problems = load_rulebook([("a.ini", text.encode(encoding))])
        assert not problems
        assert book is not None


def test_no_file_at_all_is_told_in_one_sentence() -> None:
    assert [p.code for p in load_rulebook([])[1]] == ["no-rules"]
    only = load_rulebook([("a.ini", b""), ("b.ini", b"[A]\non = receipt\nthen = report\n")])
    assert [p.code for p in only[1]] == ["empty-file"]
    assert only[0] is None, "an empty file was saved by mistake, and its rules are missed"


def test_rules_that_exclude_each_other_are_no_tie() -> None:
    rules = (
        "[A]\non = receipt\nif Loyalty Status is Member|Joining\nthen = footer wallet\n"
        "[B]\non = receipt\nif Loyalty Status is Known\nthen = footer signup\n"
    )
    assert load_rulebook([("a.ini", rules.encode())])[1] == ()
    tie = rules.replace("is Known", "is Known|Member")
    assert [p.code for p in load_rulebook([("a.ini", tie.encode())])[1]] == ["tie"]


# ---- the shipped rules, the README, the tuples -----------------------------------------------------------------------


def test_the_tables_of_the_readme_are_those_of_the_code() -> None:
    text = (RULES / "README.md").read_text("utf-8")
    assert fill(text) == text
    assert text.count("<!-- table:") == 7


def test_every_rule_of_the_readme_can_be_loaded() -> None:
    text = (RULES / "README.md").read_text("utf-8")
    blocks = re.findall(r"```ini\n(.*?)```", text, flags=re.DOTALL)
    shipped = (RULES / "stacking.ini").read_text("utf-8")
    assert len(blocks) >= 4
    rules = "\n".join(b for b in blocks if "expect" not in b)
    book = book_of(rules + shipped)
    assert {s.name for s in book.stacks} >= {"One of these", "One: not gold", "One wallet discount per sale"}


def modules_in(package: str) -> set[str]:
    folder = ROOT / "navplugin" / "rulebook" / package
    return {p.stem for p in folder.glob("*.py") if p.stem != "__init__"}


def test_every_file_of_verbs_is_in_its_tuple() -> None:
    assert {m.__name__.rpartition(".")[2] for m in verbs.MODULES} == modules_in("verbs") - {"base"}
    names = [v.name for v in verbs.VERBS]
    assert len(set(names)) == len(names)
    for module, verb in zip(verbs.MODULES, verbs.VERBS, strict=True):
        assert module.__name__.rpartition(".")[2] == verb.name.replace("-", "_")


def test_every_file_of_facts_is_in_its_tuple() -> None:
    helpers = {"look", "made", "moments", "texts"}
    assert {m.__name__.rpartition(".")[2] for m in facts.MODULES} == modules_in("facts") - helpers
    captions = [f.caption for f in facts.FACTS]
    assert len(set(captions)) == len(captions)


@pytest.mark.parametrize("fact", facts.FACTS, ids=lambda f: f.caption)
def test_every_fact_can_be_asked_in_a_rule(fact: facts.Fact) -> None:
    filters = {"boolean": "Yes|No", "option": f"<>{fact.options[0]}" if fact.options else "<>x", "date": "<>today",
               "time": "12:00"}  # fmt: skip
    condition = filters.get(fact.type.value, "<>1")
    rules = f"[A]\non = wallet\nif {fact.caption} is {condition}\nthen = report\n"
    line = "discount A1 = 5.00 off for 10"
    assert [t.rule for t in decided(rules, line, "closing time = 20:00").trace] == ["A"]
    assert decided(rules, line, "closing time = 20:00").trace[0].verdict != "unknown"


# ---- problem codes ---------------------------------------------------------------------------------------------------


def codes_used() -> Iterator[tuple[str, Path]]:
    for path in (ROOT / "navplugin").rglob("*.py"):
        if {"simulator", "doctor"} & set(path.parts):
            continue  # the findings of doctor are about a site, not about files
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in REPORTERS:
                    for argument in node.args:
                        yield from ((code, path) for code in literals(argument))


def literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and KEBAB.fullmatch(node.value):
        yield node.value


def test_every_problem_code_is_listed_with_its_sentence() -> None:
    known = dict(CODES)
    assert len(known) == len(CODES)
    assert list(known) == sorted(known)
    unlisted = {f"{code} ({path.name})" for code, path in codes_used() if code not in known}
    assert not unlisted


def test_every_listed_code_is_used() -> None:
    made = {"unknown-function", "unknown-name"}  # unknown-{what}, receipts/template.py
    assert set(dict(CODES)) - made == {code for code, _ in codes_used()}


def test_the_filters_and_the_list_agree() -> None:
    from navplugin.rulebook.filters import CODES as FILTER_CODES

    assert {c: s for c, s in CODES if c in FILTER_CODES} == FILTER_CODES


def test_folders_of_cases_and_stores_are_found() -> None:
    assert [Path(path).name for path, _ in read_cases(RULES)] == [
        "footer.ini", "signup.ini", "stacking.ini", "status.ini", "wallet.ini",
    ]  # fmt: skip
    assert [Path(p).name for p, _ in read_folder(FILES / "good")] == ["everything.ini", "own.ini"]
    assert read_cases(FILES) == ()
    with pytest.raises(FileNotFoundError):
        read_folder(FILES / "nowhere")
