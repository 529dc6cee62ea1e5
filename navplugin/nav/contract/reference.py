"""The documentation page of the NAV contract, made from its declarations, in the names of one maker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from navplugin.nav.contract import CODEUNITS, PAGES, Codeunit, Field, Kind, Naming, Page, Writer, expected, table_name

MAKERS: Mapping[Naming, str] = {
    Naming.NAV: "Dynamics NAV 2009 to 2018",
    Naming.BC: "Business Central",
    Naming.LSC: "LS Central",
}
_WHO = {Writer.NAV: "NAV", Writer.PLUGIN: "navplugin", Writer.EITHER: "either, under the row's ETag"}
_RIGHTS = {"i": "insert", "m": "modify", "d": "delete"}


def contract_as_data(naming: Naming, *, soap: bool = False) -> dict[str, Any]:
    """Every page, field and codeunit, for programs. soap: for a NAV that is reached over SOAP."""
    return {
        "naming": naming.value,
        "pages": [_page_data(page, naming, soap=soap) for page in PAGES],
        "codeunits": [_codeunit_data(codeunit) for codeunit in CODEUNITS],
    }


def contract_as_markdown(naming: Naming, *, soap: bool = False) -> str:
    """The same for people: what to publish, and every field with its caption and writer."""
    pages = [_page_data(page, naming, soap=soap) for page in PAGES]
    parts = [
        f"# The NAV contract, in the names of {MAKERS[naming]}",
        "Publish each of these on page *Web Services*. Another service name or field name is found by itself where it "
        "differs only in a maker's habit; any other goes into the profile, `[page <service>]` with `service = ...` and "
        "`Caption = name in NAV`. `navplugin doctor` says what is missing.",
        _table(
            ("service", "object", "table", "navplugin may", "what it is for"),
            ((f"`{d['service']}`", d["object"], d["table"], d["may"], d["doc"]) for d in pages),
        ),
        *(_section(data) for data in pages),
        *(_codeunit_section(codeunit) for codeunit in CODEUNITS),
    ]
    return "\n\n".join(parts) + "\n"


def _page_data(page: Page, naming: Naming, *, soap: bool) -> dict[str, Any]:
    site = expected(page, naming)
    return {
        "page": page.service,
        "service": site.service,
        "object": page.object_kind(soap=soap),
        "table": table_name(page, naming),
        "doc": page.doc,
        "key": list(site.key),
        "cursor": site.cursor,
        "may": ", ".join(_RIGHTS[letter] for letter in page.rights) or "read",
        "fields": [_field_data(field) for field in site.fields],
    }


def _field_data(field: Field) -> dict[str, Any]:
    return {
        "caption": field.caption,
        "name": field.name,
        "type": f"{field.kind}[{field.length}]" if field.length else str(field.kind),
        "edm": field.edm,
        "written by": _WHO[field.writer],
        "options": [option.strip() or "(blank)" for option in field.options],
        "optional": field.optional,
    }


def _codeunit_data(codeunit: Codeunit) -> dict[str, Any]:
    functions = [
        {
            "name": function.name,
            "parameters": [f"{'var ' if p.by_ref else ''}{p.name}: {p.kind}" for p in function.parameters],
            "returns": str(function.returns or ""),
            "doc": function.doc,
        }
        for function in codeunit.functions
    ]
    return {"service": codeunit.service, "caption": codeunit.caption, "functions": functions}


def _section(data: Mapping[str, Any]) -> str:
    cursor = f" Changes are found by `{data['cursor']}`." if data["cursor"] else ""
    head = f"{data['doc']} A {data['object']} on table *{data['table']}*, key {_code(data['key'])}.{cursor}"
    rows = (
        (f["caption"], f"`{f['name']}`", f["type"], f["written by"], _remark(f)) for f in data["fields"]
    )
    table = _table(("caption", "name", "type", "written by", "remark"), rows)
    return f"## {data['service']}\n\n{head}\n\n{table}"


def _remark(field: Mapping[str, Any]) -> str:
    said = [", ".join(field["options"])] if field["options"] else []
    if field["optional"]:
        said.append("not in every version")
    if field["type"] == Kind.DATE and field["edm"] != Kind.DATE.edm:
        said.append("a point in time over OData V4")
    return "; ".join(said)


def _codeunit_section(codeunit: Codeunit) -> str:
    data = _codeunit_data(codeunit)
    rows = ((f"`{f['name']}`", ", ".join(f["parameters"]), f["returns"], f["doc"]) for f in data["functions"])
    table = _table(("function", "parameters", "returns", "what it does"), rows)
    head = f"A codeunit, *{data['caption']}*; optional: without it the pages alone do."
    return f"## {data['service']}\n\n{head}\n\n{table}"


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
