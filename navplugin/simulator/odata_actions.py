"""Actions of NAV's OData V4 face: unbound ones, which run a codeunit, and bound ones on a row
(nav-webservices.md 2, 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from navplugin.nav.contract import Function
from navplugin.simulator.call import Answer, Call
from navplugin.simulator.codeunits import find_function, parameter_field, run_function
from navplugin.simulator.odata_error import bad_request, not_allowed, not_found, not_implemented
from navplugin.simulator.odata_json import read_fields, read_value, reply
from navplugin.simulator.odata_rows import Rows
from navplugin.simulator.state import State
from navplugin.simulator.view import View


def run_unbound(state: State, call: Call, name: str, context: str) -> Answer | None:
    """`POST {Service}_{Function}`: 200 with the value, 204 when the function returns none; None when no codeunit has
    it. context: the address of `$metadata`."""
    found = find_function(name)
    if found is None:
        return None
    codeunit, function = found
    if call.method != "POST":
        raise not_allowed(call, name)
    result = run_function(state, codeunit, function, _arguments(function, call))
    if function.returns is None:
        return reply(204)
    return reply(200, {"@odata.context": f"{context}#{function.returns.edm}", "value": result.value})


def run_bound(rows: Rows, view: View, key: tuple[Any, ...], name: str, actions: list[Mapping[str, Any]]) -> Answer:
    """`POST {Set}({key})/NAV.{Action}`. The tag is compared only when one is sent; the case of the name is not
    checked (nav-webservices.md 6, 14)."""
    if rows.call.method != "POST":
        raise not_allowed(rows.call, name)
    mine = [action for action in actions if action["page"] == view.table]
    if not mine:
        raise not_implemented(f"No bound action is implemented on {view.page.service}.")
    wanted = name.removeprefix("NAV.").casefold() if name.startswith("NAV.") else ""
    action = next((one for one in mine if one["name"].casefold() == wanted), None)
    if action is None:
        raise not_found(name)
    rows.check_tag(view, key, needed=False)
    before = rows.found(view, key)
    if action.get("set"):
        rows.put(view, {**before, **read_fields(view, action["set"])})
    if "value" not in action:
        return reply(204)
    return reply(200, {"@odata.context": f"{rows.root}/$metadata#Edm.String", "value": action["value"]})


def _arguments(function: Function, call: Call) -> dict[str, Any]:
    body = call.json() if call.body.strip() else {}
    if not isinstance(body, Mapping):
        raise bad_request("The arguments of an action are a JSON object.")
    fields = {parameter.name: parameter_field(parameter) for parameter in function.parameters}
    for name in body:
        if name not in fields:
            raise bad_request(f"The parameter '{name}' of the action {function.name} is not known.")
    for name in fields:
        if name not in body:
            raise bad_request(f"The parameter '{name}' of the action {function.name} is missing.")
    return {name: read_value(fields[name], value) for name, value in body.items()}
