"""Claims in the ledger: opened under the hold, moved by compare and set, each step kept in an append-only journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, exists, func, insert, or_, select, update

from navplugin.claims import TAKING_MOVES
from navplugin.core.errors import LedgerUnusable
from navplugin.core.model import Claim, End, Points, within_company
from navplugin.ledger.base import LedgerFile
from navplugin.ledger.schema import CLAIM, CLAIM_JOURNAL, DOUBTFUL_SALE, WATCH
from navplugin.openings import agrees_with_nav, may_hold

_CLAIM_FIELDS = tuple(c.name for c in CLAIM.c if c.name not in ("key", "created_at", "changed_at"))
_MONEY = ("points_cost", "promised", "applied", "balance_before")
_TIMES = ("sent_at", "taken_at", "missing_since")
_PEOPLE = ("member_card_no", "contact_id")
_HOLDING = or_(
    CLAIM.c.end == End.OPEN,
    and_(CLAIM.c.end == End.SUSPECT, CLAIM.c.resolved == "", or_(CLAIM.c.points == Points.SENT, CLAIM.c.doubtful)),
)
"""What may hold points: `Claim.holds_points` says which of these do."""


class ClaimTable(LedgerFile):
    """The tables `claim` and `claim_journal`."""

    def claims_of(self, receipt_no: str, sale_guid: str | None = None) -> tuple[Claim, ...]:
        """All generations of this receipt (of this sale GUID where given)."""
        query = select(CLAIM).where(CLAIM.c.company == self.company, CLAIM.c.receipt_no == receipt_no)
        if sale_guid is not None:
            query = query.where(CLAIM.c.sale_guid == sale_guid)
        return self._claims(query)

    def open_claims(self) -> tuple[Claim, ...]:
        """Claims that are not over, and settled ones that are in doubt, oldest first: looked at now and then."""
        in_doubt = and_(CLAIM.c.end == End.SETTLED, CLAIM.c.doubtful)
        return self._claims(
            select(CLAIM)
            .where(CLAIM.c.company == self.company, or_(CLAIM.c.end == End.OPEN, in_doubt))
            .order_by(CLAIM.c.created_at)
        )

    def list_claims(self, end: str = "", since: datetime | None = None) -> tuple[Claim, ...]:
        """Claims of all companies, newest last. end: OPEN, SETTLED, ... since: changed at or after this."""
        query = select(CLAIM).order_by(CLAIM.c.created_at, CLAIM.c.key)
        if end:
            query = query.where(CLAIM.c.end == end)
        return self._claims(query.where(CLAIM.c.changed_at >= since.isoformat()) if since else query)

    def member_claims(self, member_card_no: str) -> tuple[Claim, ...]:
        """The member's claims that are not over or may hold points, over all tills and stores of the ledger."""
        card = self._hidden(member_card_no)
        return self._claims(select(CLAIM).where(CLAIM.c.member_card_no == card, _HOLDING))

    def taken_since(self, member_card_no: str, position: int) -> tuple[Claim, ...]:
        """The member's claims whose points were called for, and noted as taken, after this position of the ledger. What
        was called for before may be in a balance that was read at the position."""
        card = self._hidden(member_card_no)
        last = select(func.max(CLAIM_JOURNAL.c.id)).where(
            CLAIM_JOURNAL.c.key == CLAIM.c.key, CLAIM_JOURNAL.c.move.in_(TAKING_MOVES)
        )
        called = last.scalar_subquery() > position
        later = and_(CLAIM.c.points == Points.YES, CLAIM.c.taken_position > position, called)
        return self._claims(select(CLAIM).where(CLAIM.c.member_card_no == card, later))

    def knows_claim(self, key: str, points: str = "") -> bool:
        """Whether there is a claim with this key, also under the company's name of before, that agrees with what NAV's
        row says of its points: Taken, Given Back, or anything else. Version 1 kept only in the journal that points
        went back."""
        wanted = within_company(key)
        query = select(CLAIM).where(CLAIM.c.company == self.company)
        with self._read() as connection:
            exact = connection.execute(query.where(CLAIM.c.key == key)).mappings().first()
            rows = [exact] if exact else connection.execute(query).mappings()
            claims = [self._claim(row) for row in rows]
        known = (c for c in claims if c.key == key or within_company(c.key) == wanted)
        return any(agrees_with_nav(c, points) or self._went_back(c.key) for c in known)

    def _went_back(self, key: str) -> bool:
        step = select(CLAIM_JOURNAL.c.id).where(CLAIM_JOURNAL.c.key == key, CLAIM_JOURNAL.c.move == "given back")
        with self._read() as connection:
            return connection.execute(step.limit(1)).first() is not None

    def given_back_since(self, member_card_no: str, position: int) -> tuple[Claim, ...]:
        """The member's claims whose points were taken before this position of the ledger, and went back after it or may
        have: a refund without an answer counts."""
        noted = exists().where(
            CLAIM_JOURNAL.c.key == CLAIM.c.key, CLAIM_JOURNAL.c.id > position, CLAIM_JOURNAL.c.points == Points.NO
        )
        under_way = and_(CLAIM.c.points == Points.SENT, CLAIM.c.refunding)
        went_back = or_(and_(CLAIM.c.given_back != "", noted), under_way)
        mine = CLAIM.c.member_card_no == self._hidden(member_card_no)
        return self._claims(select(CLAIM).where(mine, CLAIM.c.taken_position <= position, went_back))

    def position(self) -> int:
        """Where the ledger is now: it grows with every step of a claim, and no clock has a part in it."""
        with self._read() as connection:
            return int(connection.execute(select(func.max(CLAIM_JOURNAL.c.id))).scalar() or 0)

    def _claims(self, query: Any) -> tuple[Claim, ...]:
        with self._read() as connection:
            return tuple(self._claim(row) for row in connection.execute(query).mappings())

    def open_claim(
        self, claim: Claim, balance: Decimal | None, now: datetime, *, position: int | None = None,
        force: bool = False,
    ) -> str:  # fmt: skip
        """Open it when the balance less all holds covers it; else why not. One transaction: two tills cannot both win.

        position: the ledger's when the balance was read. force: for a posted line without a claim, which exists
        whatever the balance.
        """
        with self._write() as connection:
            self._check_fence(connection)
            later = [] if position is None else [CLAIM.c.taken_position > position]
            mine = select(CLAIM).where(
                CLAIM.c.member_card_no == self._hidden(claim.member_card_no), or_(_HOLDING, *later)
            )
            others = [self._claim(row) for row in connection.execute(mine).mappings()]
            reason = "" if force else may_hold(balance, others, claim, position)
            if not reason:
                row = {**self._values(claim), "created_at": now.isoformat(), "changed_at": now.isoformat()}
                connection.execute(insert(CLAIM).values(key=claim.key, **row))
                self._note(connection, claim, "open", now, claim.reason)
            return reason

    def save_claim(self, before: Claim, after: Claim, move: str, now: datetime) -> Claim:
        """Write the next state of a claim; it as it is kept. LedgerUnusable when another worker has moved it meanwhile.

        A call that moves points counts as one more `step` of the company, in the same transaction.
        """
        with self._write() as connection:
            return self._move(connection, before, after, move, now, fenced=True)

    def save_answer(self, before: Claim, after: Claim, move: str, now: datetime) -> Claim:
        """The answer to a call that this worker sent, also when another one has followed it meanwhile, and has given
        up on the answer: as long as the claim is still `sent` by this very attempt. LedgerUnusable otherwise."""
        with self._write() as connection:
            row = connection.execute(select(CLAIM).where(CLAIM.c.key == before.key)).mappings().first()
            there = self._claim(row) if row else before
            if (there.points, there.attempt, there.resolved) == (Points.SENT, before.attempt, before.resolved):
                before = there
            return self._move(connection, before, after, move, now, fenced=False)

    def flag_stray(self, claim: Claim, text: str, now: datetime) -> None:
        """A person must look at this claim, whatever has become of it: written by a worker that was followed."""
        with self._write() as connection:
            row = connection.execute(select(CLAIM).where(CLAIM.c.key == claim.key)).mappings().first()
            if row is not None:
                there = self._claim(row)
                after = replace(there, end=End.SUSPECT, resolved="", reason=text)
                self._move(connection, there, after, "moved twice", now, fenced=False)

    def resolve_claim(self, before: Claim, after: Claim, move: str, now: datetime) -> Claim:
        """A person's decision on an OWED or SUSPECT claim, beside a worker that runs. LedgerUnusable: it has moved."""
        with self._write() as connection:
            return self._move(connection, before, after, move, now, fenced=False)

    def _move(
        self, connection: Connection, before: Claim, after: Claim, move: str, now: datetime, *, fenced: bool
    ) -> Claim:
        if after.points is Points.YES and before.points is not Points.YES:
            next_position = connection.execute(select(func.max(CLAIM_JOURNAL.c.id))).scalar() or 0
            after = replace(after, taken_position=next_position + 1)
        query = update(CLAIM).where(
            CLAIM.c.key == before.key, CLAIM.c.points == before.points, CLAIM.c.end == before.end,
            CLAIM.c.resolved == before.resolved, CLAIM.c.attempt == before.attempt,
        )  # fmt: skip
        if fenced:
            query = query.where(self._fence())
        done = connection.execute(query.values(changed_at=now.isoformat(), **self._values(after)))
        if done.rowcount != 1:
            raise LedgerUnusable("another worker has moved this claim; this one stops", system="ledger")
        if after.attempt > before.attempt:
            connection.execute(update(WATCH).where(self._mine()).values(step=WATCH.c.step + 1))
        self._note(connection, after, move, now, after.resolved or after.reason)
        return after

    # ---- doubt -----------------------------------------------------------------------------------------------------

    def is_doubtful(self, receipt_no: str, sale_guid: str) -> bool:
        """Whether NAV held this sale already when this ledger took the company over."""
        row = (self.company, receipt_no, sale_guid)
        with self._read() as connection:
            return connection.execute(select(DOUBTFUL_SALE).where(_is_sale(row))).first() is not None

    def doubt(self, sales: Iterable[tuple[str, str]], now: datetime) -> int:
        """Take the company over: nothing that the ledger says of points in flight is believed before it was looked at.

        sales: receipt numbers and sale GUIDs that NAV holds. Returns how many claims are doubtful now.
        """
        with self._write() as connection:
            self._check_fence(connection)
            for receipt_no, sale_guid in sales:
                row = (self.company, receipt_no, sale_guid)
                if connection.execute(select(DOUBTFUL_SALE).where(_is_sale(row))).first() is None:
                    connection.execute(insert(DOUBTFUL_SALE).values(row))
            mine = select(CLAIM).where(
                CLAIM.c.company == self.company, CLAIM.c.end.in_((End.OPEN, End.SETTLED, End.OWED))
            )
            claims = [self._claim(row) for row in connection.execute(mine).mappings()]
            for claim in claims:
                self._move(connection, claim, replace(claim, doubtful=True), "taken over", now, fenced=True)
            return len(claims)

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
        with self._read() as connection:
            for key, *step in connection.execute(query.order_by(CLAIM_JOURNAL.c.id)):
                out.setdefault(key, []).append((step[0], step[1], step[2]))
        return out

    def changed_at(self) -> Mapping[str, datetime]:
        """When each claim changed last, by claim key."""
        with self._read() as connection:
            rows = connection.execute(select(CLAIM.c.key, CLAIM.c.changed_at))
            return {key: datetime.fromisoformat(at) for key, at in rows}

    def history(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """The append-only journal of one claim: at, move, points, end, note."""
        with self._read() as connection:
            query = select(CLAIM_JOURNAL).where(CLAIM_JOURNAL.c.key == key).order_by(CLAIM_JOURNAL.c.id)
            return tuple(dict(row) for row in connection.execute(query).mappings())

    def _values(self, claim: Claim) -> dict[str, Any]:
        values: dict[str, Any] = {name: getattr(claim, name) for name in _CLAIM_FIELDS}
        for name in _PEOPLE:
            values[name] = self._hidden(values[name])
        for name in _MONEY:
            values[name] = None if values[name] is None else str(values[name])
        for name in _TIMES:
            values[name] = values[name].isoformat() if values[name] else None
        return values

    def _claim(self, row: Any) -> Claim:
        values = {name: row[name] for name in _CLAIM_FIELDS}
        for name in _PEOPLE:
            values[name] = self._shown(values[name])
        values["points"], values["end"] = Points(row["points"]), End(row["end"])
        for name in _MONEY:
            values[name] = None if values[name] is None else Decimal(values[name])
        for name in _TIMES:
            values[name] = datetime.fromisoformat(values[name]) if values[name] else None
        return Claim(**values)


def _is_sale(row: tuple[str, str, str]) -> Any:
    return and_(*(column == value for column, value in zip(DOUBTFUL_SALE.c, row, strict=True)))
