"""GARCH(1,1): likelihood and gradient against plain numpy, planted parameters, the tail index."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planted_laws import hold_to_their_errors, standardised
from scipy import stats

from quotewright.montecarlo.garch import Garch, fit_garch
from quotewright.montecarlo.garch_kernels import garch_likelihood, garch_paths

NORMAL = Garch(0.0005, 2e-6, 0.08, 0.9)
HEAVY = Garch(0.0005, 2e-6, 0.08, 0.9, 5.0)


def plain(returns: np.ndarray, law: Garch, first: float) -> float:
    """ln L as the papers write it, step by step."""
    h, total = first, 0.0
    for r in returns:
        if law.nu:
            scale = math.sqrt(h * (law.nu - 2) / law.nu)
            total += stats.t.logpdf((r - law.mu) / scale, law.nu) - math.log(scale)
        else:
            total += stats.norm.logpdf(r, law.mu, math.sqrt(h))
        h = law.omega + law.alpha * (r - law.mu) ** 2 + law.beta * h
    return float(total)


@pytest.mark.parametrize("law", [NORMAL, HEAVY])
def test_the_fit_s_likelihood_is_the_plain_one(law: Garch) -> None:
    returns = law.draw(np.random.default_rng(1), 1, 700)[0]
    fitted, found = fit_garch(returns, student=law.nu > 0)
    assert found.converged
    assert found.value == pytest.approx(plain(returns, fitted, returns.var()), abs=1e-6)
    assert found.value > plain(returns, law, returns.var()) - 1e-9


@pytest.mark.parametrize("law", [NORMAL, HEAVY])
def test_the_gradient_is_the_slope(law: Garch) -> None:
    returns = 100 * law.draw(np.random.default_rng(2), 1, 300)[0]
    point = np.array([0.05, 0.02, 0.1, 0.85, law.nu])
    gradient, unused = np.zeros(5), np.zeros(5)
    garch_likelihood(returns, *point, 1.3, gradient)
    for i in range(5 if law.nu else 4):
        step = np.zeros(5)
        step[i] = 1e-6
        above = garch_likelihood(returns, *(point + step), 1.3, unused)
        below = garch_likelihood(returns, *(point - step), 1.3, unused)
        assert gradient[i] == pytest.approx((above - below) / 2e-6, rel=1e-5)


def test_paths_follow_the_recursion() -> None:
    z = np.random.default_rng(3).standard_normal((2, 5))
    made = z.copy()
    garch_paths(made, 0.1, 0.2, 0.3, 0.4, 1.5)
    for path in range(2):
        h = 1.5
        for t in range(5):
            assert made[path, t] == pytest.approx(0.1 + math.sqrt(h) * z[path, t], rel=1e-14)
            h = 0.2 + 0.3 * (made[path, t] - 0.1) ** 2 + 0.4 * h


def garch_errors(law: Garch, repetitions: int) -> dict[str, np.ndarray]:
    truth = {"mu": law.mu, "alpha": law.alpha, "beta": law.beta} | ({"nu": law.nu} if law.nu else {})

    def once(seed: int):
        return fit_garch(law.draw(np.random.default_rng(seed), 1, 6000)[0], student=law.nu > 0)[1].parameters

    return standardised(once, truth, repetitions)


@pytest.mark.parametrize("law", [NORMAL, HEAVY])
def test_planted_parameters_come_back_within_their_errors(law: Garch) -> None:
    hold_to_their_errors(garch_errors(law, 25))


@pytest.mark.slow
@pytest.mark.parametrize("law", [NORMAL, HEAVY])
def test_planted_parameters_come_back_within_their_errors_200_times(law: Garch) -> None:
    hold_to_their_errors(garch_errors(law, 200))


def test_the_tail_index_solves_what_can_be_solved_by_hand() -> None:
    """Normal innovations: κ = 4 where 3α² + 2αβ + β² = 1, κ = 2 where α + β = 1."""
    beta = 0.8
    alpha = (-2 * beta + math.sqrt(4 * beta**2 + 12 * (1 - beta**2))) / 6
    assert Garch(0, 1, alpha, beta).tail_index == pytest.approx(4, rel=1e-6)
    assert Garch(0, 1, 0.1, 0.9 - 1e-12).tail_index == pytest.approx(2, abs=1e-4)
    assert Garch(0, 1, 0.0, 0.5).tail_index == math.inf
    heavy = Garch(0, 1, 0.1, 0.85, 6.0).tail_index
    assert 2 < heavy < 6
    assert Garch(0, 1, 0.0, 0.5, 6.0).tail_index == 6


def test_returns_without_clusters_have_none() -> None:
    """The persistence says little then, but α is not told from 0."""
    _, found = fit_garch(np.random.default_rng(5).normal(0, 0.01, 4000), student=False)
    assert found.parameters["alpha"].value < 0.03


def test_at_the_edge_there_are_still_errors() -> None:
    """A variance that jumps tenfold half-way looks integrated: α + β → 1."""
    rng = np.random.default_rng(6)
    returns = np.concatenate([rng.normal(0, 0.01, 1500), rng.normal(0, 0.1, 1500)])
    law, found = fit_garch(returns, student=True)
    assert law.alpha + law.beta > 0.99
    assert all(math.isfinite(one.error) for name, one in found.parameters.items() if name != "nu")
    assert np.isfinite(law.draw(rng, 3, 100)).all()
