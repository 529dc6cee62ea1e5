"""What NAV will give: Total Discount Offers at [Total], predicted from ls-pos.md 2.2 to 2.8. Pure.

We carry and check; LS computes the money (design.md 1). The prediction is shown before the sale and compared after it.
What nobody documents is one parameter (which total is compared with a minimum) or stands in one function.
Amounts are those that the price shows: with tax in them where the store's prices are, without where they are not. Tax
is never computed here: a line that is left with 0.00 has no tax, whatever its rounding (ls-pos.md 2.7).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from navplugin.core.model import Benefit, Journal, JournalLine, Offer, Situation, StoreSettings, Validity
from navplugin.core.money import CENT, ZERO, round_money, show_money

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class BasketLine:
    """An item line. gross: quantity times price. amount: after line and periodic discounts, before [Total].

    discountable: no where the item or an earlier offer forbids discounts.
    """

    line_no: int
    item_no: str
    gross: Decimal
    amount: Decimal
    discountable: bool = True
    category: str = ""
    product_group: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a store judges minima and rounds. minimum_judged: `before` or `after` the other discounts; reached:
    `at-least` or `above`; precision: the currency's amount rounding precision."""

    minimum_judged: str = "before"
    reached: str = "at-least"
    precision: Decimal = CENT


USUAL = Terms()


@dataclass(frozen=True, slots=True)
class Occasion:
    """What triggers look at beside the lines: price groups of the store, club and scheme of the member, store time."""

    price_groups: tuple[str, ...] = ()
    club: str = ""
    scheme: str = ""
    when: datetime | None = None


class Nothing(StrEnum):
    """Why an offer gives nothing."""

    DISABLED = "disabled"
    NOT_PICKED = "not-picked"
    PRICE_GROUP = "price-group"
    MEMBER = "member"
    VALIDITY = "validity"
    NO_BENEFIT = "no-benefit"
    BLOCKED = "blocked"
    BELOW = "below"
    NO_ITEM = "no-item"
    NO_DISCOUNT = "no-discount"
    NOTHING_LEFT = "nothing-left"
    ROUNDED_AWAY = "rounded-away"


@dataclass(frozen=True, slots=True)
class Given:
    """What one offer gives: the amount, its shares by line number, the step that was reached.

    Where it gives nothing: why, the reason as a sentence, and the gap: what the total lacks, zero where it is not
    money that is missing.
    """

    offer_no: str
    coupon_code: str
    amount: Decimal
    shares: Mapping[int, Decimal] = field(default_factory=dict)
    step: Decimal | None = None
    why: Nothing | None = None
    reason: str = ""
    gap: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Prediction:
    """Every offer in the order in which LS takes them; left: what each line still costs, by line number."""

    offers: tuple[Given, ...]
    total: Decimal
    left: Mapping[int, Decimal] = field(default_factory=dict)

    def amount_of(self, coupon_code: str) -> Decimal:
        """What this coupon code gives."""
        return sum((g.amount for g in self.offers if g.coupon_code == coupon_code), ZERO)

    def amount_of_offer(self, offer_no: str) -> Decimal:
        """What this offer gives."""
        return sum((g.amount for g in self.offers if g.offer_no == offer_no), ZERO)


def terms_of(store: StoreSettings) -> Terms:
    """The terms that a store's profile section names."""
    return Terms(store.minimum_judged, store.reached, store.currency_precision)


def occasion_of(situation: Situation) -> Occasion:
    """What triggers look at beside the lines, for this sale: now, or when it was posted."""
    member, store, posted = situation.member, situation.store, situation.snapshot.posted
    at = posted.posted_at if posted and posted.posted_at else situation.now
    return Occasion(
        price_groups=store.all_price_groups,
        club=member.club_code if member else "",
        scheme=member.scheme_code if member else "",
        when=at.astimezone(ZoneInfo(store.time_zone)).replace(tzinfo=None),
    )


def basket_of(journal: Journal, no_discount: Collection[str] = ()) -> tuple[BasketLine, ...]:
    """The basket of an open sale, as it stands before offers at [Total]. no_discount: items that take no discount."""
    return tuple(basket_line(x, x.amount + x.total_disc_amount, no_discount) for x in journal.items)


def basket_line(line: JournalLine, amount: Decimal, no_discount: Collection[str]) -> BasketLine:
    """An item line of the journal or of a posted sale, with its amount before offers at [Total]."""
    return BasketLine(
        line_no=line.line_no,
        item_no=line.number,
        gross=line.quantity * line.price,
        amount=amount,
        discountable=line.number not in no_discount,
        category=line.item_category_code,
        product_group=line.retail_product_code,
    )


