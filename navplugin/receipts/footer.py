"""A receipt footer for one store: from a template to the rows that NAV prints (ls-pos.md 7.5)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from navplugin.core.model import StoreSettings
from navplugin.core.problems import Problem, has_errors
from navplugin.receipts.layout import FooterLine, lay_out
from navplugin.receipts.qr import qr_png
from navplugin.receipts.template import render

DATA_LENGTH = 250
STEP = 10000

SAMPLE = StoreSettings(
    "S0001",
    name="Sample Store",
    wallet_url="https://lab.alpineiq.com/wallet/1234",
    signup_url="https://lab.alpineiq.com/join/1234",
)
"""A store to check and show templates with, where there is no profile."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What a template gives for one store. code: kind and hash of the content; rows: fields of AIQ_ReceiptFooter."""

    code: str
    lines: tuple[FooterLine, ...]
    rows: tuple[Mapping[str, Any], ...]
    problems: tuple[Problem, ...]


def names_for(store: StoreSettings) -> dict[str, str]:
    """The names that a template may use."""
    return {
        "store_no": store.store_no,
        "store_name": store.name or store.store_no,
        "wallet_url": store.wallet_url,
        "signup_url": store.signup_url,
    }


def render_footer(name: str, source: str, store: StoreSettings, *, path: str) -> Footer:
    """Render the template `name` (wallet, signup, plain) for a store. Rows are empty where there is an error."""
    rendered, problems = render(path, source, names_for(store))
    lines, more = lay_out(path, rendered, store.receipt_width) if not problems else ((), ())
    problems = (*problems, *_sourced(source, more))
    if has_errors(problems):
        return Footer("", (), (), problems)
    rows = _rows(name, lines)
    content = json.dumps(rows, sort_keys=True, ensure_ascii=True).encode()
    code = f"{name.upper()[:11]}-{hashlib.sha256(content).hexdigest()[:8].upper()}"
    return Footer(code, lines, tuple(rows), problems)


def _rows(name: str, lines: Sequence[FooterLine]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for line in lines:
        fields = {"Align": line.align, "Wide": line.wide, "Bold": line.bold, "Template": name}
        if line.kind == "QR":
            rows += _image_rows(line.payload, fields)
        else:
            rows.append({"Kind": line.kind, "Text": line.text, "Data": "", "Payload": "", **fields})
    return [{"Line_No": (n + 1) * STEP, **row} for n, row in enumerate(rows)]


def _image_rows(payload: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The picture over several rows; the first one also bears the address, for a printer that draws QR codes itself."""
    data = base64.b64encode(qr_png(payload)).decode()
    parts = [data[n : n + DATA_LENGTH] for n in range(0, len(data), DATA_LENGTH)]
    return [
        {"Kind": "Image", "Text": "", "Data": part, "Payload": payload if n == 0 else "", **fields}
        for n, part in enumerate(parts)
    ]


def _sourced(source: str, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    lines = source.split("\n")
    return tuple(replace(p, source=lines[p.span.line - 1] if p.span.line <= len(lines) else "") for p in problems)
