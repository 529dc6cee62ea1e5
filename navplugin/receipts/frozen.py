"""The footer that a real receipt bears: print, reprint and return read the same frozen rows (ls-pos.md 7.5)."""

from __future__ import annotations

from dataclasses import dataclass

from navplugin.core.ports import JournalReader
from navplugin.receipts.footer import lines_of
from navplugin.receipts.layout import FooterLine

FOOTER_INFOCODE = "AIQFOOTER"


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a receipt bears. code: '' for no footer; lines: empty where NAV has no rows under the code."""

    receipt_no: str
    store_no: str
    code: str
    posted: bool
    template: str = ""
    lines: tuple[FooterLine, ...] = ()


def read_frozen(reader: JournalReader, receipt_no: str) -> Frozen | None:
    """The footer of a receipt: by the posted infocode, for an open sale by its row; None where NAV knows neither."""
    infocodes = reader.read_rows("AIQ_TransInfocodes", {"Receipt_No": receipt_no})
    posted = next((row.fields for row in infocodes if row.fields["Infocode"] == FOOTER_INFOCODE), None)
    if posted is not None:
        store_no, code = str(posted["Store_No"]), str(posted["Information"]).strip()
    else:
        sale = reader.read_sale(receipt_no)
        if sale is None:
            return None
        store_no, code = sale.store_no, sale.footer_code
    if not code:
        return Frozen(receipt_no, store_no, "", posted is not None)
    rows = [row.fields for row in reader.read_rows("AIQ_ReceiptFooter", {"Store_No": store_no, "Code": code})]
    template = str(rows[0]["Template"]) if rows else ""
    return Frozen(receipt_no, store_no, code, posted is not None, template, lines_of(rows))
