"""How the makers name what a site publishes: NAV, Business Central, LS Central (nav-webservices.md 4, ls-pos.md 5).

A rule is only the first guess. What counts is what the server's `$metadata` or WSDL says, and what the profile says
over it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from navplugin.nav.contract.page import Kind, Page

_MICROSOFT = ("Item",)
_FROM_LS = {"Item": ("Retail_Product_Code", "No_Discount_Allowed")}
_HEX = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PREFIX = re.compile(r"(?:LSC|AIQ)_?", re.IGNORECASE)


class Naming(StrEnum):
    """Whose names a site has. NAV: 2009 to 2018, plain table names, dates as points in time in OData V4 (NAV 2017);
    BC: Business Central; LSC: LS Central from 15 on, which puts `LSC ` before its own tables and fields."""

    NAV = "nav"
    BC = "bc"
    LSC = "lsc"


@dataclass(frozen=True, slots=True)
class Override:
    """The profile's word on one page: its service, and real names by contract name. also: fields of the site's own
    that are read too."""

    service: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()


def table_name(page: Page, naming: Naming) -> str:
    """The table behind a page, as an administrator finds it."""
    theirs = page.is_ours or page.table in _MICROSOFT
    return page.table if naming is not Naming.LSC or theirs else f"LSC {page.table}"


def expected(page: Page, naming: Naming) -> Page:
    """The page as a site of this naming would publish it if nobody chose otherwise. The names of pages on LS tables
    and `_x0025_` for the percent sign are assumed; both are ways in which real sites differ from the contract."""
    if naming is Naming.BC:
        return page
    if naming is Naming.NAV:
        page = page.without([field.caption for field in page.fields if field.optional])
    if naming is Naming.LSC:
        service = page.service if page.is_ours else "LSC_" + page.service.removeprefix("AIQ_")
        return page.under(service, {name: f"LSC_{name}" for name in _FROM_LS.get(page.table, ())})
    names = {f.name: f.name.replace("Percent", "_x0025_") for f in page.fields if "%" in f.caption}
    dates = {f.name: "Edm.DateTimeOffset" for f in page.fields if f.kind is Kind.DATE}
    return page.under(page.service, names, dates)


def canonical(name: str) -> str:
    """What is left of a name or caption when makers' habits are taken away: two names that agree mean the same.

    `LSC_POS_Journal`, `AIQ_POSJournal` -> `posjournal`; `Discount__x0025_`, `Discount %` -> `discountpercent`.
    """
    plain = _HEX.sub(lambda match: chr(int(match[1], 16)), name)
    plain = _PREFIX.sub("", plain, count=1) if _PREFIX.match(plain) else plain
    return "".join(sign for sign in plain.replace("%", "Percent").casefold() if sign.isalnum())
