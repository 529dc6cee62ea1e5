"""NAV over SOAP: what only SOAP can do wrong. Against the simulated NAV, and against prepared answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from navplugin.core.errors import (
    AlreadyThere,
    Busy,
    Conflict,
    Misconfigured,
    Missing,
    NavpluginError,
    ProtocolError,
    Refused,
    Retriable,
    UnknownOutcome,
    Unreachable,
)
from navplugin.core.model import Op
from navplugin.nav.contract import BY_SERVICE, Field, Kind
from navplugin.nav.session import open_transport
from navplugin.nav.soap import SoapTransport
from navplugin.nav.soap_values import criteria, from_soap, to_soap
from navplugin.nav.transport import Condition, Write
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from tests.nav_site import simulated
from tests.unit.test_nav_http import HANG, HUGE, Script, reply, script

__all__ = ["script"]

STATUS = BY_SERVICE["AIQ_POSStatus"]
NAMESPACE = "urn:microsoft-dynamics-schemas/page/aiq_posstatus"


@pytest.fixture
def nav(server: Server) -> SoapTransport:
    found = open_transport(simulated(server.url, transport="soap"))
    assert isinstance(found, SoapTransport)
    found.patience.sleep = lambda seconds: None
    return found


def insert(receipt: str = "R1", **fields: Any) -> Write:
    return Write(Op.INSERT, STATUS, (receipt,), {"Member_Status": "Member", **fields})


# ---- against the simulated NAV -----------------------------------------------------------------------------------


def test_the_wsdl_names_another_host_and_is_not_followed(nav: SoapTransport, server: Server) -> None:
    import requests

    wsdl = requests.get(
        f"{server.url}/NAV/WS/CRONUS%20Cannabis/Page/AIQ_POSStatus", auth=("AIQ-WORKER", "demo-key"), timeout=5
    ).text
    assert f'location="{server.url}' not in wsdl
    assert "location=" in wsdl
    assert list(nav.rows(STATUS)) == []


def test_sets_of_rows_are_read_to_the_last(nav: SoapTransport, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("navplugin.nav.soap.SET_SIZE", 2)
    for number in range(5):
        state.put("AIQ_POSStatus", {"Receipt_No": f"R{number}"})
    assert [row["Receipt_No"] for row in nav.rows(STATUS)] == ["R0", "R1", "R2", "R3", "R4"]
    assert state.doc("nav.requests")["SOAP AIQ_POSStatus ReadMultiple"] == 3


@pytest.mark.parametrize("receipt", ["A*B", "A'B", "A?B", "A&B|C", "(A)", "<A>", "@A", "A..B", "%", '"', "Ä"])
def test_only_the_row_that_was_meant_is_found(nav: SoapTransport, state: State, receipt: str) -> None:
    """A filter of SOAP is NAV's own text, in which these signs mean something."""
    for one in (receipt, "AXB", "AB", "A", "B", "C"):
        state.put("AIQ_POSStatus", {"Receipt_No": one})
    found = [row["Receipt_No"] for row in nav.rows(STATUS, [Condition("Receipt_No", (receipt, "C"))])]
    assert sorted(found) == sorted([receipt.upper(), "C"])


def test_an_option_that_the_wsdl_does_not_know_is_not_sent(nav: SoapTransport, state: State) -> None:
    site, client = nav._page(STATUS)
    nav._pages[STATUS.service] = (replace(site, options={**site.options, "Member_Status": ("Known",)}), client)
    with pytest.raises(ProtocolError, match=r"no option Member \(Known\)"):
        nav.write(insert())
    assert "SOAP AIQ_POSStatus Create" not in state.doc("nav.requests")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("409", ProtocolError), ("404", Misconfigured), ("412", ProtocolError), ("504", UnknownOutcome)],
)
def test_a_status_of_the_web_server_is_no_fault_of_nav(
    nav: SoapTransport, server: Server, fault: str, kind: type[NavpluginError]
) -> None:
    list(nav.rows(STATUS))
    server.faults.add({"call": "nav.SOAP AIQ_POSStatus Create", "fault": fault})
    with pytest.raises(NavpluginError) as caught:
        nav.write(insert())
    assert type(caught.value) is kind


def test_a_refused_write_that_nobody_can_be_asked_about_has_an_unknown_outcome(
    nav: SoapTransport, server: Server
) -> None:
    nav.write(insert())
    server.faults.add({"call": "nav.SOAP AIQ_POSStatus ReadMultiple", "fault": "before", "times": -1})
    with pytest.raises(UnknownOutcome, match="read the row back"):
        nav.write(insert())


def test_what_a_fault_means_is_read_back_whatever_its_language(nav: SoapTransport, state: State) -> None:
    state.set_doc("nav.settings", {"language": "da-DK"})
    made = nav.write(insert())
    assert made is not None
    with pytest.raises(AlreadyThere):
        nav.write(insert())
    state.put("AIQ_POSStatus", {"Receipt_No": "R1", "Member_Status": "Known"})
    with pytest.raises(Conflict):
        nav.write(Write(Op.UPDATE, STATUS, ("R1",), {"Member_Status": "Member"}, made.tag))
    state.delete("AIQ_POSStatus", "R1")
    with pytest.raises(Missing):
        nav.write(Write(Op.DELETE, STATUS, ("R1",), {}, made.tag))


