"""`python -m tests.crash --kills 200`: the long run. Exit code 1 when anything was doubled, lost or stranded."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.crash.judge import Verdict
from tests.crash.modes import BY_NAME, SCENARIOS
from tests.crash.run import OnStrike, run_mode

SHOWN = 5
_PIPE_WIDTH = 220
_COLUMNS = (
    "kills", "stalls", "sales", "discounts posted", "voided", "returned", "redemptions", "calls", "answers lost",
    "doubled", "missing", "stranded", "for a person", "troubles", "seconds to drain",
)  # fmt: skip


def main() -> int:
    """Each mode with so many kills, spread over the scenarios."""
    words = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    words.add_argument("--kills", type=int, default=200, help="kills and stalls for each mode, over all its scenarios")
    words.add_argument("--mode", choices=sorted(BY_NAME), action="append", help="only this one; may be repeated")
    words.add_argument("--scenario", choices=SCENARIOS, action="append", help="only this one; may be repeated")
    words.add_argument("--seed", type=int, default=20261125)
    words.add_argument("--folder", type=Path, help="keep ledgers, logs and the simulator's state here")
    given = words.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    begun, verdicts = time.monotonic(), []
    for name in given.mode or BY_NAME:
        seed = given.seed + 10_000 * tuple(BY_NAME).index(name)  # the same for a mode that runs alone
        with tempfile.TemporaryDirectory() as passing, _progress(console, name, given.kills) as on_strike:
            folder = (given.folder or Path(passing)) / name.replace(" ", "-")
            scenarios = given.scenario or SCENARIOS
            verdict = run_mode(folder, BY_NAME[name], given.kills, seed, scenarios, on_strike)
        verdicts.append(verdict)
        figures = ", ".join(f"{column} {value}" for column, value in zip(_COLUMNS, _figures(verdict), strict=True))
        console.print(f"{name}, seed {seed}: {'right' if verdict.ok else 'WRONG'}; {figures}", soft_wrap=True)
        for what in ("doubled", "missing", "stranded", "troubles"):
            for one in getattr(verdict, what)[:SHOWN]:
                console.print(f"    {what}: {one}", markup=False, highlight=False, soft_wrap=True)
    console.print(_table(verdicts))
    console.print(f"{time.monotonic() - begun:.0f} s")
    return 1 if any(not one.ok for one in verdicts) else 0


@contextmanager
def _progress(console: Console, name: str, kills: int) -> Iterator[OnStrike]:
    """A bar on a terminal; in a pipe nothing but the line at the end of each mode."""
    if not console.is_terminal:
        yield lambda verdict: None
        return
    look = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*look, console=console, transient=True) as bar:
        task, seen = bar.add_task(name, total=kills), dict[str, int]()

        def show(verdict: Verdict) -> None:
            seen[verdict.scenario] = verdict.strikes
            bar.update(task, completed=sum(seen.values()), description=f"{name}, {verdict.scenario}")

        yield show


def _table(verdicts: list[Verdict]) -> Table:
    table = Table("mode", title="kills by mode")
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    for verdict in verdicts:
        table.add_row(verdict.mode, *_figures(verdict))
    return table


def _figures(v: Verdict) -> tuple[str, ...]:
    """One for each of _COLUMNS."""
    counts = (v.kills, v.stalls, v.sales, v.posted, v.voided, v.returned, v.redemptions, v.calls, v.lost_answers)
    lists = (v.doubled, v.missing, v.stranded, v.for_a_person, v.troubles)
    return (*map(str, counts), *(str(len(one)) for one in lists), f"{v.drain_seconds:.1f}")


if __name__ == "__main__":
    sys.exit(main())
