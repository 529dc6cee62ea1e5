"""Which rules decide a sale: the set in force when it began, kept until it ends.

A set that was published while the worker runs is taken over with the next new sale. One that cannot be used leaves the
last good one in force, and says so once.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from navplugin.core.model import Sale
from navplugin.ledger.rules import RuleLedger, RuleSet
from navplugin.rulebook.load import Rulebook, load_rulebook

log = logging.getLogger("navplugin.rules")

REMEMBERED = 10_000
"""Sales whose set is kept in memory; for older ones the ledger is asked."""

@dataclass(frozen=True, slots=True)
class StoreRules:
    """The rules of one store, and the parts of `History` that they ask for."""

    book: Rulebook
    sources: frozenset[str]


_Books = dict[str, StoreRules]


class RuleShelf:
    """The rulebooks of one company by hash and store."""

    def __init__(self, ledger: RuleLedger, stores: Iterable[str], first: Rulebook, number: int = 0) -> None:
        """first: the set to begin with; number: its number where it is published."""
        self._ledger, self._stores = ledger, tuple(stores)
        self._number, self._current = number, first.hash
        self._books: dict[str, _Books | None] = {first.hash: self._for_stores(first)}
        self._begun: OrderedDict[tuple[str, str], str] = OrderedDict()

    @property
    def hash(self) -> str:
        """The set that new sales get."""
        return self._current

    def rules_for(self, sale: Sale, store_no: str) -> StoreRules:
        """The rules of this store in the set that the sale began with."""
        key = (sale.receipt_no, sale.sale_guid)
        hash = self._begun.get(key) or self._ledger.hash_of_sale(*key)
        books = self._of_hash(hash) if hash else None
        if books is None:
            self._take_over()
            hash, books = self._current, self._books[self._current] or {}
        self._begun[key] = hash
        self._begun.move_to_end(key)
        if len(self._begun) > REMEMBERED:
            self._begun.popitem(last=False)
        return books[store_no]

    def _take_over(self) -> None:
        number = self._ledger.number_in_force()
        if number == self._number:
            return
        self._number = number
        published = self._ledger.in_force()
        if published is None:
            return
        if self._put(published) is None:
            text = "rules %s cannot be used; rules %s stay in force: navplugin rules apply"
            log.error(text, published.hash, self.hash)
            return
        if published.hash != self._current:
            log.info("rules %s are in force for new sales (published by %s)", published.hash, published.who)
        self._current = published.hash

    def _of_hash(self, hash: str) -> _Books | None:
        if hash not in self._books:
            published = self._ledger.by_hash(hash)
            self._books[hash] = None
            if published is not None:
                self._put(published)
        return self._books[hash]

    def _put(self, published: RuleSet) -> _Books | None:
        if self._books.get(published.hash) is None:
            book, _ = load_rulebook([(f"rules/{name}", data) for name, data in published.files], None)
            self._books[published.hash] = self._for_stores(book) if book is not None else None
        return self._books[published.hash]

    def _for_stores(self, book: Rulebook) -> _Books:
        books = {no: book.for_store(no) for no in self._stores}
        return {no: StoreRules(mine, mine.sources) for no, mine in books.items()}
