"""Money: Decimal at the currency's amount rounding precision, never float."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

ZERO = Decimal(0)
CENT = Decimal("0.01")


def round_money(amount: Decimal, precision: Decimal = CENT) -> Decimal:
    """Round half up (away from zero) to a multiple of `precision`, for instance 0.01 or 0.05."""
    return (amount / precision).quantize(Decimal(1), rounding=ROUND_HALF_UP) * precision


def parse_money(text: object) -> Decimal | None:
    """A finite Decimal from an int, a Decimal or plain digits; None where it is none of these."""
    if isinstance(text, bool | float):
        return None
    try:
        value = Decimal(str(text).strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def show_money(amount: Decimal, precision: Decimal = CENT) -> str:
    """Fixed point text at the precision's number of digits: 75.00."""
    digits = max(0, -int(precision.as_tuple().exponent))
    return f"{amount:.{digits}f}"
