"""The Sharpe ratio and how far to trust it. Ratios are per period unless annualised is said.

A. W. Lo (2002), "The statistics of Sharpe ratios", Financial Analysts Journal 58(4); E. Mertens (2002), "Comments on
variance of the IID estimator in Lo (2002)"; D. H. Bailey & M. López de Prado (2012), "The Sharpe ratio efficient
frontier", J. Risk 15(2).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.validation.bootstrap import stationary_parts
from quotewright.validation.deflated_sharpe import deflated_sharpe
from quotewright.validation.labels import Floats

FEWEST = 10  # periods; below, no interval is given
NORMAL = NormalDist()


class Interval(NamedTuple):
    """An estimate and its interval; None where it does not exist."""

    value: float | None
    low: float | None
    high: float | None

    def times(self, factor: float) -> Interval:
        """The same in another unit; `factor` above 0."""
        return Interval(*(None if each is None else each * factor for each in self))


NO_INTERVAL = Interval(None, None, None)


class Sharpe(NamedTuple):
    """A ratio of `periods` returns, its standard error (Mertens), and the shape of the returns (normal: 0 and 3)."""

    value: float
    stderr: float
    periods: int
    skewness: float
    kurtosis: float

    def interval(self, level: float = 0.95) -> Interval:
        """value ± z·stderr; no bounds with fewer than 10 periods."""
        half = NORMAL.inv_cdf(0.5 + _checked_level(level) / 2) * self.stderr
        if self.periods < FEWEST:
            return _alone(self.value)
        return Interval(self.value, self.value - half, self.value + half)

    def probability_above(self, threshold: float = 0.0) -> float:
        """The probabilistic Sharpe ratio: that the true ratio is above `threshold` (eq. 11 of the 2012 paper)."""
        return deflated_sharpe(self.value, self.stderr, threshold)

    def least_periods(self, threshold: float = 0.0, level: float = 0.95) -> float | None:
        """Minimum track record length: periods after which such a ratio would be above `threshold` at `level`.

        1 + (1 − γ₃SR + (γ₄ − 1)/4·SR²)·(z/(SR − threshold))² (eq. 13 of the 2012 paper). None unless SR is above it.
        """
        if self.value <= threshold:
            return None
        z = NORMAL.inv_cdf(_checked_level(level))
        return 1 + self.stderr**2 * (self.periods - 1) * (z / (self.value - threshold)) ** 2


def sharpe(returns: Floats) -> Sharpe | None:
    """Mean over standard deviation (n − 1) of periodic returns in excess of what idle money earns.

    stderr = √((1 − γ₃SR + (γ₄ − 1)/4·SR²)/(n − 1)), for returns that are independent but of any shape (Mertens). None
    for fewer than 3 returns, or returns that do not vary. Raises InputError for returns that are not finite.
    """
    checked_returns(returns)
    n = len(returns)
    if n < 3 or not _vary(returns):
        return None
    away = returns - returns.mean()
    squares = away * away
    variance = float(squares.mean())
    skewness = float((squares * away).mean()) / variance**1.5
    kurtosis = float((squares * squares).mean()) / variance**2
    ratio = float(returns.mean()) / math.sqrt(variance * n / (n - 1))
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2  # at least (1 − skewness × ratio / 2)²
    return Sharpe(ratio, math.sqrt(max(spread, 0.0) / (n - 1)), n, skewness, kurtosis)


def annual_factor(returns: Floats, periods_per_year: float, *, lags: int = 0) -> float | None:
    """What turns the ratio per period into an annual one: q/√(q + 2Σ(q − k)ρ_k), k from 1 to `lags` (Lo, eq. 20).

    √q without lags, as if returns were independent. None where the sum is not above 0, or the returns do not vary.
    Raises InputError unless 0 ≤ lags < n and q is above lags.
    """
    checked_returns(returns)
    q = periods_per_year
    if not 0 <= lags < max(len(returns), 1) or not lags < q < math.inf:
        raise InputError("lags, periods_per_year", (lags, q), "give fewer lags than returns and periods in a year")
    if lags == 0:
        return math.sqrt(q)
    if not _vary(returns):
        return None
    away = returns - returns.mean()
    rho = [float(away[k:] @ away[:-k]) / float(away @ away) for k in range(1, lags + 1)]
    variance = q + 2 * sum((q - k) * each for k, each in enumerate(rho, 1))
    return q / math.sqrt(variance) if variance > 0 else None


def sharpe_bootstrap(
    returns: Floats, *, seed: int, draws: int = 1_000, block: float | None = None, level: float = 0.95
) -> Interval:
    """The ratio with percentiles of a stationary bootstrap, which keeps serial dependence within blocks.

    `block` is the mean length, n^(1/3) if not given. Without bounds for fewer than 10 returns, without a value where
    there is no ratio. Draws that do not vary are left out.
    """
    found = sharpe(returns)
    _checked_level(level)
    if found is None:
        return NO_INTERVAL
    if found.periods < FEWEST:
        return _alone(found.value)
    parts = stationary_parts(len(returns), draws, seed=seed, block=block)
    ratios = np.sort(np.concatenate([_ratios(returns[rows]) for rows in parts]))
    if len(ratios) == 0:
        return _alone(found.value)
    edges = ratios[[int((0.5 - level / 2) * (len(ratios) - 1)), math.ceil((0.5 + level / 2) * (len(ratios) - 1))]]
    return Interval(found.value, float(edges[0]), float(edges[1]))


def _ratios(drawn: Floats) -> Floats:
    deviations = drawn.std(axis=1, ddof=1)
    return drawn.mean(axis=1)[deviations > 0] / deviations[deviations > 0]


def checked_returns(returns: Floats, field: str = "returns") -> None:
    """Raise InputError unless these are finite numbers in one row."""
    if returns.ndim != 1 or returns.dtype.kind != "f":
        raise InputError(field, (returns.dtype, returns.shape), "give one array of floats")
    bad = np.flatnonzero(~np.isfinite(returns))
    if len(bad):
        raise InputError(field, float(returns[bad[0]]), f"row {bad[0]} must be finite: leave out what is not known")


def _vary(returns: Floats) -> bool:
    """Whether returns differ by more than rounding does."""
    return float(np.ptp(returns)) > 1e-12 * float(np.abs(returns).max())


def _alone(value: float) -> Interval:
    return Interval(value, None, None)


def _checked_level(level: float) -> float:
    if not 0 < level < 1:
        raise InputError("level", level, "must be between 0 and 1")
    return level
