"""The demo's whole story against the other NAVs: over SOAP, and in the names of NAV and of LS Central."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


# Over OData the contract tests cover these names; the story over it is played in test_story.py.
@pytest.mark.parametrize(("transport", "naming"), [("soap", "nav"), ("soap", "lsc")])
def test_the_story_ends_as_expected(tmp_path: Path, transport: str, naming: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "navplugin", "demo", "--play", "--json", str(tmp_path / "out.json"),
         "--state", str(tmp_path / "state"), "--transport", transport, "--naming", naming],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr).decode("utf-8")
    told = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [story["story"] for story in told["stories"] if story["ok"]] == ["a", "b", "c", "d", "e"]
    profile = (tmp_path / "state" / "demo.ini").read_text("utf-8")
    assert f"transport = {transport}" in profile
    assert f"naming = {naming}" in profile
