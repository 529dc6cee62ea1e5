"""How NAV is reached: one signed-in session, the system's certificates and the company's own."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import requests
import truststore
from requests.adapters import HTTPAdapter

from navplugin.core.errors import Misconfigured
from navplugin.nav.http import NavHttp
from navplugin.nav.odata import Model
from navplugin.nav.reader import ODataReader
from navplugin.nav.writer import ODataWriter


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

    Proxy variables and .netrc are not looked at: they would change who we are and where we go.
    """
    try:
        f"{user}:{password}".encode("latin-1")
    except UnicodeEncodeError:
        text = "user and key of [nav] must be Latin-1 characters; NAV takes no others (nav-webservices.md 3)"
        raise Misconfigured(text) from None
    session = requests.Session()
    session.trust_env = False
    session.auth = (user, password)
    session.headers.update({
        "Accept": "application/json;odata.metadata=minimal", "OData-MaxVersion": "4.0", "User-Agent": "navplugin",
    })  # fmt: skip
    session.mount("https://", SystemTrustAdapter(ca_file))
    return session


class SystemTrustAdapter(HTTPAdapter):
    """HTTPS checked against the system's certificates and, where given, one more file. It cannot be switched off."""

    def __init__(self, ca_file: str = "") -> None:
        self._context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca_file:
            try:
                self._context.load_verify_locations(cafile=ca_file)
            except (OSError, ssl.SSLError) as wrong:
                raise Misconfigured(f"ca-file {ca_file} cannot be used as a certificate file: {wrong}") from wrong
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Hand our context to every connection."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Certificates come from the context alone, not from a bundle in a package."""
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None
