"""Every template on every paper, as the printer's picture and as a phone may see it: the QR code is read back.

`pytest tests/unit/test_receipt_scans.py -s` prints how many of each kind were read.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from navplugin.receipts.footer import paper_of, render_footer
from navplugin.receipts.paper import DOTS, WIDTHS, Paper
from navplugin.receipts.samples import SAMPLES
from tests.unit.test_receipts import NAMES, TEMPLATES

zxingcpp: Any = pytest.importorskip("zxingcpp", reason="zxing-cpp reads the QR codes; install navplugin[test]")
pytest.importorskip("PIL", reason="Pillow draws the pictures; install navplugin[test]")

from PIL import Image, ImageEnhance, ImageFilter  # noqa: E402

from navplugin.receipts.picture import footer_png  # noqa: E402

Picture = Image.Image
LINKS = [s for n, s in enumerate(SAMPLES) if s.wallet_url not in [x.wallet_url for x in SAMPLES[:n]]]
"""Samples with a link of their own: what else they differ in is not part of a code."""


def tilted(degrees: float) -> Callable[[Picture], Picture]:
    return lambda image: image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def blurred(dots: float) -> Callable[[Picture], Picture]:
    return lambda image: image.filter(ImageFilter.GaussianBlur(dots))


def leaning(image: Picture) -> Picture:
    """Seen from below: the far edge is a fifth shorter."""
    wide, high = image.size
    corners = (-0.1 * wide, 0, 0, high, wide, high, 1.1 * wide, 0)
    return image.transform(image.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor=255)


def faded(image: Picture) -> Picture:
    """Thermal paper after weeks in a pocket: a third of the contrast, and grey."""
    return ImageEnhance.Contrast(image).enhance(0.33).point(lambda dot: int(dot * 0.8))


def small(image: Picture) -> Picture:
    """Held far away: half of the dots."""
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR)


def together(*steps: Callable[[Picture], Picture]) -> Callable[[Picture], Picture]:
    def all_of(image: Picture) -> Picture:
        for step in steps:
            image = step(image)
        return image

    return all_of


SEEN: dict[str, Callable[[Picture], Picture]] = {
    "as printed": lambda image: image,
    "blurred 1.5 dots": blurred(1.5),
    "blurred 2.5 dots": blurred(2.5),
    "tilted 7 degrees": tilted(7),
    "tilted -30 degrees": tilted(-30),
    "upside down": tilted(180),
    "leaning": leaning,
    "faded": faded,
    "half the dots": small,
    "blurred, tilted, faded": together(blurred(1.5), tilted(12), faded),
}


def pictures() -> Iterator[tuple[str, str, Picture, str]]:
    """Template and paper, the link, the picture, the level that was read back is checked by the caller."""
    for name, width, mm in itertools.product(NAMES, WIDTHS, DOTS):
        if not Paper(mm, width).fits:
            continue
        for sample in SAMPLES:
            store = replace(sample, receipt_width=width, paper_mm=mm)
            source = (TEMPLATES / f"{name}.txt.j2").read_text("utf-8")
            footer = render_footer(name, source, store, path=name)
            link = next((line.payload for line in footer.lines if line.kind == "QR"), "")
            if link and sample in LINKS:
                image = Image.open(io.BytesIO(footer_png(footer.lines, paper_of(store))))
                yield f"{name} {width} characters {mm} mm", link, image, store.name


def test_every_code_on_every_paper_is_read_back_also_blurred_and_tilted() -> None:
    read, seen, missed = dict.fromkeys(SEEN, 0), 0, []
    for what, link, image, store in pictures():
        seen += 1
        for kind, see in SEEN.items():
            found = zxingcpp.read_barcodes(see(image))
            if [code.text for code in found] == [link]:
                read[kind] += 1
            else:
                missed.append(f"{what} {store}: {kind}")
    print(f"\n{'as seen':<26}{'read':>6}{'of':>6}{'rate':>8}")
    for kind, number in read.items():
        print(f"{kind:<26}{number:>6}{seen:>6}{number / seen:>8.1%}")
    assert seen == 3 * 8 * len(LINKS)
    assert missed == []


@pytest.mark.parametrize("name", [n for n in NAMES if n != "plain"])
def test_without_margin_or_with_two_dots_a_module_the_check_fails(name: str) -> None:
    """The check above can fail: what the references warn of is not read."""
    _, _, image, _ = next(p for p in pictures() if p[0].startswith(name))
    tiny = image.resize((image.width // 5, image.height // 5), Image.Resampling.BILINEAR)
    assert zxingcpp.read_barcodes(blurred(1.5)(tiny)) == []
