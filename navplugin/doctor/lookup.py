"""`doctor --prove-lookup`: whether AIQ's listing shows our receipt number, so that redemption-lookup = probe may be set
(design.md 2, decision 5). A real redemption of the ledger is looked for; none is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from navplugin.core.errors import NavpluginError
from navplugin.core.model import Claim, End, Points
from navplugin.core.ports import LoyaltyProvider
from navplugin.doctor.finding import Finding, fine, notice, of_problem, wrong
from navplugin.ledger import SqlLedger

_LOOKED_AT = 3
"""Redemptions that are looked for: the newest ones."""
_CODE, _KEEP = "prove-lookup", "keep redemption-lookup = blind, and show AIQ this receipt number"


def prove_lookup(
    company: str, open_ledger: Callable[[], SqlLedger], open_aiq: Callable[[], LoyaltyProvider]
) -> Finding:
    """The verdict. Every redemption that is looked for must be found: one that is missed would be sent twice."""
    try:
        taken = _taken(company, open_ledger)
        if not taken:
            text = "the ledger holds no redemption whose points were taken and kept, so nothing can be looked for"
            return notice(_CODE, company, text, "redeem one discount on a test sale, post it, and run this again")
        aiq = open_aiq()
        for claim, since in taken:
            listed = aiq.find_redemptions("", claim.discount_id, claim.receipt_no, since)
            if not listed.live and not listed.refunded:
                text = f"points were taken for receipt {claim.receipt_no}, and AIQ lists no redemption with this number"
                return wrong(_CODE, "AIQ", text, _KEEP)
    except NavpluginError as problem:
        return of_problem(problem, _CODE, problem.system or "AIQ", connecting=True)
    receipts = ", ".join(claim.receipt_no for claim, _ in taken)
    text = f"lists the redemptions of {receipts} by receipt number: redemption-lookup = probe may be set"
    return fine(_CODE, "AIQ", text)


def _taken(company: str, open_ledger: Callable[[], SqlLedger]) -> list[tuple[Claim, datetime]]:
    """The newest settled claims, each with the moment at which it was opened, before its redemption."""
    ledger = open_ledger()
    try:
        settled = [c for c in ledger.list_claims(End.SETTLED) if c.company == company and c.points is Points.YES]
        return [(claim, datetime.fromisoformat(ledger.history(claim.key)[0]["at"])) for claim in settled[-_LOOKED_AT:]]
    finally:
        ledger.close()
