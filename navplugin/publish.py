"""Writes what the POS session must find before any sale: receipt footers by store and kind, and AIQ_Setup."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from navplugin.core.errors import AlreadyThere, Conflict, UnknownOutcome
from navplugin.core.model import Effect, Op, StagedRow, StoreSettings
from navplugin.core.ports import BATCH, JournalReader, NavWriter
from navplugin.reconcile import differing

log = logging.getLogger("navplugin.publish")

FOOTER = "AIQ_ReceiptFooter"
SETUP = "AIQ_Setup"


@dataclass(frozen=True, slots=True)
class FooterText:
    """A rendered footer: its code (kind and hash of the content) and its rows, keyed by Line_No."""

    code: str
    rows: tuple[Mapping[str, Any], ...]


def publish_store(
    store: StoreSettings,
    footers: Mapping[str, FooterText],
    setup: Mapping[str, Any],
    reader: JournalReader,
    writer: NavWriter,
) -> int:
    """Bring one store's footers and setup row up to date; the number of writes.

    Footers of older codes stay: receipts that name them may be reprinted (design.md 7 item 5).
    """
    effects = _effects(store, footers, setup, reader)
    try:
        for start in range(0, len(effects), BATCH):
            _write(writer, effects[start : start + BATCH])
    except (AlreadyThere, Conflict, UnknownOutcome) as met:
        log.info("%s; reading back, then writing row by row", met)
        _write_singly(writer, _effects(store, footers, setup, reader))
    return len(effects)


def _effects(
    store: StoreSettings, footers: Mapping[str, FooterText], setup: Mapping[str, Any], reader: JournalReader
) -> list[Effect]:
    effects: list[Effect] = []
    there = {r.key: r for r in reader.read_rows(FOOTER, {"Store_No": store.store_no})}
    for footer in footers.values():
        effects += _footer_effects(store.store_no, footer, there)
    return effects + _setup_effects(store.store_no, setup, reader.read_rows(SETUP, {"Store_No": store.store_no}))


def _write(writer: NavWriter, effects: Sequence[Effect]) -> None:
    """Together, so that no receipt prints half a footer; one by one where NAV cannot."""
    if len(effects) < 2 or not writer.write_together(effects):
        _write_singly(writer, effects)


def _write_singly(writer: NavWriter, effects: Sequence[Effect]) -> None:
    for effect in effects:
        try:
            writer.write(effect)
        except AlreadyThere:
            log.info("%s %s was there already", effect.page, effect.key)


def _footer_effects(store_no: str, footer: FooterText, there: Mapping[tuple[Any, ...], StagedRow]) -> list[Effect]:
    effects = []
    for fields in footer.rows:
        key = (store_no, footer.code, fields["Line_No"])
        row = there.get(key)
        values = {name: value for name, value in fields.items() if name not in ("Store_No", "Code", "Line_No")}
        if row is None:
            effects.append(Effect(Op.INSERT, FOOTER, key, values))
        elif changed := differing(values, row.fields):
            effects.append(Effect(Op.UPDATE, FOOTER, key, changed, row.etag))
    return effects


def _setup_effects(store_no: str, setup: Mapping[str, Any], rows: Sequence[StagedRow]) -> list[Effect]:
    row = next(iter(rows), None)
    if row is None:
        return [Effect(Op.INSERT, SETUP, (store_no,), dict(setup))]
    changed = differing(setup, row.fields)
    return [Effect(Op.UPDATE, SETUP, (store_no,), changed, row.etag)] if changed else []
