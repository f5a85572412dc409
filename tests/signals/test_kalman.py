"""The Kalman filter against dense matrices, closed forms, and planted variances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.signals.kalman import filtered, fit, kalman_rules, kalman_state, log_likelihood

SECOND = 10**9


def walk(rng: np.random.Generator, n: int, variance: float, noise: list[float]) -> tuple[np.ndarray, ...]:
    """Times, sources and measurements of a random walk, at random times from random sources; and the walk."""
    times = np.cumsum(np.rint(rng.exponential(0.1 * SECOND, n)).astype(np.int64))
    sources = rng.integers(0, len(noise), n)
    steps = np.sqrt(variance * np.diff(times, prepend=times[0]) / SECOND) * rng.normal(size=n)
    price = 123_456 + np.cumsum(steps)
    return times, sources, price + np.sqrt(np.array(noise))[sources] * rng.normal(size=n), price


def by_matrices(variance: float, noise: list[float], times: np.ndarray, sources: np.ndarray, z: np.ndarray):
    """Estimate of the last price, its variance, and ln L of the differences to the first: a walk from anywhere.

    Best linear unbiased prediction with an unknown constant (Goldberger 1962) and restricted likelihood
    (Patterson & Thompson 1971), neither of them recursive.
    """
    t = (times - times[0]) / SECOND
    V = variance * np.minimum.outer(t, t) + np.diag(np.array(noise)[sources])
    inverse, ones = np.linalg.inv(V), np.ones(len(z))
    weight = ones @ inverse @ ones
    level = ones @ inverse @ z / weight
    toward = variance * np.minimum(t, t[-1])
    estimate = level + toward @ inverse @ (z - level)
    left = 1 - toward @ inverse @ ones
    error = variance * t[-1] - toward @ inverse @ toward + left**2 / weight
    rest = z - level
    n = len(z)
    value = (n - 1) * math.log(2 * math.pi) + np.linalg.slogdet(V)[1] + math.log(weight) + rest @ inverse @ rest
    return estimate, error, -value / 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 4))
def test_estimate_variance_and_likelihood_are_those_of_dense_matrices(seed: int, n: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    variance, noise = float(rng.exponential(3)) + 0.05, (rng.exponential(2, kinds) + 0.05).tolist()
    times, sources, z, _ = walk(rng, n, variance, noise)
    z = z - 123_456
    out = filtered(kalman_state(), kalman_rules(variance, noise), times, sources, z)
    estimate, error, value = by_matrices(variance, noise, times, sources, z)
    assert out[-1] == pytest.approx([estimate, error], rel=1e-8, abs=1e-8)
    assert log_likelihood(variance, np.array(noise), times, sources, z)[0] == pytest.approx(value, rel=1e-8, abs=1e-8)


def test_settles_at_the_steady_state() -> None:
    """Equal steps: P⁻ = (q + √(q² + 4qR))/2, the gain P⁻/(P⁻ + R) (Harvey 1989, section 4.1.2)."""
    q, R = 2.0, 5.0
    times = np.arange(400) * SECOND
    z = np.zeros(400)
    z[300:] = 1.0
    out = filtered(kalman_state(), kalman_rules(q, [R]), times, np.zeros(400, np.int64), z)
    ahead = (q + math.sqrt(q * q + 4 * q * R)) / 2
    gain = ahead / (ahead + R)
    assert out[-1, 1] == pytest.approx(ahead * R / (ahead + R))
    assert out[300:310, 0] == pytest.approx(1 - (1 - gain) ** np.arange(1, 11))


def test_gradient_and_information_are_those_of_the_likelihood() -> None:
    rng = np.random.default_rng(5)
    point = np.log([3.0, 0.7, 4.0])
    times, sources, z, _ = walk(rng, 80, 3.0, [0.7, 4.0])

    def at(p: np.ndarray):
        return log_likelihood(math.exp(p[0]), np.exp(p[1:]), times, sources, z)

    for j in range(3):
        step = np.eye(3)[j] * 1e-5
        assert at(point)[1][j] == pytest.approx((at(point + step)[0] - at(point - step)[0]) / 2e-5, rel=1e-4, abs=1e-4)
    gradients = []
    for _ in range(400):
        times, sources, z, _ = walk(rng, 80, 3.0, [0.7, 4.0])
        gradients.append(at(point)[1])
    information = np.mean([np.outer(g, g) for g in gradients], axis=0)
    assert information == pytest.approx(at(point)[2], rel=0.25, abs=0.25 * information.max())


def test_planted_variances_are_recovered_within_their_errors() -> None:
    rng = np.random.default_rng(2)
    truth = np.array([4.0, 1.0, 3.0])
    scores, inside = [], []
    for _ in range(200):
        times, sources, z, price = walk(rng, 1_200, truth[0], truth[1:].tolist())
        found = fit(times, sources, z, 2)
        assert found.converged
        values = np.array([found.variance, *found.noise])
        relative = np.array([found.variance_error, *found.noise_error]) / values
        scores.append(np.log(values / truth) / relative)
        out = filtered(kalman_state(), found.rules(), times, sources, z)
        inside.append(np.mean(np.abs(out[10:, 0] - price[10:]) < 1.96 * np.sqrt(out[10:, 1])))
    scores = np.array(scores)
    assert np.abs(scores.mean(axis=0)).max() < 0.25  # 3.5 standard errors of a mean of 200
    assert scores.std(axis=0) == pytest.approx(1, abs=0.18)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)


def test_missing_measurements_and_unheard_sources_change_nothing() -> None:
    rng = np.random.default_rng(3)
    times, sources, z, _ = walk(rng, 60, 2.0, [1.0, 2.0])
    rules = kalman_rules(2.0, [1.0, math.inf, 3.0])
    holes = z.copy()
    holes[::7] = math.nan
    out = filtered(kalman_state(), rules, times, sources, holes)
    heard = np.isfinite(holes) & (sources == 0)
    assert out[heard] == pytest.approx(filtered(kalman_state(), rules, times[heard], sources[heard], z[heard]))
    assert np.isnan(out[0]).all()
    every = np.where(np.isnan(holes), 0, 1).astype(bool)
    with_holes = log_likelihood(2.0, np.array([1.0, 2.0]), times, sources, holes)
    without = log_likelihood(2.0, np.array([1.0, 2.0]), times[every], sources[every], z[every])
    assert with_holes[0] == without[0]


def test_all_at_once_is_one_by_one_to_the_last_bit() -> None:
    times, sources, z, _ = walk(np.random.default_rng(4), 300, 2.0, [1.0, 2.0])
    rules = kalman_rules(2.0, [1.0, 2.0])
    state = kalman_state()
    single = [filtered(state, rules, times[i : i + 1], sources[i : i + 1], z[i : i + 1]) for i in range(300)]
    assert np.concatenate(single).tobytes() == filtered(kalman_state(), rules, times, sources, z).tobytes()


def test_what_cannot_be_fitted_is_refused() -> None:
    times, sources, z, _ = walk(np.random.default_rng(4), 50, 2.0, [1.0])
    with pytest.raises(InputError, match="at least 10"):
        fit(times, sources, z, 2)
    with pytest.raises(InputError, match="never move"):
        fit(times, sources, np.ones(50), 1)
    with pytest.raises(InputError, match="ascend"):
        fit(times[::-1], sources, z, 1)
    with pytest.raises(InputError, match="sources"):
        fit(times, sources + 3, z, 1)
    with pytest.raises(InputError, match="positive"):
        kalman_rules(0.0, [1.0])
