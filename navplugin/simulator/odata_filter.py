"""The part of OData's $filter that NAV's server takes (nav-webservices.md 9), with its known gaps.

`or` works on one field only, else 501. `any`/`all`, and on some servers `in` without `$schemaversion=2.1`, are
ignored: the caller gets every row. Literals are typed: an unquoted text or a quoted date is a bad request. No field of
NAV is ever null.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from navplugin.nav.contract import Field, Kind
from navplugin.simulator.fields import FieldError, Row, clean, order_value
from navplugin.simulator.odata_error import ODataError, bad_request, not_implemented
from navplugin.simulator.odata_json import read_date, read_moment, read_point
from navplugin.simulator.view import View

Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<mark>[(),])|(?P<word>[^\s(),']+))""",
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith, "endswith": str.endswith, "contains": lambda text, part: part in text,
}  # fmt: skip
_TEXT_KINDS = (Kind.CODE, Kind.TEXT, Kind.OPTION, Kind.TIME)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


class _Part(NamedTuple):
    test: Test
    names: frozenset[str]


class _Operand(NamedTuple):
    """A field, or what functions make of it; part: the signs of `substring`."""

    field: Field
    folded: bool = False
    part: slice = slice(None)

    def of(self, row: Row) -> Any:
        """Its value in a row."""
        value = row[self.field.name]
        return value[self.part] if self.part != slice(None) else value


def parse_filter(view: View, text: str, *, in_list: str = "honoured") -> Test:
    """A test for rows of the page. in_list: whether the server honours `in`, refuses it, or ignores the whole filter.
    ODataError when NAV would refuse the filter."""
    if re.search(r"/(any|all)\(", re.sub(r"'(?:[^']|'')*'", "''", text)):
        return lambda row: True
    parser = _Parser(view, _tokens(text), in_list)
    part = parser.either()
    if parser.peek():
        raise bad_request(f"Syntax error at '{parser.peek()}' in '{text}'.")
    return (lambda row: True) if parser.ignored else part.test


def read_literal(field: Field, text: str) -> Any:
    """A typed literal of a filter or a key as the stored value. ODataError when its type is another."""
    quoted = len(text) >= 2 and text[0] == text[-1] == "'"
    inner = text[1:-1].replace("''", "'") if quoted else ""
    value: Any = None
    if field.kind in _TEXT_KINDS:
        value = inner if quoted else None
    elif not quoted:
        value = read_point(text) if field.alias_edm else _bare(field.kind, text)
    if value is None:
        raise bad_request(
            f"A binary operator with incompatible types was detected: '{field.name}' is {field.edm}, "
            f"the literal is {text}."
        )
    try:
        return clean(field, value)
    except FieldError as wrong:
        # A text that is too long for its field cannot be equal to anything in it; NAV refuses it all the same.
        raise ODataError.of(wrong) from wrong


