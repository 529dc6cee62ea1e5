"""Everything that the simulated other side remembers: NAV's tables, AIQ's records, the clock. Kept in memory, written
through to one SQLite file at each commit, so that it survives a killed process.

Row dicts bear the OData names of the NAV contract; values are Decimal, int, bool, str, UTC datetime, date, or None for
an unset date. A blank option is one space, as in NAV's web service. Time is real UTC time plus an offset that tests
move. Errors: StateUnusable (the folder cannot be used), FieldError (a value that NAV does not take).
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from navplugin.simulator.fields import (
    FieldError,
    Row,
    clean_key,
    clean_row,
    fields_of,
    from_json,
    order_key,
    page_of,
    to_json,
)

__all__ = ["FieldError", "Row", "State", "StateUnusable", "Tables"]

FILE = "simulator.db"
_TABLES = """
CREATE TABLE IF NOT EXISTS row (service TEXT, key TEXT, version INTEGER, data TEXT, PRIMARY KEY (service, key));
CREATE TABLE IF NOT EXISTS doc (name TEXT PRIMARY KEY, data TEXT);
"""
ETAGS: dict[str, Callable[[int], str]] = {
    "19": lambda version: f"'19;{version:019d}1;00;'",
    "20": lambda version: f"'20;{version:020d}1;00;'",
    "28": lambda version: f"'28;{_digest('sha1', version)}4;43080;'",
    "44": lambda version: f"'44;{_digest('sha256', version)}1;00;'",
}
"""What NAV puts into an entity tag: Business Central 20 and later (19, 20), 14 to 19 (44), before that (28)."""
_VERSION = "state.version"
_OFFSET = "state.clock-offset"


class StateUnusable(OSError):
    """The folder or its file cannot be used; the message is one sentence for the person who started it."""


class _Stored(NamedTuple):
    row: Row
    version: int


class Tables:
    """NAV's tables, to read: those of now (`State`), or those of a moment in the past (`State.remember`)."""

    def __init__(self, rows: dict[str, dict[tuple[Any, ...], _Stored]]) -> None:
        self._lock = threading.RLock()
        self._rows = rows

    def rows(self, service: str) -> list[Row]:
        """Copies of all rows in key order."""
        with self._lock:
            page_of(service)
            table = self._rows.get(service, {})
            return [dict(table[key].row) for key in sorted(table, key=lambda key: order_key(service, key))]

    def get(self, service: str, *key: Any) -> Row | None:
        """A copy of the row with this key, or None."""
        with self._lock:
            stored = self._rows.get(service, {}).get(clean_key(service, key))
            return dict(stored.row) if stored else None

    def etag(self, service: str, *key: Any, form: str = "19") -> str:
        """The row's version as NAV writes it (nav-webservices.md 6), in one of the `ETAGS`; KeyError when there is no
        row."""
        with self._lock:
            version = self._rows.get(service, {})[clean_key(service, key)].version
        return f'W/"{base64.b64encode(ETAGS[form](version).encode()).decode()}"'


