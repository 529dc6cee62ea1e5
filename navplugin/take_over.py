"""Putting a restored or new ledger in charge of a company: nothing is believed before it was looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from navplugin.core.errors import NotInCharge
from navplugin.core.model import StagedRow
from navplugin.core.ports import Clock, JournalReader
from navplugin.ledger_record import Ledger, LedgerRecord, Record
from navplugin.reconcile import GRANTS


class DoubtingLedger(Ledger, Protocol):
    """The ledger that takes over."""

    def doubt(self, sales: list[tuple[str, str]], now: datetime) -> int:
        """Mark what may have moved without it."""
        ...

    def set_note(self, name: str, value: str) -> None:
        """Write a named value."""
        ...


def take_over(
    record: LedgerRecord, row: StagedRow | None, reader: JournalReader, ledger: DoubtingLedger, clock: Clock
) -> int:
    """Take the company over; how many claims are in doubt. Every sale that NAV holds is read again from the first.

    row: NAV's, as it was judged; where it has changed since, NotInCharge.

    The doubt is written before NAV is: a death between the two leaves a ledger that looks too often, never too seldom.
    """
    there = readable(row)
    # An open sale on which nothing was ever picked has moved nothing.
    used = {row.key[0] for row in reader.read_rows(GRANTS, {}) if _was_picked(row)}
    found = reader.read_changed_sales(0)
    sales = [(s.receipt_no, s.sale_guid) for s in found if s.receipt_no in used or not s.state.is_open]
    doubted = ledger.doubt(sales, clock.now())
    ledger.set_note(f"mark/{ledger.company}", "0")
    known_no, known_step = (there.take_over_no, there.step) if there else (0, 0)
    record.take(row, max(known_no, ledger.take_over_no()) + 1, max(known_step, ledger.step()) + 1)
    return doubted


def _was_picked(row: StagedRow) -> bool:
    f = row.fields
    return bool(f.get("Picked_At") or f.get("Redemption_ID")) or f.get("Status") != "Granted"


def readable(row: StagedRow | None) -> Record | None:
    """NAV's record where there is one that can be used."""
    try:
        return Record.of(row) if row is not None else None
    except NotInCharge:
        return None
