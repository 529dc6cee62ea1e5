"""Cases: tests that administrators write beside their rules, a sale in, what must follow out (rules/README.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from navplugin.core.inifile import Entry, Section, read_ini
from navplugin.core.model import Decision, Situation, Verdict
from navplugin.core.money import parse_money
from navplugin.core.ports import Matcher
from navplugin.core.problems import Level, Problem, Span, did_you_mean
from navplugin.rulebook.book import Rulebook
from navplugin.rulebook.case_keys import BadCase
from navplugin.rulebook.case_world import SaleBuilder
from navplugin.rulebook.decide import decide
from navplugin.rulebook.facts.look import look_at
from navplugin.rulebook.sentences import shortfall
from navplugin.rulebook.verbs.base import GRANTS, PROMPTS, SALE, STATUS

EXPECT = "expect "


@dataclass(frozen=True, slots=True)
class Expectation:
    """One `expect` line: what is looked at, and what must be seen there."""

    what: str
    code: str
    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a situation, and what must follow from it."""

    name: str
    span: Span
    situation: Situation
    expected: tuple[Expectation, ...]


def read_cases(files: Sequence[tuple[str, bytes]]) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """Read case files; every problem of every file. files: (path as problems show it, content)."""
    cases: list[Case] = []
    problems: list[Problem] = []
    names: set[str] = set()
    for path, data in files:
        ini = read_ini(path, data)
        found = list(ini.problems)
        for section in ini.sections:
            case = _read_case(section, found)
            if section.name.casefold() in names:
                message = f"there is a case [{section.name}] already"
                found.append(_error(section.span, "doubled-section", message, "give one of them another name"))
            elif case is not None:
                cases.append(case)
            names.add(section.name.casefold())
        problems += ini.sourced(dict.fromkeys(found))
    return tuple(cases), tuple(problems)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one case showed. exercised: names of the rules and stacks whose conditions hold in it."""

    problems: tuple[Problem, ...]
    exercised: frozenset[str]


def run_case(book: Rulebook, case: Case, matchers: Sequence[Matcher]) -> Outcome:
    """Decide the case with every matcher; a problem for each expectation that is not met, and where they differ."""
    mine = book.for_store(case.situation.store.store_no)
    decisions = [decide(mine, case.situation, matcher) for matcher in matchers]
    problems = [p for e in case.expected if (p := _compare(e, case, decisions[0])) is not None]
    for matcher, decision in zip(matchers[1:], decisions[1:], strict=True):
        if (decision.wants, decision.forbidden) != (decisions[0].wants, decisions[0].forbidden):
            message = f"the matchers {matchers[0].name} and {matcher.name} decide differently"
            problems.append(_error(case.span, "matchers-differ", message, "report it; use matcher = builtin"))
    exercised = frozenset(t.rule for t in decisions[0].trace if t.verdict is Verdict.YES or t.acted)
    return Outcome(tuple(problems), exercised)


def _compare(expected: Expectation, case: Case, decision: Decision) -> Problem | None:
    seen = _SEEN[expected.what](expected.code, case.situation, decision)
    if _same(expected.value, seen):
        return None
    code = f" {expected.code}" if expected.code else ""
    message = f"[{case.name}] {expected.what}{code} is '{seen}', expected '{expected.value}'"
    more = _difference(expected.value, seen)
    message += f" ({more})" if more else ""
    return _error(expected.span, "case-failed", message, "mend the rule, or the case")


def _same(expected: str, seen: str) -> bool:
    first, second = parse_money(expected), parse_money(seen)
    if first is not None and second is not None:
        return first == second
    return _listed(expected) == _listed(seen)


def _difference(expected: str, seen: str) -> str:
    """For lists: what is missing and what is too much."""
    wanted, there = set(_listed(expected)), set(_listed(seen))
    if len(wanted) < 2 and len(there) < 2:
        return ""
    missing, extra = sorted(wanted - there), sorted(there - wanted)
    parts = [f"missing {', '.join(missing)}" if missing else "", f"too much {', '.join(extra)}" if extra else ""]
    return "; ".join(part for part in parts if part)


def _listed(text: str) -> list[str]:
    return sorted(part.strip() for part in text.split(",") if part.strip())


# ---- what an expectation looks at ----------------------------------------------------------------------------------


def _prompt(code: str, situation: Situation, decision: Decision) -> str:
    return ", ".join(str(w.initial["Code"]) for w in decision.wants if w.page == PROMPTS)


def _prompt_text(code: str, situation: Situation, decision: Decision) -> str:
    prompts = [w.initial for w in decision.wants if w.page == PROMPTS]
    return " ".join(str(p[f"Text_{n}"]) for p in prompts for n in (1, 2, 3) if p[f"Text_{n}"])


def _field(page: str, name: str) -> Callable[[str, Situation, Decision], str]:
    def read(code: str, situation: Situation, decision: Decision) -> str:
        return next((str(w.fields[name]) for w in decision.wants if w.page == page), "")

    return read


def _footer(code: str, situation: Situation, decision: Decision) -> str:
    seen = _field(SALE, "Footer_Code")(code, situation, decision)
    names = {value: name for name, value in situation.footer_codes.items()}
    return names.get(seen, seen)


def _grants(situation: Situation, decision: Decision) -> dict[str, Mapping[str, object]]:
    return {str(w.key[1]): w.fields for w in decision.wants if w.page == GRANTS}


def _offered(code: str, situation: Situation, decision: Decision) -> str:
    """What [AIQ Wallet] lists on the sale as it is: granted, not blocked, reached."""
    look = look_at(situation)
    picked = {p.coupon_code for p in look.picks}
    return ", ".join(
        c.coupon_code
        for c in look.candidates
        if (fields := _grants(situation, decision).get(c.coupon_code)) is not None
        and c.coupon_code not in picked
        and not fields["Blocked_Text"]
        and shortfall(fields, look.at(c)) is None
    )


def _granted(code: str, situation: Situation, decision: Decision) -> str:
    return ", ".join(_grants(situation, decision))


def _grant_field(name: str) -> Callable[[str, Situation, Decision], str]:
    def read(code: str, situation: Situation, decision: Decision) -> str:
        value = _grants(situation, decision).get(code, {}).get(name, "")
        return {True: "Yes", False: "No"}.get(value, "") if isinstance(value, bool) else str(value)

    return read


def _forbidden(code: str, situation: Situation, decision: Decision) -> str:
    return decision.forbidden.get(code, "") if code else ", ".join(decision.forbidden)


def _reports(code: str, situation: Situation, decision: Decision) -> str:
    return str(len(decision.reports))


_SEEN: dict[str, Callable[[str, Situation, Decision], str]] = {
    "prompt": _prompt,
    "prompt text": _prompt_text,
    "status": _field(STATUS, "Member_Status"),
    "status text": _field(STATUS, "Display_Text"),
    "footer": _footer,
    "offered": _offered,
    "granted": _granted,
    "blocked": _grant_field("Blocked_Text"),
    "min balance": _grant_field("Min_Balance"),
    "min amount": _grant_field("Min_Amount"),
    "needs pin": _grant_field("Needs_PIN"),
    "taken off": _forbidden,
    "reports": _reports,
}
_WITH_CODE = ("blocked", "min balance", "min amount", "needs pin")
_MAYBE_CODE = ("taken off",)


# ---- reading -------------------------------------------------------------------------------------------------------


def _read_case(section: Section, found: list[Problem]) -> Case | None:
    before = len(found)
    for condition in section.conditions:
        message = f"'{condition.word}' has no place in a case"
        found.append(_error(condition.span, "wrong-word", message, "write 'key = value'"))
    builder = SaleBuilder()
    expected = []
    for entry in section.entries:
        if entry.key.startswith(EXPECT):
            expectation = _expectation(entry, found)
            if expectation is not None:
                expected.append(expectation)
            continue
        try:
            builder.put(entry.key, entry.value)
        except BadCase as wrong:
            span = entry.key_span if wrong.is_key else entry.value_span
            found.append(_error(span, "unknown-key" if wrong.is_key else "bad-value", str(wrong), wrong.hint))
    if not any(e.key.startswith(EXPECT) for e in section.entries):
        message = f"the case [{section.name}] expects nothing"
        found.append(_error(section.span, "missing-key", message, "write for instance 'expect offered = AP0001'"))
    if len(found) > before:
        return None
    return Case(section.name, section.span, builder.build(), tuple(expected))


def _expectation(entry: Entry, found: list[Problem]) -> Expectation | None:
    words = entry.key[len(EXPECT) :].strip()
    what = next((n for n in sorted(_SEEN, key=len, reverse=True) if words == n or words.startswith(n + " ")), None)
    if what is None:
        known = tuple(EXPECT + name for name in _SEEN)
        message = f"'{entry.key}' is nothing that a case can expect"
        found.append(_error(entry.key_span, "unknown-key", message, did_you_mean(entry.key, known)))
        return None
    code = words[len(what) :].strip().upper()
    if bool(code) != (what in _WITH_CODE) and not (code and what in _MAYBE_CODE) and what not in _MAYBE_CODE:
        hint = f"write '{EXPECT}{what} COUPON-CODE'" if what in _WITH_CODE else f"write '{EXPECT}{what}'"
        found.append(_error(entry.key_span, "unknown-key", f"'{entry.key}' is not complete", hint))
        return None
    return Expectation(what, code, entry.value, entry.value_span if entry.value else entry.key_span)


def _error(span: Span, code: str, message: str, hint: str) -> Problem:
    return Problem(span, Level.ERROR, code, message, hint)


EXPECTATIONS = (
    ("prompt", "codes of the prompts: SIGNUP, or the name of a message"),
    ("prompt text", "what they say"),
    ("status", "Member_Status"),
    ("status text", "what [Get Loyalty Status] shows"),
    ("footer", "the name of the receipt template"),
    ("offered", "coupon codes that [AIQ Wallet] lists on the sale as it is"),
    ("granted", "coupon codes that have a row, listed or not"),
    ("blocked", "with a coupon code: its Blocked_Text"),
    ("min balance", "with a coupon code: its Min_Balance"),
    ("min amount", "with a coupon code: its Min_Amount"),
    ("needs pin", "with a coupon code: Yes or No"),
    ("taken off", "coupon codes of picks that must go; with a coupon code: the sentence"),
    ("reports", "how many lines the ledger gets"),
)
"""What may stand behind `expect`, and what is compared."""
