"""Receipt templates: Jinja2, but only what a receipt footer needs. Pure.

A template is text with `{{ name }}`, `{{ "text" | center }}` and `{% if name %}`. Filters say how a line is printed:
`center`, `right`, `bold`, `wide` (twice as wide); `upper` and `lower` change letters. `{{ line() }}` prints a line of
dashes, `{{ qr(wallet_url) }}` a QR code with the address as text below. Everything else of Jinja2 is refused by name
and place: loops, includes, attributes and arithmetic are of no use here and could be of harm. So no template runs
without end, and none prints more than its own lines.

A first line `{# receipt: width=42 #}` says that the template is for lines of 42 characters and more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from navplugin.core.problems import Level, Problem, Span, did_you_mean

CENTER, RIGHT, BOLD, WIDE, LINE, QR, PLACE, END, VALUE = (chr(0xE000 + n) for n in range(9))
"""Marks in the rendered text: how a line is printed, from which line of the template it is, that it has a value."""
MARKS = frozenset((CENTER, RIGHT, BOLD, WIDE, LINE, QR, PLACE, END, VALUE))

_EXAMPLE = "write width=42"
_WIDTH = re.compile(r"width=\d{1,3}")
_HEADER = re.compile(r"\{#-?\s*receipt:(?P<words>[^\n]*?)-?#\}")

FILTERS = ("center", "right", "bold", "wide", "upper", "lower")
FUNCTIONS = ("line", "qr")
LARGEST = 20_000
DEEPEST = 50

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter, nodes.Call, nodes.If,
    nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand, nodes.Concat,
)  # fmt: skip
_SAID = {"For": "{% for %}", "Getattr": "a dot", "Getitem": "[...]", "Include": "{% include %}",
         "Import": "{% import %}", "Extends": "{% extends %}", "Macro": "{% macro %}", "Assign": "{% set %}",
         "Mul": "*", "Pow": "**", "Add": "+"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RenderedLine:
    """A line as rendered, its marks still in it, and the line of the template that it comes from."""

    text: str
    number: int


class Value(str):
    """A value of the store in a template: the layout may break it, where words of the template are the author's."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{VALUE}{self[:]}"


def least_width(source: str) -> int:
    """Characters on a line that a template is made for, as its first line says; 0 where it says nothing."""
    return next((int(word[6:]) for word in _header(source) if _WIDTH.fullmatch(word)), 0)


def header_problems(path: str, source: str) -> tuple[Problem, ...]:
    """Words of the first line that mean nothing: a misspelt width would be lost in silence."""
    return tuple(
        _at(path, source, 1, word, "unknown-key", f"'{word}' says nothing in the template's first line", _EXAMPLE)
        for word in _header(source)
        if not _WIDTH.fullmatch(word)
    )


def _header(source: str) -> list[str]:
    header = _HEADER.match(source)
    return header["words"].split() if header else []


def render(path: str, source: str, values: Mapping[str, str]) -> tuple[tuple[RenderedLine, ...], tuple[Problem, ...]]:
    """The lines of a template with these values; no line where there is an error. Every problem at once."""
    if len(source) > LARGEST:
        message = f"the template has {len(source):,} characters; at most {LARGEST:,} are read"
        return (), (Problem(Span(path), Level.ERROR, "template-too-long", message, "shorten it"),)
    if marks := [n for n, char in enumerate(source) if char in MARKS]:
        line = source.count("\n", 0, marks[0]) + 1
        hint = "take the character out; no printer has it"
        return (), (_at(path, source, line, source[marks[0]], "odd-character", "a character of private use", hint),)
    env = _environment()
    try:
        tree = env.parse(source)
        if _is_deep(tree):
            raise RecursionError
    except RecursionError:
        hint = "take parentheses, filters or {% if %} out"
        problem = Problem(Span(path), Level.ERROR, "template-too-long", "the template is nested too deeply", hint)
        return (), (problem,)
    except TemplateSyntaxError as wrong:
        return (), (
            _at(path, source, wrong.lineno, "", "template-syntax", _sentence(wrong), "see the shipped templates"),
        )
    problems = tuple(_check(path, source, tree, values))
    if problems:
        return (), problems
    _mark_places(tree)
    try:
        template = env.template_class.from_code(env, env.compile(tree), env.globals)
        text = template.render({name: Value(_without_marks(value)) for name, value in values.items()})
    except TemplateError as wrong:
        return (), (_at(path, source, 1, "", "template-syntax", _sentence(wrong), ""),)
    return tuple(_lines(text, source)), ()


