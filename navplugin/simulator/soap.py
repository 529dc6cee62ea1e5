"""NAV's SOAP face: `/NAV/WS/` with the pages of the contract and the codeunits, over the same state as the OData face.

| address below `/NAV/WS` | GET | POST |
| --- | --- | --- |
| `/{Company}/services` | the list of services | |
| `/{Company}/Page/{Service}` | WSDL | Read, ReadMultiple, Create ... (`soap_page`) |
| `/{Company}/Codeunit/{Service}` | WSDL | a function of the codeunit |
| `/SystemService`, `/{Company}/SystemService` | WSDL | Companies |

Without a company the only one is taken. SOAP publishes no queries: what is a query over OData is a page here.
Refusals are faults (`soap_fault`); a service or company that is not there answers 404 (assumed).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from navplugin.nav.contract import CODEUNITS, Codeunit, Field, Kind, Naming
from navplugin.simulator.call import Answer, Call
from navplugin.simulator.codeunits import parameter_field, run_function
from navplugin.simulator.fields import FieldError
from navplugin.simulator.odata import NavFace
from navplugin.simulator.odata_error import ODataError
from navplugin.simulator.planted import planted
from navplugin.simulator.signin import accept
from navplugin.simulator.soap_fault import NO_COMPANY, NO_SERVICE, ROOT, XML, SoapFault, unknown
from navplugin.simulator.soap_message import action, read_request, reply, tag
from navplugin.simulator.soap_page import SoapPage
from navplugin.simulator.soap_values import read_text, show_text
from navplugin.simulator.soap_wsdl import (
    SYSTEM,
    codeunit_namespace,
    codeunit_wsdl,
    discovery,
    page_namespace,
    page_wsdl,
    system_wsdl,
)
from navplugin.simulator.state import State
from navplugin.simulator.view import View, views

_ALONE = ("services", "systemservice")
_NAMED = ("page", "codeunit")
_WORD = re.compile(r"\w{1,100}\Z")


class SoapFace:
    """Answers requests below `/NAV/WS`. Settings and the count of requests are those of the OData face; the setting
    `soap` (true) says whether the endpoint is switched on."""

    def __init__(self, state: State, nav: NavFace) -> None:
        self._state, self._nav = state, nav

    def name(self, call: Call) -> str:
        """`nav.SOAP Service Operation`, the name by which a fault is ordered and a request counted. The operation is
        the SOAPAction's, WSDL for a GET; the list of services is `nav.SOAP services`."""
        service = _segments(call)[-1:] or ["services"]
        named = service[0] if _WORD.match(service[0]) else "Unknown"
        if named.casefold() == "services":
            return "nav.SOAP services"
        operation = "WSDL" if call.method == "GET" else action(call)
        return f"nav.SOAP {named} {operation or 'Unknown'}"

    def answer(self, call: Call) -> Answer:
        """The answer to one request; refusals are answers too."""
        settings = self._nav.settings
        try:
            if not settings["soap"] or call.method not in ("GET", "POST"):
                return Answer(405, b"", {"allow": "GET, POST"})
            accept(self._state, call, settings)
            return self._answer(call, settings)
        except ODataError as refusal:
            # Sign-in is the web server's work, below SOAP: its refusal has no fault.
            return Answer(refusal.status, b"", refusal.headers)
        except FieldError as wrong:
            return SoapFault.of(wrong).answer(call.headers, settings["language"])
        except SoapFault as fault:
            return fault.answer(call.headers, settings["language"])

    def _answer(self, call: Call, settings: Mapping[str, Any]) -> Answer:
        company, kind, service = _address(call, settings["company"])
        naming = Naming(settings["naming"])
        pages = planted(views(naming), settings["planted"])
        match kind:
            case "services":
                shown = discovery((view.page for view in pages.values()), CODEUNITS, company)
                return _document(shown) if call.method == "GET" else Answer(405, b"", {"allow": "GET"})
            case "systemservice":
                return self._system(call, company)
            case "page" if service in pages:
                return self._page(call, pages[service], naming, company)
            case "codeunit":
                for codeunit in CODEUNITS:
                    if codeunit.service == service:
                        return self._codeunit(call, codeunit, company)
        raise _no_service(kind, service)

    def _page(self, call: Call, view: View, naming: Naming, company: str) -> Answer:
        if call.method == "GET":
            return _document(page_wsdl(view.page, company))
        request = read_request(call, page_namespace(view.page.service))
        return SoapPage(self._state, view, naming).run(request)

    def _codeunit(self, call: Call, codeunit: Codeunit, company: str) -> Answer:
        if call.method == "GET":
            return _document(codeunit_wsdl(codeunit, company))
        namespace = codeunit_namespace(codeunit.service)
        request = read_request(call, namespace)
        function = next((one for one in codeunit.functions if one.name == request.name), None)
        if function is None:
            raise unknown(request.name, codeunit.service)
        fields = {one.name: parameter_field(one) for one in function.parameters}
        texts = request.texts(tuple(fields), needed=tuple(fields))
        arguments = {name: read_text(field, texts[name]) for name, field in fields.items()}
        result = run_function(self._state, codeunit, function, arguments)
        shown = [tag(name, show_text(fields[name], value) or "") for name, value in result.by_ref.items()]
        if function.returns is not None:
            shown.insert(0, tag("return_value", show_text(_returned(function.returns), result.value) or ""))
        return reply(namespace, function.name, "".join(shown))

    def _system(self, call: Call, company: str) -> Answer:
        if call.method == "GET":
            return _document(system_wsdl())
        request = read_request(call, SYSTEM)
        if request.name != "Companies":
            raise unknown(request.name, "SystemService")
        request.texts(())
        return reply(SYSTEM, request.name, tag("return_value", company))


def _returned(kind: Kind) -> Field:
    return Field("return_value", kind)


def _segments(call: Call) -> list[str]:
    return [unquote(part) for part in call.path.removeprefix(ROOT).split("/") if part]


def _address(call: Call, company: str) -> tuple[str, str, str]:
    """Company, what is addressed (`page`, `codeunit`, `services`, `systemservice`), and its service name."""
    segments = _segments(call)
    if not _kind(segments):
        if segments and segments[0] != company:
            english, danish = f'The company "{segments[0]}" does not exist.', f'Regnskabet "{segments[0]}" findes ikke.'
            raise SoapFault(NO_COMPANY, english, danish, 404)
        segments = segments[1:]
    kind = _kind(segments)
    if not kind:
        raise _no_service("", "/".join(segments))
    return company, kind, segments[1] if kind in _NAMED else ""


def _kind(segments: list[str]) -> str:
    word = segments[0].casefold() if segments else ""
    known = _NAMED if len(segments) == 2 else _ALONE if len(segments) == 1 else ()
    return word if word in known else ""


def _no_service(kind: str, service: str) -> SoapFault:
    name = f"{kind.capitalize()}/{service}" if kind else service
    return SoapFault(NO_SERVICE, f'Service "{name}" was not found!', f'Tjenesten "{name}" blev ikke fundet!', 404)


def _document(text: str) -> Answer:
    return Answer(200, text.encode(), {"content-type": XML})
