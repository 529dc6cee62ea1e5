"""The examination: NAV, AIQ, and whether the two fit. A system that is not reached holds up no check of the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from navplugin.core.errors import AuthFailed, Misconfigured, NavpluginError, Refused
from navplugin.core.model import Member, StagedRow, WalletDiscount
from navplugin.core.ports import Clock, JournalReader, LoyaltyInspector, LoyaltyStore, NavWriter, SiteInspector
from navplugin.core.profile import Profile
from navplugin.doctor.discounts import compare
from navplugin.doctor.finding import Finding, fine, gather, notice, of_problem, wrong
from navplugin.doctor.marked import all_written, pages_we_write, try_setup, try_writing
from navplugin.doctor.stores import compare_with_aiq, compare_with_nav, loyalty_tenders
from navplugin.ledger import SqlLedger
from navplugin.ledger_record import Record, why_not_in_charge
from navplugin.nav.contract import BY_SERVICE, PAGES, Page
from navplugin.nav.contract.actions import LEDGER, SETUP
from navplugin.wire import NOISY

CLOCK_WARNING, CLOCK_ERROR = 5.0, 60.0
"""Seconds: a wallet counts as stale by NAV's clock and is read by ours (fresh-seconds); Kerberos ends at 300."""
FEEDS_ONLY = ("AIQ_Staff", "AIQ_Items", "AIQ_Inventory", "AIQ_TransPayments")
DOCTOR_ONLY = ("AIQ_TenderTypes",)
"""Pages without which the till's work goes on: a missing one is a warning."""
_PROBED = {"ours": ("AIQ_Setup", "AIQ_Sale"), "none": ("AIQ_POSJournal", "AIQ_TotalDiscountOffers")}
"""Pages that the sign-in is tried with, by the profile's `objects`."""
_SEEN_IN = ("AIQ_Setup", "AIQ_Sale", "AIQ_POSJournal")
"""Pages whose rows show which stores NAV works with; the posted sales would be too many."""

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class NavTools:
    """One NAV company."""

    inspector: SiteInspector
    reader: JournalReader
    writer: NavWriter


@dataclass(frozen=True, slots=True)
class Tools:
    """What the examination works with. The three that open raise Misconfigured or LedgerUnusable.
    server_time: the time by the server at an address, asked without signing in; None when it does not tell."""

    open_nav: Callable[[], NavTools]
    open_aiq: Callable[[], LoyaltyInspector]
    open_ledger: Callable[[], SqlLedger]
    server_time: Callable[[str], datetime | None]
    clock: Clock


def examine(
    profile: Profile, tools: Tools, told: Told = lambda step: None, *, may_write: bool = True
) -> list[Finding]:
    """Look at everything. told: hears what is looked at now. may_write: whether test rows may be written."""
    with _overheard() as heard:
        nav_found, nav = _look_at_nav(profile, tools, told, may_write=may_write)
        aiq_found, stores, discounts = _look_at_aiq(profile, tools, told)
        told("NAV against AIQ")
        both = _look_at_both(profile, nav, stores, discounts) if nav is not None else []
        if nav is None and stores is not None:
            both += compare_with_aiq({no: store["aiq-store"] for no, store in profile.stores.items()}, stores)
    said = [notice("said", system, *_parted(text)) for system, text in heard]
    return gather([*nav_found, *aiq_found, *both, *said, *_quiet_logs()])


# ---- NAV ---------------------------------------------------------------------------------------------------------


def _look_at_nav(
    profile: Profile, tools: Tools, told: Told, *, may_write: bool
) -> tuple[list[Finding], NavTools | None]:
    """nav: None when it cannot be used at all."""
    told("NAV's address and clock")
    url = profile.nav["url"]
    found = [_clock(tools, "NAV", url)]
    if found[0].lost:
        return found, None
    told("signing in to NAV")
    try:
        nav = tools.open_nav()
        _sign_in(nav.inspector, _PROBED[profile.nav["objects"]])
    except NavpluginError as problem:
        return [*found, of_problem(problem, "nav-sign-in", url, connecting=True)], None
    found.append(fine("nav-sign-in", "NAV", f"signed in by {profile.nav['sign-in']} to {profile.nav['company']}"))
    expected = [page for page in PAGES if _is_expected(page, profile)]
    usable = set()
    for page in expected:
        told(f"page {page.service}")
        problem_found = _page(page.service, nav.inspector)
        found += problem_found
        if not problem_found:
            usable.add(page.service)
    if len(usable) == len(expected):
        found.append(fine("nav-page", "NAV", f"{len(usable)} pages are published with every field and can be read"))
    if LEDGER.service in usable:
        found.append(_ledger_in_charge(nav.reader, tools, profile.nav["company"]))
    if may_write:
        found += _writes(profile, nav, usable, told)
    return found, nav


def _is_expected(page: Page, profile: Profile) -> bool:
    """Whether the site has this page: in observe mode there are no AIQ objects (ls-pos.md 7.9)."""
    return not page.is_ours or profile.nav["objects"] == "ours"


