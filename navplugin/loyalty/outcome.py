"""What AIQ's 2xx answer to a write says: done, refused, or nothing that can be relied on.

AIQ does not publish these answers (aiq-api.md 6.1). Taking an error for a success loses points or gives them twice,
so whatever is not known to be a success is an unknown outcome: it is looked up or shown to a person.

| the body | means | evidence |
| --- | --- | --- |
| an object with `success` false, the JSON word | refused, by its `code` | observed (aiq-api.md 2) |
| an object with any other sign of an error, at its top or in `data` | unknown | assumed |
| no body | done | assumed |
| an object with `success` true | done | observed (aiq-api.md 2) |
| an object with an id, a contactID or loyaltyPoints, at its top or in `data` | done | assumed |
| the same with `redeemed`, `refunded` or `adjusted` true | done | assumed |
| any other JSON, or none | unknown | assumed |

Signs of an error: `success`, `succeeded` or `ok` that is not true; an `error` or `errors` that is not empty; a code or
status of 400 or more; a code that is no number; a status that names a failure. Of these `success`, `code` and `errors`
were observed, the others are assumed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

_YES = ("true", "1", "yes")
_MUST_BE_TRUE = ("success", "succeeded", "ok")
_MUST_BE_EMPTY = ("error", "errors", "errorcode", "error_code", "errormessage", "error_message", "exception")
_CODES = ("code", "statuscode", "status_code")
_GOOD_WORDS = ("", "ok", "success", "created", "none", "null")
_DONE = ("redeemed", "refunded", "adjusted")
_STATUSES = ("status", "state", "result", "outcome", "redeemed")
_FAILED = (
    "error", "errors", "fail", "failed", "failure", "denied", "declined", "rejected", "refused", "invalid",
    "unsuccessful", "not_found", "pending",
)  # fmt: skip
_KNOWN = ("id", "redemptionid", "redemption_id", "contactid", "contact_id", "universalid", "loyaltypoints")


class Outcome(Enum):
    """What a 2xx answer to a write means."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def outcome_of(document: Any, *, empty: bool = False, repeatable: bool = False) -> Outcome:
    """What the body says. document: its JSON, None where it has none. empty: there was no body.

    repeatable: the same call may be sent again without harm, so an answer without any sign of an error is enough.
    """
    if empty:
        return Outcome.DONE
    if not isinstance(document, dict):
        return Outcome.DONE if repeatable and document is not None else Outcome.UNKNOWN
    if document.get("success") is False:
        return Outcome.REFUSED
    top, data = _folded(document), document.get("data")
    inner = _folded(data) if isinstance(data, dict) else {}
    if _speaks_of_an_error(top) or _speaks_of_an_error(inner):
        return Outcome.UNKNOWN
    known = any(_is_value(found.get(name)) for found in (top, inner) for name in _KNOWN)
    known = known or any(found.get(name) is True for found in (top, inner) for name in _DONE)
    done = repeatable or "success" in top or known
    return Outcome.DONE if done else Outcome.UNKNOWN


def _folded(found: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).casefold(): value for name, value in found.items()}


def _is_value(value: Any) -> bool:
    """An id or a number of points, which may be 0."""
    return isinstance(value, str | int | Decimal) and not isinstance(value, bool) and value != ""


def _speaks_of_an_error(found: Mapping[str, Any]) -> bool:
    return (
        any(name in found and _word(found[name]) not in _YES for name in _MUST_BE_TRUE)
        or any(found.get(name) for name in _MUST_BE_EMPTY)
        or any(_is_bad_code(found.get(name)) for name in _CODES)
        or any(_is_bad_status(found.get(name)) for name in _STATUSES)
    )


def _word(value: Any) -> str:
    return str(value).strip().casefold() if isinstance(value, str | int) else "?"


def _is_bad_code(value: Any) -> bool:
    """A number of 400 or more, or anything that is neither a number nor a good word."""
    if value is None or _word(value) in _GOOD_WORDS:
        return False
    number = _number(value)
    return number is None or not 0 <= number < 400


def _is_bad_status(value: Any) -> bool:
    """A failure's name or number; false, too."""
    if value is None or isinstance(value, bool):
        return value is False
    number = _number(value)
    return (number is not None and number >= 400) or str(value).strip().casefold() in _FAILED


def _number(value: Any) -> Decimal | None:
    """A number, or the one that a text begins with."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    found = re.match(r"\s*(\d{1,9})", value) if isinstance(value, str) else None
    return Decimal(found[1]) if found else None
