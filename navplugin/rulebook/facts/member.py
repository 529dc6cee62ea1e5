"""Facts about the member: from NAV's member record, and from AIQ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from navplugin.core.model import LoyaltyStatus, Member
from navplugin.rulebook.facts.look import UNKNOWN, Cost, Fact, Known, Look
from navplugin.rulebook.filters import FilterType

ADULT_AGE = 18
STATUSES = tuple(s.value for s in LoyaltyStatus if s is not LoyaltyStatus.CANNOT_TELL)


def _member(read: Callable[[Member], object]) -> Callable[[Look], object]:
    def fact(look: Look) -> object:
        member = look.situation.member
        return UNKNOWN if member is None else read(member)

    return fact


def _status(look: Look) -> object:
    persona = look.situation.persona
    if persona is None or persona.status is LoyaltyStatus.CANNOT_TELL:
        return UNKNOWN
    return persona.status.value


def _age(look: Look) -> object:
    born = look.situation.member.date_of_birth if look.situation.member else None
    return UNKNOWN if born is None else _years(born, look.today)


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _minor(look: Look) -> object:
    age = _age(look)
    return isinstance(age, int) and age < ADULT_AGE


def _birthday_month(look: Look) -> object:
    born = look.situation.member.date_of_birth if look.situation.member else None
    return UNKNOWN if born is None else born.month == look.today.month


def _birthday(look: Look) -> object:
    born = look.situation.member.date_of_birth if look.situation.member else None
    return UNKNOWN if born is None else (born.month, born.day) == (look.today.month, look.today.day)


def _points(look: Look) -> object:
    wallet = look.situation.wallet
    hidden = wallet is None or wallet.points is None or wallet.points_hidden
    return UNKNOWN if hidden or wallet is None else wallet.points


def _nav(caption: str, type: FilterType, doc: str, read: Callable[[Look], object], *, personal: bool = False) -> Fact:
    return Fact(caption, type, doc, read, personal=personal, cost=Cost.MEMBER)


FACTS = (
    Fact("Member On Sale", FilterType.BOOLEAN, "whether a member card is on the sale",
         lambda k: bool(k.situation.snapshot.sale.member_card_no)),
    Fact("Member Card No.", FilterType.CODE, "the member card on the sale, blank for none",
         lambda k: k.situation.snapshot.sale.member_card_no, personal=True),
    Fact("Loyalty Status", FilterType.OPTION, "what AIQ says of the member; unknown while AIQ does not answer",
         _status, options=STATUSES, known=Known.ANSWER, cost=Cost.AIQ),
    _nav("Club", FilterType.CODE, "Club Code of the member", _member(lambda m: m.club_code)),
    _nav("Scheme", FilterType.CODE, "Scheme Code of the member", _member(lambda m: m.scheme_code)),
    _nav("Member Blocked", FilterType.BOOLEAN, "whether the member is blocked in NAV", _member(lambda m: m.blocked)),
    _nav("Phone On Record", FilterType.BOOLEAN, "whether NAV has a phone number of the member",
         _member(lambda m: bool(m.mobile_phone_no.strip()))),
    _nav("E-Mail On Record", FilterType.BOOLEAN, "whether NAV has an e-mail address of the member",
         _member(lambda m: bool(m.e_mail.strip()))),
    _nav("Phone Or E-Mail", FilterType.BOOLEAN, "whether NAV has a phone number or an e-mail of the member",
         _member(lambda m: bool(m.mobile_phone_no.strip() or m.e_mail.strip()))),
    _nav("Age", FilterType.INTEGER, "the member's age in years; unknown without a date of birth", _age, personal=True),
    _nav("Minor", FilterType.BOOLEAN, "Yes when the date of birth says under 18; No also where there is none",
         _minor, personal=True),
    _nav("Birthday Month", FilterType.BOOLEAN, "whether the member's birthday is in the month of the sale",
         _birthday_month, personal=True),
    _nav("Birthday Today", FilterType.BOOLEAN, "whether the member's birthday is on the day of the sale",
         _birthday, personal=True),
    Fact("Points Balance", FilterType.DECIMAL, "the member's points; unknown when AIQ hides them", _points,
         tells_points=True, known=Known.ANSWER, cost=Cost.AIQ, open_only=True),
)  # fmt: skip
