"""The ledger as the worker and the commands use it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from navplugin.ledger.claims import ClaimTable
from navplugin.ledger.figures import save_figures
from navplugin.ledger.records import Records
from navplugin.mismatch import Figure


class SqlLedger(ClaimTable, Records):
    """One ledger file. One worker writes for a company at a time: the newest epoch; others are refused."""

    def save_figures(self, figures: Iterable[Figure], now: datetime) -> tuple[Figure, ...]:
        """Keep what offers were to give and gave; the figures as they stand now."""
        return save_figures(self, figures, now)
