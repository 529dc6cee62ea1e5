"""A ledger as version 1 left it, whatever version has it now: the next start must bring it up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

TABLES: Mapping[str, str] = {
    "meta": "name value",
    "watch": "company epoch owner taken_at",
    "claim": "key company store_no receipt_no sale_guid coupon_code generation member_card_no discount_id offer_no "
    "points_cost promised points end line_seen not_before redemption_id applied reason reusable told refunding "
    "created_at changed_at",
    "claim_journal": "id at key move points end note",
    "effect": "id at company receipt_no op page row_key once_key outcome finished_at",
    "person": "company member_card_no status contact_id read_at",
    "signup": "key company store_no pos_terminal_no receipt_no sale_guid member_card_no staff_id answer answered_at "
    "terms terms_hash state tries note changed_at",
    "decision": "company receipt_no sale_guid at rules_hash matcher body",
    "report": "id at company receipt_no text",
}
"""What version 1 had: its tables with their columns. Frozen."""
WITH_VERSIONS_OF_THEIR_OWN = ("rule_set", "prompt_asked", "sqlite_sequence")
_META = ("version", "rules-version")


def as_version_1(path: Path) -> None:
    """Turn a ledger that nobody holds into one of version 1, its claims as they are. What only later versions know is
    lost, as it would be; a column that has another name by now gets its old one, without what it held."""
    raw = sqlite3.connect(path, timeout=10)
    try:
        raw.execute("BEGIN IMMEDIATE")
        for (table,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table in TABLES:
                _cut_back(raw, table)
            elif table not in WITH_VERSIONS_OF_THEIR_OWN:
                raw.execute(f"DROP TABLE {table}")
        raw.execute(f"DELETE FROM meta WHERE name NOT IN {_META}")
        raw.execute("UPDATE meta SET value = '1' WHERE name = 'version'")
        raw.commit()
    finally:
        raw.close()


def _cut_back(raw: sqlite3.Connection, table: str) -> None:
    wanted = TABLES[table].split()
    there = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
    for (index, made_by) in raw.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,)
    ).fetchall():
        columns = {row[2] for row in raw.execute(f"PRAGMA index_info({index})")}
        if made_by and not columns <= set(wanted):  # an index holds its columns
            raw.execute(f"DROP INDEX {index}")
    for column in there:
        if column not in wanted:
            raw.execute(f'ALTER TABLE {table} DROP COLUMN "{column}"')
    for column in wanted:
        if column not in there:
            raw.execute(f'ALTER TABLE {table} ADD COLUMN "{column}" TEXT')
