"""How AIQ may find a member of NAV: a ten-digit phone and a lower-case e-mail, never a placeholder.

AIQ merges personas that share a phone or e-mail, so a placeholder such as none@none.com would fuse strangers and their
points (aiq-api.md 17 no. 6).
"""

from __future__ import annotations

import re

from navplugin.core.model import Member
from navplugin.core.ports import Contact

_EXTENSION = re.compile(r"\s*(?:x|ext\.?|extension|#)\s*\d+\s*\Z", re.IGNORECASE)
_E_MAIL = re.compile(r"[^@\s,;<>()\"]+@[a-z0-9-]+(\.[a-z0-9-]+)+\Z")
_PHONES_OF_NOBODY = ("1234567890", "0123456789", "9876543210")
_NAMES_OF_NOBODY = frozenset({
    "none", "no", "na", "n.a", "null", "nobody", "unknown", "noemail", "no-email", "no_email", "no.email", "nomail",
    "noreply", "no-reply", "donotreply", "noname", "anonymous", "refused", "declined",
})  # fmt: skip
_DOMAINS_OF_NOBODY = frozenset({"none.com", "no.com", "na.com", "noemail.com", "nomail.com", "email.none"})
_ADDRESSES_OF_NOBODY = frozenset({"test@test.com", "a@a.com", "x@x.com", "abc@abc.com", "123@123.com"})


def contact_of(member: Member) -> Contact | None:
    """How to ask for this member; None when phone and e-mail are missing, unusable or placeholders."""
    phone, e_mail = plain_phone(member.mobile_phone_no), plain_e_mail(member.e_mail)
    return Contact(phone, e_mail) if phone or e_mail else None


def plain_phone(text: str) -> str:
    """`(555) 123-4567 x2` and `+1 555 123 4567` -> `5551234567`; "" for anything that is no such number.

    Only North American numbers: AIQ's format for others is not known (aiq-api.md 16 no. 19).
    """
    text = _EXTENSION.sub("", text.strip())
    digits = re.sub(r"[\s().\-/+\u2010-\u2015\u00a0]", "", text)
    if not (digits.isascii() and digits.isdecimal()):
        return ""
    if text.startswith("+") and not (len(digits) == 11 and digits.startswith("1")):
        return ""
    if len(digits) == 11 and digits.startswith("1"):
        digits = digits[1:]
    if len(digits) != 10 or digits[0] in "01" or len(set(digits)) == 1 or digits in _PHONES_OF_NOBODY:
        return ""
    return digits


def plain_e_mail(text: str) -> str:
    """Trimmed and lower case; "" for a placeholder or what is no address."""
    address = text.strip().lower()
    name, _, domain = address.rpartition("@")
    if not _E_MAIL.match(address) or len(address) > 254:
        return ""
    if name in _NAMES_OF_NOBODY or domain in _DOMAINS_OF_NOBODY or address in _ADDRESSES_OF_NOBODY:
        return ""
    return address
