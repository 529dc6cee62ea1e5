"""Receipt footers: rows that NAV prints, code pages, widths, fallback."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navplugin.core.profile import CODE_PAGES
from navplugin.nav.contract import BY_SERVICE
from navplugin.receipts.codepage import LOST, fit
from navplugin.receipts.footer import Footer, bare_footer, lines_of, paper_of, render_footer
from navplugin.receipts.paper import WIDTHS, Paper, usual_mm
from navplugin.receipts.preview import preview
from navplugin.receipts.qr import LinkTooLong, longest_link, qr_blocks, qr_png, symbol
from navplugin.receipts.samples import SAMPLE, SAMPLES

TEMPLATES = Path(__file__).parent.parent.parent / "receipt_templates"
NAMES = sorted(p.name.removesuffix(".txt.j2") for p in TEMPLATES.glob("*.j2"))
FOOTER = BY_SERVICE["AIQ_ReceiptFooter"]


def footer(source: str, width: int = 40, **store: Any) -> Footer:
    settings = replace(SAMPLE, receipt_width=width, paper_mm=usual_mm(width), **store)
    return render_footer("wallet", source, settings, path="t.j2")


def said(source: str, width: int = 40, **store: Any) -> list[str]:
    return [p.headline() for p in footer(source, width, **store).problems]


def shipped(template: str, width: int = 40, **store: Any) -> Footer:
    source = (TEMPLATES / f"{template}.txt.j2").read_text("utf-8")
    settings = replace(SAMPLE, receipt_width=width, paper_mm=usual_mm(width), **store)
    return render_footer(template, source, settings, path=template)


# ---- the shipped templates ------------------------------------------------------------------------------------------


def test_wallet_signup_plain_and_one_with_both_languages_ship() -> None:
    assert NAMES == ["bilingual", "plain", "signup", "wallet"]
    texts = " ".join(line.text for line in shipped("bilingual").lines)
    assert "Scan to open your wallet." in texts
    assert "Escanee para abrir su monedero." in texts


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_shipped_template_fits_every_printer_for_every_sample(name: str, width: int) -> None:
    for sample in SAMPLES:
        source = (TEMPLATES / f"{name}.txt.j2").read_text("utf-8")
        settings = replace(sample, receipt_width=width, paper_mm=usual_mm(width))
        found = render_footer(name, source, settings, path=name)
        assert [p for p in found.problems if p.code not in ("lost-character", "long-link")] == []
        assert found.code.startswith(f"{name.upper()}-")
        assert len(found.code) <= FOOTER.field("Code").length
        assert all(len(x.text) <= (width // 2 if x.wide else width) for x in found.lines)


@pytest.mark.parametrize(("name", "url"), [("wallet", SAMPLE.wallet_url), ("signup", SAMPLE.signup_url),
                                           ("bilingual", SAMPLE.wallet_url), ("plain", "")])  # fmt: skip
def test_each_template_bears_its_link_and_nothing_of_a_person(name: str, url: str) -> None:
    assert [x.payload for x in shipped(name).lines if x.payload] == ([url] if url else [])


def test_the_links_without_a_profile_are_those_of_aiq() -> None:
    assert SAMPLE.wallet_url == "https://lab.alpineiq.com/wallet/1234"
    assert SAMPLE.signup_url == "https://lab.alpineiq.com/joinMembers/1234"


# ---- rows -----------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", NAMES)
def test_what_was_printed_can_be_read_back_from_the_rows(name: str) -> None:
    made = shipped(name)
    back = lines_of(made.rows[::-1])
    assert [(x.text, x.align, x.wide, x.bold, x.payload) for x in back] == [
        (x.text, x.align, x.wide, x.bold, x.payload) for x in made.lines
    ]
    for line in back:
        assert bool(line.data) is (line.kind == "Image")
        assert not line.data or line.data == qr_png(symbol(line.payload, 576))


def test_two_codes_one_after_the_other_stay_two() -> None:
    back = lines_of(footer("{{ qr(wallet_url) }}\n{{ qr(signup_url) }}").rows)
    assert [x.payload for x in back if x.kind == "Image"] == [SAMPLE.wallet_url, SAMPLE.signup_url]


@pytest.mark.parametrize("source", ["{{ qr(wallet_url) }}x", "Scan: {{ qr(wallet_url) }}",
                                    "{{ qr(wallet_url) }}{{ qr(signup_url) }}", "{{ store_no }}{{ qr(wallet_url) }}"])
def test_nothing_stands_beside_a_code_so_nothing_gets_into_its_link(source: str) -> None:
    assert "error template-refused: a QR code has something beside it on its line" in said(source)[0]


def test_a_changed_template_or_store_gives_another_code_and_the_same_gives_the_same() -> None:
    assert shipped("wallet").code == shipped("wallet").code
    assert shipped("wallet").code == shipped("wallet", 48).code, "the rows are the same: NAV centres them"
    codes = {shipped("wallet").code, shipped("wallet", 32).code, shipped("wallet", name="Other").code}
    assert len(codes) == 3


# ---- widths ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "lines"),
    [
        ("https://lab.alpineiq.com/wallet/1234", ["https://lab.alpineiq.com/wallet/1234"]),
        ("https://lab.alpineiq.com/joinMembers/1234", ["https://lab.alpineiq.com/", "joinMembers/1234"]),
        ("https://a.example/" + "x" * 90, ["https://a.example/", "x" * 40, "x" * 40, "x" * 10]),
        ("https://" + "h" * 50 + "/w?a=1", ["https://" + "h" * 32, "h" * 18 + "/w?a=1"]),
    ],
)
def test_a_long_address_is_broken_where_a_person_would(url: str, lines: list[str]) -> None:
    found = footer("{{ qr(wallet_url) }}", wallet_url=url)
    assert [x.text for x in found.lines if x.kind == "Text"] == lines


@settings(deadline=None)
@given(st.text(alphabet="abc/?&=.1", min_size=1, max_size=200), st.sampled_from(WIDTHS))
def test_an_address_is_whole_and_fits_however_it_is_broken(path: str, width: int) -> None:
    url = f"https://a.example/{path}"
    found = footer("{{ qr(wallet_url) }}", width, wallet_url=url)
    texts = [x.text for x in found.lines if x.kind == "Text"]
    assert not texts or "".join(texts) == url
    assert all(0 < len(x) <= width for x in texts)


def test_a_value_that_is_too_long_is_broken_and_words_of_the_template_are_an_error() -> None:
    name = "High Mountain Health and Wellness of Northern Arizona, Flagstaff"
    found = footer("{{ store_name | center | bold }}", 32, name=name)
    assert found.problems == ()
    assert [x.text for x in found.lines] == ["High Mountain Health and", "Wellness of Northern Arizona,", "Flagstaff"]
    assert all((x.align, x.bold) == ("C", True) for x in found.lines)
    assert "error line-too-wide: the line has 41 characters, 40 fit" in said("y" * 41)[0]


def test_a_wide_line_has_half_the_characters() -> None:
    assert said("{{ 'x23456789012345678901' | wide }}")
    assert [x.text for x in footer("{{ store_name | wide }}", 32, name="Twenty Four Characters!!").lines] == [
        "Twenty Four", "Characters!!",
    ]  # fmt: skip


def test_a_template_says_for_how_wide_a_line_it_is_made() -> None:
    source = "{# receipt: width=42 #}\n" + "y" * 42
    assert footer(source, 42).problems == ()
    (problem,) = said(source, 40)
    assert "the template is for lines of 42 characters, store S0001 has 40" in problem


@pytest.mark.parametrize("word", ["widht=42", "width=wide", "42"])
def test_a_misspelt_first_line_is_not_lost_in_silence(word: str) -> None:
    (problem,) = said(f"{{# receipt: {word} #}}\nx")
    assert f"error unknown-key: '{word}' says nothing in the template's first line; write width=42" in problem
    assert problem.startswith("t.j2:1:13:")


@pytest.mark.parametrize(("mm", "width", "fits", "cell"), [(58, 32, True, 12), (58, 42, True, 9), (58, 44, False, 9),
                                                           (80, 48, True, 12), (80, 40, True, 12)])  # fmt: skip
def test_which_widths_a_paper_bears(mm: int, width: int, fits: bool, cell: int) -> None:
    assert (Paper(mm, width).fits, Paper(mm, width).cell) == (fits, cell)


# ---- code pages: what-users-expect.md 55 ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "text", "printed"),
    [
        ("cp437", "¿Café niño? ¡Sí! £5 ¥5 ¢5", "¿Café niño? ¡Sí! £5 ¥5 ¢5"),
        ("cp437", "ÁÍÓÚ À", "AIOU A"),
        ("cp850", "ÁÍÓÚ À", "ÁÍÓÚ À"),
        ("cp437", "€10", "EUR10"),
        ("cp858", "€10", "€10"),
        ("cp1252", "€10 ™", "€10 ™"),
        ("iso8859-15", "€10 œ", "€10 œ"),
        ("cp437", "“quoted” – ‘yes’…", '"quoted" - \'yes\'...'),
        ("cp1252", "“quoted” – ‘yes’…", "“quoted” – ‘yes’…"),
        ("cp437", "20\u202f% off\u00a0now", "20 % off now"),
        ("cp437", "Łódź Žižka", "Lódz Zizka"),
        ("cp852", "Łódź Žižka", "Łódź Žižka"),
        ("cp437", "fun \U0001f600 日本", "fun ? ??"),
        ("cp437", "e\u0301", "é"),
        ("cp437", "a\u200bb\ufe0fc", "abc"),
        ("cp437", "½ × 3½", "½ x 3½"),
        ("cp437", "tab\there\x07", "tab here "),
    ],
)
def test_accents_and_currency_signs_survive_or_degrade_visibly(page: str, text: str, printed: str) -> None:
    assert fit(text, page)[0] == printed
    printed.encode(page)


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(CODE_PAGES))
def test_what_is_printed_always_fits_the_page_and_what_fitted_is_left_alone(text: str, page: str) -> None:
    printed, changed = fit(text, page)
    assert printed.encode(page).decode(page) == printed
    assert not any(c < " " for c in printed)
    assert fit(printed, page) == (printed, ())
    assert all(instead != char for char, instead in changed)
    letters = [c for c in text if c.isalnum()]
    assert not letters or LOST in printed or any(c.isalnum() for c in printed) or not printed.isspace()


def test_a_lost_character_is_a_warning_with_its_place_and_the_way_out() -> None:
    (problem,) = said("\n{{ 'Only €5' | center }}")
    assert problem.startswith("t.j2:2:")
    assert "warning lost-character: '€' is not in code page cp437 and prints as 'EUR'" in problem
    assert footer("{{ 'Only €5' | center }}").lines[0].text == "Only EUR5"
    assert said("{{ 'Only €5' | center }}", code_page="cp858") == []


def test_a_line_that_grows_by_its_currency_code_is_measured_as_it_prints() -> None:
    assert "the line has 41 characters" in said("€" + "y" * 38)[-1]


# ---- links and sizes: what-users-expect.md 51 to 53 -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://a.example/" + "x" * 1982, "the address of the QR code has 2000 characters; at most 250 fit"),
        ("ftp://a.example", "needs an address that begins with https://"),
        ("https://a.example/a b", "needs an address that begins with https://"),
        ("https://lab.alpineiq.com/wallet/1234/9f8e7d", "error personal-link"),
        ("https://a.example/?email=ana%40b.example", "error personal-link"),
        ("https://a.example/ana@b.example", "error personal-link"),
        ("https://a.example/5551234567", "error personal-link"),
    ],
)
def test_a_link_that_cannot_be_printed_is_refused(link: str, expected: str) -> None:
    assert expected in said("{{ qr(wallet_url) }}", wallet_url=link)[0]
    assert footer("{{ qr(wallet_url) }}", wallet_url=link).code == ""


@pytest.mark.parametrize(
    ("length", "mm", "level", "dots", "warned"),
    [(36, 58, "Q", 6, False), (46, 80, "Q", 6, False), (47, 80, "M", 6, False), (180, 58, "M", 6, False),
     (181, 58, "M", 5, True), (250, 58, "M", 5, True), (250, 80, "M", 6, False)],
)  # fmt: skip
def test_the_size_comes_from_paper_and_link(length: int, mm: int, level: str, dots: int, warned: bool) -> None:
    url = "https://a.example/" + "x" * (length - 18)
    code = symbol(url, Paper(mm, 32).dots)
    assert (code.level, code.dots) == (level, dots)
    assert code.size <= Paper(mm, 32).dots
    found = footer("{{ qr(wallet_url) }}", 32 if mm == 58 else 48, wallet_url=url)
    assert [p.code for p in found.problems] == (["long-link"] if warned else [])


def test_the_warning_says_how_long_the_link_may_be() -> None:
    url = "https://a.example/" + "x" * 180
    (problem,) = said("{{ qr(wallet_url) }}", 32, wallet_url=url)
    assert "its QR code has 5 dots a module, 6 read better; on this paper that is 180 characters" in problem
    assert longest_link(384) == 180
    assert symbol("https://a.example/" + "x" * (longest_link(384) - 18), 384).dots == 6


def test_with_less_than_four_dots_nothing_is_printed() -> None:
    with pytest.raises(LinkTooLong, match="needs 404 dots, the paper has 384"):
        symbol("https://a.example/" + "x" * 600, 384)
    with pytest.raises(LinkTooLong):
        symbol("x" * 5000, 576)


def test_four_modules_of_white_stand_on_all_sides() -> None:
    matrix = symbol(SAMPLE.wallet_url, 384).matrix
    assert not any(any(row[:4]) or any(row[-4:]) for row in matrix)
    assert not any(any(row) for row in (*matrix[:4], *matrix[-4:]))


def test_the_picture_has_one_bit_a_dot() -> None:
    image = pytest.importorskip("PIL.Image")
    code = symbol(SAMPLE.wallet_url, 576)
    picture = image.open(io.BytesIO(qr_png(code)))
    assert (picture.mode, picture.size) == ("1", (code.size, code.size))
    assert len(base64.b64encode(qr_png(symbol("https://a.example/" + "x" * 232, 384)))) < 6000


@settings(deadline=None)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789/-?=&", min_size=1, max_size=220))
def test_the_terminal_shows_a_whole_code(path: str) -> None:
    rows: list[list[bool]] = []
    dark = {" ": (True, True), "▄": (True, False), "▀": (False, True), "█": (False, False)}
    for line in qr_blocks(f"https://a.example/{path}"):
        upper, lower = zip(*(dark[c] for c in line), strict=True)
        rows += [list(upper), list(lower)]
    assert len(rows) - len(rows[0]) in (0, 1)
    assert not any(any(row[:4]) or any(row[-4:]) for row in rows)


# ---- what prints where a template fails -----------------------------------------------------------------------------


def test_the_bare_footer_always_has_something_to_print() -> None:
    for sample in (*SAMPLES, replace(SAMPLE, name="\U0001f600" * 50)):
        made = bare_footer(replace(sample, receipt_width=32, paper_mm=58))
        assert made.rows
        assert all(len(line.text) <= 32 for line in made.lines)


def test_the_preview_shows_the_paper_with_its_edges() -> None:
    lines = preview(shipped("signup").lines, 40)
    assert len({len(x) for x in lines}) == 1
    assert any("JOIN OUR REWARDS" in x for x in lines)
    assert paper_of(SAMPLE) == Paper(80, 40)
