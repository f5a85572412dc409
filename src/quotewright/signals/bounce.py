"""Bid–ask bounce: the spread that prices themselves tell of, and how it grows with volatility."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]

LAGS = 4  # of the products of neighbouring changes, which overlap


class Spread(NamedTuple):
    """Roll's estimate. All in the unit of the changes."""

    spread: float  # 2√−γ₁; NaN where γ₁ is not negative
    error: float
    covariance: float  # γ₁, of neighbouring changes
    covariance_error: float


class Scaling(NamedTuple):
    """−γ₁ = level + slope·(variance without bounce), over blocks."""

    level: float
    slope: float
    slope_error: float
    blocks: int


def autocovariances(changes: Floats, lags: int) -> Floats:
    """γ₀ … γ_lags of the changes about their mean, each a mean over the pairs there are."""
    r = _enough(changes, lags + 2)
    centred = r - r.mean()
    n = len(r)
    return np.array([float(centred[lag:] @ centred[: n - lag]) / (n - lag) for lag in range(lags + 1)])


def roll(changes: Floats) -> Spread:
    """2√−γ₁ of the changes of transaction prices. Roll (1984), Journal of Finance 39, equation 3.

    Buys and sells come alike and independently there; where they come in runs it finds too little. The error of γ₁
    is Newey–West's over 4 lags, that of the spread by the delta method.
    """
    r = _enough(changes, 10)
    centred = r - r.mean()
    products = centred[1:] * centred[:-1]
    covariance = float(products.mean())
    off = products - covariance
    variance = float(off @ off)
    for lag in range(1, LAGS + 1):
        variance += 2 * (1 - lag / (LAGS + 1)) * float(off[lag:] @ off[:-lag])
    error = math.sqrt(max(variance, 0.0)) / len(products)
    if covariance >= 0:
        return Spread(math.nan, math.nan, covariance, error)
    return Spread(2 * math.sqrt(-covariance), error / math.sqrt(-covariance), covariance, error)


def bounce_scaling(changes: Floats, block: int) -> Scaling:
    """How the bounce −γ₁ of a block of changes scales with the variance γ₀ + 2γ₁ that is left without it.

    A slope b says that half the spread is √b of the volatility a change, as makers ask for who bear the risk between
    trades; 0, that the spread does not mind (a large tick). As both are measured with error in the same block, the
    neighbours' mean variance stands in for the block's own (instrumental variables), with White's errors.
    """
    r = _enough(changes, 8)
    blocks = len(r) // block if block > 0 else 0
    if block < 20 or blocks < 10:
        raise InputError("block", block, "choose 20 or more, for at least 10 blocks")
    moments = np.array([autocovariances(part, 1) for part in r[: blocks * block].reshape(blocks, block)])
    y, x = -moments[1:-1, 1], moments[1:-1, 0] + 2 * moments[1:-1, 1]
    own = moments[:, 0] + 2 * moments[:, 1]
    z = (own[2:] + own[:-2]) / 2
    z = z - z.mean()
    power = float(z @ x)
    if power == 0:
        raise InputError("changes", blocks, "give blocks whose variance varies")
    slope = float(z @ y) / power
    level = float(y.mean() - slope * x.mean())
    rest = y - level - slope * x
    return Scaling(level, slope, math.sqrt(float(z**2 @ rest**2)) / abs(power), blocks)


def _enough(changes: Floats, fewest: int) -> Floats:
    r = np.asarray(changes, np.float64)
    if len(r) < fewest or not np.isfinite(r).all():
        raise InputError("changes", len(r), f"give at least {fewest}, all of them numbers")
    return r
