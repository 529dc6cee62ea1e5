"""The story of AIQ's integration guide in five sales: what is pressed, and what must follow."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from navplugin.demo.play import Play, Screen, Step, Story
from navplugin.demo.stage import SIGNUP_URL, WALLET_URL, Stage

GRANTS = "AIQ_POSTotalDiscountOfferLines"
CODE, COST = "AP0004", 500

TITLES = {
    "a": "A new member says Yes",
    "b": "Another says No",
    "c": "A loyalty member redeems points",
    "d": "The same, and the sale is voided",
    "e": "AIQ redeems and its answer is lost",
}


def tell(stage: Stage, begun: Callable[[Story], None], on_step: Callable[[Step], None]) -> list[Story]:
    """Play every story, one after the other."""
    stories = []
    for letter, act in (("a", sign_up), ("b", decline), ("c", redeem), ("d", void), ("e", lose_the_answer)):
        story = Story(letter, TITLES[letter])
        begun(story)
        act(Play(stage, story, "P0001" if letter in "ace" else "P0002", on_step))
        stories.append(story)
    return stories


# ---- (a) and (b): the sign-up prompt ---------------------------------------------------------------------------


def sign_up(play: Play) -> None:
    """A member who is not in AIQ is checked in, prompted with the store's terms, and says Yes."""
    _prompt(play, "M1001")
    play.press("signup-yes")
    people = play.stage.wait("the new member in AIQ", lambda: _people(play, "5550101001"))
    play.step(
        "says Yes",
        "AIQ has the person as a loyalty member, source 365canna",
        f"AIQ has {len(people)} with this phone, loyalty {_yes(people[0]['loyalty'])}, source {people[0]['platform']}",
        len(people) == 1 and people[0]["loyalty"] and people[0]["platform"] == "365canna",
    )
    _pay(play, "wallet", WALLET_URL)
    people = _people(play, "5550101001")
    play.end(
        personas=(1, len(people)),
        source=("365canna", people[0]["platform"]),
        loyalty_member=(True, people[0]["loyalty"]),
        qr=(WALLET_URL, (play.story.slip or {}).get("qr_payload")),
    )


def decline(play: Play) -> None:
    """Another says No: nobody is signed up, and the receipt invites."""
    _prompt(play, "M1002")
    screen = play.press("signup-no")
    play.step("says No", "no pop-up any more", f"pop-up: {screen['popup']}", screen["popup"] is None)
    _pay(play, "sign-up", SIGNUP_URL)
    play.end(
        personas=(0, len(_people(play, "5550101002"))),
        qr=(SIGNUP_URL, (play.story.slip or {}).get("qr_payload")),
    )


def _prompt(play: Play, card: str) -> None:
    play.press("check-in", member_card_no=card)
    rows = play.wait_rows("AIQ_POSPrompts", "the sign-up prompt")
    play.step("is checked in", "the sign-up prompt is in NAV", f"{len(rows)} prompt", len(rows) == 1)
    screen = play.press("add-item", item_no="FLOWER")
    popup = screen["popup"] or {}
    terms = _terms(play)
    shown = " ".join(" ".join(popup.get("text", ())).split())
    play.step(
        "buys FLOWER for 75.00",
        "the prompt pops up with the store's AIQ Signup Terms",
        f'pop-up: "{shown}"',
        popup.get("kind") == "signup" and shown == " ".join(terms.split()),
    )


def _terms(play: Play) -> str:
    rows = play.stage.state()["staged"]["AIQ_Setup"]
    return next(str(r["AIQ_Signup_Terms"]) for r in rows if r["Store_No"] == "S0001")


def _people(play: Play, phone: str) -> list[dict[str, Any]]:
    return [p for p in play.stage.state()["aiq"]["personas"] if str(p["mobilePhone"]).endswith(phone)]


def _pay(play: Play, kind: str, url: str) -> None:
    play.press("total")
    screen = play.press("pay", tender="CASH")
    slip = screen["slip"] or {}
    play.step(
        "pays",
        f"the receipt bears the {kind} QR code, {url}",
        f"QR code {slip.get('qr_payload') or 'none'}",
        slip.get("qr_payload") == url,
    )


# ---- (c), (d), (e): a wallet discount --------------------------------------------------------------------------


def redeem(play: Play) -> None:
    """A loyalty member opens the wallet at 75.00 and at 120.00, picks AP0004, pays."""
    _to_total(play, "M1003")
    _explain_was_right(play)
    _pay(play, "wallet", WALLET_URL)
    _settled(play, "contact-1003")


def void(play: Play) -> None:
    """The same with the sale voided before it is paid."""
    _to_total(play, "M1004")
    end = play.claim_end("OPEN")
    play.step("navplugin ledger list", "the points are promised", f"claim {end}", True)
    screen = play.press("void")
    play.step("voids the sale", "state VOIDED", f"state {screen['state']}", screen["state"] == "VOIDED")
    end = play.claim_end("RELEASED")
    play.step("the worker sees it", "the points are free again", f"claim {end}", True)
    play.end(
        live_redemptions=(0, len([r for r in play.redemptions() if not r["refunded"]])),
        points=("1000", _whole(play.points("contact-1004"))),
        sale=("Voided", play.posted().get("Entry_Status")),
    )


