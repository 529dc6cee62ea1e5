"""How NAV is reached: one signed-in session, the system's certificates and the company's own, one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from navplugin.core.errors import Misconfigured
from navplugin.nav.channel import Channel
from navplugin.nav.contract import Naming, Override
from navplugin.nav.http import NavHttp
from navplugin.nav.observe import ObservingReader
from navplugin.nav.odata import ODataTransport, company_address
from navplugin.nav.reader import NavReader
from navplugin.nav.signin import SignIn, advice, authenticator, secrets_of
from navplugin.nav.soap import SoapTransport
from navplugin.nav.transport import Transport
from navplugin.nav.writer import NavWriter
from navplugin.wire import new_session


@dataclass(frozen=True, slots=True)
class NavSettings:
    """Where NAV is and how it is asked.

    url: OData V4 address, or for SOAP the one that ends in /WS, both without a company. zones: time zone by store
    number, for the posting time of a sale. discover: find names in what the server publishes. objects: `ours` where NAV
    has the AIQ objects, `none` where sales can only be observed.
    """

    url: str
    company: str
    sign_in: SignIn
    ca_file: str = ""
    transport: str = "odata"
    naming: Naming = Naming.BC
    discover: bool = True
    objects: str = "ours"
    overrides: Mapping[str, Override] = field(default_factory=dict)
    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)


def connect(settings: NavSettings) -> tuple[NavReader, NavWriter]:
    """Reader and writer of one NAV company; both share a session and belong to one thread. No request is made yet.

    Misconfigured when address, user or certificate file cannot be used.
    """
    transport = open_transport(settings)
    reader = ObservingReader if settings.objects == "none" else NavReader
    return reader(transport, settings.company, settings.zones), NavWriter(transport)


def open_transport(settings: NavSettings) -> Transport:
    """The protocol that the settings name, signed in."""
    _check_address(settings)
    session = new_session(settings.ca_file)
    session.auth = authenticator(settings.sign_in, settings.ca_file)
    secrets, hint = secrets_of(settings.sign_in), advice(settings.sign_in)
    if settings.transport == "soap":
        channel = Channel(session, secrets=secrets, advice=hint)
        return SoapTransport(
            settings.url, settings.company, channel, naming=settings.naming, overrides=settings.overrides
        )
    address = company_address(settings.url, settings.company)
    http = NavHttp(address, session, secrets=secrets, advice=hint)
    return ODataTransport(
        settings.url,
        settings.company,
        http,
        session,
        naming=settings.naming,
        overrides=settings.overrides,
        discover=settings.discover,
    )


def _check_address(settings: NavSettings) -> None:
    parts = urlsplit(settings.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured("url in [nav] must be an address such as https://nav:7048/DynamicsNAV110/ODataV4")
    if parts.username or parts.password:
        raise Misconfigured("url in [nav] must not hold a user or password; set user and key instead")
    if settings.transport == "soap" and not parts.path.rstrip("/").endswith("/WS"):
        raise Misconfigured("with transport = soap, url in [nav] ends in /WS: https://nav:7047/DynamicsNAV110/WS")
