"""Variances of means and coefficients over rows that depend on each other in time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from quotewright.causality.inputs import NORMAL_975, Floats
from quotewright.domain.errors import InputError


class Estimate(NamedTuple):
    """A value with its standard error, 95 % interval, and p of the value being 0 (normal approximation)."""

    value: float
    stderr: float
    low: float
    high: float
    p_value: float


def automatic_lags(n: int) -> int:
    """⌊4 (n/100)^(2/9)⌋: W. K. Newey & K. D. West (1994), Review of Economic Studies 61(4), for Bartlett's kernel."""
    return int(4 * (n / 100) ** (2 / 9))


def lags_of(lags: int | None, n: int) -> int:
    """`lags`, or the automatic number for None. Raises InputError unless 0 ≤ lags < n."""
    found = automatic_lags(n) if lags is None else lags
    if not 0 <= found < n:
        raise InputError("lags", lags, f"must be 0 to {n - 1}, or None for the automatic number")
    return found


def long_run_variance(values: Floats, lags: int) -> float:
    """n × the variance of the mean of `values`: γ₀ + 2 Σ (1 − k/(L+1)) γ_k, never negative.

    W. K. Newey & K. D. West (1987), Econometrica 55(3), eq. 5; lags 0 is the variance of independent rows.
    """
    away = values - values.mean()
    n = len(away)
    total = float(away @ away)
    for k in range(1, lags + 1):
        total += 2 * (1 - k / (lags + 1)) * float(away[k:] @ away[:-k])
    return max(total / n, 0.0)


def mean_of(values: Floats, *, lags: int | None = None) -> Estimate:
    """The mean with an error that allows for dependence between rows up to `lags` apart."""
    n = len(values)
    return estimate(float(values.mean()), math.sqrt(long_run_variance(values, lags_of(lags, n)) / max(n - 1, 1)))


def estimate(value: float, stderr: float) -> Estimate:
    """The value with its interval and p; without an error (0) the p is 0 unless the value is 0."""
    p = two_sided(value / stderr) if stderr > 0 else float(value == 0)
    return Estimate(value, stderr, value - NORMAL_975 * stderr, value + NORMAL_975 * stderr, p)


def two_sided(z: float) -> float:
    """The chance that a standard normal value is further from 0 than z."""
    return math.erfc(abs(z) / math.sqrt(2))


def holm(p_values: Floats) -> Floats:
    """p-values of which the chance of any below α is at most α, if all hypotheses hold, however they depend.

    S. Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2).
    """
    order = np.argsort(p_values, kind="stable")
    m = len(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(m, 0, -1)) if m else p_values
    found = np.empty(m)
    found[order] = np.minimum(stepped, 1.0)
    return found
