"""The worker killed at random moments of a sale, started again, killed again: the end is the same."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import pytest

from navplugin.demo.play import Play, Story
from navplugin.demo.stage import PATIENCE_SECONDS, Stage, set_stage
from navplugin.demo.stories import redeem

MOMENTS = 10
SEED = 20261124


def requests_seen(stage: Stage) -> int:
    """How many requests the worker has sent to NAV and AIQ so far."""
    state = stage.simulator
    return sum(state.doc("nav.requests", {}).values()) + len(state.doc("aiq.calls", []))


def play_c(stage: Stage) -> dict[str, Any]:
    """Story (c) to its end, and what remains of it on the other side."""
    story = Story("c", "killed")
    redeem(Play(stage, story, "P0001", lambda step: None))
    assert story.ok, [(s.title, s.expected, s.seen) for s in story.steps if not s.ok] or (story.expected, story.seen)
    state = stage.state()
    claims = stage.navplugin("ledger", "list", "--state", str(stage.folder / "navplugin.db"))
    return {
        "redemptions": [(r["discount_id"], r["points"], r["refunded"]) for r in state["aiq"]["redemptions"]],
        "points": [p["points"] for p in state["aiq"]["personas"]],
        "discounts": sorted((d["Offer_No"], d["Discount_Amount"]) for d in state["sales"][0]["discounts"]),
        "footer": [c["Information"] for c in state["sales"][0]["infocodes"] if c["Infocode"] == "AIQFOOTER"],
        "grants": sorted((r["Coupon_Code"], r["Status"]) for r in state["staged"]["AIQ_POSTotalDiscountOfferLines"]),
        "claims": [(c["coupon_code"], c["generation"], c["points"], c["end"]) for c in claims],
    }


def kill_at(stage: Stage, moment: int, stop: threading.Event) -> None:
    """SIGKILL (TerminateProcess on Windows) once the worker has sent so many requests; then start another one."""
    begun = requests_seen(stage)
    stage.simulator.wait_until(lambda: stop.is_set() or requests_seen(stage) - begun >= moment, PATIENCE_SECONDS)
    stage.worker.kill()
    stage.worker.wait()
    stage.start_worker()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """The end of the story without a kill, and how many requests it took."""
    with set_stage(tmp_path_factory.mktemp("calm")) as stage:
        begun = requests_seen(stage)
        end = play_c(stage)
        return end, requests_seen(stage) - begun


@pytest.mark.slow
@pytest.mark.parametrize("run", range(MOMENTS))
def test_a_worker_killed_at_a_random_moment_of_a_sale_changes_nothing(
    run: int, undisturbed: tuple[dict[str, Any], int], tmp_path: Path
) -> None:
    end, requests = undisturbed
    moment = random.Random(SEED + run).randint(1, requests)
    with set_stage(tmp_path) as stage:
        stage.may_die = True
        stop = threading.Event()
        killer = threading.Thread(target=kill_at, args=(stage, moment, stop))
        killer.start()
        try:
            assert play_c(stage) == end, f"killed after request {moment} of {requests}"
        finally:
            stop.set()
            killer.join()
