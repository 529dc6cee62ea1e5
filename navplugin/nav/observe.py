"""Observe mode: a NAV without the AIQ objects (ls-pos.md 7.9). Sales are read off the journal itself and nothing can be
written, so nothing is shown to staff; decisions go to the log.

The journal bears no change mark, so it is read whole with each poll, two requests, and compared by content.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from navplugin.core.model import Row, Sale, SaleState, StagedRow
from navplugin.cursors import ContentCursor
from navplugin.nav.contract import BY_SERVICE, Page
from navplugin.nav.contract.journal import JOURNAL, JOURNAL_LINES
from navplugin.nav.reader import BATCH, NavReader
from navplugin.nav.transport import NavRow, Transport

LOOKS = 600
"""Polls that look for the posted transaction of a sale that has left the journal: rows commit out of order, and a
voided sale may leave none."""
KEPT = 1000
"""Sales that are over and are still known: the worker asks again for those of the last minutes."""
_STATES = {"Suspended": SaleState.SUSPENDED, "Laid away": SaleState.SUSPENDED, "Voided": SaleState.VOIDED}


class ObservingReader(NavReader):
    """One NAV company. Change marks are our own count, from the clock on: above those of every earlier start, so that
    the worker's saved mark hides no sale."""

    own_pages: tuple[Page, ...] = ()

    def __init__(self, transport: Transport, company: str, zones: Mapping[str, ZoneInfo] | None = None) -> None:
        super().__init__(transport, company, zones)
        self._cursor = ContentCursor()
        self._sales: dict[str, Sale] = {}
        self._left: dict[str, int] = {}
        self._mark = time.time_ns() // 1_000_000

    def read_changed_sales(self, after_mark: int) -> Sequence[Sale]:
        """Sales whose header or lines changed, or that have left the journal, since they had this mark."""
        lines: dict[str, list[NavRow]] = {}
        for row in self._rows(JOURNAL_LINES):
            lines.setdefault(row["Receipt_No"], []).append(row)
        headers = {(row["Receipt_No"],): row for row in self._rows(JOURNAL) if row["Entry_Status"] != "Training"}
        whole = {key: _whole(row, lines.get(row["Receipt_No"], [])) for key, row in headers.items()}
        changed, gone = self._cursor.take(whole)
        for key in changed:
            self._left.pop(key[0], None)
            self._keep(_sale(headers[key]))
        for (receipt,) in gone:
            self._left[receipt] = LOOKS
        self._look_for_posted()
        return sorted((s for s in self._sales.values() if s.change_mark > after_mark), key=lambda s: s.change_mark)

    def read_sale(self, receipt_no: str) -> Sale | None:
        """The sale as it was last seen."""
        return self._sales.get(receipt_no)

    def read_setup(self) -> Mapping[str, Row]:
        """None: there is no AIQ_Setup, so no AIQ Signup Terms either."""
        return {}

    def read_rows(self, page: str, where: Mapping[str, object]) -> Sequence[StagedRow]:
        """None of our own pages: they are not there. LS's are read as ever."""
        declared = BY_SERVICE.get(page)
        return () if declared is not None and declared.is_ours else super().read_rows(page, where)

    def _look_for_posted(self) -> None:
        receipts = list(self._left)[:BATCH]
        for receipt, posted in self._posted(receipts).items():
            del self._left[receipt]
            state = SaleState.VOIDED if posted.voided else SaleState.POSTED
            self._keep(replace(self._sales[receipt], state=state))
        for receipt in receipts:
            if receipt in self._left:
                self._left[receipt] -= 1
                if not self._left[receipt]:
                    del self._left[receipt], self._sales[receipt]

    def _keep(self, sale: Sale) -> None:
        self._mark += 1
        self._sales.pop(sale.receipt_no, None)
        self._sales[sale.receipt_no] = replace(sale, change_mark=self._mark)
        over = [s.receipt_no for s in self._sales.values() if s.state in (SaleState.POSTED, SaleState.VOIDED)]
        for receipt in over[:-KEPT]:
            del self._sales[receipt]


def _whole(header: NavRow, lines: Sequence[NavRow]) -> dict[str, Any]:
    found = dict(header.fields)
    for line in lines:
        found |= {f"{line['Line_No']} {name}": value for name, value in line.fields.items()}
    return found


def _sale(header: NavRow) -> Sale:
    return Sale(
        receipt_no=header["Receipt_No"],
        sale_guid="",
        store_no=header["Store_No"],
        pos_terminal_no=header["POS_Terminal_No"],
        staff_id=header["Staff_ID"],
        member_card_no=header["Member_Card_No"],
        state=_STATES.get(header["Entry_Status"], SaleState.SALES),
        footer_code="",
        event="Observed",
        event_at=None,
        change_mark=0,
    )
