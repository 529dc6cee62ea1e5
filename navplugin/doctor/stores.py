"""Stores of the profile against those of NAV and AIQ, and tenders that AIQ's guide ends. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from navplugin.core.model import Row
from navplugin.core.ports import LoyaltyStore
from navplugin.core.problems import did_you_mean
from navplugin.doctor.finding import Finding, fine, notice, wrong

_LOYALTY = re.compile(r"loyal|point|reward|\baiq\b|alpine", re.IGNORECASE)
_MAP = "in AIQ, Settings > Company Account > Retail Store > Edit > Store Mappings"


def compare_with_nav(profile: Collection[str], nav: Collection[str]) -> Iterator[Finding]:
    """nav: Store No. of every sale, open journal and setup row that NAV shows."""
    for no in sorted(set(nav) - set(profile)):
        text = "NAV has sales or AIQ setup of this store and the profile does not name it: its tills are not watched"
        yield notice("store-not-in-profile", no, text, f"add a section [store {no}] to the profile")
    if nav:
        for no in sorted(set(profile) - set(nav)):
            text = "the profile names this store, and NAV shows neither a sale nor an AIQ setup row of it yet"
            yield notice("store-not-in-nav", no, text, "check the Store No., or run the worker once")


def compare_with_aiq(profile: Mapping[str, str], aiq: Sequence[LoyaltyStore]) -> Iterator[Finding]:
    """profile: aiq-store by Store No."""
    names = {store.name: store for store in aiq}
    for no, name in sorted(profile.items()):
        if not name:
            text = "the store has no aiq-store: sign-ups at its tills carry no favourite store"
            yield notice("store-mapping", no, text, f"add aiq-store to [store {no}] ({_listed(names)})")
        elif name not in names:
            hint = did_you_mean(name, sorted(names)) if names else "AIQ lists no store"
            yield wrong("store-mapping", no, f"AIQ has no store '{name}'", f"mend aiq-store in [store {no}] ({hint})")
        elif names[name].mapped is False:
            yield notice("store-mapping", no, f"no POS is mapped to AIQ's store '{name}'", f"pick its key {_MAP}")
    if profile and all(name in names and names[name].mapped is not False for name in profile.values()):
        yield fine("store-mapping", "AIQ", f"every store of the profile is known to AIQ ({len(profile)})")


def loyalty_tenders(tenders: Sequence[Row]) -> Iterator[Finding]:
    """Tender types that are called after loyalty: with AIQ no points are paid with (integration-guide, warning)."""
    for row in tenders:
        if _LOYALTY.search(row["Description"]) or _LOYALTY.search(row["Code"]):
            subject = f"store {row['Store_No']}" if row["Store_No"] else "every store"
            text = f"tender type {row['Code']} '{row['Description']}' looks like a loyalty tender"
            text += ", and points are redeemed through AIQ only"
            yield notice("loyalty-tender", subject, text, "take its button off the POS menu and the tender type away")


def _listed(names: Mapping[str, LoyaltyStore]) -> str:
    return "AIQ has " + ", ".join(f"'{name}'" for name in sorted(names)[:5]) if names else "AIQ lists no store"
