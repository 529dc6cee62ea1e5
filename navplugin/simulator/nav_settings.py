"""The switches of the simulated NAV: `settings.nav` of a world (`POST /_sim/world`), or the start of the simulator.

Each switch is one `Switch`: its default, the values that it takes, and what it does; `GET /_sim/help` prints them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from navplugin.nav.contract import BY_SERVICE, Naming
from navplugin.simulator.fields import FieldError
from navplugin.simulator.odata_error import ODataError
from navplugin.simulator.odata_filter import parse_filter
from navplugin.simulator.odata_json import read_fields
from navplugin.simulator.signin_ntlm import MISSING, can_ntlm
from navplugin.simulator.state import ETAGS
from navplugin.simulator.view import views

SETTINGS = "nav.settings"


@dataclass(frozen=True, slots=True)
class Switch:
    """name as in `settings.nav`; choices: the values, where only some are taken; doc: one sentence."""

    name: str
    default: Any
    doc: str
    choices: tuple[Any, ...] = ()


SWITCHES = (
    Switch("company", "CRONUS Cannabis", "Name of the company; set by the world's own `company`."),
    Switch("naming", "bc", "Whose names the site has.", tuple(naming.value for naming in Naming)),
    Switch("page_size", 20000, "Rows in a page of the server (ODataServicesMaxPageSize)."),
    Switch("sign_in", "basic", "How a caller signs in.", ("basic", "bearer", "ntlm")),
    Switch("user", "AIQ-WORKER", "User for basic and ntlm."),
    Switch("key", "demo-key", "Password or web service access key of the user."),
    Switch("domain", "CRONUS", "Windows domain of the user, for ntlm."),
    Switch("client_id", "aiq-worker", "Application that gets tokens, for bearer."),
    Switch("client_secret", "demo-secret", "Secret of the application."),
    Switch("token_seconds", 3600, "Life of a token in simulated time; `POST /_sim/clock` lets it pass."),
    Switch("odata_v4", True, "Whether /NAV/ODataV4 is switched on; otherwise 405."),
    Switch("odata_v3", True, "Whether /NAV/OData is switched on; otherwise 405."),
    Switch("soap", True, "Whether /NAV/WS is switched on; otherwise 405."),
    Switch("default_company", True, "Whether a request without a company gets the default one."),
    Switch("language", "en-US", "Language of the messages for a caller that names none.", ("en-US", "da-DK")),
    Switch("etag", "19", "Form of the entity tags.", tuple(ETAGS)),
    Switch("duplicate_status", 400, "Status of an insert whose key is there already.", (400, 409)),
    Switch(
        "in_list", "ignored", "What `in` does in a filter without $schemaversion=2.1.",
        ("ignored", "refused", "honoured"),
    ),
    Switch("skip_token_seconds", 600, "Life of the link to the next page in simulated time."),
    Switch(
        "batch", "transaction", "What $batch is: one transaction with `Isolation: snapshot`, never one, or unknown.",
        ("transaction", "single", "none"),
    ),
    Switch(
        "batch_answers", "all", "What a snapshot batch answers when a part after the first fails: all parts, or those "
        "up to the failed one.", ("all", "failed"),
    ),
    Switch(
        "validation", [], "Rows that the AL code of a page refuses: a list of {page, filter, message}, the filter as "
        "in $filter, in the site's names.",
    ),
    Switch(
        "bound_actions", [], "Actions on a row: a list of {page, name, set, value}. NAV.name puts the fields of `set` "
        "into the row; it answers 200 with `value`, or 204 without.",
    ),
    Switch(
        "planted", {}, "Mistakes of a site, for `navplugin doctor` to find: `unpublished` (pages), `hidden` (fields by "
        "page), `rights` (letters of insert, modify, delete by page), in the contract's names.",
    ),
)  # fmt: skip
DEFAULTS: dict[str, Any] = {switch.name: switch.default for switch in SWITCHES}
_LISTS = {
    "validation": (frozenset({"page", "filter", "message"}), frozenset[str]()),
    "bound_actions": (frozenset({"page", "name"}), frozenset({"set", "value"})),
}


def check_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The switches of a world as the simulator wants them. FieldError with one sentence when one makes no sense."""
    known = {switch.name: switch for switch in SWITCHES}
    found = {}
    for name, value in settings.items():
        if name not in known:
            raise _wrong(f"'{name}' is not a setting of the simulated NAV; they are {', '.join(known)}.")
        found[name] = _checked(known[name], value)
    _check_fields(found)
    return found


def _check_fields(settings: Mapping[str, Any]) -> None:
    """Filters and fields of the lists, in the names of the site."""
    pages = {view.table: view for view in views(Naming(settings.get("naming", DEFAULTS["naming"]))).values()}
    try:
        for rule in settings.get("validation", ()):
            parse_filter(pages[rule["page"]], rule["filter"])
        for action in settings.get("bound_actions", ()):
            read_fields(pages[action["page"]], action.get("set", {}))
    except ODataError as wrong:
        raise _wrong(wrong.message) from wrong


def _checked(switch: Switch, value: Any) -> Any:
    if isinstance(switch.default, int) and isinstance(value, Decimal) and value == int(value):
        value = int(value)
    if type(value) is not type(switch.default) or (isinstance(value, int) and value < 0):
        raise _wrong(f"'{value}' is no value for NAV's setting '{switch.name}'.")
    if switch.choices and value not in switch.choices:
        choices = ", ".join(str(choice) for choice in switch.choices)
        raise _wrong(f"NAV's setting '{switch.name}' is one of {choices}, not '{value}'.")
    if value == "ntlm" and not can_ntlm():
        raise _wrong(MISSING)
    if switch.name in _LISTS:
        needed, optional = _LISTS[switch.name]
        for one in value:
            _check_record(switch.name, one, needed, optional)
    return value


def _check_record(name: str, one: Any, needed: frozenset[str], optional: frozenset[str]) -> None:
    if not isinstance(one, Mapping) or not needed <= set(one) or set(one) - needed - optional:
        parts = ", ".join(sorted(needed | optional))
        raise _wrong(f"An entry of NAV's setting '{name}' is an object of {parts}.")
    if not all(isinstance(one[part], str) for part in needed):
        raise _wrong(f"{', '.join(sorted(needed))} in NAV's setting '{name}' are texts.")
    if one["page"] not in BY_SERVICE:
        raise _wrong(f"'{one['page']}' in NAV's setting '{name}' is not a page of the contract.")
    if not isinstance(one.get("set", {}), Mapping):
        raise _wrong(f"'set' in NAV's setting '{name}' is an object of fields.")


def _wrong(sentence: str) -> FieldError:
    return FieldError("BadRequest", sentence)
