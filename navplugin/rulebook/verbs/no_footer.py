"""no-footer: the receipt prints without a footer."""

from __future__ import annotations

from navplugin.core.model import Want
from navplugin.rulebook.verbs.base import SALE, Draft, Order, Verb


def _act(draft: Draft, order: Order) -> str:
    key = (order.look.situation.snapshot.sale.receipt_no,)
    draft.wants.append(Want(SALE, key, {"Footer_Code": ""}, reasons=(order.rule,)))
    return ""


VERB = Verb(
    name="no-footer",
    doc="print no footer, whatever footer says",
    writes="Footer_Code of AIQ_Sale",
    moments=("receipt",),
    act=_act,
    slot="footer",
    forbids=True,
    on_unknown=True,
)
