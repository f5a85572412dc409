"""A linear model's sum in the core: features standardised as the library does, times coefficients, none lost."""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import subkernel


@subkernel
def linear_sum(head: Any, table: Any, x: Any) -> float:
    """offset + Σ w·(x − mean)/scale; `table` begins with the coefficients, then means, then scales.

    Differences, quotients and products are the library's to the last bit; the sum is compensated (A. Neumaier, 1974,
    ZAMM 54), so what is left against the library is what its BLAS, in an order of its own, rounds away: a few units in
    the last place of Σ|w·(x − mean)/scale|, not of the sum, where terms cancel. NaN where a feature that counts is.
    """
    total, lost, features = 0.0, 0.0, head.features
    for i in range(features):
        if table[i] == 0.0:
            continue  # a feature that does not count need not be known
        term = table[i] * ((x[i] - table[features + i]) / table[2 * features + i])
        new = total + term
        lost += (total - new) + term if abs(total) >= abs(term) else (term - new) + total
        total = new
    return (total + lost) + head.offset
