"""The end of a compiled model: from its sum of trees or terms to what it predicts.

A raw sum goes through a link (none, logistic, logistic in single precision), then through what was fitted after the
model: a scale for targets (regressors), Platt's sigmoid or an isotonic line (classifiers). J. Platt (1999),
"Probabilistic outputs for support vector machines"; B. Zadrozny & C. Elkan (2002), KDD, section 3.3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.kernel import subkernel

FOREST, LINEAR = 0, 1
IDENTITY, LOGISTIC, LOGISTIC_SINGLE = 0, 1, 2
AS_IS, SCALED, PLATT, ISOTONIC = 0, 1, 2, 3

HEAD = np.dtype(
    [
        ("kind", "i8"),  # FOREST or LINEAR
        ("features", "i8"),
        ("trees", "i8"),  # those added to fill the last group included; 0: linear
        ("narrow", "i8"),  # 1: sums are rounded to single precision after each tree
        ("link", "i8"),
        ("after", "i8"),  # AS_IS, SCALED, PLATT or ISOTONIC
        ("knots", "i8"),  # of the isotonic line
        ("offset", "f8"),  # what the sum begins with: a prior, an intercept
        ("divisor", "f8"),  # of the sum: the number of trees that are averaged
        ("slope", "f8"),  # SCALED: of the target; PLATT: a of 1/(1 + e^(a·f + b))
        ("shift", "f8"),  # SCALED: of the target; PLATT: b
    ],
    align=True,
)


@subkernel
def logistic(raw: float) -> float:
    """1/(1 + e^−raw), without overflow and exact to the last places on both sides."""
    if raw >= 0.0:
        return 1.0 / (1.0 + math.exp(-raw))
    grown = math.exp(raw)
    return grown / (1.0 + grown)


@subkernel
def finish(head: Any, table: Any, raw: float) -> float:
    """The prediction of a raw sum; `table` ends with the isotonic line's places and heights."""
    value = raw
    if head.link == LOGISTIC:
        value = logistic(raw)
    elif head.link == LOGISTIC_SINGLE:
        value = float(np.float32(logistic(raw)))
    if head.after == SCALED:
        return value * head.slope + head.shift
    if head.after == PLATT:
        return logistic(-(head.slope * value + head.shift))
    if head.after == ISOTONIC:
        return _on_line(table, len(table) - 2 * head.knots, head.knots, value)
    return value


@subkernel
def _on_line(table: Any, start: int, knots: int, value: float) -> float:
    """Between the heights of the two places around `value`, flat beyond the ends."""
    if math.isnan(value):
        return value
    low, high = 0, knots - 1
    if value <= table[start]:
        return table[start + knots]
    if value >= table[start + high]:
        return table[start + knots + high]
    while high - low > 1:
        middle = (low + high) // 2
        if table[start + middle] <= value:
            low = middle
        else:
            high = middle
    left, at = table[start + low], table[start + knots + low]
    slope = (table[start + knots + high] - at) / (table[start + high] - left)
    return slope * (value - left) + at
