"""AIQ's answers as values of the core. Lenient where nothing is documented, strict where money depends on it.

ProtocolError names the field that cannot be used. Unknown fields are ignored, numbers may be text (aiq-api.md 17).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from navplugin.core.errors import ProtocolError
from navplugin.core.model import LoyaltyStatus, Persona, Wallet, WalletDiscount
from navplugin.core.money import ZERO, parse_money
from navplugin.core.ports import Lookup, LoyaltyStore, Redemption

_MILLISECONDS_FROM = 10**11
_CONTACT = ("contactID", "contact_id", "contactId", "universalID", "id")
_LOYALTY = ("loyalty", "isLoyalty", "loyaltyMember", "isMember")
# The rows of the redemption listing are not documented (aiq-api.md 6.3); these are the names in use elsewhere.
_ROW_CONTACT = ("contactID", "contact_id", "contactId", "universalID")
_ROW_DISCOUNT = ("discountID", "discount_id", "discountId", "discountTemplateID", "templateID")
_ROW_REFERENCE = ("reference", "transactionID", "transaction_id", "transactionId", "posTransactionID", "orderID")
_ROW_POINTS = ("points", "pointsDeduction", "pointsRedeemed")
_ROW_AT = ("at", "ts", "timestamp", "time", "redeemedAt", "createdAt", "inserted")
_ROW_REFUNDED = ("refunded", "isRefunded", "reversed", "cancelled")
_REDEMPTION_ID = ("redemptionID", "redemptionId", "redemption_id", "id")


def payload(document: Any) -> Any:
    """`data` of the envelope where there is one, else the body (aiq-api.md 2)."""
    return document.get("data") if isinstance(document, dict) and "data" in document else document


def persona_of(data: Any, now: datetime) -> Persona:
    """A look-up's answer. Found without a word about loyalty is CannotTell: a prompt to a member would be wrong."""
    people = data.get("results") if isinstance(data, dict) and "results" in data else data
    if isinstance(people, list):
        if len(people) > 1:
            return Persona(LoyaltyStatus.SEVERAL, read_at=now, matches=len(people))
        people = people[0] if people else None
    if not people:
        return Persona(LoyaltyStatus.UNKNOWN, read_at=now)
    whole = _object(people, "data")
    person = _object(whole.get("contact") or whole, "data.contact")
    contact_id = _first_text(person, _CONTACT, "data")
    said = next((obj[name] for obj in (whole, person) for name in _LOYALTY if obj.get(name) is not None), None)
    if said is None:
        status = LoyaltyStatus.CANNOT_TELL if contact_id else LoyaltyStatus.UNKNOWN
    else:
        status = LoyaltyStatus.MEMBER if _flag(said, "data.loyalty") else LoyaltyStatus.KNOWN
    return Persona(status, contact_id, now, matches=1 if status is not LoyaltyStatus.UNKNOWN else 0)


def people_found(data: Any) -> tuple[int, str]:
    """How many people a search of personas found, and AIQ's id of the first."""
    people = _list(data.get("results") if isinstance(data, dict) else data, "data.results")
    first = _object(people[0], "data.results[0]") if people else {}
    return len(people), _first_text(first, _CONTACT, "data.results[0]")


def contact_id_of(data: Any) -> str:
    """The persona's id in the answer to a sign-up, "" when it is not told."""
    return _first_text(data, _CONTACT, "data") if isinstance(data, dict) else ""


