"""Rules in Excel: there and back, and cells that Excel has changed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from typer.testing import CliRunner, Result

from navplugin.cli import build_app
from navplugin.rulebook.book import Rulebook, RuleCondition
from navplugin.rulebook.load import load_rulebook, name_of
from navplugin.rulefiles import read_folder
from navplugin.rulesheet import read_workbook, write_workbook
from tests.unit.rule_sales import ROOT, RULES

HEADINGS = ("name", "on", "if Store No.", "unless Club", "then", "priority")


def book_of(*rows: tuple[Any, ...], headings: tuple[str, ...] = HEADINGS, sheet: str = "Rules") -> bytes:
    book = Workbook()
    book.active.title = sheet
    for number, row in enumerate((headings, *rows), start=1):
        for column, value in enumerate(row, start=1):
            if value is not None:
                book.active.cell(number, column).value = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def told(data: bytes) -> list[str]:
    return [p.headline() for p in read_workbook("r.xlsx", data).problems]


def test_one_row_is_one_rule() -> None:
    found = read_workbook("r.xlsx", book_of(("Gold", "wallet", "0001..0005", "GOLD", "hide-discount", 5)))
    assert found.problems == []
    assert found.content() == {
        "imported.ini": b"[Gold]\non = wallet\nif Store No. is 0001..0005\nunless Club is GOLD\n"
        b"then = hide-discount\npriority = 5\n"
    }


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, "a number, '1'"),
        (75.5, "a number"),
        (date(2026, 5, 1), "a date"),
        ("=A1*", "a formula, '=A1*'"),
        (True, "true or false"),
    ],
)
def test_a_cell_that_excel_has_changed_is_refused_by_its_name(value: object, kind: str) -> None:
    problems = told(book_of(("A", "wallet", value, None, "require-pin")))
    assert len(problems) == 1
    assert f"error excel-changed: C2 was changed by Excel: it is {kind}" in problems[0]
    assert "format the column as Text" in problems[0]


@pytest.mark.parametrize("folder", [RULES, ROOT / "tests" / "rulefiles" / "good"], ids=["shipped", "good"])
def test_what_is_exported_comes_back_as_it_was(folder: Path) -> None:
    files = [(name_of(path), data) for path, data in read_folder(folder)]
    data = write_workbook(files)
    back = read_workbook("r.xlsx", data)
    assert back.problems == []
    before, _ = load_rulebook(files)
    after, problems = load_rulebook(list(back.content().items()))
    assert before is not None
    assert after is not None, problems

    for store in ("S0001", "S0002"):
        assert plain(before.for_store(store)) == plain(after.for_store(store))


def plain(book: Rulebook) -> object:
    """What the rules and stacks of a book say, in whatever order."""

    def said(conditions: Sequence[RuleCondition]) -> tuple[object, ...]:
        return tuple((c.fact.caption, c.filter.text.strip(), c.negated) for c in conditions)

    rules = {
        (r.name, r.moment.name, said(r.conditions), tuple((c.verb.name, c.word) for c in r.calls), r.priority, r.switch)
        for r in book.rules
    }
    stacks = {(s.name, said(s.among), said(s.conditions), s.keep, s.count, s.text, s.switch) for s in book.stacks}
    texts = {(t.name, *map(str, t.languages)) for t in book.texts.values()}
    return rules, stacks, texts


def test_every_exported_cell_is_text_also_one_that_begins_with_an_equals_sign() -> None:
    rules = b"[A]\non = wallet\nif Club is =GOLD\nthen = require-pin\n"
    sheet = load_workbook(io.BytesIO(write_workbook([("a.ini", rules)])))["Rules"]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {c.data_type for c in cells} == {"s"}
    assert {c.number_format for c in cells} == {"@"}
    assert "=GOLD" in {c.value for c in cells}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "no workbook"),
        (b"PK\x03\x04 broken", "no workbook"),
        (book_of(headings=()), "holds no rule"),
        (book_of(("A", "wallet"), headings=("Nmae", "on")), "no column 'name'; did you mean 'Nmae'?"),
        (book_of(("A", "b"), headings=("name", "name")), "B1: two columns are called 'name'"),
        (book_of((None, "wallet")), "A2: this row has no name"),
        (book_of(("A", "wallet", None, None, "report", None, "stray")), "G2: a cell below no heading"),
        (book_of(("A", "../../etc"), headings=("name", "file")), "'../../etc' is no file of rules"),
    ],
)
def test_what_is_no_sheet_of_rules_is_refused_in_one_sentence(data: bytes, part: str) -> None:
    problems = told(data)
    assert problems
    assert part in problems[0]


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked() -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 101_000_000)
    assert "unpacks to 101,000,000 bytes" in told(out.getvalue())[0]


def run(*words: str) -> Result:
    return CliRunner().invoke(build_app(), ["rules", *words])


def test_import_writes_files_only_when_nothing_is_wrong_and_over_none_unasked(tmp_path: Path) -> None:
    sheet, folder = tmp_path / "r.xlsx", tmp_path / "rules"
    sheet.write_bytes(book_of(("Gold", "walet", "S0001", None, "hide-discount")))
    wrong = run("import", str(sheet), str(folder))
    assert wrong.exit_code == 1
    assert "r.xlsx:2:2: error unknown-moment: B2: 'walet' is not a moment; did you mean 'wallet'?" in wrong.output
    assert not folder.exists()
    sheet.write_bytes(book_of(("Gold", "wallet", "S0001", None, "hide-discount")))
    assert run("import", str(sheet), str(folder)).exit_code == 0
    assert (folder / "imported.ini").read_text("utf-8").startswith("[Gold]\non = wallet\n")
    assert run("import", str(sheet), str(folder)).exit_code == 3
    assert run("import", str(sheet), str(folder), "--replace").exit_code == 0
    assert run("check", str(folder)).exit_code == 0
    assert run("import", str(tmp_path / "none.xlsx"), str(folder)).exit_code == 3


def test_export_and_import_by_command(tmp_path: Path) -> None:
    assert run("export", str(tmp_path / "all.xlsx"), str(RULES)).exit_code == 0
    assert run("import", str(tmp_path / "all.xlsx"), str(tmp_path / "back")).exit_code == 0
    names = {p.name for p in (tmp_path / "back").glob("*.ini")}
    assert names == {p.name for p in RULES.glob("*.ini")}
    assert run("export", str(tmp_path / "no" / "all.xlsx"), str(RULES)).exit_code == 3


@pytest.mark.parametrize("name", ["check-rules.cmd", "test-rules.cmd"])
def test_the_files_to_double_click_run_in_their_own_folder(name: str) -> None:
    data = (RULES / name).read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n"), "Windows wants its line ends"
    text = data.decode("ascii")
    assert 'cd /d "%~dp0"' in text
    assert f"rules {name.partition('-')[0]} ." in text
