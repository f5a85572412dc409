"""Kyle's model against its published equilibrium, a direct maximisation by the insider, and planted impact."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from quotewright.domain.errors import InputError
from quotewright.signals.kyle import price_impact, sequential_auctions, single_auction


def test_one_auction_is_theorem_1() -> None:
    one = single_auction(4.0, 3.0)
    assert one.beta == pytest.approx(1.5)
    assert one.impact == pytest.approx(1 / 3)
    rounds = sequential_auctions(1, 4.0, 3.0)
    assert [rounds.beta[0], rounds.impact[0], rounds.profit] == pytest.approx(list(one))
    assert rounds.variance[0] == pytest.approx(2.0)


def test_published_sequential_equilibria() -> None:
    two = sequential_auctions(2)
    assert two.impact == pytest.approx([0.6529, 0.5882], abs=5e-5)
    assert two.profit == pytest.approx(0.6206, abs=5e-5)
    ten = sequential_auctions(10)
    assert ten.impact[[0, -1]] == pytest.approx([0.8653, 0.7414], abs=5e-5)
    assert ten.profit == pytest.approx(0.8439, abs=5e-5)


def test_many_auctions_approach_continuous_trading() -> None:
    """Theorem 3: λ = √Σ₀/σ_u throughout, profit σ_u√Σ₀, and all is revealed at a constant rate."""
    many = sequential_auctions(4_000, 4.0, 3.0)
    assert many.impact[:3_000] == pytest.approx(2 / 3, rel=0.02)
    assert many.profit == pytest.approx(6.0, rel=0.01)
    assert many.variance[1_999] == pytest.approx(2.0, rel=0.01)


def test_no_insider_earns_more_against_these_prices() -> None:
    """Two auctions: given λ₁ and λ₂ the first order is chosen by brute force, the second by its known optimum."""
    two = sequential_auctions(2)
    first, second = two.impact
    value = 1.3

    def loss(order: float) -> float:
        left = value - first * order
        return -(order * left + left**2 / (4 * second))

    best = minimize_scalar(loss, bounds=(0, 3), method="bounded", options={"xatol": 1e-10}).x
    assert best == pytest.approx(two.beta[0] * value, rel=1e-5)


def test_prices_of_simulated_auctions_teach_what_theory_says() -> None:
    rounds = sequential_auctions(3)
    rng = np.random.default_rng(0)
    value, price = rng.normal(size=200_000), np.zeros(200_000)
    profit = np.zeros(200_000)
    for n in range(3):
        order = rounds.beta[n] * (value - price)
        price = price + rounds.impact[n] * (order + rng.normal(0, np.sqrt(1 / 3), 200_000))
        profit += order * (value - price)
        assert np.var(value - price) == pytest.approx(rounds.variance[n], rel=0.02)
        assert np.cov(value - price, price)[0, 1] == pytest.approx(0.0, abs=0.01)
    assert profit.mean() == pytest.approx(rounds.profit, rel=0.01)


def test_planted_impact_is_recovered_within_its_errors() -> None:
    z = []
    one = single_auction(1.0, 2.0)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        value = rng.normal(size=400)
        flow = one.beta * value + rng.normal(0, 2.0, 400)
        found = price_impact(value, flow)
        z.append((found.coefficients[1] - one.impact) / found.errors[1])
    assert abs(np.mean(z)) < 0.25
    assert np.std(z) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(("auctions", "variance"), [(0, 1.0), (2, 0.0)])
def test_what_makes_no_sense_is_refused_by_name(auctions: int, variance: float) -> None:
    with pytest.raises(InputError, match="variance"):
        sequential_auctions(auctions, variance)
