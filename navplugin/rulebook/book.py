"""The rulebook: rules, stacks and texts as they apply to a store, ready to be decided on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from navplugin.core.problems import Span
from navplugin.rulebook.facts.look import Fact
from navplugin.rulebook.facts.moments import Moment
from navplugin.rulebook.facts.texts import Text
from navplugin.rulebook.filters import Filter
from navplugin.rulebook.verbs import Verb

_T = TypeVar("_T", "Rule", "Stack")


class Mode(StrEnum):
    """Whether a rule acts, only decides and is traced, or is left out."""

    ON = "on"
    WATCH = "watch"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class RuleCondition:
    """`if Fact is filter`, or `unless` where negated."""

    fact: Fact
    filter: Filter
    negated: bool
    span: Span = field(default=Span(""), compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A verb with its argument. text: the name of the text where the argument is one."""

    verb: Verb
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Switch:
    """`mode`, `active from`, `active until` (in the store's zone: from that moment on, until just before it)."""

    mode: Mode = Mode.ON
    active_from: datetime | None = None
    active_until: datetime | None = None

    def is_active(self, local_now: datetime) -> bool:
        """Whether the time is within the limits; local_now in the store's zone."""
        now = local_now.replace(tzinfo=None)
        return (self.active_from is None or now >= self.active_from) and (
            self.active_until is None or now < self.active_until
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. place: path and line, as `explain` shows it."""

    name: str
    span: Span
    moment: Moment
    conditions: tuple[RuleCondition, ...]
    calls: tuple[Call, ...]
    priority: int
    switch: Switch
    replaces: str = ""

    @property
    def place(self) -> str:
        """Where it stands: rules/wallet.ini:4."""
        return f"{self.span.path}:{self.span.line}"


@dataclass(frozen=True, slots=True)
class Stack:
    """A limit on the wallet discounts of one sale, among those that `among` names, where `conditions` hold.

    text: the name of the text that a dropped one gets, or ''.
    """

    name: str
    span: Span
    among: tuple[RuleCondition, ...]
    keep: str
    count: int
    text: str
    switch: Switch
    replaces: str = ""
    conditions: tuple[RuleCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """What the files of one layer hold: the shared one, or that of one store."""

    rules: tuple[Rule, ...] = ()
    stacks: tuple[Stack, ...] = ()
    texts: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of one store, or the shared ones. `hash` names the whole set of files, those of all stores too, so that
    a decision and `rules history` name it alike."""

    rules: tuple[Rule, ...]
    stacks: tuple[Stack, ...]
    texts: Mapping[str, Text]
    hash: str
    stores: Mapping[str, Layer] = field(default_factory=dict, repr=False)

    @property
    def sources(self) -> frozenset[str]:
        """The parts of `History` that its rules, stacks and texts ask for; the others need not be gathered."""
        conditions = [c for r in self.rules for c in r.conditions]
        conditions += [c for s in self.stacks for c in (*s.among, *s.conditions)]
        shown = [part for text in self.texts.values() for parts in text.languages.values() for part in parts]
        facts = {c.fact for c in conditions} | {part for part in shown if isinstance(part, Fact)}
        return frozenset(fact.source for fact in facts if fact.source)

    def for_store(self, store_no: str) -> Rulebook:
        """The rules that apply to this store: the shared ones, with those of rules/stores/<Store No.> over them."""
        layer = self.stores.get(store_no.upper())
        if layer is None:
            return replace(self, stores={})
        return Rulebook(
            rules=_laid_over(self.rules, layer.rules),
            stacks=_laid_over(self.stacks, layer.stacks),
            texts={**self.texts, **layer.texts},
            hash=self.hash,
        )


def _laid_over(below: tuple[_T, ...], above: tuple[_T, ...]) -> tuple[_T, ...]:
    """Replacements stand where the replaced one stood; the others come after."""
    by_name: dict[str, _T] = {x.replaces: x for x in above if x.replaces}
    merged: list[_T] = [by_name.get(x.name, x) for x in below]
    merged.extend(x for x in above if not x.replaces)
    return tuple(merged)


def hash_of(content: bytes) -> str:
    """Sixteen hexadecimal digits that name this content."""
    return hashlib.sha256(content).hexdigest()[:16]
