"""The kinds of value that a filter may test: how a typed value is read, and how a value seen is brought to its kind.

The choices that the public documentation of NAV leaves open are listed in rules-engine.md E.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from navplugin.core.money import parse_money
from navplugin.core.problems import did_you_mean


class FilterType(StrEnum):
    """The kind of field that a filter tests."""

    TEXT = "text"
    CODE = "code"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE = "date"
    TIME = "time"
    OPTION = "option"
    BOOLEAN = "boolean"


NUMBERS = frozenset({FilterType.DECIMAL, FilterType.INTEGER})
WORDS = frozenset({FilterType.TEXT, FilterType.CODE, FilterType.OPTION})
MAY_BE_NONE = frozenset({FilterType.DATE, FilterType.TIME})
"""Kinds whose blank is a value before all others."""
UNORDERED = frozenset({FilterType.OPTION, FilterType.BOOLEAN})

CODES = {
    "filter-too-long": "the filter is longer than may be read",
    "filter-too-many-terms": "the filter has too many conditions, or parentheses too deep",
    "filter-character": "a character that looks like another one, or that cannot be seen",
    "filter-operator": "an operator that NAV does not have, or that does not fit here",
    "filter-missing-value": "an operator without its value",
    "filter-missing-operator": "two conditions without & or | between them",
    "filter-parenthesis": "a parenthesis that is not closed, or not opened",
    "filter-quote": "a quote that is not closed, or that stands inside a value",
    "filter-mixed": "& and | together without parentheses",
    "filter-wildcard": "* ? or @ where they cannot stand",
    "filter-token": "% with a name, which only the NAV client replaces",
    "filter-number": "not a number as rule files write it",
    "filter-date": "not a date as rule files write it",
    "filter-time": "not a time as rule files write it",
    "filter-option": "not one of the names of this field",
    "filter-boolean": "neither Yes nor No",
    "filter-blank": "'' on a field that is never blank",
}
"""Every code of FilterSyntaxError, with what it says."""


class FilterSyntaxError(ValueError):
    """A filter that cannot be read; offset and length mark the place within its text, hint says what to type."""

    def __init__(self, code: str, message: str, offset: int, length: int, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.code, self.message, self.offset, self.length, self.hint = code, message, offset, length, hint


@dataclass(frozen=True, slots=True)
class Today:
    """The date of the sale in the store's zone, moved by a number of days (D), weeks (W), months (M) or years (Y)."""

    count: int = 0
    unit: str = "D"

    def on(self, today: date) -> date:
        """The date meant; a date before the first or after the last that exists becomes that one."""
        try:
            if self.unit in "DW":
                return today + timedelta(days=self.count * (7 if self.unit == "W" else 1))
            months = today.year * 12 + today.month - 1 + self.count * (12 if self.unit == "Y" else 1)
            year, month = months // 12, months % 12 + 1
            return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))
        except (OverflowError, ValueError):
            return date.min if self.count < 0 else date.max


