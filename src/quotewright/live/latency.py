"""Where the time goes between a market message and the venue's answer, and when that is too long to quote.

Moments of one decision: wire in (the message was read from the socket), decoded, step out, wire out (the order's bytes
were handed to the socket), acknowledged. A stage is the time between two of them.

Histograms are log-linear, as in Tene's HdrHistogram: the counts are exact, a quantile is right within 0.4 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from quotewright.domain.errors import InputError

_BITS = 7  # a power of two is cut into this many bits of cells: none is wider than 1/128 of what it holds
_CELLS = 1 << _BITS
_LONGEST = (1 << 42) - 1  # ns, 73 minutes; what takes longer counts as this
_SIZE = (42 - _BITS) * _CELLS + _CELLS
QUANTILES = (0.5, 0.9, 0.99, 0.999)


class Stage(IntEnum):
    """From one moment to another."""

    DECODE = 0  # wire in to decoded
    STEP = 1  # decoded to step out
    SEND = 2  # step out to wire out: account logic, journal, signature
    ACKNOWLEDGE = 3  # wire out to acknowledged
    RESPOND = 4  # wire in to wire out: all that is ours


class Histogram:
    """Counts of times in ns; `record` costs a fraction of a microsecond."""

    def __init__(self) -> None:
        self._counts = np.zeros(_SIZE, np.int64)
        self._cells = self._counts.data
        self.longest = 0

    def record(self, ns: int) -> None:
        """Count one; a negative time (a clock that was set back) counts as 0."""
        if ns > self.longest:
            self.longest = ns
            if ns > _LONGEST:
                ns = _LONGEST
        if ns < _CELLS:
            self._cells[ns if ns > 0 else 0] += 1
        else:
            shift = ns.bit_length() - _BITS - 1
            self._cells[(shift << _BITS) + (ns >> shift)] += 1

    @property
    def count(self) -> int:
        """How many were recorded."""
        return int(self._counts.sum())

    def quantile(self, q: float) -> int:
        """The time that a share `q` of all does not exceed, ns; 0 if there are none."""
        totals = np.cumsum(self._counts)
        if totals[-1] == 0:
            return 0
        cell = int(np.searchsorted(totals, max(1, int(np.ceil(q * int(totals[-1]))))))
        return min(_middle(cell), self.longest)

    def to_dict(self) -> dict[str, int]:
        """Count, quantiles and the longest, in ns."""
        found = {f"p{q * 100:g}": self.quantile(q) for q in QUANTILES}
        return {"count": self.count, **found, "longest": self.longest}


def _middle(cell: int) -> int:
    if cell < _CELLS:
        return cell
    shift = (cell >> _BITS) - 1
    low = (cell - (shift << _BITS)) << shift
    return low + (1 << shift) // 2


class LatencyBook:
    """A histogram for each venue and stage; venues are numbered as the session's links."""

    def __init__(self, venues: Sequence[str]) -> None:
        self._venues = list(venues)
        self._histograms = [[Histogram() for _ in Stage] for _ in venues]

    def record(self, venue: int, stage: Stage, ns: int) -> None:
        """Count one time."""
        self._histograms[venue][stage].record(ns)

    def to_dict(self) -> dict[str, dict[str, dict[str, int]]]:
        """By venue and stage; stages without a sample are left out."""
        return {
            venue: {stage.name.lower(): stages[stage].to_dict() for stage in Stage if stages[stage].count}
            for venue, stages in zip(self._venues, self._histograms, strict=True)
        }


class LatencyBudget:
    """How long a stage may take before quotes must be pulled, and when they may return; `broken` says which.

    It breaks when `samples` in a row take longer than the limit, and clears after `clears_after` in a row that do not.
    Where nothing is measured while quotes are away, it clears by itself when `retry` ns have passed without a sample:
    the next ones will tell.
    """

    def __init__(
        self,
        limit_ns: int,
        *,
        samples: int = 1,
        clears_after: int = 20,
        retry: int = 5 * 10**9,
    ) -> None:
        if limit_ns <= 0:
            raise InputError("latency limit", limit_ns, "must be above 0 ns")
        if samples < 1 or clears_after < 1:
            raise InputError("latency samples", min(samples, clears_after), "must be at least 1")
        self.limit = limit_ns
        self.broken = False
        self._samples = samples
        self._over = 0  # in a row
        self._within = 0  # in a row
        self._clears_after = clears_after
        self._retry = retry
        self._last = 0

    def record(self, ns: int, now: int) -> None:
        """Take a sample."""
        self._last = now
        over = ns > self.limit
        self._within = 0 if over else self._within + 1
        self._over = self._over + 1 if over else 0
        self.broken = self._within < self._clears_after if self.broken else self._over >= self._samples

    def on_time(self, now: int) -> None:
        """Clear it if nothing has been measured for long."""
        if now >= self.next_due():
            self.broken = False
            self._over = self._within = 0

    def next_due(self) -> int:
        """When `on_time` has something to do, ns."""
        return self._last + self._retry if self.broken else 2**63 - 1
