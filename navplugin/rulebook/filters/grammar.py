"""The NAV filter language: text to a tree of conditions (rules-engine.md E, "Our grammar").

One pass over bounded text; nothing here or below goes back over what it has read.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from navplugin.rulebook.filters.values import (
    NUMBERS,
    UNORDERED,
    WORDS,
    FilterSyntaxError,
    FilterType,
    Value,
    fold,
    read_value,
)

MAX_LENGTH = 1024
MAX_TERMS = 100
MAX_DEPTH = 10

OPERATORS = ("<>", "<=", ">=", "..", "<", ">", "=", "|", "&", "(", ")")
COMPARE = ("<>", "<=", ">=", "<", ">", "=")
BLANKS = " \t"
LOOKALIKES = {
    "‘": "'", "’": "'", "‚": "'", "`": "'", "´": "'", "“": "'", "”": "'", "„": "'",
    "…": "..", "≥": ">=", "≤": "<=", "≠": "<>", "\u00a0": " ",
}  # fmt: skip
"""Characters that word processors, chat programs and browsers put in the place of those that NAV knows."""


@dataclass(frozen=True, slots=True)
class Token:
    """An operator, or a value (`kind` is "value" or "quoted"); `ignore_case` is a leading @."""

    kind: str
    text: str
    offset: int
    length: int
    ignore_case: bool = False


class Pattern:
    """Text with * and ?, matched in one pass over the value: every place in the pattern is one bit of a number."""

    __slots__ = ("_any", "_end", "_loops", "_masks", "ignore_case", "text")

    def __init__(self, text: str, ignore_case: bool) -> None:
        self.text, self.ignore_case = text, ignore_case
        self._masks: dict[str, int] = {}
        self._any = self._loops = place = 0
        for char in fold(text) if ignore_case else text:
            if char == "*":
                self._loops |= 1 << place
                continue
            if char == "?":
                self._any |= 1 << place
            else:
                self._masks[char] = self._masks.get(char, 0) | 1 << place
            place += 1
        self._end = 1 << place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and (self.text, self.ignore_case) == (other.text, other.ignore_case)

    def __hash__(self) -> int:
        return hash((self.text, self.ignore_case))

    def matches(self, value: str) -> bool:
        """Whether the whole value fits; * is any run of characters, also none, ? is exactly one."""
        state = 1
        for char in fold(value) if self.ignore_case else value:
            state = (state & (self._masks.get(char, 0) | self._any)) << 1 | state & self._loops
            if not state:
                return False
        return bool(state & self._end)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. op: = <> < <= > >= or .. (then `low` or `high` may be absent, see `has_low`, `has_high`)."""

    text: str
    op: str
    low: Value = None
    high: Value = None
    has_low: bool = True
    has_high: bool = False
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conditions joined by &."""

    text: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Conditions joined by |."""

    text: str
    parts: tuple[Node, ...]


Node = Term | AllOf | AnyOf


def scan(text: str) -> list[Token]:
    """Operators and values, longest operator first; blanks around them are dropped, inside a value kept."""
    out: list[Token] = []
    at = _skip(text, 0)
    while at < len(text):
        op = next((o for o in OPERATORS if text.startswith(o, at)), "")
        token = Token(op, op, at, len(op)) if op else _scan_value(text, at)
        out.append(token)
        at = _skip(text, token.offset + token.length)
    return out


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in BLANKS:
        at += 1
    return at


def _scan_value(text: str, start: int) -> Token:
    ignore_case = text[start] == "@"
    at = _skip(text, start + 1) if ignore_case else start
    if text.startswith("'", at):
        return _scan_quoted(text, start, at, ignore_case)
    end = at
    while end < len(text) and text[end] not in "&|()<>='" and not text.startswith("..", end):
        _refuse_odd(text, end)
        end += 1
    raw = text[at:end].rstrip(BLANKS)
    if text.startswith("'", end):
        raise FilterSyntaxError(
            "filter-quote", "a quote inside a value", end, 1, "put the whole value in quotes, with '' for one quote"
        )
    if raw.endswith("!") and text.startswith("=", end):
        message = "'!=' is not an operator of NAV"
        raise FilterSyntaxError("filter-operator", message, end - 1, 2, "not equal is <>")
    if len(raw) > 1 and raw[0] == raw[-1] == '"':
        raise FilterSyntaxError(
            "filter-quote", "NAV quotes a value with ', not with \"", at, len(raw), f"write '{raw[1:-1]}'"
        )
    if not raw:
        raise FilterSyntaxError("filter-missing-value", "@ without a value", start, 1, "write the value after @")
    if "%" in raw:
        raise FilterSyntaxError(
            "filter-token", f"'{raw}': only the NAV client replaces %", at, len(raw), f"write a value, or '{raw}'"
        )
    return Token("value", raw, start, at + len(raw) - start, ignore_case)


