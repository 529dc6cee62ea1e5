"""`navplugin rules explain|facts|verbs`: why a decision is as it is, and the words that rules may use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, FormatOption, emit_json, emit_problems, emit_table, fail, out
from navplugin.cli.rules_live import looking, rules_in_force
from navplugin.cli.rules_shared import ConfigOption, good_rules, open_ledger, read_config, rules_folder
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.cases import read_cases
from navplugin.rulebook.decide import decide
from navplugin.rulebook.explain import Saved, as_dict, from_json, rule_lines, saved_of
from navplugin.rulebook.facts import FACTS
from navplugin.rulebook.facts.made import TABLES
from navplugin.rulebook.verbs import VERBS
from navplugin.site import load_site


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("explain")(explain)
    group.command("facts")(facts)
    group.command("verbs")(verbs)


def explain(
    receipt_no: Annotated[str, typer.Argument(help="Receipt No. as NAV shows it.")] = "",
    config: ConfigOption = Path("navplugin.ini"),
    live: Annotated[bool, typer.Option("--live", help="Decide anew on the sale as it is in NAV now.")] = False,
    case: Annotated[str, typer.Option(help="Explain this case in place of a receipt.")] = "",
    folder: Annotated[Path | None, typer.Option("--folder", help="The folder of rules, for --case and --live.")] = None,
    coupon: Annotated[str, typer.Option(help="Only this coupon code.")] = "",
    short: Annotated[bool, typer.Option("--short", help="The sentences alone, without every rule.")] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Say why the sign-up question, the footer and each wallet discount are as they are: in sentences first, then every
    rule in order with each condition and the value seen.

    A receipt is read from the ledger, as it was decided last; with --live from NAV; a case from the folder of cases.
    """
    if bool(case) == bool(receipt_no):
        fail("name a receipt, or a case with --case")
    if case:
        saved, head = _of_case(folder or Path("rules"), case)
    elif live:
        saved, head = _of_live_sale(config, folder, receipt_no)
    else:
        saved, head = _of_ledger(config, receipt_no)
    wanted = coupon.upper()
    sentences = [s.text for s in saved.sentences if not wanted or s.about == wanted]
    rules = [t for t in saved.rules if not wanted or t.subject in ("", wanted)]
    if wanted and not sentences:
        fail(f"coupon code {wanted} played no part in it", Exit.PROBLEMS)
    if form is Format.JSON:
        emit_json({"receipt_no": saved.receipt_no, "state": saved.state, **head, "sentences": sentences,
                   "rules": [as_dict(t) for t in rules]})  # fmt: skip
        return
    for line in sentences or ["Nothing is decided here."]:
        out.print(line, markup=False)
    if not short:
        out.print("\nEvery rule, in order:", markup=False)
        for line in rule_lines(saved, coupon):
            out.print(line, markup=False)
    when = f"{head['at'][:19]} UTC, " if head["at"] else ""
    out.print(f"Decided {when}sale {saved.state}, rules {head['rules_hash']}, matcher {head['matcher']}.", markup=False)


_Head = dict[str, str]


def _of_ledger(config: Path, receipt_no: str) -> tuple[Saved, _Head]:
    """The last decision of a receipt, from the ledger that the profile names."""
    with open_ledger(config, read_config(config)) as (ledger, _):
        found = ledger.decision(receipt_no)
    if found is None:
        fail(f"the ledger knows no decision on receipt {receipt_no}", Exit.PROBLEMS)
    try:
        saved = from_json(str(found["body"]))
    except ValueError as wrong:
        fail(f"receipt {receipt_no}: {wrong}", Exit.PROBLEMS)
    return saved, {name: str(found[name]) for name in ("at", "rules_hash", "matcher")}


def _of_case(folder: Path, name: str) -> tuple[Saved, _Head]:
    book, rules = good_rules(folder)
    cases, problems = read_cases(rules.cases)
    found = [c for c in cases if name.casefold() in c.name.casefold()]
    exact = [c for c in found if c.name.casefold() == name.casefold()]
    if not (exact or found):
        if problems:
            emit_problems(problems, len(rules.cases), Format.TEXT, loaded="")
        fail(f"there is no case [{name}] in {folder / 'cases'}", Exit.PROBLEMS)
    situation = (exact or found)[0].situation
    decision = decide(book.for_store(situation.store.store_no), situation, BuiltinMatcher())
    return saved_of(situation, decision), {"at": "", "rules_hash": decision.rules_hash, "matcher": decision.matcher}


def _of_live_sale(config: Path, folder: Path | None, receipt_no: str) -> tuple[Saved, _Head]:
    loaded = load_site(config, rules_may_wait=True)
    with looking(loaded) as looker:
        if folder is not None:
            book, _ = good_rules(rules_folder(config, read_config(config), folder))
        else:
            book = rules_in_force(loaded, looker)
        tried = next(iter(looker.try_rules(book, receipt_no)), None)
    if tried is None:
        fail(f"NAV has no sale {receipt_no} of a store in the profile", Exit.PROBLEMS)
    head = {"at": tried.situation.now.isoformat(), "rules_hash": book.hash, "matcher": tried.decision.matcher}
    return saved_of(tried.situation, tried.decision), head


def facts(form: FormatOption = Format.TEXT) -> None:
    """List what a rule can ask."""
    if form is Format.JSON:
        listed = [
            {"fact": f.caption, "type": f.type, "about": f.about.value, "options": f.options, "doc": f.doc,
             "known_from": f.known.value, "cost": f.cost.value}
            for f in FACTS
        ]  # fmt: skip
        tables = [{"table": t.name, "doc": t.doc, "fields": dict(t.fields)} for t in TABLES]
        emit_json({"facts": listed, "tables": tables})
        return
    rows = [(f.caption, f.type.value, f.about.value, f.doc, f.known.value, f.cost.value) for f in FACTS]
    emit_table("Facts", ("fact", "type", "about", "what it is", "known from", "cost"), rows)
    more = [(t.name, ", ".join(t.fields), t.doc) for t in TABLES]
    emit_table("Tables for [fact NAME]", ("table", "fields", "what it is"), more)


def verbs(form: FormatOption = Format.TEXT) -> None:
    """List what a rule can do."""
    if form is Format.JSON:
        emit_json(
            [
                {"verb": v.name, "takes": v.argument.value, "on": v.moments, "forbids": v.forbids, "doc": v.doc}
                for v in VERBS
            ]
        )
        return
    rows = [(v.name, v.argument.value, ", ".join(v.moments), v.doc) for v in VERBS]
    emit_table("Verbs", ("verb", "takes", "may stand on", "what it does"), rows)
