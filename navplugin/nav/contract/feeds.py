"""Members, posted sales, staff and items: read only (ls-pos.md 1.10 to 1.12, 7.7). Posted amounts are stored
negative for a sale, line discounts positive; `nav.signs` turns them once."""

from __future__ import annotations

from navplugin.nav.contract.page import Field, Kind, Page

_TRANSACTION = (
    Field("Store No.", Kind.CODE, 10),
    Field("POS Terminal No.", Kind.CODE, 10),
    Field("Transaction No.", Kind.INTEGER),
)
_MODIFIED = Field("System Modified At", Kind.DATETIME, optional=True)
"""Business Central 17 and later; NAV has no such field (nav-webservices.md 11)."""
_TRANSACTION_KEY = ("Store_No", "POS_Terminal_No", "Transaction_No")

MEMBERS = Page(
    service="AIQ_Members",
    table="Member Contact",
    caption="Member Contact, Member Account and Membership Card",
    doc="Members with card, account and how they are reached.",
    key=("Card_No",),
    cursor="System_Modified_At",
    is_query=True,
    fields=(
        Field("Card No.", Kind.CODE, 100),
        Field("Account No.", Kind.CODE, 20),
        Field("Contact No.", Kind.CODE, 20),
        Field("First Name", Kind.TEXT, 50),
        Field("Surname", Kind.TEXT, 50),
        Field("E-Mail", Kind.TEXT, 80),
        Field("Mobile Phone No.", Kind.TEXT, 30),
        Field("Date of Birth", Kind.DATE),
        Field("Club Code", Kind.CODE, 10),
        Field("Scheme Code", Kind.CODE, 10),
        Field("Blocked", Kind.BOOLEAN),
        _MODIFIED,
    ),
)

TRANSACTIONS = Page(
    service="AIQ_Transactions",
    table="Transaction Header",
    caption="Transaction Header",
    doc="Headers of posted sales.",
    key=_TRANSACTION_KEY,
    cursor="Transaction_No",
    is_query=True,
    fields=(
        *_TRANSACTION,
        Field("Receipt No.", Kind.CODE, 20),
        Field("Refund Receipt No.", Kind.CODE, 20),
        Field("Transaction Type", Kind.OPTION, options=("Logoff", "Logon", "Sales", "Payment")),
        Field("Entry Status", Kind.OPTION, options=(" ", "Voided", "Posted", "Training")),
        Field("Date", Kind.DATE),
        Field("Time", Kind.TIME),
        Field("Staff ID", Kind.CODE, 20),
        Field("Member Card No.", Kind.CODE, 100),
        Field("Customer No.", Kind.CODE, 20),
        Field("Gross Amount", Kind.DECIMAL),
        Field("Net Amount", Kind.DECIMAL),
        Field("Discount Amount", Kind.DECIMAL),
        Field("Payment", Kind.DECIMAL),
        Field("Sale Is Return Sale", Kind.BOOLEAN),
    ),
)

TRANS_LINES = Page(
    service="AIQ_TransLines",
    table="Trans. Sales Entry",
    caption="Trans. Sales Entry",
    doc="Lines of posted sales.",
    key=(*_TRANSACTION_KEY, "Line_No"),
    is_query=True,
    fields=(
        *_TRANSACTION,
        Field("Line No.", Kind.INTEGER),
        Field("Receipt No.", Kind.CODE, 20),
        Field("Item No.", Kind.CODE, 20),
        Field("Quantity", Kind.DECIMAL),
        Field("Price", Kind.DECIMAL),
        Field("Net Amount", Kind.DECIMAL),
        Field("VAT Amount", Kind.DECIMAL),
        Field("Discount Amount", Kind.DECIMAL),
        Field("Cost Amount", Kind.DECIMAL),
        Field("Item Category Code", Kind.CODE, 20),
        Field("Retail Product Code", Kind.CODE, 20),
    ),
)

