"""The sales of one member: when one has used points, what the others show is out of date; and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from navplugin.core.model import Effect, Sale, Snapshot
from navplugin.reconcile import GRANTS


class OpenSales:
    """Remembers the member of each open sale that was seen, and whose grants are to be renewed."""

    def __init__(self) -> None:
        self._cards: dict[str, str] = {}
        self._stale: set[str] = set()

    def see(self, sale: Sale) -> None:
        """A sale as it is now."""
        if sale.state.is_open and sale.member_card_no:
            self._cards[sale.receipt_no] = sale.member_card_no
        else:
            self.forget(sale.receipt_no)

    def forget(self, receipt_no: str) -> None:
        """It is closed, suspended or gone: it offers nothing."""
        self._cards.pop(receipt_no, None)
        self._stale.discard(receipt_no)

    def spent(self, receipt_no: str, cards: Iterable[str]) -> set[str]:
        """Points of these members moved on this sale: their other open sales, which must be served again."""
        members = set(cards)
        others = {r for r, card in self._cards.items() if card in members and r != receipt_no}
        self._stale |= others
        return others

    def renewed(self, receipt_no: str) -> None:
        """Its grants are those of the newest balance."""
        self._stale.discard(receipt_no)

    def hold_back(self, sale: Sale, effects: list[Effect]) -> list[Effect]:
        """The effects on a closed sale without the news that its points are taken, while another till still shows its
        member the balance from before: until then that till must ask (the till's rule on contested picks)."""
        if sale.state.is_open or not any(self._cards[r] == sale.member_card_no for r in self._stale):
            return effects
        return [e for e in effects if not (e.page == GRANTS and e.fields.get("Points") == "Taken")]


class MemberTurns:
    """Sales on which one member uses points are served one after the other, in the order of NAV's marks, and so of
    posting: served at once, each could be promised the same points. waiting: receipts whose turn has not come."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self._served: dict[str, str] = {}

    def next_ones(self, snapshots: Sequence[Snapshot]) -> Iterator[Snapshot]:
        """Those that may be served now. Who waited in the last round comes first in this one, and returns before all:
        what they take back must not be taken first."""
        waited, self.waiting = self.waiting, set()
        for snapshot in sorted(snapshots, key=lambda s: (not s.is_return, s.sale.receipt_no not in waited)):
            receipt, card = snapshot.sale.receipt_no, snapshot.sale.member_card_no if _uses_points(snapshot) else ""
            if card and card in self._served.values():
                self.waiting.add(receipt)
            else:
                self._served[receipt] = card
                yield snapshot

    def done(self, receipt_no: str) -> None:
        """It has been served."""
        self._served.pop(receipt_no, None)


def _uses_points(snapshot: Snapshot) -> bool:
    return bool(snapshot.picks) or (snapshot.posted is not None and bool(snapshot.posted.discounts))
