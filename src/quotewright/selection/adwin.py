"""ADWIN: a window over a stream that forgets its past once the mean has changed.

A. Bifet & R. Gavaldà (2007), "Learning from Time-Changing Data with Adaptive Windowing", SIAM Int. Conf. on Data
Mining: ADWIN2, with the window held in an exponential histogram (M. Datar, A. Gionis, P. Indyk & R. Motwani 2002, SIAM
J. Computing 31(6)), checked after every value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, subkernel
from quotewright.selection.dependence import effective_size
from quotewright.selection.inputs import Integers, ranks, vector

DELTA = 0.002
PER_ROW = 5
ROWS = 48  # row r holds buckets of 2^r values


class Adwin:
    """The window over values in [0, 1]; it carries on from call to call.

    `delta` bounds, roughly, the chance of a false alarm at a check; `per_row` buckets of each size are kept: more of
    them place a change more exactly. Independent values are assumed: feed means of stretches where they are not.
    """

    def __init__(self, delta: float = DELTA, *, per_row: int = PER_ROW) -> None:
        if not 0 < delta < 1 or per_row < 2:
            raise InputError("delta, per_row", (delta, per_row), "give a chance in (0, 1), and at least 2 buckets")
        self._delta = delta
        self._buckets = np.zeros(ROWS, np.int64)
        self._sums = np.zeros((ROWS, per_row + 1))
        self._squares = np.zeros((ROWS, per_row + 1))

    @property
    def width(self) -> int:
        """Values in the window."""
        return int((self._buckets << np.arange(ROWS)).sum())

    @property
    def mean(self) -> float:
        """Mean of the window; NaN before the first value."""
        width = self.width
        total = sum(float(self._sums[r, : self._buckets[r]].sum()) for r in range(ROWS))
        return total / width if width else math.nan

    def extend(self, values: npt.ArrayLike) -> Integers:
        """Take in values [n]: the window's width after each. It has grown by 1, or there was a change.

        Raises InputError for a value outside [0, 1].
        """
        taken = vector("values", values, fewest=0)
        wrong = np.flatnonzero((taken < 0) | (taken > 1))
        if len(wrong):
            raise InputError("values", float(taken[wrong[0]]), "must be 0 to 1: take shares of a training sample below")
        widths = np.empty(len(taken), np.int64)
        _extend(taken, self._delta, self._buckets, self._sums, self._squares, self.width, widths)
        return widths

    def update(self, value: float) -> bool:
        """Take in one value: whether the window was cut, so that the mean has changed."""
        before = self.width
        return int(self.extend([value])[0]) <= before


def adwin_alarms(
    train: npt.ArrayLike, stream: npt.ArrayLike, *, delta: float = DELTA, every: int | None = None
) -> Integers:
    """Rows of `stream` [n] at which a change of its level was known; the window begins with `train`, which it follows.

    Values are taken as their share of `train` below them, and in means of `every` rows: by default two times n over the
    effective size of the training ranks, so that what goes in is nearly independent. What follows a row never changes
    whether it alarms.
    """
    old, new = vector("train", train, fewest=2), vector("stream", stream, fewest=0)
    length = math.ceil(2 * len(old) / effective_size(ranks(old))) if every is None else every
    if not 1 <= length <= len(old):
        raise InputError("every", length, f"give 1 to {len(old)} rows")
    if every is None and effective_size(ranks(old)) > len(old) / 1.5:
        length = 1
    ordered = np.sort(old)
    both = np.concatenate([old[len(old) % length :], new])
    share = (np.searchsorted(ordered, both, "left") + np.searchsorted(ordered, both, "right")) / (2 * len(old))
    whole = len(both) // length
    widths = Adwin(delta).extend(np.clip(share[: whole * length].reshape(whole, length).mean(axis=1), 0.0, 1.0))
    before = np.concatenate([[0], widths[:-1]])
    cut = np.flatnonzero(widths <= before)
    rows = (cut + 1) * length - 1 - (len(old) - len(old) % length)
    return rows[rows >= 0].astype(np.int64)


@kernel
def _extend(values: Any, delta: float, buckets: Any, sums: Any, squares: Any, width: int, widths: Any) -> None:
    for i in range(len(values)):
        _insert(values[i], buckets, sums, squares)
        width += 1
        dropped = _oldest_to_drop(delta, width, buckets, sums, squares)
        while dropped > 0:
            width -= dropped
            _drop_oldest(buckets, sums, squares)
            dropped = _oldest_to_drop(delta, width, buckets, sums, squares)
        widths[i] = width


@subkernel
def _insert(value: float, buckets: Any, sums: Any, squares: Any) -> None:
    """A bucket of one; where a row has one too many, its two oldest go into the next as one."""
    sums[0, buckets[0]] = value
    squares[0, buckets[0]] = value * value
    buckets[0] += 1
    row = 0
    while row < len(buckets) - 1 and buckets[row] == sums.shape[1]:
        up = buckets[row + 1]
        sums[row + 1, up] = sums[row, 0] + sums[row, 1]
        squares[row + 1, up] = squares[row, 0] + squares[row, 1]
        buckets[row + 1] += 1
        for k in range(2, buckets[row]):
            sums[row, k - 2] = sums[row, k]
            squares[row, k - 2] = squares[row, k]
        buckets[row] -= 2
        row += 1


@subkernel
def _oldest_to_drop(delta: float, width: int, buckets: Any, sums: Any, squares: Any) -> int:
    """Values in the oldest bucket if any cut between buckets parts two different means, else 0.

    |μ₀ − μ₁| ≥ √(2/m · σ² ln(2/δ′)) + 2/(3m) · ln(2/δ′), 1/m = 1/n₀ + 1/n₁, δ′ = δ/ln n, σ² the window's variance.
    """
    total, square, top = 0.0, 0.0, 0
    for row in range(len(buckets)):
        for k in range(buckets[row]):
            total += sums[row, k]
            square += squares[row, k]
            top = row
    mean = total / width
    variance = max(square / width - mean * mean, 0.0)
    bound = math.log(2.0 / delta * max(math.log(width), 1.0))
    older, count = 0.0, 0
    for row in range(top, -1, -1):
        for k in range(buckets[row]):
            older += sums[row, k]
            count += 1 << row
            rest = width - count
            if rest == 0:
                return 0
            inverse = 1.0 / count + 1.0 / rest
            gap = abs(older / count - (total - older) / rest)
            if gap >= math.sqrt(2.0 * inverse * variance * bound) + 2.0 / 3.0 * inverse * bound:
                return 1 << top
    return 0


@subkernel
def _drop_oldest(buckets: Any, sums: Any, squares: Any) -> None:
    top = len(buckets) - 1
    while buckets[top] == 0:
        top -= 1
    for k in range(1, buckets[top]):
        sums[top, k - 1] = sums[top, k]
        squares[top, k - 1] = squares[top, k]
    buckets[top] -= 1
