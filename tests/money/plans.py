"""Scenarios, and the enumeration: every boundary x every fault x every cashier action, from the moment before it."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.money.invariants import check_end, check_now
from tests.money.io import FAULTS
from tests.money.world import Setup, World

SCENARIOS: dict[str, tuple[str, ...]] = {
    "sold": ("pick:AP0004", "total", "pay"),
    "sold without the worker": ("-pick:AP0004", "-total", "-pay"),
    "voided": ("pick:AP0004", "total", "void"),
    "voided before total": ("pick:AP0004", "void"),
    "voided after posting": ("pick:AP0004", "total", "pay", "post-void"),
    "picked again": ("pick:AP0004", "total", "back", "unpick:AP0004", "pick:AP0004", "total", "pay"),
    "line erased": ("pick:AP0004", "erase:AP0004", "total", "pay"),
    "line erased, sale left open": ("pick:AP0004", "total", "back", "erase:AP0004"),
    "refused at total": ("pick:AP0004", "spend", "total", "back", "total", "pay", "pay"),
    "back from total": ("pick:AP0004", "total", "back", "total", "pay"),
    "below the minimum after total": ("pick:AP0004", "total", "back", "less", "total", "pay", "pay"),
    "below the minimum, worker too late": ("pick:AP0004", "-less", "-total", "-pay"),
    "suspended, retrieved elsewhere": ("pick:AP0004", "total", "suspend", "retrieve", "total", "pay"),
    "suspended for ever": ("pick:AP0004", "total", "suspend"),
    "other member": ("pick:AP0004", "total", "back", "swap", "total", "pay", "pay"),
    "other member, worker too late": ("pick:AP0004", "-swap", "-total", "-pay"),
    "two discounts": ("pick:AP0001", "pick:AP0004", "total", "pay", "pay"),
    "two discounts, one taken back": ("pick:AP0001", "pick:AP0004", "total", "back", "unpick:AP0001", "total", "pay"),
    "two discounts, voided": ("pick:AP0001", "pick:AP0004", "total", "void"),
    "typed coupon": ("type:AP0004", "total", "pay", "pay"),
    "typed coupon, worker down": ("-type:AP0004", "-total", "-pay"),
    "sale not readable for a while": ("pick:AP0004", "hide", "show", "total", "pay"),
    "sale vanishes": ("pick:AP0004", "total", "vanish"),
    "returned whole": ("pick:AP0004", "total", "pay", "back:2"),
    "returned in two parts": ("pick:AP0004", "total", "pay", "back:1", "back:1"),
    "receipt number given again": ("pick:AP0004", "total", "pay", "again", "pick:AP0004", "total", "void"),
    "capped": ("cheap", "pick:AP0004", "total", "back", "total", "pay", "pay"),
    "two discounts, capped": ("cheap", "pick:AP0001", "pick:AP0004", "total", "pay", "pay"),
    "points spent elsewhere": ("pick:AP0004", "-total", "-spend", "-pay"),
    "return voided": ("pick:AP0004", "total", "pay", "back:2", "void-return"),
    "return voided at once": ("pick:AP0004", "total", "pay", "-back:2", "void-return"),
    "part return voided": ("pick:AP0004", "total", "pay", "back:1", "back:1", "void-return"),
    "dearer after the pick": ("pick:AP0004", "dearer", "total", "pay", "pay"),
    "dearer at the payment": ("pick:AP0004", "total", "-dearer", "-pay"),
    "withdrawn in AIQ": ("pick:AP0004", "total", "-drop", "-pay"),
    "another person by then": ("pick:AP0004", "total", "-rephone", "-pay"),
    "voided with another person by then": ("pick:AP0004", "total", "pay", "rephone", "post-void"),
}
"""Keys at the till; the worker has two rounds after each, except after those with a minus."""

TWO_TILLS: dict[str, tuple[str, ...]] = {
    "two tills at once": ("-pick:AP0004", "@R2 pick:AP0004", "-total", "@R2 total", "-pay", "@R2 pay"),
    "two tills, one after the other": (
        "pick:AP0004", "total", "@R2 pick:AP0004", "pay", "@R2 total", "@R2 pay", "@R2 pay",
    ),
    "two tills, one voids": ("pick:AP0004", "@R2 pick:AP0004", "total", "void", "@R2 total", "@R2 pay", "@R2 pay"),
}  # fmt: skip
"""One member at two tills, with points for one discount."""

ACTIONS = ("pay", "void", "suspend", "swap", "less", "erase:AP0004", "unpick:AP0004", "pick:AP0001", "total", "back")
"""What the cashier may do just before any call of the worker."""

UNDER_WAY = ("ledger", "nav.write", "aiq.connect", "aiq.move")
"""Kinds of calls between which a host may stall, lose its ledger or have its clock set."""
HOSTS = ("stall", "pause", "clock:10", "clock:-10", "clock:-60", "restore:1", "restore:2", "restore:4")

MODES = tuple(
    Setup(redeem_at=mode, lookup=lookup)
    for mode in ("posted", "total", "select")
    for lookup in ("blind", "probe", "keyed")
    if (mode, lookup) != ("select", "blind")
)
"""Every redeem-at with every look-up; `select` with `blind` is refused by the profile."""


def play(world: World, steps: tuple[str, ...], start: int = 0, seen: set[object] | None = None) -> World:
    """From round `start` on; then until nothing is in flight. seen: states that are known to end well, where a run may
    stop; a run that ends well adds its own."""
    rounds = rounds_of(steps)
    path: list[object] = []
    for index in range(start, len(rounds)):
        if rounds[index] == "drain":
            world.clock.advance(seconds=59)
        elif rounds[index] == "wait":
            world.clock.advance(hours=13)
        elif rounds[index]:
            world.press(rounds[index])
        if rounds[index] not in ("", "drain", "wait") and _silent(steps, index):
            continue
        world.tick()
        check_now(world)
        if seen is not None and not world.violations and not any(n > world.io.passed for n in world.io.plan):
            state = (index, world.digest())
            if state in seen:
                seen.update(path)
                return world
            path.append(state)
    check_end(world)
    if seen is not None and not world.violations:
        seen.update(path)
    return world


def rounds_of(steps: tuple[str, ...]) -> tuple[str, ...]:
    """One entry for each key or round of the worker: a key, '' for a round without one, `drain`, `wait`."""
    out = [""]
    for step in steps:
        out.append(step.removeprefix("-"))
        if not step.startswith("-"):
            out.append("")
    return (*out, *("drain",) * 5, "wait", "drain", "drain", "wait", "drain", "drain")


def _silent(steps: tuple[str, ...], index: int) -> bool:
    at = 0
    for step in steps:
        at += 1
        if at == index:
            return step.startswith("-")
        at += not step.startswith("-")
    return False


@dataclass
class Count:
    """Figures of an enumeration. failures: plans that replay."""

    boundaries: int = 0
    runs: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, scenario: str, world: World) -> None:
        """One run."""
        self.runs += 1
        if world.violations:
            plan = dict(world.io.plan)
            self.failures.append(f"replay({scenario!r}, {world.setup!r}, {plan!r}): {world.violations[0]}")


def replay(scenario: str, setup: Setup, plan: Mapping[int, str]) -> World:
    """Run one plan again, from the beginning."""
    world = World(setup)
    world.io.plan = plan
    return play(world, steps_of(scenario))


def steps_of(scenario: str) -> tuple[str, ...]:
    """The keys of a scenario."""
    return {**SCENARIOS, **TWO_TILLS}[scenario]


def checkpoints(setup: Setup, steps: tuple[str, ...]) -> tuple[World, list[tuple[int, World, range]]]:
    """The run without a fault, and for each round the moment before it and the boundaries that it crosses."""
    world, out = World(setup), []
    rounds = rounds_of(steps)
    for index in range(len(rounds)):
        before, passed = world.copy({}), world.io.passed
        _one_round(world, steps, rounds, index)
        out.append((index, before, range(passed + 1, world.io.passed + 1)))
    check_end(world)
    return world, out


def _one_round(world: World, steps: tuple[str, ...], rounds: tuple[str, ...], index: int) -> None:
    if rounds[index] == "drain":
        world.clock.advance(seconds=59)
    elif rounds[index] == "wait":
        world.clock.advance(hours=13)
    elif rounds[index]:
        world.press(rounds[index])
    if rounds[index] not in ("", "drain", "wait") and _silent(steps, index):
        return
    world.tick()
    check_now(world)


def enumerate_plans(setup: Setup, scenario: str, count: Count, one_in: int = 1) -> None:
    """Every single fault, take-over and action at every boundary of one scenario; with two tills, also the other
    receipt's turn within each call to AIQ. one_in: a fixed part of the plans, spread over all of them."""
    steps = steps_of(scenario)
    base, moments = checkpoints(setup, steps)
    count.boundaries += base.io.passed
    count.add(scenario, base)
    seen: set[object] = set()
    waits = rounds_of(steps).index("wait")
    for index, before, boundaries in moments if not base.violations else ():
        for number in boundaries:
            lost = () if scenario.startswith(("receipt number given again", "sale vanishes")) else ("lose", "usurp")
            # A host that fails at the very end leaves no time to come home.
            hosts = (*HOSTS, *lost) if index < waits else ()
            # One file is the ledger of both companies: restored, it ends both workers.
            hosts = tuple(h for h in hosts if setup.stores == 1 or not h.startswith(("restore", "lose", "usurp")))
            for what in what_may_happen(base.io.kinds[number - 1], before, hosts):
                if zlib.crc32(f"{setup} {scenario} {number} {what}".encode()) % one_in == 0:
                    count.add(scenario, play(before.copy({number: what}), steps, index, seen))


