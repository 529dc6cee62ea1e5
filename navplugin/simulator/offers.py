"""What LS Retail computes: disc. offers on lines as they are scanned, Total Discount Offers at [Total].

Written from ls-pos.md 2.2 to 2.8 alone and independent of navplugin's own prediction, which a test compares with it.
Amounts are Decimal in the currency, rounded half away from zero to its precision. Lines of a return are not computed:
they carry the share that was frozen when they were sold. A line below zero on a sale takes no discount.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

NOTHING = Decimal(0)
CENTS = Decimal("0.01")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PERCENT, AMOUNT, DEAL_PRICE = "Discount %", "Discount Amount", "Deal Price"


@dataclass(frozen=True, slots=True)
class ScannedLine:
    """An active item line before total discounts. `blocked`: an item without discounts, or a line whose disc. offer
    forbids Total Discount Offers."""

    line_no: int
    item_no: str
    quantity: Decimal
    price: Decimal
    periodic: Decimal = NOTHING
    category: str = ""
    product_group: str = ""
    blocked: bool = False

    def gross(self, unit: Decimal = CENTS) -> Decimal:
        """Quantity times price."""
        return to_unit(self.quantity * self.price, unit)

    def amount(self, unit: Decimal = CENTS) -> Decimal:
        """What is left after the disc. offer."""
        return self.gross(unit) - self.periodic


@dataclass(frozen=True, slots=True)
class TotalOffer:
    """A Total Discount Offer. `steps`: (step amount, value type, value); `lines`: (type, no., exclude).

    `club`, `scheme`: member triggers; '' when not filled in. `coupons` is how often the coupon code is needed.
    `period`: the row of its Validation Period, None for no limit.
    """

    no: str
    coupon_code: str = ""
    coupons: int = 1
    priority: int = 0
    trigger: Decimal = NOTHING
    maximum: Decimal = NOTHING
    blocks_others: bool = False
    price_group: str = ""
    club: str = ""
    scheme: str = ""
    lines: tuple[tuple[str, str, bool], ...] = ()
    steps: tuple[tuple[Decimal, str, Decimal], ...] = ()
    period: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SaleFacts:
    """What triggers look at beside the lines. `coupons` in line order; `when`: the time on the store's wall.

    `judged_after` and `above`: the settings `minimum-judged`, `reached`; `unit`: the currency's rounding precision.
    """

    coupons: tuple[str, ...] = ()
    store_no: str = ""
    club: str = ""
    scheme: str = ""
    judged_after: bool = False
    above: bool = False
    when: datetime | None = None
    unit: Decimal = CENTS


@dataclass(frozen=True, slots=True)
class GivenDiscount:
    """An offer that triggered: its amount and each line's share; the amount may be nothing."""

    offer_no: str
    coupon_code: str
    amount: Decimal
    shares: Mapping[int, Decimal] = field(default_factory=dict)


def to_unit(amount: Decimal, unit: Decimal = CENTS) -> Decimal:
    """Rounded half away from zero to a multiple of the unit."""
    return ((amount / unit).to_integral_value(ROUND_HALF_UP) * unit).quantize(unit)


def disc_offer(
    item_no: str, gross: Decimal, offers: Iterable[Mapping[str, Any]], unit: Decimal = CENTS
) -> tuple[str, Decimal]:
    """The ordinary disc. offer on a line as it is scanned: offer number and amount, ('', 0) when there is none. One
    offer for each line: the lowest priority number, then the lowest number."""
    fitting = sorted((int(o.get("priority", 0)), str(o["no"]), o["percent"]) for o in offers if item_no in o["items"])
    if not fitting:
        return "", NOTHING
    _, number, percent = fitting[0]
    return number, to_unit(gross * percent / 100, unit)


def total_discounts(
    lines: Sequence[ScannedLine], offers: Iterable[TotalOffer], facts: SaleFacts
) -> tuple[GivenDiscount, ...]:
    """Everything that [Total] gives, in the order of calculation: lowest priority number first, then the order of the
    coupon lines, then offer number; an offer without a coupon comes after those with one.

    A later offer works on what the earlier ones left (INF from ls-pos.md 2.5); an offer that blocks others ends it.
    """
    left = {line.line_no: line.amount(facts.unit) for line in lines}
    before = sum((line.gross(facts.unit) for line in lines), NOTHING)
    given: list[GivenDiscount] = []
    for offer in sorted(offers, key=lambda one: _turn(one, facts)):
        total = sum(left.values(), NOTHING) if facts.judged_after else before
        value = _reached_step(offer, total, facts) if _triggered(offer, total, facts) else None
        if value is None:
            continue
        open_lines = [line for line in lines if not line.blocked and left[line.line_no] > 0]
        bases = {line.line_no: left[line.line_no] for line in open_lines if _covers(offer, line)}
        amount = _worth(offer, value, sum(bases.values(), NOTHING), facts.unit)
        shares = distribute(amount, bases, facts.unit)
        for line_no, share in shares.items():
            left[line_no] -= share
        given.append(GivenDiscount(offer.no, offer.coupon_code, amount, shares))
        if offer.blocks_others and amount:
            break
    return tuple(given)


def _turn(offer: TotalOffer, facts: SaleFacts) -> tuple[int, int, str]:
    there = offer.coupon_code and offer.coupon_code in facts.coupons
    return offer.priority, facts.coupons.index(offer.coupon_code) if there else len(facts.coupons), offer.no


