"""Judges a run by the other side's own records: what NAV posted against what AIQ took, gave back and was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from navplugin.core.model import Claim, End, Points
from tests.crash.heard import Heard
from tests.crash.modes import Mode

OFFERS = {"TDO0001": "9001", "TDO0004": "9004"}
COSTS = {Decimal(100): "9001", Decimal(500): "9004"}
"""What a discount costs, by which an adjustment is told from another: AIQ keeps no discount with it."""
JOIN_SECONDS = 20.0
"""A sign-up that arrives so long after the person joined cannot have been on its way at that moment."""

SENT_TWICE = "sent twice, and AIQ still does not know the member"

Key = tuple[str, str, str]
"""Receipt number, AIQ's id of the discount, and of the person."""


@dataclass
class Verdict:
    """Figures and faults of one or more runs. for_a_person: claims that a person must look at, as the mode allows."""

    mode: str
    scenario: str = ""
    kills: int = 0
    stalls: int = 0
    sales: int = 0
    posted: int = 0
    voided: int = 0
    returned: int = 0
    redemptions: int = 0
    calls: int = 0
    lost_answers: int = 0
    drain_seconds: float = 0.0
    doubled: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    stranded: list[str] = field(default_factory=list)
    for_a_person: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing doubled, missing or stranded, and nobody called without a reason."""
        return not (self.doubled or self.missing or self.stranded or self.troubles)

    @property
    def strikes(self) -> int:
        """Kills and stalls."""
        return self.kills + self.stalls

    def add(self, other: Verdict) -> None:
        """Take the figures of another run in; of the times to drain the longest counts."""
        for name in ("kills", "stalls", "sales", "posted", "voided", "returned", "redemptions", "calls", "lost_answers",
                     "doubled", "missing", "stranded", "for_a_person", "troubles"):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.drain_seconds = max(self.drain_seconds, other.drain_seconds)


@dataclass
class Evidence:
    """What a run left behind. seen: `simulator.control.dump`; claims: the ledger's; yes: cards of members who said Yes
    at the till; noted: by card, what the ledger says of the sign-up; proven: receipt and card for which a PIN was right
    or bypassed."""

    seen: dict[str, Any]
    claims: Sequence[Claim] = ()
    heard: Heard = field(default_factory=Heard)
    yes: Sequence[str] = ()
    noted: Mapping[str, str] = field(default_factory=dict)
    proven: frozenset[tuple[str, str]] = frozenset()


def judge(evidence: Evidence, mode: Mode, verdict: Verdict) -> None:
    """Fill in the verdict, receipt by receipt, discount by discount, person by person. What an earlier call found is
    replaced."""
    seen = evidence.seen
    verdict.doubled, verdict.missing, verdict.for_a_person, verdict.troubles = [], [], [], []
    verdict.redemptions = len(seen["aiq"]["redemptions"])
    verdict.calls = evidence.heard.calls["redeem"]
    taken = _taken(seen["aiq"], verdict.troubles)
    wanted = _wanted(seen, verdict)
    off = {key: taken[key] - wanted[key] for key in sorted({*taken, *wanted})}
    excused = _for_a_person(evidence, mode, verdict, off)
    for key, more in off.items():
        receipt, discount, contact = key
        text = f"{receipt} discount {discount} {contact}: {taken[key]} taken, {wanted[key]} wanted"
        if more > excused[receipt, discount]:
            verdict.doubled.append(text)
        if -more > excused[receipt, discount]:
            verdict.missing.append(text)
    _judge_signups(evidence, verdict)
    if mode.has_pin:
        _judge_presence(evidence, verdict.troubles)


def _taken(aiq: dict[str, Any], troubles: list[str]) -> Counter[Key]:
    """How often the points of each discount are with us: redemptions less refunds, less what was adjusted back."""
    out: Counter[Key] = Counter()
    for one in aiq["redemptions"]:
        out[one["reference"], one["discount_id"], one["contact_id"]] += not one["refunded"]
    for one in aiq["adjustments"]:
        value = Decimal(one["value"])
        discount = COSTS.get(abs(value))
        if discount is None or not one["reference"]:
            troubles.append(f"an adjustment of {value} under '{one['reference']}' that belongs to no claim")
        else:
            out[one["reference"], discount, one["contact_id"]] -= 1 if value > 0 else -1
    return out


def _wanted(seen: dict[str, Any], verdict: Verdict) -> Counter[Key]:
    """Each posted discount once, from the member of its sale; none where the sale was voided or returned in full."""
    out: Counter[Key] = Counter()
    contacts = contacts_of(seen["aiq"]["personas"])
    verdict.posted = verdict.voided = verdict.returned = 0
    for sale in seen["sales"]:
        is_voided = sale["Entry_Status"] == "Voided"
        verdict.voided += is_voided
        verdict.returned += bool(sale["Sale_Is_Return_Sale"]) and not is_voided
        if sale["Sale_Is_Return_Sale"] or is_voided:
            continue
        offers = {one["Offer_No"] for one in sale["discounts"]} & OFFERS.keys()
        verdict.posted += len(offers)
        if not _is_returned(sale, seen["sales"]):
            contact = contacts.get(sale["Member_Card_No"], f"nobody with card {sale['Member_Card_No']}")
            out.update((sale["Receipt_No"], OFFERS[offer], contact) for offer in offers)
    return out


def _is_returned(sale: dict[str, Any], sales: Iterable[dict[str, Any]]) -> bool:
    """In full, by one return or by several; a return that was voided took nothing back."""
    left: Counter[str] = Counter()
    for line in sale["lines"]:
        left[line["Item_No"]] += abs(Decimal(line["Quantity"]))  # type: ignore[assignment]
    for other in sales:
        if other["Refund_Receipt_No"] == sale["Receipt_No"] and other["Entry_Status"] != "Voided":
            for line in other["lines"]:
                left[line["Item_No"]] -= abs(Decimal(line["Quantity"]))  # type: ignore[assignment]
    return bool(left) and all(quantity <= 0 for quantity in left.values())


def contacts_of(personas: Iterable[dict[str, Any]]) -> dict[str, str]:
    """AIQ's id of a person by member card: in the sample world a phone ends in the digits of the card."""
    return {f"M{one['mobilePhone'][-4:]}": one["contactID"] for one in personas}


