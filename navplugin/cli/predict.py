"""`navplugin predict`: a basket and offers as JSON in, what NAV should give out."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from navplugin.cli.output import Format, FormatOption, emit_json, emit_problems, emit_table, fail, out
from navplugin.core.model import Benefit, Offer
from navplugin.core.money import ZERO, parse_money
from navplugin.core.problems import Level, Problem, Span, did_you_mean
from navplugin.discounts import BasketLine, Prediction, predict

EXAMPLE = """\
{"lines": [{"item": "FLOWER", "quantity": 1, "price": 75}, {"item": "VAPE", "price": 50, "amount": 45}],
 "offers": [{"offer": "TDO0004", "coupon_code": "AP0004", "trigger": 100, "amount": 100}],
 "coupon_codes": ["AP0004"], "minimum_judged": "before", "reached": "at-least"}"""
LINE_KEYS = ("item", "quantity", "price", "amount", "no_discount")
OFFER_KEYS = ("offer", "coupon_code", "priority", "trigger", "step", "amount", "percent", "maximum",
              "block_total_discount", "items")  # fmt: skip
KEYS = ("lines", "offers", "coupon_codes", "minimum_judged", "reached")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(predict_file)


def predict_file(
    file: Annotated[str, typer.Argument(help="JSON file; - reads standard input.")] = "-",
    form: FormatOption = Format.TEXT,
    example: Annotated[bool, typer.Option("--example", help="Print an example to begin with.")] = False,
) -> None:
    """Say what Total Discount Offers should give off a basket, and why one gives nothing."""
    if example:
        sys.stdout.write(EXAMPLE + "\n")
        return
    text = _read(file)
    reader = _Reader(file)
    basket, offers, data = reader.read(text)
    if reader.problems:
        raise typer.Exit(int(emit_problems(reader.problems, 1, form, loaded="Nothing was predicted.")))
    codes = data.get("coupon_codes") or [o.coupon_code for o in offers]
    found = predict(
        basket,
        offers,
        codes,
        minimum_judged=data.get("minimum_judged", "before"),
        reached=data.get("reached", "at-least"),
    )
    _show(found, basket, form)


def _show(found: Prediction, basket: list[BasketLine], form: Format) -> None:
    items = {x.line_no: x.item_no for x in basket}
    if form is Format.JSON:
        offers = [
            {
                "offer": g.offer_no,
                "coupon_code": g.coupon_code,
                "amount": f"{g.amount:.2f}",
                "shares": {items[no]: f"{share:.2f}" for no, share in g.shares.items()},
                "reason": g.reason,
            }
            for g in found.offers
        ]
        emit_json({"total": f"{found.total:.2f}", "offers": offers})
        return
    rows = []
    for g in found.offers:
        shares = ", ".join(f"{items[no]} {share:.2f}" for no, share in g.shares.items())
        rows.append((g.offer_no, g.coupon_code, f"{g.amount:.2f}", shares or g.reason))
    emit_table("Predicted at [Total]", ("offer", "coupon code", "amount", "from, or why not"), rows)
    before = sum((x.amount for x in basket), ZERO)
    out.print(f"{before:.2f} less {found.total:.2f} = {before - found.total:.2f} to pay, before tax", markup=False)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except OSError as wrong:
        fail(f"cannot read {file}: {wrong.strerror}")
    except UnicodeDecodeError:
        fail(f"{file} is not UTF-8 text")


class _Reader:
    """Checks the JSON and collects every problem."""

    def __init__(self, path: str) -> None:
        self.path, self.problems = path, list[Problem]()

    def read(self, text: str) -> tuple[list[BasketLine], list[Offer], dict[str, Any]]:
        """Basket, offers and the whole object."""
        try:
            data = json.loads(text, parse_float=Decimal)
        except (json.JSONDecodeError, RecursionError) as wrong:
            line, col = getattr(wrong, "lineno", 1), getattr(wrong, "colno", 1)
            said = f"this is not valid JSON: {getattr(wrong, 'msg', 'nested too deeply')}"
            self._add("bad-json", said, "navplugin predict --example prints one", Span(self.path, line, col))
            return [], [], {}
        if not isinstance(data, dict):
            self._add("bad-json", "the file must hold a JSON object", "navplugin predict --example prints one")
            return [], [], {}
        self._known("the file", data, KEYS)
        for name, words in (("minimum_judged", ("before", "after")), ("reached", ("at-least", "above"))):
            if data.get(name, words[0]) not in words:
                self._add("bad-value", f"{name} cannot be {data[name]!r}", f"write one of {', '.join(words)}")
        lines = [self._line(n, one) for n, one in self._objects(data, "lines")]
        offers = [self._offer(n, one) for n, one in self._objects(data, "offers")]
        codes = data.get("coupon_codes", [])
        if not isinstance(codes, list) or not all(isinstance(c, str) for c in codes):
            self._add("bad-value", "coupon_codes must be a list of texts", 'write ["AP0004"]')
        return lines, offers, data

    def _objects(self, data: dict[str, Any], name: str) -> list[tuple[int, dict[str, Any]]]:
        found = data.get(name)
        if not isinstance(found, list) or not found or not all(isinstance(x, dict) for x in found):
            self._add("missing-key", f"'{name}' must be a list of objects", "navplugin predict --example prints one")
            return []
        return list(enumerate(found, start=1))

    def _line(self, number: int, one: dict[str, Any]) -> BasketLine:
        where = f"line {number}"
        self._known(where, one, LINE_KEYS)
        price = self._number(where, one, "price", None)
        gross = price * self._number(where, one, "quantity", Decimal(1))
        amount = self._number(where, one, "amount", gross)
        return BasketLine(number * 10000, str(one.get("item", f"line {number}")), gross, amount,
                          bool(one.get("no_discount", False)))  # fmt: skip

    def _offer(self, number: int, one: dict[str, Any]) -> Offer:
        where = f"offer {number}"
        self._known(where, one, OFFER_KEYS)
        kind = "percent" if "percent" in one else "amount"
        if ("percent" in one) == ("amount" in one):
            self._add("missing-key", f"{where} needs either 'amount' or 'percent'", "write one of them")
        value = self._number(where, one, kind, ZERO)
        benefit = Benefit(self._number(where, one, "step", ZERO), kind, value)
        maximum = self._number(where, one, "maximum", ZERO) if "maximum" in one else None
        name = str(one.get("offer") or one.get("coupon_code") or f"offer {number}")
        return Offer(
            offer_no=name,
            description="",
            enabled=True,
            coupon_code=str(one.get("coupon_code") or name),
            priority=int(self._number(where, one, "priority", ZERO)),
            amount_to_trigger=self._number(where, one, "trigger", ZERO),
            block_total_discount=bool(one.get("block_total_discount", False)),
            maximum_discount=maximum,
            items=tuple(str(x) for x in one.get("items") or ()),
            benefits=(benefit,),
        )

    def _number(self, where: str, one: dict[str, Any], key: str, default: Decimal | None) -> Decimal:
        if key not in one and default is not None:
            return default
        number = parse_money(one.get(key))
        if number is None or not 0 <= number < 10**9:
            self._add("bad-value", f"'{key}' of {where} cannot be {one.get(key)!r}", "write an amount such as 75.00")
            return ZERO
        return number

    def _known(self, where: str, one: dict[str, Any], keys: tuple[str, ...]) -> None:
        for key in one:
            if key not in keys:
                self._add("unknown-key", f"'{key}' is not a key of {where}", did_you_mean(str(key), keys))

    def _add(self, code: str, message: str, hint: str, span: Span | None = None) -> None:
        self.problems.append(Problem(span or Span(self.path), Level.ERROR, code, message, hint))
