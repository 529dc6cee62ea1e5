"""Sample stores to check and show templates with, where there is no profile. Links as in aiq-api.md 8. Pure."""

from __future__ import annotations

from dataclasses import replace

from navplugin.core.model import StoreSettings
from navplugin.core.profile import SIGNUP_LINK, WALLET_LINK

UID = "1234"
SAMPLE = StoreSettings(
    "S0001", name="Sample Store", wallet_url=WALLET_LINK.format(uid=UID), signup_url=SIGNUP_LINK.format(uid=UID)
)
"""The store that is shown."""

_LONG = "https://rewards.example.com/high-mountain-flagstaff/wallet?source=receipt&campaign=autumn"
SAMPLES = (
    SAMPLE,
    replace(SAMPLE, name=""),
    replace(SAMPLE, name="La Peña Açaí Niño"),
    replace(SAMPLE, name="High Mountain Health and Wellness of Northern Arizona, Flagstaff"),
    replace(SAMPLE, wallet_url=_LONG, signup_url=_LONG.replace("wallet", "join")),
    replace(SAMPLE, wallet_url=SAMPLE.wallet_url.upper().replace("HTTPS", "https")),
)
"""What a template must bear: a store without a name, names with accents and of two lines, short and long links."""
