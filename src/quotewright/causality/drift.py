"""Whether the inputs are still what they were, and whether a mean has moved."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.causality.inputs import Floats, column, library
from quotewright.causality.long_run import lags_of, long_run_variance
from quotewright.domain.errors import InputError

BINS = 10


class Stability(NamedTuple):
    """`psi`: above 0.1 a shift, above 0.25 a large one; `chance`: what samples of this size exceed 1 time in 20."""

    psi: float
    chance: float


class Break(NamedTuple):
    """The largest distance of the cumulated sum, the row after which it lies, and the p of a mean that never moves."""

    statistic: float
    row: int
    p_value: float


def population_stability(train: npt.ArrayLike, now: npt.ArrayLike) -> Stability:
    """Σ (p − q) ln(p/q) over the train sample's tenths (over its values, if they are at most ten).

    N. Siddiqi (2006), "Credit Risk Scorecards"; without drift, over independent rows, it is χ²(bins − 1) × (1/n + 1/m):
    B. Yurdakul & J. Naranjo (2020), Journal of Risk Model Validation 14(4). Empty bins count half a row. Raises
    InputError for samples of fewer than 20 rows.
    """
    old, new = column("train", train, fewest=20), column("now", now, fewest=20)
    values = np.unique(old)
    few = len(values) <= BINS
    edges = values if few else np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))

    def counts(sample: Floats) -> Floats:
        # Of few values each has a bin of its own, and so has what lies between them.
        place = np.searchsorted(edges, sample, "left")
        if few:
            place = place + np.searchsorted(edges, sample, "right")
        return np.bincount(place, minlength=2 * len(edges) + 1 if few else len(edges) + 1).astype(np.float64)

    before, after = counts(old), counts(new)
    used = before + after > 0
    p, q = np.maximum(before[used], 0.5) / len(old), np.maximum(after[used], 0.5) / len(new)
    scale = 1 / len(old) + 1 / len(new)
    chance = float(library("scipy.stats").chi2.ppf(0.95, max(int(used.sum()) - 1, 1))) * scale
    return Stability(float(((p - q) * np.log(p / q)).sum()), chance)


def mean_break(values: npt.ArrayLike, *, lags: int | None = None) -> Break:
    """The OLS-based CUSUM test: has the mean of `values` [n] moved anywhere?

    sup |Σ (v − v̄)| / √(n·long-run variance) against the supremum of a Brownian bridge: W. Ploberger & W. Krämer (1992),
    "The CUSUM test with OLS residuals", Econometrica 60(2). Raises InputError for fewer than 20 rows or constant ones.
    """
    v = column("values", values, fewest=20)
    variance = long_run_variance(v, lags_of(lags, len(v)))
    if variance <= 1e-24 * float((v**2).max()):
        raise InputError("values", float(v[0]), "must vary")
    path = np.abs(np.cumsum(v - v.mean())) / math.sqrt(len(v) * variance)
    row = int(np.argmax(path))
    return Break(float(path[row]), row, kolmogorov(float(path[row])))


def kolmogorov(s: float) -> float:
    """The chance that the supremum of |a Brownian bridge| exceeds s: 2 Σ (−1)^(j−1) exp(−2 j² s²), j ≥ 1."""
    if s < 0.2:  # the series alternates ever more slowly; here the chance is 1 to 12 digits
        return 1.0
    return min(1.0, 2 * sum((-1) ** (j - 1) * math.exp(-2 * j * j * s * s) for j in range(1, 101)))
