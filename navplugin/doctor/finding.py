"""What `doctor` found, as a value: one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from navplugin.core.errors import AuthFailed, Busy, NavpluginError, Unreachable


class Grade(StrEnum):
    """How bad it is: a warning keeps nothing from working today."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """code: which check, in kebab-case. subject: the system, page, store or coupon code that it is about. says: what it
    means. do: the step to take, "" when all is well. lost: the system could not be reached or refused the sign-in."""

    grade: Grade
    code: str
    subject: str
    says: str
    do: str = ""
    lost: bool = False

    def __str__(self) -> str:
        step = f"; {self.do}" if self.do else ""
        return f"{self.grade} {self.code}: {self.subject}: {self.says}{step}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in ("grade", "code", "subject", "says", "do", "lost")}


def fine(code: str, subject: str, says: str) -> Finding:
    """All is well."""
    return Finding(Grade.OK, code, subject, says)


def notice(code: str, subject: str, says: str, do: str) -> Finding:
    """Something to look at."""
    return Finding(Grade.WARNING, code, subject, says, do)


def wrong(code: str, subject: str, says: str, do: str) -> Finding:
    """Something that must be mended."""
    return Finding(Grade.ERROR, code, subject, says, do)


def of_problem(problem: NavpluginError, code: str, subject: str, *, connecting: bool = False) -> Finding:
    """The finding of an error that was raised; its message is `what is wrong; what to do`. connecting: the first call
    to a system, so that a refused sign-in concerns all of it."""
    says, _, do = problem.message.rstrip(".").partition("; ")
    lost = isinstance(problem, Unreachable | Busy) or (connecting and isinstance(problem, AuthFailed))
    return Finding(Grade.ERROR, code, subject, says, do or "mend this first, then run doctor again", lost)


def gather(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that say the same of several subjects as one: `AIQ_Sale, AIQ_Setup and 20 more`."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.grade, one.code, one.says, one.do, one.lost), []).append(one)
    out = []
    for members in groups.values():
        subjects = list(dict.fromkeys(member.subject for member in members))
        shown = ", ".join(subjects[:3]) + (f" and {len(subjects) - 3} more" if len(subjects) > 3 else "")
        out.append(replace(members[0], subject=shown))
    return out
