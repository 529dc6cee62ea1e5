"""no-prompt: the sign-up question stays away."""

from __future__ import annotations

from navplugin.rulebook.verbs.base import Draft, Order, Verb


def _act(draft: Draft, order: Order) -> str:
    return ""


VERB = Verb(
    name="no-prompt",
    doc="do not ask the member to sign up, whatever prompt-signup says",
    writes="nothing",
    moments=("check-in", "basket"),
    act=_act,
    slot="signup",
    forbids=True,
    on_unknown=True,
)
