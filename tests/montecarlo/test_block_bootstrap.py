"""Bootstraps by blocks: their indices, and the length that is chosen for them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.montecarlo.bootstrap import block_indices, block_length, length_for_returns
from quotewright.montecarlo.paths import fit


def autoregression(phi: float, n: int, seed: int) -> np.ndarray:
    values, noise = np.zeros(n), np.random.default_rng(seed).normal(size=n)
    for t in range(1, n):
        values[t] = phi * values[t - 1] + noise[t]
    return values


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 40),
    paths=st.integers(1, 4),
    steps=st.integers(1, 60),
    length=st.floats(1, 50),
    stationary=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_blocks_run_on(n: int, paths: int, steps: int, length: float, stationary: bool, seed: int) -> None:
    found = block_indices(np.random.default_rng(seed), n, paths, steps, length, stationary)
    assert found.shape == (paths, steps)
    assert ((found >= 0) & (found < n)).all()
    if not stationary:
        size = max(round(length), 1)
        for start in range(0, steps, size):
            block = found[:, start : start + size]
            assert (block == (block[:, :1] + np.arange(block.shape[1])) % n).all()


def test_stationary_blocks_are_as_long_as_asked_on_average() -> None:
    """A step goes on with the next place with probability 1 − 1/20 (and by chance 1/1000)."""
    found = block_indices(np.random.default_rng(1), 1000, 20, 5000, 20.0)
    goes_on = (np.diff(found, axis=1) % 1000 == 1).mean()
    assert goes_on == pytest.approx(1 - 1 / 20 + 1 / 20_000, abs=0.003)
    counts = np.bincount(found.reshape(-1), minlength=1000)
    assert counts.std() / counts.mean() < 1  # no place is left out or favoured


def plain_length(values: np.ndarray, stationary: bool) -> float:
    """Politis & White's rule, lag by lag."""
    n, mean = len(values), float(np.mean(values))
    run, most = max(5, math.ceil(math.sqrt(math.log10(n)))), math.ceil(math.sqrt(n)) + max(5, math.ceil(math.log10(n)))

    def covariance(lag: int) -> float:
        return sum((values[t] - mean) * (values[t + lag] - mean) for t in range(n - lag)) / n

    R = [covariance(lag) for lag in range(most + 1)]
    bound = 2 * math.sqrt(math.log10(n) / n)
    last = next(
        (lag for lag in range(most - run + 1) if all(abs(R[lag + 1 + k] / R[0]) < bound for k in range(run))), None
    )
    if last is None:
        last = max(lag for lag in range(1, most + 1) if abs(R[lag] / R[0]) >= bound)
    M = min(2 * max(last, 1), most)

    def window(lag: int) -> float:
        x = abs(lag) / M
        return 1.0 if x <= 0.5 else max(2 * (1 - x), 0.0)

    g = R[0] + 2 * sum(window(k) * R[k] for k in range(1, M + 1))
    G = 2 * sum(window(k) * k * R[k] for k in range(1, M + 1))
    D = (2 if stationary else 4 / 3) * g**2
    return float(np.clip((2 * G**2 / D) ** (1 / 3) * n ** (1 / 3), 1, min(3 * math.sqrt(n), n / 3)))


@pytest.mark.parametrize("phi", [0.0, 0.4, 0.9, -0.5])
@pytest.mark.parametrize("stationary", [True, False])
def test_the_length_is_the_rule_s(phi: float, stationary: bool) -> None:
    values = autoregression(phi, 400, 3)
    assert block_length(values, stationary=stationary) == pytest.approx(plain_length(values, stationary), rel=1e-9)


def test_the_length_is_near_the_best_for_an_autoregression() -> None:
    """g = σ²/(1 − φ)², G = 2φσ²/((1 − φ)²(1 − φ²)): b = (2(G/g)²/2)^⅓ n^⅓ for the stationary bootstrap."""
    phi, n = 0.7, 20_000
    best = (2 * (2 * phi / (1 - phi**2)) ** 2 / 2 * n) ** (1 / 3)
    found = np.mean([block_length(autoregression(phi, n, seed)) for seed in range(4)])
    assert found == pytest.approx(best, rel=0.25)


def test_clustered_returns_get_long_blocks() -> None:
    rng = np.random.default_rng(4)
    returns = np.exp(0.5 * autoregression(0.97, 3000, 5)) * rng.normal(size=3000)
    assert length_for_returns(returns) > max(block_length(returns), 20)
    assert length_for_returns(returns) == block_length(np.abs(returns - returns.mean()))


def test_resampled_paths_keep_the_clusters_that_independent_draws_lose() -> None:
    rng = np.random.default_rng(6)
    returns = np.exp(0.5 * autoregression(0.97, 4000, 7)) * rng.normal(size=4000)

    def memory(values: np.ndarray) -> float:
        size = np.abs(values)
        return float(np.corrcoef(size[1:], size[:-1])[0, 1])

    for kind in ("stationary", "block"):
        path = fit(kind, returns).sample(1, 20_000, 1)[0]
        assert set(path) <= set(returns)
        assert memory(path) == pytest.approx(memory(returns), abs=0.07)
    assert abs(memory(fit("student", returns).sample(1, 20_000, 1)[0])) < 0.05


def test_a_constant_or_tiny_series_has_length_one() -> None:
    assert block_length(np.zeros(100)) == 1
    assert block_length(np.array([1.0, -1.0, 1.0])) >= 1
