"""hide-discount: the wallet does not list it; a pick of it is taken off again."""

from __future__ import annotations

from navplugin.rulebook.facts.texts import built_in, one_line
from navplugin.rulebook.verbs.base import TEXT_LENGTH, Argument, Draft, Order, Verb

NOT_AVAILABLE = built_in("not-available", en="Not available on this sale.", es="No disponible para esta venta.")


def _act(draft: Draft, order: Order) -> str:
    sentence = one_line((order.text or NOT_AVAILABLE).render(order.look), TEXT_LENGTH)
    where = draft.blocked if order.moment == "wallet" else draft.withheld
    where.setdefault(order.coupon_code, (sentence, order.rule))
    return ""


VERB = Verb(
    name="hide-discount",
    doc="do not offer this discount; the text named says why",
    writes="Blocked_Text or Min_Balance of the grant; on select and total the pick is taken off",
    moments=("wallet", "select", "total"),
    act=_act,
    slot="hide",
    argument=Argument.OPTIONAL_TEXT,
    forbids=True,
    on_unknown=True,
)
