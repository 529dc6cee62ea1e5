"""Random and mutated rule files, filters and workbooks, for `tests/unit/test_rules_fuzz.py` and `tests/bench/fuzz.py`.

Whatever comes in, reading it gives a rulebook or problems, each with a place within the text; it never raises.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from random import Random

from openpyxl import Workbook
from openpyxl.utils.exceptions import IllegalCharacterError

from navplugin.core.problems import Level, Problem
from navplugin.rulebook.cases import read_cases
from navplugin.rulebook.facts import FACTS
from navplugin.rulebook.filters import FilterSyntaxError, FilterType, parse_filter
from navplugin.rulebook.load import load_rulebook
from navplugin.rulebook.verbs import VERBS
from navplugin.rulesheet import read_workbook

ROOT = Path(__file__).parent.parent
SIGNS = [
    *"|&<>=()'@*? \t,{}[]\\#;:\r\n", "..", "<>", "<=", ">=", "%me", "''", "\u00a0", "‘", "“", "\0", "\ufeff",
    "\u202e", "é", "😀",
]  # fmt: skip
WORDS = [
    "75", "-5", "1,000.50", "2026-05-31", "31.05.2026", "today", "today-30D", "9:30", "25:00", "Yes", "No", "Member",
    "GOLD", "S0001", "and", "OR", "not", "wallet", "check-in", "on", "then", "if", "unless", "where", "among", "is",
    "first-chosen 1", "mode = watch", "priority = 5", "9" * 400, "A" * 300, "active from = 2026-05-01",
]  # fmt: skip
LINES = ["[A rule]", "[fact F]", "[text T]", "[stack S]", "on = wallet", "then = hide-discount", "keep = largest 2",
         "among Coupon Code is *", "sum = Line Amount", "exist = Line", "from = member field X", "type = boolean",
         "en = Hello {Club}", "replaces = A rule", "expect offered = A", "line X = 2 x 5.00 in Y", ""]  # fmt: skip
CORPUS = sorted(p.read_bytes() for folder in ("rules", "tests/rulefiles") for p in (ROOT / folder).rglob("*.ini"))


def a_filter(random: Random) -> str:
    """Pieces of filters in any order."""
    return "".join(random.choice(SIGNS if random.random() < 0.6 else WORDS) for _ in range(random.randrange(14)))


def a_line(random: Random) -> str:
    """A line as a rule file might hold it, or nearly."""
    kind = random.randrange(5)
    if kind == 0:
        word, fact = random.choice(("if", "unless", "where", "among")), random.choice(FACTS).caption
        return f"{word} {fact} is {a_filter(random)}"
    if kind == 1:
        return f"then = {random.choice(VERBS).name} {random.choice(WORDS)}"
    return random.choice(LINES) if kind < 4 else a_filter(random)


def a_file(random: Random) -> bytes:
    """A file of random lines, or a real one with pieces changed, moved, doubled or cut."""
    if random.random() < 0.3:
        return "\n".join(a_line(random) for _ in range(random.randrange(1, 25))).encode("utf-8", "surrogatepass")
    data = bytearray(random.choice(CORPUS))
    for _ in range(random.randrange(1, 6)):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(6)
        if kind == 0:
            data[at : at + random.randrange(20)] = b""
        elif kind == 1:
            data[at:at] = random.choice(SIGNS).encode()
        elif kind == 2:
            data[at:at] = bytes(random.randrange(256) for _ in range(random.randrange(4)))
        elif kind == 3:
            data[at:at] = data[random.randrange(len(data) + 1) :][: random.randrange(80)]
        elif kind == 4:
            data[at:at] = ("\n" + a_line(random) + "\n").encode()
        else:
            lines = bytes(data).split(b"\n")
            random.shuffle(lines)
            data = bytearray(b"\n".join(lines))
    return bytes(data)


def a_workbook(random: Random) -> bytes:
    """A small sheet with random cells, at times with bytes of the file changed."""
    book = Workbook()
    if random.random() < 0.3:
        for row in (("name", "on", "if Club", "then"), ("A", "wallet", random.choice(WORDS), "require-pin")):
            book.active.append(row)
        return _saved(book)
    headings = ["name", "on", "then", "if Club", "unless Quantity", "priority", "file", "", "Name", "if Nothing"]
    for column in range(1, random.randrange(2, 7)):
        book.active.cell(1, column).value = random.choice(headings)
        for row in range(2, random.randrange(3, 6)):
            value = random.choice((a_filter(random), random.choice(WORDS), 5, 7.5, True, None))
            try:
                book.active.cell(row, column).value = value
            except (ValueError, IllegalCharacterError):
                continue  # openpyxl writes no control characters
    data = bytearray(_saved(book))
    for _ in range(random.randrange(3)):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def _saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# ---- what must hold ------------------------------------------------------------------------------------------------


def check_filter(random: Random) -> int:
    """1 where the filter was refused."""
    text, kind = a_filter(random), random.choice(list(FilterType))
    try:
        found, _ = parse_filter(text, kind)
    except FilterSyntaxError as wrong:
        return _check_place(wrong, text)
    assert found.test(random.choice((None, "", "75", "2026-05-31"))).reason
    return 0


def _check_place(wrong: FilterSyntaxError, text: str) -> int:
    assert 0 <= wrong.offset < max(1, len(text)), (text, wrong)
    assert wrong.length >= 1
    assert wrong.message
    return 1


def check_file(random: Random) -> int:
    """1 where the file was refused."""
    data = a_file(random)
    book, problems = load_rulebook([("rules/a.ini", data), ("rules/b.ini", b"[B]\non = posted\nthen = report\n")])
    _check_problems(problems, data)
    assert (book is None) == any(p.level is Level.ERROR for p in problems)
    _check_problems(read_cases([("rules/cases/a.ini", data)])[1], data)
    return book is None


def check_workbook(random: Random) -> int:
    """1 where the workbook was refused."""
    found = read_workbook("a.xlsx", a_workbook(random))
    content = found.content()
    _, problems = load_rulebook(list(content.items())) if content else (None, ())
    shown = [*found.problems, *found.at_cells(problems, "a.xlsx")]
    assert all(p.span.line >= 1 and p.span.col >= 1 and p.message for p in shown)
    assert content or shown
    return any(p.level is Level.ERROR for p in shown)


def _check_problems(problems: tuple[Problem, ...], data: bytes) -> None:
    lines = data.count(b"\n") + data.count(b"\r") + 1
    for problem in problems:
        assert 1 <= problem.span.line <= lines, problem
        assert problem.span.col >= 1, problem
        assert problem.message, problem
        assert "\n" not in problem.headline(), problem


CHECKS: tuple[tuple[str, Callable[[Random], int], int], ...] = (
    ("filters", check_filter, 50),
    ("rule files", check_file, 45),
    ("workbooks", check_workbook, 5),
)
"""What is fuzzed, with its share in a hundred."""