def predict(
    basket: Sequence[BasketLine],
    offers: Iterable[Offer],
    picked: Iterable[str],
    terms: Terms = USUAL,
    occasion: Occasion | None = None,
) -> Prediction:
    """What [Total] gives. picked: the coupon codes on the sale in pick order, as often as each is there.

    occasion None: price groups, members and validity are not judged. Offers of one priority go in pick order, then by
    number; those without a coupon code fire by themselves and come after the picked ones (assumed).
    """
    codes = list(picked)
    place = {code: n for n, code in reversed(list(enumerate(codes)))}
    ordered = sorted(offers, key=lambda o: (o.priority, place.get(o.coupon_code, len(codes)), o.offer_no))
    left = {x.line_no: x.amount for x in sorted(basket, key=lambda x: x.line_no)}
    gross = sum((round_money(x.gross, terms.precision) for x in basket), ZERO)
    given: list[Given] = []
    blocker = ""
    for offer in ordered:
        judged = gross if terms.minimum_judged == "before" else sum(left.values(), ZERO)
        one = _not_called(offer, codes, occasion) or _blocked(offer, blocker) or _below(offer, judged, terms)
        if one is None:
            one = _give(offer, judged, basket, left, terms)
        given.append(one)
        for line_no, share in one.shares.items():
            left[line_no] -= share
        if one.amount > ZERO and offer.block_total_discount:
            blocker = offer.offer_no
    return Prediction(tuple(given), sum((g.amount for g in given), ZERO), left)


def would_give(
    coupon_code: str,
    basket: Sequence[BasketLine],
    offers: Sequence[Offer],
    picked: Sequence[str],
    terms: Terms = USUAL,
    occasion: Occasion | None = None,
) -> Given | None:
    """What this coupon code would give on the basket now, after what is picked; None where no offer has the code.

    It is the same pass with the coupon added: what a code does to the others is not its own amount.
    """
    mine = [o for o in offers if o.coupon_code == coupon_code]
    if not mine:
        return None
    codes = list(picked)
    codes += [coupon_code] * max(0, max(o.coupons_needed for o in mine) - codes.count(coupon_code))
    found = [g for g in predict(basket, offers, codes, terms, occasion).offers if g.coupon_code == coupon_code]
    return max(found, key=lambda g: g.amount)


def share_out(amount: Decimal, bases: Mapping[int, Decimal], precision: Decimal) -> dict[int, Decimal]:
    """Shares in proportion to the bases, exact: they add up to the amount (ls-pos.md 2.6). Zero shares are left out.

    bases: what each line costs, by line number. The rest goes to the largest share, the first line on a tie; what does
    not fit between 0 and the line's own amount goes on to the next largest (assumed).
    """
    base = sum(bases.values(), ZERO)
    if base <= ZERO:
        return {}
    shares = {no: min(round_money(amount * part / base, precision), part) for no, part in sorted(bases.items())}
    rest = amount - sum(shares.values(), ZERO)
    for no in sorted(shares, key=lambda no: (-shares[no], no)):
        moved = max(-shares[no], min(rest, bases[no] - shares[no]))
        shares[no] += moved
        rest -= moved
        if not rest:
            break
    return {no: share for no, share in shares.items() if share}


def give_back(
    paid: Decimal, sold: Decimal, returned_before: Decimal, returned_now: Decimal, precision: Decimal = CENT
) -> Decimal:
    """What goes back for a part of a line: its frozen share, never a fresh calculation (what-users-expect.md 28).

    paid: what the whole line cost after all discounts; also a share of one discount. Quantities are those of the till.
    Part returns of one line add up to what was paid, whatever their number.
    """
    if sold == ZERO:
        return ZERO
    so_far = round_money(paid * returned_before / sold, precision) if returned_before != sold else paid
    after = returned_before + returned_now
    return (paid if after == sold else round_money(paid * after / sold, precision)) - so_far


# ---- one offer ---------------------------------------------------------------------------------------------------


def _not_called(offer: Offer, codes: Sequence[str], occasion: Occasion | None) -> Given | None:
    """Why an offer is not triggered, whatever the lines are (ls-pos.md 2.3); None when it is."""
    if not offer.enabled:
        return _nothing(offer, Nothing.DISABLED, f"{offer.offer_no} is disabled")
    if offer.coupon_code and codes.count(offer.coupon_code) < offer.coupons_needed:
        times = f" {offer.coupons_needed} times" if offer.coupons_needed > 1 else ""
        return _nothing(offer, Nothing.NOT_PICKED, f"coupon code {offer.coupon_code} was not picked{times}")
    return None if occasion is None else _not_now(offer, occasion)


def _not_now(offer: Offer, occasion: Occasion) -> Given | None:
    """Why an offer does not hold here, for this member, at this time."""
    no = offer.offer_no
    if not offer.holds_in(occasion.price_groups):
        return _nothing(offer, Nothing.PRICE_GROUP, f"{no} is for price group {offer.price_group}")
    for kind, wanted, there in (("club", offer.club, occasion.club), ("scheme", offer.scheme, occasion.scheme)):
        if wanted not in ("", there):
            return _nothing(offer, Nothing.MEMBER, f"{no} is for members of {kind} {wanted}")
    if offer.validity is not None and occasion.when is not None and not is_valid(offer.validity, occasion.when):
        return _nothing(offer, Nothing.VALIDITY, f"{no} is not valid on {occasion.when:%A %Y-%m-%d at %H:%M}")
    return None


