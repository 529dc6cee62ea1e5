"""What the codeunits of the AIQ objects do, whichever way they are called (nav.contract.codeunits)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from navplugin.nav.contract import CODEUNITS, Codeunit, Field, Function, Parameter
from navplugin.simulator.state import State

VERSION = "1.0.0.0"
LONGEST_WAIT_MS = 20000
"""A call waits no longer than this, whatever it asks for, so that the simulator can end."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a function gives back: its value (None where it returns none), and its `var` parameters by name."""

    value: Any = None
    by_ref: Mapping[str, Any] = field(default_factory=dict)


def find_function(name: str) -> tuple[Codeunit, Function] | None:
    """The function behind the name of an unbound action, `{Service}_{Function}`."""
    for codeunit in CODEUNITS:
        for function in codeunit.functions:
            if f"{codeunit.service}_{function.name}" == name:
                return codeunit, function
    return None


def parameter_field(parameter: Parameter) -> Field:
    """The parameter as a field, so that its values are read and checked like those of one."""
    return Field(parameter.name, parameter.kind)


def run_function(state: State, codeunit: Codeunit, function: Function, arguments: Mapping[str, Any]) -> Result:
    """Run it with an argument for each parameter. Inside a transaction nobody else can commit: WaitForChange then
    looks once."""
    return _BODIES[codeunit.service, function.name](state, arguments)


def _wait_for_change(state: State, arguments: Mapping[str, Any]) -> Result:
    after, longest = arguments["After"], min(max(arguments["MaxMs"], 0), LONGEST_WAIT_MS)
    if not state.in_transaction:
        state.wait_until(lambda: _last_mark(state) > after, longest / 1000)
    return Result(_last_mark(state))


def _version(state: State, arguments: Mapping[str, Any]) -> Result:
    return Result(VERSION, {"Profile": "simulator"})


def _last_mark(state: State) -> int:
    return max((int(row["Change_Mark"]) for row in state.rows("AIQ_Sale")), default=0)


_BODIES: dict[tuple[str, str], Callable[[State, Mapping[str, Any]], Result]] = {
    ("AIQ_Worker", "WaitForChange"): _wait_for_change,
    ("AIQ_Worker", "Version"): _version,
}
