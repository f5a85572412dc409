"""Counts of latencies in buckets that widen with the distance from the first one, for quantiles in bounded memory.

A distance below 4,096 ns has a bucket of its own; beyond, each doubling has 4,096 buckets, so that a quantile is
within 1/4,096 of its distance from the first latency. (Log-linear buckets, as in G. Tene's HdrHistogram.)
"""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quotewright.domain.kernel import highest_bit, subkernel

_BITS = 12
_LINEAR = 1 << _BITS
_HALF = _LINEAR * (64 - _BITS)  # buckets of one sign

BUCKETS = 2 * _HALF


@subkernel
def count_latency(buckets: Any, distance: int) -> None:
    """Count one latency by its distance from the first one (ns)."""
    size = abs(distance)
    index = size
    if size >= _LINEAR:
        shift = highest_bit(size) - _BITS
        index = _LINEAR * shift + (size >> shift)
    buckets[_HALF + index if distance >= 0 else _HALF - 1 - index] += 1


def quantiles(buckets: Any, first: int, percents: Sequence[int]) -> list[int]:
    """The latencies (ns) below which the given percentages lie; 0 if nothing was counted."""
    reached = np.cumsum(buckets)
    if reached[-1] == 0:
        return [0 for _ in percents]
    found = []
    for percent in percents:
        rank = max(1, -(-int(reached[-1]) * percent // 100))
        bucket = int(np.searchsorted(reached, rank))
        distance = _distance(bucket - _HALF) if bucket >= _HALF else -_distance(_HALF - 1 - bucket)
        found.append(first + distance)
    return found


def _distance(index: int) -> int:
    """The least distance that falls into a bucket."""
    if index < 2 * _LINEAR:
        return index
    shift = index // _LINEAR - 1
    return (index - _LINEAR * shift) << shift
