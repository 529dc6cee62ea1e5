"""The whole story over real HTTP: simulator, worker in a process of its own, receipts that a scanner reads."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from typing import Any

import pytest

from navplugin.demo.stage import SIGNUP_URL, WALLET_URL

zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp reads the QR codes; install navplugin[test]")
Image = pytest.importorskip("PIL.Image", reason="Pillow opens the pictures; install navplugin[test]")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """`navplugin demo --play --json FILE`, as typed."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "navplugin", "demo", "--play", "--json", str(folder / "out.json"),
         "--state", str(folder / "state")],
        capture_output=True, check=False,
    )  # fmt: skip
    out = done.stdout.decode("utf-8")
    assert done.returncode == 0, out + done.stderr.decode("utf-8")
    told = json.loads((folder / "out.json").read_text("utf-8"))
    return {"out": out, "log": (folder / "state" / "worker.log").read_text("utf-8"), **told}


def story(played: dict[str, Any], letter: str) -> dict[str, Any]:
    return next(s for s in played["stories"] if s["story"] == letter)


def test_every_story_ends_as_expected(played: dict[str, Any]) -> None:
    assert played["ok"]
    assert [s["story"] for s in played["stories"]] == ["a", "b", "c", "d", "e"]
    for one in played["stories"]:
        assert one["ok"], one
        assert one["expected"], "a story that expects nothing proves nothing"


@pytest.mark.parametrize(("letter", "url"), [("a", WALLET_URL), ("b", SIGNUP_URL), ("c", WALLET_URL)])
def test_a_scanner_reads_the_qr_code_of_the_receipt(played: dict[str, Any], letter: str, url: str) -> None:
    slip = story(played, letter)["slip"]
    image = Image.open(io.BytesIO(base64.b64decode(slip["qr_png"])))
    (code,) = zxingcpp.read_barcodes(image)
    assert code.text == url == slip["qr_payload"]


def test_the_address_stands_below_the_qr_code_for_phones_without_a_camera(played: dict[str, Any]) -> None:
    lines = "".join(line.strip() for line in story(played, "c")["slip"]["lines"])
    assert WALLET_URL.removeprefix("https://") in lines


def test_a_receipt_never_shows_a_points_balance(played: dict[str, Any]) -> None:
    text = "\n".join(story(played, "c")["slip"]["lines"]).lower()
    assert "points" not in text
    assert "500" not in text


def test_why_a_discount_was_not_offered_is_one_sentence(played: dict[str, Any]) -> None:
    (step,) = [s for s in story(played, "c")["steps"] if "rules explain" in s["title"]]
    assert step["seen"] == "AP0004 not offered: transaction is 75.00, needs 100.00 (25.00 short)."


def test_the_log_holds_no_secret_and_no_personal_data(played: dict[str, Any]) -> None:
    assert "demo-key" not in played["log"]
    for number in range(1001, 1007):
        assert f"555010{number}" not in played["log"]
    assert "Traceback" not in played["log"]


def test_what_is_printed_in_a_pipe_is_plain_text(played: dict[str, Any]) -> None:
    assert "\x1b[" not in played["out"]
    assert "as expected" in played["out"]
