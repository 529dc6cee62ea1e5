"""The simulated NAV over SOAP: addresses, sign-in, messages, reading, codeunits (nav-webservices.md 13, 15)."""

from __future__ import annotations

import re
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import zeep.exceptions
from lxml import etree

from navplugin.nav.contract import PAGES
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world
from tests.unit.sim_odata_face import sales
from tests.unit.sim_soap_face import BROKER, COMPANY, Soap, fault, message, receipts

SALE_SPACE = "urn:microsoft-dynamics-schemas/page/aiq_sale"
SYSTEM = "urn:microsoft-dynamics-schemas/nav/system/"
FILLED = "<filter><Field>Receipt_No</Field><Criteria>R1</Criteria></filter><setSize>0</setSize>"


@pytest.fixture
def soap(state: State) -> Soap:
    return Soap(state)


# ---- addresses and sign-in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_wrong_credentials_get_a_401_without_a_fault(soap: Soap, method: str) -> None:
    answer = soap.send(method, f"{COMPANY}/Page/AIQ_Sale", authorization="Basic x")
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("CRONUS/Page/AIQ_Sale", "NavCompanyNotFoundException"),
        ("cronus%20cannabis/Page/AIQ_Sale", "NavCompanyNotFoundException"),
        (f"{COMPANY}/Page/POS_Trans_Line", "ServiceNotFoundException"),
        (f"{COMPANY}/Page/AIQ_Worker", "ServiceNotFoundException"),
        (f"{COMPANY}/Codeunit/AIQ_Sale", "ServiceNotFoundException"),
        (f"{COMPANY}/Query/AIQ_Sale", "ServiceNotFoundException"),
        (f"{COMPANY}/Page/AIQ_Sale/More", "ServiceNotFoundException"),
        (COMPANY, "ServiceNotFoundException"),
        ("", "ServiceNotFoundException"),
    ],
)
def test_an_address_that_leads_nowhere_is_not_found(soap: Soap, path: str, code: str) -> None:
    assert fault(soap.send("GET", path), 404)[0].endswith(code)


def test_point_30_a_soap_endpoint_that_is_switched_off_answers_405(state: State, soap: Soap) -> None:
    load_world(state, {"settings": {"nav": {"soap": False}}})
    for method in ("GET", "POST"):
        assert soap.send(method, f"{COMPANY}/Page/AIQ_Sale").status == 405
    load_world(state, None)
    assert soap.send("GET", f"{COMPANY}/Page/AIQ_Sale").status == 200
    assert soap.send("DELETE", f"{COMPANY}/Page/AIQ_Sale").status == 405


def test_a_page_is_served_without_a_company_and_under_the_names_of_its_maker(state: State, soap: Soap) -> None:
    assert soap.send("GET", "Page/AIQ_POSJournal").status == 200
    state.set_doc("nav.settings", {"naming": "lsc"})
    assert soap.send("GET", f"{COMPANY}/Page/AIQ_POSJournal").status == 404
    state.put("AIQ_POSJournal", {"Receipt_No": "R1"})
    (row,) = soap.page("LSC_POSJournal").ReadMultiple(filter=[{"Field": "Receipt_No", "Criteria": ""}], setSize=0)
    assert row["Receipt_No"] == "R1"
    assert soap.page("LSC_POSJournal").GetRecIdFromKey(row["Key"]) == "LSC POS Transaction: R1"


