"""Reading [text NAME] and [fact NAME] sections."""

from __future__ import annotations

import re
from collections.abc import Mapping

from navplugin.core.inifile import Entry, Section
from navplugin.core.problems import Span, did_you_mean
from navplugin.rulebook.facts.look import Fact
from navplugin.rulebook.facts.made import METHODS, TABLES, Table, Where, make_fact, member_field
from navplugin.rulebook.facts.texts import Part, Text
from navplugin.rulebook.filters import FilterType
from navplugin.rulebook.load_parts import Findings, check_keys, check_words, read_filter

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")
_HOLE = re.compile(r"\{([^{}]*)\}")
_MEMBER_FIELD = re.compile(r"member field\s+(\S.*)")
_BREAK = re.compile(r"\s*\\\s*")


def read_text(section: Section, name: str, facts: Mapping[str, Fact], found: Findings) -> Text:
    """A text in its languages. Problems: no language, an unknown or a private fact in braces."""
    check_words(section, (), found, "a text")
    languages: dict[str, tuple[Part, ...]] = {}
    for entry in section.entries:
        if entry.key == "replaces":
            continue
        if _LANGUAGE.fullmatch(entry.key) is None:
            message = f"'{entry.key}' is not a language"
            found.error(entry.key_span, "unknown-key", message, "write a code such as en, es or es-MX")
        elif not entry.value:
            found.error(entry.key_span, "empty-text", f"the text '{name}' says nothing in '{entry.key}'", "write it")
        else:
            languages[entry.key] = _parts(entry, facts, found)
    if not languages and not any(e.key != "replaces" for e in section.entries):
        found.error(section.span, "empty-text", f"the text '{name}' has no language", "write 'en = ...'")
    return Text(name, languages, section.span)


def _parts(entry: Entry, facts: Mapping[str, Fact], found: Findings) -> tuple[Part, ...]:
    parts: list[Part] = []
    at = 0
    for hole in _HOLE.finditer(entry.value):
        parts.append(_words(entry, entry.value[at : hole.start()], at, found))
        at = hole.end()
        fact = _fact_in_text(entry, hole.group(1).strip(), hole.start(), facts, found)
        if fact is not None:
            parts.append(fact)
    parts.append(_words(entry, entry.value[at:], at, found))
    return tuple(p for p in parts if p != "")


def _words(entry: Entry, words: str, at: int, found: Findings) -> str:
    stray = next((i for i, char in enumerate(words) if char in "{}"), None)
    if stray is not None:
        span = _inside(entry, at + stray, 1)
        found.error(span, "stray-brace", "a brace without its partner", "write {Fact} for the value of a fact")
    return _BREAK.sub("\n", words)


def _fact_in_text(entry: Entry, caption: str, at: int, facts: Mapping[str, Fact], found: Findings) -> Fact | None:
    span = _inside(entry, at, len(caption) + 2)
    fact = facts.get(caption)
    if fact is None:
        found.error(span, "unknown-fact", f"no fact '{caption}'", did_you_mean(caption, tuple(facts)))
    elif fact.tells_points:
        message = f"'{caption}' tells the member's points, which stay off till and receipt"
        found.error(span, "private-fact", message, "take it out of the text")
    elif fact.personal:
        message = f"'{caption}' is personal and stays out of texts"
        found.error(span, "private-fact", message, "take it out of the text")
    return fact


def _inside(entry: Entry, at: int, length: int) -> Span:
    span = entry.value_span
    return Span(span.path, span.line, span.col + at, max(1, length))


def read_made_fact(section: Section, name: str, given: Mapping[str, Fact], found: Findings) -> Fact | None:
    """A fact that the administrator makes: `sum = Line Amount` with `where`."""
    own_field = section.get("from")
    check_keys(section, ("from", "type") if own_field else (*METHODS, "from"), found, "a made fact")
    check_words(section, () if own_field else ("where",), found, "a made fact")
    entries = [e for e in section.entries if e.key in METHODS]
    if name in given:
        found.error(section.span, "doubled-section", f"navplugin has a fact '{name}' already", "choose another name")
        return None
    if own_field is not None:
        return _member_field(section, name, own_field, found)
    if len(entries) != 1:
        if entries or not section.entries:
            message = f"the fact '{name}' needs one of {', '.join(METHODS)}, from"
            found.error(section.span, "missing-key", message, "write for instance 'sum = Line Amount'")
        return None
    entry = entries[0]
    table, field = _table(entry, found)
    if table is None:
        return None
    where = _where(section, table, found)
    return make_fact(name, entry.key, table, field, where)


def _member_field(section: Section, name: str, entry: Entry, found: Findings) -> Fact | None:
    """`from = member field Medical Card`, `type = boolean`."""
    match = _MEMBER_FIELD.fullmatch(entry.value)
    if match is None:
        hint = "write 'from = member field NAME', with the name of the field on the member's page in NAV"
        found.error(entry.value_span, "bad-value", f"'{entry.value}' is no field of the member", hint)
        return None
    typed = section.get("type")
    if typed is None or typed.value not in set(FilterType):
        span, kinds = typed.value_span if typed else section.span, tuple(FilterType)
        if typed is None:
            found.error(span, "missing-key", f"the fact '{name}' has no 'type'", f"write 'type = {kinds[-1]}'")
        else:
            message = f"'{typed.value}' is not a type"
            found.error(span, "bad-value", message, did_you_mean(typed.value, kinds))
        return None
    return member_field(name, match.group(1), FilterType(typed.value))


def _table(entry: Entry, found: Findings) -> tuple[Table | None, str]:
    names = tuple(t.name for t in TABLES)
    for table in TABLES:
        if entry.value == table.name or entry.value.startswith(table.name + " "):
            return _field_of(entry, table, entry.value[len(table.name) :].strip(), found)
    found.error(entry.value_span, "unknown-table", f"no table '{entry.value}'", did_you_mean(entry.value, names))
    return None, ""


def _field_of(entry: Entry, table: Table, field: str, found: Findings) -> tuple[Table, str]:
    if entry.key in ("exist", "count"):
        if field:
            message = f"'{entry.key}' takes no field"
            found.error(entry.value_span, "bad-value", message, f"write '{entry.key} = {table.name}'")
        return table, ""
    numbers = tuple(n for n, kind in table.fields.items() if kind is FilterType.DECIMAL)
    if field not in numbers:
        message = f"'{entry.key}' needs a number of {table.name}" + (f", not '{field}'" if field else "")
        found.error(entry.value_span, "unknown-field", message, did_you_mean(field, numbers))
    return table, field


def _where(section: Section, table: Table, found: Findings) -> tuple[Where, ...]:
    out = []
    for condition in section.conditions:
        if condition.word != "where":
            continue
        type = table.fields.get(condition.fact)
        if type is None:
            message = f"{table.name} has no field '{condition.fact}'"
            hint = did_you_mean(condition.fact, tuple(table.fields))
            found.error(condition.fact_span, "unknown-field", message, hint)
            continue
        read = read_filter(condition, type, (), found)
        if read is not None:
            out.append(Where(condition.fact, read))
    return tuple(out)
