"""Gathers what happened before a sale, only where a loaded rule asks for it."""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from navplugin.core.errors import NavpluginError
from navplugin.core.model import Effect, History, Op, Row, Sale, StoreSettings
from navplugin.core.ports import Clock, JournalReader
from navplugin.ledger.rules import RuleLedger

log = logging.getLogger("navplugin.rules")

PROMPTS, TRANSACTIONS = "AIQ_POSPrompts", "AIQ_Transactions"
HOUR = timedelta(hours=1)
REMEMBERED = 5_000
"""Sales whose visits are kept in memory."""


class Past:
    """Visits from NAV's posted sales, once for each sale; uses and prompts from the ledger."""

    def __init__(self, reader: JournalReader, ledger: RuleLedger, clock: Clock) -> None:
        self._reader, self._ledger, self._clock = reader, ledger, clock
        self._visits: OrderedDict[tuple[str, str], int] = OrderedDict()

    def gather(self, sale: Sale, store: StoreSettings, sources: frozenset[str]) -> History:
        """The parts of the history that are asked for; None for those that cannot be told now."""
        now, card = self._clock.now(), sale.member_card_no
        midnight = datetime.combine(now.astimezone(ZoneInfo(store.time_zone)).date(), time(), ZoneInfo(store.time_zone))
        uses = prompts = None
        if "uses_today" in sources and card:
            uses = self._ledger.count_uses(card, sale.receipt_no, midnight.astimezone(now.tzinfo))
        if "prompts_last_hour" in sources:
            prompts = self._ledger.count_prompts(sale.pos_terminal_no, sale.receipt_no, now - HOUR)
        visits = self._count_visits(card, sale.receipt_no) if "visits" in sources and card else None
        return History(visits, uses, prompts)

    def note(self, sale: Sale, effect: Effect) -> None:
        """Remember a sign-up question that was written for a terminal."""
        if effect.page == PROMPTS and effect.op is Op.INSERT and effect.fields.get("Kind") == "Confirm":
            self._ledger.note_prompt(sale.pos_terminal_no, sale.receipt_no, self._clock.now())

    def _count_visits(self, card: str, receipt_no: str) -> int | None:
        key = (card, receipt_no)
        if key not in self._visits:
            try:
                rows = self._reader.read_rows(TRANSACTIONS, {"Member_Card_No": card})
            except NavpluginError as problem:
                log.warning("earlier visits cannot be told: %s", problem)
                return None
            earlier = {str(row.fields["Receipt_No"]) for row in rows if _is_visit(row.fields)} - {receipt_no}
            self._visits[key] = len(earlier)
            if len(self._visits) > REMEMBERED:
                self._visits.popitem(last=False)
        return self._visits[key]


def _is_visit(row: Row) -> bool:
    sold = row["Transaction_Type"] == "Sales" and row["Entry_Status"] not in ("Voided", "Training")
    return sold and not row["Sale_Is_Return_Sale"]
