"""NAV over SOAP: pages and codeunits by zeep (odata-soap-clients.md 4, nav-webservices.md 13).

zeep builds the messages; every byte travels through our `Channel` to the configured address, never to the one
in the WSDL. A row's `Key` takes the place of the ETag. Names of services and fields come from the WSDL.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
import zeep
import zeep.exceptions
from zeep.transports import Transport as ZeepTransport

from navplugin.core.errors import (
    AlreadyThere,
    Busy,
    Conflict,
    Misconfigured,
    Missing,
    NavpluginError,
    ProtocolError,
    Refused,
    UnknownOutcome,
)
from navplugin.core.model import Op
from navplugin.nav.channel import Channel, Request, Response, problem_of, same_server
from navplugin.nav.contract import PAGES, Codeunit, Field, Naming, Override, Page
from navplugin.nav.names import SitePage, find_service, resolve
from navplugin.nav.patience import Patience
from navplugin.nav.refusal import refusal
from navplugin.nav.soap_reply import Record, fault_of, parse_xml, read_body, records, values
from navplugin.nav.soap_values import criteria, from_soap, to_soap
from navplugin.nav.transport import Condition, NavRow, Row, Write
from navplugin.nav.wsdl import read_services, read_wsdl

logging.getLogger("zeep").setLevel(logging.WARNING)  # it writes whole payloads at DEBUG

SET_SIZE = 500
"""Rows in one answer of ReadMultiple."""
MAX_SETS = 2000
_SETTINGS = zeep.Settings(
    strict=True, xml_huge_tree=False, forbid_dtd=True, forbid_entities=True, forbid_external=True, raw_response=True
)  # fmt: skip
_READS = ("Read", "ReadByRecId", "ReadMultiple", "IsUpdated", "GetRecIdFromKey", "Version", "WaitForChange")
_SERVER_FAULTS = ("NavCSideException",)
"""The exception behind `Internal_ServerError` (nav-webservices.md 8)."""
_OPERATIONS = {Op.INSERT: "Create", Op.UPDATE: "Update", Op.DELETE: "Delete"}


class SoapTransport:
    """One NAV company over SOAP. root: the address that ends in /WS."""

    def __init__(
        self,
        root: str,
        company: str,
        channel: Channel,
        *,
        naming: Naming = Naming.BC,
        overrides: Mapping[str, Override] | None = None,
    ) -> None:
        self._base = f"{root.rstrip('/')}/{quote(company, safe='')}"
        self._channel, self._naming, self._overrides = channel, naming, dict(overrides or {})
        self.patience = Patience()
        self._published: frozenset[str] | None = None
        self._pages: dict[str, tuple[SitePage, _Client]] = {}
        self._codeunits: dict[str, _Client] = {}

    def rows(self, page: Page, conditions: Sequence[Condition] = (), order_by: str = "") -> Iterator[NavRow]:
        """All rows that fit, set after set; NAV sorts them by key. A filter is NAV's own text, so rows that its
        wildcards let through are dropped."""
        site, client = self._page(page)
        filters = [
            {"Field": site.names[c.name], "Criteria": criteria(page.field(c.name), c)} for c in conditions
        ] or [{"Field": site.names[page.key[0]], "Criteria": ""}]
        bookmark: str | None = None
        for _ in range(MAX_SETS):
            try:
                answer = self._read_set(client, filters, bookmark)
            except SoapFault as fault:
                if bookmark is None:  # a lock, a trigger: no decision of ours was refused, so the loop must go on
                    raise problem_of(ProtocolError, f"{page.service} read", fault.message.rstrip(".")) from None
                text = f"the row at which a set ended is gone, so the next cannot be had ({fault.message}); read again"
                raise problem_of(Busy, f"{page.service} read", text) from None
            found = records(answer, site.wire.service)
            for raw in found:
                row = read_row(site, raw)
                if all(condition.holds(page, row.fields) for condition in conditions):
                    yield row
            if len(found) < SET_SIZE:
                return
            bookmark = found[-1].get("Key")
        raise problem_of(ProtocolError, f"{page.service} read", "NAV's sets of rows do not end; read again later")

    def write(self, write: Write) -> NavRow | None:
        """Carry out one write; the row as NAV made it, None after a delete. A fault is told apart by reading back:
        its text is in the server's language (nav-webservices.md 13)."""
        site, client = self._page(write.page)
        operation = _OPERATIONS[write.op]
        try:
            if write.op is Op.DELETE:
                if "false" in values(client.call(operation, Key=write.tag)).values():
                    raise problem_of(Refused, f"{write.page.service} delete", "NAV did not delete the row")
                return None
            answer = client.call(operation, **{site.wire.service: self._entity(site, write)})
        except (SoapFault, Refused) as fault:
            raise self._told(write, fault) from None
        made = records(answer, site.wire.service)
        if len(made) != 1:
            text = f"NAV's answer to the write holds {len(made)} rows; read the row back"
            raise problem_of(UnknownOutcome, f"{write.page.service} {write.op}", text)
        return read_row(site, made[0])

    def write_together(self, writes: Sequence[Write]) -> bool:
        """NAV's SOAP has a transaction for rows of one page only: single writes are used."""
        return False

    def call(self, codeunit: Codeunit, function: str, arguments: Row) -> Any:
        """A function of a codeunit: its return value. Misconfigured where the site has not published it."""
        if codeunit.service not in self._codeunits:
            url = f"{self._base}/Codeunit/{quote(codeunit.service, safe='')}"
            self._codeunits[codeunit.service] = _Client(self._channel, url, codeunit.service, is_page=False)
        declared = next(one for one in codeunit.functions if one.name == function)
        kinds = {p.name: Field(p.name, p.kind) for p in declared.parameters}
        answer = self._codeunits[codeunit.service].call(
            function, **{name: to_soap(field, arguments[name]) for name, field in kinds.items()}
        )
        if declared.returns is None:
            return None
        try:
            return from_soap(Field("return_value", declared.returns), values(answer).get("return_value"))
        except ValueError as wrong:
            raise problem_of(ProtocolError, f"{codeunit.service} {function}", f"NAV's answer: {wrong}") from None

    def site_page(self, page: Page) -> SitePage:
        """How the site publishes a page; found once. Misconfigured, with the step to take, when it does not."""
        return self._page(page)[0]

    # ---- inside --------------------------------------------------------------------------------------------------

    def _read_set(self, client: _Client, filters: list[dict[str, str]], bookmark: str | None) -> Any:
        return self.patience.read(
            lambda: client.call("ReadMultiple", filter=filters, bookmarkKey=bookmark, setSize=SET_SIZE)
        )

    def _page(self, page: Page) -> tuple[SitePage, _Client]:
        if page.service not in self._pages:
            override = self._overrides.get(page.service, Override())
            name = find_service(page, self._services(), self._naming, override, soap=True)
            client = _Client(self._channel, f"{self._base}/Page/{quote(name, safe='')}", name, is_page=True)
            site = resolve(page, read_wsdl(client.wsdl, name), self._naming, override)
            self._pages[page.service] = (site, client)
        return self._pages[page.service]

    def _services(self) -> frozenset[str]:
        if self._published is None:
            found = read_services(_load(self._channel, f"{self._base}/services", "services"))
            self._published = found or frozenset(page.service for page in PAGES)
        return self._published

    def _entity(self, site: SitePage, write: Write) -> dict[str, Any]:
        """Only what changes: an absent element is untouched, a present one is assigned."""
        values = dict(write.fields)
        if write.op is Op.INSERT:
            values = {**dict(zip(write.page.key, write.key, strict=True)), **values}
        shown = {site.names[n]: to_soap(write.page.field(n), v, site.options.get(n)) for n, v in values.items()}
        return shown if write.op is Op.INSERT else {"Key": write.tag, **shown}

    def _told(self, write: Write, fault: NavpluginError) -> NavpluginError:
        """What the fault of a write means, by what stands in NAV now."""
        where = f"{write.page.service} {write.op}"
        conditions = [Condition(n, (v,)) for n, v in zip(write.page.key, write.key, strict=True)]
        try:
            row = next(iter(self.rows(write.page, conditions)), None)
        except NavpluginError:
            return problem_of(UnknownOutcome, where, "NAV refused the write and cannot be asked why; read the row back")
        if write.op is Op.INSERT and row is not None:
            return problem_of(AlreadyThere, where, "NAV has a row with this key already")
        if write.op is not Op.INSERT and row is None:
            return problem_of(Missing, where, "NAV has no such row any more")
        if row is not None and row.tag != write.tag:
            text = "NAV's row was changed by somebody else since it was read; read it again"
            return problem_of(Conflict, where, text)
        if isinstance(fault, ServerFault):
            return problem_of(UnknownOutcome, where, "NAV failed during the write; read the row back")
        return fault


