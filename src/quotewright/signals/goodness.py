"""Tail probabilities for tests of fit: Kolmogorov–Smirnov against Exp(1), and χ² for likelihood ratios."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]


class Fit(NamedTuple):
    """Of values that should be independent Exp(1)."""

    number: int
    distance: float  # Kolmogorov–Smirnov
    p_value: float
    mean: float  # 1 if they are
    variance: float  # 1 if they are
    autocorrelation: float  # of neighbours; 0 ± 1/√number if they are


def exponential_fit(values: Floats) -> Fit:
    """Test that `values` (at least 2) are independent Exp(1).

    The p-value takes the distribution as given beforehand; where parameters were fitted on the same data it is
    too large, so that a rejection stands and an acceptance says little.
    """
    n = len(values)
    if n < 2:
        raise InputError("values", n, "give at least 2 values to test")
    expected = -np.expm1(-np.sort(values))
    above = np.arange(1, n + 1) / n - expected
    below = expected - np.arange(n) / n
    distance = float(max(above.max(), below.max()))
    centred = values - values.mean()
    power = float(centred @ centred)
    together = float(centred[1:] @ centred[:-1]) / power if power > 0 else math.nan
    return Fit(n, distance, kolmogorov_tail(distance, n), float(values.mean()), power / (n - 1), together)


def kolmogorov_tail(distance: float, n: int) -> float:
    """P(D_n ≥ distance): Kolmogorov's limit 2Σ(−1)^{j−1}e^{−2j²x²} at Stephens' (1970) x = D(√n + .12 + .11/√n)."""
    x = distance * (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))
    if x < 0.2:
        return 1.0
    tail = 2 * sum((-1) ** (j - 1) * math.exp(-2 * (j * x) ** 2) for j in range(1, 101))
    return min(1.0, max(0.0, tail))


def chi_squared_tail(value: float, freedom: int) -> float:
    """P(χ²_freedom ≥ value), by the recursion Q(a + 1, x) = Q(a, x) + xᵃe^{−x}/Γ(a + 1) (DLMF 8.8.6)."""
    if value <= 0:
        return 1.0
    x = value / 2
    a = 0.5 if freedom % 2 else 1.0
    tail = math.erfc(math.sqrt(x)) if freedom % 2 else math.exp(-x)
    while a < freedom / 2:
        tail += math.exp(a * math.log(x) - x - math.lgamma(a + 1))
        a += 1
    return min(1.0, tail)


def normal_tail(z: float) -> float:
    """P(|N(0, 1)| ≥ |z|)."""
    return math.erfc(abs(z) / math.sqrt(2))
