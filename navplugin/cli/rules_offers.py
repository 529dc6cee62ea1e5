"""Coupon codes of Total Discount Offers, for `rules check`: from a file, or from NAV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from navplugin.cli.output import Exit, Format, emit_problems, fail
from navplugin.core.errors import NavpluginError
from navplugin.site import load_site
from navplugin.wiring import look_into

OffersOption = Annotated[
    Path | None,
    typer.Option("--offers", help="Offers as JSON (that of predict, or a list of coupon codes) or one code a line."),
]
ProfileOption = Annotated[Path | None, typer.Option("--config", help="Read the offers from NAV, as this profile says.")]


def known_codes(offers: Path | None, config: Path | None) -> list[str] | None:
    """Coupon codes from the file or from NAV; None where neither is named."""
    if offers is not None:
        return _from_file(offers)
    if config is None:
        return None
    loaded = load_site(config, rules_may_wait=True)
    if loaded.site is None:
        raise typer.Exit(int(emit_problems(loaded.problems, loaded.files, Format.TEXT)))
    try:
        with look_into(loaded.site) as looker:
            return [offer.coupon_code for offer in looker.offers if offer.coupon_code]
    except NavpluginError as problem:
        fail(str(problem), Exit.UNREACHABLE)


def _from_file(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as wrong:
        fail(f"the offers in {path} cannot be read: {getattr(wrong, 'strerror', None) or 'not UTF-8 text'}")
    if not text.lstrip().startswith(("{", "[")):
        return [line.strip().upper() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        data: Any = json.loads(text)
    except ValueError as wrong:
        fail(f"the offers in {path} are no JSON: {wrong}", Exit.PROBLEMS)
    listed = data.get("offers", []) if isinstance(data, dict) else data
    codes = [x.get("coupon_code", "") if isinstance(x, dict) else x for x in listed] if isinstance(listed, list) else []
    return [str(code).strip().upper() for code in codes if code]
