"""`python -m tests.crash --kills 200`: the long run. Exit code 1 when anything was doubled, lost or stranded."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.crash.run import MODES, SCENARIOS, run_scenario


def main() -> int:
    """Each scenario with so many kills, in the chosen modes."""
    words = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    words.add_argument("--kills", type=int, default=200, help="kills for each scenario")
    words.add_argument("--scenario", choices=SCENARIOS, action="append", help="only this one; may be repeated")
    words.add_argument("--redeem-at", choices=MODES, default="posted")
    words.add_argument("--seed", type=int, default=20261125)
    given = words.parse_args()
    bad = 0
    for number, scenario in enumerate(given.scenario or SCENARIOS):
        with tempfile.TemporaryDirectory() as folder:
            verdict = run_scenario(
                Path(folder) / "run", scenario, given.kills, given.seed + 1000 * number, given.redeem_at
            )
        print(verdict.line(), flush=True)
        for what in ("doubled", "missing", "stranded", "for_a_person", "troubles"):
            for one in getattr(verdict, what)[:5]:
                print(f"    {what}: {one}")
        bad += not verdict.ok
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
