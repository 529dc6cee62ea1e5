"""The NAV contract: every page that navplugin reads or writes, declared once (ls-pos.md 7 as amended).

All names are assumed in Business Central naming; a site's own names are mapped by the adapters.
"""

from __future__ import annotations

from navplugin.nav.contract import actions, feeds, journal, offers, receipts
from navplugin.nav.contract.codeunits import CODEUNITS, Codeunit, Function, Parameter
from navplugin.nav.contract.naming import Naming, Override, canonical, expected, table_name
from navplugin.nav.contract.page import Field, Kind, Page, Writer, odata_name, option_name

PAGES: tuple[Page, ...] = (*journal.PAGES, *actions.PAGES, *offers.PAGES, *receipts.PAGES, *feeds.PAGES)
BY_SERVICE: dict[str, Page] = {page.service: page for page in PAGES}

__all__ = [
    "BY_SERVICE", "CODEUNITS", "PAGES", "Codeunit", "Field", "Function", "Kind", "Naming", "Override", "Page",
    "Parameter", "Writer", "canonical", "expected", "odata_name", "option_name", "table_name",
]  # fmt: skip
