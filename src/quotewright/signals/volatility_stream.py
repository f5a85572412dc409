"""Volatility event by event: realised, bipower and exponentially weighted variance of the last known mid on a grid.

One state and one step for an array of events and for a single one. The grid begins at the first known mid; its returns
are those of `research.volatility.squared_returns`. A grid point is passed when an event comes after it, so that nothing
is used before it is known.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, subkernel
from quotewright.signals.state import fresh

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SECOND = 1e9
HALF_PI = math.pi / 2

VOLATILITY = np.dtype(
    [
        ("next", "i8"),  # ns, of the grid point to come; 0 before the first known mid
        ("known", "i8"),  # whether the mid is, now
        ("known_then", "i8"),  # whether it was at the last grid point
        ("paired", "i8"),  # whether the last return has a size to be multiplied with
        ("now", "f8"),  # ln mid, bp
        ("then", "f8"),
        ("last", "f8"),  # |last return|, bp
        ("number", "i8"),  # of returns
        ("pairs", "i8"),  # of neighbouring returns
        ("squares", "f8"),  # Σr², bp²
        ("products", "f8"),  # Σ|r_i||r_{i−1}|, bp²
        ("recent", "f8"),  # Σ of r², each worth less by `keep` for every return since
        ("weight", "f8"),  # the sum of those weights
    ],
    align=True,
)


def volatility_state() -> Any:
    """The state of `volatility` before the first event."""
    return fresh(VOLATILITY)


@subkernel
def add_mid(s: Any, time: int, mid2: int, interval: int, keep: float) -> None:
    """Take in the mid as of `time` (0: unknown), after closing the returns of all grid points before it."""
    if s.next > 0 and s.next < time:
        passed = (time - s.next - 1) // interval + 1
        s.next += passed * interval
        if s.known == 1 and s.known_then == 1:
            _add_return(s, abs(s.now - s.then), keep)
            passed -= 1
        elif s.known == 1:
            passed -= 1
        if s.known == 1 and passed > 0:
            _add_return(s, 0.0, keep)
            faded = keep ** (passed - 1)
            s.recent *= faded
            s.weight = 1.0 - (1.0 - s.weight) * faded
            s.number += passed - 1
            s.pairs += passed - 1
        if s.known == 0:
            s.paired = 0
        s.known_then = s.known
        s.then = s.now
    if mid2 > 0:
        s.known = 1
        s.now = 1e4 * math.log(mid2)
        if s.next == 0:
            s.next = time + interval
    else:
        s.known = 0
    if s.next == time + interval:  # still the grid's first point, whose last mid counts
        s.known_then = s.known
        s.then = s.now


@subkernel
def _add_return(s: Any, size: float, keep: float) -> None:
    s.squares += size * size
    s.number += 1
    if s.paired == 1:
        s.products += size * s.last
        s.pairs += 1
    s.last = size
    s.paired = 1
    s.recent = keep * s.recent + (1.0 - keep) * size * size
    s.weight = keep * s.weight + (1.0 - keep)


@subkernel
def recent_volatility(s: Any, interval: int) -> float:
    """√ of the weighted mean of r² over the interval, bp/√s; NaN before the first return."""
    return math.sqrt(s.recent / s.weight / (interval / SECOND)) if s.weight > 0.0 else math.nan


@subkernel
def continuous_volatility(s: Any, interval: int) -> float:
    """√ of the bipower variance a second, bp/√s, of all returns so far; NaN before the second."""
    return math.sqrt(HALF_PI * s.products / s.pairs / (interval / SECOND)) if s.pairs > 0 else math.nan


@subkernel
def realised_volatility(s: Any, interval: int) -> float:
    """√ of the realised variance a second, bp/√s, of all returns so far; NaN before the first."""
    return math.sqrt(s.squares / s.number / (interval / SECOND)) if s.number > 0 else math.nan


@kernel
def _fold(state: Any, times: Any, mids: Any, interval: int, keep: float, out: Any) -> None:
    s = state[0]
    for i in range(len(times)):
        add_mid(s, times[i], mids[i], interval, keep)
        out[i, 0] = recent_volatility(s, interval)
        out[i, 1] = realised_volatility(s, interval)
        out[i, 2] = continuous_volatility(s, interval)


def volatility(state: Any, times_ns: Integers, mid2: Integers, interval_ns: int, half_life: float) -> Floats:
    """Events × (exponentially weighted, realised, bipower) volatility in bp/√s, as known after each event.

    `mid2` is bid + ask in ticks, 0 while unknown; returns that begin or end on an unknown mid are left out.
    `half_life` is in returns. The state belongs to one interval and half-life, and is carried on.
    """
    if interval_ns <= 0 or not half_life > 0:
        raise InputError("interval_ns, half_life", (interval_ns, half_life), "give positive numbers")
    times, mids = np.ascontiguousarray(times_ns, np.int64), np.ascontiguousarray(mid2, np.int64)
    if len(times) != len(mids) or (np.diff(times) < 0).any():
        raise InputError("times_ns", len(times), "give one ascending time for each mid")
    out = np.empty((len(times), 3))
    _fold(state, times, mids, interval_ns, 0.5 ** (1 / half_life), out)
    return out
