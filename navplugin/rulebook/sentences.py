"""Why a decision is as it is, in sentences that a cashier's manager reads.

No name, phone number, e-mail or other personal value is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from navplugin.core.model import ConditionTrace, Decision, RuleTrace, Situation, Verdict, Want
from navplugin.core.money import ZERO, show_money
from navplugin.rulebook.facts.look import Look, Subject, Unknown, look_at
from navplugin.rulebook.grants import GIVES_NOTHING, why_no_offer, why_no_wallet
from navplugin.rulebook.verbs.base import GRANTS, PROMPTS, SALE, STATUS, Draft


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence; about: the coupon code, '' for the sale."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What the sale is at, what the discount needs, and how much is missing."""

    at: Decimal
    needs: Decimal
    missing: Decimal


def explain(situation: Situation, decision: Decision) -> tuple[Sentence, ...]:
    """Everything that a person asks about a sale: prompt, status, footer, each wallet discount."""
    look = look_at(situation)
    sale = [Sentence("", text) for text in (_signup(look, decision), *_rows(look, decision)) if text]
    codes = {s.coupon_code for s in (*look.candidates, *look.picks) if s.coupon_code}
    about = [Sentence(code, _discount(code, look, decision)) for code in sorted(codes)]
    none = _no_wallet(look, decision)
    if none:
        sale.append(Sentence("", f"No wallet: {none}."))
    return (*sale, *about, *(Sentence("", f"Report: {text}") for text in decision.reports))


def shortfall(fields: Mapping[str, Any], look: Look) -> Shortfall | None:
    """What the till finds missing for a grant on the sale as it is, None where the grant is reached or cannot be told.

    Min_Amount is compared as `minimum-judged` and `reached` say, Min_Balance with the transaction balance.
    """
    balance, judged = look.balance(), look.judged()
    if isinstance(balance, Unknown) or isinstance(judged, Unknown):
        return None
    store = look.situation.store
    least, trigger = fields["Min_Balance"], fields["Min_Amount"]
    above = store.currency_precision if store.reached == "above" else ZERO
    if balance < least:
        return Shortfall(balance, least, least - balance)
    if trigger > ZERO and judged < trigger + above:
        return Shortfall(judged, trigger + above, trigger + above - judged)
    return None


# ---- sentences about the sale --------------------------------------------------------------------------------------


def _signup(look: Look, decision: Decision) -> str:
    snapshot = look.situation.snapshot
    if not snapshot.sale.member_card_no:
        return ""
    mine = [p for p in snapshot.prompts if p.member_ref == snapshot.sale.member_card_no and p.kind == "Confirm"]
    answer = next((p.answer for p in mine if p.answer in ("Yes", "No")), "")
    if answer:
        return f"Sign-up prompt: answered {answer}."
    want = next((w for w in decision.wants if w.page == PROMPTS and w.initial.get("Kind") == "Confirm"), None)
    if want is not None:
        return f"Sign-up prompt: shown, rule [{_first(want.reasons)}]."
    why = _why_not("prompt-signup", decision)
    return f"No sign-up prompt: {why}." if why else ""


def _rows(look: Look, decision: Decision) -> list[str]:
    out = []
    for want in decision.wants:
        if want.page == STATUS:
            out.append(f"Status: {want.fields['Member_Status']}, rule [{_first(want.reasons)}].")
        elif want.page == SALE:
            names = {code: name for name, code in look.situation.footer_codes.items()}
            name = names.get(str(want.fields["Footer_Code"]), "none")
            out.append(f"Footer: {name}, rule [{_first(want.reasons)}].")
        elif want.page == PROMPTS and want.initial.get("Kind") == "Message":
            out.append(f"Message {want.initial['Code']}: shown, rule [{_first(want.reasons)}].")
    return out


def _no_wallet(look: Look, decision: Decision) -> str:
    if any(w.page == GRANTS for w in decision.wants):
        return ""
    rule = _acted("no-wallet", decision)
    return f"rule [{rule.rule}]" if rule else why_no_wallet(look, Draft())


