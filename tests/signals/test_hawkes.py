"""Hawkes processes against published figures, brute force, scipy, and planted parameters over 200 repetitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.signals import hawkes
from quotewright.signals.goodness import chi_squared_tail, exponential_fit
from quotewright.signals.hawkes import Hawkes

ONE = Hawkes(np.array([0.5]), np.array([[0.8]]), np.array([1.6]))
TWO = Hawkes(np.array([0.3, 0.2]), np.array([[0.5, 0.3], [0.15, 0.6]]), np.array([1.5]))
EVEN = Hawkes(np.array([0.3, 0.3]), np.array([[0.5, 0.2], [0.2, 0.5]]), np.array([1.5]))
FAST_AND_SLOW = Hawkes(np.array([0.4]), np.array([3.0, 0.12]), np.array([10.0, 0.3]))
ALL = Hawkes(
    np.array([0.3, 0.2]), np.array([[[1.0, 0.1], [0.5, 0.05]], [[0.3, 0.02], [1.2, 0.1]]]), np.array([5.0, 0.4])
)
REPETITIONS = 200


def brute_force(model: Hawkes, times: np.ndarray, types: np.ndarray, horizon: float) -> float:
    """ln L by its definition: every pair of events, and the integral of every kernel."""
    total = 0.0
    for i, (t, m) in enumerate(zip(times, types, strict=True)):
        past = np.exp(-model.beta * (t - times[:i])[:, None]) * model.alpha[m, types[:i]] * (times[:i] < t)[:, None]
        total += math.log(model.mu[m] + past.sum())
    total -= model.mu.sum() * horizon
    for t, j in zip(times, types, strict=True):
        total -= (model.alpha[:, j] / model.beta * (1 - np.exp(-model.beta * (horizon - t)))).sum()
    return total


def with_parameters(values: np.ndarray, like: Hawkes) -> Hawkes:
    first, last = len(like.mu), len(like.beta)
    return Hawkes(values[:first], values[first:-last].reshape(like.alpha.shape), values[-last:])


def parameters(model: Hawkes) -> np.ndarray:
    return np.concatenate([model.mu, model.alpha.reshape(-1), model.beta])


def errors_of(fit: hawkes.HawkesFit) -> np.ndarray:
    return np.concatenate([fit.mu_error, fit.alpha_error.reshape(-1), fit.beta_error, [fit.branching_error]])


def recovered(estimates: np.ndarray, errors: np.ndarray, truth: np.ndarray) -> None:
    """Deviations in standard errors: mean 0, spread 1, and 95 % of them within 1.96."""
    z = (estimates - truth) / errors
    n = len(z)
    assert np.isfinite(z).all()
    assert (np.abs(z.mean(axis=0)) < 0.1 + 3.5 / math.sqrt(n)).all(), z.mean(axis=0)
    assert (np.abs(z.std(axis=0) - 1) < 0.2).all(), z.std(axis=0)
    assert (np.mean(np.abs(z) < 1.96, axis=0) > 0.90).all()


@pytest.mark.parametrize("model", [ONE, TWO, FAST_AND_SLOW, ALL])
def test_the_recursion_is_the_definition(model: Hawkes) -> None:
    times, types = hawkes.simulate(model, 60.0, np.random.default_rng(3).random)
    times[7:10] = times[7]  # events at one time do not excite each other
    value, gradient, hessian = hawkes.log_likelihood(model, times, types, 60.0)
    assert value == pytest.approx(brute_force(model, times, types, 60.0), rel=1e-12)
    at = parameters(model)
    for p in range(len(at)):
        step = np.zeros(len(at))
        step[p] = 1e-5
        up = hawkes.log_likelihood(with_parameters(at + step, model), times, types, 60.0)
        down = hawkes.log_likelihood(with_parameters(at - step, model), times, types, 60.0)
        assert gradient[p] == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-5, abs=1e-5)
        assert hessian[p] == pytest.approx((up[1] - down[1]) / 2e-5, rel=1e-5, abs=1e-4)


def test_published_spread_of_the_estimates() -> None:
    """μ = .5, α = .8, β = 1.6, T = 10,000: sd of the MLE .011, .026, .058; branching .4985 ± .0112."""
    found, errors = [], []
    for seed in range(REPETITIONS):
        times, _ = hawkes.simulate(ONE, 1e4, np.random.default_rng(seed).random)
        fit = hawkes.fit(times, None, 1e4)
        assert fit.converged
        found.append([*parameters(fit.model), fit.branching])
        errors.append(errors_of(fit))
    values = np.array(found)
    assert values.std(axis=0) == pytest.approx([0.011, 0.026, 0.058, 0.0112], rel=0.16)
    assert values[:, 3].mean() == pytest.approx(0.4985, abs=4 * 0.0112 / math.sqrt(REPETITIONS))
    recovered(values, np.array(errors), np.array([0.5, 0.8, 1.6, 0.5]))


@pytest.mark.parametrize(
    ("model", "form", "horizon"),
    [(TWO, "full", 2_000.0), (EVEN, "symmetric", 2_000.0), (FAST_AND_SLOW, "full", 3_000.0)],
)
def test_planted_parameters_are_recovered_within_their_errors(model: Hawkes, form: str, horizon: float) -> None:
    kinds, decays = len(model.mu), len(model.beta)
    found, errors = [], []
    for seed in range(REPETITIONS):
        times, types = hawkes.simulate(model, horizon, np.random.default_rng(seed).random)
        fit = hawkes.fit(times, types, horizon, form, kinds, decays)
        assert fit.converged
        found.append([*parameters(fit.model), fit.branching])
        errors.append(errors_of(fit))
    recovered(np.array(found), np.array(errors), np.array([*parameters(model), model.branching]))


def test_published_fano_factor() -> None:
    assert hawkes.fano(ONE, 200.0) == pytest.approx(3.981, abs=5e-4)
    assert hawkes.fano(ONE, 1e9) == pytest.approx(4.0, abs=1e-6)
    assert hawkes.fano(ONE, 1e-6) == pytest.approx(1.0, abs=1e-5)
    factors = []
    for seed in range(40):
        times, _ = hawkes.simulate(ONE, 20_200.0, np.random.default_rng(seed).random)
        factors.append(hawkes.sample_fano(times[times > 200.0] - 200.0, 20_000.0, 200.0))
    assert np.mean(factors) == pytest.approx(3.981, abs=4 * np.std(factors) / math.sqrt(40))


def test_mean_rates_and_branching() -> None:
    assert ONE.mean_rates == pytest.approx([1.0])
    assert EVEN.branching == pytest.approx(0.7 / 1.5)
    _, types = hawkes.simulate(TWO, 60_000.0, np.random.default_rng(1).random)
    assert np.bincount(types) / 60_000 == pytest.approx(TWO.mean_rates, rel=0.03)


def test_thinning_is_that_of_a_plain_program() -> None:
    """The same uniforms through Ogata's algorithm written out with sums over the whole past."""
    uniforms = np.random.default_rng(8).random(20_000)
    used, now, times, types = 0, 0.0, [], []

    def rates(t: float) -> np.ndarray:
        past = np.exp(-TWO.beta[0] * (t - np.array(times))) if times else np.empty(0)
        jumps = TWO.alpha[:, :, 0]
        return np.array([TWO.mu[m] + (jumps[m, types] * past).sum() if times else TWO.mu[m] for m in (0, 1)])

    while True:
        bound = rates(now).sum()
        now += -math.log1p(-uniforms[used]) / bound
        if now > 120.0:
            break
        left, (first, second) = uniforms[used + 1] * bound, rates(now)
        used += 2
        if left < first + second:
            times.append(now)
            types.append(0 if left < first else 1)
    at, kinds = hawkes.simulate(TWO, 120.0, np.random.default_rng(8).random)
    assert at == pytest.approx(times, rel=1e-9)
    assert kinds.tolist() == types


