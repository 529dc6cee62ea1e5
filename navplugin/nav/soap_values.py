"""Values and filters of NAV's SOAP services: options are identifiers, filters are NAV's own text
(nav-webservices.md 13)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from navplugin.core.errors import ProtocolError
from navplugin.nav.contract import Field, Kind, canonical, option_name
from navplugin.nav.transport import Condition
from navplugin.nav.values import TEXT_KINDS, from_json, to_json


def from_soap(field: Field, text: str | None) -> Any:
    """The text of an element as the model has it; None, where there is no element, is blank. ValueError when it does
    not fit."""
    value: Any = text
    if field.kind is Kind.OPTION and text is not None:
        known = {option_name(option): option for option in field.options}
        value = known.get(text, "" if text == "_blank_" else text)
    elif field.kind is Kind.BOOLEAN and text is not None:
        value = {"true": True, "1": True, "false": False, "0": False}.get(text.strip(), text)
    elif field.kind not in TEXT_KINDS and text is not None:
        value = text.strip()
    return from_json(field, value)


def to_soap(field: Field, value: Any, words: Sequence[str] | None = None) -> Any:
    """A value of the model for zeep. words: what the WSDL allows for an option.

    ProtocolError for a value that the field cannot hold, and for an option that the WSDL does not know: zeep would
    send it. Dates go as text: zeep writes the unset date as `1-01-01`.
    """
    shown = to_json(field, value)
    if field.kind is Kind.OPTION:
        name = option_name(shown)
        if words is None or name in words:
            return name
        alike = [word for word in words if canonical(word) == canonical(shown)]
        if len(alike) == 1:
            return alike[0]
        text = f"{field.name} cannot be written: NAV's WSDL has no option {name} ({', '.join(words)})"
        raise ProtocolError(text, system="NAV")
    return shown


def criteria(field: Field, condition: Condition) -> str:
    """The condition as a NAV filter. Text is quoted; a sign that no filter can quote becomes `?`, and the rows are
    held against the condition again."""
    if condition.greater or condition.least:
        return f"{'>' if condition.greater else '>='}{_shown(field, condition.values[0])}"
    return "|".join(_shown(field, value) for value in condition.values)


def _shown(field: Field, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}Z"
    if field.kind is Kind.OPTION:
        value = option_name(str(value) or " ")
    if isinstance(value, str):
        return "'" + value.replace("'", "?") + "'"
    return str(value)
