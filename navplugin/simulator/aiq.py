"""What the simulated AIQ knows and does: personas, discount templates, redemptions, points (aiq-api.md 3-7, 14).

Records in the state: `aiq.personas` (contactID, firstName, lastName, mobilePhone, email, loyalty, platform, points,
used), `aiq.templates` (id, posDiscountID, name, pointsDeduction, dollarValue, percentageValue, reusable, tierDiscount,
available, expiration), `aiq.redemptions` (id, contact_id, discount_id, points, reference, at, refunded),
`aiq.adjustments`, `aiq.feeds`, `aiq.settings`. Points are Decimal and may be fractional; `at` is epoch seconds.
Every documented unknown is a switch of `aiq.settings`, see DEFAULTS.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from navplugin.simulator.state import State

SETTINGS = "aiq.settings"
PINS, ACCRUED = "aiq.pins", "aiq.accrued"
ACCRUAL_SECONDS = 24 * 3600
_ALWAYS = ("id", "posDiscountID", "name", "redemptionURL", "pointsDeduction")
PIN_TRIES, PIN_SECONDS = 3, 600
DEFAULTS: dict[str, Any] = {
    "key": "demo-key",
    "uid": "1234",
    "points_hidden": False,
    "points_as_text": False,
    "unknown_contact": "404",  # or "empty": 200 with no data
    "lookup_method": "both",  # or "GET", "POST"
    "envelope": True,  # False: data only, without success and code
    "listing_shows_reference": True,
    "listing_drops_refunded": False,  # True: a redemption that was given back is no longer listed
    "clock_skew": 0,  # seconds by which AIQ's clock is ahead: in every `at` and in the Date of its answers
    "transaction_id": "optional",  # or "required", "refused"
    "source_honoured": True,
    "pin": "wallet",  # or "contact-wallet", "off": which pair of PIN calls answers
    "extra_fields": False,  # True: answers bear fields that nobody documented
    "bare": False,  # True: optional fields are left out
    "calls_per_second": 0,  # more are answered with 429 and Retry-After; 0 = no limit
    "refund": False,  # True: the refund address answers
    "stores": [],
}
Thing = dict[str, Any]


class AiqError(Exception):
    """A call that AIQ refuses, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Aiq:
    """The programme behind AIQ's addresses. Each method is one call, whole or not at all."""

    def __init__(self, state: State, settings: Mapping[str, Any] | None = None) -> None:
        self._state = state
        self._settings = {**DEFAULTS, **(settings or {})}

    @property
    def settings(self) -> Thing:
        """Switches as they are now: DEFAULTS, then what the server was started with, then `aiq.settings`."""
        return {**self._settings, **self._state.doc(SETTINGS, {})}

    def now(self) -> datetime:
        """The time by AIQ's own clock."""
        return self._state.now() + timedelta(seconds=float(self.settings["clock_skew"]))

    def look_up(self, pii: str) -> Thing | None:
        """Whether this phone or e-mail is known, and a loyalty member; None when unknown."""
        persona = self._find(phone=pii, email=pii)
        if persona is None:
            return None
        shown = {name: bool(persona.get(name)) for name in ("loyalty", "smsOptIn", "emailOptIn")}
        if self.settings["bare"]:
            return {"loyalty": shown["loyalty"]}
        more = {"tierLevel": 2, "somethingNew": [None]} if self.settings["extra_fields"] else {}
        return {"contactID": persona["contactID"], **shown, **more}

    def search(self, text: str, start: int, limit: int) -> Thing:
        """The personas listing; `results` is null when nothing fits."""
        found = [_listed(p) for p in self._personas() if _fits(p, text)]
        page = found[start : start + limit]
        return {"results": page or None, "start": start, "total": len(found), "limit": limit, "size": len(page)}

    def persona(self, contact_id: str) -> Thing:
        """One persona. AiqError 404 when there is none."""
        found = self._by_id(contact_id)
        return {**_listed(found), "loyaltyPoints": number(found.get("points", 0))}

    def sign_up(self, body: Mapping[str, Any]) -> Thing:
        """Make the person a loyalty member. AIQ merges on equal phone or e-mail, so a repeat meets the same persona."""
        phone, email = str(body.get("mobilePhone") or ""), _email(body.get("email"))
        if not phone and not email:
            raise AiqError(400, "mobilePhone or email is required")
        if phone and not (len(phone) == 10 and phone.isdecimal()):
            raise AiqError(400, "mobilePhone must have ten digits")
        with self._state.transaction():
            personas = self._personas()
            persona = _first(personas, lambda p: bool(phone) and _phone(p) == phone) or _first(
                personas, lambda p: bool(email) and _email(p.get("email")) == email
            )
            if persona is None:
                persona = {"contactID": uuid.uuid4().hex, "points": Decimal(0), "used": Decimal(0), "loyalty": False}
                personas.append(persona)
            self._join(persona, body, phone, email)
            self._state.set_doc("aiq.personas", personas)
            return {"contactID": persona["contactID"]}

    def wallet(self, phone: str, email: str, base: str) -> Thing | None:
        """Balance and discounts; None when unknown. Phone wins over e-mail. `base`: address for redemptionURL."""
        self._accrue()
        persona = self._find(phone=phone) if phone else self._find(email=email)
        if persona is None:
            return None
        settings = self.settings
        points = Decimal(0) if settings["points_hidden"] else number(persona.get("points", 0))
        templates = [
            self._offered(template, persona["contactID"], base)
            for template in self._templates()
            if not self._spent(template, persona["contactID"])
        ]
        if settings["bare"]:
            templates = [{name: one.get(name) for name in _ALWAYS} for one in templates]
            return {"loyaltyPoints": points, "discountTemplates": templates}
        found = {
            "loyaltyPoints": str(points) if settings["points_as_text"] else points,
            "hidePointsInWallet": bool(settings["points_hidden"]),
            "discountTemplates": templates,
            "contactID": persona["contactID"],
        }
        if settings["extra_fields"]:
            found |= {"audiences": [{"name": "VIP"}], "somethingNew": {"deep": [1, None, True]}}
            found["discountTemplates"] = [{**one, "cooldown": None, "minSpend": "?"} for one in templates]
        return found

    def send_pin(self, phone: str, email: str) -> None:
        """A new PIN for the person, by text message. AiqError 404 for an unknown contact."""
        with self._state.transaction():
            persona = self._find(phone=phone) if phone else self._find(email=email)
            if persona is None:
                raise AiqError(404, "Contact not found")
            pins: Thing = self._state.doc(PINS, {})
            sent = pins.get(persona["contactID"], {}).get("sent", 0) + 1
            pins[persona["contactID"]] = {
                "code": f"{(sum(map(ord, persona['contactID'])) * 7919 + sent * 613) % 9000 + 1000}", "tries": 0,
                "sent": sent, "at": self._at(),
            }  # fmt: skip
            self._state.set_doc(PINS, pins)

    def open_wallet(self, phone: str, email: str, code: str, base: str) -> Thing | None:
        """The wallet behind a PIN. AiqError 400 for a wrong one, one older than 10 min, or the fourth try."""
        with self._state.transaction():
            persona = self._find(phone=phone) if phone else self._find(email=email)
            pins: Thing = self._state.doc(PINS, {})
            pin = pins.get(persona["contactID"]) if persona else None
            fresh = pin is not None and self._at() - pin["at"] <= PIN_SECONDS
            right = pin is not None and fresh and pin["tries"] < PIN_TRIES and pin["code"] == code
            if pin is not None and not right:
                pin["tries"] += 1
                self._state.set_doc(PINS, pins)
        if not right:
            raise AiqError(400, "Invalid code")
        return self.wallet(phone, email, base)

    def redeem(self, discount_id: str, token: str, reference: str) -> Thing:
        """Deduct the points now. AiqError 404 unknown address, 409 used up, 400 not possible; then nothing happened."""
        with self._state.transaction():
            template = _first(self._templates(), lambda t: str(t["id"]) == discount_id)
            persona = _first(self._personas(), lambda p: self._token(discount_id, p["contactID"]) == token)
            if template is None or persona is None:
                raise AiqError(404, "Unknown redemption address")
            contact_id = persona["contactID"]
            self._check_redeemable(template, persona, reference)
            cost = Decimal(0) if template.get("tierDiscount") else number(template.get("pointsDeduction", 0))
            balance = self._move(contact_id, -cost, used=cost)
            record = {
                "id": uuid.uuid4().hex, "contact_id": contact_id, "discount_id": discount_id, "points": cost,
                "reference": reference, "at": self._at(), "refunded": False,
            }  # fmt: skip
            self._append("aiq.redemptions", record)
            return {"id": record["id"], "loyaltyPoints": balance}

    def redemptions(self, start: int, end: int) -> list[Thing]:
        """Redemptions with start <= at <= end, oldest first; reference and refunded ones as the switches say."""
        settings = self.settings
        hidden = set() if settings["listing_shows_reference"] else {"reference"}
        found: list[Thing] = self._state.doc("aiq.redemptions", [])
        shown = [one for one in found if not (one["refunded"] and settings["listing_drops_refunded"])]
        return [{k: v for k, v in one.items() if k not in hidden} for one in shown if start <= one["at"] <= end]

    def adjust(self, contact_id: str, body: Mapping[str, Any]) -> Thing:
        """Add points, or take them with a negative value. Sent twice, it adjusts twice."""
        value = body.get("value")
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not value:
            raise AiqError(400, "value must be a number other than 0")
        with self._state.transaction():
            balance = self._move(contact_id, number(value), used=Decimal(0))
            record = {
                "contact_id": contact_id, "value": number(value), "note": str(body.get("note") or ""),
                "reference": str(body.get("cmpID") or ""), "at": self._at(),
            }  # fmt: skip
            self._append("aiq.adjustments", record)
            return {"loyaltyPoints": balance}

    def refund(self, discount_id: str, contact_id: str, reference: str) -> Thing:
        """Give a redemption back, points and single use. AiqError 404 when there is none, 409 when it was given."""
        with self._state.transaction():
            found: list[Thing] = self._state.doc("aiq.redemptions", [])
            mine = [
                r for r in found if (r["discount_id"], r["contact_id"], r["reference"])
                == (discount_id, contact_id, reference)
            ]  # fmt: skip
            live = _first(mine, lambda r: not r["refunded"])
            if live is None:
                raise AiqError(409 if mine else 404, "Already refunded" if mine else "Unknown redemption")
            live["refunded"] = True
            self._state.set_doc("aiq.redemptions", found)
            return {"loyaltyPoints": self._move(contact_id, live["points"], used=-live["points"])}

    def feed(self, kind: str, body: Any) -> None:
        """Take sales, members or items. They are kept, and give no points before AIQ has worked on them."""
        at = self._at()
        with self._state.transaction():
            for one in body if isinstance(body, list) else [body]:
                self._append("aiq.feeds", {"kind": kind, "body": one, "at": at})

    def _accrue(self) -> None:
        """A point for each unit of a sale that was fed a day ago, once for each `pos_id`: how much is ours, how late is
        AIQ's (aiq-api.md 10.2)."""
        due = self._at() - ACCRUAL_SECONDS
        with self._state.transaction():
            feeds: list[Thing] = self._state.doc("aiq.feeds", [])
            done: list[str] = self._state.doc(ACCRUED, [])
            for feed in feeds:
                visit = feed["body"].get("visit", {}) if feed["kind"] == "sale" else {}
                number = str(visit.get("pos_id") or "")
                if not number or number in done or feed["at"] > due:
                    continue
                done.append(number)
                member = feed["body"].get("member") or {}
                persona = self._find(str(member.get("mobilePhone") or ""), str(member.get("email") or ""))
                if persona is not None:
                    total = number_of(visit.get("transaction_total"))
                    self._move(persona["contactID"], total, used=Decimal(0))
            self._state.set_doc(ACCRUED, done)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _at(self) -> int:
        return int(self.now().timestamp())

    def _join(self, persona: Thing, body: Mapping[str, Any], phone: str, email: str) -> None:
        wanted = bool(body.get("loyalty"))
        if "platform" not in persona or (wanted and not persona.get("loyalty")):
            honoured = self.settings["source_honoured"]
            persona["platform"] = str(body.get("source") or "api") if honoured else "api"
        given = {"mobilePhone": phone, "email": email, **{n: str(body.get(n) or "") for n in ("firstName", "lastName")}}
        for name, value in given.items():
            persona[name] = value or persona.get(name, "")
        persona["loyalty"] = wanted or bool(persona.get("loyalty"))
        for sent, kept in (("smsoptin", "smsOptIn"), ("emailOptIn", "emailOptIn")):
            if sent in body and not persona.get("optedOut"):  # who opted out is not opted in again
                persona[kept] = bool(body[sent])

    def _offered(self, template: Thing, contact_id: str, base: str) -> Thing:
        discount_id = str(template["id"])
        path = f"/api/v1.1/discount/redeem/{self.settings['uid']}/{discount_id}/{self._token(discount_id, contact_id)}"
        return {**template, "id": discount_id, "redemptionURL": base + path}

    def _check_redeemable(self, template: Thing, persona: Thing, reference: str) -> None:
        rule = self.settings["transaction_id"]
        if (rule == "required" and not reference) or (rule == "refused" and reference):
            raise AiqError(404, "Unknown redemption address")
        if self._spent(template, persona["contactID"]):
            raise AiqError(409, "This discount was redeemed before")
        expiration = int(template.get("expiration") or 0)
        if template.get("available") is False or 0 < expiration < self.now().timestamp():
            raise AiqError(400, "This discount is not available")
        if number(persona.get("points", 0)) < number(template.get("pointsDeduction", 0)):
            raise AiqError(400, "Not enough points")

    def _spent(self, template: Thing, contact_id: str) -> bool:
        if template.get("reusable"):
            return False
        mine = (str(template["id"]), contact_id)
        found: list[Thing] = self._state.doc("aiq.redemptions", [])
        return any((r["discount_id"], r["contact_id"]) == mine and not r["refunded"] for r in found)

    def _move(self, contact_id: str, points: Decimal, used: Decimal) -> Decimal:
        personas = self._personas()
        persona = _first(personas, lambda p: p["contactID"] == contact_id)
        if persona is None:
            raise AiqError(404, "Unknown contact")
        persona["points"] = number(persona.get("points", 0)) + points
        persona["used"] = number(persona.get("used", 0)) + used
        self._state.set_doc("aiq.personas", personas)
        balance: Decimal = persona["points"]
        return balance

    def _token(self, discount_id: str, contact_id: str) -> str:
        secret = f"{self.settings['uid']}/{discount_id}/{contact_id}"
        return hashlib.sha256(secret.encode()).hexdigest()[:32]

    def _append(self, name: str, record: Thing) -> None:
        self._state.set_doc(name, [*self._state.doc(name, []), record])

    def _personas(self) -> list[Thing]:
        found: list[Thing] = self._state.doc("aiq.personas", [])
        return found

    def _templates(self) -> list[Thing]:
        found: list[Thing] = self._state.doc("aiq.templates", [])
        return found

    def _by_id(self, contact_id: str) -> Thing:
        found = _first(self._personas(), lambda p: p["contactID"] == contact_id)
        if found is None:
            raise AiqError(404, "Unknown contact")
        return found

    def _find(self, phone: str = "", email: str = "") -> Thing | None:
        personas, email = self._personas(), _email(email)
        by_phone = _first(personas, lambda p: bool(phone) and _phone(p) == phone)
        return by_phone or _first(personas, lambda p: bool(email) and _email(p.get("email")) == email)


