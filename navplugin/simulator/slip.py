"""The printed slip of a posted sale: what was sold, then the receipt footer that the sale names (ls-pos.md 4, 7.5).

Print and reprint both read the posted rows: the footer's code is the posted infocode AIQFOOTER. The printer here has
40 characters a line.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

from navplugin.simulator.fields import Row
from navplugin.simulator.state import State
from navplugin.simulator.world import SETTINGS, TILL_DEFAULTS

WIDTH = 40


def posted_header(state: State, receipt_no: str) -> Row | None:
    """The posted transaction of a receipt."""
    return next((row for row in state.rows("AIQ_Transactions") if row["Receipt_No"] == receipt_no), None)


def belonging(state: State, service: str, header: Row) -> list[Row]:
    """Rows of a posted transaction."""
    names = ("Store_No", "POS_Terminal_No", "Transaction_No")
    return [row for row in state.rows(service) if all(row[name] == header[name] for name in names)]


def print_slip(state: State, receipt_no: str) -> dict[str, Any] | None:
    """`lines`: the text; `qr_payload`: what a native QR code says, '' for none; `qr_png`: the bitmap as base64, None
    for none. None when there is no such posted sale. Money as text with two decimals."""
    header = posted_header(state, receipt_no)
    if header is None:
        return None
    codes = {row["Infocode"]: row["Information"] for row in belonging(state, "AIQ_TransInfocodes", header)}
    footer = _footer_rows(state, header["Store_No"], codes.get("AIQFOOTER", ""))
    picture, complaint = _picture(footer)
    lines = [*_sale_lines(state, header), *_footer_lines(footer), *complaint]
    return {"lines": lines, "qr_payload": _payload(footer), "qr_png": picture}


def _sale_lines(state: State, header: Row) -> list[str]:
    store = state.doc("till.stores", {}).get(header["Store_No"], {})
    items = state.doc("till.items", {})
    voided = ["VOIDED"] if header["Entry_Status"] == "Voided" else []
    lines = [
        *voided,
        _aligned(str(store.get("name") or header["Store_No"]), "C"),
        f"Receipt {header['Receipt_No']}",
        f"{header['Date']} {header['Time']} Staff {header['Staff_ID']}",
        "-" * WIDTH,
    ]
    for row in belonging(state, "AIQ_TransLines", header):
        name = items.get(row["Item_No"], {}).get("description", row["Item_No"])
        quantity = -row["Quantity"]
        lines.append(_pair(f"{quantity.normalize():f} x {name}", f"{row['Price'] * quantity:.2f}"))
    for offer_no, amount in _discounts(belonging(state, "AIQ_TransDiscounts", header)).items():
        lines.append(_pair(f"Discount {offer_no}", f"{-amount:.2f}"))
    lines.append("-" * WIDTH)
    if not {**TILL_DEFAULTS, **state.doc(SETTINGS, {})}["prices_include_tax"]:
        lines.append(_pair("Tax", f"{header['Net_Amount'] - header['Gross_Amount']:.2f}"))
    lines.append(_pair("Total", f"{-header['Gross_Amount']:.2f}"))
    for row in belonging(state, "AIQ_TransPayments", header):
        lines.append(_pair(row["Tender_Type"], f"{row['Amount_Tendered']:.2f}"))
    return [*lines, "-" * WIDTH]


def _discounts(rows: Iterable[Row]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        found[row["Offer_No"]] = found.get(row["Offer_No"], 0) + row["Discount_Amount"]
    return found


def _footer_rows(state: State, store_no: str, code: str) -> list[Row]:
    rows = [row for row in state.rows("AIQ_ReceiptFooter") if code and row["Code"] == code]
    return [row for row in rows if row["Store_No"] == store_no]


def _footer_lines(rows: Iterable[Row]) -> list[str]:
    lines = []
    for row in rows:
        if row["Kind"] == "Text":
            lines.append(_aligned(" ".join(row["Text"]) if row["Wide"] else row["Text"], row["Align"]))
        elif row["Kind"] == "Separator":
            lines.append(row["Text"] or "-" * WIDTH)
        elif row["Text"]:
            lines.append(_aligned(row["Text"], row["Align"]))
    return lines


def _picture(rows: Iterable[Row]) -> tuple[str | None, list[str]]:
    """The bitmap of which each row bears a part. A footer that cannot be printed does not stop the receipt."""
    data = "".join(row["Data"] for row in rows if row["Kind"] in ("Image", "QR"))
    if not data:
        return None, []
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error:
        return None, ["(the picture of the footer cannot be read)"]
    return data, []


def _payload(rows: Sequence[Row]) -> str:
    """What the code says: from the rows of a native QR code, else from those of its picture."""
    said = {kind: "".join(row["Payload"] for row in rows if row["Kind"] == kind) for kind in ("QR", "Image")}
    return said["QR"] or said["Image"]


def _pair(left: str, right: str) -> str:
    room = WIDTH - len(right) - 1
    return f"{left[:room]:<{room}} {right}"


def _aligned(text: str, align: str) -> str:
    return {"C": text.center(WIDTH).rstrip(), "R": text.rjust(WIDTH)}.get(align, text)
