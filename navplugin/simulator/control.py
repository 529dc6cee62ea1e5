"""The simulator's own addresses under `/_sim`: press the till, look at everything, order faults, change the world.

| request | what it does |
| --- | --- |
| GET /_sim/till/{terminal} | the screen |
| POST /_sim/till/{terminal}/{press} | press a button: a JSON object in, the screen out |
| GET /_sim/help | this table, every fault, and every switch of NAV with its values, as text |
| GET /_sim/state | journals, sales, staged rows, AIQ, clock |
| GET, POST, DELETE /_sim/faults | list, order, forget faults (`simulator.faults`) |
| POST /_sim/reset | everything anew with the world that was loaded last |
| POST /_sim/world | everything anew with this world (`simulator.world`), its switches with it |
| POST /_sim/clock | {"advance": seconds} moves the simulated time |
| POST /_sim/reprint | {"receipt_no": ...}: the slip again, from the posted rows |

A body that cannot be used is answered with 400, a press that makes no sense with 409, both {"error": one sentence}.
In /_sim/state every Decimal is text: two decimals at least, all its digits where it has more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from navplugin.nav.contract import PAGES
from navplugin.simulator import faults as faults_module
from navplugin.simulator import world as world_module
from navplugin.simulator.call import JSON_TYPE, BadJson, Call, dumps
from navplugin.simulator.faults import BadFault, Faults
from navplugin.simulator.fields import FieldError, Row
from navplugin.simulator.nav_settings import SWITCHES
from navplugin.simulator.slip import belonging, print_slip
from navplugin.simulator.state import State, StateUnusable
from navplugin.simulator.till import TillError, press, screen
from navplugin.simulator.till_close import SUSPENDED
from navplugin.simulator.world import WORLD, load_world

PREFIX = "/_sim"
STAGED = tuple(page.service for page in PAGES if page.rights)
"""Every page that the worker writes."""

_VALUES: Mapping[type, str] = {bool: "true, false", int: "number", list: "list", dict: "object", str: "text"}

Job = Callable[[Mapping[str, str], Any], Any]


class BadRequest(ValueError):
    """A request of which the control can make nothing; the message is one sentence."""


def routes(state: State, faults: Faults) -> list[Route]:
    """The control's routes over this state. Each request works in a thread of its own, since a press may wait."""

    def route(path: str, method: str, job: Job) -> Route:
        async def endpoint(request: Request) -> Response:
            return await _answer(request, job)

        return Route(PREFIX + path, endpoint, methods=[method])

    def advance(body: Any) -> dict[str, Any]:
        state.advance(_seconds(body))
        return {"clock": _plain(state.now())}

    def renew(world: Any) -> dict[str, Any]:
        faults.clear()
        load_world(state, world)
        return {"terminals": sorted(state.doc("till.terminals", {}))}

    def forget() -> list[Any]:
        faults.clear()
        return []

    def reprint(body: Any) -> dict[str, Any]:
        slip = print_slip(state, _receipt(body))
        if slip is None:
            raise BadRequest(f"There is no posted sale {_receipt(body)}.")
        return slip

    async def help_page(request: Request) -> Response:
        return PlainTextResponse(help_text())

    return [
        Route(PREFIX + "/help", help_page),
        route("/till/{terminal}", "GET", lambda path, _: screen(state, path["terminal"])),
        route(
            "/till/{terminal}/{press}", "POST",
            lambda path, body: press(state, path["terminal"], path["press"], _object(body)),
        ),
        route("/state", "GET", lambda *_: dump(state)),
        route("/faults", "GET", lambda *_: faults.listed()),
        route("/faults", "POST", lambda _, body: faults.add(_object(body))),
        route("/faults", "DELETE", lambda *_: forget()),
        route("/reset", "POST", lambda *_: renew(state.doc(WORLD))),
        route("/world", "POST", lambda _, body: renew(_object(body))),
        route("/clock", "POST", lambda _, body: advance(_object(body))),
        route("/reprint", "POST", lambda _, body: reprint(_object(body))),
    ]  # fmt: skip


def help_text() -> str:
    """What can be ordered and switched, for people: the tables of this module, of the faults, and NAV's switches."""
    rows = ["| switch | values | default | what it does |", "| --- | --- | --- | --- |"]
    for one in SWITCHES:
        values = ", ".join(map(str, one.choices)) or _VALUES[type(one.default)]
        rows.append(f"| {one.name} | {values} | {one.default} | {one.doc} |")
    switches = "\n".join(["Switches of NAV (settings.nav):", "", *rows])
    parts = [__doc__, faults_module.__doc__, world_module.__doc__, switches]
    return "\n\n".join((part or "").strip() for part in parts) + "\n"


