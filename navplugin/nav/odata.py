"""NAV over OData V4: entity classes and query text by python-odata, everything else by `NavHttp`.

python-odata loses pages, keys and ETags (odata-soap-clients.md 2.1), so it makes no request here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
from odata import ODataService
from odata.property import BaseQueryFilter, PropertyBase

from navplugin.core.errors import Misconfigured, ProtocolError
from navplugin.core.model import Op
from navplugin.nav.channel import problem_of
from navplugin.nav.contract import PAGES, Codeunit, Field, Naming, Override, Page, canonical
from navplugin.nav.edmx import Metadata, read_edmx
from navplugin.nav.http import NavHttp, Part, Reply
from navplugin.nav.names import SitePage, by_rule, find_service, resolve
from navplugin.nav.transport import Condition, NavRow, Row, Write
from navplugin.nav.values import from_json, literal, to_json
from navplugin.wire import dump_json

# python-odata writes whole payloads at INFO (odata-soap-clients.md 2.2).
logging.getLogger("odata").setLevel(logging.WARNING)

_METHODS = {Op.INSERT: "POST", Op.UPDATE: "PATCH", Op.DELETE: "DELETE"}


class ODataTransport:
    """One NAV company. discover: read the names from `$metadata`; else they follow the rule and the profile."""

    def __init__(
        self,
        root: str,
        company: str,
        http: NavHttp,
        session: requests.Session,
        *,
        naming: Naming = Naming.BC,
        overrides: Mapping[str, Override] | None = None,
        discover: bool = True,
    ) -> None:
        """root: the address without a company."""
        self._root, self._company, self.http, self._naming = root, company, http, naming
        self.patience = http.patience
        self._overrides, self._discover = dict(overrides or {}), discover
        self._metadata: Metadata | None = None
        self._pages: dict[str, SitePage] = {}
        self._model = Model(company_address(root, company), session)
        self._can_batch = True

    def rows(self, page: Page, conditions: Sequence[Condition] = (), order_by: str = "") -> Iterator[NavRow]:
        """All rows that fit, each held against the filter again: servers are known to ignore filters that they do not
        understand, without an error (nav-webservices.md 9)."""
        site = self.site_page(page)
        for raw in self.http.rows(site.wire.service, self._model.query(site, conditions, order_by)):
            row = read_row(site, raw)
            if not all(condition.holds(page, row.fields) for condition in conditions):
                names = ", ".join(condition.name for condition in conditions)
                text = f"NAV sent rows that were not asked for (filter on {names}); check the published page"
                raise problem_of(ProtocolError, f"{page.service} read", text)
            yield row

    def write(self, write: Write) -> NavRow | None:
        """Carry out one write; the row as NAV made it, None after a delete."""
        site = self.site_page(write.page)
        path, body = self._parts(site, write)
        sent = None if body is None else dump_json(body).encode()
        reply = self.http.write(_METHODS[write.op], path, write.page.service, sent, write.tag)
        if write.op is Op.DELETE:
            return None
        if reply.document is None:
            reply = self.http.read(entity_path(site, write.key), write.page.service)
        # What NAV made of it: triggers may change other fields (nav-webservices.md 0 no. 7).
        return _row_of(site, reply)

    def write_together(self, writes: Sequence[Write]) -> bool:
        """All in one `$batch` with a snapshot; False where the server takes none, once known never asked again."""
        if not self._can_batch:
            return False
        parts = []
        for write in writes:
            path, body = self._parts(self.site_page(write.page), write)
            parts.append(Part(_METHODS[write.op], path, write.page.service, body, write.tag))
        self._can_batch = self.http.batch(self._root, self._company, parts)
        return self._can_batch

    def call(self, codeunit: Codeunit, function: str, arguments: Row) -> Any:
        """An unbound action. Misconfigured where the site has not published the codeunit."""
        declared = next(one for one in codeunit.functions if one.name == function)
        body = {p.name: to_json(Field(p.name, p.kind), arguments[p.name]) for p in declared.parameters}
        value = self.http.call(self._root, self._company, codeunit.service, function, body)
        return None if declared.returns is None else from_json(Field("return_value", declared.returns), value)

    def site_page(self, page: Page) -> SitePage:
        """How the site publishes a page; found once. Misconfigured, with the step to take, when it does not."""
        if page.service not in self._pages:
            override = self._overrides.get(page.service, Override())
            if self._discover:
                known = self._read_metadata()
                service = find_service(page, known.sets, self._naming, override)
                if service not in known.services:
                    text = f"$metadata lists {service} but declares no fields of it; publish the page again"
                    raise problem_of(ProtocolError, "$metadata", text)
                self._pages[page.service] = resolve(page, known.services[service], self._naming, override)
            else:
                self._pages[page.service] = by_rule(page, self._naming, override)
        return self._pages[page.service]

    def _read_metadata(self) -> Metadata:
        if self._metadata is None:
            wanted = {canonical(page.service) for page in PAGES}
            named = {one.service for one in self._overrides.values()}
            chunks = self.http.stream(f"{self._root.rstrip('/')}/$metadata", "$metadata read")
            found = read_edmx(chunks, lambda name: name in named or canonical(name) in wanted)
            if not found.version.startswith("4"):
                text = f"this address answers with OData of EDMX version {found.version}, not V4; take the address "
                text += "that ends in /ODataV4, or transport = soap where NAV has none"
                raise problem_of(Misconfigured, "$metadata", text)
            self._metadata = found
        return self._metadata

    def _parts(self, site: SitePage, write: Write) -> tuple[str, dict[str, Any] | None]:
        """Path below the company, and body."""
        body = {site.names[name]: to_json(_wire(site, name), value) for name, value in write.fields.items()}
        if write.op is Op.INSERT:
            keys = zip(write.page.key, write.key, strict=True)
            body = {**{site.names[name]: to_json(_wire(site, name), value) for name, value in keys}, **body}
            return site.wire.service, body
        return entity_path(site, write.key), None if write.op is Op.DELETE else body


def company_address(root: str, company: str) -> str:
    """`{root}/Company('CRONUS%20%27s')/`: the form that keeps every link below one company."""
    return f"{root.rstrip('/')}/Company('{quote(company.replace(chr(39), chr(39) * 2), safe='')}')/"


def entity_path(site: SitePage, key: tuple[Any, ...]) -> str:
    """`AIQ_POSPrompts(Receipt_No='R%2F1',Prompt_Key='K')`, any content percent-encoded."""
    page, names = site.page, [site.names[name] for name in site.page.key]
    shown = [quote(literal(_wire(site, name), value), safe="") for name, value in zip(page.key, key, strict=True)]
    if len(shown) == 1:
        return f"{site.wire.service}({shown[0]})"
    return f"{site.wire.service}({','.join(f'{name}={text}' for name, text in zip(names, shown, strict=True))})"


def read_row(site: SitePage, raw: Mapping[str, Any], etag: str = "") -> NavRow:
    """A row of NAV's answer. ProtocolError, with the field's name, for a missing or unusable field or a lost ETag."""
    fields: dict[str, Any] = {}
    for field in site.page.fields:
        name = site.names.get(field.name)
        if name is not None and name not in raw:
            raise _unusable(site, f"NAV sent no field {name}; publish the page with all declared fields")
        try:
            fields[field.name] = from_json(field, None if name is None else raw[name])
        except ValueError as wrong:
            raise _unusable(site, f"NAV's field {name} cannot be read: {wrong}") from None
    tag = str(raw.get("@odata.etag") or etag)
    if not tag and ("m" in site.page.rights or "d" in site.page.rights):
        raise _unusable(site, "NAV sent a row without its ETag; it could not be changed safely")
    return NavRow(fields, tag)


def _row_of(site: SitePage, reply: Reply) -> NavRow:
    return read_row(site, reply.document or {}, reply.etag)


def _wire(site: SitePage, name: str) -> Field:
    return site.wire.field(site.names[name])


def _unusable(site: SitePage, text: str) -> ProtocolError:
    return ProtocolError(f"{text}.", system="NAV", where=f"{site.page.service} read")


# ---- query text by python-odata ----------------------------------------------------------------------------------


class ContractProperty(PropertyBase):  # type: ignore[misc]
    """A field of the contract as python-odata sees it."""

    def __init__(self, field: Field, *, primary_key: bool) -> None:
        super().__init__(field.name, primary_key=primary_key)
        self.field = field

    def serialize(self, value: Any) -> Any:
        """For a request body."""
        return to_json(self.field, value)

    def deserialize(self, value: Any) -> Any:
        """From a response body."""
        return from_json(self.field, value)

    def escape_value(self, value: Any) -> str:
        """For query text."""
        return literal(self.field, value)


class AnyOf(BaseQueryFilter):  # type: ignore[misc]
    """`a or b or c` without the nested parentheses of python-odata: servers limit the depth of a filter."""

    def __init__(self, filters: list[BaseQueryFilter]) -> None:
        super().__init__(None, "or", None)
        self.filters = filters

    def __str__(self) -> str:
        return " or ".join(str(one) for one in self.filters)


class Model:
    """The entity classes of one NAV company, made when a page is first asked for. No request is made here."""

    def __init__(self, base_url: str, session: requests.Session) -> None:
        self._service = ODataService(base_url, session=session, reflect_entities=False, quiet_progress=True)
        self._entities: dict[str, Any] = {}

    def query(self, site: SitePage, conditions: Sequence[Condition] = (), order_by: str = "") -> dict[str, str]:
        """The query options of a read: the contract's fields, rows by all conditions, in this order."""
        entity = self._entity(site)
        query = self._service.query(entity).select(*(getattr(entity, name) for name in site.wire.names))
        for condition in conditions:
            query = query.filter(_as_filter(condition, getattr(entity, site.names[condition.name])))
        if order_by:
            query = query.order_by(getattr(entity, site.names[order_by]).asc())
        return {name: str(value) for name, value in query._get_options().items()}

    def _entity(self, site: SitePage) -> Any:
        # Classes belong to one service: python-odata keeps the address on their base class.
        page = site.wire
        if page.service not in self._entities:
            members: dict[str, Any] = {f.name: ContractProperty(f, primary_key=f.name in page.key) for f in page.fields}
            members |= {"__odata_type__": f"NAV.{page.service}", "__odata_collection__": page.service}
            self._entities[page.service] = type(page.service, (self._service.Entity,), members)
        return self._entities[page.service]


def _as_filter(condition: Condition, prop: Any) -> BaseQueryFilter:
    if condition.greater:
        return prop > condition.values[0]
    if condition.least:
        return prop >= condition.values[0]
    return AnyOf([prop == value for value in condition.values])
