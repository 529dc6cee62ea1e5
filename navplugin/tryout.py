"""What rules would decide on sales as they are now: reads NAV, AIQ and the ledger, writes nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from navplugin.core.model import (
    Decision,
    Effect,
    LoyaltyStatus,
    Offer,
    Persona,
    SaleState,
    Situation,
    Snapshot,
    StoreSettings,
    WalletDiscount,
)
from navplugin.core.money import ZERO
from navplugin.core.ports import Clock, JournalReader, LoyaltyProvider
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger
from navplugin.past import Past
from navplugin.people import Answer, People
from navplugin.reconcile import GRANTS, reconcile_grants, reconcile_rows
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.load import Rulebook

_TIMES = {"Wallet_At", "Updated_At"}
"""Fields that say when AIQ was asked: a try asks anew, and that alone is no change."""


class _Remembered:
    """What `People` needs of a ledger; nothing is kept."""

    def __init__(self, ledger: SqlLedger | None) -> None:
        self._ledger = ledger

    def person(self, member_card_no: str) -> Persona | None:
        """What AIQ last said of this member, as the ledger knows it."""
        return self._ledger.person(member_card_no) if self._ledger else None

    def save_person(self, member_card_no: str, persona: Persona, now: datetime) -> None:
        """Nothing: a try leaves no trace."""

    def remember_mapped(self, discounts: Iterable[WalletDiscount], now: datetime) -> None:
        """Nothing either."""

    def position(self) -> int:
        """No points are promised here."""
        return 0


@dataclass(frozen=True, slots=True)
class Tried:
    """One open sale, what the rules decide on it, and the rows that would be written now."""

    situation: Situation
    decision: Decision
    effects: tuple[Effect, ...]


class Looker:
    """Reads live sales as the worker does, and decides on them. ledger: None where there is none yet."""

    def __init__(
        self,
        reader: JournalReader,
        loyalty: LoyaltyProvider,
        ledger: SqlLedger | None,
        company: str,
        stores: Mapping[str, StoreSettings],
        footer_codes: Mapping[str, Mapping[str, str]],
        clock: Clock,
    ) -> None:
        self.reader, self.stores, self.company = reader, stores, company
        self._ledger, self._footer_codes, self._clock = ledger, footer_codes, clock
        if ledger is not None:
            ledger.company = company
        self.rules = RuleLedger(ledger, company) if ledger is not None else None
        self._people = People(reader, loyalty, _Remembered(ledger), clock)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """The Total Discount Offers in NAV."""
        return tuple(self.reader.read_offers())

    @cached_property
    def _terms(self) -> Mapping[str, str]:
        return {no: str(row.get("AIQ_Signup_Terms") or "") for no, row in self.reader.read_setup().items()}

    def snapshots(self, receipt_no: str = "") -> tuple[Snapshot, ...]:
        """Open sales, or the sale of one receipt in whatever state; only those of the profile's stores."""
        if receipt_no:
            one = self.reader.read_sale(receipt_no)
            sales = [one] if one is not None else []
        else:
            sales = [sale for sale in self.reader.read_changed_sales(0) if sale.state.is_open]
        return tuple(s for s in self.reader.read_snapshots(sales) if s.sale.store_no in self.stores)

    def try_rules(self, book: Rulebook, receipt_no: str = "") -> Iterator[Tried]:
        """Decide on each sale with these rules."""
        for snapshot in self.snapshots(receipt_no):
            mine = book.for_store(snapshot.sale.store_no)
            situation, answer = self._situation(snapshot, mine.sources)
            decision = decide(mine, situation, BuiltinMatcher())
            yield Tried(situation, decision, self._effects(snapshot, decision, answer))

    def _situation(self, snapshot: Snapshot, sources: frozenset[str]) -> tuple[Situation, Answer]:
        sale, store = snapshot.sale, self.stores[snapshot.sale.store_no]
        answer = Answer(None, None, None, None, wallet_known=False)
        if sale.member_card_no:
            fresh = timedelta(seconds=store.fresh_seconds)
            answer = self._people.ask(sale.member_card_no, fresh, past_cache=False, want_wallet=sale.state.is_open)
        persona = answer.persona
        said_yes = any(p.answer == "Yes" and p.member_ref == sale.member_card_no for p in snapshot.prompts)
        if said_yes and persona is not None and persona.status is not LoyaltyStatus.MEMBER:
            persona = Persona(LoyaltyStatus.JOINING)
        claims = self._ledger.member_claims(sale.member_card_no) if self._ledger and sale.member_card_no else ()
        held = sum((c.points_cost for c in claims if c.receipt_no != sale.receipt_no and c.holds_points), start=ZERO)
        situation = Situation(
            snapshot=snapshot,
            now=self._clock.now(),
            store=replace(store, signup_terms=self._terms.get(sale.store_no, "")),
            member=answer.member,
            persona=persona,
            wallet=answer.wallet,
            offers=self.offers,
            held=held,
            footer_codes=self._footer_codes.get(sale.store_no, {}),
        )
        if self.rules is not None:
            past = Past(self.reader, self.rules, self._clock).gather(sale, store, sources)
            situation = replace(situation, history=past)
        return situation, answer

    def _effects(self, snapshot: Snapshot, decision: Decision, answer: Answer) -> tuple[Effect, ...]:
        sale = snapshot.sale
        once = self._ledger.done_once(sale.receipt_no) if self._ledger else frozenset()
        others = [w for w in decision.wants if w.page != GRANTS]
        effects = tuple(e for e in reconcile_rows(others, snapshot.rows, once) if not set(e.fields) <= _TIMES)
        if sale.state is SaleState.SUSPENDED:
            return effects
        claims = self._ledger.claims_of(sale.receipt_no, sale.sale_guid) if self._ledger else ()
        known = answer.wallet_known
        return (*effects, *reconcile_grants(snapshot, decision.wants, claims, wallet_known=known))
