"""The facts that a rule may ask for. A new fact is one entry in one of these modules."""

from __future__ import annotations

from navplugin.rulebook.facts import discount, history, member, sale, site
from navplugin.rulebook.facts.look import About, Fact, Look, Subject, Unknown, look_at

MODULES = (sale, member, discount, history, site)
FACTS: tuple[Fact, ...] = tuple(fact for module in MODULES for fact in module.FACTS)

__all__ = ["FACTS", "MODULES", "About", "Fact", "Look", "Subject", "Unknown", "look_at"]
