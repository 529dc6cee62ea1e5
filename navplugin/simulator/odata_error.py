"""Refusals of NAV's web service, with the codes of nav-webservices.md 8."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from navplugin.simulator.call import Answer, answer_json
from navplugin.simulator.fields import FieldError


class ODataError(Exception):
    """A request that NAV refuses: status, code for programs, message for people."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        super().__init__(message)

    @classmethod
    def of(cls, wrong: FieldError) -> ODataError:
        """A value that the field does not take is a bad request."""
        return cls(400, wrong.code, str(wrong))

    def answer(self) -> Answer:
        """The error body; each message ends with its own correlation id."""
        message = f"{self.message} CorrelationId:  {uuid.uuid4()}."
        return answer_json(self.status, {"error": {"code": self.code, "message": message}}, self.headers)


def bad_request(message: str) -> ODataError:
    """The request itself is wrong: an error in the calling program."""
    return ODataError(400, "BadRequest", message)


def not_implemented(message: str) -> ODataError:
    """OData knows it, NAV's server does not."""
    return ODataError(501, "BadRequest_MethodNotImplemented", message)
