"""What the NAV layer costs: CPU of an idle poll, a poll with rows, and a write, over both protocols, as a ratio to bare
`requests` making the same calls in the same run; and reading 5 MB of `$metadata` as a ratio to `lxml` alone.

    python -m tests.bench.nav

The simulated NAV runs in a process of its own, so only the caller's CPU is counted. Each figure is the median of the
rounds, with the least and the greatest; the rounds of the two sides alternate.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import requests
from lxml import etree

from navplugin.core.model import Effect, Op
from navplugin.nav.channel import Channel
from navplugin.nav.edmx import read_edmx
from navplugin.wire import new_session
from tests.nav_site import KEY, USER, connect, simulated

ROUNDS, CALLS = 9, 150
STATUS = "AIQ_POSStatus"


@contextlib.contextmanager
def simulator() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "navplugin", "simulate", "--port", "0", "--state", folder, "--format", "json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            text += process.stdout.readline()
        try:
            yield str(json.loads(text)["aiq"])
        finally:
            process.terminate()
            process.wait(10)


def cpu(act: Callable[[], object], calls: int = CALLS) -> float:
    started = time.process_time()
    for _ in range(calls):
        act()
    return (time.process_time() - started) / calls


def compare(title: str, ours: Callable[[], object], bare: Callable[[], object], calls: int = CALLS) -> None:
    ours(), bare()
    pairs = [(cpu(ours, calls), cpu(bare, calls)) for _ in range(ROUNDS)]
    ratios = [one / other for one, other in pairs]
    own, limit = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
    median = statistics.median(ratios)
    spread = f"{min(ratios):5.2f} to {max(ratios):5.2f}"
    print(f"{title:42} {own:8.2f} ms {limit:8.2f} ms {median:7.2f}  {spread}", flush=True)


def note_calls(session: requests.Session) -> list[requests.PreparedRequest]:
    """The requests that a session sends, as they are sent."""
    sent: list[requests.PreparedRequest] = []
    real = session.send

    def send(request: requests.PreparedRequest, **more: object) -> requests.Response:
        sent.append(request)
        return real(request, **more)

    session.send = send  # type: ignore[method-assign, assignment]
    return sent


def again(session: requests.Session, request: requests.PreparedRequest) -> Callable[[], object]:
    """The same call by bare requests, its answer read as JSON or XML."""
    kept = {"accept", "prefer", "content-type", "soapaction", "odata-maxversion"}
    headers = {name: value for name, value in request.headers.items() if name.lower() in kept}

    def call() -> object:
        answer = session.request(str(request.method), str(request.url), data=request.body, headers=headers, timeout=20)
        content = answer.content
        return json.loads(content) if content[:1] == b"{" else etree.fromstring(content)

    return call


def bench_protocol(url: str, transport: str) -> None:
    reader, writer = connect(simulated(url, transport=transport))
    inner = reader.transport.http.channel if transport == "odata" else reader.transport._channel  # type: ignore[attr-defined]
    assert isinstance(inner, Channel)
    sent = note_calls(inner.session)
    bare = new_session()
    bare.auth = (USER, KEY)

    def measure(title: str, act: Callable[[], object], calls: int = CALLS) -> None:
        act()
        compare(f"{title}, {transport}", act, again(bare, sent[-1]), calls)
        sent.clear()

    measure("idle poll (no row)", lambda: reader.read_changed_sales(10**9))
    measure("read of 100 rows", lambda: reader.read_rows(STATUS, {}), 40)
    row = reader.read_rows(STATUS, {"Receipt_No": "R0"})[0]
    tags = [row.etag]

    def update() -> None:
        made = writer.write(Effect(Op.UPDATE, STATUS, ("R0",), {"Display_Text": "Member"}, tags[-1]))
        assert made is not None
        tags[:] = [made.etag]

    update()
    stale = again(bare, sent[-1])  # the same call; NAV refuses its old tag, which costs the caller no less
    compare(f"update, {transport} (bare: refused)", update, stale)


def bench_metadata() -> None:
    types = "".join(
        f'<EntityType Name="T{n}">'
        + "".join(f'<Property Name="Field_{m}" Type="Edm.String" MaxLength="100"/>' for m in range(38))
        + "</EntityType>"
        for n in range(2100)
    )
    head = '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    schema = f'<Schema Namespace="NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}</Schema>'
    data = f"{head}{schema}</edmx:DataServices></edmx:Edmx>".encode()
    pieces = [data[at : at + 2**16] for at in range(0, len(data), 2**16)]

    def bare() -> None:
        for _, element in etree.iterparse(io.BytesIO(data), events=("end",)):
            element.clear()

    title = f"$metadata of {len(data) / 1e6:.1f} MB"
    compare(title, lambda: read_edmx(pieces, lambda name: name.startswith("AIQ_")), bare, 1)


def main() -> None:
    logging.disable(logging.WARNING)
    print(f"{'':42} {'navplugin':>11} {'bare':>11} {'ratio':>7}  spread of {ROUNDS} rounds")
    with simulator() as url:
        _, writer = connect(simulated(url))
        for number in range(100):
            writer.write(Effect(Op.INSERT, STATUS, (f"R{number}",), {"Member_Status": "Member"}))
        for transport in ("odata", "soap"):
            bench_protocol(url, transport)
    bench_metadata()


if __name__ == "__main__":
    main()
