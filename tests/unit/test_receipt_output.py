"""Receipt footers as a picture and as bytes for an ESC/POS printer, read back."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest

from navplugin.core.profile import CODE_PAGES
from navplugin.receipts.escpos import escpos_page, footer_escpos
from navplugin.receipts.layout import FooterLine
from navplugin.receipts.paper import DOTS, WIDTHS, Paper
from navplugin.receipts.picture import EDGE, footer_png
from navplugin.receipts.qr import qr_png, symbol
from navplugin.receipts.samples import SAMPLE
from tests.unit.test_receipts import NAMES, lines_of, shipped

Image: Any = pytest.importorskip("PIL.Image")
PAPER = Paper(80, 48)


def decoded(image: Any) -> list[str]:
    zxingcpp: Any = pytest.importorskip("zxingcpp", reason="zxing-cpp reads the QR codes; install navplugin[test]")
    return [code.text for code in zxingcpp.read_barcodes(image)]


def raster(data: bytes) -> Any:
    """The picture behind GS v 0, as the printer puts its dots."""
    at = data.index(b"\x1dv0\x00") + 4
    wide, high = int.from_bytes(data[at : at + 2], "little"), int.from_bytes(data[at + 2 : at + 4], "little")
    bits = data[at + 4 : at + 4 + wide * high]
    return Image.frombytes("1", (wide * 8, high), bytes(255 - byte for byte in bits)).convert("L")


def with_white(image: Any) -> Any:
    page = Image.new("L", (image.width + 60, image.height + 60), 255)
    page.paste(image, (30, 30))
    return page


@pytest.mark.parametrize("name", [n for n in NAMES if n != "plain"])
@pytest.mark.parametrize("mm", DOTS)
def test_the_dots_of_the_bytes_are_a_code_that_is_read_back(name: str, mm: int) -> None:
    made = shipped(name, 32 if mm == 58 else 48)
    data = footer_escpos(made.lines, Paper(mm, 32 if mm == 58 else 48), "cp437")
    (link,) = [x.payload for x in made.lines if x.payload]
    assert decoded(with_white(raster(data))) == [link]
    frozen = footer_escpos(lines_of(made.rows), Paper(mm, 32 if mm == 58 else 48), "cp437")
    assert frozen == data, "the rows that NAV keeps print the same"


def test_a_printer_that_draws_codes_itself_gets_the_link_the_level_and_the_size() -> None:
    data = footer_escpos(shipped("wallet").lines, PAPER, "cp437", native=True)
    assert b"\x1dv0" not in data
    link = SAMPLE.wallet_url.encode()
    length = (len(link) + 3).to_bytes(2, "little")
    assert b"\x1d(k" + length + b"1P0" + link in data
    assert b"\x1d(k\x03\x001C\x06" in data, "six dots a module"
    assert b"\x1d(k\x03\x001E2" in data, "level Q"


@pytest.mark.parametrize(
    ("page", "number", "text"), [("cp437", 0, "ñ"), ("cp850", 2, "Á"), ("cp858", 19, "€"), ("cp1252", 16, "€"),
                                 ("iso8859-15", 40, "€")],
)  # fmt: skip
def test_the_printer_is_set_to_the_code_page_and_gets_its_bytes(page: str, number: int, text: str) -> None:
    data = footer_escpos([FooterLine("Text", f"a{text}b")], PAPER, page)
    assert b"\x1bt" + bytes([number]) in data
    assert f"a{text}b\n".encode(page) in data


@pytest.mark.parametrize("page", CODE_PAGES)
def test_every_code_page_of_the_profile_is_one_that_printers_have(page: str) -> None:
    assert footer_escpos([FooterLine("Text", "x")], PAPER, page)
    assert escpos_page(page).replace("ISO_", "ISO").casefold() == page


def test_wide_and_bold_letters_and_alignment_are_commands() -> None:
    line = FooterLine("Text", "Hi", "C", wide=True, bold=True)
    data = footer_escpos([line, FooterLine("Text", "Lo", "R")], PAPER, "cp437")
    hi, lo = data.index(b"Hi"), data.index(b"Lo")
    assert b"\x1d!\x10" in data[:hi]
    assert b"\x1bE\x01" in data[:hi]
    assert b"\x1ba\x01" in data[:hi]
    assert b"\x1d!\x00" in data[hi:lo]
    assert b"\x1bE\x00" in data[hi:lo]
    assert b"\x1ba\x02" in data[hi:lo]


def test_narrow_text_stands_in_the_middle_of_wide_paper() -> None:
    data = footer_escpos(shipped("plain").lines, Paper(80, 40), "cp437")
    assert b"\x1dL" + (48).to_bytes(2, "little") + b"\x1dW" + (480).to_bytes(2, "little") in data


def test_the_bytes_begin_with_a_reset_and_end_with_a_cut() -> None:
    data = footer_escpos(shipped("plain").lines, PAPER, "cp437")
    assert data.startswith(b"\x1b@")
    assert re.search(rb"\x1dV.{0,2}$", data, re.DOTALL)


def test_nothing_is_written_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    footer_escpos(shipped("wallet").lines, PAPER, "cp437")
    footer_escpos(shipped("wallet").lines, PAPER, "cp437", native=True)
    assert capsys.readouterr() == ("", "")


# ---- the picture ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("mm", DOTS)
def test_the_picture_is_as_wide_as_the_paper_and_nothing_touches_its_edge(mm: int, width: int) -> None:
    paper = Paper(mm, width)
    if not paper.fits:
        pytest.skip(f"{width} characters do not fit on {mm} mm")
    image = Image.open(io.BytesIO(footer_png(shipped("bilingual", width).lines, paper)))
    assert image.width == DOTS[mm] + 2 * EDGE
    for box in ((0, 0, EDGE, image.height), (image.width - EDGE, 0, image.width, image.height)):
        assert image.convert("L").crop(box).getextrema() == (255, 255)


def test_the_code_in_the_picture_has_the_dots_of_the_printer() -> None:
    image = Image.open(io.BytesIO(footer_png([FooterLine("QR", payload=SAMPLE.wallet_url)], PAPER))).convert("L")
    code = symbol(SAMPLE.wallet_url, PAPER.dots)
    dark = image.point(lambda dot: 255 - dot).getbbox()
    assert dark is not None
    margin = 2 * 4 * code.dots
    assert (dark[2] - dark[0], dark[3] - dark[1]) == (code.size - margin, code.size - margin)


@pytest.mark.parametrize("char", ["€", "ñ", "Ж"])
def test_every_letter_leaves_a_mark(char: str) -> None:
    image = Image.open(io.BytesIO(footer_png([FooterLine("Text", char)], PAPER))).convert("L")
    assert image.getextrema()[0] == 0


def test_wide_letters_are_twice_as_wide_and_bold_ones_blacker() -> None:
    def ink(line: FooterLine) -> tuple[int, int]:
        image = Image.open(io.BytesIO(footer_png([line], PAPER))).convert("L").point(lambda dot: 255 - dot)
        box = image.getbbox()
        return box[2] - box[0], sum(1 for dot in image.tobytes() if dot)

    plain, line = ink(FooterLine("Text", "HHHH")), FooterLine("Text", "HHHH", bold=True)
    assert ink(replace(line, bold=False, wide=True))[0] > 1.8 * plain[0]
    assert ink(line)[1] > 1.15 * plain[1]


@pytest.mark.parametrize(
    "data", [b"no picture", b"\x89PNG\r\n\x1a\n", qr_png(symbol(SAMPLE.signup_url, 576))[:90], b"GIF89a"]
)  # fmt: skip
def test_a_damaged_picture_in_nav_gives_way_to_the_link(data: bytes) -> None:
    line = FooterLine("Image", payload=SAMPLE.wallet_url, data=data)
    image = Image.open(io.BytesIO(footer_png([line], PAPER)))
    assert decoded(image) == [SAMPLE.wallet_url]
    assert decoded(with_white(raster(footer_escpos([line], PAPER, "cp437")))) == [SAMPLE.wallet_url]


def test_without_picture_and_link_the_rest_prints() -> None:
    lines = [FooterLine("Image", data=b"no picture"), FooterLine("Text", "Thank you")]
    assert b"Thank you" in footer_escpos(lines, PAPER, "cp437")
    assert footer_png(lines, PAPER)


def test_a_picture_that_was_made_for_wider_paper_is_drawn_anew() -> None:
    url = "https://a.example/" + "x" * 232
    line = FooterLine("Image", payload=url, data=qr_png(symbol(url, 576)))
    assert decoded(Image.open(io.BytesIO(footer_png([line], Paper(58, 32))))) == [url]
