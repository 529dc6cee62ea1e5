"""Refusals of NAV's SOAP services: HTTP 500, a code that is a .NET exception's name, a text in the caller's language
(nav-webservices.md 13). Of the names only ServiceBrokerException was recorded; the others are assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from navplugin.simulator.call import Answer, Call
from navplugin.simulator.fields import FieldError

ROOT = "/NAV/WS"
XML = "text/xml; charset=utf-8"
CLIENT = "s:Client"
"""The request is no SOAP message that the service knows."""
_WEB = "a:Microsoft.Dynamics.Nav.Service.WebServices"
_TYPES = "a:Microsoft.Dynamics.Nav.Types.Exceptions"
BROKER = f"{_WEB}.ServiceBrokerException"
NO_SERVICE = f"{_WEB}.ServiceNotFoundException"
NO_COMPANY = f"{_TYPES}.NavCompanyNotFoundException"
NO_RECORD = f"{_TYPES}.NavCSideRecordNotFoundException"
DUPLICATE = f"{_TYPES}.NavCSideDuplicateKeyException"
FIELD = f"{_TYPES}.NavTestFieldException"
READ_ONLY = f"{_TYPES}.NavPageFieldNotEditableException"
VALUE = f"{_TYPES}.NavNCLEvaluateException"
TOO_LONG = f"{_TYPES}.NavNCLStringLengthExceededException"
FILTER = f"{_TYPES}.NavFilterException"
SERVER = f"{_TYPES}.NavCSideException"

_FIELD_ERRORS = {
    "Application_StringExceededLength": (TOO_LONG, "Teksten er for lang til feltet."),
    "Unknown": (VALUE, "Værdien findes ikke blandt feltets muligheder."),
}
_OTHER_FIELD_ERROR = (VALUE, "Værdien kan ikke konverteres til feltets type.")
_FAULT = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
    '<faultcode xmlns:a="urn:microsoft-dynamics-schemas/error">{code}</faultcode>'
    '<faultstring xml:lang="{language}">{text}</faultstring>'
    '<detail><string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">{text}</string></detail>'
    "</s:Fault></s:Body></s:Envelope>"
)
_NOT_XML = {code: None for code in range(32) if chr(code) not in "\t\n\r"} | {0xFFFE: None, 0xFFFF: None}


class SoapFault(Exception):
    """A call that NAV refuses: code for programs, text in English and in Danish, status."""

    def __init__(self, code: str, english: str, danish: str, status: int = 500) -> None:
        self.code, self.danish, self.status = code, danish, status
        super().__init__(english)

    @classmethod
    def of(cls, wrong: FieldError) -> SoapFault:
        """A value that the field does not take."""
        code, danish = _FIELD_ERRORS.get(wrong.code, _OTHER_FIELD_ERROR)
        return cls(code, str(wrong), danish)

    def answer(self, headers: Mapping[str, str], language: str = "") -> Answer:
        """The fault in the language that the caller's headers ask for, or else in the server's own."""
        danish = (headers.get("accept-language", "").strip() or language).casefold().startswith("da")
        text, language = (self.danish, "da-DK") if danish else (str(self), "en-US")
        body = _FAULT.format(code=self.code, language=language, text=xml_text(text))
        return Answer(self.status, body.encode(), {"content-type": XML})


def is_soap(call: Call) -> bool:
    """Whether the call goes to the SOAP endpoint."""
    return call.path == ROOT or call.path.startswith(ROOT + "/")


def refuse(call: Call, status: int, message: str, headers: Mapping[str, str]) -> Answer:
    """An answer of a status: 500 is a fault; every other comes from the web server below SOAP, without a message."""
    if status != 500:
        return Answer(status, b"", headers)
    fault = SoapFault(SERVER, message, message).answer(call.headers)
    return Answer(status, fault.body, {**fault.headers, **headers})


def xml_text(text: str) -> str:
    """Text inside an element. What XML cannot hold is left out."""
    return escape(text.translate(_NOT_XML), {"\r": "&#xD;"})


def not_understood(english: str, danish: str) -> SoapFault:
    """The message itself is wrong: an error in the calling program."""
    return SoapFault(CLIENT, english, danish)


def changed(table: str, identity: str) -> SoapFault:
    """The Key is older than the record."""
    english = f'Other user has modified "{table}" "{identity}".'
    return SoapFault(BROKER, english, f'En anden bruger har ændret "{table}" "{identity}".')


def no_record(caption: str, identity: str) -> SoapFault:
    """The record of a Key is gone."""
    english = f"The {caption} does not exist. Identification fields and values: {identity}"
    return SoapFault(NO_RECORD, english, f"{caption} findes ikke. Identifikationsfelter og værdier: {identity}")


def duplicate(caption: str, identity: str) -> SoapFault:
    """A record with this key is there already."""
    english = f"The {caption} already exists. Identification fields and values: {identity}"
    return SoapFault(DUPLICATE, english, f"{caption} findes allerede. Identifikationsfelter og værdier: {identity}")


def bad_key() -> SoapFault:
    """A Key that no record of this page ever had."""
    return SoapFault(BROKER, "The Key is not valid for this page.", "Nøglen er ikke gyldig for denne side.")


def missing(name: str, what: str) -> SoapFault:
    """A part of the message that must be there is not."""
    return not_understood(f'The parameter "{name}" of {what} is missing.', f'Parameteren "{name}" til {what} mangler.')


def unknown(name: str, what: str) -> SoapFault:
    """An element that the service's schema does not have."""
    english = f'The element "{name}" is not expected in {what}.'
    return not_understood(english, f'Elementet "{name}" forventes ikke i {what}.')