def _sign_in(inspector: SiteInspector, probed: Sequence[str]) -> None:
    """Return when NAV takes the sign-in. Two pages are tried: the user may lack the right to one of them."""
    last: NavpluginError | None = None
    for service in probed:
        try:
            inspector.check_page(service)
        except Misconfigured as problem:
            if service not in problem.where:  # the address, not the page
                raise
            continue
        try:
            inspector.read_first(service)
            return
        except (AuthFailed, Misconfigured) as problem:  # the company does not exist, for instance
            last = problem
    if last is not None:
        raise last


def _page(service: str, inspector: SiteInspector) -> list[Finding]:
    code = "nav-page"
    try:
        inspector.check_page(service)
        code = "nav-read"
        inspector.read_first(service)
    except NavpluginError as problem:
        finding = of_problem(problem, code, service)
        if finding.lost or service not in (*FEEDS_ONLY, *DOCTOR_ONLY):
            return [finding]
        wanted = "the feeds" if service in FEEDS_ONLY else "doctor, to look for a loyalty tender"
        return [notice(code, service, f"{finding.says} (wanted by {wanted})", finding.do)]
    return []


def _ledger_in_charge(reader: JournalReader, tools: Tools, company: str) -> Finding:
    """Which ledger NAV names, and whether it is the one of this profile. Its row is only read: any write would change
    the ETag under which the worker writes."""
    code = "ledger-in-charge"
    try:
        rows = reader.read_rows(LEDGER.service, {})
    except NavpluginError as problem:
        return of_problem(problem, code, LEDGER.service)
    if not rows:
        return fine(code, "NAV", "no ledger is in charge of this company yet")
    row = rows[0].fields
    at = row["Written_At"]
    when = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "an unknown time"
    by = f"last written by {row['Host'] or 'an unknown host'} at {when}"
    if reason := _why_not_ours(rows[0], tools, company):
        return wrong(code, "NAV", *_parted(reason))
    return fine(code, "NAV", f"ledger {row['Ledger_ID']} is in charge of this company, {by}")


def _why_not_ours(row: StagedRow, tools: Tools, company: str) -> str:
    """'' where the ledger of this profile is in charge, or there is none yet."""
    try:
        ledger = tools.open_ledger()
    except NavpluginError:
        return ""
    try:
        ledger.company = company
        return why_not_in_charge(ledger, Record.of(row))
    except NavpluginError as problem:
        return problem.message
    finally:
        ledger.close()


def _writes(profile: Profile, nav: NavTools, usable: set[str], told: Told) -> list[Finding]:
    pages = [page for page in pages_we_write() if page.service in usable]
    found: list[Finding] = []
    for page in pages:
        told(f"writing a test row to {page.service}")
        found += try_writing(page, min(profile.stores), nav.reader, nav.writer)
    if SETUP.service in usable:
        told(f"changing nothing in {SETUP.service}")
        found += try_setup(nav.reader, nav.writer)
    if pages and not any(one.code == "nav-write" for one in found):
        found.append(all_written(len(pages)))
    return found


# ---- AIQ ---------------------------------------------------------------------------------------------------------


def _look_at_aiq(
    profile: Profile, tools: Tools, told: Told
) -> tuple[list[Finding], Sequence[LoyaltyStore] | None, Sequence[WalletDiscount] | None]:
    """Findings, AIQ's stores and the test member's discounts; None for what is not known."""
    told("AIQ's address and clock")
    url = profile.aiq["url"]
    found = [_clock(tools, "AIQ", url)]
    if found[0].lost:
        return found, None, None
    told("AIQ's key")
    stores: Sequence[LoyaltyStore] | None = None
    try:
        aiq = tools.open_aiq()
        stores = aiq.fetch_stores()
        found.append(fine("aiq-key", "AIQ", f"takes the API key of account {profile.aiq['uid']}"))
    except Refused as problem:
        text = f"AIQ does not list the account's stores ({problem.message.rstrip('.')}): they and the key are unsure"
        found.append(notice("aiq-key", "AIQ", text, "check uid; ask AIQ whether the key may list stores"))
    except NavpluginError as problem:
        return [*found, of_problem(problem, "aiq-key", url, connecting=True)], None, None
    told("AIQ's discounts")
    more, discounts = _wallet(profile.aiq["doctor-contact"], aiq)
    return [*found, *more], stores, discounts


