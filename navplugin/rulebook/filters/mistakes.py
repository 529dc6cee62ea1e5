"""Common mistakes: the right text for a filter that cannot be read, and warnings for one that can but may surprise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, time
from decimal import Decimal

from navplugin.rulebook.filters.explain import terms
from navplugin.rulebook.filters.grammar import LOOKALIKES, MAX_LENGTH, AllOf, AnyOf, Node, Parser, Term, is_odd
from navplugin.rulebook.filters.values import MAY_BE_NONE, NUMBERS, WORDS, FilterSyntaxError, FilterType, fold

_OPERATORS = {"=>": ">=", "=<": "<=", "!=": "<>", "><": "<>", "==": "=", "&&": "&", "||": "|", "...": ".."}
_WORDS = {"AND": "&", "OR": "|", "NOT": "<>", "TO": ".."}
_REPEATED = re.compile(r"(?<=[^ &|(<>=.])  *(?=[<>])")
_LIST = re.compile(r"[0-9]+(,[0-9]+)+")


def _outside_quotes(text: str, change: Callable[[str], str]) -> str:
    parts = text.split("'")
    return "'".join(change(part) if place % 2 == 0 else part for place, part in enumerate(parts))


def _characters(text: str) -> str:
    text = "".join(LOOKALIKES.get(c, c) for c in text)
    return "".join(c for c in text if not is_odd(c))


def _double_quotes(text: str) -> str:
    return re.sub(r'"([^"\']*)"', r"'\1'", text)


def _operators(text: str) -> str:
    def change(part: str) -> str:
        for wrong, right in _OPERATORS.items():
            part = part.replace(wrong, right)
        return part

    return _outside_quotes(text, change)


def _words(text: str) -> str:
    def change(part: str) -> str:
        words = [_WORDS.get(word.upper(), word) for word in part.split(" ")]
        joined = " ".join(words)
        for sign in ("&", "|", "<>", ".."):
            joined = re.sub(rf" ?{re.escape(sign)} ?", sign, joined)
        return joined

    return _outside_quotes(text, change)


def _unjoined(text: str) -> str:
    return _outside_quotes(text, lambda part: _REPEATED.sub("&", part.replace(",", " ")))


def _ends(text: str) -> str:
    return text.strip(" \t|&,;")


def _negative(text: str) -> str:
    return text.replace("–", "-").replace("—", "-").replace("−", "-")


def _number_text(text: str) -> str:
    """Currency signs, per cent, and separators that leave one reading."""

    def one(match: re.Match[str]) -> str:
        number = match.group()
        whole, comma, tail = number.rpartition(",")
        if not comma:
            return number
        if "." in tail:  # 1,000.50
            return whole.replace(",", "") + tail
        if "." in whole:  # 1.000,50
            return f"{whole.replace('.', '')}.{tail}"
        # 75,50 is a fraction; 1,000 could be either: not proposed
        return f"{whole}.{tail}" if len(tail) != 3 and "," not in whole else number

    def change(part: str) -> str:
        part = re.sub(r"[$€£%]|\b(?:USD|EUR|CAD)\b", "", part)
        part = re.sub(r"[0-9]+(?:,[0-9]+)*(?:\.[0-9]+(?:,[0-9]+)*)?", one, part)
        part = re.sub(r"(?<![0-9.])\.([0-9])", r"0.\1", part)
        return re.sub(r"(?<![0-9.])\+(?=[0-9])", "", part)

    return _outside_quotes(text, change)


def _number_list(text: str) -> str:
    return text.replace(",", "|") if _LIST.fullmatch(text.replace(" ", "")) and text.count(",") > 1 else text


def _number_range(text: str) -> str:
    return re.sub(r"(?<=[0-9]) *- *(?=[0-9])", "..", text)


def _dates(text: str) -> str:
    def day_first(match: re.Match[str]) -> str:
        first, second, year = (int(part) for part in match.groups())
        if first > 12 >= second:
            return f"{year:04}-{second:02}-{first:02}"
        return f"{year:04}-{first:02}-{second:02}" if second > 12 >= first or first == second else match.group()

    text = re.sub(r"\b([0-9]{4})[/.]?([0-9]{2})[/.]?([0-9]{2})\b", r"\1-\2-\3", text)
    return re.sub(r"\b([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})\b", day_first, text)


def _times(text: str) -> str:
    """9 pm, 21.30, 21h30, 2130 and 21 h to 21:30."""

    def one(match: re.Match[str]) -> str:
        hours, minutes, half = int(match[1]), match[2] or "00", (match[3] or "").casefold()
        if half and 1 <= hours <= 12:
            hours = hours % 12 + (12 if half == "pm" else 0)
        return f"{hours:02}:{minutes}"

    text = re.sub(r"\b([0-9]{2})([0-9]{2})\b(?!:)", r"\1:\2", text)
    return re.sub(r"\b([0-9]{1,2})(?:[:.h]([0-9]{2}))?(?![0-9:]) *(?:(am|pm)\b|h\b)?", one, text, flags=re.IGNORECASE)


def _steps(kind: FilterType) -> Iterator[Callable[[str], str]]:
    yield _characters
    yield _double_quotes
    yield _operators
    if kind in NUMBERS:
        yield _number_list
        yield _negative
        yield _number_text
    if kind is FilterType.DATE:
        yield _negative
        yield _dates
    if kind is FilterType.TIME:
        yield _times
    yield _ends
    yield _words
    yield _ends
    yield _unjoined
    if kind in NUMBERS:
        yield _number_range
    yield lambda text: re.sub(r"([<>]=?|=) *(?=[^ <>=]+\.\.)", "", text)


def _in_quotes(text: str) -> str:
    """The whole text as one value; where only the closing quote is missing, that alone is put in."""
    inner = text.strip()
    return f"{inner}'" if inner.startswith("'") else "'{}'".format(inner.replace("'", "''"))


def propose(text: str, kind: FilterType, options: tuple[str, ...], code: str) -> str:
    """The filter that was probably meant, "" where there is no telling. Every proposal has itself been read."""
    fixed = text
    steps = list(_steps(kind)) if len(text) <= MAX_LENGTH else []
    if code in ("filter-quote", "filter-missing-operator") and kind in WORDS and not set(text) & set("|&<>()@"):
        steps.append(_in_quotes)
    for step in steps:
        changed = step(fixed)
        if changed == fixed:
            continue
        fixed = changed
        try:
            node = Parser(fixed, kind, options).node()
        except FilterSyntaxError as error:
            if error.code == "filter-mixed":
                return ""
            continue
        return fixed.strip() if node is not None else ""
    return ""


def readings(text: str, kind: FilterType, options: tuple[str, ...]) -> str:
    """The two readings of a filter that mixes & and |."""
    cuts: dict[str, list[str]] = {"&": [], "|": []}
    for sign, out in cuts.items():
        other, depth, start = "|" if sign == "&" else "&", 0, 0
        ends = []
        for token in Parser(text, kind, options).tokens:
            depth += (token.kind == "(") - (token.kind == ")")
            if depth == 0 and token.kind == sign:
                ends.append(token.offset)
        for end in [*ends, len(text)]:
            part = text[start:end].strip()
            out.append(f"({part})" if _has_outside(part, other) else part)
            start = end + 1
    first, second = "|".join(cuts["|"]), "&".join(cuts["&"])
    for proposal in (first, second):
        try:
            Parser(proposal, kind, options).node()
        except FilterSyntaxError:
            return "put parentheses around what belongs together"
    return f"write {first} or {second}"


def _has_outside(part: str, sign: str) -> bool:
    depth, quoted = 0, False
    for char in part:
        quoted ^= char == "'"
        depth += 0 if quoted else (char == "(") - (char == ")")
        if char == sign and depth == 0 and not quoted:
            return True
    return False


def warnings(text: str, node: Node | None, kind: FilterType, *, may_be_blank: bool = True) -> tuple[str, ...]:
    """What the filter means where that may surprise: one sentence each, with what to write instead."""
    out = [*_surprises(node), *(w for term in terms(node) for w in _term_warnings(term, kind))]
    blank_counts = may_be_blank and kind in MAY_BE_NONE and any(_before(t) for t in terms(node))
    if blank_counts and not any(_blank(t) for t in terms(node)):
        written = text.strip() if isinstance(node, Term) else f"({text.strip()})"
        out.append(f"no {kind} counts as before every {kind}; without it write {written}&<>''")
    inside = any(is_odd(char) and char != "\t" for char in text)
    if inside:
        out.append("a blank or a sign that cannot be seen stands inside the quotes and is part of the value")
    return tuple(dict.fromkeys(out))


def _surprises(node: Node | None) -> Iterator[str]:
    if node is None or isinstance(node, Term):
        return
    direct = [part for part in node.parts if isinstance(part, Term)]
    if isinstance(node, AnyOf) and any(t.op == "<>" for t in direct) and all(t.op in ("=", "<>") for t in direct):
        neither = "&".join(t.text if t.op == "<>" else f"<>{t.text}" for t in direct)
        yield f"{node.text} is met by nearly every value, as <> stands beside |; for neither write {neither}"
    plain = [t for t in direct if t.op == "=" and t.pattern is None]
    if isinstance(node, AllOf) and len({t.low for t in plain}) > 1:
        either = "|".join(t.text for t in plain)
        yield f"{node.text} is never met, as one value cannot be two; for either write {either}"
    for part in node.parts:
        yield from _surprises(part)


def _term_warnings(term: Term, kind: FilterType) -> Iterator[str]:
    low, high = term.low, term.high
    if _text_order(term, kind):
        yield f"{term.text} is compared as text, where 10 stands before 9; give all ends equal digits: 009..100"
    elif term.op == ".." and term.has_low and term.has_high and _descends(low, high):
        yield f"{term.text} is never met, as it ends before it begins; write the smaller value first"
    if kind in (FilterType.TEXT, FilterType.CODE):
        yield from _word_warnings(term, kind)


def _text_order(term: Term, kind: FilterType) -> bool:
    """Digits that are put in the order of text: an interval with ends of different length, or a comparison."""
    ends = [end for end in (term.low, term.high) if isinstance(end, str)]
    if kind not in (FilterType.TEXT, FilterType.CODE) or not ends or not all(end.isdigit() for end in ends):
        return False
    if term.op == "..":
        return len({len(end) for end in ends}) > 1
    return term.op in ("<", "<=", ">", ">=")


def _word_warnings(term: Term, kind: FilterType) -> Iterator[str]:
    value = term.text.removeprefix("<>")
    if "'" in term.text or term.op not in ("=", "<>"):
        return
    words = value.split(" ")
    joined = [w for w in words[1:-1] if (w if kind is FilterType.TEXT else fold(w)) in ("AND", "OR")]
    if joined:
        sign = "&" if fold(joined[0]) == "AND" else "|"
        either = re.sub(rf" +{joined[0]} +", sign, value, count=1)
        yield f"{value} is read as one value; for two conditions write {either}, for the value '{value}'"
    elif kind is FilterType.CODE and re.search(r"[,;]", value):
        either = "|".join(part.strip() for part in re.split(r"[,;]", value) if part.strip())
        yield f"{value} is read as one value; for several write {either}, for the value '{value}'"
    elif fold(words[0]) == "NOT" and len(words) > 1 and (kind is FilterType.CODE or words[0] == "NOT"):
        yield f"{value} is read as one value; for not equal write <>{' '.join(words[1:])}, for the value '{value}'"


def _descends(low: object, high: object) -> bool:
    if isinstance(low, str) and isinstance(high, str):
        return low > high
    if isinstance(low, Decimal) and isinstance(high, Decimal):
        return low > high
    if isinstance(low, time) and isinstance(high, time):
        return low > high
    return isinstance(low, date) and isinstance(high, date) and low > high


def _before(term: Term) -> bool:
    return term.op in ("<", "<=") or (term.op == ".." and not term.has_low)


def _blank(term: Term) -> bool:
    return term.op in ("=", "<>", "..") and term.has_low and term.low is None