def is_valid(validity: Validity, when: datetime) -> bool:
    """Whether a Validation Period holds at this store time; both ends count."""
    day, at = when.date(), when.time()
    starts, ends = validity.starts, validity.ends
    if starts is not None and ends is not None and ends < starts:
        if ends < at < starts:
            return False
        day -= timedelta(days=1) if at <= ends else timedelta(0)  # the small hours belong to the evening before
    elif (starts is not None and at < starts) or (ends is not None and at > ends):
        return False
    if (validity.first is not None and day < validity.first) or (validity.last is not None and day > validity.last):
        return False
    return not validity.weekdays or day.weekday() in validity.weekdays


def _blocked(offer: Offer, blocker: str) -> Given | None:
    """What an earlier offer's settings, or an offer without benefits, leave to it."""
    if blocker:
        return _nothing(offer, Nothing.BLOCKED, f"{blocker} blocks further total discounts")
    return None if offer.benefits else _nothing(offer, Nothing.NO_BENEFIT, f"{offer.offer_no} has no benefit")


def _below(offer: Offer, judged: Decimal, terms: Terms) -> Given | None:
    """Whether the total that counts is below the offer's trigger or its lowest step, and by how much."""
    lowest = min(b.step for b in offer.benefits)
    for minimum, name in ((offer.amount_to_trigger, "trigger"), (lowest, "lowest step")):
        if not _is_reached(judged, minimum, terms.reached):
            gap = minimum - judged + (terms.precision if terms.reached == "above" else ZERO)
            total, needed = (show_money(x, terms.precision) for x in (judged, minimum))
            said = f"the total is {total}, the {name} of {offer.offer_no} is {needed}"
            return _nothing(offer, Nothing.BELOW, said, gap)
    return None


def _is_reached(total: Decimal, minimum: Decimal, reached: str) -> bool:
    return minimum == ZERO or total > minimum or (total == minimum and reached == "at-least")


def _give(
    offer: Offer, judged: Decimal, basket: Sequence[BasketLine], left: Mapping[int, Decimal], terms: Terms
) -> Given:
    benefit = _step(offer, judged, terms)
    covered = covered_by(offer, basket)
    # Each offer works on what the earlier ones left: assumed, LS decides it by Sequence Function (ls-pos.md 2.5).
    bases = {x.line_no: left[x.line_no] for x in covered if x.discountable and left[x.line_no] > ZERO}
    amount = _amount(offer, benefit, sum(bases.values(), ZERO), terms.precision)
    if amount > ZERO:
        shares = share_out(amount, bases, terms.precision)
        return Given(offer.offer_no, offer.coupon_code, amount, shares, benefit.step)
    no = offer.offer_no
    why, said = Nothing.ROUNDED_AWAY, f"the discount of {no} comes to {show_money(ZERO, terms.precision)}"
    if not covered:
        why, said = Nothing.NO_ITEM, f"{no} covers no item of the sale"
    elif not any(x.discountable for x in covered):
        why, said = Nothing.NO_DISCOUNT, f"the items that {no} covers take no discount"
    elif not bases:
        why, said = Nothing.NOTHING_LEFT, f"nothing is left to discount for {no}"
    return Given(no, offer.coupon_code, ZERO, step=benefit.step, why=why, reason=said)


def _step(offer: Offer, judged: Decimal, terms: Terms) -> Benefit:
    """The highest step that is reached; steps do not add up (ls-pos.md 2.3)."""
    return max((b for b in offer.benefits if _is_reached(judged, b.step, terms.reached)), key=lambda b: b.step)


def _amount(offer: Offer, benefit: Benefit, base: Decimal, precision: Decimal) -> Decimal:
    """The discount in money, at most what may be discounted. All of it stays all of it, whatever the rounding."""
    whole = benefit.kind == "percent" and benefit.value >= HUNDRED
    wanted = base if whole else benefit.value if benefit.kind == "amount" else base * benefit.value / HUNDRED
    if offer.maximum_discount is not None:
        wanted = min(wanted, offer.maximum_discount)
    return max(ZERO, base if wanted >= base else min(round_money(wanted, precision), base))


def covered_by(offer: Offer, basket: Sequence[BasketLine]) -> list[BasketLine]:
    """Lines on which the discount may land (ls-pos.md 1.7); an exclusion beats everything that includes."""
    included = {(x.kind, x.number) for x in offer.lines if not x.exclude}
    excluded = {(x.kind, x.number) for x in offer.lines if x.exclude}
    everything = not included or any(kind == "All" for kind, _ in included)
    if any(kind == "All" for kind, _ in excluded):
        return []
    return [x for x in basket if (everything or _names(included, x)) and not _names(excluded, x)]


def _names(marks: set[tuple[str, str]], line: BasketLine) -> bool:
    own = (("Item", line.item_no), ("Item Category", line.category), ("Product Group", line.product_group))
    return bool(marks) and any(number != "" and (kind, number) in marks for kind, number in own)


def _nothing(offer: Offer, why: Nothing, reason: str, gap: Decimal = ZERO) -> Given:
    return Given(offer.offer_no, offer.coupon_code, ZERO, why=why, reason=reason, gap=gap)
