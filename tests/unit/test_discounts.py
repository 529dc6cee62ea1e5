"""The prediction of what NAV will give: every rule of ls-pos.md 2 and of what-users-expect.md 3, each by name."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from navplugin.core.model import Benefit, Offer, OfferLine, Validity
from navplugin.core.money import CENT, ZERO
from navplugin.discounts import BasketLine, Given, Nothing, Occasion, Terms, give_back, is_valid, predict, share_out

D = Decimal
USUAL, AFTER, ABOVE = Terms(), Terms(minimum_judged="after"), Terms(reached="above")


def basket(*amounts: str) -> list[BasketLine]:
    return [BasketLine(n * 10000, f"I{n}", D(a), D(a)) for n, a in enumerate(amounts, start=1)]


def offer(code: str = "AP0004", value: str = "100", kind: str = "amount", trigger: str = "0", **more: object) -> Offer:
    more = {"benefits": (Benefit(ZERO, kind, D(value)),), **more}
    return Offer(f"T-{code}", "", True, code, amount_to_trigger=D(trigger), **more)  # type: ignore[arg-type]


def one(lines: list[BasketLine], what: Offer, terms: Terms = USUAL, **more: object) -> Given:
    (given,) = predict(lines, [what], [what.coupon_code], terms, **more).offers  # type: ignore[arg-type]
    return given


# ---- shares: ls-pos.md 2.6, what-users-expect.md 22, 23, 26 ---------------------------------------------------------


@pytest.mark.parametrize(
    ("bases", "amount", "shares"),
    [
        (["30", "30", "15"], "10", ["4.00", "4.00", "2.00"]),
        (["33.33", "33.33", "33.34"], "10", ["3.34", "3.33", "3.33"]),
        (["12.50", "7.25", "0.99", "44.10"], "5", ["0.96", "0.56", "0.08", "3.40"]),
        (["9.99"] * 7, "15", ["2.16", *["2.14"] * 6]),
        (["100", "0.01"], "5", ["5.00", "0.00"]),
    ],
)  # fmt: skip
def test_the_vectors_of_ls_pos_2_6(bases: list[str], amount: str, shares: list[str]) -> None:
    found = share_out(D(amount), {n: D(b) for n, b in enumerate(bases)}, CENT)
    assert [found.get(n, ZERO) for n in range(len(bases))] == [D(s) for s in shares]


def test_the_rest_goes_to_the_largest_share_and_on_a_tie_to_the_first_line() -> None:
    assert share_out(D("0.10"), {1: D(5), 2: D(5), 3: D(5)}, CENT) == {1: D("0.04"), 2: D("0.03"), 3: D("0.03")}
    assert share_out(D("0.03"), {1: D(5), 2: D(5)}, CENT) == {1: D("0.01"), 2: D("0.02")}
    assert share_out(D("10"), {1: D(10), 2: D(10), 3: D("20.02")}, CENT) == {1: D("2.50"), 2: D("2.50"), 3: D("5.00")}
    assert share_out(D("0.02"), {1: D(5), 2: D(5), 3: D("20.01"), 4: D(5)}, CENT) == {3: D("0.02")}


def test_the_first_line_is_the_one_with_the_lowest_number_wherever_it_stands() -> None:
    assert share_out(D("0.10"), {30: D(5), 20: D(5), 40: D(5)}, CENT)[20] == D("0.04")


def test_a_rest_that_is_too_large_for_the_largest_share_goes_on_to_the_next() -> None:
    assert share_out(D("0.03"), {n: D("0.01") for n in range(7)}, CENT) == {n: D("0.01") for n in range(3)}
    assert share_out(D("0.02"), {n: D(5) for n in range(4)}, CENT) == {2: D("0.01"), 3: D("0.01")}


def test_free_lines_get_no_share() -> None:
    assert one(basket("0", "20", "0"), offer(value="5")).shares == {20000: D(5)}


def test_items_that_take_no_discount_get_none_whatever_the_offer_says() -> None:
    lines = [BasketLine(1, "A", D(50), D(50)), BasketLine(2, "B", D(50), D(50), discountable=False)]
    assert one(lines, offer(value="10", lines=(OfferLine("All"),))).shares == {1: D(10)}
    none = one(lines[1:], offer(value="10"))
    assert (none.why, none.reason) == (Nothing.NO_DISCOUNT, "the items that T-AP0004 covers take no discount")


def test_a_discount_is_capped_at_what_may_be_discounted() -> None:
    assert one(basket("60", "15"), offer(value="100")).shares == {10000: D(60), 20000: D(15)}


def test_a_second_offer_with_nothing_left_gives_0_and_is_recorded() -> None:
    found = predict(basket("30"), [offer("A", "50"), offer("B", "5")], ["A", "B"])
    assert [(g.amount, g.why) for g in found.offers] == [(D(30), None), (ZERO, Nothing.NOTHING_LEFT)]
    assert found.offers[1].reason == "nothing is left to discount for T-B"


@pytest.mark.parametrize("precision", ["0.01", "0.05", "1", "0.001"])
@pytest.mark.parametrize("net", [["33.33", "0.01", "7.77"], ["28.0084", "0.0084", "6.5294"]])
def test_100_percent_off_leaves_0_whatever_the_tax_rounding(net: list[str], precision: str) -> None:
    found = predict(basket(*net), [offer(value="100", kind="percent")], ["AP0004"], Terms(precision=D(precision)))
    assert set(found.left.values()) == {ZERO}


def test_ten_percent_on_each_line_and_on_the_total_may_differ_by_cents() -> None:
    lines = basket("0.05", "0.05", "0.05")
    assert one(lines, offer(value="10", kind="percent")).amount == D("0.02")
    each = [one([line], offer(value="10", kind="percent")).amount for line in lines]
    assert sum(each) == D("0.03")


def test_all_rounding_is_half_up() -> None:
    assert one(basket("0.50"), offer(value="1", kind="percent")).amount == D("0.01")
    assert one(basket("0.49"), offer(value="1", kind="percent")).why is Nothing.ROUNDED_AWAY
    assert one(basket("10"), offer(value="1.005")).amount == D("1.01")


@pytest.mark.parametrize(
    ("precision", "amount"), [("0.01", "3.33"), ("0.05", "3.35"), ("1", "3"), ("0.001", "3.333")]
)  # fmt: skip
def test_money_is_rounded_to_the_currency(precision: str, amount: str) -> None:
    found = one(basket("33.333"), offer(value="10", kind="percent"), Terms(precision=D(precision)))
    assert found.amount == D(amount)


# ---- order: ls-pos.md 2.4, 2.5, what-users-expect.md 20, 24 ---------------------------------------------------------


def test_line_discounts_come_first_and_the_offer_works_on_what_is_left() -> None:
    assert one([BasketLine(1, "I", D(100), D(80))], offer(value="10", kind="percent")).amount == D(8)


def test_the_guides_sale_at_120_gets_100_off() -> None:
    found = predict([BasketLine(1, "FLOWER", D(75), D(75)), BasketLine(2, "VAPE", D(50), D(45))], [offer()], ["AP0004"])
    assert found.total == found.amount_of("AP0004") == D(100)


def test_lower_priority_numbers_come_first_then_pick_order() -> None:
    ten, five, half = offer("A", "10"), offer("B", "50", "percent"), offer("C", "50", "percent", priority=-1)
    order = [g.coupon_code for g in predict(basket("100"), [ten, five, half], ["B", "A", "C"]).offers]
    assert order == ["C", "B", "A"]
    amounts = [predict(basket("100"), [ten, five], codes).amount_of("B") for codes in (["A", "B"], ["B", "A"])]
    assert amounts == [D(45), D(50)]


def test_an_offer_without_a_coupon_fires_by_itself_and_after_the_picked_ones() -> None:
    found = predict(basket("100"), [offer("", "10"), offer("A", "5")], ["A"])
    assert [(g.coupon_code, g.amount) for g in found.offers] == [("A", D(5)), ("", D(10))]


def test_an_offer_that_blocks_stops_those_after_it_but_only_if_it_gave_something() -> None:
    first = offer("A", "10", priority=1, block_total_discount=True)
    found = predict(basket("100"), [offer("B", "5", priority=2), first], ["A", "B"])
    assert [(g.coupon_code, g.amount) for g in found.offers] == [("A", D(10)), ("B", ZERO)]
    assert (found.offers[1].why, found.offers[1].reason) == (Nothing.BLOCKED, "T-A blocks further total discounts")
    empty = offer("A", "10", priority=1, block_total_discount=True, lines=(OfferLine("Item", "NONE"),))
    assert predict(basket("100"), [empty, offer("B", "5", priority=2)], ["A", "B"]).amount_of("B") == D(5)


def test_judged_after_an_earlier_discount_can_push_the_sale_below_a_later_minimum() -> None:
    offers = [offer("A", "30"), offer("B", "5", trigger="100")]
    assert predict(basket("120"), offers, ["A", "B"]).amount_of("B") == D(5)
    dropped = predict(basket("120"), offers, ["A", "B"], AFTER).offers[1]
    assert (dropped.why, dropped.gap) == (Nothing.BELOW, D(10))
    assert dropped.reason == "the total is 90.00, the trigger of T-B is 100.00"
    assert predict(basket("120"), offers, ["B", "A"], AFTER).amount_of("B") == D(5)


def test_fewer_or_more_lines_switch_an_offer_on_and_off_at_once() -> None:
    with_minimum = offer(value="10", trigger="100")
    amounts = [one(basket(*x), with_minimum).amount for x in (["60"], ["60", "40"], ["60"])]
    assert amounts == [ZERO, D(10), ZERO]


# ---- triggers and steps: ls-pos.md 2.3, what-users-expect.md 21 -----------------------------------------------------


def test_an_offer_that_is_not_picked_gives_0_and_says_so() -> None:
    (given,) = predict(basket("75"), [offer()], []).offers
    assert (given.amount, given.why) == (ZERO, Nothing.NOT_PICKED)
    assert given.reason == "coupon code AP0004 was not picked"


def test_a_coupon_may_be_needed_more_than_once() -> None:
    twice = offer(value="10", coupons_needed=2)
    assert predict(basket("75"), [twice], ["AP0004"]).offers[0].reason == "coupon code AP0004 was not picked 2 times"
    assert predict(basket("75"), [twice], ["AP0004", "AP0004"]).total == D(10)


def test_a_disabled_offer_and_one_without_a_benefit_say_why() -> None:
    assert one(basket("75"), Offer("T", "", False, "C")).reason == "T is disabled"
    assert one(basket("75"), Offer("T", "", True, "C")).reason == "T has no benefit"


def test_an_offer_below_its_trigger_says_what_is_missing() -> None:
    given = one(basket("75"), offer(trigger="100"))
    assert (given.amount, given.gap) == (ZERO, D(25))
    assert given.reason == "the total is 75.00, the trigger of T-AP0004 is 100.00"


@pytest.mark.parametrize("minimum", ["trigger", "step"])
def test_equality_reaches_a_minimum_unless_the_store_says_above(minimum: str) -> None:
    by_step = offer(benefits=(Benefit(D(100), "amount", D(100)),))
    at_100 = offer(trigger="100") if minimum == "trigger" else by_step
    assert one(basket("100"), at_100).amount == D(100)
    above = one(basket("100"), at_100, ABOVE)
    assert (above.amount, above.gap) == (ZERO, CENT)
    assert one(basket("100.01"), at_100, ABOVE).amount == D(100)


def test_a_minimum_may_be_judged_before_or_after_other_discounts() -> None:
    line = [BasketLine(1, "I", D(120), D(90))]
    assert one(line, offer(trigger="100")).amount == D(90)
    assert one(line, offer(trigger="100"), AFTER).amount == ZERO


def test_before_counts_each_line_as_it_is_rung_up() -> None:
    """Quantity times price at the currency's precision: the journal has no finer amounts."""
    lines = [BasketLine(n, "I", D("0.335"), D("0.34")) for n in range(3)]
    assert one(lines, offer(value="1", trigger="1.02")).amount == D(1)


