"""Talks to a running simulator over real HTTP."""

from __future__ import annotations

from typing import Any

import requests

NAV = "/NAV/ODataV4/Company('CRONUS%20Cannabis')/"
PROMPTS = NAV + "AIQ_POSPrompts"
PROMPT = {"Receipt_No": "R1", "Prompt_Key": "K1", "Text_1": "Join?"}
PROMPT_AT = NAV + "AIQ_POSPrompts(Receipt_No='R1',Prompt_Key='K1')"


class Http:
    """Talks to the simulator as a test, a worker or a browser would."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = ("AIQ-WORKER", "demo-key")

    def ask(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=30, **kwargs)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.ask("POST", path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def switch(self, **nav: Any) -> None:
        """The sample world anew, with these switches of NAV."""
        self.post("/_sim/world", {"settings": {"nav": nav}})

    def rows(self, path: str, **headers: str) -> list[Any]:
        answer = self.ask("GET", NAV + path, headers={n.replace("_", "-"): v for n, v in headers.items()})
        assert answer.status_code == 200, answer.text
        found: list[Any] = answer.json()["value"]
        return found

    def press(self, name: str, **body: Any) -> Any:
        return self.post(f"/_sim/till/P0001/{name}", body)


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and code of a refused request."""
    error = answer.json()["error"]
    assert "CorrelationId:  " in error["message"]
    return answer.status_code, error["code"]
