"""Sale and journal (ls-pos.md 1.2, 1.3, 7.1)."""

from __future__ import annotations

from navplugin.nav.contract.page import Field, Kind, Page, Writer

ENTRY_TYPES = ("Item", "Payment", "PerDiscount", "TotalDiscount", "IncomeExpense", "FreeText", "Coupon")
LINE_STATUS = (" ", "Voided")
TRANSACTION_TYPES = ("Logoff", "Logon", "Sales", "Payment", "Remove Tender", "Float Entry", "Change Tender",
                     "Tender Decl.", "Voided", "Open Drawer", "NegAdj", "PhysInv", "Collect",
                     "Cancelation")  # fmt: skip
HEADER_STATUS = (" ", "Suspended", "Laid away", "Voided", "Training", "InUse")
SALE_STATES = ("SALES", "PAYMENT", "SUSPENDED", "VOIDED", "POSTED")

SALE = Page(
    service="AIQ_Sale",
    table="AIQ Sale",
    caption="AIQ Sale",
    doc="One row for each sale: state, member, footer, and the mark by which changes are found.",
    key=("Receipt_No",),
    rights="md",
    cursor="Change_Mark",
    fields=(
        Field("Receipt No.", Kind.CODE, 20),
        Field("Sale GUID", Kind.GUID),
        Field("Store No.", Kind.CODE, 10),
        Field("POS Terminal No.", Kind.CODE, 10),
        Field("Staff ID", Kind.CODE, 20),
        Field("Member Card No.", Kind.CODE, 100),
        Field("State", Kind.OPTION, options=SALE_STATES),
        Field("Footer Code", Kind.CODE, 20, Writer.EITHER),
        Field("Event", Kind.TEXT, 30),
        Field("Event At", Kind.DATETIME),
        Field("Change Mark", Kind.BIG_INTEGER),
    ),
)

JOURNAL = Page(
    service="AIQ_POSJournal",
    table="POS Transaction",
    caption="POS Transaction",
    doc="Headers of the open sales, as the till has them. Never written.",
    key=("Receipt_No",),
    fields=(
        Field("Receipt No.", Kind.CODE, 20),
        Field("Store No.", Kind.CODE, 10),
        Field("POS Terminal No.", Kind.CODE, 10),
        Field("Staff ID", Kind.CODE, 20),
        Field("Sales Staff", Kind.CODE, 20),
        Field("Transaction Type", Kind.OPTION, options=TRANSACTION_TYPES),
        Field("Entry Status", Kind.OPTION, options=HEADER_STATUS),
        Field("Trans. Date", Kind.DATE),
        Field("Trans Time", Kind.TIME),
        Field("Member Card No.", Kind.CODE, 100),
        Field("Customer No.", Kind.CODE, 20),
        Field("Sales Type", Kind.CODE, 20),
        Field("Sale Is Return Sale", Kind.BOOLEAN),
        Field("Gross Amount", Kind.DECIMAL),
        Field("Line Discount", Kind.DECIMAL),
        Field("Net Amount", Kind.DECIMAL),
        Field("Payment", Kind.DECIMAL),
    ),
)

JOURNAL_LINES = Page(
    service="AIQ_POSJournalLines",
    table="POS Trans. Line",
    caption="POS Trans. Line",
    doc="Lines of the open sales. Never written: the POS session would not see it.",
    key=("Receipt_No", "Line_No"),
    fields=(
        Field("Receipt No.", Kind.CODE, 20),
        Field("Line No.", Kind.INTEGER),
        Field("Entry Type", Kind.OPTION, options=ENTRY_TYPES),
        Field("Entry Status", Kind.OPTION, options=LINE_STATUS),
        Field("Text Type", Kind.OPTION, options=(" ", "Freetext Input", "Cust. Text", "Member Text")),
        Field("Number", Kind.CODE, 20),
        Field("Barcode No.", Kind.CODE, 22),
        Field("Description", Kind.TEXT, 100),
        Field("Variant Code", Kind.CODE, 10),
        Field("Unit of Measure", Kind.CODE, 10),
        Field("Quantity", Kind.DECIMAL),
        Field("Price", Kind.DECIMAL),
        Field("Amount", Kind.DECIMAL),
        Field("Net Amount", Kind.DECIMAL),
        Field("VAT Amount", Kind.DECIMAL),
        Field("Discount %", Kind.DECIMAL),
        Field("Discount Amount", Kind.DECIMAL),
        Field("Periodic Discount Amount", Kind.DECIMAL),
        Field("Total Disc. %", Kind.DECIMAL),
        Field("Total Disc. Amount", Kind.DECIMAL),
        Field("Coupon Code", Kind.CODE, 20),
        Field("Coupon Function", Kind.OPTION, options=("Use", "Issue")),
        Field("Valid in Transaction", Kind.BOOLEAN),
        Field("Item Category Code", Kind.CODE, 20),
        Field("Retail Product Code", Kind.CODE, 20),
        Field("Created by Staff ID", Kind.CODE, 20),
        Field("Parent Line", Kind.INTEGER),
    ),
)

JOURNAL_INFOCODES = Page(
    service="AIQ_POSJournalInfocodes",
    table="POS Trans. Infocode Entry",
    caption="POS Trans. Infocode Entry",
    doc="Infocodes of the open sales.",
    key=("Receipt_No", "Transaction_Type", "Line_No", "Infocode"),
    fields=(
        Field("Receipt No.", Kind.CODE, 20),
        Field("Transaction Type", Kind.OPTION, options=("Header", "Sales Entry", "Payment Entry")),
        Field("Line No.", Kind.INTEGER),
        Field("Infocode", Kind.CODE, 20),
        Field("Information", Kind.TEXT, 100),
    ),
)

PAGES = (SALE, JOURNAL, JOURNAL_LINES, JOURNAL_INFOCODES)
