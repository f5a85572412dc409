"""Hayashi–Yoshida against a double loop over all pairs of intervals, no Epps bias, and a planted lag over 200 runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.signals.lead_lag import hayashi_yoshida, lag_by_block, lead_lag, overlap_sum

MS = 10**6
SERIES = st.lists(st.tuples(st.integers(1, 9), st.floats(-5, 5)), min_size=2, max_size=25)


def series(steps: Any) -> tuple[Any, Any]:
    return np.cumsum([s for s, _ in steps]).astype(np.int64), np.array([v for _, v in steps])


@settings(max_examples=150, deadline=None)
@given(SERIES, SERIES, st.integers(-30, 30))
def test_the_sum_agrees_with_a_double_loop(one: Any, other: Any, lag: int) -> None:
    (s, x), (t, y) = series(one), series(other)
    expected = 0.0
    for i in range(len(x) - 1):
        for j in range(len(y) - 1):
            if max(s[i] + lag, t[j]) < min(s[i + 1] + lag, t[j + 1]):
                expected += (x[i + 1] - x[i]) * (y[j + 1] - y[j])
    assert overlap_sum(s, x, t, y, lag) == pytest.approx(expected, abs=1e-9)


def pair(seed: int, lag_ms: int, *, correlation: float = 0.8, seconds: int = 60, gap: float = 25.0) -> Any:
    """Two correlated random walks seen at Poisson times (mean `gap` ms); y repeats x `lag_ms` later."""
    rng = np.random.default_rng(seed)
    steps = seconds * 1000
    common = rng.normal(size=steps + 4000)
    own = rng.normal(size=steps + 4000)
    x = np.cumsum(common)
    y = np.cumsum(correlation * common + math.sqrt(1 - correlation**2) * own)
    found = []
    for walk, shift in ((x, 0), (y, lag_ms)):
        ticks = np.unique(np.cumsum(rng.exponential(gap, steps)).astype(np.int64))
        ticks = ticks[(ticks >= 0) & (ticks < steps)]
        found += [ticks * MS, walk[ticks - shift + 2000]]
    return found


def test_correlation_is_recovered_without_the_epps_bias() -> None:
    found = [hayashi_yoshida(*pair(seed, 0))[1] for seed in range(40)]
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert abs(np.mean(found) - 0.8) < 3.5 * error
    grid = []
    for seed in range(10):  # the last values on a grid as fine as the ticks show much less
        s, x, t, y = pair(seed, 0)
        at = np.arange(2000 * MS, 58_000 * MS, 25 * MS)
        gx, gy = x[np.searchsorted(s, at, "right") - 1], y[np.searchsorted(t, at, "right") - 1]
        grid.append(np.corrcoef(np.diff(gx), np.diff(gy))[0, 1])
    assert np.mean(grid) < 0.6


@pytest.mark.parametrize("lag", [120, -70])
def test_a_planted_lag_is_recovered_over_200_repetitions(lag: int) -> None:
    lags = np.arange(-300, 301, 10, dtype=np.int64) * MS
    found, ratios = [], []
    for seed in range(100):
        curve = lead_lag(*pair(1000 * abs(lag) + seed, lag, seconds=40), lags)
        found.append(curve.lag / MS)
        ratios.append(curve.ratio)
    away = np.array(found) - lag
    assert np.abs(away).max() <= 30
    # the ticks before and after a time are the same way away for both: no bias beyond the grid's own step
    assert abs(away.mean()) < 3.5 * away.std(ddof=1) / 10 + 1
    assert (np.array(ratios) > 1).mean() > 0.95 if lag > 0 else (np.array(ratios) < 1).mean() > 0.95


def test_lags_by_block_state_an_error_that_holds() -> None:
    lags = np.arange(0, 201, 10, dtype=np.int64) * MS
    covered = 0
    for seed in range(24):
        mean, error, each = lag_by_block(*pair(seed, 100, seconds=120), lags, 6)
        assert len(each) == 6
        covered += abs(mean - 100 * MS) <= 2.57 * max(error, 10 * MS / math.sqrt(12 * 6))  # t with 5 degrees, 95 %
    assert covered >= 20


def test_uncorrelated_walks_show_no_lead() -> None:
    lags = np.arange(-100, 101, 10, dtype=np.int64) * MS
    sizes = [abs(lead_lag(*pair(seed, 0, correlation=0.0), lags).correlation) for seed in range(20)]
    assert np.max(sizes) < 0.15


OK = (np.array([1, 2, 3]), np.array([0.0, 1.0, 0.5]))


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("x", lambda: hayashi_yoshida(OK[0][:1], OK[1][:1], *OK)),
        ("y", lambda: hayashi_yoshida(*OK, np.array([1, 1, 2]), OK[1])),
        ("y", lambda: hayashi_yoshida(*OK, OK[0], np.array([0, np.nan, 1]))),
        ("x", lambda: hayashi_yoshida(OK[0], np.ones(3), *OK)),
        ("lags", lambda: lead_lag(*OK, *OK, np.array([], np.int64))),
        ("lags", lambda: lead_lag(*OK, *OK, np.array([2, 1]))),
        ("blocks", lambda: lag_by_block(*OK, *OK, np.array([0]), 1)),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
