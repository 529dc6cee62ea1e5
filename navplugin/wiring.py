"""Puts the worker together: the only place that names concrete adapters."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from navplugin.claims import Policy
from navplugin.core.errors import LedgerBusy, Misconfigured, NavpluginError
from navplugin.core.model import Decision, History, Sale, Situation, StoreSettings
from navplugin.core.ports import Clock, JournalReader, LoyaltyProvider, Matcher, NavWriter
from navplugin.core.problems import has_errors
from navplugin.core.profile import Profile
from navplugin.doctor import NavTools, Tools
from navplugin.lanes import Lanes, YieldingLoyalty
from navplugin.ledger import SqlLedger
from navplugin.ledger.rules import RuleLedger, RuleSet, read_published
from navplugin.ledger_record import LedgerRecord, NoRecord
from navplugin.loyalty import AiqProvider, SharedGate
from navplugin.nav.contract import Naming
from navplugin.nav.inspector import NavInspector
from navplugin.nav.reader import NavReader
from navplugin.nav.session import NavSettings, connect, open_transport
from navplugin.nav.signin import SignIn
from navplugin.nav.writer import NavWriter as NavAdapter
from navplugin.past import Past
from navplugin.publish import publish_store
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.durable import DurableMatcher
from navplugin.rulebook.explain import trace_to_json
from navplugin.rulebook.load import Rulebook, load_rulebook, name_of
from navplugin.ruletest import run_cases
from navplugin.secret import resolve_secret
from navplugin.settle import Cashbox
from navplugin.shelf import RuleShelf
from navplugin.site import Site
from navplugin.tryout import Looker
from navplugin.watch import Watch
from navplugin.watchonly import LEDGER_SUFFIX, WatchOnlyLoyalty, WatchOnlyWriter
from navplugin.wire import read_server_time
from navplugin.worker import Company, Worker

log = logging.getLogger("navplugin")

LANES = 8
"""Sales that may wait for AIQ at the same time."""
LEDGER_PAUSE = 1.0
"""Seconds between two looks at a ledger that somebody holds; the database itself waits some seconds each time."""

class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Aware UTC time in whole milliseconds: NAV keeps no more, and a row must read back as it was written."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        """Seconds since some moment, in this process."""
        return time.monotonic()


@contextmanager
def wire(site: Site, pause: Callable[[float], bool], *, watch_only: bool = False) -> Iterator[Watch]:
    """The worker of a site, ready to run; everything is closed at the end. watch_only: nothing is written to NAV or
    AIQ, and what is noted goes to a ledger of its own; always so where NAV has no AIQ objects.

    Raises Misconfigured (a secret is missing), LedgerUnusable, Unreachable.
    """
    profile, clock = site.profile, SystemClock()
    nav = profile.nav
    reader, nav_writer = connect(nav_settings(site))
    watch_only = watch_only or nav["objects"] == "none"
    provider = connect_aiq(site, clock)
    writer: NavWriter = WatchOnlyWriter() if watch_only else nav_writer
    loyalty: LoyaltyProvider = WatchOnlyLoyalty(provider) if watch_only else provider
    ledger = _own_ledger(site, LEDGER_SUFFIX if watch_only else "", clock, pause)
    if ledger.is_new:
        log.warning("a new ledger is begun at %s", ledger.path)
    matcher, lanes = _matcher(profile.worker["matcher"]), Lanes(LANES)
    try:
        stores = {no: profile.store_settings(no) for no in profile.stores}

        def publish() -> int:
            return 0 if watch_only else sum(
                publish_store(stores[no], site.footers[no], setup_fields(site, no), reader, writer) for no in stores
            )

        for alarm in site.alarms:
            log.error("%s", alarm)
            ledger.add_report("", alarm, clock.now())
        if watch_only:
            log.info("only watching: nothing is written to NAV or AIQ; notes go to %s", ledger.path)
        yielding = YieldingLoyalty(loyalty, lanes.turn)
        record = NoRecord() if watch_only else LedgerRecord(reader, writer, ledger, clock, platform.node(), pause)
        cashbox = Cashbox(ledger, yielding, clock, policies(profile), record)
        rules = RuleLedger(ledger, nav["company"])
        if watch_only:
            _copy_published(site, rules)
        shelf = RuleShelf(rules, profile.stores, *_first_rules(site, rules, clock))
        company = _company(site, matcher, shelf, Past(reader, rules, clock))
        worker = Worker(company, reader, writer, yielding, ledger, cashbox, clock, lanes, record)
        yield Watch(worker, publish, pause, clock, profile.worker["poll-seconds"])
    finally:
        lanes.close()
        if isinstance(matcher, DurableMatcher):
            matcher.close()
        ledger.close()


def _own_ledger(site: Site, suffix: str, clock: Clock, pause: Callable[[float], bool]) -> SqlLedger:
    """The ledger, as the worker that now writes it. One that another program holds is waited for: a worker that was
    stopped in the middle of a transaction keeps it until it is ended. LedgerBusy when told not to wait any more."""
    owner = site.profile.worker["name"] or platform.node()
    said = False
    while True:
        try:
            ledger = open_ledger(site, suffix=suffix)
            try:
                ledger.take_watch(site.profile.nav["company"], owner, clock.now())
            except NavpluginError:
                ledger.close()
                raise
            return ledger
        except LedgerBusy as busy:
            if not said:
                log.error("%s; end that program", busy)
            said = True
            if not pause(LEDGER_PAUSE):
                raise


def doctor_tools(site: Site) -> Tools:
    """What `doctor` examines a site with. Nothing is opened and no secret is looked up yet."""
    profile, clock = site.profile, SystemClock()

    def open_nav() -> NavTools:
        settings = nav_settings(site)
        transport = open_transport(settings)
        reader = NavReader(transport, settings.company, settings.zones)
        return NavTools(NavInspector(transport), reader, NavAdapter(transport))

    def server_time(url: str) -> datetime | None:
        return read_server_time(url, profile.nav["ca-file"] if url == profile.nav["url"] else "")

    def ledger() -> SqlLedger:
        return open_ledger(site, must_exist=True)

    return Tools(open_nav, lambda: connect_aiq(site, clock), ledger, server_time, clock)


@contextmanager
def look_into(site: Site) -> Iterator[Looker]:
    """Reading only: for `rules try`, `explain --live` and `replay`. The ledger is read where there is one."""
    profile, clock = site.profile, SystemClock()
    reader, _ = connect(nav_settings(site))
    ledger = open_ledger(site, must_exist=True) if site.ledger.is_file() else None
    stores = {no: profile.store_settings(no) for no in profile.stores}
    try:
        loyalty, company = connect_aiq(site, clock), profile.nav["company"]
        yield Looker(reader, loyalty, ledger, company, stores, footer_codes(site), clock)
    finally:
        if ledger is not None:
            ledger.close()


def footer_codes(site: Site) -> dict[str, dict[str, str]]:
    """By Store No., then by template name: the code of the footer in NAV."""
    return {no: {name: f.code for name, f in footers.items()} for no, footers in site.footers.items()}


def open_nav(site: Site) -> tuple[JournalReader, NavWriter]:
    """NAV of a site, to read and to write. Raises Misconfigured, Unreachable, AuthFailed."""
    return connect(nav_settings(site))


def open_reader(site: Site) -> JournalReader:
    """NAV of a site, to read. Raises Misconfigured, Unreachable, AuthFailed."""
    return connect(nav_settings(site))[0]


def connect_aiq(site: Site, clock: Clock, *, batch: bool = False) -> AiqProvider:
    """AIQ of a site, within the call budget of its key. batch: for feeds and audits, which come second."""
    aiq = site.profile.aiq
    key = resolve_secret(aiq["key"], "the AIQ API key")
    rates = (int(aiq[f"calls-per-{length}"]) for length in ("second", "minute", "hour"))
    budget = site.ledger.with_name(site.ledger.name + ".rate")
    return AiqProvider(
        aiq["url"],
        aiq["uid"],
        key,
        source=aiq["source"],
        append_reference=aiq["append-reference"],
        refund=site.profile.worker["refund"],
        clock=clock,
        gate=SharedGate(budget, key, *rates, batch=batch),
    )


def open_ledger(site: Site, *, must_exist: bool = False, suffix: str = "") -> SqlLedger:
    """The ledger of a site, in the mode that its profile names. LedgerUnusable when it cannot be used.

    suffix: behind the name of the file, for a ledger of its own.
    """
    worker = site.profile.worker
    hide_with = b""
    if worker["personal-data"] == "hash":
        hide_with = resolve_secret(worker["hash-key"], "the key of the hashes in the ledger").encode()
    path = site.ledger.with_name(site.ledger.name + suffix)
    return SqlLedger(path, must_exist=must_exist, hide_with=hide_with)


def nav_settings(site: Site) -> NavSettings:
    """How NAV is reached, as the profile says. Misconfigured when the key cannot be had."""
    nav = site.profile.nav
    return NavSettings(
        url=nav["url"],
        company=nav["company"],
        sign_in=SignIn(
            kind=nav["sign-in"],
            user=nav["user"],
            key=resolve_secret(nav["key"], "the NAV web service key") if nav["key"] else "",
            tenant=nav["tenant"],
            authority=nav["authority"],
            scope=nav["scope"],
        ),
        ca_file=nav["ca-file"],
        transport=nav["transport"],
        naming=Naming(nav["naming"]),
        discover=nav["discover-names"],
        objects=nav["objects"],
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
            unknown_max=timedelta(hours=w["unknown-hours"]),
            full_return=w["full-return"],
            part_return=w["part-return"],
            owed=w["owed"],
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


def _copy_published(site: Site, rules: RuleLedger) -> None:
    """A worker that only watches has a ledger of its own; it decides by the rules that are in force at its start."""
    if not site.ledger.is_file():
        return
    published = read_published(site.ledger, rules.company)
    mine = rules.in_force()
    if published is not None and (mine is None or mine.hash != published.hash):
        rules.publish(published)


def _first_rules(site: Site, rules: RuleLedger, clock: SystemClock) -> tuple[Rulebook, int]:
    """The published rules and their number; where nothing was ever published, those of the folder, which are published
    then. Raises Misconfigured where neither can be used."""
    published = rules.in_force()
    if published is not None:
        book, _ = load_rulebook([(f"rules/{name}", data) for name, data in published.files], None)
        if book is not None:
            _say_what_waits(site, published.hash)
            return book, published.number
        log.error("the published rules %s cannot be read by this version; taking those of the folder", published.hash)
    book = site.rules.book
    if book is None:
        raise Misconfigured("the rules have errors, and none are published: navplugin rules check", system="rules")
    tested = run_cases(book, site.rules.cases, [BuiltinMatcher()])
    if has_errors(tested.problems):
        raise Misconfigured(f"a case beside the rules fails: {sorted(tested.problems)[0].headline()}", system="rules")
    files = [(name_of(path), data) for path, data in site.rules.files]
    first = RuleSet(book.hash, clock.now(), "worker", "first start", len(book.rules), tested.cases, files)
    return book, rules.publish(first)


def _say_what_waits(site: Site, in_force: str) -> None:
    book = site.rules.book
    if book is None:
        log.error("the rules in the folder have errors; rules %s stay in force: navplugin rules check", in_force)
    elif book.hash != in_force:
        log.warning("the folder holds rules %s, in force are rules %s: navplugin rules apply", book.hash, in_force)


def _company(site: Site, matcher: Matcher, shelf: RuleShelf, past: Past) -> Company:
    def decide_for(situation: Situation) -> Decision:
        return decide(shelf.rules_for(situation.snapshot.sale, situation.store.store_no).book, situation, matcher)

    def history_of(sale: Sale, store: StoreSettings) -> History:
        return past.gather(sale, store, shelf.rules_for(sale, store.store_no).sources)

    return Company(
        name=site.profile.nav["company"],
        stores={no: site.profile.store_settings(no) for no in site.profile.stores},
        footer_codes=footer_codes(site),
        decide=decide_for,
        save_trace=trace_to_json,
        history=history_of,
        note=past.note,
        setup_lifetime=timedelta(seconds=site.profile.worker["setup-seconds"]),
    )


def _matcher(name: str) -> BuiltinMatcher | DurableMatcher:
    return DurableMatcher() if name == "durable" else BuiltinMatcher()
