"""A site as its files say: profile, rules, receipt templates, checked together. Nothing is ever half loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import navplugin
from navplugin.core.inifile import read_ini
from navplugin.core.problems import Level, Problem, Span, did_you_mean, has_errors
from navplugin.core.profile import Profile, read_profile
from navplugin.nav.contract import Override
from navplugin.nav.contract.overrides import read_overrides
from navplugin.publish import FooterText
from navplugin.receipts.footer import PLAIN, bare_footer, render_footer
from navplugin.rulebook.load import Rulebook, load_rulebook
from navplugin.rulebook.load_rules import FOOTERS
from navplugin.rulefiles import read_cases, read_folder

DEFAULTS = "defaults"
CLOSING = "Minutes To Closing"
SUFFIX = ".txt.j2"
TEMPLATES = ("wallet", "signup", "plain")
"""Receipt templates that a site must have: members, other people, sales without a member. Others may lie beside."""
NO_FOOTER = "none"


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """The rules of a folder: the rulebook, None where there is an error; files and cases as (path, content)."""

    folder: Path
    book: Rulebook | None = None
    files: Sequence[tuple[str, bytes]] = ()
    cases: Sequence[tuple[str, bytes]] = ()
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """All that the worker needs of files. footers: by Store No., then by template name; overrides: the site's names of
    NAV's pages, by page of the contract; alarms: receipt templates that fail, and what prints in their place."""

    profile: Profile
    rules: RuleFiles
    footers: Mapping[str, Mapping[str, FooterText]]
    ledger: Path
    overrides: Mapping[str, Override] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()


@dataclass(slots=True)
class Loaded:
    """What loading gave: the site, None when there is an error; every problem of every file; files read."""

    site: Site | None = None
    problems: list[Problem] = field(default_factory=list)
    files: int = 0


def defaults_folder(name: str) -> Path:
    """The shipped `rules` or `receipt_templates`: inside an installed navplugin, or beside it in a checkout."""
    package = Path(navplugin.__file__).parent
    inside = package / DEFAULTS / name
    return inside if inside.is_dir() else package.parent / name


def load_site(config: Path, *, rules_may_wait: bool = False) -> Loaded:
    """Read a profile and all that it names. Paths in it are relative to its folder.

    rules_may_wait: errors in rule files are kept in `Site.rules` and do not stop loading, as published rules may be in
    force.
    """
    found = Loaded()
    profile = _load_profile(config, found)
    if profile is None:
        return found
    base = config.resolve().parent
    overrides, problems = read_overrides(profile.pages)
    found.problems += problems
    templates = base / profile.worker["receipt-templates"]
    rules = load_rules(base / profile.worker["rules"], footer_names(templates))
    found.files += len(rules.files)
    if not rules_may_wait:
        found.problems += rules.problems
    if rules.book is not None:
        found.problems += _missing_settings(rules.book, profile)
    footers, failures, alarms = _load_footers(profile, templates, found)
    found.problems += [p for no in footers for p in _unknown_policies(profile, no, footers[no])]
    ready = not has_errors(found.problems)
    # A template that fails stops no worker: the plain footer prints in its place.
    found.problems += [p for p in failures if p not in found.problems]
    if ready:
        found.site = Site(profile, rules, footers, base / profile.worker["state"], overrides, alarms)
    return found


Footers = dict[str, dict[str, FooterText]]


def _load_footers(profile: Profile, folder: Path, found: Loaded) -> tuple[Footers, list[Problem], tuple[str, ...]]:
    """Every template for every store; what is wrong with templates; a sentence for each footer that fails."""
    templates, failures = read_templates(folder)
    found.files += len(templates)
    footers: Footers = {}
    alarms: list[str] = []
    for no in profile.stores:
        store = profile.store_settings(no)
        made = {name: render_footer(name, source, store, path=path) for name, (path, source) in templates.items()}
        failures += [p for footer in made.values() for p in footer.problems if p not in failures]
        plain = made[PLAIN] if PLAIN in made and made[PLAIN].code else bare_footer(store)
        footers[no] = {}
        for name in (*TEMPLATES, *(x for x in made if x not in TEMPLATES)):
            footer = made[name] if name in made and made[name].code else plain
            if footer is not made.get(name):
                alarms.append(f"store {no}: the receipt template '{name}' fails, {footer.code} prints in its place")
            footers[no][name] = FooterText(footer.code, footer.rows)
    return footers, failures, tuple(alarms)


