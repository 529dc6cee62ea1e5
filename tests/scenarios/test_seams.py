"""Where two parts of the worker meet: lanes and rechecks, stops and takeovers, a watcher and the ledger beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from navplugin.demo.stage import KEY_VARIABLE, profile_text
from navplugin.simulator.app import Server
from navplugin.site import load_site
from navplugin.wiring import wire
from tests.scenarios.test_watch import sim, site

__all__ = ["site"]


def test_a_prompt_leaves_no_card_in_a_ledger_without_personal_data(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")
    path = tmp_path / "hashed.ini"
    hidden = f"builtin\npersonal-data = hash\nhash-key = env:{KEY_VARIABLE}"
    path.write_text(profile_text(server.url, {"matcher": hidden}), "utf-8")
    loaded = load_site(path)
    assert loaded.site is not None, loaded.problems
    sim(server, "POST", "/till/P0001/check-in", {"member_card_no": "M1001"})
    with wire(loaded.site, lambda _: False) as watch:
        watch.once()
    assert sim(server, "GET", "/state")["staged"]["AIQ_POSPrompts"]
    said = b"".join(p.read_bytes() for p in tmp_path.glob(f"{loaded.site.ledger.name}*"))
    assert said
    assert b"M1001" not in said
