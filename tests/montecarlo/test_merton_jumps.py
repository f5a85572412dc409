"""Jump diffusion: density, moments, planted parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planted_laws import hold_to_their_errors, standardised
from scipy import stats

from quotewright.montecarlo.merton import MOST_RATE, Merton, _log_likelihood, fit_merton

LAW = Merton(0.001, 0.01, 0.15, -0.02, 0.03)


def test_the_likelihood_is_the_mixture_summed_by_hand() -> None:
    y = LAW.draw(np.random.default_rng(1), 1, 60)[0]
    point = np.array([0.001, math.log(0.01), math.log(0.15 / (MOST_RATE - 0.15)), -0.02, math.log(0.03)])
    value, gradient = _log_likelihood(y, point)
    brute = 0.0
    for r in y:
        parts = (
            stats.poisson.pmf(k, 0.15) * stats.norm.pdf(r, 0.001 - 0.02 * k, math.sqrt(1e-4 + 9e-4 * k))
            for k in range(30)
        )
        brute += math.log(sum(parts))
    assert value == pytest.approx(brute, rel=1e-9)
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-6
        slope = (_log_likelihood(y, point + step)[0] - _log_likelihood(y, point - step)[0]) / 2e-6
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-3)


def test_draws_have_merton_s_moments() -> None:
    sample = LAW.draw(np.random.default_rng(2), 10, 20_000).reshape(-1)
    variance = 0.01**2 + 0.15 * (0.02**2 + 0.03**2)
    assert sample.mean() == pytest.approx(0.001 - 0.15 * 0.02, abs=5 * math.sqrt(variance / len(sample)))
    assert sample.var() == pytest.approx(variance, rel=0.04)
    assert stats.kstest(sample[:20_000], lambda x: LAW.cdf(np.asarray(x))).pvalue > 1e-3


def test_normal_returns_have_no_more_jumps_than_can_be_drawn() -> None:
    """Of normal returns ever more and smaller jumps are as likely; the law's parts still sum to what it draws."""
    for seed in (0, 2):
        law, found = fit_merton(np.random.default_rng(seed).normal(0, 0.01, 300))
        assert 0 < law.jump_rate <= MOST_RATE
        assert law.mu + law.jump_rate * law.jump_mean == pytest.approx(0, abs=0.002)
        sample = law.draw(np.random.default_rng(1), 1, 20_000)[0]
        assert stats.kstest(sample, lambda x: law.cdf(np.asarray(x))).pvalue > 1e-3  # noqa: B023
        assert math.isfinite(found.value)


def merton_errors(repetitions: int) -> dict[str, np.ndarray]:
    truth = {"mu": 0.001, "sigma": 0.01, "jump_rate": 0.15, "jump_mean": -0.02, "jump_deviation": 0.03}
    return standardised(
        lambda seed: fit_merton(LAW.draw(np.random.default_rng(seed), 1, 4000)[0])[1].parameters, truth, repetitions
    )


def test_planted_parameters_come_back_within_their_errors() -> None:
    hold_to_their_errors(merton_errors(8))


@pytest.mark.slow
def test_planted_parameters_come_back_within_their_errors_200_times() -> None:
    hold_to_their_errors(merton_errors(200))