def redemption_id_of(data: Any) -> str:
    """AIQ's id of a redemption, "" when it is not told."""
    found = next((data[name] for name in _REDEMPTION_ID if data.get(name)), "") if isinstance(data, dict) else ""
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def wallet_of(
    data: Any, now: datetime, whole_address: Callable[[str], str], skipped: Callable[[str], None]
) -> Wallet | None:
    """The wallet; None when AIQ does not know the person. whole_address: makes a whole URL of a redemptionURL.

    skipped: told the id of each discount that no NAV offer can be mapped to, for want of a coupon code.
    """
    if not data:
        return None
    wallet = _object(data, "data")
    hidden = _flag(wallet.get("hidePointsInWallet") or False, "data.hidePointsInWallet")
    points = _number(wallet.get("loyaltyPoints"), "data.loyaltyPoints")
    discounts = []
    for index, one in enumerate(_list(wallet.get("discountTemplates"), "data.discountTemplates")):
        path = f"data.discountTemplates[{index}]"
        template = _object(one, path)
        discount_id = _text(template.get("id"), f"{path}.id")
        code = _text(template.get("posDiscountID"), f"{path}.posDiscountID").upper()
        if code and discount_id:
            discounts.append(_discount(template, path, discount_id, code, whole_address))
        else:
            skipped(discount_id or "without id")
    discounts.sort(key=lambda d: (d.points_cost, d.name, d.discount_id))
    contact_id = _first_text(wallet, _CONTACT, "data")
    return Wallet(contact_id, None if hidden else points, hidden, tuple(discounts), now)


def _discount(
    template: Mapping[str, Any], path: str, discount_id: str, code: str, whole_address: Callable[[str], str]
) -> WalletDiscount:
    name = _text(template.get("name"), f"{path}.name") or _text(template.get("internalName"), f"{path}.internalName")
    url = _text(template.get("redemptionURL"), f"{path}.redemptionURL")
    available = template.get("available")
    tier = _flag(template.get("tierDiscount") or False, f"{path}.tierDiscount")
    cost = _number(template.get("pointsDeduction"), f"{path}.pointsDeduction") or ZERO
    if cost < ZERO:
        raise _unusable(f"{path}.pointsDeduction", "less than nothing")
    return WalletDiscount(
        discount_id=discount_id,
        coupon_code=code,
        name=name,
        points_cost=cost,
        # A discount that cannot be redeemed is locked, whatever AIQ says; a tier reward needs no call (aiq-api.md 5.3).
        available=(available is None or _flag(available, f"{path}.available")) and bool(url or tier),
        expires_at=_moment(template.get("expiration"), f"{path}.expiration"),
        dollar_value=_number(template.get("dollarValue"), f"{path}.dollarValue") or None,
        percentage_value=_number(template.get("percentageValue"), f"{path}.percentageValue") or None,
        tier=tier,
        reusable=_flag(template.get("reusable") or False, f"{path}.reusable"),
        redemption_url=whole_address(url) if url else "",
    )


def stores_of(data: Any) -> tuple[LoyaltyStore, ...]:
    """The account's stores. `sourceMapping` that is an empty object = no POS is mapped; its form is not documented."""
    found = []
    for index, one in enumerate(_list(data.get("stores") if isinstance(data, dict) else data, "data.stores")):
        store = _object(one, f"data.stores[{index}]")
        mapping = store.get("sourceMapping")
        name = _text(store.get("name"), f"data.stores[{index}].name")
        found.append(LoyaltyStore(name, bool(mapping) if isinstance(mapping, dict) else None))
    return tuple(found)


def listing_of(data: Any) -> tuple[Sequence[Any], int | None]:
    """Rows of a listing and, where it is told, how many there are in all."""
    if isinstance(data, dict):
        rows = next((data[name] for name in ("results", "redemptions") if name in data), None)
        total = _number(data.get("total"), "data.total")
        return _list(rows, "data.results"), None if total is None else int(total)
    return _list(data, "data"), None


def rows_of_listing(rows: Iterable[Any]) -> tuple[Redemption, ...]:
    """Every row in the order given, with whatever it tells."""
    out = []
    for index, one in enumerate(rows):
        row, path = _object(one, f"data[{index}]"), f"data[{index}]"
        points = _number(next((row[n] for n in _ROW_POINTS if row.get(n) is not None), None), f"{path}.points")
        out.append(
            Redemption(
                contact_id=_first_text(row, _ROW_CONTACT, path),
                discount_id=_first_text(row, _ROW_DISCOUNT, path),
                reference=_first_text(row, _ROW_REFERENCE, path),
                points=points,
                refunded=_is_refunded(row),
                redemption_id=_first_text(row, _REDEMPTION_ID, path),
            )
        )
    return tuple(out)