def _unknown_policies(profile: Profile, store_no: str, footers: Mapping[str, FooterText]) -> list[Problem]:
    known = (*footers, NO_FOOTER)
    wrong = [(key, profile.stores[store_no][key]) for key in ("footer-unknown", "footer-no-member")]
    return [
        Problem(Span(profile.path), Level.ERROR, "unknown-template",
                f"{key} of store {store_no} names no receipt template: '{name}'", did_you_mean(name, known))
        for key, name in wrong
        if name not in known
    ]  # fmt: skip


def _missing_settings(book: Rulebook, profile: Profile) -> list[Problem]:
    """Rules that ask when a store closes, where the profile does not say it: they act, as they cannot tell."""
    out = []
    for no, store in profile.stores.items():
        asked = [c for r in book.for_store(no).rules for c in r.conditions if c.fact.caption == CLOSING]
        if asked and not store["closing-time"]:
            message = f"a rule asks {CLOSING}, and store {no} has no closing-time in the profile"
            hint = f"add 'closing-time = 21:00' to [store {no}]; what forbids acts always while it is unknown"
            out.append(Problem(asked[0].span, Level.WARNING, "missing-setting", message, hint))
    return out


def footer_names(folder: Path) -> tuple[str, ...]:
    """The receipt templates that a rule may name: those that ship, and those in this folder."""
    own = [path.name.removesuffix(SUFFIX) for path in sorted(folder.glob(f"*{SUFFIX}"))] if folder.is_dir() else []
    return tuple(dict.fromkeys((*FOOTERS, *own)))


def load_rules(folder: Path, footers: tuple[str, ...] = ()) -> RuleFiles:
    """The rules of a folder, with their cases and every problem; a problem too where they cannot be read.

    footers: receipt templates that a rule may name; without them those in the folder receipt_templates beside it.
    """
    footers = footers or footer_names(folder.resolve().parent / "receipt_templates")
    try:
        files, cases = read_folder(folder), read_cases(folder)
    except OSError as wrong:
        problem = _no_file(folder, f"the rules cannot be read: {wrong.strerror}", "name the folder")
        return RuleFiles(folder, problems=(problem,))
    if not files:
        problem = _no_file(folder, "there is no rule file (*.ini) in this folder", "name the folder")
        return RuleFiles(folder, problems=(problem,))
    book, problems = load_rulebook(files, footers)
    return RuleFiles(folder, book, files, cases, problems)


def _load_profile(config: Path, found: Loaded) -> Profile | None:
    try:
        data = config.read_bytes()
    except OSError as wrong:
        hint = "name the profile with --config"
        found.problems.append(_no_file(config, f"the profile cannot be read: {wrong.strerror}", hint))
        return None
    found.files += 1
    profile, problems = read_profile(read_ini(str(config), data))
    found.problems += problems
    return profile


def read_templates(folder: Path) -> tuple[dict[str, tuple[str, str]], list[Problem]]:
    """The receipt templates of a folder by name, as (path, text); what cannot be read, and what must be there."""
    there = [path.name.removesuffix(SUFFIX) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    out, problems = {}, []
    for name in (*TEMPLATES, *(x for x in there if x not in TEMPLATES)):
        path = folder / f"{name}{SUFFIX}"
        try:
            out[name] = (str(path), path.read_text("utf-8-sig"))
        except OSError as wrong:
            message = f"the receipt template cannot be read: {wrong.strerror}"
            problems.append(_no_file(path, message, "copy it from the shipped receipt_templates"))
        except UnicodeDecodeError:
            problems.append(_no_file(path, "the receipt template is not UTF-8 text", "save it as UTF-8"))
    return out, problems


def _no_file(path: Path, message: str, hint: str) -> Problem:
    return Problem(Span(str(path)), Level.ERROR, "no-file", message, hint)
