"""What NAV will give: Total Discount Offers at [Total], predicted from ls-pos.md 2.2 to 2.8. Pure.

We carry and check; LS computes the money (design.md 1). The prediction is shown before the sale and compared after it.
What nobody documents is one parameter (which total is compared with a minimum) or stands in one function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from navplugin.core.model import Benefit, GrantStatus, Journal, Offer, SaleState, Snapshot
from navplugin.core.money import ZERO, round_money

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class BasketLine:
    """An item line. gross: quantity times price. amount: after line and periodic discounts, before [Total]."""

    line_no: int
    item_no: str
    gross: Decimal
    amount: Decimal
    no_discount: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What one offer gives: the amount, its shares by line number, or why it gives nothing."""

    offer_no: str
    coupon_code: str
    amount: Decimal
    shares: Mapping[int, Decimal] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """All offers that the coupon codes call for, in the order in which LS takes them."""

    offers: tuple[Given, ...]
    total: Decimal

    def amount_of(self, coupon_code: str) -> Decimal:
        """What this coupon code gives."""
        return sum((g.amount for g in self.offers if g.coupon_code == coupon_code), ZERO)


def basket_of(journal: Journal) -> tuple[BasketLine, ...]:
    """The basket of an open sale, as it stands before offers at [Total]."""
    return tuple(
        BasketLine(x.line_no, x.number, x.quantity * x.price, x.amount + x.total_disc_amount) for x in journal.items
    )


def differences(
    snapshot: Snapshot, offers: Iterable[Offer], *, minimum_judged: str, reached: str, precision: Decimal
) -> tuple[str, ...]:
    """Where [Total] gave another amount than was predicted: reported, never corrected (design.md 6)."""
    applied = [g for g in snapshot.grants if g.status is GrantStatus.APPLIED]
    if snapshot.journal is None or snapshot.sale.state is not SaleState.PAYMENT or not applied:
        return ()
    codes = snapshot.journal.coupon_codes
    found = predict(
        basket_of(snapshot.journal), offers, codes, minimum_judged=minimum_judged, reached=reached, precision=precision
    )
    return tuple(
        f"{g.coupon_code}: [Total] gave {g.applied_amount:.2f}, {found.amount_of(g.coupon_code):.2f} was predicted"
        for g in applied
        if g.coupon_code in codes and g.applied_amount != found.amount_of(g.coupon_code)
    )


def predict(
    basket: Sequence[BasketLine],
    offers: Iterable[Offer],
    coupon_codes: Iterable[str],
    *,
    minimum_judged: str = "before",
    reached: str = "at-least",
    precision: Decimal = Decimal("0.01"),
) -> Prediction:
    """What [Total] gives. minimum_judged: `before` or `after` the other discounts; reached: `at-least` or `above`."""
    called = set(coupon_codes)
    ordered = sorted((o for o in offers if o.coupon_code in called), key=lambda o: (o.priority, o.offer_no))
    left = {x.line_no: x.amount for x in basket}
    gross = sum((x.gross for x in basket), ZERO)
    given: list[Given] = []
    blocker = ""
    for offer in ordered:
        judged = gross if minimum_judged == "before" else sum(left.values(), ZERO)
        why = _why_not(offer, judged, reached, blocker)
        one = Given(offer.offer_no, offer.coupon_code, ZERO, reason=why) if why else None
        if one is None:
            one = _give(offer, _step(offer, judged, reached), basket, left, precision)
        given.append(one)
        for line_no, share in one.shares.items():
            left[line_no] -= share
        if one.amount > ZERO and offer.block_total_discount:
            blocker = offer.offer_no
    return Prediction(tuple(given), sum((g.amount for g in given), ZERO))


def _why_not(offer: Offer, judged: Decimal, reached: str, blocker: str) -> str:
    """Why an offer gives nothing, '' when it is triggered (ls-pos.md 2.3, 2.4)."""
    if not offer.enabled:
        return f"{offer.offer_no} is disabled"
    if blocker:
        return f"{blocker} blocks further total discounts"
    if not offer.benefits:
        return f"{offer.offer_no} has no benefit"
    if not _is_reached(judged, offer.amount_to_trigger, reached):
        return f"the total is {judged:.2f}, the trigger of {offer.offer_no} is {offer.amount_to_trigger:.2f}"
    if _step(offer, judged, reached) is None:
        lowest = min(b.step for b in offer.benefits)
        return f"the total is {judged:.2f}, the lowest step of {offer.offer_no} is {lowest:.2f}"
    return ""


def _is_reached(total: Decimal, minimum: Decimal, reached: str) -> bool:
    return minimum == ZERO or total > minimum or (total == minimum and reached == "at-least")


def _step(offer: Offer, judged: Decimal, reached: str) -> Benefit | None:
    """The highest step that is reached; steps do not add up (ls-pos.md 2.3)."""
    there = [b for b in offer.benefits if _is_reached(judged, b.step, reached)]
    return max(there, key=lambda b: b.step, default=None)


def _give(
    offer: Offer,
    benefit: Benefit | None,
    basket: Sequence[BasketLine],
    left: Mapping[int, Decimal],
    precision: Decimal,
) -> Given:
    lines = [
        x
        for x in basket
        if (not offer.items or x.item_no in offer.items) and not x.no_discount and left[x.line_no] > ZERO
    ]
    if not lines or benefit is None:
        return Given(offer.offer_no, offer.coupon_code, ZERO, reason=f"{offer.offer_no} covers no item of the sale")
    # Each offer works on what the earlier ones left: assumed, LS decides it by Sequence Function (ls-pos.md 2.5).
    bases = {x.line_no: left[x.line_no] for x in lines}
    base = sum(bases.values(), ZERO)
    wanted = benefit.value if benefit.kind == "amount" else round_money(base * benefit.value / HUNDRED, precision)
    if offer.maximum_discount is not None:
        wanted = min(wanted, offer.maximum_discount)
    amount = min(wanted, base)
    return Given(offer.offer_no, offer.coupon_code, amount, share_out(amount, bases, precision))


def share_out(amount: Decimal, bases: Mapping[int, Decimal], precision: Decimal) -> dict[int, Decimal]:
    """Shares in proportion to the bases; the rest goes to the largest share, the first on a tie (ls-pos.md 2.6).

    What a line has no room for goes to the next ones, in line order (assumed).
    """
    base = sum(bases.values(), ZERO)
    shares = {no: round_money(amount * part / base, precision) for no, part in bases.items()}
    largest = max(shares, key=lambda no: (shares[no], -no))
    shares[largest] += amount - sum(shares.values(), ZERO)
    over = ZERO
    for no, base in bases.items():
        kept = min(max(shares[no], ZERO), base)
        over += shares[no] - kept
        shares[no] = kept
    for no in sorted(shares):
        moved = max(-shares[no], min(over, bases[no] - shares[no]))
        shares[no] += moved
        over -= moved
    return {no: share for no, share in shares.items() if share}
