"""The reference matcher: orders the rules whose conditions hold, in plain Python, wherever Python runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from navplugin.core.ports import Hit


class BuiltinMatcher:
    """Forbidding before inviting, then priority (low first), then file order; equal hits stay as they came."""

    name = "builtin"

    def order(self, hits: Iterable[Hit]) -> Sequence[Hit]:
        """The hits in the order in which they count."""
        return tuple(sorted(hits, key=rank))


def rank(hit: Hit) -> tuple[bool, int, int]:
    """What decides the order of two hits, smallest first."""
    return (not hit.forbids, hit.priority, hit.file_order)
