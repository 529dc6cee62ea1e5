"""Sets the stage: the simulator in this process, the worker in a process of its own, both on loopback only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import requests

from navplugin.simulator.app import Server, Settings
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world
from navplugin.site import defaults_folder

WALLET_URL = "https://lab.alpineiq.com/wallet/1234"
SIGNUP_URL = "https://lab.alpineiq.com/joinMembers/1234"
PATIENCE_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.05
_PATHS = {"odata": "ODataV4", "soap": "WS"}
KEY_VARIABLE = "NAVPLUGIN_DEMO_KEY"

PROFILE = """\
# The profile of the demo. For a site of your own begin with the one in README.md.
[nav]
url = {url}/NAV/{path}
transport = {transport}
naming = {naming}
company = CRONUS Cannabis
user = AIQ-WORKER
key = env:{key}

[aiq]
url = {url}
uid = 1234
key = env:{key}
calls-per-second = 1000
calls-per-minute = 60000
calls-per-hour = 1000000

[worker]
name = demo
state = navplugin.db
rules = {rules}
receipt-templates = {templates}
poll-seconds = 0.1
setup-seconds = 1
matcher = durable
redemption-lookup = probe
refund = endpoint
grace-seconds = 60

[store S0001]
name = Sample Store
time-zone = America/Denver
aiq-store = Sample Store
wallet-url = {wallet}
signup-url = {signup}
"""


@dataclass(frozen=True, slots=True)
class NavStyle:
    """How the worker reaches the simulated NAV, and whose names it has; words as in [nav] of a profile."""

    transport: str = "odata"
    naming: str = "bc"


class DemoFailed(Exception):
    """The demo cannot go on; the message is one sentence."""


@dataclass(slots=True)
class Stage:
    """Where everything is. config: the worker's profile; log: what the worker said.

    may_die: the worker is killed on purpose, so that its end is no reason to give up.
    """

    url: str
    folder: Path
    config: Path
    log: Path
    worker: subprocess.Popen[bytes]
    session: requests.Session
    simulator: State
    may_die: bool = False

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call to the simulator's control; DemoFailed with its sentence when it says no."""
        answer = self.session.request(method, f"{self.url}/_sim{path}", json=body, timeout=PATIENCE_SECONDS)
        if answer.status_code != 200:
            raise DemoFailed(f"{method} {path}: {answer.json().get('error', answer.text)}")
        return answer.json()

    def state(self) -> Any:
        """All that the other side holds."""
        return self.ask("GET", "/state")

    def wait(self, what: str, found: Callable[[], Any]) -> Any:
        """Look until `found` gives something; DemoFailed when it never does."""
        never, until = Event(), time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            result = found()
            if result:
                return result
            if not self.may_die and self.worker.poll() is not None:
                raise DemoFailed(f"the worker ended while the demo waited for {what}: {self.last_words()}")
            never.wait(LOOK_EVERY_SECONDS)
        raise DemoFailed(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}; the worker's log is {self.log}")

    def last_words(self) -> str:
        """The last line of the worker's log."""
        lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def navplugin(self, *words: str) -> Any:
        """What `navplugin ... --format json` prints: the commands that an administrator would type."""
        done = subprocess.run(
            [*_PROGRAM, *words, "--format", "json"], capture_output=True, env=_environment(), check=False
        )
        if done.returncode != 0:
            raise DemoFailed(f"navplugin {' '.join(words)}: {done.stderr.decode('utf-8', 'replace').strip()}")
        return json.loads(done.stdout)

    def start_worker(self) -> None:
        """Start another worker in the place of one that has ended."""
        self.worker = _start(self.config, self.log)

    def is_published(self) -> bool:
        """Whether the worker has written footers and setup to NAV."""
        staged = self.state()["staged"]
        return bool(staged["AIQ_ReceiptFooter"]) and any(r["Footer_Unknown"] for r in staged["AIQ_Setup"])


_PROGRAM = [sys.executable, "-m", "navplugin"]


def _environment() -> dict[str, str]:
    return {**os.environ, KEY_VARIABLE: "demo-key", "PYTHONUTF8": "1", "COLUMNS": "200"}


def _start(config: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [*_PROGRAM, "run", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=_environment(),
        )


@contextmanager
def set_stage(
    folder: Path, port: int = 0, changes: dict[str, str] | None = None, *, nav: NavStyle | None = None
) -> Iterator[Stage]:
    """Everything up, and down again at the end. changes: other values for keys of the profile.

    Raises PortInUse and StateUnusable of the simulator, DemoFailed when the worker does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = State(folder / "simulator")
    try:
        if state.doc("aiq.personas") is None:
            load_world(state, None)
        nav = nav or NavStyle()
        server = Server(state, port, Settings(nav={"naming": nav.naming}))
        server.start()
        try:
            with _worker(folder, profile_text(server.url, changes, nav), server.url, state) as stage:
                yield stage
        finally:
            server.stop()
    finally:
        state.close()


@contextmanager
def _worker(folder: Path, profile: str, url: str, state: State) -> Iterator[Stage]:
    config, log = folder / "demo.ini", folder / "worker.log"
    config.write_text(profile, "utf-8")
    with requests.Session() as session:
        session.trust_env = False  # a proxy has no business on loopback
        stage = Stage(url, folder, config, log, _start(config, log), session, state)
        try:
            stage.wait("the worker's footers", stage.is_published)
            yield stage
        finally:
            end(stage.worker)


def profile_text(url: str, changes: dict[str, str] | None = None, nav: NavStyle | None = None) -> str:
    """The demo's profile against a simulator at this address."""
    nav = nav or NavStyle()
    text = PROFILE.format(
        url=url,
        path=_PATHS[nav.transport],
        transport=nav.transport,
        naming=nav.naming,
        key=KEY_VARIABLE,
        rules=defaults_folder("rules"),
        templates=defaults_folder("receipt_templates"),
        wallet=WALLET_URL,
        signup=SIGNUP_URL,
    )
    for key, value in (changes or {}).items():
        kept = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
        if len(kept) == len(text.splitlines()):
            section = "[store S0001]"
            kept.insert(kept.index(section) + 1, f"{key} = {value}")
        else:
            kept = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in text.splitlines()]
        text = "\n".join(kept) + "\n"
    return text


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop; insist after ten seconds."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
