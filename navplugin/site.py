"""A site as its files say: profile, rules, receipt templates, checked together. Nothing is ever half loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import navplugin
from navplugin.core.inifile import read_ini
from navplugin.core.problems import Level, Problem, Span, has_errors
from navplugin.core.profile import Profile, read_profile
from navplugin.nav.contract import Override
from navplugin.nav.contract.overrides import read_overrides
from navplugin.publish import FooterText
from navplugin.receipts.footer import render_footer
from navplugin.rulebook.load import Rulebook, load_rulebook
from navplugin.rulefiles import read_folder

DEFAULTS = "defaults"
TEMPLATES = ("wallet", "signup", "plain")
"""Receipt templates by the name that the verb `footer` uses: members, other people, sales without a member."""


@dataclass(frozen=True, slots=True)
class Site:
    """All that the worker needs of files. footers: by Store No., then by template name; overrides: the site's names of
    NAV's pages, by page of the contract."""

    profile: Profile
    rulebook: Rulebook
    footers: Mapping[str, Mapping[str, FooterText]]
    ledger: Path
    overrides: Mapping[str, Override] = field(default_factory=dict)


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
    stores = {no: profile.store_settings(no) for no in profile.stores}
    footers: dict[str, dict[str, FooterText]] = {no: {} for no in stores}
    for name, (path, source) in _templates(base / profile.worker["receipt-templates"], found).items():
        for no, store in stores.items():
            footer = render_footer(name, source, store, path=path)
            found.problems += [p for p in footer.problems if p not in found.problems]
            footers[no][name] = FooterText(footer.code, footer.rows)
    if rulebook is not None and not has_errors(found.problems):
        found.site = Site(profile, rulebook, footers, base / profile.worker["state"], overrides)
    return found


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


def _templates(folder: Path, found: Loaded) -> dict[str, tuple[str, str]]:
    out = {}
    for name in TEMPLATES:
        path = folder / f"{name}.txt.j2"
        try:
            out[name] = (str(path), path.read_text("utf-8-sig"))
            found.files += 1
        except OSError as wrong:
            message = f"the receipt template cannot be read: {wrong.strerror}"
            found.problems.append(_no_file(path, message, "copy it from the shipped receipt_templates"))
        except UnicodeDecodeError:
            found.problems.append(_no_file(path, "the receipt template is not UTF-8 text", "save it as UTF-8"))
    return out


def _no_file(path: Path, message: str, hint: str) -> Problem:
    return Problem(Span(str(path)), Level.ERROR, "no-file", message, hint)
