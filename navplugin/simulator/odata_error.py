"""Refusals of NAV's web service, with the codes of nav-webservices.md 8, shaped as the endpoint that was asked does."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from navplugin.simulator.call import Answer, Call, answer_json
from navplugin.simulator.fields import FieldError

V3_ROOT = "/NAV/OData"
ENGLISH, DANISH = "en-US", "da-DK"


class ODataError(Exception):
    """A request that NAV refuses: status, code for programs, message for people. danish: the message where NAV's own
    table has one; what the OData library says is English in every language."""

    def __init__(
        self, status: int, code: str, message: str, danish: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.code, self.message, self.danish = status, code, message, danish
        self.headers = dict(headers or {})
        super().__init__(message)

    @classmethod
    def of(cls, wrong: FieldError) -> ODataError:
        """A value that the field does not take is a bad request."""
        return cls(400, wrong.code, str(wrong), wrong.danish)

    def answer(self, call: Call, language: str = ENGLISH) -> Answer:
        """The error body; each message ends with its own correlation id. language: the server's, which
        `Accept-Language` overrides."""
        wanted = call.headers.get("accept-language", "").strip() or language
        language = DANISH if wanted.casefold().startswith("da") else ENGLISH
        message = self.danish if language == DANISH and self.danish else self.message
        message = f"{message} CorrelationId:  {uuid.uuid4()}."
        if is_v3(call):
            body = {"odata.error": {"code": "", "message": {"lang": language, "value": message}}}
            return answer_json(self.status, body, {"dataserviceversion": "3.0;", **self.headers})
        return answer_json(self.status, {"error": {"code": self.code, "message": message}}, self.headers)


def is_v3(call: Call) -> bool:
    """Whether the call goes to the OData V3 endpoint."""
    return call.path == V3_ROOT or call.path.startswith(V3_ROOT + "/")


def bad_request(message: str) -> ODataError:
    """The request itself is wrong: an error in the calling program."""
    return ODataError(400, "BadRequest", message)


def not_implemented(message: str) -> ODataError:
    """OData knows it, NAV's server does not."""
    return ODataError(501, "BadRequest_MethodNotImplemented", message)


def not_allowed(call: Call, what: str) -> ODataError:
    """The verb is not one for this address."""
    return ODataError(
        405, "BadRequest_MethodNotAllowed", f"{call.method} is not allowed on {what}.",
        f"{call.method} er ikke tilladt på {what}.",
    )  # fmt: skip


def wrong_company(name: str) -> ODataError:
    """A company that the server has not, in just this case; an empty name: none was given, and there is no default."""
    if not name:
        return ODataError(
            404, "Internal_CompanyNotFound", "The request names no company, and the server has no default company.",
            "Anmodningen angiver intet regnskab, og serveren har intet standardregnskab.",
        )  # fmt: skip
    return ODataError(
        404, "Internal_CompanyNotFound", f'The company "{name}" does not exist.', f'Regnskabet "{name}" findes ikke.'
    )


def not_found(name: str) -> ODataError:
    """A segment of the address that nothing is published under."""
    return ODataError(404, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{name}'.")


def switched_off() -> ODataError:
    """The endpoint is not served here."""
    return ODataError(
        405, "BadRequest_MethodNotAllowed", "The endpoint is switched off on this server.",
        "Slutpunktet er slået fra på denne server.",
    )  # fmt: skip
