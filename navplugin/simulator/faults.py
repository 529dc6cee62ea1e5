"""Faults to order: what goes wrong with the next calls that NAV or AIQ receive (reliability.md, fault injection).

A fault is a JSON object: `call` (`nav`, `nav.GET`, `nav.PATCH AIQ_POSPrompts`, `nav.SOAP AIQ_POSPrompts Update`, `aiq`,
`aiq.redeem` ...: the whole name of the call or the front part of it), `fault`, and optionally `times` (default 1, -1 =
until cleared), `skip` (calls that pass first), `seconds` (slow), `retry_after` (429, seconds). The first listed fault
that fits a call is used.

| fault | the call takes effect | the caller gets |
| --- | --- | --- |
| before | no | a connection that ends without an answer |
| after | yes | a connection that ends without an answer |
| late | after the next call to the same system was answered | a connection that ends without an answer |
| slow | yes, after the wait | the answer, after `seconds` |
| 400 to 599 | no | this status |
| html | no | status 200 and a page, as from a proxy |
| half | yes | the first half of the JSON or XML text |
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from navplugin.simulator.call import Answer, Call, answer_json
from navplugin.simulator.soap_fault import SERVER, SoapFault
from navplugin.simulator.state import State

DOC = "faults"
KINDS = ("before", "after", "late", "slow", "html", "half")
_NUMBERS = {"times": 1, "skip": 0, "seconds": 0, "retry_after": 0}
_LONGEST = 600.0
_CUT = Answer(0, cut=True)

Handler = Callable[[Call], Answer]


class BadFault(ValueError):
    """A fault that cannot be ordered; the message says why."""


class Faults:
    """The list of ordered faults; it lives in the state and survives a restart. Calls that are to take effect late
    are lost when the process dies, as they would be anywhere."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._late: list[tuple[str, Handler, Call]] = []
        self._stopping = threading.Event()

    def add(self, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Order a fault; returns it with its defaults. BadFault when it makes no sense."""
        checked = _checked(fault)
        with self._state.transaction():
            self._state.set_doc(DOC, [*self.listed(), checked])
        return checked

    def listed(self) -> list[dict[str, Any]]:
        """Faults still to come, in the order in which they are tried."""
        found: list[dict[str, Any]] = self._state.doc(DOC, [])
        return found

    def clear(self) -> None:
        """Forget all faults; calls that are still late take effect now."""
        self._state.set_doc(DOC, [])
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
            return self._with(fault, name, handler, call) if fault else handler(call)
        finally:
            for late_handler, late_call in due:
                late_handler(late_call)

    def _with(self, fault: Mapping[str, Any], name: str, handler: Handler, call: Call) -> Answer:
        match fault["fault"]:
            case "before":
                return _CUT
            case "after":
                handler(call)
                return _CUT
            case "late":
                with self._state.transaction():
                    self._late.append((name.partition(".")[0], handler, call))
                return _CUT
            case "slow":
                self._stopping.wait(float(fault["seconds"]))
                return handler(call)
            case "html":
                page = b"<html><body><h1>Please sign in to the network</h1></body></html>"
                return Answer(200, page, {"content-type": "text/html; charset=utf-8"})
            case "half":
                full = handler(call)
                return Answer(full.status, full.body[: len(full.body) // 2], full.headers)
        return _refusal(name, int(fault["fault"]), fault["retry_after"])

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
    known = {"call", "fault", *_NUMBERS}
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
    return {"call": call, "fault": kind, **numbers}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or hasattr(value, "is_finite")


def _fits(ordered: str, name: str) -> bool:
    return name == ordered or name.startswith((ordered + ".", ordered + " "))


def _refusal(name: str, status: int, retry_after: Any) -> Answer:
    headers = {"retry-after": f"{retry_after:g}"} if retry_after else {}
    message = f"The request was answered with {status} because the simulator was told so."
    if name.startswith("nav.SOAP"):
        # A fault has status 500; every other status comes from the web server in front of it, without a message.
        fault = SoapFault(SERVER, message, message).answer({}) if status == 500 else Answer(status)
        return replace(fault, headers={**fault.headers, **headers})
    if name.startswith("nav"):
        code = {401: "Authentication_InvalidCredentials", 409: "Request_EntityChanged"}.get(status, "Unknown")
        return answer_json(status, {"error": {"code": code, "message": message}}, headers)
    return answer_json(status, {"success": False, "code": status, "errors": [{"message": message}]}, headers)
