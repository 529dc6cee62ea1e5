"""Whether conditions hold in a situation: yes, no or unknown, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from navplugin.core.model import ConditionTrace, Verdict
from navplugin.core.money import ZERO
from navplugin.rulebook.book import RuleCondition
from navplugin.rulebook.facts.look import Look, Unknown

KEPT_BACK = "(kept back)"
"""What a trace shows in the place of a personal value."""


def judge(conditions: Sequence[RuleCondition], look: Look) -> tuple[Verdict, tuple[ConditionTrace, ...]]:
    """All must hold. One that does not decides; else one that cannot be told leaves the whole unknown."""
    traces = tuple(_judge_one(c, look) for c in conditions)
    verdicts = {t.verdict for t in traces}
    for verdict in (Verdict.NO, Verdict.UNKNOWN):
        if verdict in verdicts:
            return verdict, traces
    return Verdict.YES, traces


def _judge_one(condition: RuleCondition, look: Look) -> ConditionTrace:
    """Worked out once for each look: rules often ask the same."""
    key = (condition.fact.caption, condition.filter.text, condition.negated)
    trace = look.judged_before.get(key)
    if trace is None:
        trace = look.judged_before[key] = _judge_anew(condition, look)
    return trace


def _judge_anew(condition: RuleCondition, look: Look) -> ConditionTrace:
    fact, read = condition.fact, condition.filter
    value = look.value_of(fact)
    if isinstance(value, Unknown):
        reason = f"{fact.caption} is unknown"
        return ConditionTrace(fact.caption, read.text, condition.negated, "unknown", Verdict.UNKNOWN, reason)
    if fact.money and isinstance(value, Decimal):
        value += ZERO * look.situation.store.currency_precision  # 25.00, also where NAV said 25
    outcome = read.test(value, today=look.today)
    verdict = Verdict.YES if outcome.yes is not condition.negated else Verdict.NO
    shown, reason = outcome.seen, outcome.reason
    if fact.personal:
        shown, reason = KEPT_BACK, f"{KEPT_BACK} {'meets' if outcome.yes else 'does not meet'} {read.text.strip()}"
    return ConditionTrace(fact.caption, read.text, condition.negated, shown, verdict, f"{fact.caption} {reason}")
