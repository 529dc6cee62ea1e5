"""From a situation to a decision: pure, the same every time it is asked (design.md 3, step 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from navplugin.core.model import ConditionTrace, Decision, RuleTrace, Situation, Verdict
from navplugin.core.money import ZERO, show_money
from navplugin.core.ports import Hit, Matcher
from navplugin.rulebook.book import Call, Mode, Rule, Rulebook
from navplugin.rulebook.facts.look import Look, look_at
from navplugin.rulebook.grants import grant_wants
from navplugin.rulebook.judge import judge
from navplugin.rulebook.minima import least_balance
from navplugin.rulebook.stacking import apply_stacks
from navplugin.rulebook.verbs import Draft, Order


@dataclass(slots=True)
class _Case:
    """One rule on one subject, as it was judged, and what became of it."""

    rule: Rule
    look: Look
    verdict: Verdict
    conditions: tuple[ConditionTrace, ...]
    acted: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def subject(self) -> str:
        return self.look.subject.coupon_code if self.look.subject else ""

    def trace(self) -> RuleTrace:
        then = ", ".join(f"{call.verb.name} {call.word}".strip() for call in self.rule.calls)
        notes = "; ".join(dict.fromkeys(self.notes))
        note = f"{then} ({notes})" if notes else then
        return RuleTrace(
            self.rule.name, self.rule.moment.name, self.subject, self.verdict, self.acted, self.conditions, note
        )


def decide(rulebook: Rulebook, situation: Situation, matcher: Matcher) -> Decision:
    """What should be there on this sale, what may not stand, and why.

    rulebook: that of the store (`Rulebook.for_store`). matcher: orders the rules whose conditions hold.
    """
    look, draft = look_at(situation), Draft()
    minima: dict[str, Decimal] = {}
    cases, calls = _judge_all(rulebook, look, minima)
    _carry_out(rulebook, matcher, calls, draft)
    stack_traces = apply_stacks(rulebook, look, draft)
    wants = [*draft.wants, *grant_wants(look, draft, minima)]
    return Decision(
        wants=tuple(wants),
        forbidden=_forbidden(look, draft),
        reports=tuple(draft.reports),
        trace=(*(case.trace() for case in cases), *stack_traces),
        rules_hash=rulebook.hash,
        matcher=matcher.name,
    )


_Calls = dict[tuple[int, str, str], list[tuple[_Case, Call, Hit]]]


def _judge_all(rulebook: Rulebook, look: Look, minima: dict[str, Decimal]) -> tuple[list[_Case], _Calls]:
    """Every rule on every subject of its moment; the verbs that ask to act, by hit."""
    cases: list[_Case] = []
    calls: _Calls = {}
    looks: dict[str, tuple[Look, ...]] = {}
    for number, rule in enumerate(rulebook.rules):
        if rule.switch.mode is Mode.OFF:
            continue
        active = rule.switch.is_active(look.local_now)
        if rule.moment.name not in looks:  # shared by its rules: facts are worked out once
            looks[rule.moment.name] = rule.moment.looks(look)
        for here in looks[rule.moment.name]:
            verdict, conditions = judge(rule.conditions, here)
            case = _Case(rule, here, verdict, conditions)
            cases.append(case)
            if not active:
                case.notes.append("not active at this time")
            elif rule.switch.mode is Mode.WATCH:
                case.notes.append("only watching")
            else:
                _ask(number, case, minima, calls)
    return cases, calls


def _ask(number: int, case: _Case, minima: dict[str, Decimal], calls: _Calls) -> None:
    for call in case.rule.calls:
        if call.verb.name == "hide-discount" and case.rule.moment.name == "wallet" and _as_minimum(case, minima):
            continue
        unknown = case.verdict is Verdict.UNKNOWN
        if case.verdict is Verdict.YES or (unknown and call.verb.on_unknown):
            if unknown:
                case.notes.append(f"{call.verb.name} acts although it cannot be told")
            hit = Hit(number, case.subject, call.verb.name, call.verb.forbids, case.rule.priority, number)
            calls.setdefault((number, case.subject, call.verb.name), []).append((case, call, hit))


def _as_minimum(case: _Case, minima: dict[str, Decimal]) -> bool:
    """Whether the rule hides by an amount alone: then the till decides with its live balance."""
    least = least_balance(case.rule, tuple(c.verdict for c in case.conditions), case.look)
    if least is None:
        return False
    minima[case.subject] = max(minima.get(case.subject, ZERO), least)
    precision = case.look.situation.store.currency_precision
    case.notes.append(f"written ahead as Min_Balance {show_money(least, precision)}")
    case.acted = True
    return True


def _carry_out(rulebook: Rulebook, matcher: Matcher, calls: _Calls, draft: Draft) -> None:
    """The verbs in the matcher's order; the first of each slot counts."""
    taken: dict[tuple[str, ...], str] = {}
    for hit in matcher.order([hit for group in calls.values() for _, _, hit in group]):
        case, call, _ = calls[(hit.rule_id, hit.subject, hit.verb)].pop(0)
        rule = case.rule
        slot = _slot(rule, call, hit)
        if slot in taken:
            case.notes.append(f"[{taken[slot]}] comes first")
            continue
        taken[slot] = rule.name
        order = Order(rule.name, rule.moment.name, case.look, rulebook.texts.get(call.text), call.word)
        failure = call.verb.act(draft, order)
        case.acted = case.acted or not failure
        if failure:
            case.notes.append(failure)


def _slot(rule: Rule, call: Call, hit: Hit) -> tuple[str, ...]:
    verb = call.verb
    if not verb.slot:
        return (verb.name, rule.name if verb.name == "report" and not call.word else call.word, hit.subject)
    kind = "" if rule.moment.name == "wallet" else "pick"
    return (verb.slot, kind if verb.slot == "hide" else "", hit.subject)


def _forbidden(look: Look, draft: Draft) -> dict[str, str]:
    """Picks that may not stand, with the sentence for the cashier."""
    out: dict[str, str] = {}
    for pick in look.picks:
        code = pick.coupon_code
        if draft.no_wallet is not None:
            out[code] = draft.no_wallet[0]
        elif code in draft.withheld:
            out[code] = draft.withheld[code][0]
        elif code in draft.blocked:
            out[code] = draft.blocked[code][0]
    return out
