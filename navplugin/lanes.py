"""Several sales at once, so that a slow AIQ delays only the sale that asked it.

One lane works at a time: it gives its turn away only while it waits for AIQ, and has it again before it goes on. So
the ledger, NAV and all that the worker remembers see one lane after the other, as without lanes; what may happen
between a call to AIQ and its answer is what may happen there anyway, and is enumerated (tests/money, `other`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from navplugin.core.model import Claim, Member, Persona, Wallet, WalletDiscount
from navplugin.core.ports import Contact, Lookup, LoyaltyProvider, MaySend, Redemption, Signup, always

T = TypeVar("T")
Job = Callable[[], T]


class Turn:
    """Who may work now. `given_away` is entered around each call to AIQ."""

    def __init__(self) -> None:
        self._lock, self._owner = threading.Lock(), 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, and have it."""
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def given_away(self) -> Iterator[None]:
        """Let others work meanwhile."""
        self._give()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        self._lock.acquire()
        self._owner = threading.get_ident()

    def _give(self) -> None:
        # Ctrl+C may end the waiting of `given_away`: then the turn is another lane's, and stays with it.
        if self._owner == threading.get_ident():
            self._owner = 0
            self._lock.release()


class Lanes:
    """Runs one job for each receipt at a time. count 0: in the caller's thread, one after the other.

    patience: seconds that a round waits for its jobs; what takes longer is collected in a later round.
    """

    def __init__(self, count: int = 0, patience: float = 0.25) -> None:
        self.turn, self.patience = Turn(), patience
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="lane") if count else None
        self._busy: dict[str, Future[object]] = {}

    @property
    def busy(self) -> frozenset[str]:
        """Receipts whose job is not collected yet."""
        return frozenset(self._busy)

    def run(self, jobs: Mapping[str, Job[T]]) -> Iterator[tuple[str, Job[T]]]:
        """Begin these jobs; yields receipt and outcome of every job that is done: call it for result or exception."""
        if self._pool is None:
            yield from jobs.items()
            return
        self._busy |= {receipt: self._pool.submit(self._in_turn, job) for receipt, job in jobs.items()}
        with self.turn.given_away():
            wait(self._busy.values(), self.patience)
        for receipt, future in list(self._busy.items()):
            if future.done():
                del self._busy[receipt]
                # A job's outcome has the type of its own round; one that took longer comes back in a later round.
                yield receipt, future.result  # type: ignore[misc]

    def _in_turn(self, job: Job[T]) -> T:
        with self.turn.taken():
            return job()

    def close(self) -> None:
        """Wait for what is under way; what has not begun is left for the next start."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


class YieldingLoyalty:
    """The loyalty programme for lanes: the turn is given away while a call is under way."""

    def __init__(self, asked: LoyaltyProvider, turn: Turn) -> None:
        self._asked, self._turn = asked, turn

    def contact_of(self, member: Member) -> Contact | None:
        """No call."""
        return self._asked.contact_of(member)

    def fetch_status(self, contact: Contact) -> Persona:
        """As the port says."""
        with self._turn.given_away():
            return self._asked.fetch_status(contact)

    def fetch_wallet(self, contact: Contact) -> Wallet | None:
        """As the port says."""
        with self._turn.given_away():
            return self._asked.fetch_wallet(contact)

    def find_redemptions(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Lookup:
        """As the port says."""
        with self._turn.given_away():
            return self._asked.find_redemptions(contact_id, discount_id, reference, since)

    def list_redemptions(self, since: datetime) -> Sequence[Redemption]:
        """As the port says."""
        with self._turn.given_away():
            return self._asked.list_redemptions(since)

    def send_signup(self, signup: Signup) -> Persona:
        """As the port says."""
        with self._turn.given_away():
            return self._asked.send_signup(signup)

    def send_redemption(
        self, discount: WalletDiscount, reference: str, key: str = "", may_send: MaySend = always
    ) -> str:
        """As the port says."""
        with self._turn.given_away():
            return self._asked.send_redemption(discount, reference, key, may_send)

    def send_refund(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        """As the port says."""
        with self._turn.given_away():
            self._asked.send_refund(claim, contact_id, may_send)

    def send_collection(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        """As the port says."""
        with self._turn.given_away():
            self._asked.send_collection(claim, contact_id, may_send)

    def send_pin(self, contact: Contact) -> None:
        """As the port says."""
        with self._turn.given_away():
            self._asked.send_pin(contact)

    def send_pin_answer(self, contact: Contact, pin: str) -> Wallet | None:
        """As the port says."""
        with self._turn.given_away():
            return self._asked.send_pin_answer(contact, pin)
