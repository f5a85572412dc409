"""Stable laws against scipy's, and planted parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planted_laws import hold_to_their_errors, standardised
from scipy import stats
from scipy.integrate import quad

from quotewright.montecarlo.paths import fit
from quotewright.montecarlo.stable_fit import fit_stable
from quotewright.montecarlo.stable_law import Stable, log_characteristic

SHAPES = [(1.7, 0.3), (1.3, -0.6), (1.5, 1.0), (0.8, 0.4), (2.0, 0.0)]
PLACES = np.array([-60.0, -31.0, -8.0, -1.0, 0.0, 0.4, 2.5, 20.0, 45.0])


@pytest.fixture(autouse=True)
def nolan() -> None:
    """scipy's stable law in the parametrisation that ours has."""
    stats.levy_stable.parameterization = "S0"


@pytest.mark.parametrize(("alpha", "beta"), SHAPES)
def test_density_and_distribution_are_scipy_s(alpha: float, beta: float) -> None:
    law = Stable(alpha, beta, 2.0, 0.5)
    x = 0.5 + 2 * PLACES
    expected = stats.levy_stable.pdf(PLACES, alpha, beta) / 2
    clear = expected > 1e-8
    assert np.exp(law.log_density(x))[clear] == pytest.approx(expected[clear], rel=5e-3)
    assert law.cdf(x) == pytest.approx(stats.levy_stable.cdf(PLACES, alpha, beta), abs=1e-4)


@pytest.mark.parametrize("alpha", [1.0, 0.995, 1.01])
def test_near_one_the_law_is_continuous(alpha: float) -> None:
    """The Cauchy law at β = 0; with β, an inversion of φ by Gil-Pelaez (1951)."""
    flat = Stable(1.0, 0.0, 1.0, 0.0)
    assert flat.cdf(PLACES) == pytest.approx(stats.cauchy.cdf(PLACES), abs=1e-3)
    law = Stable(alpha, 0.5, 1.0, 0.0)
    for x in (-3.0, 0.0, 5.0):

        def inner(t: float, x: float = x) -> float:
            phi = np.exp(log_characteristic(np.array([t]), alpha, 0.5))[0]
            return float((np.exp(-1j * t * x) * phi).imag / t)

        expected = 0.5 - quad(inner, 1e-9, 60, limit=400)[0] / math.pi
        assert float(law.cdf(np.array([x]))[0]) == pytest.approx(expected, abs=1.5e-3)


@pytest.mark.parametrize(("alpha", "beta"), [*SHAPES, (1.0, 0.5), (1.0000001, 0.5)])
def test_draws_have_the_characteristic_function(alpha: float, beta: float) -> None:
    """200,000 draws: cos and sin means within five of their errors, at most 1/√n."""
    z = Stable(alpha, beta, 1.0, 0.0).draw(np.random.default_rng(5), 4, 50_000).reshape(-1)
    for t in (0.2, 0.7, 1.5):
        expected = np.exp(log_characteristic(np.array([t]), alpha, beta))[0]
        assert abs(np.exp(1j * t * z).mean() - expected) < 5 / math.sqrt(len(z))


def test_alpha_two_is_normal() -> None:
    law = Stable(2.0, 0.0, 3.0, 1.0)
    x = np.array([-40.0, -10.0, 1.0, 5.0, 100.0])
    assert law.log_density(x) == pytest.approx(stats.norm.logpdf(x, 1.0, 3 * math.sqrt(2)), rel=1e-9)
    assert law.tail_index == math.inf


def stable_errors(alpha: float, beta: float, number: int, repetitions: int) -> dict[str, np.ndarray]:
    law = Stable(alpha, beta, 0.01, 0.002)
    return standardised(
        lambda seed: fit_stable(law.draw(np.random.default_rng(seed), 1, number)[0])[1],
        {"alpha": alpha, "beta": beta, "sigma": 0.01, "delta": 0.002},
        repetitions,
    )


def test_planted_parameters_come_back_within_their_errors() -> None:
    hold_to_their_errors(stable_errors(1.6, 0.3, 1500, 30))


@pytest.mark.slow
@pytest.mark.parametrize(("alpha", "beta"), [(1.2, -0.4), (1.5, 0.0), (1.7, 0.5), (1.0, 0.3), (0.8, 0.2)])
def test_planted_parameters_come_back_within_their_errors_200_times(alpha: float, beta: float) -> None:
    hold_to_their_errors(stable_errors(alpha, beta, 4000, 200))


def test_errors_are_near_the_least_possible() -> None:
    """Against the Cramér–Rao bound at β = 0, where α and σ decouple from the rest: scores squared, integrated."""
    x = np.concatenate([-np.geomspace(500, 1e-3, 6000), np.geomspace(1e-3, 500, 6000)])
    density = np.exp(Stable(1.5, 0.0, 1.0, 0.0).log_density(x))
    by_alpha = (Stable(1.51, 0, 1, 0).log_density(x) - Stable(1.49, 0, 1, 0).log_density(x)) / 0.02
    by_sigma = (Stable(1.5, 0, 1.01, 0).log_density(x) - Stable(1.5, 0, 0.99, 0).log_density(x)) / 0.02
    scores = np.array([by_alpha, by_sigma])
    information = np.trapezoid(scores[:, None] * scores * density, x)
    least = math.sqrt(np.linalg.inv(information)[0, 0])
    values = Stable(1.5, 0.0, 1.0, 0.0).draw(np.random.default_rng(1), 1, 20_000)[0]
    _, found, _ = fit_stable(values)
    assert least < found["alpha"].error * math.sqrt(20_000) < 1.05 * least


def test_a_normal_sample_is_on_the_edge() -> None:
    law, found, _ = fit_stable(np.random.default_rng(2).normal(0, 1, 3000))
    assert law.alpha > 1.95
    if law.alpha == 2:
        assert law.beta == 0
        assert math.isnan(found["beta"].error)


@pytest.mark.parametrize("seed", range(3))
def test_whether_it_converged_is_told(seed: int) -> None:
    """Of stable returns it does; of prices that hardly ever move no stable law is the best."""
    rng = np.random.default_rng(seed)
    assert fit("stable", Stable(1.6, 0.2, 0.01, 0.0).draw(rng, 1, 1000)[0]).converged
    assert not fit("stable", np.where(rng.random(3000) < 0.97, 0.0, 1e-3 * rng.standard_t(3, 3000))).converged


def test_the_likelihood_at_the_fit_is_near_its_top() -> None:
    """Characteristic-function estimates lose little: no step of a standard error gains two units of ln L."""
    values = Stable(1.6, 0.2, 1.0, 0.0).draw(np.random.default_rng(3), 1, 3000)[0]
    law, found, _ = fit_stable(values)
    here = law.log_density(values).sum()
    for name in found:
        for way in (-1, 1):
            moved = {key: one.value for key, one in found.items()}
            moved[name] += way * found[name].error
            assert Stable(**moved).log_density(values).sum() < here + 2
