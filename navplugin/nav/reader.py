"""Reads NAV over either protocol: the port `JournalReader`.

Rows of up to BATCH receipts come with one request for each page.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from navplugin.core.errors import Misconfigured, Missing, ProtocolError
from navplugin.core.model import Journal, Member, Offer, PostedSale, Row, Sale, SaleState, Snapshot, StagedRow
from navplugin.nav.contract import BY_SERVICE, Page
from navplugin.nav.contract.actions import ACTIONS, PROMPTS, SETUP, STATUS
from navplugin.nav.contract.feeds import MEMBERS, TRANS_DISCOUNTS, TRANS_INFOCODES, TRANS_LINES, TRANSACTIONS
from navplugin.nav.contract.journal import JOURNAL, JOURNAL_LINES, SALE
from navplugin.nav.contract.offers import GRANTS, OFFER_BENEFITS, OFFER_ITEMS, OFFERS, VALIDATION_PERIODS
from navplugin.nav.rows import (
    action_of,
    grant_of,
    journal_of,
    member_of,
    offer_of,
    prompt_of,
    sale_of,
    staged,
    staged_sale,
    status_of,
    unclear_parts,
)
from navplugin.nav.signs import posted_sale
from navplugin.nav.transport import Condition, NavRow, Transport

log = logging.getLogger("navplugin.nav")

BATCH = 20
"""Receipts in one filter: each costs four nodes, and Microsoft's OData library allows 100 as it comes."""
_NOT_AT_THE_TILL = ("Suspended", "Laid away", "Voided", "Training")
_ENDED = (SaleState.POSTED, SaleState.VOIDED)
Grouped = Mapping[str, Sequence[NavRow]]


