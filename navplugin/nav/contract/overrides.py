"""The names of a site in its profile: `[page AIQ_POSJournal]` with `service = ...` and `Caption = name in NAV`; fields
of the site's own with `also = Medical Card, Age Verified`, for rules that say `from = member field ...`."""

from __future__ import annotations

from collections.abc import Sequence

from navplugin.core.inifile import Entry, Section
from navplugin.core.problems import Level, Problem, did_you_mean
from navplugin.nav.contract import BY_SERVICE, Override, Page, canonical


def read_overrides(sections: Sequence[Section]) -> tuple[dict[str, Override], list[Problem]]:
    """Overrides by service of the contract, and every problem in them."""
    found: dict[str, Override] = {}
    problems: list[Problem] = []
    for section in sections:
        name = section.name.partition(" ")[2].strip()
        page = BY_SERVICE.get(name)
        if page is None:
            hint = did_you_mean(name, sorted(BY_SERVICE))
            text = f"[{section.name}] names no page of the NAV contract"
            problems.append(Problem(section.span, Level.ERROR, "unknown-section", text, hint))
            continue
        found[name] = _override(page, section, problems)
    return found, problems


def _override(page: Page, section: Section, problems: list[Problem]) -> Override:
    captions = {canonical(field.caption): field for field in page.fields}
    service, fields = "", {}
    also: tuple[str, ...] = ()
    for entry in section.entries:
        value = entry.value.strip()
        if not value:
            problems.append(_problem(entry, "bad-value", f"{entry.key} has no value", "write the name that NAV uses"))
        elif entry.key == "service":
            service = value
        elif entry.key == "also":
            also = tuple(one.strip() for one in value.split(",") if one.strip())
            doubled = [one for one in also if canonical(one) in captions]
            if doubled:
                text = f"{', '.join(doubled)} of {page.service} is read as it is"
                problems.append(_problem(entry, "bad-value", text, "name only fields that the contract has not"))
        elif field := captions.get(canonical(entry.key)):
            fields[field.name] = value
        else:
            known = ["service", "also", *(field.caption for field in page.fields)]
            text = f"'{entry.key}' is no field of {page.service}"
            problems.append(_problem(entry, "unknown-key", text, did_you_mean(entry.key, known)))
    return Override(service, fields, also)


def _problem(entry: Entry, code: str, text: str, hint: str) -> Problem:
    return Problem(entry.key_span, Level.ERROR, code, text, hint)
