"""Decisions on one sale: what is wanted, what may not stand, and that it settles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from navplugin.core.model import Prompt as PromptRow
from navplugin.core.model import Situation, Snapshot, StagedRow, StatusRow, Verdict
from navplugin.nav.contract import BY_SERVICE
from navplugin.reconcile import reconcile_grants, reconcile_rows
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.verbs.base import GRANTS, PROMPTS, SALE, STATUS
from tests.unit.rule_sales import decided, grant, grant_row, sale, shipped, want

AP0004 = "discount AP0004 = 100.00 off for 500"


# ---- the shipped rules ----------------------------------------------------------------------------------------------


def test_the_discount_of_the_guide_is_written_with_its_minimum_and_no_block() -> None:
    fields = grant(decided(shipped(), "line FLOWER = 75.00", AP0004), "AP0004")
    assert fields["Min_Balance"] == Decimal("100.00")
    assert fields["Blocked_Text"] == ""
    assert (fields["Offer_No"], fields["Value_Kind"], fields["Value"]) == ("TDO-AP0004", "amount", Decimal("100.00"))
    assert (fields["Points_Cost"], fields["Member_Ref"]) == (Decimal(500), "M1001")


def test_a_grant_ends_with_the_day_of_the_store() -> None:
    fields = grant(decided(shipped(), "time zone = America/Denver", "now = 2026-05-01 23:30", AP0004), "AP0004")
    assert fields["Valid_Until"] == datetime(2026, 5, 2, 6, 0, tzinfo=UTC)


def test_every_field_that_is_written_is_one_of_the_contract_and_fits() -> None:
    decision = decided(shipped(), "loyalty = Known", "terms = " + "word " * 200, "line A = 10.00")
    decision = replace(decision, wants=decision.wants + decided(shipped(), "line A = 200.00", AP0004).wants)
    assert {w.page for w in decision.wants} == {PROMPTS, STATUS, SALE, GRANTS}
    for one in decision.wants:
        page = {f.name: f for f in BY_SERVICE[one.page].fields}
        assert len(one.key) == len(BY_SERVICE[one.page].key)
        for name, value in {**one.initial, **one.fields}.items():
            assert name in page, f"{one.page} has no {name}"
            if isinstance(value, str):
                assert len(value) <= (page[name].length or 250), f"{name} is too long"
                assert not page[name].options or value in page[name].options, f"{name} = {value}"


def test_a_prompt_bears_the_terms_on_three_lines_at_most_and_says_when_they_are_cut() -> None:
    decision = decided(shipped(), "loyalty = Unknown", "terms = " + "abcdefghi " * 40)
    row = want(decision, PROMPTS)
    assert row is not None
    assert [len(row.initial[f"Text_{n}"]) <= 100 for n in (1, 2, 3)] == [True] * 3
    assert row.initial["Text_3"].endswith("...")
    assert any("longer than" in text for text in decision.reports)
    assert row.initial["Footer_If_Yes"] == "WALLET-00000000"
    assert not row.fields


def test_terms_that_fit_are_shown_word_for_word() -> None:
    terms = "Would you like to join? " * 8
    row = want(decided(shipped(), "loyalty = Unknown", f"terms = {terms}"), PROMPTS)
    assert row is not None
    assert " ".join(row.initial[f"Text_{n}"] for n in (1, 2, 3)).split() == terms.split()


def test_another_member_gets_another_prompt() -> None:
    first, second = (want(decided(shipped(), "loyalty = Unknown", f"member = {m}"), PROMPTS) for m in ("M1", "M2"))
    assert first is not None
    assert second is not None
    assert first.key != second.key
    assert first.once_key != second.once_key
    assert len(first.key[1]) == 20


def test_a_status_row_tells_no_points() -> None:
    row = want(decided(shipped(), "points = 98765", AP0004), STATUS)
    assert row is not None
    assert "98765" not in str(row)


def test_the_wallet_time_stays_while_aiq_is_away_and_goes_with_another_member() -> None:
    situation = sale("loyalty = no answer")
    row = StatusRow("0000P0001000000001", "M1001", "Member", "", None, situation.now, "e")
    kept = decide(shipped(), with_status(situation, row), BuiltinMatcher())
    other = decide(shipped(), with_status(situation, replace(row, member_ref="M9")), BuiltinMatcher())
    first, second = want(kept, STATUS), want(other, STATUS)
    assert first is not None
    assert second is not None
    assert "Wallet_At" not in first.fields
    assert second.fields["Wallet_At"] is None


def with_status(situation: Situation, row: StatusRow) -> Situation:
    return replace(situation, snapshot=replace(situation.snapshot, status=row))


def test_amounts_that_drifted_between_aiq_and_nav_are_reported() -> None:
    situation = sale("line A = 200.00", AP0004)
    offers = tuple(replace(o, benefits=(replace(o.benefits[0], value=Decimal(90)),)) for o in situation.offers)
    reports = decide(shipped(), replace(situation, offers=offers), BuiltinMatcher()).reports
    assert reports == ("AP0004: AIQ says 100.00, Total Discount Offer TDO-AP0004 gives 90.00",)


def test_of_two_discounts_with_one_code_the_cheaper_one_is_granted() -> None:
    situation = sale("line A = 200.00", AP0004)
    assert situation.wallet is not None
    dear = situation.wallet.discounts[0]
    cheap = replace(dear, discount_id="cheap", points_cost=Decimal(400))
    wallet = replace(situation.wallet, discounts=(dear, cheap))
    decision = decide(shipped(), replace(situation, wallet=wallet), BuiltinMatcher())
    assert grant(decision, "AP0004")["Discount_Ext_ID"] == "cheap"
    assert any("2 discounts with coupon code AP0004" in text for text in decision.reports)


def test_an_expired_discount_is_not_granted() -> None:
    situation = sale("line A = 200.00", AP0004)
    assert situation.wallet is not None
    over = replace(situation.wallet.discounts[0], expires_at=situation.now)
    wallet = replace(situation.wallet, discounts=(over,))
    assert want(decide(shipped(), replace(situation, wallet=wallet), BuiltinMatcher()), GRANTS) is None


def test_a_footer_without_its_template_is_reported_and_not_written() -> None:
    decision = decide(shipped(), replace(sale(), footer_codes={}), BuiltinMatcher())
    assert want(decision, SALE) is None
    assert any("no receipt footer 'wallet'" in text for text in decision.reports)


@pytest.mark.parametrize("state", ["SUSPENDED", "VOIDED", "POSTED"])
def test_a_sale_that_is_not_open_wants_nothing(state: str) -> None:
    assert decided(shipped(), f"state = {state}", AP0004).wants == ()


def test_a_second_decision_is_the_same() -> None:
    situation = sale("line A = 75.00", AP0004, "picked = AP0004")
    assert decide(shipped(), situation, BuiltinMatcher()) == decide(shipped(), situation, BuiltinMatcher())


# ---- decide, reconcile, decide: nothing more to do -------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        ("line A = 75.00", AP0004, "discount AP0001 = 10.00 off for 100"),
        ("line A = 250.00", AP0004, "discount AP0010 = 10 % off for 900", "points = 800"),
        ("loyalty = Unknown",),
        ("loyalty = Known", "status asked = yes"),
        ("loyalty = no answer", "line A = 10.00"),
        ("member =", "line A = 10.00"),
        ("return = yes", "line A = 10.00", AP0004),
        ("reached = above", "minimum judged = after", "line A = 60.00", AP0004, "offer AP0004 = trigger 60.00"),
    ],
)
def test_what_was_written_is_wanted_again_and_nothing_else(lines: tuple[str, ...]) -> None:
    situation = sale(*lines)
    written = 0
    for _ in range(4):
        decision = decide(shipped(), situation, BuiltinMatcher())
        others = [w for w in decision.wants if w.page != GRANTS]
        effects = reconcile_rows(others, situation.snapshot.rows, frozenset())
        effects += reconcile_grants(situation.snapshot, decision.wants, (), wallet_known=True)
        if not effects:
            break
        rows = {(r.page, r.key): dict(r.fields) for r in situation.snapshot.rows}
        for effect in effects:
            rows[(effect.page, effect.key)] = {**rows.get((effect.page, effect.key), {}), **effect.fields}
        written += len(effects)
        situation = replace(situation, snapshot=with_rows(situation.snapshot, rows))
    else:
        pytest.fail(f"it never settles: {effects}")
    assert written or situation.snapshot.sale.member_card_no == ""


def with_rows(snapshot: Snapshot, rows: dict) -> Snapshot:  # type: ignore[type-arg]
    staged = [StagedRow(page, key, fields, "etag") for (page, key), fields in rows.items()]
    grants = tuple(grant_row(*key, fields) for (page, key), fields in rows.items() if page == GRANTS)
    status = next((f for (page, _), f in rows.items() if page == STATUS), None)
    typed = StatusRow(
        snapshot.sale.receipt_no, status["Member_Ref"], status["Member_Status"], status["Display_Text"],
        status["Updated_At"], status.get("Wallet_At"), "etag",
    ) if status else None  # fmt: skip
    if not any(r.page == SALE for r in staged):
        staged.append(StagedRow(SALE, (snapshot.sale.receipt_no,), {"Footer_Code": ""}, "etag"))
    prompts = tuple(
        PromptRow(*key, f["Member_Ref"], f["Kind"], f["Code"], (f["Text_1"], "", ""), None, " ", None, "", "etag")
        for (page, key), f in rows.items()
        if page == PROMPTS
    )
    return replace(snapshot, rows=tuple(staged), grants=grants, status=typed, prompts=prompts)


# ---- order, unknown, modes -------------------------------------------------------------------------------------------

TWO = """
[Invite]
on = check-in
then = prompt-signup
priority = 1
[Forbid]
on = check-in
{condition}
then = no-prompt
priority = 999
"""


def test_a_forbidding_verb_beats_an_inviting_one_whatever_the_priority() -> None:
    assert want(decided(TWO.format(condition="if Club is GOLD"), "club = GOLD"), PROMPTS) is None
    assert want(decided(TWO.format(condition="if Club is GOLD"), "club = RED"), PROMPTS) is not None


def test_what_cannot_be_told_forbids_and_does_not_invite() -> None:
    assert want(decided(TWO.format(condition="if Loyalty Status is Member"), "loyalty = no answer"), PROMPTS) is None
    invite = "[Invite]\non = check-in\nif Loyalty Status is Known\nthen = prompt-signup\n"
    assert want(decided(invite, "loyalty = no answer"), PROMPTS) is None
    assert want(decided(invite, "loyalty = Known"), PROMPTS) is not None


def test_a_low_priority_number_comes_first_and_the_other_says_so() -> None:
    rule = "[{}]\non = receipt\nthen = footer {}\npriority = {}\n"
    rules = rule.format("A", "signup", 20) + rule.format("B", "wallet", 10)
    decision = decided(rules)
    row = want(decision, SALE)
    assert row is not None
    assert row.fields["Footer_Code"] == "WALLET-00000000"
    assert row.reasons == ("B",)
    loser = next(t for t in decision.trace if t.rule == "A")
    assert (loser.acted, loser.note) == (False, "footer signup ([B] comes first)")


def test_a_watching_rule_is_judged_and_does_nothing() -> None:
    decision = decided("[A]\non = receipt\nthen = footer wallet\nmode = watch\n")
    assert want(decision, SALE) is None
    assert [(t.verdict, t.acted) for t in decision.trace] == [(Verdict.YES, False)]
    assert not decided("[A]\non = receipt\nthen = footer wallet\nmode = off\n").trace


@pytest.mark.parametrize(
    ("now", "acts"),
    [
        ("2026-05-01 08:59", False),
        ("2026-05-01 09:00", True),
        ("2026-05-31 23:59", True),
        ("2026-06-01 00:00", False),
    ],
)
def test_a_rule_is_active_from_its_first_minute_to_the_end_of_its_last_day(now: str, acts: bool) -> None:
    rules = "[A]\non = receipt\nthen = footer wallet\nactive from = 2026-05-01 09:00\nactive until = 2026-05-31\n"
    decision = decided(rules, f"now = {now}", "time zone = America/Denver")
    assert (want(decision, SALE) is not None) is acts


def test_a_message_and_a_report_are_made_once_each() -> None:
    rules = """
