"""What a wallet discount would give on the sale now, by the same code as the prediction; and the grants that say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.model import JournalLine, Member, Offer, OfferLine, Situation, Validity, Want
from navplugin.core.money import ZERO
from navplugin.discounts import Given, Nothing
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.facts import FACTS, look_at
from navplugin.rulebook.sentences import explain
from tests.unit.rule_sales import RULES, book_of, sale, shipped, want

D = Decimal
LINES = ("line A = 75.00 in FLOWER", "line B = 50.00 less 5.00 in VAPE")
HUNDRED, TEN = "discount AP0004 = 100.00 off for 500", "discount AP0001 = 10.00 off for 100"
PERCENT = "discount AP0010 = 10 % off for 150"
GIVES = next(f for f in FACTS if f.caption == "Discount Gives")
GRANTS = "AIQ_POSTotalDiscountOfferLines"


def with_offer(situation: Situation, code: str, **fields: Any) -> Situation:
    offers = tuple(replace(o, **fields) if o.coupon_code == code else o for o in situation.offers)
    return replace(situation, offers=offers)


def gives(situation: Situation, code: str) -> Given:
    look = look_at(situation)
    found = look.at(next(s for s in look.candidates if s.coupon_code == code)).gives()
    assert found is not None
    return found


def granted(situation: Situation, code: str) -> Want:
    found = want(decide(shipped(), situation, BuiltinMatcher()), GRANTS, code)
    assert found is not None
    return found


@pytest.mark.parametrize(("code", "amount"), [("AP0001", "10"), ("AP0004", "100"), ("AP0010", "12")])
def test_each_reward_tells_what_it_gives_on_this_cart_now(code: str, amount: str) -> None:
    situation = sale(*LINES, HUNDRED, TEN, PERCENT)
    assert gives(situation, code).amount == D(amount)
    look = look_at(situation)
    subject = next(s for s in look.candidates if s.coupon_code == code)
    assert look.at(subject).value_of(GIVES) == D(amount)


def test_what_was_picked_comes_off_first() -> None:
    situation = sale(*LINES, HUNDRED, PERCENT, "picked = AP0004")
    assert gives(situation, "AP0010").amount == D("2.00")
    assert gives(situation, "AP0004").amount == D(100), "a pick itself is judged after those before it"


def test_nothing_left_is_told_and_is_no_block_for_the_till_judges_amounts() -> None:
    situation = sale("line A = 60.00", HUNDRED, TEN, "picked = AP0004")
    given = gives(situation, "AP0001")
    assert (given.amount, given.why) == (ZERO, Nothing.NOTHING_LEFT)
    assert granted(situation, "AP0001").fields["Blocked_Text"] == ""


def test_below_its_minimum_the_gap_is_told_and_the_till_gets_the_minimum() -> None:
    situation = with_offer(sale("line A = 75.00", TEN), "AP0001", amount_to_trigger=D(100))
    given = gives(situation, "AP0001")
    assert (given.why, given.gap) == (Nothing.BELOW, D(25))
    fields = granted(situation, "AP0001").fields
    assert (fields["Min_Amount"], fields["Blocked_Text"]) == (D(100), "")


@pytest.mark.parametrize(
    ("fields", "blocked"),
    [
        ({"lines": (OfferLine("Item", "C"),)}, "No item of the sale is part of it."),
        ({"club": "GOLD"}, "Not for this member."),
        ({"validity": Validity(first=date(2030, 1, 1))}, "Not valid now."),
        ({"validity": Validity(last=date(2030, 1, 1))}, ""),
        ({"lines": (OfferLine("Item Category", "VAPE"),)}, ""),
    ],
)
def test_every_other_reason_is_a_sentence_for_the_cashier(fields: dict[str, Any], blocked: str) -> None:
    situation = with_offer(sale(*LINES, TEN), "AP0001", **fields)
    found = granted(situation, "AP0001")
    assert found.fields["Blocked_Text"] == blocked
    assert bool(found.reasons) is bool(blocked)


def test_the_sentence_comes_in_the_language_of_the_store() -> None:
    situation = with_offer(sale(*LINES, TEN), "AP0001", club="GOLD")
    spanish = replace(situation, store=replace(situation.store, language="es"))
    assert granted(spanish, "AP0001").fields["Blocked_Text"] == "No es para este miembro."


def test_a_member_of_the_club_gets_it() -> None:
    situation = with_offer(sale(*LINES, TEN), "AP0001", club="GOLD")
    gold = replace(situation, member=Member("M1001", club_code="GOLD"))
    assert granted(gold, "AP0001").fields["Blocked_Text"] == ""


def test_items_that_take_no_discount_are_known() -> None:
    situation = replace(sale(*LINES, TEN), no_discount_items=frozenset({"A", "B"}))
    assert gives(situation, "AP0001").why is Nothing.NO_DISCOUNT
    assert granted(situation, "AP0001").fields["Blocked_Text"] == "The items that it covers take no discount."
    half = replace(situation, no_discount_items=frozenset({"A"}))
    assert gives(half, "AP0001").shares == {20000: D(10)}


def test_a_pick_that_blocks_others_blocks_their_grants() -> None:
    situation = with_offer(sale(*LINES, HUNDRED, TEN, "picked = AP0004"), "AP0004", block_total_discount=True)
    assert gives(situation, "AP0001").why is Nothing.BLOCKED
    text = "Cannot be combined with a discount that is chosen already."
    assert granted(situation, "AP0001").fields["Blocked_Text"] == text


def test_before_the_first_item_nothing_is_blocked() -> None:
    situation = with_offer(sale(TEN), "AP0001", lines=(OfferLine("Item", "C"),))
    journal = situation.snapshot.journal
    assert journal is not None
    empty = replace(situation, snapshot=replace(situation.snapshot, journal=replace(journal, lines=())))
    assert granted(empty, "AP0001").fields["Blocked_Text"] == ""


def test_a_coupon_that_others_put_on_the_sale_counts() -> None:
    situation = sale(*LINES, TEN)
    journal = situation.snapshot.journal
    assert journal is not None
    typed = JournalLine(90000, "Coupon", "SUMMER", coupon_code="SUMMER")
    situation = replace(
        situation,
        snapshot=replace(situation.snapshot, journal=replace(journal, lines=(*journal.lines, typed))),
        offers=(*situation.offers, Offer("T9", "", True, "SUMMER", priority=-1, block_total_discount=True,
                                         benefits=situation.offers[0].benefits)),
    )  # fmt: skip
    assert gives(situation, "AP0001").why is Nothing.BLOCKED


def test_validity_is_that_of_the_stores_own_clock() -> None:
    night = Validity(last=date(2026, 4, 30))
    situation = with_offer(sale(*LINES, TEN), "AP0001", validity=night)
    situation = replace(situation, now=datetime(2026, 5, 1, 3, 0, tzinfo=UTC))
    denver = replace(situation, store=replace(situation.store, time_zone="America/Denver"))
    assert gives(denver, "AP0001").amount == D(10)
    utc = replace(situation, store=replace(situation.store, time_zone="UTC"))
    assert gives(utc, "AP0001").why is Nothing.VALIDITY


def test_the_rule_for_no_code_while_unknown_stands_in_the_shipped_file_and_does_so() -> None:
    """rules/footer.ini, as a store would take the marks off; what-users-expect.md 50."""
    text = (RULES / "footer.ini").read_text("utf-8")
    rule = text[text.index("# [Footer: none") :].replace("# ", "")
    book = book_of(text[: text.index("# A store that")] + rule)
    footers = {}
    for status in ("Member", "Unknown", "Several", "no answer"):
        found = want(decide(book, sale(f"loyalty = {status}"), BuiltinMatcher()), "AIQ_Sale")
        footers[status] = found.fields["Footer_Code"].partition("-")[0] if found else "as it is"
    assert footers == {"Member": "WALLET", "Unknown": "SIGNUP", "Several": "SIGNUP", "no answer": ""}


def sentences(situation: Situation) -> str:
    return "\n".join(s.text for s in explain(situation, decide(shipped(), situation, BuiltinMatcher())))


def test_explain_names_the_offer_and_the_reason() -> None:
    situation = with_offer(sale(*LINES, TEN), "AP0001", club="GOLD")
    number = situation.offers[0].offer_no
    said = f"AP0001 not offered: Not for this member. (the offer gives nothing: {number} is for members of club GOLD)"
    assert said in sentences(situation)


def test_explain_says_when_less_than_promised_comes_off() -> None:
    situation = with_offer(sale(*LINES, HUNDRED), "AP0004", lines=(OfferLine("Item", "A"),))
    assert "AP0004 offered: 100.00 off for 500 points, on the sale as it is 75.00." in sentences(situation)
    assert "AP0004 offered: 100.00 off for 500 points." in sentences(sale(*LINES, HUNDRED))
