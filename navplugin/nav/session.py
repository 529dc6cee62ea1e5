"""How NAV is reached: one signed-in session, the system's certificates and the company's own."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import requests

from navplugin.core.errors import Misconfigured
from navplugin.nav.http import NavHttp
from navplugin.nav.odata import Model
from navplugin.nav.reader import ODataReader
from navplugin.nav.writer import ODataWriter
from navplugin.wire import new_session


def connect(
    base_url: str,
    company: str,
    user: str,
    password: str,
    ca_file: str = "",
    *,
    zones: Mapping[str, ZoneInfo] | None = None,
) -> tuple[ODataReader, ODataWriter]:
    """Reader and writer of one NAV company; both share a session and belong to one thread. No request is made yet.

    base_url: OData V4 address without a company. zones: time zone by store number, for the posting time of a sale.
    Misconfigured when address, user or certificate file cannot be used.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured("url in [nav] must be an address such as https://nav:7048/DynamicsNAV110/ODataV4")
    if parts.username or parts.password:
        raise Misconfigured("url in [nav] must not hold a user or password; set user and key instead")
    address = f"{base_url.rstrip('/')}/Company('{quote(company.replace(chr(39), chr(39) * 2), safe='')}')/"
    session = open_session(user, password, ca_file)
    signed = base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()
    http = NavHttp(address, session, secrets=(password, signed))
    model = Model(address, session)
    return ODataReader(http, model, company, zones), ODataWriter(http, model)


def open_session(user: str, password: str, ca_file: str = "") -> requests.Session:
    """A session with NavUserPassword sign-in (Basic). ca_file: certificate of the company's own authority.
    """
    try:
        f"{user}:{password}".encode("latin-1")
    except UnicodeEncodeError:
        text = "user and key of [nav] must be Latin-1 characters; NAV takes no others (nav-webservices.md 3)"
        raise Misconfigured(text) from None
    session = new_session(ca_file)
    session.auth = (user, password)
    session.headers.update({
        "Accept": "application/json;odata.metadata=minimal", "OData-MaxVersion": "4.0",
    })  # fmt: skip
    return session
