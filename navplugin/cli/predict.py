"""`navplugin predict`: a basket and offers as JSON in, what NAV should give as JSON out; text for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from navplugin.cli.output import Exit, Format, emit_json, emit_problems, emit_table, err, fail, out
from navplugin.cli.predict_read import Question, read_question
from navplugin.core.money import ZERO, show_money
from navplugin.core.problems import Problem
from navplugin.discounts import Given, Prediction, give_back, predict

EXAMPLE = """\
{"currency_precision": "0.01", "minimum_judged": "before", "reached": "at-least",
 "lines": [
  {"line_no": 10000, "item": "FLOWER", "quantity": "1", "price": "75.00"},
  {"line_no": 20000, "item": "VAPE", "quantity": "1", "price": "50.00",
   "line_discount_percent": "10", "line_discount_amount": null, "discountable": true}],
 "offers": [
  {"no": "TDO0004", "coupon_code": "AP0004", "priority": 1, "items": ["*"],
   "benefits": [{"step": "100.00", "type": "amount", "value": "100.00"}],
   "maximum_discount": null, "block_total_discount": false}],
 "picked": ["AP0004"],
 "returned": [{"line_no": 20000, "quantity": "1"}]}
"""
HELP = """Say what Total Discount Offers should give off a basket, and why one gives nothing.

JSON in, JSON out; money is text. `--example` prints a question to begin with.

- lines: `line_discount_percent` or `line_discount_amount` is for the whole line; no `discountable`: yes.

- offers: `items` are item numbers, or "*" for all; a benefit's `type` is amount or percent, steps rise.

- picked: coupon codes in pick order; an offer that is not picked gives nothing.

- minimum_judged: before compares quantity times price with a step, after what is left at the offer's turn.

- reached: at-least or above. returned: quantities whose refund is asked for.

All rounding is half up to `currency_precision`. Exit code 1: the input is wrong, every problem with its place.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict", help=HELP)(predict_file)


def predict_file(
    file: Annotated[str, typer.Argument(help="JSON file; - reads standard input.")] = "-",
    form: Annotated[Format, typer.Option("--format", help="json for programs, text for people.")] = Format.JSON,
    example: Annotated[bool, typer.Option("--example", help="Print an example to begin with.")] = False,
) -> None:
    """See HELP."""
    if example:
        sys.stdout.write(EXAMPLE)
        return
    question, problems = read_question("stdin" if file == "-" else file, _read(file))
    if question is None:
        if form is Format.JSON:
            _on_stderr(problems)
        raise typer.Exit(int(emit_problems(problems, 1, form, loaded="Nothing was predicted.")))
    _on_stderr(problems)
    found = predict(question.lines, question.offers, question.picked, question.terms)
    if form is Format.JSON:
        emit_json(answer(question, found))
    else:
        _show(question, found)


def answer(question: Question, found: Prediction) -> dict[str, Any]:
    """The JSON answer: offers and lines in the order of the question, money as text at the currency's precision."""
    precision = question.terms.precision

    def money(amount: Decimal) -> str:
        return show_money(amount, precision)

    given = {g.offer_no: g for g in found.offers}
    before = sum((x.amount for x in question.lines), ZERO)
    return {
        "total_before": money(before),
        "total_discount": money(found.total),
        "total": money(before - found.total),
        "offers": [_offer(given[o.offer_no], precision) for o in question.offers],
        "lines": [
            {
                "line_no": line.line_no,
                "amount_before": money(line.amount),
                "amount": money(found.left[line.line_no]),
                "shares": {no: money(g.shares[line.line_no]) for no, g in given.items() if line.line_no in g.shares},
            }
            for line in question.lines
        ],
        "refund": money(_refund(question, found.left)),
    }


def _offer(given: Given, precision: Decimal) -> dict[str, Any]:
    step = None if given.step is None else show_money(given.step, precision)
    return {
        "no": given.offer_no,
        "applied": show_money(given.amount, precision),
        "step": step,
        "refused": given.reason or None,
    }


def _refund(question: Question, left: Mapping[int, Decimal]) -> Decimal:
    """What was paid for the returned quantities, line by line."""
    parts = (
        give_back(left[no], question.quantities[no], ZERO, quantity, question.terms.precision)
        for no, quantity in question.returned.items()
    )
    return sum(parts, ZERO)


def _show(question: Question, found: Prediction) -> None:
    precision = question.terms.precision
    items = {x.line_no: x.item_no for x in question.lines}
    rows = []
    for g in found.offers:
        shares = ", ".join(f"{items[no]} {show_money(share, precision)}" for no, share in g.shares.items())
        rows.append((g.offer_no, g.coupon_code, show_money(g.amount, precision), shares or g.reason))
    emit_table("Predicted at [Total]", ("offer", "coupon code", "amount", "from, or why not"), rows)
    said = answer(question, found)
    out.print(f"{said['total_before']} less {said['total_discount']} = {said['total']} to pay", markup=False)
    if question.returned:
        out.print(f"{said['refund']} goes back for what is returned", markup=False)


def _on_stderr(problems: Sequence[Problem]) -> None:
    for problem in problems:
        err.print(problem.headline(), markup=False)


def _read(file: str) -> str:
    if file == "-" and sys.stdin.isatty():
        err.print("Reading JSON from the keyboard; navplugin predict --example prints one.", markup=False)
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as wrong:
        fail(f"cannot read {file}: {wrong.strerror}")
    except UnicodeDecodeError:
        fail(f"{'standard input' if file == '-' else file} is not UTF-8 text", Exit.PROBLEMS)
