"""`navplugin doctor` as it is typed, against the simulated NAV and AIQ over real HTTP."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from navplugin.demo.stage import KEY_VARIABLE, NavStyle, profile_text
from navplugin.doctor import Finding, examine
from navplugin.doctor.marked import MARK, marked_key, pages_we_write
from navplugin.ledger import SqlLedger
from navplugin.nav.contract import PAGES
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.simulator.world import load_world
from navplugin.site import load_site
from navplugin.wiring import doctor_tools
from tests.unit.test_cli import a_free_port, navplugin

TEST_MEMBER = "5550101003"


@dataclass
class Site:
    """A simulated site and its profile."""

    state: State
    server: Server
    config: Path

    def change(self, what: str, to: str) -> None:
        text = self.config.read_text("utf-8")
        assert what in text
        self.config.write_text(text.replace(what, to, 1), "utf-8")

    def plant(self, mistakes: dict[str, Any]) -> None:
        self.state.set_doc("nav.settings", {**self.state.doc("nav.settings"), "planted": mistakes})

    def speak(self, transport: str, naming: str = "bc") -> None:
        text = profile_text(self.server.url, {}, NavStyle(transport, naming))
        self.config.write_text(text.replace("uid = 1234", f"uid = 1234\ndoctor-contact = {TEST_MEMBER}"), "utf-8")

    def doctor(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        """Run it as typed; the exit code and the findings."""
        code, out, err = navplugin("doctor", "--config", str(self.config), "--format", "json", *words)
        assert out, err
        answer = json.loads(out)
        assert answer["exit_code"] == code
        return code, answer["findings"]

    def left(self) -> list[str]:
        """Pages that still hold a test row."""
        return [page.service for page in pages_we_write() if self.state.get(page.service, *marked_key(page, "S0001"))]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    state = State(tmp_path / "state")
    load_world(state, None)
    server = Server(state)
    server.start()
    config = tmp_path / "navplugin.ini"
    made = Site(state, server, config)
    made.speak("odata")
    yield made
    server.stop()
    state.close()


def bad(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in findings if one["grade"] != "ok"]


def about(findings: list[dict[str, Any]], code: str, *words: str) -> dict[str, Any]:
    """The one finding with this code that holds all these words."""
    found = [
        one for one in findings
        if one["code"] == code and all(w in f"{one['subject']} {one['says']} {one['do']}" for w in words)
    ]  # fmt: skip
    assert len(found) == 1, (code, words, findings)
    assert found[0]["grade"] == "ok" or found[0]["do"]
    return found[0]


@pytest.mark.parametrize("naming", ["bc", "nav", "lsc"])
@pytest.mark.parametrize("transport", ["odata", "soap"])
def test_a_healthy_site_is_fine_and_nothing_is_left_behind(site: Site, transport: str, naming: str) -> None:
    site.state.set_doc("nav.settings", {**site.state.doc("nav.settings"), "naming": naming})
    site.speak(transport, naming)
    code, findings = site.doctor()
    assert (code, bad(findings)) == (0, [])
    assert {"nav-sign-in", "nav-page", "ledger-in-charge", "nav-write", "nav-clock", "aiq-clock", "aiq-key",
            "aiq-discounts", "store-mapping", "discounts", "loyalty-tender", "log",
            } == {one["code"] for one in findings}  # fmt: skip
    assert site.left() == []


def test_only_our_own_pages_are_written(site: Site) -> None:
    site.doctor()
    written = {name.split()[1] for name in site.state.doc("nav.requests") if not name.startswith("GET")}
    assert written == {page.service for page in pages_we_write()} | {"AIQ_Setup"}
    assert written == {
        "AIQ_POSPrompts", "AIQ_POSStatus", "AIQ_POSTotalDiscountOfferLines", "AIQ_ReceiptFooter", "AIQ_Setup",
    }  # fmt: skip


def test_the_setup_row_is_tried_and_stays_as_it_was(site: Site) -> None:
    before = site.state.rows("AIQ_Setup")
    site.doctor()
    assert site.state.rows("AIQ_Setup") == before
    assert site.state.doc("nav.requests")["PATCH AIQ_Setup"] == 1
    site.plant({"rights": {"AIQ_Setup": "i"}})
    code, findings = site.doctor()
    assert code == 1
    about(bad(findings), "nav-write", "AIQ_Setup", "may not modify")


@pytest.mark.parametrize("transport", ["odata", "soap"])
def test_the_ledger_in_charge_is_named_and_its_row_stays_as_it_was(site: Site, transport: str) -> None:
    site.speak(transport)
    assert about(site.doctor()[1], "ledger-in-charge", "no ledger is in charge")["grade"] == "ok"
    assert site.state.rows("AIQ_Ledger") == []
    at = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    site.state.put("AIQ_Ledger", {"Code": "LEDGER", "Ledger_ID": "a1b2", "Host": "POS-SRV-2", "Written_At": at})
    before = site.state.row_version("AIQ_Ledger", "LEDGER")
    for words in ((), ("--read-only",)):
        code, findings = site.doctor(*words)
        assert code == 0
        about(findings, "ledger-in-charge", "ledger a1b2 is in charge", "POS-SRV-2 at 2026-05-01 12:30 UTC")
    assert site.state.row_version("AIQ_Ledger", "LEDGER") == before
    site.plant({"unpublished": ["AIQ_Ledger"]})
    code, findings = site.doctor()
    assert code == 1
    about(bad(findings), "nav-page", "AIQ_Ledger", "'AIQ Ledger'")


def test_a_ledger_that_is_not_the_one_in_charge_is_an_error(site: Site) -> None:
    SqlLedger(site.config.with_name("navplugin.db")).close()
    row = {"Code": "LEDGER", "Ledger_ID": "a1b2", "Host": "POS-SRV-2"}
    site.state.put("AIQ_Ledger", row)
    code, findings = site.doctor()
    assert code == 1
    about(bad(findings), "ledger-in-charge", "another ledger is in charge", "a1b2 on POS-SRV-2", "take-over")


def test_a_ledger_row_without_host_and_time_is_shown_too(site: Site) -> None:
    site.state.put("AIQ_Ledger", {"Code": "LEDGER", "Ledger_ID": "a1b2"})
    about(site.doctor()[1], "ledger-in-charge", "an unknown host at an unknown time")


def test_read_only_writes_nothing(site: Site) -> None:
    code, findings = site.doctor("--read-only")
    assert (code, bad(findings)) == (0, [])
    assert all(name.startswith("GET") for name in site.state.doc("nav.requests"))


@pytest.mark.parametrize("transport", ["odata", "soap"])
def test_every_planted_mistake_is_named_in_one_run(site: Site, transport: str) -> None:
    site.speak(transport)
    state = site.state
    site.plant({
        "unpublished": ["AIQ_TransInfocodes", "AIQ_Inventory"],
        "hidden": {"AIQ_POSActions": ["Error_Text", "Taken_By"]},
        "rights": {"AIQ_POSPrompts": "md"},
    })  # fmt: skip
    templates = state.doc("aiq.templates")
    templates[0]["dollarValue"] = 15
    templates[2]["posDiscountID"] = "AP0004"
    templates.append({**templates[0], "id": "9099", "posDiscountID": "AP00O1", "name": "$5 off"})
    state.set_doc("aiq.templates", templates)
    state.put("AIQ_Coupons", {**state.get("AIQ_Coupons", "AP0001"), "Status": "Disabled"})
    state.put("AIQ_Coupons", {**state.get("AIQ_Coupons", "AP0004"), "Handling": "Tender"})
    offer = state.get("AIQ_TotalDiscountOffers", "TDO0010")
    state.put("AIQ_TotalDiscountOffers", {**offer, "No": "TDO0011", "Coupon_Code": "AP0011", "Price_Group": "OTHER"})
    state.put("AIQ_TenderTypes", {"Store_No": "S0001", "Code": "11", "Description": "Loyalty Points"})
    state.put("AIQ_Setup", {"Store_No": "S0002"})
    state.advance(300)
    site.change("aiq-store = Sample Store", "aiq-store = Sampel Store")
    code, findings = site.doctor()
    assert code == 1
    kind = {"odata": "query", "soap": "page"}[transport]
    about(findings, "nav-page", "AIQ_TransInfocodes", f"publish a {kind} on table 'Trans. Infocode Entry'")
    assert about(findings, "nav-page", "AIQ_Inventory", "the feeds")["grade"] == "warning"
    about(findings, "nav-page", "AIQ_POSActions", "Taken By, Error Text", "put them on the page")
    about(findings, "nav-write", "AIQ_POSPrompts", "may not insert", "'AIQ POS Prompt'")
    for system in ("nav", "aiq"):
        said = about(findings, f"{system}-clock", "ahead of this machine's", "time server")["says"]
        assert 295 <= int(said.split()[3]) <= 305, said
    about(findings, "discount-amount", "AP0001", "AIQ promises 15.00, offer TDO0001 gives 10.00")
    about(findings, "discount-no-offer", "AP00O1", "did you mean 'AP00")
    about(findings, "discount-twice", "AP0004", "'$100 off' (500 points)", "'10% off' (150 points)")
    about(findings, "offer-not-in-aiq", "AP0010", "TDO0010", "POS Discount ID")
    about(findings, "offer-benefit", "TDO0011", "no benefit")
    about(findings, "offer-price-group", "TDO0011", "OTHER")
    about(findings, "coupon", "AP0011", "no coupon")
    about(findings, "coupon", "AP0001", "disabled")
    about(findings, "coupon", "AP0004", "Handling is Tender")
    about(findings, "loyalty-tender", "S0001", "11 'Loyalty Points'")
    about(findings, "store-not-in-profile", "S0002", "[store S0002]")
    about(findings, "store-mapping", "S0001", "did you mean 'Sample Store'?")
    assert site.left() == []


@pytest.mark.parametrize("transport", ["odata", "soap"])
def test_a_site_with_windows_sign_in_is_examined_by_ntlm(site: Site, transport: str) -> None:
    site.speak(transport)
    site.state.set_doc("nav.settings", {**site.state.doc("nav.settings"), "sign_in": "ntlm"})
    site.change("user = AIQ-WORKER", "user = CRONUS\\AIQ-WORKER\nsign-in = ntlm")
    code, findings = site.doctor()
    assert (code, bad(findings)) == (0, [])
    site.change("CRONUS\\", "ELSEWHERE\\")
    code, findings = site.doctor()
    assert code == 2
    about(findings, "nav-sign-in", "401", "ServicesUseNTLMAuthentication")


def test_observe_mode_wants_no_page_of_ours_and_writes_nothing(site: Site) -> None:
    state = site.state
    site.plant({"unpublished": [page.service for page in PAGES if page.is_ours]})
    site.change("[nav]", "[nav]\nobjects = none")
    code, findings = site.doctor()
    assert (code, bad(findings)) == (0, [])
    assert all(name.startswith("GET") for name in state.doc("nav.requests"))


def test_nav_that_is_gone_does_not_keep_aiq_from_being_examined(site: Site) -> None:
    site.change(f"{site.server.url}/NAV", f"http://127.0.0.1:{a_free_port()}/NAV")
    code, findings = site.doctor()
    assert code == 2
    assert about(findings, "nav-reach", "cannot be reached", "firewall")["lost"]
    assert [one["grade"] for one in findings if one["code"].startswith(("aiq", "store"))] == ["ok"] * 4


def test_aiq_that_is_gone_does_not_keep_nav_from_being_examined(site: Site) -> None:
    site.change(f"[aiq]\nurl = {site.server.url}", f"[aiq]\nurl = http://127.0.0.1:{a_free_port()}")
    code, findings = site.doctor()
    assert code == 2
    about(findings, "aiq-reach", "cannot be reached")
    assert about(findings, "nav-write")["grade"] == "ok"


def test_keys_that_are_refused_or_not_set_are_each_one_line(site: Site) -> None:
    site.state.set_doc("nav.settings", {**site.state.doc("nav.settings"), "key": "another"})
    code, findings = site.doctor()
    assert code == 2
    about(findings, "nav-sign-in", "refuses the sign-in (401)", "web service access key")
    assert about(findings, "aiq-key")["grade"] == "ok"
    code, out, _ = navplugin("doctor", "--config", str(site.config), **{KEY_VARIABLE: ""})
    assert code == 1
    assert out.count(f"environment variable {KEY_VARIABLE} is not set") == 2
    site.state.set_doc("aiq.settings", {**site.state.doc("aiq.settings"), "key": "another"})
    about(site.doctor()[1], "aiq-key", "refuses the API key (403)", "check uid and key")


def test_a_company_that_is_misspelt_is_one_finding_not_one_for_each_page(site: Site) -> None:
    site.change("company = CRONUS Cannabis", "company = Cronus cannabis")
    code, findings = site.doctor()
    assert code == 1
    about(findings, "nav-sign-in", "check the company's name")
    assert [one["code"] for one in bad(findings)] == ["nav-sign-in"]


def test_a_doctor_that_was_killed_is_cleaned_up_after_by_the_next(site: Site) -> None:
    site.server.faults.add({"call": "nav.PATCH AIQ_POSPrompts", "fault": "slow", "seconds": 60})
    program = [sys.executable, "-m", "navplugin", "doctor", "--config", str(site.config)]
    with subprocess.Popen(program, env={**os.environ, KEY_VARIABLE: "demo-key"}, stdout=subprocess.DEVNULL) as killed:
        assert site.state.wait_until(lambda: site.state.doc("faults") == [], 60)
        killed.kill()
    assert site.left() == ["AIQ_POSPrompts"]
    code, findings = site.doctor()
    assert code == 0
    about(bad(findings), "test-row", "AIQ_POSPrompts", "stopped before", "removed now")
    assert site.left() == []


@pytest.mark.parametrize("fault", ["before", "after", "half", "500", "409"])
@pytest.mark.parametrize("call", ["POST", "PATCH", "DELETE"])
def test_no_fault_leaves_a_test_row_behind(site: Site, call: str, fault: str) -> None:
    site.server.faults.add({"call": f"nav.{call} AIQ_POSStatus", "fault": fault})
    findings = [one for one in examined(site) if one.grade != "ok"]
    assert site.left() == []
    assert [one.code for one in findings] == ([] if call == "DELETE" else ["nav-write"])


def test_a_test_row_that_may_not_be_removed_is_named_until_it_may(site: Site) -> None:
    site.plant({"rights": {"AIQ_POSStatus": "im"}})
    code, findings = site.doctor()
    assert code == 1
    about(findings, "nav-write", "AIQ_POSStatus", "may not delete")
    about(findings, "test-row", "AIQ_POSStatus", MARK, "the next doctor removes it")
    site.plant({})
    assert site.doctor()[0] == 0
    assert site.left() == []


@pytest.mark.parametrize(
    ("contact", "code", "says"),
    [
        ("", "warning", "AIQ shows discounts in a member's wallet only"),
        ("none@none.com", "error", "neither a ten-digit phone nor an e-mail"),
        ("5550199999", "error", "AIQ does not know the member"),
    ],
)
def test_a_test_member_that_cannot_be_used_is_said_and_never_shown(
    site: Site, contact: str, code: str, says: str
) -> None:
    site.change(f"doctor-contact = {TEST_MEMBER}", f"doctor-contact = {contact}")
    _, findings = site.doctor()
    assert about(findings, "aiq-discounts", says)["grade"] == code
    assert not contact or contact not in json.dumps(findings)


def test_a_discount_without_a_coupon_code_is_a_warning(site: Site) -> None:
    templates = site.state.doc("aiq.templates")
    site.state.set_doc("aiq.templates", [*templates, {**templates[0], "id": "9100", "posDiscountID": ""}])
    code, findings = site.doctor()
    assert code == 0
    about(bad(findings), "said", "9100", "type the coupon code into it")


def examined(site: Site) -> list[Finding]:
    loaded = load_site(site.config)
    assert loaded.site is not None
    return examine(loaded.site.profile, doctor_tools(loaded.site))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "demo-key")


def test_a_library_that_would_log_bodies_is_an_error(site: Site, request: pytest.FixtureRequest) -> None:
    loud = logging.getLogger("odata.connection")
    request.addfinalizer(lambda: loud.setLevel(logging.NOTSET))
    loud.setLevel(logging.INFO)
    found = [one for one in examined(site) if one.code == "log"]
    assert [(one.grade, one.subject) for one in found] == [("error", "odata.connection")]


def test_a_pipe_gets_one_line_for_each_finding_worst_first(site: Site) -> None:
    site.state.put("AIQ_Setup", {"Store_No": "S0002"})
    code, out, _ = navplugin("doctor", "--config", str(site.config))
    lines = out.strip().splitlines()
    assert code == 0
    assert lines[0].startswith("warning store-not-in-profile: S0002: ")
    assert all(line.startswith("ok ") for line in lines[1:-1])
    assert lines[-1] == "0 errors, 1 warnings, 12 ok"


def test_the_look_up_is_proved_apart_from_the_rest(site: Site) -> None:
    code, findings = site.doctor("--prove-lookup")
    assert code == 1
    assert [one["code"] for one in findings] == ["prove-lookup"]
    about(findings, "prove-lookup", "no ledger at", "run the worker first")


def test_a_profile_with_problems_is_not_examined(site: Site) -> None:
    site.change("uid = 1234", "uidd = 1234")
    code, out, _ = navplugin("doctor", "--config", str(site.config))
    assert code == 1
    assert "did you mean 'uid'?" in out
