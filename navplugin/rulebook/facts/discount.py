"""Facts about one wallet discount: for the moments `wallet`, `select` and `total`, and for stacks."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from navplugin.core.money import ZERO
from navplugin.rulebook.facts.look import HUNDRED, UNKNOWN, About, Cost, Fact, Known, Look, Subject, Unknown
from navplugin.rulebook.filters import FilterType


def _own(read: Callable[[Subject], object]) -> Callable[[Look], object]:
    def fact(look: Look) -> object:
        return UNKNOWN if look.subject is None else read(look.subject)

    return fact


def _needed(subject: Subject) -> Decimal:
    return max(subject.trigger, subject.amount)


def _short(look: Look) -> Decimal | Unknown:
    """What is missing to the trigger (as `minimum-judged` says) or to the value, whichever is more."""
    subject, balance, judged = look.subject, look.balance(), look.judged()
    if subject is None or isinstance(balance, Unknown) or isinstance(judged, Unknown):
        return UNKNOWN
    to_trigger = subject.trigger - judged if subject.trigger > ZERO else ZERO
    if look.situation.store.reached == "above" and to_trigger >= ZERO and subject.trigger > ZERO:
        to_trigger += look.situation.store.currency_precision
    return max(ZERO, to_trigger, subject.amount - balance)


def _points_short(look: Look) -> object:
    """Balance less holds and less the picks of this sale; a pick itself was judged when its claim was opened."""
    subject, wallet = look.subject, look.situation.wallet
    if subject is None:
        return UNKNOWN
    if subject.pick is not None:
        return ZERO
    if wallet is None:
        return UNKNOWN
    if wallet.points is None or wallet.points_hidden:
        return ZERO
    waiting = (p.points_cost for p in look.picks if p.pick is not None and p.pick.points != "Taken")
    return max(ZERO, subject.points_cost - (wallet.points - look.situation.held - sum(waiting, ZERO)))


def _share(look: Look) -> object:
    """The part of the transaction balance that the discount takes, in percent."""
    subject, balance = look.subject, look.balance()
    if subject is None or isinstance(balance, Unknown):
        return UNKNOWN
    if subject.value_kind == "percent":
        return subject.value
    return HUNDRED if balance <= ZERO else look.rounded(subject.value * HUNDRED / balance)


def _gives(look: Look) -> object:
    given = look.gives()
    return UNKNOWN if given is None else given.amount


def _expires(subject: Subject) -> object:
    return subject.expires_at.date() if subject.expires_at else None


def _fact(
    caption: str,
    type: FilterType,
    doc: str,
    read: Callable[[Look], object],
    *,
    money: bool = False,
    amount: bool = False,
    tells_points: bool = False,
) -> Fact:
    return Fact(
        caption, type, doc, read, About.DISCOUNT, money=money, amount=amount, tells_points=tells_points,
        known=Known.ANSWER, cost=Cost.AIQ,
    )  # fmt: skip


_KIND = Fact("Value Kind", FilterType.OPTION, "amount or percent", _own(lambda s: s.value_kind), About.DISCOUNT,
             options=("amount", "percent"), known=Known.ANSWER, cost=Cost.AIQ)  # fmt: skip

FACTS = (
    _fact("Coupon Code", FilterType.CODE, "joins the wallet discount to its Total Discount Offer",
          _own(lambda s: s.coupon_code)),
    _fact("Offer No.", FilterType.CODE, "the Total Discount Offer, blank where this store has none enabled",
          _own(lambda s: s.offer.offer_no if s.offer else "")),
    _fact("Discount Name", FilterType.TEXT, "what AIQ calls it", _own(lambda s: s.name)),
    _KIND,
    _fact("Discount Value", FilterType.DECIMAL, "money for an amount, the percentage for a percent",
          _own(lambda s: s.value), money=True),
    _fact("Points Cost", FilterType.DECIMAL, "the points that it costs", _own(lambda s: s.points_cost)),
    _fact("Tier Reward", FilterType.BOOLEAN, "whether it comes with the member's tier and costs no points",
          _own(lambda s: s.tier)),
    _fact("Available", FilterType.BOOLEAN, "whether AIQ says that the member may use it", _own(lambda s: s.available)),
    _fact("Expires On", FilterType.DATE, "the last day in AIQ, no date for none", _own(_expires)),
    _fact("Picked", FilterType.BOOLEAN, "whether the cashier has chosen it", _own(lambda s: s.pick is not None)),
    _fact("Offer Trigger", FilterType.DECIMAL, "the least total that lets the offer give anything, 0 for none",
          _own(lambda s: s.trigger), money=True),
    _fact("Amount Needed", FilterType.DECIMAL,
          "the offer's trigger or, for an amount discount, its value, whichever is more", _own(_needed), money=True),
    _fact("Amount Short", FilterType.DECIMAL, "what the sale lacks to Amount Needed, never below 0", _short,
          money=True, amount=True),
    _fact("Discount Gives", FilterType.DECIMAL,
          "what [Total] would take off for it on the sale as it is, after what is picked; 0 when it gives nothing",
          _gives, money=True),
    _fact("Points Short", FilterType.DECIMAL,
          "points that the member lacks, holds counted; 0 when AIQ hides the points", _points_short, tells_points=True),
    _fact("Discount Share %", FilterType.DECIMAL, "the part of the Transaction Balance that it takes", _share,
          amount=True),
)  # fmt: skip
