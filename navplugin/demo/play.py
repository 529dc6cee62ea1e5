"""How a story is told: steps at the till, each with what was expected and what was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from navplugin.demo.stage import Stage

Screen = dict[str, Any]


@dataclass(slots=True)
class Step:
    """One thing that was done, and its effect."""

    title: str
    expected: str
    seen: str
    ok: bool


@dataclass(slots=True)
class Story:
    """One sale. `expected` and `seen`: named facts of the end, as `/_sim/state` and the screen tell them."""

    letter: str
    title: str
    steps: list[Step] = field(default_factory=list)
    expected: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    receipt_no: str = ""
    slip: dict[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether everything was as expected."""
        return bool(self.steps) and all(s.ok for s in self.steps) and self.expected == self.seen

    def as_dict(self) -> dict[str, Any]:
        """For `--json`: the story with its steps; the slip without its picture's bytes is of no use, so it stays."""
        steps = [{"title": s.title, "expected": s.expected, "seen": s.seen, "ok": s.ok} for s in self.steps]
        return {
            "story": self.letter, "title": self.title, "ok": self.ok, "receipt_no": self.receipt_no,
            "expected": self.expected, "seen": self.seen, "steps": steps, "slip": self.slip,
        }  # fmt: skip


@dataclass(slots=True)
class Play:
    """Presses keys for one story and writes down what came of them. on_step: told after each step."""

    stage: Stage
    story: Story
    terminal: str
    on_step: Callable[[Step], None]

    def press(self, name: str, **body: Any) -> Screen:
        """Press a key; the screen."""
        screen: Screen = self.stage.ask("POST", f"/till/{self.terminal}/{name}", body)
        self.story.receipt_no = screen["receipt_no"] or self.story.receipt_no
        self.story.slip = screen["slip"] or self.story.slip
        return screen

    def step(self, title: str, expected: str, seen: str, ok: bool) -> None:
        """Write down one step."""
        step = Step(title, expected, seen, ok)
        self.story.steps.append(step)
        self.on_step(step)

    def end(self, **facts: tuple[Any, Any]) -> None:
        """The facts of the end, each as (expected, seen)."""
        for name, (expected, seen) in facts.items():
            self.story.expected[name] = expected
            self.story.seen[name] = seen

    # ---- looking at the other side -----------------------------------------------------------------------------

    def rows(self, service: str) -> list[dict[str, Any]]:
        """Rows of this receipt on a page that the worker writes."""
        found: list[dict[str, Any]] = self.stage.state()["staged"][service]
        return [row for row in found if row["Receipt_No"] == self.story.receipt_no]

    def wait_rows(self, service: str, what: str, count: int = 1) -> list[dict[str, Any]]:
        """Until the worker has written so many rows to this page."""

        def look() -> list[dict[str, Any]]:
            rows = self.rows(service)
            return rows if len(rows) >= count else []

        found: list[dict[str, Any]] = self.stage.wait(what, look)
        return found

    def redemptions(self) -> list[dict[str, Any]]:
        """Redemptions with this receipt number in AIQ."""
        found: list[dict[str, Any]] = self.stage.state()["aiq"]["redemptions"]
        return [r for r in found if r["reference"] == self.story.receipt_no]

    def claim_end(self, wanted: str) -> str:
        """How the last claim of this receipt ended, by `navplugin ledger show`, once it is as wanted."""

        def look() -> str:
            claims = self.claims()
            return wanted if claims and claims[-1]["end"] == wanted else ""

        found: str = self.stage.wait(f"the claim to be {wanted}", look)
        return found

    def claims(self) -> list[dict[str, Any]]:
        """The claims of this receipt in the ledger."""
        found: list[dict[str, Any]] = self.stage.navplugin("ledger", "list", "--state", str(self.ledger))
        return [c for c in found if c["receipt_no"] == self.story.receipt_no]

    @property
    def ledger(self) -> Any:
        """The worker's ledger file."""
        return self.stage.folder / "navplugin.db"

    def points(self, contact_id: str) -> str:
        """The member's points in AIQ."""
        personas = self.stage.state()["aiq"]["personas"]
        return next((str(p["points"]) for p in personas if p["contactID"] == contact_id), "")

    def posted(self) -> dict[str, Any]:
        """The posted or voided sale of this receipt."""
        found: list[dict[str, Any]] = self.stage.state()["sales"]
        return next((s for s in found if s["Receipt_No"] == self.story.receipt_no), {})
