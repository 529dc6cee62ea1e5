"""Tables of the ledger and the forward-only migrations. Amounts and points are text, so that no digit is lost."""

from __future__ import annotations

import uuid

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateColumn

VERSION = 3
METADATA = MetaData()

META = Table("meta", METADATA, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

WATCH = Table(
    "watch",
    METADATA,
    Column("company", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("taken_at", Text, nullable=False),
    Column("step", Integer, nullable=False, server_default="0"),
    Column("take_over_no", Integer, nullable=False, server_default="0"),
)
"""Who writes for a company. step: calls that move points, as they were recorded; take_over_no: how often a ledger took
the company over, 0 while this one was never in charge (both stand in NAV's AIQ_Ledger too)."""

CLAIM = Table(
    "claim",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("company", Text, nullable=False),
    Column("store_no", Text, nullable=False),
    Column("receipt_no", Text, nullable=False),
    Column("sale_guid", Text, nullable=False),
    Column("coupon_code", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("member_card_no", Text, nullable=False),
    Column("discount_id", Text, nullable=False),
    Column("offer_no", Text, nullable=False),
    Column("points_cost", Text, nullable=False),
    Column("promised", Text, nullable=False),
    Column("points", Text, nullable=False),
    Column("end", Text, nullable=False),
    Column("line_seen", Boolean, nullable=False),
    Column("sent_at", Text),
    Column("redemption_id", Text, nullable=False),
    Column("applied", Text),
    Column("reason", Text, nullable=False),
    Column("reusable", Boolean, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("refunding", Boolean, nullable=False),
    Column("staff_id", Text, nullable=False, server_default=""),
    Column("pos_terminal_no", Text, nullable=False, server_default=""),
    Column("taken_at", Text),
    Column("missing_since", Text),
    Column("collect", Text, nullable=False, server_default=""),
    Column("given_back", Text, nullable=False, server_default=""),
    Column("voided", Boolean, nullable=False, server_default=false()),
    Column("resolved", Text, nullable=False, server_default=""),
    Column("contact_id", Text, nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("balance_before", Text),
    Column("balance_position", Integer, nullable=False, server_default="0"),
    Column("taken_position", Integer, nullable=False, server_default="0"),
    Column("doubtful", Boolean, nullable=False, server_default=false()),
    Column("created_at", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    UniqueConstraint("company", "receipt_no", "sale_guid", "coupon_code", "generation"),
)
Index("claim_receipt", CLAIM.c.company, CLAIM.c.receipt_no)
Index("claim_member", CLAIM.c.company, CLAIM.c.member_card_no, CLAIM.c.end)

CLAIM_JOURNAL = Table(
    "claim_journal",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("key", Text, nullable=False, index=True),
    Column("move", Text, nullable=False),
    Column("points", Text, nullable=False),
    Column("end", Text, nullable=False),
    Column("note", Text, nullable=False),
)

EFFECT = Table(
    "effect",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("receipt_no", Text, nullable=False, index=True),
    Column("op", Text, nullable=False),
    Column("page", Text, nullable=False),
    Column("row_key", Text, nullable=False),
    Column("once_key", Text, nullable=False, index=True),
    Column("outcome", Text, nullable=False),
    Column("finished_at", Text),
)

PERSON = Table(
    "person",
    METADATA,
    Column("company", Text, primary_key=True),
    Column("member_card_no", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("read_at", Text, nullable=False),
)

SIGNUP = Table(
    "signup",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("company", Text, nullable=False),
    Column("store_no", Text, nullable=False),
    Column("pos_terminal_no", Text, nullable=False),
    Column("receipt_no", Text, nullable=False),
    Column("sale_guid", Text, nullable=False),
    Column("member_card_no", Text, nullable=False),
    Column("staff_id", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered_at", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("terms_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
)

DECISION = Table(
    "decision",
    METADATA,
    Column("company", Text, primary_key=True),
    Column("receipt_no", Text, primary_key=True),
    Column("sale_guid", Text, primary_key=True),
    Column("at", Text, nullable=False),
    Column("rules_hash", Text, nullable=False),
    Column("matcher", Text, nullable=False),
    Column("body", Text, nullable=False),
)

REPORT = Table(
    "report",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("receipt_no", Text, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("company", "receipt_no", "text"),
)

FIGURE = Table(
    "figure",
    METADATA,
    Column("company", Text, primary_key=True),
    Column("receipt_no", Text, primary_key=True),
    Column("sale_guid", Text, primary_key=True),
    Column("offer_no", Text, primary_key=True),
    Column("coupon_code", Text, nullable=False),
    Column("predicted", Text, nullable=False),
    Column("at_total", Text),
    Column("posted", Text),
    Column("changed_at", Text, nullable=False),
)
"""What each offer was to give on a receipt, and what NAV gave (version 2)."""


RETURN_LINE = Table(
    "return_line",
    METADATA,
    Column("company", Text, primary_key=True),
    Column("sold_receipt_no", Text, primary_key=True),
    Column("receipt_no", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("quantity", Text, nullable=False),
)
"""What posted returns took back: the sold receipt, the return's own receipt, item number and quantity."""

PRESENCE = Table(
    "presence",
    METADATA,
    Column("company", Text, primary_key=True),
    Column("receipt_no", Text, primary_key=True),
    Column("sale_guid", Text, primary_key=True),
    Column("member_card_no", Text, primary_key=True),
    Column("how", Text, nullable=False),
    Column("staff_id", Text, nullable=False),
    Column("asked_at", Text),
    Column("tries", Integer, nullable=False),
    Column("at", Text, nullable=False),
)
"""The PIN on one sale. how: asked, pin, bypass."""

MAPPED = Table(
    "mapped",
    METADATA,
    Column("company", Text, primary_key=True),
    Column("coupon_code", Text, primary_key=True),
    Column("discount_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("points_cost", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
)
"""Coupon codes that AIQ's discounts bear, as any wallet showed them last."""

DOUBTFUL_SALE = Table(
    "doubtful_sale",
    METADATA,
    Column("company", Text, primary_key=True),
    Column("receipt_no", Text, primary_key=True),
    Column("sale_guid", Text, primary_key=True),
)
"""Sales that NAV held when this ledger took the company over: their points may have moved already (version 3)."""

NEW_IN_2 = (FIGURE, RETURN_LINE, PRESENCE, MAPPED)
NEW_IN_3 = (DOUBTFUL_SALE,)
NEW_COLUMNS = {
    CLAIM: (
        "staff_id", "pos_terminal_no", "taken_at", "missing_since", "collect", "given_back", "voided", "resolved",
        "contact_id", "attempt", "balance_before", "balance_position", "taken_position", "doubtful",
    ),
    WATCH: ("step", "take_over_no"),
}  # fmt: skip
RENAMED = {"not_before": "sent_at"}
"""Columns of claims that had another name before version 3."""
LEDGER_ID = "ledger-id"
"""Name in `meta` of what tells this ledger from every other."""


def read_version(connection: Connection) -> int:
    """The schema version of an existing ledger, 0 for an empty database."""
    if not connection.dialect.has_table(connection, "meta"):
        return 0
    value = connection.execute(select(META.c.value).where(META.c.name == "version")).scalar()
    return int(value) if value else 0


def is_empty(connection: Connection) -> bool:
    """Whether the database has no table at all."""
    return not inspect(connection).get_table_names()


def is_whole(connection: Connection) -> bool:
    """Whether it has every table and column of this version, so that `migrate` would change nothing."""
    if read_version(connection) != VERSION:
        return False
    there = set(inspect(connection).get_table_names())
    return all(
        name in there and {c.name for c in table.c} <= _columns(connection, table)
        for name, table in METADATA.tables.items()
    )


def migrate(connection: Connection) -> None:
    """Bring the ledger to VERSION, step by step, never back. A table or column that is new is made where missing.

    What is cut off is undone whole.
    """
    before = read_version(connection)
    METADATA.create_all(connection)
    if before < VERSION and not connection.execute(select(META.c.value).where(META.c.name == LEDGER_ID)).scalar():
        connection.execute(META.insert().values(name=LEDGER_ID, value=uuid.uuid4().hex))
    if before == 0:
        connection.execute(META.insert().values(name="version", value=str(VERSION)))
        return
    for old, new in RENAMED.items():
        if old in _columns(connection, CLAIM):
            connection.execute(text(f"ALTER TABLE claim RENAME COLUMN {old} TO {new}"))
    for table, names in NEW_COLUMNS.items():
        there = _columns(connection, table)
        for name in names:
            if name not in there:
                column = CreateColumn(table.c[name]).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column}"))
    if before < VERSION:
        connection.execute(META.update().where(META.c.name == "version").values(value=str(VERSION)))


def _columns(connection: Connection, table: Table) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(table.name)}
