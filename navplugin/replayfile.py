"""Posted sales in a file, for `rules replay --save` and `--file`: JSON, without names, cards, phones or addresses.

What is read back is made by the declared types of the model, so that a new field of it needs no change here.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from navplugin.core.model import Member, Offer
from navplugin.core.money import parse_money
from navplugin.replay import Past, PastSale

VERSION = 1
_CARD, _THERE = "M", "x"


def to_saved(past: Past) -> str:
    """The sales as JSON; of a date of birth the month."""
    sales = [asdict(_plain(one)) for one in past.sales]
    body = {"version": VERSION, "sales": sales, "offers": [asdict(offer) for offer in past.offers]}
    return json.dumps(body, indent=1, ensure_ascii=False, default=_as_json) + "\n"


def _plain(one: PastSale) -> PastSale:
    sale = replace(one.sale, member_card_no=_CARD if one.sale.member_card_no else "", sale_guid="")
    return replace(one, sale=sale, member=None if one.member is None else _plain_member(one.member))


def _plain_member(member: Member) -> Member:
    born = member.date_of_birth
    return Member(
        _CARD,
        club_code=member.club_code,
        scheme_code=member.scheme_code,
        blocked=member.blocked,
        mobile_phone_no=_THERE if member.mobile_phone_no.strip() else "",
        e_mail=_THERE if member.e_mail.strip() else "",
        date_of_birth=born.replace(day=1) if born else None,
    )


def _as_json(value: object) -> object:
    if isinstance(value, set | frozenset):
        return sorted(value)
    return value.isoformat() if isinstance(value, date | time) else str(value)


def from_saved(text: str) -> Past:
    """Read what to_saved wrote. Raises ValueError where it is not that."""
    try:
        body = json.loads(text)
        if body["version"] != VERSION:
            raise ValueError(f"the sales were saved by another version ({body['version']})")
        sales = [_revived(PastSale, one) for one in body["sales"]]
        return Past(sales, [_revived(Offer, one) for one in body["offers"]])
    except (KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise ValueError(f"these are no sales that `rules replay --save` has saved ({wrong})") from wrong


def _revived(kind: Any, value: Any) -> Any:
    """A value of JSON as the declared type has it. TypeError or ValueError where it does not fit."""
    if is_dataclass(kind):
        return _object(kind, value)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _revived(next(one for one in inner if one is not type(None)), value)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_revived(part, one) for part, one in zip(kinds, value, strict=True))
    if origin is frozenset:
        return frozenset(_revived(inner[0], one) for one in value)
    if origin is not None:
        return dict(value)
    if kind is Decimal:
        number = parse_money(value)
        if number is None:
            raise ValueError(f"'{value}' is not an amount")
        return number
    if kind in (date, datetime, time):
        return kind.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if isinstance(kind, type) and not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value


def _object(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
    hints = get_type_hints(kind)
    given = {f.name: _revived(hints[f.name], value[f.name]) for f in fields(kind) if f.name in value}
    missing = [f.name for f in fields(kind)
               if f.name not in value and f.default is MISSING and f.default_factory is MISSING]  # fmt: skip
    if missing:
        raise KeyError(missing[0])
    return kind(**given)
