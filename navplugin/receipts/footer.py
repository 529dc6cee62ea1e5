"""A receipt footer for one store: from a template to the rows that NAV prints (ls-pos.md 7.5), and back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from navplugin.core.model import StoreSettings
from navplugin.core.problems import Level, Problem, Span, has_errors
from navplugin.receipts.codepage import fit
from navplugin.receipts.layout import FooterLine, lay_out
from navplugin.receipts.paper import Paper
from navplugin.receipts.qr import qr_png, symbol
from navplugin.receipts.template import header_problems, least_width, render

DATA_LENGTH = 250
STEP = 10000
PLAIN = "plain"
"""The template whose footer is printed where another one fails."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What a template gives for one store. code: kind and hash of the content; rows: fields of AIQ_ReceiptFooter.

    Without a code there is nothing to print, and the problems say why.
    """

    code: str
    lines: tuple[FooterLine, ...]
    rows: tuple[Mapping[str, Any], ...]
    problems: tuple[Problem, ...]


def paper_of(store: StoreSettings) -> Paper:
    """The receipt paper of a store."""
    return Paper(store.paper_mm, store.receipt_width)


def names_for(store: StoreSettings) -> dict[str, str]:
    """The names that a template may use. Nothing of a member is among them: a receipt is litter."""
    return {
        "store_no": store.store_no,
        "store_name": store.name or store.store_no,
        "wallet_url": store.wallet_url,
        "signup_url": store.signup_url,
    }


def render_footer(name: str, source: str, store: StoreSettings, *, path: str) -> Footer:
    """Render the template `name` (wallet, signup, plain, ...) for a store. Nothing to print where there is an error."""
    rendered, problems = render(path, source, names_for(store))
    problems = (*header_problems(path, source), *_made_for(path, source, store), *problems)
    lines, more = lay_out(path, rendered, paper_of(store), store.code_page) if not has_errors(problems) else ((), ())
    problems = (*problems, *_sourced(source, more))
    if has_errors(problems):
        return Footer("", (), (), problems)
    return _footer(name, lines, paper_of(store), problems)


def bare_footer(store: StoreSettings) -> Footer:
    """The footer where even the plain template fails: the store's name, so that there is always a receipt."""
    text, _ = fit(store.name or store.store_no, store.code_page)
    pieces = textwrap.wrap(text, store.receipt_width)
    return _footer(PLAIN, [FooterLine("Text", piece, "C") for piece in pieces], paper_of(store), ())


def lines_of(rows: Sequence[Mapping[str, Any]]) -> tuple[FooterLine, ...]:
    """The printed lines of rows as NAV keeps them: what a receipt that names their code was printed with."""
    groups: list[list[Mapping[str, Any]]] = []
    for row in sorted(rows, key=lambda row: int(row["Line_No"])):
        if row["Data"] and not row["Payload"] and groups and groups[-1][0]["Data"]:
            groups[-1].append(row)  # the picture goes on
        else:
            groups.append([row])
    return tuple(
        FooterLine(
            kind=first["Kind"],
            text=first["Text"],
            align=first["Align"] or "L",
            wide=bool(first["Wide"]),
            bold=bool(first["Bold"]),
            payload=first["Payload"],
            data=_decoded("".join(row["Data"] for row in group)),
        )
        for group in groups
        for first in group[:1]
    )


def _decoded(picture: str) -> bytes:
    try:
        return base64.b64decode(picture, validate=True)
    except binascii.Error:
        return b""


def _footer(name: str, lines: Sequence[FooterLine], paper: Paper, problems: tuple[Problem, ...]) -> Footer:
    rows = _rows(name, lines, paper)
    content = json.dumps(rows, sort_keys=True, ensure_ascii=True).encode()
    code = f"{name.upper()[:11]}-{hashlib.sha256(content).hexdigest()[:8].upper()}"
    return Footer(code, tuple(lines), tuple(rows), problems)


def _made_for(path: str, source: str, store: StoreSettings) -> list[Problem]:
    least = least_width(source)
    if store.receipt_width >= least:
        return []
    message = f"the template is for lines of {least} characters, store {store.store_no} has {store.receipt_width}"
    hint = "change receipt-width in the profile, or width= in the template's first line"
    return [Problem(Span(path), Level.ERROR, "line-too-wide", message, hint)]


def _rows(name: str, lines: Sequence[FooterLine], paper: Paper) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for line in lines:
        fields = {"Align": line.align, "Wide": line.wide, "Bold": line.bold, "Template": name}
        if line.kind == "QR":
            rows += _image_rows(line.payload, fields, paper)
        else:
            rows.append({"Kind": line.kind, "Text": line.text, "Data": "", "Payload": "", **fields})
    return [{"Line_No": (n + 1) * STEP, **row} for n, row in enumerate(rows)]


def _image_rows(payload: str, fields: Mapping[str, Any], paper: Paper) -> list[dict[str, Any]]:
    """The picture over several rows; the first one also bears the address, for a printer that draws QR codes itself."""
    data = base64.b64encode(qr_png(symbol(payload, paper.dots))).decode()
    parts = [data[n : n + DATA_LENGTH] for n in range(0, len(data), DATA_LENGTH)]
    return [
        {"Kind": "Image", "Text": "", "Data": part, "Payload": payload if n == 0 else "", **fields}
        for n, part in enumerate(parts)
    ]


def _sourced(source: str, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    lines = source.split("\n")
    return tuple(replace(p, source=lines[p.span.line - 1] if p.span.line <= len(lines) else "") for p in problems)