# ---- against prepared answers ------------------------------------------------------------------------------------


def envelope(inside: str) -> bytes:
    soap = "http://schemas.xmlsoap.org/soap/envelope/"
    return f'<Soap:Envelope xmlns:Soap="{soap}"><Soap:Body>{inside}</Soap:Body></Soap:Envelope>'.encode()


def wsdl_of(server: Server) -> bytes:
    import requests

    address = f"{server.url}/NAV/WS/CRONUS%20Cannabis/Page/AIQ_POSStatus"
    return requests.get(address, auth=("AIQ-WORKER", "demo-key"), timeout=5).content


def services(url: str) -> bytes:
    found = f'<contractRef ref="{url}/Page/AIQ_POSStatus"/>'
    return f'<discovery xmlns="http://schemas.xmlsoap.org/disco/">{found}</discovery>'.encode()


@pytest.fixture
def scripted(script: Script, server: Server) -> Any:
    """A transport to the scripted server that has read the true WSDL; the test adds the answers that follow."""

    def made(*answers: bytes) -> SoapTransport:
        known = (services(script.url), wsdl_of(server))
        script.answers = [*(reply(200, one, "text/xml") for one in known), *answers]
        found = open_transport(simulated(script.url, transport="soap"))
        assert isinstance(found, SoapTransport)
        found.patience.sleep = lambda seconds: None
        return found

    return made


def rows_answer(*rows: str) -> bytes:
    inner = "".join(f"<AIQ_POSStatus>{row}</AIQ_POSStatus>" for row in rows)
    result = f"<ReadMultiple_Result>{inner}</ReadMultiple_Result>"
    body = f'<ReadMultiple_Result xmlns="{NAMESPACE}">{result}</ReadMultiple_Result>'
    return reply(200, envelope(body), "text/xml; charset=utf-8")


GOOD = "<Key>1;K</Key><Receipt_No>R1</Receipt_No><Member_Status>Member</Member_Status>"


def test_a_prepared_row_is_read(scripted: Any) -> None:
    (row,) = scripted(rows_answer(GOOD)).rows(STATUS)
    assert (row["Receipt_No"], row["Member_Status"], row["Wallet_At"], row.tag) == ("R1", "Member", None, "1;K")


