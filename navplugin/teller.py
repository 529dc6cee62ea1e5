"""Calls that move points: each is recorded before it is sent, and its answer after (design.md 6, moves 6 to 8).

Record in the ledger, count in NAV's AIQ_Ledger, send, record the answer. A process that dies or stalls between any two
of these leaves a claim that is `sent`: it is looked up, never sent again on a guess.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from navplugin.claims import (
    SAFETY,
    Move,
    Policy,
    Signs,
    after_look,
    believe_nav,
    mark_answer,
    mark_end,
    mark_given_back,
    mark_sent,
    mark_taken,
)
from navplugin.core.errors import (
    AuthFailed,
    Busy,
    LedgerBusy,
    LedgerUnusable,
    NavpluginError,
    Refused,
    Retriable,
    Unreachable,
)
from navplugin.core.model import Claim, End, Grant, Points, Wallet, WalletDiscount
from navplugin.core.money import ZERO
from navplugin.core.ports import Clock, Contact, LoyaltyProvider
from navplugin.ledger import SqlLedger
from navplugin.odd_answers import OddAnswers

log = logging.getLogger("navplugin.money")

WALLET_SECONDS = 2.0
"""How old a wallet may be when points are taken by it: price, person and balance are those of this moment, or a changed
price would be charged and not noted. It is also how long an address to redeem is used (aiq-api.md 6.3)."""
SEND_BY = 4.0
"""Seconds from the record of a call to its first byte. `grace-seconds` is longer than this and the call together."""
ANSWER_TRIES = 6
"""How often an answer is written to a ledger that somebody holds: each try waits some seconds in the database."""
LOOK_BACK = timedelta(days=2)
"""Before the last event of a sale whose claims are doubtful: when its points may have been taken."""
SENT_MOVES = ("sent", "refund sent", "collection sent")
"""Names of the steps that record a call, one for each attempt."""
DEFINITE_NO_EFFECT = (Busy, AuthFailed, Unreachable)
"""Errors after which it is certain that AIQ took nothing (loyalty adapter's table)."""


class StepCounter(Protocol):
    """NAV's count of calls that move points (`ledger_record`)."""

    def step_on(self) -> None:
        """Count one more; any error: the call must not be sent."""
        ...


@dataclass(slots=True)
class Purse:
    """How to reach one member's wallet: the contact, and a way to read it anew. spent: its balance has changed."""

    contact: Contact | None
    wallet: Wallet | None
    read_again: Callable[[], Wallet | None]
    spent: bool = False

    def empty(self) -> None:
        """Points have moved: what is known of the balance is no longer true."""
        self.wallet, self.spent = None, True


class Teller:
    """Takes points, gives them back, finds out. Methods return the claim afterwards; None = nothing was learnt, try
    again in a later tick. record: where each call is counted before it is sent."""

    def __init__(
        self,
        ledger: SqlLedger,
        loyalty: LoyaltyProvider,
        clock: Clock,
        record: StepCounter,
        rules: frozenset[str] = SAFETY,
    ) -> None:
        self.ledger, self.loyalty, self.clock, self.record, self.rules = ledger, loyalty, clock, record, rules
        self._odd = OddAnswers(clock, believe_at_once="ask-again" not in rules)

    # ---- taking ----------------------------------------------------------------------------------------------------

    def redeem(self, claim: Claim, policy: Policy, purse: Purse, *, posted: bool) -> Claim | None:
        """Take the points. posted: the sale is closed, so that no cashier can be asked any more."""
        wallet = self._fresh_wallet(claim, purse)
        if wallet is None:
            return None
        odd = self._odd.of(claim, wallet.seen, self._is_other(claim, wallet.seen))
        if odd is not None:
            return self._end_odd(claim, odd) if odd else None
        discount = find_discount(wallet.seen, claim.discount_id)
        if discount is None:
            return None
        if discount.tier and claim.points_cost == ZERO:
            return self.save(claim, mark_taken(claim, self.clock.now(), reason="tier reward, no call"), "taken")
        if "cost" in self.rules and discount.points_cost != claim.points_cost:
            if not posted:
                return None  # the cashier is shown the change first
            if discount.points_cost > claim.points_cost:
                text = f"AIQ asks {discount.points_cost} points now, the member was shown {claim.points_cost}"
                return self.end(claim, End.SUSPECT, text)
        before, cost = claim.points, discount.points_cost
        sent = mark_sent(claim, self.clock.now(), wallet=wallet.seen, points_cost=cost)

        def call(may_send: Callable[[], bool], claim: Claim) -> str:
            return self.loyalty.send_redemption(discount, claim.receipt_no, claim.key, may_send)

        return self._call(
            claim, sent, call, "redemption", purse, nothing_taken=before, refused=Points.REFUSED,
            same_key=policy.lookup == "keyed",
        )  # fmt: skip

    def _fresh_wallet(self, claim: Claim, purse: Purse) -> _Seen | None:
        """The member's wallet, young enough for its addresses to be used; None: AIQ cannot be asked now."""
        known = purse.wallet
        young = known is not None and self.clock.monotonic() - known.asked <= WALLET_SECONDS
        if young and find_discount(known, claim.discount_id) is not None and not self._is_other(claim, known):
            return _Seen(known)
        if not self._odd.may_ask(claim):
            return None
        return self._read(claim, purse)

    def _read(self, claim: Claim, purse: Purse) -> _Seen | None:
        try:
            purse.wallet = purse.read_again()
        except NavpluginError as problem:
            log.warning("receipt %s: nothing is moved yet, AIQ's wallet cannot be read (%s)", claim.receipt_no, problem)
            return None
        return _Seen(purse.wallet)

    def _is_other(self, claim: Claim, wallet: Wallet | None) -> bool:
        """Whether this wallet belongs to another person than the one who picked."""
        if wallet is None or not wallet.contact_id or not claim.contact_id or "person" not in self.rules:
            return False
        return not self.ledger.is_same(wallet.contact_id, claim.contact_id)

    def _end_odd(self, claim: Claim, reason: str) -> Claim:
        if "another person" in reason:
            return self.end(claim, End.SUSPECT, reason)
        return self.save(claim, mark_answer(claim, Points.REFUSED, reason=reason), "refused")

    def collect(self, claim: Claim, purse: Purse) -> Claim | None:
        """`owed = adjust`: the points are taken by an adjustment, once."""
        contact_id, why = self._contact_id(claim, purse), claim.reason
        if contact_id is None:
            return self._end_other(claim, purse)
        sent = mark_sent(claim, self.clock.now(), collect="sent", wallet=purse.wallet)

        def call(may_send: Callable[[], bool], claim: Claim) -> str:
            self.loyalty.send_collection(claim, contact_id, may_send)
            return ""

        after = self._call(
            claim, sent, call, "collection", purse, nothing_taken=Points.REFUSED, refused=Points.REFUSED
        )
        if after is None or after.points is not Points.REFUSED:
            return after
        # The reason of the first refusal is the one that a person needs.
        return self.save(after, replace(after, collect="refused", reason=why), "not collected")

    # ---- giving back -----------------------------------------------------------------------------------------------

    def refund(self, claim: Claim, policy: Policy, purse: Purse) -> Claim | None:
        """Give the points back to the person they were taken from."""
        contact_id = self._contact_id(claim, purse)
        if contact_id is None:
            return self._end_other(claim, purse)
        how = "adjust" if claim.collect == "done" else policy.refund
        sent = mark_sent(claim, self.clock.now(), refunding=True, wallet=purse.wallet)

        def call(may_send: Callable[[], bool], claim: Claim) -> str:
            self.loyalty.send_refund(claim, contact_id, may_send)
            return ""

        after = self._call(
            claim, sent, call, "refund", purse, nothing_taken=Points.YES, refused=Points.YES, back=how
        )
        if after is not None and after.points is Points.YES:
            return self.end(after, End.SUSPECT, f"AIQ refused the refund: {after.reason}")
        return after

    # ---- one call --------------------------------------------------------------------------------------------------

    def _call(
        self, before: Claim, sent: Claim, call: Callable[[Callable[[], bool], Claim], str], what: str, purse: Purse, *,
        nothing_taken: Points, refused: Points, back: str = "", same_key: bool = False,
    ) -> Claim | None:  # fmt: skip
        """One call that moves points; the claim after its answer. None: certainly without effect, try again later.

        before, sent: the claim now, and as it is recorded. nothing_taken, refused: P then. back: how a refund gives the
        points back; "" where points are taken. same_key: sent again it takes nothing more.
        """
        begun = self.clock.monotonic()  # before the record: a stall after it counts
        claim = before
        if "early-sent" in self.rules:
            claim = self.save(before, sent, "sent" if what == "redemption" else f"{what} sent")
        collect = "" if claim.collect == "sent" else claim.collect

        def may_send() -> bool:
            if "send-by" not in self.rules:
                return True
            try:
                return self.clock.monotonic() - begun <= SEND_BY and self.ledger.is_current()
            except NavpluginError:
                return False  # a ledger that cannot be read cannot say that this worker may send

        try:
            if "record" in self.rules:
                self.record.step_on()
        except Retriable as problem:
            self._not_sent(claim, what, nothing_taken, collect, problem)
            return None
        except NavpluginError as problem:  # no longer in charge, or NAV cannot be used at all
            self._not_sent(claim, what, nothing_taken, collect, problem)
            raise
        try:
            number = call(may_send, claim)
        except Refused as no:
            after = mark_answer(claim, refused, claim.redemption_id, no.message)
            return self._answered(claim, replace(after, collect=collect), f"{what} refused")
        except DEFINITE_NO_EFFECT as no:
            self._not_sent(claim, what, nothing_taken, collect, no)
            return None
        except NavpluginError as unknown:
            log.error("receipt %s: AIQ's answer to the %s is unknown (%s)", claim.receipt_no, what, unknown)
            self.ledger.note_claim(claim, f"{what} unknown", str(unknown), self.clock.now())
            return claim
        purse.empty()
        done = mark_given_back(claim, back) if back else mark_taken(claim, self.clock.now(), number)
        try:
            return self._answered(claim, done, "given back" if back else "taken")
        except LedgerUnusable:
            if not same_key:
                self._tell_of_stray(claim, done)
            raise

    def _not_sent(
        self, claim: Claim, what: str, points: Points, collect: str, problem: NavpluginError
    ) -> None:
        after = mark_answer(claim, points, claim.redemption_id, problem.message)
        self._answered(claim, replace(after, collect=collect), f"{what} not sent")

    def _answered(self, claim: Claim, after: Claim, move: str) -> Claim:
        """Write what AIQ answered, also for a worker that was followed meanwhile: the answer exists only here."""
        for left in range(ANSWER_TRIES - 1, -1, -1):
            try:
                saved = self.ledger.save_answer(claim, after, move, self.clock.now())
            except LedgerBusy as busy:
                if not left:
                    raise
                log.error("receipt %s: AIQ's answer waits to be written (%s)", claim.receipt_no, busy)
            else:
                break
        log.info("receipt %s, coupon code %s: %s", saved.receipt_no, saved.coupon_code, move)
        return saved

    def _tell_of_stray(self, claim: Claim, after: Claim) -> None:
        """A call of this worker took effect after another worker had settled the matter without it: it stalled between
        its last question and the first byte, for longer than any grace. Nobody but this process knows."""
        if not self._was_found(claim, after):
            what = "given back" if claim.refunding else "taken"
            text = f"AIQ has {what} the points twice for one discount; undo one of them in AIQ, then say `taken`"
            log.error("receipt %s, coupon code %s: %s", claim.receipt_no, claim.coupon_code, text)
            self.ledger.flag_stray(claim, text, self.clock.now())

    def _was_found(self, claim: Claim, after: Claim) -> bool:
        """Whether the other worker found out by itself what became of this very call: the step after it says so."""
        steps = [s for s in self.ledger.history(claim.key) if not s["move"].endswith(" unknown")]
        sent = [n for n, step in enumerate(steps) if step["move"] in SENT_MOVES]
        following = steps[sent[claim.attempt - 1] + 1 :] if len(sent) >= claim.attempt else []
        return bool(following) and following[0]["points"] == after.points

    # ---- finding out -----------------------------------------------------------------------------------------------

    def look(self, claim: Claim, purse: Purse, event_at: datetime | None, *, past: bool) -> Claim | None:
        """Find out what became of a call, or of a doubtful claim. event_at: the last event of its sale. past: longer
        ago than a call can be under way."""
        begun = [at for at in (claim.taken_at, claim.sent_at) if at]
        if claim.doubtful or not begun:
            begun.append((event_at or self.clock.now()) - LOOK_BACK)
        contact_id = self._contact_id(claim, purse)
        if contact_id is None:
            return None
        try:
            seen = self.loyalty.find_redemptions(contact_id, claim.discount_id, claim.receipt_no, min(begun))
        except NavpluginError as problem:
            log.warning("receipt %s: AIQ's redemptions cannot be read (%s)", claim.receipt_no, problem)
            return None
        live, refunded = self._of_others(claim)
        signs = Signs(seen, live, refunded, past=past)
        if past and not seen.live:
            signs = replace(signs, balance=self._balance(claim, purse), spent=self._spent(claim))
        after = after_look(claim, signs, self.clock.now(), self.rules)
        if after is None:
            return None
        purse.empty()
        if after.end is End.SUSPECT:
            return self.end(claim, End.SUSPECT, after.reason)
        return self.save(claim, after, "found" if after.points is Points.YES else "not found")

    def believe_nav(self, claim: Claim, grant: Grant | None, policy: Policy) -> Claim:
        """A doubtful claim takes over what its row in NAV says."""
        after = believe_nav(claim, grant, policy.refund, self.clock.now())
        return self.save(claim, after, f"NAV's row says {'taken' if after.points is Points.YES else 'given back'}")

    def _of_others(self, claim: Claim) -> tuple[int, int]:
        """How many live and refunded redemptions of this receipt number and discount belong to other claims: earlier
        generations, and sales that had the number before. What went back otherwise than by AIQ's own refund is listed
        as live for ever; what was collected by an adjustment is not listed."""
        others = [
            c for c in self.ledger.claims_of(claim.receipt_no)
            if c.discount_id == claim.discount_id and c.key != claim.key and not c.collect
        ]  # fmt: skip
        live = sum(c.points is Points.YES or c.given_back in ("adjust", "hand") for c in others)
        return live, sum(c.given_back == "endpoint" for c in others)

    def _balance(self, claim: Claim, purse: Purse) -> Decimal | None:
        """What AIQ shows now, of the right person; None where it shows nothing."""
        wallet = self._read(claim, purse)
        if wallet is None or wallet.seen is None or self._is_other(claim, wallet.seen):
            return None
        return wallet.seen.points

    def _spent(self, claim: Claim) -> Decimal:
        """What the member's other claims have taken since the balance before the call."""
        others = self.ledger.taken_since(claim.member_card_no, claim.balance_position)
        return sum((c.points_cost for c in others if c.key != claim.key), ZERO)

    def _contact_id(self, claim: Claim, purse: Purse) -> str | None:
        """AIQ's id of the person whose points these are; "" where AIQ tells none, None: not known now.

        The one that is pinned in the claim counts. Where the ledger keeps hashes only, the wallet must tell the id and
        fit the hash.
        """
        if claim.contact_id and not self.ledger.hides_people:
            return claim.contact_id
        person = self.ledger.person(claim.member_card_no)
        if person is not None and person.contact_id and not claim.contact_id:
            return person.contact_id
        if purse.wallet is None and purse.contact is not None and self._read(claim, purse) is None:
            return None
        if self._is_other(claim, purse.wallet) and self._odd.may_ask(claim):
            self._read(claim, purse)
        wallet = purse.wallet
        if wallet is None or not wallet.contact_id:
            return ""
        return None if self._is_other(claim, wallet) else wallet.contact_id

    def _end_other(self, claim: Claim, purse: Purse) -> Claim | None:
        """Where AIQ goes on showing somebody else for the member card, a person must look; None until then."""
        if not self._is_other(claim, purse.wallet) or not self._odd.may_ask(claim):
            return None
        reason = self._odd.of(claim, purse.wallet, other_person=True)
        return self.end(claim, End.SUSPECT, reason) if reason else None

    # ---- writing ---------------------------------------------------------------------------------------------------

    def save(self, before: Claim, after: Claim, move: str) -> Claim:
        """The claim as it is kept afterwards."""
        saved = self.ledger.save_claim(before, after, str(move), self.clock.now())
        log.info("receipt %s, coupon code %s: %s", saved.receipt_no, saved.coupon_code, move)
        return saved

    def end(self, claim: Claim, end: End, reason: str) -> Claim:
        """The claim is over and a person must look."""
        self.tell_person(claim, end, reason)
        return self.save(claim, mark_end(claim, end, reason), Move.SUSPECT)

    def tell_person(self, claim: Claim, end: End, reason: str) -> None:
        """A line on the work list and in the log."""
        log.error("receipt %s, coupon code %s: %s, %s", claim.receipt_no, claim.coupon_code, end, reason)
        self.ledger.add_report(claim.receipt_no, f"{end} {claim.coupon_code}: {reason}", self.clock.now())


@dataclass(frozen=True, slots=True)
class _Seen:
    """AIQ was asked: its wallet, or None where it does not know the person."""

    seen: Wallet | None


def find_discount(wallet: Wallet | None, discount_id: str) -> WalletDiscount | None:
    """The discount in a wallet, by AIQ's id."""
    if wallet is None:
        return None
    return next((d for d in wallet.discounts if d.discount_id == discount_id), None)
