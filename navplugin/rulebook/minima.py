"""Minima that are written ahead: from rules that hide a discount by an amount alone (design.md 7, item 2)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from navplugin.core.model import Verdict
from navplugin.core.money import ZERO
from navplugin.rulebook.book import Rule, RuleCondition
from navplugin.rulebook.facts.look import HUNDRED, Look, Subject
from navplugin.rulebook.filters import single_comparison

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}


def least_balance(rule: Rule, verdicts: tuple[Verdict, ...], look: Look) -> Decimal | None:
    """The least transaction balance at which this rule no longer hides the discount.

    None where it hides by more than an amount, or not at all for its other conditions; then it counts as it stands now.
    verdicts: those of its conditions, in their order.
    """
    by_amount = [c for c in rule.conditions if c.fact.amount]
    if len(by_amount) != 1 or look.subject is None:
        return None
    others = [v for c, v in zip(rule.conditions, verdicts, strict=True) if not c.fact.amount]
    if Verdict.NO in others:
        return None
    return _minimum(by_amount[0], look.subject, look)


def _minimum(condition: RuleCondition, subject: Subject, look: Look) -> Decimal | None:
    compared = single_comparison(condition.filter)
    if compared is None:
        return None
    op, number = compared
    op = _OPPOSITE[op] if condition.negated else op
    match condition.fact.caption:
        case "Transaction Balance":
            return _from_below(op, number, look)
        case "Amount Short":
            return _from_short(op, number, subject, look)
        case "Discount Share %":
            return _from_share(op, number, subject, look)
    return None


def _from_below(op: str, number: Decimal, look: Look) -> Decimal | None:
    """Hides while the balance is below a number."""
    if op == "<":
        return _up(number, look)
    return _above(number, look) if op == "<=" else None


def _from_short(op: str, number: Decimal, subject: Subject, look: Look) -> Decimal | None:
    """Hides while more than a number is missing to the value; the trigger is the till's Min_Amount."""
    if subject.value_kind != "amount":
        return ZERO if op in (">", "<>") else None
    if (op == ">" and number >= ZERO) or (op == "<>" and number == ZERO):
        return max(ZERO, _up(subject.value - number, look))
    if op == ">=" and number > ZERO:
        return max(ZERO, _above(subject.value - number, look))
    return None


def _from_share(op: str, number: Decimal, subject: Subject, look: Look) -> Decimal | None:
    """Hides while it takes more than a share of the balance."""
    if subject.value_kind != "amount" or number <= ZERO:
        return None
    if op == ">":
        return _up(subject.value * HUNDRED / number, look)
    return _above(subject.value * HUNDRED / number, look) if op == ">=" else None


def _up(amount: Decimal, look: Look) -> Decimal:
    return _multiple(amount, look, ROUND_CEILING)


def _above(amount: Decimal, look: Look) -> Decimal:
    return _multiple(amount, look, ROUND_FLOOR) + look.situation.store.currency_precision


def _multiple(amount: Decimal, look: Look, rounding: str) -> Decimal:
    precision = look.situation.store.currency_precision
    return (amount / precision).quantize(Decimal(1), rounding=rounding) * precision
