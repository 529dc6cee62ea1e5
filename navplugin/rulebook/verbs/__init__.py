"""The verbs that a rule may use. A new verb is one file here and its name in this tuple."""

from __future__ import annotations

from navplugin.rulebook.verbs import (
    footer,
    hide_discount,
    no_footer,
    no_prompt,
    no_wallet,
    prompt_signup,
    report,
    require_pin,
    show_message,
    show_status,
)
from navplugin.rulebook.verbs.base import Argument, Draft, Order, Verb

MODULES = (
    prompt_signup,
    no_prompt,
    show_message,
    show_status,
    hide_discount,
    no_wallet,
    require_pin,
    footer,
    no_footer,
    report,
)
VERBS: tuple[Verb, ...] = tuple(module.VERB for module in MODULES)
BY_NAME = {verb.name: verb for verb in VERBS}

__all__ = ["BY_NAME", "MODULES", "VERBS", "Argument", "Draft", "Order", "Verb"]
