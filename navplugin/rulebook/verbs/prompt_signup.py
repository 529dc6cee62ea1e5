"""prompt-signup: the sign-up question with the store's AIQ Signup Terms (figure 3 of the integration guide)."""

from __future__ import annotations

from navplugin.rulebook.facts.texts import wrap
from navplugin.rulebook.verbs.base import PROMPT_LINES, TEXT_LENGTH, Argument, Draft, Order, Verb, prompt_want


def _act(draft: Draft, order: Order) -> str:
    situation = order.look.situation
    terms = order.text.render(order.look) if order.text else situation.store.signup_terms
    if not terms.strip():
        draft.report(f"store {situation.store.store_no} has no AIQ Signup Terms in NAV, so nobody is asked to sign up")
        return "there are no AIQ Signup Terms"
    lines, cut = wrap(terms, TEXT_LENGTH, PROMPT_LINES)
    if cut:
        draft.report(
            f"the AIQ Signup Terms of store {situation.store.store_no} are longer than {PROMPT_LINES} lines of "
            f"{TEXT_LENGTH} characters; the prompt shows the beginning of them"
        )
    footer = situation.footer_codes.get("wallet", "")
    if not footer:
        draft.report(f"store {situation.store.store_no} has no receipt footer 'wallet' for a member who says Yes")
    options = {"Options": "Yes,No", "Footer_If_Yes": footer}
    draft.wants.append(prompt_want(order, "prompt-signup", "Confirm", "SIGNUP", lines, **options))
    return ""


VERB = Verb(
    name="prompt-signup",
    doc="ask the member to sign up, with the store's AIQ Signup Terms or the text named",
    writes="AIQ_POSPrompts",
    moments=("check-in", "basket"),
    act=_act,
    slot="signup",
    argument=Argument.OPTIONAL_TEXT,
    length=PROMPT_LINES * TEXT_LENGTH,
)
