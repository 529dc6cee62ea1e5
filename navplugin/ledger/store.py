"""The ledger on SQLite: WAL, synchronous=FULL, IMMEDIATE transactions, every write fenced by the watch's epoch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, create_engine, event, exists, insert, select, update
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.pool import NullPool

from navplugin.claims import may_hold
from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import Claim, Effect, End, LoyaltyStatus, Persona, Points
from navplugin.core.ports import SignupRecord
from navplugin.ledger.schema import (
    CLAIM,
    CLAIM_JOURNAL,
    DECISION,
    EFFECT,
    META,
    PERSON,
    REPORT,
    SIGNUP,
    VERSION,
    WATCH,
    migrate,
    read_version,
)

_CLAIM_FIELDS = tuple(c.name for c in CLAIM.c if c.name not in ("key", "created_at", "changed_at"))


class SqlLedger:
    """One ledger file. One worker writes for a company at a time: the newest epoch; others are refused.

    path: the SQLite file. must_exist: refuse to begin an empty ledger (all commands but `run` and `demo`).
    Raises LedgerUnusable with the reason when the file is locked, damaged, read-only or from a newer version.
    """

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        if must_exist and not path.is_file():
            raise LedgerUnusable(f"no ledger at {path}; run the worker first", system="ledger")
        self.path, self.company, self.epoch = path, "", 0
        self._engine = create_engine(
            f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": 5, "check_same_thread": False}
        )
        event.listen(self._engine, "connect", _set_pragmas)
        event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._engine.connect()
        except (DatabaseError, OSError) as problem:
            raise LedgerUnusable(f"cannot open {path}: {_why(problem)}", system="ledger") from problem
        try:
            self._prepare()
        except LedgerUnusable:
            self.close()
            raise

    def _prepare(self) -> None:
        with self._write() as connection:
            version = read_version(connection)
            if version > VERSION:
                raise LedgerUnusable(
                    f"{self.path} was written by a newer navplugin (ledger {version}, this one knows {VERSION}); "
                    "install that version again",
                    system="ledger",
                )
            migrate(connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        self._engine.dispose()

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """One IMMEDIATE transaction; database faults become LedgerUnusable."""
        try:
            with self._connection.begin():
                yield self._connection
        except IntegrityError:
            raise
        except DatabaseError as problem:
            raise LedgerUnusable(f"{self.path}: {_why(problem)}", system="ledger") from problem

    def take_watch(self, company: str, owner: str, now: datetime) -> int:
        """Become the only writer for this company. The epoch grows each time; an older worker writes no more."""
        with self._write() as connection:
            epoch = connection.execute(select(WATCH.c.epoch).where(WATCH.c.company == company)).scalar() or 0
            row = {"epoch": epoch + 1, "owner": owner, "taken_at": now.isoformat()}
            if epoch:
                connection.execute(update(WATCH).where(WATCH.c.company == company).values(row))
            else:
                connection.execute(insert(WATCH).values(company=company, **row))
        self.company, self.epoch = company, epoch + 1
        return self.epoch

    def _fence(self) -> Any:
        return exists().where(and_(WATCH.c.company == self.company, WATCH.c.epoch == self.epoch))

    def _check_fence(self, connection: Connection) -> None:
        if not connection.execute(select(self._fence())).scalar():
            raise LedgerUnusable("another worker has taken over this company; this one stops", system="ledger")

    # ---- claims ----------------------------------------------------------------------------------------------

    def claims_of(self, receipt_no: str, sale_guid: str | None = None) -> tuple[Claim, ...]:
        """All generations of this receipt (of this sale GUID where given)."""
        query = select(CLAIM).where(CLAIM.c.company == self.company, CLAIM.c.receipt_no == receipt_no)
        if sale_guid is not None:
            query = query.where(CLAIM.c.sale_guid == sale_guid)
        return self._claims(query)

    def open_claims(self) -> tuple[Claim, ...]:
        """Claims that are not over, oldest first: due in every tick."""
        return self._claims(
            select(CLAIM).where(CLAIM.c.company == self.company, CLAIM.c.end == End.OPEN).order_by(CLAIM.c.created_at)
        )

    def list_claims(self, end: str = "") -> tuple[Claim, ...]:
        """Claims of all companies, newest last; `end` narrows them (OPEN, SETTLED, ...)."""
        query = select(CLAIM).order_by(CLAIM.c.created_at)
        return self._claims(query.where(CLAIM.c.end == end) if end else query)

    def member_claims(self, member_card_no: str) -> tuple[Claim, ...]:
        """The member's claims that are not over, over all tills and stores of the ledger."""
        return self._claims(select(CLAIM).where(CLAIM.c.member_card_no == member_card_no, CLAIM.c.end == End.OPEN))

    def _claims(self, query: Any) -> tuple[Claim, ...]:
        with self._write() as connection:
            return tuple(_claim(row) for row in connection.execute(query).mappings())

    def open_claim(self, claim: Claim, balance: Decimal | None, now: datetime, *, force: bool = False) -> str:
        """Open it when the balance less all holds covers it; else why not. One transaction: two tills cannot both win.

        force: for a posted line without a claim, which exists whatever the balance.
        """
        with self._write() as connection:
            self._check_fence(connection)
            others = [
                _claim(row)
                for row in connection.execute(
                    select(CLAIM).where(CLAIM.c.member_card_no == claim.member_card_no, CLAIM.c.end == End.OPEN)
                ).mappings()
            ]
            reason = "" if force else may_hold(claim.points_cost, balance, others, claim)
            if not reason:
                row = {**_values(claim), "created_at": now.isoformat(), "changed_at": now.isoformat()}
                connection.execute(insert(CLAIM).values(key=claim.key, **row))
                self._note(connection, claim, "open", now)
            return reason

    def save_claim(self, before: Claim, after: Claim, move: str, now: datetime) -> None:
        """Write the next state of a claim. Raises LedgerUnusable when another worker has moved it meanwhile."""
        with self._write() as connection:
            done = connection.execute(
                update(CLAIM)
                .where(CLAIM.c.key == before.key, CLAIM.c.points == before.points, CLAIM.c.end == before.end)
                .where(self._fence())
                .values(changed_at=now.isoformat(), **_values(after))
            )
            if done.rowcount != 1:
                raise LedgerUnusable("another worker has moved this claim; this one stops", system="ledger")
            self._note(connection, after, move, now)

    def _note(self, connection: Connection, claim: Claim, move: str, now: datetime) -> None:
        connection.execute(
            insert(CLAIM_JOURNAL).values(
                at=now.isoformat(), key=claim.key, move=move, points=claim.points, end=claim.end, note=claim.reason
            )
        )

    def history(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """The append-only journal of one claim: at, move, points, end, note."""
        with self._write() as connection:
            query = select(CLAIM_JOURNAL).where(CLAIM_JOURNAL.c.key == key).order_by(CLAIM_JOURNAL.c.id)
            return tuple(dict(row) for row in connection.execute(query).mappings())

    # ---- effects ---------------------------------------------------------------------------------------------

    def begin_effect(self, receipt_no: str, effect: Effect, now: datetime) -> int:
        """Written before it is carried out; the number to finish it by."""
        with self._write() as connection:
            self._check_fence(connection)
            done = connection.execute(
                insert(EFFECT).values(
                    at=now.isoformat(),
                    company=self.company,
                    receipt_no=receipt_no,
                    op=effect.op,
                    page=effect.page,
                    row_key=json.dumps(effect.key, default=str),
                    once_key=effect.once_key,
                    outcome="begun",
                )
            )
            return int(done.inserted_primary_key[0]) if done.inserted_primary_key else 0

    def finish_effect(self, number: int, outcome: str, now: datetime) -> None:
        """Its outcome: done, there-already, conflict, refused, unknown, unreachable."""
        with self._write() as connection:
            connection.execute(
                update(EFFECT).where(EFFECT.c.id == number).values(outcome=outcome, finished_at=now.isoformat())
            )

    def done_once(self, receipt_no: str) -> frozenset[str]:
        """Once-keys of this receipt whose insert is done or was there already."""
        query = select(EFFECT.c.once_key).where(
            EFFECT.c.company == self.company,
            EFFECT.c.receipt_no == receipt_no,
            EFFECT.c.once_key != "",
            EFFECT.c.outcome.in_(("done", "there-already")),
        )
        with self._write() as connection:
            return frozenset(connection.execute(query).scalars())

    # ---- people and signups ----------------------------------------------------------------------------------

    def person(self, member_card_no: str) -> Persona | None:
        """What AIQ last said of this member."""
        with self._write() as connection:
            query = select(PERSON).where(PERSON.c.company == self.company, PERSON.c.member_card_no == member_card_no)
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        read_at = datetime.fromisoformat(row["read_at"])
        return Persona(LoyaltyStatus(row["status"]), row["contact_id"], read_at)

    def save_person(self, member_card_no: str, persona: Persona, now: datetime) -> None:
        """Remember AIQ's answer; no name, phone or e-mail is kept."""
        values = {"status": persona.status, "contact_id": persona.contact_id, "read_at": now.isoformat()}
        where = and_(PERSON.c.company == self.company, PERSON.c.member_card_no == member_card_no)
        with self._write() as connection:
            if connection.execute(update(PERSON).where(where).values(values)).rowcount == 0:
                connection.execute(insert(PERSON).values(company=self.company, member_card_no=member_card_no, **values))

    def signup(self, key: str) -> SignupRecord | None:
        """The record of one answered prompt."""
        with self._write() as connection:
            row = connection.execute(select(SIGNUP).where(SIGNUP.c.key == key)).mappings().first()
        return _signup(row) if row else None

    def pending_signups(self) -> tuple[SignupRecord, ...]:
        """Answers Yes that AIQ has neither taken nor refused yet."""
        query = select(SIGNUP).where(SIGNUP.c.company == self.company, SIGNUP.c.state.in_(("yes", "sent")))
        with self._write() as connection:
            return tuple(_signup(row) for row in connection.execute(query).mappings())

    def save_signup(self, record: SignupRecord, now: datetime) -> None:
        """Insert or update one record under its key."""
        values = {name: getattr(record, name) for name in SignupRecord.__slots__ if name != "key"}
        values.update(answered_at=record.answered_at.isoformat(), changed_at=now.isoformat())
        with self._write() as connection:
            self._check_fence(connection)
            if connection.execute(update(SIGNUP).where(SIGNUP.c.key == record.key).values(values)).rowcount == 0:
                connection.execute(insert(SIGNUP).values(key=record.key, **values))

    # ---- decisions, reports, counts --------------------------------------------------------------------------

    def save_decision(
        self, receipt_no: str, sale_guid: str, rules_hash: str, matcher: str, body: str, now: datetime
    ) -> None:
        """Keep the last decision of a sale for `rules explain`."""
        where = and_(
            DECISION.c.company == self.company, DECISION.c.receipt_no == receipt_no, DECISION.c.sale_guid == sale_guid
        )
        values = {"at": now.isoformat(), "rules_hash": rules_hash, "matcher": matcher, "body": body}
        with self._write() as connection:
            if connection.execute(update(DECISION).where(where).values(values)).rowcount == 0:
                key = {"company": self.company, "receipt_no": receipt_no, "sale_guid": sale_guid}
                connection.execute(insert(DECISION).values(**key, **values))

    def decision(self, receipt_no: str) -> Mapping[str, Any] | None:
        """The last decision of a receipt: at, rules_hash, matcher, body."""
        query = select(DECISION).where(DECISION.c.receipt_no == receipt_no).order_by(DECISION.c.at.desc())
        with self._write() as connection:
            row = connection.execute(query).mappings().first()
        return dict(row) if row else None

    def add_report(self, receipt_no: str, text: str, now: datetime) -> bool:
        """A line for the administrator, once for each receipt and text; whether it is new."""
        same = and_(REPORT.c.company == self.company, REPORT.c.receipt_no == receipt_no, REPORT.c.text == text)
        with self._write() as connection:
            if connection.execute(select(REPORT.c.id).where(same)).first():
                return False
            values = {"at": now.isoformat(), "company": self.company, "receipt_no": receipt_no, "text": text}
            connection.execute(insert(REPORT).values(values))
            return True

    def reports(self, receipt_no: str = "") -> tuple[Mapping[str, Any], ...]:
        """Reports, oldest first."""
        query = select(REPORT).order_by(REPORT.c.id)
        query = query.where(REPORT.c.receipt_no == receipt_no) if receipt_no else query
        with self._write() as connection:
            return tuple(dict(row) for row in connection.execute(query).mappings())

    def note(self, name: str, default: str = "") -> str:
        """A named value of the worker (last tick, rules in force)."""
        with self._write() as connection:
            return connection.execute(select(META.c.value).where(META.c.name == name)).scalar() or default

    def set_note(self, name: str, value: str) -> None:
        """Write a named value."""
        with self._write() as connection:
            if connection.execute(update(META).where(META.c.name == name).values(value=value)).rowcount == 0:
                connection.execute(insert(META).values(name=name, value=value))


def _set_pragmas(raw: Any, _record: Any) -> None:
    raw.isolation_level = None
    cursor = raw.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _why(problem: Exception) -> str:
    text = str(getattr(problem, "orig", None) or problem).strip()
    advice = {
        "locked": "another program holds it; end that program",
        "not a database": "the file is damaged or not a ledger; restore it from a backup",
        "malformed": "the file is damaged; restore it from a backup",
        "readonly": "the file or its folder is read-only; give the service account the right to write",
        "unable to open": "the folder is missing or may not be written; check `state` in the profile",
        "full": "the disk is full; make room, nothing is lost",
    }
    hint = next((cure for word, cure in advice.items() if word in text), "")
    return f"{text}: {hint}" if hint else text


def _values(claim: Claim) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(claim, name) for name in _CLAIM_FIELDS}
    for name in ("points_cost", "promised"):
        values[name] = str(values[name])
    values["applied"] = None if claim.applied is None else str(claim.applied)
    values["not_before"] = claim.not_before.isoformat() if claim.not_before else None
    return values


def _claim(row: Any) -> Claim:
    values = {name: row[name] for name in _CLAIM_FIELDS}
    values["points"], values["end"] = Points(row["points"]), End(row["end"])
    for name in ("points_cost", "promised"):
        values[name] = Decimal(row[name])
    values["applied"] = None if row["applied"] is None else Decimal(row["applied"])
    values["not_before"] = datetime.fromisoformat(row["not_before"]) if row["not_before"] else None
    return Claim(**values)


def _signup(row: Any) -> SignupRecord:
    values = {name: row[name] for name in SignupRecord.__slots__}
    values["answered_at"] = datetime.fromisoformat(row["answered_at"])
    return SignupRecord(**values)
