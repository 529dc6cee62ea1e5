"""The sample world, and how a world is put into the state: stores and items, members, offers, AIQ's people.

A world is a JSON object; a key that is missing is taken from the sample world. `company`: NAV's company name.
`stores` {no, name, time_zone}, `terminals` {no, store}, `staff` {id, name}, `items` {no, description, price, category,
retail_category, no_discount} and `disc_offers` {no, percent, items, priority, block_total_discount} are the till's own
records. `members`, `offers`, `periods` and `setup` hold rows of AIQ_Members, AIQ_TotalDiscountOffers (with `items` and
`benefits`), AIQ_ValidationPeriods and AIQ_Setup under their OData names; each coupon code of an offer gets its enabled
store coupon. `personas` and `discounts` are AIQ's records (`simulator.aiq`). `settings` {nav, aiq, till}: switches of
the three; those of NAV stand in `simulator.nav_settings`, and `GET /_sim/help` prints them.
Amounts may be text or numbers, dates are text (2000-01-31).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from navplugin.nav.contract import Kind
from navplugin.simulator.fields import FieldError, fields_of
from navplugin.simulator.nav_settings import check_settings
from navplugin.simulator.state import State

WORLD = "till.world"
SETTINGS = "till.settings"
TILL_DEFAULTS: dict[str, Any] = {
    "coupon_check": True,  # False: a build without the coupon check, a typed mapped coupon gets in (7.1 row 24)
    "coupons_not_mapped": [],  # coupon codes of offers that have nothing to do with AIQ
    "currency_precision": "0.01",  # the currency's amount rounding precision
    "tax_percent": "0",  # sales tax or VAT of every item
    "prices_include_tax": True,  # False: North America, tax comes on top (ls-pos.md 2.7)
    "info_line": "PerDiscount",  # or "TotalDiscount": which one LS uses for an offer is unknown (ls-pos.md 1.3)
}
SETUP_DEFAULTS: dict[str, Any] = {"Enabled": True, "Fresh_Seconds": 900, "Wait_ms": 2000}
TERMS = (
    "Would you like to join our loyalty programme? You agree that we keep your name and phone number to count your "
    "points. You can leave at any time."
)
_LENGTHS = {"stores": 10, "terminals": 10}
_SYSTEMS = ("nav", "aiq", "till")
# Records of the till: their identifying name, the names that must be there, and those that may be.
_SHAPES: dict[str, tuple[str, frozenset[str], frozenset[str]]] = {
    "stores": ("no", frozenset({"no"}), frozenset({"name", "time_zone"})),
    "terminals": ("no", frozenset({"no", "store"}), frozenset()),
    "staff": ("id", frozenset({"id"}), frozenset({"name"})),
    "items": (
        "no", frozenset({"no", "price"}), frozenset({"description", "category", "retail_category", "no_discount"}),
    ),
    "disc_offers": ("no", frozenset({"no", "percent", "items"}), frozenset({"priority", "block_total_discount"})),
}  # fmt: skip


def demo_world() -> dict[str, Any]:
    """The sample world: one store, two terminals, six members, three wallet discounts. FLOWER and VAPE come to 120.00,
    the story of AIQ's guide."""
    return {
        "company": "CRONUS Cannabis",
        "stores": [{"no": "S0001", "name": "Sample Store"}],
        "terminals": [{"no": "P0001", "store": "S0001"}, {"no": "P0002", "store": "S0001"}],
        "staff": [{"id": "101", "name": "Staff 101"}, {"id": "102", "name": "Staff 102"}],
        "items": [
            {"no": "FLOWER", "description": "Flower 7 g", "price": "75.00", "category": "FLOWER"},
            {"no": "EDIBLE", "description": "Edible 10 pieces", "price": "20.00", "category": "EDIBLE"},
            {"no": "CONE", "description": "Cone", "price": "5.00", "category": "PREROLL"},
            {"no": "PEN", "description": "Vape pen battery", "price": "30.00", "category": "ACCESSORY",
             "retail_category": "ACCESSORY"},
            {"no": "VAPE", "description": "Vape cartridge", "price": "50.00", "category": "VAPE"},
        ],
        "disc_offers": [{"no": "DO10", "percent": "10", "items": ["VAPE"]}],
        "members": [_member(number) for number in range(1001, 1007)],
        "offers": [
            _offer("TDO0001", "AP0001", "10.00 off", "Discount Amount", "10.00"),
            _offer("TDO0004", "AP0004", "100.00 off", "Discount Amount", "100.00"),
            _offer("TDO0010", "AP0010", "10 % off", "Discount %", "10"),
        ],
        "periods": [],
        "personas": [
            *(_persona(number, loyalty=True, points=1000) for number in (1003, 1004, 1005)),
            _persona(1006, loyalty=False, points=0),
        ],
        "discounts": [
            _discount("9001", "AP0001", "$10 off", 100, dollarValue=10),
            _discount("9004", "AP0004", "$100 off", 500, dollarValue=100),
            _discount("9010", "AP0010", "10% off", 150, percentageValue=10),
        ],
        "setup": [{"Store_No": "S0001", "AIQ_Signup_Terms": TERMS}],
        "settings": {"nav": {}, "aiq": {"refund": True, "stores": [{"id": 1, "name": "Sample Store"}]},
                     "till": {}},
    }  # fmt: skip


