"""What the writer sends to NAV, and what it never sends."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from navplugin.core.errors import Misconfigured, NavpluginError, ProtocolError
from navplugin.core.model import Effect, Op
from navplugin.nav.contract import BY_SERVICE
from navplugin.nav.writer import NavWriter
from tests.nav_site import connect, scripted
from tests.unit.test_nav_http import Script, reply, script

__all__ = ["script"]

PROMPTS, STATUS = "AIQ_POSPrompts", "AIQ_POSStatus"


@pytest.fixture
def writer(script: Script) -> NavWriter:
    return connect(scripted(script.url))[1]


def status_row(**changes: object) -> dict[str, object]:
    """A row of AIQ_POSStatus as NAV sends it."""
    blank = dict.fromkeys(BY_SERVICE[STATUS].names, "")
    unset = {"Updated_At": "0001-01-01T00:00:00Z", "Wallet_At": "0001-01-01T00:00:00Z"}
    return {"@odata.etag": 'W/"a"', **blank, **unset, "Receipt_No": "R1", **changes}


def test_an_insert_carries_its_key_and_an_update_only_what_changes(writer: NavWriter, script: Script) -> None:
    script.answers = [reply(201, status_row()), reply(200, status_row())]
    writer.write(Effect(Op.INSERT, STATUS, ("R1",), {"Member_Status": "", "Display_Text": "Ana"}))
    writer.write(Effect(Op.UPDATE, STATUS, ("R1",), {"Receipt_No": "R1", "Display_Text": "Bo"}, 'W/"a"'))
    first, second = script.sent
    assert (first.method, first.target) == ("POST", "/Company('C')/AIQ_POSStatus")
    assert json.loads(first.body) == {"Receipt_No": "R1", "Member_Status": " ", "Display_Text": "Ana"}
    assert "if-match" not in first.headers
    assert (second.method, second.target) == ("PATCH", "/Company('C')/AIQ_POSStatus(%27R1%27)")
    assert json.loads(second.body) == {"Display_Text": "Bo"}
    assert second.headers["if-match"] == 'W/"a"'


def test_amounts_keep_every_digit_on_the_wire(writer: NavWriter, script: Script) -> None:
    page = "AIQ_POSTotalDiscountOfferLines"
    script.answers = [reply(400, {"error": {"code": "Application_DialogException", "message": "No."}})]
    with pytest.raises(NavpluginError):
        writer.write(Effect(Op.INSERT, page, ("R1", "A"), {"Value": Decimal("1234567890123456.78")}))
    assert b'"Value":1234567890123456.78}' in script.sent[0].body


def test_a_write_without_a_body_in_the_answer_is_read_back(writer: NavWriter, script: Script) -> None:
    script.answers = [reply(204), reply(200, status_row(Display_Text="As NAV has it"))]
    row = writer.write(Effect(Op.UPDATE, STATUS, ("R1",), {"Display_Text": "x"}, 'W/"0"'))
    assert row is not None
    assert (row.fields["Display_Text"], row.etag) == ("As NAV has it", 'W/"a"')
    assert [one.method for one in script.sent] == ["PATCH", "GET"]


@pytest.mark.parametrize("lost", ["Display_Text", "@odata.etag"])
def test_an_answer_without_a_declared_field_or_its_etag_is_named(
    writer: NavWriter, script: Script, lost: str
) -> None:
    script.answers = [reply(201, {name: value for name, value in status_row().items() if name != lost})]
    with pytest.raises(ProtocolError, match=r"Display_Text|ETag"):
        writer.write(Effect(Op.INSERT, STATUS, ("R1",)))


@pytest.mark.parametrize(
    ("effect", "kind", "why"),
    [
        (Effect(Op.INSERT, "AIQ_POSJournalLines", ("R1", 1)), Misconfigured, "no right to insert"),
        (Effect(Op.INSERT, "AIQ_Sale", ("R1",)), Misconfigured, "no right to insert"),
        (Effect(Op.DELETE, "AIQ_Setup", ("S1",), etag="x"), Misconfigured, "no right to delete"),
        (Effect(Op.INSERT, "Customer", ("C1",)), Misconfigured, "no right"),
        (Effect(Op.INSERT, STATUS, ("R1", "X")), Misconfigured, "the key is"),
        (Effect(Op.UPDATE, "AIQ_Sale", ("R1",), {"State": "VOIDED"}, "x"), Misconfigured, "State is not navplugin's"),
        (Effect(Op.INSERT, PROMPTS, ("R1", "K"), {"Answer": "Yes"}), Misconfigured, "Answer is not navplugin's"),
        (Effect(Op.INSERT, PROMPTS, ("R1", "K"), {"Mood": "x"}), Misconfigured, "Mood is not navplugin's"),
        (Effect(Op.UPDATE, STATUS, ("R1",), {"Receipt_No": "R2"}, "x"), Misconfigured, "two values"),
        (Effect(Op.INSERT, PROMPTS, ("R1", "K"), {"Text_1": "x" * 101}), ProtocolError, "the field holds 100"),
        (Effect(Op.UPDATE, STATUS, ("R1",), {"Display_Text": "x"}), ProtocolError, "ETag is not known"),
        (Effect(Op.DELETE, STATUS, ("R1",), etag="*"), ProtocolError, "ETag is not known"),
    ],
)
def test_what_the_contract_does_not_allow_is_never_sent(
    writer: NavWriter, script: Script, effect: Effect, kind: type[NavpluginError], why: str
) -> None:
    with pytest.raises(kind, match=why):
        writer.write(effect)
    assert script.sent == []


def test_a_row_that_moved_between_two_pages_counts_once_as_it_was_last_seen(script: Script) -> None:
    link = f"{script.url}/Company('C')/AIQ_POSStatus?$skiptoken=R1&aid=F"
    script.answers = [
        reply(200, {"value": [status_row(Display_Text="before")], "@odata.nextLink": link}),
        reply(200, {"value": [status_row(Display_Text="after"), status_row(Receipt_No="R2")]}),
    ]
    rows = connect(scripted(script.url))[0].read_rows(STATUS, {})
    assert [(row.key, row.fields["Display_Text"]) for row in rows] == [(("R1",), "after"), (("R2",), "")]
    assert [one.headers["prefer"] for one in script.sent] == ["odata.maxpagesize=1000"] * 2