class State(Tables):
    """All state of the simulated other side. One folder belongs to one process at a time; methods may be called from
    any thread."""

    def __init__(self, folder: Path) -> None:
        """Open or make the folder. StateUnusable when it cannot be written or another process has it."""
        super().__init__({})
        self.folder = folder
        self._commits = threading.Condition(self._lock)
        self._depth = 0
        self._docs: dict[str, str] = {}
        self._undo: list[tuple[str, Any, Any]] = []
        self._db = _open(folder)
        self._load()

    def close(self) -> None:
        """Let go of the file; the folder may then be opened again or removed."""
        with self._lock:
            self._db.close()

    # ---- transactions --------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One change at a time, whole or not at all: memory and file are rolled back when the block raises. May be
        nested; an inner block that raises undoes only itself."""
        with self._lock:
            mark, self._depth = len(self._undo), self._depth + 1
            try:
                yield
                if self._depth == 1:
                    self._write()
            except BaseException:
                self._roll_back(mark)
                raise
            finally:
                self._depth -= 1
            if self._depth == 0 and self._undo:
                self._undo.clear()
                self._commits.notify_all()

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside a transaction."""
        with self._lock:
            return self._depth > 0

    def wait_until(self, predicate: Callable[[], bool], timeout: float) -> bool:
        """Wait at most `timeout` seconds of real time until the predicate holds; it is asked now and after each
        commit. RuntimeError inside a transaction, where nobody else could ever commit."""
        with self._lock:
            if self._depth:
                raise RuntimeError("wait_until was called inside a transaction")
            return self._commits.wait_for(predicate, timeout)

    # ---- rows ----------------------------------------------------------------------------------------------------

    def remember(self) -> Tables:
        """The tables as they are now, for a reader who is to see them later."""
        with self._lock:
            return Tables({service: dict(table) for service, table in self._rows.items()})

    def remember_row(self, service: str, *key: Any) -> Callable[[], Tables]:
        """What makes the tables of any later moment, with this one row as it is now: its writer has not committed."""
        cleaned = clean_key(service, key)
        with self._lock:
            before = self._rows.get(service, {}).get(cleaned)

        def tables() -> Tables:
            found = self.remember()
            _place(found._rows.setdefault(service, {}), cleaned, before)
            return found

        return tables

    def put(self, service: str, row: Mapping[str, Any]) -> Row:
        """Insert the row, or replace the one with its key. Returns it as stored. Gaps get NAV's defaults."""
        with self.transaction():
            version = self.version + 1
            stored = clean_row(service, row)
            if service == "AIQ_Sale":
                stored["Change_Mark"] = version
            if "System_Modified_At" in stored:
                stored["System_Modified_At"] = self._now_in_ms()
            key = tuple(stored[name] for name in page_of(service).key)
            self._set_doc(_VERSION, version)
            self._set_row(service, key, _Stored(stored, version))
            return dict(stored)

    def delete(self, service: str, *key: Any) -> bool:
        """Remove the row; False when it was not there."""
        with self.transaction():
            cleaned = clean_key(service, key)
            if cleaned not in self._rows.get(service, {}):
                return False
            self._set_row(service, cleaned, None)
            return True

    @property
    def version(self) -> int:
        """The last row version given out; it never goes back, not even by `reset`."""
        return int(self.doc(_VERSION, 0))

    def row_version(self, service: str, *key: Any) -> int:
        """The version that the last write gave to the row; KeyError when there is no row."""
        with self._lock:
            return self._rows.get(service, {})[clean_key(service, key)].version

    # ---- other records and the clock -----------------------------------------------------------------------------

    def doc(self, name: str, default: Any = None) -> Any:
        """A copy of a record by name: JSON values, Decimal, date and datetime."""
        with self._lock:
            text = self._docs.get(name)
        return default if text is None else json.loads(text, object_hook=_unmark)

    def set_doc(self, name: str, value: Any) -> None:
        """Keep a record under a name. Tuples come back as lists, number keys as text."""
        with self.transaction():
            self._set_doc(name, value)

    def now(self) -> datetime:
        """The simulated time, UTC."""
        return datetime.now(UTC) + timedelta(seconds=float(self.doc(_OFFSET, 0)))

    def _now_in_ms(self) -> datetime:
        now = self.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        """Move the simulated time on; waiting predicates are asked again."""
        with self.transaction():
            self._set_doc(_OFFSET, float(self.doc(_OFFSET, 0)) + seconds)

    def reset(self) -> None:
        """Forget everything but the row version, so that no change mark is ever given twice."""
        with self.transaction():
            version = self.version
            for service, table in self._rows.items():
                for key in list(table):
                    self._set_row(service, key, None)
            for name in list(self._docs):
                self._put_doc_text(name, None)
            self._set_doc(_VERSION, version)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _set_row(self, service: str, key: tuple[Any, ...], new: _Stored | None) -> None:
        table = self._rows.setdefault(service, {})
        self._undo.append(("row", (service, key), table.get(key)))
        _place(table, key, new)

    def _set_doc(self, name: str, value: Any) -> None:
        self._put_doc_text(name, json.dumps(value, default=_mark, ensure_ascii=False))

    def _put_doc_text(self, name: str, text: str | None) -> None:
        self._undo.append(("doc", name, self._docs.get(name)))
        _place(self._docs, name, text)

    def _roll_back(self, mark: int) -> None:
        while len(self._undo) > mark:
            kind, where, old = self._undo.pop()
            if kind == "row":
                _place(self._rows[where[0]], where[1], old)
            else:
                _place(self._docs, where, old)

    def _write(self) -> None:
        """Carry what this transaction touched into the file, in one SQLite transaction."""
        rows = {where for kind, where, _ in self._undo if kind == "row"}
        docs = {where for kind, where, _ in self._undo if kind == "doc"}
        if not rows and not docs:
            return
        try:
            with self._db:
                self._db.execute("BEGIN")
                for service, key in rows:
                    self._write_row(service, key)
                for name in docs:
                    self._write_doc(name)
        except sqlite3.Error as wrong:
            raise StateUnusable(f"The simulator cannot write to {self.folder}: {wrong}.") from wrong

    def _write_row(self, service: str, key: tuple[Any, ...]) -> None:
        name = _key_text(key)
        stored = self._rows[service].get(key)
        if stored is None:
            self._db.execute("DELETE FROM row WHERE service = ? AND key = ?", (service, name))
            return
        data = json.dumps({field: to_json(value) for field, value in stored.row.items()}, ensure_ascii=False)
        self._db.execute("INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?)", (service, name, stored.version, data))

    def _write_doc(self, name: str) -> None:
        text = self._docs.get(name)
        if text is None:
            self._db.execute("DELETE FROM doc WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT OR REPLACE INTO doc VALUES (?, ?)", (name, text))

    def _load(self) -> None:
        try:
            self._docs = dict(self._db.execute("SELECT name, data FROM doc"))
            for service, version, data in self._db.execute("SELECT service, version, data FROM row"):
                fields, values = fields_of(service), json.loads(data)
                row = clean_row(service, {n: from_json(fields[n], v) for n, v in values.items() if n in fields})
                key = tuple(row[name] for name in page_of(service).key)
                self._rows.setdefault(service, {})[key] = _Stored(row, version)
        except (sqlite3.Error, ValueError, KeyError) as wrong:
            self._db.close()
            raise StateUnusable(f"{self.folder / FILE} is not a simulator state of this version: {wrong}.") from wrong


