"""Resampling returns in blocks, so that what one return says of the next is kept.

Stationary bootstrap: D. N. Politis & J. P. Romano (1994), JASA 89. Circular blocks: Politis & Romano (1992). Automatic
block length: D. N. Politis & H. White (2004), Econometric Reviews 23, corrected by A. Patton, Politis & White (2009),
ibid. 28.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quotewright.montecarlo.numerics import Floats, Integers


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Blocks of `returns` in their order: of one length, or of geometric lengths with that mean (`stationary`)."""

    returns: Floats
    length: float
    stationary: bool
    tail_index: float

    def draw(self, rng: np.random.Generator, paths: int, steps: int) -> Floats:
        """Paths of resampled returns."""
        return self.returns[block_indices(rng, len(self.returns), paths, steps, self.length, self.stationary)]

    def cdf(self, x: Floats) -> Floats:
        """Share of the returns at or below x."""
        ordered = np.sort(self.returns)
        return np.asarray(np.searchsorted(ordered, x, side="right") / len(ordered), np.float64)

    def quantile(self, u: Floats) -> Floats:
        """Smallest return with a share of at least u at or below it."""
        return np.asarray(np.quantile(self.returns, u, method="inverted_cdf"), np.float64)


def block_indices(
    rng: np.random.Generator, n: int, paths: int, steps: int, length: float, stationary: bool = True
) -> Integers:
    """int64[paths, steps] of places in 0 … n − 1: blocks that run on past the end from the beginning."""
    place = np.arange(steps)
    if stationary:
        fresh = rng.random((paths, steps)) < 1 / max(length, 1.0)
        fresh[:, 0] = True
    else:
        fresh = np.broadcast_to(place % max(round(length), 1) == 0, (paths, steps))
    began = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    starts = rng.integers(0, n, (paths, steps))
    return (np.take_along_axis(starts, began, axis=1) + place - began) % n


def block_length(values: Floats, *, stationary: bool = True) -> float:
    """The length that Politis & White's rule finds for the mean of a series, at least 1.

    b = (2G²/D)^{1/3} n^{1/3} with G = Σ λ(k/M)|k|R(k), D = 2g² (stationary) or 4g²/3 (circular), g = Σ λ(k/M)R(k), λ
    the flat-top window, and M twice the lag after which K_n autocorrelations in a row are within 2√(log₁₀n/n).
    """
    n = len(values)
    centred = values - values.mean()
    most = math.ceil(math.sqrt(n)) + max(5, math.ceil(math.log10(n)))
    covariances = _autocovariances(centred, min(most, n - 1))
    if covariances[0] <= 0:
        return 1.0
    small = np.abs(covariances[1:] / covariances[0]) < 2 * math.sqrt(math.log10(n) / n)
    run = max(5, math.ceil(math.sqrt(math.log10(n))))
    quiet = next((lag for lag in range(len(small) - run + 1) if small[lag : lag + run].all()), None)
    loud = np.flatnonzero(~small)
    last = quiet if quiet is not None else (int(loud[-1]) + 1 if len(loud) else 0)
    window = min(2 * max(last, 1), len(covariances) - 1)
    lags = np.arange(1, window + 1)
    flat = np.clip(2 * (1 - lags / window), 0.0, 1.0)
    g = covariances[0] + 2 * float((flat * covariances[1 : window + 1]).sum())
    G = 2 * float((flat * lags * covariances[1 : window + 1]).sum())
    D = (2 if stationary else 4 / 3) * g * g
    longest = min(3 * math.sqrt(n), n / 3)
    return float(np.clip((2 * G * G / D * n) ** (1 / 3), 1.0, longest)) if D > 0 else 1.0


def length_for_returns(returns: Floats, *, stationary: bool = True) -> float:
    """The longer of the lengths for the returns and for their sizes: returns hardly know their past, sizes do."""
    lengths = (block_length(series, stationary=stationary) for series in (returns, np.abs(returns - returns.mean())))
    return max(lengths)


def _autocovariances(centred: Floats, most: int) -> Floats:
    """R(0) … R(most), each divided by n, by the Fourier transform."""
    n = len(centred)
    size = 1 << (n + most).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    return np.fft.irfft(power, size)[: most + 1] / n
