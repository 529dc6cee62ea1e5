"""What the ledger keeps for rules: the published sets of rule files, and the sign-up questions that were asked.

Published sets stand here and not in a folder: all workers of a ledger take over the same set at once, it is whole or
not there, and it is saved with everything else. The tables have a version of their own, forward only.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import End
from navplugin.ledger.base import why_unusable
from navplugin.ledger.schema import CLAIM, DECISION, META
from navplugin.ledger.store import SqlLedger

VERSION = 1
_VERSION_NAME = "rules-version"
METADATA = MetaData()

RULE_SET = Table(
    "rule_set",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("company", Text, nullable=False, index=True),
    Column("hash", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("rules", Integer, nullable=False),
    Column("cases", Integer, nullable=False),
    Column("files", Text, nullable=False),
)

PROMPT_ASKED = Table(
    "prompt_asked",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("company", Text, nullable=False),
    Column("pos_terminal_no", Text, nullable=False, index=True),
    Column("receipt_no", Text, nullable=False),
    Column("at", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A published set. number: 0 for one that is not published yet; files: (name in its folder, content)."""

    hash: str
    at: datetime
    who: str
    note: str
    rules: int
    cases: int
    files: Sequence[tuple[str, bytes]]
    number: int = 0


class RuleLedger:
    """Published rules and the history that rules ask for, in the ledger of one company."""

    def __init__(self, ledger: SqlLedger, company: str) -> None:
        """Raises LedgerUnusable when a newer navplugin has made these tables."""
        self._ledger, self.company = ledger, company
        with ledger._read() as connection:
            known = _version(connection)
        if not known:
            with ledger._write() as connection:
                _begin(connection)

    # ---- published sets ----------------------------------------------------------------------------------------

    def publish(self, rules: RuleSet) -> int:
        """Make this the set in force; its number."""
        with self._ledger._write() as connection:
            values = {
                "company": self.company, "hash": rules.hash, "at": rules.at.isoformat(), "who": rules.who,
                "note": rules.note, "rules": rules.rules, "cases": rules.cases, "files": _packed(rules.files),
            }  # fmt: skip
            done = connection.execute(insert(RULE_SET).values(**values))
            return int(done.inserted_primary_key[0]) if done.inserted_primary_key else 0

    def number_in_force(self) -> int:
        """The number of the last set that was published, 0 for none."""
        query = select(func.max(RULE_SET.c.number)).where(RULE_SET.c.company == self.company)
        with self._ledger._read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def in_force(self) -> RuleSet | None:
        """The last set that was published."""
        return self._one(RULE_SET.c.number == self.number_in_force())

    def by_hash(self, hash: str) -> RuleSet | None:
        """The last set with this hash."""
        return self._one(RULE_SET.c.hash == hash)

    def published(self) -> tuple[RuleSet, ...]:
        """All sets, oldest first."""
        query = select(RULE_SET).where(RULE_SET.c.company == self.company).order_by(RULE_SET.c.number)
        with self._ledger._read() as connection:
            return tuple(_rule_set(row) for row in connection.execute(query).mappings())

    def _one(self, where: Any) -> RuleSet | None:
        query = select(RULE_SET).where(RULE_SET.c.company == self.company, where).order_by(RULE_SET.c.number.desc())
        with self._ledger._read() as connection:
            row = connection.execute(query).mappings().first()
        return _rule_set(row) if row else None

    def hash_of_sale(self, receipt_no: str, sale_guid: str) -> str:
        """The set that decided this sale so far, '' for a sale that no worker has decided yet."""
        query = select(DECISION.c.rules_hash).where(
            DECISION.c.company == self.company, DECISION.c.receipt_no == receipt_no, DECISION.c.sale_guid == sale_guid
        )
        with self._ledger._read() as connection:
            return str(connection.execute(query).scalar() or "")

    def follow(self, before: str) -> None:
        """NAV gave the company `before` the name of this one: what was published and asked under the old name counts
        on, in place of the folder's rules that a start under the new name has published."""
        with self._ledger._write() as connection:
            theirs = select(RULE_SET.c.number).where(RULE_SET.c.company == before)
            if connection.execute(theirs).first() is not None:
                connection.execute(delete(RULE_SET).where(RULE_SET.c.company == self.company))
            for table in (RULE_SET, PROMPT_ASKED):
                connection.execute(update(table).where(table.c.company == before).values(company=self.company))

    # ---- history -------------------------------------------------------------------------------------------------

    def note_prompt(self, pos_terminal_no: str, receipt_no: str, now: datetime) -> None:
        """A sign-up question was put on a terminal."""
        values = {"pos_terminal_no": pos_terminal_no, "receipt_no": receipt_no, "at": now.isoformat()}
        with self._ledger._write() as connection:
            connection.execute(insert(PROMPT_ASKED).values(company=self.company, **values))

    def count_prompts(self, pos_terminal_no: str, receipt_no: str, since: datetime) -> int:
        """Sign-up questions at this terminal since then, those of this receipt left out."""
        query = select(func.count(func.distinct(PROMPT_ASKED.c.receipt_no))).where(
            PROMPT_ASKED.c.company == self.company, PROMPT_ASKED.c.pos_terminal_no == pos_terminal_no,
            PROMPT_ASKED.c.receipt_no != receipt_no, PROMPT_ASKED.c.at >= since.isoformat(),
        )  # fmt: skip
        with self._ledger._read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def count_uses(self, member_card_no: str, receipt_no: str, since: datetime) -> int:
        """Claims of this member since then that were not released, those of this receipt left out; all companies."""
        query = select(func.count()).where(
            CLAIM.c.member_card_no == self._ledger._hidden(member_card_no), CLAIM.c.receipt_no != receipt_no,
            CLAIM.c.created_at >= since.isoformat(), CLAIM.c.end != End.RELEASED,
        )  # fmt: skip
        with self._ledger._read() as connection:
            return int(connection.execute(query).scalar() or 0)


def read_published(path: Path, company: str) -> RuleSet | None:
    """The set in force in a ledger that belongs to another worker: nothing is written to it, not even a newer schema.

    Raises LedgerUnusable with the reason.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool)
    query = select(RULE_SET).where(RULE_SET.c.company == company).order_by(RULE_SET.c.number.desc())
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(RULE_SET.name):
                return None
            row = connection.execute(query).mappings().first()
    except DatabaseError as problem:
        raise LedgerUnusable(f"cannot read {path}: {why_unusable(problem)}", system="ledger") from problem
    finally:
        engine.dispose()
    return _rule_set(row) if row else None


def _version(connection: Connection) -> int:
    """The version of these tables, 0 where there are none yet."""
    value = int(connection.execute(select(META.c.value).where(META.c.name == _VERSION_NAME)).scalar() or 0)
    if value > VERSION:
        raise LedgerUnusable("a newer navplugin has published rules in this ledger; use that one", system="ledger")
    return value


def _begin(connection: Connection) -> None:
    if not _version(connection):  # no other process was faster
        METADATA.create_all(connection)
        connection.execute(insert(META).values(name=_VERSION_NAME, value=str(VERSION)))


def _packed(files: Sequence[tuple[str, bytes]]) -> str:
    return json.dumps([[name, base64.b64encode(data).decode("ascii")] for name, data in files])


def _rule_set(row: Any) -> RuleSet:
    files = [(name, base64.b64decode(data)) for name, data in json.loads(row["files"])]
    at = datetime.fromisoformat(row["at"])
    return RuleSet(row["hash"], at, row["who"], row["note"], row["rules"], row["cases"], files, row["number"])
