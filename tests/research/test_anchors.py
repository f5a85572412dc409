"""Published tables and values of the quoting models, reproduced.

Avellaneda & Stoikov (2008), Quantitative Finance 8(3), tables 1 and 2; Guéant, Lehalle & Fernandez-Tapia (2013),
Math. Finan. Econ. 7, 477–507; Cartea, Jaimungal & Penalva (2015), Algorithmic and High-Frequency Trading, ch. 10.2.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from quotewright.domain.errors import InputError
from quotewright.research.model_market import ModelMarket, simulate_quotes
from quotewright.research.optimal_quotes import (
    PenaltyQuotes,
    asymptotic_depths,
    finite_horizon_depths,
    inventory_penalty_quotes,
    optimal_spread,
    reservation_price,
)

PATHS = 4000

# gamma, strategy, spread, then mean profit, sd of profit and sd of final inventory of 20,000 paths, and the final
# inventory and its sd as printed; the printed rows are single samples of 1,000 paths.
AVELLANEDA_STOIKOV = [
    (0.1, "inventory", 1.49, 64.86, 6.52, 2.91, 65.0, 0.08),
    (0.1, "symmetric", 1.49, 68.25, 13.47, 8.36, 68.4, 0.26),
    (0.01, "inventory", 1.35, 68.38, 8.92, 5.18, 68.6, 0.12),
    (0.01, "symmetric", 1.35, 68.64, 13.69, 8.67, 68.8, 0.09),
]


def simulate(gamma: float, strategy: str, paths: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Section 3.3 of the paper: profit and final inventory by path, and the average spread quoted."""
    market = ModelMarket()
    steps = round(market.horizon / market.step)
    times = [market.horizon - n * market.step for n in range(steps)]
    average = sum(optimal_spread(gamma, market.sigma, market.k, left) for left in times) / steps

    def inventory(left: float, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = optimal_spread(gamma, market.sigma, market.k, left) / 2
        lean = reservation_price(0.0, 1.0, gamma, market.sigma, left) * q
        return half - lean, half + lean

    def symmetric(left: float, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(paths, average / 2), np.full(paths, average / 2)

    made = simulate_quotes(inventory if strategy == "inventory" else symmetric, paths, seed, market)
    return made.profit, made.inventory, average


@pytest.mark.parametrize(
    ("gamma", "strategy", "spread", "profit", "sd", "sd_q", "printed", "printed_q"), AVELLANEDA_STOIKOV
)
def test_avellaneda_stoikov_tables(
    gamma: float, strategy: str, spread: float, profit: float, sd: float, sd_q: float, printed: float, printed_q: float
) -> None:
    made, q, average = simulate(gamma, strategy, PATHS, seed=2008)
    error = made.std(ddof=1) / math.sqrt(PATHS)
    assert average == pytest.approx(spread, abs=0.005)
    assert made.mean() == pytest.approx(profit, abs=3 * math.hypot(error, sd / math.sqrt(20_000)))
    assert made.mean() == pytest.approx(printed, abs=3 * math.hypot(error, sd / math.sqrt(1_000)) + 0.05)
    assert made.std(ddof=1) == pytest.approx(sd, rel=0.15)
    assert q.std(ddof=1) == pytest.approx(sd_q, rel=0.15)
    assert q.mean() == pytest.approx(printed_q, abs=3 * sd_q * math.hypot(PATHS**-0.5, 1_000**-0.5))


def test_avellaneda_stoikov_holds_less_inventory_and_less_risk_than_symmetric_quotes() -> None:
    leaning, q, _ = simulate(0.1, "inventory", PATHS, seed=1)
    straight, q_straight, _ = simulate(0.1, "symmetric", PATHS, seed=1)
    assert leaning.std() < 0.6 * straight.std()
    assert q.std() < 0.5 * q_straight.std()


GLFT = [
    ((0.3, 0.9, 0.3, 0.01), (3.3130, 3.3812, 3.6535, 2.9725), (3.3129, 3.6522, 2.9736)),
    ((0.4, 0.9, 0.3, 0.01), (3.3245, 3.4154, 3.7787, 2.8700), (3.3242, 3.7767, 2.8718)),
]


@pytest.mark.parametrize(("parameters", "exact", "asymptotic"), GLFT)
def test_glft_depths(parameters: tuple[float, ...], exact: tuple[float, ...], asymptotic: tuple[float, ...]) -> None:
    sigma, A, k, gamma = parameters
    depths = finite_horizon_depths(sigma=sigma, A=A, k=k, gamma=gamma, left=600, most=30)
    found = depths.at(0)[0], depths.at(1)[0], depths.at(5)[0], depths.at(5)[1]
    assert [round(value, 4) for value in found] == list(exact)
    far = [asymptotic_depths(q, sigma=sigma, A=A, k=k, gamma=gamma) for q in (0, 5)]
    assert [round(value, 4) for value in (far[0][0], *far[1])] == list(asymptotic)


def test_glft_side_beyond_the_bound_is_never_quoted_and_the_book_is_symmetric() -> None:
    depths = finite_horizon_depths(gamma=0.01, sigma=0.3, k=0.3, A=0.9, left=600, most=30)
    assert depths.at(30)[0] == math.inf
    assert depths.at(-30)[1] == math.inf
    assert depths.bid[:-1] == pytest.approx(depths.ask[:0:-1], rel=1e-9)
    assert (np.diff(depths.bid[:-1]) > 0).all()


def test_glft_at_the_horizon_is_the_base_depth() -> None:
    depths = finite_horizon_depths(gamma=0.01, sigma=0.3, k=0.3, A=0.9, left=0.0, most=5)
    assert depths.bid[:-1] == pytest.approx(math.log(1 + 0.01 / 0.3) / 0.01)


def cartea_jaimungal(phi: float, alpha: float, most: int) -> PenaltyQuotes:
    return inventory_penalty_quotes(buys=1, sells=1, kappa=100, phi=phi, alpha=alpha, left=30, most=most)


def test_cartea_jaimungal_values() -> None:
    quotes = cartea_jaimungal(1e-4, 1e-4, 10)
    assert quotes.h[10] == pytest.approx(0.205645, abs=1e-6)
    assert [round(quotes.depths.at(q)[1], 6) for q in (-5, 0, 5)] == [0.019018, 0.010850, 0.002538]


def test_cartea_jaimungal_without_penalties() -> None:
    near = cartea_jaimungal(0, 0, 10).depths
    assert [round(near.at(q)[1], 6) for q in (-5, 0, 5)] == [0.011125, 0.010057, 0.009226]
    far = cartea_jaimungal(0, 0, 100).depths
    assert [far.at(q)[1] for q in (-5, 0, 5)] == pytest.approx([1 / 100] * 3, abs=1e-9)


def test_more_buyers_than_sellers_move_both_quotes_up() -> None:
    even = cartea_jaimungal(1e-4, 1e-4, 10).depths.at(0)
    driven = inventory_penalty_quotes(buys=2, sells=1, kappa=100, phi=1e-4, alpha=1e-4, left=30, most=10).depths.at(0)
    assert driven[0] < even[0]
    assert driven[1] > even[1]


@pytest.mark.parametrize("left", [0.0, 0.1, 3.0, 30.0])
def test_value_function_agrees_with_scipys_matrix_exponential(left: float) -> None:
    q = np.arange(-6.0, 7.0)
    buys, sells, kappa, phi, alpha = 1.3, 0.8, 20.0, 1e-3, 2e-3
    M = np.diag(-phi * kappa * q**2) + np.eye(13, k=-1) * buys / math.e + np.eye(13, k=1) * sells / math.e
    expected = np.log(expm(M * left) @ np.exp(-alpha * kappa * q**2)) / kappa
    found = inventory_penalty_quotes(buys=buys, sells=sells, kappa=kappa, phi=phi, alpha=alpha, left=left, most=6)
    assert found.h == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_values_that_would_overflow_a_float_do_not() -> None:
    depths = finite_horizon_depths(sigma=0.3, A=0.9, k=0.3, gamma=0.01, left=1e6, most=30)
    assert depths.at(0)[0] == pytest.approx(3.3130, abs=5e-5)


@pytest.mark.parametrize("wrong", [{"k": 0.0}, {"A": -1.0}, {"sigma": math.nan}, {"left": -1.0}, {"most": 0}])
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    given = {"sigma": 0.3, "A": 0.9, "k": 0.3, "gamma": 0.01, "left": 1.0, "most": 5, **wrong}
    with pytest.raises(InputError, match=next(iter(wrong))):
        finite_horizon_depths(**given)  # type: ignore[arg-type]
