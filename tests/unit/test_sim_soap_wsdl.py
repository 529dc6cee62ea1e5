"""What the simulated NAV publishes over SOAP: WSDLs like recorded ones (nav-webservices.md 13; 15 no. 24)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import zeep
from lxml import etree

from navplugin.nav.contract import (
    CODEUNITS,
    PAGES,
    Codeunit,
    Field,
    Function,
    Kind,
    Naming,
    Page,
    Parameter,
    expected,
    option_name,
)
from navplugin.simulator.soap_wsdl import codeunit_wsdl, operations, page_wsdl
from navplugin.simulator.state import State
from tests.unit.sim_soap_face import COMPANY, STRICT, Soap

RECORDED = Path(__file__).parents[3] / "shared" / "fixtures" / "nav"
XSD = "{http://www.w3.org/2001/XMLSchema}"
NAMES = ("type", "element", "message", "binding", "base")
"""Attributes that hold a name with a prefix."""
BOMS = Page(
    service="BOMs", table="Production BOM Header", caption="BOMs", key=("No",), rights="imd",
    fields=(
        Field("No.", Kind.CODE, 20),
        Field("Description", Kind.TEXT, 50),
        Field("Unit of Measure Code", Kind.CODE, 10),
        Field("Status", Kind.OPTION, options=("New", "Certified", "Under Development", "Closed")),
        Field("Search Name", Kind.CODE, 50),
        Field("Version Nos.", Kind.CODE, 20),
        Field("ActiveVersionCode", Kind.CODE, 20),
        Field("Last Date Modified", Kind.DATE),
    ),
)  # fmt: skip
HELLO = Codeunit(
    service="IntegrationEntry", caption="Integration Entry",
    functions=(
        Function("HelloWorld", (Parameter("iName", Kind.TEXT), Parameter("oGreeting", Kind.TEXT, by_ref=True)),
                 Kind.BOOLEAN, "Greets."),
    ),
)  # fmt: skip


@pytest.fixture
def soap(state: State) -> Soap:
    return Soap(state)


def recorded(name: str) -> Any:
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"the recorded document {name} is not on this machine")
    return etree.fromstring(path.read_bytes())


def shape(node: Any) -> Any:
    """An element without the accidents of writing: prefixes, order of attributes, blanks, and the server's address."""
    attributes = {n: _resolved(node, v) if n in NAMES else v for n, v in node.attrib.items() if n != "location"}
    return node.tag, tuple(sorted(attributes.items())), tuple(shape(one) for one in node if isinstance(one.tag, str))


def _resolved(node: Any, value: str) -> str:
    prefix, _, local = value.rpartition(":")
    return f"{{{node.nsmap.get(prefix or None)}}}{local}"


def without_sub_page(root: Any) -> Any:
    """The recorded page without its lines: no page of the contract has a sub-page."""
    gone = ("Type", "Calculation_Formula", "Production_BOM_Lines", "Production_BOM_Lines_List", "ProdBOMLine",
            "Delete_ProdBOMLine", "Delete_ProdBOMLine_Result")  # fmt: skip
    for node in list(root.iter()):
        if isinstance(node.tag, str) and node.get("name") in gone and node.getparent() is not None:
            node.getparent().remove(node)
    return root


def test_point_24_a_page_has_the_wsdl_that_a_real_server_gave_for_the_same_fields() -> None:
    real = without_sub_page(recorded("page-BOMs.nav2017.wsdl"))
    assert shape(etree.fromstring(page_wsdl(BOMS, "CRONUS AG").encode())) == shape(real)


def test_point_24_a_codeunit_has_the_wsdl_that_a_real_server_gave_for_the_same_function() -> None:
    real = recorded("codeunit-IntegrationEntry.wsdl")
    assert shape(etree.fromstring(codeunit_wsdl(HELLO, "CRONUS").encode())) == shape(real)


@pytest.mark.parametrize("naming", Naming)
def test_point_24_zeep_takes_every_page_in_every_naming_unchanged(state: State, soap: Soap, naming: Naming) -> None:
    state.set_doc("nav.settings", {"naming": naming.value})
    for declared in PAGES:
        page = expected(declared, naming)
        answer = soap.send("GET", f"{COMPANY}/Page/{page.service}")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
        client = zeep.Client(io.BytesIO(answer.body), settings=STRICT)
        (binding,) = client.wsdl.bindings.values()
        assert set(binding.all()) == set(operations(page))
        entity = client.get_type(f"{{urn:microsoft-dynamics-schemas/page/{page.service.lower()}}}{page.service}")
        assert [name for name, _ in entity.elements] == ["Key", *page.names]


def test_a_page_offers_the_operations_that_its_rights_allow_and_no_others() -> None:
    reads = ("Read", "ReadByRecId", "ReadMultiple", "IsUpdated", "GetRecIdFromKey")
    rights = {page.service: operations(page) for page in PAGES}
    assert rights["AIQ_POSJournalLines"] == rights["AIQ_TransLines"] == reads
    assert rights["AIQ_Sale"] == (*reads, "Update", "UpdateMultiple", "Delete")
    assert rights["AIQ_Setup"] == (*reads, "Create", "CreateMultiple", "Update", "UpdateMultiple")


def test_types_and_options_of_fields_are_those_of_the_contract(soap: Soap) -> None:
    root = etree.fromstring(soap.send("GET", f"{COMPANY}/Page/AIQ_POSTotalDiscountOfferLines").body)
    (entity,) = [one for one in root.iter(f"{XSD}complexType") if one.get("name") == "AIQ_POSTotalDiscountOfferLines"]
    types = {one.get("name"): one.get("type") for one in entity.iter(f"{XSD}element")}
    assert {name: types[name] for name in ("Key", "Value", "Needs_PIN", "Valid_Until", "Points", "Line_No")
            if name in types} == {
        "Key": "xsd:string", "Value": "xsd:decimal", "Needs_PIN": "xsd:boolean", "Valid_Until": "xsd:dateTime",
        "Points": "tns:Points",
    }  # fmt: skip
    (points,) = [one for one in root.iter(f"{XSD}simpleType") if one.get("name") == "Points"]
    found = [one.get("value") for one in points.iter(f"{XSD}enumeration")]
    assert found == ["_blank_", "Taken", "Refused", "Given_Back"]


def test_no_two_options_of_a_field_have_one_identifier() -> None:
    for page in PAGES:
        for field in page.fields:
            assert len({option_name(option) for option in field.options}) == len(field.options)


def test_every_address_in_a_document_leads_to_a_foreign_host(soap: Soap) -> None:
    paths = [f"{COMPANY}/Page/AIQ_Sale", f"{COMPANY}/Codeunit/AIQ_Worker", "SystemService"]
    for path in paths:
        root = etree.fromstring(soap.send("GET", path).body)
        (address,) = root.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")
        assert address.get("location").startswith("http://win-nav.invalid:7047/")
    assert b"nav.test" not in b"".join(soap.send("GET", path).body for path in [*paths, f"{COMPANY}/services"])


@pytest.mark.parametrize("path", [f"{COMPANY}/services", f"{COMPANY}/Services", "services"])
def test_the_list_of_services_names_every_page_and_codeunit(soap: Soap, path: str) -> None:
    root = etree.fromstring(soap.send("GET", path).body)
    found = [one.get("ref").rpartition("/WS/")[2] for one in root]
    assert found == [
        "SystemService",
        *(f"{COMPANY}/Codeunit/{one.service}" for one in CODEUNITS),
        *(f"{COMPANY}/Page/{page.service}" for page in PAGES),
    ]