def find_in_listing(rows: Iterable[Any], contact_id: str, discount_id: str, reference: str) -> Lookup:
    """What the listing holds under our reference, oldest first. contact_id: "" where the person is not known.

    ProtocolError where nothing is ours and a row may be ours but does not say so: taking that for "none" would redeem
    twice.
    """
    found: dict[str, list[Redemption]] = {"live": [], "refunded": [], "foreign": []}
    unclear, listed, raw = False, 0, _oldest_first(rows)
    for row, one in zip(raw, rows_of_listing(raw), strict=True):
        listed += bool(one.reference)
        same = one.reference.casefold() == reference.strip().casefold()
        foreign = bool(one.contact_id and contact_id and one.contact_id != contact_id)
        if one.discount_id and one.discount_id != discount_id.strip():
            continue
        if same and one.discount_id:
            if not foreign:
                one = replace(one, contact_id=one.contact_id or contact_id)
                found["refunded" if one.refunded else "live"].append(one)
            elif not one.refunded:
                found["foreign"].append(one)
        elif not foreign and not one.refunded:
            unclear = unclear or same or all(row.get(name) is None for name in _ROW_REFERENCE)
    if unclear and not any(found.values()):
        raise _unusable("reference", "not shown for a redemption that may be ours; set redemption-lookup = blind")
    return Lookup(**{name: tuple(ones) for name, ones in found.items()}, shows_references=listed > 0, listed=listed)


def without_repeats(rows: Iterable[Any]) -> list[Any]:
    """The rows without those that came again: the same id, of which a redemption has one. Without an id none is left
    out, for two redemptions may look alike."""
    seen: set[str] = set()
    kept = []
    for row in rows:
        number = redemption_id_of(row)
        if not number or number not in seen:
            kept.append(row)
        seen.add(number)
    return kept


def _oldest_first(rows: Iterable[Any]) -> list[Any]:
    """By their moment, where every row tells it as a number; else as AIQ lists them (assumed: oldest first)."""
    raw = list(rows)
    moments = [next((row[n] for n in _ROW_AT if row.get(n)), None) for row in raw if isinstance(row, dict)]
    known = [Decimal(at) for at in moments if isinstance(at, int | Decimal)]
    if len(known) < len(raw):
        return raw
    return [raw[index] for index in sorted(range(len(raw)), key=known.__getitem__)]


def _is_refunded(row: Mapping[str, Any]) -> bool:
    said = next((row[name] for name in _ROW_REFUNDED if row.get(name) is not None), False)
    return _flag(said, "refunded") or str(row.get("status") or "").casefold() in ("refunded", "reversed", "cancelled")


# ---- single values -----------------------------------------------------------------------------------------------


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _unusable(path, "not an object")
    return value


def _list(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _unusable(path, "not a list")
    return value


def _text(value: Any, path: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _unusable(path, "not a text")
    return str(value).strip()


def _first_text(obj: Mapping[str, Any], names: Sequence[str], path: str) -> str:
    return next((_text(obj[name], f"{path}.{name}") for name in names if obj.get(name) not in (None, "")), "")


def _number(value: Any, path: str) -> Decimal | None:
    """A number, also as text; None when it is missing or empty."""
    if value is None or value == "":
        return None
    number = parse_money(value) if isinstance(value, str | int | Decimal) else None
    if number is None:
        raise _unusable(path, "not a number")
    return number


def _flag(value: Any, path: str) -> bool:
    word = str(value).strip().casefold() if isinstance(value, str | int) else "?"
    if word in ("true", "1", "yes"):
        return True
    if word in ("false", "0", "no", ""):
        return False
    raise _unusable(path, "neither true nor false")


def _moment(value: Any, path: str) -> datetime | None:
    """Epoch seconds; values above 10^11 are milliseconds, 0 is none (aiq-api.md 16 no. 20)."""
    number = _number(value, path)
    if not number or number < ZERO:
        return None
    try:
        seconds = int(number / 1000 if number > _MILLISECONDS_FROM else number)
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        raise _unusable(path, "not a point in time") from None


def _unusable(path: str, why: str) -> ProtocolError:
    return ProtocolError(f"the field {path} of AIQ's answer cannot be used: {why}.", system="AIQ")
