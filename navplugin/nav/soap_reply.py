"""What NAV's SOAP services answer. Read here and not by zeep, which turns a value that it cannot read into None without
an error: an amount would become 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from navplugin.core.errors import ProtocolError

_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
Record = Mapping[str, str]


def parse_xml(data: bytes, what: str) -> Any:
    """The root element; no document type, no entity, no network. ProtocolError when it is no XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as wrong:
        text = getattr(wrong, "msg", None) or str(wrong)
        raise not_understood(f"what NAV answers for the {what} is cut off or no XML ({text[:80]})") from None
    info = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise not_understood(f"the {what} holds a document type, which is refused")
    return root


def read_body(data: bytes, what: str) -> Any:
    """The element inside the SOAP body."""
    root = parse_xml(data, what)
    body = root.find(f"{_ENVELOPE}Body") if root.tag == f"{_ENVELOPE}Envelope" else None
    inside = [one for one in (body if body is not None else ()) if isinstance(one.tag, str)]
    if len(inside) != 1:
        raise not_understood(f"the answer to {what} is no SOAP message")
    return inside[0]


def fault_of(element: Any) -> tuple[str, str] | None:
    """Code (its last name) and words of a fault; None when the element is none."""
    if element.tag != f"{_ENVELOPE}Fault":
        return None
    code = (element.findtext("faultcode") or "").rpartition(":")[2].rpartition(".")[2]
    return code, (element.findtext("faultstring") or "").strip()


def records(element: Any, service: str) -> list[Record]:
    """The rows of a `Read_Result`, `ReadMultiple_Result`, `Create_Result`...: text by field."""
    return [
        {local(field): field.text or "" for field in row if isinstance(field.tag, str)}
        for row in element.iter()
        if local(row) == service and len(row)
    ]


def values(element: Any) -> Record:
    """What a result holds directly: `return_value`, `var` parameters, the answer of Delete."""
    return {local(one): one.text or "" for one in element if isinstance(one.tag, str)}


def local(element: Any) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def not_understood(text: str) -> ProtocolError:
    """An answer that is not NAV's."""
    return ProtocolError(f"{text}; check the address and the proxy.", system="NAV", where="SOAP")
