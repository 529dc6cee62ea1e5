"""The profile of a site: how to reach NAV and AIQ, the worker's settings, one section for each store. Pure.

The format is that of rule files: `key = value`, the value exactly as typed. Secrets are named, never written:
`keyring:NAME` or `env:NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from navplugin.core.inifile import Entry, IniFile, Section
from navplugin.core.model import StoreSettings
from navplugin.core.money import parse_money
from navplugin.core.problems import Level, Problem, Span, did_you_mean, has_errors


class BadValue(ValueError):
    """The value does not fit; the message says what may stand there."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a section: its reader, default (None = must be given) and meaning."""

    key: str
    read: Callable[[str], Any]
    default: Any
    doc: str


def _text(value: str) -> str:
    return value


def _url(value: str) -> str:
    if not value.startswith(("https://", "http://")) or len(value) > 2000:
        raise BadValue("an address that begins with https://")
    if value.startswith("http://") and not value[7:].startswith(("127.0.0.1", "localhost", "[::1]")):
        raise BadValue("https:// (plain http:// is accepted for this machine only)")
    return value.rstrip("/")


WALLET_LINK, SIGNUP_LINK = "https://lab.alpineiq.com/wallet/{uid}", "https://lab.alpineiq.com/joinMembers/{uid}"
"""Links of the QR codes where a store names none (aiq-api.md 8)."""
CODE_PAGES = ("cp437", "cp850", "cp852", "cp858", "cp860", "cp863", "cp865", "cp1252", "iso8859-15")


def _link(value: str) -> str:
    if not value.startswith(("https://", "http://")) or len(value) > 250 or any(c.isspace() for c in value):
        raise BadValue("a link that begins with https://, at most 250 characters, no blanks")
    return value


def _secret(value: str) -> str:
    if not value.startswith(("env:", "keyring:")) or not value.partition(":")[2]:
        raise BadValue("the name of a secret, `env:NAME` or `keyring:NAME`, never the secret itself")
    return value


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        number = parse_money(value)
        if number is None or not Decimal(str(low)) <= number <= Decimal(str(high)):
            raise BadValue(f"a number from {low:g} to {high:g}")
        return float(number)

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise BadValue(did_you_mean(value, words))
        return value

    return read


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip().upper() for word in value.split(",") if word.strip())


def _yes_no(value: str) -> bool:
    if value.casefold() not in ("yes", "no"):
        raise BadValue("yes or no")
    return value.casefold() == "yes"


def _on_off(value: str) -> bool:
    if value.casefold() not in ("on", "off"):
        raise BadValue("on or off")
    return value.casefold() == "on"


def _consent(value: str) -> frozenset[str]:
    words = frozenset(word.strip().casefold() for word in value.replace("|", ",").split(","))
    if not words <= {"loyalty", "sms", "email"} or "loyalty" not in words:
        raise BadValue("loyalty, and where the terms say so sms and email, for instance: loyalty, sms")
    return words


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise BadValue("a time zone such as America/Denver") from unknown
    return value


def _clock_time(value: str) -> str:
    try:
        return value and time.fromisoformat(value).strftime("%H:%M")
    except ValueError as wrong:
        raise BadValue("a time of day such as 21:00") from wrong


def _precision(value: str) -> Decimal:
    number = parse_money(value)
    if number is None or not 0 < number <= 1:
        raise BadValue("the currency's amount rounding precision, for instance 0.01")
    return number


