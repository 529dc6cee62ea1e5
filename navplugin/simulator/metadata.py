"""`$metadata` of both OData versions and the service document, built from the contract (nav-webservices.md 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from navplugin.nav.contract import CODEUNITS, Codeunit, Field, Function, Kind, Page

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_EDMX_V3 = "http://schemas.microsoft.com/ado/2007/06/edmx"
_EDM_V3 = "http://schemas.microsoft.com/ado/2007/05/edm"
_DATA_V3 = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
_V3_TYPES = {Kind.DATE: "Edm.DateTime", Kind.DATETIME: "Edm.DateTime"}
_CAPABILITIES = "Org.OData.Capabilities.V1"
_RIGHTS = (("i", "Insert", "Insertable"), ("m", "Update", "Updatable"), ("d", "Delete", "Deletable"))


def metadata_xml(pages: Sequence[Page]) -> str:
    """The schema: one entity type and set for each page, a Company type that leads to all of them."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<edmx:Edmx Version="4.0" xmlns:edmx="{_EDMX}"><edmx:DataServices>',
        f'<Schema Namespace="NAV" xmlns="{_EDM}">',
        _company_type(pages),
        *(_entity_type(page) for page in pages),
        *(_action(codeunit, function) for codeunit in CODEUNITS for function in codeunit.functions),
        '<EntityContainer Name="NAV">',
        '<EntitySet Name="Company" EntityType="NAV.Company">',
        *(f'<NavigationPropertyBinding Path="{page.service}" Target="{page.service}"/>' for page in pages),
        "</EntitySet>",
        *(_entity_set(page) for page in pages),
        *(
            f'<ActionImport Name="{unit.service}_{function.name}" Action="NAV.{unit.service}_{function.name}"/>'
            for unit in CODEUNITS
            for function in unit.functions
        ),
        "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>",
    ]
    return "\n".join(parts)


def metadata_v3_xml(pages: Sequence[Page]) -> str:
    """The schema as OData V3 writes it: the key in alphabetical order (nav-webservices.md 5)."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<edmx:Edmx Version="1.0" xmlns:edmx="{_EDMX_V3}">',
        f'<edmx:DataServices m:DataServiceVersion="1.0" m:MaxDataServiceVersion="3.0" xmlns:m="{_DATA_V3}">',
        f'<Schema Namespace="NAV" xmlns="{_EDM_V3}">',
        *(_entity_type_v3(page) for page in pages),
        f'<EntityContainer Name="NAV" m:IsDefaultEntityContainer="true" xmlns:m="{_DATA_V3}">',
        *(f'<EntitySet Name="{page.service}" EntityType="NAV.{page.service}"/>' for page in pages),
        "</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>",
    ]
    return "\n".join(parts)


def service_document(base: str, pages: Sequence[Page]) -> dict[str, Any]:
    """What is published: name, kind and address of each set."""
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in ("Company", *(p.service for p in pages))]
    return {"@odata.context": f"{base}/$metadata", "value": sets}


def _company_type(pages: Sequence[Page]) -> str:
    links = "".join(
        f'<NavigationProperty Name="{page.service}" Type="Collection(NAV.{page.service})" ContainsTarget="true"/>'
        for page in pages
    )
    return (
        '<EntityType Name="Company"><Key><PropertyRef Name="Name"/></Key>'
        '<Property Name="Name" Type="Edm.String" Nullable="false" MaxLength="30"/>'
        f'<Property Name="Id" Type="Edm.Guid" Nullable="false"/>{links}</EntityType>'
    )


def _entity_type(page: Page) -> str:
    key = "".join(f'<PropertyRef Name="{name}"/>' for name in page.key)
    properties = "".join(_property(field, field.name in page.key) for field in page.fields)
    return f'<EntityType Name="{page.service}"><Key>{key}</Key>{properties}</EntityType>'


def _entity_type_v3(page: Page) -> str:
    key = "".join(f'<PropertyRef Name="{name}"/>' for name in sorted(page.key))
    properties = "".join(
        f'<Property Name="{field.name}" Type="{_V3_TYPES.get(field.kind, field.edm)}" '
        f'Nullable="{str(field.name not in page.key).lower()}"/>'
        for field in page.fields
    )
    return f'<EntityType Name="{page.service}"><Key>{key}</Key>{properties}</EntityType>'


def _action(codeunit: Codeunit, function: Function) -> str:
    parameters = "".join(f'<Parameter Name="{p.name}" Type="{p.kind.edm}"/>' for p in function.parameters)
    returns = f'<ReturnType Type="{function.returns.edm}"/>' if function.returns else ""
    return f'<Action Name="{codeunit.service}_{function.name}">{parameters}{returns}</Action>'


def _property(field: Field, in_key: bool) -> str:
    attributes = f'Name="{field.name}" Type="{field.edm}"'
    if in_key:
        attributes += ' Nullable="false"'
    if field.length:
        attributes += f' MaxLength="{field.length}"'
    if field.kind is Kind.DECIMAL:
        attributes += ' Scale="Variable"'
    caption = f'<Annotation Term="NAV.LabelId" String={quoteattr(field.caption)}/>'
    return f"<Property {attributes}>{caption}</Property>"


def _entity_set(page: Page) -> str:
    rights = "".join(
        f'<Annotation Term="{_CAPABILITIES}.{verb}Restrictions"><Record>'
        f'<PropertyValue Property="{able}" Bool="{str(letter in page.rights).lower()}"/></Record></Annotation>'
        for letter, verb, able in _RIGHTS
    )
    return f'<EntitySet Name="{page.service}" EntityType="NAV.{page.service}">{rights}</EntitySet>'
