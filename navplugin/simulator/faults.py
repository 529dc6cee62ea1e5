"""Faults to order: what goes wrong with the next calls that NAV or AIQ receive (reliability.md, fault injection).

A fault is a JSON object. `call`: the whole name of the call or the front part of it (`nav`, `nav.GET`,
`nav.PATCH AIQ_POSPrompts`, `nav.SOAP AIQ_POSPrompts Update`, `nav.POST $batch`, `nav.GET AIQ_Sale.ReadOnly`,
`nav.token`, `aiq`, `aiq.redeem` ...).
`fault`: one of the table. The rest is optional; the first listed fault that fits a call is used.

| fault | the call takes effect | the caller gets |
| --- | --- | --- |
| before | no | a connection that ends without an answer |
| after | yes | a connection that ends without an answer |
| late | after the next call to the same system was answered | a connection that ends without an answer |
| slow | yes, after the wait | the answer, after `seconds` |
| 400 to 599 | no; with `effect`, yes | this status, after `seconds` |
| html | no | status 200, or `status`, and a page, as from a proxy |
| body | no; with `effect`, yes | status 200, or `status`, and the JSON of `body` |
| half | yes | the first half of the JSON or XML text, as if it were all |
| torn | yes | the first half of the body, then the connection ends |
| stale | a read of NAV | the rows as they were when the fault was ordered |

| part | what it says | without it |
| --- | --- | --- |
| times | how many calls; -1 = until cleared | 1 |
| skip | calls that pass first | 0 |
| seconds | the wait, at most 600 | 0 |
| retry_after | the header Retry-After, seconds | none |
| effect | true: a status (408) or a `body` comes although the write took place | false |
| code, message | the error body of NAV | by the status |
| status | of `html` and `body` | 200 |
| body | of `body`: an object, such as `{"errors": [{"message": "Not enough points"}]}` | must be there |
| key | of `stale`: the one row, as a list in key order, whose writer has not committed yet | all rows |

`stale` with a key is the late commit: write the row, let later rows be read, and it turns up with its older change
mark. Without a key it is a replica that lags; order it for `nav.GET AIQ_Sale.ReadOnly` to strike only reads with
`Data-Access-Intent: ReadOnly`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from navplugin.simulator.call import Answer, Call, answer_json
from navplugin.simulator.fields import FieldError
from navplugin.simulator.odata_error import ODataError
from navplugin.simulator.soap_fault import is_soap, refuse
from navplugin.simulator.state import State, Tables

DOC = "faults"
KINDS = ("before", "after", "late", "slow", "html", "body", "half", "torn", "stale")
_NUMBERS = {"times": 1, "skip": 0, "seconds": 0, "retry_after": 0}
_MORE = {"effect": bool, "code": str, "message": str, "status": int, "key": list, "body": dict}
_CODES = {
    401: "Authentication_InvalidCredentials", 404: "BadRequest_ResourceNotFound", 405: "BadRequest_MethodNotAllowed",
    409: "Request_EntityChanged", 501: "BadRequest_MethodNotImplemented",
}  # fmt: skip
_LONGEST = 600.0
_CUT = Answer(0, cut=True)

Handler = Callable[[Call], Answer]


class BadFault(ValueError):
    """A fault that cannot be ordered; the message says why."""


class Faults:
    """The list of ordered faults; it lives in the state and survives a restart. Calls that are to take effect late
    are lost when the process dies, as they would be anywhere; what a stale read is to show is lost as well."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._late: list[tuple[str, Handler, Call]] = []
        self._past: dict[int, Callable[[], Tables]] = {}
        self._stopping = threading.Event()

    def add(self, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Order a fault; returns it with its defaults. BadFault when it makes no sense."""
        checked = _checked(fault)
        with self._state.transaction():
            if checked["fault"] == "stale":
                checked["past"] = max(self._past, default=0) + 1
                self._past[checked["past"]] = _past(self._state, checked)
            self._state.set_doc(DOC, [*self.listed(), checked])
        return checked

    def listed(self) -> list[dict[str, Any]]:
        """Faults still to come, in the order in which they are tried."""
        found: list[dict[str, Any]] = self._state.doc(DOC, [])
        return found

    def clear(self) -> None:
        """Forget all faults; calls that are still late take effect now."""
        self._state.set_doc(DOC, [])
        self._past.clear()
        for handler, call in self._due("") + self._due("nav") + self._due("aiq"):
            handler(call)

    def stop(self) -> None:
        """End every slow call at once; for the end of the server."""
        self._stopping.set()

    def run(self, name: str, handler: Handler, call: Call) -> Answer:
        """Answer the call, with the fault that is ordered for it, if any."""
        system = name.partition(".")[0]
        due = self._due(system)
        fault = self._take(name)
        try:
            return self._with(fault, system, handler, call) if fault else handler(call)
        finally:
            for late_handler, late_call in due:
                late_handler(late_call)

    def _with(self, fault: Mapping[str, Any], system: str, handler: Handler, call: Call) -> Answer:
        match fault["fault"]:
            case "before":
                return _CUT
            case "after":
                handler(call)
                return _CUT
            case "late":
                with self._state.transaction():
                    self._late.append((system, handler, call))
                return _CUT
            case "slow":
                self._stopping.wait(float(fault["seconds"]))
                return handler(call)
            case "stale":
                past = self._past.get(fault["past"])
                return handler(replace(call, past=past() if past else None))
            case "html":
                page = b"<html><body><h1>Please sign in to the network</h1></body></html>"
                return Answer(fault.get("status", 200), page, {"content-type": "text/html; charset=utf-8"})
            case "body":
                if fault.get("effect"):
                    handler(call)
                return answer_json(fault.get("status", 200), fault["body"])
            case "torn":
                return replace(handler(call), cut=True)
            case "half":
                full = handler(call)
                return Answer(full.status, full.body[: len(full.body) // 2], full.headers)
        self._stopping.wait(float(fault["seconds"]))
        if fault.get("effect"):
            handler(call)
        return _refusal(system, call, fault)

    def _take(self, name: str) -> dict[str, Any] | None:
        with self._state.transaction():
            faults = self.listed()
            fault = next((f for f in faults if _fits(f["call"], name)), None)
            if fault is None:
                return None
            if fault["skip"] > 0:
                fault["skip"] -= 1
                self._state.set_doc(DOC, faults)
                return None
            fault["times"] -= 1 if fault["times"] > 0 else 0
            self._state.set_doc(DOC, [f for f in faults if f["times"] != 0])
            return fault

    def _due(self, system: str) -> list[tuple[Handler, Call]]:
        with self._state.transaction():
            due = [(handler, call) for whose, handler, call in self._late if whose == system]
            self._late = [one for one in self._late if one[0] != system]
        return due


def _checked(fault: Mapping[str, Any]) -> dict[str, Any]:
    known = {"call", "fault", *_NUMBERS, *_MORE}
    for name in fault:
        if name not in known:
            raise BadFault(f"'{name}' is not a part of a fault; the parts are {', '.join(sorted(known))}.")
    call, kind = str(fault.get("call", "")), str(fault.get("fault", ""))
    if call.partition(".")[0] not in ("nav", "aiq"):
        raise BadFault("'call' must begin with nav or aiq, for instance nav.GET AIQ_Sale or aiq.redeem.")
    if kind not in KINDS and not (kind.isdecimal() and 400 <= int(kind) <= 599):
        raise BadFault(f"'fault' is one of {', '.join(KINDS)} or a status from 400 to 599.")
    numbers = {name: fault.get(name, usual) for name, usual in _NUMBERS.items()}
    for name, number in numbers.items():
        if isinstance(number, bool) or not _is_number(number) or number < (-1 if name == "times" else 0):
            raise BadFault(f"'{name}' must be a number that is not negative.")
    if numbers["times"] == 0 or numbers["times"] != int(numbers["times"]) or numbers["skip"] != int(numbers["skip"]):
        raise BadFault("'times' and 'skip' are whole numbers; 'times' is -1 or at least 1.")
    if numbers["seconds"] > _LONGEST:
        raise BadFault(f"'seconds' is at most {_LONGEST:g}.")
    return {"call": call, "fault": kind, **numbers, **_checked_more(fault)}


def _checked_more(fault: Mapping[str, Any]) -> dict[str, Any]:
    more = {name: fault[name] for name in _MORE if name in fault}
    for name, value in more.items():
        if name == "status" and _is_number(value) and not isinstance(value, bool):
            more[name] = value = int(value)
        if not isinstance(value, _MORE[name]):
            raise BadFault(f"'{name}' of a fault is {_MORE[name].__name__}, not '{value}'.")
    if ("body" in more) != (fault["fault"] == "body"):
        raise BadFault("'body' is a part of the fault 'body', which cannot do without it.")
    if not 200 <= more.get("status", 200) <= 599:
        raise BadFault("'status' is from 200 to 599.")
    return more


def _past(state: State, fault: Mapping[str, Any]) -> Callable[[], Tables]:
    """What a stale read shows. BadFault when the call or the key names nothing."""
    if not fault["call"].startswith("nav"):
        raise BadFault("'stale' is for reads of nav.")
    if "key" not in fault:
        tables = state.remember()
        return lambda: tables
    service = fault["call"].partition(" ")[2].partition(".")[0]
    try:
        return state.remember_row(service, *fault["key"])
    except (KeyError, FieldError) as wrong:
        raise BadFault(f"'stale' with a key wants a page in 'call' and its key: {wrong.args[0]}.") from wrong


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or hasattr(value, "is_finite")


def _fits(ordered: str, name: str) -> bool:
    return name == ordered or name.startswith((ordered + ".", ordered + " "))


def _refusal(system: str, call: Call, fault: Mapping[str, Any]) -> Answer:
    status = int(fault["fault"])
    headers = {"retry-after": f"{fault['retry_after']:g}"} if fault["retry_after"] else {}
    message = fault.get("message", f"The request was answered with {status} because the simulator was told so.")
    if is_soap(call):
        return refuse(call, status, message, headers)
    if system == "nav":
        code = fault.get("code", _CODES.get(status, "Unknown"))
        return ODataError(status, code, message, headers=headers).answer(call)
    return answer_json(status, {"success": False, "code": status, "errors": [{"message": message}]}, headers)
