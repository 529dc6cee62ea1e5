"""show-message: a message for the cashier, once for each receipt and member."""

from __future__ import annotations

from navplugin.rulebook.facts.texts import wrap
from navplugin.rulebook.verbs.base import PROMPT_LINES, TEXT_LENGTH, Argument, Draft, Order, Verb, prompt_want


def _act(draft: Draft, order: Order) -> str:
    text = order.text.render(order.look) if order.text else ""
    lines, cut = wrap(text, TEXT_LENGTH, PROMPT_LINES)
    if cut:
        draft.report(f"the message {order.word} is longer than {PROMPT_LINES} lines of {TEXT_LENGTH} characters")
    verb = f"show-message {order.word}"
    draft.wants.append(prompt_want(order, verb, "Message", order.word.upper(), lines, Options="OK"))
    return ""


VERB = Verb(
    name="show-message",
    doc="show the cashier the text named",
    writes="AIQ_POSPrompts",
    moments=("check-in", "basket"),
    act=_act,
    slot="",
    argument=Argument.TEXT,
    length=PROMPT_LINES * TEXT_LENGTH,
)