def _open(folder: Path) -> sqlite3.Connection:
    """The folder's file, locked for this process until it ends (the system frees the lock of a killed process)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise StateUnusable(f"The simulator cannot make the folder {folder}: {wrong.strerror}.") from wrong
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(folder / FILE, timeout=0.5, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing with NORMAL; only a power cut could, and this is a simulator.
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_TABLES)
        db.execute("BEGIN EXCLUSIVE")
        db.execute("INSERT OR REPLACE INTO doc VALUES ('state.format', '1')")
        db.execute("COMMIT")
    except sqlite3.Error as wrong:
        if db is not None:
            db.close()
        raise StateUnusable(_why(folder, wrong)) from wrong
    return db


def _why(folder: Path, wrong: sqlite3.Error) -> str:
    if "locked" in str(wrong):
        return f"The folder {folder} is in use by another simulator; stop it or name another folder."
    if "not a database" in str(wrong):
        return f"{folder / FILE} is not a simulator state; name another folder."
    return f"The simulator cannot write to the folder {folder}: {wrong}."


def _digest(name: str, version: int) -> str:
    return base64.b64encode(hashlib.new(name, str(version).encode()).digest()).decode()


def _place(table: dict[Any, Any], key: Any, value: Any) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _key_text(key: tuple[Any, ...]) -> str:
    # Equal decimals must give one key, however many zeros they were typed with.
    plain = [format(v.normalize(), "f") if isinstance(v, Decimal) else to_json(v) for v in key]
    return json.dumps(plain, ensure_ascii=False)


def _mark(value: Any) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be kept in the simulator's state")


_MARKS: dict[str, Callable[[str], Any]] = {
    "$decimal": Decimal,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
}


def _unmark(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        ((name, text),) = found.items()
        if name in _MARKS:
            return _MARKS[name](text)
    return found
