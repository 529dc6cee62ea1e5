"""Values and query text of the contract: exact in both directions, safe in an address."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from navplugin.core.errors import ProtocolError
from navplugin.core.model import GrantStatus
from navplugin.nav.contract import BY_SERVICE, PAGES, Field, Kind, Naming, Override
from navplugin.nav.names import SitePage, by_rule
from navplugin.nav.odata import Model, entity_path
from navplugin.nav.transport import Condition
from navplugin.nav.values import from_json, literal, to_json
from navplugin.wire import dump_json

CODE = Field("Code", Kind.CODE, 20)
TEXT = Field("Text", Kind.TEXT, 10)
OPTION = Field("Points", Kind.OPTION, options=(" ", "Taken", "Refused"))
NUMBER = Field("Line No.", Kind.INTEGER)
AMOUNT = Field("Amount", Kind.DECIMAL)
YES_NO = Field("Wide", Kind.BOOLEAN)
DAY = Field("Date", Kind.DATE)
AT = Field("At", Kind.DATETIME)
GUID = Field("GUID", Kind.GUID)
ZERO_GUID = "00000000-0000-0000-0000-000000000000"


def published(service: str) -> SitePage:
    """The page as a site publishes it that keeps the names of the contract."""
    return by_rule(BY_SERVICE[service], Naming.BC, Override())


@pytest.mark.parametrize(
    ("field", "sent", "value"),
    [
        (OPTION, " ", ""),
        (OPTION, "Taken", "Taken"),
        (OPTION, 2, "Refused"),
        (CODE, "AP1 ", "AP1"),
        (TEXT, " a ", " a "),
        (TEXT, None, ""),
        (NUMBER, 10000, 10000),
        (NUMBER, Decimal("3.0"), 3),
        (AMOUNT, 75, Decimal(75)),
        (AMOUNT, Decimal("1234567890123456.78"), Decimal("1234567890123456.78")),
        (AMOUNT, "0.30", Decimal("0.30")),
        (YES_NO, None, False),
        (DAY, "2026-05-07", date(2026, 5, 7)),
        (DAY, "2026-05-07T00:00:00Z", date(2026, 5, 7)),
        (DAY, "0001-01-01", None),
        (DAY, "1753-01-01", None),
        (DAY, None, None),
        (AT, "0001-01-01T00:00:00Z", None),
        (AT, "2026-05-07T10:00:00.123Z", datetime(2026, 5, 7, 10, 0, 0, 123000, tzinfo=UTC)),
        (AT, "2026-05-07T10:00:00.1234567+02:00", datetime(2026, 5, 7, 8, 0, 0, 123456, tzinfo=UTC)),
        (GUID, "{0A1B2C3D-0000-0000-0000-00000000000F}", "0a1b2c3d-0000-0000-0000-00000000000f"),
        (GUID, ZERO_GUID, ""),
    ],
)
def test_what_nav_sends_becomes_a_value_of_the_model(field: Field, sent: Any, value: Any) -> None:
    found = from_json(field, sent)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        (AMOUNT, 0.1), (AMOUNT, "many"), (AMOUNT, True), (NUMBER, Decimal("1.5")), (YES_NO, "yes"), (OPTION, 7),
        (DAY, 20260507), (DAY, "soon"), (AT, "2026-05-07T10:00:00"), (GUID, "g"), (TEXT, 5), (OPTION, ["Taken"]),
        (AT, "9999-12-31T23:59:59-05:00"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(field: Field, sent: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_json(field, sent)


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [
        (OPTION, "", " "),
        (OPTION, None, " "),
        (BY_SERVICE["AIQ_POSTotalDiscountOfferLines"].field("Status"), GrantStatus.PICKED, "Picked"),
        (AMOUNT, 3, Decimal(3)),
        (DAY, None, "0001-01-01"),
        (DAY, date(2026, 5, 7), "2026-05-07"),
        (AT, None, "0001-01-01T00:00:00Z"),
        (AT, datetime(2026, 5, 7, 10, tzinfo=timezone(timedelta(hours=-6))), "2026-05-07T16:00:00.000Z"),
        (GUID, "", ZERO_GUID),
        (TEXT, None, ""),
    ],
)
def test_a_value_of_the_model_becomes_what_nav_takes(field: Field, value: Any, sent: Any) -> None:
    assert to_json(field, value) == sent


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (TEXT, "eleven char", "11 characters, the field holds 10"),
        (OPTION, "Given", "none of its options"),
        (AMOUNT, 0.1, "float"),
        (AMOUNT, Decimal("NaN"), "finite"),
        (NUMBER, True, "bool"),
        (AT, datetime(2026, 5, 7), "offset"),
        (DAY, datetime(2026, 5, 7, tzinfo=UTC), "datetime"),
        (CODE, 5, "int"),
    ],
)
def test_a_value_that_the_field_cannot_hold_is_named(field: Field, value: Any, why: str) -> None:
    with pytest.raises(ProtocolError, match=why) as caught:
        to_json(field, value)
    assert field.name in str(caught.value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**12), max_value=10**12))
def test_decimals_are_json_numbers_with_all_their_digits(amount: Decimal) -> None:
    text = dump_json({"Amount": amount})
    assert json.loads(text, parse_float=Decimal)["Amount"] == amount


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_can_be_a_key(text: str) -> None:
    path = entity_path(published("AIQ_POSPrompts"), (text, "K"))
    assert not re.search(r"[ /?#&+\"'<>]", path)
    quoted = text.replace("'", "''")
    assert unquote(path) == f"AIQ_POSPrompts(Receipt_No='{quoted}',Prompt_Key='K')"


def test_a_key_of_one_part_has_no_name_and_zero_is_a_part() -> None:
    assert entity_path(published("AIQ_POSActions"), (0,)) == "AIQ_POSActions(0)"
    assert entity_path(published("AIQ_ReceiptFooter"), ("", "W", 0)) == (
        "AIQ_ReceiptFooter(Store_No=%27%27,Code=%27W%27,Line_No=0)"
    )


def test_literals_follow_the_declared_type() -> None:
    assert literal(CODE, "12") == "'12'"
    assert literal(NUMBER, 12) == "12"
    assert literal(YES_NO, True) == "true"
    assert literal(AMOUNT, Decimal("1E+3")) == "1000"
    assert literal(DAY, date(2026, 5, 7)) == "2026-05-07"
    assert literal(OPTION, "") == "' '"


@pytest.fixture
def model() -> Model:
    return Model("http://127.0.0.1:1/NAV", requests.Session())


def test_the_query_asks_for_the_declared_fields_and_one_field_in_each_or(model: Model) -> None:
    page = BY_SERVICE["AIQ_POSStatus"]
    conditions = (Condition("Receipt_No", ("R1", "O'B")), Condition("Member_Status", ("",)))
    options = model.query(published(page.service), conditions)
    assert options["$select"] == ",".join(page.names)
    assert options["$filter"] == "(Receipt_No eq 'R1' or Receipt_No eq 'O''B') and (Member_Status eq ' ')"


def test_the_change_cursor_is_a_number_and_ordered(model: Model) -> None:
    options = model.query(published("AIQ_Sale"), (Condition("Change_Mark", (7,), greater=True),), "Change_Mark")
    assert (options["$filter"], options["$orderby"]) == ("(Change_Mark gt 7)", "Change_Mark asc")


def test_every_page_of_the_contract_has_a_class(model: Model) -> None:
    assert all(model.query(published(page.service))["$select"] for page in PAGES)


def test_two_companies_keep_their_own_addresses() -> None:
    first, second = (Model(f"http://127.0.0.1:{port}/", requests.Session()) for port in (1, 2))
    urls = [m._entity(published("AIQ_Sale")).__odata_url__() for m in (first, second)]
    assert urls == ["http://127.0.0.1:1/AIQ_Sale", "http://127.0.0.1:2/AIQ_Sale"]


@pytest.mark.parametrize(
    ("condition", "row", "fits"),
    [
        (Condition("Receipt_No", ("ab ",)), {"Receipt_No": "AB"}, True),
        (Condition("Receipt_No", ("AB",)), {"Receipt_No": "ABC"}, False),
        (Condition("Member_Status", ("",)), {"Member_Status": ""}, True),
        (Condition("Display_Text", ("Joe",)), {"Display_Text": "JOE"}, True),
    ],
)
def test_rows_are_held_against_the_filter_as_nav_compares(condition: Condition, row: Any, fits: bool) -> None:
    assert condition.holds(BY_SERVICE["AIQ_POSStatus"], row) is fits
