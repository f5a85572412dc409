"""A linear model's sum in the core: features standardised as the library does, times coefficients, in one order."""

from __future__ import annotations

from typing import Any

from quotewright.domain.kernel import subkernel


@subkernel
def linear_sum(head: Any, table: Any, x: Any) -> float:
    """base + Σ w·(x − mean)/scale; `table` begins with the coefficients, then means, then scales.

    Differences and quotients are the library's to the last bit. The library's own sum runs in an order that its BLAS
    chooses: the two agree within rounding of Σ|w·(x − mean)/scale|, not of the sum, where terms cancel.
    """
    total, features = 0.0, head.features
    for i in range(features):
        total += table[i] * ((x[i] - table[features + i]) / table[2 * features + i])
    return total + head.base
