"""AIQ as the port `LoyaltyProvider`: status, wallet, sign-up, redemption and refund (aiq-api.md 3-7)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import requests

from navplugin.core.errors import Misconfigured, ProtocolError, Refused
from navplugin.core.model import Claim, LoyaltyStatus, Member, Persona, Wallet, WalletDiscount
from navplugin.core.ports import Clock, Contact, LoyaltyStore, Redemption, Signup
from navplugin.loyalty import parse
from navplugin.loyalty.aiq_http import DEADLINE, AiqHttp, Answer
from navplugin.loyalty.contact import contact_of

log = logging.getLogger("navplugin.aiq")

REFUNDS = ("manual", "adjust", "endpoint")
MAX_PAGES = 50
CLOCK_SKEW = timedelta(minutes=5)
"""How far AIQ's clock may be ahead of ours when redemptions are listed."""


class AiqProvider:
    """One AIQ account. For one thread.

    source: what AIQ is told under `source` ("" = nothing). append_reference: whether the receipt number goes on the
    redemption address. refund: manual, adjust or endpoint. deadline: seconds for one call in all.
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
    ) -> None:
        """Misconfigured for an address, uid, key or refund strategy that cannot be used."""
        if refund not in REFUNDS:
            raise Misconfigured(f"refund is one of {', '.join(REFUNDS)}", system="AIQ")
        if not uid.strip():
            raise Misconfigured("uid in [aiq] is empty; it stands in AIQ under Settings > API & Tracking", system="AIQ")
        self._http = AiqHttp(base_url, api_key, session=session, deadline=deadline)
        self._uid, self._clock = quote(uid.strip(), safe=""), clock
        self._source, self._append_reference, self._strategy = source, append_reference, refund
        self._lookup_method = "GET"
        self._told: set[str] = set()

    def __repr__(self) -> str:
        return f"AiqProvider({self._http.base_url!r}, refund={self._strategy!r})"

    def contact_of(self, member: Member) -> Contact | None:
        """How to ask for this member; None when phone and e-mail are missing or placeholders."""
        return contact_of(member)

    # ---- reads ---------------------------------------------------------------------------------------------------

    def fetch_status(self, contact: Contact) -> Persona:
        """Member, Known, Unknown, Several, or CannotTell where AIQ finds the person and does not say what they are.

        The phone is asked first, the e-mail only if the phone is unknown: never both (aiq-api.md 16 no. 9).
        """
        persona = Persona(LoyaltyStatus.UNKNOWN, read_at=self._clock.now())
        for pii in _ways(contact):
            persona = parse.persona_of(self._look_up(pii), self._clock.now())
            if persona.status is not LoyaltyStatus.UNKNOWN:
                break
        return persona

    def fetch_wallet(self, contact: Contact) -> Wallet | None:
        """The wallet with its discounts, phone first; None when AIQ does not know the person."""
        for name, value in (("phone", contact.phone), ("email", contact.e_mail)):
            if not value:
                continue
            answer = self._http.read("POST", "/api/v2/wallet", "wallet", {name: value}, also=(404,))
            data = None if answer.status == 404 else parse.payload(answer.document)
            _refuse_foreign_404(answer, "wallet")
            wallet = parse.wallet_of(data, self._clock.now(), self._whole_address, self._skip)
            if wallet is not None:
                return wallet
        return None

    def fetch_stores(self) -> Sequence[LoyaltyStore]:
        """The account's stores (aiq-api.md 12)."""
        answer = self._http.read("GET", f"/api/v1.1/stores/{self._uid}", "stores")
        return parse.stores_of(parse.payload(answer.document))

    def find_redemption(self, contact_id: str, discount_id: str, reference: str, since: datetime) -> Redemption | None:
        """A live redemption with our receipt number, None when AIQ lists none.

        ProtocolError when the listing cannot tell. Misconfigured when redemptions are sent without our number.
        """
        if not self._append_reference:
            text = "redemptions are sent without the receipt number, so none can be found by it;"
            raise Misconfigured(f"{text} set append-reference = yes or redemption-lookup = blind", system="AIQ")
        start, end = int(since.timestamp()), int((self._clock.now() + CLOCK_SKEW).timestamp())
        path = f"/api/v1.1/redemptions/{self._uid}/{max(0, start)}/{end}"
        return parse.find_in_listing(self._list(path), contact_id, discount_id, reference)

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
        """Every row. That the listing has pages is assumed: `start` and `total` as AIQ's personas listing has them."""
        rows: list[Any] = []
        for _ in range(MAX_PAGES):
            query = f"?start={len(rows)}" if rows else ""
            page, total = parse.listing_of(parse.payload(self._http.read("GET", path + query, "redemptions").document))
            rows += page
            if total is None or not page or len(rows) >= total:
                return rows
        raise ProtocolError("AIQ lists more redemptions than can be looked through.", system="AIQ", where="redemptions")

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

    def send_redemption(self, discount: WalletDiscount, reference: str) -> str:
        """Take the points now; AIQ's id of it where told.

        Refused, Busy, AuthFailed, Unreachable: nothing was taken. UnknownOutcome: it may have been (`aiq_http`).
        """
        if not discount.redemption_url:
            raise Refused("AIQ names no address to redeem this discount.", system="AIQ", where="redemption")
        url = discount.redemption_url
        if self._append_reference:
            url = with_reference(url, reference)
        answer = self._http.write("PUT", url, "redemption")
        return parse.redemption_id_of(parse.payload(answer.document))

    def send_refund(self, claim: Claim, contact_id: str) -> None:
        """Give the points back by the configured strategy; outcomes as for a redemption. Refused for `manual`."""
        if self._strategy == "manual":
            raise Refused("points are given back by hand (refund = manual).", system="AIQ", where="refund")
        if not contact_id:
            raise Refused("AIQ's id of the member is not known; give the points back by hand.", system="AIQ")
        if self._strategy == "endpoint":
            # Assumed: AIQ's own refund call could not be read (aiq-api.md 7).
            parts = (claim.discount_id, contact_id, claim.receipt_no)
            path = f"/api/v1.1/discount/refund/{self._uid}/{'/'.join(_segment(part) for part in parts)}"
            self._http.write("PUT", path, "refund")
        elif claim.points_cost:
            body = {
                "value": claim.points_cost, "note": f"{claim.coupon_code} given back, receipt {claim.receipt_no}",
                "ts": int(self._clock.now().timestamp()), "cmpID": claim.receipt_no,
            }  # fmt: skip
            self._http.write(
                "PUT", f"/api/v1.1/adjust/loyaltyPoints/{self._uid}/{_segment(contact_id)}", "refund", body
            )

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
