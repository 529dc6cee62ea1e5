"""What a GET on NAV's SOAP addresses shows: the WSDL of a page, a codeunit or the system service, and the list of
services. Equal in shape to recorded documents (nav-webservices.md 13; real ones are compared in a test).

As on real servers, every address in them names the server's own idea of its host, not the caller's: nobody may follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from navplugin.nav.contract import Codeunit, Field, Function, Kind, Page, option_name
from navplugin.simulator.soap_values import XSD

SYSTEM = "urn:microsoft-dynamics-schemas/nav/system/"
HOST = "http://win-nav.invalid:7047/DynamicsNAV110/WS"
"""Never the address that works."""
_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SCHEMA = "http://www.w3.org/2001/XMLSchema"
_SOAP = f'xmlns="{_WSDL}soap/"'
_DISCO = "http://schemas.xmlsoap.org/disco/"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_READS = ("Read", "ReadByRecId", "ReadMultiple", "IsUpdated", "GetRecIdFromKey")
_WRITES = {"i": ("Create", "CreateMultiple"), "m": ("Update", "UpdateMultiple"), "d": ("Delete",)}


def page_namespace(service: str) -> str:
    """Of a page; lower case, unlike that of a codeunit."""
    return f"urn:microsoft-dynamics-schemas/page/{service.lower()}"


def codeunit_namespace(service: str) -> str:
    """Of a codeunit; its case is kept."""
    return f"urn:microsoft-dynamics-schemas/codeunit/{service}"


def operations(page: Page) -> tuple[str, ...]:
    """What the page's rights allow, in WSDL order."""
    return (*_READS, *(name for right, names in _WRITES.items() if right in page.rights for name in names))


def page_wsdl(page: Page, company: str) -> str:
    """The WSDL of a page."""
    service = page.service
    types = [
        *(_enumeration(field.name, map(option_name, field.options)) for field in page.fields if field.options),
        _type(service, [_element("Key", "xsd:string", least=0), *(_field(field, least=0) for field in page.fields)]),
        _type(f"{service}_List", [_element(service, f"tns:{service}", most="unbounded")]),
        _enumeration(f"{service}_Fields", page.names),
        _type(f"{service}_Filter", [_element("Field", f"tns:{service}_Fields"), _element("Criteria", "xsd:string")]),
    ]
    shapes = _shapes(page)
    names = operations(page)
    for name in names:
        types += [_call(name, shapes[name][0]), _call(f"{name}_Result", shapes[name][1])]
    address = f"{HOST}/{quote(company, safe='')}/Page/{quote(service)}"
    return _document(page_namespace(service), service, f"{service}_Service", types, names, address)


def codeunit_wsdl(codeunit: Codeunit, company: str) -> str:
    """The WSDL of a codeunit: a `var` parameter stands in the call and, after `return_value`, in the result."""
    types = [part for function in codeunit.functions for part in _function(function)]
    names = [function.name for function in codeunit.functions]
    address = f"{HOST}/{quote(company, safe='')}/Codeunit/{quote(codeunit.service)}"
    service = codeunit.service
    return _document(codeunit_namespace(service), service, service, types, names, address)


def system_wsdl() -> str:
    """The WSDL of the system service."""
    result = _element("return_value", "xsd:string", least=0, most="unbounded")
    types = [_call("Companies", []), _call("Companies_Result", [result])]
    return _document(SYSTEM, "SystemService", "SystemService", types, ["Companies"], f"{HOST}/SystemService")


def discovery(pages: Iterable[Page], codeunits: Iterable[Codeunit], company: str) -> str:
    """The list of services of a company."""
    base = f"{HOST}/{quote(company, safe='')}"
    paths = [
        f"{HOST}/SystemService",
        *(f"{base}/Codeunit/{quote(one.service)}" for one in codeunits),
        *(f"{base}/Page/{quote(page.service)}" for page in pages),
    ]
    links = "".join(f'<contractRef xmlns="{_DISCO}scl/" ref={quoteattr(path)}/>' for path in paths)
    return f'{_HEAD}<discovery xmlns="{_DISCO}">{links}</discovery>'


