"""The sale that a case describes in a few lines: every key has a default, an unknown key is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from navplugin.core.model import (
    Benefit,
    Grant,
    GrantStatus,
    History,
    Journal,
    JournalLine,
    LoyaltyStatus,
    Member,
    Offer,
    Persona,
    Prompt,
    Sale,
    SaleState,
    Situation,
    Snapshot,
    StaffAction,
    StoreSettings,
    Wallet,
    WalletDiscount,
)
from navplugin.core.money import ZERO, parse_money
from navplugin.core.problems import did_you_mean
from navplugin.rulebook.case_keys import KEYS, BadCase

RECEIPT, GUID, CARD = "0000P0001000000001", "6f3c1c9e-0000-4000-8000-000000000001", "M1001"
FOOTERS = {"wallet": "WALLET-00000000", "signup": "SIGNUP-00000000", "plain": "PLAIN-00000000"}
TERMS = "Would you like to join our loyalty programme?"
_LINE = re.compile(r"(?:(?P<quantity>-?[\d.]+)\s*x\s*)?(?P<price>-?[\d.]+)(?:\s+less\s+(?P<less>[\d.]+))?"
                   r"(?:\s+in\s+(?P<category>\S+))?")  # fmt: skip
_VALUE = re.compile(r"(?P<value>[\d.]+)(?P<percent>\s*%)?\s+off(?:\s+for\s+(?P<points>[\d.]+))?(?P<rest>.*)")
_OFFER = re.compile(r"(?:trigger\s+(?P<trigger>[\d.]+))?(?P<none>none|disabled)?")


@dataclass(slots=True)
class SaleBuilder:
    """Collects the keys of a case and builds the situation."""

    plain: dict[str, Any] = field(default_factory=dict)
    lines: list[JournalLine] = field(default_factory=list)
    discounts: dict[str, WalletDiscount] = field(default_factory=dict)
    offers: dict[str, str] = field(default_factory=dict)
    triggers: dict[str, Decimal] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)

    def put(self, key: str, value: str) -> None:
        """One entry of the case. Raises BadCase."""
        word = next((w for w in _NAMED if key.startswith(w + " ")), "")
        name = key[len(word) :].strip()
        if word and name:
            _NAMED[word](self, name, value)
        elif key in KEYS:
            self.plain[key] = KEYS[key][0](value)
        else:
            known = (*KEYS, *(f"{w} NAME" for w in _NAMED))
            raise BadCase(f"'{key}' is not a key of a case", did_you_mean(key, known), is_key=True)

    def get(self, key: str, default: Any) -> Any:
        """The value of a plain key."""
        return self.plain.get(key, default)

    # ---- build -----------------------------------------------------------------------------------------------------

    def build(self) -> Situation:
        """The situation as the worker would have read it."""
        store = StoreSettings(
            store_no=self.get("store", "S0001"),
            time_zone=self.get("time zone", "UTC"),
            language=self.get("language", "en"),
            closing_time=self.get("closing time", ""),
            signup_terms=self.get("terms", TERMS),
            pin=self.get("pin", False),
            minimum_judged=self.get("minimum judged", "before"),
            reached=self.get("reached", "at-least"),
        )
        local: datetime = self.get("now", datetime(2026, 5, 1, 12, 0))
        now = local.replace(tzinfo=ZoneInfo(store.time_zone)).astimezone(UTC)
        card = self.get("member", CARD)
        status: LoyaltyStatus | None = self.get("loyalty", LoyaltyStatus.MEMBER)
        member = status is LoyaltyStatus.MEMBER
        known = bool(card) and status is not None
        return Situation(
            snapshot=self._snapshot(card, store, now),
            now=now,
            store=store,
            member=self._member(card) if card else None,
            persona=Persona(status, "contact", now) if known and status is not None else None,
            wallet=self._wallet(now) if known and member else None,
            offers=self._offers(),
            held=self.get("held", ZERO),
            footer_codes=FOOTERS,
            history=History(self.get("visits", 5), self.get("uses today", 0), self.get("prompts last hour", 0)),
        )

    def _snapshot(self, card: str, store: StoreSettings, now: datetime) -> Snapshot:
        state: SaleState = self.get("state", SaleState.SALES)
        terminal, staff = self.get("terminal", "P0001"), self.get("staff", "101")
        sale = Sale(RECEIPT, GUID, store.store_no, terminal, staff, card, state, "", "check-in", now, 1)
        journal = Journal(
            RECEIPT, store.store_no, terminal, staff, card, self.get("return", False),
            sales_type=self.get("sales type", ""), customer_no=self.get("customer", ""),
            trans_date=now.astimezone(ZoneInfo(store.time_zone)).date(), lines=tuple(self.lines),
        )  # fmt: skip
        asked = (StaffAction(1, "GetStatus", RECEIPT, "New", staff, card),) if self.get("status asked", False) else ()
        return Snapshot(
            company="CRONUS",
            sale=sale,
            journal=journal if state.is_open else None,
            posted=None,
            actions=asked,
            grants=self._picks(card, now),
            prompts=self._prompts(card),
        )

    def _member(self, card: str) -> Member:
        return Member(
            card,
            mobile_phone_no=self.get("phone", "5550100000"),
            e_mail=self.get("e-mail", ""),
            date_of_birth=self.get("born", date(1985, 6, 15)),
            club_code=self.get("club", ""),
            scheme_code=self.get("scheme", ""),
            blocked=self.get("blocked member", False),
            fields=self.fields,
        )

    def _wallet(self, now: datetime) -> Wallet:
        points: Decimal | None = self.get("points", Decimal(1000))
        return Wallet("contact", points, points is None, tuple(self.discounts.values()), now)

    def _offers(self) -> tuple[Offer, ...]:
        """An enabled offer for every wallet discount, unless the case says otherwise."""
        out = []
        for code, discount in self.discounts.items():
            state = self.offers.get(code, "")
            if state == "none":
                continue
            percent = discount.percentage_value is not None
            value = (discount.percentage_value if percent else discount.dollar_value) or ZERO
            benefit = Benefit(ZERO, "percent" if percent else "amount", value)
            trigger = self.triggers.get(code, ZERO)
            offer_no = f"TDO-{code}"[:20]
            out.append(Offer(offer_no, code, state != "disabled", code, amount_to_trigger=trigger, benefits=(benefit,)))
        return tuple(out)

    def _picks(self, card: str, now: datetime) -> tuple[Grant, ...]:
        """Picks in the order in which the case names them."""
        out = []
        for place, code in enumerate(self.get("picked", ())):
            discount = self.discounts.get(code) or WalletDiscount("", code, code)
            percent = discount.percentage_value is not None
            value = (discount.percentage_value if percent else discount.dollar_value) or ZERO
            out.append(
                Grant(
                    RECEIPT, code, f"TDO-{code}"[:20], discount.discount_id, discount.name,
                    "percent" if percent else "amount", value, discount.points_cost, ZERO, ZERO, "", False, card, "",
                    "", "", GrantStatus.INSERTED, now.replace(minute=place), "101", 0, ZERO,
                )
            )  # fmt: skip
        return tuple(out)

    def _prompts(self, card: str) -> tuple[Prompt, ...]:
        answer = self.get("answer", "")
        if not answer:
            return ()
        return (Prompt(RECEIPT, "0" * 20, card, "Confirm", "SIGNUP", (TERMS, "", ""), None, answer, None, "101"),)


def _put_line(builder: SaleBuilder, name: str, value: str) -> None:
    match = _LINE.fullmatch(value)
    price = parse_money(match["price"]) if match else None
    quantity = parse_money((match and match["quantity"]) or "1")
    less = parse_money((match and match["less"]) or "0")
    if match is None or price is None or quantity is None or less is None:
        raise BadCase(f"'{value}' is not a line", "write '75.00', '2 x 37.50', '50.00 less 5.00 in VAPE'")
    number = (len(builder.lines) + 1) * 10000
    builder.lines.append(
        JournalLine(
            number, "Item", name.upper(), name, quantity, price, quantity * price - less, less, less,
            item_category_code=(match["category"] or "").upper(),
        )
    )  # fmt: skip


def _put_periodic(builder: SaleBuilder, name: str, value: str) -> None:
    amount = parse_money(value)
    if amount is None:
        raise BadCase(f"'{value}' is not an amount", "write '5.00'")
    number = (len(builder.lines) + 1) * 10000
    builder.lines.append(JournalLine(number, "PerDiscount", name.upper(), name, amount=-amount))


def _put_coupon(builder: SaleBuilder, name: str, value: str) -> None:
    number = (len(builder.lines) + 1) * 10000
    builder.lines.append(JournalLine(number, "Coupon", "", value, coupon_code=name.upper()))


def _put_field(builder: SaleBuilder, name: str, value: str) -> None:
    builder.fields[name] = value


def _put_discount(builder: SaleBuilder, name: str, value: str) -> None:
    match = _VALUE.fullmatch(value)
    amount = parse_money(match["value"]) if match else None
    points = parse_money((match and match["points"]) or "0")
    words = match["rest"].split() if match else []
    if match is None or amount is None or points is None or not set(words) <= {"points", "tier", "locked"}:
        raise BadCase(
            f"'{value}' is not a discount", "write '10.00 off for 100', '15 % off', '5 off tier', '... locked'"
        )
    code, percent = name.upper(), match["percent"] is not None
    builder.discounts[code] = WalletDiscount(
        f"id-{code}", code, name, points, "locked" not in words,
        dollar_value=None if percent else amount, percentage_value=amount if percent else None, tier="tier" in words,
        redemption_url="https://example.invalid",
    )  # fmt: skip


def _put_offer(builder: SaleBuilder, name: str, value: str) -> None:
    match = _OFFER.fullmatch(value)
    trigger = parse_money((match and match["trigger"]) or "0")
    if match is None or trigger is None or not value:
        raise BadCase(f"'{value}' is not an offer", "write 'trigger 50.00', 'none' or 'disabled'")
    builder.offers[name.upper()] = match["none"] or ""
    builder.triggers[name.upper()] = trigger


_NAMED: dict[str, Callable[[SaleBuilder, str, str], None]] = {
    "line": _put_line,
    "discount": _put_discount,
    "offer": _put_offer,
    "periodic": _put_periodic,
    "coupon": _put_coupon,
    "member field": _put_field,
}
