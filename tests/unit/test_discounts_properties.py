"""What holds for every basket and every set of offers, and the two programs side by side."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from navplugin.core.model import Benefit, Offer, OfferLine
from navplugin.core.money import ZERO
from navplugin.discounts import BasketLine, Terms, give_back, predict, share_out, would_give
from navplugin.simulator.offers import SaleFacts, ScannedLine, TotalOffer, total_discounts

D = Decimal
PRECISIONS = ("0.01", "0.05", "1", "0.001")
terms = st.builds(
    Terms, st.sampled_from(["before", "after"]), st.sampled_from(["at-least", "above"]),
    st.sampled_from([D(p) for p in PRECISIONS]),
)  # fmt: skip
LINES = (("All", ""), ("Item", "I0"), ("Item", "I1"), ("Item Category", "C1"), ("Product Group", "G0"))


def money(draw: st.DrawFn, most: int, unit: Decimal) -> Decimal:
    return draw(st.integers(0, int(most / unit))) * unit


@st.composite
def baskets(draw: st.DrawFn, unit: Decimal) -> list[BasketLine]:
    lines = []
    for n in range(draw(st.integers(1, 8))):
        gross = money(draw, draw(st.sampled_from([0, 1, 30, 500])), unit)
        discount = draw(st.sampled_from([ZERO, gross, min(gross, unit)]))
        if draw(st.integers(0, 9)) == 0:
            gross, discount = -gross, ZERO  # taken back on a sale
        lines.append(
            BasketLine((n + 1) * 10000, f"I{n}", gross, gross - discount, draw(st.integers(0, 5)) > 0, f"C{n % 2}",
                       f"G{n % 3}")
        )  # fmt: skip
    return lines


@st.composite
def offer_sets(draw: st.DrawFn) -> list[Offer]:
    offers = []
    for n in range(draw(st.integers(0, 6))):
        steps = sorted(draw(st.sets(st.sampled_from([0, 10, 30, 100]), min_size=1, max_size=3)))
        kinds = [draw(st.sampled_from(["amount", "percent"])) for _ in steps]
        values = [draw(st.sampled_from(["0.001", "3.333", "5", "10.005", "33.3", "100"])) for _ in steps]
        offers.append(
            Offer(
                f"T{n}", "", True, draw(st.sampled_from([f"C{n}", f"C{n}", ""])), priority=draw(st.integers(0, 2)),
                amount_to_trigger=D(draw(st.sampled_from([0, 0, 30, 100]))),
                block_total_discount=draw(st.integers(0, 3)) == 0,
                maximum_discount=draw(st.sampled_from([None, None, D("7.77"), D(20)])),
                lines=tuple(OfferLine(*draw(st.sampled_from(LINES)), exclude=draw(st.integers(0, 3)) == 0)
                            for _ in range(draw(st.integers(0, 3)))),
                benefits=tuple(Benefit(D(s), k, D(v)) for s, k, v in zip(steps, kinds, values, strict=True)),
            )
        )  # fmt: skip
    return offers


@st.composite
def sales(draw: st.DrawFn) -> tuple[list[BasketLine], list[Offer], list[str], Terms]:
    how = draw(terms)
    offers = draw(offer_sets())
    codes = draw(st.permutations([o.coupon_code for o in offers if o.coupon_code]))
    return draw(baskets(how.precision)), offers, codes[: draw(st.integers(0, len(codes)))], how


def as_simulated(one: Offer) -> TotalOffer:
    kinds = {"amount": "Discount Amount", "percent": "Discount %"}
    return TotalOffer(
        one.offer_no, one.coupon_code, priority=one.priority, trigger=one.amount_to_trigger,
        maximum=one.maximum_discount or ZERO, blocks_others=one.block_total_discount,
        lines=tuple((x.kind, x.number, x.exclude) for x in one.lines),
        steps=tuple((b.step, kinds[b.kind], b.value) for b in one.benefits),
    )  # fmt: skip


Sales = tuple[list[BasketLine], list[Offer], list[str], Terms]


@settings(max_examples=400, deadline=None)
@given(sales())
def test_prediction_and_simulator_agree_to_the_last_digit(sale: Sales) -> None:
    """Two independent programs, written from the same pages (design.md 4)."""
    lines, offers, codes, how = sale
    ours = predict(lines, offers, codes, how)
    theirs = total_discounts(
        [ScannedLine(x.line_no, x.item_no, D(1), x.gross, x.gross - x.amount, x.category, x.product_group,
                     not x.discountable) for x in lines],
        [as_simulated(o) for o in offers],
        SaleFacts(tuple(codes), judged_after=how.minimum_judged == "after", above=how.reached == "above",
                  unit=how.precision),
    )  # fmt: skip
    assert {g.offer_no: (g.amount, dict(g.shares)) for g in ours.offers if g.amount} == {
        g.offer_no: (g.amount, {k: v for k, v in g.shares.items() if v}) for g in theirs if g.amount
    }


@settings(deadline=None)
@given(sales())
def test_shares_add_up_to_the_discount_and_no_line_goes_below_zero(sale: Sales) -> None:
    lines, offers, codes, how = sale
    found = predict(lines, offers, codes, how)
    for one in found.offers:
        assert sum(one.shares.values(), ZERO) == one.amount >= ZERO
        assert (one.amount > ZERO) is (one.why is None) is (one.reason == "")
        assert all(share > ZERO for share in one.shares.values())
    for x in lines:
        taken = sum((g.shares.get(x.line_no, ZERO) for g in found.offers), ZERO)
        assert ZERO <= taken <= max(x.amount, ZERO)
        assert found.left[x.line_no] == x.amount - taken
        assert x.discountable or not taken


@settings(deadline=None)
@given(sales(), st.randoms(use_true_random=False))
def test_the_order_in_which_nav_lists_lines_and_offers_does_not_matter(sale: Sales, random: object) -> None:
    lines, offers, codes, how = sale
    mixed_lines, mixed_offers = list(lines), list(offers)
    random.shuffle(mixed_lines)  # type: ignore[attr-defined]
    random.shuffle(mixed_offers)  # type: ignore[attr-defined]
    assert predict(mixed_lines, mixed_offers, codes, how).offers == predict(lines, offers, codes, how).offers


@settings(deadline=None)
@given(sales())
def test_without_blocks_and_minima_the_pick_order_of_amounts_does_not_change_the_total(sale: Sales) -> None:
    lines, offers, codes, how = sale
    plain = [
        replace(o, block_total_discount=False, amount_to_trigger=ZERO, lines=(), maximum_discount=None, priority=0,
                benefits=(Benefit(ZERO, "amount", D(n + 1)),))
        for n, o in enumerate(offers)
    ]  # fmt: skip
    assert predict(lines, plain, codes, how).total == predict(lines, plain, codes[::-1], how).total


@settings(deadline=None)
@given(sales())
def test_what_a_discount_would_give_is_what_it_gives_once_it_is_picked_last(sale: Sales) -> None:
    lines, offers, codes, how = sale
    for code in codes:
        others = [c for c in codes if c != code]
        found = would_give(code, lines, offers, others, how)
        assert found is not None
        assert found == next(g for g in predict(lines, offers, [*others, code], how).offers if g.coupon_code == code)


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(1, 50), st.decimals("0.01", "500", places=2), min_size=1, max_size=40), st.integers(1)
)
def test_shares_are_as_fair_as_cents_allow(bases: dict[int, Decimal], part: int) -> None:
    total = sum(bases.values(), ZERO)
    amount = min(total, D(part) / 100)
    shares = share_out(amount, bases, D("0.01"))
    ranked = sorted(shares.values(), reverse=True)
    if ranked and ranked[0] > D("0.01") * len(bases):  # the largest share takes the whole rest: all others are rounded
        off = [abs(shares.get(no, ZERO) - amount * base / total) for no, base in bases.items()]
        assert sum(x > D("0.005") for x in off) <= 1
    assert sum(shares.values(), ZERO) == amount


@settings(deadline=None)
@given(st.decimals("0", "500", places=2), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_part_returns_add_up_to_what_was_paid(paid: Decimal, quantities: list[int]) -> None:
    sold, before, back = D(sum(quantities)), ZERO, []
    for quantity in quantities:
        back.append(give_back(paid, sold, before, D(quantity)))
        before += quantity
    assert sum(back, ZERO) == paid
    assert all(part >= ZERO for part in back)
