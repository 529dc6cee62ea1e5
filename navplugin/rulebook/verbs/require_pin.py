"""require-pin: the member proves to be there before the discount may be picked."""

from __future__ import annotations

from navplugin.rulebook.verbs.base import Draft, Order, Verb


def _act(draft: Draft, order: Order) -> str:
    draft.pin.setdefault(order.coupon_code, order.rule)
    return ""


VERB = Verb(
    name="require-pin",
    doc="ask for the PIN that the member was sent before this discount may be picked",
    writes="Needs_PIN of the grant",
    moments=("wallet",),
    act=_act,
    slot="pin",
    on_unknown=True,
)
