"""Takes points, gives them back, finds out what became of a call (design.md 6, moves 6 to 8)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from navplugin.claims import (
    SAFETY,
    Move,
    Policy,
    Signs,
    after_look,
    believe_nav,
    mark_answer,
    mark_end,
    mark_sent,
    mark_taken,
)
from navplugin.core.errors import NavpluginError
from navplugin.core.model import Claim, End, Grant, Points, Wallet, WalletDiscount
from navplugin.core.money import ZERO
from navplugin.core.ports import Clock, Lookup, LoyaltyProvider
from navplugin.ledger import SqlLedger
from navplugin.odd_answers import OddAnswers
from navplugin.sender import Purse, Sender, StepCounter

log = logging.getLogger("navplugin.money")

WALLET_SECONDS = 2.0
"""How old a wallet may be when points are taken by it: price, person and balance are those of this moment, or a changed
price would be charged and not noted. It is also how long an address to redeem is used (aiq-api.md 6.3)."""
LOOK_BACK = timedelta(days=2)
"""Before the last event of a sale whose claims are doubtful: when its points may have been taken."""


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
        self.ledger, self.loyalty, self.clock, self.rules = ledger, loyalty, clock, rules
        self.sender = Sender(ledger, clock, record, rules)
        self.save = self.sender.save
        self._first_listed: dict[tuple[str, int], int] = {}
        """Claim key and attempt -> how many receipts AIQ listed at the first look."""
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

        return self.sender.send(
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

        after = self.sender.send(
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
        # Its balance is the sign by which a refund without an answer is known to have arrived.
        if self._fresh_wallet(claim, purse) is None:
            return None
        how = "adjust" if claim.collect == "done" else policy.refund
        sent = mark_sent(claim, self.clock.now(), refunding=True, wallet=purse.wallet)

        def call(may_send: Callable[[], bool], claim: Claim) -> str:
            self.loyalty.send_refund(claim, contact_id, may_send)
            return ""

        after = self.sender.send(
            claim, sent, call, "refund", purse, nothing_taken=Points.YES, refused=Points.YES, back=how
        )
        if after is not None and after.points is Points.YES:
            return self.end(after, End.SUSPECT, f"AIQ refused the refund: {after.reason}")
        return after

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
        live, refunded = self._of_others(claim, seen)
        past = past or "grace" not in self.rules
        first = self._first_listed.setdefault((claim.key, claim.attempt), seen.listed)
        signs = Signs(seen, live, refunded, past=past, grown=seen.listed > first)
        if past and len(seen.live) <= live:
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

    def _of_others(self, claim: Claim, seen: Lookup) -> tuple[int, int]:
        """How many live and refunded redemptions of this receipt number and discount belong to other claims: earlier
        generations, and sales that had the number before. What went back otherwise than by AIQ's own refund is listed
        as live for ever; what was collected by an adjustment is not listed."""
        others = [
            c for c in self.ledger.claims_of(claim.receipt_no)
            if c.discount_id == claim.discount_id and c.key != claim.key and not c.collect
        ]  # fmt: skip
        live = sum(c.points is Points.YES or c.given_back == "adjust" for c in others)
        refunded = sum(c.given_back == "endpoint" for c in others)
        # A person may have used AIQ's own refund or an adjustment: which, only the other rows can tell.
        by_hand = sum(c.given_back == "hand" for c in others)
        if claim.refunding:
            return live + by_hand, refunded + by_hand
        return live + max(0, by_hand - max(0, len(seen.refunded) - refunded)), refunded

    def _balance(self, claim: Claim, purse: Purse) -> Decimal | None:
        """What AIQ shows now, of the right person; None where it shows nothing."""
        wallet = self._read(claim, purse)
        if wallet is None or wallet.seen is None or self._is_other(claim, wallet.seen):
            return None
        back = self.ledger.given_back_since(claim.member_card_no, claim.balance_position)
        if any(c.given_back == "hand" for c in back):
            return None  # when a person gave points back is not known
        return wallet.seen.points

    def _spent(self, claim: Claim) -> Decimal:
        """What the member's other claims took since the balance before the call, less what went back or may have."""
        since = (claim.member_card_no, claim.balance_position)
        taken, back = self.ledger.taken_since(*since), self.ledger.given_back_since(*since)
        signed = [*((c, c.points_cost) for c in taken), *((c, -c.points_cost) for c in back)]
        return sum((points for c, points in signed if c.key != claim.key), ZERO)

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

    def end(self, claim: Claim, end: End, reason: str) -> Claim:
        """The claim is over and a person must look."""
        self.sender.tell_person(claim, end, reason)
        return self.save(claim, mark_end(claim, end, reason), Move.SUSPECT)


@dataclass(frozen=True, slots=True)
class _Seen:
    """AIQ was asked: its wallet, or None where it does not know the person."""

    seen: Wallet | None


def find_discount(wallet: Wallet | None, discount_id: str) -> WalletDiscount | None:
    """The discount in a wallet, by AIQ's id."""
    if wallet is None:
        return None
    return next((d for d in wallet.discounts if d.discount_id == discount_id), None)
