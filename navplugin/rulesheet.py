"""Rules in an Excel workbook: one row one section, headings are the keys. Rule files stay the only source.

Excel changes what people type: 0001 becomes 1, 1-5 a date, =A* a formula. In .xlsx the kind of a cell shows it, so such
a cell is refused by its name; in .csv nothing would show it, so .csv is not read.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from navplugin.core.inifile import CONDITION_WORDS, Section, read_ini
from navplugin.core.problems import Level, Problem, Span, did_you_mean

SHEETS = ("Rules", "Facts", "Texts", "Stacks")
_PREFIX = {"Rules": "", "Facts": "fact ", "Texts": "text ", "Stacks": "stack "}
NAME, FILE = "name", "file"
DEFAULT_FILE = "imported.ini"
MAX_BYTES, MAX_UNPACKED, MAX_ROWS, MAX_COLUMNS = 5_000_000, 100_000_000, 10_000, 200
_KINDS = {"n": "a number", "d": "a date", "f": "a formula", "b": "true or false", "e": "an error"}


@dataclass(slots=True)
class Imported:
    """What a workbook holds: text of rule files by name, and for each of their lines the cell that it comes from."""

    files: dict[str, list[str]] = field(default_factory=dict)
    cells: dict[tuple[str, int], tuple[str, int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def content(self) -> dict[str, bytes]:
        """The rule files, UTF-8."""
        return {name: ("\n".join(lines) + "\n").encode() for name, lines in self.files.items()}

    def at_cells(self, problems: Sequence[Problem], path: str) -> tuple[Problem, ...]:
        """Problems of the rule files at the cells that they come from: row and column in the place of line and col."""
        out = []
        for problem in problems:
            name = problem.span.path
            cell, row, column = self.cells.get((name, problem.span.line), ("", 1, 1))
            message = f"{cell}: {problem.message}" if cell else problem.message
            out.append(Problem(Span(path, row, column), problem.level, problem.code, message, problem.hint))
        return tuple(dict.fromkeys(out))


def read_workbook(path: str, data: bytes) -> Imported:
    """The rules of a workbook; never raises. path: what problems show, with row and column for line and col."""
    found = Imported()
    try:
        refusal = _too_large(data)
        if refusal:
            found.problems.append(_problem(path, 1, 1, "excel-sheet", refusal, "take away what is not rules"))
            return found
        book = load_workbook(io.BytesIO(data), read_only=False, data_only=False, keep_links=False)
        for number, sheet in enumerate(book.worksheets):
            kind = sheet.title if sheet.title in SHEETS else ("Rules" if number == 0 else "")
            if kind:
                _read_sheet(sheet, kind, path, found)
            elif any(True for _ in _rows(sheet)):
                message, hint = f"the sheet '{sheet.title}' is not read", f"sheets of rules are {', '.join(SHEETS)}"
                found.problems.append(Problem(Span(path), Level.WARNING, "excel-sheet", message, hint))
    except Exception as wrong:  # noqa: BLE001 - openpyxl and zipfile raise dozens of kinds on a damaged file
        message = f"this is no workbook that can be read ({type(wrong).__name__})"
        found.problems.append(_problem(path, 1, 1, "excel-sheet", message, "save it as Excel workbook (.xlsx)"))
        return found
    if not found.files and not found.problems:
        hint = "the first row holds the headings: name, on, if Store No., then"
        found.problems.append(_problem(path, 1, 1, "excel-sheet", "the workbook holds no rule", hint))
    return found


def _too_large(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        return f"the workbook has {len(data):,} bytes; at most {MAX_BYTES:,} are read"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked <= MAX_UNPACKED:
        return ""
    return f"the workbook unpacks to {unpacked:,} bytes; at most {MAX_UNPACKED:,} are read"


def _rows(sheet: Any) -> Iterator[tuple[Cell, ...]]:
    """Rows with anything in them."""
    rows = min(sheet.max_row, MAX_ROWS + 1)
    for row in sheet.iter_rows(min_row=1, max_row=rows, max_col=min(sheet.max_column, MAX_COLUMNS)):
        if any(cell.value not in (None, "") for cell in row):
            yield row


def _read_sheet(sheet: Any, kind: str, path: str, found: Imported) -> None:
    headings: dict[int, str] = {}
    for number, row in enumerate(_rows(sheet)):
        if number == 0:
            headings = _headings(row, kind, path, found)
        elif row[0].row > MAX_ROWS:
            message = f"more than {MAX_ROWS} rows"
            found.problems.append(_at(path, row[0], "excel-sheet", message, "make several workbooks"))
            return
        elif headings:
            _read_row(row, headings, kind, path, found)


def _headings(row: Sequence[Cell], kind: str, path: str, found: Imported) -> dict[int, str]:
    out: dict[int, str] = {}
    for cell in row:
        text = " ".join(str(cell.value or "").split())
        if not text:
            continue
        if text in out.values():
            found.problems.append(_at(path, cell, "excel-sheet", f"two columns are called '{text}'", "keep one"))
            continue
        out[cell.column] = text
    if NAME not in out.values():
        words = tuple(out.values())
        hint = did_you_mean(NAME, words) if words else "write name, on, if Store No., then into the first row"
        found.problems.append(_at(path, row[0], "excel-sheet", f"the sheet {kind} has no column 'name'", hint))
        return {}
    return out


def _read_row(row: Sequence[Cell], headings: Mapping[int, str], kind: str, path: str, found: Imported) -> None:
    values: dict[str, tuple[str, Cell]] = {}
    for cell in row:
        heading = headings.get(cell.column)
        if cell.value in (None, ""):
            continue
        if heading is None:
            found.problems.append(_at(path, cell, "excel-sheet", "a cell below no heading", "write a heading above it"))
            continue
        text = _text_of(cell, heading, path, found)
        if text is not None:
            values[heading] = (text, cell)
    name, first = values.pop(NAME, ("", row[0]))
    file, _ = values.pop(FILE, (DEFAULT_FILE, row[0]))
    if not name:
        if values:
            message = "this row has no name"
            found.problems.append(_at(path, row[0], "excel-sheet", message, "write one into the column name"))
        return
    if not _is_file_name(file):
        hint = "write wallet.ini or stores/S0001/own.ini"
        found.problems.append(_at(path, row[0], "excel-sheet", f"'{file}' is no file of rules", hint))
        return
    lines = found.files.setdefault(file, [])
    if lines:
        lines.append("")
    _put(found, file, f"[{_PREFIX[kind]}{name}]", first)
    for heading, (text, cell) in values.items():
        word = heading.partition(" ")[0]
        line = f"{heading} is {text}" if word in CONDITION_WORDS and " " in heading else f"{heading} = {text}"
        _put(found, file, line, cell)


def _put(found: Imported, file: str, line: str, cell: Cell) -> None:
    found.files[file].append(line)
    found.cells[(file, len(found.files[file]))] = (cell.coordinate, cell.row, cell.column)


def _text_of(cell: Cell, heading: str, path: str, found: Imported) -> str | None:
    """The text of a cell; None, with its problem, where Excel has made something else of it."""
    if cell.data_type in ("s", "inlineStr", "str"):
        text = str(cell.value)
        if "\n" in text or "\r" in text:
            text = " \\ ".join(line.strip() for line in text.splitlines() if line.strip())
        return text.strip()
    if heading == "priority" and cell.data_type == "n" and isinstance(cell.value, int):
        return str(cell.value)
    kind = _KINDS.get(cell.data_type, "something else than text")
    message = f"{cell.coordinate} was changed by Excel: it is {kind}, '{str(cell.value)[:40]}'"
    found.problems.append(_at(path, cell, "excel-changed", message, "format the column as Text and type it again"))
    return None


def _is_file_name(name: str) -> bool:
    parts = name.split("/")
    plain = all(part and part not in (".", "..") and not set(part) & set('\\:*?"<>|') for part in parts)
    return plain and name.endswith(".ini") and (len(parts) == 1 or (len(parts) == 3 and parts[0] == "stores"))


def _at(path: str, cell: Cell, code: str, message: str, hint: str) -> Problem:
    shown = message if message.startswith(cell.coordinate) else f"{cell.coordinate}: {message}"
    return _problem(path, cell.row, cell.column, code, shown, hint)


def _problem(path: str, row: int, column: int, code: str, message: str, hint: str) -> Problem:
    return Problem(Span(path, row, column), Level.ERROR, code, message, hint)


# ---- export --------------------------------------------------------------------------------------------------------


def write_workbook(files: Sequence[tuple[str, bytes]]) -> bytes:
    """A workbook of these rule files, every cell formatted as Text. files: (name in the folder, content), no errors."""
    sections: dict[str, list[tuple[str, Section]]] = {kind: [] for kind in SHEETS}
    for name, data in files:
        for section in read_ini(name, data).sections:
            sections[_kind_of(section.name)].append((name, section))
    book = Workbook()
    book.remove(book.active)
    for kind, listed in sections.items():
        _write_sheet(book.create_sheet(kind), kind, listed)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _kind_of(name: str) -> str:
    return next((kind for kind, prefix in _PREFIX.items() if prefix and name.startswith(prefix)), "Rules")


_FIRST = {"Rules": (NAME, "on"), "Facts": (NAME,), "Texts": (NAME,), "Stacks": (NAME,)}


def _write_sheet(sheet: Any, kind: str, sections: Sequence[tuple[str, Section]]) -> None:
    rows = [_cells_of(file, section, kind) for file, section in sections]
    keys = {key for row in rows for key in row}
    conditions = [key for row in rows for key in row if key.partition(" ")[0] in CONDITION_WORDS and " " in key]
    others = [key for row in rows for key in row if key not in conditions and key not in (*_FIRST[kind], FILE)]
    columns = [*(k for k in _FIRST[kind] if k in keys or k == NAME), *dict.fromkeys(conditions),
               *dict.fromkeys(others), FILE]  # fmt: skip
    for place, key in enumerate(columns, start=1):
        letter = get_column_letter(place)
        sheet.column_dimensions[letter].number_format = "@"
        longest = max((len(row.get(key, "")) for row in rows), default=0)
        sheet.column_dimensions[letter].width = max(12, min(40, 2 + longest))
        _write_cell(sheet, 1, place, key).font = Font(bold=True)
        for number, row in enumerate(rows, start=2):
            if row.get(key):
                _write_cell(sheet, number, place, row[key])
    sheet.freeze_panes = "B2"


def _cells_of(file: str, section: Section, kind: str) -> dict[str, str]:
    cells = {NAME: section.name.removeprefix(_PREFIX[kind]).strip()}
    cells |= {e.key: e.value for e in section.entries}
    cells |= {f"{c.word} {c.fact}": c.filter_text.strip() for c in section.conditions}
    return {**cells, FILE: file}


def _write_cell(sheet: Any, row: int, column: int, text: str) -> Any:
    cell = sheet.cell(row, column)
    cell.value = text
    cell.data_type = "s"  # also where it begins with =, which openpyxl would take for a formula
    cell.number_format = "@"
    return cell
