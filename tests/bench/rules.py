"""Evaluations of rules on one workload: python -m tests.bench.rules [SECONDS-EACH] [FILE.json]

The workload: 5, 20 or 100 rules on the moment `wallet`, each with a club or code and an amount, asked for 10 wallet
discounts; two rules of five hold. One evaluation is one decision of all rules on all ten.

- `builtin`, `durable`: `decide` as in production, with every reason (`explain` text) of every rule and discount, from
  the facts to the rows that are wanted; `... with saved reasons` also writes the text that the ledger keeps.
- `durable_rules, raw`: the library alone on facts that are numbers and words already, no reasons, no filters.
- `zen-engine`: one decision table, hit policy collect, evaluated for each discount; no reasons, no filters.
  Comes with the extra `bench`.

All in one process and one run, one after another; times are wall time of each evaluation.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from navplugin.core.model import Situation
from navplugin.core.ports import Matcher
from navplugin.rulebook.book import Rulebook
from navplugin.rulebook.builtin import BuiltinMatcher
from navplugin.rulebook.decide import decide
from navplugin.rulebook.durable import DurableMatcher, durable_is_installed
from navplugin.rulebook.explain import trace_to_json
from tests.unit.rule_sales import book_of, sale

SIZES = (5, 20, 100)
CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table. p99_ms: time of the slowest of a hundred evaluations, in milliseconds."""

    engine: str
    rules: int
    per_second: float
    p99_ms: float


def rule_of(number: int) -> tuple[str, int]:
    """The club and the least value of rule `number`: two of five are for the club of the sale."""
    return ("GOLD" if number % 5 < 2 else f"CLUB{number}"), number % 7


def rulebook(size: int) -> Rulebook:
    """The rules as an administrator writes them."""
    texts = []
    for number in range(size):
        club, least = rule_of(number)
        texts.append(f"[Rule {number}]\non = wallet\nif Club is {club}\nif Discount Value is >{least}\n"
                     f"then = hide-discount\npriority = {number + 1}\n")  # fmt: skip
    return book_of("\n".join(texts))


def workload() -> Situation:
    """A member of club GOLD with ten wallet discounts."""
    discounts = (f"discount A{n} = {n + 1}.00 off for 10" for n in range(CANDIDATES))
    return sale("club = GOLD", "line FLOWER = 75.00", *discounts)


# ---- engines -------------------------------------------------------------------------------------------------------


def ours(size: int, matcher: Matcher, *, saved: bool) -> Callable[[], object]:
    """Our own decision."""
    book, situation = rulebook(size), workload()

    def once() -> object:
        decision = decide(book, situation, matcher)
        return trace_to_json(situation, decision) if saved else decision

    return once


def raw_durable(size: int) -> Callable[[], object]:
    """durable_rules as rules-engine.md C found it to be safe, in this process."""
    engine: Any = importlib.import_module("durable.engine")
    host_class = type("Quiet", (engine.Host,), {"_run": lambda host: None})
    fired: list[int] = []

    def noting(number: int) -> Callable[[Any], None]:  # two parameters would make an action of another kind of it
        return lambda c: fired.append(number)

    rules: dict[str, Any] = {"session": {"all": [{"m": {"kind": "tx"}}], "pri": 9999, "run": lambda c: None}}
    for number in range(size):
        club, least = rule_of(number)
        fields = [{"kind": "discount"}, {"club": club}, {"$gt": {"value": least * 100}}]
        rules[f"r{number}"] = {"all": [{"m": {"$and": fields}}], "pri": number + 1, "run": noting(number)}
    host: Any = host_class({"bench": rules})
    session = [0]

    def once() -> object:
        session[0] += 1
        sid = f"s{session[0]}"
        fired.clear()
        host.assert_fact("bench", {"sid": sid, "id": 0, "kind": "tx"})
        for n in range(CANDIDATES):
            fact = {"sid": sid, "id": n + 1, "kind": "discount", "club": "GOLD", "value": (n + 1) * 100}
            try:
                host.assert_fact("bench", fact)
            except engine.MessageNotHandledException:
                continue
        host.delete_state("bench", sid)
        return list(fired)

    return once


def zen(size: int) -> Callable[[], object]:
    """zen-engine, one decision table."""
    library: Any = importlib.import_module("zen")
    rows = []
    for number in range(size):
        club, least = rule_of(number)
        rows.append({"_id": f"r{number}", "a": f'"{club}"', "b": f"> {least}", "o": str(number)})
    columns = [{"id": "a", "name": "club", "field": "club"}, {"id": "b", "name": "value", "field": "value"}]
    table = {"hitPolicy": "collect", "inputs": columns, "outputs": [{"id": "o", "name": "rule", "field": "rule"}],
             "rules": rows}  # fmt: skip
    place = {"x": 0, "y": 0}
    graph = {
        "nodes": [
            {"id": "i", "name": "in", "type": "inputNode", "position": place},
            {"id": "t", "name": "table", "type": "decisionTableNode", "position": place, "content": table},
            {"id": "o", "name": "out", "type": "outputNode", "position": place},
        ],
        "edges": [
            {"id": "e1", "sourceId": "i", "targetId": "t", "type": "edge"},
            {"id": "e2", "sourceId": "t", "targetId": "o", "type": "edge"},
        ],
    }
    decision = library.ZenEngine().create_decision(json.dumps(graph))
    return lambda: [decision.evaluate({"club": "GOLD", "value": n + 1})["result"] for n in range(CANDIDATES)]


@contextmanager
def engines(size: int) -> Iterator[dict[str, Callable[[], object]]]:
    """All that can be had here, by name."""
    found = {
        "builtin": ours(size, BuiltinMatcher(), saved=False),
        "builtin with saved reasons": ours(size, BuiltinMatcher(), saved=True),
    }
    durable = DurableMatcher() if durable_is_installed() else None
    if durable is not None:
        found["durable"] = ours(size, durable, saved=False)
        found["durable with saved reasons"] = ours(size, durable, saved=True)
        found["durable_rules, raw"] = raw_durable(size)
    if importlib.util.find_spec("zen") is not None:
        found["zen-engine"] = zen(size)
    try:
        yield found
        if durable is not None and durable.fallbacks:
            print(f"durable fell back {durable.fallbacks} times: {durable.why}")
    finally:
        if durable is not None:
            durable.close()


def measure(name: str, size: int, once: Callable[[], object], seconds: float) -> Measured:
    """Evaluate for so many seconds, at least 20 times, after three times to get warm."""
    for _ in range(3):
        once()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 20:
        start = time.perf_counter()
        once()
        times.append(time.perf_counter() - start)
    times.sort()
    return Measured(name, size, len(times) / sum(times), times[int(len(times) * 0.99)] * 1000)


def main(seconds: float, file: Path | None) -> None:
    """Print the table; write it as JSON where a file is named."""
    results = []
    print(f"{'engine':<28}{'rules':>6}{'evaluations/s':>16}{'p99 ms':>10}")
    for size in SIZES:
        with engines(size) as found:
            for name, once in found.items():
                one = measure(name, size, once, seconds)
                results.append(one)
                print(f"{one.engine:<28}{one.rules:>6}{one.per_second:>16,.0f}{one.p99_ms:>10.2f}", flush=True)
    if file is not None:
        file.write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(float(arguments[0]) if arguments else 3.0, Path(arguments[1]) if len(arguments) > 1 else None)
