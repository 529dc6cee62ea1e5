"""Explanations: sentences that a cashier's manager reads, without anybody's data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from navplugin.core.model import LoyaltyStatus, Member, Persona
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.explain import from_json, rule_lines, trace_to_json
from tests.unit.rule_sales import book_of, sale, shipped

AP0004 = "discount AP0004 = 100.00 off for 500"


def told(*lines: str, rules: str = "") -> list[str]:
    situation = sale(*lines)
    decision = decide(book_of(rules) if rules else shipped(), situation, BuiltinMatcher())
    return [s.text for s in from_json(trace_to_json(situation, decision)).sentences]


def test_the_discount_of_the_guide_is_explained_with_its_three_amounts() -> None:
    assert "AP0004 not offered: transaction is 75.00, needs 100.00 (25.00 short)." in told("line A = 75.00", AP0004)
    assert "AP0004 offered: 100.00 off for 500 points." in told("line A = 120.00", AP0004)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (("points = 120", "line A = 200.00", AP0004),
         "AP0004 not offered: Not enough points. (rule [Enough points]: Points Short 380 meets >0)"),
        (("line A = 200.00", AP0004, "picked = AP0004"), "AP0004 is picked."),
        (("return = yes", "line A = 200.00", AP0004, "picked = AP0004"),
         "AP0004 is picked and must go: No wallet discounts on returns."),
        (("return = yes", AP0004), "No wallet: rule [No wallet on returns]."),
        (("line A = 40.00", "discount P = 10 % off for 5", "offer P = trigger 50.00"),
         "P not offered: transaction is 40.00, needs 50.00 (10.00 short)."),
        (("discount P = 10 % off for 5 locked",), "P not offered: AIQ has locked it for this member."),
        (("line A = 10.00", "discount P = 10 % off for 5"), "P offered: 10 % off for 5 points."),
        (("loyalty = Known",), "No wallet: the member is no loyalty member (status Known)."),
        (("loyalty = no answer",), "No wallet: AIQ does not answer."),
        (("loyalty = no answer",), "No sign-up prompt: Loyalty Status is unknown."),
        (("loyalty = Member",), "No sign-up prompt: Loyalty Status Member does not meet Known|Unknown."),
        (("loyalty = Unknown", "blocked member = yes"), "No sign-up prompt: [Do not ask blocked members] comes first."),
        (("loyalty = Unknown",), "Sign-up prompt: shown, rule [Ask to sign up]."),
        (("loyalty = Unknown", "answer = No"), "Sign-up prompt: answered No."),
        (("loyalty = Unknown",), "Status: Unknown, rule [Status: unknown]."),
        (("loyalty = Unknown",), "Footer: signup, rule [Footer: sign-up]."),
        (("member =",), "No wallet: no member is on the sale."),
        (("state = POSTED",), "No wallet: the sale is POSTED."),
    ],
)  # fmt: skip
def test_each_question_has_its_sentence(lines: tuple[str, ...], sentence: str) -> None:
    assert sentence in told(*lines)


def test_a_discount_without_an_offer_says_what_to_set_in_nav() -> None:
    said = told("line A = 75.00", "discount X = 5 off for 5", "offer X = none")
    assert any(s.startswith("X not offered: wallet discount X (X) has no enabled Total Discount Offer") for s in said)


def test_a_stack_that_drops_is_named() -> None:
    rules = "[stack S]\namong Coupon Code is *\nkeep = first-chosen 1\n[A]\non = posted\nthen = report\n"
    said = told("line A = 200.00", AP0004, "discount B = 1 off for 1", "picked = B", rules=rules)
    assert "AP0004 not offered: At most 1 of these wallet discounts on one sale. ([stack S])" in said


def test_every_rule_is_listed_with_each_condition_also_those_that_did_not_act() -> None:
    situation = sale("line A = 75.00", AP0004)
    saved = from_json(trace_to_json(situation, decide(shipped(), situation, BuiltinMatcher())))
    lines = rule_lines(saved)
    assert "[Ask to sign up] on check-in: no; prompt-signup" in lines
    assert "    if Loyalty Status is Known|Unknown: no, Loyalty Status Member does not meet Known|Unknown" in lines
    own = rule_lines(saved, "AP0004")
    assert "[Ask to sign up] on check-in: no; prompt-signup" in own, "rules about the sale stay"
    assert (
        "[Enough left to pay] on wallet, AP0004: yes, acted; "
        "hide-discount short-amount (written ahead as Min_Balance 100.00)"
    ) in own


def test_nothing_personal_is_saved() -> None:
    rules = (
        "[A]\non = check-in\nif Age is >20\nif Member Card No. is M*\nif Birthday Month is No\nthen = report\n"
        "[B]\non = wallet\nif Age is <20\nthen = hide-discount\n"
    )
    situation = sale("line A = 75.00", AP0004)
    member = Member("M-SECRET", "A1", "C1", "Firstname", "Lastname", "mail@example.com", "5550109999")
    sale_row = replace(situation.snapshot.sale, member_card_no="M-SECRET")
    situation = replace(
        situation,
        member=replace(member, date_of_birth=situation.now.date().replace(year=1985)),
        persona=Persona(LoyaltyStatus.MEMBER, "contact-secret", situation.now),
        snapshot=replace(situation.snapshot, sale=sale_row),
    )
    body = trace_to_json(situation, decide(book_of(rules), situation, BuiltinMatcher()))
    for secret in ("SECRET", "contact-secret", "Firstname", "Lastname", "example.com", "5550109999", "1985", " 41 "):
        assert secret not in body, secret
    values = [c["value"] for t in json.loads(body)["rules"] for c in t["conditions"]]
    assert set(values) == {"(kept back)"}
    assert "example.invalid" not in body


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"version": 99}', '{"version": 1, "sentences": 5}', "null"])
def test_a_body_of_another_version_is_a_sentence_and_not_a_crash(body: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_json(body)
