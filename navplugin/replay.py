"""What rules would have done to posted sales: each is decided as it stood before payment, with what NAV still tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from navplugin.core.model import (
    Benefit,
    Decision,
    Grant,
    GrantStatus,
    LoyaltyStatus,
    Member,
    Offer,
    Persona,
    PostedSale,
    Sale,
    SaleState,
    Situation,
    Snapshot,
    StoreSettings,
    Wallet,
    WalletDiscount,
)
from navplugin.core.money import ZERO
from navplugin.core.ports import JournalReader
from navplugin.rulebook.book import Rule, Rulebook
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.verbs.base import PROMPTS, SALE

TRANSACTIONS = "AIQ_Transactions"
TERMS = "The store's AIQ Signup Terms."


@dataclass(frozen=True, slots=True)
class PastSale:
    """A posted sale with its member. day: the date of the sale in the store."""

    day: date
    sale: PostedSale
    member: Member | None


@dataclass(frozen=True, slots=True)
class Past:
    """Posted sales, and the offers that NAV has."""

    sales: Sequence[PastSale]
    offers: Sequence[Offer]


@dataclass(slots=True)
class OfferTotal:
    """One Total Discount Offer over all sales: what it gave, and what it would have given. Amounts in currency."""

    offer_no: str
    coupon_code: str
    uses: int = 0
    given: Decimal = ZERO
    kept_uses: int = 0
    kept: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Change:
    """A receipt on which these rules decide something else."""

    receipt_no: str
    store_no: str
    day: date
    changes: tuple[str, ...]


@dataclass(slots=True)
class Replayed:
    """The outcome. left_out: rules that cannot be judged on posted sales, with the fact that is not told."""

    rules_hash: str
    base_hash: str
    sales: int = 0
    skipped: int = 0
    totals: list[OfferTotal] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For --format json."""
        return asdict(self)


# ---- reading -------------------------------------------------------------------------------------------------------


def read_past(reader: JournalReader, first: date, last: date, on_day: Callable[[], object]) -> Past:
    """Posted sales of these days, day by day; voided ones and training are left out."""
    sales: list[PastSale] = []
    members: dict[str, Member | None] = {}
    day = first
    while day <= last:
        headers = [row.fields for row in reader.read_rows(TRANSACTIONS, {"Date": day})]
        rows = [
            Sale(h["Receipt_No"], "", h["Store_No"], h["POS_Terminal_No"], h["Staff_ID"], h["Member_Card_No"],
                 SaleState.POSTED, "", "", None, 0)
            for h in headers
            if h["Transaction_Type"] == "Sales" and h["Entry_Status"] not in ("Voided", "Training") and h["Receipt_No"]
        ]  # fmt: skip
        for snapshot in reader.read_snapshots(rows):
            posted = snapshot.posted
            if posted is None or posted.voided:
                continue
            card = posted.member_card_no
            if card and card not in members:
                members[card] = reader.read_member(card)
            sales.append(PastSale(day, posted, members.get(card)))
        on_day()
        day += timedelta(days=1)
    return Past(sales, tuple(reader.read_offers()))


# ---- deciding ------------------------------------------------------------------------------------------------------


def replay_sales(
    past: Past,
    book: Rulebook,
    base: Rulebook | None,
    stores: Mapping[str, StoreSettings],
    footers: Mapping[str, Mapping[str, str]],
    on_sale: Callable[[], object],
) -> Replayed:
    """Decide on every sale with `book`, and compare with `base`, or with what was given where there is no base."""
    result = Replayed(book.hash, base.hash if base else "")
    totals: dict[str, OfferTotal] = {}
    judged = {no: _judged(book.for_store(no), result) for no in stores}
    compared = {no: _judged(base.for_store(no), None) for no in stores} if base else {}
    for one in past.sales:
        on_sale()
        store = stores.get(one.sale.store_no)
        if store is None:
            result.skipped += 1
            continue
        result.sales += 1
        situation = situation_of(one, store, past.offers, footers.get(store.store_no, {}))
        decision = decide(judged[store.store_no], situation, BuiltinMatcher())
        before = decide(compared[store.store_no], situation, BuiltinMatcher()) if base else None
        _add_up(one, situation, decision, totals)
        changes = _changes(situation, decision, before)
        if changes:
            result.changed.append(Change(one.sale.receipt_no, store.store_no, one.day, changes))
    result.totals = [totals[no] for no in sorted(totals)]
    return result


