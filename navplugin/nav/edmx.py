"""Reads `$metadata` as it arrives: only the pages that are wanted are kept, so that megabytes cost little memory
(odata-soap-clients.md 3). A document type or an entity is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from navplugin.core.errors import ProtocolError
from navplugin.nav.names import Service


@dataclass(frozen=True, slots=True)
class Metadata:
    """What `$metadata` says. version: of the EDMX, `4.0` for OData V4; sets: all of them; services: the wanted ones."""

    version: str
    sets: frozenset[str]
    services: dict[str, Service]


def read_edmx(chunks: Iterable[bytes], wanted: Callable[[str], bool]) -> Metadata:
    """Read the document. wanted: whether a page of this name is to be kept. ProtocolError when it is no EDMX."""
    parser = etree.XMLPullParser(
        events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    reading = _Reading(wanted)
    try:
        for chunk in chunks:
            parser.feed(chunk)
            for event, element in parser.read_events():
                reading.take(event, element)
        parser.close()
    except etree.XMLSyntaxError as wrong:
        raise _no_edmx(f"is cut off or no XML ({wrong.msg})") from None
    if not reading.version:
        raise _no_edmx("holds no EDMX")
    services = {
        name: Service(name, reading.types[kind]) for name, kind in reading.sets.items() if kind in reading.types
    }
    return Metadata(reading.version, frozenset(reading.sets), services)


class _Reading:
    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self.wanted = wanted
        self.version = ""
        self.types: dict[str, dict[str, str]] = {}
        self.sets: dict[str, str] = {}

    def take(self, event: str, element: Any) -> None:
        """One event of the parser."""
        tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        if event == "start":
            if not self.version:
                self._root(tag, element)
            return
        if tag == "EntityType":
            name = element.get("Name", "")
            if self.wanted(name):
                self.types[name] = {
                    p.get("Name", ""): p.get("Type", "") for p in element if str(p.tag).endswith("}Property")
                }
        elif tag == "EntitySet":
            self.sets[element.get("Name", "")] = element.get("EntityType", "").rpartition(".")[2]
        if tag in ("EntityType", "EntitySet", "Association", "AssociationSet", "EnumType", "ComplexType", "Action"):
            _forget(element)

    def _root(self, tag: str, element: Any) -> None:
        info = element.getroottree().docinfo
        if info.doctype or info.internalDTD is not None:
            raise _no_edmx("holds a document type, which is refused")
        if tag != "Edmx":
            raise _no_edmx(f"begins with {tag}")
        self.version = element.get("Version", "?")


def _forget(element: Any) -> None:
    """Give back the memory of what has been read."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _no_edmx(what: str) -> ProtocolError:
    text = f"what NAV answers for $metadata {what}; check the address and the proxy."
    return ProtocolError(text, system="NAV", where="$metadata")
