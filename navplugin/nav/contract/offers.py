"""Total Discount Offers: setup side (read only) and the rows of one sale, the grants (ls-pos.md 1.6-1.9, 7.4)."""

from __future__ import annotations

from navplugin.nav.contract.page import Field, Kind, Page, Writer

OFFER_TYPES = ("Multibuy", "Mix&Match", "Disc. Offer", "Total Discount", "Tender Type", "Item Point", "Line Discount")

OFFERS = Page(
    service="AIQ_TotalDiscountOffers",
    table="Periodic Discount",
    caption="Periodic Discount",
    doc="Total Discount Offers as NAV administrators set them up. Never changed by navplugin.",
    key=("No",),
    fields=(
        Field("No.", Kind.CODE, 20),
        Field("Description", Kind.TEXT, 100),
        Field("Status", Kind.OPTION, options=("Disabled", "Enabled")),
        Field("Type", Kind.OPTION, options=OFFER_TYPES),
        Field("Priority", Kind.INTEGER),
        Field("Price Group", Kind.CODE, 10),
        Field("Validation Period ID", Kind.CODE, 10),
        Field("Currency Code", Kind.CODE, 10),
        Field("Coupon Code", Kind.CODE, 20),
        Field("Coupon Qty Needed", Kind.INTEGER),
        Field("Amount to Trigger", Kind.DECIMAL),
        Field("Maximum Discount Amount", Kind.DECIMAL),
        Field("Member Type", Kind.OPTION, options=("Scheme", "Club")),
        Field("Member Value", Kind.CODE, 20),
        Field("Member Attribute", Kind.CODE, 20),
        Field("Member Attribute Value", Kind.CODE, 20),
        Field("Block Periodic Discount", Kind.BOOLEAN),
        Field("Block Line Discount Offer", Kind.BOOLEAN),
        Field("Block Total Discount Offer", Kind.BOOLEAN),
        Field("Block Tender Type Discount", Kind.BOOLEAN),
        Field("Block Manual Price Change", Kind.BOOLEAN),
        Field("Sequence Code", Kind.CODE, 10),
        Field("Sequence Function", Kind.TEXT, 30),
        Field("Last Date Modified", Kind.DATE),
    ),
)

OFFER_ITEMS = Page(
    service="AIQ_TotalDiscountOfferItems",
    table="Periodic Discount Line",
    caption="Periodic Discount Line",
    doc="The items that an offer applies to.",
    key=("Offer_No", "Line_No"),
    fields=(
        Field("Offer No.", Kind.CODE, 20),
        Field("Line No.", Kind.INTEGER),
        Field("Type", Kind.OPTION, options=("Item", "Product Group", "Item Category", "All", "Special Group")),
        Field("No.", Kind.CODE, 20),
        Field("Exclude", Kind.BOOLEAN),
    ),
)

OFFER_BENEFITS = Page(
    service="AIQ_TotalDiscountOfferBenefits",
    table="Periodic Discount Benefits",
    caption="Periodic Discount Benefits",
    doc="What an offer gives, by step.",
    key=("Offer_No", "Step_Amount", "Type"),
    fields=(
        Field("Offer No.", Kind.CODE, 20),
        Field("Step Amount", Kind.DECIMAL),
        Field("Type", Kind.OPTION, options=("Discount", "Item", "Item List", "Member Points", "Coupon")),
        Field("Line No.", Kind.INTEGER),
        Field("Value Type", Kind.OPTION, options=("Discount %", "Discount Amount", "Deal Price")),
        Field("Value", Kind.DECIMAL),
        Field("No.", Kind.CODE, 20),
        Field("Description", Kind.TEXT, 100),
    ),
)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

