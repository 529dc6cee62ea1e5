"""`navplugin doctor`: whether a site is as the worker needs it. Every check of one run, whatever the others found.

Works over the ports; `wiring.doctor_tools` puts the adapters behind them.
"""

from __future__ import annotations

from navplugin.doctor.examine import NavTools, Tools, examine
from navplugin.doctor.finding import Finding, Grade
from navplugin.doctor.lookup import prove_lookup

__all__ = ["Finding", "Grade", "NavTools", "Tools", "examine", "prove_lookup"]
