"""footer: which receipt footer the sale prints, and so which QR code."""

from __future__ import annotations

from navplugin.core.model import Want
from navplugin.rulebook.verbs.base import SALE, Argument, Draft, Order, Verb


def _act(draft: Draft, order: Order) -> str:
    situation = order.look.situation
    code = situation.footer_codes.get(order.word, "")
    if not code:
        draft.report(f"store {situation.store.store_no} has no receipt footer '{order.word}' (rule {order.rule})")
        return f"there is no receipt footer '{order.word}'"
    key = (situation.snapshot.sale.receipt_no,)
    draft.wants.append(Want(SALE, key, {"Footer_Code": code}, reasons=(order.rule,)))
    return ""


VERB = Verb(
    name="footer",
    doc="print the receipt footer of this name: wallet, signup, plain",
    writes="Footer_Code of AIQ_Sale",
    moments=("receipt",),
    act=_act,
    slot="footer",
    argument=Argument.TEMPLATE,
)
