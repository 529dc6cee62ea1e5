"""The JSON of `navplugin predict`, checked: every problem at once, each with its path and place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from navplugin.cli.json_places import Path, Places, shown
from navplugin.core.model import Benefit, Offer, OfferLine
from navplugin.core.money import CENT, ZERO, round_money, show_money
from navplugin.core.problems import Level, Problem, Span, did_you_mean, has_errors
from navplugin.discounts import BasketLine, Terms

KEYS = ("currency_precision", "minimum_judged", "reached", "lines", "offers", "picked", "returned")
LINE_KEYS = ("line_no", "item", "quantity", "price", "line_discount_percent", "line_discount_amount", "discountable")
OFFER_KEYS = ("no", "coupon_code", "priority", "items", "benefits", "maximum_discount", "block_total_discount")
BENEFIT_KEYS = ("step", "type", "value")
RETURN_KEYS = ("line_no", "quantity")
MOST = {"lines": 20_000, "offers": 1_000, "benefits": 100, "items": 20_000, "picked": 1_000, "returned": 20_000}
MOST_WORK = 1_000_000
"""Lines times picked offers: some twenty seconds."""
LONGEST = 32_000_000
MOST_PROBLEMS = 50
HUNDRED = Decimal(100)
_AMOUNT = re.compile(r"(-?)(\d{1,9})(?:\.(\d{1,6}))?")
_EVERYTHING = OfferLine("All")
_NOTHING = OfferLine("All", exclude=True)
_EXAMPLE = "navplugin predict --example prints one"


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. lines and offers in the order of the input; returned: quantity by line number."""

    terms: Terms
    lines: tuple[BasketLine, ...]
    quantities: Mapping[int, Decimal]
    offers: tuple[Offer, ...]
    picked: tuple[str, ...]
    returned: Mapping[int, Decimal]


def read_question(name: str, text: str) -> tuple[Question | None, tuple[Problem, ...]]:
    """The question in a JSON text, None where there is an error; warnings come beside it."""
    if len(text) > LONGEST:
        message = f"the input has {len(text):,} characters; at most {LONGEST:,} are read"
        return None, (Problem(Span(name), Level.ERROR, "too-many", message, "ask for fewer lines"),)
    reader = _Reader(name, text)
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=str, object_pairs_hook=reader.pairs)
    except (json.JSONDecodeError, RecursionError, ValueError) as wrong:
        span = Span(name, getattr(wrong, "lineno", 1), getattr(wrong, "colno", 1))
        said = f"this is not valid JSON: {getattr(wrong, 'msg', 'nested too deeply, or a number that is too long')}"
        return None, (Problem(span, Level.ERROR, "bad-json", said, _EXAMPLE),)
    question = reader.read(data)
    return (None if has_errors(reader.problems) else question), reader.all_problems()


