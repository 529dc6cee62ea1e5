"""Whether the worker may write: a marked test row on each of our own pages, inserted, changed under its ETag, removed.

The mark stands in the row's key, so that no sale can meet it and the next run finds what a killed one left behind.
AIQ_Ledger is not tried: a test row would name another ledger. Pages of LS Retail and Microsoft are never written.
"""

from __future__ import annotations

from typing import Any

from navplugin.core.errors import AuthFailed, Conflict, Misconfigured, NavpluginError, Refused
from navplugin.core.model import Effect, Op
from navplugin.core.ports import JournalReader, NavWriter
from navplugin.doctor.finding import Finding, fine, notice, of_problem, wrong
from navplugin.nav.contract import PAGES, Kind, Page, Writer
from navplugin.nav.contract.actions import SETUP

MARK = "NAVPLUGIN-DOCTOR"
"""Stands where a receipt number or code would; NAV's number series makes no such number."""
_TEXTS = ("Test row of navplugin doctor", "Test row of navplugin doctor, changed")
_TRIES = 3


def pages_we_write() -> tuple[Page, ...]:
    """Our own pages where the worker inserts, changes and deletes."""
    return tuple(page for page in PAGES if page.is_ours and set(page.rights) == set("imd"))


def marked_key(page: Page, store_no: str) -> tuple[Any, ...]:
    """The key of the test row. store_no: a store of the profile, for pages with a Store No. in the key."""
    return tuple(_marked(page, name, store_no) for name in page.key)


def try_writing(page: Page, store_no: str, reader: JournalReader, writer: NavWriter) -> list[Finding]:
    """Insert, change and remove the test row of one page. Nothing stays, whatever fails, as far as NAV lets us."""
    key = marked_key(page, store_no)
    there, found = _remove(page, key, reader, writer)
    if found:
        return found
    if there:
        text = "an earlier doctor was stopped before it removed its test row"
        found.append(notice("test-row", page.service, text, "nothing: it is removed now"))
    try:
        found += _insert_and_change(page, key, writer)
    finally:
        # Also when Ctrl+C ends this run.
        found += _remove(page, key, reader, writer)[1]
    return found


def try_setup(reader: JournalReader, writer: NavWriter) -> list[Finding]:
    """Change one setup row to what it is already: rows of AIQ_Setup are never deleted, so none is made for a test."""
    try:
        for row in reader.read_rows(SETUP.service, {})[:1]:
            same = {"Fresh_Seconds": row.fields["Fresh_Seconds"]}
            writer.write(Effect(Op.UPDATE, SETUP.service, row.key, same, row.etag))
    except Conflict:
        return []  # it can be changed: somebody else does so just now
    except NavpluginError as problem:
        return [_refused(problem, SETUP, "modify")]
    return []


def _insert_and_change(page: Page, key: tuple[Any, ...], writer: NavWriter) -> list[Finding]:
    name = next(f.name for f in page.fields if f.kind is Kind.TEXT and f.writer is not Writer.NAV)
    doing = "insert"
    try:
        made = writer.write(Effect(Op.INSERT, page.service, key, {name: _TEXTS[0]}))
        doing = "modify"
        writer.write(Effect(Op.UPDATE, page.service, key, {name: _TEXTS[1]}, made.etag if made else ""))
    except NavpluginError as problem:
        return [_refused(problem, page, doing)]
    return []


def _remove(
    page: Page, key: tuple[Any, ...], reader: JournalReader, writer: NavWriter
) -> tuple[bool, list[Finding]]:
    """Whether the test row was there, and why it is still there if it is."""
    there, last = False, None
    for _ in range(_TRIES):
        try:
            rows = reader.read_rows(page.service, dict(zip(page.key, key, strict=True)))
            if not rows:
                return there, []
            there = True
            for row in rows:
                writer.write(Effect(Op.DELETE, page.service, key, etag=row.etag))
        except NavpluginError as problem:  # with the row read again it may work
            last = problem
    if last is None:
        return there, [_left(page, key)]
    return there, [_refused(last, page, "delete"), *([_left(page, key)] if there else [])]


def _left(page: Page, key: tuple[Any, ...]) -> Finding:
    shown = ", ".join(str(part) for part in key)
    return wrong(
        "test-row", page.service, f"the test row ({shown}) could not be removed",
        "give the worker's user the right to delete; the next doctor removes it",
    )  # fmt: skip


def _refused(problem: NavpluginError, page: Page, doing: str) -> Finding:
    found = of_problem(problem, "nav-write", page.service)
    if not isinstance(problem, Refused | AuthFailed | Misconfigured):
        return found
    step = f"let the page allow it and give the worker's user the right to {doing} in '{page.table}'"
    return wrong("nav-write", page.service, f"the worker may not {doing} rows here ({found.says})", step)


def all_written(count: int) -> Finding:
    """Nothing was refused."""
    return fine("nav-write", "NAV", f"rows can be inserted, changed and removed on {count} pages; no test row is left")


def _marked(page: Page, name: str, store_no: str) -> Any:
    if name == "Store_No":
        return store_no
    field = page.field(name)
    return 1 if field.kind is Kind.INTEGER else MARK[: field.length or len(MARK)]
