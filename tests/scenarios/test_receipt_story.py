"""What a receipt bears, from the worker's rows to the printed slip, its reprint and the preview of it: real HTTP."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from navplugin.demo.stage import profile_text
from navplugin.ledger import SqlLedger
from navplugin.ledger.figures import read_figures
from navplugin.mismatch import compare
from navplugin.simulator.app import Server
from navplugin.simulator.state import State
from navplugin.site import Site, defaults_folder, load_site
from navplugin.wiring import wire
from tests.scenarios.test_watch import sim
from tests.unit.test_cli import navplugin

Press = Callable[..., Any]


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Site:
    return site_with(server, tmp_path)[1]


@pytest.fixture
def press(server: Server) -> Press:
    def one(name: str, **body: Any) -> Any:
        return sim(server, "POST", f"/till/P0001/{name}", body)

    return one


def work(place: Site) -> None:
    with wire(place, lambda _: False) as watch:
        watch.once()


def site_with(server: Server, folder: Path, **templates: str) -> tuple[Path, Site]:
    """A site whose receipt templates are the shipped ones but for these."""
    own = folder / "receipt_templates"
    shutil.copytree(defaults_folder("receipt_templates"), own, dirs_exist_ok=True)
    for name, text in templates.items():
        (own / f"{name}.txt.j2").write_text(text, "utf-8")
    profile = folder / "navplugin.ini"
    text = profile_text(server.url, {"matcher": "builtin"})
    text = re.sub(r"(?m)^receipt-templates = .*$", "receipt-templates = receipt_templates", text)
    profile.write_text(text, "utf-8")
    loaded = load_site(profile)
    assert loaded.site is not None, loaded.problems
    return profile, loaded.site


def sell(press: Press, place: Site, member: str, code: str = "") -> str:
    receipt = str(press("check-in", member_card_no=member)["receipt_no"])
    press("add-item", item_no="FLOWER")
    press("add-item", item_no="VAPE")
    work(place)
    if code:
        press("wallet")
        press("pick", coupon_code=code)
    press("total")
    work(place)
    return receipt


def scanned(slip: dict[str, Any]) -> str:
    zxingcpp: Any = pytest.importorskip("zxingcpp", reason="zxing-cpp reads the QR codes; install navplugin[test]")
    image: Any = pytest.importorskip("PIL.Image", reason="Pillow opens the pictures; install navplugin[test]")
    (code,) = zxingcpp.read_barcodes(image.open(io.BytesIO(base64.b64decode(slip["qr_png"]))))
    return str(code.text)


def test_print_reprint_and_preview_read_the_same_frozen_rows(server: Server, tmp_path: Path, press: Press) -> None:
    profile, place = site_with(server, tmp_path)
    receipt = sell(press, place, "M1003")
    code, out, err = navplugin("receipt", "preview", "--receipt", receipt, "--config", str(profile))
    assert (code, f"Receipt {receipt} will print WALLET-" in out) == (0, True), err
    slip = press("pay")["slip"]
    frozen = place.footers["S0001"]["wallet"].code
    assert scanned(slip) == "https://lab.alpineiq.com/wallet/1234"
    profile, place = site_with(server, tmp_path, wallet="{{ 'Quite another text' }}\n{{ qr(wallet_url) }}\n")
    work(place)
    assert place.footers["S0001"]["wallet"].code != frozen
    assert sim(server, "POST", "/reprint", {"receipt_no": receipt}) == slip, "the first print and the reprint are one"
    picture, commands = tmp_path / "receipt.png", tmp_path / "receipt.bin"
    code, out, err = navplugin("receipt", "preview", "--receipt", receipt, "--config", str(profile),
                               "--png", str(picture), "--escpos", str(commands))  # fmt: skip
    assert code == 0, err
    assert f"Receipt {receipt} was printed with {frozen} (wallet)." in out
    assert "First time? Create your login." in out
    assert "Quite another text" not in out
    assert picture.stat().st_size > 1000
    assert b"Create your login." in commands.read_bytes()
    code, out, _ = navplugin("receipt", "preview", "wallet", "--receipt", receipt, "--config", str(profile))
    assert code == 0
    assert "Quite another text" in out
    assert f"Receipt {receipt} bears {frozen}." in out
    code, _, err = navplugin("receipt", "preview", "--receipt", "NONE", "--config", str(profile))
    assert (code, "NAV has no receipt NONE" in err) == (1, True)


def test_a_template_that_fails_prints_the_plain_footer_and_raises_an_alarm(
    server: Server, tmp_path: Path, press: Press
) -> None:
    profile, place = site_with(server, tmp_path, wallet="{{ walet_url }}\n")
    assert place.footers["S0001"]["wallet"].code == place.footers["S0001"]["plain"].code
    (alarm,) = place.alarms
    assert alarm.startswith("store S0001: the receipt template 'wallet' fails, PLAIN-")
    sell(press, place, "M1003")
    lines = press("pay")["slip"]["lines"]
    assert "Thank you for visiting" in lines[-2]
    ledger = SqlLedger(place.ledger)
    assert [r["text"] for r in ledger.reports("")].count(alarm) == 1
    ledger.close()
    code, out, _ = navplugin("check", str(profile))
    assert code == 1
    assert "unknown-name: there is no name 'walet_url'; did you mean 'wallet_url'?" in out


def test_even_without_any_template_there_is_a_receipt(server: Server, tmp_path: Path, press: Press) -> None:
    bad = dict.fromkeys(("wallet", "signup", "plain"), "{% for x in y %}")
    _, place = site_with(server, tmp_path, **bad)
    assert len(place.alarms) == 3
    sell(press, place, "M1003")
    assert press("pay")["slip"]["lines"][-1].strip() == "Sample Store"


def test_the_footer_prints_with_the_worker_down(server: Server, tmp_path: Path, press: Press) -> None:
    _, place = site_with(server, tmp_path)
    work(place)
    for member, link in (("M1003", "https://lab.alpineiq.com/joinMembers/1234"), ("", "")):
        press("check-in", member_card_no=member) if member else None
        press("add-item", item_no="CONE")
        press("total")
        slip = press("pay")["slip"]
        assert slip["qr_payload"] == link, "until the worker has looked: what the store wishes"


@pytest.mark.parametrize(("policy", "link"), [("none", ""), ("plain", ""), ("wallet", "wallet"), ("signup", "joinM")])
def test_what_prints_while_the_status_is_unknown_is_a_policy_of_the_store(
    server: Server, tmp_path: Path, press: Press, policy: str, link: str
) -> None:
    profile, _ = site_with(server, tmp_path)
    profile.write_text(profile.read_text("utf-8") + f"footer-unknown = {policy}\n", "utf-8")
    place = load_site(profile).site
    assert place is not None
    work(place)
    press("check-in", member_card_no="M1003")
    press("add-item", item_no="CONE")
    press("total")
    payload = press("pay")["slip"]["qr_payload"]
    assert (link in payload) if link else payload == ""


def test_a_policy_that_names_no_template_is_refused(server: Server, tmp_path: Path) -> None:
    profile, _ = site_with(server, tmp_path)
    profile.write_text(profile.read_text("utf-8") + "footer-unknown = walet\n", "utf-8")
    loaded = load_site(profile)
    assert loaded.site is None
    assert "footer-unknown of store S0001 names no receipt template: 'walet'; did you mean 'wallet'?" in str(
        loaded.problems[0]
    )


# ---- what [Total] gave, what was posted, what a return took back ----------------------------------------------------


def figures(place: Site) -> list[tuple[str, Decimal, Decimal | None, Decimal | None]]:
    ledger = SqlLedger(place.ledger)
    found = read_figures(ledger)
    ledger.close()
    return [(f.coupon_code, f.predicted, f.at_total, f.posted) for f in found]


def reports(place: Site, receipt: str) -> list[str]:
    ledger = SqlLedger(place.ledger)
    found = [str(r["text"]) for r in ledger.reports(receipt)]
    ledger.close()
    return found


def test_the_ledger_keeps_prediction_total_and_posted_amount(site: Site, press: Press) -> None:
    receipt = sell(press, site, "M1003", "AP0004")
    assert figures(site) == [("AP0004", Decimal(100), Decimal(100), None)]
    press("pay")
    work(site)
    assert figures(site) == [("AP0004", Decimal(100), Decimal(100), Decimal(100))]
    assert not [x for x in reports(site, receipt) if "predicted" in x]


def test_an_amount_of_nav_that_differs_is_an_alarm_and_is_never_corrected(
    state: State, site: Site, press: Press
) -> None:
    """The offer was changed in NAV after the worker had read it: both numbers stand in the ledger."""
    with wire(site, lambda _: False) as watch:
        receipt = str(press("check-in", member_card_no="M1003")["receipt_no"])
        press("add-item", item_no="FLOWER")
        press("add-item", item_no="VAPE")
        watch.once()
        press("wallet")
        press("pick", coupon_code="AP0004")
        watch.once()
        (benefit,) = [r for r in state.rows("AIQ_TotalDiscountOfferBenefits") if r["Offer_No"] == "TDO0004"]
        state.put("AIQ_TotalDiscountOfferBenefits", {**benefit, "Value": Decimal(80)})
        old = watch.worker._setup.read()
        watch.worker._setup.read = lambda: old  # type: ignore[method-assign]
        press("total")
        watch.once()
    assert "AP0004: [Total] gave 80.00, 100.00 was predicted" in reports(site, receipt)
    assert figures(site) == [("AP0004", Decimal(100), Decimal(80), None)]
    (grant,) = [r for r in state.rows("AIQ_POSTotalDiscountOfferLines") if r["Coupon_Code"] == "AP0004"]
    assert (grant["Applied_Amount"], grant["Value"]) == (Decimal(80), Decimal(100))
    ledger = SqlLedger(site.ledger)
    assert compare(read_figures(ledger, receipt)) == ("AP0004: [Total] gave 80.00, 100.00 was predicted",)
    ledger.close()


def test_a_return_that_gives_more_than_was_paid_is_an_alarm(state: State, site: Site, press: Press) -> None:
    receipt = sell(press, site, "M1003", "AP0001")
    press("pay")
    work(site)
    back = str(press("return", receipt_no=receipt)["receipt_no"])
    press("total")
    press("pay")
    for row in state.rows("AIQ_TransLines"):
        if row["Receipt_No"] == back and row["Item_No"] == "FLOWER":
            state.put("AIQ_TransLines", {**row, "Net_Amount": row["Net_Amount"] + 5})
    work(site)
    (text,) = [x for x in reports(site, back) if x.startswith("return of FLOWER")]
    assert text == "return of FLOWER: NAV gave 73.75 back, 68.75 was paid for it"


def test_an_older_ledger_gets_the_new_table_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    ledger = SqlLedger(path)
    ledger.add_report("R1", "kept", datetime(2026, 5, 1, tzinfo=UTC))
    ledger._connection.exec_driver_sql("DROP TABLE figure")
    ledger._connection.exec_driver_sql("UPDATE meta SET value = '1' WHERE name = 'version'")
    ledger._connection.commit()
    ledger.close()
    again = SqlLedger(path)
    assert (read_figures(again), [r["text"] for r in again.reports("R1")]) == ((), ["kept"])
    assert again.note("version") == "3"
    again.close()