class _Reader:
    """Collects every problem; a value that cannot be read counts as zero until the end."""

    def __init__(self, name: str, text: str) -> None:
        self.places, self.problems, self.left_out = Places(name, text), list[Problem](), 0
        self.precision, self._doubled = CENT, False

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; whether it names a key twice."""
        found = dict(pairs)
        self._doubled = self._doubled or len(found) != len(pairs)
        return found

    def all_problems(self) -> tuple[Problem, ...]:
        """In the order of the text; the number of those that were left out stands last."""
        found = sorted(self.problems)
        if self.left_out:
            message = f"{self.left_out} more problems are not shown"
            found.append(Problem(found[-1].span, found[-1].level, "too-many", message, "mend these first"))
        return tuple(found)

    def read(self, data: Any) -> Question:
        """The whole question."""
        if self._doubled:
            self.places.look()
            for path in self.places.doubled:
                self._error(path, "doubled-key", f"{shown(path)} stands there twice", "keep one of them")
        top = self._object(data, (), KEYS, ("lines", "offers"))
        precision = self._amount(top, (), "currency_precision", CENT)
        if not ZERO < precision <= 1000:
            hint = "write the currency's amount rounding precision, such as 0.01"
            self._bad(("currency_precision",), precision, hint)
            precision = CENT
        self.precision = precision
        judged = self._word(top, (), "minimum_judged", ("before", "after"))
        terms = Terms(judged, self._word(top, (), "reached", ("at-least", "above")), precision)
        read = [self._line(one, path) for one, path in self._list(top, (), "lines")]
        self._unique("line_no", [(x.line_no, ("lines", n, "line_no")) for n, (x, _) in enumerate(read)])
        offers = [self._offer(one, path) for one, path in self._list(top, (), "offers")]
        self._unique("no", [(x.offer_no, ("offers", n, "no")) for n, x in enumerate(offers)])
        picked = self._picked(top, offers)
        quantities = {line.line_no: quantity for line, quantity in read}
        returned = self._returned(top, quantities)
        self._check_work(len(read), [o for o in offers if o.coupon_code in ("", *picked)])
        return Question(terms, tuple(x for x, _ in read), quantities, tuple(offers), picked, returned)

    def _line(self, data: Any, path: Path) -> tuple[BasketLine, Decimal]:
        one = self._object(data, path, LINE_KEYS, ("line_no", "item", "quantity", "price"))
        quantity, price = self._amount(one, path, "quantity"), self._amount(one, path, "price")
        gross = round_money(quantity * price, self.precision)
        line = BasketLine(
            line_no=self._whole(one, path, "line_no"),
            item_no=self._text(one, path, "item"),
            gross=gross,
            amount=gross - self._line_discount(one, path, gross),
            discountable=self._flag(one, path, "discountable", True),
        )
        return line, quantity

    def _line_discount(self, one: Mapping[str, Any], path: Path, gross: Decimal) -> Decimal:
        """Of the whole line, rounded half up."""
        percent = self._amount(one, path, "line_discount_percent", None)
        amount = self._amount(one, path, "line_discount_amount", None)
        if percent is not None and amount is not None:
            message = f"{shown(path)} has line_discount_percent and line_discount_amount"
            self._error((*path, "line_discount_amount"), "bad-value", message, "write null for one of them")
            return ZERO
        if percent is not None and percent > HUNDRED:
            self._bad((*path, "line_discount_percent"), percent, "write a percentage from 0 to 100")
            return ZERO
        if amount is None:
            return round_money(gross * (percent or ZERO) / HUNDRED, self.precision)
        self._warn_if_finer((*path, "line_discount_amount"), amount)
        if amount > gross:
            hint = f"the line costs {show_money(gross, self.precision)}; write at most that"
            self._bad((*path, "line_discount_amount"), amount, hint)
            return ZERO
        return round_money(amount, self.precision)

    def _offer(self, data: Any, path: Path) -> Offer:
        one = self._object(data, path, OFFER_KEYS, ("no", "benefits"))
        items = [self._item(x, at) for x, at in self._list(one, path, "items", [])]
        lines = tuple(_EVERYTHING if x == "*" else OfferLine("Item", x) for x in items)
        number = self._text(one, path, "no")
        return Offer(
            offer_no=number,
            description="",
            enabled=True,
            coupon_code=self._text(one, path, "coupon_code", "") if one.get("coupon_code") is not None else "",
            priority=self._whole(one, path, "priority", 0),
            block_total_discount=self._flag(one, path, "block_total_discount", False),
            maximum_discount=self._amount(one, path, "maximum_discount", None),
            lines=lines or ((_NOTHING,) if "items" in one else ()),
            benefits=self._benefits(one, path),
        )

    def _item(self, value: Any, path: Path) -> str:
        if not isinstance(value, str) or not value.strip():
            self._bad(path, value, 'write item numbers, or "*" for all items')
            return ""
        return value

    def _benefits(self, offer: Mapping[str, Any], path: Path) -> tuple[Benefit, ...]:
        out: list[Benefit] = []
        for data, at in self._list(offer, path, "benefits"):
            one = self._object(data, at, BENEFIT_KEYS, BENEFIT_KEYS)
            kind = self._word(one, at, "type", ("amount", "percent"))
            step, value = self._amount(one, at, "step"), self._amount(one, at, "value")
            if kind == "percent" and value > HUNDRED:
                self._warn((*at, "value"), f"{shown((*at, 'value'))} is {value} percent and counts as all of it")
            elif kind == "amount":
                self._warn_if_finer((*at, "value"), value)
            if out and step <= out[-1].step:
                message = f"the step of {shown(at)} is {step} and follows {out[-1].step}"
                self._error((*at, "step"), "bad-value", message, "write the steps in rising order, each once")
            out.append(Benefit(step, kind, value))
        if not out and isinstance(offer.get("benefits"), list):
            message = f"{shown(path)} has no benefit, so it gives nothing"
            hint = 'write [{"step": "0", "type": "amount", "value": "10.00"}]'
            self._error((*path, "benefits"), "bad-value", message, hint)
        return tuple(out)

    def _picked(self, top: Mapping[str, Any], offers: Sequence[Offer]) -> tuple[str, ...]:
        codes: list[str] = []
        known = [o.coupon_code for o in offers if o.coupon_code]
        for code, path in self._list(top, (), "picked", []):
            if not isinstance(code, str) or not code:
                self._bad(path, code, 'write coupon codes in pick order, such as "AP0004"')
            elif code in codes:
                self._error(path, "doubled-key", f"coupon code {code} is picked twice", "keep the first one")
            else:
                codes.append(code)
                if code not in known:
                    self._warn(path, f"no offer has coupon code {code}", did_you_mean(code, known))
        return tuple(codes)

    def _returned(self, top: Mapping[str, Any], sold: Mapping[int, Decimal]) -> dict[int, Decimal]:
        out: dict[int, Decimal] = {}
        for data, path in self._list(top, (), "returned", []):
            one = self._object(data, path, RETURN_KEYS, RETURN_KEYS)
            number, quantity = self._whole(one, path, "line_no"), self._amount(one, path, "quantity")
            if number not in sold:
                self._error((*path, "line_no"), "bad-value", f"there is no line {number}", "write a line_no of lines")
                continue
            out[number] = out.get(number, ZERO) + quantity
            if out[number] > sold[number]:
                hint = f"line {number} was sold {sold[number].normalize():f} times; write at most that"
                self._bad((*path, "quantity"), quantity, hint)
        return out

    def _check_work(self, lines: int, offers: Sequence[Offer]) -> None:
        if lines * len(offers) > MOST_WORK:
            message = f"{lines:,} lines with {len(offers):,} picked offers are more than can be worked out at once"
            self._error(("picked",), "too-many", message, f"at most {MOST_WORK:,} lines times offers")

    # ---- one value -----------------------------------------------------------------------------------------------

    def _object(self, data: Any, path: Path, known: Sequence[str], needed: Sequence[str]) -> Mapping[str, Any]:
        if not isinstance(data, dict):
            self._error(path, "bad-json", f"{shown(path)} must be a JSON object", _EXAMPLE)
            return {}
        for key in data:
            if key not in known:
                message = f"'{str(key)[:40]}' is not a key of {shown(path)}"
                self._error((*path, key), "unknown-key", message, did_you_mean(key[:40], known))
        for key in needed:
            if key not in data:
                self._error(path, "missing-key", f"{shown(path)} has no '{key}'", _EXAMPLE)
        return data

    def _list(
        self, one: Mapping[str, Any], path: Path, key: str, usual: list[Any] | None = None
    ) -> Iterator[tuple[Any, Path]]:
        if key not in one:
            return
        value = one[key]
        if not isinstance(value, list):
            if value is not None or usual is None:
                self._bad((*path, key), value, "write a list, [ ... ]")
            return
        if len(value) > MOST[key]:
            message = f"{shown((*path, key))} has {len(value):,} entries; at most {MOST[key]:,} are read"
            self._error((*path, key), "too-many", message, "ask for fewer")
            return
        for n, inner in enumerate(value):
            yield inner, (*path, key, n)

    def _amount(self, one: Mapping[str, Any], path: Path, key: str, usual: Decimal | None = ZERO) -> Any:
        """An amount, quantity or percentage from 0 on; the usual value where it is missing or null."""
        value = one.get(key)
        if value is None and (key not in one or usual is None):
            return usual
        text = str(value).strip() if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""
        match = _AMOUNT.fullmatch(text)
        if match is None:
            hint = 'write text such as "75.00", with at most 9 digits before the point and 6 behind it'
            self._bad((*path, key), value, hint)
        elif match[1] and Decimal(text):
            self._bad((*path, key), value, "write 0 or more")
        else:
            return abs(Decimal(text))
        return ZERO

    def _whole(self, one: Mapping[str, Any], path: Path, key: str, usual: int = 0) -> int:
        value = one.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
            self._bad((*path, key), value, "write a whole number such as 10000")
            return usual
        return value

    def _text(self, one: Mapping[str, Any], path: Path, key: str, usual: str | None = None) -> str:
        value = one.get(key, usual or "")
        wrong = not isinstance(value, str) or len(value) > 100 or _printable(value) != value
        if wrong or (usual is None and key in one and not value.strip()):
            self._bad((*path, key), value, "write text of at most 100 characters")
            return ""
        return str(value)

    def _flag(self, one: Mapping[str, Any], path: Path, key: str, usual: bool) -> bool:
        value = one.get(key, usual)
        if not isinstance(value, bool):
            self._bad((*path, key), value, "write true or false")
            return usual
        return value

    def _word(self, one: Mapping[str, Any], path: Path, key: str, words: Sequence[str]) -> str:
        value = one.get(key, words[0])
        if value not in words:
            self._bad((*path, key), value, f"write one of {', '.join(words)}")
            return words[0]
        return str(value)

    def _unique(self, key: str, values: Sequence[tuple[object, Path]]) -> None:
        seen: set[object] = set()
        for value, path in values:
            if value in seen:
                self._error(path, "doubled-key", f"{key} {value} stands there twice", f"give each its own {key}")
            seen.add(value)

    def _warn_if_finer(self, path: Path, amount: Decimal) -> None:
        rounded = round_money(amount, self.precision)
        if rounded != amount:
            shown_as = show_money(rounded, self.precision)
            self._warn(path, f"{shown(path)} is finer than {self.precision}: {amount} counts as {shown_as}")

    def _bad(self, path: Path, value: Any, hint: str) -> None:
        text = json.dumps(value, default=str, ensure_ascii=False)
        text = text if len(text) <= 40 else f"{text[:37]}..."
        self._error(path, "bad-value", f"{shown(path)} cannot be {text}", hint)

    def _error(self, path: Path, code: str, message: str, hint: str) -> None:
        self._add(path, Level.ERROR, code, message, hint)

    def _warn(self, path: Path, message: str, hint: str = "") -> None:
        self._add(path, Level.WARNING, "bad-value", message, hint)

    def _add(self, path: Path, level: Level, code: str, message: str, hint: str) -> None:
        if sum(p.level is level for p in self.problems) >= MOST_PROBLEMS:
            self.left_out += 1
            return
        span = self.places.span(path)
        message, hint = _printable(message), _printable(hint)
        self.problems.append(Problem(span, level, code, message, hint, self.places.source(span)))


def _printable(text: str) -> str:
    """Half characters, which JSON can name and no file can hold, become a question mark."""
    return text.encode("utf-8", "replace").decode()
