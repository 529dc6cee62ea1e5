"""Stacks: which wallet discounts may stand together on one sale. We can withhold wallet discounts, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from navplugin.core.model import ConditionTrace, RuleTrace, Verdict
from navplugin.rulebook.book import Mode, Rulebook, Stack
from navplugin.rulebook.facts.look import Look, Subject
from navplugin.rulebook.facts.texts import built_in, one_line
from navplugin.rulebook.judge import judge
from navplugin.rulebook.verbs.base import TEXT_LENGTH, Draft

_TOO_MANY = {
    "en": "At most {count} of these wallet discounts on one sale.",
    "es": "Como máximo {count} de estos descuentos en una venta.",
}


def apply_stacks(book: Rulebook, look: Look, draft: Draft) -> tuple[RuleTrace, ...]:
    """Withhold picks that a stack drops, and block candidates that it would drop at once. What a rule has already
    withheld does not count."""
    traces: list[RuleTrace] = []
    for stack in book.stacks:
        if stack.switch.mode is not Mode.OFF and stack.switch.is_active(look.local_now):
            traces += _apply(stack, book, look, draft)
    return tuple(traces)


def _apply(stack: Stack, book: Rulebook, look: Look, draft: Draft) -> list[RuleTrace]:
    acts = stack.switch.mode is Mode.ON
    holds, reasons = judge(stack.conditions, look)
    if holds is Verdict.NO:  # what cannot be told limits: a limit is a forbidding thing
        return [RuleTrace(f"stack {stack.name}", "stack", "", holds, False, reasons, _keeps(stack))]
    traces: list[RuleTrace] = []
    picks = [p for p in look.picks if p.coupon_code not in draft.withheld and _belongs(stack, look.at(p))]
    kept = keep(stack, picks)
    for pick in picks:
        if pick not in kept:
            traces.append(_trace(stack, "select", pick, acts, reasons))
            if acts:
                draft.withheld[pick.coupon_code] = (_sentence(stack, book, look.at(pick)), stack.name)
    for candidate in look.candidates:
        if candidate.pick is None and candidate.coupon_code not in draft.blocked:
            here = look.at(candidate)
            if _belongs(stack, here) and candidate not in keep(stack, [*picks, candidate]):
                traces.append(_trace(stack, "wallet", candidate, acts, reasons))
                if acts:
                    draft.blocked[candidate.coupon_code] = (_sentence(stack, book, here), stack.name)
    return traces


def keep(stack: Stack, subjects: Sequence[Subject]) -> list[Subject]:
    """Those that stay, of subjects in pick order; ties by pick order, then coupon code (the order that picks have)."""
    order: dict[str, Callable[[Subject], object]] = {
        "largest": lambda s: -s.value,
        "smallest": lambda s: s.value,
    }
    ranked = sorted(subjects, key=order[stack.keep]) if stack.keep in order else list(subjects)  # type: ignore[arg-type]
    return ranked[: stack.count]


def _belongs(stack: Stack, look: Look) -> bool:
    """Where a condition cannot be told, the discount counts: a limit is a forbidding thing."""
    return judge(stack.among, look)[0] is not Verdict.NO


def _sentence(stack: Stack, book: Rulebook, look: Look) -> str:
    text = book.texts.get(stack.text)
    if text is None:
        text = built_in("too-many", **{k: v.format(count=stack.count) for k, v in _TOO_MANY.items()})
    return one_line(text.render(look), TEXT_LENGTH)


def _trace(
    stack: Stack, moment: str, subject: Subject, acted: bool, reasons: tuple[ConditionTrace, ...]
) -> RuleTrace:
    note = _keeps(stack) + ("" if acted else "; only watching")
    return RuleTrace(f"stack {stack.name}", moment, subject.coupon_code, Verdict.YES, acted, reasons, note)


def _keeps(stack: Stack) -> str:
    return f"keep = {stack.keep} {stack.count}"