def dump(state: State) -> dict[str, Any]:
    """What the other side holds: `journals` (also suspended ones), `sales` (posted and voided, with lines, discounts,
    payments, infocodes), `staged` (the pages that the worker writes, by service), `aiq`, `clock`."""
    with state.transaction():
        return {
            "journals": [*_journals(state), *_suspended(state)],
            "sales": [_posted(state, header) for header in state.rows("AIQ_Transactions")],
            "staged": {service: _plain(state.rows(service)) for service in STAGED},
            "aiq": {
                "personas": _plain(state.doc("aiq.personas", [])),
                "redemptions": _plain(state.doc("aiq.redemptions", [])),
                "adjustments": _plain(state.doc("aiq.adjustments", [])),
                "feeds": _plain(state.doc("aiq.feeds", [])),
                "calls": _plain(state.doc("aiq.calls", [])),
            },
            "nav": {"requests": state.doc("nav.requests", {})},
            "clock": _plain(state.now()),
        }


def _journals(state: State) -> list[dict[str, Any]]:
    lines, codes = state.rows("AIQ_POSJournalLines"), state.rows("AIQ_POSJournalInfocodes")
    found = []
    for header in state.rows("AIQ_POSJournal"):
        number = header["Receipt_No"]
        mine = {"lines": [r for r in lines if r["Receipt_No"] == number]}
        found.append(_plain({**header, **mine, "infocodes": [r for r in codes if r["Receipt_No"] == number]}))
    return found


def _suspended(state: State) -> list[dict[str, Any]]:
    kept = state.doc(SUSPENDED, {}).values()
    return [_plain({**one["journal"], "Entry_Status": "Suspended", "lines": one["lines"]}) for one in kept]


def _posted(state: State, header: Row) -> dict[str, Any]:
    parts = {"lines": "AIQ_TransLines", "discounts": "AIQ_TransDiscounts", "payments": "AIQ_TransPayments",
             "infocodes": "AIQ_TransInfocodes"}  # fmt: skip
    rows = {name: belonging(state, service, header) for name, service in parts.items()}
    found: dict[str, Any] = _plain({**header, **rows})
    return found


async def _answer(request: Request, job: Job) -> Response:
    body = await request.body()
    try:
        data = await to_thread.run_sync(_do, job, request.path_params, body, request.method)
    except TillError as refusal:
        return _reply(refusal.status, {"error": str(refusal)})
    except BadJson:
        return _reply(400, {"error": "The body is not valid JSON."})
    except (BadRequest, BadFault, FieldError) as wrong:
        return _reply(400, {"error": str(wrong)})
    except StateUnusable as wrong:
        return _reply(500, {"error": str(wrong)})
    return _reply(200, data)


def _do(job: Job, path: Mapping[str, str], body: bytes, method: str) -> Any:
    wanted = method == "POST" and body.strip()
    return job(path, Call(method, "", body=body).json() if wanted else {})


def _reply(status: int, data: Any) -> Response:
    return Response(dumps(data), status, media_type=JSON_TYPE)


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise BadRequest("The body must be a JSON object.")
    return body


def _seconds(body: Any) -> float:
    value = _only(body, "advance")
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise BadRequest("'advance' is a number of seconds.")
    if not 0 <= value <= 10**9:
        raise BadRequest("'advance' is at least 0 seconds and at most 1000000000.")
    return float(value)


def _receipt(body: Any) -> str:
    value = _only(body, "receipt_no")
    if not isinstance(value, str) or not value:
        raise BadRequest("'receipt_no' is the number of a receipt.")
    return value.strip().upper()


def _only(body: Mapping[str, Any], name: str) -> Any:
    for part in body:
        if part != name:
            raise BadRequest(f"'{part}' is not known here; the body has '{name}' only.")
    return body.get(name)


def _plain(value: Any) -> Any:
    """Rows and records as JSON: amounts as text, moments in ISO 8601, an unset date as null."""
    if isinstance(value, Decimal):
        short = value.normalize()
        return f"{value:.2f}" if int(short.as_tuple().exponent) >= -2 else f"{short:f}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value
