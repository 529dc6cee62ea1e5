"""The pages as a site publishes them: the names and types of its maker over the tables of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from navplugin.nav.contract import PAGES, Field, Kind, Naming, Page, expected
from navplugin.simulator.fields import Row


@dataclass(frozen=True, slots=True)
class View:
    """A published page. table: the contract's service, under which the state keeps its rows; page: in the site's names;
    fields by the site's name; named: the contract's name by the site's, where they differ."""

    table: str
    page: Page
    fields: Mapping[str, Field]
    named: Mapping[str, str]

    def outward(self, row: Row) -> Row:
        """A stored row in the site's names."""
        return {site: row[self.named.get(site, site)] for site in self.fields}

    def inward(self, row: Row) -> Row:
        """Some fields of a row in the site's names, in the contract's."""
        return {self.named.get(site, site): value for site, value in row.items()}


def under_v3(view: View) -> View:
    """The page as OData V3 types it: a date is a point in time there."""
    edm = {f.name: "Edm.DateTime" for f in view.page.fields if f.kind is Kind.DATE}
    page = view.page.under(view.page.service, {f.name: f.alias for f in view.page.fields if f.alias}, edm)
    return replace(view, page=page, fields={field.name: field for field in page.fields})


@cache
def views(naming: Naming) -> Mapping[str, View]:
    """All pages of the contract by the site's service name."""
    found = {}
    for page in PAGES:
        site = expected(page, naming)
        fields = {field.name: field for field in site.fields}
        own = {caption: field.name for caption, field in page.by_caption().items()}
        named = {field.name: own[field.caption] for field in site.fields if field.name != own[field.caption]}
        found[site.service] = View(page.service, site, fields, named)
    return found
