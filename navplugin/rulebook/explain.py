"""A decision as the ledger keeps it, and what `rules explain` reads out of it. No personal data is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from navplugin.core.model import ConditionTrace, Decision, RuleTrace, Situation, Verdict
from navplugin.rulebook.sentences import Sentence, explain

SAVED_VERSION = 1


@dataclass(frozen=True, slots=True)
class Saved:
    """A decision as the ledger keeps it."""

    receipt_no: str
    state: str
    sentences: tuple[Sentence, ...]
    rules: tuple[RuleTrace, ...]


def saved_of(situation: Situation, decision: Decision) -> Saved:
    """The decision as it would be kept."""
    sale = situation.snapshot.sale
    return Saved(sale.receipt_no, sale.state.value, explain(situation, decision), decision.trace)


def trace_to_json(situation: Situation, decision: Decision) -> str:
    """The decision as the ledger keeps it for `rules explain`."""
    saved = saved_of(situation, decision)
    body = {
        "version": SAVED_VERSION, "receipt_no": saved.receipt_no, "state": saved.state,
        "sentences": [{"about": s.about, "text": s.text} for s in saved.sentences],
        "rules": [as_dict(trace) for trace in saved.rules],
    }  # fmt: skip
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def as_dict(trace: RuleTrace) -> dict[str, Any]:
    """The fields of a trace, verdicts as text; `dataclasses.asdict` takes five times as long."""
    out = {name: getattr(trace, name) for name in RuleTrace.__slots__}
    out["conditions"] = [{name: getattr(c, name) for name in ConditionTrace.__slots__} for c in trace.conditions]
    return out


def from_json(body: str) -> Saved:
    """Read what trace_to_json wrote. Raises ValueError where it is not that."""
    try:
        data = json.loads(body)
        if data["version"] != SAVED_VERSION:
            raise ValueError(f"the decision was saved by another version ({data['version']})")
        sentences = tuple(Sentence(s["about"], s["text"]) for s in data["sentences"])
        return Saved(data["receipt_no"], data["state"], sentences, tuple(_trace(t) for t in data["rules"]))
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"the saved decision cannot be read: {wrong}") from wrong


def _trace(data: Mapping[str, Any]) -> RuleTrace:
    conditions = tuple(ConditionTrace(**{**c, "verdict": Verdict(c["verdict"])}) for c in data["conditions"])
    return RuleTrace(**{**data, "verdict": Verdict(data["verdict"]), "conditions": conditions})


def rule_lines(saved: Saved, coupon_code: str = "") -> list[str]:
    """One line for each rule and subject, with every condition: what was asked, what was seen, what followed."""
    wanted = coupon_code.upper()
    lines = []
    for trace in saved.rules:
        if wanted and trace.subject not in ("", wanted):
            continue
        head = f"[{trace.rule}] on {trace.moment}" + (f", {trace.subject}" if trace.subject else "")
        lines.append(f"{head}: {trace.verdict.value}{', acted' if trace.acted else ''}; {trace.note}")
        for c in trace.conditions:
            word = "unless" if c.negated else "if"
            lines.append(f"    {word} {c.fact} is {c.filter_text.strip()}: {c.verdict.value}, {c.reason}")
    return lines
