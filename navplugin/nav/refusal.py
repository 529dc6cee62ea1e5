"""What a refusal of NAV's OData service means, and what to do (nav-webservices.md 8). Codes and statuses decide, never
the text, which is in the server's language."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from navplugin.core.errors import (
    AlreadyThere,
    AuthFailed,
    Busy,
    Conflict,
    Misconfigured,
    Missing,
    NavpluginError,
    ProtocolError,
    Refused,
    UnknownOutcome,
)
from navplugin.nav.channel import Channel, Request, Response, problem_of, seconds

_NOT_PUBLISHED = ("BadRequest_ResourceNotFound", "Internal_CompanyNotFound")
_INSIDE = ("Internal_", "Application_")
"""Begin the codes of what went wrong inside NAV: its data and its triggers, not our request."""


def refusal(channel: Channel, request: Request, response: Response) -> NavpluginError:
    """The typed error of an answer that is no success; NAV's own words stand in parentheses."""
    code, said = _error_of(read_json(response))
    told = f" ({channel.masked(said)})" if said else ""
    kind, text = _sort(request, response.status, code, channel.advice)
    problem = problem_of(kind, request.where, f"{text}{told}")
    problem.retry_after = seconds(response.headers.get("Retry-After", ""))
    return problem


def read_json(response: Response) -> Any:
    """The document of an answer, amounts as Decimal; None when it is no JSON, cut off, or nested too deeply."""
    if "json" not in response.kind:
        return None
    try:
        return json.loads(response.body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _sort(request: Request, status: int, code: str, advice: str) -> tuple[type[NavpluginError], str]:
    """The class of a refusal, and what to do."""
    if status in (401, 403):
        return AuthFailed, f"NAV refuses the sign-in ({status}); {advice}"
    waits = (408, 409, 502, 504)  # 409: a posting holds the table locked (nav-webservices.md 11)
    if status in (429, 503) or code == "Internal_TenantUnavailable" or (request.reads and status in waits):
        return Busy, f"NAV is busy ({status}); it is asked again later"
    if status == 405 and request.reads:
        return Misconfigured, "NAV answers no such request (405); check that OData is switched on for this server"
    if 300 <= status < 400 or (not code and 400 <= status < 500 and status not in (404, 405, 408)):
        return ProtocolError, f"NAV answered with {status} and no reason of its own; check the address and the proxy"
    if status >= 500 or status == 408:
        return _failed(request, status, code)
    if code == "SkipTokenIsNoLongerValid":
        return Busy, "NAV has forgotten where the page began; it is read again later"
    inside = code.startswith(_INSIDE)
    if code in _NOT_PUBLISHED or (request.reads and status != 404 and code.startswith("BadRequest")):
        return Misconfigured, _unknown_to_nav(status, code)
    if request.reads and (status != 404 or (inside and _is_of_rows(request))):
        return ProtocolError, f"NAV failed inside the page ({status} {code}); look into the server's log"
    if status == 404 and request.method == "POST":
        return (Refused, f"NAV refuses (404 {code})") if inside else (Misconfigured, _unknown_to_nav(status, code))
    if status == 404:
        return _not_found(request)
    return _no_to_a_write(request, status, code)


def _failed(request: Request, status: int, code: str) -> tuple[type[NavpluginError], str]:
    if status == 501:
        return Misconfigured, f"NAV's server does not do this (501 {code}); report it with the server's version"
    if request.reads:
        return ProtocolError, f"NAV failed ({status} {code}); look into the server's log"
    return UnknownOutcome, f"NAV failed during the write ({status} {code}); read the row back before another try"


def _no_to_a_write(request: Request, status: int, code: str) -> tuple[type[NavpluginError], str]:
    if code == "Internal_EntityWithSameKeyExists" or (status == 409 and request.method == "POST"):
        return AlreadyThere, "NAV has a row with this key already"
    if status in (409, 412) or code == "Request_EntityChanged":
        return Conflict, "NAV's row was changed by somebody else since it was read; read it again"
    return Refused, f"NAV refuses ({status} {code})"


def _not_found(request: Request) -> tuple[type[NavpluginError], str]:
    if request.reads and _is_of_rows(request):
        return Misconfigured, "NAV does not know this page; publish it as a web service under this name (404)"
    return Missing, "NAV has no such row any more"


def _is_of_rows(request: Request) -> bool:
    """Whether a read asks for a set of rows, not for one by its key."""
    return "(" not in request.url.rpartition("/")[2]


def _unknown_to_nav(status: int, code: str) -> str:
    text = f"NAV does not know this page, field or company ({status} {code})"
    return f"{text}; publish the page as declared and check the company's name"


def _error_of(document: Any) -> tuple[str, str]:
    """Code for programs and message for people; V3 nests the message once more."""
    if not isinstance(document, dict):
        return "", ""
    error = document.get("error") or document.get("odata.error")
    if not isinstance(error, dict):
        return "", ""
    message = error.get("message")
    said = message.get("value") if isinstance(message, dict) else message
    return str(error.get("code") or "Unknown"), str(said or "")
