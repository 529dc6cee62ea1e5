"""Receipt footers: rows that NAV prints, QR codes that a scanner reads, templates that cannot do harm."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navplugin.nav.contract import BY_SERVICE
from navplugin.receipts.footer import SAMPLE, Footer, render_footer
from navplugin.receipts.preview import preview
from navplugin.receipts.qr import qr_blocks, qr_matrix, qr_png

TEMPLATES = Path(__file__).parent.parent.parent / "receipt_templates"
FOOTER = BY_SERVICE["AIQ_ReceiptFooter"]


def footer(source: str, width: int = 40) -> Footer:
    return render_footer("wallet", source, replace(SAMPLE, receipt_width=width), path="t.j2")


def said(source: str, width: int = 40) -> list[str]:
    return [p.headline() for p in footer(source, width).problems]


def shipped(name: str, width: int = 40) -> Footer:
    source = (TEMPLATES / f"{name}.txt.j2").read_text("utf-8")
    return render_footer(name, source, replace(SAMPLE, receipt_width=width), path=name)


@pytest.mark.parametrize("name", sorted(p.name.removesuffix(".txt.j2") for p in TEMPLATES.glob("*.j2")))
@pytest.mark.parametrize("width", [32, 40, 42, 44, 48])
def test_every_shipped_template_fits_every_printer(name: str, width: int) -> None:
    found = shipped(name, width)
    assert found.problems == ()
    assert found.code.startswith(f"{name.upper()}-")
    assert len(found.code) <= FOOTER.field("Code").length


@pytest.mark.parametrize(("name", "url"), [("wallet", SAMPLE.wallet_url), ("signup", SAMPLE.signup_url)])
def test_a_scanner_reads_the_code_from_the_rows_as_nav_keeps_them(name: str, url: str) -> None:
    zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp reads the QR codes; install navplugin[test]")
    image = pytest.importorskip("PIL.Image", reason="Pillow opens the pictures; install navplugin[test]")
    data = "".join(row["Data"] for row in shipped(name).rows)
    picture = image.open(io.BytesIO(base64.b64decode(data)))
    (code,) = zxingcpp.read_barcodes(picture)
    assert code.text == url
    assert str(code.ec_level) == "M"
    assert picture.mode == "1"
    assert picture.width >= 4 * len(qr_matrix(url))


def test_every_row_fits_the_nav_contract() -> None:
    for row in shipped("wallet").rows:
        for name, value in row.items():
            field = FOOTER.field(name)
            if field.length:
                assert len(value) <= field.length, name
            if field.options:
                assert value in field.options, name


def test_the_address_is_on_one_row_for_printers_that_draw_codes_themselves_and_below_as_text() -> None:
    rows = shipped("wallet").rows
    assert [r["Payload"] for r in rows if r["Payload"]] == [SAMPLE.wallet_url]
    after = rows[max(n for n, r in enumerate(rows) if r["Kind"] == "Image") + 1]
    assert (after["Kind"], after["Text"], after["Align"]) == ("Text", SAMPLE.wallet_url, "C")


def test_a_long_address_is_broken_to_the_width() -> None:
    url = "https://lab.alpineiq.com/" + "wallet" * 20
    found = render_footer("wallet", "{{ qr(wallet_url) }}", replace(SAMPLE, wallet_url=url), path="t")
    texts = [line.text for line in found.lines if line.kind == "Text"]
    assert "".join(texts) == url
    assert all(len(t) <= 40 for t in texts)


def test_the_code_changes_with_the_content_and_only_with_it() -> None:
    assert shipped("wallet").code == shipped("wallet").code
    assert footer("a").code != footer("b").code
    assert footer("a").code != footer("{{ 'a' | bold }}").code


def test_how_a_line_is_printed_is_said_by_filters() -> None:
    (line,) = footer("{{ 'Hello' | center | bold | wide }}").lines
    assert (line.text, line.align, line.bold, line.wide) == ("Hello", "C", True, True)
    assert [x.text for x in footer("a\n\n{% if store_name %}\nb\n{% endif %}\nc").lines] == ["a", "", "b", "c"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ok\n{{ walet_url }}", "t.j2:2:4: error unknown-name: there is no name 'walet_url'; did you mean 'wallet_"),
        ("{{ 'x' | centre }}", "t.j2:1:10: error unknown-filter: there is no filter 'centre'; did you mean 'center'?"),
        ("{{ qrr(wallet_url) }}", "t.j2:1:4: error unknown-function: there is no function 'qrr'"),
        ("{{ qr() }}", "write {{ qr(wallet_url) }}"),
        ("{% if store_no", "t.j2:1:1: error template-syntax"),
        ("{{ 'x' | wide }}\n" + "y" * 41, "t.j2:2:41: error line-too-wide: the line has 41 characters, 40 fit"),
        ("{{ 'x23456789012345678901' | wide }}", "t.j2:1:21: error line-too-wide: the line has 21 characters, 20 fit"),
        ("{{ qr(store_no) }}", "error bad-address: a QR code needs an address that begins with https://"),
        ("x" * 20_001, "error template-too-long"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_what_to_type(source: str, expected: str) -> None:
    found = said(source)
    assert any(expected in one for one in found), found
    assert footer(source).rows == ()


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}", "{{ store_no.upper() }}", "{{ store_no['x'] }}", "{{ 'a' * 10**9 }}",
        "{% for i in range(10**9) %}{% endfor %}", "{% include 'x' %}", "{% import 'os' as os %}", "{% extends 'x' %}",
        "{% macro m() %}{% endmacro %}", "{% set x = 1 %}", "{{ range(10) }}", "{{ self }}", "{{ [1] }}",
        "{{ cycler }}", "{{ lipsum() }}", "{{ namespace() }}", "{% raw %}x{% endraw %}{{ x.y }}",
        "{{ qr(*['a']) }}", "{{ 'x' | attr('y') }}", "{{ 'x' | map('upper') }}", "{{ 1 + 1 }}", "{{ not_there() }}",
    ],
)  # fmt: skip
def test_a_template_can_do_nothing_but_print(source: str) -> None:
    assert said(source), source


def test_every_problem_of_a_template_is_found_at_once() -> None:
    assert len(said("{{ a }}\n{{ b }}\n{{ 'x' | c }}\n{% for x in y %}{% endfor %}\n")) == 4


@given(st.text(alphabet="{}%#|'ab \n()._*[]0", max_size=60))
def test_no_template_makes_it_fail(source: str) -> None:
    found = footer(source)
    assert bool(found.code) != bool(found.problems)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789/-?=&", min_size=1, max_size=220))
def test_the_terminal_shows_the_same_code_as_the_printer(path: str) -> None:
    url = f"https://a.example/{path}"
    matrix = qr_matrix(url)
    dark = {" ": (True, True), "▄": (True, False), "▀": (False, True), "█": (False, False)}
    rows: list[list[bool]] = []
    for line in qr_blocks(url):
        upper, lower = zip(*(dark[c] for c in line), strict=True)
        rows += [list(upper), list(lower)]
    assert rows[: len(matrix)] == [list(r) for r in matrix]


def test_the_picture_has_a_quiet_zone_and_enough_dots_for_the_longest_address() -> None:
    url = "https://a.example/" + "x" * 232
    assert len(url) == 250
    matrix = qr_matrix(url)
    assert not any(any(row[:4]) or any(row[-4:]) for row in matrix)
    assert len(qr_png(url)) < 4000


def test_the_preview_shows_the_paper_with_its_edges() -> None:
    lines = preview(shipped("signup"), 40)
    assert len({len(x) for x in lines}) == 1
    assert any("Join our rewards" in x for x in lines)
