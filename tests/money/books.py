"""`ledger audit` at the end of a run: it must name what is wrong, and nothing where all is well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from navplugin.audit import Books, Finding, audit
from navplugin.core.ports import Redemption
from tests.money.aiq import CODES

if TYPE_CHECKING:
    from tests.money.world import World

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def audited(world: World) -> tuple[Finding, ...]:
    """What the product's audit finds in NAV, AIQ and the ledger as they are now."""
    from tests.money.world import OFFERS

    store = world.store
    journals: dict[str, list[tuple[str, str, str]]] = {}
    for key, move, points, end, _ in store.journal:
        journals.setdefault(key, []).append((move, points, end))
    lines: dict[str, dict[str, dict[str, object]]] = {}
    for (sold, receipt), quantities in store.returns.items():
        lines.setdefault(sold, {})[receipt] = dict(quantities)
    snapshots = [s.snapshot() for s in world.sales.values() if s.exists]
    books = Books(
        claims=list(store.claims.values()),
        journals=journals,
        sales={s.sale.receipt_no: s for s in snapshots},
        offers=OFFERS,
        mapped=frozenset(CODES),
        redemptions=[
            Redemption(f"c-{t.member}", f"d-{t.code}", t.receipt_no, t.points, t.refunded)
            for t in world.aiq.taken if not (t.refunded and world.aiq.drops_refunded)
        ] if not world.aiq.blank else None,
        contacts={c.key: c.contact_id for c in store.claims.values() if c.contact_id},
        return_lines=lines,  # type: ignore[arg-type]
        policies={"S0001": world.setup.policy},
        changed_at=dict.fromkeys(store.claims, LONG_AGO),
        now=world.clock.now() + timedelta(hours=1),
    )  # fmt: skip
    return audit(books)
