"""`navplugin demo`: everything on this machine, to look at, to play with, or played unattended."""

from __future__ import annotations

import json
import signal
import tempfile
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from navplugin.cli.output import Exit, emit_table, fail, out
from navplugin.demo.play import Step, Story
from navplugin.demo.stage import DemoFailed, NavStyle, Stage, set_stage
from navplugin.demo.stories import TITLES, tell
from navplugin.nav.contract import Naming
from navplugin.receipts.qr import qr_blocks
from navplugin.simulator.app import PortInUse
from navplugin.simulator.state import StateUnusable


class Protocol(StrEnum):
    """NAV's two."""

    ODATA = "odata"
    SOAP = "soap"


PAPER = 40
"""Characters on a line of the simulated receipt printer."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    play: Annotated[bool, typer.Option("--play", help="Play the guide's story unattended, then stop.")] = False,
    result: Annotated[Path | None, typer.Option("--json", help="With --play: write what happened here.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 0,
    state: Annotated[Path | None, typer.Option(help="Folder to keep everything in; else a temporary one.")] = None,
    transport: Annotated[Protocol, typer.Option(help="How the worker reaches NAV.")] = Protocol.ODATA,
    naming: Annotated[Naming, typer.Option(help="Whose names NAV has: nav, bc, lsc.")] = Naming.BC,
) -> None:
    """Start a simulated NAV, till and AIQ, and the real worker between them.

    navplugin demo --play                                 the whole story, unattended
    navplugin demo --play --transport soap --naming nav   the same with an old NAV
    """
    if result is not None and not play:
        fail("--json goes with --play: it writes what the played story did")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the worker must not outlive the demo
    with ExitStack() as stack:
        try:
            out.print("Starting a simulated NAV, till and AIQ, and the worker ...", markup=False)
            folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="navplugin-demo-")))
            stage = stack.enter_context(set_stage(folder, port, nav=NavStyle(transport, naming)))
            if not play:
                _show_where(stage)
                _until_stopped(stage)
                return
            stories = _play(stage)
        except (DemoFailed, StateUnusable) as wrong:
            fail(str(wrong), Exit.PROBLEMS)
        except (PortInUse, OSError) as wrong:
            fail(str(wrong), Exit.MISUSE)
    if result is not None:
        _write(result, stories)
    if not all(story.ok for story in stories):
        raise typer.Exit(int(Exit.PROBLEMS))


def _show_where(stage: Stage) -> None:
    rows = [
        ("NAV (OData V4)", f"{stage.url}/NAV/ODataV4"),
        ("NAV (SOAP)", f"{stage.url}/NAV/WS"),
        ("AIQ", f"{stage.url}/api"),
        ("everything as JSON", f"{stage.url}/_sim/state"),
        ("the till's screen", f"{stage.url}/_sim/till/P0001"),
        ("the worker's profile", stage.config),
        ("the worker's log", stage.log),
    ]
    emit_table("Running on this machine", ("what", "where"), rows)
    out.print("\nPress a key of the till, for instance:", markup=False)
    out.print(f'  curl -X POST {stage.url}/_sim/till/P0001/check-in -d \'{{"member_card_no": "M1003"}}\'', markup=False)
    out.print("\nStop with Ctrl+C. Rather watch? navplugin demo --play", markup=False)


def _until_stopped(stage: Stage) -> None:
    never = Event()
    try:
        while stage.worker.poll() is None:
            never.wait(1)  # with a limit: Windows interrupts no wait without one
    except KeyboardInterrupt:
        out.print("stopped")
        return
    raise DemoFailed(f"the worker ended: {stage.last_words()}")


def _play(stage: Stage) -> list[Story]:
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=out, disable=not out.is_terminal,
        transient=True,
    )  # fmt: skip
    with progress:
        bar = progress.add_task("The story", total=len(TITLES))

        def begun(story: Story) -> None:
            if story.letter != "a":
                progress.advance(bar)
            progress.update(bar, description=f"({story.letter}) {story.title}")
            out.print(f"\n({story.letter}) {story.title}", style="bold", markup=False)

        stories = tell(stage, begun, _show_step)
    for story in stories:
        _show_receipt(story)
    _show_table(stories)
    return stories


def _show_step(step: Step) -> None:
    mark, style = ("ok  ", "green") if step.ok else ("FAIL", "red")
    # One print for one line: the progress bar is drawn between two of them.
    out.print(Text.assemble("  ", (mark, style), f" {step.title}: {step.seen}"))
    if not step.ok:
        out.print(f"       expected: {step.expected}", style="red", markup=False)


def _show_receipt(story: Story) -> None:
    if not story.slip:
        return
    out.print(f"\nReceipt of ({story.letter})", style="bold", markup=False)
    payload = story.slip["qr_payload"]
    for line in story.slip["lines"]:
        if payload and line.strip() and payload.startswith(line.strip()):
            # The picture stands above its address, as on paper.
            for blocks in qr_blocks(payload):
                out.print(f"  {blocks.center(PAPER)}", markup=False)
        out.print(f"  {line}", markup=False)


def _show_table(stories: list[Story]) -> None:
    out.print()
    rows = []
    for story in stories:
        facts = ", ".join(f"{name.replace('_', ' ')}: {_short(seen)}" for name, seen in story.seen.items())
        rows.append((f"({story.letter}) {story.title}", "as expected" if story.ok else "NOT as expected", facts))
    emit_table("What was seen at the end", ("story", "result", "seen"), rows)


def _short(value: Any) -> str:
    return str(value) if value is not None else "none"


def _write(path: Path, stories: list[Story]) -> None:
    body = {"ok": all(s.ok for s in stories), "stories": [s.as_dict() for s in stories]}
    try:
        path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as wrong:
        fail(f"cannot write {path}: {wrong.strerror}", Exit.MISUSE)
