"""The loyalty programme AIQ (Alpine IQ): every path and field name of it lives here (aiq-api.md)."""

from __future__ import annotations

from navplugin.loyalty.aiq import AiqProvider

__all__ = ["AiqProvider"]
