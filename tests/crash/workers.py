"""Worker processes that start at once, so that hundreds can be killed: one process has everything imported, and each
worker is forked from it (where the system can fork; elsewhere each imports for itself)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest import mock

import typer

from navplugin import wiring
from navplugin.demo.stage import KEY_VARIABLE
from tests.crash.modes import Skew

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_CONTEXT = multiprocessing.get_context(_METHOD)
if _METHOD == "forkserver":
    _CONTEXT.set_forkserver_preload(["navplugin.cli.worker", "navplugin.nav.odata", "durable", "odata", "zeep"])


class SkewedClock(wiring.SystemClock):
    """The clock of a host that is set wrongly, or is set again while the worker runs. No time passes by that."""

    def __init__(self, skew: Skew) -> None:
        self.skew, self.asked = skew, 0

    def now(self) -> datetime:
        """The wall clock of that host."""
        self.asked += 1
        stepped = 0 < self.skew.after <= self.asked
        return super().now() + timedelta(seconds=self.skew.then if stepped else self.skew.seconds)


def start(config: Path, log: Path, skew: Skew = Skew()) -> BaseProcess:  # noqa: B008 frozen
    """A worker of this profile, on a host whose clock is wrong by `skew`: `navplugin run --config CONFIG`."""
    process = _CONTEXT.Process(target=_run, args=(config, log, skew), daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> bool:
    """SIGKILL (TerminateProcess on Windows); whether it was alive until then."""
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


def stop(process: BaseProcess) -> None:
    """SIGSTOP: the process halts where it is. POSIX only."""
    _signal(process, signal.SIGSTOP)


def go_on(process: BaseProcess) -> None:
    """SIGCONT: it goes on as if no time had passed."""
    _signal(process, signal.SIGCONT)


def _signal(process: BaseProcess, number: int) -> None:
    if process.is_alive() and process.pid:
        os.kill(process.pid, number)


def _run(config: Path, log: Path, skew: Skew) -> None:
    os.environ[KEY_VARIABLE] = "demo-key"
    sys.stderr = log.open("a", encoding="utf-8", buffering=1)
    from navplugin.cli.worker import run

    with mock.patch.object(wiring, "SystemClock", return_value=SkewedClock(skew)):
        try:
            run(config, once=False, watch_only=False)
        except typer.Exit as end:  # it has said why
            sys.exit(end.exit_code)