def what_may_happen(kind: str, before: World, hosts: tuple[str, ...]) -> Iterator[str]:
    """At a boundary of this kind, after this moment. Keys that the till would ignore are left out.

    hosts: what may befall them. A ledger that was lost cannot be made up for where NAV no longer shows the sale, since
    AIQ keeps receipt number and discount only.
    """
    yield from FAULTS[kind]
    yield "take-over"
    if kind in UNDER_WAY:
        yield from hosts
    if kind.startswith("aiq") and len(before.setup.receipts) > 1:
        yield "other"
    for receipt in before.setup.receipts:
        if before.sales[receipt].row().state.is_open:
            yield from (f"press:@{receipt} {action}" for action in ACTIONS)


def storm(setup: Setup, seed: int) -> tuple[str, World]:
    """A random scenario with a fault or an action at a quarter of its boundaries, and an end without any."""
    dice = random.Random(seed)
    scenario = dice.choice(list(SCENARIOS))
    kinds, world = World(setup), World(setup)
    play(kinds, SCENARIOS[scenario])
    usual = {kind: [*faults, *(f"press:@R1 {action}" for action in ACTIONS)] for kind, faults in FAULTS.items()}
    world.io.plan = {
        number: dice.choice(usual[kind]) for number, kind in enumerate(kinds.io.kinds, 1) if dice.random() < 0.25
    }
    return scenario, play(world, SCENARIOS[scenario])
