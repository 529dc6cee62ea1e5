"""report: a line for the administrator in the ledger."""

from __future__ import annotations

from navplugin.rulebook.verbs.base import Argument, Draft, Order, Verb


def _act(draft: Draft, order: Order) -> str:
    about = f" for {order.coupon_code}" if order.coupon_code else ""
    draft.report(order.text.render(order.look) if order.text else f"rule {order.rule} holds{about}")
    return ""


VERB = Verb(
    name="report",
    doc="write a line into the ledger: the text named, or the rule's name",
    writes="the ledger",
    moments=("check-in", "status", "basket", "wallet", "select", "total", "receipt", "posted", "voided", "return"),
    act=_act,
    slot="",
    argument=Argument.OPTIONAL_TEXT,
)
