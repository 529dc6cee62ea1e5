"""Reads the files that administrators edit (rules, cases, profiles): INI with positions, values exactly as typed. Pure.

    # a comment
    [Section name]
    key = value, kept as it is typed
        an indented line continues the value
    if Fact is NAV filter          (also: unless, where, among)

`configparser` gives no positions for values, so the lines are read here (house-style.md 2.3).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from navplugin.core.problems import Level, Problem, Span

CONDITION_WORDS = ("if", "unless", "where", "among")
MAX_BYTES = 1_000_000
MAX_LINE = 4000

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONDITION = re.compile(r"(?i)(if|unless|where|among)(?=\s|$)")
_LOOKS_LIKE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9 .%-]{0,38}?\s*=(?!=)")
_OPERATOR = re.compile(r"\s*(>=|<=|=>|=<|<>|!=|==|=|>|<)\s*")
_IS = re.compile(r"(?i)\s+is(?:\s+|$)")
_ODD = {
    "\u00a0": "a no-break blank", "\u202f": "a narrow no-break blank", "\u2007": "a figure blank",
    "\u200b": "a blank of no width", "\ufeff": "a byte order mark", "\u2018": "a curly quote",
    "\u2019": "a curly quote", "\u201c": "a curly quote", "\u201d": "a curly quote",
}  # fmt: skip
_BLANKS = {"\u00a0", "\u202f", "\u2007", "\u200b", "\ufeff"}


@dataclass(frozen=True, slots=True)
class Entry:
    """`key = value` with the places of both."""

    key: str
    value: str
    key_span: Span
    value_span: Span


@dataclass(frozen=True, slots=True)
class Condition:
    """`if Fact is filter`; word in lower case."""

    word: str
    fact: str
    filter_text: str
    span: Span
    fact_span: Span
    filter_span: Span


@dataclass(frozen=True, slots=True)
class Section:
    """A section in file order. Names are kept as typed; two of the same name are a problem."""

    name: str
    span: Span
    entries: tuple[Entry, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def get(self, key: str) -> Entry | None:
        """The entry with this key."""
        return next((e for e in self.entries if e.key == key), None)


@dataclass(frozen=True, slots=True)
class IniFile:
    """A file as read. `problems` are those of form; what the sections mean is checked by whoever loads them."""

    path: str
    sections: tuple[Section, ...] = ()
    problems: tuple[Problem, ...] = ()
    lines: tuple[str, ...] = field(default=(), repr=False)

    def sourced(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """The same problems, those of this file with the text of their line."""
        out = []
        for problem in problems:
            span = problem.span
            mine = span.path == self.path and not problem.source and 1 <= span.line <= len(self.lines)
            out.append(replace(problem, source=self.lines[span.line - 1]) if mine else problem)
        return tuple(out)


def read_ini(path: str, data: bytes) -> IniFile:
    """Read one file; never raises. path: what problems show. data: UTF-8 with or without BOM, or UTF-16 with BOM."""
    text, refusal, at = _decode(data)
    if refusal:
        problem = Problem(Span(path, at), Level.ERROR, "not-text", refusal, "save the file as UTF-8")
        return IniFile(path, problems=(problem,))
    lines = tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    reader = _Reader(path)
    for number, line in enumerate(lines, start=1):
        reader.read_line(number, line)
    ini = IniFile(path, reader.finish(), (), lines)
    return replace(ini, problems=ini.sourced(reader.problems))


def _decode(data: bytes) -> tuple[str, str, int]:
    """The text, or why it cannot be had and the line where."""
    if len(data) > MAX_BYTES:
        return "", f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are read", 1
    encoding = "utf-8"
    for bom, name in _BOMS:
        if data.startswith(bom):
            data, encoding = data[len(bom) :], name
            break
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as bad:
        line = data[: bad.start].count(b"\n") + 1
        return "", f"the file is not {encoding.upper()} text (line {line})", line
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        return "", f"the file is not text: it holds zero bytes (line {line})", line
    return text, "", 1


class _Reader:
    """Collects sections line by line, and every problem of form."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.sections: list[Section] = []
        self.problems: list[Problem] = []
        self._entries: list[Entry] = []
        self._conditions: list[Condition] = []
        self._names: set[str] = set()
        self._keys: set[str] = set()
        self._last = ""

    def finish(self) -> tuple[Section, ...]:
        """All sections, the last one closed."""
        self._close()
        return tuple(self.sections)

    def read_line(self, number: int, line: str) -> None:
        """One line of the file, without its end."""
        if len(line) > MAX_LINE:
            self._error(number, 1, "long-line", f"the line has {len(line)} characters; at most {MAX_LINE} are read")
            return
        body = line.strip(" \t")
        if not body or body[0] in "#;":
            return
        col = len(line) - len(line.lstrip(" \t")) + 1
        if col > 1:
            self._read_indented(number, col, body)
        elif body.startswith("["):
            self._read_header(number, body)
        elif not self.sections:
            message = "this line stands before the first [section]"
            self._error(number, col, "no-section", message, "put a [name] line above it", len(body))
        elif _CONDITION.match(body) and not _is_plain_key(body):
            self._read_condition(number, col, body)
        else:
            self._read_entry(number, body)

    def _read_indented(self, number: int, col: int, body: str) -> None:
        if body.startswith("[") or _CONDITION.match(body) or _LOOKS_LIKE_KEY.match(body):
            message = "an indented line continues the line above, so this would be lost in it"
            self._error(number, col, "indented", message, "begin it at the left margin", len(body))
        elif self._last == "dropped":
            return  # it continues a line that is a problem already
        elif self._last != "entry":
            message = "this indented line has no value above that it could continue"
            self._error(number, col, "indented", message, "begin it at the left margin", len(body))
        elif len(self._entries[-1].value) > MAX_LINE:
            message = f"the value goes on for more than {MAX_LINE} characters"
            self._error(number, col, "long-line", message, "shorten it", len(body))
            self._last = "dropped"
        else:
            last = self._entries[-1]
            self._entries[-1] = replace(last, value=f"{last.value} {body}".strip())
            self._warn_of_comment(number, col, body)

    def _read_header(self, number: int, body: str) -> None:
        self._close()
        self._last = "header"
        end = body.find("]")
        name = " ".join(body[1 : end if end > 0 else None].split())
        self.sections.append(Section(name, self._span(number, 1, len(body))))
        if end < 0:
            self._error(
                number, 1, "bad-header", "the section's name has no closing bracket", f"write [{name}]", len(body)
            )
        elif not name:
            self._error(
                number, 1, "bad-header", "the section has no name", "write a name between the brackets", len(body)
            )
        elif (rest := body[end + 1 :].strip()) and rest[0] not in "#;":
            message = f"'{rest}' stands behind the section's name"
            self._error(number, end + 2, "bad-header", message, "put it on a line of its own", len(rest))
        if name and name.casefold() in self._names:
            message = f"there is a second section [{name}]"
            self._error(number, 1, "doubled-section", message, "give one of them another name", len(body))
        self._names.add(name.casefold())
        self._name_odd(number, 1, body, "a section's name")

    def _read_condition(self, number: int, col: int, body: str) -> None:
        self._last = "condition"
        word = _CONDITION.match(body)
        split = _IS.search(body)
        if word is None:
            return
        if split is None:
            self._not_a_condition(number, col, word.group(), body)
            return
        fact = body[word.end() : split.start()].strip()
        fact_at = col + word.end() + _blanks(body[word.end() :])
        filter_text = body[split.end() :]
        if not fact:
            message = f"'{word.group()}' names no fact"
            self._error(
                number, col, "bad-condition", message, f"write '{word.group().lower()} Fact is filter'", len(body)
            )
            return
        self._name_odd(number, col, body[: split.end()], "a condition")  # the filter's own reader names the rest
        filter_at = col + split.end()
        self._conditions.append(
            Condition(
                word.group().lower(),
                fact,
                filter_text,
                self._span(number, col, len(body)),
                self._span(number, fact_at, len(fact)),
                self._span(number, filter_at, len(filter_text)),
            )
        )
        self._warn_of_comment(number, filter_at, filter_text)

    def _not_a_condition(self, number: int, col: int, word: str, body: str) -> None:
        rest = body[len(word) :].strip()
        sign = _OPERATOR.search(rest)
        hint = f"write '{word.lower()} Fact is filter', for instance '{word.lower()} Quantity is >2'"
        if sign and rest[: sign.start()].strip():
            meant = {"=": "", "==": "", "!=": "<>", "=>": ">=", "=<": "<="}.get(sign.group(1), sign.group(1))
            hint = f"write '{word.lower()} {rest[: sign.start()].strip()} is {meant}{rest[sign.end() :]}'"
        self._error(number, col, "bad-condition", "the condition has no 'is'", hint, len(body))

    def _read_entry(self, number: int, body: str) -> None:
        self._last = "dropped"
        key, equals, value = body.partition("=")
        if not equals:
            key, equals, value = body.partition(":")
            hint = f"write '{key.strip()} = {value.strip()}'" if equals else "write 'key = value'"
            self._error(number, 1, "not-understood", "this line has no '='", hint, len(body))
            return
        name, shown = key.strip(" \t"), value.strip(" \t")
        value_at = len(key) + 2 + _blanks(value) if shown else len(key) + 2
        key_span = self._span(number, 1, max(1, len(name)))
        self._name_odd(number, 1, name, "a key")
        if not name:
            self._error(number, 1, "not-understood", "there is no key before the '='", "write 'key = value'", len(body))
            return
        if name in self._keys:
            message = f"'{name}' stands twice in this section"
            self._error(number, 1, "doubled-key", message, "keep one of the two lines", len(name))
            return
        self._last = "entry"
        self._keys.add(name)
        self._entries.append(Entry(name, shown, key_span, self._span(number, value_at, max(1, len(shown)))))
        self._warn_of_comment(number, value_at, shown)
        for at, char in enumerate(shown):
            if char in _BLANKS:
                self._add(Level.WARNING, number, value_at + at, "odd-character", f"the value holds {_ODD[char]}",
                          "type an ordinary blank", 1)  # fmt: skip

    def _warn_of_comment(self, number: int, col: int, text: str) -> None:
        found = re.search(r"\s[#;]", text)
        if found:
            message = "what looks like a comment is part of the value"
            hint = "put the comment on a line of its own"
            self._add(Level.WARNING, number, col + found.start() + 1, "comment-in-value", message, hint,
                      len(text) - found.start() - 1)  # fmt: skip

    def _name_odd(self, number: int, col: int, text: str, where: str) -> None:
        for at, char in enumerate(text):
            if char in _ODD or (ord(char) < 32 and char != "\t"):
                what = _ODD.get(char, "a control character")
                hint = "type an ordinary blank" if char in _BLANKS else "type a straight quote, or none"
                self._error(number, col + at, "odd-character", f"{where} holds {what}", hint)

    def _close(self) -> None:
        if self.sections:
            self.sections[-1] = replace(
                self.sections[-1], entries=tuple(self._entries), conditions=tuple(self._conditions)
            )
        self._entries, self._conditions, self._keys = [], [], set()

    def _span(self, number: int, col: int, length: int) -> Span:
        return Span(self.path, number, col, max(1, length))

    def _error(self, number: int, col: int, code: str, message: str, hint: str = "", length: int = 1) -> None:
        self._add(Level.ERROR, number, col, code, message, hint, length)

    def _add(self, level: Level, number: int, col: int, code: str, message: str, hint: str, length: int) -> None:
        self.problems.append(Problem(self._span(number, col, length), level, code, message, hint))


def _is_plain_key(body: str) -> bool:
    # `if = x` is a key, not a condition; `where = x` too.
    return re.match(r"(?i)(if|unless|where|among)\s*=", body) is not None


def _blanks(text: str) -> int:
    return len(text) - len(text.lstrip(" \t"))