def _why_not(verb: str, decision: Decision) -> str:
    """Why no rule with this verb acted."""
    rules = [t for t in decision.trace if t.note.startswith(verb)]
    refused = next((t for t in rules if t.verdict is not Verdict.NO), None)
    if refused is not None:
        unknown = next((c.reason for c in refused.conditions if c.verdict is Verdict.UNKNOWN), "")
        return unknown or _note(refused)
    return next((_failed(t) for t in rules), "")


def _acted(verb: str, decision: Decision) -> RuleTrace | None:
    return next((t for t in decision.trace if t.acted and t.note.startswith(verb)), None)


def _failed(trace: RuleTrace) -> str:
    """The first condition that does not hold."""
    return next((_reason(c) for c in trace.conditions if c.verdict is Verdict.NO), f"rule [{trace.rule}]")


def _note(trace: RuleTrace) -> str:
    _, bracket, inside = trace.note.partition(" (")
    return inside.removesuffix(")") if bracket else f"rule [{trace.rule}]"


def _reason(condition: ConditionTrace) -> str:
    return condition.reason + (", and the rule says unless" if condition.negated else "")


def _first(reasons: tuple[str, ...]) -> str:
    return reasons[0] if reasons else ""


# ---- sentences about one discount ----------------------------------------------------------------------------------


def _discount(code: str, look: Look, decision: Decision) -> str:
    offered = next((s for s in look.candidates if s.coupon_code == code), None)
    pick = next((s for s in look.picks if s.coupon_code == code), None)
    if pick is not None:
        why = decision.forbidden.get(code)
        return f"{code} is picked and must go: {_stop(why)}" if why else f"{code} is picked."
    want = next((w for w in decision.wants if w.page == GRANTS and w.key[1] == code), None)
    if offered is None or want is None:
        return f"{code} not offered: {_why_no_grant(offered, look, decision)}."
    short = shortfall(want.fields, look.at(offered))
    if want.fields["Blocked_Text"]:
        return f"{code} not offered: {_stop(want.fields['Blocked_Text'])} {_because(code, want, decision)}".rstrip()
    if short is None:
        return f"{code} offered: {_gives(offered, look)}."
    at, needs, missing = (_money(x, look) for x in (short.at, short.needs, short.missing))
    return f"{code} not offered: transaction is {at}, needs {needs} ({missing} short)."


def _why_no_grant(offered: Subject | None, look: Look, decision: Decision) -> str:
    none = _no_wallet(look, decision)
    if offered is None:
        return "AIQ does not offer it"
    if offered.offer is None and not none:
        return why_no_offer(offered, look)
    return none or ("AIQ has locked it for this member" if not offered.available else "it has expired in AIQ")


def _because(code: str, want: Want, decision: Decision) -> str:
    """The rule that blocks, with the condition that decided."""
    name = _first(want.reasons)
    trace = next(
        (t for t in decision.trace if t.subject == code and t.acted and t.rule in (name, f"stack {name}")), None
    )
    if trace is None:
        return f"({name})" if name.startswith(GIVES_NOTHING) else ""
    reasons = "; ".join(_reason(c) for c in trace.conditions)
    return f"(rule [{trace.rule}]: {reasons})" if reasons else f"([{trace.rule}])"


def _gives(subject: Subject, look: Look) -> str:
    percent = subject.value_kind == "percent"
    value = f"{subject.value.normalize():f} %" if percent else _money(subject.value, look)
    cost = f"{value} off for {subject.points_cost.normalize():f} points"
    given = look.at(subject).gives()
    less = given is not None and ZERO < given.amount < subject.amount
    return f"{cost}, on the sale as it is {_money(given.amount, look)}" if given is not None and less else cost


def _money(amount: Decimal, look: Look) -> str:
    return show_money(amount, look.situation.store.currency_precision)


def _stop(sentence: object) -> str:
    text = str(sentence)
    return text if text.endswith((".", "!", "?")) else f"{text}."
