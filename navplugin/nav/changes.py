"""What changed in NAV since the last look, by the best mark that the site has (nav-webservices.md 11).

AIQ Sale has its own mark and is polled by the reader; this is for everything else: members, items, stock, posted sales.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from navplugin.core.model import Row
from navplugin.cursors import ContentCursor, Key, NumberCursor, TimeCursor
from navplugin.nav.contract import Kind, Page
from navplugin.nav.contract.feeds import TRANSACTIONS
from navplugin.nav.transport import Condition, NavRow, Transport


@dataclass(frozen=True, slots=True)
class Delta:
    """Rows that are new or changed, and keys that are gone: only a table that is read whole shows those."""

    changed: tuple[Row, ...]
    gone: tuple[Key, ...] = ()


class NavChanges:
    """Changed rows of one NAV company."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def cursor_for(self, page: Page, saved: str = "") -> TimeCursor | ContentCursor:
        """By the time of the last change where the site's page has it, else by content."""
        site = self._transport.site_page(page)
        timed = bool(page.cursor) and page.cursor in site.names and page.field(page.cursor).kind is Kind.DATETIME
        return TimeCursor.load(saved) if timed else ContentCursor()

    def read_changed(self, page: Page, cursor: TimeCursor | ContentCursor) -> Delta:
        """The rows of a page that changed since the cursor last took some."""
        if isinstance(cursor, ContentCursor):
            rows = self._rows(page)
            changed, gone = cursor.take({key: row.fields for key, row in rows.items()})
            return Delta(tuple(rows[key].fields for key in changed), tuple(gone))
        since = cursor.since()
        rows = self._rows(page, *([Condition(page.cursor, (since,), least=True)] if since else []))
        # A row that was never changed since the upgrade has no time: it comes once, with the first read.
        fresh = cursor.take({key: row[page.cursor] for key, row in rows.items() if row[page.cursor] is not None})
        if since is None:
            fresh += [key for key, row in rows.items() if row[page.cursor] is None]
        return Delta(tuple(rows[key].fields for key in fresh))

    def read_posted(self, cursor: NumberCursor) -> Sequence[Row]:
        """Transactions with new numbers, of every terminal that the cursor knows: one request for each."""
        found: list[Row] = []
        for store, terminal in cursor.terminals:
            where = (Condition("Store_No", (store,)), Condition("POS_Terminal_No", (terminal,)))
            behind = Condition("Transaction_No", (cursor.after((store, terminal)),), greater=True)
            found += self._new_numbers(self._rows(TRANSACTIONS, *where, behind), cursor)
        return found

    def read_posted_since(self, day: date, cursor: NumberCursor) -> Sequence[Row]:
        """Transactions dated `day` or later whose numbers are new, of all terminals in one request: finds terminals
        that are new, and rows that an offline till sent late."""
        return self._new_numbers(self._rows(TRANSACTIONS, Condition("Date", (day,), least=True)), cursor)

    def _new_numbers(self, rows: dict[Key, NavRow], cursor: NumberCursor) -> list[Row]:
        by_terminal: dict[Key, list[int]] = {}
        for store, terminal, number in rows:
            by_terminal.setdefault((store, terminal), []).append(number)
        fresh = {(*terminal, n) for terminal, ns in by_terminal.items() for n in cursor.take(terminal, ns)}
        return [row.fields for key, row in sorted(rows.items()) if key in fresh]

    def _rows(self, page: Page, *conditions: Condition) -> dict[Key, NavRow]:
        found = {}
        for row in self._transport.rows(page, conditions):
            found[tuple(row[name] for name in page.key)] = row
        return found
