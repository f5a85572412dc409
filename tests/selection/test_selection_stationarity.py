"""Stationarity: verdicts on planted series, variance ratio by its definition, sizes of the tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.selection.dependence import (
    bandwidth,
    block_length,
    effective_size,
    long_run_variance,
    moved_blocks,
)
from quotewright.selection.stationarity import (
    half_life,
    moved_mean,
    stationarity,
    stationarity_table,
    variance_ratio,
)


def autoregression(phi: float, n: int, seed: int) -> Any:
    noise = np.random.default_rng(seed).normal(size=n + 200)
    out = np.zeros(n + 200)
    for i in range(1, n + 200):
        out[i] = phi * out[i - 1] + noise[i]
    return out[200:]


def defined_ratio(x: Any, q: int) -> tuple[float, float]:
    """Lo & MacKinlay's sums, written out."""
    n = len(x) - 1
    mu = (x[n] - x[0]) / n
    one = sum((x[k] - x[k - 1] - mu) ** 2 for k in range(1, n + 1)) / (n - 1)
    m = q * (n - q + 1) * (1 - q / n)
    many = sum((x[k] - x[k - q] - q * mu) ** 2 for k in range(q, n + 1)) / m
    total = sum((x[k] - x[k - 1] - mu) ** 2 for k in range(1, n + 1))
    theta = 0.0
    for j in range(1, q):
        top = sum((x[k] - x[k - 1] - mu) ** 2 * (x[k - j] - x[k - j - 1] - mu) ** 2 for k in range(j + 1, n + 1))
        theta += (2 * (q - j) / q) ** 2 * n * top / total**2
    return many / one, math.sqrt(n) * (many / one - 1) / math.sqrt(theta)


@pytest.mark.parametrize("span", [2, 3, 8])
def test_the_variance_ratio_is_its_definition(span: int) -> None:
    x = autoregression(0.9, 120, 1) ** 3
    found = variance_ratio(x, span)
    assert found[:2] == pytest.approx(defined_ratio(x, span), rel=1e-10)
    assert found.p_value == pytest.approx(math.erfc(abs(found.z) / math.sqrt(2)))


def test_the_variance_ratio_allows_for_changing_variance() -> None:
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(200):
        scale = np.exp(np.cumsum(rng.normal(0, 0.1, 400)) - 0.5)
        refused += variance_ratio(np.cumsum(scale * rng.normal(size=400)), 4).p_value < 0.05
    assert 2 <= refused <= 22  # 10 expected, ± 4 standard errors


def test_verdicts_tell_planted_series_apart() -> None:
    jump = np.concatenate([autoregression(0.3, 500, 4), 6 + autoregression(0.3, 500, 5)])
    series = {
        "walk": np.cumsum(np.random.default_rng(6).normal(size=1000)),
        "steady": autoregression(0.6, 1000, 7),
        "reflected": np.diff(autoregression(0.0, 1001, 8)),
    }
    table = stationarity_table(np.column_stack(list(series.values())), list(series))
    assert [row.name for row in table] == list(series)
    walk, steady, reflected = table
    assert walk.wanders
    assert walk.half_life > 30
    assert steady.verdict.startswith("stationary")
    assert steady.half_life == pytest.approx(math.log(0.5) / math.log(0.6), rel=0.25)
    assert reflected.half_life == 0.0
    assert reflected.variance_ratio.ratio < steady.variance_ratio.ratio < 1
    moved = stationarity(jump, "jump")
    assert not moved.verdict.startswith("stationary")
    assert moved.moved_mean.p_value < 1e-6
    assert moved.moved_mean.shift > 1.5


@pytest.mark.filterwarnings("ignore:The test statistic is outside")
def test_the_tests_are_those_of_statsmodels() -> None:
    from statsmodels.tsa.stattools import adfuller, kpss

    x = autoregression(0.95, 300, 9)
    found = stationarity(1e6 + 1e-3 * x)  # neither scale nor level may matter
    adf = adfuller(x, autolag="AIC", result_object=True)
    level = kpss(x, regression="c", nlags="auto", result_object=True)
    assert (found.adf, found.adf_p) == pytest.approx((adf.statistic, adf.pvalue), rel=1e-5)
    assert (found.kpss, found.kpss_p) == pytest.approx((level.statistic, level.pvalue), rel=1e-5)


def test_a_steady_mean_is_seldom_called_moved_though_rows_depend() -> None:
    refused = sum(moved_mean(autoregression(0.7, 500, seed)).p_value < 0.05 for seed in range(60))
    assert refused <= 9  # 3 expected if exact; Newey & West is somewhat too ready


def test_the_long_run_variance_is_that_of_an_autoregression() -> None:
    found = [long_run_variance(autoregression(0.5, 3000, seed)) for seed in range(5)]
    assert np.mean(found) == pytest.approx(4.0, rel=0.15)  # 1/(1 − φ)²
    sizes = [effective_size(autoregression(0.5, 3000, seed)) for seed in range(5)]
    assert np.mean(sizes) == pytest.approx(1000, rel=0.15)  # n (1 − φ)/(1 + φ)


def test_the_long_run_variance_is_statsmodels_sum() -> None:
    from statsmodels.stats.sandwich_covariance import S_hac_simple

    x = autoregression(0.8, 200, 2)
    oracle = S_hac_simple((x - x.mean())[:, None], nlags=bandwidth(x))
    assert long_run_variance(x) == pytest.approx(float(oracle.item()) / len(x), rel=1e-10)


def test_dependent_rows_make_longer_blocks() -> None:
    assert block_length(autoregression(0.0, 1000, 1)) == 1
    assert 5 <= block_length(autoregression(0.8, 1000, 1)) <= 60


@given(st.integers(2, 90), st.integers(1, 45), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_moved_blocks_are_a_permutation_that_moves_every_row(n: int, block: int, seed: int) -> None:
    if n // block < 2:
        with pytest.raises(InputError, match="two blocks"):
            moved_blocks(n, block, np.random.default_rng(seed))
        return
    placed = moved_blocks(n, block, np.random.default_rng(seed))
    assert sorted(placed) == list(range(n))
    assert not (placed == np.arange(n)).any()
    together = int((np.diff(placed) % n == 1).sum())
    assert together >= n - 1 - n // block  # neighbours part only where blocks do


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.ones(80), "vary"),
        (np.arange(9.0), "at least 50"),
        (np.full(80, np.nan), "finite"),
        (np.tile([1e200, 0.0], 40), "within"),
        (np.tile([1e-200, 0.0], 40), "vary"),
        (np.ones((80, 2)), "one-"),
    ],
)
def test_what_cannot_be_tested_is_refused(values: Any, what: str) -> None:
    with pytest.raises(InputError, match=what):
        stationarity(values)


def test_a_straight_line_has_no_variance_ratio_but_a_verdict() -> None:
    assert math.isnan(variance_ratio(np.arange(100.0)).ratio)
    assert not stationarity(np.arange(100.0)).verdict.startswith("stationary")
    with pytest.raises(InputError, match="span"):
        variance_ratio(np.arange(100.0) ** 2, 1)
    assert half_life(2.0 ** np.arange(50)) == math.inf
