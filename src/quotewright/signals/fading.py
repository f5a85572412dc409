"""How much of something old is left: half of it after every half-life."""

from __future__ import annotations

import math

from quotewright.domain.kernel import inlined

LN2 = math.log(2.0)
SOON = 1 / 16


@inlined
def fade(passed: int, half_life: int) -> float:
    """2^(−passed/half_life), both in the same unit.

    Events mostly follow each other fast: e^−x by its series to x⁶ is within 1e-12 below x = 1/16 (the next term is
    x⁷/5040), at a fraction of the exponential's cost.
    """
    x = LN2 * float(passed) / float(half_life)
    if x < SOON:
        return 1.0 - x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0)))))
    return math.exp(-x)
