"""AIQ as the port `LoyaltyProvider`: status, wallet, sign-up, redemption and refund (aiq-api.md 3-7)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import requests

from navplugin.core.errors import Misconfigured, ProtocolError, Refused
from navplugin.core.model import Claim, LoyaltyStatus, Member, Persona, Wallet, WalletDiscount
from navplugin.core.ports import Clock, Contact, Lookup, LoyaltyStore, MaySend, Redemption, Signup, always
from navplugin.loyalty import parse
from navplugin.loyalty.aiq_http import DEADLINE, AiqHttp, Answer
from navplugin.loyalty.contact import contact_of
from navplugin.loyalty.rate import Gate

log = logging.getLogger("navplugin.aiq")

PIN_CALLS = (("/verify/wallet", "/view/wallet"), ("/verify/contact/wallet", "/view/contact/wallet"))
REFUNDS = ("manual", "adjust", "endpoint")
MAX_PAGES = 50
LISTING = 20.0
"""Seconds for all pages of a listing that is answered; each answer has the time of any other call."""
MARGIN = timedelta(days=1)
"""Beyond what AIQ's Date says of its clock, on both sides: the clocks may have been set since."""


class AiqProvider:
    """One AIQ account, from any thread.

    source: what AIQ is told under `source` ("" = nothing). append_reference: whether the receipt number goes on the
    redemption address. refund: manual, adjust or endpoint. deadline: seconds for one answer, with all calls that it
    takes. pause: waits before a read is tried again. gate: the budget of calls that all workers share.
    """

    def __init__(
        self,
        base_url: str,
        uid: str,
        api_key: str,
        *,
        clock: Clock,
        source: str = "365canna",
        append_reference: bool = True,
        refund: str = "manual",
        session: requests.Session | None = None,
        deadline: float = DEADLINE,
        pause: Callable[[float], None] = time.sleep,
        gate: Gate | None = None,
    ) -> None:
        """Misconfigured for an address, uid, key or refund strategy that cannot be used."""
        if refund not in REFUNDS:
            raise Misconfigured(f"refund is one of {', '.join(REFUNDS)}", system="AIQ")
        if not uid.strip():
            raise Misconfigured("uid in [aiq] is empty; it stands in AIQ under Settings > API & Tracking", system="AIQ")
        self._http = AiqHttp(
            base_url, api_key, session=session, deadline=deadline, pause=pause, gate=gate, wall=clock.now
        )
        self._deadline = deadline
        self._uid, self._clock = quote(uid.strip(), safe=""), clock
        self._source, self._append_reference, self._strategy = source, append_reference, refund
        self._lookup_method, self._pin_calls = "GET", PIN_CALLS[0]
        self._told: set[str] = set()

    def __repr__(self) -> str:
        return f"AiqProvider({self._http.base_url!r}, refund={self._strategy!r})"

    @property
    def clock_skew(self) -> timedelta | None:
        """How far AIQ's clock is ahead of ours by its newest answer, in whole seconds; None: AIQ has not told yet."""
        return self._http.clock_skew

    def contact_of(self, member: Member) -> Contact | None:
        """How to ask for this member; None when phone and e-mail are missing or placeholders."""
        return contact_of(member)

    # ---- reads ---------------------------------------------------------------------------------------------------

    def fetch_status(self, contact: Contact) -> Persona:
        """Member, Known, Unknown, Several, or CannotTell where AIQ finds the person and does not say what they are.

        The phone is asked first, the e-mail only if the phone is unknown: never both (aiq-api.md 16 no. 9). Where the
        look-up is not there or does not tell, AIQ's list of personas is searched (aiq-api.md 3.2).
        """
        persona = Persona(LoyaltyStatus.UNKNOWN, read_at=self._clock.now())
        with self._http.within(self._deadline):
            for pii in _ways(contact):
                try:
                    persona = parse.persona_of(self._look_up(pii), self._clock.now())
                except ProtocolError:
                    persona = self._search(pii)
                if persona.status is LoyaltyStatus.CANNOT_TELL:
                    persona = self._search(pii)
                if persona.status is not LoyaltyStatus.UNKNOWN:
                    break
        return persona

    def _search(self, pii: str) -> Persona:
        """Who has this phone or e-mail, then whether they are among the members: `is:member` (aiq-api.md 3.2).

        That both words may stand in one search is assumed.
        """
        now = self._clock.now()
        count, contact_id = parse.people_found(self._personas(pii))
        if count != 1:
            return Persona(LoyaltyStatus.SEVERAL if count else LoyaltyStatus.UNKNOWN, read_at=now, matches=count)
        members, _ = parse.people_found(self._personas(f"is:member {pii}"))
        return Persona(LoyaltyStatus.MEMBER if members else LoyaltyStatus.KNOWN, contact_id, now, matches=1)

    def _personas(self, search: str) -> Any:
        path = f"/api/v1.1/piis/{self._uid}?search={quote(search, safe='')}&limit=100"
        return parse.payload(self._http.read("GET", path, "search").document)

    def fetch_wallet(self, contact: Contact) -> Wallet | None:
        """The wallet with its discounts, phone first; None when AIQ does not know the person."""
        with self._http.within(self._deadline):
            for name, value in (("phone", contact.phone), ("email", contact.e_mail)):
                if not value:
                    continue
                asked_at = self._clock.now()  # what another till takes meanwhile may be missing in the answer
                answer = self._http.read("POST", "/api/v2/wallet", "wallet", {name: value}, also=(404,))
                _refuse_foreign_404(answer, "wallet")
                wallet = None if answer.status == 404 else self._wallet(answer, asked_at)
                if wallet is not None:
                    return wallet
        return None

    def _wallet(self, answer: Answer, asked_at: datetime) -> Wallet | None:
        return parse.wallet_of(parse.payload(answer.document), asked_at, self._whole_address, self._skip)

    def fetch_stores(self) -> Sequence[LoyaltyStore]:
        """The account's stores (aiq-api.md 12)."""
        answer = self._http.read("GET", f"/api/v1.1/stores/{self._uid}", "stores")
        return parse.stores_of(parse.payload(answer.document))

    def find_redemptions(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Lookup:
        """What AIQ lists under our receipt number. since: when the sale was rung up, by our clock.

        ProtocolError when the listing cannot tell. Misconfigured when redemptions are sent without our number.
        """
        if not self._append_reference:
            text = "redemptions are sent without the receipt number, so none can be found by it;"
            raise Misconfigured(f"{text} set append-reference = yes or redemption-lookup = blind", system="AIQ")
        with self._http.within(max(self._deadline, LISTING)):
            return parse.find_in_listing(self._listing(since), contact_id, discount_id, reference)

    def list_redemptions(self, since: datetime) -> tuple[Redemption, ...]:
        """Every redemption since then, refunded ones too: for the audit."""
        return parse.rows_of_listing(self._listing(since))

    def _listing(self, since: datetime) -> list[Any]:
        """Every row since then by either clock. The first answer may be what tells how wrong a clock is: ask again."""
        known = self.clock_skew
        rows = self._list(self._window(since))
        if abs((self.clock_skew or timedelta()) - (known or timedelta())) > MARGIN / 2:
            rows = self._list(self._window(since))
        return rows

    def _window(self, since: datetime) -> str:
        now, ahead = self._clock.now(), self.clock_skew or timedelta()
        start, end = min(since, since + ahead) - MARGIN, max(now, now + ahead) + MARGIN
        return f"/api/v1.1/redemptions/{self._uid}/{max(0, int(start.timestamp()))}/{int(end.timestamp())}"

    def _look_up(self, pii: str) -> Any:
        """GET as documented; POST where GET is not answered, as seen in the field (aiq-api.md 3.1)."""
        path = f"/api/v2/loyalty/lookup/{quote(pii, safe='')}"
        if self._lookup_method == "GET":
            answer = self._http.read("GET", path, "look-up", also=(404, 405))
            if answer.status == 200 or (answer.status == 404 and answer.document is not None):
                return None if answer.status == 404 else parse.payload(answer.document)
        answer = self._http.read("POST", path, "look-up", {}, also=(404,))
        _refuse_foreign_404(answer, "look-up")
        self._lookup_method = "POST"
        return None if answer.status == 404 else parse.payload(answer.document)

    def _list(self, path: str) -> list[Any]:
        """Every row. ProtocolError when the listing does not come to its end: what it hides must not count as absent.

        Assumed, as AIQ's personas listing has it (aiq-api.md 3.2): `start` asks for the rows from there on, `total`
        counts all of them. Where no total is told, a page may be the first of many or the whole; the next start then
        shows nothing where it was the whole, or the same page again where the listing knows no `start`.
        """
        pages: list[Sequence[Any]] = []
        rows: list[Any] = []
        total: int | None = None
        for _ in range(MAX_PAGES):
            query = f"?start={len(rows)}" if pages else ""
            answer = self._http.read("GET", path + query, "redemptions")
            page, counted = parse.listing_of(parse.payload(answer.document))
            if total is None and counted is None and (not page or pages == [page]):
                return parse.without_repeats(rows)
            shrinks = (total is None) != (counted is None) or (counted or 0) < (total or 0)
            if pages and (shrinks or page in pages):
                raise self._broken("AIQ's listing of redemptions changes or repeats itself while it is read")
            pages.append(page)
            rows += page
            total = counted
            if total is not None and (not page or len(rows) >= total):
                break
        else:
            raise self._broken("AIQ lists more redemptions than can be looked through")
        whole = parse.without_repeats(rows)
        if len(whole) != total:
            raise self._broken(f"AIQ's listing of redemptions ends after {len(whole)} of {total}")
        return whole

    def _broken(self, text: str) -> ProtocolError:
        return ProtocolError(f"{text}.", system="AIQ", where="redemptions")

    # ---- writes, each sent once ----------------------------------------------------------------------------------

    def send_signup(self, signup: Signup) -> Persona:
        """Make a loyalty member. Consent that was not given is left out, never sent as false (aiq-api.md 4.4)."""
        body: dict[str, Any] = {
            "firstName": signup.first_name, "lastName": signup.last_name, "mobilePhone": signup.contact.phone,
            "email": signup.contact.e_mail, "favoriteStore": signup.aiq_store, "source": self._source,
        }  # fmt: skip
        body = {name: value for name, value in body.items() if value}
        for consent, name in (("loyalty", "loyalty"), ("sms", "smsoptin"), ("email", "emailOptIn")):
            if consent in signup.consent:
                body[name] = True
        answer = self._http.write("POST", "/api/v2/loyalty", "sign-up", body)
        contact_id = parse.contact_id_of(parse.payload(answer.document))
        return Persona(LoyaltyStatus.MEMBER, contact_id, self._clock.now(), matches=1)

    def send_redemption(
        self, discount: WalletDiscount, reference: str, key: str = "", may_send: MaySend = always
    ) -> str:
        """Take the points now; AIQ's id of it where told. AIQ documents no key of ours, so none is sent.

        may_send: asked when the connection is made; Unreachable when it says no.

        Refused, Busy, AuthFailed, Unreachable: nothing was taken. UnknownOutcome: it may have been (`aiq_http`).
        """
        if not discount.redemption_url:
            raise Refused("AIQ names no address to redeem this discount.", system="AIQ", where="redemption")
        url = discount.redemption_url
        if self._append_reference:
            url = with_reference(url, reference)
        answer = self._http.write("PUT", url, "redemption", may_send=may_send)
        return parse.redemption_id_of(parse.payload(answer.document))

    def send_refund(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        """Give the points back by the configured strategy; outcomes as for a redemption. Refused for `manual`."""
        if self._strategy == "manual":
            raise Refused("points are given back by hand (refund = manual).", system="AIQ", where="refund")
        if not contact_id:
            raise Refused("AIQ's id of the member is not known; give the points back by hand.", system="AIQ")
        if claim.collect == "done":
            # AIQ has no redemption to refund.
            self._adjust(claim, contact_id, claim.points_cost, "given back", may_send)
        elif self._strategy == "endpoint":
            # Assumed: AIQ's own refund call could not be read (aiq-api.md 7).
            parts = (claim.discount_id, contact_id, claim.receipt_no)
            path = f"/api/v1.1/discount/refund/{self._uid}/{'/'.join(_segment(part) for part in parts)}"
            self._http.write("PUT", path, "refund", may_send=may_send)
        elif claim.points_cost:
            self._adjust(claim, contact_id, claim.points_cost, "given back", may_send)

    def send_collection(self, claim: Claim, contact_id: str, may_send: MaySend = always) -> None:
        """Take the claim's points by an adjustment, after AIQ refused the redemption; outcomes as for a redemption.

        AIQ takes an adjustment whatever the balance (assumed), so the balance may fall below zero.
        """
        if not contact_id:
            raise Refused("AIQ's id of the member is not known.", system="AIQ", where="collection")
        self._adjust(claim, contact_id, -claim.points_cost, "taken", may_send)

    def _adjust(self, claim: Claim, contact_id: str, value: Decimal, what: str, may_send: MaySend) -> None:
        body = {
            "value": value, "note": f"{claim.coupon_code} {what}, receipt {claim.receipt_no}",
            "ts": int(self._clock.now().timestamp()), "cmpID": claim.receipt_no,
        }  # fmt: skip
        path = f"/api/v1.1/adjust/loyaltyPoints/{self._uid}/{_segment(contact_id)}"
        self._http.write("PUT", path, "refund" if value > 0 else "collection", body, may_send=may_send)

    # ---- the presence check: each request sends the member a text ------------------------------------------------

    def send_pin(self, contact: Contact) -> None:
        """Have AIQ send a PIN. Refused: AIQ does not know the person. UnknownOutcome: it may have been sent."""
        self._pin(0, contact, {})

    def send_pin_answer(self, contact: Contact, pin: str) -> Wallet | None:
        """The wallet behind the PIN. Refused: it is wrong. Sent once: AIQ counts attempts."""
        asked_at = self._clock.now()
        return self._wallet(self._pin(1, contact, {"code": pin}), asked_at)

    def _pin(self, step: int, contact: Contact, more: dict[str, Any]) -> Answer:
        """Both spellings of the pair are in use (aiq-api.md 9); the one that is not there answers 404 and does
        nothing, so the other may be tried."""
        who = {"phone": contact.phone} if contact.phone else {"email": contact.e_mail}
        other = next(pair for pair in PIN_CALLS if pair != self._pin_calls)
        try:
            return self._http.write("POST", f"/api/v2{self._pin_calls[step]}", "PIN", {**who, **more})
        except Refused:
            if step == 1:
                raise
            answer = self._http.write("POST", f"/api/v2{other[step]}", "PIN", {**who, **more})
            self._pin_calls = other
            return answer

    # ---- bulk: batch calls, safe to repeat under the same keys (aiq-api.md 10, 13) -------------------------------

    def send_members(self, members: Sequence[Mapping[str, Any]]) -> None:
        """First loads and big syncs of contacts; up to 24 h until AIQ shows them."""
        self._http.write("POST", f"/api/v1.1/createUpdateMembers/{self._uid}", "members", members, repeatable=True)

    def send_sales(self, sales: Sequence[Mapping[str, Any]]) -> None:
        """Posted sales; negative quantities are returns."""
        self._http.write("POST", f"/api/v1.1/createUpdateSales/{self._uid}", "sales", sales, repeatable=True)

    def send_items(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Items and stock."""
        self._http.write("POST", f"/api/v1.1/createUpdateInventory/{self._uid}", "items", items, repeatable=True)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _whole_address(self, url: str) -> str:
        try:
            return urljoin(self._http.base_url + "/", url)
        except ValueError:
            return url  # refused when it is to be called; the rest of the wallet is good

    def _skip(self, discount_id: str) -> None:
        if discount_id not in self._told:
            self._told.add(discount_id)
            log.warning("AIQ discount %s has no POS Discount ID; type the coupon code into it in AIQ", discount_id)


def with_reference(url: str, reference: str) -> str:
    """The redemption address with our receipt number: one slash, before any query (assumed, aiq-api.md 6.1)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refused("AIQ's address is no address; nothing was sent.", system="AIQ", where="redemption") from None
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{_segment(reference)}", parts.query, ""))


def _segment(text: str) -> str:
    """Text as one segment of an address. Refused where it could become another address."""
    if not text or set(text) <= {"."}:
        raise Refused("the number cannot be part of an address; nothing was sent.", system="AIQ")
    return quote(text, safe="")


def _ways(contact: Contact) -> tuple[str, ...]:
    return tuple(one for one in (contact.phone, contact.e_mail) if one)


def _refuse_foreign_404(answer: Answer, where: str) -> None:
    if answer.status == 404 and answer.document is None:
        raise ProtocolError("somebody else than AIQ answered; check the address.", system="AIQ", where=where)