def load_world(state: State, world: Mapping[str, Any] | None) -> None:
    """Replace everything in the state by this world; None or a missing key: the sample world's.

    FieldError with one sentence when the world makes no sense; the state is then as it was.
    """
    sample = demo_world()
    given = dict(world or {})
    for key in given:
        if key not in sample:
            raise _wrong(f"'{key}' is not a part of a world; the parts are {', '.join(sample)}.")
    whole = {**sample, **given}
    with state.transaction():
        state.reset()
        _put_till_records(state, whole)
        _put_settings(state, whole)
        for row in _records(whole, "members"):
            _put(state, "AIQ_Members", "members", row)
        for offer in _records(whole, "offers"):
            _put_offer(state, offer)
        for store in state.doc("till.stores", {}):
            state.put("AIQ_TenderTypes", {"Store_No": store, "Code": "1", "Description": "Cash"})
        for row in _records(whole, "periods"):
            _put(state, "AIQ_ValidationPeriods", "periods", row)
        for row in _records(whole, "setup"):
            _put(state, "AIQ_Setup", "setup", {**SETUP_DEFAULTS, **row})
        state.set_doc("aiq.personas", [_checked_persona(one) for one in _records(whole, "personas")])
        state.set_doc("aiq.templates", [_checked_discount(one) for one in _records(whole, "discounts")])
        state.set_doc(WORLD, whole)


def _put_till_records(state: State, world: Mapping[str, Any]) -> None:
    stores = _by_name(world, "stores")
    for store in stores.values():
        _check_zone(store)
    terminals = _by_name(world, "terminals")
    for terminal in terminals.values():
        terminal["store"] = str(terminal["store"]).upper()
        if terminal["store"] not in stores:
            raise _wrong(f"Terminal {terminal['no']} is in store {terminal['store']}, which the world has not.")
    items = _by_name(world, "items")
    for item in items.values():
        item["price"] = _amount(item["price"], f"the price of item {item['no']}")
    offers = _by_name(world, "disc_offers")
    for offer in offers.values():
        offer["percent"] = _amount(offer["percent"], f"the percentage of offer {offer['no']}")
        if not isinstance(offer["items"], list) or any(no not in items for no in offer["items"]):
            raise _wrong(f"Offer {offer['no']} names an item that the world has not.")
    staff = _by_name(world, "staff")
    if not staff or not stores:
        raise _wrong("A world needs at least one store and one member of staff.")
    found = {"stores": stores, "terminals": terminals, "staff": staff, "items": items, "disc_offers": offers}
    for name, records in found.items():
        state.set_doc(f"till.{name}", records)
    for number, item in items.items():
        row = {"No": number, "Description": item.get("description", ""), "Unit_Price": item["price"]}
        state.put("AIQ_Items", {**row, "No_Discount_Allowed": bool(item.get("no_discount"))})


def _put_settings(state: State, world: Mapping[str, Any]) -> None:
    settings = world["settings"]
    if not isinstance(settings, Mapping) or any(not isinstance(one, Mapping) for one in settings.values()):
        raise _wrong(f"'settings' is an object with an object for each of {', '.join(_SYSTEMS)}.")
    for system in settings:
        if system not in _SYSTEMS:
            raise _wrong(f"'{system}' is not one of the systems {', '.join(_SYSTEMS)}.")
    _check_till(settings.get("till", {}))
    company = world["company"]
    if not isinstance(company, str) or not company:
        raise _wrong("'company' is the name of the NAV company.")
    state.set_doc("nav.settings", {**check_settings(settings.get("nav", {})), "company": company})
    state.set_doc("aiq.settings", dict(settings.get("aiq", {})))
    state.set_doc(SETTINGS, dict(settings.get("till", {})))


