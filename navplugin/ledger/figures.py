"""The figures of offers in the ledger: predicted, at [Total], posted. `ledger audit` compares them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from navplugin.ledger.base import LedgerFile
from navplugin.ledger.schema import FIGURE
from navplugin.mismatch import Figure, merged

_AMOUNTS = ("predicted", "at_total", "posted")


def save_figures(ledger: LedgerFile, figures: Iterable[Figure], now: datetime) -> tuple[Figure, ...]:
    """Keep these figures; returns them as they stand now, with what was known before. Writes only what has changed."""
    out = []
    with ledger._write() as connection:
        for figure in figures:
            before = _find(connection, ledger.company, figure)
            figure = merged(before, figure) if before else figure
            out.append(figure)
            if figure == before:
                continue
            ledger._check_fence(connection)
            values = {**_values(figure), "changed_at": now.isoformat()}
            if before:
                connection.execute(update(FIGURE).where(_same(ledger.company, figure)).values(values))
            else:
                connection.execute(insert(FIGURE).values(company=ledger.company, **values))
    return tuple(out)


def read_figures(ledger: LedgerFile, receipt_no: str = "") -> tuple[Figure, ...]:
    """Figures of all companies, oldest change first; of one receipt where given."""
    query = select(FIGURE).order_by(FIGURE.c.changed_at, FIGURE.c.receipt_no, FIGURE.c.offer_no)
    if receipt_no:
        query = query.where(FIGURE.c.receipt_no == receipt_no)
    with ledger._read() as connection:
        return tuple(_figure(row) for row in connection.execute(query).mappings())


def _find(connection: Connection, company: str, figure: Figure) -> Figure | None:
    row = connection.execute(select(FIGURE).where(_same(company, figure))).mappings().first()
    return _figure(row) if row else None


def _same(company: str, figure: Figure) -> Any:
    key = {name: getattr(figure, name) for name in ("receipt_no", "sale_guid", "offer_no")}
    return and_(FIGURE.c.company == company, *(FIGURE.c[name] == value for name, value in key.items()))


def _values(figure: Figure) -> dict[str, Any]:
    values = {name: getattr(figure, name) for name in Figure.__slots__}
    return {**values, **{name: None if values[name] is None else str(values[name]) for name in _AMOUNTS}}


def _figure(row: Any) -> Figure:
    values = {name: row[name] for name in Figure.__slots__}
    return Figure(**{**values, **{name: None if row[name] is None else Decimal(row[name]) for name in _AMOUNTS}})