TRANS_DISCOUNTS = Page(
    service="AIQ_TransDiscounts",
    table="Trans. Discount Entry",
    caption="Trans. Discount Entry",
    doc="Discounts of posted sales, by offer.",
    key=(*_TRANSACTION_KEY, "Line_No", "Offer_Type", "Offer_No"),
    is_query=True,
    fields=(
        *_TRANSACTION,
        Field("Line No.", Kind.INTEGER),
        Field("Offer Type", Kind.OPTION,
              options=("Promotion", "Deal", "Multibuy", "Mix&Match", "Disc. Offer", "Total Discount", "Tender Type",
                       "Item Point", "Line Discount", "Coupon")),
        Field("Offer No.", Kind.CODE, 20),
        Field("Receipt No.", Kind.CODE, 20),
        Field("Discount Amount", Kind.DECIMAL),
    ),
)  # fmt: skip

TRANS_PAYMENTS = Page(
    service="AIQ_TransPayments",
    table="Trans. Payment Entry",
    caption="Trans. Payment Entry",
    doc="Payments of posted sales.",
    key=(*_TRANSACTION_KEY, "Line_No"),
    is_query=True,
    fields=(
        *_TRANSACTION,
        Field("Line No.", Kind.INTEGER),
        Field("Receipt No.", Kind.CODE, 20),
        Field("Tender Type", Kind.CODE, 10),
        Field("Amount Tendered", Kind.DECIMAL),
    ),
)

TRANS_INFOCODES = Page(
    service="AIQ_TransInfocodes",
    table="Trans. Infocode Entry",
    caption="Trans. Infocode Entry",
    doc="Infocodes of posted sales: the sale's GUID and its footer.",
    key=(*_TRANSACTION_KEY, "Transaction_Type", "Line_No", "Infocode"),
    is_query=True,
    fields=(
        *_TRANSACTION,
        Field("Transaction Type", Kind.OPTION, options=("Header", "Sales Entry", "Payment Entry")),
        Field("Line No.", Kind.INTEGER),
        Field("Infocode", Kind.CODE, 20),
        Field("Receipt No.", Kind.CODE, 20),
        Field("Information", Kind.TEXT, 100),
    ),
)

# A page, not a query, and with these columns only: the table has a Password (ls-pos.md 1.12).
STAFF = Page(
    service="AIQ_Staff",
    table="Staff",
    caption="Staff",
    doc="Staff, by these columns only: the table holds passwords.",
    key=("ID",),
    fields=(
        Field("ID", Kind.CODE, 20),
        Field("First Name", Kind.TEXT, 50),
        Field("Last Name", Kind.TEXT, 50),
        Field("Name on Receipt", Kind.TEXT, 50),
        Field("Store No.", Kind.CODE, 10),
        Field("Blocked", Kind.BOOLEAN),
    ),
)

ITEMS = Page(
    service="AIQ_Items",
    table="Item",
    caption="Item, its barcodes and its status link",
    doc="Items with category and price.",
    key=("No",),
    cursor="System_Modified_At",
    is_query=True,
    fields=(
        Field("No.", Kind.CODE, 20),
        Field("Description", Kind.TEXT, 100),
        Field("Item Category Code", Kind.CODE, 20),
        Field("Retail Product Code", Kind.CODE, 20),
        Field("Unit Price", Kind.DECIMAL),
        Field("Base Unit of Measure", Kind.CODE, 10),
        Field("Sales Unit of Measure", Kind.CODE, 10),
        Field("No Discount Allowed", Kind.BOOLEAN),
        Field("Blocked", Kind.BOOLEAN),
        _MODIFIED,
    ),
)

INVENTORY = Page(
    service="AIQ_Inventory",
    table="Inventory Lookup Table",
    caption="Inventory Lookup Table",
    doc="Stock by store.",
    key=("Item_No", "Variant_Code", "Store_No"),
    cursor="Replication_Counter",
    is_query=True,
    fields=(
        Field("Item No.", Kind.CODE, 20),
        Field("Variant Code", Kind.CODE, 10),
        Field("Store No.", Kind.CODE, 10),
        Field("Net Inventory", Kind.DECIMAL),
        Field("Unit Cost", Kind.DECIMAL),
        Field("Replication Counter", Kind.INTEGER),
    ),
)

PAGES = (
    MEMBERS, TRANSACTIONS, TRANS_LINES, TRANS_DISCOUNTS, TRANS_PAYMENTS, TRANS_INFOCODES, STAFF, ITEMS, INVENTORY,
)  # fmt: skip
