"""The workers of one store: how they are started, killed, stalled and replaced. At most two at a time."""

from __future__ import annotations

import math
import random
import shutil
import threading
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from navplugin.demo.stage import profile_text
from navplugin.simulator.state import State
from navplugin.site import defaults_folder
from tests.crash.modes import Mode
from tests.crash.version1 import as_version_1
from tests.crash.workers import go_on, kill, start, stop

STALL_SECONDS = (0.2, 15.0)
MOST = 2


@dataclass
class Crew:
    """folder: of the ledger, the profiles and the log; url: of the simulator."""

    folder: Path
    url: str
    state: State
    mode: Mode
    scenario: str
    number: int = 0
    workers: list[BaseProcess] = field(default_factory=list)

    @property
    def ledger(self) -> Path:
        """The ledger file."""
        return self.folder / "navplugin.db"

    @property
    def size(self) -> int:
        """How many are started to work at once; those that are taken over end by themselves."""
        return MOST if self.mode.together or self.scenario == "two workers" else 1

    def begin(self) -> None:
        """Start as many as the scenario wants."""
        for _ in range(self.size):
            self._start()

    def strike(self, dice: random.Random) -> str:
        """Kill one worker, or stall it while another one takes over. Returns kill or stall, '' when it had ended by
        itself before."""
        if not self.workers:
            self._start()
        victim = self.workers.pop(dice.randrange(len(self.workers)))
        if self.mode.stalls and dice.random() < 0.5 and victim.is_alive():
            self._stall(victim, dice)
            return "stall"
        killed = kill(victim)
        if self.scenario == "new version" and dice.random() < 0.5:
            self.end()
            self._go_back()
        self._fill()
        return "kill" if killed else ""

    def ensure(self) -> None:
        """At least one that lives: of two, the one that was taken over has ended by itself."""
        self.workers = [one for one in self.workers if one.is_alive()]
        if not self.workers:
            self._start()

    def end(self) -> None:
        """Kill them all."""
        for worker in self.workers:
            kill(worker)
        self.workers = []

    def _stall(self, victim: BaseProcess, dice: random.Random) -> None:
        """Stop it for 0.2 to 15 s, mostly briefly. Its successor may end because of what it holds: then another."""
        low, high = (math.log(seconds) for seconds in STALL_SECONDS)
        left, never = math.exp(dice.uniform(low, high)), threading.Event()
        stop(victim)
        while left > 0:
            self.ensure()
            never.wait(min(left, 0.5))
            left -= 0.5
        go_on(victim)
        self.workers.append(victim)

    def _fill(self) -> None:
        """One worker more, always; two more where two were killed."""
        self.workers = [one for one in self.workers if one.is_alive()]
        if len(self.workers) >= MOST:
            return
        self._start()
        while len(self.workers) < self.size:
            self._start()

    def _go_back(self) -> None:
        """The version before takes over for a moment: its ledger, and nothing in NAV of what it did not write."""
        as_version_1(self.ledger)
        for row in self.state.rows("AIQ_Ledger"):
            self.state.delete("AIQ_Ledger", row["Code"])

    def _rules_with_pin(self) -> Path:
        """The shipped rules with the one that asks for a PIN switched on; their cases say that it is off."""
        folder = self.folder / "rules"
        if not folder.exists():
            shutil.copytree(defaults_folder("rules"), folder, ignore=shutil.ignore_patterns("cases"))
            file = folder / "wallet.ini"
            head, mark, rest = file.read_text("utf-8").partition("[PIN before the wallet]")
            file.write_text(head + mark + rest.replace("mode  = off", "mode  = on", 1), "utf-8")
        return folder

    def _start(self) -> None:
        skew = self.mode.skews[self.number % len(self.mode.skews)]
        self.number += 1
        name = f"worker {self.number}" if self.scenario == "new name" else "worker"
        config = self.folder / f"site{self.number % 4}.ini"
        usual = {"name": name, "matcher": "builtin", "grace-seconds": "15"}
        if self.mode.has_pin:
            usual["rules"] = str(self._rules_with_pin())
        text = profile_text(self.url, {**usual, **self.mode.profile})
        if self.mode.by_hand:
            text = text.replace("[worker]\n", "[worker]\naccept-manual-refunds = yes\n")
        config.write_text(text, "utf-8")
        self.workers.append(start(config, self.folder / "worker.log", skew))