def test_the_whole_sale_is_compared_with_the_step_also_what_the_offer_does_not_cover() -> None:
    steps = (Benefit(D(100), "amount", D(50)),)
    given = one(basket("80", "20"), offer(lines=(OfferLine("Item", "I2"),), benefits=steps))
    assert (given.step, given.shares) == (D(100), {20000: D(20)})


def test_the_highest_step_that_is_reached_counts_alone() -> None:
    steps = (Benefit(D(50), "amount", D(5)), Benefit(D(100), "amount", D(12)))
    stepped = Offer("T", "", True, "C", benefits=steps)
    assert [one(basket(x), stepped).amount for x in ("40", "60", "120")] == [ZERO, D(5), D(12)]
    assert one(basket("40"), stepped).reason == "the total is 40.00, the lowest step of T is 50.00"


def test_a_maximum_caps_a_percentage() -> None:
    assert one(basket("200"), offer("A", "10", "percent", maximum_discount=D(15))).amount == D(15)


@pytest.mark.parametrize(
    ("occasion", "why", "reason"),
    [
        (Occasion(("S0001",), "GOLD", "MED", datetime(2026, 5, 4, 12)), None, ""),
        (Occasion(("S0002",), "GOLD", "MED"), Nothing.PRICE_GROUP, "T-C is for price group S0001"),
        (Occasion(("S0001",), "ADULT", "MED"), Nothing.MEMBER, "T-C is for members of club GOLD"),
        (Occasion(("S0001",), "GOLD", ""), Nothing.MEMBER, "T-C is for members of scheme MED"),
        (Occasion(("S0001",), "GOLD", "MED", datetime(2026, 5, 5, 12)), Nothing.VALIDITY,
         "T-C is not valid on Tuesday 2026-05-05 at 12:00"),
    ],
)  # fmt: skip
def test_all_triggers_must_hold(occasion: Occasion, why: Nothing | None, reason: str) -> None:
    mondays = Validity(weekdays=frozenset({0}))
    fussy = offer("C", "5", price_group="S0001", club="GOLD", scheme="MED", validity=mondays)
    given = one(basket("75"), fussy, occasion=occasion)
    assert (given.why, given.reason) == (why, reason)


