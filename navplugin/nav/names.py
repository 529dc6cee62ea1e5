"""The names of a site: its services and fields, found in what the server publishes. The maker's rule is the first
guess, the server's own list decides, the profile stands over both (nav-webservices.md 4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from navplugin.core.errors import Misconfigured
from navplugin.core.problems import did_you_mean
from navplugin.nav.contract import Field, Kind, Naming, Override, Page, Writer, canonical, expected, table_name

_OTHER_KINDS = {
    "Edm.Boolean": Kind.BOOLEAN, "Edm.Decimal": Kind.DECIMAL, "Edm.Int32": Kind.INTEGER, "Edm.Int64": Kind.BIG_INTEGER,
    "Edm.Date": Kind.DATE, "Edm.DateTimeOffset": Kind.DATETIME, "Edm.Guid": Kind.GUID,
    "boolean": Kind.BOOLEAN, "decimal": Kind.DECIMAL, "int": Kind.INTEGER, "long": Kind.BIG_INTEGER, "date": Kind.DATE,
    "dateTime": Kind.DATETIME,
}  # fmt: skip
"""Kinds of a site's own fields by the type that `$metadata` or the WSDL declares; any other is text."""
ABSENT = "-"
"""In the profile: this version of the table has no such field; it reads as blank."""


@dataclass(frozen=True, slots=True)
class Service:
    """What the server says of one published page: types by field, as declared; in SOAP the words of each option."""

    name: str
    types: Mapping[str, str]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SitePage:
    """A page of the contract as a site publishes it. wire: the same page in the site's names, without the fields that
    the site has not; names: the site's name by contract name; options: the words that the server takes."""

    page: Page
    wire: Page
    names: Mapping[str, str]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def find_service(
    page: Page, published: Collection[str], naming: Naming, override: Override, *, soap: bool = False
) -> str:
    """The service of a page among those that the server publishes. Misconfigured with the step to publish it."""
    kind = page.object_kind(soap=soap)
    if override.service:
        if override.service in published:
            return override.service
        hint = did_you_mean(override.service, sorted(published))
        raise _unpublished(page, kind, naming, f"the service {override.service} of [page {page.service}] ({hint})")
    for name in (page.service, expected(page, naming).service):
        if name in published:
            return name
    alike = [name for name in published if canonical(name) == canonical(page.service)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        text = f"several services could be {page.service}: {', '.join(sorted(alike))}; say which in the profile"
        raise _wrong(page, f"{text}, `service = ...` in [page {page.service}]")
    raise _unpublished(page, kind, naming, f"no service {page.service}")


def resolve(page: Page, service: Service, naming: Naming, override: Override) -> SitePage:
    """Find every field of the page. Misconfigured names all that are missing, and what to do."""
    guess = expected(page, naming)
    by_canon: dict[str, list[str]] = {}
    for name in service.types:
        by_canon.setdefault(canonical(name), []).append(name)
    names: dict[str, str] = {}
    missing: list[str] = []
    guessed = guess.by_caption()
    for own in page.fields:
        likely = guessed[own.caption].name if own.caption in guessed else own.name
        found = _find(own, likely, service, override, by_canon)
        if found or own.optional:
            names[own.name] = found or ABSENT
        else:
            missing.append(own.caption)
    extra = []
    for caption in override.also:
        alike = by_canon.get(canonical(caption), [])
        if len(alike) == 1:
            extra.append(Field(caption, _OTHER_KINDS.get(service.types[alike[0]], Kind.TEXT)))
            names[extra[-1].name] = alike[0]
        else:
            missing.append(caption)
    page = replace(page, fields=(*page.fields, *extra))
    if missing:
        raise _wrong(
            page,
            f"the service {service.name} has no field {', '.join(missing)}; put them on the page that is published, "
            f"or name them in [page {page.service}] of the profile (`{missing[0]} = name in NAV`, "
            f"`{missing[0]} = -` where this version has none)",
        )
    return _site_page(page, service.name, names, service.types, service.options)


def by_rule(page: Page, naming: Naming, override: Override) -> SitePage:
    """The page without asking the server: the maker's rule and the profile."""
    if override.also:
        raise _wrong(page, f"`also` in [page {page.service}] needs discover-names = yes: the server tells their types")
    guess = expected(page, naming)
    guessed = guess.by_caption()
    names = {
        own.name: override.fields.get(own.name, guessed[own.caption].name if own.caption in guessed else ABSENT)
        for own in page.fields
    }
    types = {guessed.name: guessed.edm for guessed in guess.fields}
    return _site_page(page, override.service or guess.service, names, types, {})


def _find(
    own: Field, guessed: str, service: Service, override: Override, by_canon: Mapping[str, list[str]]
) -> str:
    """The site's name of a field, ABSENT where the profile says so, '' when it cannot be told."""
    if own.name in override.fields:
        said = override.fields[own.name]
        return said if said == ABSENT or said in service.types else ""
    for name in (own.name, guessed):
        if name in service.types:
            return name
    alike = by_canon.get(canonical(own.caption), [])
    return alike[0] if len(alike) == 1 else ""


def _site_page(
    page: Page, service: str, names: Mapping[str, str], types: Mapping[str, str], options: Mapping[str, tuple[str, ...]]
) -> SitePage:
    gone = [name for name, site in names.items() if site == ABSENT]
    for name in gone:
        if name in page.key or page.field(name).writer is not Writer.NAV:
            text = f"`{page.field(name).caption} = -` cannot stand in [page {page.service}]: navplugin needs the field"
            raise _wrong(page, text)
    kept = {name: site for name, site in names.items() if site != ABSENT}
    edm = {name: types[site] for name, site in kept.items() if types.get(site, "").startswith("Edm.")}
    edm = {name: declared for name, declared in edm.items() if declared != page.field(name).kind.edm}
    wire = page.under(service, kept, edm)
    wire = wire.without({page.field(name).caption for name in gone})
    return SitePage(page, wire, kept, {name: options[site] for name, site in kept.items() if site in options})


def _unpublished(page: Page, kind: str, naming: Naming, what: str) -> Misconfigured:
    step = f"publish a {kind} on table '{table_name(page, naming)}' on page Web Services, service name {page.service}"
    return _wrong(page, f"NAV publishes {what}; {step}, or name yours in [page {page.service}] of the profile")


def _wrong(page: Page, text: str) -> Misconfigured:
    return Misconfigured(f"{text}.", system="NAV", where=page.service)
