"""show-status: what [Get Loyalty Status] shows; never a points balance (integration-guide.txt, first warning)."""

from __future__ import annotations

from typing import Any

from navplugin.core.model import LoyaltyStatus, Want
from navplugin.rulebook.facts.look import utc
from navplugin.rulebook.facts.texts import one_line
from navplugin.rulebook.verbs.base import STATUS, STATUS_LENGTH, Argument, Draft, Order, Verb


def _act(draft: Draft, order: Order) -> str:
    situation = order.look.situation
    snapshot, wallet, now = situation.snapshot, situation.wallet, utc(situation.now)
    card = snapshot.sale.member_card_no
    persona = situation.persona
    text = order.text.render(order.look) if order.text else ""
    fields: dict[str, Any] = {
        "Member_Ref": card,
        "Member_Status": (persona.status if persona else LoyaltyStatus.CANNOT_TELL).value,
        "Display_Text": one_line(text, STATUS_LENGTH),
    }
    there = snapshot.status
    same_member = there is not None and there.member_ref == card
    if wallet is not None:
        fields["Wallet_At"] = utc(wallet.read_at)
    elif not same_member:
        fields["Wallet_At"] = None  # otherwise the last reading stays: rows may be honoured while AIQ is away
    asked = any(a.action == "GetStatus" and a.status in ("New", "Taken") for a in snapshot.actions)
    if there is not None and (asked or not same_member):
        fields["Updated_At"] = now
    draft.wants.append(Want(STATUS, (snapshot.sale.receipt_no,), fields, {"Updated_At": now}, reasons=(order.rule,)))
    return ""


VERB = Verb(
    name="show-status",
    doc="show the member's loyalty status with the text named",
    writes="AIQ_POSStatus",
    moments=("check-in", "status"),
    act=_act,
    slot="status",
    argument=Argument.TEXT,
    length=STATUS_LENGTH,
)
