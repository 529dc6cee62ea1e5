"""`navplugin predict` and `navplugin receipt`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from navplugin.cli.predict import EXAMPLE
from tests.unit.test_cli import navplugin


def test_the_example_predicts_100_off(tmp_path: Path) -> None:
    file = tmp_path / "sale.json"
    file.write_text(EXAMPLE, "utf-8")
    code, out, _ = navplugin("predict", str(file), "--format", "json")
    assert code == 0
    found = json.loads(out)
    assert found["total"] == "100.00"
    assert found["offers"][0]["shares"] == {"FLOWER": "62.50", "VAPE": "37.50"}
    code, out, _ = navplugin("predict", str(file))
    assert "120.00 less 100.00 = 20.00 to pay" in out


def test_why_an_offer_gives_nothing_is_said(tmp_path: Path) -> None:
    file = tmp_path / "sale.json"
    file.write_text(EXAMPLE.replace('"trigger": 100', '"trigger": 200'), "utf-8")
    code, out, _ = navplugin("predict", str(file))
    assert code == 0
    assert "the total is 125.00, the trigger of TDO0004 is 200.00" in out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"lines": [}', ":1:12: error bad-json"),
        ("[]", "must hold a JSON object"),
        ('{"lines": [{"item": "A", "price": 1, "qty": 2}], "offers": []}', "'qty' is not a key of line 1"),
        ('{"lines": [{"price": "x"}], "offers": [{"amount": 1}]}', "'price' of line 1 cannot be 'x'"),
        ('{"lines": [{"price": 1}], "offers": [{"coupon_code": "A"}]}', "needs either 'amount' or 'percent'"),
        ('{"lines": [{"price": NaN}], "offers": [{"amount": 1}]}', "'price' of line 1 cannot be nan"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_1(text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "sale.json"
    file.write_text(text, "utf-8")
    code, out, err = navplugin("predict", str(file))
    assert code == 1, err
    assert expected in out


def test_a_footer_is_previewed_at_the_width_of_the_printer(tmp_path: Path) -> None:
    picture = tmp_path / "qr.png"
    code, out, _ = navplugin("receipt", "preview", "wallet", "--width", "32", "--png", str(picture))
    assert code == 0
    assert "rows in AIQ_ReceiptFooter" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_pipe_with_an_old_code_page_gets_utf_8() -> None:
    code, out, _ = navplugin("receipt", "preview", "wallet", PYTHONUTF8="0", PYTHONIOENCODING="cp1252")
    assert code == 0
    assert "█" in out


def test_a_template_that_is_not_there_gets_the_near_name() -> None:
    code, _, err = navplugin("receipt", "preview", "walet")
    assert code == 3
    assert "did you mean 'wallet'?" in err


def test_a_folder_without_templates_misses_all_three(tmp_path: Path) -> None:
    code, out, _ = navplugin("receipt", "check", str(tmp_path))
    assert code == 1
    assert out.count("no-file") == 3
