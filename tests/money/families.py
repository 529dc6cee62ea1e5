"""What is enumerated: families of runs, each a setup with its scenarios; and the mutants that must not survive."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields, replace

from tests.money.plans import MODES, SCENARIOS, TWO_TILLS, Count, enumerate_plans, storm
from tests.money.world import RULES, Setup, with_rule_off

EARLY = ("voided", "voided after posting", "picked again", "back from total", "two discounts, voided", "line erased",
         "below the minimum after total", "returned whole")  # fmt: skip
LATE = ("sold", "points spent elsewhere", "voided after posting", "two discounts", "returned whole")
RETURNS = ("returned whole", "returned in two parts", "voided after posting")


@dataclass(frozen=True)
class Family:
    """A setup and the scenarios that are enumerated with it."""

    setup: Setup
    scenarios: tuple[str, ...]

    @property
    def name(self) -> str:
        """What is special about it."""
        usual = Setup()
        other = ("rules", "receipts", "stores", "operator", "balance")
        names = tuple(f.name for f in fields(Setup) if f.name not in other)
        said = [f"{n} {getattr(self.setup, n)}" for n in names[2:] if getattr(self.setup, n) != getattr(usual, n)]
        tills = [["two tills"], ["two stores, two workers"]][self.setup.stores - 1] if self.setup.receipts[1:] else []
        return ", ".join([self.setup.redeem_at, self.setup.lookup, *said, *tills])


def _two_tills(setup: Setup) -> Family:
    return Family(replace(setup, receipts=("R1", "R2"), balance=600), tuple(TWO_TILLS))


def _two_stores(setup: Setup) -> Family:
    return Family(replace(_two_tills(setup).setup, stores=2), tuple(TWO_TILLS))


SKEWED = ("sold", "voided", "picked again", "voided after posting", "suspended, retrieved elsewhere", "sale vanishes",
          "return voided")  # fmt: skip
SKEWS = ((10, -10, 0), (-10, 10, 0), (0, 0, 10), (0, 0, -10), (10, 10, -10))
"""Minutes by which the first host, the next ones and AIQ are ahead."""
KEYED = ("sold", "sold without the worker", "picked again", "voided after posting", "below the minimum after total",
         "two discounts, voided", "suspended for ever", "other member", "returned whole", "receipt number given again",
         "points spent elsewhere")  # fmt: skip
"""AIQ takes no key, and the profile refuses this look-up: the machine must be right all the same, on fewer stories."""

FAMILIES = (
    *(Family(setup, KEYED if setup.lookup == "keyed" else tuple(SCENARIOS)) for setup in MODES),
    *(_two_tills(setup) for setup in MODES if setup.lookup != "keyed"),
    *(_two_stores(Setup(mode, "probe")) for mode in ("posted", "total", "select")),
    *(Family(Setup(mode, "probe", "adjust"), EARLY) for mode in ("total", "select")),
    Family(Setup("total", "probe", "manual"), EARLY),
    *(Family(Setup("posted", "probe", owed=owed), LATE) for owed in ("adjust", "absorb")),
    Family(Setup("posted", "blind", owed="adjust"), LATE),
    Family(Setup("posted", "probe", part_return="give"), RETURNS),
    Family(Setup("posted", "probe", full_return="leave"), RETURNS),
    Family(Setup("posted", "probe", hidden=True), ("sold", "two discounts", "picked again", "typed coupon")),
    *(
        Family(replace(Setup(mode, "probe"), host_skew=mine, next_skew=theirs, aiq_skew=aiq), SKEWED)
        for mode in ("posted", "total", "select") for mine, theirs, aiq in SKEWS
    ),
    *(Family(Setup(mode, "probe", drops_refunded=True), EARLY) for mode in ("total", "select")),
    *(Family(Setup(mode, "probe", blank_listing=True), EARLY) for mode in ("posted", "total")),
    *(Family(Setup("total", "probe", short=short, floor=False), ("capped", "two discounts, capped"))
      for short in ("ask", "take", "release")),
)  # fmt: skip


def run_family(family: Family, one_in: int = 1) -> Count:
    """All its scenarios, with a fixed part of their plans; for a process of its own."""
    logging.disable(logging.CRITICAL)
    count = Count()
    for scenario in family.scenarios:
        enumerate_plans(family.setup, scenario, count, one_in)
    return count


def run_storms(setup: Setup, seeds: range) -> Count:
    """Random runs with faults everywhere."""
    logging.disable(logging.CRITICAL)
    count = Count()
    for seed in seeds:
        count.add(*storm(setup, seed))
    return count


# ---- mutants -----------------------------------------------------------------------------------------------------

_PROBE, _TOTAL, _SELECT = Setup("posted", "probe"), Setup("total", "probe"), Setup("select", "probe")
MUTANTS: Mapping[str, tuple[Family, ...]] = {
    "hold": (_two_tills(_PROBE),),
    "fresh-balance": (_two_stores(_PROBE),),
    "orphan": (Family(_PROBE, ("typed coupon, worker down",)),),
    "typed-line": (Family(_PROBE, ("typed coupon",)),),
    "early-sent": (Family(_PROBE, ("sold",)),),
    "grace": (Family(_PROBE, ("sold",)),),
    "line-before-refund": (Family(_SELECT, ("below the minimum after total", "other member")),),
    "agree": (Family(_PROBE, ("below the minimum, worker too late",)),),
    "refused-once": (Family(_TOTAL, ("refused at total",)),),
    "vanished": (Family(_PROBE, ("sale vanishes",)),),
    "adjust-once": (Family(Setup("total", "probe", "adjust"), ("voided",)),),
    "count-redemptions": (Family(Setup("total", "probe", "adjust"), ("picked again",)),),
    "look-first": (Family(_PROBE, ("sold",)),),
    "unwind": (Family(_TOTAL, ("voided",)),),
    "minimum": (Family(_TOTAL, ("below the minimum after total",)),),
    "line-seen": (Family(_PROBE, ("line erased, sale left open",)),),
    "fence": (Family(_PROBE, ("sold",)),),
    "second-sign": (Family(Setup("posted", "probe", blank_listing=True), ("sold",)),),
    "positive-refund": (Family(Setup("total", "probe", blank_listing=True), ("voided",)),),
    "doubt": (Family(_TOTAL, ("sold", "voided")),),
    "person": (Family(_PROBE, ("another person by then",)),),
    "cost": (Family(_PROBE, ("dearer at the payment",)),),
    "ask-again": (Family(_PROBE, ("sold",)),),
    "send-by": (Family(_PROBE, ("sold",)),),
    "record": (Family(_PROBE, ("sold",)),),
}
"""Safety rule -> families that must fail without it, the likeliest first."""


def kill(rule: str) -> str:
    """The first plan that fails without this rule, '' when the mutant lives."""
    logging.disable(logging.CRITICAL)
    for family in MUTANTS[rule]:
        for scenario in family.scenarios:
            count = Count()
            enumerate_plans(with_rule_off(family.setup, rule), scenario, count)
            if count.failures:
                return count.failures[0]
    return ""


def missing_mutants() -> Iterable[str]:
    """Rules without a mutant."""
    return RULES ^ MUTANTS.keys()


@dataclass
class Report:
    """All figures of one enumeration, for people."""

    counts: dict[str, Count] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """Plans that replay."""
        return [failure for count in self.counts.values() for failure in count.failures]

    def lines(self) -> list[str]:
        """A table."""
        rows = [f"{c.boundaries:>8} {c.runs:>8} {len(c.failures):>10}  {name}" for name, c in self.counts.items()]
        total = [sum(getattr(c, n) for c in self.counts.values()) for n in ("boundaries", "runs")]
        return ["boundaries     runs violations  family", *rows,
                f"{total[0]:>8} {total[1]:>8} {len(self.failures):>10}  in all"]  # fmt: skip


def run_all(storms: int, one_in: int = 1) -> Report:
    """Every family and the storms, on all cores. one_in: of the plans, for a run that must be short."""
    report = Report()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = {family.name: pool.submit(run_family, family, one_in) for family in FAMILIES}
        for setup in MODES:
            jobs[f"storms {setup.redeem_at}, {setup.lookup}"] = pool.submit(run_storms, setup, range(storms))
        report.counts = {name: job.result() for name, job in jobs.items()}
    return report


if __name__ == "__main__":
    import sys
    import time

    begun = time.monotonic()
    found = run_all(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    shown = found.failures[: int(sys.argv[2]) if len(sys.argv) > 2 else 20]
    print("\n".join([*found.lines(), f"{time.monotonic() - begun:.1f} s", *shown]))
    sys.exit(1 if found.failures else 0)
