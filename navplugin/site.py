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
from navplugin.rulefiles import read_folder

DEFAULTS = "defaults"
SUFFIX = ".txt.j2"
TEMPLATES = ("wallet", "signup", "plain")
"""Receipt templates that a site must have: members, other people, sales without a member. Others may lie beside."""
NO_FOOTER = "none"


@dataclass(frozen=True, slots=True)
class Site:
    """All that the worker needs of files. footers: by Store No., then by template name; overrides: the site's names of
    NAV's pages, by page of the contract; alarms: receipt templates that fail, and what prints in their place."""

    profile: Profile
    rulebook: Rulebook
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


def load_site(config: Path) -> Loaded:
    """Read a profile and all that it names. Paths in it are relative to its folder."""
    found = Loaded()
    profile = _load_profile(config, found)
    if profile is None:
        return found
    base = config.resolve().parent
    overrides, problems = read_overrides(profile.pages)
    found.problems += problems
    rulebook = load_rules(base / profile.worker["rules"], found)
    footers, failures, alarms = _load_footers(profile, base / profile.worker["receipt-templates"], found)
    found.problems += [p for no in footers for p in _unknown_policies(profile, no, footers[no])]
    ready = rulebook is not None and not has_errors(found.problems)
    # A template that fails stops no worker: the plain footer prints in its place.
    found.problems += [p for p in failures if p not in found.problems]
    if rulebook is not None and ready:
        found.site = Site(profile, rulebook, footers, base / profile.worker["state"], overrides, alarms)
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


def load_rules(folder: Path, found: Loaded) -> Rulebook | None:
    """The rulebook of a folder; problems and the number of files are added to `found`."""
    files = _read_rules(folder, found)
    rulebook, problems = load_rulebook(files)
    found.problems += problems
    found.files += len(files)
    return rulebook


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


def _read_rules(folder: Path, found: Loaded) -> Sequence[tuple[str, bytes]]:
    try:
        files = read_folder(folder)
    except OSError as wrong:
        found.problems.append(_no_file(folder, f"the rules cannot be read: {wrong.strerror}", "name the folder"))
        return ()
    if not files:
        found.problems.append(_no_file(folder, "there is no rule file (*.ini) in this folder", "name the folder"))
    return files


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