Value = str | Decimal | date | time | bool | Today | None
"""What a term compares with; None is blank, no date or no time."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_TODAY = re.compile(r"today *(?:([+-]) *([0-9]{1,4}) *([dwmy]))?", re.IGNORECASE)
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def fold(text: str) -> str:
    """Upper case, one character for one character, so that `?` still counts what is on the screen."""
    out = text.upper()
    return out if len(out) == len(text) else "".join(c.upper() if len(c.upper()) == 1 else c for c in text)


def read_value(raw: str, kind: FilterType, options: tuple[str, ...], at: int, length: int) -> Value:
    """The value that was typed at this place; raises FilterSyntaxError."""
    if raw == "" and kind in NUMBERS | {FilterType.BOOLEAN}:
        message = f"'' is blank, and a {kind} is never blank"
        raise FilterSyntaxError("filter-blank", message, at, length, "write 0" if kind in NUMBERS else "write No")
    match kind:
        case FilterType.TEXT:
            return raw
        case FilterType.CODE:
            return fold(raw.strip())
        case FilterType.DECIMAL | FilterType.INTEGER:
            return _number(raw, kind, at, length)
        case FilterType.DATE:
            return _date(raw, at, length)
        case FilterType.TIME:
            return _time(raw, at, length)
        case FilterType.OPTION:
            return _option(raw, options, at, length)
        case FilterType.BOOLEAN:
            return _boolean(raw, at, length)


def _number(raw: str, kind: FilterType, at: int, length: int) -> Decimal:
    if _NUMBER.fullmatch(raw) is None:
        message = f"'{raw}' is not a number"
        raise FilterSyntaxError(
            "filter-number", message, at, length, "digits and one point: 75.50, no thousands separator"
        )
    value = Decimal(raw)
    if kind is FilterType.INTEGER and "." in raw and value.as_integer_ratio()[1] != 1:
        raise FilterSyntaxError("filter-number", f"'{raw}' is not a whole number", at, length, "write whole digits")
    return value


def _date(raw: str, at: int, length: int) -> date | Today | None:
    if raw == "":
        return None
    relative = _TODAY.fullmatch(raw)
    if relative is not None:
        sign, count, unit = relative.groups()
        return Today(int(sign + count), unit.upper()) if sign else Today()
    if _DATE.fullmatch(raw) is not None:
        try:
            return date.fromisoformat(raw)
        except ValueError:
            message = f"there is no day {raw}"
            raise FilterSyntaxError("filter-date", message, at, length, "year-month-day, as in 2026-05-31") from None
    raise FilterSyntaxError("filter-date", f"'{raw}' is not a date", at, length, _date_hint(raw))


def _date_hint(raw: str) -> str:
    word = raw.casefold()
    if word in ("t", "w", "workdate", "work date"):
        return "write today; work dates belong to the NAV client"
    if re.fullmatch(r"[cp][0-9].*", word):
        return "closing dates and accounting periods belong to the NAV client: write both days, 2026-05-01..2026-05-31"
    return "write year-month-day as in 2026-05-31, or today, or today-30D"


def _time(raw: str, at: int, length: int) -> time | None:
    if raw == "":
        return None
    found = _as_time(raw)
    if found is None:
        hint = "write hours and minutes of the day, 00:00 to 23:59"
        raise FilterSyntaxError("filter-time", f"'{raw}' is not a time", at, length, hint)
    return found


def _as_time(text: str) -> time | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return time(hours, minutes, seconds) if hours < 24 and minutes < 60 and seconds < 60 else None


def _option(raw: str, options: tuple[str, ...], at: int, length: int) -> str:
    if not options:
        return raw.strip()
    for name in options:
        if fold(name.strip()) == fold(raw.strip()):
            return name.strip()
    if raw.strip() == "":
        return ""
    message = f"'{raw}' is not a name of this field"
    raise FilterSyntaxError("filter-option", message, at, length, did_you_mean(raw, options))


def _boolean(raw: str, at: int, length: int) -> bool:
    if raw.casefold() not in _YES_NO:
        raise FilterSyntaxError("filter-boolean", f"'{raw}' is neither Yes nor No", at, length, "write Yes or No")
    return _YES_NO[raw.casefold()]


def coerce(value: object, kind: FilterType) -> Value:
    """A value seen, as this kind; None where it has none (a number that is missing, no date)."""
    match kind:
        case FilterType.TEXT:
            return "" if value is None else str(value)
        case FilterType.CODE:
            return "" if value is None else fold(str(value).strip())
        case FilterType.OPTION:
            return "" if value is None else str(value).strip()
        case FilterType.DECIMAL | FilterType.INTEGER:
            return parse_money(value)
        case FilterType.DATE:
            return _coerce_date(value)
        case FilterType.TIME:
            return _coerce_time(value)
        case FilterType.BOOLEAN:
            return value if isinstance(value, bool) else _YES_NO.get(str(value).strip().casefold())


def _coerce_date(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value)[:10]
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _coerce_time(value: object) -> time | None:
    """The time of day; seconds count, parts of them do not."""
    if isinstance(value, datetime):
        value = value.time()
    if isinstance(value, time):
        return value.replace(microsecond=0, tzinfo=None)
    return _as_time(str(value).partition(".")[0])


def show(value: object, kind: FilterType) -> str:
    """The value as an administrator reads it in an explanation, at most 60 characters."""
    return show_coerced(coerce(value, kind), kind)


def show_coerced(seen: Value, kind: FilterType) -> str:
    """`show` for a value that `coerce` gave."""
    if seen is None:
        return {FilterType.DATE: "no date", FilterType.TIME: "no time"}.get(kind, "no value")
    if isinstance(seen, bool):
        return "Yes" if seen else "No"
    if isinstance(seen, Decimal):
        return f"{seen:f}" if abs(seen.adjusted()) < 40 else str(seen)
    text = f"{seen:%H:%M:%S}".removesuffix(":00") if isinstance(seen, time) else str(seen)
    if text == "":
        return "blank"
    text = text if len(text) <= 60 else text[:57] + "..."
    return text if text == text.strip() else f"'{text}'"
