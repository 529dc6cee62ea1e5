"""How a page of the NAV contract is declared. Each declaration is used by the OData classes, the simulator, `doctor`
and the documentation.

Names follow the Business Central rules for OData (nav-webservices.md 4): space, hyphen and slash become `_`, dots and
parentheses go, `%` becomes `Percent`.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def odata_name(caption: str) -> str:
    """`Receipt No.` -> `Receipt_No`; `Discount %` -> `Discount_Percent`."""
    out = caption.replace("%", "Percent")
    for gone in ".()":
        out = out.replace(gone, "")
    for underscore in " -/":
        out = out.replace(underscore, "_")
    return out


@dataclass(frozen=True, slots=True)
class Field:
    """A field: NAV caption, type, length (Code, Text), who writes it, option names in NAV's order."""

    caption: str
    kind: Kind
    length: int = 0
    writer: Writer = Writer.NAV
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The OData name in Business Central naming."""
        return odata_name(self.caption)


@dataclass(frozen=True, slots=True)
class Page:
    """A published page or query. `key` holds OData names in key order; `cursor` the field that orders changes.

    `rights`: letters of insert, modify, delete that the plugin needs ("" = it only reads).
    """

    service: str
    table: str
    caption: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    rights: str = ""
    cursor: str = ""
    is_query: bool = False

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
