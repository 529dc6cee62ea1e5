"""How AIQ may find a member: real phones and e-mails only."""

from __future__ import annotations

import pytest

from navplugin.core.model import Member
from navplugin.core.ports import Contact
from navplugin.loyalty.contact import contact_of, plain_e_mail, plain_phone


@pytest.mark.parametrize(
    "typed",
    [
        "5551234567", "(555) 123-4567", "555.123.4567", "+1 555 123 4567", "1-555-123-4567", "(555) 123-4567 x2",
        "555-123-4567 ext. 12", " 555\u00a0123\u20134567 ",
    ],
)  # fmt: skip
def test_a_phone_becomes_ten_digits(typed: str) -> None:
    assert plain_phone(typed) == "5551234567"


@pytest.mark.parametrize(
    "typed",
    [
        "", "123-4567", "0000000000", "5555555555", "1234567890", "9999999999", "+45 12 34 56 78", "0045 1234 5678",
        "55512345678", "call Ana", "555123456٣", "555 123 4567 / 555 123 4568", "1112223333",
    ],
)  # fmt: skip
def test_placeholders_and_other_numbers_are_no_phone(typed: str) -> None:
    assert plain_phone(typed) == ""


def test_an_e_mail_is_trimmed_and_lower_case() -> None:
    assert plain_e_mail("  Ana.Ruiz@Example.COM ") == "ana.ruiz@example.com"


@pytest.mark.parametrize(
    "typed",
    ["", "none@none.com", "NONE@gmail.com", "noemail@shop.example", "x@none.com", "test@test.com", "ana@", "@x.com",
     "ana@localhost", "a b@x.com", "ana@x.com; bo@x.com", "n/a"],
)  # fmt: skip
def test_placeholders_and_other_texts_are_no_e_mail(typed: str) -> None:
    assert plain_e_mail(typed) == ""


def test_a_member_without_anything_of_their_own_has_no_contact() -> None:
    assert contact_of(Member("M1", mobile_phone_no="0000000000", e_mail="none@none.com")) is None
    assert contact_of(Member("M1", mobile_phone_no="n/a", e_mail="Ana@x.com")) == Contact("", "ana@x.com")
    assert contact_of(Member("M1", mobile_phone_no="555 123 4567", e_mail="-")) == Contact("5551234567", "")