class SoapFault(Refused):
    """NAV answered with a fault."""


class ServerFault(SoapFault):
    """A fault of the server itself: what became of a write is not told."""


class _Client:
    """One service: its WSDL and zeep's messages for it."""

    def __init__(self, channel: Channel, url: str, service: str, *, is_page: bool) -> None:
        self._service, self._channel = service, channel
        self.wsdl = _load(channel, url, service)
        parse_xml(self.wsdl, "WSDL")  # says better than zeep what is wrong
        transport = _Carrier(channel, url, service)
        try:
            # zeep declares no types.
            client: Any = zeep.Client(io.BytesIO(self.wsdl), transport=transport, settings=_SETTINGS)  # type: ignore[no-untyped-call]
            kind, name = ("page", service.lower()) if is_page else ("codeunit", service)
            binding = f"{{urn:microsoft-dynamics-schemas/{kind}/{name}}}{service}_Binding"
            self._calls = client.create_service(binding, url)
        except (zeep.exceptions.Error, ValueError, KeyError, AttributeError) as wrong:
            text = f"the WSDL of {service} cannot be used ({type(wrong).__name__}); check the address and the proxy"
            raise problem_of(ProtocolError, f"{service} WSDL", text) from None

    def call(self, operation: str, **arguments: Any) -> Any:
        """The result element of one operation. SoapFault: NAV's no. Misconfigured: the page does not allow it."""
        where = f"{self._service} {operation}"
        try:
            answer = self._calls[operation](**arguments)
        except AttributeError:
            step = "allow it on the page (InsertAllowed, ModifyAllowed, DeleteAllowed) and publish it again"
            raise problem_of(Misconfigured, where, f"NAV's page has no operation {operation}; {step}") from None
        except (zeep.exceptions.Error, TypeError, ValueError) as wrong:
            text = f"the message does not fit NAV's WSDL ({type(wrong).__name__}: {str(wrong)[:100]})"
            raise problem_of(ProtocolError, where, text) from None
        try:
            body = read_body(answer.content, where)
        except ProtocolError:
            if operation in _READS:
                raise
            text = "NAV's answer to the write is unreadable; read the row back"
            raise problem_of(UnknownOutcome, where, text) from None
        if fault := fault_of(body):
            kind = ServerFault if fault[0] in _SERVER_FAULTS else SoapFault
            raise problem_of(kind, where, f"NAV refuses ({fault[0]}: {self._channel.masked(fault[1])})")
        return body


