"""The loyalty programme AIQ (Alpine IQ): every path and field name of it lives here (aiq-api.md)."""

from __future__ import annotations

from navplugin.loyalty.aiq import AiqProvider
from navplugin.loyalty.rate import SharedGate

__all__ = ["AiqProvider", "SharedGate"]
