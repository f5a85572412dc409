"""Published tables and values of the quoting models, reproduced.

Avellaneda & Stoikov (2008), Quantitative Finance 8(3), tables 1 and 2; Guéant, Lehalle & Fernandez-Tapia (2013),
Math. Finan. Econ. 7, 477–507; Cartea, Jaimungal & Penalva (2015), Algorithmic and High-Frequency Trading, ch. 10.2.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from quotewright.research.optimal_quotes import (
    cartea_jaimungal_depths,
    cartea_jaimungal_h,
    glft_asymptotic,
    glft_depths,
    log_evolved,
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
    rng = np.random.default_rng(seed)
    T, sigma, dt, k, A = 1.0, 2.0, 0.005, 1.5, 140.0
    steps = round(T / dt)
    mid = np.full(paths, 100.0)
    cash = np.zeros(paths)
    q = np.zeros(paths)
    spreads = [optimal_spread(gamma, sigma, k, T - n * dt) for n in range(steps)]
    average = sum(spreads) / steps
    for n in range(steps):
        if strategy == "inventory":
            centre = reservation_price(mid, q, gamma, sigma, T - n * dt)  # type: ignore[arg-type]
            half = spreads[n] / 2
        else:
            centre, half = mid, average / 2
        bid, ask = centre - half, centre + half
        # Bernoulli of probability λ·dt, not 1 − e^{−λdt}: with the latter the tables do not come out.
        bought = rng.random(paths) < A * np.exp(-k * (mid - bid)) * dt
        sold = rng.random(paths) < A * np.exp(-k * (ask - mid)) * dt
        cash += sold * ask - bought * bid
        q += bought.astype(float) - sold
        mid = mid + sigma * math.sqrt(dt) * rng.choice((-1.0, 1.0), paths)
    return cash + q * mid, q, average


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
    depths = glft_depths(gamma, sigma, k, A, left=600, bound=30)
    found = depths.at(0)[0], depths.at(1)[0], depths.at(5)[0], depths.at(5)[1]
    assert [round(value, 4) for value in found] == list(exact)
    far = glft_asymptotic(0, gamma, sigma, k, A)[0], *glft_asymptotic(5, gamma, sigma, k, A)
    assert [round(value, 4) for value in far] == list(asymptotic)


def test_glft_side_beyond_the_bound_is_never_quoted_and_the_book_is_symmetric() -> None:
    depths = glft_depths(0.01, 0.3, 0.3, 0.9, left=600, bound=30)
    assert depths.at(30)[0] == math.inf
    assert depths.at(-30)[1] == math.inf
    assert depths.bid[:-1] == pytest.approx(depths.ask[:0:-1], rel=1e-9)
    assert (np.diff(depths.bid[:-1]) > 0).all()


def test_glft_at_the_horizon_is_the_base_depth() -> None:
    depths = glft_depths(0.01, 0.3, 0.3, 0.9, left=0.0, bound=5)
    assert depths.bid[:-1] == pytest.approx(math.log(1 + 0.01 / 0.3) / 0.01)


def test_cartea_jaimungal_values() -> None:
    q, h = cartea_jaimungal_h(100, 1, 1e-4, 1e-4, left=30, bound=10)
    assert h[list(q).index(0)] == pytest.approx(0.205645, abs=1e-6)
    depths = cartea_jaimungal_depths(100, 1, 1e-4, 1e-4, left=30, bound=10)
    assert [round(depths.at(at)[1], 6) for at in (-5, 0, 5)] == [0.019018, 0.010850, 0.002538]


def test_cartea_jaimungal_without_penalties() -> None:
    near = cartea_jaimungal_depths(100, 1, 0, 0, left=30, bound=10)
    assert [round(near.at(at)[1], 6) for at in (-5, 0, 5)] == [0.011125, 0.010057, 0.009226]
    far = cartea_jaimungal_depths(100, 1, 0, 0, left=30, bound=100)
    assert [far.at(at)[1] for at in (-5, 0, 5)] == pytest.approx([1 / 100] * 3, abs=1e-9)


def test_matrix_exponential_agrees_with_scipy_and_with_itself_in_two_halves() -> None:
    rng = np.random.default_rng(3)
    for left in (0.0, 0.1, 3.0):
        diagonal, start = -rng.random(7) * 20, rng.normal(size=7)
        M = np.diag(diagonal) + 0.7 * (np.eye(7, k=1) + np.eye(7, k=-1))
        once = log_evolved(diagonal, 0.7, start, left)
        assert once == pytest.approx(np.log(expm(M * left) @ np.exp(start)), rel=1e-9, abs=1e-9)
        half = log_evolved(diagonal, 0.7, log_evolved(diagonal, 0.7, start, left / 2), left / 2)
        assert half == pytest.approx(once, rel=1e-9, abs=1e-9)


def test_matrix_exponential_survives_values_that_overflow_a_float() -> None:
    grown = log_evolved(np.zeros(3), 1.0, np.zeros(3), 5_000.0)
    assert grown[1] == pytest.approx(5_000 * math.sqrt(2), rel=1e-3)
    shrunk = log_evolved(np.full(3, -50.0), 1.0, np.zeros(3), 5_000.0)
    assert shrunk[1] == pytest.approx(-5_000 * (50 - math.sqrt(2)), rel=1e-3)
