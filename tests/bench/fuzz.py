"""The full count of `tests/fuzz_rules.py`: python -m tests.bench.fuzz [COUNT [SEED]]

Prints for each kind how many were read and refused, failures, and the longest processor time of one and that of 99.9 %.
"""

from __future__ import annotations

import sys
import time
import traceback
from random import Random

from rich.progress import track

from tests.fuzz_rules import CHECKS

LIMIT = 0.1
"""Seconds that one may take."""


def main(count: int, first: int) -> int:
    """Run them all; the number of failures and of those that took longer than LIMIT."""
    bad = 0
    for name, check, share in CHECKS:
        times, refused, failed, slow = [], 0, 0, []
        for seed in track(range(first, first + count * share // 100), name, disable=not sys.stdout.isatty()):
            random = Random(f"{name} {seed}")
            start = time.process_time()
            try:
                refused += check(random)
            except Exception:  # noqa: BLE001 - any of them is a finding
                failed += 1
                print(f"{name}, seed {seed}:\n{traceback.format_exc()}")
            times.append(time.process_time() - start)
            if times[-1] > LIMIT:
                slow.append(seed)
        times.sort()
        most = times[int(len(times) * 0.999)]
        print(f"{name}: {len(times)} read, {refused} refused, {failed} failed; longest {times[-1] * 1000:.1f} ms, "
              f"99.9 % within {most * 1000:.1f} ms; {len(slow)} above {LIMIT * 1000:.0f} ms {slow[:5]}")  # fmt: skip
        bad += failed + len(slow)
    return bad


if __name__ == "__main__":
    sys.exit(1 if main(*(int(x) for x in (sys.argv[1:] + ["100000", "0"][len(sys.argv) - 1 :]))) else 0)
