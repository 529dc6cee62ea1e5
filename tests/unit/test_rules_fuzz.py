"""Random and mutated rule files, filters and workbooks: no traceback, and a place for every problem.

The full count is run by `python -m tests.bench.fuzz`, which also measures the time of each.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.fuzz_rules import CHECKS

COUNT = 1500


@pytest.mark.parametrize(("name", "check", "share"), CHECKS, ids=lambda v: v if isinstance(v, str) else "")
def test_whatever_is_read_gives_rules_or_problems_with_a_place(
    name: str, check: Callable[[Random], int], share: int
) -> None:
    refused = 0
    count = COUNT * share // 100
    for seed in range(count):
        try:
            refused += check(Random(f"{name} {seed}"))
        except Exception as failure:
            raise AssertionError(f"{name}, seed {seed}") from failure
    assert 0 < refused < count, "both kinds come up"