def _check_till(settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in TILL_DEFAULTS:
            raise _wrong(f"'{name}' is not a setting of the till; they are {', '.join(TILL_DEFAULTS)}.")
        if not isinstance(value, type(TILL_DEFAULTS[name])):
            raise _wrong(f"'{value}' is no value for the till's setting '{name}'.")
    for name in ("currency_precision", "tax_percent"):
        _amount(settings.get(name, "1"), f"the till's setting '{name}'")
    if settings.get("info_line", "PerDiscount") not in ("PerDiscount", "TotalDiscount"):
        raise _wrong("The till's setting 'info_line' is PerDiscount or TotalDiscount.")


def _put_offer(state: State, offer: Mapping[str, Any]) -> None:
    items, benefits = offer.get("items", [{"Type": "All"}]), offer.get("benefits", [])
    fields = {name: value for name, value in offer.items() if name not in ("items", "benefits")}
    row = {"Type": "Total Discount", "Status": "Enabled", **fields}
    stored = _put(state, "AIQ_TotalDiscountOffers", "offers", row)
    for service, rows in (("AIQ_TotalDiscountOfferItems", items), ("AIQ_TotalDiscountOfferBenefits", benefits)):
        if not isinstance(rows, list) or any(not isinstance(one, Mapping) for one in rows):
            raise _wrong(f"The items and benefits of offer {stored['No']} are lists of objects.")
        for number, one in enumerate(rows, start=1):
            _put(state, service, "offers", {"Line_No": number * 10000, **one, "Offer_No": stored["No"]})
    if code := stored["Coupon_Code"]:
        coupon = {"Code": code, "Description": stored["Description"], "Status": "Enabled"}
        state.put("AIQ_Coupons", coupon)


def _put(state: State, service: str, part: str, row: Mapping[str, Any]) -> dict[str, Any]:
    fields = fields_of(service)
    ready: dict[str, Any] = {}
    for name, value in row.items():
        if name not in fields:
            raise _wrong(f"'{name}' under '{part}' is not a field of {service}.")
        ready[name] = _native(fields[name].kind, value, name)
    return state.put(service, ready)


def _native(kind: Kind, value: Any, name: str) -> Any:
    """A JSON value as the state wants it: dates come as text."""
    try:
        if kind is Kind.DATE and isinstance(value, str):
            return date.fromisoformat(value)
        if kind is Kind.DATETIME and isinstance(value, str):
            return datetime.fromisoformat(value)
    except ValueError as wrong:
        raise _wrong(f"'{value}' is not a date for {name}.") from wrong
    return value


def _records(world: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    found = world[part]
    if not isinstance(found, list) or any(not isinstance(one, Mapping) for one in found):
        raise _wrong(f"'{part}' is a list of objects.")
    return [dict(one) for one in found]


def _by_name(world: Mapping[str, Any], part: str) -> dict[str, dict[str, Any]]:
    name, needed, optional = _SHAPES[part]
    found: dict[str, dict[str, Any]] = {}
    for record in _records(world, part):
        for key in record:
            if key not in needed | optional:
                raise _wrong(f"'{key}' is not known under '{part}'; known are {', '.join(sorted(needed | optional))}.")
        for key in sorted(needed):
            if record.get(key) in (None, ""):
                raise _wrong(f"A record under '{part}' has no '{key}'.")
        record[name] = str(record[name]).upper()
        if len(record[name]) > _LENGTHS.get(part, 20):
            raise _wrong(f"'{record[name]}' under '{part}' is longer than {_LENGTHS.get(part, 20)} characters.")
        found[record[name]] = record
    return found


def _check_zone(store: Mapping[str, Any]) -> None:
    try:
        ZoneInfo(str(store.get("time_zone") or "UTC"))
    except (ValueError, OSError, KeyError) as wrong:
        raise _wrong(f"'{store['time_zone']}' is not a time zone of the tz database.") from wrong


def _checked_persona(persona: dict[str, Any]) -> dict[str, Any]:
    if not persona.get("contactID"):
        raise _wrong("A record under 'personas' has no 'contactID'.")
    persona["points"] = _amount(persona.get("points", 0), f"the points of {persona['contactID']}")
    return persona


def _checked_discount(discount: dict[str, Any]) -> dict[str, Any]:
    if not discount.get("id"):
        raise _wrong("A record under 'discounts' has no 'id'.")
    _amount(discount.get("pointsDeduction", 0), f"the points of discount {discount['id']}")
    return discount


def _amount(value: Any, what: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as wrong:
        raise _wrong(f"'{value}' is not a number for {what}.") from wrong
    if not number.is_finite():
        raise _wrong(f"'{value}' is not a number for {what}.")
    return number


def _wrong(sentence: str) -> FieldError:
    return FieldError("BadRequest", sentence)


def _phone(number: int) -> str:
    return f"555010{number}"


def _member(number: int) -> dict[str, Any]:
    return {
        "Card_No": f"M{number}", "Account_No": f"A{number}", "Contact_No": f"C{number}", "First_Name": "Member",
        "Surname": str(number), "Mobile_Phone_No": _phone(number), "Date_of_Birth": "1985-06-15", "Club_Code": "ADULT",
    }  # fmt: skip


def _persona(number: int, *, loyalty: bool, points: int) -> dict[str, Any]:
    return {
        "contactID": f"contact-{number}", "firstName": "Member", "lastName": str(number),
        "mobilePhone": _phone(number), "email": "", "loyalty": loyalty, "platform": "api", "points": points,
    }  # fmt: skip


def _discount(number: str, code: str, name: str, points: int, **value: int) -> dict[str, Any]:
    return {
        "id": number, "posDiscountID": code, "name": name, "pointsDeduction": points, "reusable": True,
        "available": True, "expiration": 0, **value,
    }  # fmt: skip


def _offer(number: str, code: str, description: str, kind: str, value: str) -> dict[str, Any]:
    return {
        "No": number, "Description": description, "Status": "Enabled", "Type": "Total Discount", "Coupon_Code": code,
        "Coupon_Qty_Needed": 1, "Amount_to_Trigger": "1.00", "items": [{"Type": "All"}],
        "benefits": [{"Step_Amount": "1.00", "Type": "Discount", "Value_Type": kind, "Value": value}],
    }  # fmt: skip
