"""Hill's tail index with an interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.montecarlo.numerics import Floats

SHARE = 0.05  # of the observations
FEWEST = 10
NORMAL_95 = 1.959964


class TailIndex(NamedTuple):
    """κ in P(x > t) ~ t^−κ from the `number` largest values, and its 95 % interval for independent values."""

    value: float
    low: float
    high: float
    number: int


def hill(values: Floats, share: float = SHARE) -> TailIndex:
    """1/κ = mean of ln x_(i) − ln x_(k+1) over the k largest. B. M. Hill (1975), Ann. Statist. 3.

    √k(κ̂/κ − 1) → N(0, 1) for independent values with an exact power tail (P. Hall, 1982); clustered volatility makes
    the true interval wider, and a tail that only becomes a power further out biases κ. Values at or below 0 are no part
    of the tail. Raises InputError for a share outside (0, 0.5], or fewer than 11 values above 0.
    """
    if not 0 < share <= 0.5:
        raise InputError("share", share, "must lie in (0, 0.5]")
    positive = np.sort(values[values > 0])[::-1]
    number = min(max(round(share * len(values)), FEWEST), len(positive) - 1)
    if number < FEWEST:
        raise InputError("values", len(positive), f"above 0 are too few for a tail: give more than {FEWEST}")
    mean = float(np.log(positive[:number] / positive[number]).mean())
    index = 1 / mean if mean > 0 else math.inf
    reach = NORMAL_95 / math.sqrt(number)
    return TailIndex(index, index * (1 - reach), index * (1 + reach), number)