def _bare(kind: Kind, text: str) -> Any:
    match kind:
        case Kind.BOOLEAN:
            return {"true": True, "false": False}.get(text)
        case Kind.INTEGER | Kind.BIG_INTEGER:
            return int(text) if re.fullmatch(r"-?\d{1,19}", text) else None
        case Kind.DECIMAL:
            return Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None
        case Kind.DATE:
            return read_date(text)
        case Kind.DATETIME:
            return read_moment(text)
    return text if _GUID.match(text) else None


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad_request(f"There is an unterminated string literal at position {at} in '{text}'.")
        found.append(match.group().strip() if match.lastgroup != "text" else match.group("text"))
        at = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens: either > both > one."""

    def __init__(self, view: View, tokens: list[str], in_list: str) -> None:
        self._view, self._tokens, self._at, self._in_list = view, tokens, 0, in_list
        self._depth = 0
        self.ignored = False

    def peek(self) -> str:
        """The next token, empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, wanted: str = "") -> str:
        """The next token; a bad request when it is not the wanted one."""
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise bad_request(f"Syntax error in the filter: '{wanted or 'more'}' was expected after item {self._at}.")
        self._at += 1
        return token

    def either(self) -> _Part:
        """Parts joined by `or`: all about one field."""
        parts = [self.both()]
        while self.peek() == "or":
            self.take()
            parts.append(self.both())
        if len(parts) == 1:
            return parts[0]
        names = frozenset[str]().union(*(part.names for part in parts))
        if len(names) > 1:
            raise not_implemented("The 'OR' operator is not supported on distinct fields on an OData filter.")
        tests = [part.test for part in parts]
        return _Part(lambda row: any(test(row) for test in tests), names)

    def both(self) -> _Part:
        """Parts joined by `and`."""
        parts = [self.one()]
        while self.peek() == "and":
            self.take()
            parts.append(self.one())
        tests = [part.test for part in parts]
        names = frozenset[str]().union(*(part.names for part in parts))
        return _Part(lambda row: all(test(row) for test in tests), names)

    def one(self) -> _Part:
        """A comparison, a text function, a list, or a group in parentheses."""
        if self.peek() == "not":
            raise not_implemented("The 'NOT' operator is not supported on an OData filter.")
        if self.peek() == "(":
            return self._group()
        if self.peek() in _TEXT_TESTS:
            return self._text_test()
        operand = self._operand()
        word = self.take()
        if word == "in":
            return self._list(operand)
        if word not in _COMPARE:
            raise bad_request(f"'{word}' is not an operator of a filter.")
        return self._comparison(operand, word)

    def _group(self) -> _Part:
        self._open()
        part = self.either()
        self._close()
        return part

    def _open(self) -> None:
        self._depth += 1
        if self._depth > 50:
            raise bad_request("The filter is nested too deeply.")
        self.take("(")

    def _close(self) -> None:
        self.take(")")
        self._depth -= 1

    def _operand(self) -> _Operand:
        word = self.take()
        if word in ("tolower", "toupper"):
            self._open()
            inner = self._operand()
            self._close()
            return inner._replace(folded=True)
        if word == "substring":
            return self._substring()
        fields = self._view.fields
        if word not in fields:
            raise bad_request(f"Could not find a property named '{word}' on type 'NAV.{self._view.page.service}'.")
        return _Operand(fields[word])

    def _substring(self) -> _Operand:
        self._open()
        inner = self._operand()
        numbers = []
        while self.peek() == ",":
            self.take()
            numbers.append(self.take())
        self._close()
        if inner.part != slice(None):
            raise not_implemented("A function inside itself is not supported on an OData filter.")
        fits = inner.field.kind in (Kind.CODE, Kind.TEXT) and 1 <= len(numbers) <= 2
        if not fits or not all(re.fullmatch(r"\d{1,4}", number) for number in numbers):
            raise bad_request(f"substring wants a text, a start, perhaps a length, not {inner.field.name}, {numbers}.")
        start = int(numbers[0])
        return inner._replace(part=slice(start, start + int(numbers[1]) if len(numbers) == 2 else None))

    def _comparison(self, operand: _Operand, word: str) -> _Part:
        field, literal = operand.field, self.take()
        names = frozenset((field.name,))
        if literal == "null":
            return _Part(lambda row: word == "ne", names)
        compare = _COMPARE[word]
        wanted = _comparable(operand, read_literal(field, literal))
        return _Part(lambda row: compare(_comparable(operand, operand.of(row)), wanted), names)

    def _text_test(self) -> _Part:
        test = _TEXT_TESTS[self.take()]
        self.take("(")
        operand = self._operand()
        self.take(",")
        literal = self.take()
        self.take(")")
        field = operand.field
        if field.kind not in _TEXT_KINDS or literal[0] != "'":
            raise bad_request(f"The text functions want a text field and a quoted text, not {field.name}, {literal}.")
        folded = operand.folded or field.kind is Kind.CODE
        part = _fold(literal[1:-1].replace("''", "'"), folded)
        return _Part(lambda row: test(_fold(operand.of(row), folded), part), frozenset((field.name,)))

    def _list(self, operand: _Operand) -> _Part:
        if self._in_list == "refused":
            raise not_implemented("The 'IN' operator is not supported on an OData filter.")
        self.take("(")
        wanted = [_comparable(operand, read_literal(operand.field, self.take()))]
        while self.peek() == ",":
            self.take()
            wanted.append(_comparable(operand, read_literal(operand.field, self.take())))
        self.take(")")
        # The whole table came back, without an error (nav-webservices.md 9).
        self.ignored = self.ignored or self._in_list == "ignored"
        field = operand.field
        return _Part(lambda row: _comparable(operand, operand.of(row)) in wanted, frozenset((field.name,)))


def _comparable(operand: _Operand, value: Any) -> Any:
    if operand.folded and isinstance(value, str):
        return value.casefold()
    if operand.field.kind is Kind.TEXT:
        return value
    return order_value(operand.field, value)


def _fold(text: str, folded: bool) -> str:
    return text.casefold() if folded else text