# ---- messages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "well-formed"),
        (b"{}", "well-formed"),
        (b"<a>", "well-formed"),
        (message("<Read xmlns='x'>")[:40], "well-formed"),
        (b"\xff\xfe\x00", "well-formed"),
        (b"<a/>", "not a SOAP 1.1 call"),
        (message(""), "not a SOAP 1.1 call"),
        (message(f"<Read xmlns='{SALE_SPACE}'/>" * 2), "not a SOAP 1.1 call"),
        (message("<Read/>"), "not expected"),
        (message(f"<Read xmlns='{SALE_SPACE}'><Receipt_No xmlns='x'>R1</Receipt_No></Read>"), "not expected"),
        (message(f"<Read xmlns='{SALE_SPACE}'/>"), "missing"),
        (b"<!DOCTYPE a>" + message(f"<Read xmlns='{SALE_SPACE}'/>"), "DTD"),
        (b"<!DOCTYPE a [<!ENTITY x 'R1'>]>"
         + message(f"<Read xmlns='{SALE_SPACE}'><Receipt_No>&x;</Receipt_No></Read>"), "DTD"),
        (b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>"
         + message(f"<Read xmlns='{SALE_SPACE}'><Receipt_No>&x;</Receipt_No></Read>"), "DTD"),
        (b"<a>" * 300 + b"</a>" * 300, "well-formed"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_call_of_the_service_gets_a_fault(soap: Soap, body: bytes, words: str) -> None:
    answer = soap.send("POST", f"{COMPANY}/Page/AIQ_Sale", body, soapaction=f'"{SALE_SPACE}:Read"')
    code, text = fault(answer)
    assert code == "s:Client"
    assert words in text


@pytest.mark.parametrize("action", ["", '""', f'"{SALE_SPACE}:Update"', '"urn:other:Read"', "Read"])
def test_the_header_must_name_the_operation_of_the_body(soap: Soap, action: str) -> None:
    body = message(f"<Read xmlns='{SALE_SPACE}'><Receipt_No>R1</Receipt_No></Read>")
    answer = soap.send("POST", f"{COMPANY}/Page/AIQ_Sale", body, soapaction=action)
    assert "SOAPAction" in fault(answer)[1]


def test_another_content_type_than_text_xml_is_refused(soap: Soap) -> None:
    assert fault(soap.call("AIQ_Sale", "ReadMultiple", FILLED, content_type="application/soap+xml"), 415)


@pytest.mark.parametrize(
    "inner", ["<filters/>", "<setSize>many</setSize>", "<setSize>1</setSize><setSize>2</setSize>",
              "<filter><Field>Receipt_No</Field></filter>",
              "<filter><Field>No_Such</Field><Criteria>1</Criteria></filter>"],
)  # fmt: skip
def test_a_reading_call_with_a_part_that_nav_does_not_know_is_refused(soap: Soap, inner: str) -> None:
    assert fault(soap.call("AIQ_Sale", "ReadMultiple", inner))[0] == "s:Client"


def test_a_filter_that_nav_cannot_read_is_refused(soap: Soap) -> None:
    with pytest.raises(zeep.exceptions.Fault, match="is not valid for the Receipt No"):
        receipts(soap, "A|")


# ---- reading -------------------------------------------------------------------------------------------------------


def test_values_are_written_as_nav_writes_them(state: State, soap: Soap) -> None:
    state.put("AIQ_POSTotalDiscountOfferLines", {
        "Receipt_No": "r1", "Coupon_Code": "AP0004", "Description": "100 <off> & more\r\n", "Value": Decimal("100.50"),
        "Needs_PIN": True, "Valid_Until": datetime(2026, 5, 1, 12, 0, 0, 250000, UTC), "Status": "Granted",
    })  # fmt: skip
    answer = soap.call("AIQ_POSTotalDiscountOfferLines", "ReadMultiple", "")
    (row,) = etree.fromstring(answer.body).iter("{*}AIQ_POSTotalDiscountOfferLines")
    shown = {etree.QName(one).localname: one.text for one in row}
    assert re.fullmatch(r"(\d+);[A-Za-z0-9+/=]+10;\d{10}0;", shown.pop("Key"))
    assert shown == {
        "Receipt_No": "R1", "Coupon_Code": "AP0004", "Description": "100 <off> & more\r\n", "Value_Kind": "amount",
        "Value": "100.5", "Points_Cost": "0", "Min_Amount": "0", "Min_Balance": "0", "Needs_PIN": "true",
        "Valid_Until": "2026-05-01T12:00:00.25Z", "Points": "_blank_", "Status": "Granted",
        "Picked_At": "0001-01-01T00:00:00Z", "Journal_Line_No": "0", "Applied_Amount": "0",
    }  # fmt: skip


def test_what_xml_cannot_hold_is_left_out_of_an_answer(state: State, soap: Soap) -> None:
    state.put("AIQ_Sale", {"Receipt_No": "R1", "Event": "a\x00\x0bb"})
    assert soap.page("AIQ_Sale").Read("R1")["Event"] == "ab"


def test_a_key_is_two_counted_parts_of_which_the_second_grows_with_each_write(state: State, soap: Soap) -> None:
    keys = []
    for _ in range(2):
        state.put("AIQ_Sale", {"Receipt_No": "R1"})
        keys.append(soap.page("AIQ_Sale").Read("R1")["Key"])
    parts = [re.fullmatch(r"(\d+);(.*)10;(\d{10})0;", key) for key in keys]
    assert all(part is not None and len(part[2]) == int(part[1]) for part in parts)
    assert parts[0][2] == parts[1][2]
    assert int(parts[0][3]) < int(parts[1][3])


def test_read_finds_a_row_by_its_key_values_which_are_filters(state: State, soap: Soap) -> None:
    state.put("AIQ_Sale", {"Receipt_No": "A&B"})
    sale = soap.page("AIQ_Sale")
    assert sale.Read("'A&B'")["Receipt_No"] == "A&B"
    assert sale.Read("a?b")["Receipt_No"] == "A&B"
    assert sale.Read("A&B") is None
    assert sale.Read("R9") is None
    assert sale.Read("") is None
    state.put("AIQ_TransInfocodes", {"Store_No": "S1", "POS_Terminal_No": "P1", "Transaction_No": 7, "Line_No": 2,
                                     "Transaction_Type": "Sales Entry", "Infocode": "AIQ"})  # fmt: skip
    found = soap.page("AIQ_TransInfocodes").Read("S1", "P1", 7, "Sales_Entry", 2, "AIQ")
    assert (found["Transaction_No"], found["Transaction_Type"]) == (7, "Sales_Entry")


def test_read_by_rec_id_finds_what_get_rec_id_from_key_names(state: State, soap: Soap) -> None:
    state.put("AIQ_ReceiptFooter", {"Store_No": "S1", "Code": "W-1", "Line_No": 3, "Text": "Hello"})
    footer = soap.page("AIQ_ReceiptFooter")
    name = footer.GetRecIdFromKey(footer.Read("S1", "W-1", 3)["Key"])
    assert name == "AIQ Receipt Footer: S1,W-1,3"
    assert footer.ReadByRecId(name)["Text"] == "Hello"
    assert footer.ReadByRecId("AIQ Receipt Footer: s1,w-1,3") is None
    assert footer.ReadByRecId("nonsense") is None


def test_is_updated_says_whether_the_row_changed_since_its_key(state: State, soap: Soap) -> None:
    sales(state, 1)
    sale = soap.page("AIQ_Sale")
    key = sale.Read("R1")["Key"]
    assert sale.IsUpdated(key) is False
    state.put("AIQ_Sale", {"Receipt_No": "R1", "Event": "ITEM"})
    assert sale.IsUpdated(key) is True
    state.delete("AIQ_Sale", "R1")
    for operation in (sale.IsUpdated, sale.GetRecIdFromKey):
        with pytest.raises(zeep.exceptions.Fault, match="does not exist"):
            operation(key)


def test_point_25_read_multiple_takes_nav_filters_on_several_fields(state: State, soap: Soap) -> None:
    sales(state, 5)
    assert receipts(soap, "R2..R4") == ["R2", "R3", "R4"]
    filters = [{"Field": "Store_No", "Criteria": "S1"}, {"Field": "Receipt_No", "Criteria": "<>R3"}]
    found = soap.page("AIQ_Sale").ReadMultiple(filter=filters, setSize=0)
    assert [row["Receipt_No"] for row in found] == ["R1", "R5"]
    mark = state.get("AIQ_Sale", "R3")["Change_Mark"]  # type: ignore[index]
    assert receipts(soap, f">{mark}", "Change_Mark") == ["R4", "R5"]


def test_point_25_sets_follow_each_other_by_the_key_of_the_last_row(state: State, soap: Soap) -> None:
    sales(state, 5)
    page = soap.page("AIQ_Sale")
    for size, expected in ((2, ["R1", "R2", "R3", "R4", "R5"]), (-2, ["R5", "R4", "R3", "R2", "R1"])):
        seen: list[str] = []
        bookmark = None
        while rows := page.ReadMultiple(filter=[{"Field": "Receipt_No", "Criteria": "R*"}], bookmarkKey=bookmark,
                                        setSize=size):  # fmt: skip
            assert len(rows) <= 2
            seen += [row["Receipt_No"] for row in rows]
            bookmark = rows[-1]["Key"]
        assert seen == expected


def test_point_25_a_bookmark_of_a_row_that_left_the_filter_still_holds_its_place(state: State, soap: Soap) -> None:
    sales(state, 4)
    bookmark = soap.page("AIQ_Sale").Read("R2")["Key"]
    state.put("AIQ_Sale", {"Receipt_No": "R2", "Store_No": "S9"})
    assert receipts(soap, "S1|S2", "Store_No", bookmark=bookmark) == ["R3", "R4"]
    state.delete("AIQ_Sale", "R2")
    with pytest.raises(zeep.exceptions.Fault, match="does not exist"):
        receipts(soap, "", bookmark=bookmark)


def test_point_25_no_match_is_an_empty_list_and_no_fault(state: State, soap: Soap) -> None:
    sales(state, 2)
    assert receipts(soap, "X*") == []
    inner = FILLED.replace("R1", "X")
    assert b"<ReadMultiple_Result></ReadMultiple_Result>" in soap.call("AIQ_Sale", "ReadMultiple", inner).body


def test_point_25_filter_bookmark_and_set_size_may_be_absent_or_empty(state: State, soap: Soap) -> None:
    sales(state, 3)
    rows = soap.page("AIQ_Sale").ReadMultiple(filter=zeep.xsd.SkipValue, setSize=2)
    assert [row["Receipt_No"] for row in rows] == ["R1", "R2"]
    for inner in ("", "<bookmarkKey></bookmarkKey><setSize></setSize>"):
        assert soap.call("AIQ_Sale", "ReadMultiple", inner).body.count(b"<Receipt_No>") == 3


def test_every_page_of_the_contract_can_be_read(state: State, soap: Soap) -> None:
    load_world(state, None)
    counts: dict[str, int] = {}
    for page in PAGES:
        rows = soap.page(page.service).ReadMultiple(filter=[{"Field": page.key[0], "Criteria": ""}], setSize=0)
        counts[page.service] = len(rows or [])
    assert counts == {page.service: len(state.rows(page.service)) for page in PAGES}
    assert counts["AIQ_Members"] == 6


def test_a_date_is_a_day_in_every_naming(state: State, soap: Soap) -> None:
    load_world(state, {"settings": {"nav": {"naming": "nav"}}})
    assert soap.page("AIQ_Members").Read("M1001")["Date_of_Birth"] == date(1985, 6, 15)


# ---- codeunits and the system service ------------------------------------------------------------------------------


def test_point_27_a_codeunit_gives_its_return_value_and_its_var_parameters(soap: Soap) -> None:
    found = soap.codeunit("AIQ_Worker").Version(Profile="mine")
    assert (found["return_value"], found["Profile"]) == ("1.0.0.0", "simulator")


def test_point_27_waiting_ends_with_a_change_or_with_the_time(state: State, soap: Soap) -> None:
    sales(state, 2)
    worker = soap.codeunit("AIQ_Worker")
    last = state.get("AIQ_Sale", "R2")["Change_Mark"]  # type: ignore[index]
    assert worker.WaitForChange(After=last - 1, MaxMs=600000) == last
    assert worker.WaitForChange(After=last, MaxMs=0) == last
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(worker.WaitForChange(After=last, MaxMs=20000)))
    waiting.start()
    state.put("AIQ_Sale", {"Receipt_No": "R3"})
    waiting.join()
    assert answers == [last + 1]


