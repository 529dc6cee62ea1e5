"""Receipt footers, kept for each store and code (ls-pos.md 7.5)."""

from __future__ import annotations

from navplugin.nav.contract.page import Field, Kind, Page, Writer

FOOTER = Page(
    service="AIQ_ReceiptFooter",
    table="AIQ Receipt Footer",
    caption="AIQ Receipt Footer",
    doc="Receipt footers with their QR code, by store and code, printed by the POS session.",
    key=("Store_No", "Code", "Line_No"),
    rights="imd",
    fields=(
        Field("Store No.", Kind.CODE, 10, Writer.PLUGIN),
        Field("Code", Kind.CODE, 20, Writer.PLUGIN),
        Field("Line No.", Kind.INTEGER, writer=Writer.PLUGIN),
        Field("Kind", Kind.OPTION, writer=Writer.PLUGIN, options=("Text", "Separator", "Image", "Barcode", "QR")),
        Field("Text", Kind.TEXT, 100, Writer.PLUGIN),
        Field("Align", Kind.OPTION, writer=Writer.PLUGIN, options=("L", "C", "R")),
        Field("Wide", Kind.BOOLEAN, writer=Writer.PLUGIN),
        Field("Bold", Kind.BOOLEAN, writer=Writer.PLUGIN),
        Field("Data", Kind.TEXT, 250, Writer.PLUGIN),
        Field("Payload", Kind.TEXT, 250, Writer.PLUGIN),
        Field("Template", Kind.TEXT, 50, Writer.PLUGIN),
    ),
)

PAGES = (FOOTER,)
