"""Names of one record: its `Key` (record id and version) and its record id as text.

A recorded Key is `24;GwAAAAJ7/1AAUgAwADAAMAAx10;13300116860;`: twice a length and so many characters, then `0;`. The
first part is Base64 of the record id, the second the row version (nav-webservices.md 13).
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from navplugin.nav.contract import Kind
from navplugin.simulator.fields import Row, from_json
from navplugin.simulator.soap_fault import bad_key
from navplugin.simulator.view import View

_FIRST_VERSION = 1_330_000_000
"""Row versions of a NAV database have ten digits; ours begin at 1."""
_LENGTH = re.compile(r"(\d{1,4});")


@dataclass(frozen=True, slots=True)
class Key:
    """What a Key says: the key values of the record, and its version when it was read."""

    values: tuple[Any, ...]
    version: int


def write_key(view: View, row: Row, version: int) -> str:
    """The Key of a row in the site's names."""
    parts = [_plain(row[name]) for name in view.page.key]
    data = base64.b64encode(_table(view) + "\0".join(parts).encode("utf-16-le")).decode()
    stamp = str(_FIRST_VERSION + version)
    return f"{len(data)};{data}{len(stamp)};{stamp}0;"


def read_key(view: View, text: str) -> Key:
    """The Key in its parts. SoapFault when it is none, or one of another page."""
    data, rest = _counted(text.strip())
    stamp, end = _counted(rest)
    if end != "0;" or not stamp.isdecimal():
        raise bad_key()
    try:
        raw = base64.b64decode(data, validate=True)
        parts = raw[4:].decode("utf-16-le").split("\0")
        if raw[:4] != _table(view):
            raise bad_key()
        fields = [view.fields[name] for name in view.page.key]
        values = tuple(
            int(part) if field.kind in (Kind.INTEGER, Kind.BIG_INTEGER) else from_json(field, part)
            for field, part in zip(fields, parts, strict=True)
        )
    except (binascii.Error, ValueError, ArithmeticError):
        raise bad_key() from None
    return Key(values, int(stamp) - _FIRST_VERSION)


def record_id(view: View, table: str, row: Row) -> str:
    """The record id as AL prints it: `Trans. Infocode Entry: S1,P1,7,Header,0,AIQ`. table: its name at the site."""
    return f"{table}: {','.join(_plain(row[name]) for name in view.page.key)}"


def identity(view: View, row: Row) -> str:
    """Key fields and values as NAV's messages name them."""
    return ",".join(f"{view.fields[name].caption}='{_plain(row[name])}'" for name in view.page.key)


def _table(view: View) -> bytes:
    # The contract gives tables no numbers; any four bytes that differ from table to table will do.
    return zlib.crc32(view.table.encode()).to_bytes(4, "little")


def _counted(text: str) -> tuple[str, str]:
    match = _LENGTH.match(text)
    if match is None or len(text) < match.end() + int(match[1]):
        raise bad_key()
    end = match.end() + int(match[1])
    return text[match.end() : end], text[end:]


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    return value.isoformat() if isinstance(value, date) else str(value)
