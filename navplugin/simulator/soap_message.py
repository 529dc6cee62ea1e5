"""SOAP 1.1 messages: requests read strictly, answers written as NAV does (nav-webservices.md 13). No document type, no
entity, nothing from the network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from navplugin.simulator.call import Answer, Call
from navplugin.simulator.soap_fault import CLIENT, XML, SoapFault, missing, not_understood, unknown, xml_text

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_ENVELOPE = '<Soap:Envelope xmlns:Soap="{soap}"><Soap:Body>{body}</Soap:Body></Soap:Envelope>'
_ACTION = re.compile(r'"?(?P<namespace>[^"]*):(?P<operation>\w+)"?\Z')


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a request: its name, the text directly inside, its child elements in order."""

    name: str
    text: str
    children: tuple[Element, ...] = ()

    def texts(self, wanted: Sequence[str], needed: Sequence[str] = ()) -> dict[str, str]:
        """Text of each child by name. SoapFault for one that is not wanted, comes twice, or is needed and absent."""
        found: dict[str, str] = {}
        for child in self.children:
            if child.name not in wanted or child.name in found or child.children:
                raise unknown(child.name, self.name)
            found[child.name] = child.text
        for name in needed:
            if name not in found:
                raise missing(name, self.name)
        return found

    def only(self, name: str) -> Element:
        """The one child, which has this name."""
        for child in self.children:
            if child.name != name:
                raise unknown(child.name, self.name)
        if len(self.children) != 1:
            raise missing(name, self.name)
        return self.children[0]


def action(call: Call) -> str:
    """The operation that the SOAPAction header names; "" when it names none."""
    match = _ACTION.match(call.headers.get("soapaction", "").strip())
    return match["operation"] if match else ""


def read_request(call: Call, namespace: str) -> Element:
    """The operation's element. SoapFault when the body is no message for this namespace, or the header names another
    operation than the body."""
    if call.headers.get("content-type", "").partition(";")[0].strip().casefold() != "text/xml":
        raise SoapFault(CLIENT, "The content type must be text/xml.", "Indholdstypen skal være text/xml.", 415)
    body = _body(_parse(call.body))
    if etree.QName(body).namespace != namespace:
        raise unknown(str(body.tag), "Body")
    request = _element(body, namespace)
    match = _ACTION.match(call.headers.get("soapaction", "").strip())
    if match is None or (match["namespace"], match["operation"]) != (namespace, request.name):
        raise not_understood(
            f"The SOAPAction header must be {namespace}:{request.name}.",
            f"SOAPAction skal være {namespace}:{request.name}.",
        )
    return request


def reply(namespace: str, operation: str, inner: str) -> Answer:
    """A good answer: the result element of an operation around the XML inside it."""
    result = f'<{operation}_Result xmlns="{namespace}">{inner}</{operation}_Result>'
    return Answer(200, _ENVELOPE.format(soap=SOAP, body=result).encode(), {"content-type": XML})


def tag(name: str, text: str) -> str:
    """An element with text."""
    return f"<{name}>{xml_text(text)}</{name}>"


def fields_xml(name: str, pairs: Iterable[tuple[str, str | None]]) -> str:
    """An entity: an element for each value that is not None."""
    return f"<{name}>{''.join(tag(field, text) for field, text in pairs if text is not None)}</{name}>"


def _parse(data: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise not_understood("The message is not well-formed XML.", "Meddelelsen er ikke gyldig XML.") from None
    info = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise not_understood("For security reasons DTD is prohibited.", "DTD er ikke tilladt af sikkerhedshensyn.")
    return root


def _body(root: Any) -> Any:
    bodies = root.findall(f"{{{SOAP}}}Body") if root.tag == f"{{{SOAP}}}Envelope" else []
    inside = [one for body in bodies for one in body if isinstance(one.tag, str)]
    if len(bodies) != 1 or len(inside) != 1:
        raise not_understood("The message is not a SOAP 1.1 call.", "Meddelelsen er ikke et SOAP 1.1-kald.")
    return inside[0]


def _element(node: Any, namespace: str) -> Element:
    """The node and what is inside, all in the one namespace."""
    children = [one for one in node if isinstance(one.tag, str)]
    name = etree.QName(node)
    for child in children:
        if etree.QName(child).namespace != namespace:
            raise unknown(str(child.tag), name.localname)
    text = "" if children else "".join(node.xpath("text()"))
    return Element(name.localname, text, tuple(_element(child, namespace) for child in children))
