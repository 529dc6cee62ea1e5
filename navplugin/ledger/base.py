"""The ledger's file: opened whole or not at all, one transaction at a time, every write fenced by the watch's epoch."""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    and_,
    create_engine,
    delete,
    event,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.pool import NullPool

from navplugin.core.errors import LedgerBusy, LedgerUnusable, NavpluginError
from navplugin.ledger.network import on_network
from navplugin.ledger.schema import (
    CLAIM,
    CLAIM_JOURNAL,
    LEDGER_ID,
    META,
    METADATA,
    SIGNUP,
    VERSION,
    WATCH,
    is_empty,
    is_whole,
    migrate,
    read_version,
)

MEMORY = Path(":memory:")
BUSY_SECONDS = 5.0
"""How long another program may hold the file: a backup, a command that reads."""
ADVICE = {
    "not a database": "the file is damaged or not a ledger; restore it from a backup",
    "malformed": "the file is damaged; restore it from a backup",
    "readonly": "the file or its folder is read-only; give the service account the right to write",
    "unable to open": "the folder is missing or may not be written; check `state` in the profile",
    "full": "the disk is full; make room, nothing is lost",
    "I/O error": "the disk is full or failing; make room or move the ledger, nothing that was answered is lost",
}


class LedgerFile:
    """One SQLite file (WAL, synchronous=FULL, IMMEDIATE).

    must_exist: refuse to begin an empty ledger (all commands but `run` and `demo`). hide_with: key of the mode without
    personal data: member cards are kept as a keyed hash only, AIQ's ids of people not at all.
    is_new: whether the file was begun now. Raises LedgerUnusable with the reason when the file is locked, damaged,
    empty, read-only, on a network share, of another program or from a newer version; LedgerBusy when another program
    holds it. Methods may be called from any thread.
    """

    def __init__(self, path: Path, *, must_exist: bool = False, hide_with: bytes = b"") -> None:
        if must_exist and not path.is_file():
            raise LedgerUnusable(f"no ledger at {path}; run the worker first", system="ledger")
        if path != MEMORY and (share := on_network(path)):
            raise LedgerUnusable(
                f"{path} is on a network share ({share}), where SQLite cannot keep a ledger whole; "
                "put `state` on a disk of this machine",
                system="ledger",
            )
        self.path, self.company, self.epoch = path, "", 0
        self.is_new = path != MEMORY and not path.exists()
        self._key, self._cards, self._lock = hide_with, {"": ""}, threading.RLock()
        try:
            if self.is_new:
                _begin(path)
            elif path != MEMORY and path.stat().st_size == 0:
                raise LedgerUnusable(
                    f"{path} is empty: a ledger that was cut off or copied half; restore it from a backup, "
                    "or delete the file to start with an empty ledger",
                    system="ledger",
                )
            self._engine = _engine(path)
            self._connection = self._engine.connect()
            self._file = _identity(path)
        except (DatabaseError, OSError) as problem:
            raise _unusable(path, problem) from problem
        try:
            self._prepare()
        except NavpluginError:
            self.close()
            raise

    def _prepare(self) -> None:
        """Read only where it is of this version already: a command that reads waits for no worker that writes."""
        with self._read() as connection:
            if self.path != MEMORY and (said := _damage(connection)):
                raise LedgerUnusable(f"{self.path} is damaged ({said}); restore it from a backup", system="ledger")
            version = read_version(connection)
            if version > VERSION:
                raise LedgerUnusable(
                    f"{self.path} was written by a newer navplugin (ledger {version}, this one knows {VERSION}); "
                    "install that version again",
                    system="ledger",
                )
            if version == 0 and not is_empty(connection):
                text = f"{self.path} is a database of another program; name another file"
                raise LedgerUnusable(text, system="ledger")
            whole = is_whole(connection)
        if not whole:
            with self._write() as connection:
                migrate(connection)
        with self._read() as connection:
            self.ledger_id = str(connection.execute(select(META.c.value).where(META.c.name == LEDGER_ID)).scalar())

    def copy_to(self, target: Path) -> None:
        """A whole copy, while others may write. LedgerUnusable when it cannot be made."""
        if target.exists():
            raise LedgerUnusable(f"{target} is there already; name a new file", system="ledger")
        try:
            with closing(sqlite3.connect(target)) as copy:
                self._connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]  # open since __init__
        except (sqlite3.Error, OSError) as problem:
            with suppress(OSError):  # half a copy must not be taken for a backup
                target.unlink(missing_ok=True)
            raise LedgerUnusable(f"{target} cannot be written: {problem}", system="ledger") from problem

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._engine.dispose()

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """One IMMEDIATE transaction. LedgerBusy where another program holds the file; other faults of the database, and
        a file that was deleted or replaced, become LedgerUnusable."""
        with self._lock:
            self._check_file()
            try:
                with self._connection.begin():
                    yield self._connection
            except IntegrityError as problem:
                text = "another worker has written the same row; this worker stops"
                raise LedgerUnusable(text, system="ledger") from problem
            except DatabaseError as problem:
                raise _unusable(self.path, problem) from problem

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """One transaction that only reads: it neither waits for a writer nor holds one up."""
        with self._lock:
            self._check_file()
            try:
                with self._connection.execution_options(navplugin_begin="BEGIN").begin():
                    yield self._connection
            except DatabaseError as problem:
                raise _unusable(self.path, problem) from problem
            finally:
                self._connection.execution_options(navplugin_begin="BEGIN IMMEDIATE")

    def _check_file(self) -> None:
        """A file that was deleted or replaced stays open here, but is no longer the ledger."""
        if self.path != MEMORY and _identity(self.path) != self._file:
            text = f"{self.path} was deleted or replaced while it was in use; put the ledger back and start again"
            raise LedgerUnusable(text, system="ledger")

    # ---- the watch -------------------------------------------------------------------------------------------------

    def take_watch(self, company: str, owner: str, now: datetime) -> int:
        """Become the only writer for this company. The epoch grows each time; an older worker writes no more.

        An older worker's call to AIQ may still be under way: it writes its answer (`save_answer`), and nothing else.
        """
        with self._write() as connection:
            epoch = connection.execute(select(WATCH.c.epoch).where(WATCH.c.company == company)).scalar() or 0
            row = {"epoch": epoch + 1, "owner": owner, "taken_at": now.isoformat()}
            if epoch:
                connection.execute(update(WATCH).where(WATCH.c.company == company).values(row))
            else:
                connection.execute(insert(WATCH).values(company=company, **row))
        self.company, self.epoch = company, epoch + 1
        return self.epoch

    def is_current(self) -> bool:
        """Whether no later worker has followed this one."""
        with self._read() as connection:
            return bool(connection.execute(select(self._fence())).scalar())

    def step(self) -> int:
        """How many calls that move points were recorded for this company."""
        with self._read() as connection:
            return int(connection.execute(select(WATCH.c.step).where(self._mine())).scalar() or 0)

    def take_over_no(self) -> int:
        """The number of the take-over by which this ledger is in charge of the company; 0: it never was."""
        with self._read() as connection:
            return int(connection.execute(select(WATCH.c.take_over_no).where(self._mine())).scalar() or 0)

    def other_companies(self) -> tuple[str, ...]:
        """The companies that this ledger was written for, but for this one."""
        with self._read() as connection:
            return tuple(connection.execute(select(WATCH.c.company).where(~self._mine())).scalars())

    def rename_company(self, before: str) -> int:
        """NAV gave the company `before` the name that this ledger is used under now: its rows follow. How many claims
        there were. The keys of claims and sign-ups begin with the company's name. LedgerUnusable where there are claims
        under both names; other rows under the new name are those of a worker that was refused, and go."""
        with self._write() as connection:
            self._check_fence(connection)
            if connection.execute(select(CLAIM.c.key).where(CLAIM.c.company == self.company).limit(1)).first():
                text = f"this ledger has claims of {before} and of {self.company}; they are two companies to it"
                raise LedgerUnusable(text, system="ledger")
            connection.execute(delete(WATCH).where(WATCH.c.company == before))
            for table in METADATA.tables.values():
                if "company" in table.c and table is not WATCH:
                    connection.execute(delete(table).where(table.c.company == self.company))
            claims = connection.execute(select(CLAIM.c.key).where(CLAIM.c.company == before)).scalars().all()
            for table in (CLAIM, CLAIM_JOURNAL, SIGNUP):
                renamed = self.company + func.substr(table.c.key, len(before) + 1)
                where = table.c.key.startswith(f"{before}/", autoescape=True)
                connection.execute(update(table).where(where).values(key=renamed))
            for table in METADATA.tables.values():
                if "company" in table.c and table is not WATCH:
                    connection.execute(update(table).where(table.c.company == before).values(company=self.company))
            return len(claims)

    def put_in_charge(self, take_over_no: int, step: int) -> None:
        """Note that this ledger is in charge, and count on from the step that NAV knows."""
        with self._write() as connection:
            self._check_fence(connection)
            connection.execute(update(WATCH).where(self._mine()).values(take_over_no=take_over_no, step=step))

    def _mine(self) -> Any:
        return WATCH.c.company == self.company

    def _fence(self) -> Any:
        return exists().where(and_(WATCH.c.company == self.company, WATCH.c.epoch == self.epoch))

    def _check_fence(self, connection: Connection) -> None:
        if not connection.execute(select(self._fence())).scalar():
            raise LedgerUnusable("another worker has taken over this company; this one stops", system="ledger")

    # ---- member cards ----------------------------------------------------------------------------------------------

    @property
    def hides_people(self) -> bool:
        """Whether this ledger keeps no personal data."""
        return bool(self._key)

    def learn_cards(self, cards: Iterable[str]) -> None:
        """Member cards that NAV shows now: without personal data only they can be told from their hashes."""
        for card in cards:
            self._hidden(card)

    def is_same(self, one: str, other: str) -> bool:
        """Whether two ids of people are the same, where either may be kept as a hash."""
        return self._hidden(one) == self._hidden(other)

    def _hidden(self, card: str) -> str:
        """A member card as it is kept. What `_shown` gave out comes back as it was, also a hash."""
        if not self._key or card in self._cards:
            return card
        token = hmac.new(self._key, card.encode(), hashlib.sha256).hexdigest()[:32]
        self._cards[token] = card
        return token

    def _shown(self, token: str) -> str:
        """A member card as it was given; the hash itself where the card is not known to this process."""
        return self._cards.setdefault(token, token) if self._key else token


