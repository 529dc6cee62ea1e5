"""How NAV publishes the pages of the contract: the port `SiteInspector`, over either protocol."""

from __future__ import annotations

from navplugin.core.model import Row
from navplugin.nav.contract import BY_SERVICE
from navplugin.nav.transport import Transport


class NavInspector:
    """One NAV company."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def check_page(self, service: str) -> None:
        """Misconfigured, with all that is missing and the step to take, when page or fields are not published."""
        self._transport.site_page(BY_SERVICE[service])

    def read_first(self, service: str) -> Row | None:
        """One row, whichever comes first; None when there is none. At most one page of rows is asked for."""
        found = next(iter(self._transport.rows(BY_SERVICE[service])), None)
        return None if found is None else found.fields
