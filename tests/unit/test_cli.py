"""The command line as a person meets it: one clear sentence, the right exit code, never a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from navplugin.demo.stage import KEY_VARIABLE, profile_text


def navplugin(*words: str, cwd: Path | None = None, **env: str) -> tuple[int, str, str]:
    """Run the program as typed: exit code, what it printed, what it complained of."""
    done = subprocess.run(
        [sys.executable, "-m", "navplugin", *words], capture_output=True, check=False, cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "200", "PYTHONUTF8": "1", KEY_VARIABLE: "demo-key", **env},
    )  # fmt: skip
    out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    assert "Traceback" not in out + err, err
    return done.returncode, out, err


def a_free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile whose NAV and AIQ are not there."""
    path = tmp_path / "site.ini"
    path.write_text(profile_text(f"http://127.0.0.1:{a_free_port()}", {}), "utf-8")
    return path


def test_an_unknown_command_is_one_sentence() -> None:
    code, _, err = navplugin("rulez")
    assert code == 3
    assert "No such command 'rulez'" in err


def test_an_unknown_option_is_one_sentence() -> None:
    code, _, err = navplugin("demo", "--plai")
    assert code == 3
    assert "No such option: --plai" in err


def test_without_a_command_it_teaches() -> None:
    _, out, err = navplugin()
    assert "demo --play" in out + err


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_a_port_in_use_is_one_sentence(command: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = navplugin(command, "--port", str(port), "--state", str(tmp_path / "s"))
    assert code == 3
    assert f"Port {port} is in use" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_a_state_folder_that_cannot_be_used_is_one_sentence(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", "utf-8")
    code, _, err = navplugin(command, "--port", "0", "--state", str(tmp_path / "file" / "state"))
    assert code == 3
    assert str(tmp_path / "file") in err
    assert len(err.strip().splitlines()) == 1


def test_nav_that_cannot_be_reached_is_one_line_and_exit_code_2(profile: Path) -> None:
    for words in (("run", "--once"), ("run",)):
        code, _, err = navplugin(*words, "--config", str(profile))
        assert code == 2
        assert "NAV" in err.strip().splitlines()[-1]


def test_a_profile_that_is_not_there_is_a_problem_with_a_hint(tmp_path: Path) -> None:
    code, out, _ = navplugin("run", "--config", str(tmp_path / "none.ini"))
    assert code == 1
    assert "none.ini:1:1: error no-file" in out
    assert "--config" in out


def test_a_secret_that_is_not_set_is_named_and_nothing_runs(profile: Path) -> None:
    code, _, err = navplugin("run", "--config", str(profile), **{KEY_VARIABLE: ""})
    assert code == 1
    assert f"environment variable {KEY_VARIABLE} is not set" in err


def test_every_problem_of_every_file_is_said_and_nothing_is_half_loaded(tmp_path: Path) -> None:
    rules, templates = tmp_path / "rules", tmp_path / "receipt_templates"
    rules.mkdir()
    templates.mkdir()
    (rules / "bad.ini").write_text("[A rule]\non = walet\nif Amount Shrt is >0\nthn = hide-discount x\n", "utf-8")
    for name in ("wallet", "signup", "plain"):
        (templates / f"{name}.txt.j2").write_text("Hello {{ storre }}\n", "utf-8")
    text = profile_text("http://127.0.0.1:1", {"receipt-width": "41"})
    text = "\n".join(
        f"rules = {rules}" if x.startswith("rules =") else
        f"receipt-templates = {templates}" if x.startswith("receipt-templates =") else x
        for x in text.splitlines()
    )  # fmt: skip
    (tmp_path / "site.ini").write_text(text, "utf-8")
    code, out, _ = navplugin("check", str(tmp_path / "site.ini"), str(rules), str(templates))
    assert code == 1
    assert "receipt-width cannot be '41'" in out
    assert "bad.ini:2:6" in out
    assert "did you mean 'wallet'?" in out
    assert "bad.ini:3:4" in out
    assert "did you mean 'Amount Short'?" in out
    assert "bad.ini:4:1" in out
    assert "did you mean 'then'?" in out
    assert "wallet.txt.j2:1" in out
    assert "errors" in out.strip().splitlines()[-1]


def test_the_shipped_rules_and_templates_have_no_problem() -> None:
    root = Path(__file__).parent.parent.parent
    code, out, _ = navplugin("check", "rules", "receipt_templates", cwd=root)
    assert code == 0, out
    assert "0 errors, 0 warnings" in out


def test_json_goes_with_play(tmp_path: Path) -> None:
    code, _, err = navplugin("demo", "--json", str(tmp_path / "x.json"))
    assert code == 3
    assert "--play" in err


def test_a_ledger_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    code, _, err = navplugin("ledger", "list", "--state", str(tmp_path / "none.db"))
    assert code == 3
    assert "no ledger at" in err


def test_an_end_that_no_claim_has_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    code, _, err = navplugin("ledger", "list", "--end", "LOST", "--state", str(tmp_path / "none.db"))
    assert code == 3
    assert "OWED" in err
