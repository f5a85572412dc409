"""How much rows say that depend on each other in time: long-run variance, effective sizes, orders of whole blocks."""

from __future__ import annotations

import math

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.selection.inputs import Floats, Integers


def bandwidth(values: Floats) -> int:
    """Lags of Bartlett's kernel: 1.1447 (α n)^(1/3), α = 4φ²/((1 − φ)²(1 + φ)²), φ the first autocorrelation.

    D. W. K. Andrews (1991), Econometrica 59(3), eqs. 6.2 and 6.4. At most a third of the rows; 0 for fewer than 3 rows
    or constant ones.
    """
    n = len(values)
    away = values - values.mean()
    power = float(away @ away)
    if n < 3 or power == 0:
        return 0
    phi = min(max(float(away[1:] @ away[:-1]) / power, -0.999), 0.999)
    alpha = 4 * phi**2 / ((1 - phi) ** 2 * (1 + phi) ** 2)
    return min(int(1.1447 * (alpha * n) ** (1 / 3)), n // 3)


def long_run_variance(values: Floats) -> float:
    """n × the variance of the mean of `values` [n]: γ₀ + 2 Σ (1 − k/(L+1)) γ_k with L = `bandwidth`; never negative.

    W. K. Newey & K. D. West (1987), Econometrica 55(3), eq. 5.
    """
    n, lags = len(values), bandwidth(values)
    away = values - values.mean()
    total = float(away @ away)
    for k in range(1, lags + 1):
        total += 2 * (1 - k / (lags + 1)) * float(away[k:] @ away[:-k])
    return max(total / n, 0.0)


def effective_size(values: Floats) -> float:
    """How many independent rows would know the mean of `values` [n] as well: n γ₀ / long-run variance, in [1, n].

    Negative dependence would make it more than n; it counts as none. Constant values are one row.
    """
    n, spread, long = len(values), float(values.var()), long_run_variance(values)
    if spread == 0:
        return 1.0
    return min(max(n * spread / long, 1.0), float(n)) if long > 0 else float(n)


def block_length(values: Floats) -> int:
    """Rows in a block such that neighbours depend on each other little: 3 n/effective size, at most a tenth of n."""
    n = len(values)
    return max(1, min(math.ceil(3 * n / effective_size(values)) if n / effective_size(values) > 1.5 else 1, n // 10))


def moved_blocks(n: int, block: int, rng: np.random.Generator) -> Integers:
    """Which row takes each row's place [n]: the circle of rows cut into blocks at random, each put where another was.

    The blocks go round in one cycle (S. Sattolo 1986, Information Processing Letters 22(6)), so that none stays; the
    last may be longer, by less than a block. Raises InputError where n holds no two blocks.
    """
    if block < 1 or n // block < 2:
        raise InputError("block", block, f"give 1 to {n // 2} rows, so that {n} rows hold two blocks")
    number = n // block
    cycle = list(range(number))
    drawn: list[int] = rng.integers(0, np.arange(number - 1, 0, -1)).tolist()
    for i, j in zip(range(number - 1, 0, -1), drawn, strict=True):
        cycle[i], cycle[j] = cycle[j], cycle[i]
    order = np.array(cycle)
    first = order * block
    size = np.where(order == number - 1, n - block * (number - 1), block)
    begins = np.cumsum(size) - size
    source = np.repeat(first - begins, size) + np.arange(n)
    offset = int(rng.integers(0, n))
    placed = np.empty(n, np.int64)
    placed[(np.arange(n) + offset) % n] = (source + offset) % n
    return placed
