"""What a verb is, and the draft that verbs write into."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from navplugin.core.model import Want
from navplugin.rulebook.facts.look import Look
from navplugin.rulebook.facts.texts import Text

PROMPTS = "AIQ_POSPrompts"
STATUS = "AIQ_POSStatus"
SALE = "AIQ_Sale"
GRANTS = "AIQ_POSTotalDiscountOfferLines"

TEXT_LENGTH = 100
"""Length of Blocked_Text, Reason and each text line of a prompt (ls-pos.md 7.3, 7.4)."""
STATUS_LENGTH = 250
PROMPT_LINES = 3


class Argument(Enum):
    """What stands behind a verb."""

    NONE = "nothing"
    TEXT = "the name of a text"
    OPTIONAL_TEXT = "the name of a text, or nothing"
    TEMPLATE = "the name of a receipt template"


@dataclass(frozen=True, slots=True)
class Order:
    """One verb of one rule on one subject, to be carried out. word: the argument as typed."""

    rule: str
    moment: str
    look: Look
    text: Text | None
    word: str

    @property
    def coupon_code(self) -> str:
        """The discount that it is about, '' for the sale."""
        return self.look.subject.coupon_code if self.look.subject else ""


@dataclass(slots=True)
class Draft:
    """What the verbs have asked for so far. Blocks and withheld picks: coupon code -> (sentence, rule)."""

    wants: list[Want] = field(default_factory=list)
    blocked: dict[str, tuple[str, str]] = field(default_factory=dict)
    withheld: dict[str, tuple[str, str]] = field(default_factory=dict)
    no_wallet: tuple[str, str] | None = None
    pin: dict[str, str] = field(default_factory=dict)
    reports: list[str] = field(default_factory=list)

    def report(self, text: str) -> None:
        """A line for the ledger, each once."""
        if text not in self.reports:
            self.reports.append(text)


@dataclass(frozen=True, slots=True)
class Verb:
    """A word that may stand in `then`.

    slot: verbs of one slot exclude each other, the first one in order counts; '' = all count.
    forbids: comes before the inviting ones. on_unknown: acts also where a condition cannot be told.
    length: how many characters its text may have. act: writes into the draft; a sentence when nothing came of it.
    """

    name: str
    doc: str
    writes: str
    moments: tuple[str, ...]
    act: Callable[[Draft, Order], str]
    slot: str
    argument: Argument = Argument.NONE
    forbids: bool = False
    on_unknown: bool = False
    length: int = TEXT_LENGTH


def prompt_want(order: Order, verb: str, kind: str, code: str, texts: tuple[str, ...], **more: str) -> Want:
    """A row of AIQ_POSPrompts; once shown it belongs to the POS session, so all of it is written on insert only."""
    sale = order.look.situation.snapshot.sale
    mark = hashlib.sha256("\n".join((sale.receipt_no, sale.sale_guid, sale.member_card_no, verb)).encode()).hexdigest()
    lines = (*texts, "", "", "")[:PROMPT_LINES]
    initial = {
        "Member_Ref": sale.member_card_no,
        "Kind": kind,
        "Code": code[:20],
        "Text_1": lines[0],
        "Text_2": lines[1],
        "Text_3": lines[2],
        **more,
    }
    key = (sale.receipt_no, mark[:20].upper())
    # The GUID is in both: LS gives a receipt number again after some voids. No card: the once-key goes to the ledger.
    once = f"prompt/{sale.receipt_no}/{sale.sale_guid}/{mark[:20]}"
    return Want(PROMPTS, key, {}, initial, once, (order.rule,))
