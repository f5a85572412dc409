"""The position over time: its time-weighted distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotewright.accounting.attribution import ProfitPath

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Holdings:
    """Position in atoms: extremes, time-weighted mean of its size, time-weighted quantiles (see QUANTILES)."""

    lowest: int
    highest: int
    largest: int  # max |position|
    mean_abs: float
    quantiles: tuple[int, ...]


def holdings(path: ProfitPath) -> Holdings:
    """Distribution of the position held, weighted by how long it was held.

    A quantile is the smallest position p such that the position was at or below p for at least that share
    of the run.
    """
    position, held = held_positions(path)
    lowest, highest = int(min(path.position)), int(max(path.position))
    span = int(held.sum())
    if not span:
        position, held, span = path.position[-1:].astype(np.int64), np.ones(1, dtype=np.int64), 1
    order = np.argsort(position, kind="stable")
    until = np.cumsum(held[order])
    at = np.searchsorted(until, [q * span for q in QUANTILES])
    mean_abs = float(np.sum(np.abs(position) * (held / span)))
    points = tuple(int(p) for p in position[order][np.minimum(at, len(order) - 1)])
    return Holdings(lowest, highest, max(highest, -lowest), mean_abs, points)


def held_positions(path: ProfitPath) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each record's position in atoms and how long it was held, ns."""
    return path.position[:-1].astype(np.int64), np.diff(path.time)
