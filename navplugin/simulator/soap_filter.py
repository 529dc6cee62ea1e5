"""NAV's filter language, as far as a web service takes it in `Criteria` (rules-engine.md, nav-webservices.md 13).

`=` `<>` `<` `>` `<=` `>=` `..` `|` `&` `( )` `*` `?` `@` `''` and quoted text, in which wildcards still work. `&` binds
tighter than `|` (assumed). Code fields are compared in any case, Text fields exactly. Dates and times are those of XML,
in UTC; an option is its identifier, its text or its number (all assumed: a server formats by its own region).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from navplugin.nav.contract import Field, Kind, option_name
from navplugin.simulator.fields import FieldError, order_value
from navplugin.simulator.odata_json import read_date
from navplugin.simulator.soap_fault import FILTER, SoapFault
from navplugin.simulator.soap_values import read_text

Test = Callable[[Any], bool]

_MARK = re.compile(r"\s*(\.\.|<>|<=|>=|[<>=|&()])\s*")
_OPERAND = re.compile(r"(?:'(?:[^']|'')*'|(?!\.\.)[^'|&()<>=])+")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_TEXTS = (Kind.CODE, Kind.TEXT, Kind.TIME, Kind.GUID)
_WORDS = {"yes": "true", "no": "false"}
_DEEPEST = 50


def parse_criteria(field: Field, text: str) -> Test:
    """A test for a stored value of the field. SoapFault when NAV would refuse the filter."""
    if not text.strip():
        return lambda value: True
    parser = _Parser(field, text.strip())
    test = parser.either()
    parser.end()
    return test


class _Parser:
    """Recursive descent over the text: either > both > one."""

    def __init__(self, field: Field, text: str) -> None:
        self._field, self._text, self._at, self._depth = field, text, 0, 0

    def either(self) -> Test:
        """Tests joined by `|`."""
        tests = [self._both()]
        while self._take("|"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def end(self) -> None:
        """SoapFault when text is left over."""
        if self._at < len(self._text):
            raise self._wrong()

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("&"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _one(self) -> Test:
        if self._take("("):
            return self._group()
        field = self._field
        for sign in ("<>", "<=", ">=", "<", ">"):
            if self._take(sign):
                operand = self._operand()
                if sign == "<>":
                    equal = _equal(field, operand)
                    return lambda value: not equal(value)
                compare, limit = _COMPARE[sign], _limit(field, operand)
                return lambda value: compare(_order(field, value), limit)
        self._take("=")
        if self._take(".."):
            most = _limit(field, self._operand())
            return lambda value: bool(_order(field, value) <= most)
        operand = self._operand()
        return self._range(operand) if self._take("..") else _equal(field, operand)

    def _group(self) -> Test:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong()
        test = self.either()
        if not self._take(")"):
            raise self._wrong()
        self._depth -= 1
        return test

    def _range(self, first: str) -> Test:
        field = self._field
        least = _limit(field, first)
        if not _OPERAND.match(self._text, self._at):
            return lambda value: bool(_order(field, value) >= least)
        most = _limit(field, self._operand())
        return lambda value: bool(least <= _order(field, value) <= most)

    def _take(self, sign: str) -> bool:
        match = _MARK.match(self._text, self._at)
        if match is None or match[1] != sign:
            return False
        self._at = match.end()
        return True

    def _operand(self) -> str:
        """A value with its quotes."""
        match = _OPERAND.match(self._text, self._at)
        if match is None:
            raise self._wrong()
        self._at = match.end()
        return match.group().strip()

    def _wrong(self) -> SoapFault:
        return _refused(self._field, self._text)


def _equal(field: Field, operand: str) -> Test:
    """Equality, with wildcards for text; a day as a filter on a point in time is the whole day."""
    if field.kind in _TEXTS:
        return _like(field, operand)
    plain = _unquoted(operand)
    if field.kind is Kind.DATETIME and (day := read_date(plain)):
        return lambda value: isinstance(value, datetime) and value.date() == day
    wanted = _limit(field, operand)
    return lambda value: bool(_order(field, value) == wanted)


def _like(field: Field, operand: str) -> Test:
    folded = operand.startswith("@") or field.kind is not Kind.TEXT
    text = _unquoted(operand.removeprefix("@"))
    if field.kind is Kind.GUID and len(text) > 1 and text[0] + text[-1] == "{}":
        text = text[1:-1]
    parts = ["".join("." if sign == "?" else re.escape(sign) for sign in part) for part in text.split("*")]
    # Each `*` takes the first place where the rest fits and never tries another: no filter can run away.
    middle = "".join(f"(?>.*?{part})" for part in parts[1:-1])
    pattern = parts[0] if len(parts) == 1 else f"{parts[0]}{middle}.*{parts[-1]}"
    like = re.compile(pattern, re.DOTALL | (re.IGNORECASE if folded else re.NOFLAG))
    return lambda value: like.fullmatch(value) is not None


def _limit(field: Field, operand: str) -> Any:
    """The operand as a value that can be compared. SoapFault when it is none of the field's type."""
    text = _unquoted(operand)
    try:
        if field.kind in _TEXTS:
            if re.search(r"[*?@]", _QUOTED.sub("", operand)):
                raise _refused(field, operand)
            return _order(field, text)
        if field.kind is Kind.OPTION:
            return _option(field, text)
        if field.kind in (Kind.DATE, Kind.DATETIME) and not text:
            return _order(field, None)
        if field.kind is Kind.DATETIME and read_date(text):
            text += "T00:00:00Z"
        if field.kind is Kind.BOOLEAN:
            text = _WORDS.get(text.casefold(), text.casefold())
        return _order(field, read_text(field, text))
    except FieldError:
        raise _refused(field, operand) from None


def _option(field: Field, text: str) -> int:
    if text.isdecimal() and int(text) < len(field.options):
        return int(text)
    for number, option in enumerate(field.options):
        if text.strip().casefold() in (option.strip().casefold(), option_name(option).casefold()):
            return number
    raise _refused(field, text)


def _order(field: Field, value: Any) -> Any:
    if field.kind in _TEXTS:
        return value if field.kind is Kind.TEXT else value.upper()
    return order_value(field, value)


def _unquoted(operand: str) -> str:
    return _QUOTED.sub(lambda match: match[1].replace("''", "'"), operand)


def _refused(field: Field, text: str) -> SoapFault:
    english = f'The filter "{text}" is not valid for the {field.caption} field.'
    return SoapFault(FILTER, english, f'Filteret "{text}" er ikke gyldigt for feltet {field.caption}.')
