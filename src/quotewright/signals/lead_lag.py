"""Which of two markets moves first: covariance of prices that tick at different times, and its curve over lags.

T. Hayashi & N. Yoshida (2005), "On covariance estimation of non-synchronously observed diffusion processes",
Bernoulli 11(2): Σ ΔX_i ΔY_j over all pairs of intervals that overlap, free of the bias that a common grid brings
(T. W. Epps, 1979). Shifting one clock gives a curve whose largest absolute value is at the lead:
M. Hoffmann, M. Rosenbaum & N. Yoshida (2013), "Estimation of the lead-lag parameter from non-synchronous data",
Bernoulli 19(2). The share of squared correlation on either side, the lead–lag ratio: N. Huth & F. Abergel (2014),
"High frequency lead/lag relationships", J. Empirical Finance 26.

A positive lag says that x leads: y repeats at t + lag what x did at t.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class LeadLag(NamedTuple):
    """The curve and what it says.

    `ratio` is the lead–lag ratio: above 1, x leads; NaN where no negative lag was asked for.
    """

    lags: Integers  # ns, ascending
    correlations: Floats
    lag: int  # where the absolute correlation is largest, ns
    correlation: float
    ratio: float


@kernel
def overlap_sum(x_times: Any, x: Any, y_times: Any, y: Any, lag: int) -> float:
    """Σ ΔX_i ΔY_j over the pairs of intervals (a, b] that overlap once y's clock is set back by `lag`.

    Linear in the number of ticks: the increments of y that overlap one interval of x add up to one difference.
    """
    total = 0.0
    first, last = 0, 0
    for i in range(len(x) - 1):
        opened, closed = x_times[i] + lag, x_times[i + 1] + lag
        while first + 1 < len(y) and y_times[first + 1] <= opened:
            first += 1
        last = max(last, first)
        while last + 1 < len(y) and y_times[last] < closed:
            last += 1
        if y_times[first] < closed and y_times[last] > opened:
            total += (x[i + 1] - x[i]) * (y[last] - y[first])
    return total


@kernel
def fill_curve(x_times: Any, x: Any, y_times: Any, y: Any, lags: Any, curve: Any) -> None:
    """`overlap_sum` at each of `lags`."""
    for k in range(len(lags)):
        curve[k] = overlap_sum(x_times, x, y_times, y, lags[k])


def hayashi_yoshida(x_times: Integers, x: Floats, y_times: Integers, y: Floats, lag: int = 0) -> tuple[float, float]:
    """Covariance and correlation of the increments of two log prices; times in ns, ascending.

    The correlation divides by both realised variances. Raises InputError for fewer than two ticks, times that do not
    ascend, values that are not finite, or a price that never moves.
    """
    _check(x_times, x, "x")
    _check(y_times, y, "y")
    covariance = float(overlap_sum(x_times, x, y_times, y, lag))
    return covariance, covariance / _scale(x, y)


def lead_lag(x_times: Integers, x: Floats, y_times: Integers, y: Floats, lags: Integers) -> LeadLag:
    """The correlation at each of `lags` (ns, ascending) and its largest absolute value.

    Of equal values the lag nearest to zero is taken. Raises InputError as `hayashi_yoshida` does, and without lags.
    """
    _check(x_times, x, "x")
    _check(y_times, y, "y")
    if len(lags) == 0 or (np.diff(lags) <= 0).any():
        raise InputError("lags", len(lags), "must be at least one and ascend")
    curve: Floats = np.empty(len(lags))
    fill_curve(x_times, x, y_times, y, lags, curve)
    curve = curve / _scale(x, y)
    size = np.abs(curve)
    ties = np.flatnonzero(size == size.max())
    best = int(ties[np.argmin(np.abs(lags[ties]))])
    ahead, behind = float((curve[lags > 0] ** 2).sum()), float((curve[lags < 0] ** 2).sum())
    ratio = ahead / behind if behind > 0 else math.nan
    return LeadLag(lags, curve, int(lags[best]), float(curve[best]), ratio)


def lag_by_block(
    x_times: Integers, x: Floats, y_times: Integers, y: Floats, lags: Integers, blocks: int
) -> tuple[float, float, Integers]:
    """Mean lag over `blocks` equal stretches of time, its standard error, and the lag of each (ns).

    The stretches do not overlap, so their estimates are close to independent. Raises InputError unless each has ticks.
    """
    if blocks < 2:
        raise InputError("blocks", blocks, "must be at least 2")
    first, last = int(max(x_times[0], y_times[0])), int(min(x_times[-1], y_times[-1]))
    edges = [first + (last - first) * k // blocks for k in range(blocks + 1)]
    found: list[int] = []
    for opened, closed in pairwise(edges):
        one, other = ((t >= opened) & (t <= closed) for t in (x_times, y_times))
        found.append(lead_lag(x_times[one], x[one], y_times[other], y[other], lags).lag)
    each = np.array(found, np.int64)
    return float(each.mean()), float(each.std(ddof=1) / math.sqrt(blocks)), each


def _scale(x: Floats, y: Floats) -> float:
    return math.sqrt(float((np.diff(x) ** 2).sum()) * float((np.diff(y) ** 2).sum()))


def _check(times: Integers, values: Floats, name: str) -> None:
    if len(times) != len(values) or len(times) < 2:
        raise InputError(name, len(values), "must be at least two ticks, each with a time")
    if (np.diff(times) <= 0).any():
        raise InputError(name, "times", "must ascend; keep the last of the ticks at one time")
    if not np.isfinite(values).all() or (values == values[0]).all():
        raise InputError(name, "values", "must be finite and move")
