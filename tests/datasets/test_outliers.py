"""The Hampel rule against a window-by-window oracle, and that it never looks ahead."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.datasets.outliers import LEAST_SCALE, hampel, price_outliers
from quotewright.domain.errors import InputError

values = st.lists(st.floats(-1e3, 1e3) | st.just(math.nan), max_size=40)


def far(before: list[float], value: float, threshold: float) -> bool:
    known = [one for one in before if math.isfinite(one)]
    if len(known) < 3 or math.isnan(value):
        return False
    middle = statistics.median(known)
    scale = 1.4826 * statistics.median(abs(one - middle) for one in known)
    return abs(value - middle) > threshold * max(scale, LEAST_SCALE)


@settings(deadline=None, max_examples=60)
@given(values, st.integers(3, 9), st.floats(0.5, 20))
def test_it_is_the_rule_window_by_window(series: list[float], window: int, threshold: float) -> None:
    got = hampel(np.array(series), window=window, threshold=threshold)
    want = [at >= window and far(series[at - window : at], series[at], threshold) for at in range(len(series))]
    assert got.tolist() == want


@settings(deadline=None, max_examples=60)
@given(values, st.integers(0, 39))
def test_what_comes_later_changes_no_flag(series: list[float], upto: int) -> None:
    np.testing.assert_array_equal(hampel(np.array(series), window=5)[:upto], hampel(np.array(series[:upto]), window=5))


def test_a_planted_spike_is_found_in_closes_highs_and_lows() -> None:
    rng = np.random.default_rng(3)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, 500)))
    highs, lows = closes * 1.0005, closes * 0.9995
    assert not price_outliers(closes, highs, lows).any()
    spiked = closes.copy()
    spiked[200] *= 1.1
    assert np.flatnonzero(price_outliers(spiked)).tolist() == [200, 201]  # there, and back
    highs[300], lows[400] = highs[300] * 1.1, lows[400] * 0.9
    assert np.flatnonzero(price_outliers(closes, highs, lows)).tolist() == [300, 400]


def test_missing_closes_are_bridged() -> None:
    closes = np.full(200, 100.0) * np.exp(np.random.default_rng(1).normal(0, 1e-3, 200))
    closes[100:105] = np.nan
    closes[105] *= 1.2
    assert 105 in np.flatnonzero(price_outliers(closes))
    assert not price_outliers(closes)[100:105].any()
    assert not price_outliers(np.full(60, np.nan)).any()
    assert len(price_outliers(np.empty(0))) == 0


def test_settings_without_sense_are_refused() -> None:
    for wrong in ({"window": 2}, {"threshold": 0}, {"threshold": math.nan}, {"least_scale": 0}):
        with pytest.raises(InputError, match="window"):
            hampel(np.zeros(10), **wrong)  # type: ignore[arg-type]