VALIDATION_PERIODS = Page(
    service="AIQ_ValidationPeriods",
    table="Validation Period",
    caption="Validation Period",
    doc="When an offer holds: days, weekdays, times.",
    key=("ID",),
    fields=(
        Field("ID", Kind.CODE, 10),
        Field("Description", Kind.TEXT, 100),
        Field("Starting Date", Kind.DATE),
        Field("Ending Date", Kind.DATE),
        Field("Starting Time", Kind.TIME),
        Field("Ending Time", Kind.TIME),
        *(Field(day, Kind.BOOLEAN) for day in WEEKDAYS),
    ),
)

COUPONS = Page(
    service="AIQ_Coupons",
    table="Coupon Header",
    caption="Coupon Header",
    doc="Coupons that trigger the offers.",
    key=("Code",),
    fields=(
        Field("Code", Kind.CODE, 20),
        Field("Description", Kind.TEXT, 100),
        Field("Type", Kind.OPTION, options=("Store", "Manufacturer", "Return")),
        Field("Handling", Kind.OPTION, options=("Discount", "Tender")),
        Field("Status", Kind.OPTION, options=("Disabled", "Enabled")),
    ),
)

GRANTS = Page(
    service="AIQ_POSTotalDiscountOfferLines",
    table="AIQ POS Total Discount Offer Line",
    caption="AIQ POS Total Discount Offer Lines",
    doc="Wallet discounts that one sale may use, what became of each, and why.",
    key=("Receipt_No", "Coupon_Code"),
    rights="imd",
    fields=(
        Field("Receipt No.", Kind.CODE, 20, Writer.PLUGIN),
        Field("Coupon Code", Kind.CODE, 20, Writer.PLUGIN),
        Field("Offer No.", Kind.CODE, 20, Writer.PLUGIN),
        Field("Discount Ext ID", Kind.TEXT, 50, Writer.PLUGIN),
        Field("Description", Kind.TEXT, 50, Writer.PLUGIN),
        Field("Value Kind", Kind.OPTION, writer=Writer.PLUGIN, options=("amount", "percent")),
        Field("Value", Kind.DECIMAL, writer=Writer.PLUGIN),
        Field("Points Cost", Kind.DECIMAL, writer=Writer.PLUGIN),
        Field("Min Amount", Kind.DECIMAL, writer=Writer.PLUGIN),
        Field("Min Balance", Kind.DECIMAL, writer=Writer.PLUGIN),
        Field("Blocked Text", Kind.TEXT, 100, Writer.PLUGIN),
        Field("Needs PIN", Kind.BOOLEAN, writer=Writer.PLUGIN),
        Field("Valid Until", Kind.DATETIME, writer=Writer.PLUGIN),
        Field("Member Ref", Kind.CODE, 100, Writer.PLUGIN),
        # The POS session clears both at a pick: an earlier claim's answer is none to the new one.
        Field("Points", Kind.OPTION, writer=Writer.EITHER, options=(" ", "Taken", "Refused", "Given Back")),
        Field("Redemption ID", Kind.TEXT, 250, Writer.EITHER),
        Field("Reason", Kind.TEXT, 100, Writer.EITHER),
        Field("Status", Kind.OPTION, writer=Writer.EITHER,
              options=("Granted", "Picked", "Inserted", "Applied", "Refused", "Withdrawn", "Reversed")),
        Field("Picked By", Kind.CODE, 20),
        Field("Picked At", Kind.DATETIME),
        Field("Journal Line No.", Kind.INTEGER),
        Field("Applied Amount", Kind.DECIMAL),
    ),
)  # fmt: skip

TENDER_TYPES = Page(
    service="AIQ_TenderTypes",
    table="Tender Type",
    caption="Tender Type",
    doc="Tender types by store; only `doctor` looks, for a loyalty tender that should be gone.",
    key=("Store_No", "Code"),
    fields=(
        Field("Store No.", Kind.CODE, 10),
        Field("Code", Kind.CODE, 10),
        Field("Description", Kind.TEXT, 30),
    ),
)

PAGES = (OFFERS, OFFER_ITEMS, OFFER_BENEFITS, VALIDATION_PERIODS, COUPONS, GRANTS, TENDER_TYPES)
