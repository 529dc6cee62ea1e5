"""`navplugin run`: the worker."""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from navplugin.cli.output import Exit, Format, emit_problems, fail
from navplugin.core.errors import AuthFailed, Fatal, NavpluginError, NotInstalled
from navplugin.site import Site, load_site
from navplugin.wire import quiet_logs
from navplugin.wiring import wire

log = logging.getLogger("navplugin")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    config: Annotated[Path, typer.Option(help="The profile of the site.")] = Path("navplugin.ini"),
    once: Annotated[bool, typer.Option("--once", help="One round: do all that is due, then stop.")] = False,
    watch_only: Annotated[
        bool, typer.Option("--watch-only", help="Decide and log; write nothing to NAV or AIQ.")
    ] = False,
) -> None:
    """Watch the tills of a site until stopped. Logs to standard error.

    Exit codes: 1 a file is wrong, 2 NAV or AIQ cannot be reached at the start, 3 misuse.
    """
    _log_to_stderr()
    loaded = load_site(config, rules_may_wait=True)
    if loaded.site is None:
        raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, Format.TEXT)))
    if loaded.site.rules.book is None:
        emit_problems(loaded.site.rules.problems, loaded.files, Format.TEXT, loaded="Published rules go on.")
    stop = Event()
    for name in ("SIGTERM", "SIGBREAK"):  # SIGBREAK: what a Windows service manager sends
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    try:
        _watch(loaded.site, stop, once=once, watch_only=watch_only)
    except KeyboardInterrupt:
        log.info("stopped")
    except NavpluginError as problem:
        fail(str(problem), _exit_of(problem))


def _watch(site: Site, stop: Event, *, once: bool, watch_only: bool) -> None:
    def pause(seconds: float) -> bool:
        return not stop.wait(seconds)

    with wire(site, pause, watch_only=watch_only) as watch:
        if not once:
            watch.forever()
            return
        report = watch.once()
        log.info("%d sales looked at, %d rows written", report.sales, report.effects)
        if watch.worker.people.lost:
            fail("AIQ cannot be reached; the rest was done", Exit.UNREACHABLE)


def _exit_of(problem: NavpluginError) -> Exit:
    if isinstance(problem, NotInstalled):
        return Exit.MISUSE
    if isinstance(problem, Fatal) and not isinstance(problem, AuthFailed):
        return Exit.PROBLEMS
    return Exit.UNREACHABLE


def _log_to_stderr() -> None:
    formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    quiet_logs()
