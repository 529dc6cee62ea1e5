"""Claims in the ledger: opened under the hold, moved by compare and set, each step kept in an append-only journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import Claim, End, Points
from navplugin.ledger.base import LedgerFile
from navplugin.ledger.schema import CLAIM, CLAIM_JOURNAL
from navplugin.openings import may_hold

_CLAIM_FIELDS = tuple(c.name for c in CLAIM.c if c.name not in ("key", "created_at", "changed_at"))
_MONEY = ("points_cost", "promised", "applied")
_TIMES = ("not_before", "taken_at", "missing_since")


class ClaimTable(LedgerFile):
    """The tables `claim` and `claim_journal`."""

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

    def list_claims(self, end: str = "", since: datetime | None = None) -> tuple[Claim, ...]:
        """Claims of all companies, newest last. end: OPEN, SETTLED, ... since: changed at or after this."""
        query = select(CLAIM).order_by(CLAIM.c.created_at, CLAIM.c.key)
        if end:
            query = query.where(CLAIM.c.end == end)
        return self._claims(query.where(CLAIM.c.changed_at >= since.isoformat()) if since else query)

    def member_claims(self, member_card_no: str) -> tuple[Claim, ...]:
        """The member's claims that are not over, over all tills and stores of the ledger."""
        card = self._hidden(member_card_no)
        return self._claims(select(CLAIM).where(CLAIM.c.member_card_no == card, CLAIM.c.end == End.OPEN))

    def _claims(self, query: Any) -> tuple[Claim, ...]:
        with self._write() as connection:
            return tuple(self._claim(row) for row in connection.execute(query).mappings())

    def open_claim(
        self, claim: Claim, balance: Decimal | None, now: datetime, *, read_at: datetime | None = None,
        force: bool = False,
    ) -> str:  # fmt: skip
        """Open it when the balance less all holds covers it; else why not. One transaction: two tills cannot both win.

        read_at: when the balance was read. force: for a posted line without a claim, which exists whatever the balance.
        """
        with self._write() as connection:
            self._check_fence(connection)
            taken = CLAIM.c.taken_at >= read_at.isoformat() if read_at else CLAIM.c.end == End.OPEN
            mine = select(CLAIM).where(
                CLAIM.c.member_card_no == self._hidden(claim.member_card_no), or_(CLAIM.c.end == End.OPEN, taken)
            )
            others = [self._claim(row) for row in connection.execute(mine).mappings()]
            reason = "" if force else may_hold(balance, others, claim, read_at)
            if not reason:
                row = {**self._values(claim), "created_at": now.isoformat(), "changed_at": now.isoformat()}
                connection.execute(insert(CLAIM).values(key=claim.key, **row))
                self._note(connection, claim, "open", now, claim.reason)
            return reason

    def save_claim(self, before: Claim, after: Claim, move: str, now: datetime) -> None:
        """Write the next state of a claim. Raises LedgerUnusable when another worker has moved it meanwhile."""
        with self._write() as connection:
            self._move(connection, before, after, move, now, fenced=True)

    def resolve_claim(self, before: Claim, after: Claim, move: str, now: datetime) -> None:
        """A person's decision on an OWED or SUSPECT claim, beside a worker that runs. LedgerUnusable: it has moved."""
        with self._write() as connection:
            self._move(connection, before, after, move, now, fenced=False)

    def _move(
        self, connection: Connection, before: Claim, after: Claim, move: str, now: datetime, *, fenced: bool
    ) -> None:
        query = update(CLAIM).where(
            CLAIM.c.key == before.key, CLAIM.c.points == before.points, CLAIM.c.end == before.end,
            CLAIM.c.resolved == before.resolved,
        )  # fmt: skip
        if fenced:
            query = query.where(self._fence())
        done = connection.execute(query.values(changed_at=now.isoformat(), **self._values(after)))
        if done.rowcount != 1:
            raise LedgerUnusable("another worker has moved this claim; this one stops", system="ledger")
        self._note(connection, after, move, now, after.resolved or after.reason)

    def note_claim(self, claim: Claim, what: str, note: str, now: datetime) -> None:
        """Something that happened to a claim and did not move it, for the evidence: an answer that never came."""
        with self._write() as connection:
            self._check_fence(connection)
            self._note(connection, claim, what, now, note)

    def _note(self, connection: Connection, claim: Claim, move: str, now: datetime, note: str) -> None:
        connection.execute(
            insert(CLAIM_JOURNAL).values(
                at=now.isoformat(), key=claim.key, move=move, points=claim.points, end=claim.end, note=note[:250]
            )
        )

    def steps(self) -> Mapping[str, Sequence[tuple[str, str, str]]]:
        """Every step of each claim's journal as (move, points, end), oldest first, by claim key."""
        query = select(CLAIM_JOURNAL.c.key, CLAIM_JOURNAL.c.move, CLAIM_JOURNAL.c.points, CLAIM_JOURNAL.c.end)
        out: dict[str, list[tuple[str, str, str]]] = {}
        with self._write() as connection:
            for key, *step in connection.execute(query.order_by(CLAIM_JOURNAL.c.id)):
                out.setdefault(key, []).append((step[0], step[1], step[2]))
        return out

    def changed_at(self) -> Mapping[str, datetime]:
        """When each claim changed last, by claim key."""
        with self._write() as connection:
            rows = connection.execute(select(CLAIM.c.key, CLAIM.c.changed_at))
            return {key: datetime.fromisoformat(at) for key, at in rows}

    def history(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """The append-only journal of one claim: at, move, points, end, note."""
        with self._write() as connection:
            query = select(CLAIM_JOURNAL).where(CLAIM_JOURNAL.c.key == key).order_by(CLAIM_JOURNAL.c.id)
            return tuple(dict(row) for row in connection.execute(query).mappings())

    def _values(self, claim: Claim) -> dict[str, Any]:
        values: dict[str, Any] = {name: getattr(claim, name) for name in _CLAIM_FIELDS}
        values["member_card_no"] = self._hidden(claim.member_card_no)
        for name in _MONEY:
            values[name] = None if values[name] is None else str(values[name])
        for name in _TIMES:
            values[name] = values[name].isoformat() if values[name] else None
        return values

    def _claim(self, row: Any) -> Claim:
        values = {name: row[name] for name in _CLAIM_FIELDS}
        values["member_card_no"] = self._shown(row["member_card_no"])
        values["points"], values["end"] = Points(row["points"]), End(row["end"])
        for name in _MONEY:
            values[name] = None if values[name] is None else Decimal(values[name])
        for name in _TIMES:
            values[name] = datetime.fromisoformat(values[name]) if values[name] else None
        return Claim(**values)
