"""The deflated Sharpe ratio against the paper's example, exact numeric values, and trials of pure noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from quotewright.sessions.sweep_figures import mark_figures
from quotewright.validation.deflated_sharpe import deflated_sharpe, expected_maximum, judge


def exact_expected_maximum(trials: int) -> float:
    """∫ x N φ(x) Φ(x)^(N−1) dx."""
    value, _ = integrate.quad(
        lambda x: x * trials * stats.norm.pdf(x) * stats.norm.cdf(x) ** (trials - 1), -10, 10, limit=200
    )
    return float(value)


def test_the_example_of_the_paper() -> None:
    # 100 trials, annual variance of ratios 1/2; 1250 days of 250 a year, annual ratio 2.5, skewness −3, kurtosis 10.
    threshold = math.sqrt(0.5 / 250) * expected_maximum(100)
    ratio, days = 2.5 / math.sqrt(250), 1250
    stderr = math.sqrt((1 + 3 * ratio + 9 / 4 * ratio**2) / (days - 1))
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(ratio, stderr, threshold) == pytest.approx(0.9004, abs=5e-4)


@pytest.mark.parametrize("trials", [5, 10, 46, 100, 1_000, 100_000])
def test_the_expected_maximum_is_near_the_integral(trials: int) -> None:
    assert expected_maximum(trials) == pytest.approx(exact_expected_maximum(trials), rel=0.05)


def test_the_formula_evaluated_by_another_hand() -> None:
    n, e = 250, math.e
    other = (1 - np.euler_gamma) * stats.norm.ppf(1 - 1 / n) + np.euler_gamma * stats.norm.ppf(1 - 1 / (n * e))
    assert expected_maximum(n) == pytest.approx(float(other), rel=1e-12)
    assert deflated_sharpe(0.1, 0.03, 0.07) == pytest.approx(float(stats.norm.cdf(1.0)), rel=1e-12)


def _figures(returns: np.ndarray) -> tuple[float | None, float | None]:
    equity = np.cumsum(np.rint(returns * 1e9).astype(np.int64))
    found = mark_figures(equity, 0, int(equity[-1]))
    return found.sharpe, found.sharpe_stderr


def _best_of_noise(rng: np.random.Generator, trials: int, shift: float = 0.0) -> float:
    returns = rng.standard_t(5, size=(trials, 400))
    returns[0] += shift
    figures = [_figures(each) for each in returns]
    verdict = judge([ratio for ratio, _ in figures], [stderr for _, stderr in figures])
    assert verdict is not None
    assert verdict.best == 0 or not shift
    return verdict.deflated


def test_noise_is_rarely_convincing_and_an_edge_is() -> None:
    rng = np.random.default_rng(3)
    noise = [_best_of_noise(rng, 60) for _ in range(60)]
    undeflated = sum(
        max(ratio / stderr for ratio, stderr in (_figures(each) for each in rng.standard_t(5, size=(60, 400)))) > 1.645
        for _ in range(20)
    )
    assert undeflated >= 18, "without deflation nearly every sweep of noise finds something"
    assert sum(value >= 0.95 for value in noise) <= 4
    assert 0.3 < float(np.mean(noise)) < 0.7
    assert min(_best_of_noise(rng, 60, shift=0.6) for _ in range(5)) > 0.95


def test_the_standard_error_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(5)
    figures = [_figures(each) for each in 0.3 - rng.exponential(1.0, size=(2_000, 300)) + 1.0]
    ratios = [ratio for ratio, _ in figures if ratio is not None]
    stderrs = [stderr for _, stderr in figures if stderr is not None]
    assert float(np.mean(stderrs)) == pytest.approx(float(np.std(ratios)), rel=0.06)


def test_trials_that_never_traded_do_not_count() -> None:
    verdict = judge([None, 0.2, None, 0.1], [None, 0.05, None, 0.05])
    assert verdict is not None
    assert (verdict.trials, verdict.best, verdict.sharpe) == (2, 1, 0.2)
    assert judge([None], [None]) is None


def test_one_trial_is_not_deflated() -> None:
    verdict = judge([0.2], [0.1])
    assert verdict is not None
    assert verdict.expected_maximum == 0
    assert verdict.deflated == pytest.approx(float(stats.norm.cdf(2.0)))
    with pytest.raises(ValueError, match="0 trials"):
        expected_maximum(0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=50), st.floats(0.001, 1))
def test_a_verdict_is_a_probability_and_more_trials_ask_for_more(ratios: list[float], stderr: float) -> None:
    verdict = judge(ratios, [stderr] * len(ratios))
    assert verdict is not None
    assert 0 <= verdict.deflated <= 1
    assert verdict.sharpe == max(ratios)
    assert verdict.expected_maximum >= 0
    assert expected_maximum(len(ratios) + 1) > expected_maximum(len(ratios))