def _begin(path: Path) -> None:
    """A new ledger appears whole: a process that dies here leaves no half file to be taken for an empty ledger."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    engine = _engine(fresh)
    with engine.connect() as connection, connection.begin():
        migrate(connection)
    engine.dispose()
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass  # another worker was faster
    except OSError:
        fresh.rename(path)  # a file system without links
    fresh.unlink(missing_ok=True)


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_transaction)
    return engine


def _begin_transaction(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("navplugin_begin", "BEGIN IMMEDIATE"))


def _set_pragmas(raw: Any, _record: Any) -> None:
    raw.isolation_level = None
    cursor = raw.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file this is, whatever its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _unusable(path: Path, problem: Exception) -> NavpluginError:
    if "locked" in str(getattr(problem, "orig", None) or problem):
        return LedgerBusy(f"another program holds {path}", system="ledger")
    return LedgerUnusable(f"{path}: {why_unusable(problem)}", system="ledger")


def _damage(connection: Connection) -> str:
    said = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return "" if said == "ok" else " ".join(said.split())


def why_unusable(problem: Exception) -> str:
    """What the database says, and what to do about it."""
    text = str(getattr(problem, "orig", None) or problem).strip()
    hint = next((cure for word, cure in ADVICE.items() if word in text), "")
    return f"{text}: {hint}" if hint else text