def test_price_group_all_is_every_stores() -> None:
    assert one(basket("75"), offer(price_group="ALL"), occasion=Occasion()).amount == D(75)


@pytest.mark.parametrize(
    ("at", "valid"),
    [
        ("2026-05-01 09:00:00", True), ("2026-05-01 08:59:59", False), ("2026-05-01 17:00:00", True),
        ("2026-05-01 17:00:01", False), ("2026-04-30 12:00:00", False), ("2026-05-31 12:00:00", True),
        ("2026-06-01 12:00:00", False),
    ],
)  # fmt: skip
def test_the_boundary_minutes_of_a_validity_period(at: str, valid: bool) -> None:
    period = Validity(date(2026, 5, 1), date(2026, 5, 31), starts=time(9), ends=time(17))
    assert is_valid(period, datetime.fromisoformat(at)) is valid


@pytest.mark.parametrize(
    ("at", "valid"),
    [("2026-05-01 23:30", True), ("2026-05-02 01:30", True), ("2026-05-02 23:30", False), ("2026-05-01 12:00", False),
     ("2026-05-01 01:30", False)],
)  # fmt: skip
def test_a_friday_night_goes_on_after_midnight(at: str, valid: bool) -> None:
    period = Validity(weekdays=frozenset({4}), starts=time(22), ends=time(2))
    assert is_valid(period, datetime.fromisoformat(at)) is valid