def _scan_quoted(text: str, start: int, at: int, ignore_case: bool) -> Token:
    out: list[str] = []
    end = at + 1
    while True:
        close = text.find("'", end)
        if close < 0:
            raise FilterSyntaxError(
                "filter-quote", "a quote that is not closed", at, len(text) - at, "close it; '' stands for one quote"
            )
        out.append(text[end:close])
        if not text.startswith("''", close):
            break
        out.append("'")
        end = close + 2
    for place in range(at, close):
        if unicodedata.category(text[place]) in ("Cc", "Cs"):
            _refuse_odd(text, place)
    return Token("quoted", "".join(out), start, close + 1 - start, ignore_case)


def _refuse_odd(text: str, at: int) -> None:
    char = text[at]
    if char in LOOKALIKES:
        name = unicodedata.name(char).lower()
        code = f"write {LOOKALIKES[char]!s}" if char != "\u00a0" else "write a plain blank"
        raise FilterSyntaxError("filter-character", f"'{char}' is a {name}", at, 1, code)
    if is_odd(char):
        name = unicodedata.name(char, f"character {ord(char):04X}").lower()
        raise FilterSyntaxError("filter-character", f"a {name} stands here and cannot be seen", at, 1, "take it out")


def is_odd(char: str) -> bool:
    """Control, format and unusual blank characters, which nobody sees on the screen."""
    return char != " " and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")