def test_residuals_of_the_truth_are_exponential_and_those_of_a_poisson_fit_are_not() -> None:
    tails = []
    for seed in range(REPETITIONS):
        times, types = hawkes.simulate(TWO, 500.0, np.random.default_rng(seed).random)
        tails.append(hawkes.residual_test(TWO, times, types, 500.0).p_value)
    assert stats.kstest(tails, "uniform").pvalue > 1e-3
    times, _ = hawkes.simulate(ONE, 3_000.0, np.random.default_rng(0).random)
    poisson = Hawkes(np.array([len(times) / 3_000]), np.zeros(1), np.ones(1))
    rejected = hawkes.residual_test(poisson, times, None, 3_000.0)
    assert rejected.p_value < 1e-6
    assert rejected.autocorrelation > 5 / math.sqrt(rejected.number)
    kept = hawkes.residual_test(hawkes.fit(times, None, 3_000.0).model, times, None, 3_000.0)
    assert kept.p_value > 0.05
    assert kept.mean == pytest.approx(1.0, abs=0.1)


def test_residuals_add_up_to_the_compensator() -> None:
    times, types = hawkes.simulate(TWO, 50.0, np.random.default_rng(4).random)
    times[5:8] = times[5]
    end = times[types == 1][-1]
    expected = TWO.mu[1] * end
    for t, j in zip(times[times < end], types[times < end], strict=True):
        expected += TWO.alpha[1, j, 0] / TWO.beta[0] * (1 - math.exp(-TWO.beta[0] * (end - t)))
    assert hawkes.residuals(TWO, times, types, 50.0)[types == 1].sum() == pytest.approx(expected, rel=1e-12)


