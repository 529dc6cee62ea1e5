"""How a test asks the simulated NAV, without HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from navplugin.simulator.call import Answer
from navplugin.simulator.state import State

COMPANY = "Company('CRONUS%20Cannabis')"
SIGN_IN = "Basic " + base64.b64encode(b"AIQ-WORKER:demo-key").decode()
Ask = Callable[..., Answer]


def told(answer: Answer, status: int = 200) -> Any:
    assert answer.status == status, answer.body
    return json.loads(answer.body, parse_float=Decimal)


def code(answer: Answer) -> tuple[int, str]:
    error = json.loads(answer.body)["error"]
    assert "CorrelationId:  " in error["message"]
    return answer.status, error["code"]


def filtered(ask: Ask, service: str, expression: str, more: str = "") -> list[Any]:
    answer = ask("GET", f"{COMPANY}/{service}?$filter={quote(expression, safe='')}{more}")
    rows: list[Any] = told(answer)["value"]
    return rows


def receipts(ask: Ask, expression: str, more: str = "") -> list[str]:
    return [row["Receipt_No"] for row in filtered(ask, "AIQ_Sale", expression, more)]


def sales(state: State, count: int) -> None:
    for number in range(1, count + 1):
        store = "S1" if number % 2 else "S2"
        state.put("AIQ_Sale", {"Receipt_No": f"R{number}", "Store_No": store, "Staff_ID": f"T{number}"})


PROMPT = {"Receipt_No": "R1", "Prompt_Key": "K1", "Text_1": "Join?"}
PROMPT_AT = f"{COMPANY}/AIQ_POSPrompts(Receipt_No='R1',Prompt_Key='K1')"
