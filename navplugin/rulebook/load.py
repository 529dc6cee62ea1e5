"""Loads rule files: all problems of all files at once, and a rulebook only where there is no error (design.md 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from navplugin.core.inifile import IniFile, Section, read_ini
from navplugin.core.problems import Level, Problem, Span, did_you_mean, has_errors
from navplugin.rulebook.book import Layer, Rule, Rulebook, Stack, hash_of
from navplugin.rulebook.facts import FACTS
from navplugin.rulebook.facts.look import Fact
from navplugin.rulebook.facts.texts import Text
from navplugin.rulebook.load_parts import Findings
from navplugin.rulebook.load_rules import FOOTERS, read_rule, read_stack, warn_of_ties
from navplugin.rulebook.load_texts import read_made_fact, read_text
from navplugin.rulebook.review import review_rules

__all__ = ["Rulebook", "load_rulebook"]

GIVEN = {fact.caption: fact for fact in FACTS}
KINDS = ("fact", "text", "stack")
MAX_SECTIONS, MAX_LINES = 1000, 200
"""Sections of a layer, and lines of a section, that are read."""
MAX_RULES = 250
"""More than a person can survey, and the limit of the durable matcher (rules-engine.md C.14)."""


@dataclass(slots=True)
class _Reading:
    """What one layer has given so far, by name."""

    facts: dict[str, Fact] = field(default_factory=dict)
    texts: dict[str, Text] = field(default_factory=dict)
    stacks: dict[str, Stack] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    places: dict[tuple[str, str], Span] = field(default_factory=dict)


def load_rulebook(
    files: Sequence[tuple[str, bytes]], footers: Collection[str] | None = FOOTERS
) -> tuple[Rulebook | None, tuple[Problem, ...]]:
    """Read rule files. files: (path as problems show it, content); .../stores/<Store No.>/x.ini is that store's layer.
    footers: the receipt templates that a rule may name; None = any, for a set that was checked when it was published.

    The rulebook is None where there is an error; warnings alone do not stop it.
    """
    read = [(store_of(path), read_ini(path, data)) for path, data in sorted(files)]
    found = Findings([p for _, ini in read for p in ini.problems])
    shared = _read_layer([ini for store, ini in read if not store], None, footers, found)
    layers = {}
    for store in sorted({store for store, _ in read if store}):
        own = _read_layer([ini for name, ini in read if name == store], shared, footers, found)
        layers[store] = _layer(own)
    _check_empty([ini for _, ini in read], found)
    base = _layer(shared)
    book = Rulebook(base.rules, base.stacks, base.texts, hash_of_files(files), layers)
    for one in (book, *(book.for_store(store) for store in layers)):
        if len(one.rules) <= MAX_RULES:  # above that it is an error, and comparing all with all takes too long
            more = Findings()
            review_rules(one.rules, one.stacks, more)
            warn_of_ties(one.rules, more)
            known = set(found.problems)
            found.problems += [p for p in more.problems if p not in known]
    problems = _sourced([ini for _, ini in read], found.problems)
    return (None if has_errors(problems) else book), problems


def _check_empty(files: Sequence[IniFile], found: Findings) -> None:
    empty = [ini for ini in files if not ini.sections and not ini.problems]
    if len(empty) == len(files):
        path = files[0].path if files else "rules"
        found.error(Span(path), "no-rules", "there is no rule in these files", "write a section with 'on' and 'then'")
        return
    for ini in empty:
        found.error(Span(ini.path), "empty-file", "the file holds no section", "write a rule, or take the file away")


def store_of(path: str) -> str:
    """The Store No. whose layer a file belongs to, '' for the shared one."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return parts[-2].upper() if len(parts) >= 3 and parts[-3].casefold() == "stores" else ""