def _shapes(page: Page) -> dict[str, tuple[list[str], list[str]]]:
    """What is inside the call and the result of each operation."""
    service = page.service
    record, many = _element(service, f"tns:{service}"), _element(f"{service}_List", f"tns:{service}_List")
    maybe = _element(service, f"tns:{service}", least=0)
    key = _element("Key", "xsd:string")
    read_multiple = [
        _element("filter", f"tns:{service}_Filter", most="unbounded"),
        _element("bookmarkKey", "xsd:string", least=0),
        _element("setSize", "xsd:int"),
    ]
    return {
        "Read": ([_field(page.field(name)) for name in page.key], [maybe]),
        "ReadByRecId": ([_element("recId", "xsd:string")], [maybe]),
        "ReadMultiple": (read_multiple, [_element("ReadMultiple_Result", f"tns:{service}_List", least=0)]),
        "IsUpdated": ([key], [_element("IsUpdated_Result", "xsd:boolean")]),
        "GetRecIdFromKey": ([key], [_element("GetRecIdFromKey_Result", "xsd:string")]),
        "Create": ([record], [record]),
        "CreateMultiple": ([many], [many]),
        "Update": ([record], [record]),
        "UpdateMultiple": ([many], [many]),
        "Delete": ([key], [_element("Delete_Result", "xsd:boolean")]),
    }


def _function(function: Function) -> tuple[str, str]:
    parameters = [_element(one.name, _xsd(one.kind)) for one in function.parameters]
    results = [] if function.returns is None else [_element("return_value", _xsd(function.returns))]
    results += [_element(one.name, _xsd(one.kind)) for one in function.parameters if one.by_ref]
    return _call(function.name, parameters), _call(f"{function.name}_Result", results)


def _xsd(kind: Kind) -> str:
    return f"xsd:{XSD.get(kind, 'string')}"


def _field(field: Field, least: int = 1) -> str:
    return _element(field.name, f"tns:{field.name}" if field.options else _xsd(field.kind), least=least)


def _element(name: str, kind: str, *, least: int = 1, most: str = "1") -> str:
    return f'<xsd:element minOccurs="{least}" maxOccurs="{most}" name="{name}" type="{kind}"/>'


def _enumeration(name: str, words: Iterable[str]) -> str:
    values = "".join(f"<xsd:enumeration value={quoteattr(word)}/>" for word in words)
    inner = f'<xsd:restriction base="xsd:string">{values}</xsd:restriction>'
    return f'<xsd:simpleType name="{name}">{inner}</xsd:simpleType>'


def _type(name: str, elements: Sequence[str]) -> str:
    return f'<xsd:complexType name="{name}"><xsd:sequence>{"".join(elements)}</xsd:sequence></xsd:complexType>'


def _call(name: str, elements: Sequence[str]) -> str:
    inner = f"<xsd:sequence>{''.join(elements)}</xsd:sequence>" if elements else "<xsd:sequence/>"
    return f'<xsd:element name="{name}"><xsd:complexType>{inner}</xsd:complexType></xsd:element>'


def _document(
    namespace: str, service: str, service_name: str, types: Sequence[str], names: Sequence[str], address: str
) -> str:
    both = [name for one in names for name in (one, f"{one}_Result")]
    port, binding = f"{service}_Port", f"{service}_Binding"
    return "\n".join(
        [
            _HEAD,
            f'<definitions xmlns:tns="{namespace}" targetNamespace="{namespace}" xmlns="{_WSDL}">',
            f'<types><xsd:schema elementFormDefault="qualified" targetNamespace="{namespace}" xmlns:xsd="{_SCHEMA}">',
            *types,
            "</xsd:schema></types>",
            *(f'<message name="{n}"><part name="parameters" element="tns:{n}"/></message>' for n in both),
            f'<portType name="{port}">',
            *(
                f'<operation name="{n}"><input name="{n}" message="tns:{n}"/>'
                f'<output name="{n}_Result" message="tns:{n}_Result"/></operation>'
                for n in names
            ),
            f'</portType><binding name="{binding}" type="tns:{port}">',
            f'<binding transport="http://schemas.xmlsoap.org/soap/http" {_SOAP}/>',
            *(
                f'<operation name="{n}"><operation soapAction="{namespace}:{n}" style="document" {_SOAP}/>'
                f'<input name="{n}"><body use="literal" {_SOAP}/></input>'
                f'<output name="{n}_Result"><body use="literal" {_SOAP}/></output></operation>'
                for n in names
            ),
            f'</binding><service name="{service_name}"><port name="{port}" binding="tns:{binding}">',
            f"<address location={quoteattr(address)} {_SOAP}/></port></service></definitions>",
        ]
    )