NAV = (
    Setting("url", _url, None, "OData V4 address, https://nav:7048/DynamicsNAV110/ODataV4; for SOAP the one in /WS"),
    Setting("transport", _one_of("odata", "soap"), "odata", "the protocol; soap where NAV has no OData V4"),
    Setting("naming", _one_of("nav", "bc", "lsc"), "bc", "whose names: NAV 2009-2018, Business Central, LS Central"),
    Setting("discover-names", _yes_no, True, "find names of pages and fields in what NAV publishes (OData)"),
    Setting("objects", _one_of("ours", "none"), "ours", "none: NAV has no AIQ objects; sales are observed only"),
    Setting("sign-in", _one_of("basic", "ntlm", "oauth", "kerberos"), "basic", "how the worker signs in"),
    Setting("company", _text, None, "name of the NAV company, upper and lower case as in NAV"),
    Setting("user", _text, "", "web service user, DOMAIN\\user, or the application (client) id"),
    Setting("key", _secret, "", "where the web service access key, password or client secret is kept"),
    Setting("tenant", _text, "", "sign-in = oauth: tenant id or domain"),
    Setting("authority", _url, "https://login.microsoftonline.com", "sign-in = oauth: who issues the tokens"),
    Setting("scope", _text, "https://api.businesscentral.dynamics.com/.default", "sign-in = oauth: for what"),
    Setting("ca-file", _text, "", "certificate of the company's own authority"),
)
AIQ = (
    Setting("url", _url, "https://lab.alpineiq.com", "AIQ's address"),
    Setting("uid", _text, None, "AIQ account id (Settings > API & Tracking)"),
    Setting("key", _secret, None, "where the AIQ API key is kept"),
    Setting("source", _text, "365canna", "what AIQ shows under Sourced from"),
    Setting("append-reference", _yes_no, True, "append the receipt number to the redemption call"),
    Setting("calls-per-second", _number(1, 1000), 4.0, "calls of all workers together with this key"),
    Setting("calls-per-minute", _number(1, 100000), 100.0, "the same in a minute"),
    Setting("calls-per-hour", _number(1, 1000000), 1800.0, "the same in an hour"),
    Setting("doctor-contact", _text, "", "phone or e-mail of a test member whose wallet `navplugin doctor` looks at"),
)
WORKER = (
    Setting("name", _text, "", "name of this worker; empty = the machine's name"),
    Setting("state", _text, "navplugin.db", "the ledger file"),
    Setting("rules", _text, "rules", "folder of rule files"),
    Setting("receipt-templates", _text, "receipt_templates", "folder of receipt templates"),
    Setting("matcher", _one_of("durable", "builtin"), "durable", "what orders the rules whose conditions hold"),
    Setting("poll-seconds", _number(0.1, 60), 1.0, "time between two polls"),
    Setting("setup-seconds", _number(0, 3600), 15.0, "how old offers and terms that were read from NAV may be"),
    Setting("redemption-lookup", _one_of("blind", "probe"), "blind", "what to do with an unknown outcome"),
    Setting("refund", _one_of("manual", "adjust", "endpoint"), "manual", "how points go back"),
    Setting("accept-manual-refunds", _yes_no, False, "allow redeem-at total or select with refund = manual"),
    Setting("grace-seconds", _number(15, 3600), 60.0, "how long a call may take effect after we gave up"),
    Setting("unknown-hours", _number(0.1, 72), 1.0, "after that, a person finds out about a lost answer"),
    Setting("suspend-hours", _number(0.1, 720), 12.0, "a sale suspended longer gives its points back"),
    Setting("vanish-hours", _number(0.1, 720), 1.0, "a sale vanished longer is shown to a person"),
    Setting("full-return", _one_of("give", "leave"), "give", "a full return gives the points back, or leaves them"),
    Setting("part-return", _one_of("leave", "give"), "leave", "a part return leaves the points, or gives them back"),
    Setting("owed", _one_of("person", "absorb", "adjust"), "person", "sold, and AIQ refuses the points: who bears it"),
    Setting("personal-data", _one_of("keep", "hash"), "keep", "hash: no member cards in the ledger, only keyed hashes"),
    Setting("hash-key", _secret, "", "personal-data = hash: where the key of the hashes is kept"),
)
STORE = (
    Setting("name", _text, "", "name on the receipt"),
    Setting("time-zone", _zone, None, "time zone of the store"),
    Setting("language", _text, "en", "language of prompts and texts"),
    Setting("closing-time", _clock_time, "", "when the store closes, 21:00; for the fact Minutes To Closing"),
    Setting("aiq-store", _text, "", "name of the store in AIQ"),
    Setting("pin", _on_off, False, "whether a PIN sent to the member opens the wallet"),
    Setting("consent-covers", _consent, frozenset({"loyalty"}), "what the AIQ Signup Terms cover: loyalty, sms, email"),
    Setting("adult-age", _number(18, 99), 18.0, "nobody younger is signed up"),
    Setting("price-groups", _words, (), "price groups of the store beside ALL and its number, with commas"),
    Setting("wallet-url", _link, "", "link of the wallet QR code; empty = AIQ's link with the uid"),
    Setting("signup-url", _link, "", "link of the sign-up QR code; empty = AIQ's link with the uid"),
    Setting("receipt-width", _one_of("32", "40", "42", "44", "48"), "40", "characters on a receipt line"),
    Setting("paper-mm", _one_of("58", "80"), "", "receipt paper; empty = 58 for 32 characters, else 80"),
    Setting("code-page", _one_of(*CODE_PAGES), "cp437", "what the receipt printer is set to"),
    Setting("footer-unknown", _text, "signup", "receipt template until the worker has looked, or none"),
    Setting("footer-no-member", _text, "plain", "receipt template of a sale without a member, or none"),
    Setting("qr-mode", _one_of("Bitmap", "Native", "TextOnly"), "Bitmap", "how the printer prints the QR code"),
    Setting("redeem-at", _one_of("posted", "total", "select"), "posted", "when the points are taken"),
    Setting("short", _one_of("ask", "take", "release"), "ask", "what when a discount gives less than promised"),
    Setting("offline", _one_of("refuse", "honour-grants"), "refuse", "stale grants while the worker is down"),
    Setting("minimum-judged", _one_of("before", "after"), "before", "minima before or after other discounts"),
    Setting("reached", _one_of("at-least", "above"), "at-least", "whether equality reaches a minimum"),
    Setting("prompt-on", _one_of("CheckIn", "FirstItem", "Never"), "CheckIn", "when the prompt pops up by itself"),
    Setting("fresh-seconds", _number(10, 86400), 900.0, "how old a wallet may be"),
    Setting("wait-ms", _number(0, 10000), 2000.0, "how long a button waits for the worker"),
    Setting("currency-precision", _precision, Decimal("0.01"), "amount rounding precision"),
)
NAMED = ("store", "page")
"""Sections with a name behind the kind: [store S0001], [page AIQ_POSJournal]."""
SECTIONS: dict[str, tuple[Setting, ...]] = {"nav": NAV, "aiq": AIQ, "worker": WORKER, "store": STORE}

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile. Values by the key as typed; `stores` by Store No.; `pages`: names of the site, as typed, by
    the page of the NAV contract (`nav.contract.overrides` reads them)."""

    path: str
    nav: Values
    aiq: Values
    worker: Values
    stores: Mapping[str, Values] = field(default_factory=dict)
    pages: tuple[Section, ...] = ()

    def store_settings(self, store_no: str) -> StoreSettings:
        """What rules, facts and receipts need of one store."""
        v = self.stores[store_no]
        return StoreSettings(
            store_no=store_no,
            name=v["name"] or store_no,
            time_zone=v["time-zone"],
            language=v["language"],
            aiq_store=v["aiq-store"],
            closing_time=v["closing-time"],
            wallet_url=v["wallet-url"] or WALLET_LINK.format(uid=self.aiq["uid"]),
            signup_url=v["signup-url"] or SIGNUP_LINK.format(uid=self.aiq["uid"]),
            receipt_width=int(v["receipt-width"]),
            paper_mm=int(v["paper-mm"] or ("58" if v["receipt-width"] == "32" else "80")),
            code_page=v["code-page"],
            qr_mode=v["qr-mode"],
            price_groups=v["price-groups"],
            redeem_at=v["redeem-at"],
            short=v["short"],
            minimum_judged=v["minimum-judged"],
            reached=v["reached"],
            pin=v["pin"],
            consent=v["consent-covers"],
            adult_age=int(v["adult-age"]),
            fresh_seconds=int(v["fresh-seconds"]),
            currency_precision=v["currency-precision"],
        )


def read_profile(ini: IniFile) -> tuple[Profile | None, tuple[Problem, ...]]:
    """Check every section and key at once; no profile when there is an error."""
    problems = list(ini.problems)
    found: dict[str, Values] = {}
    stores: dict[str, Values] = {}
    pages: list[Section] = []
    for section in ini.sections:
        kind, _, name = section.name.partition(" ")
        settings = SECTIONS.get(kind)
        if kind == "page" and name.strip():
            pages.append(section)
            continue
        if settings is None or (kind in NAMED) != bool(name.strip()):
            known = ["nav", "aiq", "worker", "store S0001", "page AIQ_Sale"]
            message = f"[{section.name}] is not a section of a profile"
            problems.append(_problem(section, "unknown-section", message, did_you_mean(section.name, known)))
            continue
        values = _read_section(section, settings, problems)
        if kind == "store":
            stores[name.strip().upper()] = values
        else:
            found[kind] = values
    whole = Section("profile", ini.sections[0].span if ini.sections else _start(ini), ())
    for kind in ("nav", "aiq"):
        if kind not in found:
            problems.append(_problem(whole, "missing-section", f"the profile has no section [{kind}]", "add it"))
    if not stores:
        problems.append(_problem(whole, "missing-section", "the profile names no store", "add [store S0001]"))
    worker = found.get("worker") or {s.key: s.default for s in WORKER}
    problems += _refuse_combinations(ini, worker, stores)
    if worker["personal-data"] == "hash" and not worker["hash-key"]:
        text = "personal-data = hash needs a key that nobody else has"
        problems.append(_problem(whole, "missing-key", text, "add 'hash-key = keyring:NAME' to [worker]"))
    if "aiq" in found and worker["redemption-lookup"] == "probe" and not found["aiq"]["append-reference"]:
        section = next(s for s in ini.sections if s.name == "aiq")
        message = "redemption-lookup = probe looks for the receipt number, and append-reference = no sends none"
        problems.append(_problem(section, "refused-settings", message, "set append-reference = yes"))
    if "nav" in found:
        problems += _refuse_sign_in(next(s for s in ini.sections if s.name == "nav"), found["nav"])
    shown = _hide_secrets(ini, ini.sourced(problems))
    if has_errors(shown):
        return None, shown
    return Profile(ini.path, found["nav"], found["aiq"], worker, stores, tuple(pages)), shown


def _read_section(section: Section, settings: tuple[Setting, ...], problems: list[Problem]) -> Values:
    known = {s.key: s for s in settings}
    values: dict[str, Any] = {s.key: s.default for s in settings}
    for entry in section.entries:
        setting = known.get(entry.key)
        if setting is None:
            message = f"'{entry.key}' is not a key of [{section.name}]"
            hint = did_you_mean(entry.key, list(known))
            problems.append(Problem(entry.key_span, Level.ERROR, "unknown-key", message, hint))
            continue
        try:
            values[entry.key] = setting.read(entry.value.strip())
        except BadValue as wrong:
            problems.append(_bad_value(entry, str(wrong)))
    for setting in settings:
        if values[setting.key] is None and all(e.key != setting.key for e in section.entries):
            message = f"[{section.name}] has no '{setting.key}'"
            problems.append(_problem(section, "missing-key", message, f"add '{setting.key} = ...': {setting.doc}"))
    return values


def _hide_secrets(ini: IniFile, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """A secret that stands in the profile itself must not be repeated on a screen or in a log."""
    plain = {e.key_span.line: e.value for s in ini.sections for e in s.entries if e.key == "key" and e.value}
    hidden = (
        replace(p, source=p.source.replace(plain[p.span.line], "***")) if p.span.line in plain else p for p in problems
    )
    return tuple(hidden)


def _bad_value(entry: Entry, hint: str) -> Problem:
    shown = "a plain value" if entry.key == "key" else f"'{entry.value}'"
    return Problem(entry.value_span, Level.ERROR, "bad-value", f"{entry.key} cannot be {shown}", hint)


def _refuse_combinations(ini: IniFile, worker: Values, stores: Mapping[str, Values]) -> list[Problem]:
    """Settings that together would lose points (design.md 2, decision 6)."""
    problems = []
    for section in ini.sections:
        store = stores.get(section.name.partition(" ")[2].strip().upper())
        if not section.name.startswith("store ") or store is None:
            continue
        early = store["redeem-at"] in ("total", "select")
        if store["redeem-at"] == "select" and worker["redemption-lookup"] == "blind":
            message = "redeem-at = select cannot go with redemption-lookup = blind"
            hint = "set redeem-at = posted, or redemption-lookup = probe once a real redemption was found that way"
            problems.append(_problem(section, "refused-settings", message, hint))
        by_hand = worker["refund"] == "manual" or worker["redemption-lookup"] == "blind"
        if early and by_hand and not worker["accept-manual-refunds"]:
            which = "refund = manual" if worker["refund"] == "manual" else "redemption-lookup = blind"
            message = f"redeem-at = {store['redeem-at']} takes points early, and with {which} a person gives each back"
            hint = "set redeem-at = posted, or accept-manual-refunds = yes in [worker]"
            problems.append(_problem(section, "refused-settings", message, hint))
        if store["paper-mm"] == "58" and int(store["receipt-width"]) > 42:
            message = f"receipt-width = {store['receipt-width']} does not fit on paper-mm = 58"
            hint = "58 mm of paper has 32 characters, 42 in small print"
            problems.append(_problem(section, "refused-settings", message, hint))
    return problems


def _refuse_sign_in(section: Section, nav: Values) -> list[Problem]:
    """What this kind of sign-in needs, and an address that does not fit the protocol."""
    problems = []
    kind, user = nav["sign-in"], nav["user"]

    def refuse(code: str, message: str, hint: str) -> None:
        problems.append(_problem(section, code, message, hint))

    for key in ("user", "key"):
        if kind != "kerberos" and not any(entry.key == key and entry.value.strip() for entry in section.entries):
            doc = next(setting.doc for setting in NAV if setting.key == key)
            refuse("missing-key", f"[nav] has no '{key}'", f"add '{key} = ...': {doc}")
    if kind == "oauth" and not nav["tenant"]:
        refuse("missing-key", "sign-in = oauth needs the tenant", "add 'tenant = ...', the tenant's id or domain")
    if kind == "oauth" and (nav["tenant"] in ("common", "organizations", "consumers") or "/" in nav["tenant"]):
        refuse("bad-value", f"tenant cannot be '{nav['tenant']}'", "the id or domain of your own tenant")
    if kind == "oauth" and any(sign in user for sign in "\\@"):
        refuse("bad-value", "sign-in = oauth signs in as an application", "user = the application (client) id")
    if kind == "oauth" and not nav["authority"].startswith("https://"):
        refuse("bad-value", "authority must begin with https://", "https://login.microsoftonline.com")
    if kind == "ntlm" and user and not any(sign in user for sign in "\\@"):
        refuse("bad-value", "sign-in = ntlm needs the user's domain", "user = DOMAIN\\user or user@domain")
    if kind != "oauth" and "//api.businesscentral.dynamics.com" in (nav["url"] or ""):
        refuse("bad-value", f"Business Central online takes no sign-in = {kind}", "sign-in = oauth")
    if nav["url"] and (nav["transport"] == "soap") != nav["url"].endswith("/WS"):
        text = f"url does not fit transport = {nav['transport']}"
        hint = "OData addresses end in /ODataV4, the SOAP address in /WS"
        problems.append(_problem(section, "bad-value", text, hint))
    return problems


def _problem(section: Section, code: str, message: str, hint: str) -> Problem:
    return Problem(section.span, Level.ERROR, code, message, hint)


def _start(ini: IniFile) -> Span:
    return Span(ini.path)
