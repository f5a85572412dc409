"""Large returns that excite each other: sizes, clusters, and what comes back of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.montecarlo.hawkes_paths import HawkesReturns, Pareto, fit_hawkes_returns, fit_pareto
from quotewright.signals.hawkes import Hawkes


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.3, 0.8])
def test_pareto_excesses_are_scipy_s(shape: float) -> None:
    u = np.random.default_rng(1).random(3000)
    sizes = Pareto(0.02, shape, 0.01).draw(u)
    assert sizes == pytest.approx(0.02 + stats.genpareto.ppf(u, shape, scale=0.01), rel=1e-9)
    law, found = fit_pareto(sizes - 0.02, 0.02)
    assert abs(law.shape - shape) < 4 * found.parameters["shape"].error
    assert abs(law.scale - 0.01) < 4 * found.parameters["scale"].error
    expected = stats.genpareto.logpdf(sizes - 0.02, law.shape, scale=law.scale).sum()
    assert found.value == pytest.approx(expected, rel=1e-8)


@pytest.fixture(scope="module")
def planted() -> HawkesReturns:
    """A tenth of all returns are large, as many as a fit takes for large."""
    alpha = np.array([[0.03, 0.02], [0.02, 0.03]])
    model = Hawkes(np.full(2, 0.05 * (1 - 0.625)), alpha, np.array([0.08]))
    others = np.random.default_rng(3).uniform(-0.02, 0.02, 5000)
    return HawkesReturns(model, (Pareto(0.02, 0.2, 0.01), Pareto(0.02, 0.3, 0.012)), others, 0.0)


def test_planted_excitement_and_sizes_come_back(planted: HawkesReturns) -> None:
    returns = planted.draw(np.random.default_rng(4), 1, 40_000)[0]
    law, found = fit_hawkes_returns(returns)
    assert found.converged
    assert found.parameters["branching"].value == pytest.approx(0.625, abs=4 * found.parameters["branching"].error)
    assert law.sizes[1].shape == pytest.approx(0.3, abs=4 * found.parameters["shape_down"].error)
    assert law.tail_index == pytest.approx(1 / max(side.shape for side in law.sizes))


def test_samples_have_the_share_and_the_clusters_of_the_data(planted: HawkesReturns) -> None:
    returns = planted.draw(np.random.default_rng(5), 1, 20_000)[0]
    law, _ = fit_hawkes_returns(returns)
    again = law.draw(np.random.default_rng(6), 2, 20_000)
    large = np.abs(returns) > 0.025
    for path in again:
        same = np.abs(path) > 0.025
        assert same.mean() == pytest.approx(large.mean(), rel=0.2)
        runs = [(one[1:] & one[:-1]).mean() / one.mean() ** 2 for one in (large, same)]
        assert runs[0] > 1.5  # more neighbours than chance would have
        assert runs[1] == pytest.approx(runs[0], rel=0.35)


def test_a_shape_on_its_edge_has_no_error() -> None:
    """Uniform excesses: ξ = −1 lies beyond −½."""
    law, found = fit_pareto(np.random.default_rng(1).uniform(0, 0.01, 500), 0.02)
    assert law.shape == pytest.approx(-0.5, abs=1e-6)
    assert np.isnan(found.parameters["shape"].error)
    assert found.parameters["scale"].error > 0


def test_too_few_large_returns_are_refused() -> None:
    with pytest.raises(InputError, match="give 1000"):
        fit_hawkes_returns(np.random.default_rng(1).normal(size=900))


@pytest.mark.parametrize("seed", [0, 6, 7])
def test_returns_that_do_not_excite_each_other_can_be_drawn(seed: int) -> None:
    """By chance their large ones become more frequent throughout: the likeliest excitement would never end."""
    returns = np.random.default_rng(seed).normal(0, 0.01, 1500)
    law, found = fit_hawkes_returns(returns)
    assert not found.converged
    assert found.parameters["branching"].value == law.model.branching == 0
    assert found.parameters["mu"].value == pytest.approx(0.05)
    assert np.isfinite(found.value)
    path = law.draw(np.random.default_rng(1), 1, 20_000)[0]
    assert np.mean(np.abs(path) > np.quantile(np.abs(returns), 0.9)) == pytest.approx(0.1, abs=0.01)


def test_too_few_that_differ_are_refused() -> None:
    """Of prices that hardly ever move there are few large returns, however many returns."""
    returns = np.zeros(5000)
    returns[::250], returns[1::1000] = 0.01, -0.01
    with pytest.raises(InputError, match="on a side are too few"):
        fit_hawkes_returns(returns)
