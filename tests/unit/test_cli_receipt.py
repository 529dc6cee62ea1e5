"""`navplugin receipt preview|check`, as typed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from navplugin.demo.stage import profile_text
from tests.unit.test_cli import navplugin


def preview(*words: str, **env: str) -> tuple[int, str, str]:
    return navplugin("receipt", "preview", *words, **env)


def test_without_a_profile_a_sample_with_aiqs_links_is_shown() -> None:
    code, out, _ = preview("signup")
    assert code == 0
    assert "joinMembers/1234" in out
    assert "40 characters on 80 mm" in out


@pytest.mark.parametrize(("options", "said"), [(("--paper", "58"), "32 characters on 58 mm"),
                                               (("--paper", "58", "--width", "42"), "42 characters on 58 mm"),
                                               (("--width", "48"), "48 characters on 80 mm"),
                                               (("--width", "32"), "32 characters on 58 mm")])  # fmt: skip
def test_any_paper_can_be_tried(options: tuple[str, ...], said: str) -> None:
    code, out, _ = preview("wallet", *options)
    assert code == 0
    assert said in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--paper", "76"), "--paper is 58 or 80"),
        (("--width", "41"), "--width is one of 32, 40, 42, 44, 48"),
        (("--paper", "58", "--width", "48"), "48 characters do not fit on 58 mm of paper"),
        (("--code-page", "cp85"), "there is no code page 'cp85'; did you mean 'cp865'?"),
        (("--receipt", "R1"), "there is no profile navplugin.ini; name the one of the site with --config"),
        (("--config", "none.ini"), "there is no profile none.ini"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    code, _, err = navplugin("receipt", "preview", "wallet", *options, cwd=tmp_path)
    assert (code, said in err) == (3, True), err


def test_a_picture_and_bytes_for_the_printer_are_written(tmp_path: Path) -> None:
    picture, commands = tmp_path / "footer.png", tmp_path / "footer.bin"
    code, out, err = preview("wallet", "--paper", "58", "--png", str(picture), "--escpos", str(commands),
                             "--format", "json")  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["code"].startswith("WALLET-")
    zxingcpp: Any = pytest.importorskip("zxingcpp", reason="zxing-cpp reads the QR codes; install navplugin[test]")
    image: Any = pytest.importorskip("PIL.Image")
    (found,) = zxingcpp.read_barcodes(image.open(io.BytesIO(picture.read_bytes())))
    assert found.text == "https://lab.alpineiq.com/wallet/1234"
    assert commands.read_bytes().startswith(b"\x1b@")


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    code, _, err = preview("wallet", "--png", str(tmp_path / "none" / "x.png"))
    assert (code, "cannot write" in err) == (3, True)


def test_json_holds_rows_and_lines() -> None:
    code, out, _ = preview("bilingual", "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert found["rows"][0]["Line_No"] == 10000
    assert {"kind": "Text", "text": "YOUR REWARDS", "align": "C", "wide": False, "bold": True, "payload": ""} in (
        found["lines"]
    )


def test_a_pipe_with_an_old_code_page_gets_utf_8() -> None:
    code, out, _ = preview("wallet", PYTHONUTF8="0", PYTHONIOENCODING="cp1252")
    assert code == 0
    assert "█" in out


def test_a_template_that_is_not_there_gets_the_near_name() -> None:
    code, _, err = preview("walet")
    assert (code, "did you mean 'wallet'?" in err) == (3, True)


def test_a_template_file_of_ones_own_with_a_mistake_is_shown_its_place(tmp_path: Path) -> None:
    own = tmp_path / "own.txt.j2"
    own.write_text("{{ 'Hi' | center }}\n{{ qr(walet_url) }}\n", "utf-8")
    code, out, _ = preview(str(own))
    assert code == 1
    assert f"{own}:2:7: error unknown-name" in out


def test_the_store_of_a_profile_gives_width_links_and_code_page(tmp_path: Path) -> None:
    profile = tmp_path / "site.ini"
    text = profile_text("http://127.0.0.1:9", {})
    profile.write_text(text + "receipt-width = 32\ncode-page = cp858\nqr-mode = Native\n", "utf-8")
    own = tmp_path / "own.txt.j2"
    own.write_text("{{ 'Only €5' }}\n{{ qr(wallet_url) }}\n", "utf-8")
    commands = tmp_path / "x.bin"
    code, out, err = preview(str(own), "--config", str(profile), "--escpos", str(commands))
    assert code == 0, err
    assert "Only €5" in out
    assert "32 characters on 58 mm" in out
    assert "Only €5".encode("cp858") in commands.read_bytes()
    assert b"\x1dv0" not in commands.read_bytes(), "this printer draws QR codes itself"


def test_a_printer_without_pictures_gets_the_address_alone(tmp_path: Path) -> None:
    profile, commands = tmp_path / "site.ini", tmp_path / "x.bin"
    profile.write_text(profile_text("http://127.0.0.1:9", {}) + "qr-mode = TextOnly\n", "utf-8")
    code, out, err = preview("wallet", "--config", str(profile), "--escpos", str(commands))
    assert code == 0, err
    assert "█" not in out
    assert b"https://lab.alpineiq.com/wallet/1234" in commands.read_bytes()
    assert not any(command in commands.read_bytes() for command in (b"\x1dv0", b"\x1d(k"))


def test_paper_and_width_that_do_not_fit_are_refused_by_check(tmp_path: Path) -> None:
    profile = tmp_path / "site.ini"
    profile.write_text(profile_text("http://127.0.0.1:9", {}) + "receipt-width = 48\npaper-mm = 58\n", "utf-8")
    code, out, _ = navplugin("check", str(profile))
    assert (code, "receipt-width = 48 does not fit on paper-mm = 58" in out) == (1, True)


def test_nav_that_is_away_is_exit_code_2(tmp_path: Path) -> None:
    profile = tmp_path / "site.ini"
    profile.write_text(profile_text("http://127.0.0.1:9", {}), "utf-8")
    code, _, err = preview("--receipt", "R1", "--config", str(profile))
    assert code == 2, err


# ---- check ----------------------------------------------------------------------------------------------------------


def folder_with(tmp_path: Path, **templates: str) -> Path:
    for name in ("wallet", "signup", "plain"):
        (tmp_path / f"{name}.txt.j2").write_text(templates.get(name, "{{ store_name | center }}\n"), "utf-8")
    for name, text in templates.items():
        (tmp_path / f"{name}.txt.j2").write_text(text, "utf-8")
    return tmp_path


def test_check_renders_every_template_for_every_sample(tmp_path: Path) -> None:
    code, out, _ = navplugin("receipt", "check")
    assert (code, "0 errors, 0 warnings in 4 files." in out) == (0, True), out


def test_a_folder_without_templates_misses_all_three(tmp_path: Path) -> None:
    code, out, _ = navplugin("receipt", "check", str(tmp_path))
    assert (code, out.count("no-file")) == (1, 3)


def test_a_line_that_fits_wide_paper_only_is_told_once_with_the_narrowest(tmp_path: Path) -> None:
    place = folder_with(tmp_path, wallet="{{ store_name }}\n" + "y" * 41 + "\n")
    code, out, _ = navplugin("receipt", "check", str(place))
    assert code == 1
    assert out.count("line-too-wide") == 1
    assert "the line has 41 characters, 32 fit on this receipt" in out
    assert navplugin("receipt", "check", str(place), "--width", "42")[0] == 0


def test_a_template_may_say_that_it_is_for_wide_paper(tmp_path: Path) -> None:
    place = folder_with(tmp_path, wide="{# receipt: width=42 #}\n" + "y" * 41 + "\n")
    assert navplugin("receipt", "check", str(place))[0] == 0


def test_templates_of_ones_own_are_checked_too_and_every_problem_is_told(tmp_path: Path) -> None:
    place = folder_with(tmp_path, wallet="{{ a }}\n{{ b }}\n", sunday="{{ qr(store_no) }}\n")
    (tmp_path / "latin.txt.j2").write_bytes(b"caf\xe9")
    code, out, _ = navplugin("receipt", "check", str(place), "--format", "json")
    found = json.loads(out)
    assert (code, found["files"]) == (1, 4)
    assert sorted(p["code"] for p in found["problems"]) == ["bad-address", "no-file", "unknown-name", "unknown-name"]


def test_a_character_that_the_printer_lacks_is_a_warning(tmp_path: Path) -> None:
    code, out, _ = navplugin("receipt", "check", str(folder_with(tmp_path, wallet="Only €5\n")))
    assert code == 0
    assert out.count("lost-character") == 1