def distribute(amount: Decimal, bases: Mapping[int, Decimal], unit: Decimal = CENTS) -> dict[int, Decimal]:
    """Shares by line that add up to the amount: proportional, rounded, the rest to the line with the largest share,
    on a tie the first (ls-pos.md 2.6). What would take a line below zero goes to the next largest.

    The amount is at most the sum of the bases.
    """
    total = sum(bases.values(), NOTHING)
    if not amount or not total:
        return {}
    shares = {}
    for line_no in sorted(bases):
        shares[line_no] = min(bases[line_no], to_unit(amount * bases[line_no] / total, unit))
    rest = amount - sum(shares.values(), NOTHING)
    for line_no in sorted(shares, key=lambda one: (-shares[one], one)):
        moved = max(-shares[line_no], min(rest, bases[line_no] - shares[line_no]))
        shares[line_no] += moved
        rest -= moved
        if not rest:
            break
    return shares


def offers_from(
    headers: Iterable[Mapping[str, Any]],
    items: Iterable[Mapping[str, Any]],
    benefits: Iterable[Mapping[str, Any]],
    periods: Iterable[Mapping[str, Any]] = (),
) -> list[TotalOffer]:
    """Enabled Total Discount Offers from the rows of NAV's tables (ls-pos.md 1.6 to 1.8)."""
    items, benefits = list(items), list(benefits)
    by_id = {row["ID"]: row for row in periods}
    found = []
    for row in headers:
        if row["Status"] != "Enabled" or row["Type"] != "Total Discount":
            continue
        number, member = row["No"], row["Member_Value"]
        found.append(
            TotalOffer(
                no=number,
                coupon_code=row["Coupon_Code"],
                coupons=max(1, row["Coupon_Qty_Needed"]),
                priority=row["Priority"],
                trigger=row["Amount_to_Trigger"],
                maximum=row["Maximum_Discount_Amount"],
                blocks_others=row["Block_Total_Discount_Offer"],
                price_group=row["Price_Group"],
                club=member if row["Member_Type"] == "Club" else "",
                scheme=member if row["Member_Type"] == "Scheme" else "",
                lines=tuple((i["Type"], i["No"], i["Exclude"]) for i in items if i["Offer_No"] == number),
                steps=tuple(
                    (b["Step_Amount"], b["Value_Type"], b["Value"])
                    for b in benefits
                    if b["Offer_No"] == number and b["Type"] == "Discount"
                ),
                period=by_id.get(row["Validation_Period_ID"]),
            )
        )
    return found


def _triggered(offer: TotalOffer, total: Decimal, facts: SaleFacts) -> bool:
    """All triggers that are filled in must hold (ls-pos.md 2.3)."""
    if offer.coupon_code and facts.coupons.count(offer.coupon_code) < offer.coupons:
        return False
    if offer.price_group not in ("", "ALL", facts.store_no):
        return False
    if offer.club not in ("", facts.club) or offer.scheme not in ("", facts.scheme):
        return False
    if offer.period is not None and facts.when is not None and not _in_period(offer.period, facts.when):
        return False
    return not offer.trigger or is_reached(total, offer.trigger, above=facts.above)


def is_reached(total: Decimal, minimum: Decimal, *, above: bool) -> bool:
    """Whether a minimum is reached; whether equal is enough is a setting, unknown in LS (ls-pos.md 2.3)."""
    return total > minimum if above else total >= minimum


def _reached_step(offer: TotalOffer, total: Decimal, facts: SaleFacts) -> tuple[str, Decimal] | None:
    """The highest step that is reached; steps do not add up."""
    reached = [s for s in offer.steps if not s[0] or is_reached(total, s[0], above=facts.above)]
    if not reached:
        return None
    _, kind, value = max(reached, key=lambda step: step[0])
    return kind, value


def _in_period(period: Mapping[str, Any], when: datetime) -> bool:
    """Whether a Validation Period holds. One that ends before it starts runs into the next day (INF)."""
    clock = f"{when:%H:%M:%S}"
    starts, ends = (period[name] if period[name].strip("0:") else "" for name in ("Starting_Time", "Ending_Time"))
    over_night = bool(starts and ends and ends < starts)
    on_time = (not starts or clock >= starts) and (not ends or clock <= ends)
    if over_night:
        on_time = clock >= starts or clock <= ends
    day: date = when.date() - timedelta(days=int(over_night and clock <= ends))
    first, last = period["Starting_Date"], period["Ending_Date"]
    in_dates = (not first or first <= day) and (not last or day <= last)
    ticked = [name for name in DAYS if period[name]]
    return on_time and in_dates and (not ticked or DAYS[day.weekday()] in ticked)


def _worth(offer: TotalOffer, value: tuple[str, Decimal], base: Decimal, unit: Decimal) -> Decimal:
    kind, number = value
    amount = {PERCENT: base * number / 100, AMOUNT: number, DEAL_PRICE: base - number}[kind]
    if offer.maximum:
        amount = min(amount, offer.maximum)
    if amount >= base:  # the whole of it, also where it is no multiple of the unit
        return max(NOTHING, base)
    return max(NOTHING, min(to_unit(amount, unit), base))


def _covers(offer: TotalOffer, line: ScannedLine) -> bool:
    """Whether the discount may land on the line; an offer that names no items covers all."""
    groups = {"Item": line.item_no, "Item Category": line.category, "Product Group": line.product_group}
    meant = [exclude for kind, number, exclude in offer.lines if kind == "All" or groups.get(kind) == number]
    if any(meant):
        return False
    return bool(meant) or all(exclude for _, _, exclude in offer.lines)
