"""Realised volatility of the mid, in basis points per square root of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SECOND = 1_000_000_000


def squared_returns(
    times_ns: Integers, mid2: Integers, end: int, interval: float, phase: float = 0.0
) -> tuple[Integers, Floats]:
    """Grid times (ns) and squared log returns (bp²) of the last known mid, every `interval` seconds up to `end`.

    `mid2` (any price unit) holds from its time to the next; 0 says it is not known. Returns that begin or end on an
    unknown mid are left out. `phase`, a share of the interval, moves the grid.
    """
    step = round(interval * SECOND)
    grid = np.arange(int(times_ns[0]) + round(phase * step), end + 1, step, dtype=np.int64)
    if len(grid) < 2:
        return np.empty(0, np.int64), np.empty(0)
    mid = mid2[np.searchsorted(times_ns, grid, "right") - 1].astype(np.float64)
    known = (mid[:-1] > 0) & (mid[1:] > 0)
    returns = 1e4 * np.log(mid[1:][known] / mid[:-1][known])
    return grid[:-1][known], returns**2


def realised_volatility(squares: npt.NDArray[Any], count: npt.NDArray[Any], interval: float) -> Floats:
    """√(Σr² / (n·interval)) of sums of squared returns (bp²) and their numbers: bp/√s."""
    return np.sqrt(np.asarray(squares, np.float64) / (np.maximum(count, 1) * interval))


def signature(times_ns: Integers, mid2: Integers, end: int, intervals: tuple[float, ...]) -> list[tuple[float, float]]:
    """(interval in s, sigma in bp/√s) for each interval with returns, each the average over four phases of its grid.

    Flat: the mid is a random walk at those scales, and one sigma will do. Rising to the left: bid–ask bounce and
    other noise. Andersen, Bollerslev, Diebold & Labys (2000), "Great realizations", Risk 13.
    """
    found: list[tuple[float, float]] = []
    for interval in intervals:
        squares = [squared_returns(times_ns, mid2, end, interval, phase)[1] for phase in (0.0, 0.25, 0.5, 0.75)]
        together = np.concatenate(squares)
        if len(together):
            sigma = realised_volatility(together.sum(keepdims=True), np.array([len(together)]), interval)
            found.append((interval, float(sigma[0])))
    return found
