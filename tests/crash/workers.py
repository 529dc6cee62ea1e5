"""Worker processes that start at once, so that hundreds can be killed: one process has everything imported, and each
worker is forked from it (where the system can fork; elsewhere each imports for itself)."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

from navplugin.demo.stage import KEY_VARIABLE

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_CONTEXT = multiprocessing.get_context(_METHOD)
if _METHOD == "forkserver":
    _CONTEXT.set_forkserver_preload(["navplugin.cli.worker", "navplugin.nav.odata", "durable", "odata", "zeep"])


def start(config: Path, log: Path) -> BaseProcess:
    """A worker of this profile: `navplugin run --config CONFIG`."""
    process = _CONTEXT.Process(target=_run, args=(config, log), daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> bool:
    """SIGKILL (TerminateProcess on Windows); whether it was alive until then."""
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


def _run(config: Path, log: Path) -> None:
    os.environ[KEY_VARIABLE] = "demo-key"
    sys.stderr = log.open("a", encoding="utf-8", buffering=1)
    from navplugin.cli.worker import run

    run(config, once=False, watch_only=False)
