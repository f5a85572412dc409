"""Risk of one parameter set from its equity at the marks: drawdown, and the Sharpe ratio with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class MarkFigures:
    """Figures of equity changes from mark to mark, `samples` of them.

    `sharpe` is mean over standard deviation (n − 1) of the changes, not annualised; `sharpe_stderr` its standard error
    for changes that are independent but of any shape,
    √((1 − skewness × sharpe + (kurtosis − 1) / 4 × sharpe²) / (n − 1)): Mertens (2002), as in Bailey and López de
    Prado, "The Sharpe Ratio Efficient Frontier" (2012), eq. 4. `kurtosis` is 3 for a normal distribution. All four are
    None with fewer than two changes or without variation. `max_drawdown` in money units, between marks.
    """

    samples: int
    sharpe: float | None
    sharpe_stderr: float | None
    skewness: float | None
    kurtosis: float | None
    max_drawdown: int


def mark_figures(marks: npt.NDArray[np.int64], start: int, end: int) -> MarkFigures:
    """Figures of equity at the marks, in money units, between its first and last value."""
    path = np.concatenate(([start], marks, [end]))
    drawdown = int((np.maximum.accumulate(path) - path).max())
    changes = np.diff(marks).astype(np.float64)
    samples = len(changes)
    if samples < 2 or (changes == changes[0]).all():
        return MarkFigures(samples, None, None, None, None, drawdown)
    mean = np.mean(changes)
    sharpe = float(mean / np.std(changes, ddof=1))
    away = changes - mean
    squares = away * away
    variance = np.mean(squares)
    skewness = float(np.mean(squares * away) / variance**1.5)
    kurtosis = float(np.mean(squares * squares) / variance**2)
    spread = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2  # at least (1 − skewness × sharpe / 2)²
    return MarkFigures(samples, sharpe, math.sqrt(max(spread, 0.0) / (samples - 1)), skewness, kurtosis, drawdown)