class Parser:
    """Reads one filter; `node` gives the tree, None for a filter without text (no filter on the field)."""

    def __init__(self, text: str, kind: FilterType, options: tuple[str, ...] = ()) -> None:
        if len(text) > MAX_LENGTH:
            message = f"the filter has {len(text)} characters, at most {MAX_LENGTH} are read"
            raise FilterSyntaxError("filter-too-long", message, MAX_LENGTH, len(text) - MAX_LENGTH, "make two rules")
        self.text, self.kind, self.options = text, kind, options
        self.tokens = scan(text)
        self.at = self.terms = self.depth = 0

    def node(self) -> Node | None:
        """The tree; raises FilterSyntaxError at the first place that cannot be read."""
        if not self.tokens:
            return None
        out = self._any_of()
        if self._peek(")"):
            raise self._error("filter-parenthesis", "this parenthesis was never opened", "take it out")
        return out

    def _any_of(self) -> Node:
        start, first = self.at, self._all_of()
        parts, joined = [first], self._joined(start)
        while self._peek("|"):
            self.at += 1
            start = self.at
            parts.append(self._all_of())
            joined = joined or self._joined(start)
        if len(parts) > 1 and joined:
            token = self.tokens[joined]
            raise FilterSyntaxError("filter-mixed", "& and | together can be read in two ways", token.offset, 1)
        return first if len(parts) == 1 else AnyOf("|".join(_bracketed(p) for p in parts), tuple(parts))

    def _joined(self, start: int) -> int:
        """The place of the & that joins the conditions read since `start`, 0 when there is none outside ( )."""
        depth = 0
        for place in range(start, self.at):
            kind = self.tokens[place].kind
            depth += (kind == "(") - (kind == ")")
            if kind == "&" and depth == 0:
                return place
        return 0

    def _all_of(self) -> Node:
        parts = [self._term()]
        while self._peek("&"):
            self.at += 1
            parts.append(self._term())
        if self.at < len(self.tokens) and self.tokens[self.at].kind not in ("|", ")"):
            raise self._unjoined()
        return parts[0] if len(parts) == 1 else AllOf("&".join(_bracketed(p) for p in parts), tuple(parts))

    def _term(self) -> Node:
        self.terms += 1
        if self.terms > MAX_TERMS:
            message = f"more than {MAX_TERMS} conditions in one filter"
            raise self._error("filter-too-many-terms", message, "make two rules, or use an interval or a wildcard")
        if self._peek("("):
            return self._parenthesis()
        if self.at < len(self.tokens) and self.tokens[self.at].kind in COMPARE:
            return self._compare()
        return self._range_or_value()

    def _parenthesis(self) -> Node:
        opened = self.tokens[self.at]
        self.depth += 1
        if self.depth > MAX_DEPTH:
            message = f"more than {MAX_DEPTH} parentheses in one another"
            raise self._error("filter-too-many-terms", message, "make two rules")
        self.at += 1
        out = self._any_of()
        if not self._peek(")"):
            message = "this parenthesis is not closed"
            raise FilterSyntaxError("filter-parenthesis", message, opened.offset, 1, "close it with )")
        self.at += 1
        self.depth -= 1
        return out

    def _compare(self) -> Node:
        op = self.tokens[self.at]
        self.at += 1
        if self.at < len(self.tokens) and self.tokens[self.at].kind in COMPARE:
            after = self.tokens[self.at]
            length = after.offset + after.length - op.offset
            message = f"'{op.text}{after.text}' is not an operator of NAV"
            raise FilterSyntaxError("filter-operator", message, op.offset, length, "= <> < <= > >= are")
        token = self._value(op)
        if self._peek(".."):
            message = f"an interval after {op.text}"
            hint = "an interval stands alone: 10..20; its contrary is <10|>20"
            raise self._error("filter-operator", message, hint)
        if op.kind in ("=", "<>"):
            return self._equality(token, op.kind)
        if self.kind in UNORDERED:
            message = f"{op.text} has no meaning on {_a(self.kind)}"
            raise FilterSyntaxError("filter-operator", message, op.offset, op.length, "name the values: a|b, or <>a")
        return Term(f"{op.kind}{self._written(token)}", op.kind, self._plain(token, op.text))

    def _range_or_value(self) -> Node:
        if self._peek(".."):
            dots = self.tokens[self.at]
            self.at += 1
            high = self._value(dots)
            return self._interval(dots, None, high)
        token = self._value(None)
        if not self._peek(".."):
            return self._equality(token, "=")
        dots = self.tokens[self.at]
        self.at += 1
        follows = self.at < len(self.tokens) and self.tokens[self.at].kind in ("value", "quoted")
        return self._interval(dots, token, self._value(dots) if follows else None)

    def _interval(self, dots: Token, low: Token | None, high: Token | None) -> Term:
        if self._peek(".."):
            raise self._error("filter-operator", "a second .. in one interval", "an interval is low..high")
        if self.kind in UNORDERED:
            message = f"an interval has no meaning on {_a(self.kind)}"
            raise FilterSyntaxError("filter-operator", message, dots.offset, 2, "name the values: a|b")
        text = f"{self._written(low)}..{self._written(high)}"
        low_value = self._plain(low, "..") if low else None
        high_value = self._plain(high, "..") if high else None
        return Term(text, "..", low_value, high_value, low is not None, high is not None)

    def _equality(self, token: Token, op: str) -> Term:
        text = self._written(token) if op == "=" else f"<>{self._written(token)}"
        wild = "*" in token.text or "?" in token.text
        if self.kind not in WORDS or not (wild or token.ignore_case):
            return Term(text, op, self._plain(token, op))
        pattern = Pattern(
            token.text if self.kind is FilterType.TEXT else token.text.strip(),
            token.ignore_case or self.kind is not FilterType.TEXT,
        )
        if self.kind is FilterType.OPTION and self.options and not any(map(pattern.matches, ("", *self.options))):
            read_value(token.text, self.kind, self.options, token.offset, token.length)
        return Term(text, op, token.text, pattern=pattern)

    def _plain(self, token: Token, op: str) -> Value:
        """The value of a token that may hold no wildcard."""
        if self.kind not in WORDS:
            wild = token.ignore_case or "*" in token.text or "?" in token.text
            where = f"on {_a(self.kind)}"
        else:
            wild = token.ignore_case or (op not in ("=", "<>") and ("*" in token.text or "?" in token.text))
            where = f"with {op}"
        if wild:
            message = f"wildcards and @ cannot stand {where}"
            hint = "write the value in full" if self.kind in WORDS | NUMBERS else "write a value; no line = any value"
            raise FilterSyntaxError("filter-wildcard", message, token.offset, token.length, hint)
        return read_value(token.text, self.kind, self.options, token.offset, token.length)

    def _value(self, before: Token | None) -> Token:
        if self.at < len(self.tokens) and self.tokens[self.at].kind in ("value", "quoted"):
            self.at += 1
            return self.tokens[self.at - 1]
        before = before or (self.tokens[self.at - 1] if self.at else None)
        if before is None:
            raise self._error("filter-missing-value", f"{self.tokens[0].text} has nothing before it", "write a value")
        message = f"{before.text} has nothing after it"
        raise FilterSyntaxError("filter-missing-value", message, before.offset, before.length, "write a value after it")

    def _unjoined(self) -> FilterSyntaxError:
        token = self.tokens[self.at]
        hint = "join two conditions with & (both) or | (either); a value that holds & ( ) = or | stands in quotes"
        return self._error("filter-missing-operator", f"'{token.text}' is not joined to what stands before it", hint)

    def _written(self, token: Token | None) -> str:
        return "" if token is None else self.text[token.offset : token.offset + token.length]

    def _peek(self, kind: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].kind == kind

    def _error(self, code: str, message: str, hint: str) -> FilterSyntaxError:
        token = self.tokens[min(self.at, len(self.tokens) - 1)]
        return FilterSyntaxError(code, message, token.offset, token.length, hint)


def _bracketed(node: Node) -> str:
    return node.text if isinstance(node, Term) else f"({node.text})"


def _a(kind: FilterType) -> str:
    return f"an {kind}" if kind in (FilterType.OPTION, FilterType.INTEGER) else f"a {kind}"
