"""no-wallet: no wallet discount at all on this sale."""

from __future__ import annotations

from navplugin.rulebook.facts.texts import built_in, one_line
from navplugin.rulebook.verbs.base import TEXT_LENGTH, Argument, Draft, Order, Verb

NO_WALLET = built_in(
    "no-wallet", en="No wallet discounts on this sale.", es="Sin descuentos de la cartera en esta venta."
)


def _act(draft: Draft, order: Order) -> str:
    sentence = one_line((order.text or NO_WALLET).render(order.look), TEXT_LENGTH)
    draft.no_wallet = draft.no_wallet or (sentence, order.rule)
    return ""


VERB = Verb(
    name="no-wallet",
    doc="offer no wallet discount on this sale, and take off those that are picked",
    writes="no grants",
    moments=("check-in", "basket", "return"),
    act=_act,
    slot="wallet",
    argument=Argument.OPTIONAL_TEXT,
    forbids=True,
    on_unknown=True,
)
