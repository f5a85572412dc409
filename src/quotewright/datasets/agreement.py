"""Two sources of one price compared: do they agree, at which shift of time, and are they one source after all?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Agreement(NamedTuple):
    """How `other` stands to `price` at the times both have, `other` moved later by `shift` ns.

    `identical` is the share of equal values; `basis`, `low` and `high` are the median, 5 % and 95 % quantile of
    other/price − 1, in bp, and `distance` is the median of its absolute value.
    """

    shift: int
    times: int
    identical: float
    basis: float
    low: float
    high: float
    distance: float


def agreement(time: Integers, price: Floats, other_time: Integers, other: Floats, *, shift: int = 0) -> Agreement:
    """Compare two series of prices, each at distinct times (ns); values that are not above 0 are left out.

    Raises InputError if they share no time, or a series repeats one.
    """
    mine, theirs = price > 0, other > 0
    times, others = time[mine], other_time[theirs] + shift
    if len(np.unique(times)) < len(times) or len(np.unique(others)) < len(others):
        raise InputError("time", "repeated", "each series must have distinct times; compare one series of a panel")
    shared, a, b = np.intersect1d(times, others, assume_unique=True, return_indices=True)
    if not len(shared):
        raise InputError("other_time", shift, "the two series share no time")
    ratio = other[theirs][b] / price[mine][a]
    low, middle, high = np.quantile((ratio - 1) * 1e4, (0.05, 0.5, 0.95))
    return Agreement(
        shift,
        len(shared),
        float((ratio == 1).mean()),
        float(middle),
        float(low),
        float(high),
        float(np.median(np.abs(ratio - 1)) * 1e4),
    )


def best_shift(
    time: Integers, price: Floats, other_time: Integers, other: Floats, shifts: Sequence[int]
) -> tuple[Agreement, ...]:
    """The agreement at each shift (ns) at which the series share a time, closest first.

    The first says how the other's times are stamped: a series that is closest when moved by a whole period earlier is
    stamped with the end of the period, and one that is closest at 0 with its beginning, like `price`.
    """
    found: list[Agreement] = []
    for shift in shifts:
        if len(np.intersect1d(time[price > 0], other_time[other > 0] + shift)):
            found.append(agreement(time, price, other_time, other, shift=shift))
    return tuple(sorted(found, key=lambda one: (one.distance, abs(one.shift))))
