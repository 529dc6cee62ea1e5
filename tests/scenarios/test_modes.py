"""Points taken at the pick, at [Total] or at posting: the same sale over real HTTP, sold and voided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from navplugin.demo.play import Play, Story
from navplugin.demo.stage import Stage, set_stage
from navplugin.demo.stories import redeem, void


@pytest.fixture(scope="module", params=["posted", "total", "select"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A worker with this `redeem-at`; the demo's AIQ gives points back."""
    mode: str = request.param
    with set_stage(tmp_path_factory.mktemp(mode), changes={"redeem-at": mode}) as one:
        yield one


def play(stage: Stage, act: Any, letter: str) -> Story:
    story = Story(letter, "")
    act(Play(stage, story, "P0001", lambda step: None))
    return story


def faults(story: Story) -> list[tuple[str, str, str]]:
    return [(s.title, s.expected, s.seen) for s in story.steps if not s.ok]


def test_a_sale_takes_the_points_once(stage: Stage) -> None:
    story = play(stage, redeem, "f")
    assert story.ok, (faults(story), story.expected, story.seen)


def test_a_voided_sale_leaves_the_points_where_they_were(stage: Stage) -> None:
    story = play(stage, void, "d")
    assert story.ok, (faults(story), story.expected, story.seen)


def test_without_personal_data_points_are_taken_and_given_back_all_the_same(tmp_path: Path) -> None:
    changes = {
        "redeem-at": "total",
        "refund": "endpoint\npersonal-data = hash\nhash-key = env:NAVPLUGIN_DEMO_KEY",
    }
    with set_stage(tmp_path, changes=changes) as stage:
        for act, letter in ((redeem, "f"), (void, "d")):
            story = play(stage, act, letter)
            assert story.ok, (faults(story), story.expected, story.seen)
        said = b"".join(p.read_bytes() for p in tmp_path.glob("navplugin.db*"))
    for person in (b"M1003", b"M1004", b"contact-1003", b"5550101003"):
        assert person not in said
