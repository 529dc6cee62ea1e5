"""Runs the cases beside rules: what fails, and which rules no case exercises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from navplugin.core.inifile import read_ini
from navplugin.core.ports import Matcher
from navplugin.core.problems import Level, Problem, Span
from navplugin.rulebook.book import Mode, Rulebook
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.cases import read_cases, run_case
from navplugin.rulebook.durable import DurableMatcher, durable_is_installed


@dataclass(frozen=True, slots=True)
class Tested:
    """What the cases showed. active: rules and stacks that are not off; idle: those of them that no case exercises."""

    problems: tuple[Problem, ...]
    cases: int
    matchers: tuple[str, ...]
    active: int
    idle: tuple[str, ...]

    @property
    def coverage(self) -> str:
        """`15 of 17 rules and stacks are exercised; no case exercises [A], [B].`"""
        text = f"{self.active - len(self.idle)} of {self.active} rules and stacks are exercised"
        return f"{text}; no case exercises {', '.join(f'[{name}]' for name in self.idle)}." if self.idle else f"{text}."


@contextmanager
def both_matchers() -> Iterator[tuple[Matcher, ...]]:
    """The reference and, where it can be had, durable; ended afterwards."""
    durable = DurableMatcher() if durable_is_installed() else None
    try:
        yield (BuiltinMatcher(), *((durable,) if durable else ()))
    finally:
        if durable:
            durable.close()


def run_cases(
    book: Rulebook, files: Sequence[tuple[str, bytes]], matchers: Sequence[Matcher], only: str = ""
) -> Tested:
    """Run the cases of these files with these matchers. A rule is exercised where its conditions hold in a case.

    only: run those alone whose name holds this.
    """
    cases, problems = read_cases(files)
    cases = tuple(case for case in cases if only.casefold() in case.name.casefold())
    found, seen = list(problems), set[str]()
    for case in cases:
        outcome = run_case(book, case, matchers)
        found += outcome.problems
        seen |= outcome.exercised
    sources = {path: read_ini(path, data).lines for path, data in files}
    shown = [p if p.source else replace(p, source=sources[p.span.path][p.span.line - 1]) for p in found]
    names = _active(book)
    idle = tuple(name for name in names if name not in seen)
    return Tested(tuple(shown), len(cases), tuple(m.name for m in matchers), len(names), idle)


def no_cases(folder: str) -> Problem:
    """The problem that rules have no case at all."""
    message, hint = "there is no case in the folder 'cases' beside the rules", "write one; rules/README.md shows how"
    return Problem(Span(folder), Level.ERROR, "no-file", message, hint)


def _active(book: Rulebook) -> list[str]:
    """Names as traces bear them, of all layers, each once."""
    books = [book, *(book.for_store(no) for no in book.stores)]
    rules = [r.name for b in books for r in b.rules if r.switch.mode is not Mode.OFF]
    stacks = [f"stack {s.name}" for b in books for s in b.stacks if s.switch.mode is not Mode.OFF]
    return list(dict.fromkeys((*rules, *stacks)))
