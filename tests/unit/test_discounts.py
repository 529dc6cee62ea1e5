"""The prediction of what NAV will give, against the measured vectors and against the simulator's own arithmetic."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navplugin.core.model import Benefit, Offer
from navplugin.core.money import ZERO
from navplugin.discounts import BasketLine, differences, predict, share_out
from navplugin.simulator.offers import SaleFacts, ScannedLine, TotalOffer, total_discounts
from tests.conftest import ScriptedClock
from tests.unit.money_till import Till

CENT = Decimal("0.01")
D = Decimal


def basket(*amounts: str) -> list[BasketLine]:
    return [BasketLine(n * 10000, f"I{n}", D(a), D(a)) for n, a in enumerate(amounts, start=1)]


def offer(code: str = "AP0004", value: str = "100", kind: str = "amount", trigger: str = "0", **more: object) -> Offer:
    return Offer(f"T-{code}", "", True, code, amount_to_trigger=D(trigger),
                 benefits=(Benefit(ZERO, kind, D(value)),), **more)  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("bases", "amount", "shares"),
    [
        (["30", "30", "15"], "10", ["4.00", "4.00", "2.00"]),
        (["33.33", "33.33", "33.34"], "10", ["3.34", "3.33", "3.33"]),
        (["12.50", "7.25", "0.99", "44.10"], "5", ["0.96", "0.56", "0.08", "3.40"]),
        (["9.99"] * 7, "15", ["2.16", *["2.14"] * 6]),
        (["100", "0.01"], "5", ["5.00"]),
    ],
)
def test_shares_are_those_that_were_measured(bases: list[str], amount: str, shares: list[str]) -> None:
    """ls-pos.md 2.6."""
    found = share_out(D(amount), {n: D(b) for n, b in enumerate(bases)}, CENT)
    assert list(found.values()) == [D(s) for s in shares]


def test_the_guides_sale_at_120_gets_100_off() -> None:
    found = predict([BasketLine(1, "FLOWER", D(75), D(75)), BasketLine(2, "VAPE", D(50), D(45))], [offer()], ["AP0004"])
    assert found.total == D(100)
    assert found.amount_of("AP0004") == D(100)


def test_an_offer_below_its_trigger_says_why_it_gives_nothing() -> None:
    (given_,) = predict(basket("75"), [offer(trigger="100")], ["AP0004"]).offers
    assert given_.amount == ZERO
    assert given_.reason == "the total is 75.00, the trigger of T-AP0004 is 100.00"


def test_equality_reaches_a_trigger_unless_the_store_says_above() -> None:
    line, offers = basket("100"), [offer(trigger="100")]
    assert predict(line, offers, ["AP0004"]).total == D(100)
    assert predict(line, offers, ["AP0004"], reached="above").total == ZERO


def test_a_minimum_may_be_judged_before_or_after_other_discounts() -> None:
    line, offers = [BasketLine(1, "I", D(120), D(90))], [offer(trigger="100")]
    assert predict(line, offers, ["AP0004"]).total == D(90)
    assert predict(line, offers, ["AP0004"], minimum_judged="after").total == ZERO


def test_the_highest_step_wins_and_steps_do_not_add_up() -> None:
    steps = (Benefit(D(50), "amount", D(5)), Benefit(D(100), "amount", D(12)))
    one = Offer("T", "", True, "C", benefits=steps)
    assert predict(basket("120"), [one], ["C"]).total == D(12)
    assert predict(basket("60"), [one], ["C"]).total == D(5)
    assert predict(basket("40"), [one], ["C"]).offers[0].reason == "the total is 40.00, the lowest step of T is 50.00"


def test_an_offer_that_blocks_stops_those_after_it() -> None:
    first = offer("A", "10", priority=1, block_total_discount=True)
    found = predict(basket("100"), [offer("B", "5", priority=2), first], ["A", "B"])
    assert [(g.coupon_code, g.amount) for g in found.offers] == [("A", D(10)), ("B", ZERO)]
    assert found.offers[1].reason == "T-A blocks further total discounts"


def test_a_discount_lands_only_on_the_items_of_its_offer() -> None:
    found = predict(basket("100", "20"), [offer("A", "50", items=("I2",))], ["A"])
    assert found.offers[0].shares == {20000: D(20)}
    assert (
        predict(basket("100"), [offer("A", "50", items=("I2",))], ["A"]).offers[0].reason
        == "T-A covers no item of the sale"
    )


def test_a_maximum_caps_a_percentage() -> None:
    assert predict(basket("200"), [offer("A", "10", "percent", maximum_discount=D(15))], ["A"]).total == D(15)


amounts = st.decimals("0.01", "500", places=2)


@st.composite
def sales(draw: st.DrawFn) -> tuple[list[BasketLine], list[Offer]]:
    lines = []
    for n in range(draw(st.integers(1, 7))):
        gross = draw(amounts)
        lines.append(BasketLine((n + 1) * 10000, f"I{n}", gross, gross - draw(st.decimals(0, gross, places=2))))
    offers = []
    for n in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["amount", "percent"]))
        value = draw(amounts) if kind == "amount" else draw(st.decimals("0.5", "100", places=1))
        offers.append(
            Offer(
                f"T{n}", "", True, f"C{n}", priority=draw(st.integers(0, 2)),
                amount_to_trigger=draw(st.sampled_from([ZERO, D(50), D(100)])),
                block_total_discount=draw(st.booleans()),
                maximum_discount=draw(st.sampled_from([None, D(20)])),
                items=tuple(draw(st.lists(st.sampled_from([x.item_no for x in lines]), unique=True, max_size=3))),
                benefits=(Benefit(draw(st.sampled_from([ZERO, D(30)])), kind, value),),
            )
        )  # fmt: skip
    return lines, offers


@given(sales(), st.sampled_from(["before", "after"]), st.sampled_from(["at-least", "above"]))
def test_prediction_and_simulator_agree_to_the_cent(
    sale: tuple[list[BasketLine], list[Offer]], judged: str, reached: str
) -> None:
    """Two independent programs, written from the same pages (design.md 4)."""
    lines, offers = sale
    codes = [o.coupon_code for o in offers]
    ours = predict(lines, offers, codes, minimum_judged=judged, reached=reached)
    theirs = total_discounts(
        [ScannedLine(x.line_no, x.item_no, D(1), x.gross, x.gross - x.amount) for x in lines],
        [as_simulated(o) for o in offers],
        SaleFacts(tuple(codes), judged_after=judged == "after", above=reached == "above"),
    )
    assert {g.offer_no: (g.amount, dict(g.shares)) for g in ours.offers if g.amount} == {
        g.offer_no: (g.amount, {k: v for k, v in g.shares.items() if v}) for g in theirs if g.amount
    }


def as_simulated(one: Offer) -> TotalOffer:
    kinds = {"amount": "Discount Amount", "percent": "Discount %"}
    return TotalOffer(
        one.offer_no, one.coupon_code, priority=one.priority, trigger=one.amount_to_trigger,
        maximum=one.maximum_discount or ZERO, blocks_others=one.block_total_discount,
        lines=tuple(("Item", no, False) for no in one.items) or (("All", "", False),),
        steps=tuple((b.step, kinds[b.kind], b.value) for b in one.benefits),
    )  # fmt: skip


@given(sales())
def test_shares_add_up_and_never_exceed_what_a_line_costs(sale: tuple[list[BasketLine], list[Offer]]) -> None:
    lines, offers = sale
    found = predict(lines, offers, [o.coupon_code for o in offers])
    taken = {x.line_no: ZERO for x in lines}
    for one in found.offers:
        assert sum(one.shares.values(), ZERO) == one.amount >= 0
        for line_no, share in one.shares.items():
            taken[line_no] += share
    assert all(0 <= taken[x.line_no] <= x.amount for x in lines)


def test_an_amount_of_nav_that_differs_from_the_prediction_is_reported() -> None:
    till = Till("R1", "posted", ScriptedClock())
    till.press("pick:AP0004")
    till.press("total")
    settings = {"minimum_judged": "before", "reached": "at-least", "precision": CENT}
    assert differences(till.snapshot(), [offer()], **settings) == ()  # type: ignore[arg-type]
    assert differences(till.snapshot(), [offer(value="80")], **settings) == (  # type: ignore[arg-type]
        "AP0004: [Total] gave 100.00, 80.00 was predicted",
    )
