"""How a page of the NAV contract is declared. Each declaration is used by the OData classes, the simulator, `doctor`
and the documentation.

Names follow the Business Central rules for OData (nav-webservices.md 4): space, hyphen and slash become `_`, dots and
parentheses go, `%` becomes `Percent`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """NAV field types. EDM types as in nav-webservices.md 5."""

    CODE = "Code"
    TEXT = "Text"
    OPTION = "Option"
    INTEGER = "Integer"
    BIG_INTEGER = "BigInteger"
    DECIMAL = "Decimal"
    BOOLEAN = "Boolean"
    DATE = "Date"
    TIME = "Time"
    DATETIME = "DateTime"
    GUID = "Guid"

    @property
    def edm(self) -> str:
        """The OData V4 type."""
        return _EDM[self]


_EDM = {
    Kind.CODE: "Edm.String",
    Kind.TEXT: "Edm.String",
    Kind.OPTION: "Edm.String",
    Kind.TIME: "Edm.String",
    Kind.INTEGER: "Edm.Int32",
    Kind.BIG_INTEGER: "Edm.Int64",
    Kind.DECIMAL: "Edm.Decimal",
    Kind.BOOLEAN: "Edm.Boolean",
    Kind.DATE: "Edm.Date",
    Kind.DATETIME: "Edm.DateTimeOffset",
    Kind.GUID: "Edm.Guid",
}


class Writer(StrEnum):
    """Who writes a field: NAV objects (R for us), the plugin (W), or either side under the ETag."""

    NAV = "R"
    PLUGIN = "W"
    EITHER = "RW"


_GONE, _UNDERSCORE = ".()", " -/"


def odata_name(caption: str) -> str:
    """`Receipt No.` -> `Receipt_No`; `Discount %` -> `Discount_Percent`; `Mix&Match` -> `Mix_x0026_Match`.

    What no XML name may hold is written as `_xHHHH_` (seen in page WSDLs of NAV 2017, nav-webservices.md 4).
    """
    out = []
    for sign in caption.replace("%", "Percent"):
        if sign in _UNDERSCORE:
            out.append("_")
        elif sign.isalnum() or sign == "_":
            out.append(sign)
        elif sign not in _GONE:
            out.append(f"_x{ord(sign):04X}_")
    name = "".join(out)
    return f"_x{ord(name[0]):04X}_{name[1:]}" if name[:1].isdigit() else name


def option_name(option: str) -> str:
    """An option as SOAP writes it: `Disc. Offer` -> `Disc_Offer`, blank -> `_blank_` (nav-webservices.md 4)."""
    return odata_name(option) if option.strip() else "_blank_"


@dataclass(frozen=True, slots=True)
class Field:
    """A field: NAV caption, type, length (Code, Text), who writes it, option names in NAV's order. optional: versions
    of NAV without it are known; it reads as blank there.

    A site may have another name or EDM type for it: `alias` and `alias_edm`, set by `Page.under`.
    """

    caption: str
    kind: Kind
    length: int = 0
    writer: Writer = Writer.NAV
    options: tuple[str, ...] = ()
    optional: bool = False
    alias: str = ""
    alias_edm: str = ""

    @property
    def name(self) -> str:
        """The name in OData and SOAP: that of the site, or the one by Business Central's rules."""
        return self.alias or odata_name(self.caption)

    @property
    def edm(self) -> str:
        """The OData V4 type at this site."""
        return self.alias_edm or self.kind.edm


@dataclass(frozen=True, slots=True)
class Page:
    """A published page or query. `key` holds OData names in key order; `cursor` the field that orders changes.

    `rights`: letters of insert, modify, delete that the plugin needs ("" = it only reads). `doc`: what it is for.
    """

    service: str
    table: str
    caption: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    doc: str = ""
    rights: str = ""
    cursor: str = ""
    is_query: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether its table is one of the AIQ objects, not one of LS Retail or Microsoft."""
        return self.table.startswith("AIQ ")

    def under(self, service: str, names: Mapping[str, str], edm: Mapping[str, str] | None = None) -> Page:
        """The page as a site publishes it. names, edm: the site's name and EDM type by contract name, where it differs.
        """
        fields = tuple(
            replace(f, alias=names.get(f.name, ""), alias_edm=(edm or {}).get(f.name, "")) for f in self.fields
        )
        key = tuple(names.get(name, name) for name in self.key)
        return replace(self, service=service, key=key, cursor=names.get(self.cursor, self.cursor), fields=fields)

    def object_kind(self, *, soap: bool = False) -> str:
        """What an administrator publishes. SOAP publishes no queries (nav-webservices.md 2)."""
        return "query" if self.is_query and not soap else "page"

    def without(self, captions: Collection[str]) -> Page:
        """The page without these fields: a site's version has none of them."""
        kept = tuple(f for f in self.fields if f.caption not in captions)
        return replace(self, fields=kept, cursor=self.cursor if self.cursor in {f.name for f in kept} else "")

    def by_caption(self) -> dict[str, Field]:
        """Fields by NAV caption, which no site changes."""
        return {f.caption: f for f in self.fields}

    def field(self, name: str) -> Field:
        """The field with this OData name; KeyError when the page has none."""
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(f"{self.service} has no field {name}")

    @property
    def names(self) -> tuple[str, ...]:
        """OData names in declared order."""
        return tuple(f.name for f in self.fields)
