"""The tick: read what changed, decide, carry out, remember (design.md 3). A restart changes nothing in the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from navplugin.core.errors import (
    AlreadyThere,
    Conflict,
    Fatal,
    Missing,
    NavpluginError,
    ProtocolError,
    Retriable,
    Skippable,
)
from navplugin.core.model import (
    Claim,
    Decision,
    Effect,
    End,
    History,
    LoyaltyStatus,
    Op,
    Persona,
    Sale,
    SaleState,
    Situation,
    Snapshot,
    StaffAction,
    StoreSettings,
)
from navplugin.core.money import ZERO
from navplugin.core.ports import Clock, JournalReader, LoyaltyProvider, NavWriter, SignupRecord
from navplugin.cursors import MarkCursor
from navplugin.lanes import Lanes
from navplugin.ledger import SqlLedger
from navplugin.ledger_record import LedgerRecord, NoRecord
from navplugin.mismatch import compare, figures_of
from navplugin.open_sales import MemberTurns, OpenSales
from navplugin.people import Answer, People, Purses
from navplugin.presence import PinDesk
from navplugin.reconcile import GRANTS, reconcile_grants, reconcile_rows
from navplugin.returns import Returns
from navplugin.settle import Cashbox
from navplugin.setup_reader import SetupReader
from navplugin.signup import SignupDesk, is_pending, pending, why_no_prompt

log = logging.getLogger("navplugin.worker")

RECHECK = 30.0
"""Seconds until every sale with a claim that is not over is looked at again."""
ACTIONS = "AIQ_POSActions"


@dataclass(frozen=True, slots=True)
class Company:
    """A store group: what the tick needs to know of one NAV company.

    decide: the pure rulebook, from a situation to a decision. save_trace: turns a decision into text for the ledger.
    history: what happened before a sale, as far as its rules ask. note: is told each row that was written.
    setup_lifetime: how old offers and AIQ Signup Terms may be when a sale is decided.
    """

    name: str
    stores: Mapping[str, StoreSettings]
    footer_codes: Mapping[str, Mapping[str, str]]
    decide: Callable[[Situation], Decision]
    save_trace: Callable[[Situation, Decision], str]
    history: Callable[[Sale, StoreSettings], History] = lambda sale, store: History()
    note: Callable[[Sale, Effect], None] = lambda sale, effect: None
    setup_lifetime: timedelta = timedelta(seconds=15)


@dataclass(slots=True)
class TickReport:
    """What one tick did: sales looked at, effects carried out, sales that must be looked at again.

    busy: sales that still wait for AIQ. bare: an open sale bears no Footer_Code, so AIQ_Setup is not in NAV (any more).
    """

    sales: int = 0
    bare: bool = False
    effects: int = 0
    again: int = 0
    busy: int = 0
    failures: list[str] = field(default_factory=list)


class Worker:
    """Watches one store group."""

    def __init__(
        self,
        company: Company,
        reader: JournalReader,
        writer: NavWriter,
        loyalty: LoyaltyProvider,
        ledger: SqlLedger,
        cashbox: Cashbox,
        clock: Clock,
        lanes: Lanes | None = None,
        record: LedgerRecord | NoRecord | None = None,
    ) -> None:
        self.lanes, self.record = lanes or Lanes(), record or NoRecord()
        self.company, self.reader, self.writer = company, reader, writer
        self.ledger, self.cashbox, self.clock = ledger, cashbox, clock
        self.people = People(reader, loyalty, ledger, clock)
        self.desk, self.pins = SignupDesk(ledger, loyalty, clock), PinDesk(ledger, loyalty, clock)
        self.returns = Returns(reader, ledger, clock)
        self._saved_mark = int(ledger.note(f"mark/{company.name}", "0"))
        self._cursor = MarkCursor(self._saved_mark)
        self._seen: dict[str, int] = {}
        self._again: set[str] = set()
        self._rechecked: float | None = None
        self._setup = SetupReader(reader, clock, company.setup_lifetime)
        self._told: set[str] = set()
        self._open_sales = OpenSales()
        self._turns = MemberTurns()
        self._refused: dict[tuple[object, ...], object] = {}

    def tick(self) -> TickReport:
        """One round. Raises Retriable when NAV itself is away, Fatal when this store group must stop."""
        with self.lanes.turn.taken():
            return self._round()

    def _round(self) -> TickReport:
        report = TickReport()
        self.cashbox.teller.sender.write_late_answers()
        self.record.beat_if_due()
        sales = [s for s in self._due_sales().values() if s.receipt_no not in self.lanes.busy]
        jobs: dict[str, Callable[[], tuple[bool, int]]] = {}
        found = self._snapshots(sales, report) if sales else ()
        for snapshot in self._turns.next_ones(found):
            receipt = snapshot.sale.receipt_no
            report.sales += 1
            report.bare = report.bare or (snapshot.sale.state.is_open and not snapshot.sale.footer_code)
            self._seen[receipt] = snapshot.sale.change_mark
            jobs[receipt] = partial(self._process, snapshot)
        for receipt, outcome in self.lanes.run(jobs):
            self._turns.done(receipt)
            try:
                due, done = outcome()
            except Fatal:
                raise
            except (Retriable, Skippable) as problem:
                log.warning("receipt %s: %s", receipt, problem)
                report.failures.append(str(problem))
                due, done = True, 0
            report.effects += done
            if due:
                self._again.add(receipt)
        self._again |= self._turns.waiting
        report.again, report.busy = len(self._again), len(self.lanes.busy)
        self._save_mark()
        return report

    def _snapshots(self, sales: list[Sale], report: TickReport) -> Sequence[Snapshot]:
        """All at once; where one row cannot be understood, one sale after the other, so that it holds up no other."""
        try:
            found = self.reader.read_snapshots(sales)
        except ProtocolError as problem:
            if len(sales) > 1:
                return [one for sale in sales for one in self._snapshots([sale], report)]
            self._say_once(f"receipt {sales[0].receipt_no}: {problem}")
            report.failures.append(str(problem))
            return []
        self._again -= {sale.receipt_no for sale in sales}
        return found

    def _save_mark(self) -> None:
        """After a restart the poll goes on here; only once nothing before it is left undone."""
        safe = self._cursor.safe(self._steady())
        if not self._again and not self.lanes.busy and safe != self._saved_mark:
            self.ledger.set_note(f"mark/{self.company.name}", str(safe))
            self._saved_mark = safe
        self._seen = {receipt: mark for receipt, mark in self._seen.items() if mark >= safe}

    def _due_sales(self) -> dict[str, Sale]:
        """Changed sales, sales to be seen again, and now and then every sale with a claim that is not over."""
        now = self.clock.monotonic()
        changed = self._read_changed(self._steady())
        sales = {s.receipt_no: s for s in changed if self._seen.get(s.receipt_no) != s.change_mark}
        self._again |= sales.keys()  # until read: the poll has moved on, and NAV may be lost before the next request
        wanted = set(self._again)
        if self._rechecked is None or now - self._rechecked > RECHECK:
            self._rechecked = now
            self._refused.clear()
            wanted |= {c.receipt_no for c in self.ledger.open_claims()}
            wanted |= {s.receipt_no for s in self.ledger.pending_signups()}
        known = {s.receipt_no: s for s in changed}
        # What a lane works on is left to it, also where the row is gone meanwhile.
        for receipt in wanted - sales.keys() - self.lanes.busy:
            sale = known.get(receipt) or self.reader.read_sale(receipt)
            if sale is not None:
                sales[receipt] = sale
            else:
                self._again.discard(receipt)
                self._report_vanished(receipt)
        return sales

    def _steady(self) -> datetime:
        """A time that never steps, for the cursor: what it overlaps must not depend on how the clock is set."""
        return datetime.fromtimestamp(self.clock.monotonic(), UTC)

    def _read_changed(self, now: datetime) -> Sequence[Sale]:
        after = self._cursor.after(now)
        changed = self.reader.read_changed_sales(after)
        if after and not changed:
            # The newest row is gone: cleaned up, or the database is an older copy with smaller marks.
            self._cursor.restart()
            changed = self.reader.read_changed_sales(0)
        self._cursor.take((s.change_mark for s in changed), now)
        return changed

    def _report_vanished(self, receipt_no: str) -> None:
        self._open_sales.forget(receipt_no)
        self.cashbox.settle_missing(receipt_no)
        settled = any(c.end is End.SETTLED for c in self.ledger.claims_of(receipt_no))
        if settled and self.ledger.returns_of(receipt_no):
            text = "this sale was returned, and its row is gone from NAV: its wallet discounts stay as they are"
            self.ledger.add_report(receipt_no, text, self.clock.now())

    # ---- one sale ----------------------------------------------------------------------------------------------

    def _process(self, snapshot: Snapshot) -> tuple[bool, int]:
        """Decide and carry out for one sale: (still due, effects done)."""
        sale = snapshot.sale
        store = self.company.stores.get(sale.store_no)
        if store is None:
            self._say_once(f"store {sale.store_no} is not in the profile; add a section [store {sale.store_no}]")
            return False, 0
        if sale.state is SaleState.POSTED and snapshot.posted is None:
            return True, 0  # the transaction is not readable yet: rows commit out of order
        self._open_sales.see(sale)
        if sale.state in (SaleState.POSTED, SaleState.VOIDED):
            self._again |= self.returns.note(snapshot, store)
        self.ledger.learn_cards((sale.member_card_no, *(g.member_ref for g in snapshot.grants)))
        actions = [a for a in snapshot.actions if a.status in ("New", "Taken")]
        answer, joining = self._ask(snapshot, store, actions)
        pins = {
            a.entry_no: self.pins.answer(a, snapshot, answer.contact) for a in actions if a.action.startswith("Pin")
        }
        situation = self._situation(snapshot, store, answer, joining)
        decision = self.company.decide(situation)
        purses = Purses(self.people, sale.member_card_no, answer)
        effects, due = self.cashbox.settle(situation, decision, purses.of, returned=self.returns.extent(snapshot))
        self._again |= self._open_sales.spent(sale.receipt_no, purses.forget_spent())
        claims = self.ledger.claims_of(sale.receipt_no, sale.sale_guid)
        effects += self._row_effects(snapshot, decision, claims, answer, {e.key for e in effects if e.page == GRANTS})
        effects += [self._finish(action, snapshot, answer, decision, pins) for action in actions]
        now_due = self._open_sales.hold_back(sale, effects)
        done = sum(self._carry_out(sale, effect) for effect in now_due)
        if answer.wallet_known and done == len(effects):
            self._open_sales.renewed(sale.receipt_no)
        self._remember(situation, decision)
        aiq_due = sale.state.is_open and bool(sale.member_card_no) and answer.persona is None
        return due or joining or aiq_due or done != len(effects), done

    def _ask(self, snapshot: Snapshot, store: StoreSettings, actions: list[StaffAction]) -> tuple[Answer, bool]:
        """AIQ's answer for the member of this sale, after any sign-up that the cashier's Yes calls for."""
        sale = snapshot.sale
        records = self.desk.record_answers(snapshot)
        for other in records:
            if other.member_card_no != sale.member_card_no and is_pending(other):
                self._join_who_left(other, store)
        if not sale.member_card_no:
            return Answer(None, None, None, None, wallet_known=False), False
        asked = {a.action for a in actions}
        record = pending(records, sale.member_card_no)
        fresh = timedelta(seconds=store.fresh_seconds)
        answer = self.people.ask(
            sale.member_card_no,
            fresh,
            past_cache=bool(asked & {"GetStatus", "Wallet"}),
            want_wallet=sale.state.is_open and record is None,
        )
        if record is None or answer.member is None:
            return answer, False
        persona = self.desk.join(record, answer.member, store)
        if persona is None:
            return answer, True
        return self.people.ask(sale.member_card_no, timedelta(0), past_cache=False, want_wallet=True), False

    def _join_who_left(self, record: SignupRecord, store: StoreSettings) -> None:
        """A member said Yes, and the cashier then put another card on the sale: the Yes counts all the same."""
        member = self.people.member(record.member_card_no)
        if member is not None and self.desk.join(record, member, store) is None:
            self._again.add(record.receipt_no)

    def _situation(self, snapshot: Snapshot, store: StoreSettings, answer: Answer, joining: bool) -> Situation:
        sale, setup = snapshot.sale, self._setup.read()
        persona = Persona(LoyaltyStatus.JOINING) if joining else answer.persona
        mine = [c for c in self.ledger.member_claims(sale.member_card_no) if c.receipt_no != sale.receipt_no]
        held = sum((c.points_cost for c in mine if c.holds_points), start=ZERO)
        return Situation(
            snapshot=snapshot,
            now=self.clock.now(),
            store=replace(store, signup_terms=setup.terms.get(sale.store_no, "")),
            member=answer.member,
            persona=persona,
            wallet=answer.wallet,
            offers=setup.offers,
            held=held,
            footer_codes=self.company.footer_codes.get(sale.store_no, {}),
            history=self.company.history(sale, store),
            present=self.pins.is_present(snapshot),
            no_discount_items=setup.no_discount_items,
        )

    def _row_effects(
        self,
        snapshot: Snapshot,
        decision: Decision,
        claims: tuple[Claim, ...],
        answer: Answer,
        taken: set[tuple[object, ...]],
    ) -> list[Effect]:
        """Everything but money: prompts, status, grants, footer. Rows that the money machine writes are left to it."""
        once = self.ledger.done_once(snapshot.sale.receipt_no)
        others = [w for w in decision.wants if w.page != GRANTS]
        effects = list(reconcile_rows(others, snapshot.rows, once))
        if snapshot.sale.state is not SaleState.SUSPENDED:
            grants = reconcile_grants(snapshot, decision.wants, claims, wallet_known=answer.wallet_known)
            effects += [e for e in grants if e.key not in taken]
        return effects

    def _finish(
        self, action: StaffAction, snapshot: Snapshot, answer: Answer, decision: Decision, pins: Mapping[int, str]
    ) -> Effect:
        """Answer a staff action; the rows that it asked for are written before it."""
        fields: dict[str, object] = {"Status": "Done", "Error_Text": "", "Taken_At": self.clock.now()}
        if action.entry_no in pins:
            wrong = pins[action.entry_no]
            fields.update(Status="Failed" if wrong else "Done", Error_Text=wrong, PIN="")
        elif answer.persona is None:
            fields.update(Status="Failed", Error_Text="AIQ does not answer; go on with the sale.")
        elif action.action == "Signup" and (why := why_no_prompt(snapshot, answer.persona, decision)):
            fields.update(Status="Failed", Error_Text=why)
        return Effect(Op.UPDATE, ACTIONS, (action.entry_no,), fields, action.etag)

    def _carry_out(self, sale: Sale, effect: Effect) -> bool:
        """Ledger, NAV, ledger. After a conflict the next tick decides anew; a row that NAV does not take, or that
        cannot be written, holds up no other and waits for the next recheck; other failures end the turn."""
        # Without times: a row that bears the present time would never be the one that was refused.
        fields = {name: value for name, value in effect.fields.items() if not isinstance(value, datetime)}
        row, content = (sale.receipt_no, effect.page, effect.key), (effect.op, fields)
        if self._refused.get(row) == content:
            return False
        number = self.ledger.begin_effect(sale.receipt_no, effect, self.clock.now())
        try:
            self.writer.write(effect)
            self.company.note(sale, effect)
            outcome = "done"
        except AlreadyThere:
            outcome = "there-already"
        except (Conflict, Missing):
            outcome = "conflict"
        except (Skippable, ProtocolError) as problem:
            outcome = type(problem).__name__
            self._refused[row] = content
            self._say_once(f"receipt {sale.receipt_no}: {problem}")
        except NavpluginError as problem:
            self.ledger.finish_effect(number, type(problem).__name__, self.clock.now())
            raise
        self.ledger.finish_effect(number, outcome, self.clock.now())
        return outcome == "done"

    def _remember(self, situation: Situation, decision: Decision) -> None:
        sale = situation.snapshot.sale
        now = self.clock.now()
        if decision.trace:
            body = self.company.save_trace(situation, decision)
            self.ledger.save_decision(sale.receipt_no, sale.sale_guid, decision.rules_hash, decision.matcher, body, now)
        figures = self.ledger.save_figures(figures_of(situation), now)
        for text in (*decision.reports, *compare(figures, situation.store.currency_precision)):
            self.ledger.add_report(sale.receipt_no, text, now)

    def _say_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.error("%s", text)
