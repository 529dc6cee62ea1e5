"""Mistakes of a site, planted in the simulated NAV so that `doctor` can be held against them.

The switch `planted` (`nav_settings`): `unpublished` (services), `hidden` (field names by service), `rights` (letters of
insert, modify, delete by service, where the site gives fewer than the contract wants); names of the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from navplugin.simulator.view import View


def planted(pages: Mapping[str, View], mistakes: Mapping[str, Any]) -> Mapping[str, View]:
    """The pages as the site with these mistakes publishes them."""
    if not mistakes:
        return pages
    gone = mistakes.get("unpublished", ())
    return {name: _with(view, mistakes) for name, view in pages.items() if view.table not in gone}


def _with(view: View, mistakes: Mapping[str, Any]) -> View:
    hidden = set(mistakes.get("hidden", {}).get(view.table, ()))
    page = view.page
    captions = {field.caption for name, field in view.fields.items() if view.named.get(name, name) in hidden}
    page = replace(page.without(captions), rights=mistakes.get("rights", {}).get(view.table, page.rights))
    return replace(view, page=page, fields={field.name: field for field in page.fields})
