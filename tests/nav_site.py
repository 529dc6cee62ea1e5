"""How tests reach a NAV: the simulator, or a scripted server that publishes no `$metadata`."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from navplugin.nav.session import NavSettings, connect
from navplugin.nav.signin import SignIn

COMPANY, USER, KEY = "CRONUS Cannabis", "AIQ-WORKER", "demo-key"
ZONES = {"S1": ZoneInfo("America/Denver")}


def simulated(url: str, *, user: str = USER, key: str = KEY, company: str = COMPANY, **more: Any) -> NavSettings:
    """Settings for a simulator at this address (without a path)."""
    path = "/NAV/WS" if more.get("transport") == "soap" else "/NAV/ODataV4"
    return NavSettings(url + path, company, SignIn("basic", user, key), **{"zones": ZONES, **more})


def scripted(url: str, *, user: str = "AIQ", key: str = "key", **more: Any) -> NavSettings:
    """Settings for a server that gives prepared answers."""
    return NavSettings(url, "C", SignIn("basic", user, key), discover=False, **more)


__all__ = ["COMPANY", "KEY", "USER", "ZONES", "connect", "scripted", "simulated"]
