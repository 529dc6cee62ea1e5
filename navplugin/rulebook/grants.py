"""The grants of a sale: which wallet discounts the till may offer, with their minima, written ahead (design.md 7)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from navplugin.core.model import GrantStatus, LoyaltyStatus, Want
from navplugin.core.money import ZERO, show_money
from navplugin.discounts import Nothing
from navplugin.rulebook.facts.look import Look, Subject, utc
from navplugin.rulebook.facts.texts import built_in, one_line
from navplugin.rulebook.verbs.base import GRANTS, TEXT_LENGTH, Draft

DESCRIPTION_LENGTH = 50
GIVES_NOTHING = "the offer gives nothing"
"""How the reason of a grant begins that no rule blocks."""


def why_no_wallet(look: Look, draft: Draft) -> str:
    """Why this sale gets no grants at all, '' when it may."""
    situation = look.situation
    snapshot, persona = situation.snapshot, situation.persona
    if not snapshot.sale.state.is_open:
        return f"the sale is {snapshot.sale.state.value}"
    if not snapshot.sale.member_card_no:
        return "no member is on the sale"
    if persona is None or persona.status is LoyaltyStatus.CANNOT_TELL:
        return "AIQ does not answer"
    if persona.status is not LoyaltyStatus.MEMBER:
        return f"the member is no loyalty member (status {persona.status.value})"
    if draft.no_wallet:
        return f"rule {draft.no_wallet[1]}: {draft.no_wallet[0]}"
    if snapshot.is_return:
        return "it is a return sale"
    return "" if situation.wallet is not None else "AIQ gave no wallet"


def grant_wants(look: Look, draft: Draft, minima: dict[str, Decimal]) -> list[Want]:
    """A grant for each wallet discount that has an enabled offer in this store; a report for each that has none."""
    if why_no_wallet(look, draft):
        return []
    wants = []
    for subject in look.candidates:
        if subject.offer is None:
            draft.report(why_no_offer(subject, look))
        elif subject.available and not _is_over(subject, look):
            _compare_with_nav(subject, look, draft)
            wants.append(_want(subject, look, draft, minima.get(subject.coupon_code, ZERO)))
    _report_doubles(look, draft)
    return wants


def why_no_offer(subject: Subject, look: Look) -> str:
    """The sentence for an AIQ discount whose coupon code leads nowhere."""
    store = look.situation.store.store_no
    return (
        f"wallet discount {subject.coupon_code} ({subject.name}) has no enabled Total Discount Offer in store {store}; "
        "set the offer's Coupon Code in NAV"
    )


def _want(subject: Subject, look: Look, draft: Draft, min_balance: Decimal) -> Want:
    sale = look.situation.snapshot.sale
    blocked = draft.blocked.get(subject.coupon_code) or gives_nothing(look.at(subject))
    fields: dict[str, Any] = {
        "Offer_No": subject.offer.offer_no if subject.offer else "",
        "Discount_Ext_ID": subject.discount_id[:50],
        "Description": one_line(subject.name, DESCRIPTION_LENGTH),
        "Value_Kind": subject.value_kind,
        "Value": subject.value,
        "Points_Cost": subject.points_cost,
        "Min_Amount": subject.trigger,
        "Min_Balance": min_balance,
        "Blocked_Text": blocked[0],
        "Needs_PIN": subject.coupon_code in draft.pin and not look.situation.present,
        "Valid_Until": valid_until(subject, look),
        "Member_Ref": sale.member_card_no,
    }
    key = (sale.receipt_no, subject.coupon_code)
    reasons = tuple(r for r in (blocked[1], draft.pin.get(subject.coupon_code, "")) if r)
    return Want(GRANTS, key, fields, {"Status": GrantStatus.GRANTED.value}, reasons=reasons)


def gives_nothing(look: Look) -> tuple[str, str]:
    """Why a discount that is not picked would give nothing now, for the cashier and in full; '' when it would.

    What lacks an amount alone is no reason: the till judges that with its live total (design.md 7 item 2). Nor is a
    sale without items: the wallet does not open there.
    """
    journal = look.situation.snapshot.journal
    if journal is None or not journal.items or look.subject is None or look.subject.pick is not None:
        return "", ""
    given = look.gives()
    if given is None or given.why is None or given.why in _BY_AMOUNT:
        return "", ""
    text = _NOTHING.get(given.why)
    said = text.render(look) if text else f"{given.reason}."
    return one_line(said, TEXT_LENGTH), f"{GIVES_NOTHING}: {given.reason}"


_BY_AMOUNT = (Nothing.BELOW, Nothing.NOTHING_LEFT, Nothing.ROUNDED_AWAY)
_NOTHING = {
    Nothing.MEMBER: built_in("member", en="Not for this member.", es="No es para este miembro."),
    Nothing.VALIDITY: built_in("validity", en="Not valid now.", es="No es válido ahora."),
    Nothing.BLOCKED: built_in("blocked", en="Cannot be combined with a discount that is chosen already.",
                              es="No se combina con un descuento ya elegido."),
    Nothing.NO_ITEM: built_in("no-item", en="No item of the sale is part of it.",
                              es="Ningún artículo de la venta participa."),
    Nothing.NO_DISCOUNT: built_in("no-discount", en="The items that it covers take no discount.",
                                  es="Los artículos que cubre no admiten descuento."),
}  # fmt: skip


def valid_until(subject: Subject, look: Look) -> datetime:
    """AIQ's expiry, at most the end of the store's day."""
    now = look.local_now
    end = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    return utc(min(end, subject.expires_at) if subject.expires_at else end)


def _is_over(subject: Subject, look: Look) -> bool:
    return subject.expires_at is not None and subject.expires_at <= look.situation.now


def _compare_with_nav(subject: Subject, look: Look, draft: Draft) -> None:
    """An amount is set in AIQ and in NAV, and they drift (ls-pos.md 8.6); NAV's is what the till gives."""
    benefits = subject.offer.benefits if subject.offer else ()
    if len(benefits) != 1 or (benefits[0].kind, benefits[0].value) == (subject.value_kind, subject.value):
        return
    nav = _shown(benefits[0].kind, benefits[0].value, look)
    aiq = _shown(subject.value_kind, subject.value, look)
    draft.report(f"{subject.coupon_code}: AIQ says {aiq}, Total Discount Offer {_offer_no(subject)} gives {nav}")


def _offer_no(subject: Subject) -> str:
    return subject.offer.offer_no if subject.offer else ""


def _shown(kind: str, value: Decimal, look: Look) -> str:
    return (
        f"{value.normalize():f} %" if kind == "percent" else show_money(value, look.situation.store.currency_precision)
    )


def _report_doubles(look: Look, draft: Draft) -> None:
    wallet = look.situation.wallet
    codes = [d.coupon_code for d in wallet.discounts] if wallet else []
    for code in sorted({c for c in codes if c and codes.count(c) > 1}):
        draft.report(f"AIQ has {codes.count(code)} discounts with coupon code {code}; the cheapest is offered")
