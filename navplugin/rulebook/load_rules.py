"""Reading rules and [stack NAME] sections."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import combinations

from navplugin.core.inifile import Entry, Section
from navplugin.core.problems import Span, did_you_mean
from navplugin.rulebook import verbs
from navplugin.rulebook.book import Call, Mode, Rule, RuleCondition, Stack
from navplugin.rulebook.facts import moments
from navplugin.rulebook.facts.look import About, Fact
from navplugin.rulebook.facts.moments import Moment
from navplugin.rulebook.facts.texts import Text
from navplugin.rulebook.filters.explain import terms
from navplugin.rulebook.load_parts import (
    SWITCH_KEYS,
    Findings,
    check_keys,
    check_words,
    read_conditions,
    read_priority,
    read_switch,
    require,
)
from navplugin.rulebook.verbs import Argument, Verb

KEEPS = ("at-most", "largest", "smallest", "first-chosen")
FOOTERS = ("wallet", "signup", "plain", "bilingual")
"""Receipt templates that ship (receipt_templates/)."""
_KEEP = re.compile(r"([a-z-]+)\s+([0-9]{1,3})")


def read_rule(
    section: Section,
    facts: Mapping[str, Fact],
    texts: Mapping[str, Text],
    footers: Collection[str] | None,
    found: Findings,
) -> Rule | None:
    """One rule; None where it cannot be used, with every problem of it found. footers: None = any name is taken."""
    check_keys(section, ("on", "then", "priority", "replaces", *SWITCH_KEYS), found, "a rule")
    check_words(section, ("if", "unless"), found, "a rule")
    moment = _moment(section, found)
    then = require(section, "then", found, "the rule", "then = report")
    conditions = read_conditions(section, facts, moment.about if moment else None, found)
    calls = _calls(then, moment, texts, footers, found) if then else ()
    priority = read_priority(section.get("priority"), found)
    switch = read_switch(section, found)
    if moment is None or not calls:
        return None
    replaces = section.get("replaces")
    return Rule(
        section.name, section.span, moment, conditions, calls, priority, switch, replaces.value if replaces else ""
    )


def _moment(section: Section, found: Findings) -> Moment | None:
    entry = require(section, "on", found, "the rule", "on = wallet")
    if entry is None:
        return None
    moment = moments.BY_NAME.get(entry.value)
    if moment is None:
        hint = did_you_mean(entry.value, tuple(moments.BY_NAME))
        found.error(entry.value_span, "unknown-moment", f"'{entry.value}' is not a moment", hint)
    return moment


def _calls(
    then: Entry, moment: Moment | None, texts: Mapping[str, Text], footers: Collection[str] | None, found: Findings
) -> tuple[Call, ...]:
    calls: list[Call] = []
    at = 0
    for piece in then.value.split(","):
        lead = len(piece) - len(piece.lstrip())
        span = Span(
            then.value_span.path, then.value_span.line, then.value_span.col + at + lead, len(piece.strip()) or 1
        )
        at += len(piece) + 1
        call = _call(piece.strip(), span, moment, texts, footers, found)
        if call is None:
            continue
        rival = next((c for c in calls if c.verb.slot and c.verb.slot == call.verb.slot), None)
        if rival is not None:
            message = f"'{rival.verb.name}' and '{call.verb.name}' of one rule exclude each other"
            found.error(span, "verbs-exclude", message, "keep one of them, or make two rules")
        calls.append(call)
    return tuple(calls)


def _call(
    piece: str,
    span: Span,
    moment: Moment | None,
    texts: Mapping[str, Text],
    footers: Collection[str] | None,
    found: Findings,
) -> Call | None:
    name, _, word = piece.partition(" ")
    word = word.strip()
    verb = verbs.BY_NAME.get(name)
    if verb is None:
        message = f"'{name}' is not a verb" if name else "there is no verb here"
        found.error(span, "unknown-verb", message, did_you_mean(name, tuple(verbs.BY_NAME)))
        return None
    if moment is not None and moment.name not in verb.moments:
        message = f"'{name}' cannot stand on {moment.name}"
        found.error(span, "verb-not-here", message, f"it may stand on {', '.join(verb.moments)}")
        return None
    if verb.argument is Argument.NONE and word:
        found.error(span, "bad-argument", f"'{name}' takes nothing behind it, not '{word}'", f"write '{name}'")
        return None
    if verb.argument in (Argument.TEXT, Argument.TEMPLATE) and not word:
        found.error(span, "bad-argument", f"'{name}' needs {verb.argument.value}", f"write '{name} NAME'")
        return None
    if verb.argument is Argument.TEMPLATE:
        if footers is not None and word not in footers:
            hint = did_you_mean(word, tuple(footers))
            found.error(span, "unknown-template", f"no receipt template '{word}'", hint)
            return None
        return Call(verb, word, "")
    if word:
        text = texts.get(word)
        if text is None:
            hint = did_you_mean(word, tuple(texts)) or f"write a section [text {word}]"
            found.error(span, "unknown-text", f"no text '{word}'", hint)
            return None
        _check_text(text, verb, span, moment, found)
    return Call(verb, word, word)


def _check_text(text: Text, verb: Verb, span: Span, moment: Moment | None, found: Findings) -> None:
    for language, parts in text.languages.items():
        length = sum(len(p) for p in parts if isinstance(p, str))
        if length > verb.length:
            message = (
                f"the text '{text.name}' has {length} characters in '{language}'; '{verb.name}' shows {verb.length}"
            )
            found.error(span, "long-text", message, "shorten it")
        for part in parts:
            wrong = isinstance(part, Fact) and part.about is About.DISCOUNT
            if wrong and moment is not None and moment.about is About.SALE and isinstance(part, Fact):
                message = f"the text '{text.name}' shows '{part.caption}', which is about one wallet discount"
                found.error(span, "fact-not-here", message, f"{moment.name} is asked for the sale: use another text")


def read_stack(
    section: Section, name: str, facts: Mapping[str, Fact], texts: Mapping[str, Text], found: Findings
) -> Stack | None:
    """A stack; it can only be about wallet discounts: LS offers are stopped by their own Block settings."""
    check_keys(section, ("keep", "text", "replaces", *SWITCH_KEYS), found, "a stack")
    check_words(section, ("among", "if", "unless"), found, "a stack")
    among = read_conditions(section, facts, None, found, ("among",))
    conditions = read_conditions(section, facts, About.SALE, found, ("if", "unless"))
    for condition in section.conditions:
        fact = facts.get(condition.fact)
        if condition.word == "among" and fact is not None and fact.about is not About.DISCOUNT:
            message = f"'{fact.caption}' says nothing of a wallet discount, and a stack can withhold nothing else"
            hint = "name the discounts by Coupon Code; a discount that LS gives by itself is stopped in NAV only"
            found.error(condition.fact_span, "stack-not-discounts", message, hint)
    entry = require(section, "keep", found, "the stack", "keep = first-chosen 1")
    match = _KEEP.fullmatch(entry.value) if entry else None
    if entry and match and match.group(1) in KEEPS and int(match.group(2)) == 0:
        message = "a stack that keeps none offers nothing"
        found.error(entry.value_span, "bad-value", message, "write no-wallet in a rule, or keep 1")
    if entry and (match is None or match.group(1) not in KEEPS):
        hint = f"write {', '.join(k + ' N' for k in KEEPS)}"
        found.error(entry.value_span, "bad-value", f"'{entry.value}' is not a way to keep discounts", hint)
    text = section.get("text")
    if text is not None and text.value not in texts:
        found.error(text.value_span, "unknown-text", f"no text '{text.value}'", did_you_mean(text.value, tuple(texts)))
    switch = read_switch(section, found)
    if all(condition.word != "among" for condition in section.conditions):
        found.error(section.span, "missing-key", f"the stack [{section.name}] has no 'among'",
                    "write 'among Coupon Code is *'")  # fmt: skip
    if match is None or match.group(1) not in KEEPS:
        return None
    replaces = section.get("replaces")
    return Stack(
        name, section.span, among, match.group(1), int(match.group(2)),
        text.value if text else "", switch, replaces.value if replaces else "", conditions,
    )  # fmt: skip


def warn_of_ties(rules: tuple[Rule, ...], found: Findings) -> None:
    """Where two rules may hold at once and only their place in the files decides which one counts."""
    active = [r for r in rules if r.switch.mode is Mode.ON]
    for first, second in combinations(active, 2):
        if first.moment is not second.moment or first.priority != second.priority or _exclude(first, second):
            continue
        for call in second.calls:
            rival = next((c for c in first.calls if _rivals(c, call)), None)
            if rival is not None:
                message = (
                    f"[{first.name}] and [{second.name}] may hold at once with one priority; "
                    f"'{rival.verb.name} {rival.word}'".rstrip("' ")
                    + "' counts because it stands first"
                )
                found.warn(second.span, "tie", message, "give them different priorities")
                break


def _rivals(one: Call, other: Call) -> bool:
    same_class = one.verb.slot == other.verb.slot and one.verb.forbids == other.verb.forbids
    return bool(one.verb.slot) and same_class and (one.verb.name, one.word) != (other.verb.name, other.word)


def _exclude(first: Rule, second: Rule) -> bool:
    """Whether the two can never hold together: one fact, and no value in common."""
    return any(
        a.fact is b.fact and not values_a & values_b
        for a in first.conditions
        for b in second.conditions
        if (values_a := _values(a)) and (values_b := _values(b))
    )


def _values(condition: RuleCondition) -> set[object]:
    """The values that the condition allows, where it lists them; empty where it does not."""
    found: set[object] = set()
    for term in terms(condition.filter.node):
        wild = term.pattern is not None and ("*" in term.pattern.text or "?" in term.pattern.text)
        if condition.negated or term.op != "=" or wild or "&" in condition.filter.text:
            return set()
        found.add(term.low if term.pattern is None else term.pattern.text)
    return found
