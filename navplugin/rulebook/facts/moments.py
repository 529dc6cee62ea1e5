"""Moments: the states of a sale at which rules are asked (design.md 5, the table of `on`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from navplugin.core.model import SaleState
from navplugin.rulebook.facts.look import About, Look, Subject, items_of


def _open(look: Look) -> bool:
    return look.situation.snapshot.sale.state.is_open


def _checked_in(look: Look) -> bool:
    return _open(look) and bool(look.situation.snapshot.sale.member_card_no)


def _status_asked(look: Look) -> bool:
    waiting = (a for a in look.situation.snapshot.actions if a.status in ("New", "Taken"))
    return _checked_in(look) and any(a.action == "GetStatus" for a in waiting)


def _has_item(look: Look) -> bool:
    return _open(look) and bool(items_of(look.situation))


def _state(state: SaleState) -> Callable[[Look], bool]:
    return lambda look: look.situation.snapshot.sale.state is state


@dataclass(frozen=True, slots=True)
class Moment:
    """When its rules are asked, and for what: the sale, or each discount that `subjects` gives."""

    name: str
    doc: str
    once_per: str
    holds: Callable[[Look], bool]
    subjects: Callable[[Look], tuple[Subject, ...]] | None = None

    @property
    def about(self) -> About:
        """What its rules are asked for."""
        return About.SALE if self.subjects is None else About.DISCOUNT

    def looks(self, look: Look) -> tuple[Look, ...]:
        """The looks that its rules get in this situation; none where it does not hold."""
        if not self.holds(look):
            return ()
        return (look,) if self.subjects is None else tuple(look.at(s) for s in self.subjects(look))


MOMENTS = (
    Moment("check-in", "a member is on the sale, the sale is open", "receipt and member", _checked_in),
    Moment("status", "a request of [Get Loyalty Status] is unanswered", "request", _status_asked),
    Moment("basket", "the sale is open and has an item", "receipt and content", _has_item),
    Moment("wallet", "a member is on the sale, the sale is open; asked for each wallet discount", "grant",
           _checked_in, lambda look: look.candidates),
    Moment("select", "a discount is picked, the sale is open; asked for each pick", "pick",
           _open, lambda look: look.picks),
    Moment("total", "the sale is in payment; asked for each pick", "receipt and content",
           _state(SaleState.PAYMENT), lambda look: look.picks),
    Moment("receipt", "from check-in on, until the sale is posted", "receipt", _open),
    Moment("posted", "the sale is posted", "receipt", _state(SaleState.POSTED)),
    Moment("voided", "the sale is voided", "receipt", _state(SaleState.VOIDED)),
    Moment("return", "it is a return sale", "receipt", lambda look: look.situation.snapshot.is_return),
)  # fmt: skip

BY_NAME = {moment.name: moment for moment in MOMENTS}