[Clearance]
on   = basket
if Clearance is >=20
then = show-message clearance, report clearance
[fact Clearance]
sum = Line Amount
where Item Category Code is CLEARANCE
[text clearance]
en = Clearance for {Clearance}. \\ No returns.
"""
    decision = decided(rules, "line A = 2 x 15.00 in CLEARANCE", "line B = 40.00 in FLOWER")
    row = want(decision, PROMPTS)
    assert row is not None
    assert (row.initial["Kind"], row.initial["Options"]) == ("Message", "OK")
    assert (row.initial["Text_1"], row.initial["Text_2"]) == ("Clearance for 30.00.", "No returns.")
    assert decision.reports == ("Clearance for 30.00.\nNo returns.",)
    assert want(decided(rules, "line A = 15.00 in CLEARANCE"), PROMPTS) is None


def test_require_pin_and_no_wallet_write_the_grants() -> None:
    assert grant(decided("[A]\non = wallet\nthen = require-pin\n", AP0004), "AP0004")["Needs_PIN"] is True
    rules = "[A]\non = check-in\nif Staff ID is 101\nthen = no-wallet\n"
    decision = decided(rules, AP0004, "picked = AP0004")
    assert want(decision, GRANTS) is None
    assert decision.forbidden == {"AP0004": "No wallet discounts on this sale."}


def test_a_pick_is_taken_off_by_select_by_total_and_by_a_block() -> None:
    for moment, state in (("select", "SALES"), ("total", "PAYMENT"), ("wallet", "SALES")):
        rules = (
            f"[A]\non = {moment}\nif Staff ID is 101\nthen = hide-discount no\n[text no]\nen = Not by {{Staff ID}}.\n"
        )
        lines = ("line A = 200.00", AP0004, "picked = AP0004", f"state = {state}")
        assert decided(rules, *lines).forbidden == {"AP0004": "Not by 101."}
        assert decided(rules, *lines, "staff = 102").forbidden == {}
    rules = "[A]\non = total\nthen = hide-discount\n"
    assert decided(rules, "line A = 200.00", AP0004, "picked = AP0004").forbidden == {}


def test_a_pick_stands_when_the_wallet_is_gone() -> None:
    situation = sale("line A = 200.00", AP0004, "picked = AP0004")
    assert decide(shipped(), replace(situation, wallet=None, persona=None), BuiltinMatcher()).forbidden == {}
