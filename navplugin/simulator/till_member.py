"""Presses about the member: check-in, sign-up, status, and the prompts that pop up (design.md 7.1 rows 2 to 8, 23)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from navplugin.simulator.fields import Row
from navplugin.simulator.till_journal import JOURNAL, PROMPTS, SALE, STATUS, Impossible, Till


def check_in(till: Till, body: Mapping[str, Any]) -> None:
    """Begin a sale with or without a member, or put a member, or another one, on the open sale."""
    card = str(body["member_card_no"]).strip().upper()
    with till.event("check-in", sale=False):
        _check_card(till, card)
        if staff := str(body["staff_id"]).upper():
            if staff not in till.state.doc("till.staff", {}):
                raise Impossible(f"There is no member of staff {staff}.")
            till.desk["staff_id"] = staff
        if not till.receipt_no:
            till.begin()
        elif not card:
            raise Impossible("A sale is already open on this terminal.")
        if card:
            put_member(till, card)


def put_member(till: Till, card: str) -> None:
    """The member comes on the open sale: a new row of AIQ_Sale, or another member on the row that is there."""
    if card == till.member:
        return
    till.back_to_sale()
    journal = till.state.get(JOURNAL, till.receipt_no) or {}
    till.state.put(JOURNAL, {**journal, "Member_Card_No": card})
    footer, row = till.setup["Footer_Unknown"], till.state.get(SALE, till.receipt_no)
    if row is None:
        till.put_sale_row(card, footer)
    else:
        till.state.put(SALE, {**row, "Member_Card_No": card, "Footer_Code": footer})


def status(till: Till, body: Mapping[str, Any]) -> None:
    """[Get Loyalty Status]: what the row says, else ask the worker and wait."""
    with till.event("status"):
        till.need_member()
        fresh = _status_row(till, fresh=True)
        number = 0 if fresh else till.write_action("GetStatus")
    if number:
        till.wait(lambda: till.action_error(number) is not None)
    with till.event("status", touch=False):
        error = till.action_error(number) if number else ""
        row = fresh or (_status_row(till, fresh=False) if error == "" else None)
        if row:
            till.desk["popup"] = {"kind": "status", "text": [row["Display_Text"] or row["Member_Status"]],
                                  "options": ["OK"]}  # fmt: skip
        else:
            till.say(error or "Loyalty status not available, go on with the sale.")


def signup(till: Till, body: Mapping[str, Any]) -> None:
    """[AIQ Loyalty Signup]: show the prompt, also after a No; without one ask the worker and wait."""
    with till.event("signup"):
        till.need_member()
        if any(prompt["Answer"] == "Yes" for prompt in _signups(till)):
            raise Impossible("This member has already said Yes.")
        found = bool(_open_signup(till))
        number = 0 if found else till.write_action("Signup")
    if number:
        till.wait(lambda: till.action_error(number) is not None)
    with till.event("signup", touch=False):
        error = till.action_error(number) if number else ""
        prompt = _open_signup(till) if not error else None
        if prompt:
            _show(till, prompt)
        else:
            till.say(error or "Sign-up not available, go on with the sale.")


def answer_yes(till: Till, body: Mapping[str, Any]) -> None:
    """[Yes]: the answer, and the footer that it brings, in one transaction."""
    with till.event("signup-yes"):
        prompt = _answer(till, "Yes")
        row = till.state.get(SALE, till.receipt_no)
        if row and prompt["Footer_If_Yes"]:
            till.state.put(SALE, {**row, "Footer_Code": prompt["Footer_If_Yes"]})


def answer_no(till: Till, body: Mapping[str, Any]) -> None:
    """[No]: the answer; the button may show the prompt again."""
    with till.event("signup-no"):
        _answer(till, "No")


def pop_up(till: Till) -> None:
    """A new prompt of this member comes up at an event: `Shown_At`, commit, then the pop-up (row 4)."""
    with till.state.transaction():
        till.refresh()
        if not till.receipt_no or not till.member or till.desk["popup"] or till.desk["wallet"]:
            return
        new = [p for p in _prompts(till) if p["Shown_At"] is None and p["Answer"] == " " and _may_pop_up(till, p)]
        if not new:
            return
        prompt = min(new, key=lambda p: (p["Priority"], p["Prompt_Key"]))
        till.state.put(PROMPTS, {**prompt, "Shown_At": till.state.now()})
    with till.state.transaction():
        till.refresh()
        till.desk["popup"] = _dialog(prompt)
        till.save()


def _check_card(till: Till, card: str) -> None:
    if not card:
        return
    member = till.state.get("AIQ_Members", card)
    if member is None:
        raise Impossible(f"There is no member with card {card}.")
    if member["Blocked"]:
        raise Impossible(f"The card {card} is blocked.")


def _status_row(till: Till, *, fresh: bool) -> Row | None:
    row = till.state.get(STATUS, till.receipt_no)
    if row is None or row["Member_Ref"] != till.member:
        return None
    return row if not fresh or till.is_fresh(row["Updated_At"]) else None


def _prompts(till: Till) -> list[Row]:
    """Prompts of this sale and its member that have not expired."""
    now = till.state.now()
    return [
        row
        for row in till.state.rows(PROMPTS)
        if (row["Receipt_No"], row["Member_Ref"]) == (till.receipt_no, till.member)
        and (row["Expires_At"] is None or row["Expires_At"] > now)
    ]


def _signups(till: Till) -> list[Row]:
    return [prompt for prompt in _prompts(till) if prompt["Kind"] == "Confirm"]


def _open_signup(till: Till) -> Row | None:
    return min(_signups(till), key=lambda p: (p["Priority"], p["Prompt_Key"]), default=None)


def _may_pop_up(till: Till, prompt: Row) -> bool:
    """`Prompt_On` rules the sign-up prompt; a message comes up in any case."""
    if prompt["Kind"] == "Message":
        return True
    moment = till.setup["Prompt_On"]
    return moment == "CheckIn" or (moment == "FirstItem" and bool(till.lines("Item")))


def _show(till: Till, prompt: Row) -> None:
    till.state.put(PROMPTS, {**prompt, "Shown_At": prompt["Shown_At"] or till.state.now()})
    till.desk["popup"] = _dialog(prompt)


def _dialog(prompt: Row) -> dict[str, Any]:
    confirm = prompt["Kind"] == "Confirm"
    options = prompt["Options"] or ("Yes,No" if confirm else "OK")
    return {
        "kind": "signup" if confirm else "message",
        "prompt_key": prompt["Prompt_Key"],
        "text": [prompt[name] for name in ("Text_1", "Text_2", "Text_3") if prompt[name]],
        "options": options.split(","),
    }


def _answer(till: Till, answer: str) -> Row:
    shown = till.popup_before
    prompt = till.state.get(PROMPTS, till.receipt_no, shown.get("prompt_key", ""))
    if shown.get("kind") != "signup" or prompt is None or prompt["Member_Ref"] != till.member:
        raise Impossible("There is no sign-up question on the screen.")
    given = {"Answer": answer, "Answered_At": till.state.now(), "Answered_By": till.desk["staff_id"]}
    return till.state.put(PROMPTS, {**prompt, **given})
