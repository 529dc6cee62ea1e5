"""Reads a page's WSDL and the list of services of NAV's SOAP endpoint (nav-webservices.md 13). What `zeep` does not
check is taken from here: the words of each option, and the operations that the page allows."""

from __future__ import annotations

import re
from urllib.parse import unquote

from navplugin.nav.names import Service
from navplugin.nav.soap_reply import not_understood, parse_xml

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_ADDRESS = re.compile(r"/(Page|Codeunit)/([^/?]+)")


def read_wsdl(data: bytes, service: str) -> Service:
    """Fields, option words and operations of one page. ProtocolError when it is no WSDL of that page."""
    root = parse_xml(data, "WSDL")
    words = {
        one.get("name", ""): tuple(word.get("value", "") for word in one.iter(f"{_XSD}enumeration"))
        for one in root.iter(f"{_XSD}simpleType")
    }
    entity = next((one for one in root.iter(f"{_XSD}complexType") if one.get("name") == service), None)
    if entity is None:
        raise not_understood(f"the WSDL holds no type {service}")
    types = {one.get("name", ""): one.get("type", "").rpartition(":")[2] for one in entity.iter(f"{_XSD}element")}
    types.pop("Key", None)
    operations = frozenset(
        one.get("name", "") for port in root.iter(f"{_WSDL}portType") for one in port.iter(f"{_WSDL}operation")
    )
    options = {name: words[kind] for name, kind in types.items() if kind in words}
    return Service(service, types, options, operations)


def read_services(data: bytes) -> frozenset[str]:
    """The pages that are published, from the discovery document `/WS/{Company}/services`."""
    root = parse_xml(data, "list of services")
    found = set()
    for element in root.iter():
        for value in element.attrib.values():
            match = _ADDRESS.search(str(value))
            if match and match[1] == "Page":
                found.add(unquote(match[2]))
    return frozenset(found)
