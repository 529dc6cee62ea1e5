"""One call that moves points: recorded before it is sent, and its answer after.

Record in the ledger, count in NAV's AIQ_Ledger, send, record the answer. A process that dies or stalls between any two
of these leaves a claim that is `sent`: it is looked up, never sent again on a guess.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from navplugin.claims import SAFETY, mark_answer, mark_given_back, mark_taken
from navplugin.core.errors import (
    NO_EFFECT,
    LedgerBusy,
    LedgerUnusable,
    NavpluginError,
    Refused,
    Retriable,
)
from navplugin.core.model import Claim, End, Points, Wallet
from navplugin.core.ports import Clock, Contact
from navplugin.ledger import SqlLedger

log = logging.getLogger("navplugin.money")

SEND_BY = 10.0
"""Seconds from the record of a call to its first byte. `grace-seconds` is longer than this and the call together."""
ANSWER_TRIES = 6
"""How often an answer is written to a ledger that somebody holds: each try waits some seconds in the database."""
SENT_MOVES = ("sent", "refund sent", "collection sent")
"""Names of the steps that record a call, one for each attempt."""


class StepCounter(Protocol):
    """NAV's count of calls that move points (`ledger_record`)."""

    def step_on(self) -> None:
        """Count one more; any error: the call must not be sent."""
        ...


@dataclass(slots=True)
class Purse:
    """How to reach one member's wallet: the contact, and a way to read it again. spent: its balance has changed."""

    contact: Contact | None
    wallet: Wallet | None
    read_again: Callable[[], Wallet | None]
    spent: bool = False

    def empty(self) -> None:
        """Points have moved: what is known of the balance is no longer true."""
        self.wallet, self.spent = None, True


class Sender:
    """Sends calls that move points, for one worker. record: where each call is counted before it is sent."""

    def __init__(
        self, ledger: SqlLedger, clock: Clock, record: StepCounter, rules: frozenset[str] = SAFETY
    ) -> None:
        self.ledger, self.clock, self.record, self.rules = ledger, clock, record, rules
        self._unwritten: list[tuple[Claim, Claim, str]] = []
        """Answers that the ledger could not take yet, because another program holds it."""

    def send(
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
        except NO_EFFECT as no:
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
        log.warning("receipt %s: the %s was not sent (%s)", claim.receipt_no, what, problem)
        after = mark_answer(claim, points, claim.redemption_id, claim.reason)
        self._answered(claim, replace(after, collect=collect), f"{what} not sent")

    def _answered(self, claim: Claim, after: Claim, move: str) -> Claim:
        """Write what AIQ answered, also for a worker that was followed meanwhile: the answer exists only here."""
        for left in range(ANSWER_TRIES - 1, -1, -1):
            try:
                saved = self.ledger.save_answer(claim, after, move, self.clock.now())
            except LedgerBusy as busy:
                if not left:
                    self._unwritten.append((claim, after, move))
                    raise
                log.error("receipt %s: AIQ's answer waits to be written (%s)", claim.receipt_no, busy)
            else:
                break
        log.info("receipt %s, coupon code %s: %s", saved.receipt_no, saved.coupon_code, move)
        return saved

    def write_late_answers(self) -> None:
        """What AIQ answered while another program held the ledger: written before anything else is decided. LedgerBusy
        while it is still held."""
        while self._unwritten:
            claim, after, move = self._unwritten[0]
            try:
                self.ledger.save_answer(claim, after, move, self.clock.now())
            except LedgerUnusable:
                self._tell_of_stray(claim, after)
            del self._unwritten[0]

    def _tell_of_stray(self, claim: Claim, after: Claim) -> None:
        """A call of this worker took effect after another worker had settled the matter without it: it stalled between
        its last question and the first byte, for longer than any grace. Only this process knows."""
        if self._was_decided_otherwise(claim, after):
            what = "given back" if claim.refunding else "taken"
            text = f"two calls may have {what} these points; if AIQ shows both, undo one, then say `taken`"
            log.error("receipt %s, coupon code %s: %s", claim.receipt_no, claim.coupon_code, text)
            self.ledger.flag_stray(claim, text, self.clock.now())

    def _was_decided_otherwise(self, claim: Claim, after: Claim) -> bool:
        """Whether another worker took it that this very call had no effect: sent it again, or noted so."""
        steps = [s for s in self.ledger.history(claim.key) if not s["move"].endswith(" unknown")]
        sent = [n for n, step in enumerate(steps) if step["move"] in SENT_MOVES]
        following = steps[sent[claim.attempt - 1] + 1 :] if len(sent) >= claim.attempt else []
        decided = [s for s in following if s["points"] != Points.SENT or s["move"] in SENT_MOVES]
        return bool(decided) and decided[0]["points"] != after.points

    # ---- writing ---------------------------------------------------------------------------------------------------

    def save(self, before: Claim, after: Claim, move: str) -> Claim:
        """The claim as it is kept afterwards."""
        saved = self.ledger.save_claim(before, after, str(move), self.clock.now())
        log.info("receipt %s, coupon code %s: %s", saved.receipt_no, saved.coupon_code, move)
        return saved

    def tell_person(self, claim: Claim, end: End, reason: str) -> None:
        """A line on the work list and in the log."""
        log.error("receipt %s, coupon code %s: %s, %s", claim.receipt_no, claim.coupon_code, end, reason)
        self.ledger.add_report(claim.receipt_no, f"{end} {claim.coupon_code}: {reason}", self.clock.now())
