"""Whether NAV's Total Discount Offers and AIQ's discounts fit: coupon codes both ways, amounts, coupons. Pure.

AIQ tells a discount's amount and points, but no minimum (aiq-api.md 5.1): minima are NAV's alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal

from navplugin.core.model import Offer, Row, WalletDiscount
from navplugin.core.problems import did_you_mean
from navplugin.doctor.finding import Finding, fine, notice, wrong

_OFFERS = "page Total Discount Offers"


def compare(
    offers: Sequence[Offer],
    coupons: Mapping[str, Row],
    discounts: Sequence[WalletDiscount] | None,
    price_groups: Collection[str],
) -> Iterator[Finding]:
    """All that does not fit. coupons: rows of AIQ_Coupons by code. discounts: None when AIQ's are not known.
    price_groups: those of all stores of the profile."""
    enabled = [offer for offer in offers if offer.enabled and offer.coupon_code]
    found = [
        *(finding for offer in enabled for finding in _offer(offer, coupons, price_groups)),
        *_twice(enabled, discounts or ()),
        *(finding for discount in discounts or () for finding in _discount(discount, offers)),
    ]
    if discounts is not None:
        known = {discount.coupon_code for discount in discounts}
        found += [_not_in_aiq(offer) for offer in enabled if offer.coupon_code not in known]
    yield from found
    if discounts and not found:
        yield fine("discounts", "NAV and AIQ", f"{len(discounts)} AIQ discounts and {len(enabled)} offers fit")


def _offer(offer: Offer, coupons: Mapping[str, Row], price_groups: Collection[str]) -> Iterator[Finding]:
    code, named = offer.coupon_code, f"offer {offer.offer_no}"
    if not offer.benefits:
        text = "the offer is enabled and has no benefit in percent or amount: [Total] gives nothing for it"
        yield wrong("offer-benefit", named, text, "disable it, enter a benefit with its Step Amount, enable it")
    if price_groups and not offer.holds_in(price_groups):
        text = f"its Price Group {offer.price_group} is that of no store of the profile: it is offered nowhere"
        step = "leave Price Group blank, set ALL or a store's own, or name it in price-groups of the profile"
        yield notice("offer-price-group", named, text, step)
    coupon = coupons.get(code)
    if coupon is None:
        text = f"there is no coupon {code}, which triggers offer {offer.offer_no}"
        yield wrong("coupon", code, text, f"create coupon {code} with Handling Discount and enable it")
        return
    if coupon["Status"] != "Enabled":
        text = f"the coupon of offer {offer.offer_no} is disabled: the till refuses it"
        yield wrong("coupon", code, text, "enable the coupon")
    if coupon["Handling"] == "Tender":
        text = "the coupon's Handling is Tender: it would be a payment after tax, beside the offer's discount"
        yield wrong("coupon", code, text, "set Handling to Discount")


def _twice(offers: Sequence[Offer], discounts: Sequence[WalletDiscount]) -> Iterator[Finding]:
    for code, count in Counter(d.coupon_code for d in discounts).items():
        if count > 1:
            names = " and ".join(f"'{d.name}' ({d.points_cost:f} points)" for d in discounts if d.coupon_code == code)
            text = f"{count} AIQ discounts have this coupon code: {names}, and only the cheaper one is granted"
            yield wrong("discount-twice", code, text, "give each its own coupon and offer in NAV")
    for code, count in Counter(o.coupon_code for o in offers).items():
        if count > 1:
            numbers = " and ".join(o.offer_no for o in offers if o.coupon_code == code)
            text = f"the enabled offers {numbers} are triggered by the same coupon: both would count"
            yield notice("offer-twice", code, text, "leave one enabled, or tell them apart by Price Group")


def _discount(discount: WalletDiscount, offers: Sequence[Offer]) -> Iterator[Finding]:
    code, named = discount.coupon_code, f"AIQ discount '{discount.name}'"
    own = [offer for offer in offers if offer.coupon_code == code]
    enabled = [offer for offer in own if offer.enabled]
    if not own:
        near = did_you_mean(code, sorted({offer.coupon_code for offer in offers if offer.coupon_code}))
        text = f"{named} names a coupon code that no Total Discount Offer has"
        step = "mend its POS Discount ID in AIQ or make the offer"
        yield wrong("discount-no-offer", code, text, f"{step} ({near})" if near else step)
    elif not enabled:
        text = f"{named} belongs to offer {own[0].offer_no}, which is disabled: it is never shown"
        yield wrong("discount-no-offer", code, text, f"enable the offer on {_OFFERS}")
    for offer in enabled:
        if offer.benefits:
            yield from _amounts(discount, offer)


def _amounts(discount: WalletDiscount, offer: Offer) -> Iterator[Finding]:
    """AIQ's static amount or percentage against the offer's benefits; nothing where AIQ tells none."""
    told = {"amount": discount.dollar_value, "percent": discount.percentage_value}
    given = {kind: {b.value for b in offer.benefits if b.kind == kind} for kind in told}
    for kind, value in told.items():
        if value is None or value in given[kind]:
            continue
        real = " or ".join(_worth(b.kind, b.value) for b in offer.benefits)
        text = f"AIQ promises {_worth(kind, value)}, offer {offer.offer_no} gives {real}"
        yield wrong("discount-amount", discount.coupon_code, text, "make both the same: NAV's amount is what counts")
    cap, promised = offer.maximum_discount, discount.dollar_value
    if cap is not None and promised is not None and promised in given["amount"] and cap < promised:
        text = f"AIQ promises {promised:.2f}, and Maximum Discount Amount of offer {offer.offer_no} is {cap:.2f}"
        yield wrong("discount-amount", discount.coupon_code, text, "raise the maximum or lower the promise")


def _not_in_aiq(offer: Offer) -> Finding:
    text = f"offer {offer.offer_no} is enabled, and the test member's wallet has no discount with its coupon code"
    step = "type the code into POS Discount ID of the AIQ discount, or take no notice if the offer is not AIQ's"
    return notice("offer-not-in-aiq", offer.coupon_code, text, step)


def _worth(kind: str, value: Decimal) -> str:
    return f"{value:.2f}" if kind == "amount" else f"{value.normalize():f} %"