# ---- items: ls-pos.md 1.7 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "covered"),
    [
        ((), [1, 2, 3]),
        ((OfferLine("All"),), [1, 2, 3]),
        ((OfferLine("Item", "A"),), [1]),
        ((OfferLine("Item Category", "FLOWER"),), [1, 3]),
        ((OfferLine("Product Group", "ACC"),), [2]),
        ((OfferLine("Special Group", "X"),), []),
        ((OfferLine("All"), OfferLine("Item", "A", exclude=True)), [2, 3]),
        ((OfferLine("Item Category", "FLOWER", exclude=True),), [2]),
        ((OfferLine("Item", "A"), OfferLine("Item Category", "FLOWER", exclude=True)), []),
        ((OfferLine("All", exclude=True),), []),
        ((OfferLine("Item", ""),), []),
    ],
)  # fmt: skip
def test_a_discount_lands_only_on_the_items_of_its_offer(lines: tuple[OfferLine, ...], covered: list[int]) -> None:
    sale = [
        BasketLine(1, "A", D(10), D(10), category="FLOWER"),
        BasketLine(2, "B", D(10), D(10), product_group="ACC"),
        BasketLine(3, "C", D(10), D(10), category="FLOWER"),
    ]
    given = one(sale, offer(value="3", lines=lines))
    assert sorted(given.shares) == covered
    assert covered or given.reason == "T-AP0004 covers no item of the sale"


# ---- returns: what-users-expect.md 28 -------------------------------------------------------------------------------


def test_a_part_return_gives_back_the_frozen_share_and_the_parts_add_up() -> None:
    parts = [give_back(D("10.00"), D(3), D(n), D(1)) for n in range(3)]
    assert parts == [D("3.33"), D("3.34"), D("3.33")]
    assert sum(parts) == D(10)


def test_a_line_that_is_returned_leaves_the_shares_of_the_others_alone() -> None:
    found = predict(basket("30", "30", "15"), [offer(value="10")], ["AP0004"])
    assert give_back(found.left[10000], D(1), ZERO, D(1)) == D("26.00")
    assert (found.left[20000], found.left[30000]) == (D("26.00"), D("13.00"))


def test_nothing_was_sold_so_nothing_goes_back() -> None:
    assert give_back(ZERO, ZERO, ZERO, ZERO) == ZERO
