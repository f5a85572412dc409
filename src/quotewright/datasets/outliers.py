"""The Hampel identifier on returns, from the past alone, so that its flags may be used as they come.

L. Davies & U. Gather (1993), "The identification of multiple outliers", JASA 88; R. K. Pearson (2002), IEEE Trans.
Control Syst. Technol. 10(1): x is an outlier where |x − median| > t · 1.4826 · MAD of a window. The window here is of
the values before x, not around it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TO_DEVIATION = 1.4826  # of a normal distribution: 1/Φ⁻¹(¾)
LEAST_SCALE = 1e-4  # of a log return: a market that stood still has a scale of 0
WINDOW, THRESHOLD = 50, 10.0
_BLOCK = 20_000


def hampel(
    values: Floats,
    *judged: Floats,
    window: int = WINDOW,
    threshold: float = THRESHOLD,
    least_scale: float = LEAST_SCALE,
) -> Mask:
    """Whether each value is further than `threshold` scales from the median of the `window` values before it.

    More series may be `judged` by the same bounds, row by row (of one length): any one beyond them makes the row an
    outlier. The scale is 1.4826 times the median absolute deviation, at least `least_scale` (unit of the values). The
    first `window` rows, and NaN, are no outliers; NaN in a window is left out, and a window with fewer than 3 values
    judges nothing. Raises InputError for a window below 3, or a threshold or scale that is not positive.
    """
    if window < 3 or not threshold > 0 or not least_scale > 0:
        raise InputError("window, threshold", (window, threshold, least_scale), "give 3 or more values, and above 0")
    found = np.zeros(len(values), bool)
    if len(values) <= window:
        return found
    before = np.lib.stride_tricks.sliding_window_view(values, window)[:-1]
    for start in range(0, len(before), _BLOCK):
        block = before[start : start + _BLOCK]
        middle = _medians(block)
        bound = threshold * np.maximum(TO_DEVIATION * _medians(np.abs(block - middle[:, None])), least_scale)
        at = slice(window + start, window + start + len(block))
        for series in (values, *judged):
            found[at] |= np.abs(series[at] - middle) > bound
    return found


def price_outliers(closes: Floats, *others: Floats, window: int = WINDOW, threshold: float = THRESHOLD) -> Mask:
    """Rows whose close, or another price of the row (high, low), is an outlier as a log return from the last close.

    Prices that are NaN or not positive are left out; the return is from the last close that is known.
    """
    log_closes = _logs(closes)
    last = _carried(log_closes)
    from_close = np.concatenate([[np.nan], last[:-1]])
    returns = log_closes - from_close
    return hampel(returns, *(_logs(prices) - from_close for prices in others), window=window, threshold=threshold)


def _medians(rows: Floats) -> Floats:
    """The median of each row, NaN left out; NaN for a row of fewer than 3 values."""
    ordered = np.sort(rows, axis=1)  # NaN last; sorting short rows is faster than partitioning them
    known = np.isfinite(rows).sum(axis=1)
    places = np.stack([np.maximum(known - 1, 0) // 2, np.minimum(known // 2, rows.shape[1] - 1)], axis=1)
    return np.where(known >= 3, np.take_along_axis(ordered, places, axis=1).mean(axis=1), np.nan)


def _logs(prices: Floats) -> Floats:
    return np.log(np.where(prices > 0, prices, np.nan))


def _carried(values: Floats) -> Floats:
    """Each value, or the last finite one before it."""
    if not len(values):
        return values
    at = np.where(np.isfinite(values), np.arange(len(values)), 0)
    return values[np.maximum.accumulate(at)]