class _Carrier(ZeepTransport):
    """zeep's messages through our channel; nothing else is ever loaded."""

    def __init__(self, channel: Channel, url: str, service: str) -> None:
        # zeep would open a session of its own, and declares no types.
        super().__init__(session=requests.Session())  # type: ignore[no-untyped-call]
        self._channel, self._url, self._service = channel, url, service

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> requests.Response:
        """Send one message to the configured address."""
        if address != self._url or not same_server(address, self._url):
            raise problem_of(ProtocolError, self._service, "the WSDL leads to another server")
        operation = headers.get("SOAPAction", "").strip('"').rpartition(":")[2]
        reads = operation in _READS
        request = Request("POST", self._url, f"{self._service} {operation}", reads, message, headers)
        answer = self._channel.exchange(request)
        if answer.status not in (200, 500) or "xml" not in answer.kind:
            raise _no_soap(self._channel, request, answer)
        return _as_requests(answer)

    def load(self, url: Any) -> bytes:
        """The WSDL that is in hand; a link to another document is refused."""
        if hasattr(url, "read"):
            return bytes(url.read())
        raise problem_of(ProtocolError, self._service, "the WSDL leads to another document, which is refused")


def read_row(site: SitePage, raw: Record) -> NavRow:
    """A row of an answer. ProtocolError for an unusable field or a lost Key."""
    fields: dict[str, Any] = {}
    for field in site.page.fields:
        name = site.names.get(field.name)
        try:
            fields[field.name] = from_soap(field, None if name is None else raw.get(name))
        except ValueError as wrong:
            text = f"NAV's field {name} cannot be read: {wrong}"
            raise problem_of(ProtocolError, f"{site.page.service} read", text) from None
    tag = raw.get("Key", "")
    if not tag:
        text = "NAV sent a row without its Key; it could not be changed safely"
        raise problem_of(ProtocolError, f"{site.page.service} read", text)
    return NavRow(fields, tag)


def _load(channel: Channel, url: str, what: str) -> bytes:
    request = Request("GET", url, f"{what} WSDL", reads=True, headers={"Accept": "text/xml"})
    answer = channel.exchange(request)
    if answer.status != 200 or "xml" not in answer.kind:
        raise _no_soap(channel, request, answer)
    return answer.body


def _no_soap(channel: Channel, request: Request, answer: Response) -> NavpluginError:
    if answer.status == 404:
        text = "NAV publishes no such service in this company; publish it on page Web Services, check the company"
        return problem_of(Misconfigured, request.where, f"{text} (404)")
    if answer.status in (200, 500):
        text = "something else than NAV answered (no XML); check the address, the proxy and the sign-in page"
        return problem_of(ProtocolError if request.reads else UnknownOutcome, request.where, text)
    return refusal(channel, request, answer)


def _as_requests(answer: Response) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content = answer.status, answer.body
    made.headers.update(answer.headers)
    made.encoding = "utf-8"
    return made