@pytest.mark.parametrize("inner", ["", "<Profile>a</Profile><More/>", "<profile>a</profile>"])
def test_point_27_an_argument_too_few_or_too_many_is_refused(soap: Soap, inner: str) -> None:
    space = "urn:microsoft-dynamics-schemas/codeunit/AIQ_Worker"
    body = message(f'<Version xmlns="{space}">{inner}</Version>')
    answer = soap.send("POST", f"{COMPANY}/Codeunit/AIQ_Worker", body, soapaction=f"{space}:Version")
    assert fault(answer)[0] == "s:Client"
    body = message(f'<Nothing xmlns="{space}"/>')
    answer = soap.send("POST", f"{COMPANY}/Codeunit/AIQ_Worker", body, soapaction=f"{space}:Nothing")
    assert fault(answer)[0] == "s:Client"


@pytest.mark.parametrize("path", ["SystemService", f"{COMPANY}/SystemService"])
def test_point_27_the_system_service_lists_the_companies(soap: Soap, path: str) -> None:
    assert soap.operations(path, f"{{{SYSTEM}}}SystemService_Binding").Companies() == ["CRONUS Cannabis"]
    wrong = message(f'<Users xmlns="{SYSTEM}"/>')
    assert fault(soap.send("POST", path, wrong, soapaction=f"{SYSTEM}:Users"))[0] == "s:Client"


def test_a_key_of_another_page_or_no_key_at_all_is_refused(state: State, soap: Soap) -> None:
    sales(state, 1)
    state.put("AIQ_POSStatus", {"Receipt_No": "R1"})
    sale, key = soap.page("AIQ_Sale"), soap.page("AIQ_POSStatus").Read("R1")["Key"]
    mine = sale.Read("R1")["Key"]
    for wrong in (key, "", "x", "24;abc", "4;====10;13300000010;", mine[:-2], mine + "x", mine.replace("10;", "9;"),
                  "9999;" + mine, "8;AAAAAAAA10;13300000010;"):  # fmt: skip
        with pytest.raises(zeep.exceptions.Fault) as caught:
            sale.IsUpdated(wrong)
        assert (caught.value.code, caught.value.message) == (BROKER, "The Key is not valid for this page.")
