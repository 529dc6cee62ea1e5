"""The ledger: the only truth about points in flight (SQLAlchemy Core; SQLite, later PostgreSQL)."""

from navplugin.ledger.store import SqlLedger

__all__ = ["SqlLedger"]
