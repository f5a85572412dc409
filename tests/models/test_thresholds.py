"""Splits moved to doubles decide as the library's rounding does, on and around every boundary."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from quotewright.models.thresholds import last_rounded_below, last_rounded_up_to

DOUBLES = st.floats(allow_nan=False, allow_infinity=False, min_value=-3e38, max_value=3e38)
SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)


def around(*ends: float) -> Any:
    """Each end and its next doubles and singles, and what lies half-way between singles."""
    found = [x for end in ends for x in (end, math.nextafter(end, -math.inf), math.nextafter(end, math.inf))]
    near = np.float32(ends[0])
    for side in (-np.inf, np.inf):
        with np.errstate(over="ignore"):
            other = np.nextafter(near, np.float32(side))
        half = (float(near) + float(other)) / 2
        found += [float(other), half, math.nextafter(half, -math.inf), math.nextafter(half, math.inf)]
    rows = np.array(found)
    return rows[np.isfinite(rows) & (np.abs(rows) < 3.4e38)]


@given(DOUBLES)
@example(0.0)
@example(-0.0)
@example(1.0)
@example(0.1)
@example(1e-46)
@example(-1e-46)
@example(2.0**-126)
def test_rounded_up_to_a_double(t: float) -> None:
    end = float(last_rounded_up_to(np.array([t]))[0])
    rows = around(t, end)
    np.testing.assert_array_equal(rows.astype(np.float32) <= np.float64(t), rows <= end)


@given(SINGLES)
@example(0.0)
@example(-0.0)
@example(1.0)
@example(-1.0)
@example(1.401298464324817e-45)
def test_rounded_below_a_single(t: float) -> None:
    end = float(last_rounded_below(np.array([t], np.float32))[0])
    rows = around(t, end)
    np.testing.assert_array_equal(rows.astype(np.float32) < np.float32(t), rows <= end)


@given(st.lists(DOUBLES, min_size=1, max_size=20), DOUBLES)
def test_any_double_goes_the_same_way(thresholds: list[float], x: float) -> None:
    ends = last_rounded_up_to(np.array(thresholds))
    np.testing.assert_array_equal(np.float32(x) <= np.array(thresholds), x <= ends)


def test_infinite_ends_stay() -> None:
    assert last_rounded_up_to(np.array([np.inf, -np.inf])).tolist() == [np.inf, -np.inf]
