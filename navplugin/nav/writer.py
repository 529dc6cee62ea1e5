"""Writes NAV over OData: the port `NavWriter`. Our own pages only, each write once, under the row's own ETag."""

from __future__ import annotations

from typing import Any

from navplugin.core.errors import Misconfigured, ProtocolError
from navplugin.core.model import Effect, Op, StagedRow
from navplugin.nav.contract import BY_SERVICE, Page, Writer
from navplugin.nav.http import NavHttp, Reply
from navplugin.nav.odata import Model, entity_path, to_json
from navplugin.nav.rows import read_row, staged
from navplugin.wire import dump_json

_RIGHTS = {Op.INSERT: "i", Op.UPDATE: "m", Op.DELETE: "d"}


class ODataWriter:
    """One NAV company. Misconfigured for a page or field that the contract does not give to the plugin;
    ProtocolError for a value that the declared field cannot hold, a text that is too long for instance."""

    def __init__(self, http: NavHttp, model: Model) -> None:
        self._http, self._model = http, model

    def write(self, effect: Effect) -> StagedRow | None:
        """Carry out one effect; the row as it stands afterwards, None after a delete."""
        page = _allowed_page(effect)
        fields = {name: value for name, value in effect.fields.items() if name not in page.key}
        _check_fields(page, effect, fields)
        body = {name: to_json(page.field(name), value) for name, value in fields.items()}
        if effect.op is Op.INSERT:
            keys = {name: to_json(page.field(name), value) for name, value in zip(page.key, effect.key, strict=True)}
            reply = self._http.write("POST", page.service, page.service, dump_json({**keys, **body}).encode())
            return self._row(page, effect.key, reply)
        etag = _own_tag(page, effect)
        if effect.op is Op.DELETE:
            self._http.write("DELETE", entity_path(page, effect.key), page.service, etag=etag)
            return None
        path = entity_path(page, effect.key)
        reply = self._http.write("PATCH", path, page.service, dump_json(body).encode(), etag)
        return self._row(page, effect.key, reply)

    def _row(self, page: Page, key: tuple[Any, ...], reply: Reply) -> StagedRow:
        """What NAV made of it: triggers may change other fields (nav-webservices.md 0 no. 7)."""
        if reply.document is None:
            reply = self._http.read(entity_path(page, key), page.service)
        return staged(page, read_row(page, reply.document or {}, reply.etag))


def _allowed_page(effect: Effect) -> Page:
    page = BY_SERVICE.get(effect.page)
    if page is None or _RIGHTS[effect.op] not in page.rights:
        text = f"navplugin has no right to {effect.op} rows of this page."
        raise Misconfigured(text, system="NAV", where=effect.page)
    if len(effect.key) != len(page.key):
        raise Misconfigured(f"the key is ({', '.join(page.key)}).", system="NAV", where=effect.page)
    return page


def _check_fields(page: Page, effect: Effect, fields: dict[str, Any]) -> None:
    for name in fields:
        if name not in page.names or page.field(name).writer is Writer.NAV:
            raise Misconfigured(f"the field {name} is not navplugin's to write.", system="NAV", where=page.service)
    for name, value in zip(page.key, effect.key, strict=True):
        if effect.fields.get(name, value) != value:
            raise Misconfigured(f"the key field {name} has two values.", system="NAV", where=page.service)


def _own_tag(page: Page, effect: Effect) -> str:
    # `*` would overwrite what somebody else has just written.
    if not effect.etag or effect.etag == "*":
        text = "the row's own ETag is not known; read the row again before it is changed."
        raise ProtocolError(text, system="NAV", where=f"{page.service} {effect.op}")
    return effect.etag
