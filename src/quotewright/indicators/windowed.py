"""Features of the last bars alone: sums taken anew at every bar, oldest first, so that nothing drifts.

`place` is the newest bar's in `history`. A window that is not full or holds an incomplete bar gives NaN, and the first
full one after it is as if nothing had happened.
"""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.indicators.catalogue import (
    BAND_DEVIATIONS,
    BOLLINGER_LOWER,
    BOLLINGER_MIDDLE,
    BOLLINGER_UPPER,
    BOLLINGER_WIDTH,
)
from quotewright.indicators.history import ACCUMULATED, CLOSE, FLOW, LOG_RETURN, STILL, VOLUME


@subkernel
def total(history: Any, row: int, place: int, window: int) -> float:
    """Σ of the last `window` values."""
    found = 0.0
    for i in range(place - window + 1, place + 1):
        found += history[row, i]
    return found


@subkernel
def offset(history: Any, row: int, place: int, window: int) -> float:
    """Mean of the last `window` values less the newest: differences keep the digits that a great level would take."""
    newest, found = history[row, place], 0.0
    for i in range(place - window + 1, place):
        found += history[row, i] - newest
    return (found + (newest - newest)) / window


@subkernel
def deviation(history: Any, row: int, place: int, window: int, away: float) -> float:
    """√(Σ(x − mean)²/window), the mean being the newest + `away`: the population's, as TA-Lib's STDDEV.

    0 where only rounding is left.
    """
    newest, squares, size = history[row, place], 0.0, 0.0
    for i in range(place - window + 1, place + 1):
        one = history[row, i] - newest - away
        squares += one * one
        size = max(size, abs(history[row, i]))
    found = math.sqrt(squares / window)
    return 0.0 if found <= STILL * size else found


@subkernel
def change(history: Any, row: int, place: int, window: int) -> float:
    """x − x before the window."""
    return history[row, place] - history[row, place - window]


@subkernel
def rate_of_change(history: Any, place: int, window: int) -> float:
    """100·(C/C then − 1), %; NaN if the close then was 0."""
    then = history[CLOSE, place - window]
    return (history[CLOSE, place] / then - 1.0) * 100.0 if then != 0.0 else math.nan


@subkernel
def log_return(history: Any, place: int, window: int) -> float:
    """ln C − ln C then."""
    now, then = history[CLOSE, place], history[CLOSE, place - window]
    return math.log(now) - math.log(then) if now > 0.0 and then > 0.0 else math.nan


@subkernel
def volatility(history: Any, place: int, window: int) -> float:
    """Standard deviation of the last log returns; of a single one: its size, the mean being taken for 0."""
    if window == 1:
        return abs(history[LOG_RETURN, place])
    return deviation(history, LOG_RETURN, place, window, offset(history, LOG_RETURN, place, window))


@subkernel
def money_flow(history: Any, place: int, window: int) -> float:
    """Chaikin money flow Σ accumulated / Σ volume; 0 without volume."""
    accumulated = total(history, ACCUMULATED, place, window)
    volume = total(history, VOLUME, place, window)
    return accumulated / volume if volume > 0.0 else accumulated


@subkernel
def money_flow_index(history: Any, place: int, window: int) -> float:
    """100·Σ flow with rising typical price / Σ flow with a moving one; without flow 0, or 50 for a single bar."""
    rising, moving = 0.0, 0.0
    for i in range(place - window + 1, place + 1):
        flow = history[FLOW, i]
        rising += flow if flow > 0.0 else 0.0
        moving += abs(flow)
    if moving > 0.0:
        return 100.0 * (rising / moving)
    if math.isnan(moving):
        return math.nan
    return 50.0 if window == 1 else 0.0


@subkernel
def bollinger(history: Any, place: int, window: int, which: int) -> float:
    """The mean of closes ± 2 deviations, their width over the mean, or the close's place between them (flat: ½)."""
    away = offset(history, CLOSE, place, window)
    middle = history[CLOSE, place] + away
    if which == BOLLINGER_MIDDLE:
        return middle
    half = BAND_DEVIATIONS * deviation(history, CLOSE, place, window, away)
    if which == BOLLINGER_UPPER:
        return middle + half
    if which == BOLLINGER_LOWER:
        return middle - half
    if which == BOLLINGER_WIDTH:
        return 2.0 * half / middle if middle != 0.0 else math.nan
    return 0.5 if half == 0.0 else (half - away) / (2.0 * half)


@subkernel
def zscore(history: Any, row: int, place: int, window: int) -> float:
    """(x − mean)/deviation of the window that ends with x; 0 where it does not vary, as in a window of 1."""
    away = offset(history, row, place, window)
    spread = deviation(history, row, place, window, away)
    return 0.0 if spread == 0.0 else -away / spread


@subkernel
def rank(history: Any, row: int, place: int, window: int) -> float:
    """Share of the `window` values before x that are below it, as TA-Lib's PERCENTRANK/100."""
    now, below = history[row, place], 0.0
    for i in range(place - window, place):
        if math.isnan(history[row, i]):
            return math.nan
        below += 1.0 if history[row, i] < now else 0.0
    return below / window if not math.isnan(now) else math.nan