def lose_the_answer(play: Play) -> None:
    """AIQ takes the points and its answer never arrives: looked up, never sent again."""
    _to_total(play, "M1005")
    play.stage.ask("POST", "/faults", {"call": "aiq.redeem", "fault": "after"})
    before = _redeem_calls(play)
    play.step("AIQ is set to answer nothing", "the next redemption works, its answer is lost", "ordered", True)
    _pay(play, "wallet", WALLET_URL)
    _settled(play, "contact-1005")
    calls = _redeem_calls(play) - before
    play.step("AIQ was asked", "one redemption call", f"{calls} redemption call", calls == 1)
    play.end(redemption_calls=(1, calls))


def _to_total(play: Play, card: str) -> None:
    """Check-in, the wallet at 75.00 and at 120.00, the pick, [Total]."""
    play.press("check-in", member_card_no=card)
    rows = play.wait_rows(GRANTS, "the wallet's discounts", 3)
    play.step("is checked in", "the wallet is in NAV", f"{len(rows)} discounts granted", len(rows) == 3)
    play.press("add-item", item_no="FLOWER")
    listed = _codes(play.press("wallet"))
    play.step(
        "[AIQ Wallet] at 75.00", f"{CODE} (takes 100.00 off) is not listed", f"listed: {', '.join(listed)}",
        CODE not in listed and bool(listed),
    )  # fmt: skip
    if play.story.letter == "c":
        _explain(play)
    screen = play.press("add-item", item_no="VAPE")
    play.step("adds VAPE, 50.00 less 10 %", "the sale is at 120.00", f"total {screen['total']}",
              screen["total"] == "120.00")  # fmt: skip
    listed = _codes(play.press("wallet"))
    play.step("[AIQ Wallet] at 120.00", f"{CODE} is listed", f"listed: {', '.join(listed)}", CODE in listed)
    screen = play.press("pick", coupon_code=CODE)
    line = next((x for x in screen["lines"] if CODE in str(x)), None)
    play.step(
        f"picks {CODE}", "its information line is there, the amount not yet taken off",
        f"line {'there' if line else 'missing'}, total {screen['total']}", bool(line) and screen["total"] == "120.00",
    )  # fmt: skip
    screen = play.press("total")
    play.step(
        "[Total]", "100.00 off, beside the 10 % discount offer: 20.00 to pay",
        f"discount {screen['discount']}, total {screen['total']}",
        screen["total"] == "20.00" and Decimal(screen["discount"]) == Decimal("105.00"),
    )  # fmt: skip


def _explain(play: Play) -> None:
    """`rules explain` while the sale stands at 75.00."""
    said = play.stage.wait("the worker's decision at 75.00", lambda: _sentence(play))
    wanted = "75.00" in said and "100.00" in said and "25.00" in said
    play.step(f"navplugin rules explain {play.story.receipt_no}", "why: 75.00, needs 100.00, 25.00 short", said, wanted)


def _sentence(play: Play) -> str:
    told = play.stage.navplugin("rules", "explain", play.story.receipt_no, "--config", str(play.stage.config))
    sentences = [str(s) for s in told["sentences"]]
    return next((s for s in sentences if s.startswith(f"{CODE} not offered") and "75.00" in s), "")


def _explain_was_right(play: Play) -> None:
    rows = [r for r in play.rows(GRANTS) if r["Coupon_Code"] == CODE]
    status = rows[0]["Status"] if rows else "no row"
    play.step("in NAV", f"the row of {CODE} is Applied", f"{CODE} is {status}", status == "Applied")


def _settled(play: Play, contact: str) -> None:
    """After payment: one redemption with the receipt number, one discount, the claim settled."""
    found = play.stage.wait("the redemption", play.redemptions)
    play.step(
        "AIQ", f"{COST} points taken once, with the receipt number",
        f"{len(found)} redemption of {_whole(found[0]['points'])} points, reference {found[0]['reference']}",
        len(found) == 1 and _whole(found[0]["points"]) == str(COST),
    )  # fmt: skip
    end = play.claim_end("SETTLED")
    play.step("navplugin ledger list", "the claim is SETTLED", f"claim {end}", True)
    found = play.redemptions()
    offers = {d["Offer_No"] for d in play.posted().get("discounts", ())}
    play.end(
        redemptions=(1, len(found)),
        reference=(play.story.receipt_no, found[0]["reference"]),
        points=("500", _whole(play.points(contact))),
        wallet_discounts_posted=(1, len([o for o in offers if o.startswith("TDO")])),
        discount_offers_posted=(1, len([o for o in offers if o == "DO10"])),
        qr=(WALLET_URL, (play.story.slip or {}).get("qr_payload")),
    )


def _codes(screen: Screen) -> list[str]:
    return [str(row.get("coupon_code") or row.get("Coupon_Code")) for row in screen["wallet"] or ()]


def _redeem_calls(play: Play) -> int:
    return sum("redeem" in str(call) for call in play.stage.state()["aiq"]["calls"])


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _whole(value: Any) -> str:
    return f"{Decimal(str(value or 0)):.0f}"