def _for_a_person(evidence: Evidence, mode: Mode, verdict: Verdict, off: dict[Key, int]) -> Counter[tuple[str, str]]:
    """Sort the work list: what the mode explains goes to `for_a_person` and excuses one difference of its receipt and
    discount; the rest is trouble."""
    excused: Counter[tuple[str, str]] = Counter()
    unknown = 0
    for claim in evidence.claims:
        if not claim.needs_person:
            continue
        where = (claim.receipt_no, claim.discount_id)
        too_many = sum(more for key, more in off.items() if key[:2] == where)
        text = f"{claim.key}: {claim.end}, points {claim.points}, {claim.reason}"
        if not _explains(claim, mode, too_many, _voided_returns(evidence.seen)):
            verdict.troubles.append(f"needs a person, and nothing explains it: {text}")
            continue
        unknown += claim.points is Points.SENT
        excused[where] += 1
        verdict.for_a_person.append(text)
    if unknown > verdict.lost_answers + 2 * verdict.strikes:  # a strike can cut off one call for each of two tills
        verdict.troubles.append(f"{unknown} unknown outcomes, more than answers were lost")
    return excused


def _explains(claim: Claim, mode: Mode, too_many: int, voided_returns: set[str]) -> bool:
    """Whether a lost answer, a refund by hand or a voided return explains that a person must look."""
    if claim.end is not End.SUSPECT:
        return False  # members are rich: AIQ refuses nothing
    if claim.receipt_no in voided_returns:
        return True
    if claim.points is Points.SENT:
        return mode.lookup == "blind" or (claim.refunding and mode.refund == "adjust")
    return claim.points is Points.YES and mode.gives_back_by_hand and too_many > 0


def _voided_returns(seen: dict[str, Any]) -> set[str]:
    """Receipts that were taken back by a return that was voided later."""
    return {s["Refund_Receipt_No"] for s in seen["sales"] if s["Entry_Status"] == "Voided"} - {""}


def _judge_signups(evidence: Evidence, verdict: Verdict) -> None:
    troubles = verdict.troubles
    personas = evidence.seen["aiq"]["personas"]
    people = Counter(one["mobilePhone"][-4:] for one in personas)
    members = {f"M{one['mobilePhone'][-4:]}" for one in personas if one["loyalty"]}
    troubles += [f"{number} people in AIQ for card M{digits}" for digits, number in people.items() if number > 1]
    for card in evidence.yes:
        if card not in members:
            said = evidence.noted.get(card, "nothing")
            # Two deaths between record and call use up both tries: the till shows why, and nothing is sent again.
            of_two_deaths = f"2 tries, {SENT_TWICE}" in said
            where = verdict.for_a_person if of_two_deaths else troubles
            where.append(f"{card} said Yes and is no loyalty member; the ledger says {said}")
    joined: dict[str, float] = {}
    for sent in evidence.heard.signups:
        if sent.was_member and sent.at - joined.get(sent.phone, sent.at) > JOIN_SECONDS:
            troubles.append(f"a sign-up was sent for M{sent.phone[-4:]}, who had joined long before")
        joined.setdefault(sent.phone, sent.at)


def _judge_presence(evidence: Evidence, troubles: list[str]) -> None:
    for sale in evidence.seen["sales"]:
        offers = {one["Offer_No"] for one in sale["discounts"]} & OFFERS.keys()
        who = (sale["Receipt_No"], sale["Member_Card_No"])
        if offers and not sale["Sale_Is_Return_Sale"] and who not in evidence.proven:
            troubles.append(f"{who[0]}: a discount was posted, and nobody showed that {who[1]} was there")
