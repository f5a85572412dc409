"""The bars that windows look back on, and what is derived from each bar once for all features.

Rows hold a ring written twice, so that the last bars of a row always stand side by side, oldest first. It begins filled
with NaN: a window that is not full yet, or holds an incomplete bar, is NaN by the same arithmetic.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.kernel import subkernel

BAR = ("high", "low", "close", "volume")
(
    HIGH,
    LOW,
    CLOSE,
    VOLUME,
    LOG_RETURN,  # ln C − ln C before
    TYPICAL,  # (H + L + C)/3
    FLOW,  # typical price · volume, signed by the typical price's move
    ACCUMULATED,  # volume · ((C − L) − (H − C))/(H − L)
    TRUE_RANGE,
    FIRST_SERIES,
) = range(10)

STILL = 1e-14  # of |p| + |q|: prices that differ by less have not moved
MOST = 1e100  # beyond it a number counts as missing


def new_history(longest: int, series: int) -> Any:
    """Rows × twice the bars to keep: the longest window and the bar before it."""
    return np.full((FIRST_SERIES + series, 2 * (longest + 1)), math.nan)


@subkernel
def add_bar(history: Any, count: int, bar: Any) -> int:
    """Write the bar that `count` others came before; the place of it in every row."""
    keep = history.shape[1] // 2
    at = count % keep
    place = at + keep
    for c in range(len(bar)):
        row = c if c < LOG_RETURN else FIRST_SERIES + c - LOG_RETURN
        history[row, place] = bar[c] if abs(bar[c]) <= MOST else math.nan
    _derive(history, place)
    for row in range(history.shape[0]):
        history[row, at] = history[row, place]
    return place


@subkernel
def _derive(history: Any, place: int) -> None:
    high, low, close = history[HIGH, place], history[LOW, place], history[CLOSE, place]
    volume, before = history[VOLUME, place], history[CLOSE, place - 1]
    history[LOG_RETURN, place] = math.log(close) - math.log(before) if close > 0.0 and before > 0.0 else math.nan
    typical = (high + low + close) / 3.0
    history[TYPICAL, place] = typical
    history[FLOW, place] = _flow(typical, history[TYPICAL, place - 1], volume)
    spread = high - low
    share = (close - low - (high - close)) / spread if spread > 0.0 else 0.0 * (spread + close)
    history[ACCUMULATED, place] = share * volume
    history[TRUE_RANGE, place] = _true_range(high, low, before) if not math.isnan(close) else math.nan


@subkernel
def _flow(typical: float, before: float, volume: float) -> float:
    moved = typical - before
    if math.isnan(moved) or math.isnan(volume):
        return math.nan
    if abs(moved) <= STILL * (abs(typical) + abs(before)):
        return 0.0
    return typical * volume if moved > 0.0 else -(typical * volume)


@subkernel
def _true_range(high: float, low: float, before: float) -> float:
    """max(H − L, |H − C before|, |L − C before|): Wilder (1978), section III. NaN where one is unknown."""
    if math.isnan(high) or math.isnan(low) or math.isnan(before):
        return math.nan
    return max(high - low, abs(high - before), abs(low - before))
