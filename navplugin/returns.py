"""Returns: what they took back of which sale, and that the sold sale is looked at again."""

from __future__ import annotations

from navplugin.claim_view import how_returned, is_voided, quantities_of
from navplugin.claims import MAY_MOVE
from navplugin.core.model import Snapshot, StoreSettings
from navplugin.core.ports import Clock, JournalReader
from navplugin.ledger import SqlLedger
from navplugin.mismatch import return_differences


class Returns:
    """Keeps returns in the ledger, so that several parts make a whole and a restart forgets none."""

    def __init__(self, reader: JournalReader, ledger: SqlLedger, clock: Clock) -> None:
        self.reader, self.ledger, self.clock = reader, ledger, clock

    def note(self, sale: Snapshot, store: StoreSettings) -> frozenset[str]:
        """Note a sale that was posted or voided, where it is a return; the receipts whose claims it may move.

        A voided return counts as not returned. Refunds that differ from what was paid are reported.
        """
        if is_voided(sale):
            return self._take_back(sale)
        posted = sale.posted
        if posted is None or not posted.is_return or not posted.refund_receipt_no:
            return frozenset()
        self.ledger.add_return(posted.refund_receipt_no, posted.receipt_no, quantities_of(posted))
        if not any(c.end in MAY_MOVE for c in self.ledger.claims_of(posted.refund_receipt_no)):
            return frozenset()
        row = self.reader.read_sale(posted.refund_receipt_no)
        sold = next(iter(self.reader.read_snapshots([row])), None) if row else None
        if sold is not None and sold.posted is not None:
            for text in return_differences(sold.posted, posted, store.currency_precision):
                self.ledger.add_report(posted.receipt_no, text, self.clock.now())
        return frozenset({posted.refund_receipt_no})

    def _take_back(self, returned: Snapshot) -> frozenset[str]:
        """The ledger knows a return by its own number: the header of what was voided may be unreadable."""
        receipt = returned.sale.receipt_no
        found = self.ledger.drop_return(receipt)
        for sold in found:
            if self.ledger.claims_of(sold):
                text = (
                    f"the return {receipt} was voided: the wallet discounts of this sale count again;"
                    " give no points back for that return"
                )
                self.ledger.add_report(sold, text, self.clock.now())
        return found

    def extent(self, sold: Snapshot) -> str:
        """'', part or full: how much of a posted sale returns have taken back. A part is reported."""
        if sold.posted is None or sold.is_return:
            return ""
        returned = how_returned(sold, self.ledger.returns_of(sold.sale.receipt_no))
        if returned == "part":
            text = "part of this sale was returned; its wallet discounts follow `part-return`"
            self.ledger.add_report(sold.sale.receipt_no, text, self.clock.now())
        return returned
