"""How far a sample is from a law, in the middle and in the tails."""

from __future__ import annotations

import numpy as np

from quotewright.montecarlo.laws import Marginal
from quotewright.montecarlo.numerics import Floats

LEAST = 1e-300


def kolmogorov(values: Floats, law: Marginal) -> float:
    """Kolmogorov–Smirnov: sup |F_n − F|."""
    n = len(values)
    expected = law.cdf(np.sort(values))
    before = np.asarray(law.cdf(np.nextafter(np.sort(values), -np.inf)))  # a resampled law has steps of its own
    above, below = np.arange(1, n + 1) / n - expected, before - np.arange(n) / n
    return float(max(above.max(), below.max(), 0.0))


def anderson_darling(values: Floats, law: Marginal) -> float:
    """A²/n = −1 − Σ(2i − 1)(ln u_i + ln(1 − u_{n+1−i}))/n². T. W. Anderson & D. A. Darling (1954), JASA 49.

    Where the law gives a value no chance at all (within rounding) the chance is taken as 10⁻³⁰⁰; one minus as 10⁻¹⁶.
    """
    n = len(values)
    u = np.asarray(law.cdf(np.sort(values)))
    low, high = np.maximum(u, LEAST), np.maximum(1 - u, np.finfo(np.float64).eps / 2)
    i = np.arange(1, n + 1)
    return float(-1 - ((2 * i - 1) * (np.log(low) + np.log(high[::-1]))).sum() / n**2)
