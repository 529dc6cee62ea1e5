"""Puts the worker together: the only place that names concrete adapters."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from navplugin.claims import Policy
from navplugin.core.model import Decision, Effect, Situation, StagedRow
from navplugin.core.ports import JournalReader, Matcher, NavWriter
from navplugin.core.profile import Profile
from navplugin.ledger import SqlLedger
from navplugin.loyalty import AiqProvider
from navplugin.nav.contract import Naming
from navplugin.nav.session import NavSettings, connect
from navplugin.nav.signin import SignIn
from navplugin.publish import publish_store
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.durable import DurableMatcher
from navplugin.rulebook.explain import trace_to_json
from navplugin.rulebook.load import Rulebook
from navplugin.secret import resolve_secret
from navplugin.settle import Cashbox
from navplugin.site import Site
from navplugin.watch import Watch
from navplugin.worker import Company, Worker

log = logging.getLogger("navplugin")


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Aware UTC time in whole milliseconds: NAV keeps no more, and a row must read back as it was written."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class WatchOnlyWriter:
    """Writes nothing: `run --watch-only` decides and logs."""

    def write(self, effect: Effect) -> StagedRow | None:
        """Log what would be written."""
        log.info("would %s %s %s %s", effect.op, effect.page, effect.key, dict(effect.fields))
        return None


@contextmanager
def wire(site: Site, pause: Callable[[float], bool], *, watch_only: bool = False) -> Iterator[Watch]:
    """The worker of a site, ready to run; everything is closed at the end.

    Raises Misconfigured (a secret is missing), LedgerUnusable, Unreachable.
    """
    profile, clock = site.profile, SystemClock()
    nav, aiq = profile.nav, profile.aiq
    reader, nav_writer = connect(nav_settings(site))
    loyalty = AiqProvider(
        aiq["url"],
        aiq["uid"],
        resolve_secret(aiq["key"], "the AIQ API key"),
        source=aiq["source"],
        append_reference=aiq["append-reference"],
        refund=profile.worker["refund"],
        clock=clock,
    )
    writer: NavWriter = WatchOnlyWriter() if watch_only else nav_writer
    ledger, matcher = SqlLedger(site.ledger), _matcher(profile.worker["matcher"])
    try:
        ledger.take_watch(nav["company"], profile.worker["name"] or platform.node(), clock.now())
        stores = {no: profile.store_settings(no) for no in profile.stores}
        for alarm in site.alarms:
            log.error("%s", alarm)
            ledger.add_report("", alarm, clock.now())

        def publish() -> int:
            return sum(
                publish_store(stores[no], site.footers[no], setup_fields(site, no), reader, writer) for no in stores
            )

        cashbox = Cashbox(ledger, loyalty, clock, policies(profile))
        worker = Worker(_company(site, matcher), reader, writer, loyalty, ledger, cashbox, clock)
        yield Watch(worker, publish, pause, clock, profile.worker["poll-seconds"])
    finally:
        if isinstance(matcher, DurableMatcher):
            matcher.close()
        ledger.close()


def open_reader(site: Site) -> JournalReader:
    """NAV of a site, to read. Raises Misconfigured, Unreachable, AuthFailed."""
    return connect(nav_settings(site))[0]


def nav_settings(site: Site) -> NavSettings:
    """How NAV is reached, as the profile says. Misconfigured when the key cannot be had."""
    nav = site.profile.nav
    return NavSettings(
        url=nav["url"],
        company=nav["company"],
        sign_in=SignIn(
            kind=nav["sign-in"],
            user=nav["user"],
            key=resolve_secret(nav["key"], "the NAV web service key"),
            tenant=nav["tenant"],
            authority=nav["authority"],
        ),
        ca_file=nav["ca-file"],
        transport=nav["transport"],
        naming=Naming(nav["naming"]),
        discover=nav["discover-names"],
        overrides=site.overrides,
        zones={no: ZoneInfo(store["time-zone"]) for no, store in site.profile.stores.items()},
    )


def policies(profile: Profile) -> dict[str, Policy]:
    """The money machine's settings by Store No."""
    w = profile.worker
    return {
        no: Policy(
            redeem_at=store["redeem-at"],
            lookup=w["redemption-lookup"],
            refund=w["refund"],
            grace=timedelta(seconds=w["grace-seconds"]),
            suspend_max=timedelta(hours=w["suspend-hours"]),
            vanish_max=timedelta(hours=w["vanish-hours"]),
            full_return=w["full-return"],
        )
        for no, store in profile.stores.items()
    }


def setup_fields(site: Site, store_no: str) -> dict[str, Any]:
    """AIQ_Setup of one store as the profile says; option names as in the NAV contract."""
    v = site.profile.stores[store_no]
    footers = site.footers[store_no]
    return {
        "Prompt_On": v["prompt-on"],
        "Redeem_At": v["redeem-at"].capitalize(),
        "Short": v["short"].capitalize(),
        "Offline": {"refuse": "Refuse", "honour-grants": "Honour Grants"}[v["offline"]],
        "Minimum_Judged": v["minimum-judged"].capitalize(),
        "Reached": {"at-least": "At Least", "above": "Above"}[v["reached"]],
        "Fresh_Seconds": int(v["fresh-seconds"]),
        "Wait_ms": int(v["wait-ms"]),
        "QR_Mode": v["qr-mode"],
        "Footer_No_Member": footers[v["footer-no-member"]].code if v["footer-no-member"] in footers else "",
        "Footer_Unknown": footers[v["footer-unknown"]].code if v["footer-unknown"] in footers else "",
    }


def _company(site: Site, matcher: Matcher) -> Company:
    books: dict[str, Rulebook] = {no: site.rulebook.for_store(no) for no in site.profile.stores}

    def decide_for(situation: Situation) -> Decision:
        return decide(books[situation.store.store_no], situation, matcher)

    return Company(
        name=site.profile.nav["company"],
        stores={no: site.profile.store_settings(no) for no in site.profile.stores},
        footer_codes={no: {name: f.code for name, f in footers.items()} for no, footers in site.footers.items()},
        decide=decide_for,
        save_trace=trace_to_json,
        setup_lifetime=timedelta(seconds=site.profile.worker["setup-seconds"]),
    )


def _matcher(name: str) -> BuiltinMatcher | DurableMatcher:
    return DurableMatcher() if name == "durable" else BuiltinMatcher()
