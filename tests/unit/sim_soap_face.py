"""How a test asks the simulated NAV over SOAP: zeep over the face itself, or bare XML."""

from __future__ import annotations

import io
from typing import Any

import requests
import zeep
from lxml import etree
from zeep.transports import Transport

from navplugin.simulator.call import Answer, Call
from navplugin.simulator.odata import NavFace
from navplugin.simulator.soap import SoapFace
from navplugin.simulator.soap_fault import ROOT
from navplugin.simulator.soap_wsdl import codeunit_namespace, page_namespace
from navplugin.simulator.state import State
from tests.unit.sim_odata_face import SIGN_IN

COMPANY = "CRONUS%20Cannabis"
STRICT = zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
BROKER = "a:Microsoft.Dynamics.Nav.Service.WebServices.ServiceBrokerException"
ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
PROMPT = {"Receipt_No": "R1", "Prompt_Key": "K1", "Text_1": "Join?"}


class Soap:
    """The SOAP face of a state, without HTTP."""

    def __init__(self, state: State, language: str = "") -> None:
        self.face = SoapFace(state, NavFace(state))
        self._language = {"accept-language": language} if language else {}
        self._clients: dict[str, Any] = {}

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        sent = {"authorization": SIGN_IN, "content-type": "text/xml; charset=utf-8", **self._language}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.face.answer(Call(method, f"{ROOT}/{path}", "", sent, body, "http://nav.test:7047"))

    def page(self, service: str) -> Any:
        """zeep's operations of a page."""
        return self.operations(f"{COMPANY}/Page/{service}", f"{{{page_namespace(service)}}}{service}_Binding")

    def codeunit(self, service: str) -> Any:
        """zeep's operations of a codeunit."""
        return self.operations(f"{COMPANY}/Codeunit/{service}", f"{{{codeunit_namespace(service)}}}{service}_Binding")

    def operations(self, path: str, binding: str) -> Any:
        """zeep's operations at an address, which is not the one that its WSDL names."""
        if path not in self._clients:
            client = zeep.Client(io.BytesIO(self.send("GET", path).body), transport=_Carrier(self), settings=STRICT)
            self._clients[path] = client.create_service(binding, path)
        return self._clients[path]

    def call(self, service: str, operation: str, inner: str, **headers: str) -> Answer:
        """A hand-written call of a page: `inner` is the XML inside the operation's element."""
        namespace = page_namespace(service)
        body = message(f'<{operation} xmlns="{namespace}">{inner}</{operation}>')
        return self.send("POST", f"{COMPANY}/Page/{service}", body, soapaction=f'"{namespace}:{operation}"', **headers)


class _Carrier(Transport):
    """zeep's messages straight to the face."""

    def __init__(self, soap: Soap) -> None:
        super().__init__(session=requests.Session())
        self._soap = soap

    def post(self, address: str, message: bytes, headers: Any) -> requests.Response:
        sent = {name.lower().replace("-", "_"): value for name, value in headers.items()}
        answer = self._soap.send("POST", address, message, **sent)
        made = requests.Response()
        made.status_code, made._content, made.encoding = answer.status, answer.body, "utf-8"
        made.headers.update(answer.headers)
        return made


def message(inner: str) -> bytes:
    space = ENVELOPE.strip("{}")
    return f'<e:Envelope xmlns:e="{space}"><e:Body>{inner}</e:Body></e:Envelope>'.encode()


def fault(answer: Answer, status: int = 500) -> tuple[str, str]:
    """Code and words of a fault."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"].startswith("text/xml")
    found = etree.fromstring(answer.body).find(f"{ENVELOPE}Body/{ENVELOPE}Fault")
    assert found is not None, answer.body
    return found.findtext("faultcode"), found.findtext("faultstring")


def receipts(soap: Soap, criteria: str, field: str = "Receipt_No", size: int = 0, bookmark: str | None = None) -> Any:
    found = soap.page("AIQ_Sale").ReadMultiple(
        filter=[{"Field": field, "Criteria": criteria}], bookmarkKey=bookmark, setSize=size
    )
    return [row["Receipt_No"] for row in found or []]
