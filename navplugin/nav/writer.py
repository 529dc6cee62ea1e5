"""Writes NAV over either protocol: the port `NavWriter`. Our own pages only, each row under its own ETag or Key."""

from __future__ import annotations

from collections.abc import Sequence

from navplugin.core.errors import Misconfigured, ProtocolError
from navplugin.core.model import Effect, Op, StagedRow
from navplugin.nav.contract import BY_SERVICE, Page, Writer
from navplugin.nav.rows import staged
from navplugin.nav.transport import Transport, Write

_RIGHTS = {Op.INSERT: "i", Op.UPDATE: "m", Op.DELETE: "d"}


class NavWriter:
    """One NAV company. Misconfigured for a page or field that the contract does not give to the plugin;
    ProtocolError for a value that the declared field cannot hold, a text that is too long for instance."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def write(self, effect: Effect) -> StagedRow | None:
        """Carry out one effect; the row as it stands afterwards, None after a delete."""
        write = _checked(effect)
        row = self._transport.write(write)
        return None if row is None else staged(write.page, row)

    def write_together(self, effects: Sequence[Effect]) -> bool:
        """At most BATCH of them, all or none, where the server can; False: nothing was written, write them singly."""
        return self._transport.write_together([_checked(effect) for effect in effects])


def _checked(effect: Effect) -> Write:
    page = BY_SERVICE.get(effect.page)
    if page is None or _RIGHTS[effect.op] not in page.rights:
        text = f"navplugin has no right to {effect.op} rows of this page."
        raise Misconfigured(text, system="NAV", where=effect.page)
    if len(effect.key) != len(page.key):
        raise Misconfigured(f"the key is ({', '.join(page.key)}).", system="NAV", where=effect.page)
    _check_fields(page, effect)
    if effect.op is not Op.INSERT and (not effect.etag or effect.etag == "*"):
        # `*` would overwrite what somebody else has just written.
        text = "the row's own ETag is not known; read the row again before it is changed."
        raise ProtocolError(text, system="NAV", where=f"{page.service} {effect.op}")
    fields = {name: value for name, value in effect.fields.items() if name not in page.key}
    return Write(effect.op, page, effect.key, fields, "" if effect.op is Op.INSERT else effect.etag)


def _check_fields(page: Page, effect: Effect) -> None:
    for name in effect.fields:
        if name not in page.key and (name not in page.names or page.field(name).writer is Writer.NAV):
            raise Misconfigured(f"the field {name} is not navplugin's to write.", system="NAV", where=page.service)
    for name, value in zip(page.key, effect.key, strict=True):
        if effect.fields.get(name, value) != value:
            raise Misconfigured(f"the key field {name} has two values.", system="NAV", where=page.service)