def test_an_option_that_nobody_knows_is_passed_on(scripted: Any) -> None:
    (row,) = scripted(rows_answer(GOOD.replace("Member<", "Dreaming<"))).rows(STATUS)
    assert row["Member_Status"] == "Dreaming"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (rows_answer("<Receipt_No>R1</Receipt_No>"), "without its Key"),
        (rows_answer("<Key>K</Key><Updated_At>yesterday</Updated_At>"), "Updated_At cannot be read"),
        (reply(200, b"<!DOCTYPE x><x/>", "text/xml"), "document type"),
        (reply(200, b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "text/xml"), "document type"),
        (reply(200, envelope("<a/>")[:-9], "text/xml"), "cut off"),
        (reply(200, envelope(""), "text/xml"), "no SOAP message"),
        (reply(200, b"<x/>", "text/xml"), "no SOAP message"),
        (reply(200, b"\xff\xfe\x00", "text/xml"), "no XML"),
        (reply(200, b"<html/>", "text/html"), "something else than NAV"),
        (reply(302, b"", "text/xml", Location="http://127.0.0.1:1/"), "302"),
    ],
)
def test_an_answer_that_is_not_navs_is_named(scripted: Any, answer: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        list(scripted(answer).rows(STATUS))


def test_an_answer_without_end_or_without_a_byte_is_given_up(scripted: Any) -> None:
    nav = scripted(HUGE.replace(b"application/json", b"text/xml"))
    with pytest.raises(ProtocolError, match="longer than 64 MB"):
        list(nav.rows(STATUS))
    nav = scripted(HANG)
    nav._channel._timeout = (5, 0.2)
    with pytest.raises(Unreachable, match="no whole answer"):
        list(nav.rows(STATUS))
    with pytest.raises(UnknownOutcome, match="never came"):
        nav.write(insert())


@pytest.mark.parametrize("status", [200, 500])
def test_a_proxys_page_in_place_of_the_answer_to_a_write_leaves_its_outcome_unknown(scripted: Any, status: int) -> None:
    nav = scripted(reply(status, b"<html>Bad gateway</html>", "text/html"))
    with pytest.raises(UnknownOutcome, match="something else than NAV answered"):
        nav.write(insert())


def test_a_set_that_cannot_go_on_because_its_last_row_is_gone_is_read_again(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("navplugin.nav.soap.SET_SIZE", 1)
    gone = "<Soap:Fault><faultcode>a:NavNCLInvalidBookmarkException</faultcode></Soap:Fault>"
    with pytest.raises(Busy, match="the row at which a set ended is gone"):
        list(scripted(rows_answer(GOOD), reply(500, envelope(gone), "text/xml")).rows(STATUS))


LOCKED = (
    '<Soap:Fault><faultcode xmlns:a="e">a:Microsoft.Dynamics.Nav.Types.Exceptions.NavCSideSQLLockTimeoutException'
    "</faultcode><faultstring>Die Tabelle ist gesperrt.</faultstring></Soap:Fault>"
)


def test_a_fault_of_a_read_is_waited_out_and_never_a_refusal(scripted: Any) -> None:
    """A till that posts holds the table locked: the worker's loop ends at a Refused that no decision asked for."""
    nav = scripted(reply(500, envelope(LOCKED), "text/xml"))
    with pytest.raises(ProtocolError, match=r"NavCSideSQLLockTimeoutException: Die Tabelle ist gesperrt\)") as caught:
        list(nav.rows(STATUS))
    assert isinstance(caught.value, Retriable)


def test_sets_that_never_end_are_given_up(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("navplugin.nav.soap.SET_SIZE", 1)
    monkeypatch.setattr("navplugin.nav.soap.MAX_SETS", 7)
    with pytest.raises(ProtocolError, match="do not end"):
        list(scripted(rows_answer(GOOD)).rows(STATUS))


def test_a_delete_that_says_false_is_not_taken_for_done(scripted: Any) -> None:
    body = f'<Delete_Result xmlns="{NAMESPACE}"><Delete_Result>false</Delete_Result></Delete_Result>'
    nav = scripted(reply(200, envelope(body), "text/xml"), rows_answer(GOOD))
    with pytest.raises(Refused, match="did not delete"):
        nav.write(Write(Op.DELETE, STATUS, ("R1",), {}, "1;K"))


@pytest.mark.parametrize(
    ("wsdl", "kind", "why"),
    [
        (b"<definitions/>", ProtocolError, "cannot be used"),
        (b"<html>", ProtocolError, "cut off or no XML"),
        (b"<!DOCTYPE x><definitions/>", ProtocolError, "document type"),
    ],
)
def test_what_is_no_wsdl_is_refused(script: Script, wsdl: bytes, kind: type[NavpluginError], why: str) -> None:
    script.answers = [reply(200, services(script.url), "text/xml"), reply(200, wsdl, "text/xml")]
    with pytest.raises(kind, match=why):
        list(open_transport(simulated(script.url, transport="soap")).rows(STATUS))


def test_a_wsdl_that_imports_another_document_is_refused_and_nothing_fetched(script: Script, server: Server) -> None:
    evil = wsdl_of(server).replace(
        b"<xsd:schema ", b'<xsd:schema xmlns:evil="e"><xsd:import namespace="e" schemaLocation="http://127.0.0.1:1/e.xsd"/>'
        b"</xsd:schema><xsd:schema ", 1
    )  # fmt: skip
    script.answers = [reply(200, services(script.url), "text/xml"), reply(200, evil, "text/xml")]
    with pytest.raises(ProtocolError):
        list(open_transport(simulated(script.url, transport="soap")).rows(STATUS))
    assert len(script.sent) == 2


def test_a_page_that_allows_no_insert_is_named_with_the_step(nav: SoapTransport) -> None:
    with pytest.raises(Misconfigured, match=r"no operation Create; allow it on the page \(InsertAllowed"):
        nav.write(Write(Op.INSERT, BY_SERVICE["AIQ_POSJournal"], ("R1",), {}))


# ---- values ------------------------------------------------------------------------------------------------------


def test_amounts_dates_and_options_are_exact_both_ways() -> None:
    amount, day = Field("Amount", Kind.DECIMAL), Field("Date", Kind.DATE)
    option = Field("Type", Kind.OPTION, options=(" ", "Disc. Offer"))
    assert from_soap(amount, "1234567890123456.78") == Decimal("1234567890123456.78")
    assert to_soap(amount, Decimal("0.10")) == Decimal("0.10")
    assert (from_soap(day, "0001-01-01"), from_soap(day, "2026-05-01")) == (None, date(2026, 5, 1))
    assert (to_soap(option, ""), to_soap(option, "Disc. Offer")) == ("_blank_", "Disc_Offer")
    assert (from_soap(option, "_blank_"), from_soap(option, "Disc_Offer")) == ("", "Disc. Offer")
    assert from_soap(Field("Wide", Kind.BOOLEAN), "1") is True
    with pytest.raises(ValueError, match="belongs"):
        from_soap(Field("Wide", Kind.BOOLEAN), "perhaps")


def test_a_filter_is_navs_own_text() -> None:
    mark = Field("Mark", Kind.BIG_INTEGER)
    assert criteria(mark, Condition("Mark", (7,), greater=True)) == ">7"
    assert criteria(Field("Code", Kind.CODE, 20), Condition("Code", ("A&B", "C'D"))) == "'A&B'|'C?D'"
    assert criteria(Field("Wide", Kind.BOOLEAN), Condition("Wide", (True,))) == "true"