def _wallet(contact: str, aiq: LoyaltyInspector) -> tuple[list[Finding], Sequence[WalletDiscount] | None]:
    """AIQ has no list of discounts: they are known through a person's wallet only (aiq-api.md 2)."""
    code, key = "aiq-discounts", "doctor-contact"
    if not contact:
        text = "AIQ shows discounts in a member's wallet only, so they were not held against NAV's offers"
        step = f"name a test member with {key} = phone or e-mail in [aiq]"
        return [notice(code, "AIQ", text, step)], None
    asked = aiq.contact_of(Member("", e_mail=contact, mobile_phone_no=contact))
    if asked is None:
        text = f"{key} is neither a ten-digit phone nor an e-mail address that AIQ can be asked with"
        return [wrong(code, "AIQ", text, f"mend {key} in [aiq]")], None
    try:
        wallet = aiq.fetch_wallet(asked)
    except NavpluginError as problem:
        return [of_problem(problem, code, "AIQ")], None
    if wallet is None:
        return [wrong(code, "AIQ", f"AIQ does not know the member of {key}", "sign the test member up in AIQ")], None
    if not wallet.discounts:
        text = f"the wallet of {key} holds no discount with a coupon code"
        step = "give the test member every discount in AIQ, with the coupon code as POS Discount ID"
        return [notice(code, "AIQ", text, step)], ()
    return [fine(code, "AIQ", f"the test member's wallet holds {len(wallet.discounts)} discounts")], wallet.discounts


# ---- both --------------------------------------------------------------------------------------------------------


def _look_at_both(
    profile: Profile,
    nav: NavTools,
    stores: Sequence[LoyaltyStore] | None,
    discounts: Sequence[WalletDiscount] | None,
) -> list[Finding]:
    read = nav.reader.read_rows
    found: list[Finding] = []
    seen: set[str] = set()
    try:
        for service in (one for one in _SEEN_IN if _is_expected(BY_SERVICE[one], profile)):
            seen |= {str(row.fields["Store_No"]).upper() for row in read(service, {})} - {""}
        found += compare_with_nav(profile.stores, seen)
    except NavpluginError as problem:
        found.append(_not_compared("stores", problem))
    if stores is not None:
        found += compare_with_aiq({no: store["aiq-store"] for no, store in profile.stores.items()}, stores)
    try:
        coupons = {row.fields["Code"]: row.fields for row in read("AIQ_Coupons", {})}
        groups = {group for no in profile.stores for group in profile.store_settings(no).all_price_groups}
        found += compare(nav.reader.read_offers(), coupons, discounts, groups)
    except NavpluginError as problem:
        found.append(_not_compared("discounts", problem))
    try:
        tenders = list(loyalty_tenders([row.fields for row in read("AIQ_TenderTypes", {})]))
        found += tenders or [fine("loyalty-tender", "NAV", "no tender type looks like a loyalty tender")]
    except NavpluginError as problem:
        found.append(_not_compared("tender types", problem))
    return found


def _not_compared(what: str, problem: NavpluginError) -> Finding:
    text = f"these were not looked at, because of {problem.where or problem.system}"
    return notice("not-compared", what, text, "mend that first")


# ---- clocks and logs ---------------------------------------------------------------------------------------------


def _clock(tools: Tools, system: str, url: str) -> Finding:
    """Reaches the server, and compares its clock with ours; HTTP tells whole seconds, cut off."""
    code = f"{system.lower()}-clock"
    try:
        before = tools.clock.now()
        theirs = tools.server_time(url)
        after = tools.clock.now()
    except NavpluginError as problem:
        return of_problem(problem, f"{system.lower()}-reach", url)
    if theirs is None:
        return notice(code, system, "answers, and does not tell its time", "compare the clocks by hand")
    ahead = (theirs - before - (after - before) / 2).total_seconds() + 0.5
    off, way = abs(ahead), "ahead of" if ahead > 0 else "behind"
    if off < CLOCK_WARNING:
        return fine(code, system, "answers, and its clock agrees with this machine's")
    make = wrong if off >= CLOCK_ERROR else notice
    text = f"its clock is {off:.0f} s {way} this machine's: rows look stale, or valid too long"
    return make(code, system, text, "set both by the same time server (w32tm /query /status)")


def _quiet_logs() -> Iterator[Finding]:
    """Whether libraries that write bodies and addresses at INFO keep silent (odata-soap-clients.md 2.2)."""
    loud = [
        name
        for name in sorted({*NOISY, *logging.root.manager.loggerDict})
        if name.split(".")[0] in NOISY and logging.getLogger(name).getEffectiveLevel() < logging.WARNING
    ]
    for name in loud:
        text = "this logger would write personal data into the log"
        yield wrong("log", name, text, "leave its level at WARNING; look for what sets it in this Python")
    if not loud:
        yield fine("log", "this machine", "libraries that could log personal data are quiet")


@contextmanager
def _overheard() -> Iterator[list[tuple[str, str]]]:
    """What the adapters warn of meanwhile, as (system, text), instead of in a log."""
    heard: list[tuple[str, str]] = []
    names = {"navplugin.nav": "NAV", "navplugin.aiq": "AIQ"}

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                heard.append((names.get(record.name, "navplugin"), record.getMessage()))

    ear, logger = Ear(), logging.getLogger("navplugin")
    before = logger.propagate
    logger.addHandler(ear)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.removeHandler(ear)
        logger.propagate = before


def _parted(text: str) -> tuple[str, str]:
    says, _, do = text.partition("; ")
    return says, do or "look at it in NAV or AIQ"


