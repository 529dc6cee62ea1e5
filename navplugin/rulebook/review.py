"""Rules that can be read and are yet in vain: doubled, never met, hidden, about coupon codes without an offer.

What is claimed here is certain: where it cannot be told, nothing is said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from navplugin.core.inifile import read_ini
from navplugin.core.problems import Level, Problem, did_you_mean
from navplugin.rulebook.book import Call, Mode, Rule, Rulebook, RuleCondition, Stack, Switch
from navplugin.rulebook.facts.look import Fact
from navplugin.rulebook.filters import FilterType, values_named
from navplugin.rulebook.filters.explain import terms
from navplugin.rulebook.filters.values import NUMBERS
from navplugin.rulebook.load_parts import Findings

_TINY = Decimal("0.000001")
_CODE, _DATE = "Coupon Code", "Date"
_Key = tuple[str, str, bool]


def review_rules(rules: Sequence[Rule], stacks: Sequence[Stack], found: Findings) -> None:
    """Warn of rules that can do nothing, or do what another one does."""
    for rule in rules:
        _warn_if_never_met(rule, rule.conditions, "the rule", found)
    for stack in stacks:
        _warn_if_never_met(stack, stack.conditions, "the stack", found)
        _warn_if_never_met(stack, stack.among, "the stack", found)
    active = [r for r in rules if r.switch.mode is Mode.ON]
    doubled = _warn_of_doubles(active, found)
    _warn_of_hidden([r for r in active if r.name not in doubled], found)


# ---- never met -----------------------------------------------------------------------------------------------------


def _warn_if_never_met(where: Rule | Stack, conditions: Sequence[RuleCondition], kind: str, found: Findings) -> None:
    """Dates that contradict each other are an error: such a rule was meant for some day, and that day will pass."""
    by_fact: dict[Fact, list[RuleCondition]] = {}
    for condition in conditions:
        by_fact.setdefault(condition.fact, []).append(condition)
    for fact, several in by_fact.items():
        window = where.switch if fact.caption == _DATE else Switch()
        if is_never_met(several, window):
            shown = " and ".join([*(f"'{_written(c)}'" for c in several), *_written_window(window)])
            message = f"{kind} [{where.name}] never holds: no {fact.caption} meets {shown}"
            hint = "change a condition, or write two rules for either"
            if fact.type is FilterType.DATE:
                found.error(where.span, "never-holds", message, hint)
            else:
                found.warn(where.span, "never-holds", message, hint)


def _written(condition: RuleCondition) -> str:
    return f"{'unless' if condition.negated else 'if'} {condition.fact.caption} is {condition.filter.text.strip()}"


def _written_window(window: Switch) -> list[str]:
    bounds = (("active from", window.active_from), ("active until", window.active_until))
    return [f"'{key}'" for key, bound in bounds if bound is not None]


def is_never_met(conditions: Sequence[RuleCondition], window: Switch = Switch()) -> bool:  # noqa: B008 - frozen
    """Whether no value of their one fact meets all of them. Only what is certain counts.

    window: where the fact is the date of the sale, the days on which the rule is active.
    """
    if any(c.filter.needs_today for c in conditions):
        return False
    values = _deciding_values(conditions, window)
    return values is not None and not any(_meets(v, conditions) and _is_within(v, window) for v in values)


def _is_within(value: object, window: Switch) -> bool:
    if not isinstance(value, date):
        return True
    begin, until = window.active_from, window.active_until
    return (begin is None or value >= begin.date()) and (until is None or datetime.combine(value, time()) < until)


def _meets(value: object, conditions: Sequence[RuleCondition]) -> bool:
    return all(c.filter.test(value).yes is not c.negated for c in conditions)


def _deciding_values(conditions: Sequence[RuleCondition], window: Switch) -> list[object] | None:
    """Values of which one meets the conditions if any value does; None where there is no such list."""
    fact = conditions[0].fact
    if fact.type is FilterType.BOOLEAN:
        return [True, False]
    if fact.type is FilterType.OPTION and fact.options:
        return ["", *fact.options]
    ends = [end for c in conditions for t in terms(c.filter.node) for end in (t.low, t.high)]
    if fact.type in NUMBERS:
        step = Decimal(1) if fact.type is FilterType.INTEGER else _TINY
        numbers = [end for end in ends if isinstance(end, Decimal)]
        return [Decimal(0), *(value for n in numbers for value in (n - step, n, n + step))]
    if fact.type is FilterType.DATE:
        dates = [end for end in ends if isinstance(end, date)]
        dates += [bound.date() for bound in (window.active_from, window.active_until) if bound is not None]
        blank = [] if conditions[0].fact.caption == _DATE else [None]
        return [*blank, *(near for day in dates for near in _near(day))]
    if fact.type is FilterType.TIME:
        times = [end for end in ends if isinstance(end, time)]
        return [None, time(), *(near for at in times for near in _near_time(at))]
    listed = [_listed(c) for c in conditions if not c.negated]
    finite = next((values for values in listed if values is not None), None)
    if finite is not None:
        return list(finite)
    same = {c.filter.text.strip() for c in conditions}
    return [] if len(same) < len(conditions) else None  # if X is F and unless X is F


def _near(day: date) -> list[date]:
    ordinals = (day.toordinal() - 1, day.toordinal(), day.toordinal() + 1)
    return [date.fromordinal(n) for n in ordinals if date.min.toordinal() <= n <= date.max.toordinal()]


def _near_time(at: time) -> list[time]:
    moments = [datetime.combine(date(2000, 1, 2), at) + timedelta(seconds=n) for n in (-1, 0, 1)]
    return [m.time() for m in moments if m.date() == date(2000, 1, 2)]


def _listed(condition: RuleCondition) -> tuple[object, ...] | None:
    """All values that a filter on text allows, None where there is no end of them."""
    found: list[object] = []
    for term in terms(condition.filter.node):
        wild = term.pattern is not None  # a pattern without * and ? ignores case: there is no end of spellings
        if term.op != "=" or wild:
            return None
        found.append(term.low)
    return tuple(found) or None


# ---- doubled, hidden -----------------------------------------------------------------------------------------------


def _keys(rule: Rule) -> frozenset[_Key]:
    return frozenset((c.fact.caption, c.filter.text.strip(), c.negated) for c in rule.conditions)


def _asks(call: Call) -> tuple[str, str]:
    return (call.verb.name, call.word)


def _warn_of_doubles(rules: Sequence[Rule], found: Findings) -> set[str]:
    """Rules with the conditions and verbs of an earlier one; their names."""
    first: dict[tuple[object, ...], Rule] = {}
    doubled = set()
    for rule in rules:
        key = (rule.moment.name, _keys(rule), frozenset(map(_asks, rule.calls)), rule.switch)
        if key in first:
            message = f"[{rule.name}] asks and does the same as [{first[key].name}] ({first[key].place})"
            found.warn(rule.span, "same-rule", message, "take one of them away")
            doubled.add(rule.name)
        first.setdefault(key, rule)
    return doubled


def _warn_of_hidden(rules: Sequence[Rule], found: Findings) -> None:
    """Rules all of whose verbs give way to another rule that holds whenever they do."""
    ordered: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        for call in rule.calls:
            ordered.setdefault((rule.moment.name, call.verb.slot), []).append(rule)
    for rule in rules:
        hiders = [_hider(rule, call, ordered.get((rule.moment.name, call.verb.slot), []), rules) for call in rule.calls]
        names = [h.name for h in hiders if h is not None]
        if len(names) == len(rule.calls):
            by = " and ".join(f"[{name}]" for name in dict.fromkeys(names))
            message = f"[{rule.name}] never acts: whenever it holds, {by} holds too and comes first"
            found.warn(rule.span, "hidden-rule", message, "give it a lower priority number, or other conditions")


def _hider(rule: Rule, call: Call, rivals: Sequence[Rule], all_rules: Sequence[Rule]) -> Rule | None:
    if not call.verb.slot or _waits_for_an_amount(rule):
        return None
    mine = _keys(rule)
    for other in rivals:
        if other is rule or _waits_for_an_amount(other) or other.switch != rule.switch or not _keys(other) <= mine:
            continue
        for theirs in other.calls:
            if theirs.verb.slot == call.verb.slot and _comes_first(other, theirs, rule, call, all_rules):
                return other
    return None


def _comes_first(other: Rule, theirs: Call, rule: Rule, call: Call, rules: Sequence[Rule]) -> bool:
    if theirs.verb.forbids != call.verb.forbids:
        return theirs.verb.forbids
    if not theirs.verb.on_unknown and call.verb.on_unknown:
        return False  # where a condition cannot be told, this one acts and the other does not
    if other.priority != rule.priority:
        return other.priority < rule.priority
    return rules.index(other) < rules.index(rule)


def _waits_for_an_amount(rule: Rule) -> bool:
    """On wallet such a rule is written ahead as a minimum, so that it hides no other."""
    return rule.moment.name == "wallet" and any(c.fact.amount for c in rule.conditions)


# ---- coupon codes --------------------------------------------------------------------------------------------------


def codes_without_offer(
    book: Rulebook, codes: Collection[str], files: Sequence[tuple[str, bytes]]
) -> tuple[Problem, ...]:
    """A warning for each coupon code that rules or stacks name and that no offer of this list has."""
    known = {code.upper() for code in codes}
    sources: Mapping[str, tuple[str, ...]] = {path: read_ini(path, data).lines for path, data in files}
    problems: list[Problem] = []
    books = (book, *(book.for_store(no) for no in book.stores))
    parts: list[tuple[Rule | Stack, RuleCondition]] = [(x, c) for b in books for x in b.rules for c in x.conditions]
    parts += [(x, c) for b in books for x in b.stacks for c in x.among]
    for where, condition in parts:
        if condition.fact.caption != _CODE or where.switch.mode is Mode.OFF:
            continue
        for code in values_named(condition.filter):
            if code.upper() not in known:
                hint = did_you_mean(code, tuple(sorted(known))) or "set the Coupon Code of an offer in NAV"
                span, lines = condition.span, sources.get(condition.span.path, ())
                source = lines[span.line - 1] if span.line <= len(lines) else ""
                message = f"no Total Discount Offer has coupon code '{code}' (in [{where.name}])"
                problems.append(Problem(span, Level.WARNING, "no-offer", message, hint, source))
    return tuple(dict.fromkeys(problems))
