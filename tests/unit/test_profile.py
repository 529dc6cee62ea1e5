"""The profile of a site: every key checked, secrets named and never shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from navplugin.core.inifile import read_ini
from navplugin.core.profile import Profile, read_profile

GOOD = """\
[nav]
url = https://nav.example.com:7048/NAV/ODataV4/
company = CRONUS Cannabis
user = AIQ-WORKER
key = env:NAV_KEY
[aiq]
uid = 1234
key = keyring:aiq
[store S0001]
time-zone = America/Denver
wallet-url = https://lab.alpineiq.com/wallet/1234
signup-url = https://lab.alpineiq.com/joinMembers/1234
"""


def read(text: str) -> tuple[Profile | None, list[str]]:
    profile, problems = read_profile(read_ini("site.ini", text.encode()))
    return profile, [p.headline() for p in problems]


def test_a_small_profile_is_enough() -> None:
    profile, problems = read(GOOD)
    assert problems == []
    assert profile is not None
    assert profile.nav["url"] == "https://nav.example.com:7048/NAV/ODataV4"
    assert profile.worker["redemption-lookup"] == "blind"
    store = profile.store_settings("S0001")
    assert (store.redeem_at, store.receipt_width, store.currency_precision) == ("posted", 40, Decimal("0.01"))


@pytest.mark.parametrize(
    ("change", "to", "expected"),
    [
        (
            "uid = 1234",
            "uuid = 1234",
            "site.ini:7:1: error unknown-key: 'uuid' is not a key of [aiq]; did you mean 'uid'?",
        ),
        ("uid = 1234\n", "", "site.ini:6:1: error missing-key: [aiq] has no 'uid'"),
        ("[store S0001]", "[shop S0001]", "is not a section of a profile"),
        ("America/Denver", "Denver", "time-zone cannot be 'Denver'; a time zone such as America/Denver"),
        ("https://lab.alpineiq.com/joinMembers/1234", "lab.alpineiq.com", "a link that begins with https://"),
        ("https://nav.example.com", "http://nav.example.com", "plain http:// is accepted for this machine only"),
        ("key = env:NAV_KEY", "key = secret-value", "key cannot be a plain value; the name of a secret"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_to_type(change: str, to: str, expected: str) -> None:
    profile, problems = read(GOOD.replace(change, to))
    assert profile is None
    assert any(expected in p for p in problems), problems


def test_a_plain_secret_is_never_repeated_in_the_message() -> None:
    _, problems = read(GOOD.replace("env:NAV_KEY", "hunter2"))
    assert problems
    assert not any("hunter2" in p for p in problems)


def test_a_plain_secret_is_not_in_the_line_that_is_shown_either() -> None:
    _, problems = read_profile(read_ini("site.ini", GOOD.replace("env:NAV_KEY", "hunter2").encode()))
    assert not any("hunter2" in str(p) or "hunter2" in str(p.as_dict()) for p in problems)


def test_every_problem_is_found_at_once() -> None:
    _, problems = read("[nav]\nurl = x\n[aiq]\nuidd = 1\n[store S1]\nreceipt-width = 41\n")
    assert len(problems) >= 9


@pytest.mark.parametrize(
    ("store", "worker", "why"),
    [
        (
            "redeem-at = select",
            "redemption-lookup = blind\nrefund = endpoint",
            "cannot go with redemption-lookup = blind",
        ),
        ("redeem-at = total", "redemption-lookup = probe", "refund = manual a person gives each back"),
        (
            "redeem-at = total",
            "redemption-lookup = blind\nrefund = endpoint",
            "redemption-lookup = blind a person gives each back",
        ),
        ("redeem-at = select", "redemption-lookup = probe", "refund = manual a person gives each back"),
    ],
)
def test_settings_that_together_lose_points_are_refused(store: str, worker: str, why: str) -> None:
    profile, problems = read(f"{GOOD}{store}\n[worker]\n{worker}\n")
    assert profile is None
    assert any(why in p for p in problems), problems


def test_a_look_up_by_receipt_number_needs_the_receipt_number() -> None:
    text = GOOD.replace("uid = 1234", "uid = 1234\nappend-reference = no") + "[worker]\nredemption-lookup = probe\n"
    profile, problems = read(text)
    assert profile is None
    assert any("set append-reference = yes" in p for p in problems), problems


def test_manual_refunds_can_be_accepted_knowingly() -> None:
    text = f"{GOOD}redeem-at = total\n[worker]\naccept-manual-refunds = yes\n"
    profile, problems = read(text)
    assert profile is not None, problems


OAUTH = "sign-in = oauth\ntenant = cronus.example\n"


@pytest.mark.parametrize(
    ("change", "to", "expected"),
    [
        ("user = AIQ-WORKER\n", "", "[nav] has no 'user'"),
        ("user = AIQ-WORKER\n", "user =\n", "[nav] has no 'user'"),
        ("key = env:NAV_KEY\n", "", "[nav] has no 'key'"),
        ("user = AIQ-WORKER", "user = AIQ-WORKER\nsign-in = ntlm", "user = DOMAIN\\user or user@domain"),
        ("user = AIQ-WORKER", "user = 1234\nsign-in = oauth", "sign-in = oauth needs the tenant"),
        ("user = AIQ-WORKER", f"user = 1234\n{OAUTH}".replace("cronus.example", "common"), "tenant cannot be 'common'"),
        ("user = AIQ-WORKER", f"user = me@cronus.example\n{OAUTH}", "the application (client) id"),
        ("user = AIQ-WORKER", f"user = 1\n{OAUTH}authority = http://localhost:1", "authority must begin with https://"),
        ("nav.example.com:7048/NAV", "api.businesscentral.dynamics.com/v2.0/t/Production", "takes no sign-in = basic"),
    ],
)
def test_a_sign_in_that_cannot_work_is_refused(change: str, to: str, expected: str) -> None:
    assert change in GOOD
    profile, problems = read(GOOD.replace(change, to, 1))
    assert profile is None
    assert len([p for p in problems if expected in p]) == len(problems) == 1, problems


@pytest.mark.parametrize(
    "lines",
    [
        "user = CRONUS\\AIQ\nkey = env:K\nsign-in = ntlm",
        "user = 1234\nkey = env:K\nsign-in = oauth\ntenant = cronus.example",
        "sign-in = kerberos",
    ],
)
def test_a_sign_in_with_all_that_it_needs_is_taken(lines: str) -> None:
    profile, problems = read(GOOD.replace("user = AIQ-WORKER\nkey = env:NAV_KEY", lines))
    assert profile is not None, problems
