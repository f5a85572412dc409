"""Estimates with intervals: of paired differences, and of anything under a bootstrap."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from quotewright.montecarlo.numerics import Floats, scipy

LOW, HIGH = 0.025, 0.975


class Interval(NamedTuple):
    """An estimate and its 95 % interval; NaN where it does not exist."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Plain values for JSON; what is not finite is None."""
        return {name: value if math.isfinite(value) else None for name, value in self._asdict().items()}


def middle_of(value: float, drawn: Floats) -> Interval:
    """The estimate, and where the middle 95 % of draws of it lie. Infinite draws are as they are."""
    low, high = np.quantile(drawn, (LOW, HIGH), method="inverted_cdf")
    return Interval(value, float(low), float(high))


def mean_with_interval(values: Floats) -> Interval:
    """The mean of independent values, and Student's interval of it; no interval for fewer than two."""
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    reach = float(scipy("stats").t.ppf(HIGH, len(values) - 1)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - reach, mean + reach)
