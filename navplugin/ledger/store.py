"""The ledger as the worker and the commands use it."""

from __future__ import annotations

from navplugin.ledger.claims import ClaimTable
from navplugin.ledger.records import Records


class SqlLedger(ClaimTable, Records):
    """One ledger file. One worker writes for a company at a time: the newest epoch; others are refused."""
