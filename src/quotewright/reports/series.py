"""Series for charts: thinned to what a page can carry, and packed without loss."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_POINTS = 20_000  # of one line, on a page of a few legs
PAGE_POINTS = 120_000  # of one kind of line, over all legs of a page

Indices = npt.NDArray[np.intp]


def line_limit(legs: int) -> int:
    """Most points of one line on a page of `legs` legs."""
    return max(1_000, min(MOST_POINTS, PAGE_POINTS // max(legs, 1)))


def extremes(values: npt.NDArray[np.float64], most: int) -> Indices:
    """Indices of at most `most` points that keep first, last, and each stretch's lowest and highest value."""
    count = len(values)
    if count <= most:
        return np.arange(count)
    edges = np.linspace(0, count, max(most // 2 - 1, 1) + 1).astype(np.intp)
    kept = [0, count - 1]
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        stretch = values[start:stop]
        kept += [start + int(np.argmin(stretch)), start + int(np.argmax(stretch))]
    return np.unique(np.array(kept, dtype=np.intp))


def evenly(count: int, most: int) -> Indices:
    """At most `most` of `count` indices, evenly spaced."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).astype(np.intp))


class Packed:
    """Arrays of one section, each stored once; a trace names one as `@index`."""

    def __init__(self) -> None:
        self.arrays: list[dict[str, str]] = []
        self._known: dict[bytes, str] = {}

    def add(self, values: Any) -> str:
        """Store float64 values; NaN is a gap in a line."""
        raw = np.ascontiguousarray(values, dtype="<f8").tobytes()
        if raw not in self._known:
            self._known[raw] = f"@{len(self.arrays)}"
            self.arrays.append({"dtype": "f8", "bdata": base64.b64encode(raw).decode("ascii")})
        return self._known[raw]

    def times(self, nanoseconds: Any) -> str:
        """Store times since the epoch, as milliseconds with fractions."""
        whole, part = np.divmod(np.asarray(nanoseconds, dtype=np.int64), 10**6)
        return self.add(whole.astype(np.float64) + part / 1e6)
