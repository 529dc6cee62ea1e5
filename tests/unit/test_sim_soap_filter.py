"""NAV filters in Criteria, as the simulated NAV reads them (nav-webservices.md 13)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from navplugin.nav.contract import Field, Kind
from navplugin.simulator.soap_fault import FILTER, SoapFault
from navplugin.simulator.soap_filter import parse_criteria

CODE, TEXT = Field("No.", Kind.CODE, 20), Field("Name", Kind.TEXT, 50)
NUMBER, AMOUNT = Field("Entry No.", Kind.INTEGER), Field("Amount", Kind.DECIMAL)
DAY, MOMENT = Field("Date", Kind.DATE), Field("Event At", Kind.DATETIME)
FLAG, GUID = Field("Blocked", Kind.BOOLEAN), Field("Sale GUID", Kind.GUID)
KIND = Field("Type", Kind.OPTION, options=(" ", "Mix&Match", "Disc. Offer"))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ID = "0a1b2c3d-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("field", "criteria", "inside", "outside"),
    [
        (CODE, "", ["", "A"], []),
        (CODE, "a1", ["A1"], ["A", "A11"]),
        (CODE, "=A1", ["A1"], ["A"]),
        (CODE, "A1|B1", ["A1", "B1"], ["C1"]),
        (CODE, "<>A1", ["B1", ""], ["A1"]),
        (CODE, "<>A*", ["B1"], ["A1", "A"]),
        (CODE, "''", [""], ["A"]),
        (CODE, "<>''", ["A"], [""]),
        (CODE, "A*&*9", ["A9", "A19"], ["A1", "B9"]),
        (CODE, "A?", ["A1"], ["A", "A12"]),
        (CODE, "*A*B*", ["AB", "XAXBX"], ["BA"]),
        (CODE, "A..C", ["A", "B1", "C"], ["C1", "D"]),
        (CODE, "..B", ["A", "B", ""], ["B1"]),
        (CODE, "B..", ["B", "C"], ["A"]),
        (CODE, "(A*|B*)&*1", ["A1", "B1"], ["A2"]),
        (CODE, "A1|B*&*9", ["A1", "B9"], ["B1", "A9"]),
        (CODE, " A1 | B1 ", ["A1", "B1"], []),
        (CODE, "'A&B'", ["A&B"], ["A", "B"]),
        (CODE, "'A|(B)=C'", ["A|(B)=C"], ["A"]),
        (CODE, "'1..5'", ["1..5"], ["3"]),
        (CODE, "'O''NEIL'", ["O'NEIL"], ["ONEIL"]),
        (CODE, "'O?NEIL'", ["O'NEIL"], ["ONEIL"]),
        (CODE, "A.1", ["A.1"], ["AX1"]),
        (TEXT, "Join", ["Join"], ["join", "Join us"]),
        (TEXT, "@join*", ["Join us", "JOIN"], ["us join"]),
        (TEXT, "@*'A&B'*", ["x a&b y"], ["a b"]),
        (TEXT, "*\n*", ["one\ntwo"], ["one two"]),
        (TEXT, "it is here", ["it is here"], ["it is"]),
        (NUMBER, "7", [7], [8]),
        (NUMBER, "-5..5", [-5, 0, 5], [-6, 6]),
        (NUMBER, ">5&<=9", [6, 9], [5, 10]),
        (NUMBER, ">=5|<0", [5, -1], [0, 4]),
        (AMOUNT, "1.50", [Decimal("1.5")], [Decimal("1.51")]),
        (AMOUNT, "..1.5", [Decimal("1.50"), Decimal(-2)], [Decimal("1.6")]),
        (AMOUNT, "<>0", [Decimal("0.01")], [Decimal(0)]),
        (DAY, "2026-05-01", [date(2026, 5, 1)], [date(2026, 5, 2), None]),
        (DAY, "2026-05-01..2026-05-31", [date(2026, 5, 31)], [date(2026, 6, 1)]),
        (DAY, "''", [None], [date(2026, 5, 1)]),
        (MOMENT, ">2026-05-01T11:59:59Z", [NOON], [None]),
        (MOMENT, "2026-05-01", [NOON], [None, NOON.replace(day=2)]),
        (MOMENT, ">=2026-05-01", [NOON, NOON.replace(hour=0)], [NOON.replace(month=4)]),
        (FLAG, "true", [True], [False]),
        (FLAG, "No", [False], [True]),
        (KIND, "'Mix_x0026_Match'", ["Mix&Match"], [" "]),
        (KIND, "Disc. Offer|1", ["Disc. Offer", "Mix&Match"], [" "]),
        (KIND, "_blank_", [" "], ["Disc. Offer"]),
        (KIND, "''", [" "], ["Disc. Offer"]),
        (KIND, ">1", ["Disc. Offer"], ["Mix&Match", " "]),
        (GUID, "{0A1B2C3D-0000-0000-0000-000000000001}", [ID], [""]),
    ],
)  # fmt: skip
def test_a_filter_lets_through_what_nav_lets_through(
    field: Field, criteria: str, inside: list[Any], outside: list[Any]
) -> None:
    test = parse_criteria(field, criteria)
    assert [value for value in (*inside, *outside) if test(value)] == inside


@pytest.mark.parametrize(
    ("field", "criteria"),
    [
        (CODE, "'open"), (CODE, "A|"), (CODE, "&A"), (CODE, "(A"), (CODE, "A)"), (CODE, "A<B"), (CODE, ".."),
        (CODE, "A..B.."), (CODE, ">A*"), (CODE, "A*..B"), (CODE, "@A..B"), (CODE, "<>"), (CODE, "(" * 99 + "A"),
        (NUMBER, "A"), (NUMBER, "1.5"), (NUMBER, "''"), (NUMBER, "1*"), (AMOUNT, "1,50"), (AMOUNT, "NaN"),
        (DAY, "01-05-26"), (DAY, "today"), (MOMENT, "12:00"), (FLAG, "perhaps"), (KIND, "Deal"), (KIND, "Disc*"),
    ],
)  # fmt: skip
def test_a_filter_that_nav_cannot_read_is_a_fault(field: Field, criteria: str) -> None:
    with pytest.raises(SoapFault) as caught:
        parse_criteria(field, criteria)
    assert caught.value.code == FILTER
    assert field.caption in str(caught.value)


def test_no_filter_takes_longer_than_the_text_is_worth() -> None:
    test = parse_criteria(TEXT, "*a" * 40 + "b")
    assert not test("a" * 2000)
