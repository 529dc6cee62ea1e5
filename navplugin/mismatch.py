"""NAV's figures against the prediction: what [Total] gave, what was posted, what a return took back. Pure.

NAV's result wins. What differs is reported with both numbers and kept in the ledger, never "corrected"
(design.md 6, what-users-expect.md 29).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from navplugin.core.model import GrantStatus, JournalLine, PostedSale, SaleState, Situation
from navplugin.core.money import CENT, ZERO, show_money
from navplugin.discounts import (
    BasketLine,
    Prediction,
    basket_line,
    basket_of,
    give_back,
    occasion_of,
    predict,
    terms_of,
)

MOST_TRIED = 5
"""Coupons whose orders are all tried: 120."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one offer was to give on one receipt, and what NAV gave. None: not known (yet)."""

    receipt_no: str
    sale_guid: str
    offer_no: str
    coupon_code: str
    predicted: Decimal
    at_total: Decimal | None = None
    posted: Decimal | None = None


def posted_basket(posted: PostedSale, no_discount: Collection[str] = ()) -> tuple[BasketLine, ...]:
    """The lines of a posted sale as they stood before offers at [Total]: amount plus the frozen shares."""

    def before(line: JournalLine) -> Decimal:
        return line.amount + sum((d.shares.get(line.line_no, ZERO) for d in posted.discounts), ZERO)

    return tuple(basket_line(x, before(x), no_discount) for x in posted.lines)


def figures_of(situation: Situation) -> tuple[Figure, ...]:
    """The prediction beside NAV's figures, for each offer that stands on the sale: after [Total] and once posted."""
    snapshot = situation.snapshot
    if snapshot.is_return:
        return ()
    if snapshot.sale.state is SaleState.PAYMENT and snapshot.journal is not None:
        codes = snapshot.journal.coupons
        at_total = {
            g.offer_no: g.applied_amount
            for g in snapshot.grants
            if g.status is GrantStatus.APPLIED and g.coupon_code in codes
        }
        found = _predict(situation, basket_of(snapshot.journal, situation.no_discount_items), codes)
        return _figures(situation, found, at_total, is_posted=False)
    posted = snapshot.posted
    if snapshot.sale.state is not SaleState.POSTED or posted is None or posted.voided:
        return ()
    if any(d.amount and not d.shares for d in posted.discounts):
        return ()  # without shares nobody can tell what the lines cost before [Total]
    amounts = {d.offer_no: d.amount for d in posted.discounts}
    basket = posted_basket(posted, situation.no_discount_items)
    tried = [(codes, _predict(situation, basket, codes)) for codes in _possible_codes(situation, posted)]
    same = [x for x in tried if all(x[1].amount_of_offer(no) == amount for no, amount in amounts.items())]
    codes, found = same[0] if same else tried[0]
    expected = {g.offer_no: ZERO for g in found.offers if g.amount > ZERO and g.coupon_code in codes}
    return _figures(situation, found, {**expected, **amounts}, is_posted=True)


def compare(figures: Iterable[Figure], precision: Decimal = CENT) -> tuple[str, ...]:
    """A sentence for each offer whose figures differ, for the ledger's reports and `ledger audit`."""
    out = []
    for one in figures:
        seen = (("[Total] gave", one.at_total), ("posted with", one.posted))
        wrong = [f"{what} {show_money(x, precision)}" for what, x in seen if x is not None and x != one.predicted]
        if wrong:
            name = one.coupon_code or one.offer_no
            out.append(f"{name}: {', '.join(wrong)}, {show_money(one.predicted, precision)} was predicted")
    return tuple(out)


def merged(before: Figure, now: Figure) -> Figure:
    """A later look at the same offer; what is known stays known.

    Where the posted amount is that of [Total], the prediction of [Total] stands: the offer may have changed since.
    """
    if now.at_total is not None or before.at_total is None:
        return replace(now, posted=before.posted if now.posted is None else now.posted)
    predicted = before.predicted if now.posted == before.at_total else now.predicted
    return replace(now, predicted=predicted, at_total=before.at_total)


def return_differences(sold: PostedSale, returned: PostedSale, precision: Decimal = CENT) -> tuple[str, ...]:
    """Where a return took back another amount than the frozen one of what was sold (what-users-expect.md 28).

    Lines belong together by item: LS gives a return's lines numbers of their own. Items that were sold on several
    lines at different net prices are compared only when all of them came back.
    """
    out = []
    for item in sorted({x.number for x in returned.lines}):
        lines = [x for x in sold.lines if x.number == item]
        back = [x for x in returned.lines if x.number == item]
        quantity, paid = _sum(back, "quantity"), _sum(back, "amount")
        expected = _frozen(lines, abs(quantity), precision)
        if expected is not None and abs(paid) != expected:
            given, frozen = show_money(abs(paid), precision), show_money(expected, precision)
            out.append(f"return of {item}: NAV gave {given} back, {frozen} was paid for it")
    return tuple(out)


def _frozen(lines: Sequence[JournalLine], quantity: Decimal, precision: Decimal) -> Decimal | None:
    """What was paid for this quantity; None where it cannot be told."""
    sold = _sum(lines, "quantity")
    if not lines or sold <= ZERO or quantity > sold:
        return None
    if quantity == sold:
        return _sum(lines, "amount")
    unit_prices = {x.amount * sold * lines[0].quantity == lines[0].amount * sold * x.quantity for x in lines}
    return give_back(_sum(lines, "amount"), sold, ZERO, quantity, precision) if unit_prices == {True} else None


def _sum(lines: Iterable[JournalLine], name: str) -> Decimal:
    return sum((getattr(x, name) for x in lines), ZERO)


def _predict(situation: Situation, basket: tuple[BasketLine, ...], codes: Sequence[str]) -> Prediction:
    return predict(basket, situation.offers, codes, terms_of(situation.store), occasion_of(situation))


def _possible_codes(situation: Situation, posted: PostedSale) -> list[tuple[str, ...]]:
    """Coupon codes that were on the posted sale, in pick order. A posted sale does not tell the order of coupons that
    nobody picked from a grant: then every order is possible, and one that explains the amounts will do."""
    given = {d.offer_no for d in posted.discounts}
    picked = [g for g in situation.snapshot.grants if g.status is GrantStatus.APPLIED or g.offer_no in given]
    picked.sort(key=lambda g: (g.picked_at is None, g.picked_at or 0, g.coupon_code))
    codes = dict.fromkeys(g.coupon_code for g in picked)
    others = [o.coupon_code for o in situation.offers if o.offer_no in given and o.coupon_code not in ("", *codes)]
    known = (*codes, *sorted(set(others)))
    return list(itertools.permutations(known)) if others and len(known) <= MOST_TRIED else [known]


def _figures(
    situation: Situation, found: Prediction, amounts: dict[str, Decimal], *, is_posted: bool
) -> tuple[Figure, ...]:
    sale = situation.snapshot.sale
    codes = {o.offer_no: o.coupon_code for o in situation.offers}
    return tuple(
        Figure(
            sale.receipt_no,
            sale.sale_guid,
            no,
            codes[no],
            predicted=found.amount_of_offer(no),
            at_total=None if is_posted else amount,
            posted=amount if is_posted else None,
        )
        for no, amount in sorted(amounts.items())
        if no in codes
    )