class NavReader:
    """One NAV company. zones: time zone by store number, for the posting time of a sale. own_pages: what a snapshot
    holds beside the sale itself."""

    own_pages: tuple[Page, ...] = (GRANTS, PROMPTS, STATUS, ACTIONS)

    def __init__(self, transport: Transport, company: str, zones: Mapping[str, ZoneInfo] | None = None) -> None:
        self.transport, self._company = transport, company
        self._zones = dict(zones or {})
        self._told: set[str] = set()

    def read_changed_sales(self, after_mark: int) -> Sequence[Sale]:
        """Rows of AIQ_Sale with a greater change mark, oldest first; one request when nothing changed."""
        changed = Condition("Change_Mark", (after_mark,), greater=True)
        sales = []
        for row in self._rows(SALE, changed, order_by="Change_Mark"):
            try:
                sales.append(sale_of(row))
            except ProtocolError as strange:  # one such row must not stop the other tills
                self._say_once(f"receipt {row['Receipt_No']} is left alone: {strange}")
        return sorted(sales, key=lambda sale: sale.change_mark)

    def read_sale(self, receipt_no: str) -> Sale | None:
        """The sale row of one receipt, None when it is gone."""
        # By filter, not by address: some gateways decode %2F in an address (nav-webservices.md 6).
        return next((sale_of(row) for row in self._rows(SALE, Condition("Receipt_No", (receipt_no,)))), None)

    def read_member(self, member_card_no: str) -> Member | None:
        """The member behind a card."""
        return next((member_of(row) for row in self._rows(MEMBERS, Condition("Card_No", (member_card_no,)))), None)

    def read_setup(self) -> Mapping[str, Row]:
        """AIQ_Setup by store number ('' = default)."""
        return {row["Store_No"]: row.fields for row in self._rows(SETUP)}

    def read_rows(self, page: str, where: Mapping[str, object]) -> Sequence[StagedRow]:
        """Rows of a page of the contract whose fields equal these values."""
        declared = BY_SERVICE.get(page)
        if declared is None or not set(where) <= set(declared.names):
            raise Misconfigured(f"the NAV contract has no page {page} with {', '.join(where) or 'rows'}", system="NAV")
        conditions = [Condition(name, (value,)) for name, value in where.items()]
        return [staged(declared, row) for row in self._rows(declared, *conditions)]

    def read_offers(self) -> Sequence[Offer]:
        """All Total Discount Offers with benefits and items."""
        offers = [row for row in self._rows(OFFERS) if row["Type"] == "Total Discount"]
        items = _grouped(self._rows(OFFER_ITEMS), "Offer_No")
        benefits = _grouped(self._rows(OFFER_BENEFITS), "Offer_No")
        periods = self._periods({row["Validation_Period_ID"] for row in offers} - {""})
        found = []
        for row in offers:
            own_items, own_benefits = items.get(row["No"], ()), benefits.get(row["No"], ())
            if unclear := unclear_parts(row, own_items, own_benefits):
                self._say_once(
                    f"offer {row['No']} has {', '.join(unclear)}; what is shown for it may differ from what NAV gives"
                )
            found.append(offer_of(row, own_items, own_benefits, periods.get(row["Validation_Period_ID"])))
        return found

    def _periods(self, named: set[str]) -> Mapping[str, NavRow]:
        """Validation Periods by ID, read only where an offer names one; a site may not publish them."""
        if not named:
            return {}
        try:
            return {row["ID"]: row for row in self._rows(VALIDATION_PERIODS)}
        except (Missing, Misconfigured) as gone:
            self._say_once(f"offers name Validation Periods, and NAV shows none ({gone}); they are taken as valid")
            return {}

    # ---- snapshots -----------------------------------------------------------------------------------------------

    def read_snapshots(self, sales: Sequence[Sale]) -> Sequence[Snapshot]:
        """Journal, lines, actions, posted sale and our own rows of these sales, in their order."""
        out: list[Snapshot] = []
        for start in range(0, len(sales), BATCH):
            out += self._read_batch(sales[start : start + BATCH])
        return out

    def _read_batch(self, sales: Sequence[Sale]) -> list[Snapshot]:
        receipts = [sale.receipt_no for sale in sales]
        journals = self._journals([sale.receipt_no for sale in sales if sale.state not in _ENDED])
        posted = self._posted([sale.receipt_no for sale in sales if sale.state in _ENDED])
        # After the journal: a coupon line that is seen there has its pick on the grant that is read later.
        pages = {page.service: (page, self._by_receipt(page, receipts)) for page in self.own_pages}
        out = []
        for sale in sales:
            try:
                out.append(self._snapshot(sale, journals, posted, pages))
            except ProtocolError as strange:  # one such row must not stop the other tills
                self._say_once(f"receipt {sale.receipt_no} is left alone: {strange}")
        return out

    def _snapshot(
        self,
        sale: Sale,
        journals: Mapping[str, Journal],
        posted: Mapping[str, PostedSale],
        pages: Mapping[str, tuple[Page, Grouped]],
    ) -> Snapshot:
        def own(page: Page) -> Sequence[NavRow]:
            return pages[page.service][1].get(sale.receipt_no, ()) if page.service in pages else ()

        rows = [staged(page, row) for page, _ in pages.values() for row in own(page)]
        return Snapshot(
            company=self._company,
            sale=sale,
            journal=journals.get(sale.receipt_no),
            posted=posted.get(sale.receipt_no),
            actions=tuple(sorted((action_of(row) for row in own(ACTIONS)), key=lambda action: action.entry_no)),
            grants=tuple(grant_of(row) for row in own(GRANTS)),
            prompts=tuple(prompt_of(row) for row in own(PROMPTS)),
            status=next((status_of(row) for row in own(STATUS)), None),
            rows=(staged_sale(sale), *rows),
        )

    def _journals(self, receipts: Sequence[str]) -> Mapping[str, Journal]:
        # Lines first: where the header is still there afterwards, they are those of an open sale. The other way round
        # a sale that is posted in between would look as if the cashier had removed every line.
        lines = self._by_receipt(JOURNAL_LINES, receipts)
        headers = self._by_receipt(JOURNAL, receipts)
        return {
            receipt: journal_of(rows[0], lines.get(receipt, ()))
            for receipt, rows in headers.items()
            if rows[0]["Entry_Status"] not in _NOT_AT_THE_TILL
        }

    def _posted(self, receipts: Sequence[str]) -> Mapping[str, PostedSale]:
        # Header first: its rows are committed with it.
        headers = {receipt: _sale_header(rows) for receipt, rows in self._by_receipt(TRANSACTIONS, receipts).items()}
        found = {receipt: header for receipt, header in headers.items() if header is not None}
        lines, discounts, infocodes = (
            self._by_receipt(page, list(found)) for page in (TRANS_LINES, TRANS_DISCOUNTS, TRANS_INFOCODES)
        )
        return {
            receipt: posted_sale(
                header.fields,
                _of_transaction(header, lines.get(receipt, ())),
                _of_transaction(header, discounts.get(receipt, ())),
                _of_transaction(header, infocodes.get(receipt, ())),
                zone=self._zones.get(header["Store_No"]),
            )
            for receipt, header in found.items()
        }

    def _by_receipt(self, page: Page, receipts: Sequence[str]) -> Grouped:
        if not receipts:
            return {}
        return _grouped(self._rows(page, Condition("Receipt_No", tuple(receipts))), "Receipt_No")

    # ---- inside --------------------------------------------------------------------------------------------------

    def _rows(self, page: Page, *conditions: Condition, order_by: str = "") -> list[NavRow]:
        """All rows that fit, each key once: rows may move between two pages of an answer."""
        found: dict[tuple[Any, ...], NavRow] = {}
        options = {f.name: {option.strip() for option in f.options} for f in page.fields if f.options}
        for row in self.transport.rows(page, conditions, order_by):
            for name, known in options.items():
                if row[name] not in known:
                    self._say_once(
                        f"{page.service} holds {name} '{row[name]}', which navplugin does not know: rows with it may be"
                        " passed over; if it is a translation, let NAV's web services give options in English"
                    )
            found[tuple(row[name] for name in page.key)] = row
        return list(found.values())

    def _say_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.warning("%s", text)


def _grouped(rows: Iterable[NavRow], name: str) -> dict[str, list[NavRow]]:
    groups: dict[str, list[NavRow]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups


def _sale_header(rows: Sequence[NavRow]) -> NavRow | None:
    """The sale among the transactions of a receipt: the last one that is no training (ls-pos.md 7.7)."""
    sales = [row for row in rows if row["Transaction_Type"] == "Sales" and row["Entry_Status"] != "Training"]
    return max(sales, key=lambda row: int(row["Transaction_No"]), default=None)


def _of_transaction(header: NavRow, rows: Iterable[NavRow]) -> list[Row]:
    names = TRANSACTIONS.key
    return [row.fields for row in rows if all(row[name] == header[name] for name in names)]