def _judged(book: Rulebook, result: Replayed | None) -> Rulebook:
    """The rulebook without the rules and stacks that ask what a posted sale does not tell."""

    def told(name: str, conditions: Sequence[Any]) -> bool:
        missing = next((c.fact.caption for c in conditions if c.fact.open_only), "")
        if missing and result is not None:
            result.left_out[name] = missing
        return not missing

    rules: tuple[Rule, ...] = tuple(r for r in book.rules if told(r.name, r.conditions))
    stacks = tuple(s for s in book.stacks if told(f"stack {s.name}", (*s.among, *s.conditions)))
    return replace(book, rules=rules, stacks=stacks)


def situation_of(
    one: PastSale, store: StoreSettings, offers: Sequence[Offer], footers: Mapping[str, str]
) -> Situation:
    """The sale as it stood before payment. Its wallet holds the discounts that were used, each picked."""
    posted, zone = one.sale, ZoneInfo(store.time_zone)
    noon = datetime(one.day.year, one.day.month, one.day.day, 12, tzinfo=zone).astimezone(UTC)
    now = posted.posted_at or noon
    by_no = {o.offer_no: o for o in offers if o.coupon_code}
    used = [by_no[d.offer_no] for d in posted.discounts if d.offer_no in by_no and d.amount]
    card = posted.member_card_no
    sale = Sale(posted.receipt_no, posted.sale_guid, posted.store_no, posted.pos_terminal_no, posted.staff_id, card,
                SaleState.SALES, "", "check-in", now, 1)  # fmt: skip
    grants = tuple(_pick(posted.receipt_no, card, offer, now, place) for place, offer in enumerate(used))
    return Situation(
        snapshot=Snapshot("", sale, None, posted, grants=grants),
        now=now,
        store=replace(store, signup_terms=TERMS),
        member=one.member,
        persona=Persona(LoyaltyStatus.MEMBER if used else LoyaltyStatus.KNOWN) if card else None,
        wallet=Wallet("", None, True, tuple(map(_discount, used)), now) if card else None,
        offers=tuple(offers),
        footer_codes=footers,
    )


def _benefit(offer: Offer) -> Benefit:
    return offer.benefits[0] if offer.benefits else Benefit(ZERO, "amount", ZERO)


def _discount(offer: Offer) -> WalletDiscount:
    benefit = _benefit(offer)
    amount = benefit.value if benefit.kind == "amount" else None
    percent = benefit.value if benefit.kind == "percent" else None
    return WalletDiscount(
        offer.offer_no, offer.coupon_code, offer.description, dollar_value=amount, percentage_value=percent
    )


def _pick(receipt_no: str, card: str, offer: Offer, now: datetime, place: int) -> Grant:
    benefit = _benefit(offer)
    return Grant(
        receipt_no, offer.coupon_code, offer.offer_no, offer.offer_no, offer.description, benefit.kind, benefit.value,
        ZERO, ZERO, ZERO, "", False, card, "", "", "", GrantStatus.INSERTED, now + timedelta(seconds=place), "", 0,
        ZERO,
    )  # fmt: skip


def _add_up(one: PastSale, situation: Situation, decision: Decision, totals: dict[str, OfferTotal]) -> None:
    codes = {o.offer_no: o.coupon_code for o in situation.offers}
    for given in one.sale.discounts:
        code = codes.get(given.offer_no, "")
        total = totals.setdefault(given.offer_no, OfferTotal(given.offer_no, code))
        amount = given.amount + ZERO * situation.store.currency_precision
        kept = amount * (not code or code not in decision.forbidden)
        total.uses, total.given = total.uses + 1, total.given + amount
        total.kept_uses, total.kept = total.kept_uses + bool(kept), total.kept + kept


def _changes(situation: Situation, decision: Decision, before: Decision | None) -> tuple[str, ...]:
    forbidden = before.forbidden if before is not None else {}
    out = [f"{code} would be taken off: {why}" for code, why in decision.forbidden.items() if code not in forbidden]
    out += [f"{code} would stay" for code in forbidden if code not in decision.forbidden]
    if before is not None:
        for what, read in (("prompts", _prompts), ("footer", _footer)):
            old, new = read(situation, before), read(situation, decision)
            if old != new:
                out.append(f"{what}: {new or 'none'} in place of {old or 'none'}")
    return tuple(out)


def _prompts(situation: Situation, decision: Decision) -> str:
    return ", ".join(sorted(str(w.initial["Code"]) for w in decision.wants if w.page == PROMPTS))


def _footer(situation: Situation, decision: Decision) -> str:
    names = {code: name for name, code in situation.footer_codes.items()}
    code = next((str(w.fields["Footer_Code"]) for w in decision.wants if w.page == SALE), "")
    return names.get(code, code)
