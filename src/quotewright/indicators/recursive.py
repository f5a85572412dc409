"""Features that remember: Wilder's averages, the stop-and-reverse, the accumulation line, the fading mean.

An incomplete bar gives NaN. After it, averages and the stop begin anew, as on the first bar; the accumulation line goes
on from where it stood, and the fading mean goes on with what is left of its weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.kernel import records, subkernel
from quotewright.indicators.catalogue import KELTNER_RANGES, SAR_MOST, SAR_STEP
from quotewright.indicators.history import ACCUMULATED, CLOSE, HIGH, LOW, STILL, TRUE_RANGE, TYPICAL

MEMORY = np.dtype(
    [
        ("count", "i8"),  # bars taken in since the start, or since an incomplete one
        ("rising", "i8"),  # whether the stop is below the price
        ("whole", "f8"),
        ("lost", "f8"),  # what rounding took from the whole
        ("first", "f8"),  # averages
        ("second", "f8"),
        ("stop", "f8"),
        ("extreme", "f8"),  # the furthest price since the stop changed sides
        ("step", "f8"),  # share of the way to the extreme that the stop goes in a bar
        ("high", "f8"),  # of the bar before
        ("low", "f8"),
    ],
    align=True,
)


def new_memory(features: int) -> Any:
    """One blank record a feature."""
    return records(features, MEMORY)


@subkernel
def accumulation(m: Any, history: Any, place: int) -> float:
    """Σ of accumulated volume; Neumaier (1974), Z. Angew. Math. Mech. 54, keeps what rounding would lose."""
    value = history[ACCUMULATED, place]
    if math.isnan(value):
        return math.nan
    together = m.whole + value
    m.lost += (m.whole - together) + value if abs(m.whole) >= abs(value) else (value - together) + m.whole
    m.whole = together
    return m.whole + m.lost


@subkernel
def _averaged(average: float, value: float, count: int, window: int, weight: float) -> float:
    """The mean of the first `window` values, summed until it is complete; then weight·value + (1 − weight)·average."""
    if count < window:
        return average + value
    if count == window:
        return (average + value) / window
    return average + weight * (value - average)


@subkernel
def average_range(m: Any, history: Any, place: int, window: int) -> float:
    """Wilder's average of the true range, weight 1/window (1978, section III)."""
    value = history[TRUE_RANGE, place]
    if math.isnan(value):
        m.count, m.first = 0, 0.0
        return math.nan
    m.count += 1
    m.first = _averaged(m.first, value, m.count, window, 1.0 / window)
    return m.first if m.count >= window else math.nan


@subkernel
def keltner_width(m: Any, history: Any, place: int, window: int) -> float:
    """2·2·ATR / exponential mean (weight 2/(window + 1)) of the typical price."""
    value = history[TRUE_RANGE, place]
    if math.isnan(value):
        m.count, m.first, m.second = 0, 0.0, 0.0
        return math.nan
    m.count += 1
    m.first = _averaged(m.first, value, m.count, window, 1.0 / window)
    m.second = _averaged(m.second, history[TYPICAL, place], m.count, window, 2.0 / (window + 1))
    return 2.0 * KELTNER_RANGES * m.first / m.second if m.count >= window and m.second != 0.0 else math.nan


@subkernel
def relative_strength(m: Any, history: Any, place: int, window: int) -> float:
    """100·gain/(gain + loss), both Wilder's averages (1978, section VI); if still: 0, or 50 for a single bar."""
    moved = history[CLOSE, place] - history[CLOSE, place - 1]
    if math.isnan(moved):
        m.count, m.first, m.second = 0, 0.0, 0.0
        return math.nan
    m.count += 1
    m.first = _averaged(m.first, max(moved, 0.0), m.count, window, 1.0 / window)
    m.second = _averaged(m.second, max(-moved, 0.0), m.count, window, 1.0 / window)
    if m.count < window:
        return math.nan
    if m.first + m.second <= STILL * abs(history[CLOSE, place]):
        return 50.0 if window == 1 else 0.0
    return 100.0 * (m.first / (m.first + m.second))


@subkernel
def parabolic_stop(m: Any, history: Any, place: int) -> float:
    """The stop of this bar, Wilder (1978), section II; begun as TA-Lib does, from the first bar's far end."""
    high, low = history[HIGH, place], history[LOW, place]
    if math.isnan(high) or math.isnan(low):
        m.count = 0
        return math.nan
    m.count += 1
    if m.count == 1:
        m.high, m.low = high, low
        return math.nan
    if m.count == 2:
        down = m.low - low
        m.rising = 0 if down > 0.0 and high - m.high < down else 1
        m.stop, m.extreme = (m.low, high) if m.rising == 1 else (m.high, low)
        m.step, m.high, m.low = SAR_STEP, high, low
    stop = _follow(m, high, low)
    m.high, m.low = high, low
    return stop


@subkernel
def _follow(m: Any, high: float, low: float) -> float:
    """One bar of a stop below the price; of one above as its mirror image, prices with their signs turned."""
    rising = m.rising == 1
    side = 1.0 if rising else -1.0
    top, bottom = (high, low) if rising else (-low, -high)
    top_before, bottom_before = (m.high, m.low) if rising else (-m.low, -m.high)
    stop, extreme = side * m.stop, side * m.extreme
    found = stop
    if bottom <= stop:
        found = max(extreme, top_before, top)
        m.rising, m.step, extreme = 1 - m.rising, SAR_STEP, bottom
        stop = max(found + m.step * (extreme - found), top_before, top)
    else:
        if top > extreme:
            m.step, extreme = min(m.step + SAR_STEP, SAR_MOST), top
        stop = min(stop + m.step * (extreme - stop), bottom_before, bottom)
    m.stop, m.extreme = side * stop, side * extreme
    return side * found


@subkernel
def fading_mean(m: Any, value: float, half_life: int) -> float:
    """Σ 0.5^(age/half-life)·x / Σ 0.5^(age/half-life), age in bars; a missing x gives NaN and no weight."""
    keep = 0.5 ** (1.0 / half_life)
    m.first *= keep
    m.second *= keep
    if math.isnan(value):
        return math.nan
    m.first += value
    m.second += 1.0
    return m.first / m.second
