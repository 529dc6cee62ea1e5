"""The central values: what was read, what should be there, what is to be done. All frozen, no I/O.

Field names of rows are those of the NAV contract in Business Central naming (`Receipt_No`); attributes of the typed
values are the same in lower case. Amounts are Decimal in the store's currency, points are Decimal (AIQ may send
fractions, aiq-api.md 17 no. 3). Times are timezone-aware UTC unless a name says `store_time`.
"""

from __future__ import annotations

from navplugin.core.model.decision import (
    ConditionTrace,
    Decision,
    Effect,
    History,
    Op,
    RuleTrace,
    Situation,
    StoreSettings,
    Verdict,
    Want,
)
from navplugin.core.model.loyalty import (
    Claim,
    End,
    Persona,
    Points,
    Wallet,
    WalletDiscount,
    within_company,
)
from navplugin.core.model.sale import (
    Benefit,
    Grant,
    GrantStatus,
    Journal,
    JournalLine,
    LoyaltyStatus,
    Member,
    Offer,
    OfferLine,
    PostedDiscount,
    PostedSale,
    Prompt,
    Row,
    Sale,
    SaleState,
    Snapshot,
    StaffAction,
    StagedRow,
    StatusRow,
    Validity,
)

__all__ = [
    "Benefit",
    "Claim",
    "ConditionTrace",
    "Decision",
    "Effect",
    "End",
    "Grant",
    "GrantStatus",
    "History",
    "Journal",
    "JournalLine",
    "LoyaltyStatus",
    "Member",
    "Offer",
    "OfferLine",
    "Op",
    "Persona",
    "Points",
    "PostedDiscount",
    "PostedSale",
    "Prompt",
    "Row",
    "RuleTrace",
    "Sale",
    "SaleState",
    "Situation",
    "Snapshot",
    "StaffAction",
    "StagedRow",
    "StatusRow",
    "StoreSettings",
    "Validity",
    "Verdict",
    "Wallet",
    "WalletDiscount",
    "Want",
    "within_company",
]
