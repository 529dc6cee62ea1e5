"""The seam inside this package: what reader and writer want of a protocol. OData and SOAP are two of it.

Pages, names and values are those of the contract and the model; a site's own names stay behind this seam.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from navplugin.core.model import Op
from navplugin.nav.contract import Codeunit, Field, Kind, Page
from navplugin.nav.names import SitePage
from navplugin.nav.patience import Patience
from navplugin.nav.values import TEXT_KINDS

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NavRow:
    """A row as NAV sent it, its fields as values of the model. tag: its ETag (OData) or Key (SOAP)."""

    fields: Row
    tag: str

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


@dataclass(frozen=True, slots=True)
class Condition:
    """`name` equals one of `values`, or is greater than the only one (`least`: greater or equal). NAV takes `or` on
    one field only, and not `in` before Business Central's schema 2.1 (nav-webservices.md 9)."""

    name: str
    values: tuple[Any, ...]
    greater: bool = False
    least: bool = False

    def holds(self, page: Page, fields: Row) -> bool:
        """Whether a row that NAV sent is one that was asked for."""
        field = page.field(self.name)
        seen = _comparable(field, fields[self.name])
        if self.greater or self.least:
            return seen is not None and bool(seen > self.values[0] or (self.least and seen == self.values[0]))
        return seen in [_comparable(field, value) for value in self.values]


@dataclass(frozen=True, slots=True)
class Write:
    """One write to a page of the contract: key and fields as values of the model, tag of the row as it was read."""

    op: Op
    page: Page
    key: tuple[Any, ...]
    fields: Row
    tag: str = ""


class Transport(Protocol):
    """One NAV company over one protocol. For one thread. Errors: those of `core.errors`."""

    patience: Patience

    def rows(self, page: Page, conditions: Sequence[Condition] = (), order_by: str = "") -> Iterator[NavRow]:
        """All rows that fit. A server that widens the answer is not trusted: ProtocolError."""
        ...

    def write(self, write: Write) -> NavRow | None:
        """Carry out one write; the row as NAV made it, None after a delete."""
        ...

    def write_together(self, writes: Sequence[Write]) -> bool:
        """At most BATCH writes in one transaction where the server can: True. False: nothing was written, write them
        one by one. Raises what the first refused one would; count all as undone then."""
        ...

    def call(self, codeunit: Codeunit, function: str, arguments: Row) -> Any:
        """A function of a codeunit: its return value. Misconfigured where the site has not published it."""
        ...

    def site_page(self, page: Page) -> SitePage:
        """How the site publishes a page. Misconfigured, with the step to take, when it does not."""
        ...


def _comparable(field: Field, value: Any) -> Any:
    if field.kind is Kind.CODE:
        return str(value or "").strip().upper()
    return str(value or "").strip().casefold() if field.kind in (*TEXT_KINDS, Kind.GUID) else value
