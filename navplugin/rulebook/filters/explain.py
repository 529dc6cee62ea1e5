"""Deciding a filter for one value, with the reason that an administrator reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from navplugin.rulebook.filters.grammar import AnyOf, Node, Term
from navplugin.rulebook.filters.values import (
    MAY_BE_NONE,
    NUMBERS,
    FilterType,
    Today,
    Value,
    coerce,
    fold,
    show,
    show_coerced,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Yes or no, and why: "62.50 does not meet >=75". seen: the value as it is shown."""

    yes: bool
    reason: str
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that has been read. `text` is as typed; `node` is None where it has no text, which every value meets.

    needs_today: it names today, so that its outcome changes with the date.
    """

    text: str
    type: FilterType
    node: Node | None
    needs_today: bool = False

    def test(self, value: object, *, today: date | None = None) -> Outcome:
        """Decide for one value. None is blank (text, code, option), no date, or no value (number, boolean).

        today: the date of the sale in the store's zone; without it a filter that names today is not met.
        """
        coerced = coerce(value, self.type)
        seen = show_coerced(coerced, self.type)
        if self.node is None:
            return Outcome(True, f"{seen}: no filter", seen)
        if self.needs_today and today is None:
            reason = f"{seen} cannot be compared with {self.text.strip()}: today's date is not known"
            return Outcome(False, reason, seen)
        yes, term = _decide(self.node, coerced, self.type, today)
        return Outcome(yes, self._reason(seen, yes, term, today), seen)

    def _reason(self, seen: str, yes: bool, term: Term | None, today: date | None) -> str:
        written = self.text.strip()
        shown = written if len(written) <= 200 else f"{written[:197]}..."
        out = f"{seen} meets {shown}" if yes else f"{seen} does not meet {shown}"
        if term is not None and term is not self.node:
            out += f" ({term.text})" if yes else f" (not {term.text})"
        return f"{out}, today is {today}" if self.needs_today else out


def names_today(node: Node | None) -> bool:
    """Whether any condition of a tree names today."""
    return any(isinstance(v, Today) for term in terms(node) for v in (term.low, term.high))


def terms(node: Node | None) -> tuple[Term, ...]:
    """All conditions of a tree, in the order typed."""
    if node is None:
        return ()
    return (node,) if isinstance(node, Term) else tuple(t for part in node.parts for t in terms(part))


def _decide(node: Node, seen: Value, kind: FilterType, today: date | None) -> tuple[bool, Term | None]:
    """The verdict, and the one condition that decided it where there is one."""
    if isinstance(node, Term):
        return _holds(node, seen, kind, today), node
    wanted = isinstance(node, AnyOf)
    for part in node.parts:
        yes, term = _decide(part, seen, kind, today)
        if yes is wanted:
            return yes, term
    return not wanted, None


def _holds(term: Term, seen: Value, kind: FilterType, today: date | None) -> bool:
    if seen is None and kind not in MAY_BE_NONE:
        return False
    if term.pattern is not None:
        return term.pattern.matches(str(seen)) is (term.op == "=")
    if term.op == "..":
        return (not term.has_low or _order(seen, _resolved(term.low, today)) >= 0) and (
            not term.has_high or _order(seen, _resolved(term.high, today)) <= 0
        )
    if kind is FilterType.OPTION:
        return (fold(str(seen)) == fold(str(term.low))) is (term.op == "=")
    order = _order(seen, _resolved(term.low, today))
    match term.op:
        case "=":
            return order == 0
        case "<>":
            return order != 0
        case "<":
            return order < 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case _:
            return order >= 0


def _resolved(value: Value, today: date | None) -> Value:
    if not isinstance(value, Today):
        return value
    assert today is not None  # noqa: S101 - Filter.test asks first
    return value.on(today)


def _order(seen: Value, wanted: Value) -> int:
    """-1, 0 or 1; no date and no time stand first, as NAV stores them; text in the order of its characters."""
    if seen is None or wanted is None:
        return (seen is not None) - (wanted is not None)
    if isinstance(seen, str) and isinstance(wanted, str):
        return (seen > wanted) - (seen < wanted)
    if isinstance(seen, Decimal | bool) and isinstance(wanted, Decimal | bool):
        return (seen > wanted) - (seen < wanted)
    if isinstance(seen, date) and isinstance(wanted, date):
        return (seen > wanted) - (seen < wanted)
    if isinstance(seen, time) and isinstance(wanted, time):
        return (seen > wanted) - (seen < wanted)
    raise TypeError(f"{type(seen).__name__} and {type(wanted).__name__} cannot be compared")


def single_comparison(read: Filter) -> tuple[str, Decimal] | None:
    """Operator (< <= > >= = <>) and number, when the filter is one comparison with one number; `75..` counts as >=75.

    For minima that are written ahead to the till (design.md 7, item 2).
    """
    term = read.node
    if read.type not in NUMBERS or not isinstance(term, Term):
        return None
    if term.op == "..":
        op, value = (">=", term.low) if not term.has_high else ("<=", term.high)
        if term.has_low and term.has_high:
            return None
    else:
        op, value = term.op, term.low
    return (op, value) if isinstance(value, Decimal) else None


def values_named(read: Filter) -> tuple[str, ...]:
    """The values named by equality, without wildcards and blanks, in the order typed, each once."""
    found: dict[str, None] = {}
    for term in terms(read.node):
        if term.op != "=" or isinstance(term.low, Today):
            continue
        wild = term.pattern is not None and ("*" in term.pattern.text or "?" in term.pattern.text)
        text = "" if wild or term.low is None or term.low == "" else show(term.low, read.type)
        if text:
            found[text] = None
    return tuple(found)