def number(value: Any) -> Decimal:
    """A points value of the world, however it was typed. AiqError 500 for what is none: the world is wrong."""
    try:
        return Decimal(str(value))
    except InvalidOperation as wrong:
        raise AiqError(500, f"'{value}' in the simulated world is not a number") from wrong


def number_of(value: Any) -> Decimal:
    """A number of a feed, 0 for what is none."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def _first(things: list[Thing], test: Callable[[Thing], bool]) -> Thing | None:
    return next((one for one in things if test(one)), None)


def _phone(persona: Thing) -> str:
    return str(persona.get("mobilePhone") or "")


def _email(value: Any) -> str:
    return str(value or "").strip().casefold()


def _fits(persona: Thing, search: str) -> bool:
    """The words of aiq-api.md 3.2, all of which must fit; that they may be combined is assumed."""
    words = search.split()
    kinds = {"is:member": bool(persona.get("loyalty")), "not:member": not persona.get("loyalty")}
    if not all(kinds.get(word, True) for word in words):
        return False
    wanted = " ".join(word for word in words if word not in kinds).strip('"').removeprefix("email:").casefold()
    return not wanted or wanted in _searched(persona)


def _searched(persona: Thing) -> str:
    name = f"{persona.get('firstName', '')} {persona.get('lastName', '')}"
    return "\n".join((name, _email(persona.get("email")), _phone(persona), persona["contactID"])).casefold()


def _listed(persona: Thing) -> Thing:
    names = ("contactID", "firstName", "lastName", "mobilePhone", "email", "platform", "loyalty")
    return {name: persona.get(name, "") for name in names}