def _without_marks(value: str) -> str:
    return "".join(char for char in value if char not in MARKS)


def _is_deep(tree: nodes.Template) -> bool:
    """Whether it is nested deeper than a person writes, and so deeper than Python may follow."""
    level: list[nodes.Node] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return False
    return True


def _environment() -> ImmutableSandboxedEnvironment:
    env = ImmutableSandboxedEnvironment(undefined=StrictUndefined, loader=None)
    env.globals = {"line": lambda: LINE, "qr": lambda url: f"{QR}{url!s}{QR}"}
    marks = {"center": CENTER, "right": RIGHT, "bold": BOLD, "wide": WIDE}
    env.filters = {name: (lambda text, mark=mark: f"{mark}{text!s}") for name, mark in marks.items()}
    env.filters.update(upper=lambda text: str(text).upper(), lower=lambda text: str(text).lower())
    env.tests = {}
    return env


def _check(path: str, source: str, tree: nodes.Template, values: Mapping[str, str]) -> Iterator[Problem]:
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for node in _walk(tree):
        kind = type(node).__name__
        if not isinstance(node, _ALLOWED):
            said = _SAID.get(kind, kind.lower())
            message = f"{said} cannot stand in a receipt template"
            yield _at(path, source, node.lineno, "", "template-refused", message, "use names, filters and {% if %}")
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            message = f"there is no filter '{node.name}'"
            yield _at(path, source, node.lineno, node.name, "unknown-filter", message, did_you_mean(node.name, FILTERS))
        elif isinstance(node, nodes.Filter) and (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs):
            message = f"the filter '{node.name}' takes nothing in parentheses"
            yield _at(path, source, node.lineno, node.name, "template-refused", message, f"write | {node.name}")
        elif isinstance(node, nodes.Name):
            known = FUNCTIONS if id(node) in called else tuple(values)
            if node.name not in known:
                what = "function" if id(node) in called else "name"
                hint = did_you_mean(node.name, known)
                yield _at(
                    path, source, node.lineno, node.name, f"unknown-{what}", f"there is no {what} '{node.name}'", hint
                )
        elif isinstance(node, nodes.Call):
            yield from _check_call(path, source, node)


def _check_call(path: str, source: str, node: nodes.Call) -> Iterator[Problem]:
    name = node.node.name if isinstance(node.node, nodes.Name) else ""
    wanted = {"line": 0, "qr": 1}.get(name)
    extra = node.kwargs or node.dyn_args or node.dyn_kwargs
    if wanted is not None and (len(node.args) != wanted or extra):
        right = "qr(wallet_url)" if name == "qr" else "line()"
        yield _at(
            path, source, node.lineno, name, "template-syntax", f"{name} is not called so", f"write {{{{ {right} }}}}"
        )


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    if isinstance(node, _ALLOWED):  # what is refused is named once, not with everything inside it
        for child in node.iter_child_nodes():
            yield from _walk(child)


def _mark_places(tree: nodes.Template) -> None:
    """Every line of the output begins with the number of its line in the template."""
    for data in tree.find_all(nodes.TemplateData):
        parts = data.data.split("\n")
        marked = [f"{PLACE}{data.lineno + n}{END}{part}" for n, part in enumerate(parts[1:], start=1)]
        data.data = "\n".join([parts[0], *marked])


def _lines(text: str, source: str) -> Iterator[RenderedLine]:
    """Lines of the output; a line of the template that holds nothing but tags or a comment prints nothing."""
    lines = source.split("\n")
    for line in text.rstrip("\n").split("\n"):
        number, kept = 1, line
        while PLACE in kept:
            head, _, tail = kept.partition(PLACE)
            place, _, rest = tail.partition(END)
            number, kept = int(place), head + rest
        only_tags = not kept.strip() and any(mark in lines[number - 1] for mark in ("{%", "%}", "{#", "#}"))
        if not only_tags:
            yield RenderedLine(kept.rstrip(), number)


def _at(path: str, source: str, line: int, word: str, code: str, message: str, hint: str) -> Problem:
    lines = source.split("\n")
    text = lines[line - 1] if 1 <= line <= len(lines) else ""
    col = text.find(word) + 1 if word else len(text) - len(text.lstrip()) + 1
    length = len(word) if word else max(1, len(text.strip()))
    return Problem(Span(path, line, max(1, col), length), Level.ERROR, code, message, hint, text)


def _sentence(wrong: TemplateError) -> str:
    return f"the template cannot be read: {(wrong.message or 'unknown').rstrip('.')}"
