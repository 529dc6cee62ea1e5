"""A page over SOAP: the operations of nav-webservices.md 13 on the state's rows.

An element that is absent leaves its field as it is, an empty one clears a text. A write with an old Key is refused. The
worker writes its own fields only, as over OData (ls-pos.md 7.8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from navplugin.nav.contract import Naming, Writer, table_name
from navplugin.simulator.call import Answer
from navplugin.simulator.fields import FieldError, Row
from navplugin.simulator.soap_fault import (
    FIELD,
    READ_ONLY,
    SoapFault,
    bad_key,
    changed,
    duplicate,
    missing,
    no_record,
    not_understood,
    unknown,
)
from navplugin.simulator.soap_filter import parse_criteria
from navplugin.simulator.soap_key import Key, identity, read_key, record_id, write_key
from navplugin.simulator.soap_message import Element, fields_xml, reply, tag
from navplugin.simulator.soap_values import read_text, show_text
from navplugin.simulator.soap_wsdl import operations, page_namespace
from navplugin.simulator.state import State
from navplugin.simulator.view import View

_SET_SIZE = re.compile(r"-?\d{1,9}\Z")


class SoapPage:
    """One published page."""

    def __init__(self, state: State, view: View, naming: Naming) -> None:
        self._state, self._view, self._page = state, view, view.page
        self._table = table_name(view.page, naming)
        self._operations: dict[str, Callable[[Element], str]] = {
            "Read": self._read,
            "ReadByRecId": self._read_by_record_id,
            "ReadMultiple": self._read_multiple,
            "IsUpdated": self._is_updated,
            "GetRecIdFromKey": self._record_id_of_key,
            "Create": lambda call: self._entity(self._insert(call.only(self._page.service))),
            "CreateMultiple": lambda call: self._each(call, self._insert),
            "Update": lambda call: self._entity(self._modify(call.only(self._page.service))),
            "UpdateMultiple": lambda call: self._each(call, self._modify),
            "Delete": self._delete,
        }

    def run(self, request: Element) -> Answer:
        """Carry out a call, whole or not at all. SoapFault, FieldError: NAV refuses."""
        if request.name not in operations(self._page):
            raise unknown(request.name, self._page.service)
        with self._state.transaction():
            inner = self._operations[request.name](request)
        return reply(page_namespace(self._page.service), request.name, inner)

    # ---- reading -------------------------------------------------------------------------------------------------

    def _read(self, call: Element) -> str:
        """Key values are filters for texts (nav-webservices.md 13); a blank one is the blank value."""
        page = self._page
        texts = call.texts(page.key, needed=page.key)
        tests = {name: parse_criteria(self._view.fields[name], texts[name] or "''") for name in page.key}
        for row in self._rows():
            if all(test(row[name]) for name, test in tests.items()):
                return self._entity(row)
        return ""

    def _read_by_record_id(self, call: Element) -> str:
        wanted = call.texts(("recId",), needed=("recId",))["recId"].strip()
        for row in self._rows():
            if record_id(self._view, self._table, row) == wanted:
                return self._entity(row)
        return ""

    def _read_multiple(self, call: Element) -> str:
        filters = [one for one in call.children if one.name == "filter"]
        others = Element(call.name, "", tuple(one for one in call.children if one.name != "filter"))
        texts = others.texts(("bookmarkKey", "setSize"))
        size = texts.get("setSize", "").strip() or "0"
        if not _SET_SIZE.match(size):
            raise not_understood(f"'{size}' is no setSize.", f"'{size}' er ikke en setSize.")
        rows = self._filtered(filters)
        if int(size) < 0:
            rows.reverse()
        if bookmark := texts.get("bookmarkKey", "").strip():
            rows = self._after(rows, bookmark, is_reverse=int(size) < 0)
        chosen = rows[: abs(int(size))] if int(size) else rows
        return f"<ReadMultiple_Result>{''.join(map(self._entity, chosen))}</ReadMultiple_Result>"

    def _filtered(self, filters: Sequence[Element]) -> list[Row]:
        tests = []
        for one in filters:
            texts = one.texts(("Field", "Criteria"), needed=("Field", "Criteria"))
            name = texts["Field"].strip()
            if name not in self._view.fields:
                english = f"'{name}' is not a field of {self._page.service}."
                raise not_understood(english, f"'{name}' er ikke et felt i {self._page.service}.")
            tests.append((name, parse_criteria(self._view.fields[name], texts["Criteria"])))
        return [row for row in self._rows() if all(test(row[name]) for name, test in tests)]

    def _after(self, rows: Sequence[Row], bookmark: str, *, is_reverse: bool) -> list[Row]:
        """The rows behind the bookmark's record. It must be there still (nav-webservices.md 14 no. 10)."""
        mark = self._found(read_key(self._view, bookmark))
        everything = [self._key_of(row) for row in self._rows()]
        places = {key: place for place, key in enumerate(reversed(everything) if is_reverse else everything)}
        return [row for row in rows if places[self._key_of(row)] > places[self._key_of(mark)]]

    def _is_updated(self, call: Element) -> str:
        key = self._key(call)
        self._found(key)
        return tag("IsUpdated_Result", "false" if self._version(key.values) == key.version else "true")

    def _record_id_of_key(self, call: Element) -> str:
        return tag("GetRecIdFromKey_Result", record_id(self._view, self._table, self._found(self._key(call))))

    # ---- writing -------------------------------------------------------------------------------------------------

    def _insert(self, entity: Element) -> Row:
        """A Key in a new record is ignored (assumed)."""
        page = self._page
        row = self._given(entity)
        self._refuse_foreign([name for name in row if name not in page.key])
        for name in page.key:
            if name not in row:
                caption = self._view.fields[name].caption
                english = f"{caption} must have a value in {page.caption}. It cannot be zero or empty."
                raise SoapFault(FIELD, english, f"{caption} skal have en værdi i {page.caption}.")
        if self._state.get(self._view.table, *self._key_of(row)) is not None:
            raise duplicate(page.caption, identity(self._view, row))
        return self._put(row)

    def _modify(self, entity: Element) -> Row:
        text = next((one.text for one in entity.children if one.name == "Key"), "")
        if not text.strip():
            raise missing("Key", entity.name)
        before = self._current(read_key(self._view, text))
        changes = self._given(entity)
        # The Key names the record; renaming it is nothing that the plugin may do.
        self._refuse_foreign([n for n in changes if n not in self._page.key or changes[n] != before[n]])
        return self._put({**before, **changes})

    def _delete(self, call: Element) -> str:
        row = self._current(self._key(call))
        self._state.delete(self._view.table, *self._key_of(row))
        return tag("Delete_Result", "true")

    def _each(self, call: Element, write: Callable[[Element], Row]) -> str:
        """One transaction: a record that is refused undoes those before it."""
        service = self._page.service
        entities = call.only(f"{service}_List").children
        for entity in entities:
            if entity.name != service:
                raise unknown(entity.name, f"{service}_List")
        written = [write(entity) for entity in entities]
        return f"<{service}_List>{''.join(map(self._entity, written))}</{service}_List>"

    def _given(self, entity: Element) -> Row:
        texts = entity.texts(("Key", *self._page.names))
        fields = self._view.fields
        return {name: read_text(fields[name], text) for name, text in texts.items() if name != "Key"}

    def _refuse_foreign(self, names: Sequence[str]) -> None:
        for name in names:
            field = self._view.fields[name]
            if name in self._page.key or field.writer is Writer.NAV:
                english = f"The field {field.caption} of {self._page.caption} cannot be edited."
                danish = f"Feltet {field.caption} i {self._page.caption} kan ikke redigeres."
                raise SoapFault(READ_ONLY, english, danish)

    # ---- rows ----------------------------------------------------------------------------------------------------

    def _rows(self) -> list[Row]:
        return [self._view.outward(row) for row in self._state.rows(self._view.table)]

    def _key(self, call: Element) -> Key:
        return read_key(self._view, call.texts(("Key",), needed=("Key",))["Key"])

    def _found(self, key: Key) -> Row:
        """The record of a Key of any version."""
        try:
            row = self._state.get(self._view.table, *key.values)
        except FieldError:
            raise bad_key() from None
        if row is None:
            named = dict(zip(self._page.key, key.values, strict=True))
            raise no_record(self._page.caption, identity(self._view, named))
        return self._view.outward(row)

    def _current(self, key: Key) -> Row:
        """The record of a Key that is not older than the record."""
        row = self._found(key)
        if self._version(key.values) != key.version:
            raise changed(self._table, identity(self._view, row))
        return row

    def _put(self, row: Row) -> Row:
        return self._view.outward(self._state.put(self._view.table, self._view.inward(row)))

    def _version(self, values: Sequence[Any]) -> int:
        return self._state.row_version(self._view.table, *values)

    def _key_of(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self._page.key)

    def _entity(self, row: Row) -> str:
        key = write_key(self._view, row, self._version(self._key_of(row)))
        shown = ((name, show_text(field, row[name])) for name, field in self._view.fields.items())
        return fields_xml(self._page.service, [("Key", key), *shown])