def _read_layer(
    files: Sequence[IniFile], below: _Reading | None, footers: Collection[str] | None, found: Findings
) -> _Reading:
    """The sections of one layer: facts first, then texts, then what uses them."""
    own = _Reading()
    sections: dict[str, list[tuple[str, Section]]] = {kind: [] for kind in (*KINDS, "")}
    for ini in files:
        for section in ini.sections:
            if not _is_readable(section, len(own.places), found):
                continue
            kind, name = _kind(section)
            if _is_named_once(kind, name, section, own, below, found):
                sections[kind].append((name, section))
    for name, section in sections["fact"]:
        fact = read_made_fact(section, name, GIVEN, found)
        if fact is not None:
            own.facts[name] = fact
    facts: Mapping[str, Fact] = {**GIVEN, **(below.facts if below else {}), **own.facts}
    for name, section in sections["text"]:
        own.texts[name] = read_text(section, name, facts, found)
    texts: Mapping[str, Text] = {**(below.texts if below else {}), **own.texts}
    for name, section in sections["stack"]:
        stack = read_stack(section, name, facts, texts, found)
        if stack is not None:
            own.stacks[name] = stack
    for name, section in sections[""]:
        rule = read_rule(section, facts, texts, footers, found)
        if rule is not None:
            own.rules[name] = rule
    if len(own.rules) > MAX_RULES:
        last = list(own.rules.values())[MAX_RULES]
        found.error(last.span, "too-many", f"there are more than {MAX_RULES} rules", "take some away")
    return own


def _is_readable(section: Section, before: int, found: Findings) -> bool:
    """Whether there is room for it: a file that a program has filled by mistake is refused, not worked through."""
    if len(section.entries) + len(section.conditions) > MAX_LINES:
        message = f"[{section.name}] has more than {MAX_LINES} lines"
        found.error(section.span, "too-many", message, "make several sections of it")
        return False
    if before == MAX_SECTIONS and not any(p.code == "too-many" for p in found.problems):
        message = f"there are more than {MAX_SECTIONS} sections, and those from here on were not read"
        found.error(section.span, "too-many", message, "take some away")
    return before < MAX_SECTIONS


def _kind(section: Section) -> tuple[str, str]:
    word, _, name = section.name.partition(" ")
    return (word, name.strip()) if word in KINDS and name.strip() else ("", section.name)


def _is_named_once(
    kind: str, name: str, section: Section, own: _Reading, below: _Reading | None, found: Findings
) -> bool:
    """Names are used once in a layer; a store's layer uses a shared name only with `replaces`."""
    key = (kind, name.casefold())
    if not name:
        return False
    if key in own.places:
        there = own.places[key]
        if there.path != section.span.path:  # in one file, reading it has said so
            message = f"[{section.name}] stands in {there.path} too, line {there.line}"
            found.error(section.span, "doubled-section", message, "give one of them another name")
        return False
    own.places[key] = section.span
    replaces = section.get("replaces")
    if replaces is not None:
        _check_replaces(kind, name, replaces.value, replaces.value_span, below, found)
    elif below is not None and key in below.places:
        message = f"the shared rules have a section [{section.name}]"
        found.error(section.span, "doubled-section", message, f"write 'replaces = {name}', or choose another name")
        return False
    return True


def _check_replaces(kind: str, name: str, target: str, span: Span, below: _Reading | None, found: Findings) -> None:
    if below is None:
        found.error(span, "bad-replaces", "'replaces' belongs into rules/stores/<Store No.>", "take the line out")
        return
    if kind == "fact":
        found.error(span, "bad-replaces", "a made fact cannot be replaced", "give it a name of its own")
        return
    if kind == "text" and target != name:
        found.error(span, "bad-replaces", "a text replaces the one of its own name", f"write 'replaces = {name}'")
        return
    there = {"": tuple(below.rules), "text": tuple(below.texts), "stack": tuple(below.stacks)}[kind]
    if target not in there:
        message = f"the shared rules have no {kind or 'rule'} '{target}'"
        found.error(span, "bad-replaces", message, did_you_mean(target, there))


def _layer(own: _Reading) -> Layer:
    return Layer(tuple(own.rules.values()), tuple(own.stacks.values()), own.texts)


def name_of(path: str) -> str:
    """A rule file's name within its folder: wallet.ini, or stores/S0001/own.ini."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return "/".join(parts[-3:] if store_of(path) else parts[-1:])


def hash_of_files(files: Sequence[tuple[str, bytes]]) -> str:
    """Names the content of these files, wherever they are."""
    named = sorted((name_of(path).encode(), data) for path, data in files)
    return hash_of(b"".join(b"%d %s %d\n%s" % (len(n), n, len(d), d) for n, d in named))


def _sourced(files: Sequence[IniFile], problems: Sequence[Problem]) -> tuple[Problem, ...]:
    out = tuple(problems)
    for ini in files:
        out = ini.sourced(out)
    order = {Level.ERROR: 0, Level.WARNING: 1}
    return tuple(sorted(dict.fromkeys(out), key=lambda p: (p.span, order[p.level], p.code)))
