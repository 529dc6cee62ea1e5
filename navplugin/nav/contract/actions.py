"""Staff actions, prompts, status and setup (ls-pos.md 7.2, 7.3, 7.6)."""

from __future__ import annotations

from navplugin.nav.contract.page import Field, Kind, Page, Writer

ACTIONS = Page(
    service="AIQ_POSActions",
    table="AIQ POS Action",
    caption="AIQ POS Actions",
    doc="What a button at the till asks of the worker, where the rows that are there cannot answer.",
    key=("Entry_No",),
    rights="md",
    fields=(
        Field("Entry No.", Kind.INTEGER),
        Field("Action", Kind.OPTION,
              options=("Signup", "GetStatus", "Wallet", "PinRequest", "PinEnter", "PinBypass")),
        Field("Receipt No.", Kind.CODE, 20),
        Field("Store No.", Kind.CODE, 10),
        Field("POS Terminal No.", Kind.CODE, 10),
        Field("Staff ID", Kind.CODE, 20),
        Field("Member Card No.", Kind.CODE, 100),
        Field("Coupon Code", Kind.CODE, 20),
        Field("PIN", Kind.TEXT, 10, Writer.EITHER),
        Field("Created At", Kind.DATETIME),
        Field("Status", Kind.OPTION, writer=Writer.PLUGIN, options=("New", "Taken", "Done", "Failed", "Expired")),
        Field("Taken By", Kind.TEXT, 50, Writer.PLUGIN),
        Field("Taken At", Kind.DATETIME, writer=Writer.PLUGIN),
        Field("Error Text", Kind.TEXT, 100, Writer.PLUGIN),
    ),
)  # fmt: skip

PROMPTS = Page(
    service="AIQ_POSPrompts",
    table="AIQ POS Prompt",
    caption="AIQ POS Prompts",
    doc="Questions and messages for the cashier, written ahead; the POS session shows them and keeps the answer.",
    key=("Receipt_No", "Prompt_Key"),
    rights="imd",
    fields=(
        Field("Receipt No.", Kind.CODE, 20, Writer.PLUGIN),
        Field("Prompt Key", Kind.CODE, 20, Writer.PLUGIN),
        Field("Member Ref", Kind.CODE, 100, Writer.PLUGIN),
        Field("Kind", Kind.OPTION, writer=Writer.PLUGIN, options=("Confirm", "Message")),
        Field("Code", Kind.CODE, 20, Writer.PLUGIN),
        Field("Text 1", Kind.TEXT, 100, Writer.PLUGIN),
        Field("Text 2", Kind.TEXT, 100, Writer.PLUGIN),
        Field("Text 3", Kind.TEXT, 100, Writer.PLUGIN),
        Field("Options", Kind.TEXT, 50, Writer.PLUGIN),
        Field("Priority", Kind.INTEGER, writer=Writer.PLUGIN),
        Field("Expires At", Kind.DATETIME, writer=Writer.PLUGIN),
        Field("Footer If Yes", Kind.CODE, 20, Writer.PLUGIN),
        Field("Shown At", Kind.DATETIME),
        Field("Answer", Kind.OPTION, options=(" ", "Yes", "No")),
        Field("Answered At", Kind.DATETIME),
        Field("Answered By", Kind.CODE, 20),
    ),
)

STATUS = Page(
    service="AIQ_POSStatus",
    table="AIQ POS Status",
    caption="AIQ POS Status",
    doc="The member's loyalty status on one sale, and when the wallet was last read.",
    key=("Receipt_No",),
    rights="imd",
    fields=(
        Field("Receipt No.", Kind.CODE, 20, Writer.PLUGIN),
        Field("Member Ref", Kind.CODE, 100, Writer.PLUGIN),
        Field("Member Status", Kind.OPTION, writer=Writer.PLUGIN,
              options=(" ", "Member", "Known", "Unknown", "Several", "CannotTell", "Joining")),
        Field("Display Text", Kind.TEXT, 250, Writer.PLUGIN),
        Field("Updated At", Kind.DATETIME, writer=Writer.PLUGIN),
        Field("Wallet At", Kind.DATETIME, writer=Writer.PLUGIN),
    ),
)  # fmt: skip

SETUP = Page(
    service="AIQ_Setup",
    table="AIQ Setup",
    caption="AIQ Setup",
    doc="What administrators type for a store, and what the till must know of the worker's profile.",
    key=("Store_No",),
    rights="im",
    fields=(
        Field("Store No.", Kind.CODE, 10),
        Field("Enabled", Kind.BOOLEAN),
        Field("AIQ Signup Terms", Kind.TEXT, 2048),
        Field("Prompt On", Kind.OPTION, writer=Writer.PLUGIN, options=("CheckIn", "FirstItem", "Never")),
        Field("Redeem At", Kind.OPTION, writer=Writer.PLUGIN, options=("Posted", "Total", "Select")),
        Field("Short", Kind.OPTION, writer=Writer.PLUGIN, options=("Ask", "Take", "Release")),
        Field("Offline", Kind.OPTION, writer=Writer.PLUGIN, options=("Refuse", "Honour Grants")),
        Field("Minimum Judged", Kind.OPTION, writer=Writer.PLUGIN, options=("Before", "After")),
        Field("Reached", Kind.OPTION, writer=Writer.PLUGIN, options=("At Least", "Above")),
        Field("Fresh Seconds", Kind.INTEGER, writer=Writer.PLUGIN),
        Field("Wait ms", Kind.INTEGER, writer=Writer.PLUGIN),
        Field("QR Mode", Kind.OPTION, writer=Writer.PLUGIN, options=("Native", "Bitmap", "TextOnly")),
        Field("Footer No Member", Kind.CODE, 20, Writer.PLUGIN),
        Field("Footer Unknown", Kind.CODE, 20, Writer.PLUGIN),
    ),
)

LEDGER = Page(
    service="AIQ_Ledger",
    table="AIQ Ledger",
    caption="AIQ Ledger",
    doc="Which ledger of navplugin is in charge of this company, and how many moves of points it has recorded.",
    key=("Code",),
    rights="im",
    fields=(
        Field("Code", Kind.CODE, 10, Writer.PLUGIN),
        Field("Ledger ID", Kind.TEXT, 50, Writer.PLUGIN),
        Field("Take-Over No.", Kind.INTEGER, writer=Writer.PLUGIN),
        Field("Epoch", Kind.INTEGER, writer=Writer.PLUGIN),
        Field("Step", Kind.INTEGER, writer=Writer.PLUGIN),
        Field("Beat", Kind.INTEGER, writer=Writer.PLUGIN),
        Field("Host", Kind.TEXT, 50, Writer.PLUGIN),
        Field("Worker ID", Kind.TEXT, 20, Writer.PLUGIN),
        Field("Written At", Kind.DATETIME, writer=Writer.PLUGIN),
    ),
)
"""Not in AIQ_Setup: every till reads that row, and this one is written with each move of points."""

PAGES = (ACTIONS, PROMPTS, STATUS, SETUP, LEDGER)
