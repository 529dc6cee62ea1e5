"""`$batch` of NAV's OData V4 face: JSON, at most 100 parts, with or without a transaction around them
(nav-webservices.md 10).

A failed part ends the batch unless `Prefer: odata.continue-on-error` was sent. With `Isolation: snapshot` a failure
undoes everything, and yet the parts before it go on saying 201; when it is the first part, its answer comes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from navplugin.simulator.call import Answer, Call, dumps
from navplugin.simulator.odata_error import ODataError, bad_request, not_allowed, not_implemented
from navplugin.simulator.odata_json import reply
from navplugin.simulator.state import State

LIMIT = 100
_VERBS = ("GET", "POST", "PATCH", "DELETE")
_INHERITED = ("accept-language", "data-access-intent")


class _Undone(Exception):
    """Ends the transaction of a batch in which a part failed."""


def run_batch(state: State, call: Call, settings: Mapping[str, Any], answer: Callable[[Call], Answer]) -> Answer:
    """Answer a batch; `answer` answers one part. ODataError when the batch as a whole is refused."""
    if settings["batch"] == "none":
        raise not_implemented("The server takes no $batch.")
    if call.method != "POST":
        raise not_allowed(call, "$batch")
    if not call.headers.get("content-type", "").casefold().startswith("application/json"):
        raise ODataError(415, "BadRequest", "A $batch is JSON here; multipart is not simulated.")
    parts = _parts(call)
    if len(parts) > LIMIT:
        raise ODataError(500, "Internal_ServerError", f"A batch has at most {LIMIT} operations, not {len(parts)}.")
    snapshot = call.headers.get("isolation", "").casefold() == "snapshot" and settings["batch"] == "transaction"
    goes_on = "continue-on-error" in call.headers.get("prefer", "").casefold()
    if not snapshot:
        return _answers(_run(parts, answer, goes_on=goes_on))
    found: list[dict[str, Any]] = []
    try:
        with state.transaction():
            found = _run(parts, answer, goes_on=goes_on or settings["batch_answers"] == "all", alone=True)
            if any(one["status"] >= 400 for one in found):
                raise _Undone
    except _Undone:
        pass
    return _answers(found)


def _run(
    parts: list[tuple[Any, Call]], answer: Callable[[Call], Answer], *, goes_on: bool, alone: bool = False
) -> list[dict[str, Any]]:
    """The parts one after another. alone: a failed first part is answered alone, whatever goes on."""
    found: list[dict[str, Any]] = []
    for number, (name, part) in enumerate(parts):
        one = answer(part)
        found.append(_shown(name, one))
        if one.status >= 400 and (not goes_on or (alone and number == 0)):
            break
    return found


def _parts(call: Call) -> list[tuple[Any, Call]]:
    """Id and call of each part."""
    body = call.json()
    wanted = body.get("requests") if isinstance(body, Mapping) else None
    if not isinstance(wanted, list) or not all(isinstance(one, Mapping) for one in wanted):
        raise bad_request("The body of a $batch is an object with a list 'requests'.")
    names = [one.get("id") for one in wanted if one.get("id") is not None]
    if len(names) != len(set(map(str, names))):
        raise bad_request("Two operations of the $batch have one id.")
    return [(one.get("id"), _part(call, one)) for one in wanted]


def _part(call: Call, one: Mapping[str, Any]) -> Call:
    method, url, sent = str(one.get("method", "")).upper(), str(one.get("url", "")), one.get("headers") or {}
    if method not in _VERBS or not url or not isinstance(sent, Mapping):
        raise bad_request("Each operation of a $batch has a method, a url, and headers that are an object.")
    path, query = _address(call, url)
    headers = {name: call.headers[name] for name in _INHERITED if name in call.headers}
    headers |= {str(name).casefold(): str(value) for name, value in sent.items()}
    if "company" in headers and "company=" not in query and "Company(" not in unquote(path):
        query += f"{'&' if query else ''}company={quote(headers['company'], safe='')}"
    content = b"" if one.get("body") is None else dumps(one["body"]).encode()
    return Call(method, path, query, headers, content, call.base, call.connection, call.past)


def _address(call: Call, url: str) -> tuple[str, str]:
    """Path and query of a part. ODataError when it is not below the service that takes the batch."""
    root = call.path.removesuffix("/$batch")
    try:
        where = urlsplit(url)
    except ValueError:
        raise bad_request(f"'{url}' is not an address.") from None
    path = where.path if where.path.startswith("/") else f"{root}/{where.path}"
    elsewhere = f"{where.scheme}://{where.netloc}" not in ("://", call.base)
    if elsewhere or not path.startswith(f"{root}/") or path.endswith("/$batch"):
        raise bad_request(f"'{url}' is not an address of this service.")
    return path, where.query


def _shown(name: Any, answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": name, "status": answer.status, "headers": dict(answer.headers)}
    if answer.body:
        json = answer.headers.get("content-type", "").startswith("application/json")
        shown["body"] = Call("", "", body=answer.body).json() if json else answer.body.decode()
    return shown


def _answers(found: list[dict[str, Any]]) -> Answer:
    return reply(200, {"responses": found})