def test_the_likelihood_ratio_tells_poisson_from_hawkes() -> None:
    rng = np.random.default_rng(5)
    tails = []
    for _ in range(REPETITIONS):
        times = np.sort(rng.random(rng.poisson(600))) * 600
        tails.append(hawkes.fit(times, None, 600.0).p_value)
    assert np.mean(np.array(tails) < 0.05) < 0.10
    times, _ = hawkes.simulate(ONE, 600.0, rng.random)
    assert hawkes.fit(times, None, 600.0).p_value < 1e-9


def test_a_second_decay_is_found_where_there_is_one_and_not_otherwise() -> None:
    for model, wanted in ((FAST_AND_SLOW, 2), (ONE, 1)):
        times, _ = hawkes.simulate(model, 5_000.0, np.random.default_rng(2).random)
        fits = {decays: hawkes.fit(times, None, 5_000.0, decays=decays) for decays in (1, 2)}
        akaike = {decays: 2 * (1 + 2 * decays) - 2 * fit.log_likelihood for decays, fit in fits.items()}
        assert min(akaike, key=akaike.__getitem__) == wanted
        assert hawkes.residual_test(fits[wanted].model, times, None, 5_000.0).p_value > 0.05
    assert fits[2].log_likelihood > fits[1].log_likelihood - 1e-3


def test_own_excitation_alone_is_a_fit_a_side() -> None:
    times, types = hawkes.simulate(EVEN, 2_000.0, np.random.default_rng(0).random)
    own = hawkes.fit(times, types, 2_000.0, "own", kinds=2)
    assert own.model.alpha[0, 1, 0] == own.model.alpha[1, 0, 0] == 0
    full = hawkes.fit(times, types, 2_000.0, "full", kinds=2)
    symmetric = hawkes.fit(times, types, 2_000.0, "symmetric", kinds=2)
    assert full.log_likelihood > max(symmetric.log_likelihood, own.log_likelihood)


@given(st.lists(st.floats(0, 30), min_size=2, max_size=200))
@settings(max_examples=30, deadline=None)
def test_kolmogorov_smirnov_is_scipy_s(values: list[float]) -> None:
    ours = exponential_fit(np.array(values))
    theirs = stats.kstest(values, "expon")
    assert ours.distance == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.05)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("value", [1e-3, 0.5, 3.84, 20.0, 80.0])
def test_chi_squared_is_scipy_s(freedom: int, value: float) -> None:
    assert chi_squared_tail(value, freedom) == pytest.approx(stats.chi2.sf(value, freedom), rel=1e-9)


def test_what_cannot_be_fitted_is_refused_by_name() -> None:
    times = np.arange(100.0)
    with pytest.raises(InputError, match="times"):
        hawkes.fit(times[::-1], None, 200.0)
    with pytest.raises(InputError, match="times"):
        hawkes.fit(times, None, 50.0)
    with pytest.raises(InputError, match="at least"):
        hawkes.fit(times[:10], None, 50.0)
    with pytest.raises(InputError, match="types"):
        hawkes.fit(times, np.full(100, 2), 200.0, kinds=2)
    with pytest.raises(InputError, match="form"):
        hawkes.fit(times, None, 200.0, "other")
    with pytest.raises(InputError, match="branching"):
        hawkes.simulate(Hawkes(np.ones(1), np.full(1, 2.0), np.ones(1)), 10.0, np.random.default_rng(0).random)
    with pytest.raises(InputError, match="μ"):
        Hawkes(np.array([-1.0]), np.array([[0.1]]), np.ones(1))
    with pytest.raises(InputError, match="alpha"):
        Hawkes(np.ones(2), np.ones(3), np.ones(1))
    with pytest.raises(InputError, match="decays"):
        hawkes.fit(times, None, 200.0, decays=4)
