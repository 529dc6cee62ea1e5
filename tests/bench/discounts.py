"""What a prediction costs: carts up to 10,000 lines with ten offers, as a ratio to rounding as many shares one by one.

    python -m tests.bench.discounts

Both sides run in this process, in turn; each figure is the median of the rounds. A ratio that grows with the cart
would mean more than linear work.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from decimal import Decimal

from navplugin.core.model import Benefit, Offer
from navplugin.core.money import ZERO, round_money
from navplugin.discounts import BasketLine, predict

ROUNDS, OFFERS = 5, 10
SIZES = (100, 1_000, 10_000)
LIMIT = 8.0
"""Times the bare rounding: the pass sorts, sums and subtracts as well."""


def cpu(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def main() -> None:
    """Print the table."""
    offers = [
        Offer(f"T{n}", "", True, f"C{n}", benefits=(Benefit(ZERO, "percent", Decimal("3.3")),)) for n in range(OFFERS)
    ]
    codes = [o.coupon_code for o in offers]
    print(f"{'lines':>7}{'ms':>10}{'bare ms':>10}{'ratio':>8}   limit {LIMIT}")
    for size in SIZES:
        price = Decimal("59.985")
        basket = [BasketLine(n, f"I{n}", price, Decimal("59.99")) for n in range(size)]
        total = sum((x.amount for x in basket), ZERO)

        def ours(basket: list[BasketLine] = basket) -> None:
            predict(basket, offers, codes)

        def bare(basket: list[BasketLine] = basket, total: Decimal = total) -> None:
            for _ in range(OFFERS):
                for line in basket:
                    round_money(total * line.amount / total)

        rounds = [(cpu(ours), cpu(bare)) for _ in range(ROUNDS)]
        mine, theirs = (statistics.median(x) for x in zip(*rounds, strict=True))
        print(f"{size:>7}{mine * 1000:>10.1f}{theirs * 1000:>10.1f}{mine / theirs:>8.2f}")
        assert mine / theirs < LIMIT, f"{size} lines cost {mine / theirs:.1f} times the bare rounding"


if __name__ == "__main__":
    main()
