"""Everything in the ledger but claims: effects, people, sign-ups, presence, returns, decisions, reports, notes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, and_, insert, select, update

from navplugin.core.model import Effect, LoyaltyStatus, Persona, WalletDiscount
from navplugin.core.ports import Presence, SignupRecord
from navplugin.ledger.base import LedgerFile
from navplugin.ledger.schema import (
    DECISION,
    EFFECT,
    MAPPED,
    META,
    PERSON,
    PRESENCE,
    REPORT,
    RETURN_LINE,
    SIGNUP,
)


class Records(LedgerFile):
    """The other tables."""

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
        with self._read() as connection:
            return frozenset(connection.execute(query).scalars())

    # ---- people and signups ----------------------------------------------------------------------------------

    def person(self, member_card_no: str) -> Persona | None:
        """What AIQ last said of this member."""
        card = self._hidden(member_card_no)
        with self._read() as connection:
            query = select(PERSON).where(PERSON.c.company == self.company, PERSON.c.member_card_no == card)
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        read_at = datetime.fromisoformat(row["read_at"])
        return Persona(LoyaltyStatus(row["status"]), row["contact_id"], read_at)

    def save_person(self, member_card_no: str, persona: Persona, now: datetime) -> None:
        """Remember AIQ's answer; no name, phone or e-mail is kept."""
        contact_id = "" if self.hides_people else persona.contact_id
        values = {"status": persona.status, "contact_id": contact_id, "read_at": now.isoformat()}
        card = self._hidden(member_card_no)
        where = and_(PERSON.c.company == self.company, PERSON.c.member_card_no == card)
        with self._write() as connection:
            if connection.execute(update(PERSON).where(where).values(values)).rowcount == 0:
                connection.execute(insert(PERSON).values(company=self.company, member_card_no=card, **values))

    def signup(self, key: str) -> SignupRecord | None:
        """The record of one answered prompt."""
        with self._read() as connection:
            found = select(SIGNUP).where(SIGNUP.c.key == self._signup_key(key))
            row = connection.execute(found).mappings().first()
        return self._signup(row) if row else None

    def pending_signups(self) -> tuple[SignupRecord, ...]:
        """Answers Yes that AIQ has neither taken nor refused yet."""
        query = select(SIGNUP).where(SIGNUP.c.company == self.company, SIGNUP.c.state.in_(("yes", "sent")))
        with self._read() as connection:
            return tuple(self._signup(row) for row in connection.execute(query).mappings())

    def save_signup(self, record: SignupRecord, now: datetime) -> None:
        """Insert or update one record under its key."""
        values = {name: getattr(record, name) for name in SignupRecord.__slots__ if name != "key"}
        values.update(answered_at=record.answered_at.isoformat(), changed_at=now.isoformat())
        values["member_card_no"] = self._hidden(record.member_card_no)
        key = self._signup_key(record.key)
        with self._write() as connection:
            self._check_fence(connection)
            if connection.execute(update(SIGNUP).where(SIGNUP.c.key == key).values(values)).rowcount == 0:
                connection.execute(insert(SIGNUP).values(key=key, **values))

    def _signup_key(self, key: str) -> str:
        head, _, card = key.rpartition("/")
        return f"{head}/{self._hidden(card)}"

    def _signup(self, row: Any) -> SignupRecord:
        values = {name: row[name] for name in SignupRecord.__slots__}
        values["answered_at"] = datetime.fromisoformat(row["answered_at"])
        values["member_card_no"] = self._shown(row["member_card_no"])
        values["key"] = f"{row['key'].rpartition('/')[0]}/{values['member_card_no']}"
        return SignupRecord(**values)

    # ---- presence, returns, mapped coupon codes ----------------------------------------------------------------

    def presence(self, receipt_no: str, sale_guid: str, member_card_no: str) -> Presence | None:
        """What is known of the member's PIN on this sale."""
        with self._read() as connection:
            query = select(PRESENCE).where(self._present(receipt_no, sale_guid, member_card_no))
            row = connection.execute(query).mappings().first()
        return self._presence(row) if row else None

    def save_presence(self, presence: Presence, now: datetime) -> None:
        """Insert or update what is known of one PIN."""
        key = (presence.receipt_no, presence.sale_guid, presence.member_card_no)
        asked_at = presence.asked_at.isoformat() if presence.asked_at else None
        values = {
            "how": presence.how, "staff_id": presence.staff_id, "asked_at": asked_at, "tries": presence.tries,
            "at": now.isoformat(),
        }  # fmt: skip
        names = {"company": self.company, "receipt_no": key[0], "sale_guid": key[1],
                 "member_card_no": self._hidden(key[2])}  # fmt: skip
        self._upsert(PRESENCE, names, values)

    def list_presences(self) -> tuple[Presence, ...]:
        """All of them, oldest first: for the report of uses."""
        with self._read() as connection:
            rows = connection.execute(select(PRESENCE).order_by(PRESENCE.c.at)).mappings()
            return tuple(self._presence(row) for row in rows)

    def _present(self, receipt_no: str, sale_guid: str, member_card_no: str) -> Any:
        return and_(
            PRESENCE.c.company == self.company, PRESENCE.c.receipt_no == receipt_no,
            PRESENCE.c.sale_guid == sale_guid, PRESENCE.c.member_card_no == self._hidden(member_card_no),
        )  # fmt: skip

    def _presence(self, row: Any) -> Presence:
        return Presence(
            receipt_no=row["receipt_no"],
            sale_guid=row["sale_guid"],
            member_card_no=self._shown(row["member_card_no"]),
            how=row["how"],
            staff_id=row["staff_id"],
            tries=row["tries"],
            asked_at=datetime.fromisoformat(row["asked_at"]) if row["asked_at"] else None,
        )

    def add_return(self, sold_receipt_no: str, receipt_no: str, quantities: Mapping[str, Decimal]) -> None:
        """What one posted return took back, quantity by item number. Repeating it changes nothing."""
        for number, quantity in quantities.items():
            names = {"company": self.company, "sold_receipt_no": sold_receipt_no, "receipt_no": receipt_no,
                     "number": number}  # fmt: skip
            self._upsert(RETURN_LINE, names, {"quantity": str(quantity)})

    def drop_return(self, receipt_no: str) -> frozenset[str]:
        """This return was voided: it took nothing back. The sold receipts that it belongs to, also when repeated."""
        mine = and_(RETURN_LINE.c.company == self.company, RETURN_LINE.c.receipt_no == receipt_no)
        with self._write() as connection:
            sold = frozenset(connection.execute(select(RETURN_LINE.c.sold_receipt_no).where(mine)).scalars())
            if sold:
                self._check_fence(connection)
                # Not deleted: after a crash the voided return must lead to its sale once more.
                connection.execute(update(RETURN_LINE).where(mine).values(quantity="0"))
            return sold

    def return_lines(self) -> Mapping[str, Mapping[str, Mapping[str, Decimal]]]:
        """Quantity by sold receipt, the return's own receipt and item number, for the audit."""
        query = select(RETURN_LINE).where(RETURN_LINE.c.company == self.company)
        out: dict[str, dict[str, dict[str, Decimal]]] = {}
        with self._read() as connection:
            for row in connection.execute(query).mappings():
                lines = out.setdefault(row["sold_receipt_no"], {}).setdefault(row["receipt_no"], {})
                lines[row["number"]] = Decimal(row["quantity"])
        return out

    def returns_of(self, sold_receipt_no: str) -> Mapping[str, Decimal]:
        """Quantity by item number, over all returns of this receipt that were not voided."""
        query = select(RETURN_LINE).where(
            RETURN_LINE.c.company == self.company,
            RETURN_LINE.c.sold_receipt_no == sold_receipt_no,
            RETURN_LINE.c.quantity != "0",
        )
        out: dict[str, Decimal] = {}
        with self._read() as connection:
            for row in connection.execute(query).mappings():
                out[row["number"]] = out.get(row["number"], Decimal(0)) + Decimal(row["quantity"])
        return out

    def remember_mapped(self, discounts: Iterable[WalletDiscount], now: datetime) -> None:
        """Coupon codes that AIQ's discounts bear, with the cost that a wallet showed last."""
        for one in discounts:
            values = {"discount_id": one.discount_id, "name": one.name, "points_cost": str(one.points_cost),
                      "seen_at": now.isoformat()}  # fmt: skip
            self._upsert(MAPPED, {"company": self.company, "coupon_code": one.coupon_code}, values)

    def mapped(self) -> tuple[WalletDiscount, ...]:
        """What `remember_mapped` was told, one for each coupon code; without addresses."""
        with self._read() as connection:
            rows = connection.execute(select(MAPPED).where(MAPPED.c.company == self.company)).mappings()
            return tuple(
                WalletDiscount(r["discount_id"], r["coupon_code"], r["name"], Decimal(r["points_cost"])) for r in rows
            )

    def _upsert(self, table: Table, names: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        where = and_(*(table.c[name] == value for name, value in names.items()))
        with self._write() as connection:
            self._check_fence(connection)
            if connection.execute(update(table).where(where).values(values)).rowcount == 0:
                connection.execute(insert(table).values(**names, **values))

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
            self._check_fence(connection)
            if connection.execute(update(DECISION).where(where).values(values)).rowcount == 0:
                key = {"company": self.company, "receipt_no": receipt_no, "sale_guid": sale_guid}
                connection.execute(insert(DECISION).values(**key, **values))

    def decision(self, receipt_no: str) -> Mapping[str, Any] | None:
        """The last decision of a receipt: at, rules_hash, matcher, body."""
        query = select(DECISION).where(DECISION.c.receipt_no == receipt_no).order_by(DECISION.c.at.desc())
        with self._read() as connection:
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
        with self._read() as connection:
            return tuple(dict(row) for row in connection.execute(query).mappings())

    def note(self, name: str, default: str = "") -> str:
        """A named value of the worker (last tick, rules in force)."""
        with self._read() as connection:
            return connection.execute(select(META.c.value).where(META.c.name == name)).scalar() or default

    def set_note(self, name: str, value: str) -> None:
        """Write a named value. Fenced: where a later worker's poll begins is not for an earlier one to say."""
        with self._write() as connection:
            self._check_fence(connection)
            if connection.execute(update(META).where(META.c.name == name).values(value=value)).rowcount == 0:
                connection.execute(insert(META).values(name=name, value=value))
